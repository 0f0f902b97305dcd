//! Small matrix products whose operands lie in the cache, and the numbers by which larger ones are cut.

// What runs under `Cpu::run` must be inlined there, or it is compiled for the oldest CPU.
#![allow(clippy::inline_always)]

use pulp::Simd;

/// Places that one task takes at a time. Fixed, so that sums do not depend on the number of threads.
pub(super) const GROUP: usize = 192;

/// A multiple of the rows of all tiles. Scratch has a multiple of it.
pub(super) const TALL: usize = 8;

/// Vectors side by side in a tile, and its rows: as many sums as registers hold beside what is read. AVX-512 and NEON
/// have 32, the others 16.
const fn tile<S: Simd>() -> [usize; 2] {
    if S::REGISTER_COUNT >= 32 { [3, 8] } else { [2, 4] }
}

/// So many columns cut into panels no wider than a tile: offset and vectors of each.
pub(super) fn panels<S: Simd>(columns: usize) -> impl Iterator<Item = (usize, usize)> {
    let vectors = columns.div_ceil(S::F32_LANES);
    let count = vectors.div_ceil(tile::<S>()[0]);
    // As even as possible, as narrow tiles are slow.
    let start = move |panel: usize| panel * vectors / count.max(1);
    (0..count).map(move |panel| (start(panel) * S::F32_LANES, start(panel + 1) - start(panel)))
}

/// A matrix of whose every row a part is multiplied.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a> {
    pub values: &'a [f32],
    /// From a row to the next.
    pub pitch: usize,
    pub count: usize,
}

impl<'a> Rows<'a> {
    /// Part of a row; of the last one instead of those behind it.
    #[inline(always)]
    fn part(self, row: usize, first: usize, length: usize) -> &'a [f32] {
        let start = row.min(self.count - 1) * self.pitch + first;
        &self.values[start..start + length]
    }
}

/// Some columns of the right factor.
#[derive(Debug, Clone, Copy)]
pub(super) enum Panel<'a> {
    /// From this one on, of rows of [`GROUP`].
    Gathered(&'a [[f32; GROUP]], usize),
    /// All there are.
    Packed(&'a [f32]),
}

/// Adds to `out` (from a row to the next: `pitch`) the product of `length` columns of `rows`, from `first` on, and
/// as many rows of a panel of so many vectors. Writes a multiple of [`TALL`] rows.
#[inline(always)]
pub(super) fn add_product<S: Simd, const FUSED: bool>(
    simd: S,
    rows: Rows<'_>,
    part: [usize; 2],
    panel: Panel<'_>,
    vectors: usize,
    out: &mut [f32],
    pitch: usize,
) {
    match (tile::<S>(), vectors) {
        ([_, 8], 3) => either::<S, FUSED, 8, 3>(simd, rows, part, panel, out, pitch),
        ([_, 8], 2) => either::<S, FUSED, 8, 2>(simd, rows, part, panel, out, pitch),
        ([_, 8], _) => either::<S, FUSED, 8, 1>(simd, rows, part, panel, out, pitch),
        (_, 2) => either::<S, FUSED, 4, 2>(simd, rows, part, panel, out, pitch),
        _ => either::<S, FUSED, 4, 1>(simd, rows, part, panel, out, pitch),
    }
}

#[inline(always)]
fn either<S: Simd, const FUSED: bool, const R: usize, const V: usize>(
    simd: S,
    rows: Rows<'_>,
    part: [usize; 2],
    panel: Panel<'_>,
    out: &mut [f32],
    pitch: usize,
) {
    match panel {
        Panel::Gathered(values, offset) => {
            assert!(offset + V * S::F32_LANES <= GROUP);
            let panel = Gathered { values: &values[..part[1]], offset };
            tiles::<S, FUSED, R, V>(simd, rows, part, panel, out, pitch);
        }
        Panel::Packed(values) => {
            let panel = &S::as_simd_f32s(values).0.as_chunks::<V>().0[..part[1]];
            tiles::<S, FUSED, R, V>(simd, rows, part, panel, out, pitch);
        }
    }
}

/// Rows of vectors.
trait Right<S: Simd>: Copy {
    fn row(&self, row: usize) -> &[S::f32s];
}

impl<S: Simd, const V: usize> Right<S> for &[[S::f32s; V]] {
    #[inline(always)]
    fn row(&self, row: usize) -> &[S::f32s] {
        &self[row]
    }
}

#[derive(Clone, Copy)]
struct Gathered<'a> {
    values: &'a [[f32; GROUP]],
    offset: usize,
}

impl<S: Simd> Right<S> for Gathered<'_> {
    #[inline(always)]
    fn row(&self, row: usize) -> &[S::f32s] {
        S::as_simd_f32s(&self.values[row][self.offset..]).0
    }
}

// Loops, not `map` or `from_fn`: closures are compiled apart, without the wide instructions.
#[allow(clippy::needless_range_loop)]
#[inline(always)]
fn tiles<S: Simd, const FUSED: bool, const R: usize, const V: usize>(
    simd: S,
    rows: Rows<'_>,
    [first, length]: [usize; 2],
    panel: impl Right<S>,
    out: &mut [f32],
    pitch: usize,
) {
    for tile in 0..rows.count.div_ceil(R) {
        let mut parts = [&[][..]; R];
        for (r, part) in parts.iter_mut().enumerate() {
            *part = rows.part(tile * R + r, first, length);
        }
        let mut sums = [[simd.splat_f32s(0.0); V]; R];
        for k in 0..length {
            let right = &panel.row(k)[..V];
            for r in 0..R {
                let left = simd.splat_f32s(parts[r][k]);
                for v in 0..V {
                    sums[r][v] = if FUSED {
                        simd.mul_add_e_f32s(left, right[v], sums[r][v])
                    } else {
                        simd.add_f32s(simd.mul_f32s(left, right[v]), sums[r][v])
                    };
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            let to = &mut out[(tile * R + r) * pitch..][..V * S::F32_LANES];
            for (to, sum) in S::as_mut_simd_f32s(to).0.iter_mut().zip(sums) {
                *to = simd.add_f32s(*to, *sum);
            }
        }
    }
}
