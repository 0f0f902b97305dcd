//! A recording as the user sees it: an address opened by a reader, with the user's edits applied.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::edits::{AxisAssignment, Edits, Sidecar};
use super::{Address, Crop, Limits, Plane, Reader, Series, Shape, VideoError};

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// An open recording. Cheap to clone through [`Arc`]; edits make a new one with the same reader.
#[derive(Clone)]
pub struct Recording {
    /// Unique in this process and for these axes: a re-assignment gets a new one, so caches cannot mix them up.
    pub id: u64,
    /// Where it comes from.
    pub address: Address,
    /// Format's name.
    pub format: &'static str,
    /// What the file says, with the edits applied and the crop's size.
    pub series: Series,
    /// The edits, as stored beside the file.
    pub edits: Edits,
    /// What the reader reports, without edits.
    pub stored: Series,
    axes: AxisAssignment,
    reader: Arc<dyn Reader>,
}

impl Recording {
    /// Opens one recording; its channels may lie in files of their own.
    pub fn open(address: &Address, limits: Limits) -> Result<Self, VideoError> {
        let reader: Arc<dyn Reader> = Arc::from(super::channels::open(address, limits)?);
        Self::from_reader(address, reader)
    }

    /// A recording in a file that is already open, or in several, with the edits of just these files.
    ///
    /// # Errors
    /// The file has no such series, the crop does not lie inside its frame, or the sidecar cannot be read.
    pub fn from_reader(address: &Address, reader: Arc<dyn Reader>) -> Result<Self, VideoError> {
        let count = reader.series().len();
        let Some(stored) = reader.series().get(address.series).cloned() else {
            return Err(super::channels::no_series(Path::new(&address.paths()), address.series, count));
        };
        if let Some(crop) = address.crop {
            crop.check(&address.path, stored.shape)?;
        }
        let edits = Sidecar::load(&address.path)?.of(address);
        let mut recording = Self {
            id: 0,
            address: address.clone(),
            format: reader.format(),
            series: stored.clone(),
            edits: Edits::default(),
            axes: AxisAssignment::of(stored.shape),
            stored,
            reader,
        };
        recording.set_edits(edits);
        Ok(recording)
    }

    /// Replaces the edits (in memory; [`Self::save_edits`] keeps them).
    pub fn set_edits(&mut self, edits: Edits) {
        let (mut series, axes) = edits.apply(&self.stored);
        if let Some(crop) = self.address.crop {
            series.shape.x = crop.width;
            series.shape.y = crop.height;
        }
        if self.id == 0 || axes != self.axes {
            self.id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        }
        self.series = series;
        self.axes = axes;
        self.edits = edits;
    }

    /// True where a channel's name says that the recording is simulated, as the simulator's do; exports keep the name.
    pub fn is_simulated(&self) -> bool {
        let names = self.stored.channels.iter().filter_map(|channel| channel.name.as_deref());
        names.into_iter().any(|name| name.to_lowercase().contains("simulated"))
    }

    /// Writes the edits beside the file (of several, the first), keeping those of its other series, and of recordings that
    /// have other files besides.
    pub fn save_edits(&self) -> Result<(), VideoError> {
        let mut sidecar = Sidecar::load(&self.address.path)?;
        sidecar.set(&self.address, self.edits.clone());
        sidecar.save(&self.address.path)
    }

    /// Sizes after edits and crop.
    pub const fn shape(&self) -> Shape {
        self.series.shape
    }

    /// Bytes of one plane.
    pub const fn plane_bytes(&self) -> usize {
        self.series.shape.plane_samples() * self.series.dtype.size()
    }

    /// All series in the file, for a chooser.
    pub fn all_series(&self) -> &[Series] {
        self.reader.series()
    }

    /// The same file's other series, without opening the file again.
    pub fn sibling(&self, series: usize) -> Result<Self, VideoError> {
        let address = Address { series, crop: None, ..self.address.clone() };
        Self::from_reader(&address, Arc::clone(&self.reader))
    }

    /// A rectangle of this recording's picture, without opening the file again.
    pub fn part(&self, part: Crop) -> Result<Self, VideoError> {
        let whole = self.address.crop.map_or((0, 0), |crop| (crop.x, crop.y));
        let crop = Crop { x: whole.0 + part.x, y: whole.1 + part.y, ..part };
        let shape = self.shape();
        if part.width == 0
            || part.height == 0
            || part.x.saturating_add(part.width) > shape.x
            || part.y.saturating_add(part.height) > shape.y
        {
            return Err(VideoError::new(
                &self.address.path,
                format!("rectangle {},{},{},{}", part.x, part.y, part.width, part.height),
                format!("it does not lie inside the picture of {} × {} px", shape.x, shape.y),
                "Draw it again.",
            ));
        }
        let mut recording = self.clone();
        recording.address.crop = Some(crop);
        recording.series.shape.x = part.width;
        recording.series.shape.y = part.height;
        recording.id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        Ok(recording)
    }

    /// The file; of several, the first.
    pub const fn path(&self) -> &PathBuf {
        &self.address.path
    }

    /// Decodes one plane, cropped.
    pub fn read(&self, t: usize, z: usize, c: usize) -> Result<Plane, VideoError> {
        let stored = self.axes.stored_plane(t, z, c);
        if self.stored.is_missing(stored) {
            return Err(VideoError::new(
                Path::new(&self.address.paths()),
                format!("frame {}, z {}, channel {}", t + 1, z + 1, c + 1),
                "the plane is missing in the file",
                "Copy the file again from where it was recorded, or skip this frame.",
            ));
        }
        let plane = self.reader.read_plane(self.address.series, stored)?;
        Ok(match self.address.crop {
            Some(crop) => plane.crop(crop),
            None => plane,
        })
    }

    /// Seconds from the first frame, for each time point; `None` when neither file nor user give any timing.
    pub fn times_s(&self) -> Option<Vec<f64>> {
        let shape = self.shape();
        if let Some(stamps) = self.series.time_stamps_s()
            && stamps.len() == shape.t
            && stamps.iter().all(|t| t.is_finite())
            && stamps.windows(2).all(|w| w[1] > w[0])
        {
            return Some(stamps);
        }
        let interval = self.series.interval_s.filter(|i| *i > 0.0 && i.is_finite())?;
        Some((0..shape.t).map(|t| t as f64 * interval).collect())
    }

    /// What is missing or cannot be true in the metadata; shown in red.
    pub fn metadata_problems(&self) -> Vec<MetadataProblem> {
        let series = &self.series;
        let mut problems = Vec::new();
        match series.pixel_size_um {
            None => problems
                .push(MetadataProblem::new(Field::PixelSize, "unknown: no scale bar, positions in px")),
            Some(size) if !(0.001..=100.0).contains(&size) => {
                problems.push(MetadataProblem::new(Field::PixelSize, "not plausible for a microscope"));
            }
            Some(_) => {}
        }
        if series.shape.z > 1 && !series.z_step_um.is_some_and(|z| (0.001..=1000.0).contains(&z)) {
            problems.push(MetadataProblem::new(Field::ZStep, "unknown or not plausible"));
        }
        if series.shape.t > 1 {
            if self.times_s().is_none() {
                problems.push(MetadataProblem::new(Field::Interval, "unknown: time is counted in frames"));
            } else if series.interval_s.is_some_and(|i| !(1e-6..=1e6).contains(&i)) {
                problems.push(MetadataProblem::new(Field::Interval, "not plausible"));
            }
            if let Some(stamps) = series.time_stamps_s()
                && stamps.windows(2).any(|w| w[1] <= w[0])
            {
                problems.push(MetadataProblem::new(
                    Field::Interval,
                    "time stamps do not increase; the interval is used",
                ));
            }
        }
        if series.shape.t == 1 && series.shape.z > 20 {
            problems.push(MetadataProblem::new(
                Field::Axes,
                "one time point and a deep z: were T and Z swapped?",
            ));
        }
        problems
    }
}

/// A line of the metadata panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// µm per pixel.
    PixelSize,
    /// µm between planes.
    ZStep,
    /// s between frames.
    Interval,
    /// Which axis is which.
    Axes,
}

/// Something to show in red.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataProblem {
    /// Where it belongs.
    pub field: Field,
    /// What is wrong.
    pub text: String,
}

impl MetadataProblem {
    fn new(field: Field, text: &str) -> Self {
        Self { field, text: text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::edits::AxisOrder;
    use super::*;

    /// Planes whose only sample is their stored index.
    struct Numbered(Vec<Series>);

    impl Reader for Numbered {
        fn format(&self) -> &'static str {
            "numbered"
        }
        fn series(&self) -> &[Series] {
            &self.0
        }
        fn read_plane(&self, _series: usize, plane: usize) -> Result<Plane, VideoError> {
            Ok(Plane {
                width: 1,
                height: 1,
                samples: 1,
                dtype: super::super::SampleType::U8,
                bytes: vec![plane as u8],
            })
        }
    }

    fn numbered(t: usize, z: usize, c: usize) -> Recording {
        let series = Series {
            plane_times_s: Some((0..t * z * c).map(|i| i as f64).collect()),
            ..Series::new(
                "numbered",
                Shape { t, z, c, y: 1, x: 1, s: 1 },
                super::super::SampleType::U8,
                "none",
            )
        };
        Recording::from_reader(&Address::of("numbered"), Arc::new(Numbered(vec![series]))).unwrap()
    }

    #[test]
    fn swapping_z_and_time_reads_the_planes_that_were_stored_there() {
        let mut recording = numbered(2, 3, 2);
        let value = |r: &Recording, t, z, c| r.read(t, z, c).unwrap().bytes[0] as usize;
        assert_eq!(value(&recording, 1, 2, 1), 11);
        let before = recording.id;
        // The file said T=2, Z=3; in truth it was T=3, Z=2 with the same storage order.
        let axes = AxisAssignment { t: 3, z: 2, c: 2, order: AxisOrder::Ctz };
        recording.set_edits(Edits { axes: Some(axes), ..Edits::default() });
        assert_ne!(recording.id, before, "caches are keyed by id");
        let original = numbered(2, 3, 2);
        for t in 0..3 {
            for z in 0..2 {
                for c in 0..2 {
                    assert_eq!(value(&recording, t, z, c), value(&original, z, t, c));
                }
            }
        }
        // Time stamps follow their planes.
        assert_eq!(recording.series.time_stamps_s().unwrap(), [0.0, 2.0, 4.0]);
    }

    #[test]
    fn an_assignment_that_does_not_fit_is_refused_with_a_warning() {
        let mut recording = numbered(2, 3, 2);
        let axes = AxisAssignment { t: 5, z: 2, c: 2, order: AxisOrder::Czt };
        recording.set_edits(Edits { axes: Some(axes), ..Edits::default() });
        assert_eq!(recording.shape().t, 2);
        assert!(recording.series.warnings[0].contains("12 planes"));
    }

    #[test]
    fn an_interval_set_by_hand_replaces_time_stamps() {
        let mut recording = numbered(4, 1, 1);
        assert_eq!(recording.times_s().unwrap(), [0.0, 1.0, 2.0, 3.0]);
        recording.set_edits(Edits { interval_s: Some(2.5), ..Edits::default() });
        assert_eq!(recording.times_s().unwrap(), [0.0, 2.5, 5.0, 7.5]);
    }
}
