//! Does a treatment do anything? Replicate average precision against DMSO (Kalinin et al., Nat Commun 2025, 16:5181;
//! package `copairs`), with a permutation test that plates and positions cannot pass.
//!
//! Each well of a treatment ranks the treatment's wells and the DMSO wells *of other plates* by cosine: wells of one plate
//! are alike for reasons of their own. Only a treatment on a single plate is ranked within it. The mean of the average
//! precisions is compared with that of other labellings: on each plate as many wells as the treatment has are drawn among
//! its own and those of DMSO. All labellings where these are no more than [`Options::permutations`], else so many
//! shuffles, and p = (1 + #≥)/(1 + N), with equals counted; once 100 reach as much no more are drawn, and p = 100/N (Besag &
//! Clifford 1991). How much nearer the wells are to each other than to DMSO tells equal precisions apart. p values are
//! corrected after Benjamini & Hochberg (J R Stat Soc B 1995, 57:289) over all treatments.
//!
//! **Positions.** A treatment that lies at the same place on each plate shares with itself what that place does, an edge
//! above all; labellings of DMSO wells here and there do not. So where a plate has at least 24 wells in use, the edge, the
//! row and the column (with enough DMSO also the ring beside the edge) are fitted to DMSO and treatment as if the latter did
//! nothing: to each plate where all have at least twelve DMSO wells, else to all together. What is left is exchanged (see
//! `reflect`). The rest of the screen has no say: in a row of one compound's doses, or on a plate of hits, a median polish
//! takes the effects for positions and gives idle neighbours the opposite. With less DMSO, terms in which the treatment's
//! places differ from plate to plate, as in layouts drawn anew, are left alone: these cannot repeat. Where positions explain
//! more than nine tenths of the difference between treatment and DMSO, as where only one of the two is at the edge,
//! or where more numbers are fitted than there are DMSO wells, nothing is said but why.
//!
//! In simulation (3 plates of 24 DMSO wells, an edge effect of four times the noise at fixed places), p < 0.05 came for
//! 48 % of idle treatments by labellings alone and for 4 % so; `benches/null_activity.rs` repeats that through this code.
//! Whitening is by *other* treatments, see `Whitenings::without`.

mod layout;
mod reflect;
mod trial;
mod wells;

#[cfg(test)]
mod tests;

use rayon::prelude::*;

use self::layout::{Choice, Layout};
use self::reflect::Confounded;
use self::trial::{Outcome, Trial};
use super::space::{PARTS, Whitening, Whitenings, mean};
use super::{AnswersError, Options, Subjects};
use crate::progress::Progress;
use crate::random::stream;

/// Largest share of false calls that is accepted among the treatments called active.
pub const FALSE_DISCOVERIES: f64 = 0.05;

/// Whether a treatment differs from DMSO.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// q < 0.05.
    Active,
    /// Not told apart from DMSO.
    Inactive,
    /// Cannot be said; a sentence says why.
    Undecided(String),
}

/// How a treatment was judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Activity {
    /// The call.
    pub verdict: Verdict,
    /// Mean average precision of its wells after plates and positions, 0 to 1; `None` where fewer than two lie on plates
    /// with DMSO, or where positions cannot be told from effects.
    pub mean_ap: Option<f64>,
    /// What random rankings reach.
    pub chance: Option<f64>,
    /// Permutation p.
    pub p: Option<f64>,
    /// p after Benjamini and Hochberg, over the treatments that have one.
    pub q: Option<f64>,
    /// Wells of the treatment.
    pub wells: usize,
    /// DMSO wells that it was compared with, those on its plates; all where it could not be compared.
    pub controls: usize,
}

impl Activity {
    /// True if it was called active.
    pub fn is_active(&self) -> bool {
        self.verdict == Verdict::Active
    }

    /// True if it can be said.
    pub fn is_decided(&self) -> bool {
        !matches!(self.verdict, Verdict::Undecided(_))
    }
}

/// By what an experiment's vectors are whitened when activity is judged.
pub(super) enum Spaces<'a> {
    /// By itself: each treatment by the others.
    Own(&'a Whitenings),
    /// By a library of other treatments.
    Foreign(Option<&'a Whitening>),
}

/// Judges each treatment. `centred` are the subjects' centred vectors, `[subject, dim]`.
pub(super) fn judge(
    subjects: &Subjects,
    centred: &[f32],
    dim: usize,
    spaces: &Spaces,
    options: &Options,
    progress: &Progress,
) -> Result<Vec<Activity>, AnswersError> {
    let layout = Layout::of(subjects);
    let choices: Vec<Result<Choice, String>> =
        subjects.treatments.iter().map(|treatment| layout.choose(subjects, treatment)).collect();
    let step = if matches!(spaces, Spaces::Own(_)) { PARTS } else { 1 };
    let mut all: Vec<Activity> = choices
        .iter()
        .zip(&subjects.treatments)
        .map(|(choice, of)| before(choice, of.wells.len(), subjects))
        .collect();
    for part in 0..step {
        let whitening = match spaces {
            Spaces::Own(own) => own.without[part].as_ref(),
            Spaces::Foreign(foreign) => *foreign,
        };
        // Means before whitening: it is linear, and there are fewer wells than videos.
        let whitened = |wells: &[&Vec<usize>]| {
            let mut means: Vec<f32> =
                wells.par_iter().flat_map_iter(|well| mean(centred, dim, well)).collect();
            if let Some(whitening) = whitening {
                whitening.apply(&mut means);
            }
            means
        };
        let dmso = whitened(&subjects.control_wells.iter().collect::<Vec<_>>());
        let members: Vec<(usize, &Choice)> = (part..choices.len())
            .step_by(step)
            .filter_map(|treatment| Some((treatment, choices[treatment].as_ref().ok()?)))
            .collect();
        let own: Vec<&Vec<usize>> = members
            .iter()
            .flat_map(|&(treatment, choice)| {
                choice.treated.iter().map(move |&well| &subjects.treatments[treatment].wells[well])
            })
            .collect();
        let treated = whitened(&own);
        let starts: Vec<usize> = members
            .iter()
            .scan(0, |at, (_, choice)| {
                let start = *at;
                *at += choice.treated.len();
                Some(start)
            })
            .collect();
        let found: Vec<(usize, usize, Result<Outcome, Confounded>)> = members
            .par_iter()
            .zip(&starts)
            .map(|(&(treatment, choice), &start)| {
                progress.check().map_err(|_| AnswersError::Cancelled)?;
                let n = choice.treated.len();
                let mut vectors = treated[start * dim..(start + n) * dim].to_vec();
                for &well in &choice.controls {
                    vectors.extend_from_slice(&dmso[well * dim..(well + 1) * dim]);
                }
                let trial = Trial::new(choice.plates.clone(), &choice.positions, n, &vectors, dim);
                let mut rng = stream(options.seed, &["activity", &treatment.to_string()]);
                Ok((treatment, n, trial.map(|trial| trial.run(options.permutations, &mut rng))))
            })
            .collect::<Result<_, AnswersError>>()?;
        for (treatment, used, outcome) in found {
            after(&mut all[treatment], used, outcome);
        }
    }
    let decided: Vec<usize> = (0..all.len()).filter(|&i| all[i].is_decided()).collect();
    let p: Vec<f64> = decided.iter().filter_map(|&i| all[i].p).collect();
    for (&place, q) in decided.iter().zip(benjamini_hochberg(&p)) {
        all[place].q = Some(q);
        all[place].verdict = if q < FALSE_DISCOVERIES { Verdict::Active } else { Verdict::Inactive };
    }
    Ok(all)
}

/// What can be said before anything is compared.
fn before(choice: &Result<Choice, String>, wells: usize, subjects: &Subjects) -> Activity {
    let (verdict, controls) = match choice {
        Ok(choice) => (Verdict::Inactive, choice.controls.len()),
        Err(why) => (Verdict::Undecided(why.clone()), subjects.control_wells.len()),
    };
    Activity { verdict, mean_ap: None, chance: None, p: None, q: None, wells, controls }
}

/// What can be said before the correction. `used`: wells of the treatment that were compared.
fn after(activity: &mut Activity, used: usize, outcome: Result<Outcome, Confounded>) {
    let why = match outcome {
        Ok(Outcome { mean_ap, chance, p, least }) => {
            (activity.mean_ap, activity.chance, activity.p) = (Some(mean_ap), Some(chance), Some(p));
            if least <= FALSE_DISCOVERIES {
                return;
            }
            let controls = activity.controls;
            format!(
                "With {used} wells against {controls} of DMSO on the same plates even a perfect ranking has p = \
                 {least:.2}. Add DMSO to each plate, or replicates."
            )
        }
        Err(Confounded::TooFew { needed }) => format!(
            "There are too few DMSO wells on its plates to tell positions from effects: at least {needed} are needed. Add \
             DMSO to each plate."
        ),
        Err(Confounded::Places) => {
            "Its wells lie where DMSO does not (at the edge, or in other rows or columns), so that an effect of the position \
             would look the same. Put DMSO in such places too, or a replicate in another."
                .to_owned()
        }
    };
    activity.verdict = Verdict::Undecided(why);
}

/// q values of p values: the smallest rate of false discoveries at which each would be called.
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[b].total_cmp(&p[a]));
    let mut q = vec![0.0; p.len()];
    let mut least = 1.0_f64;
    for (place, rank) in order.into_iter().zip((1..=p.len()).rev()) {
        least = least.min(p[place] * p.len() as f64 / rank as f64);
        q[place] = least;
    }
    q
}
