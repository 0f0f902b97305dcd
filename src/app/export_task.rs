//! One export, from the window or from the command line: a picture, a film, or raw values with metadata.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::forms::export::Kind;
use super::offscreen::{Offscreen, Scene};
use super::settings::Overlays;
use crate::export::{GifOptions, GifWriter, MovieMeta, OmeTiffOptions, OmeTiffWriter, PngOptions, write_png};
use crate::gpu::GpuDevice;
use crate::progress::Progress;
use crate::video::display::Display;
use crate::video::{Crop, Recording, Shape};

/// What to export.
pub struct ExportTask {
    /// From.
    pub recording: Arc<Recording>,
    /// Its look, for pictures.
    pub display: Display,
    /// Kind of file.
    pub kind: Kind,
    /// Part of the frame, image px.
    pub region: Crop,
    /// First and last frame, from 0, both included.
    pub frames: (usize, usize),
    /// Picture px per image px.
    pub scale: f32,
    /// Drawn over pictures.
    pub overlays: Overlays,
    /// GIF speed, frames per second.
    pub fps: f64,
    /// Deflate.
    pub compress: bool,
    /// To.
    pub path: PathBuf,
}

impl ExportTask {
    /// Runs it; `gpu` is asked for only where pictures are drawn.
    pub fn run(
        &self,
        gpu: impl FnOnce() -> anyhow::Result<GpuDevice>,
        progress: &Progress,
    ) -> anyhow::Result<PathBuf> {
        // Overwriting the recording while it is read would destroy it.
        if self.recording.address.files().any(|file| same_file(&self.path, file)) {
            bail!("{} is the recording itself. Choose another file name.", self.path.display());
        }
        match self.kind {
            Kind::Png => self.png(gpu()?),
            Kind::Gif => self.gif(gpu()?, progress),
            Kind::OmeTiff => self.ome_tiff(progress),
        }
    }

    fn scene(&self) -> Scene<'_> {
        Scene {
            recording: &self.recording,
            display: &self.display,
            region: self.region,
            scale: self.scale,
            overlays: self.overlays,
        }
    }

    fn png(&self, gpu: GpuDevice) -> anyhow::Result<PathBuf> {
        let (picture, error) = Offscreen::new(gpu).frame(&self.scene(), self.frames.0)?;
        if let Some(error) = error {
            return Err(error.into());
        }
        let text = vec![
            ("Software".to_owned(), format!("MolCLIP Studio {}", env!("CARGO_PKG_VERSION"))),
            ("Source".to_owned(), format!("{}, frame {}", self.recording.address.label(), self.frames.0 + 1)),
        ];
        let options = PngOptions { dpi: None, text };
        write_png(&self.path, picture.width, picture.height, &picture.rgba, &options)?;
        Ok(self.path.clone())
    }

    fn gif(&self, gpu: GpuDevice, progress: &Progress) -> anyhow::Result<PathBuf> {
        let (from, to) = self.frames;
        progress.set_total((to - from + 1) as u64);
        let mut offscreen = Offscreen::new(gpu);
        let mut writer: Option<GifWriter> = None;
        let delay = Duration::from_secs_f64(1.0 / self.fps.clamp(0.01, 1000.0));
        for t in from..=to {
            progress.check()?;
            let (picture, error) = offscreen.frame(&self.scene(), t)?;
            if let Some(error) = error {
                log::warn!("{error} The exported film shows it black.");
            }
            let writer = match &mut writer {
                Some(writer) => writer,
                none => none.insert(GifWriter::create(
                    &self.path,
                    picture.width,
                    picture.height,
                    GifOptions::default(),
                )?),
            };
            writer.write_frame(&picture.rgba, delay)?;
            progress.add(1);
        }
        Ok(writer.context("no frame was chosen")?.finish()?)
    }

    /// Metadata of the chosen frames and region.
    fn meta(&self) -> MovieMeta {
        let series = &self.recording.series;
        let (from, to) = self.frames;
        let per_t = series.shape.z * series.shape.c;
        let planes = from * per_t..(to + 1) * per_t;
        let missing =
            if series.missing.is_empty() { Vec::new() } else { series.missing[planes.clone()].to_vec() };
        let times = series.plane_times_s.as_ref().map(|times| times[planes].to_vec());
        MovieMeta {
            description: Some(format!(
                "Frames {} to {} of {}, region x {} y {} width {} height {} px, exported by MolCLIP Studio {}",
                from + 1,
                to + 1,
                self.recording.address.label(),
                self.region.x,
                self.region.y,
                self.region.width,
                self.region.height,
                env!("CARGO_PKG_VERSION")
            )),
            shape: Shape { t: to - from + 1, x: self.region.width, y: self.region.height, ..series.shape },
            missing,
            plane_times_s: times,
            ..MovieMeta::from(series)
        }
    }

    fn ome_tiff(&self, progress: &Progress) -> anyhow::Result<PathBuf> {
        let meta = self.meta();
        let shape = meta.shape;
        progress.set_total(shape.planes() as u64);
        let options = OmeTiffOptions { deflate: self.compress, ..OmeTiffOptions::default() };
        let mut writer = OmeTiffWriter::create(&self.path, meta.clone(), options)?;
        for plane in 0..shape.planes() {
            progress.check()?;
            if !meta.is_missing(plane) {
                let (t, z, c) = meta.position(plane);
                writer.write_plane(&self.recording.read(self.frames.0 + t, z, c)?.crop(self.region))?;
            }
            progress.add(1);
        }
        Ok(writer.finish()?)
    }
}

fn same_file(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}
