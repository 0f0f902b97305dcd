//! Animated GIF, frame by frame: for slides and messages, not for measuring.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{ExportError, persist, temporary};
use crate::atomic_file::Pending;

/// Shortest delay that viewers honour, in hundredths of a second; they slow faster films down to 10 a second.
const SHORTEST_CS: u64 = 2;

/// Pixels per step of the colour quantiser's speed, 1 (looks at every pixel) to 10: small pictures need them all.
const QUANTISER_PIXELS: usize = 40_000;

/// How an animated GIF plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GifOptions {
    /// Starts again at the end.
    pub repeat: bool,
}

impl Default for GifOptions {
    fn default() -> Self {
        Self { repeat: true }
    }
}

/// A GIF in the making; dropped without [`Self::finish`], it leaves no file.
pub struct GifWriter {
    path: PathBuf,
    width: u16,
    height: u16,
    encoder: gif::Encoder<BufWriter<Pending>>,
    /// Pixels of the frame before, RGBA; empty before the first.
    before: Vec<u8>,
    /// Time that was asked for, and hundredths that were written: rounding must not add up.
    asked: Duration,
    written_cs: u64,
}

impl GifWriter {
    /// Starts a file of `width × height` pixels.
    pub fn create(path: &Path, width: u32, height: u32, options: GifOptions) -> Result<Self, ExportError> {
        let (Ok(w), Ok(h)) = (u16::try_from(width), u16::try_from(height)) else {
            return Err(ExportError::content(
                path,
                format!("GIF holds 65535 × 65535 pixels at most, not {width} × {height}. Export OME-TIFF."),
            ));
        };
        if w == 0 || h == 0 {
            return Err(ExportError::content(path, "The frame has no pixels."));
        }
        let out = BufWriter::new(temporary(path)?);
        let mut encoder = gif::Encoder::new(out, w, h, &[]).map_err(|e| failed(path, e))?;
        if options.repeat {
            encoder.set_repeat(gif::Repeat::Infinite).map_err(|e| failed(path, e))?;
        }
        Ok(Self {
            path: path.to_owned(),
            width: w,
            height: h,
            encoder,
            before: Vec::new(),
            asked: Duration::ZERO,
            written_cs: 0,
        })
    }

    /// Adds a frame of `[height, width, 4]` RGBA bytes (alpha is ignored) that is shown for `delay`.
    /// Colours are exact up to 256 different ones in the part that changed.
    pub fn write_frame(&mut self, rgba: &[u8], delay: Duration) -> Result<(), ExportError> {
        if rgba.len() != usize::from(self.width) * usize::from(self.height) * 4 {
            let problem =
                format!("{} bytes are not {} × {} RGBA pixels.", rgba.len(), self.width, self.height);
            return Err(ExportError::content(&self.path, problem));
        }
        self.asked += delay;
        let due = (self.asked.as_secs_f64() * 100.0).round() as u64;
        let delay_cs = due.saturating_sub(self.written_cs).clamp(SHORTEST_CS, u64::from(u16::MAX));
        self.written_cs += delay_cs;

        let part = self.changed(rgba);
        let mut frame = quantise(&part.pixels(rgba, usize::from(self.width)), part.width, part.height);
        frame.left = part.left;
        frame.top = part.top;
        frame.delay = delay_cs as u16;
        frame.dispose = gif::DisposalMethod::Keep;
        self.encoder.write_frame(&frame).map_err(|e| failed(&self.path, e))?;
        self.before.clear();
        self.before.extend_from_slice(rgba);
        Ok(())
    }

    /// Writes the end and puts the file in its place.
    pub fn finish(self) -> Result<PathBuf, ExportError> {
        if self.before.is_empty() {
            return Err(ExportError::content(&self.path, "A GIF needs at least one frame."));
        }
        let out = self.encoder.into_inner().map_err(|e| failed(&self.path, e))?;
        let file = out.into_inner().map_err(|e| ExportError::io(&self.path, e.into_error()))?;
        persist(file, &self.path)?;
        Ok(self.path)
    }

    /// The rectangle that differs from the frame before; one pixel where nothing does.
    fn changed(&self, rgba: &[u8]) -> Part {
        let width = usize::from(self.width);
        if self.before.is_empty() {
            return Part { left: 0, top: 0, width: self.width, height: self.height };
        }
        let differs = |(new, old): (&[u8], &[u8])| new[..3] != old[..3];
        let (mut left, mut right, mut top, mut bottom) = (width, 0, usize::MAX, 0);
        for (y, (new, old)) in
            rgba.chunks_exact(width * 4).zip(self.before.chunks_exact(width * 4)).enumerate()
        {
            if new == old {
                continue;
            }
            let mut pixels = new.chunks_exact(4).zip(old.chunks_exact(4));
            let Some(first) = pixels.position(differs) else { continue };
            let pixels = new.chunks_exact(4).zip(old.chunks_exact(4));
            let last = pixels.rev().position(differs).map_or(first, |k| width - 1 - k);
            left = left.min(first);
            right = right.max(last);
            top = top.min(y);
            bottom = y;
        }
        if top == usize::MAX {
            return Part { left: 0, top: 0, width: 1, height: 1 };
        }
        Part {
            left: left as u16,
            top: top as u16,
            width: (right - left + 1) as u16,
            height: (bottom - top + 1) as u16,
        }
    }
}

/// A rectangle of the frame.
struct Part {
    left: u16,
    top: u16,
    width: u16,
    height: u16,
}

impl Part {
    /// Its pixels, opaque.
    fn pixels(&self, rgba: &[u8], stride: usize) -> Vec<u8> {
        let (left, top) = (usize::from(self.left), usize::from(self.top));
        let (width, height) = (usize::from(self.width), usize::from(self.height));
        let mut pixels = Vec::with_capacity(width * height * 4);
        for y in top..top + height {
            pixels.extend_from_slice(&rgba[(y * stride + left) * 4..(y * stride + left + width) * 4]);
        }
        for pixel in pixels.chunks_exact_mut(4) {
            pixel[3] = 255;
        }
        pixels
    }
}

/// Indexed colours: exact where 256 suffice, as with every look-up table, else the nearest of 256 chosen ones.
fn quantise(rgba: &[u8], width: u16, height: u16) -> gif::Frame<'static> {
    let mut known: HashMap<[u8; 4], u8> = HashMap::new();
    let mut palette = Vec::new();
    let mut indices = Vec::with_capacity(rgba.len() / 4);
    let mut last = None;
    for pixel in rgba.chunks_exact(4) {
        let colour = [pixel[0], pixel[1], pixel[2], 255];
        let index = match (last, known.get(&colour)) {
            (Some((same, index)), _) if same == colour => index,
            (_, Some(&index)) => index,
            _ if known.len() == 256 => {
                let mut rgba = rgba.to_vec();
                let speed = (rgba.len() / 4 / QUANTISER_PIXELS).clamp(1, 10) as i32;
                return gif::Frame::from_rgba_speed(width, height, &mut rgba, speed);
            }
            _ => {
                let index = known.len() as u8;
                known.insert(colour, index);
                palette.extend_from_slice(&colour[..3]);
                index
            }
        };
        last = Some((colour, index));
        indices.push(index);
    }
    gif::Frame { width, height, buffer: Cow::Owned(indices), palette: Some(palette), ..gif::Frame::default() }
}

fn failed(path: &Path, error: gif::EncodingError) -> ExportError {
    match error {
        gif::EncodingError::Io(e) => ExportError::io(path, e),
        other => ExportError::content(path, format!("{other}.")),
    }
}
