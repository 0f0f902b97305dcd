//! Seeking and playing: random access in a 2 GB stack; 2048² u16 frames through upload, shader and a finished picture.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use molclip::export::{MovieMeta, OmeTiffOptions, OmeTiffWriter};
use molclip::gpu::frame_view::{ChannelDraw, FrameDraw, FrameRenderer};
use molclip::gpu::target::Target;
use molclip::gpu::{FrameKey, GpuDevice};
use molclip::video::cache::{FrameCache, Request};
use molclip::video::display::Projection;
use molclip::video::lut::{LutName, table};
use molclip::video::{Address, Channel, Limits, Plane, Recording, SampleType, Shape};

const SIDE: usize = 2048;

/// Noise with structure, cheap to make.
fn plane(t: usize) -> Plane {
    let mut state = t as u32 + 1;
    let mut bytes = Vec::with_capacity(SIDE * SIDE * 2);
    for i in 0..SIDE * SIDE {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let value = ((i % 4096) as u32 + (state >> 22)) as u16;
        bytes.extend_from_slice(&value.to_ne_bytes());
    }
    Plane { width: SIDE, height: SIDE, samples: 1, dtype: SampleType::U16, bytes }
}

fn play(c: &mut Criterion) {
    let gpu = GpuDevice::headless().unwrap_or_else(|e| panic!("{e}"));
    let format = wgpu::TextureFormat::Rgba8Unorm;
    let target = Target::new(&gpu.device, 1280, 800, format);
    let mut renderer = FrameRenderer::new(&gpu.device, format, gpu.frames().clone());
    let lut = table(&LutName::Grays, None).unwrap();
    let planes: Vec<Arc<Plane>> = (0..8).map(|t| Arc::new(plane(t))).collect();
    let mut t = 0;
    let mut frame = |renderer: &mut FrameRenderer| {
        t += 1;
        let draw = FrameDraw {
            view: 1,
            rect_min: [240.0, 0.0],
            rect_size: [800.0, 800.0],
            origin: [0.0, 0.0],
            step: SIDE as f32 / 800.0,
            projection: Projection::Slice.into(),
            background: [16; 3],
            channels: vec![ChannelDraw {
                frame: FrameKey { recording: 1, channel: 0, t, z: 0, depth: 1 },
                planes: vec![Arc::clone(&planes[t % planes.len()])],
                limits: (0.0, 5000.0),
                gamma: 1.0,
                lut: Arc::clone(&lut),
                invert: false,
                indexed: false,
            }],
        };
        renderer.prepare(&gpu.device, &gpu.queue, &draw);
        let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        renderer.paint(&mut target.pass(&mut encoder), &draw);
        gpu.queue.submit([encoder.finish()]);
        gpu.device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
    };
    let mut group = c.benchmark_group("play");
    group.sample_size(20).measurement_time(Duration::from_secs(4));
    group.bench_function("2048² u16: upload, shader, finished picture", |b| b.iter(|| frame(&mut renderer)));
    group.finish();

    let before = renderer.uploads;
    let start = Instant::now();
    (0..60).for_each(|_| frame(&mut renderer));
    let seconds = start.elapsed().as_secs_f64();
    let share = (renderer.uploads.seconds - before.seconds) / seconds;
    println!(
        "{}: {:.1} frames/s, {:.0} % of the time in upload",
        gpu.summary(),
        60.0 / seconds,
        share * 100.0
    );
}

/// 256 frames of 8 MB.
fn big_stack(folder: &Path) -> Recording {
    let shape = Shape { t: 256, z: 1, c: 1, y: SIDE, x: SIDE, s: 1 };
    let meta = MovieMeta {
        name: "big".into(),
        description: None,
        shape,
        dtype: SampleType::U16,
        missing: vec![],
        pixel_size_um: None,
        z_step_um: None,
        interval_s: Some(1.0),
        plane_times_s: None,
        channels: vec![Channel::default()],
    };
    let path = folder.join("big.ome.tif");
    let options = OmeTiffOptions { deflate: false, ..OmeTiffOptions::default() };
    let mut writer = OmeTiffWriter::create(&path, meta, options).unwrap();
    let planes: Vec<Plane> = (0..4).map(plane).collect();
    (0..shape.t).for_each(|t| writer.write_plane(&planes[t % 4]).unwrap());
    writer.finish().unwrap();
    Recording::open(&Address::of(path), Limits::default()).unwrap()
}

/// Largest memory so far, MB, where the system tells.
fn peak_mb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kb| kb >> 10)
}

/// Prints the middle and the slow end of so many runs, ms.
fn percentiles(what: &str, mut run: impl FnMut()) {
    let mut times: Vec<f64> = (0..300)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("seek, {what}: p50 {:.3} ms, p95 {:.3} ms", times[150], times[285]);
}

fn seek(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let recording = Arc::new(big_stack(folder.path()));
    let mut state = 7_usize;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % 256
    };
    c.bench_function("seek: read one frame of a 2 GB stack", |b| {
        b.iter(|| black_box(recording.read(next(), 0, 0).unwrap()));
    });
    percentiles("straight from the file", || {
        black_box(recording.read(next(), 0, 0).unwrap());
    });

    // Through the cache that the window uses, bounded to an eighth of the stack.
    let cache = FrameCache::new(256 << 20, || {});
    let show = |frames: std::ops::Range<usize>| {
        let wanted: Vec<Request> =
            frames.map(|t| Request { recording: Arc::clone(&recording), t, z: 0, c: 0 }).collect();
        let key = wanted[0].key();
        cache.want(wanted);
        while cache.get(key).is_none() {
            std::thread::sleep(Duration::from_micros(50));
        }
    };
    percentiles("a new frame, with six read ahead", || {
        let t = next();
        show(t..(t + 7).min(256));
    });
    let mut t = 0;
    percentiles("a frame in the cache", || {
        t = (t + 1) % 8;
        show(t..t + 1);
    });
    println!(
        "cache {} MB, peak memory {} MB",
        cache.stats().bytes >> 20,
        peak_mb().map_or_else(|| "unknown".to_owned(), |mb| mb.to_string())
    );
}

// Seeking comes first: its peak of memory is the process's peak so far.
criterion_group!(benches, seek, play);
criterion_main!(benches);
