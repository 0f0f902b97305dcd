//! What the user corrects by hand: kept in `NAME.molclip.json` beside the recording, whose file is never touched.

mod sidecar;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::sidecar::{Sidecar, sidecar_path};
use super::{Series, Shape};

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
