// Draws round points of one size in pixels, however far the plane is zoomed. A point is one triangle around its disc:
// that is half the set-up of a square, which is what a software rasteriser pays for when points are small.

struct Params {
    centre: vec2<f32>,   // of the plane, in the middle of the view
    scale: vec2<f32>,    // clip units per unit of the plane
    pixel: vec2<f32>,    // clip units per framebuffer px
    radius: f32,         // framebuffer px
    outline: u32,        // around selected points, as colours below
    corner: vec2<f32>,   // top left of the view, framebuffer px
    width: u32,          // of the finished picture, px
    height: u32,
}

// Fixed when the pipeline is built: a software rasteriser would else run every branch for every fragment.
override FANCY: bool = false; // hollow, marked or selected points
override SRGB: bool = false;  // the target expects linear light

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> positions: array<vec2<f32>>;
@group(0) @binding(1) var<storage, read> pixels: array<u32>; // where the processor draws: premultiplied

struct Varying {
    @builtin(position) clip: vec4<f32>,
    @location(0) local: vec2<f32>,                 // from the middle of the point, in radii
    @location(1) @interpolate(flat) color: vec3<f32>,
    @location(2) @interpolate(flat) flags: u32,
}

const MARK: u32 = 3u;     // 0 none, 1 dot, 2 bar, 3 cross
const HOLLOW: u32 = 4u;
const SELECTED: u32 = 8u;

fn to_target(color: u32) -> vec3<f32> {
    return as_target(unpack4x8unorm(color).rgb);
}

fn as_target(v: vec3<f32>) -> vec3<f32> {
    if !SRGB { return v; }
    return select(pow((v + 0.055) / 1.055, vec3(2.4)), v / 12.92, v <= vec3(0.04045));
}

// Selected points are a little larger.
fn radius_of(flags: u32) -> f32 {
    return p.radius * select(1.0, 1.25, (flags & SELECTED) != 0u) + select(0.0, 1.0, (flags & SELECTED) != 0u);
}

// `point`: its number, and its colour with its flags in the highest byte.
@vertex
fn vertex(@builtin(vertex_index) i: u32, @location(0) point: vec2<u32>) -> Varying {
    var out: Varying;
    out.flags = point.y >> 24u;
    var radius = p.radius;
    if FANCY { radius = radius_of(out.flags); }
    // The triangle around the unit circle; half a pixel more for the soft edge.
    let corner = vec2(f32(i32(i) - 1) * 1.7320508, select(1.0, -2.0, i == 1u)) * (radius + 0.5) / radius;
    let middle = (positions[point.x] - p.centre) * p.scale;
    out.clip = vec4(middle + corner * radius * p.pixel, 0.0, 1.0);
    out.local = corner;
    out.color = to_target(point.y);
    return out;
}

@fragment
fn fragment(in: Varying) -> @location(0) vec4<f32> {
    var radius = p.radius;
    if FANCY { radius = radius_of(in.flags); }
    let d = length(in.local) * radius;
    var alpha = clamp(radius - d + 0.5, 0.0, 1.0);
    var color = in.color;
    if FANCY {
        let ink = to_target(0x141414u);
        let at = in.local * radius;
        let mark = in.flags & MARK;
        let wide = 0.16 * radius;
        if mark == 1u { color = mix(ink, color, clamp(d - 0.42 * radius + 0.5, 0.0, 1.0)); }
        if mark == 2u {
            let off = max(abs(at.y) - wide, abs(at.x) - 0.62 * radius);
            color = mix(ink, color, clamp(off + 0.5, 0.0, 1.0));
        }
        if mark == 3u {
            let turned = vec2(at.x + at.y, at.x - at.y) * 0.70710678;
            let off = min(max(abs(turned.y) - wide, abs(turned.x) - 0.7 * radius),
                          max(abs(turned.x) - wide, abs(turned.y) - 0.7 * radius));
            color = mix(ink, color, clamp(off + 0.5, 0.0, 1.0));
        }
        if (in.flags & HOLLOW) != 0u {
            // Of a tiny point a hole would leave nothing.
            let hole = select(radius - 1.3, 0.0, radius < 2.0);
            alpha *= clamp(d - hole + 0.5, 0.0, 1.0);
        }
        if (in.flags & SELECTED) != 0u {
            color = mix(color, to_target(p.outline), clamp(d - (radius - 1.2) + 0.5, 0.0, 1.0));
        }
    }
    return vec4(color * alpha, alpha);
}

// One triangle that covers the view.
@vertex
fn picture_vertex(@builtin(vertex_index) i: u32) -> @builtin(position) vec4<f32> {
    return vec4(f32(i32(i & 1u) * 4 - 1), f32(i32(i >> 1u) * 4 - 1), 0.0, 1.0);
}

@fragment
fn picture(@builtin(position) at: vec4<f32>) -> @location(0) vec4<f32> {
    let place = min(vec2<u32>(max(at.xy - p.corner, vec2(0.0))), vec2(p.width, p.height) - 1u);
    let color = unpack4x8unorm(pixels[place.y * p.width + place.x]);
    if !SRGB { return color; }
    return vec4(as_target(color.rgb / max(color.a, 1e-6)) * color.a, color.a);
}
