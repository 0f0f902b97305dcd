//! What the device takes of a picture: plain planes of samples, wherever they come from.

use std::borrow::Cow;

/// How a sample lies in the device's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SampleFormat {
    /// 8-bit unsigned integer.
    U8,
    /// 8-bit signed integer.
    I8,
    /// 16-bit unsigned integer.
    U16,
    /// 16-bit signed integer.
    I16,
    /// 32-bit unsigned integer.
    U32,
    /// 32-bit signed integer.
    I32,
    /// IEEE half precision.
    F16,
    /// IEEE single precision; shaders know no wider type.
    F32,
}

impl SampleFormat {
    /// Bytes per sample.
    pub const fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 | Self::F16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
        }
    }

    /// `DTYPE` of the shaders.
    pub(super) const fn code(self) -> u32 {
        match self {
            Self::U8 => 0,
            Self::I8 => 1,
            Self::U16 => 2,
            Self::I16 => 3,
            Self::U32 => 4,
            Self::I32 => 5,
            Self::F16 => 6,
            Self::F32 => 7,
        }
    }
}

/// A plane on its way to the device, `[height, width, samples]`, row-major, samples interleaved, native byte order.
#[derive(Debug, Clone)]
pub struct PlaneView<'a> {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Interleaved samples per pixel.
    pub samples: usize,
    /// Of each sample.
    pub format: SampleFormat,
    /// `height * width * samples * format.size()` bytes; owned where they had to be converted.
    pub bytes: Cow<'a, [u8]>,
}

/// Something that can be handed to the device plane by plane.
pub trait Raster {
    /// The plane in a format that shaders can read. Called once, when the plane is handed over.
    fn view(&self) -> PlaneView<'_>;
}
