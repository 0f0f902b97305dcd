//! The 20 nearest vectors in memory and in a mapped file, at the sizes of the Mito dataset and of a million cells.
//!
//! `cargo bench --bench search` measures with criterion. `-- --file VECTORS.npy --queries QUERIES.npy [--k N]
//! [--threads N] [--rounds N]` prints a line of JSON with what it found and medians in milliseconds:
//! `benches/peers/faiss_flat.py` runs that in turns with FAISS on the same vectors. As the program does for itself,
//! set `GLIBC_TUNABLES=glibc.malloc.hugetlb=1`.

use std::path::Path;
use std::time::Instant;

use criterion::{Criterion, criterion_group};
use molclip::analysis::search::{Gallery, Hit, Similarity};
use molclip::random::{normal, stream};
use rayon::prelude::*;

/// Vectors and their length: embeddings of the Mito dataset by the largest encoder, and of a large screen.
const SHAPES: [(usize, usize); 2] = [(35_631, 2_048), (1_000_000, 512)];
const K: usize = 20;
const THREADS: usize = 2;

fn or_exit<T, E: std::fmt::Display>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|e| {
        eprintln!("{e}");
        std::process::exit(1)
    })
}

fn pool(threads: usize) -> rayon::ThreadPool {
    or_exit(rayon::ThreadPoolBuilder::new().num_threads(threads).build())
}

/// Random vectors of length 1, `[n, dim]`.
fn unit_vectors(n: usize, dim: usize) -> Vec<f32> {
    let mut values = vec![0.0; n * dim];
    values.par_chunks_mut(dim).enumerate().for_each(|(row, vector)| {
        let mut rng = stream(1, &["search bench", &row.to_string()]);
        vector.fill_with(|| normal(&mut rng) as f32);
        let norm = vector.iter().map(|v| v * v).sum::<f32>().sqrt();
        for value in vector {
            *value /= norm;
        }
    });
    values
}

fn search(c: &mut Criterion) {
    let pool = pool(THREADS);
    let mut group = c.benchmark_group("search");
    group.sample_size(20);
    for (n, dim) in SHAPES {
        let values = unit_vectors(n, dim);
        let query = values[..dim].to_vec();
        let gallery = or_exit(Gallery::new(values, dim, Similarity::UnitCosine));
        group.bench_function(format!("{n}x{dim}"), |b| {
            b.iter(|| pool.install(|| or_exit(gallery.top_k(&query, K, |_| true))));
        });
    }
    group.finish();
}

/// Median in milliseconds of some rounds after one that is not counted; the last result.
fn median<T>(rounds: usize, mut work: impl FnMut() -> T) -> (f64, T) {
    let mut last = work();
    let mut times: Vec<f64> = (0..rounds.max(1))
        .map(|_| {
            let started = Instant::now();
            last = work();
            started.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], last)
}

fn beside_a_peer(file: &str, queries: &str, k: usize, threads: usize, rounds: usize) {
    let rows = |gallery: &Gallery| -> Vec<f32> {
        let mut values = Vec::with_capacity(gallery.len() * gallery.dim());
        for row in 0..gallery.len() {
            values.extend_from_slice(&gallery.vector(row).unwrap_or_default());
        }
        values
    };
    let mapped = or_exit(Gallery::open(Path::new(file), Similarity::UnitCosine));
    let queries = rows(&or_exit(Gallery::open(Path::new(queries), Similarity::Dot)));
    let (len, dim) = (mapped.len(), mapped.dim());
    let owned = or_exit(Gallery::new(rows(&mapped), dim, Similarity::UnitCosine));
    let pool = pool(threads);
    let one = |gallery: &Gallery| {
        median(rounds, || pool.install(|| or_exit(gallery.top_k(&queries[..dim], k, |_| true))))
    };
    let (mapped_ms, from_file) = one(&mapped);
    let (one_ms, alone) = one(&owned);
    let all = || pool.install(|| or_exit(owned.top_k_batch(&queries, k, |_, _| true)));
    let (batch_ms, batch) = median(rounds.div_ceil(3), all);
    assert_eq!(from_file, alone, "the mapped file gives something else");
    assert_eq!(batch.first(), Some(&alone), "the batch gives something else");
    let found = |hits: &Vec<Hit>| hits.iter().map(|hit| hit.index).collect::<Vec<_>>();
    println!(
        r#"{{"rows": {len}, "dim": {dim}, "one_ms": {one_ms:.3}, "mapped_ms": {mapped_ms:.3}, "batch_ms": {batch_ms:.3}, "found": {:?}}}"#,
        batch.iter().map(found).collect::<Vec<_>>()
    );
}

criterion_group!(benches, search);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| arguments.windows(2).find(|pair| pair[0] == name).map(|pair| pair[1].as_str());
    let number = |name: &str, usual: usize| value(name).and_then(|text| text.parse().ok()).unwrap_or(usual);
    if let (Some(file), Some(queries)) = (value("--file"), value("--queries")) {
        let (threads, rounds) = (number("--threads", THREADS), number("--rounds", 9));
        beside_a_peer(file, queries, number("--k", K), threads, rounds);
    } else {
        benches();
        Criterion::default().configure_from_args().final_summary();
    }
}
