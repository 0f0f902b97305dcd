//! What stands in the tables.

use std::collections::{BTreeSet, HashMap};

use polars::prelude::DataFrame;
use rayon::prelude::*;

use super::grid::Grid;
use super::lines::{self, Treated, Video};
use super::{PredictionsError, Tables};
use crate::analysis::answers::{Answer, Answers, Call, Exclude, Query, Subjects, Verdict, in_training};
use crate::analysis::items::Compound;
use crate::experiment::Experiment;
use crate::learn::pipeline::{Classified, Embedded, ranked};
use crate::model::card::DrugClass;
use crate::progress::Progress;

/// Mechanisms and drugs that are named in a row.
const NAMED: usize = 3;

/// Columns of the manifest before the answers; the dose stands with its unit.
const METADATA: [&str; 12] = [
    "plate",
    "well",
    "site",
    "cell",
    "replicate",
    "cell_line",
    "stain",
    "compound",
    "smiles",
    "moa",
    "control",
    "split",
];

/// What the tables say beside the answers.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The experiment that was asked about.
    pub experiment: &'a Experiment,
    /// The classifier's word on its videos; `None` leaves its columns empty.
    pub classified: Option<&'a Classified>,
    /// Row names of videos whose scale differs from the training's, and how.
    pub warnings: &'a [(String, String)],
    /// Row names of videos that could not be encoded, and why: they are flagged, never called.
    pub problems: &'a [(String, String)],
    /// Drugs that the model was trained with; what it says of them is no test of it. `None` where nobody knows.
    pub training: Option<&'a [DrugClass]>,
    /// Fingerprint of the data; empty where unknown.
    pub fingerprint: &'a str,
    /// True if model or videos are simulated, as far as the answers do not know.
    pub simulated: bool,
}

impl<'a> Source<'a> {
    /// Of rows that were encoded.
    pub fn of(embedded: &'a Embedded) -> Self {
        Self {
            experiment: &embedded.experiment,
            classified: embedded.classified.as_ref(),
            warnings: &embedded.encoded.warnings,
            problems: &embedded.encoded.problems,
            training: embedded.about.trained_with.as_deref(),
            fingerprint: &embedded.fingerprint,
            simulated: embedded.simulated,
        }
    }

    /// Which compounds are among the training drugs; `None` where nobody knows.
    pub(super) fn trained(&self, compounds: &[Compound]) -> Option<Vec<bool>> {
        Some(in_training(compounds, self.training?))
    }
}

/// Asks about every video and every compound × dose, each with its own compound left out, and makes both tables. Videos
/// that could not be encoded are flagged. Nothing is encoded. Steps of `progress` are questions.
///
/// # Errors
/// Cancelled.
pub fn tables(answers: &Answers, source: &Source, progress: &Progress) -> Result<Tables, PredictionsError> {
    let (videos, treatments) = (answers.subjects().len(), answers.treatments().len());
    progress.set(0, (videos + treatments) as u64);
    let ask = |query: Query| -> Result<Option<Answer>, PredictionsError> {
        progress.check().map_err(|_| PredictionsError::Cancelled)?;
        progress.add(1);
        // What the lists hold can be asked about.
        Ok(answers.judge(&query, Exclude::default(), NAMED).ok())
    };
    let of_videos: Vec<Option<Answer>> =
        (0..videos).into_par_iter().map(|place| ask(Query::Subject(place))).collect::<Result<_, _>>()?;
    let of_treatments: Vec<Option<Answer>> = (0..treatments)
        .into_par_iter()
        .map(|place| ask(Query::Treatment(place)))
        .collect::<Result<_, _>>()?;
    let lines = lines::videos(answers.subjects(), source);
    let treated = lines::treatments(answers.subjects(), &lines);
    Tables::stamped(
        by_video(answers, source, &lines, &of_videos)?,
        by_treatment(answers, source, &treated, &of_treatments)?,
    )
}

fn by_video(
    answers: &Answers,
    source: &Source,
    lines: &[Video],
    found: &[Option<Answer>],
) -> Result<DataFrame, PredictionsError> {
    let subjects = answers.subjects();
    let table = &source.experiment.table;
    let subject = |line: usize| lines[line].subject;
    let mut grid = Grid::new(lines.len());
    grid.text("row_id", |line| subject(line).row_id.clone());
    for name in METADATA {
        grid.text(name, |line| table.text(subject(line).row, name));
        if name == "compound" {
            grid.number("concentration_uM", |line| subject(line).dose);
        }
    }
    let treatment = |line: usize| subjects.treatment_of(lines[line].place?);
    let counts: Vec<[usize; 3]> = (0..subjects.treatments.len()).map(|i| repetitions(subjects, i)).collect();
    for (i, name) in ["n_videos", "n_wells", "n_replicates"].into_iter().enumerate() {
        grid.count(&format!("treatment_{name}"), |line| Some(counts[treatment(line)?][i]));
    }
    let trained = source.trained(&subjects.compounds);
    grid.flag("compound_in_training", |line| Some(trained.as_ref()?[subject(line).compound?]));
    let answered: Vec<Option<&Answer>> = lines.iter().map(|line| found[line.place?].as_ref()).collect();
    columns(&mut grid, answers, &answered);
    let word = Classifier::of(source, subjects);
    word.columns(&mut grid, |line| lines[line].place.into_iter().collect());
    let drug = |line: usize| word.drug(lines[line].place?);
    grid.text("most_alike_training_drug", |line| drug(line).map(|(name, _)| name).unwrap_or_default());
    grid.number("most_alike_training_drug_probability", |line| Some(short(drug(line)?.1)));
    let warnings: HashMap<&str, &str> =
        source.warnings.iter().map(|(row_id, text)| (row_id.as_str(), text.as_str())).collect();
    grid.text("scale_warning", |line| {
        warnings.get(subject(line).row_id.as_str()).copied().unwrap_or_default().to_owned()
    });
    grid.text("flag", |line| lines[line].flag.to_owned());
    provenance(&mut grid, answers, source);
    Ok(grid.finish()?)
}

fn by_treatment(
    answers: &Answers,
    source: &Source,
    lines: &[Treated],
    found: &[Option<Answer>],
) -> Result<DataFrame, PredictionsError> {
    let subjects = answers.subjects();
    let compound = |line: usize| &subjects.compounds[lines[line].compound];
    let videos = |line: usize| -> &[usize] {
        lines[line].place.map_or(&[], |place| subjects.treatments[place].subjects.as_slice())
    };
    let mut grid = Grid::new(lines.len());
    grid.text("compound", |line| compound(line).name.clone());
    grid.number("concentration_uM", |line| lines[line].dose);
    grid.text("smiles", |line| compound(line).smiles.clone().unwrap_or_default());
    grid.text("moa", |line| {
        lines[line].moas.iter().map(|&moa| subjects.moas[moa].as_str()).collect::<Vec<_>>().join("; ")
    });
    let counts: Vec<[usize; 3]> = lines
        .iter()
        .map(|line| line.place.map(|place| repetitions(subjects, place)).unwrap_or_default())
        .collect();
    for (i, name) in ["n_videos", "n_wells", "n_replicates"].into_iter().enumerate() {
        grid.count(name, |line| Some(counts[line][i]));
    }
    let trained = source.trained(&subjects.compounds);
    grid.flag("compound_in_training", |line| Some(trained.as_ref()?[lines[line].compound]));
    let answered: Vec<Option<&Answer>> = lines.iter().map(|line| found[line.place?].as_ref()).collect();
    columns(&mut grid, answers, &answered);
    Classifier::of(source, subjects).columns(&mut grid, |line| videos(line).to_vec());
    let names: BTreeSet<&str> = source.warnings.iter().map(|(row_id, _)| row_id.as_str()).collect();
    let warned: Vec<bool> =
        subjects.subjects.iter().map(|subject| names.contains(subject.row_id.as_str())).collect();
    grid.count("videos_with_scale_warning", |line| {
        Some(videos(line).iter().filter(|&&video| warned[video]).count())
    });
    grid.count("videos_flagged", |line| Some(lines[line].flagged));
    grid.text("flag", |line| lines[line].flag.clone());
    provenance(&mut grid, answers, source);
    Ok(grid.finish()?)
}

/// Videos, wells and replicates of a treatment.
fn repetitions(subjects: &Subjects, treatment: usize) -> [usize; 3] {
    let treatment = &subjects.treatments[treatment];
    let mut replicates: Vec<usize> =
        treatment.subjects.iter().map(|&i| subjects.subjects[i].replicate).collect();
    replicates.sort_unstable();
    replicates.dedup();
    [treatment.subjects.len(), treatment.wells.len(), replicates.len()]
}

/// The word for a call.
pub(super) const fn word(call: Call) -> &'static str {
    match call {
        Call::DmsoLike => "DMSO-like",
        Call::Unlike => "unlike anything known",
        Call::Moa(_) => "mechanism",
        Call::Unsure => "unsure",
        Call::Undecided => "undecided",
    }
}

/// The word for a verdict on activity.
pub(super) const fn verdict(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Active => "active",
        Verdict::Inactive => "DMSO-like",
        Verdict::Undecided(_) => "undecided",
    }
}

/// What is answered: activity, call, mechanisms, novelty, drugs. Probabilities and novelty are calibrated on active
/// treatments, so that what is like DMSO has none.
fn columns(grid: &mut Grid, answers: &Answers, found: &[Option<&Answer>]) {
    let theirs = answers.library().subjects();
    let of = |place: usize| found[place];
    let activity = |place: usize| of(place)?.activity.as_ref();
    grid.text("activity_call", |place| {
        activity(place).map_or("", |found| verdict(&found.verdict)).to_owned()
    });
    grid.number("activity_mean_ap", |place| activity(place)?.mean_ap);
    grid.number("activity_p", |place| activity(place)?.p);
    grid.number("activity_q", |place| activity(place)?.q);
    grid.text("call", |place| of(place).map_or("", |answer| word(answer.call)).to_owned());
    // The mechanism that is called, if one is.
    let called = |place: usize| {
        let answer = of(place)?;
        let Call::Moa(called) = answer.call else { return None };
        answer.moas.iter().find(|moa| moa.moa == called)
    };
    let active = |place: usize| of(place).filter(|answer| answer.call != Call::DmsoLike);
    let name = |moa: usize| theirs.moas[moa].clone();
    grid.text("predicted_moa", |place| called(place).map(|moa| name(moa.moa)).unwrap_or_default());
    grid.number("predicted_moa_probability", |place| called(place)?.probability);
    for rank in 0..NAMED {
        let near = |place: usize| of(place)?.moas.get(rank);
        let ending = ending(rank);
        grid.text(&format!("nearest_moa{ending}"), |place| {
            near(place).map(|moa| name(moa.moa)).unwrap_or_default()
        });
        grid.number(&format!("nearest_moa_probability{ending}"), |place| {
            active(place)?.moas.get(rank)?.probability
        });
        grid.number(&format!("nearest_moa_similarity{ending}"), |place| Some(near(place)?.similarity));
    }
    grid.number("novelty_p", |place| Some(active(place)?.novelty.as_ref()?.p));
    grid.text("novelty_call", |place| match active(place).and_then(|answer| answer.novelty.as_ref()) {
        Some(novelty) if novelty.unlike => "unlike anything known".to_owned(),
        Some(_) => "like something known".to_owned(),
        None => String::new(),
    });
    for rank in 0..NAMED {
        let near = |place: usize| of(place)?.drugs.get(rank);
        let ending = ending(rank);
        grid.text(&format!("nearest_drug{ending}"), |place| {
            near(place).map(|drug| theirs.compounds[drug.compound].name.clone()).unwrap_or_default()
        });
        grid.number(&format!("nearest_drug_similarity{ending}"), |place| {
            Some(short(near(place)?.similarity))
        });
    }
    grid.text("note", |place| of(place).map(|answer| answer.notes.join(" ")).unwrap_or_default());
}

/// Nothing for the first, `_2` for the second.
fn ending(rank: usize) -> String {
    if rank == 0 { String::new() } else { format!("_{}", rank + 1) }
}

/// A single-precision number as it is written with all its digits, not with those of a double.
fn short(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}

/// The classifier's word, by subject.
struct Classifier<'a> {
    of: Option<&'a Classified>,
    /// Place of each subject among the classified videos.
    places: Vec<Option<usize>>,
}

impl<'a> Classifier<'a> {
    fn of(source: &Source<'a>, subjects: &Subjects) -> Self {
        let names: HashMap<&str, usize> = source
            .classified
            .iter()
            .flat_map(|of| of.row_ids.iter().enumerate().map(|(place, row_id)| (row_id.as_str(), place)))
            .collect();
        let places = subjects.subjects.iter().map(|subject| names.get(subject.row_id.as_str()).copied());
        Self { of: source.classified, places: places.collect() }
    }

    fn drug(&self, subject: usize) -> Option<(String, f32)> {
        self.of?.drugs.get(self.places[subject]?)?.clone()
    }

    /// The likeliest mechanisms of some subjects, with the mean of their probabilities.
    fn columns(&self, grid: &mut Grid, subjects: impl Fn(usize) -> Vec<usize>) {
        let first = |place: usize| -> Vec<(String, f64)> {
            let Some(of) = self.of else { return Vec::new() };
            let videos: Vec<usize> =
                subjects(place).iter().filter_map(|&subject| self.places[subject]).collect();
            if videos.is_empty() {
                return Vec::new();
            }
            let named = ranked(of.mean(&videos)).take(NAMED);
            named.map(|(moa, p)| (of.moas[moa].clone(), short(p as f32))).collect()
        };
        let found: Vec<Vec<(String, f64)>> = (0..grid.rows()).map(first).collect();
        for rank in 0..NAMED {
            let at = |place: usize| found[place].get(rank);
            let ending = ending(rank);
            grid.text(&format!("classifier_moa{ending}"), |place| {
                at(place).map(|(name, _)| name.clone()).unwrap_or_default()
            });
            grid.number(&format!("classifier_moa_probability{ending}"), |place| Some(at(place)?.1));
        }
    }
}

fn provenance(grid: &mut Grid, answers: &Answers, source: &Source) {
    let library = if answers.is_itself() { "" } else { &answers.library().origin().name };
    grid.same("library", library);
    grid.same("model_hash", &answers.origin().model_hash);
    grid.same("data_fingerprint", source.fingerprint);
    let simulated = source.simulated || answers.simulated();
    grid.flag("simulated", |_| Some(simulated));
}
