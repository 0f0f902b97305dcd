//! The tables in a few lines.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use polars::prelude::DataFrame;
use serde::Serialize;

use super::Tables;
use super::tables::{Source, verdict};
use crate::analysis::answers::{Answers, Calibration, Level, Rate, Unseen, Verdict};

/// How many treatments are active and what was called, and how far that can be trusted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Videos that were asked about.
    pub videos: usize,
    /// Compounds × doses that were asked about.
    pub treatments: usize,
    /// Videos that could not be encoded: they are flagged in the tables, and nothing was asked about them.
    pub flagged: usize,
    /// Treatments by activity: `active`, `DMSO-like`, `undecided`.
    pub activity: BTreeMap<String, usize>,
    /// Treatments whose activity cannot be said, by the reason.
    pub undecided: BTreeMap<String, usize>,
    /// Treatments by call.
    pub calls: BTreeMap<String, usize>,
    /// Treatments by the mechanism that was called.
    pub predicted_moas: BTreeMap<String, usize>,
    /// The experiment that answered; `None` where it is the one that was asked about.
    pub library: Option<String>,
    /// Compounds that answer.
    pub answering_compounds: usize,
    /// Those among them that the model was trained with: what is measured on them flatters it. `None` where nobody knows.
    pub answering_compounds_in_training: Option<usize>,
    /// Active treatments of a known mechanism whose compound the model was trained with: how many have it as nearest.
    pub known_in_training: Hits,
    /// The same of compounds that are new to the model: the honest figure.
    pub known_new: Hits,
    /// How far answers can be trusted, by level.
    pub calibration: BTreeMap<&'static str, Trust>,
    /// True if experiment, library or model is simulated.
    pub simulated: bool,
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// Right answers among all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Hits {
    /// Right ones.
    pub right: usize,
    /// All.
    pub of: usize,
}

impl Hits {
    /// Counts active treatments whose nearest mechanism is one of their own.
    fn of(frame: &DataFrame, trained: bool) -> Self {
        let text = |name: &str| frame.column(name).and_then(|column| column.str().cloned());
        let flags = frame.column("compound_in_training").and_then(|column| column.bool().cloned());
        let (Ok(activity), Ok(own), Ok(nearest), Ok(flags)) =
            (text("activity_call"), text("moa"), text("nearest_moa"), flags)
        else {
            return Self::default();
        };
        let mut hits = Self::default();
        for row in (0..frame.height()).filter(|&row| flags.get(row) == Some(trained)) {
            if let (Some("active"), Some(own), Some(nearest)) =
                (activity.get(row), own.get(row), nearest.get(row))
            {
                hits.of += 1;
                hits.right += usize::from(own.split("; ").any(|moa| moa == nearest));
            }
        }
        hits
    }
}

/// Errors that were measured on the library's own compounds, each left out. `None` where too little is known.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Trust {
    /// Answers that were checked.
    pub n: usize,
    /// Their compounds.
    pub compounds: usize,
    /// Part whose likeliest mechanism is right.
    pub accuracy: Option<f64>,
    /// The same of a random choice.
    pub chance: Option<f64>,
    /// Expected calibration error, cross-fitted by compound.
    pub ece: Option<f64>,
    /// Rate at which known compounds may be called unlike anything known.
    pub alpha: Option<f64>,
    /// Part of known compounds' answers that are called so.
    pub false_alarms: Option<f64>,
    /// Part called so when their mechanism is left out.
    pub detected: Option<f64>,
    /// Part of DMSO called so.
    pub dmso: Option<f64>,
    /// The same of compounds that the model never saw; `None` of fewer than five, and where nobody knows which it saw.
    pub unseen: Option<NewTrust>,
    /// Why something is missing.
    pub notes: Vec<String>,
}

/// Errors on compounds that the model was not trained with; fields as those of [`Trust`].
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct NewTrust {
    /// Answers that were checked; 0 where there are no probabilities.
    pub n: usize,
    /// Their compounds.
    pub compounds: usize,
    /// See [`Trust::accuracy`].
    pub accuracy: Option<f64>,
    /// See [`Trust::chance`].
    pub chance: Option<f64>,
    /// See [`Trust::ece`].
    pub ece: Option<f64>,
    /// See [`Trust::false_alarms`].
    pub false_alarms: Option<f64>,
    /// See [`Trust::detected`].
    pub detected: Option<f64>,
}

fn share(rate: Rate) -> Option<f64> {
    (rate.n > 0).then_some(rate.share)
}

impl NewTrust {
    fn of(unseen: &Unseen) -> Self {
        let measured = unseen.reliability.as_ref();
        Self {
            n: measured.map_or(0, |measured| measured.n),
            compounds: unseen.compounds,
            accuracy: measured.map(|measured| measured.top1),
            chance: measured.map(|measured| measured.chance1),
            ece: measured.map(|measured| measured.ece),
            false_alarms: unseen.false_alarms.and_then(share),
            detected: unseen.detected.and_then(share),
        }
    }
}

impl Trust {
    fn of(calibration: &Calibration) -> Self {
        let measured = calibration.reliability.as_ref();
        let novelty = calibration.novelty.as_ref();
        Self {
            n: measured.map_or(0, |measured| measured.n),
            compounds: measured.map_or(0, |measured| measured.compounds),
            accuracy: measured.map(|measured| measured.top1),
            chance: measured.map(|measured| measured.chance1),
            ece: measured.map(|measured| measured.ece),
            alpha: novelty.map(|novelty| novelty.alpha),
            false_alarms: novelty.and_then(|novelty| share(novelty.false_alarms)),
            detected: novelty.and_then(|novelty| share(novelty.detected)),
            dmso: novelty.and_then(|novelty| share(novelty.dmso)),
            unseen: calibration.unseen.as_ref().map(NewTrust::of),
            notes: calibration.notes.clone(),
        }
    }
}

impl Summary {
    /// Counts what tables of these answers say.
    pub fn of(answers: &Answers, tables: &Tables, source: &Source) -> Self {
        let count = |column: &str| {
            let mut counts = BTreeMap::new();
            let cells = tables.treatments.column(column).and_then(|column| column.str().cloned());
            if let Ok(cells) = cells {
                for cell in cells.iter().flatten() {
                    *counts.entry(cell.to_owned()).or_default() += 1;
                }
            }
            counts
        };
        let mut activity: BTreeMap<String, usize> = BTreeMap::new();
        let mut undecided: BTreeMap<String, usize> = BTreeMap::new();
        for place in 0..answers.treatments().len() {
            let found = &answers.activity(place).verdict;
            *activity.entry(verdict(found).to_owned()).or_default() += 1;
            if let Verdict::Undecided(why) = found {
                *undecided.entry(why.clone()).or_default() += 1;
            }
        }
        let library = answers.library();
        let subjects = library.subjects();
        let answering: BTreeSet<usize> =
            library.answering().iter().map(|&treatment| subjects.treatments[treatment].compound).collect();
        let trained = source.trained(&subjects.compounds);
        let mut notes = answers.notes().to_vec();
        notes.extend(library.notes().iter().filter(|note| !answers.notes().contains(note)).cloned());
        Self {
            videos: answers.subjects().len(),
            treatments: answers.treatments().len(),
            flagged: answers.subjects().unembedded.len(),
            activity,
            undecided,
            calls: count("call"),
            predicted_moas: count("predicted_moa"),
            answering_compounds: answering.len(),
            answering_compounds_in_training: trained
                .map(|trained| answering.iter().filter(|&&compound| trained[compound]).count()),
            known_in_training: Hits::of(&tables.treatments, true),
            known_new: Hits::of(&tables.treatments, false),
            library: (!answers.is_itself()).then(|| library.origin().name.clone()),
            calibration: Level::ALL
                .map(|level| (level.label(), Trust::of(library.calibration(level))))
                .into(),
            simulated: answers.simulated() || source.simulated,
            notes,
        }
    }

    /// Lines to read.
    pub fn text(&self) -> String {
        let list = |counts: &BTreeMap<String, usize>| {
            let mut counts: Vec<(&String, &usize)> = counts.iter().collect();
            counts.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
            counts.into_iter().map(|(word, n)| format!("{n} {word}")).collect::<Vec<_>>().join(", ")
        };
        let simulated = if self.simulated { ", simulated" } else { "" };
        let mut text = format!("{} videos, {} compounds × doses{simulated}\n", self.videos, self.treatments);
        // Writing to a string cannot fail.
        let mut line = |name: &str, words: String| {
            if !words.is_empty() {
                let _ = writeln!(text, "  {name:13} {words}");
            }
        };
        if self.flagged > 0 {
            line("flagged", format!("{} more videos, not called; the column flag says why", self.flagged));
        }
        line("activity", list(&self.activity));
        for (why, n) in &self.undecided {
            line("", format!("undecided, {n} ×: {why}"));
        }
        line("calls", list(&self.calls));
        line("mechanisms", list(&self.predicted_moas));
        line("answered by", self.library.clone().unwrap_or_else(|| "the experiment itself".to_owned()));
        let level = Level::Treatment;
        if let Some(trust) = self.calibration.get(level.label()) {
            let percent = |part: Option<f64>| {
                part.map_or("unknown".to_owned(), |part| format!("{:.0} %", 100.0 * part))
            };
            let new = trust.unseen.as_ref().filter(|new| new.compounds < trust.compounds);
            if let Some((new, accuracy, chance)) = new.and_then(|new| Some((new, new.accuracy?, new.chance?)))
            {
                line(
                    "trust, new",
                    format!(
                        "on compounds that the model never saw: likeliest mechanism right for {:.0} % of {} compounds × \
                         doses ({} compounds; chance {:.0} %), false alarms {}, detected {}",
                        100.0 * accuracy,
                        new.n,
                        new.compounds,
                        100.0 * chance,
                        percent(new.false_alarms),
                        percent(new.detected)
                    ),
                );
            }
            if let (Some(accuracy), Some(chance), Some(ece)) = (trust.accuracy, trust.chance, trust.ece) {
                line(
                    "trust",
                    format!(
                        "likeliest mechanism right for {:.0} % of {} known compounds × doses ({} compounds, each left \
                         out; chance {:.0} %), calibration error {ece:.3}",
                        100.0 * accuracy,
                        trust.n,
                        trust.compounds,
                        100.0 * chance
                    ),
                );
            }
            if trust.alpha.is_some() {
                line(
                    "novelty",
                    format!(
                        "false alarms: {} of answers on known mechanisms are called unlike anything known (aimed at {}); \
                         detected: {} of those whose mechanism is left out",
                        percent(trust.false_alarms),
                        percent(trust.alpha),
                        percent(trust.detected)
                    ),
                );
            }
            let all = self.answering_compounds;
            match self.answering_compounds_in_training.filter(|_| trust.accuracy.is_some()) {
                Some(0) => {}
                Some(n) => {
                    line(
                        "mind",
                        format!("the model was trained with {n} of the {all} compounds that answer"),
                    );
                }
                None if trust.accuracy.is_some() => {
                    line("mind", "nobody knows which compounds these vectors were trained with".to_owned());
                }
                None => {}
            }
            if self.known_new.of > 0 {
                line(
                    "new drugs",
                    format!(
                        "nearest mechanism right for {} of {} active compounds × doses that the model was not trained \
                         with ({} of {} that it was)",
                        self.known_new.right,
                        self.known_new.of,
                        self.known_in_training.right,
                        self.known_in_training.of
                    ),
                );
            }
            trust.notes.iter().for_each(|note| line("note", note.clone()));
        }
        self.notes.iter().for_each(|note| line("note", note.clone()));
        text
    }
}
