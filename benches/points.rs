//! The map while it is panned and zoomed: time from the parameters of a frame to its finished picture at 1280 × 800.

use std::sync::Arc;
use std::time::Instant;

use molclip::gpu::GpuDevice;
use molclip::gpu::points::{Layer, Looks, PointLook, PointsDraw, PointsRenderer};
use molclip::gpu::target::Target;
use molclip::random::{normal, stream};

const WIDTH: u32 = 1280;
const HEIGHT: u32 = 800;
const FRAMES: usize = 40;

/// Clusters, as maps of embeddings have them.
fn positions(count: usize) -> Arc<[[f32; 2]]> {
    let mut rng = stream(1, &["points"]);
    let centres: Vec<[f64; 2]> =
        (0..40).map(|_| [0.45 * normal(&mut rng), 0.45 * normal(&mut rng)]).collect();
    let mut place = |i: usize| {
        let centre = centres[i % centres.len()];
        [0, 1].map(|axis| (centre[axis] + 0.08 * normal(&mut rng)).clamp(-1.0, 1.0) as f32)
    };
    (0..count).map(&mut place).collect()
}

fn look(i: usize, part_selected: bool) -> PointLook {
    let color = [[230, 159, 0], [86, 180, 233], [0, 158, 115], [204, 121, 167]][i % 4];
    match (part_selected, i % 10) {
        (true, 0) => PointLook { color, mark: 0, hollow: false, layer: Layer::Selected },
        (true, _) => PointLook { color: [110; 3], mark: 0, hollow: false, layer: Layer::Below },
        (false, _) => PointLook { color, mark: 0, hollow: false, layer: Layer::Middle },
    }
}

/// Milliseconds of each frame while the plane is panned and zoomed.
fn frames(gpu: &GpuDevice, count: usize, radius: f32, part_selected: bool, zoom: f32) -> Vec<f64> {
    let format = wgpu::TextureFormat::Rgba8Unorm;
    let target = Target::new(&gpu.device, WIDTH, HEIGHT, format);
    let mut renderer = PointsRenderer::new(&gpu.device, format);
    let looks = Arc::new(Looks::new((0..count).map(|i| look(i, part_selected))));
    let mut draw = PointsDraw {
        view: 1,
        corner: [0.0; 2],
        size: [WIDTH as f32, HEIGHT as f32],
        centre: [0.0; 2],
        scale: 380.0 * zoom,
        radius,
        outline: [255; 3],
        positions: positions(count),
        looks,
    };
    let mut times = Vec::new();
    for frame in 0..FRAMES + 3 {
        let turn = frame as f32 * 0.3;
        draw.centre = [0.1 * turn.cos(), 0.1 * turn.sin()];
        draw.scale = 380.0 * zoom * (1.0 + 0.2 * turn.sin());
        let start = Instant::now();
        renderer.prepare(&gpu.device, &gpu.queue, &draw);
        let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        renderer.paint(&mut target.pass(&mut encoder), 1);
        gpu.queue.submit([encoder.finish()]);
        gpu.device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
        // The first frames upload and compile.
        if frame >= 3 {
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    assert!(renderer.uploaded[0] <= 8 * count as u64, "positions go up once");
    times.sort_by(f64::total_cmp);
    times
}

fn main() {
    let gpu = GpuDevice::headless().unwrap_or_else(|e| panic!("{e}"));
    println!("{}, {WIDTH} × {HEIGHT} px, ms per frame (median, 95th percentile):", gpu.summary());
    for count in [10_000, 100_000, 1_000_000] {
        for zoom in [1.0, 4.0] {
            for selected in [false, true] {
                let radius = molclip::gpu::points::radius_for(count);
                let times = frames(&gpu, count, radius, selected, zoom);
                let part = if selected { "a tenth selected" } else { "all coloured" };
                println!(
                    "{count:>9} points of {radius:.1} px, zoom {zoom}, {part}: {:6.1} {:6.1}",
                    times[FRAMES / 2],
                    times[FRAMES * 95 / 100]
                );
            }
        }
    }
    for count in [100_000, 1_000_000] {
        let start = Instant::now();
        let looks = Looks::new((0..count).map(|i| look(i, true)));
        println!("{} looks sorted in {:.1} ms", looks.drawn(), start.elapsed().as_secs_f64() * 1e3);
    }
}
