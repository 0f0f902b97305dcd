//! `molclip export`: the window's exports without a window.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;
use clap::Args;

use crate::app::export_task::ExportTask;
use crate::app::panels::export::Kind;
use crate::app::settings::Overlays;
use crate::export::Progress;
use crate::gpu::GpuDevice;
use crate::video::display::{Display, Projection};
use crate::video::{Address, Crop, Limits, Recording, stats};

/// Arguments of `molclip export`.
#[derive(Args)]
pub struct ExportArgs {
    /// Recording: file or folder, with #series=N&xywh=X,Y,W,H for a part
    path: Address,

    /// File to write: .png (one frame as shown), .gif (movie as shown), .ome.tif (raw values)
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    /// Frames, from 1: one (7) or a range (1-30). PNG takes the first one
    #[arg(long, value_name = "N|A-B")]
    frames: Option<String>,

    /// Focal plane from 1, or max, or mean
    #[arg(long, value_name = "N|max|mean")]
    z: Option<String>,

    /// Picture pixels per image pixel
    #[arg(long, default_value_t = 1.0)]
    scale: f32,

    /// Speed of a GIF, frames per second
    #[arg(long, default_value_t = 10.0)]
    fps: f64,

    /// Leave scale bar and time stamp out
    #[arg(long)]
    no_overlays: bool,

    /// Write OME-TIFF uncompressed
    #[arg(long)]
    uncompressed: bool,
}

/// Runs the command.
pub fn run(args: &ExportArgs) -> anyhow::Result<()> {
    let ending = args.out.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let kind = match ending.as_str() {
        "png" => Kind::Png,
        "gif" => Kind::Gif,
        "tif" | "tiff" => Kind::OmeTiff,
        _ => bail!("{}: what to write is told by the ending: .png, .gif or .ome.tif", args.out.display()),
    };
    if !(args.scale > 0.0 && args.scale <= 64.0) {
        bail!("--scale {}: must be above 0 and at most 64", args.scale);
    }
    let recording = Recording::open(&args.path, Limits::default())?;
    let shape = recording.shape();
    let mut display = Display::new(&recording.series);
    set_z(&mut display, args.z.as_deref(), shape.z)?;
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
        frames: parse_frames(args.frames.as_deref(), shape.t)?,
        scale: args.scale,
        overlays,
        fps: args.fps,
        compress: !args.uncompressed,
        path: args.out.clone(),
        recording: Arc::new(recording),
    };
    let path = task.run(|| Ok(GpuDevice::headless()?), &Progress::default())?;
    println!("{}", path.display());
    Ok(())
}

fn set_z(display: &mut Display, z: Option<&str>, depth: usize) -> anyhow::Result<()> {
    match z {
        None => {}
        Some("max") => display.projection = Projection::Max,
        Some("mean") => display.projection = Projection::Mean,
        Some(number) => match number.parse::<usize>() {
            Ok(plane) if (1..=depth).contains(&plane) => display.z = plane - 1,
            _ => bail!("--z {number}: the recording has planes 1 to {depth}; max and mean are also possible"),
        },
    }
    Ok(())
}

fn parse_frames(text: Option<&str>, count: usize) -> anyhow::Result<(usize, usize)> {
    let Some(text) = text else { return Ok((0, count - 1)) };
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    match (from.trim().parse::<usize>(), to.trim().parse::<usize>()) {
        (Ok(from), Ok(to)) if 1 <= from && from <= to && to <= count => Ok((from - 1, to - 1)),
        _ => bail!(
            "--frames {text}: the recording has frames 1 to {count}; write one number or a range like 1-{count}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::parse_frames;

    #[test]
    fn frames_count_from_one() {
        assert_eq!(parse_frames(None, 30).unwrap(), (0, 29));
        assert_eq!(parse_frames(Some("7"), 30).unwrap(), (6, 6));
        assert_eq!(parse_frames(Some("2-5"), 30).unwrap(), (1, 4));
        for wrong in ["0", "31", "5-2", "a", "1-"] {
            assert!(parse_frames(Some(wrong), 30).is_err(), "{wrong}");
        }
    }
}
