//! OME-TIFF: raw planes as measured, with pixel size, times and channels.
//!
//! Directories are written through `tiff`'s `DirectoryEncoder`; its `ImageEncoder` knows neither half precision
//! nor a predictor with parallel compression, so strips are packed here.

use std::borrow::Cow;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use half::f16;
use libdeflater::{CompressionLvl, Compressor};
use rayon::iter::ParallelIterator;
use rayon::slice::ParallelSlice;
use tiff::encoder::{Rational, TiffEncoder, TiffKind, TiffKindBig, TiffKindStandard};
use tiff::tags::Tag;
use tiff::{TiffError, TiffResult};

use super::ome_xml::ome_xml;
use super::{ExportError, persist, temporary};
use crate::atomic_file::Pending;
use crate::progress::Progress;
use crate::video::{Channel, Plane, SampleType, Series, Shape, VideoError};

/// Uncompressed bytes of a compressed strip: small enough to spread over cores, large enough to compress.
const STRIP_BYTES: usize = 64 << 10;

/// Above this many bytes of planes, the 32-bit offsets of classic TIFF might not reach.
const CLASSIC_BYTES: u64 = 3_900_000_000;

/// Bytes that a directory and its values take beside the plane, at most.
const DIRECTORY_BYTES: u64 = 512;

/// What a movie is, beside its planes.
#[derive(Debug, Clone, PartialEq)]
pub struct MovieMeta {
    /// Name of the image.
    pub name: String,
    /// Where it came from and what was done to it.
    pub description: Option<String>,
    /// Sizes.
    pub shape: Shape,
    /// Type of the samples.
    pub dtype: SampleType,
    /// For each plane in canonical order, true where there is none; empty when all are there.
    pub missing: Vec<bool>,
    /// Pixel size, µm.
    pub pixel_size_um: Option<f64>,
    /// Distance between focal planes, µm.
    pub z_step_um: Option<f64>,
    /// Time between frames, s.
    pub interval_s: Option<f64>,
    /// Time of each plane in canonical order, s; NaN where unknown.
    pub plane_times_s: Option<Vec<f64>>,
    /// Names and colours.
    pub channels: Vec<Channel>,
}

impl From<&Series> for MovieMeta {
    fn from(series: &Series) -> Self {
        Self {
            name: series.name.clone(),
            description: None,
            shape: series.shape,
            dtype: series.dtype,
            missing: series.missing.clone(),
            pixel_size_um: series.pixel_size_um,
            z_step_um: series.z_step_um,
            interval_s: series.interval_s,
            plane_times_s: series.plane_times_s.clone(),
            channels: series.channels.clone(),
        }
    }
}

impl MovieMeta {
    /// Planes that are written: all that are not missing.
    pub fn written_planes(&self) -> usize {
        let planes = self.shape.planes();
        planes - self.missing.iter().take(planes).filter(|&&m| m).count()
    }

    /// True where there is no plane.
    pub fn is_missing(&self, plane: usize) -> bool {
        self.missing.get(plane).copied().unwrap_or(false)
    }

    /// Time point, focal plane and channel of a plane.
    pub const fn position(&self, plane: usize) -> (usize, usize, usize) {
        let Shape { z, c, .. } = self.shape;
        (plane / (z * c), plane / c % z, plane % c)
    }

    /// Type in the file: OME has no half precision, and float holds it exactly.
    const fn stored(&self) -> SampleType {
        match self.dtype {
            SampleType::F16 => SampleType::F32,
            other => other,
        }
    }
}

/// How the planes are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OmeTiffOptions {
    /// Deflate, with differences between neighbours for whole numbers; else uncompressed.
    pub deflate: bool,
    /// 64-bit offsets; `None` = where the file may pass 4 GB.
    pub big: Option<bool>,
}

impl Default for OmeTiffOptions {
    fn default() -> Self {
        Self { deflate: true, big: None }
    }
}

/// The file that the encoder writes to and [`OmeTiffWriter::finish`] gets back: the encoder gives nothing back,
/// and a buffer that is dropped would swallow the last error.
#[derive(Clone)]
struct Shared(Arc<Mutex<BufWriter<Pending>>>);

impl Shared {
    fn with<T>(&self, work: impl FnOnce(&mut BufWriter<Pending>) -> io::Result<T>) -> io::Result<T> {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.with(|file| file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.with(Write::flush)
    }
}

impl Seek for Shared {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.with(|file| file.seek(to))
    }
}

enum Encoder {
    Classic(TiffEncoder<Shared, TiffKindStandard>),
    Big(TiffEncoder<Shared, TiffKindBig>),
}

/// An OME-TIFF in the making; dropped without [`Self::finish`], it leaves no file.
pub struct OmeTiffWriter {
    path: PathBuf,
    meta: MovieMeta,
    deflate: bool,
    encoder: Encoder,
    file: Shared,
    written: usize,
}

impl OmeTiffWriter {
    /// Starts a file; planes follow in canonical order through [`Self::write_plane`].
    pub fn create(path: &Path, meta: MovieMeta, options: OmeTiffOptions) -> Result<Self, ExportError> {
        let Shape { y, x, s, .. } = meta.shape;
        let too_large = u32::try_from(x).is_err() || u32::try_from(y).is_err();
        if meta.written_planes() == 0 || meta.shape.plane_samples() == 0 || too_large || s > 4 {
            return Err(ExportError::content(
                path,
                format!("A movie of {:?} cannot be written.", meta.shape),
            ));
        }
        let planes = meta.written_planes() as u64;
        let plane_bytes = (meta.shape.plane_samples() * meta.stored().size()) as u64;
        let big = options.big.unwrap_or_else(|| planes * (plane_bytes + DIRECTORY_BYTES) > CLASSIC_BYTES);
        let file = Shared(Arc::new(Mutex::new(BufWriter::with_capacity(1 << 20, temporary(path)?))));
        let encoder = if big {
            TiffEncoder::new_big(file.clone()).map(Encoder::Big)
        } else {
            TiffEncoder::new(file.clone()).map(Encoder::Classic)
        };
        let encoder = encoder.map_err(|e| failed(path, e))?;
        Ok(Self { path: path.to_owned(), meta, deflate: options.deflate, encoder, file, written: 0 })
    }

    /// Adds the next plane that is not missing.
    pub fn write_plane(&mut self, plane: &Plane) -> Result<(), ExportError> {
        let Shape { y, x, s, .. } = self.meta.shape;
        let fits = (plane.height, plane.width, plane.samples, plane.dtype) == (y, x, s, self.meta.dtype);
        if !fits || plane.bytes.len() != y * x * s * plane.dtype.size() {
            return Err(ExportError::content(
                &self.path,
                format!("Plane {} is not what the movie was announced to be.", self.written),
            ));
        }
        if self.written == self.meta.written_planes() {
            return Err(ExportError::content(
                &self.path,
                "More planes than the movie was announced to have.",
            ));
        }
        let widened = (plane.dtype == SampleType::F16).then(|| widen(&plane.bytes));
        let page = Page::pack(&self.meta, widened.as_deref().unwrap_or(&plane.bytes), self.deflate)
            .map_err(|e| ExportError::io(&self.path, e))?;
        let description = (self.written == 0).then(|| ome_xml(&self.meta));
        match &mut self.encoder {
            Encoder::Classic(encoder) => page.write(encoder, &self.meta, description.as_deref()),
            Encoder::Big(encoder) => page.write(encoder, &self.meta, description.as_deref()),
        }
        .map_err(|e| failed(&self.path, e))?;
        self.written += 1;
        Ok(())
    }

    /// Puts the file in its place.
    pub fn finish(self) -> Result<PathBuf, ExportError> {
        let Self { path, meta, encoder, file, written, .. } = self;
        if written != meta.written_planes() {
            let problem = format!("{written} of {} planes were written.", meta.written_planes());
            return Err(ExportError::content(&path, problem));
        }
        drop(encoder);
        let buffer = Arc::into_inner(file.0)
            .ok_or_else(|| ExportError::content(&path, "The file is still being written to."))?;
        let buffer = buffer.into_inner().unwrap_or_else(PoisonError::into_inner);
        let file = buffer.into_inner().map_err(|e| ExportError::io(&path, e.into_error()))?;
        persist(file, &path)?;
        Ok(path)
    }
}

/// Writes a whole movie; `read` is called once for each plane that is not missing, in canonical order.
pub fn write_ome_tiff(
    path: &Path,
    meta: MovieMeta,
    options: OmeTiffOptions,
    progress: &Progress,
    mut read: impl FnMut(usize) -> Result<Plane, VideoError>,
) -> Result<PathBuf, ExportError> {
    progress.set_total(meta.written_planes() as u64);
    let present: Vec<usize> = (0..meta.shape.planes()).filter(|&plane| !meta.is_missing(plane)).collect();
    let mut writer = OmeTiffWriter::create(path, meta, options)?;
    for plane in present {
        progress.check()?;
        writer.write_plane(&read(plane)?)?;
        progress.add(1);
    }
    progress.check()?;
    writer.finish()
}

/// A plane ready to be written.
struct Page<'a> {
    strips: Vec<Cow<'a, [u8]>>,
    rows_per_strip: usize,
    deflate: bool,
    predictor: bool,
}

impl<'a> Page<'a> {
    fn pack(meta: &MovieMeta, bytes: &'a [u8], deflate: bool) -> io::Result<Self> {
        let Shape { y, x, s, .. } = meta.shape;
        let dtype = meta.stored();
        let row = x * s * dtype.size();
        if !deflate {
            // One strip, so that others can map the file into memory.
            return Ok(Self {
                strips: vec![Cow::Borrowed(bytes)],
                rows_per_strip: y,
                deflate,
                predictor: false,
            });
        }
        let predictor = !dtype.is_float();
        let rows_per_strip = (STRIP_BYTES / row).clamp(1, y);
        let strips = bytes
            .par_chunks(rows_per_strip * row)
            .map(|strip| {
                let mut strip = Cow::Borrowed(strip);
                if predictor {
                    for row in strip.to_mut().chunks_exact_mut(row) {
                        differences(row, s, dtype.size());
                    }
                }
                compress(&strip).map(Cow::Owned)
            })
            .collect::<io::Result<_>>()?;
        Ok(Self { strips, rows_per_strip, deflate, predictor })
    }

    fn write<K: TiffKind>(
        &self,
        encoder: &mut TiffEncoder<Shared, K>,
        meta: &MovieMeta,
        description: Option<&str>,
    ) -> TiffResult<()> {
        let Shape { y, x, s, .. } = meta.shape;
        let dtype = meta.stored();
        let mut directory = encoder.image_directory()?;
        let mut offsets = Vec::with_capacity(self.strips.len());
        let mut counts = Vec::with_capacity(self.strips.len());
        for strip in &self.strips {
            offsets.push(K::convert_offset(directory.write_data(&strip[..])?)?);
            counts.push(K::convert_offset(strip.len() as u64)?);
        }
        directory.write_tag(Tag::NewSubfileType, 0u32)?;
        directory.write_tag(Tag::ImageWidth, x as u32)?;
        directory.write_tag(Tag::ImageLength, y as u32)?;
        directory.write_tag(Tag::BitsPerSample, &vec![dtype.size() as u16 * 8; s][..])?;
        directory.write_tag(Tag::Compression, if self.deflate { 8u16 } else { 1 })?;
        // 2 is RGB, 1 is "black is zero".
        directory.write_tag(Tag::PhotometricInterpretation, if s >= 3 { 2u16 } else { 1 })?;
        if let Some(xml) = description {
            directory.write_tag(Tag::ImageDescription, xml)?;
        }
        directory.write_tag(Tag::StripOffsets, K::convert_slice(&offsets))?;
        directory.write_tag(Tag::SamplesPerPixel, s as u16)?;
        directory.write_tag(Tag::RowsPerStrip, self.rows_per_strip as u32)?;
        directory.write_tag(Tag::StripByteCounts, K::convert_slice(&counts))?;
        if let Some(size) = meta.pixel_size_um.filter(|size| size.is_finite() && *size > 0.0) {
            directory.write_tag(Tag::XResolution, per_centimetre(size))?;
            directory.write_tag(Tag::YResolution, per_centimetre(size))?;
            directory.write_tag(Tag::ResolutionUnit, 3u16)?;
        }
        directory.write_tag(Tag::PlanarConfiguration, 1u16)?;
        directory.write_tag(Tag::Software, concat!("MolCLIP Studio ", env!("CARGO_PKG_VERSION")))?;
        if self.predictor {
            directory.write_tag(Tag::Predictor, 2u16)?;
        }
        if s == 2 || s == 4 {
            // Says nothing about what the last sample means.
            directory.write_tag(Tag::ExtraSamples, if s == 4 { 2u16 } else { 0 })?;
        }
        let format = match dtype {
            SampleType::U8 | SampleType::U16 | SampleType::U32 => 1u16,
            SampleType::I8 | SampleType::I16 | SampleType::I32 => 2,
            SampleType::F16 | SampleType::F32 | SampleType::F64 => 3,
        };
        directory.write_tag(Tag::SampleFormat, &vec![format; s][..])?;
        directory.finish()
    }
}

/// TIFF's horizontal predictor on one row of whole numbers in native byte order.
fn differences(row: &mut [u8], samples: usize, size: usize) {
    macro_rules! each {
        ($ty:ty, $n:literal) => {{
            let mut before = [0 as $ty; 4];
            for pixel in row.chunks_exact_mut(samples * $n) {
                for (before, bytes) in before.iter_mut().zip(pixel.chunks_exact_mut($n)) {
                    let mut raw = [0; $n];
                    raw.copy_from_slice(bytes);
                    let value = <$ty>::from_ne_bytes(raw);
                    bytes.copy_from_slice(&value.wrapping_sub(*before).to_ne_bytes());
                    *before = value;
                }
            }
        }};
    }
    match size {
        1 => each!(u8, 1),
        2 => each!(u16, 2),
        _ => each!(u32, 4),
    }
}

/// One zlib stream.
fn compress(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut compressor = Compressor::new(CompressionLvl::default());
    let mut out = vec![0; compressor.zlib_compress_bound(bytes.len())];
    let len = compressor.zlib_compress(bytes, &mut out).map_err(io::Error::other)?;
    out.truncate(len);
    Ok(out)
}

/// Half to single precision: exact.
fn widen(bytes: &[u8]) -> Vec<u8> {
    bytes
        .chunks_exact(2)
        .flat_map(|raw| f16::from_ne_bytes([raw[0], raw[1]]).to_f32().to_ne_bytes())
        .collect()
}

/// Pixels per centimetre with as many digits as a TIFF rational holds.
fn per_centimetre(pixel_size_um: f64) -> Rational {
    let value = 1e4 / pixel_size_um;
    let mut d = 1;
    while d < 1_000_000 && value * f64::from(d) * 10.0 < f64::from(u32::MAX) {
        d *= 10;
    }
    Rational { n: (value * f64::from(d)).round().min(f64::from(u32::MAX)) as u32, d }
}

fn failed(path: &Path, error: TiffError) -> ExportError {
    match error {
        TiffError::IoError(e) => ExportError::io(path, e),
        TiffError::IntSizeError => {
            ExportError::content(path, "The file passes 4 GB. Export it again as BigTIFF.")
        }
        other => ExportError::content(path, format!("{other}.")),
    }
}
