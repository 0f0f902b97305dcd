//! Frames resampled on the device, against sums over all source pixels in double precision.

use std::sync::{Arc, OnceLock};

use burn::tensor::{Tensor, TensorData};
use molclip::gpu::resample::{Frame, Geometry, Resampler, Samples, Scaling};
use molclip::gpu::{Compute, ComputeChoice, ComputeThread, GpuDevice, GpuError};
use molclip::model::card::InputSpec;
use molclip::model::clip::{Clip, Mismatch};
use molclip::model::input::{Intensity, View, fill};
use molclip::video::{Plane, SampleType};

fn gpu() -> GpuDevice {
    static GPU: OnceLock<GpuDevice> = OnceLock::new();
    GPU.get_or_init(|| GpuDevice::headless().unwrap_or_else(|error| panic!("{error}"))).clone()
}

/// Runs on the compute thread with a resampler and the device's compute.
fn on_thread<T: Send + 'static>(work: impl FnOnce(&Resampler, &Compute) -> T + Send + 'static) -> T {
    let gpu = gpu();
    let compute = gpu.compute(ComputeChoice::Gpu).unwrap();
    let resampler = Resampler::new(&gpu).unwrap();
    let checked = compute.clone();
    let result = ComputeThread::shared().run(move || work(&resampler, &compute)).wait_on(&gpu).unwrap();
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
fn expected(planes: &[Arc<Plane>], sample: usize, geometry: &Geometry, n: usize, s: Scaling) -> Vec<f64> {
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
    let size = geometry.size as usize;
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

fn upright(size: u32) -> Geometry {
    Geometry { size, matrix: [1.0, 0.0, 0.0, 1.0], shift: [0.0; 2] }
}

const SCALING: Scaling = Scaling { background: 20.0, gain: 0.01, mean: 0.5, deviation: 2.0 };

fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec::<f32>().unwrap()
}

/// One frame of one channel.
fn resampled(planes: &[Arc<Plane>], geometry: Geometry, scaling: Scaling) -> Vec<f32> {
    let samples = Samples::upload(&gpu(), planes).unwrap();
    on_thread(move |resampler, compute| {
        let frame = Frame { samples: &samples, sample: 0 };
        read(resampler.run(compute, &[frame], &geometry, &[scaling]).unwrap())
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
    let values = resampled(&[Arc::clone(&source)], upright(13), SCALING);
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
        let geometry = Geometry { size: 18, matrix, shift };
        let values = resampled(&source, geometry, scaling);
        close(&values, &expected(&source, 0, &geometry, n, scaling), what);
    }
}

#[test]
fn large_pixels_of_a_ramp_hold_its_mean() {
    let bytes = (0..40 * 30).flat_map(|i| ((i % 40 + 3 * (i / 40)) as f32).to_ne_bytes()).collect();
    let ramp = Plane { width: 40, height: 30, samples: 1, dtype: SampleType::F32, bytes };
    let plain = Scaling { background: 0.0, gain: 1.0, mean: 0.0, deviation: 1.0 };
    let geometry = Geometry { matrix: [2.5, 0.0, 0.0, 2.5], ..upright(10) };
    let values = resampled(&[Arc::new(ramp)], geometry, plain);
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
    let geometry = Geometry { shift: [0.25, 0.5], ..upright(8) };
    for (dtype, background, gain) in types {
        let planes = [plane(dtype, [7, 5, 1], 0), plane(dtype, [7, 5, 1], 1)];
        let scaling = Scaling { background, gain, mean: 0.2, deviation: 0.7 };
        let values = resampled(&planes, geometry, scaling);
        close(&values, &expected(&planes, 0, &geometry, 1, scaling), &format!("{dtype:?}"));
    }
}

#[test]
fn channels_and_frames_lie_in_order_and_burn_computes_with_them() {
    const COLOURS: [usize; 3] = [11, 9, 3];
    let colour: Vec<_> = (0..3).map(|t| plane(SampleType::U8, COLOURS, t)).collect();
    let uploaded: Vec<_> =
        colour.iter().map(|p| Samples::upload(&gpu(), &[Arc::clone(p)]).unwrap()).collect();
    let scalings = [SCALING, Scaling { background: 7.0, gain: 0.02, mean: -1.0, deviation: 0.5 }];
    let geometry = Geometry { matrix: [0.8, 0.3, -0.3, 0.8], ..upright(8) };
    let picked = [0, 2];
    let expected: Vec<f64> = (0..2)
        .flat_map(|c| (0..3).map(move |t| (c, t)))
        .flat_map(|(c, t)| expected(&colour[t..=t], picked[c], &geometry, 1, scalings[c]))
        .collect();
    let weights: Vec<f32> = (0..128).map(|i| (i as f32 * 0.3).sin()).collect();
    let given = weights.clone();
    let results = on_thread(move |resampler, compute| {
        let frames: Vec<_> = picked
            .iter()
            .flat_map(|&s| uploaded.iter().map(move |samples| Frame { samples, sample: s as u32 }))
            .collect();
        let run = || resampler.run(compute, &frames, &geometry, &scalings).unwrap();
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
    let refusals = on_thread(move |resampler, compute| {
        let frame = Frame { samples: &good, sample: 0 };
        let refusal = |frames: &[Frame<'_>], geometry: Geometry, scaling: &[Scaling]| match resampler
            .run(compute, frames, &geometry, scaling)
        {
            Err(GpuError::Frames { detail }) => detail,
            other => format!("{other:?}"),
        };
        let short = Samples { height: 5, ..good.clone() };
        let flat = Samples { width: 0, ..good.clone() };
        let square = upright(4);
        let on_cpu = resampler.run(&Compute::flex(), &[frame], &square, &[SCALING]).unwrap_err();
        [
            (refusal(&[frame; 3], square, &[SCALING; 2]), "shared among 2"),
            (refusal(&[], square, &[]), "0 frames"),
            (refusal(&[Frame { samples: &short, sample: 0 }], square, &[SCALING]), "storage buffer of 32"),
            (refusal(&[Frame { samples: &flat, sample: 0 }], square, &[SCALING]), "empty"),
            (refusal(&[Frame { sample: 1, ..frame }], square, &[SCALING]), "sample 2"),
            (refusal(&[frame], upright(0), &[SCALING]), "0 × 0 px"),
            (refusal(&[frame], upright(4_000_000), &[SCALING]), "4000000 px"),
            (refusal(&[frame], Geometry { matrix: [90.0; 4], ..square }, &[SCALING]), "pixel size"),
            (refusal(&[frame], Geometry { shift: [f32::NAN, 0.0], ..square }, &[SCALING]), "not finite"),
            (on_cpu.to_string(), "another device"),
        ]
    });
    for (refusal, part) in refusals {
        assert!(refusal.contains(part), "{refusal} without {part}");
    }
    let two = [plane(SampleType::U8, [6, 4, 1], 0), plane(SampleType::U8, [6, 5, 1], 0)];
    assert!(Samples::upload(&gpu(), &two).unwrap_err().to_string().contains("differ in size"));
    assert_eq!(gpu().take_error(), None);
}

#[test]
fn the_device_and_the_cpu_make_the_same_input_of_a_clip() {
    let values: Vec<f32> = (0..2 * 4 * 360).map(|i| 100.0 + (i * 7919 % 997) as f32 * 0.3).collect();
    let clip = Clip::from_values([2, 4, 18, 20], &values, Mismatch::default());
    let intensity = [(110.0, 80.0), (130.0, 40.0)].map(|(background, scale)| Intensity { background, scale });
    let spec = InputSpec {
        channels: vec!["mitochondria".into(), "nucleus".into()],
        frames: 4,
        size: 16,
        pixel_size_um: 0.4,
        interval_s: 5.0,
        masked: false,
        mean: vec![0.2, 0.9],
        std: vec![1.1, 0.6],
    };
    let view =
        View { matrix: [0.9, 0.3, -0.3, 0.9], shift: [1.5, -0.75], gain: 1.2, frames: vec![3, 1, 1, 0] };
    let mut on_cpu = vec![0.0; 2 * 4 * 16 * 16];
    fill(&clip, &intensity, &spec, &view, &mut on_cpu);
    let uploaded: Vec<_> = (0..2 * 4)
        .map(|k| {
            let bytes = clip.codes[k * 360..][..360].iter().flat_map(|code| code.to_ne_bytes()).collect();
            let plane = Plane { width: 20, height: 18, samples: 1, dtype: SampleType::U16, bytes };
            Samples::upload(&gpu(), &[Arc::new(plane)]).unwrap()
        })
        .collect();
    let (offset, step) = (clip.offset, clip.step);
    let scalings = [0, 1].map(|c| Scaling {
        background: (intensity[c].background - offset) / step,
        gain: step * view.gain / intensity[c].scale,
        mean: spec.mean[c],
        deviation: spec.std[c],
    });
    let geometry = Geometry { size: 16, matrix: view.matrix, shift: view.shift };
    let on_device = on_thread(move |resampler, compute| {
        let frames: Vec<_> = (0..2)
            .flat_map(|c| view.frames.iter().map(move |t| c * 4 + t))
            .map(|k| Frame { samples: &uploaded[k], sample: 0 })
            .collect();
        read(resampler.run(compute, &frames, &geometry, &scalings).unwrap())
    });
    let on_cpu: Vec<f64> = on_cpu.into_iter().map(f64::from).collect();
    close(&on_device, &on_cpu, "clip");
}
