//! Opens recordings and reads every plane, one thread, from the page cache.
//!
//! `MOLCLIP_DATA` names the folder with real recordings; without it the fixtures are read. Compare with
//! `benches/peers/tifffile_peer.py`, which does the same with tifffile and prints the ratios.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use molclip::video::{Limits, open};

fn recordings() -> Vec<PathBuf> {
    let tiffs = |folder: &Path| -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
            .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
            .unwrap_or_default();
        paths.retain(|path| path.extension().is_some_and(|e| e == "tif"));
        paths.sort();
        paths
    };
    match std::env::var_os("MOLCLIP_DATA").map(|data| Path::new(&data).join("video")) {
        Some(video) => {
            let mut paths = tiffs(&video.join("encodings"));
            paths.push(video.join("mito4d_deflate_pred.ome.tif"));
            paths
        }
        None => tiffs(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiff"))
            .into_iter()
            .filter(|path| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("enc_u2")))
            .collect(),
    }
}

/// Opens a file and reads all planes of its first series; returns the bytes read.
fn read_all(path: &Path) -> u64 {
    let reader = open(path, Limits::default()).unwrap_or_else(|e| panic!("{e}"));
    let planes = reader.series()[0].shape.planes();
    (0..planes)
        .map(|plane| {
            black_box(reader.read_plane(0, plane).unwrap_or_else(|e| panic!("{e}"))).bytes.len() as u64
        })
        .sum()
}

fn decode(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode");
    group.sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
    for path in recordings() {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        group.throughput(Throughput::Bytes(read_all(&path)));
        group.bench_function(name, |b| b.iter(|| read_all(&path)));
    }
    group.finish();
}

criterion_group!(benches, decode);
criterion_main!(benches);
