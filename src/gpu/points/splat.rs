//! Points drawn by the processor, for devices that are software rasterisers: those set up a triangle in the time in
//! which a dozen points are written here, so the finished picture goes up instead.

use super::{HOLLOW, MARK, PointsDraw, SELECTED};

/// Places within a pixel, per side, that points are drawn at.
const PHASES: usize = 4;

/// One pixel of a point.
#[derive(Clone, Copy)]
struct Dab {
    dx: i32,
    dy: i32,
    /// Shares of 255: of the point, of dark ink on it, of the outline on that.
    cover: u8,
    ink: u8,
    outline: u8,
}

/// Dark signs on points, sRGB, as in the shader.
const INK: [u8; 3] = [20; 3];

/// A picture of points, `[height, width]` of premultiplied RGBA in bytes from the lowest.
#[derive(Default)]
pub(super) struct Splat {
    pub pixels: Vec<u32>,
    pub width: usize,
    pub height: usize,
}

impl Splat {
    /// Draws all points anew.
    pub fn draw(&mut self, draw: &PointsDraw) {
        (self.width, self.height) = (draw.size[0].round() as usize, draw.size[1].round() as usize);
        self.pixels.clear();
        self.pixels.resize(self.width * self.height, 0);
        if self.pixels.is_empty() {
            return;
        }
        for (_, range) in draw.looks.ranges() {
            let mut stamps: [Option<Box<[Stamp]>>; 16] = Default::default();
            for entry in &draw.looks.entries[range.start as usize..range.end as usize] {
                self.point(draw, *entry, &mut stamps);
            }
        }
    }

    fn point(&mut self, draw: &PointsDraw, [index, look]: [u32; 2], stamps: &mut [Option<Box<[Stamp]>>; 16]) {
        let Some(at) = draw.positions.get(index as usize) else { return };
        let x = (at[0] - draw.centre[0]) * draw.scale + 0.5 * draw.size[0];
        let y = 0.5 * draw.size[1] - (at[1] - draw.centre[1]) * draw.scale;
        let flags = (look >> 24) as usize & 15;
        let stamps = stamps[flags].get_or_insert_with(|| stamps_for(flags as u32, draw.radius));
        let reach = stamps[0].reach;
        // Points that are not numbers are not drawn either.
        let inside = x > -reach && y > -reach;
        if !(inside && x < self.width as f32 + reach && y < self.height as f32 + reach) {
            return;
        }
        let (left, top) = (x.floor(), y.floor());
        let phase = |v: f32| ((v * PHASES as f32) as usize).min(PHASES - 1);
        let stamp = &stamps[phase(y - top) * PHASES + phase(x - left)];
        let (left, top) = (left as i32, top as i32);
        let whole = left >= stamp.low && top >= stamp.low;
        let whole = whole && left + stamp.high < self.width as i32 && top + stamp.high < self.height as i32;
        let [red, green, blue, _] = look.to_le_bytes();
        if whole && flags == 0 {
            let color = u32::from_le_bytes([red, green, blue, 255]);
            let corner = top as usize * self.width + left as usize;
            for dab in &stamp.dabs {
                let place =
                    corner.wrapping_add_signed(dab.dy as isize * self.width as isize + dab.dx as isize);
                self.pixels[place] = over(color, dab.cover, self.pixels[place]);
            }
            return;
        }
        for dab in &stamp.dabs {
            let (x, y) = (left + dab.dx, top + dab.dy);
            if x < 0 || y < 0 || x >= self.width as i32 || y >= self.height as i32 {
                continue;
            }
            let color = mix(mix([red, green, blue], INK, dab.ink), draw.outline, dab.outline);
            let color = u32::from_le_bytes([color[0], color[1], color[2], 255]);
            let place = y as usize * self.width + x as usize;
            self.pixels[place] = over(color, dab.cover, self.pixels[place]);
        }
    }
}

fn mix(a: [u8; 3], b: [u8; 3], share: u8) -> [u8; 3] {
    if share == 0 {
        return a;
    }
    let share = u32::from(share);
    [0, 1, 2].map(|i| ((u32::from(a[i]) * (255 - share) + u32::from(b[i]) * share) / 255) as u8)
}

/// An opaque colour over a pixel, as far as it covers it; two channels at a time.
fn over(color: u32, cover: u8, pixel: u32) -> u32 {
    if cover == 255 {
        return color;
    }
    let cover = u32::from(cover) + u32::from(cover >> 7);
    let pair = |shift: u32| {
        let (new, old) = (color >> shift & 0x00ff_00ff, pixel >> shift & 0x00ff_00ff);
        ((new * cover + old * (256 - cover)) >> 8 & 0x00ff_00ff) << shift
    };
    pair(0) | pair(8)
}

/// The pixels of a point at one place within a pixel.
struct Stamp {
    dabs: Vec<Dab>,
    /// Farthest pixel from the middle, px.
    reach: f32,
    /// The picture's edges must be as far from the middle's pixel, for all dabs to be inside.
    low: i32,
    high: i32,
}

/// What the shader computes for each fragment, for all places within a pixel.
fn stamps_for(flags: u32, radius: f32) -> Box<[Stamp]> {
    let selected = flags & SELECTED != 0;
    let radius = if selected { 1.25 * radius + 1.0 } else { radius };
    let reach = radius + 1.0;
    let far = reach.ceil() as i32;
    let share = |v: f32| (v.clamp(0.0, 1.0) * 255.0).round() as u8;
    let middle = |phase: usize| (phase as f32 + 0.5) / PHASES as f32;
    (0..PHASES * PHASES)
        .map(|place| {
            let (mx, my) = (middle(place % PHASES), middle(place / PHASES));
            let mut dabs = Vec::new();
            for (dy, dx) in (-far..=far).flat_map(|dy| (-far..=far).map(move |dx| (dy, dx))) {
                let (x, y) = (dx as f32 + 0.5 - mx, dy as f32 + 0.5 - my);
                let d = x.hypot(y);
                let mut cover = (radius - d + 0.5).clamp(0.0, 1.0);
                if flags & HOLLOW != 0 {
                    let hole = if radius < 2.0 { 0.0 } else { radius - 1.3 };
                    cover *= (d - hole + 0.5).clamp(0.0, 1.0);
                }
                if share(cover) == 0 {
                    continue;
                }
                let ink = sign(flags & MARK, x, y, radius).map_or(0.0, |off| 0.5 - off);
                let outline = if selected { d - (radius - 1.2) + 0.5 } else { 0.0 };
                dabs.push(Dab { dx, dy, cover: share(cover), ink: share(ink), outline: share(outline) });
            }
            Stamp { dabs, reach, low: far, high: far }
        })
        .collect()
}

/// Distance from a sign's edge, negative inside, px.
fn sign(mark: u32, x: f32, y: f32, radius: f32) -> Option<f32> {
    let wide = 0.16 * radius;
    match mark {
        1 => Some(x.hypot(y) - 0.42 * radius),
        2 => Some((y.abs() - wide).max(x.abs() - 0.62 * radius)),
        3 => {
            let side = std::f32::consts::FRAC_1_SQRT_2;
            let (u, v) = (((x + y) * side).abs(), ((x - y) * side).abs());
            let long = 0.7 * radius;
            Some((v - wide).max(u - long).min((u - wide).max(v - long)))
        }
        _ => None,
    }
}
