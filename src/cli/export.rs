//! `molclip export`: the window's exports without a window.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;
use clap::Args;

use crate::app::export_task::ExportTask;
use crate::app::forms::export::Kind;
use crate::app::settings::Overlays;
use crate::gpu::GpuDevice;
use crate::progress::Progress;
use crate::terminal::out;
use crate::video::display::{Display, Projection};
use crate::video::{Address, Crop, Limits, Recording, stats};

/// Arguments of `molclip export`.
#[derive(Args)]
pub struct ExportArgs {
    /// Recording: file or folder, with #series=N&xywh=X,Y,W,H for a part
    path: Address,

    /// File to write: .png (one frame as shown), .gif (movie as shown), .ome.tif (raw values)
    #[arg(long, value_name = "FILE", value_parser = output)]
    out: (PathBuf, Kind),

    /// Frames, from 1: one (7) or a range (1-30). PNG takes the first one
    #[arg(long, value_name = "N|A-B", value_parser = frames)]
    frames: Option<(usize, usize)>,

    /// Focal plane from 1, or max, or mean
    #[arg(long, value_name = "N|max|mean", value_parser = focus)]
    z: Option<Focus>,

    /// Picture pixels per image pixel
    #[arg(long, default_value_t = 1.0, value_parser = scale)]
    scale: f32,

    /// Speed of a GIF, frames per second
    #[arg(long, default_value_t = 10.0, value_parser = fps)]
    fps: f64,

    /// Leave scale bar and time stamp out
    #[arg(long)]
    no_overlays: bool,

    /// Write OME-TIFF uncompressed
    #[arg(long)]
    uncompressed: bool,
}

/// What of the z axis is drawn; planes count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Focus {
    Plane(usize),
    All(Projection),
}

/// A file name with the kind that its ending tells.
fn output(text: &str) -> Result<(PathBuf, Kind), String> {
    let path = PathBuf::from(text);
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    match ending.as_str() {
        "png" => Ok((path, Kind::Png)),
        "gif" => Ok((path, Kind::Gif)),
        "tif" | "tiff" => Ok((path, Kind::OmeTiff)),
        _ => Err("what to write is told by the ending: .png, .gif or .ome.tif".into()),
    }
}

/// First and last frame, from 1; whether the recording has them is told later.
fn frames(text: &str) -> Result<(usize, usize), String> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    match (from.trim().parse(), to.trim().parse()) {
        (Ok(from), Ok(to)) if 1 <= from && from <= to => Ok((from, to)),
        _ => Err("write one number, from 1, or a range like 1-30".into()),
    }
}

fn focus(text: &str) -> Result<Focus, String> {
    match (text, text.parse()) {
        ("max", _) => Ok(Focus::All(Projection::Max)),
        ("mean", _) => Ok(Focus::All(Projection::Mean)),
        (_, Ok(plane)) if plane >= 1 => Ok(Focus::Plane(plane)),
        _ => Err("write the number of a focal plane, from 1, or max, or mean".into()),
    }
}

fn scale(text: &str) -> Result<f32, String> {
    let scale = text.parse().ok().filter(|scale| *scale > 0.0 && *scale <= 64.0);
    scale.ok_or_else(|| "must be above 0 and at most 64".into())
}

fn fps(text: &str) -> Result<f64, String> {
    let fps = text.parse().ok().filter(|fps| (0.01..=100.0).contains(fps));
    fps.ok_or_else(|| "must be from 0.01 to 100".into())
}

/// Runs the command.
pub fn run(args: &ExportArgs) -> anyhow::Result<()> {
    let recording = Recording::open(&args.path, Limits::default())?;
    let shape = recording.shape();
    let (path, kind) = args.out.clone();
    let (from, to) = args.frames.unwrap_or((1, shape.t));
    if to > shape.t {
        bail!("--frames {from}-{to}: the recording has frames 1 to {}", shape.t);
    }
    let mut display = Display::new(&recording.series);
    match args.z {
        Some(Focus::Plane(plane)) if plane > shape.z => {
            bail!("--z {plane}: the recording has planes 1 to {}; max and mean are also possible", shape.z)
        }
        Some(Focus::Plane(plane)) => display.z = plane - 1,
        Some(Focus::All(projection)) => display.projection = projection,
        None => {}
    }
    if kind != Kind::OmeTiff {
        // The same limits for every frame, from the whole movie, as in the window.
        display.follow(&stats::scan(&recording, 1 << 30, |_, _| true)?);
    }
    let overlays = if args.no_overlays {
        Overlays { scale_bar: false, time_stamp: false, name: false }
    } else {
        Overlays { name: false, ..Overlays::default() }
    };
    let task = ExportTask {
        display,
        kind,
        region: Crop { x: 0, y: 0, width: shape.x, height: shape.y },
        frames: (from - 1, to - 1),
        scale: args.scale,
        overlays,
        fps: args.fps,
        compress: !args.uncompressed,
        path,
        recording: Arc::new(recording),
    };
    let path = task.run(|| Ok(GpuDevice::headless()?), &Progress::default())?;
    out!("{}", path.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_and_planes_count_from_one() {
        assert_eq!(frames("7"), Ok((7, 7)));
        assert_eq!(frames("2-5"), Ok((2, 5)));
        for wrong in ["0", "5-2", "a", "1-", ""] {
            assert!(frames(wrong).is_err(), "{wrong}");
        }
        assert_eq!(focus("3"), Ok(Focus::Plane(3)));
        assert_eq!(focus("mean"), Ok(Focus::All(Projection::Mean)));
        assert!(focus("0").is_err());
    }

    #[test]
    fn not_a_number_is_no_scale_and_no_speed() {
        assert_eq!(scale("0.5"), Ok(0.5));
        for wrong in ["0", "-1", "65", "NaN", "inf", "x"] {
            assert!(scale(wrong).is_err() && (wrong == "65" || fps(wrong).is_err()), "{wrong}");
        }
    }
}
