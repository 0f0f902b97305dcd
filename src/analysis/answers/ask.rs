//! An experiment that is asked about.

use std::collections::BTreeSet;
use std::sync::Arc;

use rayon::prelude::*;

use super::activity::Activity;
use super::answer::{Answer, Call, Count, Exclude, MoaScore, NearDrug, Neighbour, Query, SURE};
use super::calibration::probabilities;
use super::cross_fit::Space;
use super::library::{Library, Placed, place_in};
use super::mechanism::by_moa;
use super::novelty::Novelty;
use super::space::profile;
use super::{AnswersError, Level, Options, Origin, Subjects, Treatment, Verdict};
use crate::analysis::evaluate::normalise;
use crate::analysis::search::Gallery;
use crate::progress::Progress;

/// An experiment that is asked about. Never changed once made; share it among threads.
#[derive(Debug)]
pub struct Answers {
    own: Arc<Placed>,
    library: Arc<Library>,
    /// For each own compound the library's that are the same.
    same: Vec<Vec<usize>>,
}

/// What a question comes to.
struct Asked {
    level: Level,
    /// In the space of `home`.
    vector: Vec<f32>,
    /// The library's compound that shall not have shaped the space.
    home: Option<usize>,
    /// Own videos that it rests on, or was cut from.
    rows: Vec<usize>,
    compound: Option<usize>,
    n: Count,
    activity: Option<Activity>,
    control: bool,
    notes: Vec<String>,
}

impl Answers {
    /// Prepares an experiment. `raw`: the subjects' embeddings, `[subject, dim]`; `library`: who answers, `None` = the
    /// experiment itself. With another library the experiment is centred on its own DMSO and whitened as the library.
    ///
    /// # Errors
    /// A library of another model; numbers that are not finite or do not fit the videos; cancelled.
    pub fn new(
        subjects: Arc<Subjects>,
        raw: &[f32],
        dim: usize,
        origin: Origin,
        library: Option<Arc<Library>>,
        options: &Options,
        progress: &Progress,
    ) -> Result<Self, AnswersError> {
        let Some(library) = library else {
            let library = Library::new(subjects, raw, dim, origin, options, progress)?;
            return Ok(Self::itself(Arc::new(library)));
        };
        let known = library.origin();
        if known.model_hash != origin.model_hash {
            return Err(AnswersError::OtherModel {
                library: known.name.clone(),
                library_hash: known.model_hash.clone(),
                own: origin.name,
                own_hash: origin.model_hash,
            });
        }
        if library.dim != dim {
            return Err(AnswersError::OtherLength {
                library: library.dim,
                library_hash: known.model_hash.clone(),
                own: dim,
                own_hash: origin.model_hash,
            });
        }
        let theirs = &library.subjects().compounds;
        let same = subjects.compounds.par_iter().map(|compound| {
            let is = |other: &usize| {
                let other = &theirs[*other];
                (compound.skeleton.is_some() && compound.skeleton == other.skeleton)
                    || !compound.names.is_disjoint(&other.names)
            };
            (0..theirs.len()).filter(is).collect()
        });
        let same: Vec<Vec<usize>> = same.collect();
        let homes: Vec<Option<usize>> = same.iter().map(|same| same.first().copied()).collect();
        let mut own = place_in(&library, subjects, raw, origin, &homes, options, progress)?;
        own.notes.push(format!(
            "{} answers. Probabilities and false alarms were measured on its own compounds; fewer videos to a well, or \
             another way of imaging, make both worse.",
            library.origin().name
        ));
        Ok(Self { own: Arc::new(own), library, same })
    }

    /// A library that is asked about itself.
    pub fn itself(library: Arc<Library>) -> Self {
        let same = (0..library.subjects().compounds.len()).map(|compound| vec![compound]).collect();
        Self { own: Arc::clone(&library.placed), library, same }
    }

    /// The experiment's videos.
    pub fn subjects(&self) -> &Arc<Subjects> {
        &self.own.subjects
    }

    /// Where the experiment's vectors come from.
    pub fn origin(&self) -> &Origin {
        &self.own.origin
    }

    /// Who answers.
    pub const fn library(&self) -> &Arc<Library> {
        &self.library
    }

    /// True where the experiment answers itself.
    pub fn is_itself(&self) -> bool {
        Arc::ptr_eq(&self.own, &self.library.placed)
    }

    /// The experiment's vectors in the space of comparison, whitened by all of the library, `[subject, dim]`, of length 1.
    pub fn vectors(&self) -> &[f32] {
        &self.own.vectors
    }

    /// The experiment's treatments.
    pub fn treatments(&self) -> &[Treatment] {
        &self.own.subjects.treatments
    }

    /// Whether a treatment is active.
    ///
    /// # Panics
    /// There is no such treatment.
    pub fn activity(&self, treatment: usize) -> &Activity {
        &self.own.activity[treatment]
    }

    /// True if experiment or library is simulated.
    pub fn simulated(&self) -> bool {
        let simulated = |placed: &Placed| placed.origin.simulated || placed.subjects.simulated();
        simulated(&self.own) || simulated(&self.library.placed)
    }

    /// What a reader should know of the experiment; the library has notes of its own.
    pub fn notes(&self) -> &[String] {
        &self.own.notes
    }

    /// The library's compounds that are one of the experiment's: of the same skeleton, or of the same name.
    pub fn same_compounds(&self, compound: usize) -> &[usize] {
        self.same.get(compound).map_or(&[], Vec::as_slice)
    }

    /// The library's mechanism of the same name as one of the experiment's.
    pub fn library_moa(&self, moa: usize) -> Option<usize> {
        let plain = |name: &str| name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        let name = plain(self.own.subjects.moas.get(moa)?);
        self.library.subjects().moas.iter().position(|other| plain(other) == name)
    }

    /// Answers one question with at most `k` videos and compounds each.
    ///
    /// # Errors
    /// Something that is not there; a vector of another length or that is not finite.
    pub fn ask(&self, query: &Query, exclude: Exclude, k: usize) -> Result<Answer, AnswersError> {
        self.answer(query, exclude, k, k)
    }

    /// Answers as [`Self::ask`] does, but looks for no video: most of the time of a question, where there are many.
    ///
    /// # Errors
    /// As those of [`Self::ask`].
    pub fn judge(&self, query: &Query, exclude: Exclude, drugs: usize) -> Result<Answer, AnswersError> {
        self.answer(query, exclude, 0, drugs)
    }

    fn answer(
        &self,
        query: &Query,
        exclude: Exclude,
        videos: usize,
        drugs: usize,
    ) -> Result<Answer, AnswersError> {
        let asked = self.understand(query)?;
        let library = &*self.library;
        let theirs = library.subjects();
        let mut notes = asked.notes;
        let same =
            asked.compound.filter(|_| exclude.same_compound).map_or(&[][..], |c| self.same_compounds(c));
        let left = |compound: usize| same.contains(&compound);
        let silent = self.silent(&asked.rows, exclude);
        if exclude.same_well || exclude.same_replicate {
            notes.push(
                "Probabilities and novelty are calibrated with all wells and replicates answering."
                    .to_owned(),
            );
        }

        let space = library.spaces.of(asked.home);
        let (near, headed) = self.near(space, &asked.vector, &silent, left);
        let in_space = by_moa(theirs, &near, left);
        let found = match &headed {
            Some(headed) => by_moa(theirs, headed, left),
            None => in_space.clone(),
        };
        let calibration = library.calibration(asked.level);
        // Nothing that is left out of the answer has a part in its calibration.
        let beta = calibration.beta_for(same.first().copied());
        let probabilities = beta.map(|beta| probabilities(&found, beta));
        let moas: Vec<MoaScore> = found
            .iter()
            .enumerate()
            .map(|(i, near)| MoaScore {
                moa: near.moa,
                similarity: near.score,
                probability: probabilities.as_ref().map(|p| p[i]),
                compounds: near.compounds,
                best: near.best,
            })
            .collect();
        let novelty = calibration
            .novelty
            .as_ref()
            .zip(in_space.first())
            .map(|(conformal, best)| conformal.test(best.score, left));
        let call = call(asked.control, asked.activity.as_ref(), novelty.as_ref(), moas.first());
        if call == Call::Undecided {
            notes.extend(calibration.notes.iter().cloned());
            if moas.is_empty() {
                notes.push("No compound with a known mechanism answers.".to_owned());
            }
        }
        if let Some(Activity { verdict: Verdict::Undecided(why), .. }) = &asked.activity {
            notes.push(format!("Whether it is active cannot be said: {why}"));
        }
        let others = near
            .iter()
            .enumerate()
            .filter(|&(compound, similarity)| *similarity > f32::NEG_INFINITY && !left(compound))
            .map(|(compound, &similarity)| NearDrug { compound, similarity });
        let mut nearest_drugs: Vec<NearDrug> = if drugs > 0 { others.collect() } else { Vec::new() };
        nearest_drugs.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then(a.compound.cmp(&b.compound)));
        nearest_drugs.truncate(drugs);
        let may = |place: usize| {
            let compound = theirs.subjects[place].compound;
            compound.is_some_and(|compound| !left(compound)) && !silent.contains(&place)
        };
        let videos = nearest(&space.videos, &asked.vector, videos, may);
        let simulated = self.simulated();
        Ok(Answer {
            level: asked.level,
            n: asked.n,
            activity: asked.activity,
            call,
            moas,
            novelty,
            videos,
            drugs: nearest_drugs,
            simulated,
            notes,
        })
    }

    /// Similarities of the library's compounds, whose `silent` videos do not count, to a vector: in a space, and among its
    /// discriminants where these rank mechanisms.
    fn near(
        &self,
        space: &Space,
        vector: &[f32],
        silent: &BTreeSet<usize>,
        left: impl Fn(usize) -> bool,
    ) -> (Vec<f32>, Option<Vec<f32>>) {
        let library = &*self.library;
        let (theirs, dim) = (library.subjects(), library.dim);
        let head = space.head.as_ref().map(|head| (head, head.place(vector, dim)));
        let mut similarities = space.gallery.similarities(vector);
        let mut headed = head.as_ref().map(|(head, query)| head.gallery.similarities(query));
        if !silent.is_empty() {
            for (place, &treatment) in space.gallery.treatments.iter().enumerate() {
                let treatment = &theirs.treatments[treatment];
                if left(treatment.compound) || !treatment.subjects.iter().any(|i| silent.contains(i)) {
                    continue;
                }
                let heard: Vec<usize> =
                    treatment.subjects.iter().copied().filter(|i| !silent.contains(i)).collect();
                let wells = theirs.wells(&heard);
                let rest = profile(&space.vectors, dim, wells.iter().map(Vec::as_slice));
                let nearness = |a: &[f32], b: &[f32]| {
                    if heard.is_empty() { f32::NEG_INFINITY } else { dot(a, b) }
                };
                similarities[place] = nearness(vector, &rest);
                if let (Some((head, query)), Some(headed)) = (&head, &mut headed) {
                    headed[place] = nearness(query, &head.place(&rest, dim));
                }
            }
        }
        let by_compound = |similarities: Vec<f32>| space.gallery.by_compound(&similarities);
        (by_compound(similarities), headed.map(by_compound))
    }

    /// The library's compound whose fold did not shape the space of a question about an own compound.
    fn home(&self, compound: Option<usize>) -> Option<usize> {
        self.same_compounds(compound?).first().copied()
    }

    /// Videos of the library that may not answer, beside those of a whole compound: those asked about, and those of
    /// their wells or replicates. Another experiment has none of them.
    fn silent(&self, rows: &[usize], exclude: Exclude) -> BTreeSet<usize> {
        if !self.is_itself() {
            return BTreeSet::new();
        }
        let subjects = &self.own.subjects;
        let mut silent: BTreeSet<usize> = rows.iter().copied().collect();
        if exclude.same_well || exclude.same_replicate {
            let replicates: BTreeSet<usize> = rows.iter().map(|&i| subjects.subjects[i].replicate).collect();
            silent.extend((0..subjects.len()).filter(|&i| {
                let near = replicates.contains(&subjects.subjects[i].replicate);
                near && (exclude.same_replicate || rows.iter().any(|&row| subjects.same_well(row, i)))
            }));
        }
        silent
    }

    fn understand(&self, query: &Query) -> Result<Asked, AnswersError> {
        let subjects = &*self.own.subjects;
        let there = |what, place, count| {
            if place < count { Ok(()) } else { Err(AnswersError::Missing { what, place, count }) }
        };
        let dim = self.library.dim;
        let activity = |treatment: Option<usize>| treatment.map(|place| self.own.activity[place].clone());
        let one = Count { videos: 1, wells: 1, replicates: 1, doses: 1 };
        match *query {
            Query::Subject(place) => {
                there("video", place, subjects.len())?;
                let subject = &subjects.subjects[place];
                Ok(Asked {
                    level: Level::Video,
                    vector: self.own.asked[place * dim..(place + 1) * dim].to_vec(),
                    home: self.home(subject.compound),
                    rows: vec![place],
                    compound: subject.compound,
                    n: one,
                    activity: activity(subjects.treatment_of(place)),
                    control: subject.control,
                    notes: Vec::new(),
                })
            }
            Query::Vector { raw, replicate, subject } => {
                if let Some(place) = subject {
                    there("video", place, subjects.len())?;
                }
                if let Some(place) = replicate {
                    there("replicate", place, subjects.replicates.len())?;
                }
                let whole = subject.map(|place| &subjects.subjects[place]);
                let replicate = replicate.or_else(|| whole.map(|whole| whole.replicate));
                let mut notes = Vec::new();
                if replicate.is_none() {
                    notes.push(
                        "It belongs to no replicate: centred on the mean of all negative controls."
                            .to_owned(),
                    );
                }
                let home = self.home(whole.and_then(|whole| whole.compound));
                Ok(Asked {
                    level: Level::Video,
                    vector: self.outside(raw, replicate, home)?,
                    home,
                    rows: subject.into_iter().collect(),
                    compound: whole.and_then(|whole| whole.compound),
                    n: one,
                    activity: activity(subject.and_then(|place| subjects.treatment_of(place))),
                    control: whole.is_some_and(|whole| whole.control),
                    notes,
                })
            }
            Query::Treatment(place) => {
                there("treatment", place, subjects.treatments.len())?;
                let compound = subjects.treatments[place].compound;
                Ok(self.profiled(Level::Treatment, &[place], compound, activity(Some(place))))
            }
            Query::Compound(place) => {
                there("compound", place, subjects.compounds.len())?;
                let all: Vec<usize> = subjects.treatments_of(place).collect();
                if all.is_empty() && !subjects.subjects.iter().any(|video| video.compound == Some(place)) {
                    return Err(AnswersError::NotCalled { compound: subjects.compounds[place].name.clone() });
                }
                let active: Vec<usize> =
                    all.iter().copied().filter(|&i| self.own.activity[i].is_active()).collect();
                let q = |i: &usize| self.own.activity[*i].q.unwrap_or(f64::INFINITY);
                let most = all.iter().copied().min_by(|a, b| q(a).total_cmp(&q(b)));
                let used = if active.is_empty() { &all } else { &active };
                Ok(self.profiled(Level::Compound, used, place, activity(most)))
            }
        }
    }

    /// A question about the wells of some treatments; of none: about the compound's controls.
    fn profiled(
        &self,
        level: Level,
        treatments: &[usize],
        compound: usize,
        activity: Option<Activity>,
    ) -> Asked {
        let subjects = &*self.own.subjects;
        let of = treatments.iter().map(|&place| &subjects.treatments[place]);
        let (wells, control): (Vec<Vec<usize>>, bool) = if treatments.is_empty() {
            let own = (0..subjects.len()).filter(|&i| subjects.subjects[i].compound == Some(compound));
            (subjects.wells(&own.collect::<Vec<_>>()), true)
        } else {
            (of.flat_map(|treatment| treatment.wells.iter().cloned()).collect(), false)
        };
        let rows: Vec<usize> = wells.iter().flatten().copied().collect();
        let replicates: BTreeSet<usize> = rows.iter().map(|&i| subjects.subjects[i].replicate).collect();
        let doses = treatments.len().max(1);
        let missing = match (level, treatments) {
            (Level::Treatment, &[treatment]) => subjects.unembedded_of(treatment).count(),
            _ => subjects.unembedded.iter().filter(|video| video.compound == Some(compound)).count(),
        };
        let notes = match missing {
            0 => Vec::new(),
            1 => vec!["One of its videos could not be encoded and does not count.".to_owned()],
            n => vec![format!("{n} of its videos could not be encoded and do not count.")],
        };
        Asked {
            level,
            vector: profile(&self.own.asked, self.library.dim, wells.iter().map(Vec::as_slice)),
            home: self.home(Some(compound)),
            n: Count { videos: rows.len(), wells: wells.len(), replicates: replicates.len(), doses },
            rows,
            compound: Some(compound),
            activity,
            control,
            notes,
        }
    }

    /// A raw vector in the space of a question about the library's compound `home`, or about none of its compounds.
    fn outside(
        &self,
        raw: &[f32],
        replicate: Option<usize>,
        home: Option<usize>,
    ) -> Result<Vec<f32>, AnswersError> {
        let library = &*self.library;
        if raw.len() != library.dim {
            return Err(AnswersError::OtherLength {
                library: library.dim,
                library_hash: library.origin().model_hash.clone(),
                own: raw.len(),
                own_hash: "unknown".to_owned(),
            });
        }
        if let Some(column) = raw.iter().position(|x| !x.is_finite()) {
            return Err(AnswersError::NotFinite { what: "the query".to_owned(), column });
        }
        let mut vector = raw.to_vec();
        self.own.centres.shift(&mut vector, replicate);
        if let Some(whitening) = &library.spaces.of(home).whitening {
            whitening.apply(&mut vector);
        }
        normalise(&mut vector);
        Ok(vector)
    }
}

fn call(
    control: bool,
    activity: Option<&Activity>,
    novelty: Option<&Novelty>,
    best: Option<&MoaScore>,
) -> Call {
    if control || activity.is_some_and(|activity| activity.verdict == Verdict::Inactive) {
        return Call::DmsoLike;
    }
    if novelty.is_some_and(|novelty| novelty.unlike) {
        return Call::Unlike;
    }
    match best.and_then(|best| Some((best.moa, best.probability?))) {
        Some((moa, p)) if p >= SURE => Call::Moa(moa),
        Some(_) => Call::Unsure,
        None => Call::Undecided,
    }
}

/// The `k` videos for which `may` is true that are nearest to a vector of length 1; equal ones in their order.
fn nearest(videos: &Gallery, query: &[f32], k: usize, may: impl Fn(usize) -> bool + Sync) -> Vec<Neighbour> {
    if k == 0 {
        return Vec::new();
    }
    // The lengths were made equal, so the search cannot refuse.
    let hits = videos.top_k(query, k, may).unwrap_or_default();
    hits.into_iter().map(|hit| Neighbour { subject: hit.index, similarity: hit.score }).collect()
}

/// Sum of products in sixteen strands, which the compiler keeps in registers.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; 16];
    let (left, right) = (a.chunks_exact(16), b.chunks_exact(16));
    let rest: f32 = left.remainder().iter().zip(right.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in left.zip(right) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + rest
}
