//! What the shader draws against the same arithmetic on the CPU, for every sample type.

use std::sync::Arc;

use molclip::app::offscreen::{Offscreen, Scene};
use molclip::app::settings::Overlays;
use molclip::gpu::GpuDevice;
use molclip::video::display::{Display, Projection};
use molclip::video::lut::{LutName, table};
use molclip::video::{Address, Crop, Plane, Reader, Recording, SampleType, Series, Shape, VideoError};

/// Odd sizes, so that rows and planes end within a 32-bit word.
const WIDTH: usize = 13;
const HEIGHT: usize = 7;

/// A recording whose samples are a formula of their place.
struct Formula(Vec<Series>);

fn value(x: usize, y: usize, plane: usize, sample: usize) -> u8 {
    ((x * 17 + y * 29 + plane * 41 + sample * 83) % 120) as u8
}

fn encode(dtype: SampleType, v: u8) -> Vec<u8> {
    // Signed types cross zero, wide ones use more than 16 bits, floats have fractions: all become v again below.
    match dtype {
        SampleType::U8 => vec![v],
        SampleType::I8 => (i16::from(v) - 60).to_ne_bytes()[..1].to_vec(),
        SampleType::U16 => (u16::from(v) * 500).to_ne_bytes().to_vec(),
        SampleType::I16 => (i16::from(v) * 500 - 30_000).to_ne_bytes().to_vec(),
        SampleType::U32 => (u32::from(v) * 30_000_000).to_ne_bytes().to_vec(),
        SampleType::I32 => (i32::from(v) * 30_000_000 - 1_800_000_000).to_ne_bytes().to_vec(),
        SampleType::F16 => half::f16::from_f32(f32::from(v) / 4.0).to_ne_bytes().to_vec(),
        SampleType::F32 => (f32::from(v) / 1000.0).to_ne_bytes().to_vec(),
        SampleType::F64 => (f64::from(v) * 1e-6).to_ne_bytes().to_vec(),
    }
}

/// Contrast limits under which a formula value `v` becomes `v / 119`.
fn limits(dtype: SampleType) -> (f64, f64) {
    match dtype {
        SampleType::U8 => (0.0, 119.0),
        SampleType::I8 => (-60.0, 59.0),
        SampleType::U16 => (0.0, 59_500.0),
        SampleType::I16 => (-30_000.0, 29_500.0),
        SampleType::U32 => (0.0, 3.57e9),
        SampleType::I32 => (-1.8e9, 1.77e9),
        SampleType::F16 => (0.0, 29.75),
        SampleType::F32 => (0.0, 0.119),
        SampleType::F64 => (0.0, 119e-6),
    }
}

impl Reader for Formula {
    fn format(&self) -> &'static str {
        "formula"
    }
    fn series(&self) -> &[Series] {
        &self.0
    }
    fn read_plane(&self, _: usize, plane: usize) -> Result<Plane, VideoError> {
        let Series { dtype, shape, .. } = self.0[0];
        let mut bytes = Vec::new();
        for y in 0..HEIGHT {
            for x in 0..WIDTH {
                (0..shape.s).for_each(|s| bytes.extend(encode(dtype, value(x, y, plane, s))));
            }
        }
        Ok(Plane { width: WIDTH, height: HEIGHT, samples: shape.s, dtype, bytes })
    }
}

fn recording(dtype: SampleType, z: usize, c: usize, s: usize, palette: Option<Vec<[u8; 3]>>) -> Recording {
    let series = Series {
        palette: palette.map(Arc::new),
        ..Series::new("formula", Shape { t: 1, z, c, y: HEIGHT, x: WIDTH, s }, dtype, "none")
    };
    Recording::from_reader(&Address::of("formula"), Arc::new(Formula(vec![series]))).unwrap()
}

/// Draws at twice the size, and compares each pixel with what it should be, to one grey level.
fn check(recording: &Recording, display: &Display, expected: impl Fn(usize, usize) -> [f64; 3]) {
    let gpu = GpuDevice::headless().unwrap_or_else(|e| panic!("{e}"));
    let scene = Scene {
        recording,
        display,
        region: Crop { x: 0, y: 0, width: WIDTH, height: HEIGHT },
        scale: 2.0,
        overlays: Overlays { scale_bar: false, time_stamp: false, name: false },
    };
    let (picture, error) = Offscreen::new(gpu).frame(&scene, 0).unwrap();
    assert!(error.is_none());
    assert_eq!((picture.width as usize, picture.height as usize), (2 * WIDTH, 2 * HEIGHT));
    for y in 0..2 * HEIGHT {
        for x in 0..2 * WIDTH {
            let at = (y * 2 * WIDTH + x) * 4;
            let wanted = expected(x / 2, y / 2);
            for channel in 0..3 {
                let drawn = f64::from(picture.rgba[at + channel]);
                assert!(
                    (drawn - wanted[channel]).abs() <= 1.01,
                    "{:?} at {x}, {y}: {drawn} drawn, {wanted:?} expected",
                    recording.series.dtype
                );
            }
        }
    }
}

fn display(recording: &Recording) -> Display {
    let mut display = Display::new(&recording.series);
    display.z = 0;
    for channel in &mut display.channels {
        (channel.min, channel.max) = limits(recording.series.dtype);
    }
    display
}

#[test]
fn every_sample_type_is_drawn_as_stored() {
    use SampleType::{F16, F32, F64, I8, I16, I32, U8, U16, U32};
    for dtype in [U8, I8, U16, I16, U32, I32, F16, F32, F64] {
        let recording = recording(dtype, 1, 1, 1, None);
        check(&recording, &display(&recording), |x, y| [f64::from(value(x, y, 0, 0)) / 119.0 * 255.0; 3]);
    }
}

#[test]
fn gamma_inversion_and_tables_are_applied_in_that_order() {
    let recording = recording(SampleType::U16, 1, 1, 1, None);
    let mut look = display(&recording);
    (look.channels[0].gamma, look.channels[0].invert, look.channels[0].lut) = (0.5, true, LutName::Viridis);
    let viridis = table(&LutName::Viridis, None).unwrap();
    check(&recording, &look, |x, y| {
        let v = 1.0 - (f64::from(value(x, y, 0, 0)) / 119.0).sqrt();
        viridis[(v * 255.0 + 0.5) as usize].map(f64::from)
    });
}

#[test]
fn projections_run_over_all_planes() {
    let recording = recording(SampleType::I16, 3, 1, 1, None);
    let mut look = display(&recording);
    let column = |x, y| [0, 1, 2].map(|z| f64::from(value(x, y, z, 0)));
    look.projection = Projection::Max;
    check(&recording, &look, |x, y| [column(x, y).into_iter().fold(0.0, f64::max) / 119.0 * 255.0; 3]);
    look.projection = Projection::Mean;
    check(&recording, &look, |x, y| [column(x, y).iter().sum::<f64>() / 3.0 / 119.0 * 255.0; 3]);
}

#[test]
fn channels_add_up_and_colour_samples_are_colours() {
    let two = recording(SampleType::U8, 1, 2, 1, None);
    let mut look = display(&two);
    (look.channels[0].lut, look.channels[1].lut) = (LutName::Green, LutName::Magenta);
    let scaled = |x, y, plane, s| f64::from(value(x, y, plane, s)) / 119.0 * 255.0;
    check(&two, &look, |x, y| [scaled(x, y, 1, 0), scaled(x, y, 0, 0), scaled(x, y, 1, 0)]);

    let color = recording(SampleType::U8, 1, 1, 3, None);
    check(&color, &display(&color), |x, y| [0, 1, 2].map(|s| scaled(x, y, 0, s)));
}

#[test]
fn palette_indices_take_the_colours_of_the_file() {
    let palette: Vec<[u8; 3]> = (0..=255u8).map(|i| [i, 255 - i, i / 2]).collect();
    let indexed = recording(SampleType::U8, 1, 1, 1, Some(palette.clone()));
    let look = Display::new(&indexed.series);
    check(&indexed, &look, |x, y| palette[usize::from(value(x, y, 0, 0))].map(f64::from));
}
