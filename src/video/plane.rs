//! One decoded plane: raw samples as stored, in the machine's byte order.

use serde::{Deserialize, Serialize};

/// How one sample is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SampleType {
    /// 8-bit unsigned integer.
    #[serde(rename = "uint8")]
    U8,
    /// 8-bit signed integer.
    #[serde(rename = "int8")]
    I8,
    /// 16-bit unsigned integer.
    #[serde(rename = "uint16")]
    U16,
    /// 16-bit signed integer.
    #[serde(rename = "int16")]
    I16,
    /// 32-bit unsigned integer.
    #[serde(rename = "uint32")]
    U32,
    /// 32-bit signed integer.
    #[serde(rename = "int32")]
    I32,
    /// IEEE half precision.
    #[serde(rename = "float16")]
    F16,
    /// IEEE single precision.
    #[serde(rename = "float32")]
    F32,
    /// IEEE double precision.
    #[serde(rename = "float64")]
    F64,
}

impl SampleType {
    /// Bytes per sample.
    pub const fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 | Self::F16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// The name that `NumPy` and tifffile use: `uint16`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::U8 => "uint8",
            Self::I8 => "int8",
            Self::U16 => "uint16",
            Self::I16 => "int16",
            Self::U32 => "uint32",
            Self::I32 => "int32",
            Self::F16 => "float16",
            Self::F32 => "float32",
            Self::F64 => "float64",
        }
    }

    /// True for the three floating-point types.
    pub const fn is_float(self) -> bool {
        matches!(self, Self::F16 | Self::F32 | Self::F64)
    }

    /// Smallest and largest value that the type can hold; 0 and 1 for floats, whose range says nothing.
    pub const fn range(self) -> (f64, f64) {
        match self {
            Self::U8 => (0.0, u8::MAX as f64),
            Self::I8 => (i8::MIN as f64, i8::MAX as f64),
            Self::U16 => (0.0, u16::MAX as f64),
            Self::I16 => (i16::MIN as f64, i16::MAX as f64),
            Self::U32 => (0.0, u32::MAX as f64),
            Self::I32 => (i32::MIN as f64, i32::MAX as f64),
            Self::F16 | Self::F32 | Self::F64 => (0.0, 1.0),
        }
    }
}

/// One plane, `[height, width, samples]`, row-major, samples interleaved, native byte order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plane {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Samples per pixel: 1, or 3-4 for interleaved colour.
    pub samples: usize,
    /// Type of a sample.
    pub dtype: SampleType,
    /// `height * width * samples * dtype.size()` bytes.
    pub bytes: Vec<u8>,
}

/// Calls `$body` with every sample as its own type bound to `$v`; monomorphic, so the loop vectorises.
macro_rules! for_samples {
    ($plane:expr, $v:ident => $body:expr) => {{
        macro_rules! each {
            ($ty:ty, $n:literal) => {
                for chunk in $plane.bytes.chunks_exact($n) {
                    let mut raw = [0u8; $n];
                    raw.copy_from_slice(chunk);
                    let $v = <$ty>::from_ne_bytes(raw);
                    $body
                }
            };
        }
        match $plane.dtype {
            SampleType::U8 => each!(u8, 1),
            SampleType::I8 => each!(i8, 1),
            SampleType::U16 => each!(u16, 2),
            SampleType::I16 => each!(i16, 2),
            SampleType::U32 => each!(u32, 4),
            SampleType::I32 => each!(i32, 4),
            SampleType::F16 => each!(half::f16, 2),
            SampleType::F32 => each!(f32, 4),
            SampleType::F64 => each!(f64, 8),
        }
    }};
}

impl Plane {
    /// The sample at a position, or `None` outside the plane.
    pub fn value(&self, x: usize, y: usize, sample: usize) -> Option<f64> {
        if x >= self.width || y >= self.height || sample >= self.samples {
            return None;
        }
        let size = self.dtype.size();
        let at = ((y * self.width + x) * self.samples + sample) * size;
        let one = Self {
            width: 1,
            height: 1,
            samples: 1,
            dtype: self.dtype,
            bytes: self.bytes.get(at..at + size)?.to_vec(),
        };
        let mut value = None;
        one.for_each(|v| value = Some(v));
        value
    }

    /// Visits every sample as f64 (u32 and below are exact).
    pub fn for_each(&self, mut visit: impl FnMut(f64)) {
        for_samples!(self, v => visit(f64::from(v)));
    }

    /// Sum of all samples: exact for integers, accumulated in f64 for floats.
    pub fn sum(&self) -> f64 {
        if self.dtype.is_float() {
            let mut sum = 0.0;
            self.for_each(|v| sum += v);
            return sum;
        }
        // A 32-bit sample times 2^32 samples still fits an i128 by far.
        let mut sum: i128 = 0;
        match self.dtype {
            SampleType::U8 => sum += self.bytes.iter().map(|&b| u64::from(b)).sum::<u64>() as i128,
            _ => self.for_each(|v| sum += v as i128),
        }
        sum as f64
    }

    /// The part of the plane inside `crop`, clamped to the plane.
    #[must_use]
    pub fn crop(&self, crop: super::Crop) -> Self {
        let x0 = crop.x.min(self.width);
        let y0 = crop.y.min(self.height);
        let width = crop.width.min(self.width - x0);
        let height = crop.height.min(self.height - y0);
        let pixel = self.samples * self.dtype.size();
        let mut bytes = Vec::with_capacity(width * height * pixel);
        for row in y0..y0 + height {
            let start = (row * self.width + x0) * pixel;
            bytes.extend_from_slice(&self.bytes[start..start + width * pixel]);
        }
        Self { width, height, samples: self.samples, dtype: self.dtype, bytes }
    }
}
