//! What the library says of its own compounds, each of which is asked about as if it were new: in a space that it did
//! not shape, and without an answer of its own.

use rand::seq::SliceRandom;
use rayon::prelude::*;

use super::cross_fit::CrossFitted;
use super::folds::FOLDS;
use super::head::HeadChoice;
use super::mechanism::{Near, Scored, by_moa, nested};
use super::space::profile;
use super::{Level, Options, Subjects};
use crate::analysis::ranking::average_precision;
use crate::random::stream;

/// Most videos that are asked about, drawn at random; more change nothing but the time.
const MOST_VIDEOS: usize = 4_000;

/// Queries that are compared at once.
const BLOCK: usize = 64;

/// A library that is asked.
#[derive(Clone, Copy)]
pub(super) struct Asking<'a> {
    pub subjects: &'a Subjects,
    pub spaces: &'a CrossFitted,
    /// The videos' vectors, each in the space of its own compound: `[subject, dim]`.
    pub asked: &'a [f32],
    pub dim: usize,
    pub options: &'a Options,
}

/// What the library says of one of its own, which does not answer for itself.
#[derive(Debug, Clone)]
pub(super) struct LeftOut {
    /// Its compound.
    pub compound: usize,
    /// Its mechanisms that another compound has.
    pub right: Vec<usize>,
    /// Mechanisms from the nearest.
    pub near: Vec<Near>,
    /// By fold: the mechanisms once the fold's compounds are gone too.
    pub nested: Vec<Vec<Scored>>,
    /// The nearest mechanism in the whitened space.
    pub best: Best,
}

/// Scores of the nearest mechanism.
#[derive(Debug, Clone, Default)]
pub(super) struct Best {
    /// `None` unless another compound has one of its mechanisms.
    pub known: Option<f64>,
    /// By fold: the same once the fold's compounds are gone too.
    pub nested: Vec<Option<f64>>,
    /// Once its own fold and all compounds of its mechanisms are gone; `None` if none is left.
    pub unknown: Option<f64>,
}

impl LeftOut {
    /// Its mechanisms' scores, the nearest first.
    pub fn scored(&self) -> Vec<Scored> {
        self.near.iter().map(|near| (near.score, self.right.contains(&near.moa))).collect()
    }

    /// `near`: similarities of all compounds in the whitened space; `headed`: among discriminants, where they rank
    /// mechanisms.
    fn new(of: &Asking, compound: usize, near: &[f32], headed: Option<&[f32]>) -> Self {
        let Asking { subjects, spaces, .. } = of;
        let own = &subjects.compound_moas[compound];
        let ranked = |near: &[f32]| by_moa(subjects, near, |other| other == compound);
        let nested_in = |near: &[f32]| nested(subjects, near, compound, &spaces.folds);
        let plain = ranked(near);
        let right: Vec<usize> = plain.iter().map(|near| near.moa).filter(|moa| own.contains(moa)).collect();
        let plain_nested = nested_in(near);
        let akin = |other: usize| subjects.compound_moas[other].iter().any(|moa| own.contains(moa));
        let fold = spaces.folds.of(compound);
        let strangers = by_moa(subjects, near, |other| {
            other == compound || spaces.folds.of(other) == fold || akin(other)
        });
        let best = Best {
            known: plain.first().map(|near| near.score).filter(|_| !right.is_empty()),
            nested: plain_nested.iter().map(|scored| best_of_known(scored)).collect(),
            unknown: strangers.first().map(|near| near.score),
        };
        let (near, nested) = match headed {
            Some(headed) => (ranked(headed), nested_in(headed)),
            None => (plain, plain_nested),
        };
        Self { compound, right, near, nested, best }
    }
}

/// The highest score, if a right mechanism is left.
fn best_of_known(scored: &[Scored]) -> Option<f64> {
    let is_known = scored.iter().any(|(_, right)| *right);
    is_known.then(|| scored.iter().map(|(score, _)| *score).fold(f64::NEG_INFINITY, f64::max))
}

/// The library's answers to its own compounds with a mechanism, by fold. `headed`: mechanisms are ranked by discriminants.
pub(super) fn leave_out(level: Level, of: &Asking, headed: bool) -> Vec<LeftOut> {
    ask_each(level, of, headed, |compound, near, headed| LeftOut::new(of, compound, near, headed))
}

/// Calls `answer` with each compound that is asked about and the similarities of all compounds: in the whitened space and,
/// where `headed`, among discriminants.
fn ask_each<T: Send>(
    level: Level,
    of: &Asking,
    headed: bool,
    answer: impl Fn(usize, &[f32], Option<&[f32]>) -> T + Sync,
) -> Vec<T> {
    let dim = of.dim;
    let (compounds, queries) = queries(level, of);
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); FOLDS];
    for (place, &compound) in compounds.iter().enumerate() {
        members[of.spaces.folds.of(compound)].push(place);
    }
    let blocks: Vec<&[usize]> = members.iter().flat_map(|places| places.chunks(BLOCK)).collect();
    let answers = |block: &&[usize]| -> Vec<T> {
        let space = of.spaces.of(block.first().map(|&place| compounds[place]));
        let vectors: Vec<f32> =
            block.iter().flat_map(|&place| &queries[place * dim..(place + 1) * dim]).copied().collect();
        let plain = space.gallery.similarities(&vectors);
        let head = space.head.as_ref().filter(|_| headed);
        let headed = head.map(|head| head.gallery.similarities(&head.place(&vectors, dim)));
        let answering = space.gallery.treatments.len();
        let row = |all: &[f32], i: usize| space.gallery.by_compound(&all[i * answering..(i + 1) * answering]);
        let one = |(i, &place): (usize, &usize)| {
            let headed = headed.as_ref().map(|all| row(all, i));
            answer(compounds[place], &row(&plain, i), headed.as_deref())
        };
        block.iter().enumerate().map(one).collect()
    };
    blocks.par_iter().flat_map_iter(answers).collect()
}

/// Compounds that are asked about, and the vectors that stand for them, `[query, dim]`.
fn queries(level: Level, of: &Asking) -> (Vec<usize>, Vec<f32>) {
    let Asking { subjects, dim, asked, .. } = *of;
    let gallery = &of.spaces.whole.gallery;
    let answering = gallery.treatments.iter().zip(&gallery.compounds);
    let labelled = answering.filter(|(_, compound)| !subjects.compound_moas[**compound].is_empty());
    let treatments = labelled.map(|(&treatment, _)| &subjects.treatments[treatment]);
    let (mut compounds, mut queries) = (Vec::new(), Vec::new());
    match level {
        Level::Video => {
            let all: Vec<usize> =
                treatments.flat_map(|treatment| treatment.subjects.iter().copied()).collect();
            for subject in some_of(all, of.options.seed) {
                if let Some(compound) = subjects.subjects[subject].compound {
                    queries.extend(&asked[subject * dim..(subject + 1) * dim]);
                    compounds.push(compound);
                }
            }
        }
        Level::Treatment => {
            for treatment in treatments {
                queries.extend(profile(asked, dim, treatment.wells.iter().map(Vec::as_slice)));
                compounds.push(treatment.compound);
            }
        }
        Level::Compound => {
            let mut wells = vec![Vec::new(); subjects.compounds.len()];
            for treatment in treatments {
                wells[treatment.compound].extend(treatment.wells.iter().map(Vec::as_slice));
            }
            for (compound, wells) in wells.into_iter().enumerate().filter(|(_, wells)| !wells.is_empty()) {
                queries.extend(profile(asked, dim, wells));
                compounds.push(compound);
            }
        }
    }
    (compounds, queries)
}

/// Best scores of negative controls in the whitened space: videos, or wells.
pub(super) fn of_controls(level: Level, of: &Asking) -> Vec<f64> {
    let Asking { subjects, dim, asked, .. } = *of;
    // They share a fold, and with it a space.
    let first = subjects.subjects.iter().find(|subject| subject.control);
    let gallery = &of.spaces.of(first.and_then(|subject| subject.compound)).gallery;
    let mut queries: Vec<f32> = Vec::new();
    if level == Level::Video {
        let all = (0..subjects.len()).filter(|&i| subjects.subjects[i].control).collect();
        for subject in some_of(all, of.options.seed) {
            queries.extend(&asked[subject * dim..(subject + 1) * dim]);
        }
    } else {
        for well in &subjects.control_wells {
            queries.extend(profile(asked, dim, [well.as_slice()]));
        }
    }
    queries
        .par_chunks(BLOCK * dim)
        .flat_map_iter(|queries| {
            let similarities = gallery.similarities(queries);
            let best =
                |row: &[f32]| Some(by_moa(subjects, &gallery.by_compound(row), |_| false).first()?.score);
            let rows = similarities.chunks_exact(gallery.treatments.len().max(1));
            rows.filter_map(best).collect::<Vec<f64>>()
        })
        .collect()
}

/// At most [`MOST_VIDEOS`], drawn at random, in their order.
fn some_of(mut all: Vec<usize>, seed: u64) -> Vec<usize> {
    if all.len() > MOST_VIDEOS {
        all.shuffle(&mut stream(seed, &["videos asked about"]));
        all.truncate(MOST_VIDEOS);
        all.sort_unstable();
    }
    all
}

/// Compares both rankings of mechanisms on the library's treatments; `None` where nothing can be compared.
pub(super) fn choose_head(of: &Asking) -> Option<HeadChoice> {
    let subjects = of.subjects;
    let precision = |compound: usize, near: &[f32]| {
        let own = &subjects.compound_moas[compound];
        let ranked = by_moa(subjects, near, |other| other == compound).into_iter();
        let (scores, right): (Vec<f64>, Vec<bool>) =
            ranked.map(|near| (near.score, own.contains(&near.moa))).unzip();
        average_precision(&scores, &right)
    };
    let pairs = ask_each(Level::Treatment, of, true, |compound, near, headed| {
        let without = precision(compound, near)?;
        let with = headed.map_or(Some(without), |headed| precision(compound, headed))?;
        Some((compound, with, without))
    });
    let mut sums = vec![(0.0, 0.0, 0_usize); subjects.compounds.len()];
    for (compound, with, without) in pairs.into_iter().flatten() {
        let (sum_with, sum_without, n) = &mut sums[compound];
        *sum_with += with;
        *sum_without += without;
        *n += 1;
    }
    let asked = sums.into_iter().zip(&subjects.compound_moas).filter(|(sum, _)| sum.2 > 0);
    let (pairs, mechanisms): (Vec<(f64, f64)>, Vec<Option<usize>>) = asked
        .map(|((with, without, n), moas)| ((with / n as f64, without / n as f64), moas.first().copied()))
        .unzip();
    HeadChoice::of(&pairs, &mechanisms, of.options.seed)
}
