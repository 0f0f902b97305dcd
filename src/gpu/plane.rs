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

/// Size and type of a plane as the device takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlaneForm {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Interleaved samples per pixel.
    pub samples: usize,
    /// Of each sample.
    pub format: SampleFormat,
}

impl PlaneForm {
    /// Bytes of all samples; `None` where no number can count them.
    pub fn bytes(self) -> Option<usize> {
        let values = self.width.checked_mul(self.height)?.checked_mul(self.samples)?;
        values.checked_mul(self.format.size())
    }
}

/// Something that can be handed to the device plane by plane.
pub trait Raster {
    /// What the plane is in a format that shaders can read; its samples are not touched.
    fn form(&self) -> PlaneForm;

    /// Its samples in that format, `[height, width, samples]`, row-major, native byte order; owned where they had to be
    /// converted. Called once, when the plane is handed over.
    fn bytes(&self) -> Cow<'_, [u8]>;
}
