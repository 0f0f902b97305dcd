//! What is written is read back the same, and what is cancelled leaves nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use molclip::export::{
    ExportError, GifOptions, GifWriter, MovieMeta, OmeTiffOptions, OmeTiffWriter, PngOptions, write_ome_tiff,
    write_png,
};
use molclip::progress::Progress;
use molclip::video::{self, Channel, Limits, Plane, Reader, SampleType, Shape};

const TYPES: [SampleType; 9] = [
    SampleType::U8,
    SampleType::I8,
    SampleType::U16,
    SampleType::I16,
    SampleType::U32,
    SampleType::I32,
    SampleType::F16,
    SampleType::F32,
    SampleType::F64,
];

fn open(path: &Path) -> Box<dyn Reader> {
    video::open(path, Limits::default()).unwrap_or_else(|e| panic!("{e}"))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn meta(shape: Shape, dtype: SampleType) -> MovieMeta {
    MovieMeta {
        name: "HeLa, 5 µM <CCCP> & \"wash\"".into(),
        description: Some("made by a test; 37 °C".into()),
        shape,
        dtype,
        missing: Vec::new(),
        pixel_size_um: Some(0.0655),
        z_step_um: Some(0.25),
        interval_s: Some(4.536),
        plane_times_s: None,
        channels: vec![
            Channel { name: Some("TMRM µ".into()), color: Some([255, 128, 0]) },
            Channel { name: None, color: Some([0, 0, 255]) },
        ],
    }
}

/// A plane of numbers that differ from plane to plane; floats are whole, so that half precision holds them.
fn plane(shape: Shape, dtype: SampleType, number: usize) -> Plane {
    let mut bytes = Vec::new();
    for i in 0..shape.plane_samples() {
        let v = (i * 7 + number * 31) % 120;
        match dtype {
            SampleType::U8 => bytes.push(v as u8),
            SampleType::I8 => bytes.extend((v as i8 - 60).to_ne_bytes()),
            SampleType::U16 => bytes.extend((v as u16 * 500).to_ne_bytes()),
            SampleType::I16 => bytes.extend((v as i16 * 500 - 30_000).to_ne_bytes()),
            SampleType::U32 => bytes.extend((v as u32 * 30_000_000).to_ne_bytes()),
            SampleType::I32 => bytes.extend((v as i32 * 30_000_000 - 2_000_000_000).to_ne_bytes()),
            SampleType::F16 => bytes.extend(half::f16::from_f32(v as f32 - 60.0).to_ne_bytes()),
            SampleType::F32 => bytes.extend((v as f32 - 60.5).to_ne_bytes()),
            SampleType::F64 => bytes.extend((v as f64 - 60.25).to_ne_bytes()),
        }
    }
    Plane { width: shape.x, height: shape.y, samples: shape.s, dtype, bytes }
}

#[test]
fn ome_tiff_of_every_type_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let grey = Shape { t: 3, z: 2, c: 2, y: 37, x: 53, s: 1 };
    let rgb = Shape { t: 2, z: 1, c: 1, y: 20, x: 31, s: 3 };
    let mut cases: Vec<(Shape, SampleType, OmeTiffOptions)> = Vec::new();
    for dtype in TYPES {
        cases.push((grey, dtype, OmeTiffOptions { deflate: true, big: None }));
        cases.push((grey, dtype, OmeTiffOptions { deflate: false, big: None }));
    }
    cases.push((grey, SampleType::U16, OmeTiffOptions { deflate: true, big: Some(true) }));
    cases.push((rgb, SampleType::U8, OmeTiffOptions::default()));
    cases.push((rgb, SampleType::U16, OmeTiffOptions { deflate: false, big: Some(true) }));
    for (number, (shape, dtype, options)) in cases.into_iter().enumerate() {
        let case = format!("{dtype:?} {shape:?} {options:?}");
        let path = folder.path().join(format!("{number}.ome.tif"));
        let written = write_ome_tiff(&path, meta(shape, dtype), options, &Progress::default(), |n| {
            Ok(plane(shape, dtype, n))
        });
        assert_eq!(written.unwrap_or_else(|e| panic!("{case}: {e}")), path);
        let reader = open(&path);
        assert_eq!(reader.format(), "OME-TIFF", "{case}");
        let series = &reader.series()[0];
        assert!(series.warnings.is_empty(), "{case}: {:?}", series.warnings);
        assert_eq!(series.shape, shape, "{case}");
        // OME has no half precision.
        let stored = if dtype == SampleType::F16 { SampleType::F32 } else { dtype };
        assert_eq!(series.dtype, stored, "{case}");
        assert_eq!(series.pixel_size_um, Some(0.0655), "{case}");
        assert_eq!(series.z_step_um, Some(0.25), "{case}");
        assert_eq!(series.interval_s, Some(4.536), "{case}");
        assert_eq!(series.channels[0].name.as_deref(), Some("TMRM µ"), "{case}");
        assert_eq!(series.channels[0].color, Some([255, 128, 0]), "{case}");
        for n in 0..shape.planes() {
            let original = plane(shape, dtype, n);
            let back = reader.read_plane(0, n).unwrap();
            if dtype == stored {
                assert_eq!(back, original, "{case}, plane {n}");
            } else {
                let mut values = (Vec::new(), Vec::new());
                back.for_each(|v| values.0.push(v));
                original.for_each(|v| values.1.push(v));
                assert_eq!(values.0, values.1, "{case}, plane {n}");
            }
        }
    }
}

#[test]
fn ome_tiff_keeps_times_and_missing_planes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gap.ome.tif");
    let shape = Shape { t: 4, z: 1, c: 2, y: 8, x: 8, s: 1 };
    let mut meta = meta(shape, SampleType::U16);
    meta.interval_s = None;
    meta.plane_times_s = Some(vec![0.0, 0.5, 10.0, 10.5, f64::NAN, f64::NAN, 31.25, 31.5]);
    meta.missing = vec![false, false, false, false, true, true, false, false];
    let mut asked = Vec::new();
    write_ome_tiff(&path, meta, OmeTiffOptions::default(), &Progress::default(), |n| {
        asked.push(n);
        Ok(plane(shape, SampleType::U16, n))
    })
    .unwrap();
    assert_eq!(asked, [0, 1, 2, 3, 6, 7]);
    let reader = open(&path);
    let series = &reader.series()[0];
    assert_eq!(series.shape, shape);
    assert_eq!(series.missing, [false, false, false, false, true, true, false, false]);
    let times = series.time_stamps_s().unwrap();
    assert_eq!((times[0], times[1], times[3]), (0.0, 10.0, 31.25));
    assert!(times[2].is_nan());
    assert_eq!(reader.read_plane(0, 7).unwrap(), plane(shape, SampleType::U16, 7));
    assert!(reader.read_plane(0, 4).is_err());
}

#[test]
fn a_stopped_export_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stopped.ome.tif");
    let shape = Shape { t: 5, z: 1, c: 1, y: 8, x: 8, s: 1 };
    let progress = Progress::default();
    let result =
        write_ome_tiff(&path, meta(shape, SampleType::U8), OmeTiffOptions::default(), &progress, |n| {
            if n == 2 {
                progress.cancel();
            }
            Ok(plane(shape, SampleType::U8, n))
        });
    assert!(matches!(result, Err(ExportError::Cancelled)));
    assert_eq!((progress.done(), progress.total()), (3, 5));
    assert_eq!(files(folder.path()), Vec::<PathBuf>::new());

    // Too few planes, a plane of another size, a writer that is dropped: no file either.
    let mut writer =
        OmeTiffWriter::create(&path, meta(shape, SampleType::U8), OmeTiffOptions::default()).unwrap();
    writer.write_plane(&plane(shape, SampleType::U8, 0)).unwrap();
    assert!(writer.write_plane(&plane(Shape { x: 9, ..shape }, SampleType::U8, 0)).is_err());
    assert!(writer.finish().is_err());
    let mut gif = GifWriter::create(&folder.path().join("a.gif"), 4, 4, GifOptions::default()).unwrap();
    gif.write_frame(&[0; 64], Duration::from_millis(100)).unwrap();
    drop(gif);
    assert_eq!(files(folder.path()), Vec::<PathBuf>::new());
}

#[test]
fn an_export_that_fails_keeps_the_file_that_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kept.ome.tif");
    fs::write(&path, "precious").unwrap();
    let shape = Shape { t: 1, z: 1, c: 1, y: 8, x: 8, s: 1 };
    let writer = OmeTiffWriter::create(&path, meta(shape, SampleType::U8), OmeTiffOptions::default());
    assert!(writer.unwrap().finish().is_err());
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    let nowhere = folder.path().join("none/there.ome.tif");
    let error = OmeTiffWriter::create(&nowhere, meta(shape, SampleType::U8), OmeTiffOptions::default());
    let error = error.err().unwrap().to_string();
    assert!(error.contains("there.ome.tif") && error.contains("folder exists"), "{error}");
}

#[cfg(unix)]
#[test]
fn exported_files_are_as_readable_as_any_other() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ordinary"), "x").unwrap();
    write_png(&folder.path().join("a.png"), 1, 1, &[1, 2, 3, 4], &PngOptions::default()).unwrap();
    let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
    assert_eq!(mode("a.png"), mode("ordinary"));
}

/// Frames whose colours come from a look-up table, with a bright square that moves.
fn frame(t: usize, width: usize, height: usize) -> Vec<u8> {
    let mut rgba = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let v = ((x * 5 + y * 3) % 200) as u8;
            let inside = (t * 3..t * 3 + 6).contains(&x) && (4..10).contains(&y);
            let [r, g, b] = if inside { [255, 255, 0] } else { [v, v / 2, 255 - v] };
            rgba.extend([r, g, b, 255]);
        }
    }
    rgba
}

#[test]
fn gif_of_a_few_colours_is_exact_and_keeps_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.gif");
    let (width, height) = (40, 24);
    let mut writer = GifWriter::create(&path, width as u32, height as u32, GifOptions::default()).unwrap();
    // The fourth frame repeats the third: one pixel is written, the frame is still there.
    let order = [0, 1, 2, 2, 5, 0];
    for t in order {
        writer.write_frame(&frame(t, width, height), Duration::from_secs_f64(1.0 / 30.0)).unwrap();
    }
    writer.finish().unwrap();
    let reader = open(&path);
    let series = &reader.series()[0];
    assert_eq!(series.shape.dims(), [6, 1, 1, 24, 40, 3]);
    assert!(series.warnings.is_empty(), "{:?}", series.warnings);
    for (n, t) in order.into_iter().enumerate() {
        let rgb: Vec<u8> = frame(t, width, height).chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
        assert!(reader.read_plane(0, n).unwrap().bytes == rgb, "frame {n}");
    }
    // 30 frames a second are 3, 4, 3, … hundredths: six frames last 0.2 s.
    let bytes = fs::read(&path).unwrap();
    let delays: Vec<u16> = (0..bytes.len() - 8)
        .filter(|&i| bytes[i..i + 3] == [0x21, 0xF9, 4])
        .map(|i| u16::from_le_bytes([bytes[i + 4], bytes[i + 5]]))
        .collect();
    assert_eq!(delays.len(), 6);
    assert_eq!(delays.iter().sum::<u16>(), 20, "{delays:?}");
}

#[test]
fn gif_of_many_colours_comes_close() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.gif");
    let side = 64;
    let rgba: Vec<u8> =
        (0..side * side).flat_map(|i| [(i % side * 4) as u8, (i / side * 4) as u8, 90, 255]).collect();
    let mut writer =
        GifWriter::create(&path, side as u32, side as u32, GifOptions { repeat: false }).unwrap();
    writer.write_frame(&rgba, Duration::from_millis(100)).unwrap();
    writer.finish().unwrap();
    let back = open(&path).read_plane(0, 0).unwrap();
    let error: u64 = back
        .bytes
        .chunks_exact(3)
        .zip(rgba.chunks_exact(4))
        .flat_map(|(a, b)| (0..3).map(|k| u64::from(a[k].abs_diff(b[k]))))
        .sum();
    let mean = error as f64 / back.bytes.len() as f64;
    assert!(mean < 6.0, "mean error {mean}");
    assert!(GifWriter::create(&path, 70_000, 4, GifOptions::default()).is_err());
}

#[test]
fn png_keeps_pixels_resolution_and_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    let rgba = frame(1, 20, 12);
    let options = PngOptions {
        dpi: Some(300.0),
        text: vec![("Software".into(), "MolCLIP Studio".into()), ("Source".into(), "5 µM".into())],
    };
    write_png(&path, 20, 12, &rgba, &options).unwrap();
    let back = open(&path).read_plane(0, 0).unwrap();
    assert_eq!((back.width, back.height, back.samples), (20, 12, 4));
    assert_eq!(back.bytes, rgba);
    let bytes = fs::read(&path).unwrap();
    let at = bytes.windows(4).position(|w| w == b"pHYs").unwrap();
    assert_eq!(u32::from_be_bytes(bytes[at + 4..at + 8].try_into().unwrap()), 11_811);
    assert!(bytes.windows(5).any(|w| w == "5 µM".as_bytes()));
    assert!(write_png(&path, 20, 13, &rgba, &options).is_err());
}
