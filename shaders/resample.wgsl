// A frame's raw samples as one plane of a network's input: an affine map around the centre, averaged over n × n
// bilinear samples per output pixel, then background, gain, mean and deviation. Outside of the part is background.

struct Params {
    matrix: vec4<f32>,     // source px per output px, by rows
    shift: vec2<f32>,      // source px
    source: vec2<u32>,     // width and height, px
    low: vec2<u32>,        // the part of the source that is seen, px: from here
    high: vec2<u32>,       // to before here
    size: u32,             // of the output's side, px
    n: u32,                // bilinear samples per side of an output pixel
    samples: u32,          // interleaved samples per pixel
    sample: u32,           // which of them
    depth: u32,            // focal planes; the brightest counts
    plane_words: u32,      // 32-bit words from one focal plane to the next
    at: u32,               // samples before this frame
    first: u32,            // where this plane begins in the output
    background: f32,
    gain: f32,
    dark: f32,             // output for background
    padding: u32,
}

// As in frame.wgsl: 0 u8, 1 i8, 2 u16, 3 i16, 4 u32, 5 i32, 6 f16, 7 f32
override DTYPE: u32 = 0u;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> data: array<u32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

fn load(plane: u32, i: u32) -> f32 {
    let base = plane * p.plane_words;
    if DTYPE <= 1u {
        let byte = (data[base + (i >> 2u)] >> ((i & 3u) * 8u)) & 0xffu;
        if DTYPE == 0u { return f32(byte); }
        return f32(i32(byte << 24u) >> 24u);
    }
    if DTYPE == 2u || DTYPE == 3u || DTYPE == 6u {
        let word = data[base + (i >> 1u)];
        if DTYPE == 6u { return unpack2x16float(word)[i & 1u]; }
        let half = (word >> ((i & 1u) * 16u)) & 0xffffu;
        if DTYPE == 2u { return f32(half); }
        return f32(i32(half << 16u) >> 16u);
    }
    let word = data[base + i];
    if DTYPE == 4u { return f32(word); }
    if DTYPE == 5u { return f32(bitcast<i32>(word)); }
    return bitcast<f32>(word);
}

// Light of a source pixel: what it has above the background, none outside of the part.
fn light(at: vec2<f32>) -> f32 {
    // Compared as numbers, so that a place far outside does not wrap around.
    if any(at < vec2<f32>(p.low)) || any(at >= vec2<f32>(p.high)) { return 0.0; }
    let pixel = vec2<u32>(at);
    let i = p.at + (pixel.y * p.source.x + pixel.x) * p.samples + p.sample;
    var value = load(0u, i);
    for (var z = 1u; z < p.depth; z++) { value = max(value, load(z, i)); }
    return value - p.background;
}

// Between four source pixels.
fn bilinear(at: vec2<f32>) -> f32 {
    let corner = floor(at);
    let w = at - corner;
    let top = (1.0 - w.x) * light(corner) + w.x * light(corner + vec2(1.0, 0.0));
    let bottom = (1.0 - w.x) * light(corner + vec2(0.0, 1.0)) + w.x * light(corner + vec2(1.0, 1.0));
    return (1.0 - w.y) * top + w.y * bottom;
}

@compute @workgroup_size(8, 8)
fn resample(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= p.size || id.y >= p.size { return; }
    let from_centre = vec2<f32>(id.xy) - 0.5 * f32(p.size - 1u);
    let middle = 0.5 * (vec2<f32>(p.low + p.high) - 1.0) + p.shift;
    var sum = 0.0;
    for (var j = 0u; j < p.n; j++) {
        for (var i = 0u; i < p.n; i++) {
            let d = from_centre + (vec2(f32(i), f32(j)) + 0.5) / f32(p.n) - 0.5;
            sum += bilinear(vec2(dot(p.matrix.xy, d), dot(p.matrix.zw, d)) + middle);
        }
    }
    output[p.first + id.y * p.size + id.x] = sum / f32(p.n * p.n) * p.gain + p.dark;
}
