// Draws one channel of a frame from its raw samples: projection along z, contrast, gamma, look-up table.
// Channels are drawn one after the other; blending adds them up. Each fragment finds its own pixel, so the
// same code serves any zoom; when pixels are smaller than fragments, their values are averaged first.
// Around the frame lies the background, which is drawn before it.

struct Params {
    rect_min: vec2<f32>,   // top left of the view, framebuffer px
    rect_size: vec2<f32>,  // of the view, framebuffer px
    origin: vec2<f32>,     // image position at its top left, image px
    size: vec2<u32>,       // image px
    step: f32,             // image px per framebuffer px
    samples: u32,          // interleaved samples per pixel
    depth: u32,            // planes in the buffer
    plane_words: u32,      // 32-bit words from one plane to the next
    low: f32,              // value shown darkest
    high: f32,             // value shown brightest
    gamma: f32,
    invert: f32,           // 1: the table backwards, else 0
}

// Fixed when the pipeline is built: a software rasteriser would else run every branch for every fragment.
override DTYPE: u32 = 0u;       // 0 u8, 1 i8, 2 u16, 3 i16, 4 u32, 5 i32, 6 f16, 7 f32
override FOOTPRINT: u32 = 1u;   // samples per side that a fragment averages
override PROJECTION: u32 = 0u;  // along z: 0 one plane, 1 maximum, 2 mean
override LINEAR: bool = true;   // gamma is 1
override INDEXED: bool = false; // samples are indices into the table
override COLOR: bool = false;   // three samples make a colour
override SRGB: bool = false;    // the target expects linear light
override RED: f32 = 0.0;        // the background, as the target expects it
override GREEN: f32 = 0.0;
override BLUE: f32 = 0.0;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> data: array<u32>;
@group(0) @binding(2) var<storage, read> lut: array<u32>;

// One triangle that covers the view.
@vertex
fn background_vertex(@builtin(vertex_index) i: u32) -> @builtin(position) vec4<f32> {
    return vec4(f32(i32(i & 1u) * 4 - 1), f32(i32(i >> 1u) * 4 - 1), 0.0, 1.0);
}

@fragment
fn background() -> @location(0) vec4<f32> {
    return vec4(RED, GREEN, BLUE, 1.0);
}

// A strip of two triangles that covers the frame and nothing around it.
@vertex
fn vertex(@builtin(vertex_index) i: u32) -> @builtin(position) vec4<f32> {
    let corner = vec2(f32(i & 1u), f32(i >> 1u));
    let at = (corner * vec2<f32>(p.size) - p.origin) / (p.step * p.rect_size);
    return vec4(2.0 * at.x - 1.0, 1.0 - 2.0 * at.y, 0.0, 1.0);
}

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

// The value at a pixel, projected along z.
fn project(pixel: vec2<u32>, sample: u32) -> f32 {
    let i = (pixel.y * p.size.x + pixel.x) * p.samples + sample;
    var value = load(0u, i);
    if PROJECTION == 0u { return value; }
    for (var z = 1u; z < p.depth; z++) {
        let next = load(z, i);
        if PROJECTION == 1u { value = max(value, next); } else { value += next; }
    }
    if PROJECTION == 2u { value /= f32(p.depth); }
    return value;
}

// The value under a fragment: one pixel, or the average of those that it covers.
fn value_at(at: vec2<f32>, sample: u32) -> f32 {
    let n = FOOTPRINT;
    if FOOTPRINT == 1u { return project(vec2<u32>(at), sample); }
    var sum = 0.0;
    for (var j = 0u; j < n; j++) {
        for (var i = 0u; i < n; i++) {
            let offset = ((vec2(f32(i), f32(j)) + 0.5) / f32(n) - 0.5) * p.step;
            let pixel = clamp(at + offset, vec2(0.0), vec2<f32>(p.size) - 0.5);
            sum += project(vec2<u32>(pixel), sample);
        }
    }
    return sum / f32(n * n);
}

fn scaled(value: f32) -> f32 {
    let x = clamp((value - p.low) / (p.high - p.low), 0.0, 1.0);
    if LINEAR { return x; }
    return pow(x, p.gamma);
}

fn table(value: f32) -> vec3<f32> {
    let last = arrayLength(&lut) - 1u;
    var index: u32;
    if INDEXED {
        index = u32(clamp(value, 0.0, f32(last)));
    } else {
        index = u32(abs(p.invert - scaled(value)) * f32(last) + 0.5);
    }
    return unpack4x8unorm(lut[index]).rgb;
}

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    // Rounding may put the centre of a fragment at the rim just outside.
    let inside = vec2<f32>(p.size) - 0.5;
    let at = clamp(p.origin + (position.xy - p.rect_min) * p.step, vec2(0.0), inside);
    var color: vec3<f32>;
    if COLOR {
        color = vec3(scaled(value_at(at, 0u)), scaled(value_at(at, 1u)), scaled(value_at(at, 2u)));
        color = abs(p.invert - color);
    } else {
        color = table(value_at(at, 0u));
    }
    if SRGB {
        color = select(pow((color + 0.055) / 1.055, vec3(2.4)), color / 12.92, color <= vec3(0.04045));
    }
    return vec4(color, 1.0);
}
