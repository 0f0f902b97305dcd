//! Both ways of drawing, seen in pictures that are read back.

use super::*;
use crate::gpu::GpuDevice;
use crate::gpu::target::Target;

const WIDTH: u32 = 120;
const HEIGHT: u32 = 80;

fn look(color: [u8; 3], layer: Layer) -> PointLook {
    PointLook { color, mark: 0, hollow: false, layer }
}

/// Pixels of points at 10 px per unit, the middle of the plane at `centre`.
struct Scene {
    positions: Vec<[f32; 2]>,
    looks: Vec<PointLook>,
    radius: f32,
    centre: [f32; 2],
}

impl Scene {
    fn draw(&self, gpu: &GpuDevice, renderer: &mut PointsRenderer) -> Vec<u8> {
        let draw = PointsDraw {
            view: 7,
            corner: [0.0; 2],
            size: [WIDTH as f32, HEIGHT as f32],
            centre: self.centre,
            scale: 10.0,
            radius: self.radius,
            outline: [255; 3],
            positions: self.positions.clone().into(),
            looks: Arc::new(Looks::new(self.looks.iter().copied())),
        };
        picture(gpu, renderer, &draw)
    }
}

fn picture(gpu: &GpuDevice, renderer: &mut PointsRenderer, draw: &PointsDraw) -> Vec<u8> {
    let target = Target::new(&gpu.device, WIDTH, HEIGHT, wgpu::TextureFormat::Rgba8Unorm);
    renderer.prepare(&gpu.device, &gpu.queue, draw);
    let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    renderer.paint(&mut target.pass(&mut encoder), draw.view);
    let copied = target.copy_out(&gpu.device, &mut encoder);
    gpu.queue.submit([encoder.finish()]);
    copied.read(&gpu.device).unwrap()
}

fn at(picture: &[u8], x: u32, y: u32) -> [u8; 3] {
    let i = 4 * (y * WIDTH + x) as usize;
    [picture[i], picture[i + 1], picture[i + 2]]
}

fn renderers(gpu: &GpuDevice) -> [PointsRenderer; 2] {
    [false, true]
        .map(|processor| PointsRenderer::drawing_by(&gpu.device, wgpu::TextureFormat::Rgba8Unorm, processor))
}

const RED: [u8; 3] = [230, 20, 10];
const BLUE: [u8; 3] = [10, 30, 240];
const BLACK: [u8; 3] = [0; 3];

#[test]
fn points_have_their_colours_at_their_places_and_coloured_ones_lie_above_grey_ones() {
    let gpu = GpuDevice::headless().unwrap_or_else(|e| panic!("{e}"));
    for mut renderer in renderers(&gpu) {
        let scene = Scene {
            // Upwards is up; the last two lie on each other, the one below drawn last by its number.
            positions: vec![[-4.0, 2.0], [4.0, -2.0], [0.0, 0.0], [0.0, 0.0], [0.0, 3.0]],
            looks: vec![
                look(RED, Layer::Middle),
                look(BLUE, Layer::Middle),
                look(RED, Layer::Middle),
                look([110; 3], Layer::Below),
                look(BLUE, Layer::Hidden),
            ],
            radius: 4.0,
            centre: [0.0; 2],
        };
        let drawn = scene.draw(&gpu, &mut renderer);
        assert_eq!(at(&drawn, 20, 20), RED);
        assert_eq!(at(&drawn, 100, 60), BLUE);
        assert_eq!(at(&drawn, 60, 40), RED, "above the grey one");
        assert_eq!(at(&drawn, 60, 10), BLACK, "hidden");
        // Round, of 4 px: inside on the axis, outside in the corner of its square.
        assert_eq!((at(&drawn, 22, 20), at(&drawn, 25, 20)), (RED, BLACK));
        assert_eq!(at(&drawn, 23, 23), BLACK);
        let panned = Scene { centre: [-4.0, 2.0], ..scene };
        assert_eq!(at(&panned.draw(&gpu, &mut renderer), 60, 40), RED);
    }
}

#[test]
fn selected_points_have_an_outline_and_points_without_a_value_are_rings() {
    let gpu = GpuDevice::headless().unwrap_or_else(|e| panic!("{e}"));
    for mut renderer in renderers(&gpu) {
        let scene = Scene {
            positions: vec![[-4.0, 0.0], [0.0, 0.0], [4.0, 0.0]],
            looks: vec![
                look(RED, Layer::Selected),
                PointLook { hollow: true, ..look(BLUE, Layer::Middle) },
                PointLook { mark: 1, ..look(RED, Layer::Middle) },
            ],
            radius: 8.0,
            centre: [0.0; 2],
        };
        let drawn = scene.draw(&gpu, &mut renderer);
        // 8 · 1.25 + 1 px, the outer one white.
        let outline = at(&drawn, 30, 40);
        assert!(at(&drawn, 20, 40) == RED && outline.iter().all(|v| *v > 245), "{outline:?}");
        let [red, _, blue] = at(&drawn, 67, 40);
        assert!(at(&drawn, 60, 40) == BLACK && blue > 180 && red < 20, "{red} {blue}");
        assert_eq!((at(&drawn, 100, 40), at(&drawn, 105, 40)), ([20; 3], RED));
    }
}

#[test]
fn the_processor_draws_what_the_device_draws() {
    let gpu = GpuDevice::headless().unwrap_or_else(|e| panic!("{e}"));
    let [mut device, mut processor] = renderers(&gpu);
    let place = |i: usize| [(i * 37 % 110) as f32 / 10.0 - 5.5, (i * 53 % 73) as f32 / 10.0 - 3.6];
    let layers = [Layer::Below, Layer::Middle, Layer::Selected];
    let looks = |i: usize| PointLook {
        color: [(i * 3 % 256) as u8, (i * 7 % 256) as u8, 200],
        mark: (i / 3 % 4) as u8,
        hollow: i.is_multiple_of(5),
        layer: layers[i % 3],
    };
    for radius in [1.0, 2.5, 4.5] {
        let scene = Scene {
            positions: (0..60).map(place).collect(),
            looks: (0..60).map(looks).collect(),
            radius,
            centre: [0.3, -0.2],
        };
        let (a, b) = (scene.draw(&gpu, &mut device), scene.draw(&gpu, &mut processor));
        // Places within a pixel are rounded to a quarter: edges differ a little.
        let difference: f64 = a.iter().zip(&b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
        let light: f64 = a.iter().map(|a| f64::from(*a)).sum();
        assert!(light > 1e5 && difference < 0.06 * light, "{radius}: {difference} of {light}");
    }
}

#[test]
fn positions_go_up_once_and_looks_when_they_change() {
    let gpu = GpuDevice::headless().unwrap_or_else(|e| panic!("{e}"));
    let [mut renderer, _] = renderers(&gpu);
    let looks = |layer| Arc::new(Looks::new((0..100).map(|_| look(RED, layer))));
    let mut draw = PointsDraw {
        view: 1,
        corner: [0.0; 2],
        size: [WIDTH as f32, HEIGHT as f32],
        centre: [0.0; 2],
        scale: 10.0,
        radius: 2.0,
        outline: [255; 3],
        positions: vec![[0.0; 2]; 100].into(),
        looks: looks(Layer::Middle),
    };
    for step in 0..5 {
        draw.centre = [step as f32, 0.0];
        draw.scale *= 1.1;
        picture(&gpu, &mut renderer, &draw);
    }
    assert_eq!(renderer.uploaded, [800, 800], "panning and zooming upload nothing");
    draw.looks = looks(Layer::Selected);
    picture(&gpu, &mut renderer, &draw);
    assert_eq!(renderer.uploaded, [800, 1600]);
    draw.positions = vec![[0.0; 2]; 50].into();
    draw.looks = Arc::new(Looks::new((0..50).map(|_| look(RED, Layer::Middle))));
    picture(&gpu, &mut renderer, &draw);
    assert_eq!(renderer.uploaded, [1200, 2000]);
}

#[test]
fn no_points_and_points_that_are_none_draw_nothing() {
    let gpu = GpuDevice::headless().unwrap_or_else(|e| panic!("{e}"));
    for mut renderer in renderers(&gpu) {
        let empty = Scene { positions: vec![], looks: vec![], radius: 3.0, centre: [0.0; 2] };
        assert!(empty.draw(&gpu, &mut renderer).chunks(4).all(|pixel| pixel[..3] == BLACK));
        let none = Scene { positions: vec![[f32::NAN, 0.0]], looks: vec![look(RED, Layer::Middle)], ..empty };
        assert!(none.draw(&gpu, &mut renderer).chunks(4).all(|pixel| pixel[..3] == BLACK));
    }
}
