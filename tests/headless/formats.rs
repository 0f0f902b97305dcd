//! GIF, PNG, JPEG, folders of frames, formats that are only recognised, and `molclip info`.

mod hostile;

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use image::AnimationDecoder;
use molclip::export::{MovieMeta, OmeTiffOptions, write_ome_tiff};
use molclip::progress::Progress;
use molclip::video::{self, Limits, Plane, Reader, SampleType, Shape, VideoError};
use serde_json::Value;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Local data that are too large or not free to be kept here.
fn local(name: &str) -> Option<PathBuf> {
    let path = Path::new(&std::env::var_os("MOLCLIP_DATA")?).join("video").join(name);
    path.exists().then_some(path)
}

fn open(path: &Path) -> Box<dyn Reader> {
    video::open(path, Limits::default()).unwrap_or_else(|e| panic!("{e}"))
}

fn error(path: &Path) -> VideoError {
    match video::open(path, Limits::default()) {
        Ok(_) => panic!("{} should not open", path.display()),
        Err(error) => error,
    }
}

fn expected(folder: &str) -> Value {
    let text = fs::read_to_string(fixture(folder).join("expected.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Sum of a plane of whole numbers.
fn sum(reader: &dyn Reader, series: usize, plane: usize) -> u64 {
    reader.read_plane(series, plane).unwrap_or_else(|e| panic!("{e}")).sum() as u64
}

fn total(reader: &dyn Reader) -> u64 {
    (0..reader.series()[0].shape.planes()).map(|plane| sum(reader, 0, plane)).sum()
}

#[test]
fn gif_frames_are_composited_as_pillow_does() {
    let expected = expected("gif");
    for (name, facts) in expected.as_object().unwrap() {
        let reader = open(&fixture("gif").join(name));
        let series = &reader.series()[0];
        let sums: Vec<u64> = facts["sums"].as_array().unwrap().iter().map(|v| v.as_u64().unwrap()).collect();
        assert_eq!(series.shape.t, sums.len(), "{name}");
        assert_eq!(facts["size"], serde_json::json!([series.shape.x, series.shape.y]), "{name}");
        assert_eq!(facts["samples"], series.shape.s, "{name}");
        assert!(series.warnings.is_empty(), "{name}: {:?}", series.warnings);
        let forwards: Vec<u64> = (0..sums.len()).map(|t| sum(reader.as_ref(), 0, t)).collect();
        assert_eq!(forwards, sums, "{name}");
        // Backwards, then by jumps: whatever was kept on the way must not show.
        for t in (0..sums.len()).rev().chain((0..sums.len()).map(|t| t * 7 % sums.len())) {
            assert_eq!(sum(reader.as_ref(), 0, t), sums[t], "{name}, frame {t}");
        }
    }
}

#[test]
fn every_disposal_method_is_drawn_as_the_image_crate_does() {
    let path = fixture("gif/disposals.gif");
    let file = std::io::BufReader::new(fs::File::open(&path).unwrap());
    let frames = image::codecs::gif::GifDecoder::new(file).unwrap().into_frames();
    let reader = open(&path);
    let mut count = 0;
    for (t, frame) in frames.enumerate() {
        let rgba = frame.unwrap().into_buffer();
        let rgb: Vec<u8> =
            rgba.pixels().flat_map(|p| if p[3] == 0 { [0; 3] } else { [p[0], p[1], p[2]] }).collect();
        assert!(reader.read_plane(0, t).unwrap().bytes == rgb, "frame {t}");
        count += 1;
    }
    assert_eq!(reader.series()[0].shape.t, count);
    assert_eq!(count, 10);
    for t in [3, 9, 0, 5, 4, 8, 1] {
        let again = open(&path).read_plane(0, t).unwrap();
        assert_eq!(reader.read_plane(0, t).unwrap(), again, "frame {t} after others");
    }
}

#[test]
fn gif_says_how_it_plays_and_not_how_it_was_recorded() {
    let reader = open(&fixture("gif/grey.gif"));
    let series = &reader.series()[0];
    assert_eq!(series.playback_fps, Some(10.0));
    assert_eq!(series.interval_s, None);
    assert_eq!(series.time_stamps_s(), None);
    assert_eq!(series.compression, "gif");
    assert_eq!(reader.format(), "GIF");
}

#[test]
fn truncated_gif_keeps_its_whole_frames() {
    let whole = open(&fixture("gif/colours.gif"));
    let cut = open(&fixture("gif/truncated.gif"));
    let series = &cut.series()[0];
    assert_eq!((series.shape.t, series.missing_planes()), (9, 1));
    assert!(series.warnings[0].contains("inside frame 9"), "{:?}", series.warnings);
    for t in 0..8 {
        assert_eq!(cut.read_plane(0, t), whole.read_plane(0, t));
    }
    let error = cut.read_plane(0, 8).unwrap_err().to_string();
    assert!(error.contains("frame 9"), "{error}");
}

#[test]
fn no_byte_of_a_gif_can_make_it_panic() {
    let bytes = fs::read(fixture("gif/disposals.gif")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odd.gif");
    fs::write(&path, &bytes).unwrap();
    let limits = Limits { plane_bytes: 1 << 20, planes: 100, ..Limits::default() };
    let read_all = || {
        if let Ok(reader) = video::open(&path, limits) {
            for t in 0..reader.series()[0].shape.t {
                let _ = reader.read_plane(0, t);
            }
        }
    };
    // Written in place: replacing a file a thousand times waits for the disk.
    let mut file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    let mut put = |at: usize, value: u8| {
        file.seek(SeekFrom::Start(at as u64)).unwrap();
        file.write_all(&[value]).unwrap();
    };
    for at in (0..bytes.len()).step_by(13).chain(0..60).chain(770..900) {
        for value in [0x00, 0x2C, 0xFF] {
            put(at, value);
            read_all();
        }
        put(at, bytes[at]);
    }
    for len in (0..bytes.len()).rev().step_by(101) {
        file.set_len(len as u64).unwrap();
        read_all();
    }
}

#[test]
fn huge_canvas_is_refused_before_memory_is_taken() {
    let mut bytes = fs::read(fixture("gif/disposals.gif")).unwrap();
    bytes[6..10].fill(0xFF);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge.gif");
    fs::write(&path, &bytes).unwrap();
    let error = error(&path).to_string();
    assert!(error.contains("65535 × 65535") && error.contains("limit"), "{error}");
}

#[test]
fn a_gap_in_the_numbers_is_a_missing_frame() {
    let reader = open(&fixture("folder/gap"));
    let series = &reader.series()[0];
    assert_eq!(series.name, "mito");
    assert_eq!(series.shape.dims(), [12, 1, 1, 40, 48]);
    assert_eq!(series.dtype, SampleType::U16);
    assert_eq!(series.missing.iter().position(|&m| m), Some(6));
    assert_eq!(
        series.warnings,
        ["Frame 7 of 1…12 is missing.", "1 other file in the folder is ignored: notes.txt."]
    );
    let expected = expected("folder");
    for t in (0..12).filter(|&t| t != 6) {
        assert_eq!(
            expected["gap"][format!("mito_t{}.png", t + 1)],
            serde_json::json!(sum(reader.as_ref(), 0, t))
        );
    }
    assert!(reader.read_plane(0, 6).is_err());
}

#[test]
fn names_give_focal_planes_and_channels() {
    let reader = open(&fixture("folder/axes"));
    let series = &reader.series()[0];
    assert_eq!(series.shape.dims(), [2, 3, 2, 40, 48]);
    assert_eq!(series.missing_planes(), 1);
    assert!(series.warnings[0].contains("frame 1, focal plane 3, channel 1"), "{:?}", series.warnings);
    let expected = expected("folder");
    for t in 0..2 {
        for z in 0..3 {
            for c in 0..2 {
                let plane = series.shape.plane_index(t, z, c);
                let name = format!("cell_t{t:03}_z{:02}_ch{c:02}.png", z + 1);
                match expected["axes"].get(&name) {
                    Some(value) => assert_eq!(value.as_u64(), Some(sum(reader.as_ref(), 0, plane)), "{name}"),
                    None => assert!(series.is_missing(plane), "{name}"),
                }
            }
        }
    }
}

#[test]
fn stems_are_series_and_an_odd_frame_is_named() {
    let reader = open(&fixture("folder/stems"));
    let names: Vec<&str> = reader.series().iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["control", "drug"]);
    assert_eq!(reader.series()[0].shape.dims(), [3, 1, 1, 40, 48]);
    assert_eq!(reader.series()[1].shape.dims(), [3, 1, 1, 40, 48, 3]);
    assert_eq!((&*reader.series()[0].compression, &*reader.series()[1].compression), ("png", "jpeg"));
    assert_eq!(reader.format(), "folder of pictures");
    let expected = expected("folder")["stems"]["drug_00.jpg"].as_f64().unwrap();
    assert!((sum(reader.as_ref(), 1, 0) as f64 / expected - 1.0).abs() < 2e-3);
    let error = reader.read_plane(1, 2).unwrap_err();
    assert!(error.path.ends_with("drug_02.jpg"), "{error}");
    assert!(error.problem.contains("48 × 20") && error.problem.contains("48 × 40"), "{error}");
}

#[test]
fn tiff_frames_are_one_recording() {
    let reader = open(&fixture("folder/tif"));
    assert_eq!(reader.format(), "folder of TIFF");
    assert_eq!(reader.series()[0].shape.dims(), [4, 1, 1, 40, 48]);
    let sums: u64 = expected("folder")["tif"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert_eq!(total(reader.as_ref()), sums);
}

/// Writes a small OME-TIFF whose samples tell the file and the plane.
fn write_stack(path: &Path, t: usize, z: usize, mark: u8) {
    let shape = Shape { t, z, c: 1, y: 4, x: 5, s: 1 };
    let meta = MovieMeta {
        name: "stack".into(),
        description: None,
        shape,
        dtype: SampleType::U8,
        missing: Vec::new(),
        pixel_size_um: Some(0.1),
        z_step_um: None,
        interval_s: None,
        plane_times_s: None,
        channels: Vec::new(),
    };
    write_ome_tiff(path, meta, OmeTiffOptions::default(), &Progress::default(), |n| {
        Ok(Plane { width: 5, height: 4, samples: 1, dtype: SampleType::U8, bytes: vec![mark + n as u8; 20] })
    })
    .unwrap();
}

#[test]
fn one_stack_per_time_point_is_one_recording_and_films_are_many() {
    let folder = tempfile::tempdir().unwrap();
    for t in 0..3 {
        write_stack(&folder.path().join(format!("cell_t{t}.ome.tif")), 1, 4, t * 10);
    }
    let reader = open(folder.path());
    let series = &reader.series()[0];
    assert_eq!(series.shape.dims(), [3, 4, 1, 4, 5]);
    assert_eq!(series.pixel_size_um, Some(0.1));
    assert_eq!(sum(reader.as_ref(), 0, series.shape.plane_index(2, 3, 0)), 23 * 20);
    assert!(reader.read_plane(0, 12).is_err());

    let folder = tempfile::tempdir().unwrap();
    for n in 0..2 {
        write_stack(&folder.path().join(format!("film{n}.ome.tif")), 2, 1, n * 10);
    }
    let reader = open(folder.path());
    let names: Vec<&str> = reader.series().iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["film0", "film1"]);
    assert_eq!(reader.series()[1].shape.t, 2);
    assert_eq!(sum(reader.as_ref(), 1, 1), 11 * 20);
}

#[test]
fn a_single_picture_is_a_recording_of_one_frame() {
    for (name, format) in [("gap/mito_t1.png", "PNG"), ("stems/drug_00.jpg", "JPEG")] {
        let reader = open(&fixture("folder").join(name));
        assert_eq!(reader.format(), format);
        assert_eq!(reader.series()[0].shape.planes(), 1);
        reader.read_plane(0, 0).unwrap();
        assert!(reader.read_plane(0, 1).is_err());
    }
}

#[test]
fn ten_thousand_frames_open_at_once() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(fixture("folder/gap/mito_t1.png"), folder.path().join("f_00001.png")).unwrap();
    for t in 2..=10_000 {
        // Empty: opening must not look into them.
        fs::File::create(folder.path().join(format!("f_{t:05}.png"))).unwrap();
    }
    let start = Instant::now();
    let reader = open(folder.path());
    let took = start.elapsed();
    assert_eq!(reader.series()[0].shape.t, 10_000);
    assert!(took < Duration::from_millis(500), "{took:?}");
    println!("10,000 frames opened in {took:?}");
    let error = reader.read_plane(0, 1).unwrap_err();
    assert!(error.path.ends_with("f_00002.png") && error.problem.contains("empty"), "{error}");
}

#[test]
fn a_damaged_first_frame_does_not_hide_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("t1.png"), b"\x89PNG\r\n\x1a\nno").unwrap();
    for t in 2..4 {
        fs::copy(fixture("folder/gap/mito_t1.png"), folder.path().join(format!("t{t}.png"))).unwrap();
    }
    let reader = open(folder.path());
    assert_eq!(reader.series()[0].shape.t, 3);
    assert!(reader.read_plane(0, 0).unwrap_err().path.ends_with("t1.png"));
    reader.read_plane(0, 1).unwrap();
}

#[test]
fn what_cannot_be_read_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    for (name, bytes, problem, remedy) in [
        ("a.avi", &b"RIFF\0\0\0\0AVI LIST"[..], "AVI", "ffmpeg -i a.avi"),
        ("a.mp4", b"\0\0\0\x18ftypmp42", "MP4", "ffmpeg"),
        ("a.nd2", b"\xDA\xCE\xBE\x0A\0\0", "ND2", "bfconvert a.nd2 a.ome.tif"),
        ("a.czi", b"ZISRAWFILE\0\0", "CZI", "OME-TIFF"),
        ("a.lif", b"\x70\0\0\0\x10\0\0\0\x2A\0", "LIF", "OME-TIFF"),
        ("a.ims", b"\x89HDF\r\n\x1a\n", "HDF5", "OME-TIFF"),
        ("a.txt", b"hello there", "not a known recording", "TIFF"),
        ("a.tif", b"", "empty", "again"),
        ("a.gif", b"GIF89a\x10", "header", "again"),
        ("a.png", b"\x89PNG\r\n\x1a\n", "", "again"),
    ] {
        let error = error(&write(name, bytes));
        assert!(error.problem.contains(problem), "{error}");
        assert!(error.remedy.contains(remedy) && error.remedy.ends_with('.'), "{error}");
    }
    assert!(error(&folder.path().join("none.tif")).remedy.contains("path"));

    let empty = tempfile::tempdir().unwrap();
    assert!(error(empty.path()).problem.contains("empty"));
    fs::create_dir(empty.path().join("day2")).unwrap();
    assert!(error(empty.path()).remedy.contains("day2"));
    fs::write(empty.path().join("notes.txt"), "x").unwrap();
    assert!(error(empty.path()).problem.contains("notes.txt"));
    fs::write(empty.path().join("NDTiff.index"), "x").unwrap();
    assert!(error(empty.path()).problem.contains("NDTiff"));
    fs::remove_file(empty.path().join("NDTiff.index")).unwrap();
    fs::write(empty.path().join(".zgroup"), "{}").unwrap();
    assert!(error(empty.path()).problem.contains("OME-Zarr"));
}

fn info(arguments: &[&str], path: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_molclip")).arg("info").args(arguments).arg(path).output().unwrap()
}

#[test]
fn info_prints_json_alone_with_every_key() {
    let output = info(&["--json", "--checksum"], &fixture("folder/gap"));
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("Frame 7"));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut keys: Vec<&str> = json["series"][0].as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(
        keys.join(" "),
        "axes channels compression dtype interval_s missing_planes name pixel_size_um planes playback_fps shape \
         sum sum_first_plane sum_last_plane time_stamps_s z_step_um"
    );
    let series = &json["series"][0];
    let sums = expected("folder")["gap"].clone();
    let all: u64 = sums.as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert_eq!(series["sum"], all);
    assert_eq!(series["sum_first_plane"], sums["mito_t1.png"]);
    assert_eq!(series["sum_last_plane"], sums["mito_t12.png"]);
    assert_eq!((&series["planes"], &series["missing_planes"]), (&Value::from(12), &Value::from(1)));
    assert_eq!(series["dtype"], "uint16");
    assert_eq!(series["interval_s"], Value::Null);

    let json: Value = serde_json::from_slice(&info(&["--json"], &fixture("gif/colours.gif")).stdout).unwrap();
    assert_eq!(json["format"], "GIF");
    assert_eq!(json["series"][0]["axes"], "TZCYXS");
    assert_eq!(json["series"][0]["sum"], Value::Null);
    assert_eq!(json["series"][0]["playback_fps"], 25.0);
}

#[test]
fn info_is_readable_and_chooses_a_series() {
    let text = String::from_utf8(info(&["--series", "1"], &fixture("folder/stems")).stdout).unwrap();
    assert!(text.contains("drug") && !text.contains("control"), "{text}");
    assert!(text.contains("Pixel size     unknown"), "{text}");
    let output = info(&["--series", "2"], &fixture("folder/stems"));
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("series 2"));
}

#[test]
fn real_recordings_have_the_sums_of_other_readers() {
    for name in ["encodings/png16_frames", "encodings/tif_frames"] {
        let Some(path) = local(name) else { continue };
        let reader = open(&path);
        assert_eq!(reader.series()[0].shape.dims(), [30, 1, 1, 192, 279], "{name}");
        assert_eq!(total(reader.as_ref()), 175_999_992, "{name}");
    }
    if let Some(path) = local("pearling_Movie28_Actin_inhibitors.gif") {
        let start = Instant::now();
        let reader = open(&path);
        let opened = start.elapsed();
        assert_eq!(reader.series()[0].shape.dims(), [156, 1, 1, 385, 1080, 3]);
        assert_eq!(total(reader.as_ref()), 2_822_144_970);
        println!("pearling: opened in {opened:?}, 156 frames in {:?}", start.elapsed());
        let start = Instant::now();
        for t in (0..156).rev() {
            reader.read_plane(0, t).unwrap();
        }
        println!("pearling backwards: 156 frames in {:?}", start.elapsed());
        assert!(start.elapsed() < Duration::from_secs(10));
    }
}
