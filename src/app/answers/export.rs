//! Writing answers: tables, figures, embeddings. A job; nothing is encoded again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use rayon::prelude::*;

use super::{Encoded, PredictionsForm};
use crate::analysis::answers::{Answers, Exclude, Level, Query};
use crate::analysis::evaluate::Confusion;
use crate::analysis::items::Item;
use crate::analysis::projection::{self, Method, Settings};
use crate::app::sketches;
use crate::chem::Drawing;
use crate::experiment::Experiment;
use crate::export::embeddings;
use crate::export::figure::{
    self, Colouring, ConfusionMatrix, Curve, Figure, Frame, Map, Origin, Panel, PrecisionRecall, Reliability,
    RetrievalStrip,
};
use crate::export::predictions::{Source, tables};
use crate::progress::Progress;
use crate::video::thumbnail::thumbnail;
use crate::video::{Address, Limits, Recording};

/// Neighbours in a strip.
const STRIP: usize = 5;

/// Side of a frame in a strip, pixels.
const SIDE: usize = 256;

/// Videos that are asked about for a curve at most; more change nothing but the time.
const QUERIES: usize = 1000;

/// Videos from which neighbours make a better picture than principal components.
const ENOUGH_FOR_UMAP: usize = 60;

/// What is written.
pub struct Task {
    /// What the user chose.
    pub form: PredictionsForm,
    /// The table as it is now.
    pub experiment: Experiment,
    /// Selected row: the query of the strip.
    pub row: Option<u32>,
}

/// Writes it, and gives the files.
pub fn write(encoded: &Encoded, task: &Task, progress: &Progress) -> anyhow::Result<Vec<PathBuf>> {
    let folder = PathBuf::from(task.form.folder.trim());
    std::fs::create_dir_all(&folder).with_context(|| format!("making the folder {}", folder.display()))?;
    let embedded = &encoded.embedded;
    let source =
        Source { experiment: &task.experiment, simulated: encoded.is_simulated(), ..Source::of(embedded) };
    let made = tables(&encoded.answers, &source, progress)?;
    let mut files = made.write(&folder.join(format!("predictions.{}", task.form.tables.ending())))?;
    if task.form.embeddings {
        let path = folder.join("embeddings.parquet");
        embeddings::write(&embedded.table(), &path, embeddings::Format::Parquet)?;
        files.push(path);
    }
    if task.form.figures {
        figures(encoded, task, &folder, &mut files, progress)?;
    }
    Ok(files)
}

fn figures(
    encoded: &Encoded,
    task: &Task,
    folder: &Path,
    files: &mut Vec<PathBuf>,
    progress: &Progress,
) -> anyhow::Result<()> {
    let mut put = |figure: &dyn Put| -> anyhow::Result<()> {
        figure.put(folder)?;
        files.extend(["svg", "png"].map(|ending| folder.join(format!("{}.{ending}", figure.called()))));
        Ok(())
    };
    let origin = || Origin {
        model: encoded.answers.origin().model_hash.clone(),
        data: encoded.embedded.fingerprint.clone(),
        simulated: encoded.is_simulated(),
    };
    let trained = trained_on(encoded);
    for (level, name) in [
        (Level::Video, "reliability_videos"),
        (Level::Treatment, "reliability_treatments"),
        (Level::Compound, "reliability_compounds"),
    ] {
        let Some(measured) = &encoded.answers.library().calibration(level).reliability else { continue };
        let how = format!("each compound left out of the gallery, cross-fitted by compound; {trained}");
        put(&Reliability::of_mechanisms(name, level, measured, &how, origin()))?;
        progress.check()?;
    }
    let rankings = rankings(encoded, progress)?;
    let all: Vec<Vec<bool>> = rankings.iter().flat_map(|(_, of)| of.iter().cloned()).collect();
    if let Some(mean) = Curve::of("mean", &all) {
        let curves = rankings.iter().filter_map(|(moa, of)| Curve::of(moa, of)).collect();
        put(&PrecisionRecall {
            name: "precision_recall",
            task: &format!("mechanism of action, own compound left out; {trained}"),
            mean,
            curves,
            origin: origin(),
        })?;
    }
    if let Some(confusion) = confusion(encoded, progress)? {
        put(&ConfusionMatrix {
            confusion: &confusion,
            by: "nearest compounds, by treatment",
            origin: origin(),
        })?;
    }
    map(encoded, origin(), progress, &mut put)?;
    if let Some(subject) = task.row.and_then(|row| encoded.subject(row)) {
        strip(encoded, task, subject, origin(), &mut put)?;
    }
    Ok(())
}

/// See [`Encoded::trained`].
fn trained_on(encoded: &Encoded) -> String {
    let (all, known) = encoded.trained();
    match known {
        Some(known) => format!("the model was trained with {known} of {all} compounds"),
        None => "nobody knows which compounds the vectors were trained with".to_owned(),
    }
}

/// A figure whose type is forgotten.
trait Put {
    fn put(&self, folder: &Path) -> Result<(), figure::FigureError>;
    fn called(&self) -> &str;
}

impl<F: Figure> Put for F {
    fn put(&self, folder: &Path) -> Result<(), figure::FigureError> {
        figure::write(self, folder)
    }

    fn called(&self) -> &str {
        self.name()
    }
}

/// For each mechanism the rankings of its videos' galleries: which are right, nearest first. The own compound is left out.
fn rankings(encoded: &Encoded, progress: &Progress) -> anyhow::Result<Vec<(String, Vec<Vec<bool>>)>> {
    let answers = Answers::itself(Arc::clone(encoded.answers.library()));
    let subjects = answers.subjects();
    let counts = |subject: &Item| !subject.moas.is_empty() && !subject.control;
    let asked: Vec<usize> = (0..subjects.len()).filter(|&place| counts(&subjects.subjects[place])).collect();
    let step = asked.len().div_ceil(QUERIES).max(1);
    let queries: Vec<usize> = asked.into_iter().step_by(step).collect();
    let ranking = |&query: &usize| -> anyhow::Result<Vec<bool>> {
        progress.check()?;
        let moas = &subjects.subjects[query].moas;
        let answer = answers.ask(&Query::Subject(query), Exclude::default(), subjects.len())?;
        let others = answer.videos.iter().map(|near| &subjects.subjects[near.subject]);
        Ok(others
            .filter(|other| counts(other))
            .map(|other| other.moas.iter().any(|moa| moas.contains(moa)))
            .collect())
    };
    let rankings: Vec<Vec<bool>> = queries.par_iter().map(ranking).collect::<anyhow::Result<_>>()?;
    let mut by_moa: Vec<Vec<Vec<bool>>> = vec![Vec::new(); subjects.moas.len()];
    for (query, ranking) in queries.into_iter().zip(rankings) {
        by_moa[subjects.subjects[query].moas[0]].push(ranking);
    }
    let named = by_moa.into_iter().enumerate().filter(|(_, of)| !of.is_empty());
    Ok(named.map(|(moa, of)| (subjects.moas[moa].clone(), of)).collect())
}

/// Mechanisms as the table has them against the most likely ones, by active treatment; `None` where none has both.
fn confusion(encoded: &Encoded, progress: &Progress) -> anyhow::Result<Option<Confusion>> {
    let answers = &encoded.answers;
    if !answers.is_itself() {
        return Ok(None);
    }
    let subjects = answers.subjects();
    let mut pairs = Vec::new();
    for (place, treatment) in answers.treatments().iter().enumerate() {
        progress.check()?;
        let Some(&known) = subjects.compound_moas[treatment.compound].first() else { continue };
        if !answers.activity(place).is_active() {
            continue;
        }
        let answer = answers.judge(&Query::Treatment(place), Exclude::default(), 0)?;
        pairs.extend(answer.moas.first().map(|best| (known, best.moa)));
    }
    let mut used: Vec<usize> = pairs.iter().flat_map(|&(known, said)| [known, said]).collect();
    used.sort_unstable();
    used.dedup();
    let place = |moa: usize| used.binary_search(&moa).unwrap_or_default();
    let mut counts = vec![vec![0; used.len()]; used.len()];
    for (known, said) in pairs {
        counts[place(known)][place(said)] += 1;
    }
    let labels: Vec<String> = used.iter().map(|&moa| subjects.moas[moa].clone()).collect();
    Ok((!labels.is_empty()).then_some(Confusion { labels, counts }))
}

fn map(
    encoded: &Encoded,
    origin: Origin,
    progress: &Progress,
    put: &mut impl FnMut(&dyn Put) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let answers = &encoded.answers;
    let (vectors, dim) = (answers.vectors(), encoded.embedded.encoded.dim);
    let enough = answers.subjects().subjects.len() >= ENOUGH_FOR_UMAP;
    let method = if enough { Method::Umap { neighbours: 15, min_dist: 0.1 } } else { Method::Pca };
    let settings = Settings { method, seed: 1, cosine: true };
    let points = projection::project(vectors, dim, &settings, progress)?;
    let subjects = answers.subjects();
    // Controls are a class of their own, not videos of which nothing is known.
    let control = subjects.moas.len();
    let class = |subject: &Item| if subject.control { Some(control) } else { subject.moas.first().copied() };
    let of: Vec<Option<usize>> = subjects.subjects.iter().map(class).collect();
    let labels: Vec<String> = subjects.moas.iter().cloned().chain(["negative control".to_owned()]).collect();
    put(&Map {
        name: "map",
        of: "videos",
        points: &points,
        colouring: Colouring::Category {
            title: "mechanism of action",
            labels: &labels,
            of: &of,
            control: Some(control),
        },
        method: if enough { "UMAP, 15 neighbours" } else { "principal components" },
        axes: if enough { ["UMAP 1", "UMAP 2"] } else { ["PC 1", "PC 2"] },
        linear: !enough,
        seed: enough.then_some(1),
        embedding: "video embedding, DMSO-centred, whitened by repetitions",
        origin,
    })
}

/// What a panel of a strip borrows.
struct Shown {
    frame: Option<(u32, u32, Vec<u8>)>,
    width_um: Option<f64>,
    structure: Option<Drawing>,
}

fn shown(address: Option<Address>, smiles: Option<&str>, pixel_um: Option<f64>) -> Shown {
    let recording = address.and_then(|address| Recording::open(&address, Limits::default()).ok());
    let small = recording.as_ref().and_then(|recording| thumbnail(recording, SIDE).ok());
    let pixel_um = pixel_um.or(recording.as_ref().and_then(|recording| recording.series.pixel_size_um));
    Shown {
        width_um: pixel_um.zip(recording.as_ref()).map(|(um, recording)| um * recording.shape().x as f64),
        frame: small.map(|small| (small.width as u32, small.height as u32, small.grey(small.limits))),
        structure: smiles.and_then(|smiles| sketches::make(smiles).ok()).map(|sketch| sketch.drawing),
    }
}

fn strip(
    encoded: &Encoded,
    task: &Task,
    subject: usize,
    origin: Origin,
    put: &mut impl FnMut(&dyn Put) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let answer = encoded.answers.ask(&Query::Subject(subject), Exclude::default(), STRIP)?;
    let (own, library) = (encoded.answers.subjects(), encoded.answers.library().subjects());
    let gallery = encoded.gallery.as_ref().map_or(&task.experiment, |gallery| &gallery.experiment);
    // The query from its experiment, the neighbours from the gallery's.
    let places: Vec<_> = std::iter::once((own, &task.experiment, subject, None))
        .chain(answer.videos.iter().map(|near| (library, gallery, near.subject, Some(near.similarity))))
        .collect();
    let shown: Vec<Shown> = places
        .iter()
        .map(|(subjects, experiment, place, _)| {
            let row = subjects.subjects[*place].row;
            let smiles =
                subjects.subjects[*place].compound.and_then(|c| subjects.compounds[c].smiles.as_deref());
            shown(experiment.address(row).ok(), smiles, experiment.table.number(row, "pixel_size_um"))
        })
        .collect();
    let known: Vec<&str> = own.subjects[subject].moas.iter().map(|&moa| own.moas[moa].as_str()).collect();
    let panels = places.iter().zip(&shown).map(|((subjects, _, place, similarity), shown)| {
        let about = &subjects.subjects[*place];
        let moas: Vec<&str> = about.moas.iter().map(|&moa| subjects.moas[moa].as_str()).collect();
        let same = moas.iter().any(|moa| known.iter().any(|own| own.eq_ignore_ascii_case(moa)));
        Panel {
            frame: shown.frame.as_ref().map(|(width, height, pixels)| Frame::Grey {
                width: *width,
                height: *height,
                pixels,
            }),
            width_um: shown.width_um,
            structure: shown.structure.as_ref(),
            compound: about
                .compound
                .map_or_else(|| about.row_id.clone(), |c| subjects.compounds[c].name.clone()),
            dose_um: about.dose,
            moa: moas.join("; "),
            place: format!("replicate {}, {}", subjects.replicates[about.replicate], about.well),
            similarity: similarity.map(f64::from),
            same_moa: (similarity.is_some() && !known.is_empty() && !moas.is_empty()).then_some(same),
        }
    });
    let mut panels: Vec<Panel> = panels.collect();
    let query = panels.remove(0);
    put(&RetrievalStrip {
        name: "nearest_videos",
        query,
        neighbours: panels,
        how: "Own compound left out; middle frame of each video, contrast of its own",
        origin,
    })
}
