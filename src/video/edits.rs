//! What the user corrects by hand: kept in `NAME.molclip.json` beside the recording, whose file is never touched.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Series, Shape, VideoError};
use crate::atomic_file;
use crate::regular_file;

/// Which axis varies fastest from one stored plane to the next, then the next faster, then the slowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AxisOrder {
    /// Channels interleaved, then z, then time: what the reader reports.
    Czt,
    /// Channels interleaved, then time, then z.
    Ctz,
    /// z fastest, then channel, then time.
    Zct,
    /// z fastest, then time, then channel.
    Ztc,
    /// Time fastest, then channel, then z.
    Tcz,
    /// Time fastest, then z, then channel.
    Tzc,
}

impl AxisOrder {
    /// All orders, the default first.
    pub const ALL: [Self; 6] = [Self::Czt, Self::Zct, Self::Ctz, Self::Ztc, Self::Tcz, Self::Tzc];

    /// Text for menus.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Czt => "C, then Z, then T",
            Self::Ctz => "C, then T, then Z",
            Self::Zct => "Z, then C, then T",
            Self::Ztc => "Z, then T, then C",
            Self::Tcz => "T, then C, then Z",
            Self::Tzc => "T, then Z, then C",
        }
    }
}

/// A re-assignment of the stored planes to axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AxisAssignment {
    /// Time points.
    pub t: usize,
    /// Focal planes.
    pub z: usize,
    /// Channels.
    pub c: usize,
    /// How the stored planes run through them.
    pub order: AxisOrder,
}

impl AxisAssignment {
    /// What the reader reports.
    pub const fn of(shape: Shape) -> Self {
        Self { t: shape.t, z: shape.z, c: shape.c, order: AxisOrder::Czt }
    }

    /// Index, in the reader's canonical order, of the plane that is now called `(t, z, c)`.
    pub const fn stored_plane(&self, t: usize, z: usize, c: usize) -> usize {
        match self.order {
            AxisOrder::Czt => (t * self.z + z) * self.c + c,
            AxisOrder::Ctz => (z * self.t + t) * self.c + c,
            AxisOrder::Zct => (t * self.c + c) * self.z + z,
            AxisOrder::Ztc => (c * self.t + t) * self.z + z,
            AxisOrder::Tcz => (z * self.c + c) * self.t + t,
            AxisOrder::Tzc => (c * self.z + z) * self.t + t,
        }
    }

    /// Number of planes that the assignment needs; `None` where the product overflows.
    pub fn planes(&self) -> Option<usize> {
        self.t.checked_mul(self.z)?.checked_mul(self.c)
    }
}

/// Corrections to one series. `None` = as in the file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Edits {
    /// Pixel size, µm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pixel_size_um: Option<f64>,
    /// Distance between focal planes, µm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub z_step_um: Option<f64>,
    /// Time between frames, s; replaces the file's time stamps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval_s: Option<f64>,
    /// T, Z and C re-assigned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub axes: Option<AxisAssignment>,
    /// Channel names by index.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub channel_names: BTreeMap<usize, String>,
    /// When the drug was added: the frame, from 0, that is the first after treatment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub treatment_frame: Option<usize>,
}

impl Edits {
    /// Applies the edits to what the reader reports. Edits that no longer fit the file are left out and named.
    pub fn apply(&self, stored: &Series) -> (Series, AxisAssignment) {
        let mut series = stored.clone();
        let mut axes = AxisAssignment::of(stored.shape);
        if let Some(wanted) = self.axes {
            if wanted.planes() == Some(stored.shape.planes()) {
                axes = wanted;
                series.shape = Shape { t: wanted.t, z: wanted.z, c: wanted.c, ..stored.shape };
                series.channels.resize_with(wanted.c, Default::default);
                let order: Vec<usize> = canonical_planes(wanted).collect();
                let reorder = |i: &usize| stored.missing.get(*i).copied().unwrap_or(false);
                if !stored.missing.is_empty() {
                    series.missing = order.iter().map(reorder).collect();
                }
                if let Some(times) = &stored.plane_times_s {
                    series.plane_times_s =
                        Some(order.iter().map(|&i| times.get(i).copied().unwrap_or(f64::NAN)).collect());
                }
            } else {
                series.warnings.push(format!(
                    "The axes set by hand ({} × {} × {}) do not fit the {} planes of the file and are ignored.",
                    wanted.t,
                    wanted.z,
                    wanted.c,
                    stored.shape.planes()
                ));
            }
        }
        if self.pixel_size_um.is_some() {
            series.pixel_size_um = self.pixel_size_um;
        }
        if self.z_step_um.is_some() {
            series.z_step_um = self.z_step_um;
        }
        if self.interval_s.is_some() {
            series.interval_s = self.interval_s;
            series.plane_times_s = None;
        }
        for (&index, name) in &self.channel_names {
            if let Some(channel) = series.channels.get_mut(index) {
                channel.name = Some(name.clone());
            }
        }
        (series, axes)
    }
}

fn canonical_planes(axes: AxisAssignment) -> impl Iterator<Item = usize> {
    (0..axes.t).flat_map(move |t| {
        (0..axes.z).flat_map(move |z| (0..axes.c).map(move |c| axes.stored_plane(t, z, c)))
    })
}

/// The sidecar file: edits by series index.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sidecar {
    /// Edits by series index.
    pub series: BTreeMap<usize, Edits>,
}

/// The way out of a sidecar that cannot be read.
const REMEDY: &str = "Correct the file by hand, or rename it to start without edits; it is not overwritten.";

/// Largest sidecar that is read, bytes.
const LARGEST_SIDECAR: u64 = 16 << 20;

/// `movie.tif` → `movie.tif.molclip.json`.
pub fn sidecar_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".molclip.json");
    path.with_file_name(name)
}

impl Sidecar {
    /// Reads the sidecar of a recording; none is no error. One that cannot be read always is, because the recording
    /// would be taken for another: with other axes, another pixel size.
    pub fn load(path: &Path) -> Result<Self, VideoError> {
        let file = sidecar_path(path);
        let unread = |place: String, problem: String| VideoError::new(&file, place, problem, REMEDY);
        let mut bytes = Vec::new();
        let read = regular_file::open(&file)
            .and_then(|opened| opened.take(LARGEST_SIDECAR + 1).read_to_end(&mut bytes));
        match read {
            // A link that leads nowhere is not "none".
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && file.symlink_metadata().is_err() => {
                return Ok(Self::default());
            }
            Err(e) => return Err(unread("edits".into(), e.to_string())),
            Ok(n) if n as u64 > LARGEST_SIDECAR => {
                return Err(unread(
                    "edits".into(),
                    format!("it is larger than {} MB", LARGEST_SIDECAR >> 20),
                ));
            }
            Ok(_) => {}
        }
        let text = std::str::from_utf8(&bytes).map_err(|e| {
            let before = &bytes[..e.valid_up_to()];
            let line = before.split(|&b| b == b'\n').count();
            let column = before.iter().rev().take_while(|&&b| b != b'\n').count() + 1;
            unread(format!("line {line}, column {column}"), "it is not text in UTF-8".into())
        })?;
        serde_json::from_str(text).map_err(|e| {
            let (place, text) = (format!("line {}, column {}", e.line(), e.column()), e.to_string());
            // serde_json repeats the place.
            let problem = text.rsplit_once(" at line ").map_or(text.as_str(), |(problem, _)| problem);
            unread(place, problem.to_owned())
        })
    }

    /// Writes the sidecar; an empty one removes the file.
    pub fn save(&self, path: &Path) -> Result<(), VideoError> {
        let file = sidecar_path(path);
        let fail = |e: &std::io::Error| VideoError::io(&file, "edits", e);
        if self.series.values().all(|e| *e == Edits::default()) {
            return match std::fs::remove_file(&file) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(fail(&e)),
                _ => Ok(()),
            };
        }
        let text = serde_json::to_string_pretty(self)
            .map_err(|e| VideoError::new(&file, "edits", e.to_string(), "Report this as a fault."))?;
        atomic_file::write(&file, text.as_bytes()).map_err(|e| fail(&e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sidecar_that_cannot_be_read_is_never_taken_for_none() {
        let folder = tempfile::tempdir().unwrap();
        let movie = folder.path().join("movie.tif");
        let sidecar = sidecar_path(&movie);
        assert_eq!(Sidecar::load(&movie).unwrap(), Sidecar::default());
        for (content, place, problem) in [
            (&b""[..], "line 1, column 0", "EOF"),
            (b"{\n  \"series\": {\"0\": {\"pixel_size_um\": 0.1,", "line 2, column", "EOF"),
            (b"{\"series\":\n{\"0\": {\"pixel_size_um\": \"small\"}}}", "line 2, column", "invalid type"),
            (b"{\"series\": {\"0\": {\"pixel_size\": 0.1}}}", "line 1, column", "unknown field"),
            (b"{}\n\xFF", "line 2, column 1", "UTF-8"),
        ] {
            std::fs::write(&sidecar, content).unwrap();
            let error = Sidecar::load(&movie).unwrap_err();
            assert_eq!(error.path, sidecar);
            assert!(error.place.starts_with(place) && error.problem.contains(problem), "{error}");
            assert!(!error.problem.contains(" at line "), "{error}");
            assert!(error.remedy.contains("rename it"), "{error}");
        }
        std::fs::remove_file(&sidecar).unwrap();
        std::fs::create_dir(&sidecar).unwrap();
        assert!(Sidecar::load(&movie).unwrap_err().problem.contains("folder"));
    }

    #[test]
    #[cfg(unix)]
    fn a_sidecar_that_is_a_dead_link_or_a_pipe_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let movie = folder.path().join("movie.tif");
        std::os::unix::fs::symlink(folder.path().join("gone"), sidecar_path(&movie)).unwrap();
        assert!(Sidecar::load(&movie).unwrap_err().remedy.contains("rename it"));
        std::fs::remove_file(sidecar_path(&movie)).unwrap();
        let made = std::process::Command::new("mkfifo").arg(sidecar_path(&movie)).status().unwrap();
        assert!(made.success());
        assert!(Sidecar::load(&movie).unwrap_err().problem.contains("pipe"));
    }
}
