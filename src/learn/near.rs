//! What a clip looks like in a few hundred numbers, so that copies are found that are not equal bit by bit: the same
//! recording encoded anew, brighter, moved by a pixel or two, or a part of its frames.
//!
//! Magnitudes of the low spatial frequencies of the mean frame and of the mean change from frame to frame. A shift turns
//! phases and leaves magnitudes (Reddy and Chatterji 1996, doi 10.1109/83.506761); brightness scales them all. Each ring of
//! frequencies is divided by its mean: what all cells have in common, a spectrum that falls, is no likeness.

use std::f64::consts::TAU;
use std::sync::LazyLock;

use crate::analysis::evaluate::Features;
use crate::analysis::items::Items;
use crate::analysis::leakage::Near;
use crate::model::clip::Clip;

/// Cosine of the vectors above which two clips count as one. Of all pairs of 400 simulated cells under DMSO (seed 21, 32 px,
/// 8 frames) the nearest have 0.61, of 264 cells of a screen (seed 41, 72 px, 16 frames) 0.58; copies of them have more but
/// for one half of the frames in a hundred, of cells that move much.
pub const LEAST: f32 = 0.65;

/// What is compared, for people.
const NAME: &str = "the mean and the change of their frames";

/// Highest frequency, in periods over the clip.
const HIGHEST: i32 = 10;

/// Lowest frequency; what is slower says where the cell lies in its crop.
const LOWEST: f64 = 1.5;

/// Part of the squared length that is the mean frame's; the change of frames is noisier.
const OF_MEAN: f64 = 0.7;

/// Periods over the clip.
struct Frequency {
    y: i32,
    x: i32,
    /// Its distance from 0, rounded.
    ring: usize,
}

/// Half of the plane; the other half mirrors it.
static FREQUENCIES: LazyLock<Vec<Frequency>> = LazyLock::new(|| {
    let all = (0..=HIGHEST).flat_map(|x| (-HIGHEST..=HIGHEST).map(move |y| (y, x)));
    let near = all.filter_map(|(y, x)| {
        let distance = f64::from(x * x + y * y).sqrt();
        let is_in = distance >= LOWEST && distance < f64::from(HIGHEST) + 0.5 && (x > 0 || y > 0);
        is_in.then(|| Frequency { y, x, ring: distance.round() as usize })
    });
    near.collect()
});

/// Length of a vector.
pub fn dim() -> usize {
    2 * FREQUENCIES.len()
}

/// The vector of a clip's first channel, for the cosine; zeros where nothing varies. One frame has no change: then that
/// half is zeros.
pub fn of(clip: &Clip) -> Vec<f32> {
    let [channels, frames, height, width] = clip.shape;
    let frames = if channels > 0 { frames } else { 0 };
    of_frames([height, width], (0..frames).map(|frame| clip.frame(0, frame)))
}

/// As [`of`], of the pixels of frames `[height, width]`.
pub fn of_frames<F: Iterator<Item = f32>>(
    [height, width]: [usize; 2],
    frames: impl Iterator<Item = F>,
) -> Vec<f32> {
    let size = height * width;
    let (mut sum, mut change) = (vec![0.0_f64; size], vec![0.0_f64; size]);
    let mut last: Option<Vec<f64>> = None;
    for frame in frames {
        let now: Vec<f64> = frame.map(f64::from).collect();
        for (sum, now) in sum.iter_mut().zip(&now) {
            *sum += now;
        }
        for ((change, now), last) in change.iter_mut().zip(&now).zip(last.iter().flatten()) {
            *change += f64::abs(now - last);
        }
        last = Some(now);
    }
    let mut vector = part(&sum, [height, width], OF_MEAN);
    vector.extend(part(&change, [height, width], 1.0 - OF_MEAN));
    vector
}

/// A plane's part of the vector, with this squared length.
fn part(plane: &[f64], shape: [usize; 2], square: f64) -> Vec<f32> {
    let roots: Vec<f64> = magnitudes(plane, shape).into_iter().map(f64::sqrt).collect();
    let mut rings = vec![(0.0_f64, 0.0_f64); HIGHEST as usize + 1];
    for (root, frequency) in roots.iter().zip(&*FREQUENCIES) {
        let (sum, count) = &mut rings[frequency.ring];
        (*sum, *count) = (*sum + root, *count + 1.0);
    }
    let beyond = |(root, frequency): (&f64, &Frequency)| {
        let (sum, count) = rings[frequency.ring];
        if sum > 0.0 { root * count / sum - 1.0 } else { 0.0 }
    };
    let values: Vec<f64> = roots.iter().zip(&*FREQUENCIES).map(beyond).collect();
    let length = values.iter().map(|value| value * value).sum::<f64>().sqrt();
    let scale = if length > 0.0 { square.sqrt() / length } else { 0.0 };
    values.into_iter().map(|value| (value * scale) as f32).collect()
}

/// Magnitudes at [`FREQUENCIES`] of a plane `[height, width]` without its mean, faded out towards its border (Hann).
fn magnitudes(plane: &[f64], [height, width]: [usize; 2]) -> Vec<f64> {
    let fade = |n: usize| -> Vec<f64> {
        (1..=n).map(|i| 0.5 - 0.5 * (TAU * i as f64 / (n + 1) as f64).cos()).collect()
    };
    let (rows, columns) = (fade(height), fade(width));
    let (mut sum, mut weight, mut largest) = (0.0, 0.0, 0.0_f64);
    for (line, row) in plane.chunks_exact(width.max(1)).zip(&rows) {
        for (value, column) in line.iter().zip(&columns) {
            sum += value * row * column;
            weight += row * column;
            largest = largest.max(value.abs());
        }
    }
    let mean = if weight > 0.0 { sum / weight } else { 0.0 };
    // What is left of an even plane is rounding.
    if plane.iter().all(|value| (value - mean).abs() <= 1e-9 * largest) {
        return vec![0.0; FREQUENCIES.len()];
    }
    let waves = |frequency: i32, n: usize| -> Vec<[f64; 2]> {
        let angle = |i: usize| TAU * f64::from(frequency) * i as f64 / n as f64;
        (0..n).map(|i| [angle(i).cos(), angle(i).sin()]).collect()
    };
    // Along rows first: `[x][row]`.
    let along = |x: i32| -> Vec<[f64; 2]> {
        let waves = waves(x, width);
        let line = |(line, row): (&[f64], &f64)| {
            let terms = line.iter().zip(&columns).zip(&waves);
            let sums = terms.fold([0.0, 0.0], |[re, im], ((value, column), [cos, sin])| {
                let value = (value - mean) * column;
                [re + value * cos, im + value * sin]
            });
            sums.map(|sum| sum * row)
        };
        plane.chunks_exact(width.max(1)).zip(&rows).map(line).collect()
    };
    let along: Vec<Vec<[f64; 2]>> = (0..=HIGHEST).map(along).collect();
    let down: Vec<Vec<[f64; 2]>> = (-HIGHEST..=HIGHEST).map(|y| waves(y, height)).collect();
    let magnitude = |frequency: &Frequency| {
        let lines = along[frequency.x as usize].iter().zip(&down[(frequency.y + HIGHEST) as usize]);
        let [re, im] = lines.fold([0.0, 0.0], |[re, im], ([a, b], [cos, sin])| {
            [re + a * cos - b * sin, im + a * sin + b * cos]
        });
        f64::hypot(re, im)
    };
    FREQUENCIES.iter().map(magnitude).collect()
}

/// The vectors of some items one after the other, from those of their table rows; zeros where there is none.
pub fn table<'a>(items: &Items, of: impl Fn(usize) -> Option<&'a [f32]>) -> Vec<f32> {
    let mut values = vec![0.0; items.len() * dim()];
    for (item, values) in items.items.iter().zip(values.chunks_exact_mut(dim())) {
        if let Some(vector) = of(item.row).filter(|vector| vector.len() == values.len()) {
            values.copy_from_slice(vector);
        }
    }
    values
}

/// What the search for leaks needs of a [`table`].
pub fn compared(table: &[f32]) -> Near<'_> {
    Near { features: Features::cosine(NAME, table, dim()), least: LEAST }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rayon::prelude::*;

    use super::*;
    use crate::analysis::items::Item;
    use crate::analysis::leakage::{Check, Leak, Severity, check};
    use crate::analysis::split::{Protocol, Split};
    use crate::model::clip::Mismatch;
    use crate::simulate::{self, Treatment};

    const SIZE: usize = 32;
    const FRAMES: usize = 8;
    const CELLS: usize = 200;

    fn clip(frames: usize, values: &[f32]) -> Clip {
        Clip::from_values([1, frames, SIZE, SIZE], values, Mismatch::default())
    }

    /// The same frames, seen from elsewhere; the border is repeated.
    fn shifted(values: &[f32], dy: isize, dx: isize) -> Vec<f32> {
        let at = |i: usize, by: isize| i.saturating_add_signed(by).min(SIZE - 1);
        let pixel = |i: usize| {
            let (frame, y, x) = (i / (SIZE * SIZE), i / SIZE % SIZE, i % SIZE);
            values[(frame * SIZE + at(y, dy)) * SIZE + at(x, dx)]
        };
        (0..values.len()).map(pixel).collect()
    }

    /// Copies of a recording, by what was done to it.
    fn copies(values: &[f32]) -> Vec<(&'static str, Clip)> {
        let top = values.iter().copied().fold(0.0, f32::max);
        let eight_bits: Vec<f32> = values.iter().map(|value| (value / top * 255.0).round()).collect();
        let darker: Vec<f32> = values.iter().map(|value| (value * 0.4).round()).collect();
        let half = values.len() / 2;
        vec![
            ("encoded anew", clip(FRAMES, &eight_bits)),
            ("darker", clip(FRAMES, &darker)),
            ("shifted", clip(FRAMES, &shifted(values, 2, -2))),
            ("shifted a little", clip(FRAMES, &shifted(values, 0, 1))),
            ("first half", clip(FRAMES / 2, &values[..half])),
            ("second half", clip(FRAMES / 2, &values[half..])),
        ]
    }

    fn cosine(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn copies_of_each_kind_are_found_among_two_hundred_cells_and_nothing_else() {
        let config = simulate::Config { size: SIZE, frames: FRAMES, seed: 21, ..simulate::Config::default() };
        // All under DMSO: no other cells are as much alike.
        let values: Vec<Vec<f32>> = (0..CELLS as u64)
            .into_par_iter()
            .map(|number| {
                let video = simulate::preview(&config, &Treatment::Control, number).unwrap();
                video.frames.into_iter().map(f32::from).collect()
            })
            .collect();
        let mut vectors: Vec<Vec<f32>> = values.par_iter().map(|values| of(&clip(FRAMES, values))).collect();
        let part = |cell: usize| [Split::Train, Split::Query][cell % 2];
        let mut splits: Vec<Option<Split>> = (0..CELLS).map(|cell| Some(part(cell))).collect();
        let mut planted = BTreeSet::new();
        let mut least: f32 = 1.0;
        for cell in (0..CELLS).step_by(10) {
            for (kind, copy) in copies(&values[cell]) {
                let vector = of(&copy);
                let like = cosine(&vector, &vectors[cell]);
                assert!(like > LEAST, "cell {cell}, {kind}: {like}");
                least = least.min(like);
                planted.insert([cell, vectors.len()]);
                vectors.push(vector);
                splits.push(Some(part(cell + 1)));
            }
        }
        // How alike cells are that are no copies.
        let pairs = (0..CELLS).flat_map(|a| (a + 1..CELLS).map(move |b| (a, b)));
        let mut others: Vec<f32> = pairs.map(|(a, b)| cosine(&vectors[a], &vectors[b])).collect();
        others.sort_by(f32::total_cmp);
        let (median, most) = (others[others.len() / 2], others[others.len() - 1]);
        assert!(median.abs() < 0.1 && most < LEAST, "unrelated: {median}, at most {most}; copies: {least}");

        let item =
            |row: usize| Item { row, row_id: row.to_string(), site: row.to_string(), ..Item::default() };
        let items = Items {
            items: (0..vectors.len()).map(item).collect(),
            replicates: vec![String::new()],
            ..Items::default()
        };
        let table = table(&items, |row| vectors.get(row).map(Vec::as_slice));
        let near = Some(compared(&table));
        let findings =
            check(&Check { items: &items, splits: &splits, protocol: Protocol::Mito, content: None, near });
        let found: BTreeSet<[usize; 2]> = findings
            .iter()
            .filter(|finding| finding.leak == Leak::NearDuplicate && finding.severity == Severity::Warning)
            .map(|finding| [0, 1].map(|place| finding.rows[place].parse().unwrap()))
            .collect();
        assert_eq!(found, planted);
    }

    #[test]
    fn what_shows_nothing_is_like_nothing() {
        assert_eq!(dim(), 340);
        let even = of(&clip(2, &[7.3; 2 * SIZE * SIZE]));
        assert_eq!(even, vec![0.0; dim()]);
        let dot: Vec<f32> = (0..SIZE * SIZE).map(|i| if i == 500 { 9.0 } else { 1.0 }).collect();
        let still = of(&clip(1, &dot));
        let length = still.iter().map(|value| value * value).sum::<f32>();
        assert!((length - 0.7).abs() < 1e-5 && still[dim() / 2..].iter().all(|value| *value == 0.0));
        for shape in [[1, 1, 1, 1], [1, 3, 1, 9], [2, 2, 2, 2], [0, 0, 0, 0]] {
            let values: Vec<f32> = (0..shape.iter().product::<usize>()).map(|i| (i * i) as f32).collect();
            let vector = of(&Clip::from_values(shape, &values, Mismatch::default()));
            assert!(vector.len() == dim() && vector.iter().all(|value| value.is_finite()), "{shape:?}");
        }
    }
}
