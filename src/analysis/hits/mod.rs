//! Reading a screen: controls, hits, dose-response, plate quality; of any vectors or of one column.
//!
//! The unit is the well: its vector is the mean of its rows. Vectors are told in deviations of the negative control wells of their
//! plate. The axis leads from the mean of the negative to the mean of the positive control wells; the *on-score* of a well is its
//! projection, 0 at the negative and 1 at the positive controls, the *off-score* the length of what is left (GAN-DL: Mascolini et
//! al., 2022). Wells are scored, and controls judged by a linear support vector machine, by what other plates say; where one plate
//! has both classes, by its other replicates.
//!
//! By default a hit goes from the negative towards the positive controls. In a model of a disease where the `positive` wells are the
//! diseased ones that treatments start from, and the `negative` ones are healthy, [`Options::rescue`] turns it round: hits go back
//! to 0, and treatments are compared with the positive controls. (Where diseased wells are called negative and healthy ones
//! positive, the default is right.)

mod axis;
mod between;
mod compounds;
mod normal;
mod numbers;
mod plates;
mod positions;
mod quality;
mod report;
mod scores;
mod separation;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod wells;

use serde::Serialize;

pub use axis::HeldApart;
pub use compounds::{Compound, ReplicateCurve, Treatment};
pub use plates::{Controls, PlateControls, Trend};
pub use positions::{PlaceEffect, PlaceEffects};
pub use quality::Quality;
pub use scores::Kind;
pub use separation::{Baseline, Separation};
pub use wells::{Role, Well, Wells};

use crate::experiment::Table;
use crate::progress::{Cancelled, Progress};

/// How q values are made, for people.
const Q_METHOD: &str = "Student's t of a treatment's wells against control wells of the same plates, with the scatter within plates \
                        and that of treatments between plates; Benjamini-Hochberg over treatments, of compounds over Bonferroni-corrected least p of their doses";

/// A screen cannot be read so.
#[derive(Debug, thiserror::Error)]
pub enum HitsError {
    /// There is no such column.
    #[error("there is no column {column}")]
    Column {
        /// Its name.
        column: String,
    },
    /// A column that is to be read is none of numbers.
    #[error("column {column} holds {kind}, and a readout is a column of numbers. Choose another column")]
    NoNumbers {
        /// Its name.
        column: String,
        /// What it holds.
        kind: &'static str,
    },
    /// A column that is to be read is empty.
    #[error("column {column} has no number in any row that takes part. Choose another column")]
    Empty {
        /// Its name.
        column: String,
    },
    /// No rows.
    #[error("no well can be read: {}", match excluded {
        0 => "the table has no rows with numbers".to_owned(),
        n => format!("{n} rows are excluded, and no other has numbers. Include some again"),
    })]
    NoWells {
        /// Rows that are excluded.
        excluded: usize,
    },
    /// Vectors without negative controls.
    #[error(
        "there are no negative controls{}, and vectors are compared with those of their plate. Write negative into the column \
         control, or call their compound DMSO",
        if *positives > 0 { format!(" beside {positives} positive ones") } else { String::new() }
    )]
    NoNegatives {
        /// Wells of positive controls.
        positives: usize,
    },
    /// Hits are to lead back from positive controls that are not there.
    #[error(
        "there are no positive controls that a rescue could start from. Write positive into the column control of the diseased \
             wells"
    )]
    NoPositives,
    /// All wells are the same.
    #[error("{} the same in all wells, so that nothing can be told apart", match readout {
        Some(column) => format!("column {column} is"),
        None => "the vectors are".to_owned(),
    })]
    Constant {
        /// The column, if one was read.
        readout: Option<String>,
    },
    /// The negative controls are all the same.
    #[error(
        "the {negatives} negative control wells do not differ from each other within plates, so that nothing says how far is far. \
         Mark more of them, at least two on a plate"
    )]
    ConstantControls {
        /// Their wells.
        negatives: usize,
    },
    /// Positive and negative controls have the same mean.
    #[error(
        "column {readout} has the same mean in negative and positive controls, so that it cannot be scaled by them"
    )]
    SameControls {
        /// The column.
        readout: String,
    },
    /// The user stopped it.
    #[error(transparent)]
    Stopped(#[from] Cancelled),
}

impl HitsError {
    /// True for what another call would set right, rather than other data.
    pub const fn is_wrong_usage(&self) -> bool {
        matches!(self, Self::Column { .. } | Self::NoNumbers { .. })
    }
}

/// How a screen is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Column that says what a plate is; `plate` if `None`.
    pub plate_by: Option<String>,
    /// Column of numbers of cells; found by its name if `None`.
    pub cells: Option<String>,
    /// Medians and median absolute deviations of controls, instead of means and standard deviations.
    pub robust: bool,
    /// Hits lead from the positive back to the negative controls.
    pub rescue: bool,
    /// Toxic doses count.
    pub keep_toxic: bool,
    /// Of permutations and intervals.
    pub seed: u64,
}

impl Options {
    /// Whether the columns are there.
    ///
    /// # Errors
    /// They are not, or hold text.
    pub fn check(&self, table: &Table) -> Result<(), HitsError> {
        if let Some(column) = self.plate_by.as_ref().filter(|column| table.column(column).is_none()) {
            return Err(HitsError::Column { column: column.clone() });
        }
        self.cells.as_ref().map_or(Ok(()), |column| wells::check_number(table, column))
    }

    /// The controls that treatments start from.
    pub const fn reference(&self) -> Role {
        if self.rescue { Role::Positive } else { Role::Negative }
    }
}

/// A well with its score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WellScore {
    /// Name of its plate.
    pub plate: String,
    /// `B07`; empty where unknown.
    pub well: String,
    /// Replicate; empty where unknown.
    pub replicate: String,
    /// What it is there for.
    pub role: Role,
    /// Compound.
    pub compound: Option<String>,
    /// Dose, µM.
    #[serde(rename = "dose_uM")]
    pub dose_um: Option<f64>,
    /// Its score, see [`Hits::score`].
    pub on_score: Option<f64>,
    /// Length of the rejection from the axis, in deviations of the negative controls.
    pub off_score: Option<f64>,
    /// Cells, as part of those of the plate's reference control wells.
    pub cells: Option<f64>,
    /// Its rows of the table, from 0.
    #[serde(skip)]
    pub rows: Vec<usize>,
}

/// What a screen says. Plain data.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Hits {
    /// What scores are.
    pub score: Kind,
    /// Hits lead from the positive back to the negative controls.
    pub rescue: bool,
    /// Of permutations and intervals.
    pub seed: u64,
    /// Controls and plates.
    pub controls: Controls,
    /// Simpler numbers beside: how well they alone separate the controls.
    pub baselines: Vec<Baseline>,
    /// Compounds, the best hit first.
    pub compounds: Vec<Compound>,
    /// Compounds at doses.
    pub treatments: Vec<Treatment>,
    /// All wells, in the order of [`Wells::wells`].
    pub wells: Vec<WellScore>,
    /// Intraclass correlation of wells of the same treatment.
    pub replicate_agreement: Option<f64>,
    /// How q values are made.
    pub q_method: &'static str,
    /// What the numbers of cells are from.
    pub cells_from: Option<String>,
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// Reads a screen. Steps of `progress` are curves.
///
/// # Errors
/// Vectors without negative controls; nothing varies; a rescue without positive controls; the user stopped it.
pub fn read(screen: &Wells, options: &Options, progress: &Progress) -> Result<Hits, HitsError> {
    if screen.wells.is_empty() {
        return Err(HitsError::NoWells { excluded: 0 });
    }
    if options.rescue && screen.with_role(Role::Positive).next().is_none() {
        return Err(HitsError::NoPositives);
    }
    let mut scores = scores::score(screen, options, progress)?;
    progress.check()?;
    let baselines = if scores.kind.is_on_axis() {
        separation::baselines(screen, &scores.folds, &scores.known, options, progress)?
    } else {
        Vec::new()
    };
    progress.check()?;
    let (effects, together) = positions::effects(screen, &scores.on, options.seed);
    progress.check()?;
    let controls = plates::controls(screen, &scores, effects, together, options.seed);
    let cells = compounds::cells(screen, options.reference());
    let reading = compounds::Read { screen, scores: &scores, options, cells: &cells };
    let (treatments, note) = reading.treatments();
    let compounds = reading.compounds(&treatments, progress)?;
    let mut notes = screen.notes.clone();
    notes.append(&mut scores.notes);
    notes.extend(note);
    if compounds.is_empty() {
        notes.push("No well is a treatment with a compound and a score, so there are no hits.".to_owned());
    }
    if screen.counted_by.is_none() {
        notes.push("No column holds numbers of cells, so nothing is said of toxicity.".to_owned());
    }
    let text = |list: &[String], place: usize| list.get(place).cloned().unwrap_or_default();
    let scored = screen.wells.iter().enumerate().map(|(place, well)| WellScore {
        plate: text(&screen.plates, well.plate),
        well: well.name.clone(),
        replicate: text(&screen.replicates, well.replicate),
        role: well.role,
        compound: well.compound.map(|compound| screen.compounds[compound].name.clone()),
        dose_um: well.dose_um,
        on_score: scores.on[place],
        off_score: scores.off[place],
        cells: cells[place],
        rows: well.rows.clone(),
    });
    Ok(Hits {
        score: scores.kind,
        rescue: options.rescue,
        seed: options.seed,
        controls,
        baselines,
        replicate_agreement: compounds::agreement(&treatments, &scores.on),
        compounds,
        treatments,
        wells: scored.collect(),
        q_method: Q_METHOD,
        cells_from: screen.counted_by.clone(),
        notes,
    })
}
