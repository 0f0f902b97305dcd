//! A recording on screen, where its picture lies, and what its times are called.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use eframe::egui::{Pos2, Rect, Vec2, vec2};

use super::frame::{self, LutCache};
use super::settings::{SavedView, Viewport};
use crate::gpu::frame_view::ChannelDraw;
use crate::video::cache::{FrameCache, Request};
use crate::video::display::{Display, Projection};
use crate::video::lut::LutName;
use crate::video::stats::MovieStats;
use crate::video::{Crop, Plane, Recording, VideoError};

/// A recording on screen.
pub struct View {
    /// Unique in this process.
    pub id: u64,
    /// What is shown.
    pub recording: Arc<Recording>,
    /// How.
    pub display: Display,
    /// Where.
    pub viewport: Viewport,
    /// A rectangle drawn on it, image px.
    pub roi: Option<Crop>,
    /// Histogram and percentiles, once known.
    pub stats: Option<Arc<MovieStats>>,
    /// The job that reads the statistics, while it runs.
    pub scanning: Option<u64>,
    /// The series of the file that was asked for last, until it is there.
    pub wanted_series: Option<usize>,
    /// The frame on screen: stays until the next one is decoded.
    pub shown: Shown,
    /// Where the picture was drawn last, points.
    pub cell: Rect,
    /// Tables in use.
    pub luts: LutCache,
}

/// What the canvas draws.
#[derive(Default, Clone)]
pub struct Shown {
    /// Time point.
    pub t: usize,
    /// Channels, ready for the GPU.
    pub channels: Vec<ChannelDraw<Plane>>,
    /// Why the frame that should be shown cannot be.
    pub error: Option<VideoError>,
    /// Since when the wanted frame is being waited for.
    pub waiting: Option<Instant>,
}

impl View {
    /// A view with the default look.
    pub fn new(id: u64, recording: Recording) -> Self {
        let display = Display::new(&recording.series);
        Self {
            id,
            recording: Arc::new(recording),
            display,
            viewport: Viewport::default(),
            roi: None,
            stats: None,
            scanning: None,
            wanted_series: None,
            shown: Shown::default(),
            cell: Rect::NOTHING,
            luts: LutCache::default(),
        }
    }

    /// It as it is remembered.
    pub fn saved(&self) -> SavedView {
        SavedView {
            address: self.recording.address.clone(),
            display: self.display.clone(),
            viewport: self.viewport,
        }
    }

    /// Files of look-up tables that channels are shown with and that were not read yet.
    pub fn unread_luts(&self) -> impl Iterator<Item = &Path> {
        self.display.channels.iter().filter_map(|channel| match &channel.lut {
            LutName::File(path) if !self.luts.has(&channel.lut) => Some(path.as_path()),
            _ => None,
        })
    }

    /// The focal planes that are needed for the current projection.
    pub fn planes_z(&self) -> std::ops::Range<usize> {
        frame::planes_z(&self.recording, &self.display)
    }

    /// The channels that are drawn.
    pub fn visible_channels(&self) -> impl Iterator<Item = usize> + '_ {
        frame::visible_channels(&self.recording, &self.display)
    }

    /// The planes that a frame needs.
    pub fn requests(&self, t: usize) -> Vec<Request> {
        let z = self.planes_z();
        self.visible_channels()
            .flat_map(|c| z.clone().map(move |z| (c, z)))
            .filter(|&(c, z)| !self.recording.series.is_missing(self.recording.shape().plane_index(t, z, c)))
            .map(|(c, z)| Request { recording: Arc::clone(&self.recording), t, z, c })
            .collect()
    }

    /// True when all planes of a frame are decoded, or known not to be readable.
    pub fn is_ready(&self, cache: &FrameCache, t: usize) -> bool {
        self.requests(t).iter().all(|r| cache.is_settled(r.key()))
    }

    /// Takes the frame from the cache if it is all there; else keeps what is shown.
    pub fn refresh(&mut self, cache: &FrameCache, t: usize) {
        match frame::assemble(&self.recording, &self.display, t, &self.luts, |key| cache.get(key)) {
            Some((channels, error)) => self.shown = Shown { t, channels, error, waiting: None },
            None => {
                self.shown.waiting.get_or_insert_with(Instant::now);
            }
        }
    }

    /// The value under a pixel for each channel on screen, projected as shown; colour images give one value per sample.
    pub fn values_at(&self, x: usize, y: usize) -> Vec<(usize, f64)> {
        let mut values = Vec::new();
        for channel in &self.shown.channels {
            let samples = channel.planes.first().map_or(1, |p| p.samples);
            for sample in 0..samples {
                let along_z: Vec<f64> = channel.planes.iter().filter_map(|p| p.value(x, y, sample)).collect();
                if along_z.is_empty() {
                    continue;
                }
                let value = match self.display.projection {
                    Projection::Mean => along_z.iter().sum::<f64>() / along_z.len() as f64,
                    _ => along_z.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                };
                values.push((channel.frame.channel, value));
            }
        }
        values
    }
}

/// Where an image lies in a cell: points per image px, and the image position of the cell's top left.
pub fn place(viewport: Viewport, cell: Rect, image: Vec2) -> (f32, Pos2) {
    let fit = (cell.width() / image.x).min(cell.height() / image.y);
    let zoom = viewport.zoom.unwrap_or(fit).max(1e-4);
    let center = vec2(viewport.center[0] * image.x, viewport.center[1] * image.y);
    (zoom, (center - cell.size() / (2.0 * zoom)).to_pos2())
}

/// Time of a frame, from the recording's treatment where it has one; its number where it has no timing.
pub fn time_label(recording: &Recording, t: usize) -> String {
    let treatment = recording.edits.treatment_frame;
    match recording.times_s() {
        Some(times) => {
            let now = times.get(t).copied().unwrap_or(0.0);
            let span = times.last().copied().unwrap_or(0.0);
            match treatment.and_then(|f| times.get(f)) {
                Some(zero) if now < *zero => format!("{} before treatment", format_time(zero - now, span)),
                Some(zero) => format!("{} after treatment", format_time(now - zero, span)),
                None => format_time(now, span),
            }
        }
        None => match treatment {
            Some(zero) if t < zero => format!("{} frames before treatment", zero - t),
            Some(zero) => format!("{} frames after treatment", t - zero),
            None => format!("frame {}", t + 1),
        },
    }
}

/// Seconds as `4.5 s`, `1:04.5` or `2:01:04`, in a form that fits the length of the movie.
pub fn format_time(seconds: f64, span: f64) -> String {
    let sign = if seconds < 0.0 { "−" } else { "" };
    let s = seconds.abs();
    let span = span.abs().max(s);
    if span >= 3600.0 {
        let whole = s.round() as u64;
        return format!("{sign}{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
    }
    if span >= 60.0 {
        let tenths = (s * 10.0).round() as u64;
        return format!("{sign}{}:{:02}.{}", tenths / 600, tenths / 10 % 60, tenths % 10);
    }
    let decimals = if span >= 10.0 {
        1
    } else if span >= 0.1 {
        2
    } else {
        4
    };
    format!("{sign}{s:.decimals$} s")
}

#[cfg(test)]
mod tests {
    use eframe::egui::pos2;

    use super::*;

    #[test]
    fn times_read_as_a_biologist_writes_them() {
        assert_eq!(format_time(4.536, 131.5), "0:04.5");
        assert_eq!(format_time(59.96, 131.5), "1:00.0");
        assert_eq!(format_time(3661.0, 7200.0), "1:01:01");
        assert_eq!(format_time(4.5, 5.0), "4.50 s");
        assert_eq!(format_time(-4.5, 30.0), "−4.5 s");
        assert_eq!(format_time(0.0012, 0.01), "0.0012 s");
    }

    #[test]
    fn fit_centres_the_image_and_keeps_its_shape() {
        let cell = Rect::from_min_size(pos2(10.0, 20.0), vec2(400.0, 200.0));
        let (zoom, origin) = place(Viewport::default(), cell, vec2(100.0, 100.0));
        assert!((zoom - 2.0).abs() < 1e-6);
        assert!((origin.x + 50.0).abs() < 1e-4 && origin.y.abs() < 1e-4);
    }
}
