//! Recordings that can be read and show nothing.

use std::fmt;

/// Why nothing can be said of a recording that can be read. A network would answer all the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Defect {
    /// No sample of the part that is seen is a finite number.
    NotFinite,
    /// All samples of a channel have one value, in every channel: this one in the first.
    Constant(f32),
    /// Fewer than 2 × 2 pixels, of its own or of the model's.
    TooSmall {
        /// Columns of the recording.
        width: usize,
        /// Rows of the recording.
        height: usize,
    },
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFinite => write!(f, "blank: no pixel of any frame is a number"),
            Self::Constant(value) => write!(f, "constant: every pixel of every frame is {value}"),
            Self::TooSmall { width, height } => {
                write!(f, "too small: nothing can be seen in {width} × {height} pixels at the model's scale")
            }
        }
    }
}

/// Least and greatest finite sample of a channel.
#[derive(Clone, Copy)]
pub(super) struct Extent {
    low: f32,
    high: f32,
}

impl Default for Extent {
    /// Of no sample.
    fn default() -> Self {
        Self { low: f32::INFINITY, high: f32::NEG_INFINITY }
    }
}

impl Extent {
    /// Whether two samples differ.
    pub fn varies(self) -> bool {
        self.low < self.high
    }

    pub fn add(&mut self, values: &[f32]) {
        for &value in values.iter().filter(|value| value.is_finite()) {
            self.low = self.low.min(value);
            self.high = self.high.max(value);
        }
    }

    /// What is wrong where no channel has two different samples. A dim recording has noise; a stain that was not used
    /// leaves one channel blank, not all.
    pub fn defect(channels: &[Self]) -> Option<Defect> {
        if channels.iter().any(|channel| channel.varies()) {
            return None;
        }
        let known = channels.iter().find(|channel| channel.low <= channel.high);
        Some(known.map_or(Defect::NotFinite, |channel| Defect::Constant(channel.low)))
    }
}
