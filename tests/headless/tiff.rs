//! TIFF fixtures against what tifffile and `NumPy` say about them, hostile files, and very long ones.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use molclip::video::formats::tiff;
use molclip::video::{self, Limits, Reader, Series, open};
use serde_json::Value;

#[path = "../../fuzz/exercise.rs"]
mod exercise;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiff");

fn fixtures() -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(FIXTURES)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "tif"))
        .collect();
    paths.sort();
    paths
}

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * b.abs()
}

fn optional(value: &Value) -> Option<f64> {
    value.as_f64()
}

#[track_caller]
fn check_series(name: &str, reader: &dyn Reader, index: usize, expected: &Value) {
    let series: &Series = &reader.series()[index];
    let dims: Vec<u64> = series.shape.dims().iter().map(|&n| n as u64).collect();
    assert_eq!(Value::from(dims), expected["shape"], "{name}: shape");
    assert_eq!(series.dtype.name(), expected["dtype"], "{name}: type");
    assert_eq!(series.compression, expected["compression"].as_str().unwrap(), "{name}: compression");
    let missing: Vec<u64> =
        (0..series.shape.planes()).filter(|&p| series.is_missing(p)).map(|p| p as u64).collect();
    let expected_missing = expected.get("missing").cloned().unwrap_or_else(|| Value::Array(Vec::new()));
    assert_eq!(Value::from(missing), expected_missing, "{name}: missing planes");

    let tolerance = match (expected.get("lossy"), series.dtype.is_float()) {
        (Some(_), _) => 2e-3,
        (None, true) => 1e-9,
        (None, false) => 0.0,
    };
    let mut sum = 0.0;
    for (plane, expected) in expected["sums"].as_array().unwrap().iter().enumerate() {
        if series.is_missing(plane) {
            let error = reader.read_plane(index, plane).unwrap_err();
            assert!(error.place.contains("plane"), "{name}: {error}");
            continue;
        }
        let plane = reader.read_plane(index, plane).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(plane.bytes.len(), series.shape.plane_samples() * series.dtype.size(), "{name}");
        let (found, expected) = (plane.sum(), expected.as_f64().unwrap());
        assert!(close(found, expected, tolerance), "{name}: plane sum {found} instead of {expected}");
        sum += found;
    }
    assert!(close(sum, expected["sum"].as_f64().unwrap(), tolerance), "{name}: sum {sum}");

    for (key, found) in [
        ("pixel_size_um", series.pixel_size_um),
        ("z_step_um", series.z_step_um),
        ("interval_s", series.interval_s),
        ("playback_fps", series.playback_fps),
    ] {
        let Some(expected) = expected.get(key) else { continue };
        match (found, optional(expected)) {
            (Some(found), Some(expected)) => assert!(close(found, expected, 1e-6), "{name}: {key} {found}"),
            (found, expected) => assert_eq!(found, expected, "{name}: {key}"),
        }
    }
    if let Some(times) = expected.get("plane_times_s") {
        let found = series.plane_times_s.as_ref().unwrap_or_else(|| panic!("{name}: no times"));
        for (found, expected) in found.iter().zip(times.as_array().unwrap()) {
            assert!((found - expected.as_f64().unwrap()).abs() < 1e-9, "{name}: times {found} {expected}");
        }
    }
    if let Some(channels) = expected.get("channels") {
        let found: Vec<Value> =
            series.channels.iter().map(|c| serde_json::json!([c.name, c.color])).collect();
        assert_eq!(Value::Array(found), *channels, "{name}: channels");
    }
    if let Some(levels) = expected.get("levels") {
        assert_eq!(serde_json::json!(series.levels), *levels, "{name}: levels");
    }
    match (expected.get("palette"), &series.palette) {
        (Some(expected), Some(palette)) => {
            let found = serde_json::json!([palette.len(), palette.first(), palette.last()]);
            assert_eq!(found, *expected, "{name}: palette");
        }
        (expected, found) => assert_eq!(expected.is_some(), found.is_some(), "{name}: palette"),
    }
    if let Some(expected) = expected.get("name") {
        assert_eq!(series.name, expected.as_str().unwrap(), "{name}: name");
    }
    if let Some(text) = expected.get("warns").and_then(Value::as_str) {
        assert!(series.warnings.iter().any(|w| w.contains(text)), "{name}: {:?}", series.warnings);
    }
}

#[test]
fn every_fixture_is_read_as_tifffile_does() {
    let expected: Value =
        serde_json::from_str(&fs::read_to_string(format!("{FIXTURES}/expected.json")).unwrap()).unwrap();
    let expected = expected.as_object().unwrap();
    assert!(expected.len() > 100);
    for (name, expected) in expected {
        let path = Path::new(FIXTURES).join(name);
        let reader = open(&path, Limits::default()).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(reader.format(), expected["format"].as_str().unwrap(), "{name}");
        let series = expected["series"].as_array().unwrap();
        assert_eq!(reader.series().len(), series.len(), "{name}: series");
        for (index, expected) in series.iter().enumerate() {
            check_series(name, &*reader, index, expected);
        }
    }
}

#[test]
fn planes_are_the_same_from_memory_and_from_many_threads() {
    for name in ["contig_5ch_u16.tif", "ome_ctzyx.ome.tif", "ij_single_ifd.tif"] {
        let path = Path::new(FIXTURES).join(name);
        let file = tiff::open(&path, Limits::default()).unwrap();
        let memory = tiff::open_bytes(&path, fs::read(&path).unwrap(), Limits::default()).unwrap();
        let planes = file.series()[0].shape.planes();
        std::thread::scope(|scope| {
            for offset in 0..4 {
                let (file, memory) = (&file, &memory);
                scope.spawn(move || {
                    for plane in (0..planes).map(|p| (p + offset * 3) % planes) {
                        let expected = memory.read_plane(0, plane).unwrap();
                        assert_eq!(file.read_plane(0, plane).unwrap(), expected, "{name}");
                    }
                });
            }
        });
    }
}

#[test]
fn what_is_not_there_is_named() {
    let path = Path::new(FIXTURES).join("cycle.tif");
    let reader = tiff::open(&path, Limits::default()).unwrap();
    assert!(reader.read_plane(1, 0).unwrap_err().place.contains("series 1"));
    assert!(reader.read_plane(0, 3).unwrap_err().place.contains("plane 3"));
    let error = tiff::open(Path::new("/not/there.tif"), Limits::default()).err().unwrap();
    assert!(error.remedy.contains("path"));
    let error = tiff::open_bytes(Path::new("a.tif"), b"II*\0\x08\0\0".to_vec(), Limits::default());
    assert!(error.is_err());
    let small = Limits { plane_bytes: 100, ..Limits::default() };
    let error = tiff::open(&path, small).err().unwrap();
    assert!(error.to_string().contains("more than the limit of 100 bytes"), "{error}");
}

/// A little-endian directory with values that fit into their fields.
fn directory(tags: &[(u16, u16, u32, u32)], next: u32) -> Vec<u8> {
    let mut bytes = (tags.len() as u16).to_le_bytes().to_vec();
    for (tag, kind, count, value) in tags {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend(next.to_le_bytes());
    bytes
}

fn grey_tags(width: u32, height: u32, bits: u32, offset: u32, count: u32) -> Vec<(u16, u16, u32, u32)> {
    vec![
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, bits),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, offset),
        (277, 3, 1, 1),
        (278, 4, 1, height),
        (279, 4, 1, count),
    ]
}

#[test]
fn a_hundred_thousand_pages_open_quickly() {
    const PAGES: u32 = 100_000;
    let page = directory(&grey_tags(4, 4, 8, 0, 16), 0).len() as u32 + 16;
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    for n in 0..PAGES {
        let at = 8 + n * page;
        let next = if n + 1 < PAGES { at + page } else { 0 };
        bytes.extend(directory(&grey_tags(4, 4, 8, at + page - 16, 16), next));
        bytes.extend([(n % 251) as u8; 16]);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.tif");
    fs::write(&path, bytes).unwrap();
    let start = Instant::now();
    let reader = tiff::open(&path, Limits::default()).unwrap();
    let took = start.elapsed();
    assert_eq!(reader.series()[0].shape.t, PAGES as usize);
    assert_eq!(reader.read_plane(0, 99_999).unwrap().bytes, [(99_999 % 251) as u8; 16]);
    assert!(took < Duration::from_secs(2), "{took:?}");
}

/// `ImageJ` writes stacks of more than 4 GB as one directory; the strip's length does not fit its field.
#[test]
#[cfg(unix)]
fn an_imagej_stack_beyond_4_gb_is_read_to_its_end() {
    use std::os::unix::fs::FileExt;
    const FRAMES: u32 = 1300;
    let text = format!("ImageJ=1.54f\nimages={FRAMES}\nframes={FRAMES}\nhyperstack=true\nfinterval=2\n\0");
    let frame = 2048 * 1024 * 2u64;
    let mut tags = grey_tags(2048, 1024, 16, 1000, (frame * u64::from(FRAMES)) as u32);
    tags.insert(5, (270, 2, text.len() as u32, 500));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge.tif");
    let file = fs::File::create(&path).unwrap();
    file.write_all_at(b"II*\0\x08\0\0\0", 0).unwrap();
    file.write_all_at(&directory(&tags, 0), 8).unwrap();
    file.write_all_at(text.as_bytes(), 500).unwrap();
    let end = 1000 + frame * u64::from(FRAMES);
    file.set_len(end).unwrap(); // sparse: takes no space
    file.write_all_at(&[1, 2], end - 2).unwrap();
    let start = Instant::now();
    let reader = tiff::open(&path, Limits::default()).unwrap();
    let took = start.elapsed();
    assert_eq!(reader.format(), "ImageJ TIFF");
    let series = &reader.series()[0];
    assert_eq!((series.shape.t, series.missing_planes(), series.interval_s), (1300, 0, Some(2.0)));
    let bytes = reader.read_plane(0, 1299).unwrap().bytes;
    assert_eq!(bytes[bytes.len() - 2..], [1, 2]);
    assert!(reader.read_plane(0, 700).unwrap().bytes.iter().all(|&b| b == 0));
    assert!(took < Duration::from_millis(500), "{took:?}");
}

/// A few hundred bytes must not make the reader take gigabytes, whatever they claim.
#[test]
fn small_files_cannot_claim_large_pictures() {
    for compression in [1, 5, 7, 8, 32_773, 50_000] {
        for (width, height, bits) in [(60_000, 60_000, 8), (u32::MAX, u32::MAX, 64), (1 << 20, 900, 16)] {
            let mut tags = grey_tags(width, height, bits, 8, 100);
            tags[3].3 = compression;
            let mut bytes = b"II*\0\x80\0\0\0".to_vec();
            bytes.resize(128, 0);
            bytes.extend(directory(&tags, 0));
            let start = Instant::now();
            let reader = tiff::open_bytes(Path::new("claim.tif"), bytes, Limits::default());
            assert!(reader.is_err() || reader.unwrap().read_plane(0, 0).is_err(), "{compression} {width}");
            assert!(start.elapsed() < Duration::from_millis(200));
        }
    }
}

/// Random numbers that are the same on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }
}

#[test]
fn mutated_files_give_a_picture_or_an_error() {
    const CASES: usize = 6000;
    let seeds: Vec<Vec<u8>> = fixtures().iter().map(|path| fs::read(path).unwrap()).collect();
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let start = Instant::now();
    let mut slowest = Duration::ZERO;
    for case in 0..CASES {
        let mut bytes = seeds[case % seeds.len()].clone();
        match random.below(4) {
            0 => bytes.truncate(random.below(bytes.len())),
            1 => {
                let other = &seeds[random.below(seeds.len())];
                let (at, from) = (random.below(bytes.len()), random.below(other.len()));
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            _ => {}
        }
        for _ in 0..random.below(8) {
            if bytes.is_empty() {
                break;
            }
            let at = random.below(bytes.len());
            bytes[at] = match random.below(4) {
                0 => 0xFF,
                1 => 0,
                2 => bytes[at] ^ 1 << random.below(8),
                _ => random.below(256) as u8,
            };
        }
        let begin = Instant::now();
        exercise::exercise(bytes, Limits { planes: 50_000, ..Limits::default() });
        slowest = slowest.max(begin.elapsed());
    }
    assert!(slowest < Duration::from_secs(5), "slowest case {slowest:?}");
    println!("{CASES} cases in {:?}, slowest {slowest:?}", start.elapsed());
}

/// What crashed readers of other programs (see the fixtures' README): each is named, quickly.
#[test]
fn odd_files_say_what_is_wrong_with_them() {
    let folder = Path::new(FIXTURES).join("odd");
    let says: Value =
        serde_json::from_str(&fs::read_to_string(folder.join("expected.json")).unwrap()).unwrap();
    let says = says.as_object().unwrap();
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    assert_eq!(files.filter(|path| path.extension().is_some_and(|e| e == "tif")).count(), says.len());
    assert!(says.len() >= 11);
    for (name, text) in says {
        let path = folder.join(name);
        let start = Instant::now();
        let read =
            tiff::open(&path, Limits::default()).and_then(|reader| reader.read_plane(0, 0).map(|_| ()));
        let error = read.unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(1), "{name}");
        assert_eq!(error.path, path);
        assert!(error.problem.contains(text.as_str().unwrap()), "{error}");
        assert!(!error.place.is_empty() && error.remedy.ends_with('.'), "{error}");
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
    }
}

/// A compressed page of `strips` times the same strip.
pub fn compressed(width: u32, height: u32, bits: u32, scheme: u32, strip: &[u8], strips: u32) -> Vec<u8> {
    let rows = height.div_ceil(strips);
    let mut tags = grey_tags(width, height, bits, 8, strip.len() as u32);
    tags[3].3 = scheme;
    tags[7].3 = rows;
    let mut bytes = b"II*\0\0\0\0\0".to_vec();
    bytes.extend(strip);
    if strips > 1 {
        for (index, value) in [(5, 8), (8, strip.len() as u32)] {
            (tags[index].2, tags[index].3) = (strips, bytes.len() as u32);
            (0..strips).for_each(|_| bytes.extend(value.to_le_bytes()));
        }
    }
    let at = bytes.len() as u32;
    bytes[4..8].copy_from_slice(&at.to_le_bytes());
    bytes.extend(directory(&tags, 0));
    bytes
}

pub fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut packer = libdeflater::Compressor::new(libdeflater::CompressionLvl::default());
    let mut packed = vec![0; packer.zlib_compress_bound(bytes.len())];
    let len = packer.zlib_compress(bytes, &mut packed).unwrap();
    packed.truncate(len);
    packed
}

#[test]
fn a_large_plane_that_hardly_any_bytes_hold_is_refused_on_opening() {
    // 9000 × 9000 of 16 bits, 154 MB.
    let strip = deflated(&vec![0; 9000 * 9000 * 2]);
    let bomb = compressed(9000, 9000, 16, 8, &strip, 1);
    let error = tiff::open_bytes(Path::new("bomb.tif"), bomb.clone(), Limits::default()).err().unwrap();
    let text = error.to_string();
    assert!(text.starts_with("bomb.tif: directory 0: 9000 × 9000 pixels take 154 MB, "), "{text}");
    assert!(text.contains("times the") && text.contains("MOLCLIP_PLANE_MB=155 "), "{text}");
    // Who trusts it reads it.
    let trusting = Limits { trusted_bytes: 155 << 20, ..Limits::default() };
    let reader = tiff::open_bytes(Path::new("bomb.tif"), bomb, trusting).unwrap();
    assert_eq!(reader.read_plane(0, 0).unwrap().sum(), 0.0);
    // One strip that 100 strips share counts once.
    let strip = deflated(&vec![0; 9000 * 90 * 2]);
    let shared = compressed(9000, 9000, 16, 8, &strip, 100);
    assert!(tiff::open_bytes(Path::new("a.tif"), shared, Limits::default()).is_err());
    // A blank camera frame is a picture.
    let strip = deflated(&vec![0; 2048 * 2048 * 2]);
    let dark = compressed(2048, 2048, 16, 8, &strip, 1);
    let reader = tiff::open_bytes(Path::new("dark.tif"), dark, Limits::default()).unwrap();
    assert_eq!(reader.read_plane(0, 0).unwrap().sum(), 0.0);
}

#[test]
fn a_plane_of_16384_pixels_a_side_is_read() {
    // Half a gigabyte of noise that repeats: 1 part in 128 is stored.
    let mut random = Random(0x2545_F491_4F6C_DD1D);
    let noise: Vec<u8> = (0..16_384 * 128 * 2).map(|_| random.below(256) as u8).collect();
    let strip = deflated(&noise);
    let bytes = compressed(16_384, 16_384, 16, 8, &strip, 128);
    let reader = tiff::open_bytes(Path::new("large.tif"), bytes, Limits::default()).unwrap();
    let plane = reader.read_plane(0, 0).unwrap();
    assert_eq!(plane.bytes.len(), 512 << 20);
    assert_eq!(plane.bytes[..noise.len()], noise);
    assert_eq!(plane.bytes[127 * noise.len()..], noise);
}

#[test]
fn what_inflates_to_more_than_its_size_is_named() {
    // Some bytes too many are common, 300 MB are not.
    let strip = deflated(&[7; 100 * 100 + 500]);
    let reader =
        tiff::open_bytes(Path::new("a.tif"), compressed(100, 100, 8, 8, &strip, 1), Limits::default());
    assert_eq!(reader.unwrap().read_plane(0, 0).unwrap().sum(), 7.0 * 100.0 * 100.0);
    let strip = deflated(&vec![0; 300 << 20]);
    let reader =
        tiff::open_bytes(Path::new("a.tif"), compressed(100, 100, 8, 8, &strip, 1), Limits::default());
    let error = reader.unwrap().read_plane(0, 0).unwrap_err();
    assert!(error.problem.contains("it holds more than its size"), "{error}");
}

#[test]
fn a_tile_that_is_much_larger_than_the_picture_is_refused() {
    // A picture of 16 × 16 in a tile of 12,000 × 12,000.
    let tile = deflated(&vec![0; 12_000 * 12_000]);
    let mut tags: Vec<_> = grey_tags(16, 16, 8, 0, 0).into_iter().filter(|tag| tag.0 < 273).collect();
    tags[3].3 = 8;
    tags.extend([(322, 4, 1, 12_000), (323, 4, 1, 12_000), (324, 4, 1, 8), (325, 4, 1, tile.len() as u32)]);
    let mut bytes = b"II*\0".to_vec();
    bytes.extend((8 + tile.len() as u32).to_le_bytes());
    bytes.extend(&tile);
    bytes.extend(directory(&tags, 0));
    let read = tiff::open_bytes(Path::new("tile.tif"), bytes, Limits::default())
        .and_then(|reader| reader.read_plane(0, 0));
    let error = read.unwrap_err().to_string();
    assert!(error.contains("12000 × 12000") || error.contains("times the"), "{error}");
}

#[test]
fn of_several_series_the_one_that_is_too_large_says_so() {
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    let mut tags = grey_tags(4, 4, 8, 0, 16);
    let second = 8 + directory(&tags, 0).len() as u32;
    let data = second + directory(&tags, 0).len() as u32;
    tags[5].3 = data;
    bytes.extend(directory(&tags, second));
    bytes.extend(directory(&grey_tags(1 << 16, 1 << 16, 8, data, 16), 0));
    bytes.extend([5; 16]);
    let reader = tiff::open_bytes(Path::new("a.tif"), bytes, Limits::default()).unwrap();
    assert_eq!(reader.series().len(), 2);
    assert_eq!(reader.read_plane(0, 0).unwrap().bytes, [5; 16]);
    assert!(reader.read_plane(1, 0).is_err());
}

fn sums(path: &Path) -> (Vec<usize>, f64) {
    let reader = open(path, Limits::default()).unwrap_or_else(|e| panic!("{e}"));
    let series = &reader.series()[0];
    let sum = (0..series.shape.planes()).map(|p| reader.read_plane(0, p).unwrap().sum()).sum();
    (series.shape.dims(), sum)
}

/// The real recordings, where they are at hand: `MOLCLIP_DATA` names the folder.
#[test]
fn real_recordings_have_their_sums() {
    let Some(data) = std::env::var_os("MOLCLIP_DATA").map(PathBuf::from) else { return };
    let video = data.join("video");
    let full = [30, 1, 1, 192, 279];
    let whole = 175_999_992.0;
    for (name, dims, sum, tolerance) in [
        ("mito4d_deflate_pred.ome.tif", &[30, 17, 1, 192, 279][..], 2_830_647_466.0, 0.0),
        ("mitograph_Test001.tif", &[1, 41, 1, 192, 192], 3_480_264_709.0, 0.0),
        ("bian_BPAE_mito.tif", &[1, 1, 1, 680, 1100], 265_237_157.0, 1e-8),
        ("bian_membrane_2d_timelapse.tif", &[5, 1, 1, 256, 256], 195_947_076.0, 0.0),
        ("bian_cancer_cell_migration_crop.tif", &[48, 1, 1, 130, 130], 6_998_463_282.0, 0.0),
        ("bian_hela-cells.tif", &[1, 1, 1, 512, 672, 3], 393_520_446.0, 0.0),
        ("napari_2D_timelapse.tif", &[30, 1, 1, 511, 511], 143_101_634.0, 0.0),
        ("sktracker_TZ_nucleus.ome.tif", &[4, 5, 1, 51, 73], 1_421_967.0, 0.0),
        ("sktracker_CZT_peaks.ome.tif", &[4, 4, 1, 48, 56], 6_448_999.0, 0.0),
        ("encodings/mip_deflate.tif", &full, whole, 0.0),
        ("encodings/mip_deflate_tiled_big.ome.tif", &full, whole, 0.0),
        ("encodings/mip_i16.tif", &full, whole, 0.0),
        ("encodings/mip_lzw.ome.tif", &full, whole, 0.0),
        ("encodings/mip_lzw_pred.tif", &full, whole, 0.0),
        ("encodings/mip_packbits.tif", &full, whole, 0.0),
        ("encodings/mip_zstd.ome.tif", &full, whole, 0.0),
        ("encodings/mip_zstd_pred_tiled.ome.tif", &full, whole, 0.0),
        ("encodings/ij_singleIFD_contiguous.tif", &full, whole, 0.0),
        ("encodings/mip_f32_deflate_fpred.tif", &full, 846_153.802, 1e-8),
        ("encodings/mip_u8_jpeg.tif", &full, 128_743_023.0, 2e-3),
        ("encodings/contig_2ch_u16.tif", &[5, 1, 2, 192, 279], 58_747_745.0, 0.0),
        ("encodings/planar_sep_2ch_u16.tif", &[5, 1, 2, 192, 279], 58_747_745.0, 0.0),
        ("encodings/pyramid_subifd.ome.tif", &[30, 1, 1, 192, 272], 171_617_892.0, 0.0),
    ] {
        let (found_dims, found) = sums(&video.join(name));
        assert_eq!(found_dims, dims, "{name}");
        assert!(close(found, sum, tolerance), "{name}: {found} instead of {sum}");
    }
    for entry in fs::read_dir(video.join("odd")).unwrap() {
        let path = entry.unwrap().path();
        let start = Instant::now();
        if let Ok(reader) = open(&path, Limits::default()) {
            for plane in 0..reader.series()[0].shape.planes() {
                let _ = reader.read_plane(0, plane);
            }
        }
        assert!(start.elapsed() < Duration::from_secs(5), "{}", path.display());
    }
}
