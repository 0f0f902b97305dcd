//! Recordings as the graphics device takes them: the one place where its types meet ours.

use std::borrow::Cow;

use super::display::Projection;
use super::{Crop, Plane, SampleType};
use crate::gpu::frame_view::ZProjection;
use crate::gpu::resample::Part;
use crate::gpu::{PlaneForm, Raster, SampleFormat};

impl Raster for Plane {
    /// Double precision is narrowed to single: no shader reads it.
    fn form(&self) -> PlaneForm {
        let format = match self.dtype {
            SampleType::U8 => SampleFormat::U8,
            SampleType::I8 => SampleFormat::I8,
            SampleType::U16 => SampleFormat::U16,
            SampleType::I16 => SampleFormat::I16,
            SampleType::U32 => SampleFormat::U32,
            SampleType::I32 => SampleFormat::I32,
            SampleType::F16 => SampleFormat::F16,
            SampleType::F32 | SampleType::F64 => SampleFormat::F32,
        };
        PlaneForm { width: self.width, height: self.height, samples: self.samples, format }
    }

    fn bytes(&self) -> Cow<'_, [u8]> {
        if self.dtype == SampleType::F64 {
            let mut narrow = Vec::with_capacity(self.bytes.len() / 2);
            self.for_each(|value| narrow.extend_from_slice(&(value as f32).to_ne_bytes()));
            Cow::Owned(narrow)
        } else {
            Cow::Borrowed(self.bytes.as_slice())
        }
    }
}

impl From<Projection> for ZProjection {
    /// A slice is a single plane, so that either will do.
    fn from(projection: Projection) -> Self {
        match projection {
            Projection::Slice | Projection::Max => Self::Max,
            Projection::Mean => Self::Mean,
        }
    }
}

impl From<Crop> for Part {
    fn from(Crop { x, y, width, height }: Crop) -> Self {
        Self { x, y, width, height }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_are_handed_over_as_they_are_but_for_double_precision() {
        let plane = |dtype, bytes| Plane { width: 2, height: 1, samples: 1, dtype, bytes };
        let half = plane(SampleType::I16, [-3i16, 700].iter().flat_map(|v| v.to_ne_bytes()).collect());
        let form = PlaneForm { width: 2, height: 1, samples: 1, format: SampleFormat::I16 };
        assert_eq!(half.form(), form);
        assert!(matches!(Raster::bytes(&half), Cow::Borrowed(bytes) if bytes == half.bytes), "no copy");
        let double = plane(SampleType::F64, [0.1f64, -1e9].iter().flat_map(|v| v.to_ne_bytes()).collect());
        let expected: Vec<u8> = [0.1f32, -1e9].iter().flat_map(|v| v.to_ne_bytes()).collect();
        let bytes = Raster::bytes(&double);
        assert_eq!((double.form().format, &*bytes), (SampleFormat::F32, expected.as_slice()));
        assert_eq!(double.form().bytes(), Some(bytes.len()));
    }

    #[test]
    fn bytes_per_sample_are_the_same_on_both_sides() {
        for dtype in [SampleType::U8, SampleType::I16, SampleType::U32, SampleType::F16, SampleType::F32] {
            let plane = Plane { width: 1, height: 1, samples: 1, dtype, bytes: vec![0; dtype.size()] };
            assert_eq!(plane.form().format.size(), dtype.size(), "{}", dtype.name());
        }
    }
}
