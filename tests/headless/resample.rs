//! Frames resampled on the device, against sums over all source pixels in double precision.

use std::sync::{Arc, OnceLock};

use burn::tensor::{Tensor, TensorData};
use molclip::experiment::{Experiment, import};
use molclip::gpu::resample::{Frame, Geometry, Part, Scaling, Video, resample};
use molclip::gpu::{Compute, ComputeChoice, ComputeThread, FrameKey, GpuDevice, GpuError, Samples};
use molclip::learn::augment::{Key, view};
use molclip::learn::config::Augment;
use molclip::learn::inputs::{InputMaker, Seen};
use molclip::learn::region::{Region, inputs};
use molclip::learn::sampler::Stage;
use molclip::learn::store::ClipStore;
use molclip::model::card::InputSpec;
use molclip::model::clip::Calibration;
use molclip::model::input::{Frames, Intensity};
use molclip::progress::Progress;
use molclip::simulate;
use molclip::video::{Crop, Limits, Plane, Recording, SampleType};

fn gpu() -> GpuDevice {
    static GPU: OnceLock<GpuDevice> = OnceLock::new();
    GPU.get_or_init(|| GpuDevice::headless().unwrap_or_else(|error| panic!("{error}"))).clone()
}

/// Runs on the compute thread with the device's compute.
fn on_thread<T: Send + 'static>(work: impl FnOnce(&Compute) -> T + Send + 'static) -> T {
    let gpu = gpu();
    let compute = gpu.compute(ComputeChoice::Gpu).unwrap();
    let checked = compute.clone();
    let result = ComputeThread::shared().run(move || work(&compute)).wait_on(&gpu).unwrap();
    checked.check().unwrap();
    result
}

/// A plane whose values are a formula of their place: 0 to 250.
fn plane(dtype: SampleType, [width, height, samples]: [usize; 3], seed: usize) -> Arc<Plane> {
    let values = (0..width * height * samples).map(|i| {
        let (x, y, s) = (i / samples % width, i / samples / width, i % samples);
        (x * 37 + y * 59 + s * 83 + seed * 41 + x * y * 13) % 251
    });
    let encode = |v: usize| match dtype {
        SampleType::U8 => vec![v as u8],
        SampleType::I8 => (v as i16 - 125).to_ne_bytes()[..1].to_vec(),
        SampleType::U16 => (v as u16 * 250).to_ne_bytes().to_vec(),
        SampleType::I16 => (v as i16 * 250 - 31_000).to_ne_bytes().to_vec(),
        SampleType::U32 => (v as u32 * 16_000_000).to_ne_bytes().to_vec(),
        SampleType::I32 => (v as i32 * 16_000_000 - 2_000_000_000).to_ne_bytes().to_vec(),
        SampleType::F16 => half::f16::from_f32(v as f32 / 4.0).to_ne_bytes().to_vec(),
        SampleType::F32 => (v as f32 / 1000.0).to_ne_bytes().to_vec(),
        SampleType::F64 => (v as f64 * 1e-6).to_ne_bytes().to_vec(),
    };
    // Little-endian, as every platform of wgpu: the first byte of the 16-bit number is the 8-bit one.
    let bytes = values.flat_map(encode).collect();
    Arc::new(Plane { width, height, samples, dtype, bytes })
}

/// What the device should make of some planes: each source pixel counts by a tent of its distance.
fn expected(
    planes: &[Arc<Plane>],
    sample: usize,
    (size, geometry): (usize, &Geometry),
    n: usize,
    s: Scaling,
) -> Vec<f64> {
    let (width, height) = (planes[0].width, planes[0].height);
    let light = |x, y| {
        let values = planes.iter().map(|plane| plane.value(x, y, sample).unwrap());
        values.fold(f64::NEG_INFINITY, f64::max) - f64::from(s.background)
    };
    let light: Vec<f64> = (0..width * height).map(|i| light(i % width, i / width)).collect();
    let tent = |distance: f64| (1.0 - distance.abs()).max(0.0);
    let at = |x: f64, y: f64| -> f64 {
        let weighted = |(i, v): (usize, &f64)| {
            let (px, py) = ((i % width) as f64, (i / width) as f64);
            tent(x - px) * tent(y - py) * v
        };
        light.iter().enumerate().map(weighted).sum()
    };
    let [a, b, c, d] = geometry.matrix.map(f64::from);
    let [sx, sy] = geometry.shift.map(f64::from);
    let (mx, my) = ((width as f64 - 1.0) / 2.0 + sx, (height as f64 - 1.0) / 2.0 + sy);
    let middle = (size as f64 - 1.0) / 2.0;
    let pixel = |i: usize| {
        let mut sum = 0.0;
        for k in 0..n * n {
            let part = |j: usize| (j as f64 + 0.5) / n as f64 - 0.5;
            let x = (i % size) as f64 - middle + part(k % n);
            let y = (i / size) as f64 - middle + part(k / n);
            sum += at(a * x + b * y + mx, c * x + d * y + my);
        }
        let value = sum / (n * n) as f64 * f64::from(s.gain);
        (value - f64::from(s.mean)) / f64::from(s.deviation)
    };
    (0..size * size).map(pixel).collect()
}

const UPRIGHT: Geometry =
    Geometry { matrix: [1.0, 0.0, 0.0, 1.0], shift: [0.0; 2], part: None, samples: None };

const SCALING: Scaling = Scaling { background: 20.0, gain: 0.01, mean: 0.5, deviation: 2.0 };

fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec::<f32>().unwrap()
}

/// One frame of one channel.
fn resampled(planes: &[Arc<Plane>], size: usize, geometry: Geometry, scaling: Scaling) -> Vec<f32> {
    let samples = Samples::upload(&gpu(), planes).unwrap();
    let frames = vec![Frame { samples, frame: 0, sample: 0 }];
    on_thread(move |compute| {
        read(resample(compute, &[Video { frames, geometry, scaling: vec![scaling] }], size).unwrap())
    })
}

/// By the largest expected value.
fn close(values: &[f32], expected: &[f64], what: &str) {
    assert_eq!(values.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
    for (i, (value, expected)) in values.iter().zip(expected).enumerate() {
        let difference = (f64::from(*value) - expected).abs() / largest;
        assert!(difference < 1e-5, "{what}, value {i}: {value} instead of {expected}");
    }
}

#[test]
fn upright_frames_are_copied_and_their_border_is_background() {
    let source = plane(SampleType::U8, [9, 7, 1], 0);
    let values = resampled(&[Arc::clone(&source)], 13, UPRIGHT, SCALING);
    for (i, value) in values.iter().enumerate() {
        let (x, y) = ((i % 13) as i32 - 2, (i / 13) as i32 - 3);
        let light = if (0..9).contains(&x) && (0..7).contains(&y) {
            (source.value(x as usize, y as usize, 0).unwrap() - 20.0) * 0.01
        } else {
            0.0
        };
        assert!((f64::from(*value) - (light - 0.5) / 2.0).abs() < 1e-6, "{x}, {y}: {value}");
    }
}

#[test]
fn shifts_turns_mirrors_and_scales_agree_with_double_precision() {
    let source = [plane(SampleType::U16, [31, 22, 1], 1)];
    let scaling = Scaling { background: 5_000.0, gain: 1e-4, ..SCALING };
    let (sin, cos) = (0.5_f32.sin(), 0.5_f32.cos());
    let cases = [
        ("half a pixel", [1.0, 0.0, 0.0, 1.0], [0.5, -0.5], 1),
        ("a quarter turn", [0.0, 1.0, -1.0, 0.0], [0.0, 0.0], 1),
        ("a quarter turn of the mirror image", [0.0, 1.0, 1.0, 0.0], [1.0, -2.0], 1),
        ("pixels 2.5 times as large", [2.5, 0.0, 0.0, 2.5], [0.0, 0.0], 3),
        ("pixels half as large", [0.5, 0.0, 0.0, 0.5], [0.25, 0.0], 1),
        ("turned by 0.5", [cos, -sin, sin, cos], [0.0, 0.0], 1),
        ("all of it", [1.7 * cos, -1.7 * sin, -1.7 * sin, -1.7 * cos], [2.3, -1.1], 2),
        ("far outside", [1.0, 0.0, 0.0, 1.0], [1e9, -1e9], 1),
    ];
    for (what, matrix, shift, n) in cases {
        let geometry = Geometry { matrix, shift, ..UPRIGHT };
        let values = resampled(&source, 18, geometry, scaling);
        close(&values, &expected(&source, 0, (18, &geometry), n, scaling), what);
    }
}

#[test]
fn large_pixels_of_a_ramp_hold_its_mean() {
    let bytes = (0..40 * 30).flat_map(|i| ((i % 40 + 3 * (i / 40)) as f32).to_ne_bytes()).collect();
    let ramp = Plane { width: 40, height: 30, samples: 1, dtype: SampleType::F32, bytes };
    let plain = Scaling { background: 0.0, gain: 1.0, mean: 0.0, deviation: 1.0 };
    let geometry = Geometry { matrix: [2.5, 0.0, 0.0, 2.5], ..UPRIGHT };
    let values = resampled(&[Arc::new(ramp)], 10, geometry, plain);
    let ramp = |i: usize| {
        let centre = |k: usize| (k as f64 - 4.5) * 2.5;
        (centre(i % 10) + 19.5) + 3.0 * (centre(i / 10) + 14.5)
    };
    close(&values, &(0..100).map(ramp).collect::<Vec<_>>(), "ramp");
}

#[test]
fn every_type_of_sample_is_read_and_focal_planes_are_joined() {
    let types = [
        (SampleType::U8, 10.0, 0.01),
        (SampleType::I8, -100.0, 0.01),
        (SampleType::U16, 5_000.0, 1e-4),
        (SampleType::I16, -30_000.0, 1e-4),
        (SampleType::U32, 1e8, 1e-9),
        (SampleType::I32, -1e9, 1e-9),
        (SampleType::F16, 3.0, 0.1),
        (SampleType::F32, 0.01, 10.0),
        (SampleType::F64, 1e-5, 1e4),
    ];
    // Odd sizes, so that rows and planes end within a 32-bit word.
    let geometry = Geometry { shift: [0.25, 0.5], ..UPRIGHT };
    for (dtype, background, gain) in types {
        let planes = [plane(dtype, [7, 5, 1], 0), plane(dtype, [7, 5, 1], 1)];
        let scaling = Scaling { background, gain, mean: 0.2, deviation: 0.7 };
        let values = resampled(&planes, 8, geometry, scaling);
        close(&values, &expected(&planes, 0, (8, &geometry), 1, scaling), &format!("{dtype:?}"));
    }
}

#[test]
fn channels_and_frames_lie_in_order_and_burn_computes_with_them() {
    const COLOURS: [usize; 3] = [11, 9, 3];
    let colour: Vec<_> = (0..3).map(|t| plane(SampleType::U8, COLOURS, t)).collect();
    let uploaded: Vec<_> =
        colour.iter().map(|p| Samples::upload(&gpu(), &[Arc::clone(p)]).unwrap()).collect();
    let scalings = [SCALING, Scaling { background: 7.0, gain: 0.02, mean: -1.0, deviation: 0.5 }];
    let geometry = Geometry { matrix: [0.8, 0.3, -0.3, 0.8], ..UPRIGHT };
    let picked = [0, 2];
    let expected: Vec<f64> = (0..2)
        .flat_map(|c| (0..3).map(move |t| (c, t)))
        .flat_map(|(c, t)| expected(&colour[t..=t], picked[c], (8, &geometry), 1, scalings[c]))
        .collect();
    let weights: Vec<f32> = (0..128).map(|i| (i as f32 * 0.3).sin()).collect();
    let given = weights.clone();
    let frame = |&s: &usize| {
        let of = move |samples: &Samples| Frame { samples: samples.clone(), frame: 0, sample: s as u32 };
        uploaded.iter().map(of).collect::<Vec<_>>()
    };
    let frames: Vec<Frame> = picked.iter().flat_map(frame).collect();
    let video = Video { frames, geometry, scaling: scalings.to_vec() };
    let results = on_thread(move |compute| {
        let run = || resample(compute, std::slice::from_ref(&video), 8).unwrap();
        let weights = Tensor::<2>::from_data(TensorData::new(given, [64, 2]), compute.device());
        // Memory goes back to the pool and comes again, with Burn's own work on it in between.
        for round in 0..3 {
            let filler = Tensor::<5>::ones([1, 2, 3, 8, 8], compute.device()) * (round as f32);
            drop(filler * run());
        }
        let first = run();
        assert_eq!(first.dims(), [1, 2, 3, 8, 8]);
        let second = run();
        let product = first.clone().reshape([6, 64]).matmul(weights);
        let sums = (first.clone() * second.clone() + 1.0).sum();
        let twice = (first.clone() - second * 3.0) * -0.5;
        [read(first), read(twice), read(product), read(sums)]
    });
    close(&results[0], &expected, "read back");
    close(&results[1], &expected, "a sum of two runs");
    let product = |row: usize, column: usize| -> f64 {
        (0..64).map(|i| expected[row * 64 + i] * f64::from(weights[i * 2 + column])).sum()
    };
    let product: Vec<f64> = (0..12).map(|i| product(i / 2, i % 2)).collect();
    close(&results[2], &product, "matrix product");
    close(&results[3], &[expected.iter().map(|v| v * v + 1.0).sum::<f64>()], "sum of squares");
}

#[test]
fn what_cannot_be_resampled_is_refused_before_the_device_sees_it() {
    let good = Samples::upload(&gpu(), &[plane(SampleType::U8, [6, 4, 1], 0)]).unwrap();
    let frame = Frame { samples: good.clone(), frame: 0, sample: 0 };
    let video = |frames: Vec<Frame>, geometry: Geometry, channels: usize| Video {
        frames,
        geometry,
        scaling: vec![SCALING; channels],
    };
    let one = |frame: Frame| vec![video(vec![frame], UPRIGHT, 1)];
    let other = |geometry: Geometry| vec![video(vec![frame.clone()], geometry, 1)];
    let short = Samples { height: 5, ..good.clone() };
    let flat = Samples { width: 0, ..good.clone() };
    let beside = Some(Part { x: 3, y: 0, width: 4, height: 4 });
    let good_one = one(frame.clone());
    let cases = vec![
        (vec![video(vec![frame.clone(); 3], UPRIGHT, 2)], 4, "shared among 2"),
        (vec![video(vec![], UPRIGHT, 0)], 4, "0 frames"),
        (vec![], 4, "no video"),
        (vec![good_one[0].clone(), video(vec![frame.clone(); 2], UPRIGHT, 1)], 4, "stand beside"),
        (one(Frame { samples: short, ..frame.clone() }), 4, "storage buffer of 32"),
        (one(Frame { samples: flat, ..frame.clone() }), 4, "empty"),
        (one(Frame { sample: 1, ..frame.clone() }), 4, "sample 2"),
        (one(Frame { frame: 1, ..frame.clone() }), 4, "frame 2"),
        (good_one.clone(), 0, "0 × 0 px"),
        (good_one.clone(), 4_000_000, "4000000 px"),
        (other(Geometry { matrix: [90.0; 4], ..UPRIGHT }), 4, "pixel size"),
        (other(Geometry { shift: [f32::NAN, 0.0], ..UPRIGHT }), 4, "not finite"),
        (other(Geometry { part: beside, ..UPRIGHT }), 4, "does not lie"),
    ];
    let refusals = on_thread(move |compute| {
        let refusal = |compute: &Compute, videos: &[Video], size| match resample(compute, videos, size) {
            Err(GpuError::Frames { detail } | GpuError::OutOfMemory { detail }) => detail,
            other => format!("{other:?}"),
        };
        let mut all: Vec<_> =
            cases.iter().map(|(videos, size, part)| (refusal(compute, videos, *size), *part)).collect();
        all.push((refusal(&Compute::flex(), &good_one, 4), "another device"));
        all
    });
    for (refusal, part) in refusals {
        assert!(refusal.contains(part), "{refusal} without {part}");
    }
    let two = [plane(SampleType::U8, [6, 4, 1], 0), plane(SampleType::U8, [6, 5, 1], 0)];
    assert!(Samples::upload(&gpu(), &two).unwrap_err().to_string().contains("differ in size"));
    assert_eq!(gpu().take_error(), None);
}

#[test]
fn a_part_of_a_frame_is_as_that_part_alone() {
    let whole = plane(SampleType::U16, [12, 9, 1], 3);
    let crop = Crop { x: 4, y: 1, width: 5, height: 7 };
    let geometry = Geometry { matrix: [0.9, 0.2, -0.2, 0.9], shift: [0.3, 0.0], ..UPRIGHT };
    let alone = resampled(&[Arc::new(whole.crop(crop))], 8, geometry, SCALING);
    let of_whole = resampled(&[whole], 8, Geometry { part: Some(crop.into()), ..geometry }, SCALING);
    // The same places, other roundings on the way to them.
    let difference = largest_difference(&of_whole, &alone);
    assert!(difference < 1e-6, "{difference}");
}

#[test]
fn fewer_samples_than_the_footprint_can_be_asked_for() {
    let source = [plane(SampleType::U8, [20, 20, 1], 0)];
    let geometry = Geometry { matrix: [1.25, 0.0, 0.0, 1.25], samples: Some(1), ..UPRIGHT };
    let values = resampled(&source, 8, geometry, SCALING);
    close(&values, &expected(&source, 0, (8, &geometry), 1, SCALING), "one sample");
}

/// Rows of a small simulated screen.
fn screen(folder: &std::path::Path) -> Arc<Experiment> {
    let config = simulate::Config { seed: 77, moas: 2, videos_per_drug: 3, size: 48, ..Default::default() };
    let manifest = simulate::run(&config, folder, &Progress::default()).unwrap();
    Arc::new(import::open(&manifest).unwrap().experiment)
}

fn spec(channels: usize, pixel_size_um: f64) -> InputSpec {
    let all = ["mitochondria", "nucleus"];
    InputSpec {
        channels: all[..channels].iter().map(|&name| name.to_owned()).collect(),
        frames: 6,
        size: 24,
        pixel_size_um: Some(pixel_size_um),
        interval_s: Some(6.0),
        masked: false,
        mean: vec![0.2, 0.9][..channels].to_vec(),
        std: vec![1.1, 0.6][..channels].to_vec(),
    }
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let largest = b.iter().fold(0.0, |most: f32, v| most.max(v.abs()));
    a.iter().zip(b).fold(0.0, |most: f32, (a, b)| most.max((a - b).abs())) / largest
}

#[test]
fn the_gpu_and_the_cpu_make_the_same_inputs_of_a_screen() {
    let folder = tempfile::tempdir().unwrap();
    let experiment = screen(folder.path());
    // A screen of one channel, which a model of two sees twice.
    let intensity = [(110.0, 80.0), (130.0, 40.0)].map(|(background, scale)| Intensity { background, scale });
    let augment = Augment { rotate: 1.0, rescale: 1.0, ..Augment::default() };
    let seen: Vec<Seen> = (0..5)
        .map(|row| {
            let key = Key { seed: 1, stage: Stage::Drug, epoch: row, row_id: "row", repeat: 0 };
            let view = view(&augment, Frames::Video, 6, 24, key);
            Seen { row: row % 4, intensity: &intensity, view }
        })
        .collect();
    let of = |compute: &Compute| {
        let store = ClipStore::new(Arc::clone(&experiment), spec(2, 0.4), usize::MAX);
        let maker = InputMaker::new(spec(2, 0.4), compute);
        // Twice: the second time what was kept is used.
        let inputs = [maker.make(&store, &seen).unwrap(), maker.make(&store, &seen).unwrap()];
        assert_eq!(inputs[0].len(), 5);
        let device = compute.device().clone();
        let work = move || {
            let [first, second] = inputs.map(|inputs| inputs.part(1..5));
            // In training: the gradient of what the input is multiplied by is the input.
            let training = device.clone().autodiff();
            let input = second.tensor(&training).unwrap();
            let factor = Tensor::<5>::ones(input.dims(), &training).require_grad();
            let gradients = (input * factor.clone()).sum().backward();
            [read(first.tensor(&device).unwrap()), read(factor.grad(&gradients).unwrap())]
        };
        ComputeThread::shared().run(work).wait().unwrap()
    };
    let (on_gpu, on_cpu) = (of(&gpu().compute(ComputeChoice::Gpu).unwrap()), of(&Compute::flex()));
    assert_eq!(on_gpu[0], on_gpu[1]);
    let difference = largest_difference(&on_gpu[0], &on_cpu[0]);
    assert!(difference < 2e-5, "{difference}");
}

#[test]
fn a_rectangle_is_encoded_from_the_frames_that_the_player_uploaded() {
    let folder = tempfile::tempdir().unwrap();
    let experiment = screen(folder.path());
    let recording = Recording::open(&experiment.address(0).unwrap(), Limits::default()).unwrap();
    let region = Region {
        part: Some(Crop { x: 3, y: 5, width: 40, height: 36 }),
        at: 8,
        calibration: Calibration::default(),
        intensities: Some(vec![Intensity { background: 100.0, scale: 60.0 }]),
    };
    let gpu = gpu();
    // The pool of the test's own device keeps nothing, as on every software rasteriser: the frames are held here.
    let key = |t| FrameKey { recording: recording.id, channel: 0, t, z: 0, depth: 1 };
    let held: Vec<_> = (0..16)
        .map(|t| {
            let plane = vec![Arc::new(recording.read(t, 0, 0).unwrap())];
            gpu.frames().get_or_upload(&gpu.device, &gpu.queue, key(t), &plane).unwrap().0
        })
        .collect();
    let of = |compute: &Compute, pixel_size_um| {
        let inputs = inputs(compute, &spec(1, pixel_size_um), &recording, &region).unwrap().inputs;
        let device = compute.device().clone();
        ComputeThread::shared().run(move || read(inputs.tensor(&device).unwrap())).wait().unwrap()
    };
    let before = gpu.frames().bytes();
    // The recording's pixels are 0.53 µm: between pixels, and four of them averaged.
    let scales = [0.4, 1.6 / 1.5];
    let on_gpu = scales.map(|um| of(&gpu.compute(ComputeChoice::Gpu).unwrap(), um));
    assert_eq!(gpu.frames().bytes(), before, "nothing was uploaded anew");
    drop(held);
    // Where the rectangle ends half of what lies around it counts on the GPU, nothing of it on the CPU.
    let inner = |values: &[f32]| -> Vec<f32> {
        let inside = |i: &usize| (4..20).contains(&(i / 24 % 24)) && (4..20).contains(&(i % 24));
        values.iter().enumerate().filter(|(i, _)| inside(i)).map(|(_, v)| *v).collect()
    };
    for (on_gpu, um) in on_gpu.iter().zip(scales) {
        let difference = largest_difference(&inner(on_gpu), &inner(&of(&Compute::flex(), um)));
        assert!(difference < 1e-4, "{um}: {difference}");
    }
}
