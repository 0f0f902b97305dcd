//! `molclip info`: what a recording is, as its file says it, and the sums of its samples to compare readers by.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::bail;
use rayon::iter::{ParallelBridge, ParallelIterator};
use serde_json::{Value, json};

use crate::terminal::{note, out};
use crate::video::edits::Sidecar;
use crate::video::{self, Address, Channel, Limits, Plane, Reader, Series, VideoError};

/// Options of `molclip info`.
#[derive(Debug, Clone, clap::Args)]
pub struct InfoArgs {
    /// File or folder of frames; several with a channel each, as 'a.tif;b.tif'
    pub path: PathBuf,
    /// Print JSON alone on stdout
    #[arg(long)]
    pub json: bool,
    /// Read every plane and sum its samples
    #[arg(long)]
    pub checksum: bool,
    /// Only this series, from 0
    #[arg(long, value_name = "N")]
    pub series: Option<usize>,
}

/// Describes a recording on stdout; warnings go to stderr where stdout carries JSON.
pub fn run(args: &InfoArgs) -> anyhow::Result<()> {
    let address = match args.path.to_str() {
        Some(text) => Address::parse(text).map_err(anyhow::Error::msg)?,
        None => Address::of(&args.path),
    };
    let reader = video::channels::open(&address, Limits::default())?;
    // What is described is the file's, but a recording whose corrections cannot be read is none.
    Sidecar::load(&address.path)?;
    let all = reader.series();
    let from_address = (address.series > 0).then_some(address.series);
    let chosen: Vec<usize> = match args.series.or(from_address) {
        Some(n) if n >= all.len() => bail!(
            "{}: series {n}: the file has {}. Choose a series from 0 to {}.",
            address.paths(),
            all.len(),
            all.len() - 1
        ),
        Some(n) => vec![n],
        None => (0..all.len()).collect(),
    };
    if let Some(crop) = address.crop {
        crop.check(&address.path, all[chosen[0]].shape)?;
        note!("warning: the crop is ignored; the whole frame is described.");
    }
    let mut described = Vec::new();
    for n in chosen {
        let sums = if args.checksum { sums(reader.as_ref(), n)? } else { None };
        if args.checksum && sums.is_none() {
            note!("warning: series {n}: no plane is present, so there is no sum.");
        }
        described.push((n, &all[n], sums));
    }
    let text = if args.json {
        for (n, series, _) in &described {
            for warning in &series.warnings {
                note!("warning: series {n}: {warning}");
            }
        }
        let series: Vec<Value> =
            described.iter().map(|(_, series, sums)| to_json(series, sums.as_ref())).collect();
        let path = address.paths();
        serde_json::to_string_pretty(&json!({ "path": path, "format": reader.format(), "series": series }))?
    } else {
        let mut text = format!("{}\n{}, {} series\n", address.paths(), reader.format(), all.len());
        for (n, series, sums) in &described {
            describe(&mut text, *n, series, sums.as_ref());
        }
        text
    };
    out!("{}", text.trim_end());
    Ok(())
}

/// A sum of samples: exact for integers.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Sum {
    Whole(i128),
    Real(f64),
}

impl Sum {
    fn of(plane: &Plane) -> Self {
        if plane.dtype.is_float() {
            return Self::Real(plane.sum());
        }
        let mut sum = 0i128;
        // Samples have 32 bits at most, so that f64 and i64 both hold them exactly.
        plane.for_each(|v| sum += i128::from(v as i64));
        Self::Whole(sum)
    }

    fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => Self::Whole(a + b),
            (a, b) => Self::Real(a.as_f64() + b.as_f64()),
        }
    }

    fn as_f64(self) -> f64 {
        match self {
            Self::Whole(sum) => sum as f64,
            Self::Real(sum) => sum,
        }
    }

    fn to_json(self) -> Value {
        match self {
            Self::Whole(sum) => match (u64::try_from(sum), i64::try_from(sum)) {
                (Ok(sum), _) => json!(sum),
                (_, Ok(sum)) => json!(sum),
                _ => json!(sum as f64),
            },
            Self::Real(sum) => json!(sum),
        }
    }
}

/// Sums of a series; the planes that the file lacks are left out.
#[derive(Debug, Clone, Copy)]
struct Sums {
    all: Sum,
    first: Sum,
    last: Sum,
}

/// Planes above this are decoded one at a time, bytes: memory is for one of them, not for one per thread.
const LARGE_PLANE: usize = 64 << 20;

/// Decodes every plane once, one at a time per thread.
fn sums(reader: &dyn Reader, series: usize) -> Result<Option<Sums>, VideoError> {
    let about = &reader.series()[series];
    let present = (0..about.shape.planes()).filter(|&plane| !about.is_missing(plane));
    let sum = |plane: usize| -> Result<(usize, Sum), VideoError> {
        Ok((plane, Sum::of(&reader.read_plane(series, plane)?)))
    };
    let large = about.shape.plane_samples() * about.dtype.size() > LARGE_PLANE;
    let mut planes: Vec<(usize, Sum)> = if large {
        present.map(sum).collect::<Result<_, VideoError>>()?
    } else {
        // A bridge hands planes out in order, which suits formats that decode forwards.
        present.par_bridge().map(sum).collect::<Result<_, VideoError>>()?
    };
    // Adding in plane order keeps sums of floats the same for any number of threads.
    planes.sort_unstable_by_key(|&(plane, _)| plane);
    let (Some(&(_, first)), Some(&(_, last))) = (planes.first(), planes.last()) else { return Ok(None) };
    let all = planes.iter().skip(1).fold(first, |all, &(_, sum)| all.plus(sum));
    Ok(Some(Sums { all, first, last }))
}

fn to_json(series: &Series, sums: Option<&Sums>) -> Value {
    let sum = |part: fn(&Sums) -> Sum| sums.map(|sums| part(sums).to_json());
    json!({
        "name": series.name,
        "axes": series.shape.axes(),
        "shape": series.shape.dims(),
        "dtype": series.dtype.name(),
        "planes": series.shape.planes(),
        "missing_planes": series.missing_planes(),
        "pixel_size_um": series.pixel_size_um,
        "z_step_um": series.z_step_um,
        "interval_s": series.interval_s,
        // NaN becomes null.
        "time_stamps_s": series.time_stamps_s(),
        "playback_fps": series.playback_fps,
        "channels": series.channels.iter().map(|channel| json!({
            "name": channel.name,
            "color": channel.color.map(hex),
        })).collect::<Vec<_>>(),
        "compression": series.compression,
        "sum": sum(|s| s.all),
        "sum_first_plane": sum(|s| s.first),
        "sum_last_plane": sum(|s| s.last),
    })
}

fn describe(text: &mut String, number: usize, series: &Series, sums: Option<&Sums>) {
    let shape = series.shape;
    text.push('\n');
    let mut line = |label: &str, value: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {label:<15}{value}");
    };
    let unknown = || "unknown".to_owned();
    let with_unit =
        |value: Option<f64>, unit: &str| value.map_or_else(unknown, |v| format!("{} {unit}", short(v)));
    line(&format!("Series {number}"), series.name.clone());
    line("Frame", format!("{} × {} pixels", shape.x, shape.y));
    let samples = match shape.s {
        1 => String::new(),
        s => format!(", {s} colour samples per pixel"),
    };
    line("Samples", format!("{}{samples}", series.dtype.name()));
    line(
        "Extent",
        [count(shape.t, "time point"), count(shape.z, "focal plane"), count(shape.c, "channel")].join(", "),
    );
    let missing = match series.missing_planes() {
        0 => String::new(),
        n => format!(", {n} missing"),
    };
    line("Planes", format!("{}{missing}", shape.planes()));
    let dims: Vec<String> = shape.dims().iter().map(ToString::to_string).collect();
    line("Axes", format!("{} = {}", shape.axes(), dims.join(" × ")));
    line("Compression", series.compression.clone());
    line("Pixel size", with_unit(series.pixel_size_um, "µm"));
    line("Focal step", with_unit(series.z_step_um, "µm"));
    line("Interval", with_unit(series.interval_s, "s"));
    line("Time stamps", series.time_stamps_s().map_or_else(unknown, |times| time_stamps(&times)));
    line("Playback", with_unit(series.playback_fps, "frames/s"));
    line("Channels", channels(&series.channels));
    if !series.levels.is_empty() {
        let levels: Vec<String> = series.levels.iter().map(|(x, y)| format!("{x} × {y}")).collect();
        line("Smaller copies", levels.join(", "));
    }
    if let Some(Sums { all, first, last }) = sums {
        line("Sum", plain(*all));
        line("First plane", plain(*first));
        line("Last plane", plain(*last));
    }
    for warning in &series.warnings {
        line("Warning", warning.clone());
    }
}

fn time_stamps(times: &[f64]) -> String {
    let known: Vec<f64> = times.iter().copied().filter(|t| t.is_finite()).collect();
    match (known.first(), known.last()) {
        (Some(first), Some(last)) => {
            let of = if known.len() == times.len() { String::new() } else { format!(" of {}", times.len()) };
            format!("{}{of}, from {} to {} s", known.len(), short(*first), short(*last))
        }
        _ => "unknown".into(),
    }
}

fn channels(channels: &[Channel]) -> String {
    if channels.iter().all(|c| c.name.is_none() && c.color.is_none()) {
        return "unknown".into();
    }
    let one = |channel: &Channel| {
        let name = channel.name.as_deref().unwrap_or("unknown");
        channel.color.map_or_else(|| name.to_owned(), |color| format!("{name} ({})", hex(color)))
    };
    channels.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn hex([r, g, b]: [u8; 3]) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// `1 channel`, `3 channels`.
fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// At most six decimals, without trailing zeros.
fn short(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn plain(sum: Sum) -> String {
    match sum {
        Sum::Whole(sum) => sum.to_string(),
        Sum::Real(sum) => sum.to_string(),
    }
}
