//! One PNG or JPEG picture: a recording of one frame. EXIF rotation is ignored, as it is in a series of frames.

use std::io::BufReader;
use std::path::{Path, PathBuf};

use image::{ColorType, ImageDecoder, ImageFormat, ImageReader};

use super::{Limits, Reader, limits};
use crate::regular_file;
use crate::video::{Plane, SampleType, Series, Shape, VideoError};

const REMEDY: &str = "Export the picture again, as 8- or 16-bit PNG or TIFF.";

/// True for the first bytes of a PNG.
pub fn sniff_png(head: &[u8]) -> bool {
    head.starts_with(b"\x89PNG\r\n\x1a\n")
}

/// True for the first bytes of a JPEG.
pub fn sniff_jpeg(head: &[u8]) -> bool {
    head.starts_with(&[0xFF, 0xD8, 0xFF])
}

/// Opens a PNG: reads its header only. Palettes are resolved to colours.
pub fn open_png(path: &Path, limits: Limits) -> Result<Box<dyn Reader>, VideoError> {
    Ok(Box::new(Still::open(path, ImageFormat::Png, limits)?))
}

/// Opens a JPEG: reads its header only.
pub fn open_jpeg(path: &Path, limits: Limits) -> Result<Box<dyn Reader>, VideoError> {
    Ok(Box::new(Still::open(path, ImageFormat::Jpeg, limits)?))
}

struct Still {
    path: PathBuf,
    format: ImageFormat,
    limits: Limits,
    series: [Series; 1],
}

impl Still {
    fn open(path: &Path, format: ImageFormat, limits: Limits) -> Result<Self, VideoError> {
        let decoder = decoder(path, format, limits)?;
        let (width, height) = decoder.dimensions();
        let (samples, dtype) = layout(path, decoder.color_type())?;
        let mut warnings = Vec::new();
        if matches!(decoder.color_type(), ColorType::La8 | ColorType::La16) {
            warnings.push("The transparency is left out.".to_owned());
        }
        let shape = Shape { t: 1, z: 1, c: 1, y: height as usize, x: width as usize, s: samples };
        let series = Series {
            warnings,
            ..Series::new(
                path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
                shape,
                dtype,
                if format == ImageFormat::Png { "png" } else { "jpeg" },
            )
        };
        Ok(Self { path: path.to_owned(), format, limits, series: [series] })
    }
}

impl Reader for Still {
    fn format(&self) -> &'static str {
        if self.format == ImageFormat::Png { "PNG" } else { "JPEG" }
    }

    fn series(&self) -> &[Series] {
        &self.series
    }

    fn read_plane(&self, series: usize, plane: usize) -> Result<Plane, VideoError> {
        if series > 0 || plane > 0 {
            return Err(VideoError::new(
                &self.path,
                format!("series {series}, frame {}", plane + 1),
                "the file holds one picture",
                "Choose the first frame.",
            ));
        }
        let decoder = decoder(&self.path, self.format, self.limits)?;
        let (width, height) = decoder.dimensions();
        let (samples, dtype) = layout(&self.path, decoder.color_type())?;
        let alpha = decoder.color_type().has_alpha() && samples == 1;
        let len = decoder.total_bytes() as usize;
        // Coefficients of a progressive JPEG come on top.
        let working = if self.format == ImageFormat::Jpeg { 3 * len } else { len };
        limits::room(&self.path, "picture", working)?;
        let mut bytes = vec![0; len];
        decoder.read_image(&mut bytes).map_err(|e| damaged(&self.path, &e))?;
        if alpha {
            leave_out_alpha(&mut bytes, dtype.size());
        }
        Ok(Plane { width: width as usize, height: height as usize, samples, dtype, bytes })
    }
}

/// Keeps the first of every two samples of `size` bytes, in place.
fn leave_out_alpha(bytes: &mut Vec<u8>, size: usize) {
    let pixels = bytes.len() / (2 * size);
    for pixel in 1..pixels {
        bytes.copy_within(2 * pixel * size..(2 * pixel + 1) * size, pixel * size);
    }
    bytes.truncate(pixels * size);
}

/// Memory that a decoder may take for a row, text and colour profiles, bytes.
const OWN_BUFFERS: u64 = 64 << 20;

/// A decoder that has read the header and passed the limits.
fn decoder(path: &Path, format: ImageFormat, limits: Limits) -> Result<Box<dyn ImageDecoder>, VideoError> {
    let opening = |e| VideoError::io(path, "opening", &e);
    let file = regular_file::open(path).map_err(opening)?;
    let stored = file.metadata().map_err(opening)?.len();
    let limits = match format {
        // A progressive JPEG is held as coefficients, twice the size of its plane, and the file is in memory too.
        ImageFormat::Jpeg => Limits { plane_bytes: limits.plane_bytes / 2, ..limits },
        _ => limits,
    };
    if format == ImageFormat::Jpeg && stored > limits.plane_bytes {
        return Err(VideoError::new(
            path,
            "file",
            format!("{stored} bytes are more than a JPEG picture within the limit takes"),
            REMEDY,
        ));
    }
    let mut reader = ImageReader::with_format(BufReader::with_capacity(1 << 16, file), format);
    let mut image_limits = image::Limits::default();
    image_limits.max_alloc = Some(OWN_BUFFERS);
    reader.limits(image_limits);
    let decoder = reader.into_decoder().map_err(|e| damaged(path, &e))?;
    let (width, height) = decoder.dimensions();
    limits.check(path, "header", &format!("{width} × {height} pixels"), decoder.total_bytes(), stored)?;
    Ok(Box::new(decoder))
}

fn damaged(path: &Path, error: &image::ImageError) -> VideoError {
    VideoError::new(path, "picture", error.to_string().trim_end_matches('.'), REMEDY)
}

/// Samples per pixel that are kept, and their type.
fn layout(path: &Path, color: ColorType) -> Result<(usize, SampleType), VideoError> {
    Ok(match color {
        ColorType::L8 | ColorType::La8 => (1, SampleType::U8),
        ColorType::L16 | ColorType::La16 => (1, SampleType::U16),
        ColorType::Rgb8 => (3, SampleType::U8),
        ColorType::Rgb16 => (3, SampleType::U16),
        ColorType::Rgba8 => (4, SampleType::U8),
        ColorType::Rgba16 => (4, SampleType::U16),
        ColorType::Rgb32F => (3, SampleType::F32),
        ColorType::Rgba32F => (4, SampleType::F32),
        other => {
            return Err(VideoError::new(
                path,
                "header",
                format!("pixels of type {other:?} are not read"),
                REMEDY,
            ));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_grey_and_alpha_the_grey_stays() {
        let mut bytes = vec![1, 2, 9, 9, 3, 4, 8, 8, 5, 6, 7, 7];
        leave_out_alpha(&mut bytes, 2);
        assert_eq!(bytes, [1, 2, 3, 4, 5, 6]);
        let mut bytes = vec![1, 255];
        leave_out_alpha(&mut bytes, 1);
        assert_eq!(bytes, [1]);
    }
}
