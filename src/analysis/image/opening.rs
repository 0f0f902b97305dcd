//! Greatest and least values around each pixel, and what is left of a picture without its small parts.

use super::{Image, Mask};

/// Of values in steps of `unit`, each joined with those of the `2·reach` steps after it: windows of one, two, four …
/// steps, and the last from two that overlap (after van Herk 1992, Pattern Recognit Lett 13:517).
fn windows(mut values: Vec<f32>, unit: usize, reach: usize, join: impl Fn(f32, f32) -> f32) -> Vec<f32> {
    let length = 2 * reach + 1;
    let mut size = 1;
    while 2 * size <= length {
        values = values.iter().zip(&values[size * unit..]).map(|(a, b)| join(*a, *b)).collect();
        size *= 2;
    }
    values.iter().zip(&values[(length - size) * unit..]).map(|(a, b)| join(*a, *b)).collect()
}

/// Each value joined with all of the square around it; beyond the border there is none, or, what is the same, the last pixel
/// again.
fn square(image: &Image, reach: usize, join: impl Fn(f32, f32) -> f32 + Copy) -> Image {
    let (w, h) = (image.width, image.height);
    let mut across = Vec::with_capacity((h + 2 * reach) * w);
    for row in image.data.chunks_exact(w) {
        let mut padded = vec![row[0]; reach];
        padded.extend_from_slice(row);
        padded.resize(w + 2 * reach, row[w - 1]);
        across.extend(windows(padded, 1, reach, join));
    }
    let (first, last) = (across[..w].to_vec(), across[(h - 1) * w..].to_vec());
    let padded = [first.repeat(reach), across, last.repeat(reach)].concat();
    Image { data: windows(padded, w, reach, join), ..*image }
}

impl Image {
    /// Without bright parts that are narrower than a square of `2·reach + 1` pixels: least, then greatest value of it.
    #[must_use]
    pub fn opening(&self, reach: usize) -> Self {
        let reach = reach.min(self.width.max(self.height));
        if reach == 0 || self.data.is_empty() {
            return self.clone();
        }
        square(&square(self, reach, f32::min), reach, f32::max)
    }
}

impl Mask {
    /// With all pixels up to `reach` away along rows and columns.
    #[must_use]
    pub fn grown(&self, reach: usize) -> Self {
        let reach = reach.min(self.width.max(self.height));
        if reach == 0 || self.data.is_empty() {
            return self.clone();
        }
        let data = self.data.iter().map(|&on| f32::from(u8::from(on))).collect();
        square(&Image { width: self.width, height: self.height, data }, reach, f32::max).above(0.5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opening_takes_what_is_narrower_and_keeps_the_rest() {
        // A bar of 3 × 5 and a line of 1 × 9 on a ground of 1.
        let data = (0..12 * 12).map(|i| {
            let (x, y) = (i % 12, i / 12);
            let bar = (1..4).contains(&x) && (1..6).contains(&y);
            if bar || (y == 9 && (2..11).contains(&x)) { 5.0 } else { 1.0 }
        });
        let image = Image { width: 12, height: 12, data: data.collect() };
        let opened = image.opening(1);
        assert_eq!(opened.data.iter().filter(|v| **v == 5.0).count(), 15, "the bar, and not the line");
        assert_eq!(opened.data[12 + 1], 5.0);
        assert_eq!(image.opening(2).data, vec![1.0; 144]);
        assert_eq!(image.opening(0), image);
        assert_eq!(image.opening(500).data, vec![1.0; 144], "wider than the picture");
    }

    #[test]
    fn a_mask_grows_on_all_sides_and_stays_inside() {
        let mut mask = Mask { width: 7, height: 5, data: vec![false; 35] };
        mask.data[2 * 7] = true;
        let grown = mask.grown(1);
        let on: Vec<usize> = (0..35).filter(|&i| grown.data[i]).collect();
        assert_eq!(on, [7, 8, 14, 15, 21, 22]);
        assert_eq!(mask.grown(9).count(), 35);
    }
}
