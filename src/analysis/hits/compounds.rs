//! Hits: what each compound does at each dose, and its curve.
//!
//! p is Student's t of a treatment's wells against the reference control wells of the same plates, with one scatter within plates
//! for both ([`effect`]), and that of treatments between plates ([`between`](super::between)); q is after Benjamini & Hochberg over all treatments, and of a compound after Bonferroni over its doses
//! first. Doses at which fewer than half of the reference's cells are left are toxic.

use std::collections::BTreeMap;

use serde::Serialize;

use super::between::Between;
use super::numbers::{deviation, mean, spearman};
use super::scores::{Kind, Scores};
use super::wells::{Role, Wells};
use super::{HitsError, Options};
use crate::analysis::answers::activity::benjamini_hochberg;
use crate::analysis::dose_response::{Fit, Point, Verdict, fit_all};
use crate::analysis::effect::{self, effects};
use crate::progress::Progress;

/// Part of the reference's cells below which a treatment is toxic.
const TOXIC: f64 = 0.5;

/// One compound at one dose.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Treatment {
    /// Place in [`Wells::compounds`].
    #[serde(skip)]
    pub number: usize,
    /// Name of the compound.
    pub compound: String,
    /// Dose, µM.
    #[serde(rename = "dose_uM")]
    pub dose_um: Option<f64>,
    /// Wells with a score.
    pub n_wells: usize,
    /// Places of these in [`Wells::wells`].
    #[serde(skip)]
    pub wells: Vec<usize>,
    /// Mean score of its wells.
    pub on_score: Option<f64>,
    /// Their standard deviation.
    pub on_score_sd: Option<f64>,
    /// Mean length of the rejection from the axis, in deviations of the negative controls.
    pub off_score: Option<f64>,
    /// Cells, as part of those of the reference control wells of the same plates.
    pub cells: Option<f64>,
    /// True where fewer than half of the cells are left.
    pub toxic: bool,
    /// Hedges' g against the reference control wells of the same plates.
    pub g: Option<f64>,
    /// 2.5 % of g.
    pub g_lo: Option<f64>,
    /// 97.5 % of g.
    pub g_hi: Option<f64>,
    /// p of a difference.
    pub p: Option<f64>,
    /// The same after Benjamini & Hochberg over all treatments.
    pub q: Option<f64>,
    /// See [`Compound::hit_score`].
    pub hit_score: Option<f64>,
}

/// The curve of a compound's wells in one replicate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReplicateCurve {
    /// Its name.
    pub replicate: String,
    /// Wells.
    pub n_wells: usize,
    /// Dose of the half response, µM.
    #[serde(rename = "ec50_uM")]
    pub ec50_um: Option<f64>,
    /// Rank correlation of score and dose.
    pub spearman: Option<f64>,
}

/// One compound. Numbers that cannot be told are `None`, and `note` says why.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Compound {
    /// Place in [`Wells::compounds`].
    #[serde(skip)]
    pub number: usize,
    /// Its name.
    pub compound: String,
    /// Its structure.
    pub smiles: Option<String>,
    /// Wells with a score, control wells aside.
    pub n_wells: usize,
    /// Doses above 0.
    pub n_doses: usize,
    /// Dose of the half response, µM.
    #[serde(rename = "ec50_uM")]
    pub ec50_um: Option<f64>,
    /// Lower end of its 95 % interval.
    pub ec50_lo: Option<f64>,
    /// Upper end.
    pub ec50_hi: Option<f64>,
    /// Steepness.
    pub hill: Option<f64>,
    /// Score without drug.
    pub bottom: Option<f64>,
    /// Score at saturating doses.
    pub top: Option<f64>,
    /// Part of the squares that the curve explains.
    pub r2: Option<f64>,
    /// Largest mean score of a dose.
    pub on_score_max: Option<f64>,
    /// Largest mean off-score of a dose.
    pub off_score_max: Option<f64>,
    /// Of its best dose: how far it goes from the reference towards the other controls (0 to 1), less what its off-score is beyond
    /// that of idle wells, in lengths of the axis. Without an axis, the distance from the negative controls.
    pub hit_score: Option<f64>,
    /// The dose that is meant, µM.
    #[serde(rename = "hit_dose_uM")]
    pub hit_dose_um: Option<f64>,
    /// Least p of its doses after Bonferroni, then Benjamini & Hochberg over compounds.
    pub q: Option<f64>,
    /// Rank correlation of score and dose over wells.
    pub spearman: Option<f64>,
    /// Deviation between wells of one dose.
    pub replicates_sd: Option<f64>,
    /// Doses with fewer than half of the cells, µM.
    #[serde(rename = "toxic_uM")]
    pub toxic_um: Vec<f64>,
    /// Curves of single replicates, where there are several.
    pub replicates: Vec<ReplicateCurve>,
    /// What a reader should know; `None` where nothing is wanting.
    pub note: Option<String>,
    /// What the curve was fitted to.
    #[serde(skip)]
    pub points: Vec<Point>,
    /// The curve.
    #[serde(skip)]
    pub curve: Option<Fit>,
}

/// Cells of each well as part of the mean of its plate's reference control wells.
pub(super) fn cells(screen: &Wells, reference: Role) -> Vec<Option<f64>> {
    let counted = screen.with_role(reference).filter_map(|well| Some((well, screen.wells[well].cells?)));
    let of_plate: Vec<f64> = screen.by_plate(counted).iter().map(|cells| mean(cells)).collect();
    let part =
        |well: &super::wells::Well| Some(well.cells? / of_plate[well.plate]).filter(|part| part.is_finite());
    screen.wells.iter().map(part).collect()
}

/// What is known of all wells.
pub(super) struct Read<'a> {
    pub screen: &'a Wells,
    pub scores: &'a Scores,
    pub options: &'a Options,
    /// Cells of each well, see [`cells`].
    pub cells: &'a [Option<f64>],
}

impl Read<'_> {
    /// All treatments, by compound and dose, and what a reader should know of them.
    pub fn treatments(&self) -> (Vec<Treatment>, Option<String>) {
        let mut members: BTreeMap<(usize, Option<u64>), Vec<usize>> = BTreeMap::new();
        for well in self.screen.with_role(Role::Treated) {
            let of = &self.screen.wells[well];
            if let (Some(compound), Some(_)) = (of.compound, self.scores.on[well]) {
                // Bits of numbers that are not negative sort as the numbers do.
                members.entry((compound, of.dose_um.map(f64::to_bits))).or_default().push(well);
            }
        }
        let mut all: Vec<Treatment> = members
            .into_iter()
            .map(|((compound, dose), wells)| self.treatment(compound, dose.map(f64::from_bits), wells))
            .collect();
        let note = self.test(&mut all);
        let p: Vec<f64> = all.iter().filter_map(|treatment| treatment.p).collect();
        let with_p = all.iter_mut().filter(|treatment| treatment.p.is_some());
        for (treatment, q) in with_p.zip(benjamini_hochberg(&p)) {
            treatment.q = Some(q);
        }
        (all, note)
    }

    /// Compares treatments with the reference control wells. Says so where nothing tells how they scatter between plates.
    fn test(&self, all: &mut [Treatment]) -> Option<String> {
        if !self.scores.can_be_tested() {
            return None;
        }
        let reference: Vec<usize> = self.screen.with_role(self.options.reference()).collect();
        let controls = self.effect_wells(&reference);
        let wells: Vec<Vec<effect::Well>> =
            all.iter().map(|treatment| self.effect_wells(&treatment.wells)).collect();
        let between = Between::of(&controls, wells.iter().map(Vec::as_slice));
        let mut tested = 0;
        for (treatment, wells) in all.iter_mut().zip(&wells) {
            let found = effects(wells, &controls).ok().and_then(|of| of.effects.first().copied());
            let Some(plain) = found else { continue };
            let effect = between.map_or(plain, |between| between.widened(plain, wells, &controls));
            (treatment.g, treatment.g_lo, treatment.g_hi) =
                (Some(effect.g), Some(effect.lo), Some(effect.hi));
            treatment.p = Some(effect.p);
            tested += 1;
        }
        (tested > 0 && between.is_none()).then(|| {
            "No treatment lies on two plates with controls, so that p and q count what is peculiar to a plate as an effect."
                .to_owned()
        })
    }

    fn treatment(&self, number: usize, dose_um: Option<f64>, wells: Vec<usize>) -> Treatment {
        let of =
            |values: &[Option<f64>]| -> Vec<f64> { wells.iter().filter_map(|&well| values[well]).collect() };
        let some = |values: &[f64]| (!values.is_empty()).then(|| mean(values));
        let on = of(&self.scores.on);
        let cells = some(&of(self.cells));
        let excess = mean(&wells.iter().map(|&well| self.scores.excess[well]).collect::<Vec<_>>());
        Treatment {
            number,
            compound: self.screen.compounds[number].name.clone(),
            dose_um,
            n_wells: wells.len(),
            on_score: some(&on),
            on_score_sd: deviation(&on),
            off_score: some(&of(&self.scores.off)),
            cells,
            toxic: cells.is_some_and(|cells| cells < TOXIC),
            hit_score: some(&on).and_then(|on| self.towards(on)).map(|towards| towards - excess),
            wells,
            ..Treatment::default()
        }
    }

    /// How far a score goes from the reference; `None` where nothing is known of that.
    fn towards(&self, on: f64) -> Option<f64> {
        if !self.scores.can_be_tested() {
            return None;
        }
        match self.scores.kind {
            kind if kind.is_on_axis() => Some(if self.options.rescue { 1.0 - on } else { on }),
            Kind::Distance => Some(on),
            Kind::ReadoutInDeviations => Some(on.abs()),
            _ => None,
        }
    }

    /// Wells with a score, by plate. Distances are compared by their logarithms, which scatter alike.
    fn effect_wells(&self, wells: &[usize]) -> Vec<effect::Well> {
        let value = |on: f64| if self.scores.kind == Kind::Distance { on.max(1e-9).ln() } else { on };
        let scored = wells.iter().filter_map(|&well| Some((well, value(self.scores.on[well]?))));
        scored
            .map(|(well, on)| effect::Well { block: self.screen.wells[well].plate, values: vec![on] })
            .collect()
    }

    /// All compounds, the best hit first. Steps of `progress` are curves.
    ///
    /// # Errors
    /// The user stopped it.
    pub fn compounds(
        &self,
        treatments: &[Treatment],
        progress: &Progress,
    ) -> Result<Vec<Compound>, HitsError> {
        let mut of_compound: BTreeMap<usize, Vec<&Treatment>> = BTreeMap::new();
        for treatment in treatments {
            of_compound.entry(treatment.number).or_default().push(treatment);
        }
        let of_compound: Vec<Vec<&Treatment>> = of_compound.into_values().collect();
        let kept: Vec<Vec<usize>> = of_compound.iter().map(|of| self.kept(of)).collect();
        let mut curves: Vec<Vec<Point>> = kept.iter().map(|wells| self.points(wells)).collect();
        // Curves of replicates come behind those of compounds.
        let mut parts: Vec<(usize, String, Vec<usize>)> = Vec::new();
        for (compound, wells) in kept.iter().enumerate() {
            let mut by_replicate: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
            for &well in wells {
                by_replicate.entry(self.screen.wells[well].replicate).or_default().push(well);
            }
            if by_replicate.len() > 1 {
                let named = |(replicate, wells): (usize, Vec<usize>)| {
                    (compound, self.screen.replicates[replicate].clone(), wells)
                };
                parts.extend(by_replicate.into_iter().map(named));
            }
        }
        curves.extend(parts.iter().map(|(_, _, wells)| self.points(wells)));
        let verdicts = fit_all(&curves, progress)?;
        let (whole, of_parts) = verdicts.split_at(kept.len());
        let mut found: Vec<Compound> = of_compound
            .iter()
            .zip(&kept)
            .zip(whole)
            .map(|((treatments, kept), verdict)| self.compound(treatments, kept, verdict))
            .collect();
        for ((compound, replicate, wells), verdict) in parts.into_iter().zip(of_parts) {
            found[compound].replicates.push(ReplicateCurve {
                replicate,
                n_wells: wells.len(),
                ec50_um: match verdict {
                    Verdict::Fit(fit) => Some(fit.ec50_um),
                    Verdict::NoFit(_) => None,
                },
                spearman: self.spearman(&wells),
            });
        }
        let p: Vec<f64> = found.iter().filter_map(|compound| compound.q).collect();
        let with_p = found.iter_mut().filter(|compound| compound.q.is_some());
        for (compound, q) in with_p.zip(benjamini_hochberg(&p)) {
            compound.q = Some(q);
        }
        let order = |compound: &Compound| compound.hit_score.unwrap_or(f64::NEG_INFINITY);
        found.sort_by(|a, b| order(b).total_cmp(&order(a)));
        Ok(found)
    }

    fn keeps(&self, treatment: &Treatment) -> bool {
        self.options.keep_toxic || !treatment.toxic
    }

    /// Wells that count for the curve.
    fn kept(&self, treatments: &[&Treatment]) -> Vec<usize> {
        let kept = treatments.iter().filter(|treatment| self.keeps(treatment));
        kept.flat_map(|treatment| &treatment.wells).copied().collect()
    }

    fn points(&self, wells: &[usize]) -> Vec<Point> {
        let point = |&well: &usize| {
            Some(Point { dose_um: self.screen.wells[well].dose_um?, response: self.scores.on[well]? })
        };
        wells.iter().filter_map(point).collect()
    }

    fn spearman(&self, wells: &[usize]) -> Option<f64> {
        let points = self.points(wells);
        let of = |of: fn(&Point) -> f64| points.iter().map(of).collect::<Vec<f64>>();
        spearman(&of(|point| point.dose_um), &of(|point| point.response))
    }

    fn compound(&self, treatments: &[&Treatment], kept: &[usize], verdict: &Verdict) -> Compound {
        let number = treatments.first().map_or(0, |treatment| treatment.number);
        let of = &self.screen.compounds[number];
        let counted: Vec<&&Treatment> = treatments.iter().filter(|treatment| self.keeps(treatment)).collect();
        let most = |of: &dyn Fn(&Treatment) -> Option<f64>| {
            counted.iter().filter_map(|treatment| of(treatment)).max_by(f64::total_cmp)
        };
        let best = counted
            .iter()
            .filter(|treatment| treatment.hit_score.is_some())
            .max_by(|a, b| a.hit_score.unwrap_or(f64::NAN).total_cmp(&b.hit_score.unwrap_or(f64::NAN)));
        let tested: Vec<f64> = counted.iter().filter_map(|treatment| treatment.p).collect();
        let least = tested.iter().copied().min_by(f64::total_cmp);
        let (squares, freedom) = counted.iter().fold((0.0, 0), |(squares, freedom), treatment| {
            let more = treatment.n_wells.saturating_sub(1);
            (squares + treatment.on_score_sd.unwrap_or(0.0).powi(2) * more as f64, freedom + more)
        });
        let dosed = |dose: Option<f64>| dose.is_some_and(|dose| dose > 0.0);
        let mut found = Compound {
            number,
            compound: of.name.clone(),
            smiles: of.smiles.clone(),
            n_wells: treatments.iter().map(|treatment| treatment.n_wells).sum(),
            n_doses: treatments.iter().filter(|treatment| dosed(treatment.dose_um)).count(),
            on_score_max: most(&|treatment| treatment.on_score),
            off_score_max: most(&|treatment| treatment.off_score),
            hit_score: best.and_then(|treatment| treatment.hit_score),
            hit_dose_um: best.and_then(|treatment| treatment.dose_um),
            q: least.map(|p| (p * tested.len() as f64).min(1.0)),
            spearman: self.spearman(kept),
            replicates_sd: (freedom > 0).then(|| (squares / freedom as f64).sqrt()),
            toxic_um: treatments.iter().filter(|t| t.toxic).filter_map(|t| t.dose_um).collect(),
            points: self.points(kept),
            ..Compound::default()
        };
        let mut notes = self.notes(&found, treatments);
        match verdict {
            Verdict::Fit(fit) => {
                found.ec50_um = Some(fit.ec50_um);
                (found.ec50_lo, found.ec50_hi) = (fit.ec50_lo, fit.ec50_hi);
                found.hill = Some(fit.hill);
                (found.bottom, found.top, found.r2) = (Some(fit.bottom), Some(fit.top), Some(fit.r2));
                found.curve = Some(fit.clone());
            }
            Verdict::NoFit(reason) if found.n_doses > 0 => notes.push(format!("no curve: {reason}")),
            Verdict::NoFit(_) => notes.push("no curve: its wells name no dose above 0".to_owned()),
        }
        found.note = (!notes.is_empty()).then(|| notes.join("; "));
        found
    }

    fn notes(&self, found: &Compound, treatments: &[&Treatment]) -> Vec<String> {
        let mut notes = Vec::new();
        let toxic = treatments.iter().filter(|treatment| treatment.toxic).count();
        if toxic > 0 {
            let doses: Vec<String> = found.toxic_um.iter().map(|dose| format!("{dose} µM")).collect();
            let at = if doses.is_empty() {
                "at an unknown dose".to_owned()
            } else {
                format!("at {}", doses.join(", "))
            };
            let left_out = if self.options.keep_toxic { "" } else { ", which is left out" };
            notes.push(format!("toxic {at}: fewer than half of the cells are left{left_out}"));
        }
        if found.n_wells == 1 {
            notes.push("one well: nothing shows what repeats".to_owned());
        } else if found.q.is_none()
            && self.scores.kind != Kind::RawReadout
            && self.scores.can_be_tested()
            && toxic < treatments.len()
        {
            notes.push("too few wells beside controls of the same plates for a q value".to_owned());
        }
        notes
    }
}

/// Intraclass correlation of wells of the same treatment: 1 where they agree and treatments differ, 0 where treatments do not
/// differ (one-way: Shrout & Fleiss, Psychol Bull 1979, 86:420). `None` without repeated treatments.
pub(super) fn agreement(treatments: &[Treatment], scores: &[Option<f64>]) -> Option<f64> {
    let groups: Vec<Vec<f64>> = treatments
        .iter()
        .map(|treatment| treatment.wells.iter().filter_map(|&well| scores[well]).collect::<Vec<f64>>())
        .filter(|of| of.len() > 1)
        .collect();
    let n: usize = groups.iter().map(Vec::len).sum();
    if groups.len() < 2 {
        return None;
    }
    let centre = mean(&groups.concat());
    let within: f64 = groups.iter().map(|of| of.iter().map(|x| (x - mean(of)).powi(2)).sum::<f64>()).sum();
    let between: f64 = groups.iter().map(|of| of.len() as f64 * (mean(of) - centre).powi(2)).sum();
    let (within, between) = (within / (n - groups.len()) as f64, between / (groups.len() - 1) as f64);
    let squares: usize = groups.iter().map(|of| of.len() * of.len()).sum();
    let size = (n as f64 - squares as f64 / n as f64) / (groups.len() - 1) as f64;
    let whole = between + (size - 1.0) * within;
    (whole > 0.0).then(|| (between - within) / whole)
}
