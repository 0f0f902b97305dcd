use rand::{Rng as _, RngExt as _};
use rayon::ThreadPoolBuilder;
use serde::Deserialize;

use super::layout::Layout;
use super::*;
use crate::random::{normal, stream};

const NPY: &[u8] = include_bytes!("../../../tests/fixtures/search/vectors.npy");
const TENSORS: &[u8] = include_bytes!("../../../tests/fixtures/search/vectors.safetensors");

fn noise(name: &str, count: usize) -> Vec<f32> {
    let mut rng = stream(5, &["search", name]);
    (0..count).map(|_| normal(&mut rng) as f32).collect()
}

fn indices(hits: &[Hit]) -> Vec<usize> {
    hits.iter().map(|hit| hit.index).collect()
}

/// All rows in f64, the nearest first.
fn by_force(vectors: &[f32], query: &[f32], similarity: Similarity) -> Vec<(usize, f64)> {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    let norm = |a: &[f32]| if similarity == Similarity::Dot { 1.0 } else { dot(a, a).sqrt() };
    let score = |row: &[f32]| dot(row, query) / (norm(row) * norm(query));
    let mut all: Vec<(usize, f64)> = vectors.chunks_exact(query.len()).map(score).enumerate().collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    all
}

/// The hits are those found by force, but for swaps of scores that f32 cannot tell apart.
fn assert_same(hits: &[Hit], truth: &[(usize, f64)], tolerance: f64) {
    for (hit, (_, score)) in hits.iter().zip(truth) {
        assert!((f64::from(hit.score) - score).abs() < tolerance, "{hit:?} {score}");
        let own = truth.iter().find(|(row, _)| *row == hit.index).unwrap().1;
        assert!((own - score).abs() < tolerance, "{hit:?} {own} {score}");
    }
}

#[test]
fn finds_what_brute_force_finds() {
    for (n, dim) in [(1, 1), (3, 5), (9, 16), (257, 33), (5_000, 64), (300, 2_048)] {
        let (mut vectors, query) = (noise("vectors", n * dim), noise("query", dim));
        for similarity in [Similarity::Cosine, Similarity::Dot, Similarity::UnitCosine] {
            if similarity == Similarity::UnitCosine {
                for vector in vectors.chunks_exact_mut(dim) {
                    let norm = squares(vector).sqrt() as f32;
                    for value in vector {
                        *value /= norm;
                    }
                }
            }
            let gallery = Gallery::new(vectors.clone(), dim, similarity).unwrap();
            let tolerance = if similarity == Similarity::Dot { 2e-5 * (dim as f64).sqrt() } else { 1e-6 };
            for k in [1, 20, usize::MAX] {
                let hits = gallery.top_k(&query, k, |_| true).unwrap();
                assert_eq!(hits.len(), k.min(n));
                assert!(hits.is_sorted_by(|a, b| (b.score, a.index) < (a.score, b.index)));
                assert_same(&hits, &by_force(&vectors, &query, similarity), tolerance);
            }
        }
    }
}

#[test]
fn every_instruction_set_gives_the_products() {
    for (n, m, dim) in [(1, 1, 1), (4, 4, 16), (7, 6, 31), (9, 3, 100), (5, 9, 64)] {
        let (rows, queries) = (noise("rows", n * dim), noise("queries", m * dim));
        for cpu in Cpu::all() {
            let mut out = vec![f32::NAN; n * m];
            products(cpu, &rows, &queries, dim, &mut out);
            for (i, &product) in out.iter().enumerate() {
                let (row, query) = (&rows[i % n * dim..][..dim], &queries[i / n * dim..][..dim]);
                let exact: f64 = row.iter().zip(query).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
                assert!((f64::from(product) - exact).abs() < 1e-5, "{cpu:?} {n} {m} {dim} {i}");
                // Alone it is the same to the last bit.
                let mut alone = [f32::NAN];
                products(cpu, row, query, dim, &mut alone);
                assert_eq!(alone[0].to_bits(), product.to_bits(), "{cpu:?} {n} {m} {dim} {i}");
            }
        }
    }
}

#[test]
fn agrees_with_faiss_from_memory_and_from_files_of_numpy_and_safetensors() {
    #[derive(Deserialize)]
    struct Nearest {
        queries: Vec<Vec<f32>>,
        dot: Vec<Vec<(usize, f32)>>,
        cosine: Vec<Vec<(usize, f32)>>,
    }
    let text = include_str!("../../../tests/fixtures/search/nearest.json");
    let nearest: Nearest = serde_json::from_str(text).unwrap();
    let file =
        |name: &str| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/search").join(name);
    for (similarity, expected) in [(Similarity::Dot, nearest.dot), (Similarity::Cosine, nearest.cosine)] {
        let from_npy = Gallery::open(&file("vectors.npy"), similarity).unwrap();
        let from_tensors = Gallery::open(&file("vectors.safetensors"), similarity).unwrap();
        assert_eq!((from_npy.len(), from_npy.dim(), from_npy.model()), (61, 37, None));
        assert_eq!((from_tensors.len(), from_tensors.dim(), from_tensors.model()), (61, 37, Some("5eed")));
        let values: Vec<f32> =
            NPY[NPY.len() - 61 * 37 * 4..].as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect();
        let owned = Gallery::new(values, 37, similarity).unwrap();
        for (query, expected) in nearest.queries.iter().zip(expected) {
            let hits = owned.top_k(query, 7, |_| true).unwrap();
            assert_eq!(hits.len(), expected.len());
            for (hit, (index, score)) in hits.iter().zip(expected) {
                assert_eq!(hit.index, index);
                assert!((hit.score - score).abs() <= 2e-6 * score.abs().max(1.0), "{hit:?} {score}");
            }
            assert_eq!(from_npy.top_k(query, 7, |_| true).unwrap(), hits);
            assert_eq!(from_tensors.top_k(query, 7, |_| true).unwrap(), hits);
        }
        assert_eq!(from_npy.vector(60).unwrap(), owned.vector(60).unwrap());
        assert_eq!(owned.vector(61), None);
    }
}

#[test]
fn equal_scores_stand_in_the_gallerys_order_for_any_number_of_threads() {
    // 40 directions, each a few hundred times, over several blocks.
    let (dim, n) = (24, 20_000);
    let some = noise("directions", 40 * dim);
    let mut rng = stream(5, &["search", "which"]);
    let which: Vec<usize> = (0..n).map(|_| rng.random_range(0..40)).collect();
    let vectors: Vec<f32> = which.iter().flat_map(|&w| &some[w * dim..][..dim]).copied().collect();
    let gallery = Gallery::new(vectors, dim, Similarity::Cosine).unwrap();
    let directions = Gallery::new(some.clone(), dim, Similarity::Cosine).unwrap();
    let query = &some[..dim];
    let by_direction: Vec<usize> = indices(&directions.top_k(query, 40, |_| true).unwrap());
    let mut expected: Vec<usize> = (0..n).collect();
    expected.sort_by_key(|&row| by_direction.iter().position(|&d| d == which[row]));
    for threads in [1, 2, 3, 7] {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        for k in [1, 20, 700, n] {
            let hits = pool.install(|| gallery.top_k(query, k, |_| true)).unwrap();
            assert_eq!(indices(&hits), expected[..k], "{threads} threads, k = {k}");
        }
        let odd = pool.install(|| gallery.top_k(query, 99, |row| row % 2 == 1)).unwrap();
        let expected: Vec<usize> = expected.iter().copied().filter(|row| row % 2 == 1).take(99).collect();
        assert_eq!(indices(&odd), expected);
    }
}

#[test]
fn a_batch_finds_what_each_query_finds() {
    let (dim, n, m) = (50, 12_000, 150);
    let gallery = Gallery::new(noise("gallery", n * dim), dim, Similarity::Cosine).unwrap();
    let queries = noise("batch", m * dim);
    let keep = |query: usize, row: usize| !(row + query).is_multiple_of(3);
    let batch = gallery.top_k_batch(&queries, 15, keep).unwrap();
    assert_eq!(batch.len(), m);
    for (i, (query, hits)) in queries.chunks_exact(dim).zip(&batch).enumerate() {
        assert_eq!(&gallery.top_k(query, 15, |row| keep(i, row)).unwrap(), hits);
        assert!(hits.iter().all(|hit| keep(i, hit.index)));
    }
    assert_eq!(gallery.top_k_batch(&[], 3, |_, _| true).unwrap(), Vec::<Vec<Hit>>::new());
}

#[test]
fn masked_rows_are_left_out_exactly() {
    let (dim, n) = (33, 9_000);
    let (vectors, query) = (noise("masked", n * dim), noise("query", dim));
    let gallery = Gallery::new(vectors.clone(), dim, Similarity::Dot).unwrap();
    let keep = |row: usize| row % 501 == 7;
    let truth: Vec<(usize, f64)> =
        by_force(&vectors, &query, Similarity::Dot).into_iter().filter(|(row, _)| keep(*row)).collect();
    let hits = gallery.top_k(&query, 50, keep).unwrap();
    assert_eq!(hits.len(), truth.len());
    assert_same(&hits, &truth, 1e-4);
    assert_eq!(gallery.top_k(&query, 50, |_| false).unwrap(), []);
}

#[test]
fn zeros_and_numbers_that_are_none_never_rank() {
    let nan = f32::NAN;
    let inf = f32::INFINITY;
    let vectors =
        vec![0.0, 0.0, nan, 1.0, 1.0, nan, inf, 0.0, -inf, inf, -1.0, 0.0, 0.0, 1.0, -0.0, 0.0, 1.0, 0.0];
    for similarity in [Similarity::Cosine, Similarity::UnitCosine, Similarity::Dot] {
        let gallery = Gallery::new(vectors.clone(), 2, similarity).unwrap();
        let hits = gallery.top_k(&[1.0, 0.0], 9, |_| true).unwrap();
        assert_eq!(
            hits.iter().map(|hit| (hit.index, hit.score)).collect::<Vec<_>>(),
            [(8, 1.0), (6, 0.0), (5, -1.0)]
        );
        for query in [[0.0, 0.0], [nan, 1.0], [inf, 1.0]] {
            assert_eq!(gallery.top_k(&query, 9, |_| true).unwrap(), []);
        }
    }
}

#[test]
fn lengths_near_the_limits_of_f32_do_not_disturb_a_cosine() {
    let plain = noise("plain", 40 * 8);
    let scales = [1e-38_f32, 1e-30, 1e-20, 1e-10, 1.0, 1e10, 1e20, 5e37];
    let scale = |vectors: &[f32]| -> Vec<f32> {
        vectors
            .chunks_exact(8)
            .enumerate()
            .flat_map(|(i, v)| v.iter().map(move |v| v * scales[i % 8]))
            .collect()
    };
    let gallery = Gallery::new(scale(&plain), 8, Similarity::Cosine).unwrap();
    for (i, query) in scale(&noise("limits", 64)).chunks_exact(8).enumerate() {
        let hits = gallery.top_k(query, 40, |_| true).unwrap();
        assert_eq!(hits.len(), 40, "query {i}");
        assert_same(&hits, &by_force(&plain, query, Similarity::Cosine), 1e-5);
    }
    // The products pass the range of f32 on the way, but not at the end.
    let gallery = Gallery::new(vec![3e38, 3e38, 0.0, 2.0, 0.0, 0.0], 3, Similarity::Dot).unwrap();
    let hits = gallery.top_k(&[2.0, -2.0, 1.0], 2, |_| true).unwrap();
    assert_eq!(hits, [Hit { index: 1, score: 4.0 }, Hit { index: 0, score: 0.0 }]);
}

#[test]
fn numbers_that_are_no_whole_vectors_are_refused() {
    assert!(matches!(
        Gallery::new(vec![1.0; 7], 2, Similarity::Dot),
        Err(SearchError::Vectors { length: 7, dim: 2 })
    ));
    assert!(matches!(Gallery::new(vec![], 0, Similarity::Dot), Err(SearchError::Vectors { .. })));
    let gallery = Gallery::new(std::sync::Arc::<[f32]>::from(vec![1.0; 8]), 2, Similarity::Dot).unwrap();
    for length in [0, 1, 3, 4] {
        let found = gallery.top_k(&vec![1.0; length], 1, |_| true);
        assert!(matches!(found, Err(SearchError::Query { dim: 2, .. })), "{length}");
    }
    assert!(gallery.top_k_batch(&[1.0; 5], 1, |_, _| true).is_err());
    let empty = Gallery::new(vec![], 2, Similarity::Cosine).unwrap();
    assert!(empty.is_empty());
    assert_eq!(empty.top_k(&[1.0, 2.0], 3, |_| true).unwrap(), []);
}

/// A safetensors file with a header of this text.
fn with_header(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend((0..data / 4).flat_map(|i| (i as f32 + 1.0).to_le_bytes()));
    bytes
}

#[test]
fn a_file_whose_numbers_lie_at_odd_bytes_is_searched_like_any_other() {
    let header = r#"{"embedding":{"dtype":"F32","shape":[1500,8],"data_offsets":[0,48000]}}"#;
    let folder = tempfile::tempdir().unwrap();
    let mut seen = Vec::new();
    for padding in 0..4 {
        let path = folder.path().join("e.safetensors");
        let bytes = with_header(&format!("{header}{}", " ".repeat(padding)), 48_000);
        seen.push((bytes.len() - 48_000) % 4);
        crate::atomic_file::write(&path, &bytes).unwrap();
        let gallery = Gallery::open(&path, Similarity::Cosine).unwrap();
        let owned: Vec<f32> = (0..12_000).map(|i| i as f32 + 1.0).collect();
        assert_eq!(gallery.vector(1_499).unwrap(), &owned[11_992..]);
        let owned = Gallery::new(owned, 8, Similarity::Cosine).unwrap();
        let query = noise("odd", 8);
        assert_eq!(gallery.top_k(&query, 30, |_| true).unwrap(), owned.top_k(&query, 30, |_| true).unwrap());
    }
    seen.sort_unstable();
    assert_eq!(seen, [0, 1, 2, 3]);
}

#[test]
fn files_of_the_program_open() {
    let table = crate::experiment::EmbeddingTable {
        row_ids: (0..5).map(|i| format!("r{i}")).collect(),
        dim: 3,
        values: noise("table", 15),
        model_hash: "ab12".to_owned(),
        ..crate::experiment::EmbeddingTable::default()
    };
    let folder = tempfile::tempdir().unwrap();
    for (name, model) in [("e.npy", None), ("e.safetensors", Some("ab12"))] {
        let path = folder.path().join(name);
        let format = crate::export::embeddings::Format::of(&path).unwrap();
        crate::export::embeddings::write(&table, &path, format).unwrap();
        let gallery = Gallery::open(&path, Similarity::Cosine).unwrap();
        assert_eq!((gallery.len(), gallery.dim(), gallery.model()), (5, 3, model));
        assert_eq!(gallery.vector(3).unwrap(), &table.values[9..12]);
        assert_eq!(gallery.top_k(&table.values[6..9], 1, |_| true).unwrap()[0].index, 2);
    }
    let error = Gallery::open(&folder.path().join("none.npy"), Similarity::Dot).unwrap_err();
    assert!(matches!(error, SearchError::Io { .. }), "{error}");
    let csv = Gallery::open(&folder.path().join("e.row_ids.csv"), Similarity::Dot).unwrap_err();
    assert!(csv.to_string().contains("neither NumPy's format nor a whole safetensors file"), "{csv}");
}

#[test]
fn headers_that_lie_are_refused() {
    let refused = |bytes: &[u8], why: &str| {
        let problem = Layout::of(bytes).unwrap_err();
        assert!(problem.contains(why), "{problem} / {why}");
    };
    let tensor = |dtype: &str, shape: &str, end: u64, data: usize| {
        let header =
            format!(r#"{{"embedding":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[0,{end}]}}}}"#);
        with_header(&header, data)
    };
    assert!(Layout::of(&tensor("F32", "[2,3]", 24, 24)).is_ok());
    refused(&tensor("F64", "[1,3]", 24, 24), "F64, not F32");
    refused(&tensor("F32", "[6]", 24, 24), "not [rows");
    refused(&tensor("F32", "[2,0]", 0, 0), "empty");
    refused(&tensor("F32", "[4611686018427387904,4]", 0, 0), "safetensors");
    refused(&tensor("F32", "[2,3]", 24, 20), "safetensors");
    refused(&with_header("{}", 0), "no tensor `embedding`");
    let npy = |header: &str, data: usize| {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(vec![0; data]);
        bytes
    };
    let of = |descr: &str, order: &str, shape: &str| {
        format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}  \n")
    };
    let layout = Layout::of(&npy(&of("<f4", "False", "(2, 3)"), 24)).unwrap();
    assert_eq!((layout.rows, layout.dim), (2, 3));
    refused(&npy(&of("<f8", "False", "(2, 3)"), 48), "numbers other than <f4");
    refused(&npy(&of(">f4", "False", "(2, 3)"), 24), "numbers other than <f4");
    refused(&npy(&of("<f4", "True", "(2, 3)"), 24), "C order");
    refused(&npy(&of("<f4", "False", "(6,)"), 24), "not [rows");
    refused(&npy(&of("<f4", "False", "(2, 3)"), 23), "cut off");
    refused(&npy(&of("<f4", "False", "(4611686018427387904, 4)"), 0), "cut off");
    refused(&npy(&of("<f4", "False", "(99999999999999999999, 4)"), 0), "for a number");
    refused(&npy(&of("<f4", "False", "(-2, 3)"), 24), "for a number");
    refused(&npy("{'descr': '<f4', 'shape': (2, 3)}", 24), "something is missing");
    refused(&npy("{'descr': '<f4'", 24), "`}` is missing");
    refused(&npy("{'descr", 24), "open quotation");
    refused(&npy("{'descr': '<f4', 'x': 1}", 24), "unknown key");
    refused(b"\x93NUMPY\x07\x00\x00\x00\x00\x00\x00", "version 7");
    refused(b"\x93NUMPY\x02\x00\xff\xff\xff\xff{", "not one of a matrix");
}

#[test]
fn no_truncated_or_mutated_file_is_taken_for_another() {
    for whole in [NPY, TENSORS] {
        let layout = Layout::of(whole).unwrap();
        for length in 0..whole.len() {
            assert!(Layout::of(&whole[..length]).is_err(), "{length}");
        }
        assert!(Layout::of(&[whole, b"\0"].concat()).is_err());
        // Whatever the header says, what is taken lies in the file.
        let mut rng = stream(5, &["search", "mutations"]);
        let mut refused = 0;
        for _ in 0..20_000 {
            let mut bytes = whole.to_vec();
            for _ in 0..rng.random_range(1..4) {
                let at = rng.random_range(0..layout.start);
                bytes[at] = if rng.random() {
                    rng.next_u32() as u8
                } else {
                    b"0123456789{}(),:'\" "[rng.random_range(0..19)]
                };
            }
            match Layout::of(&bytes) {
                Ok(layout) => {
                    let end = layout
                        .rows
                        .checked_mul(layout.dim)
                        .and_then(|n| n.checked_mul(4)?.checked_add(layout.start));
                    assert!(layout.dim > 0 && end.unwrap() <= bytes.len());
                }
                Err(_) => refused += 1,
            }
        }
        assert!(refused > 5_000, "{refused}");
    }
}

#[test]
fn a_truncated_file_gives_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.npy");
    for length in [0, 5, 127, 128, NPY.len() - 1] {
        std::fs::write(&path, &NPY[..length]).unwrap();
        let error = Gallery::open(&path, Similarity::Cosine).unwrap_err();
        assert!(error.to_string().contains("cut.npy"), "{error}");
    }
}
