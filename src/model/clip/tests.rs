//! Recordings that are formulas, at a model's scale.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::video::{Address, Channel, Plane, Reader, SampleType, Series, Shape};

/// Frames whose samples say where they are.
struct Ramp(Vec<Series>);

impl Reader for Ramp {
    fn format(&self) -> &'static str {
        "ramp"
    }
    fn series(&self) -> &[Series] {
        &self.0
    }
    fn read_plane(&self, _series: usize, plane: usize) -> Result<Plane, VideoError> {
        let shape = self.0[0].shape;
        let (width, height) = (shape.x, shape.y);
        let values = (0..width * height * shape.s).map(|i| {
            let (sample, pixel) = (i % shape.s, i / shape.s);
            (1000 * plane + 100 * sample + 10 * (pixel / width) + pixel % width) as u16
        });
        let bytes = values.flat_map(u16::to_ne_bytes).collect();
        Ok(Plane { width, height, samples: shape.s, dtype: SampleType::U16, bytes })
    }
}

pub fn recording(shape: Shape, pixel_um: Option<f64>, times: Option<Vec<f64>>, names: &[&str]) -> Recording {
    let series = Series {
        pixel_size_um: pixel_um,
        plane_times_s: times,
        channels: names.iter().map(|name| Channel { name: Some((*name).to_owned()), color: None }).collect(),
        ..Series::new("ramp", shape, SampleType::U16, "none")
    };
    Recording::from_reader(&Address::of("ramp"), Arc::new(Ramp(vec![series]))).unwrap()
}

fn spec(frames: usize, size: usize) -> InputSpec {
    InputSpec {
        channels: vec!["mitochondria".into()],
        frames,
        size,
        pixel_size_um: Some(0.4),
        interval_s: Some(5.0),
        masked: false,
        mean: vec![0.0],
        std: vec![1.0],
    }
}

pub const FIVE: Shape = Shape { t: 5, z: 1, c: 1, y: 8, x: 8, s: 1 };

#[test]
fn half_as_large_pixels_are_averaged_two_by_two() {
    let times = (0..5).map(|t| f64::from(t) * 5.0).collect();
    let clip =
        Clip::read(&recording(FIVE, Some(0.2), Some(times), &[]), Calibration::default(), &spec(5, 16))
            .unwrap();
    assert_eq!(clip.shape, [1, 5, 4, 4]);
    assert_eq!(clip.mismatch, Mismatch { scale: Some(0.5), interval: Some(1.0), still: None });
    assert_eq!(clip.mismatch.warning(), None);
    let frame: Vec<f32> = clip.frame(0, 2).collect();
    // Pixels (0, 0), (0, 1), (1, 0), (1, 1) of frame 2: 2000 + the mean of 0, 1, 10, 11.
    assert!((frame[0] - 2005.5).abs() < 0.1, "{}", frame[0]);
    assert!((frame[5] - (2005.5 + 22.0)).abs() < 0.1);
}

#[test]
fn a_large_field_is_cropped_in_its_middle() {
    let shape = Shape { x: 40, y: 24, ..FIVE };
    let clip =
        Clip::read(&recording(shape, Some(0.4), None, &[]), Calibration::default(), &spec(5, 16)).unwrap();
    assert_eq!(clip.shape, [1, 5, 18, 18]);
    // Columns 11 to 28 of 40, rows 3 to 20 of 24.
    assert!((clip.frame(0, 0).next().unwrap() - 41.0).abs() < 0.1);
    assert!(clip.mismatch.warning().unwrap().contains("interval"));
}

#[test]
fn an_image_is_a_clip_of_one_frame_and_fills_a_longer_one() {
    let image = recording(Shape { t: 1, ..FIVE }, Some(0.4), None, &[]);
    let one = Clip::read(&image, Calibration::default(), &spec(1, 16)).unwrap();
    assert_eq!((one.shape, one.mismatch.warning()), ([1, 1, 8, 8], None));
    let four = Clip::read(&image, Calibration::default(), &spec(4, 16)).unwrap();
    assert_eq!(four.shape, [1, 4, 8, 8]);
    for frame in 0..4 {
        assert!(four.frame(0, frame).eq(one.frame(0, 0)), "frame {frame}");
    }
    let text = four.mismatch.warning().unwrap();
    assert!(text.starts_with("one frame: the model was trained on 4 frames"), "{text}");
    assert!(!text.contains("interval"), "{text}");
    // A model of one frame asks a movie for its middle, and for no interval.
    let movie =
        Clip::read(&recording(FIVE, Some(0.4), None, &[]), Calibration::default(), &spec(1, 16)).unwrap();
    assert_eq!((movie.frame(0, 0).next(), movie.mismatch.warning()), (Some(2000.0), None));
    // Two frames are a movie, however short.
    let short = recording(Shape { t: 2, ..FIVE }, Some(0.4), Some(vec![0.0, 5.0]), &[]);
    let clip = Clip::read(&short, Calibration::default(), &spec(4, 16)).unwrap();
    let first: Vec<f32> = (0..4).filter_map(|frame| clip.frame(0, frame).next()).collect();
    assert_eq!(
        (first.iter().map(|value| value.round()).collect::<Vec<_>>(), clip.mismatch.still),
        (vec![0.0, 0.0, 1000.0, 1000.0], None)
    );
}

#[test]
fn no_frame_is_refused_and_a_wrong_pixel_size_too() {
    let none =
        Clip::read_frames(&recording(FIVE, None, None, &[]), &[], Calibration::default(), &spec(4, 16));
    let text = none.unwrap_err().to_string();
    assert!(text.contains("no frame of it"), "{text}");
    let row = Calibration { pixel_size_um: Some(1e9), interval_s: None };
    let wrong = Clip::read(&recording(FIVE, None, None, &[]), row, &spec(4, 16));
    assert!(matches!(wrong, Err(ClipError::Scale { .. })));
}

#[test]
fn four_times_as_coarse_as_in_training_is_worth_a_warning() {
    let times = (0..5).map(f64::from).collect();
    let coarse = recording(FIVE, Some(1.6), Some(times), &[]);
    let clip = Clip::read(&coarse, Calibration::default(), &spec(4, 16)).unwrap();
    let text = clip.mismatch.warning().unwrap();
    assert!(text.contains("4.00 times as large") && text.contains("0.27 times as far apart"), "{text}");
}

/// Frames whose samples are a formula of plane and pixel.
struct Painted {
    series: Vec<Series>,
    paint: fn(usize, usize) -> f32,
    reads: AtomicUsize,
}

impl Reader for Painted {
    fn format(&self) -> &'static str {
        "painted"
    }
    fn series(&self) -> &[Series] {
        &self.series
    }
    fn read_plane(&self, _series: usize, plane: usize) -> Result<Plane, VideoError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let Shape { x: width, y: height, .. } = self.series[0].shape;
        let bytes = (0..width * height).flat_map(|i| (self.paint)(plane, i).to_ne_bytes()).collect();
        Ok(Plane { width, height, samples: 1, dtype: SampleType::F32, bytes })
    }
}

fn painted(shape: Shape, paint: fn(usize, usize) -> f32) -> (Recording, Arc<Painted>) {
    let series =
        Series { pixel_size_um: Some(0.4), ..Series::new("painted", shape, SampleType::F32, "none") };
    let reader = Arc::new(Painted { series: vec![series], paint, reads: AtomicUsize::new(0) });
    let recording =
        Recording::from_reader(&Address::of("painted"), Arc::clone(&reader) as Arc<dyn Reader>).unwrap();
    (recording, reader)
}

/// What a recording is refused for, both ways.
fn found(shape: Shape, spec: &InputSpec, paint: fn(usize, usize) -> f32) -> Option<Defect> {
    let (recording, _) = painted(shape, paint);
    let found = match Clip::read(&recording, Calibration::default(), spec) {
        Ok(_) => None,
        Err(ClipError::Defect { path, defect }) => {
            assert_eq!(path, "painted");
            Some(defect)
        }
        Err(other) => panic!("{other}"),
    };
    let all: Vec<usize> = (0..shape.t).collect();
    if let Ok(sampling) = Sampling::new(&recording, &all, Calibration::default(), spec) {
        assert_eq!(Clip::defect(&recording, &sampling, spec).unwrap(), found);
    }
    found
}

/// As good as random, from 0 to 1.
fn noise(plane: usize, pixel: usize) -> f32 {
    ((plane * 64 + pixel) as u32).wrapping_mul(2_654_435_761) as f32 / u32::MAX as f32
}

#[test]
fn what_has_one_value_or_none_is_a_defect() {
    let spec = spec(4, 16);
    assert_eq!(found(FIVE, &spec, |_, _| 0.0), Some(Defect::Constant(0.0)));
    assert_eq!(found(FIVE, &spec, |_, _| 7.5), Some(Defect::Constant(7.5)));
    assert_eq!(found(FIVE, &spec, |_, _| f32::NAN), Some(Defect::NotFinite));
    let infinite = |_: usize, i: usize| if i.is_multiple_of(2) { f32::INFINITY } else { f32::NEG_INFINITY };
    assert_eq!(found(FIVE, &spec, infinite), Some(Defect::NotFinite));
    let masked = |_: usize, i: usize| if i < 20 { 3.0 } else { f32::NAN };
    assert_eq!(found(FIVE, &spec, masked), Some(Defect::Constant(3.0)));
    // Only what the network sees counts: 18 of 40 columns, in the middle.
    let wide = Shape { x: 40, ..FIVE };
    let edge = |_: usize, i: usize| if i % 40 < 5 { i as f32 } else { 2.0 };
    assert_eq!(found(wide, &spec, edge), Some(Defect::Constant(2.0)));
    let text = ClipError::Defect { path: "a.tif".to_owned(), defect: Defect::Constant(0.0) }.to_string();
    assert!(text.starts_with("a.tif: constant: every pixel of every frame is 0. "), "{text}");
}

#[test]
fn dim_noise_and_a_blank_frame_or_stain_among_others_are_no_defects() {
    let spec = spec(4, 16);
    assert_eq!(found(FIVE, &spec, |plane, i| noise(plane, i).round()), None);
    assert_eq!(found(FIVE, &spec, |plane, i| 1000.0 + 1e-3 * noise(plane, i)), None);
    assert_eq!(found(FIVE, &spec, |plane, i| if plane == 2 { 0.0 } else { noise(plane, i) }), None);
    // Frames of one value each that differ are a movie of something.
    assert_eq!(found(FIVE, &spec, |plane, _| plane as f32), None);
    assert_eq!(found(FIVE, &spec, |_, i| if i == 27 { f32::NAN } else { i as f32 }), None);
    let two = InputSpec {
        channels: vec!["mitochondria".into(), "nucleus".into()],
        mean: vec![0.0; 2],
        std: vec![1.0; 2],
        ..spec
    };
    let stain = |plane: usize, i: usize| if plane.is_multiple_of(2) { 0.0 } else { noise(plane, i) };
    assert_eq!(found(Shape { c: 2, ..FIVE }, &two, stain), None);
    assert_eq!(
        found(Shape { c: 2, ..FIVE }, &two, |plane, _| (plane % 2) as f32),
        Some(Defect::Constant(0.0))
    );
}

#[test]
fn less_than_two_by_two_pixels_are_a_defect() {
    let spec = spec(4, 16);
    for (width, height) in [(1, 1), (1, 8), (8, 1)] {
        let small = Shape { x: width, y: height, ..FIVE };
        assert_eq!(found(small, &spec, noise), Some(Defect::TooSmall { width, height }));
    }
    assert_eq!(found(Shape { x: 2, y: 2, ..FIVE }, &spec, noise), None);
    // A quarter of the model's pixel each: less than one, and one.
    let coarse = InputSpec { pixel_size_um: Some(1.6), ..spec };
    assert_eq!(
        found(Shape { x: 1, y: 1, ..FIVE }, &coarse, noise),
        Some(Defect::TooSmall { width: 1, height: 1 })
    );
    assert_eq!(
        found(Shape { x: 3, y: 3, ..FIVE }, &coarse, noise),
        Some(Defect::TooSmall { width: 3, height: 3 })
    );
}

#[test]
fn a_look_for_defects_reads_one_frame_of_a_good_recording() {
    let (recording, reader) = painted(FIVE, noise);
    let spec = spec(5, 16);
    let sampling = Sampling::new(&recording, &[0, 1, 2, 3, 4], Calibration::default(), &spec).unwrap();
    assert_eq!(Clip::defect(&recording, &sampling, &spec).unwrap(), None);
    assert_eq!(reader.reads.load(Ordering::Relaxed), 1);
}
