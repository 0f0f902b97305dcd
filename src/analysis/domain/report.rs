//! The table of recipes. Unknown numbers are `None`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::leakage::Leakage;
use crate::analysis::evaluate::bootstrap::Estimate;

/// What is measured, in the order of the table. The pair that must be read together stands first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Score {
    /// Balanced accuracy of the domain on controls, plates held out.
    Leakage,
    /// Mean average precision of the same compound × dose on other plates.
    ReplicateMap,
    /// Compounds whose nearest row of another domain is of the same compound.
    Across,
    /// Mean average precision of replicates against the controls of their plate.
    ActivityMap,
    /// Part of the treatments that are active.
    FractionActive,
    /// Mechanism of the nearest row, own compound out.
    NscTop1,
    /// Mean average precision of mechanisms, own compound out.
    NscMap,
    /// Mechanism of the nearest row, own compound and own batch out.
    NscbTop1,
    /// Mean average precision of mechanisms, own compound and own batch out.
    NscbMap,
}

impl Score {
    /// All, in the order of the table.
    pub const ALL: [Self; 9] = [
        Self::Leakage,
        Self::ReplicateMap,
        Self::Across,
        Self::ActivityMap,
        Self::FractionActive,
        Self::NscTop1,
        Self::NscMap,
        Self::NscbTop1,
        Self::NscbMap,
    ];

    /// Heading of its column.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Leakage => "Domain leakage",
            Self::ReplicateMap => "Replicate mAP",
            Self::Across => "1-NN across",
            Self::ActivityMap => "Activity mAP",
            Self::FractionActive => "Active",
            Self::NscTop1 => "MoA 1-NN, NSC",
            Self::NscMap => "MoA mAP, NSC",
            Self::NscbTop1 => "MoA 1-NN, NSCB",
            Self::NscbMap => "MoA mAP, NSCB",
        }
    }

    /// What it says.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Leakage => {
                "How well the domain is told from negative controls by their nearest neighbours on other plates (balanced \
                 accuracy). Lower is better only where replicate mAP stays: destroying information lowers both"
            }
            Self::ReplicateMap => {
                "How well a well finds the same compound at the same dose on other plates (mean average precision). Higher is \
                 better"
            }
            Self::Across => {
                "How often the nearest treated well of another domain has the same compound. Where plates share a layout the \
                 place on the plate alone may tell"
            }
            Self::ActivityMap => {
                "Replicates against the negative controls of their plate (mean average precision)"
            }
            Self::FractionActive => "Part of the treatments that are told from controls, q < 0.05",
            Self::NscTop1 => {
                "How often the nearest well of another compound shares a mechanism (not same compound)"
            }
            Self::NscMap => {
                "Mechanisms by mean average precision, the own compound left out (not same compound)"
            }
            Self::NscbTop1 => {
                "How often the nearest well of another compound and another replicate (or plate) shares a mechanism (not same \
                 compound or batch)"
            }
            Self::NscbMap => {
                "Mechanisms by mean average precision, own compound and own replicate (or plate) left out"
            }
        }
    }

    /// True where less is better.
    pub const fn is_falling(self) -> bool {
        matches!(self, Self::Leakage)
    }
}

/// One score of one recipe.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Measure {
    /// The score, 0 to 1.
    pub value: Option<f64>,
    /// Lower end of its 95 % interval: over plates for leakage, over compounds (within mechanisms for mechanisms) otherwise.
    pub lo: Option<f64>,
    /// Upper end.
    pub hi: Option<f64>,
    /// What chance reaches.
    pub chance: Option<f64>,
    /// How far it is ahead of the first recipe, on the same draws.
    pub difference: Option<Estimate>,
    /// Rows or groups that were asked.
    pub n: usize,
    /// Why there is no value.
    pub why: Option<String>,
}

impl Measure {
    /// Nothing could be measured.
    pub(super) fn missing(why: impl Into<String>) -> Self {
        Self { why: Some(why.into()), ..Self::default() }
    }

    /// Takes in a score with its interval, and its difference from another.
    pub(super) fn take(&mut self, (own, difference): (Option<Estimate>, Option<Estimate>)) {
        (self.value, self.lo, self.hi) = (own.map(|e| e.value), own.map(|e| e.lo), own.map(|e| e.hi));
        self.difference = difference;
    }

    /// `0.447 [0.391, 0.502]`, or a dash.
    pub fn text(&self) -> String {
        match (self.value, self.lo, self.hi) {
            (Some(value), Some(lo), Some(hi)) => format!("{value:.3} [{lo:.3}, {hi:.3}]"),
            _ => "-".to_owned(),
        }
    }
}

/// Compounds of one domain found in another: rows of `source` ask those of `target` on other plates.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Transfer {
    /// Domain of the rows that ask.
    pub source: String,
    /// Domain of the rows that may be found.
    pub target: String,
    /// Part whose nearest row has the same compound.
    pub top1: Measure,
    /// What the place on the plate alone reaches.
    pub position: Option<f64>,
}

/// One recipe.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// Its steps; empty for the vectors as they are.
    pub steps: String,
    /// Why it could not be applied.
    pub why: Option<String>,
    /// Features that it leaves.
    pub features: Option<usize>,
    /// What was measured; empty where it could not be applied.
    pub scores: BTreeMap<Score, Measure>,
    /// What stands beside the leakage.
    pub leakage: Leakage,
    /// From domain to domain, where there are few.
    pub transfers: Vec<Transfer>,
    /// What a reader should know, a sentence each.
    pub notes: Vec<String>,
}

impl Line {
    /// One of its scores.
    pub fn score(&self, score: Score) -> Option<&Measure> {
        self.scores.get(&score)
    }
}

/// Recipes side by side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The column of the domain.
    pub domain: String,
    /// Its values.
    pub domains: Vec<String>,
    /// Rows that were compared.
    pub rows: usize,
    /// Of these, negative controls.
    pub controls: usize,
    /// Plates that they lie on.
    pub plates: usize,
    /// Draws of each null of activity.
    pub null: usize,
    /// Resamplings for an interval.
    pub resamples: usize,
    /// Seed of both.
    pub seed: u64,
    /// True where any row is known to be simulated.
    pub simulated: bool,
    /// What the place on the plate alone reaches of compounds across domains.
    pub position: Option<f64>,
    /// What a reader should know, a sentence each.
    pub notes: Vec<String>,
    /// The recipes, the one that others are compared with first.
    pub recipes: Vec<Line>,
}

impl Comparison {
    /// A table to read.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let simulated = if self.simulated { ", simulated data" } else { "" };
        let _ = writeln!(
            out,
            "domain {} ({}); {} rows, {} of them controls, {} plates; null {}, {} resamplings, seed {}{simulated}",
            self.domain,
            self.domains.join(", "),
            self.rows,
            self.controls,
            self.plates,
            self.null,
            self.resamples,
            self.seed
        );
        let width = self.recipes.iter().map(|line| line.name.chars().count()).max().unwrap_or(0).max(6);
        let _ = write!(out, "{:width$}", "recipe");
        for score in Score::ALL {
            let _ = write!(out, "  {:>22}", score.label());
        }
        let _ = writeln!(out);
        for line in &self.recipes {
            let _ = write!(out, "{:width$}", line.name);
            if let Some(why) = &line.why {
                let _ = writeln!(out, "  cannot be applied: {why}");
                continue;
            }
            for score in Score::ALL {
                let _ =
                    write!(out, "  {:>22}", line.score(score).map_or_else(|| "-".to_owned(), Measure::text));
            }
            let _ = writeln!(out);
        }
        if let Some(first) = self.recipes.iter().find(|line| line.why.is_none()) {
            for score in Score::ALL {
                let Some(measure) = first.score(score) else { continue };
                let chance = measure.chance.map(|chance| format!("chance {chance:.3}"));
                let said = chance.or_else(|| measure.why.as_ref().map(|why| format!("not measured: {why}")));
                if let Some(said) = said {
                    let _ = writeln!(out, "{}: {said}", score.label());
                }
            }
            if let Some(measure) = first.score(Score::Leakage).filter(|measure| measure.value.is_some()) {
                let _ = writeln!(out, "{}: {}", first.name, first.leakage.text(measure));
            }
        }
        if let Some(position) = self.position {
            let _ = writeln!(out, "1-NN across by the place on the plate alone: {position:.3}");
        }
        for line in &self.recipes {
            for Transfer { source, target, top1, position } in &line.transfers {
                let position = position.map_or_else(|| "-".to_owned(), |position| format!("{position:.3}"));
                let name = &line.name;
                let _ = writeln!(
                    out,
                    "{name}: compounds of {source} found in {target}: {} of {} rows (place alone {position})",
                    top1.text(),
                    top1.n
                );
            }
        }
        for note in &self.notes {
            let _ = writeln!(out, "{note}");
        }
        out
    }
}
