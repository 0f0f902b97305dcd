//! What of a screen's hits is shown, and how they are read.

use super::entries::Entry;
use crate::analysis::hits::Options;
use crate::analysis::power::WELLS;
use crate::app::forms::predictions::TableFormat;

/// Parts of the panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tab {
    /// Compounds or treatments, the best first.
    #[default]
    List,
    /// Treatments as points.
    Points,
    /// Dose-response curves.
    Curves,
    /// Controls and plates.
    Quality,
    /// The next experiment.
    Wells,
}

impl Tab {
    /// All, in their order.
    pub const ALL: [Self; 5] = [Self::List, Self::Points, Self::Curves, Self::Quality, Self::Wells];

    /// Its title.
    pub const fn title(self) -> &'static str {
        match self {
            Self::List => "Hit list",
            Self::Points => "Points",
            Self::Curves => "Curves",
            Self::Quality => "Quality",
            Self::Wells => "How many wells?",
        }
    }

    /// What it is for.
    pub const fn about(self) -> &'static str {
        match self {
            Self::List => "Compounds or treatments with doses, wells, q, scores and EC50, the best first",
            Self::Points => "Treatments by on- and off-score beside the controls, or by effect and q",
            Self::Curves => "Dose and response of each compound, with what was fitted or why nothing was",
            Self::Quality => "Controls, plates side by side on one scale, effects of edges, rows and columns",
            Self::Wells => "The effect that so many wells can find, and a plate map for the next experiment",
        }
    }
}

/// Columns of the list by which it is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// Name of the compound.
    Name,
    /// Dose, or doses.
    Dose,
    /// Wells.
    Wells,
    /// See [`crate::analysis::hits::Compound::hit_score`].
    Score,
    /// After Benjamini & Hochberg.
    Q,
    /// Along the axis of the controls.
    On,
    /// Off it.
    Off,
    /// Dose of the half response.
    Ec50,
    /// Cells, as part of the controls'.
    Cells,
}

impl Column {
    /// All, in their order.
    pub const ALL: [Self; 9] = [
        Self::Name,
        Self::Dose,
        Self::Wells,
        Self::Score,
        Self::Q,
        Self::On,
        Self::Off,
        Self::Ec50,
        Self::Cells,
    ];

    /// Its heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Name => "Compound",
            Self::Dose => "Dose",
            Self::Wells => "Wells",
            Self::Score => "Hit score",
            Self::Q => "q",
            Self::On => "On",
            Self::Off => "Off",
            Self::Ec50 => "EC50 [95 %]",
            Self::Cells => "Cells",
        }
    }

    /// What it says.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Name => "Name of the compound",
            Self::Dose => "Of a compound: how many doses, from which to which. Of a treatment: its dose",
            Self::Wells => "Wells with a score. The well is the unit: cells of one well are no repetitions",
            Self::Score => {
                "How far it goes from the reference towards the other controls, less what its off-score is beyond that of \
                 idle wells. Of a compound: at its best dose"
            }
            Self::Q => {
                "Of all listed with a q as low as this, about this share are expected to be no hits: p of wells against controls \
                 of the same plates after Benjamini and Hochberg"
            }
            Self::On => "Score along the axis of the controls. Of a compound: the largest mean of a dose",
            Self::Off => {
                "How far wells lie off the axis, in deviations of the negative controls. Of a compound: the largest mean of a \
                 dose"
            }
            Self::Ec50 => {
                "Dose of the half response, with the ends of its 95 % interval; open: the doses do not bound it on this side"
            }
            Self::Cells => {
                "Cells as part of those of the controls of the plate; below half a treatment is toxic. Of a compound: the \
                 fewest of a dose"
            }
        }
    }

    /// What the list is sorted by; `None` for names.
    pub fn number(self, entry: &Entry) -> Option<f64> {
        match self {
            Self::Name => None,
            Self::Dose => entry.dose_um,
            Self::Wells => Some(entry.n_wells as f64),
            Self::Score => entry.score,
            Self::Q => entry.q,
            Self::On => entry.on,
            Self::Off => entry.off,
            Self::Ec50 => entry.ec50_um,
            Self::Cells => entry.cells,
        }
    }

    /// True where few is better, or comes first: it is sorted upwards first.
    pub const fn is_rising(self) -> bool {
        matches!(self, Self::Name | Self::Dose | Self::Q | Self::Ec50 | Self::Cells)
    }
}

/// The form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HitsForm {
    /// Column of numbers that is read; the vectors that answer, if `None`.
    pub column: Option<String>,
    /// How the screen is read.
    pub options: Options,
    /// What is seen.
    pub tab: Tab,
    /// Words that names in list and curves must have.
    pub search: String,
    /// Column that list and curves are sorted by, true for the highest first; the best hit first, if `None`.
    pub sort: Option<(Column, bool)>,
    /// Treatments are listed, not compounds.
    pub by_treatment: bool,
    /// Points lie by effect and q, not by on and off.
    pub volcano: bool,
    /// All curves have the same axis of the score.
    pub same_axes: bool,
    /// Wells of each treatment in the plate map.
    pub wells: usize,
    /// Where files are written.
    pub folder: String,
    /// What tables are written as.
    pub tables: TableFormat,
}

impl Default for HitsForm {
    fn default() -> Self {
        Self {
            column: None,
            options: Options { seed: 1, ..Options::default() },
            tab: Tab::default(),
            search: String::new(),
            sort: None,
            by_treatment: false,
            volcano: false,
            same_axes: true,
            wells: *WELLS.start() + 1,
            folder: String::new(),
            tables: TableFormat::default(),
        }
    }
}

impl HitsForm {
    /// A click on a heading: the better end first, then the other way round, then the best hit first.
    pub fn sort_by(&mut self, column: Column) {
        let down = !column.is_rising();
        self.sort = match self.sort {
            Some((now, is_down)) if now == column && is_down == down => Some((column, !down)),
            Some((now, _)) if now == column => None,
            _ => Some((column, down)),
        };
    }
}
