//! What is done to decoded bytes: byte order, predictors, unpacking. Loops are written so that they vectorise.

use super::page::Layout;

/// Reverses the bytes of every sample of `size` bytes.
pub fn swap(bytes: &mut [u8], size: usize) {
    macro_rules! each {
        ($ty:ty, $n:literal) => {
            for chunk in bytes.as_chunks_mut::<$n>().0 {
                *chunk = <$ty>::from_ne_bytes(*chunk).swap_bytes().to_ne_bytes();
            }
        };
    }
    match size {
        2 => each!(u16, 2),
        4 => each!(u32, 4),
        8 => each!(u64, 8),
        _ => {}
    }
}

/// Undoes predictor 2 in rows of `row` bytes: every sample was stored as the difference to its left neighbour.
/// Samples are in the machine's byte order.
pub fn undo_differences(bytes: &mut [u8], row: usize, samples: usize, size: usize) {
    macro_rules! each {
        ($ty:ty, $n:literal) => {
            for line in bytes.chunks_exact_mut(row) {
                let line = line.as_chunks_mut::<$n>().0;
                match samples {
                    1 => sum_up(line, |sum: &mut [$ty; 1], i, v| add(&mut sum[i], v)),
                    3 => sum_up(line, |sum: &mut [$ty; 3], i, v| add(&mut sum[i], v)),
                    4 => sum_up(line, |sum: &mut [$ty; 4], i, v| add(&mut sum[i], v)),
                    _ => {
                        for at in samples..line.len() {
                            let left = <$ty>::from_ne_bytes(line[at - samples]);
                            let here = <$ty>::from_ne_bytes(line[at]);
                            line[at] = here.wrapping_add(left).to_ne_bytes();
                        }
                    }
                }
            }
        };
    }
    if row == 0 || samples == 0 {
        return;
    }
    match size {
        1 => each!(u8, 1),
        2 => each!(u16, 2),
        4 => each!(u32, 4),
        8 => each!(u64, 8),
        _ => {}
    }
}

/// Adds a raw sample to a running sum and returns the sum as bytes.
trait Running<const N: usize> {
    fn plus(&mut self, raw: [u8; N]) -> [u8; N];
}

macro_rules! running {
    ($($ty:ty, $n:literal;)*) => {$(
        impl Running<$n> for $ty {
            #[inline]
            fn plus(&mut self, raw: [u8; $n]) -> [u8; $n] {
                *self = self.wrapping_add(<$ty>::from_ne_bytes(raw));
                self.to_ne_bytes()
            }
        }
    )*};
}
running!(u8, 1; u16, 2; u32, 4; u64, 8;);

#[inline]
fn add<T: Running<N>, const N: usize>(sum: &mut T, raw: [u8; N]) -> [u8; N] {
    sum.plus(raw)
}

#[inline]
fn sum_up<T: Default + Copy, const N: usize, const S: usize>(
    line: &mut [[u8; N]],
    mut add: impl FnMut(&mut [T; S], usize, [u8; N]) -> [u8; N],
) {
    let mut sum = [T::default(); S];
    for pixel in line.as_chunks_mut::<S>().0 {
        for (i, raw) in pixel.iter_mut().enumerate() {
            *raw = add(&mut sum, i, *raw);
        }
    }
}

/// Undoes predictor 3 in rows of `row` bytes: bytes of equal significance were gathered, highest first, then
/// stored as differences. The result is in the machine's byte order, whatever the file's.
pub fn undo_float(bytes: &mut [u8], row: usize, samples: usize, size: usize, scratch: &mut Vec<u8>) {
    if row == 0 || samples == 0 {
        return;
    }
    for line in bytes.chunks_exact_mut(row) {
        undo_differences(line, row, samples, 1);
        scratch.clear();
        scratch.extend_from_slice(line);
        let n = row / size;
        let part = |i: usize| scratch.get(i * n..(i + 1) * n).unwrap_or_default();
        match size {
            2 => {
                let (high, low) = (part(0), part(1));
                for ((out, &a), &b) in line.as_chunks_mut::<2>().0.iter_mut().zip(high).zip(low) {
                    *out = u16::from_be_bytes([a, b]).to_ne_bytes();
                }
            }
            4 => {
                let parts = part(0).iter().zip(part(1)).zip(part(2)).zip(part(3));
                for (out, (((&a, &b), &c), &d)) in line.as_chunks_mut::<4>().0.iter_mut().zip(parts) {
                    *out = u32::from_be_bytes([a, b, c, d]).to_ne_bytes();
                }
            }
            8 => {
                for (i, out) in line.as_chunks_mut::<8>().0.iter_mut().enumerate() {
                    let mut raw = [0; 8];
                    for (k, byte) in raw.iter_mut().enumerate() {
                        *byte = scratch.get(k * n + i).copied().unwrap_or(0);
                    }
                    *out = u64::from_be_bytes(raw).to_ne_bytes();
                }
            }
            _ => {}
        }
    }
}

/// Spreads samples of 1-15 bits, packed highest bit first in rows that start at whole bytes, over `out`:
/// one byte each up to 8 bits, otherwise two in the machine's byte order.
pub fn unpack(packed: &[u8], stored_row: usize, layout: &Layout, per_row: usize, out: &mut [u8]) {
    let bits = u32::from(layout.bits);
    let size = if bits <= 8 { 1 } else { 2 };
    if stored_row == 0 || per_row == 0 {
        return;
    }
    for (line, out) in packed.chunks(stored_row).zip(out.chunks_exact_mut(per_row * size)) {
        let (mut held, mut have) = (0u32, 0u32);
        let mut next = line.iter();
        for sample in out.chunks_exact_mut(size) {
            while have < bits {
                held = held << 8 | u32::from(next.next().copied().unwrap_or(0));
                have += 8;
            }
            have -= bits;
            let value = held >> have & ((1 << bits) - 1);
            match sample {
                [one] => *one = value as u8,
                two => two.copy_from_slice(&(value as u16).to_ne_bytes()),
            }
        }
    }
}

/// Takes sample `pick` out of pixels of `samples` samples of `size` bytes.
pub fn take_sample(pixels: &[u8], samples: usize, size: usize, pick: usize) -> Vec<u8> {
    let stride = samples * size;
    if stride == 0 || pick >= samples {
        return Vec::new();
    }
    let mut out = vec![0; pixels.len() / stride * size];
    macro_rules! each {
        ($n:literal) => {{
            let pixels = pixels.as_chunks::<$n>().0.chunks_exact(samples);
            for (out, pixel) in out.as_chunks_mut::<$n>().0.iter_mut().zip(pixels) {
                *out = pixel[pick];
            }
        }};
    }
    match size {
        1 => each!(1),
        2 => each!(2),
        4 => each!(4),
        _ => each!(8),
    }
    out
}

/// Puts the samples of one plane into place `pick` of interleaved pixels.
pub fn put_sample(plane: &[u8], samples: usize, size: usize, pick: usize, out: &mut [u8]) {
    if samples * size == 0 || pick >= samples {
        return;
    }
    for (raw, pixel) in plane.chunks_exact(size).zip(out.chunks_exact_mut(samples * size)) {
        pixel[pick * size..(pick + 1) * size].copy_from_slice(raw);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_add_up_per_sample() {
        let mut bytes: Vec<u8> = [10u16, 1, 1, 1, 65535, 0].iter().flat_map(|v| v.to_ne_bytes()).collect();
        undo_differences(&mut bytes, 6, 1, 2);
        let sums: Vec<u16> = bytes.as_chunks::<2>().0.iter().map(|&c| u16::from_ne_bytes(c)).collect();
        assert_eq!(sums, [10, 11, 12, 1, 0, 0]);
        for samples in [2, 3, 4, 5] {
            let mut bytes = vec![1u8; samples * 3];
            undo_differences(&mut bytes, samples * 3, samples, 1);
            let expected: Vec<u8> = (1..=3).flat_map(|v| vec![v; samples]).collect();
            assert_eq!(bytes, expected, "{samples} samples");
        }
    }

    #[test]
    fn float_rows_come_back() {
        let values = [1.5f32, -2.25, 1e-9, f32::MAX];
        let n = values.len();
        let mut row = vec![0u8; n * 4];
        for (i, v) in values.iter().enumerate() {
            for (k, b) in v.to_be_bytes().into_iter().enumerate() {
                row[k * n + i] = b;
            }
        }
        for i in (1..row.len()).rev() {
            row[i] = row[i].wrapping_sub(row[i - 1]);
        }
        undo_float(&mut row, n * 4, 1, 4, &mut Vec::new());
        let back: Vec<f32> = row.as_chunks::<4>().0.iter().map(|&c| f32::from_ne_bytes(c)).collect();
        assert_eq!(back, values);
    }

    #[test]
    fn narrow_samples_are_spread() {
        let layout = |bits| Layout {
            width: 3,
            height: 2,
            bits,
            segment_width: 3,
            segment_height: 2,
            ..Layout::default()
        };
        let mut out = [0; 6];
        unpack(&[0b1010_0000, 0b0110_0000], 1, &layout(1), 3, &mut out);
        assert_eq!(out, [1, 0, 1, 0, 1, 1]);
        let mut out = [0; 12];
        unpack(&[0x12, 0x34, 0x56, 0x78, 0x90, 0, 0, 0, 0, 0xF0], 5, &layout(12), 3, &mut out);
        let values: Vec<u16> = out.as_chunks::<2>().0.iter().map(|&c| u16::from_ne_bytes(c)).collect();
        assert_eq!(values, [0x123, 0x456, 0x789, 0, 0, 0xF]);
    }

    #[test]
    fn samples_go_out_and_back_in() {
        let pixels: Vec<u8> = (0..24).collect();
        for (samples, size) in [(2, 2), (3, 2), (3, 4), (6, 1), (3, 8)] {
            let mut back = vec![0; 24];
            for pick in 0..samples {
                put_sample(&take_sample(&pixels, samples, size, pick), samples, size, pick, &mut back);
            }
            assert_eq!(back, pixels);
        }
    }
}
