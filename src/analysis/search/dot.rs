//! Dot products of rows with queries, with the widest instructions that the CPU has.
//!
//! A product of one row with one query is summed in the same order whatever tile it is computed in, so it is the
//! same to the last bit alone, in a batch, and on any thread. It differs in the last bits between CPUs.

// What runs under `vectorize` must be inlined there, or it is compiled for the oldest CPU.
#![allow(clippy::inline_always)]

use pulp::Simd;

use crate::simd::{Cpu, Vectorized};

/// Rows that are read side by side.
pub(super) const ROWS: usize = 4;
/// Queries that are held against them: 16 sums, as many as AVX-512 keeps in registers beside what it reads.
const QUERIES: usize = 4;

/// Products of `rows` `[n, dim]` with `queries` `[m, dim]` into `out` `[m, n]`.
///
/// Only whole rows are looked at, and no more than `out` has room for.
pub(super) fn products(cpu: Cpu, rows: &[f32], queries: &[f32], dim: usize, out: &mut [f32]) {
    cpu.run(Products { rows, queries, dim, out });
}

struct Products<'a> {
    rows: &'a [f32],
    queries: &'a [f32],
    dim: usize,
    out: &'a mut [f32],
}

impl Vectorized for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const FUSED: bool>(self, simd: S) {
        let Self { rows, queries, dim, out } = self;
        if dim == 0 {
            return;
        }
        let n = rows.len() / dim;
        let mut tall = rows.chunks_exact(ROWS * dim);
        let mut first = 0;
        for rows in &mut tall {
            let rows: [&[f32]; ROWS] = std::array::from_fn(|r| &rows[r * dim..(r + 1) * dim]);
            against::<S, FUSED, ROWS>(simd, rows, queries, dim, out, first, n);
            first += ROWS;
        }
        for row in tall.remainder().chunks_exact(dim) {
            against::<S, FUSED, 1>(simd, [row], queries, dim, out, first, n);
            first += 1;
        }
    }
}

/// Some rows, of which `first` is the first of `n`, against all queries.
#[inline(always)]
fn against<S: Simd, const FUSED: bool, const R: usize>(
    simd: S,
    rows: [&[f32]; R],
    queries: &[f32],
    dim: usize,
    out: &mut [f32],
    first: usize,
    n: usize,
) {
    let mut wide = queries.chunks_exact(QUERIES * dim);
    let mut query = 0;
    let mut put = |query: usize, sums: [f32; R]| {
        let start = query * n + first;
        if let Some(out) = out.get_mut(start..start + R) {
            out.copy_from_slice(&sums);
        }
    };
    for queries in &mut wide {
        let queries: [&[f32]; QUERIES] = std::array::from_fn(|q| &queries[q * dim..(q + 1) * dim]);
        for sums in tile::<S, FUSED, R, QUERIES>(simd, rows, queries) {
            put(query, sums);
            query += 1;
        }
    }
    for one in wide.remainder().chunks_exact(dim) {
        for sums in tile::<S, FUSED, R, 1>(simd, rows, [one]) {
            put(query, sums);
            query += 1;
        }
    }
}

/// `[query][row]`. All slices have the same length.
#[inline(always)]
fn tile<S: Simd, const FUSED: bool, const R: usize, const Q: usize>(
    simd: S,
    rows: [&[f32]; R],
    queries: [&[f32]; Q],
) -> [[f32; R]; Q] {
    let rows = rows.map(S::as_simd_f32s);
    let queries = queries.map(S::as_simd_f32s);
    let add = |a: S::f32s, b: S::f32s, sum: S::f32s| {
        if FUSED { simd.mul_add_e_f32s(a, b, sum) } else { simd.add_f32s(simd.mul_f32s(a, b), sum) }
    };
    let mut sums = [[simd.splat_f32s(0.0); R]; Q];
    for i in 0..rows[0].0.len() {
        let row: [S::f32s; R] = std::array::from_fn(|r| rows[r].0[i]);
        for q in 0..Q {
            let query = queries[q].0[i];
            for r in 0..R {
                sums[q][r] = add(row[r], query, sums[q][r]);
            }
        }
    }
    if !rows[0].1.is_empty() {
        for q in 0..Q {
            let query = simd.partial_load_f32s(queries[q].1);
            for r in 0..R {
                sums[q][r] = add(simd.partial_load_f32s(rows[r].1), query, sums[q][r]);
            }
        }
    }
    // Loops, not `map`: its closures are compiled apart, without the wide instructions.
    let mut products = [[0.0; R]; Q];
    for q in 0..Q {
        for r in 0..R {
            products[q][r] = simd.reduce_sum_f32s(sums[q][r]);
        }
    }
    products
}
