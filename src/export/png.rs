//! One picture as PNG: RGBA, with its resolution and where it came from.

use std::io::{BufWriter, Write};
use std::path::Path;

use super::{ExportError, persist, temporary};

/// What to write beside the pixels.
#[derive(Debug, Clone, Default)]
pub struct PngOptions {
    /// Dots per inch, for figures in a page layout.
    pub dpi: Option<f64>,
    /// Keyword and text, e.g. (`Software`, `MolCLIP Studio 0.1.0`); keywords are 1 to 79 Latin-1 characters.
    pub text: Vec<(String, String)>,
}

/// Writes `[height, width, 4]` bytes of RGBA.
pub fn write_png(
    path: &Path,
    width: u32,
    height: u32,
    rgba: &[u8],
    options: &PngOptions,
) -> Result<(), ExportError> {
    if rgba.len() as u64 != u64::from(width) * u64::from(height) * 4 || rgba.is_empty() {
        let problem = format!("{} bytes are not {width} × {height} RGBA pixels.", rgba.len());
        return Err(ExportError::content(path, problem));
    }
    let mut file = temporary(path)?;
    let failed = |e: png::EncodingError| match e {
        png::EncodingError::IoError(e) => ExportError::io(path, e),
        other => ExportError::content(path, format!("{other}.")),
    };
    let mut out = BufWriter::new(&mut file);
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    if let Some(dpi) = options.dpi.filter(|dpi| dpi.is_finite() && *dpi > 0.0) {
        let per_metre = (dpi / 0.0254).round() as u32;
        let unit = png::Unit::Meter;
        encoder.set_pixel_dims(Some(png::PixelDimensions { xppu: per_metre, yppu: per_metre, unit }));
    }
    for (keyword, text) in &options.text {
        encoder.add_itxt_chunk(keyword.clone(), text.clone()).map_err(failed)?;
    }
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(rgba).map_err(failed)?;
    writer.finish().map_err(failed)?;
    out.flush().map_err(|e| ExportError::io(path, e))?;
    drop(out);
    persist(file, path)
}
