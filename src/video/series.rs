//! What a file says about one series (scene, position, well) in it.

use std::sync::Arc;

use super::SampleType;

/// Sizes in the canonical order `TZCYX`, with `S` interleaved colour samples last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Time points.
    pub t: usize,
    /// Focal planes.
    pub z: usize,
    /// Channels.
    pub c: usize,
    /// Rows.
    pub y: usize,
    /// Columns.
    pub x: usize,
    /// Interleaved samples per pixel: 1 for grey, 3 for RGB.
    pub s: usize,
}

impl Shape {
    /// `TZCYX`, or `TZCYXS` for interleaved colour.
    pub const fn axes(&self) -> &'static str {
        if self.s > 1 { "TZCYXS" } else { "TZCYX" }
    }

    /// The sizes that [`Self::axes`] names.
    pub fn dims(&self) -> Vec<usize> {
        let mut dims = vec![self.t, self.z, self.c, self.y, self.x];
        if self.s > 1 {
            dims.push(self.s);
        }
        dims
    }

    /// Planes in the series: `t * z * c`.
    pub const fn planes(&self) -> usize {
        self.t * self.z * self.c
    }

    /// Index of a plane in canonical order: channel fastest, then z, then time.
    pub const fn plane_index(&self, t: usize, z: usize, c: usize) -> usize {
        (t * self.z + z) * self.c + c
    }

    /// Samples in one plane.
    pub const fn plane_samples(&self) -> usize {
        self.y * self.x * self.s
    }
}

/// A channel's name and display colour, where the file gives them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Channel {
    /// Name, e.g. the fluorophore.
    pub name: Option<String>,
    /// Display colour, RGB.
    pub color: Option<[u8; 3]>,
}

/// One series of a file. Unknown is `None`, never a made-up default.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Name in the file, or the file's stem.
    pub name: String,
    /// Sizes.
    pub shape: Shape,
    /// Type of the stored samples.
    pub dtype: SampleType,
    /// For each plane in canonical order, true where the file lacks it. Empty when nothing is missing.
    pub missing: Vec<bool>,
    /// Pixel size, µm.
    pub pixel_size_um: Option<f64>,
    /// Distance between focal planes, µm.
    pub z_step_um: Option<f64>,
    /// Time between frames, s.
    pub interval_s: Option<f64>,
    /// Time of each plane in canonical order, s from the first; NaN where the file gives none. `None` when it gives none at all.
    pub plane_times_s: Option<Vec<f64>>,
    /// Frame rate of a film format (GIF, AVI, MP4): says how it plays, not how it was recorded.
    pub playback_fps: Option<f64>,
    /// One entry per channel.
    pub channels: Vec<Channel>,
    /// Compression as stored: `none`, `lzw`, `deflate`, `zstd`, `packbits`, `jpeg`, `gif`, `png`, …
    pub compression: String,
    /// Colour of each index, for palette images.
    pub palette: Option<Arc<Vec<[u8; 3]>>>,
    /// Width and height of the smaller copies in a pyramid.
    pub levels: Vec<(usize, usize)>,
    /// What the reader had to guess or leave out, a sentence each.
    pub warnings: Vec<String>,
}

impl Series {
    /// A series of which nothing but its samples is known.
    pub fn new(name: impl Into<String>, shape: Shape, dtype: SampleType, compression: &str) -> Self {
        Self {
            name: name.into(),
            shape,
            dtype,
            missing: Vec::new(),
            pixel_size_um: None,
            z_step_um: None,
            interval_s: None,
            plane_times_s: None,
            playback_fps: None,
            channels: vec![Channel::default(); shape.c],
            compression: compression.to_owned(),
            palette: None,
            levels: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Number of planes that the file declares but lacks.
    pub fn missing_planes(&self) -> usize {
        self.missing.iter().filter(|&&m| m).count()
    }

    /// True where the file lacks the plane.
    pub fn is_missing(&self, plane: usize) -> bool {
        self.missing.get(plane).copied().unwrap_or(false)
    }

    /// Time of each time point (that of its first plane), s; `None` when the file gives none.
    pub fn time_stamps_s(&self) -> Option<Vec<f64>> {
        let per_t = self.shape.z * self.shape.c;
        let times = self.plane_times_s.as_ref()?;
        Some((0..self.shape.t).map(|t| times.get(t * per_t).copied().unwrap_or(f64::NAN)).collect())
    }
}
