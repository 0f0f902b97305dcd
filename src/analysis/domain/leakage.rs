//! Is the domain told from what should look the same? Its balanced accuracy on negative controls, plates held out.

use std::collections::BTreeSet;

use rayon::prelude::*;
use serde::Serialize;

use super::labels::Labels;
use super::report::Measure;
use super::tally::{Tally, Votes};
use crate::analysis::evaluate::{BLOCK, normalise, products};
use crate::progress::{Cancelled, Progress};

/// Neighbours that vote: odd, so that two domains never tie, few, so that plates with a dozen controls can outvote a stray
/// well. Other counts say the same of real plates within a few hundredths.
pub const NEIGHBOURS: usize = 5;

/// What the vote was about. `None` where nothing could be said.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Leakage {
    /// Part of the controls whose domain was told, 0 to 1.
    pub accuracy: Option<f64>,
    /// Part of the controls that are of the most frequent domain: what naming it each time reaches.
    pub majority: Option<f64>,
    /// Neighbours that voted.
    pub neighbours: usize,
    /// Controls that were asked about.
    pub controls: usize,
    /// Their plates.
    pub plates: usize,
    /// Their domains.
    pub domains: Vec<String>,
}

/// Of a plate's controls, so many at least are two halves that recipes can be fitted on.
const HALVES: usize = 4;

/// Controls that can be asked about, or why there are none.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// Rows.
    pub rows: Vec<usize>,
    /// Their domains, as places in `domains`.
    pub domain: Vec<usize>,
    /// Their plates, as places from 0.
    pub plate: Vec<usize>,
    /// Names of the domains.
    pub domains: Vec<String>,
    /// Number of plates.
    pub plates: usize,
    /// Domains that are on one plate alone, and left out.
    pub lone: Vec<String>,
    /// Which half of its plate's controls each row is of, 0 or 1; `None` where a plate has too few of them for two.
    pub half: Option<Vec<usize>>,
}

/// Rows that are asked about each other.
pub(super) struct Turn {
    /// Places in [`Asked::rows`].
    places: Vec<usize>,
    /// Their vectors, `[place, dim]`.
    values: Vec<f32>,
    dim: usize,
}

impl Asked {
    /// Of the rows. A domain needs two plates: with one held out, nothing of it would be left to be found.
    ///
    /// # Errors
    /// Too little is there, and what.
    pub fn of(labels: &Labels) -> Result<Self, String> {
        let is_asked = |row: &usize| labels.control[*row] && labels.domain[*row].is_some();
        let all: Vec<usize> = (0..labels.control.len()).filter(is_asked).collect();
        if all.is_empty() {
            return Err("no negative control with a value in the domain's column has a vector".to_owned());
        }
        if !labels.has_plates() {
            return Err("no plates are known that could be held out".to_owned());
        }
        let mut plates_of = vec![BTreeSet::new(); labels.domains.len()];
        for &row in &all {
            if let Some(domain) = labels.domain[row] {
                plates_of[domain].insert(labels.plate[row]);
            }
        }
        let there: Vec<usize> = (0..plates_of.len()).filter(|&d| !plates_of[d].is_empty()).collect();
        if let [only] = there.as_slice() {
            return Err(format!("all controls are of one domain, {}", labels.domains[*only]));
        }
        let (kept, lone): (Vec<usize>, Vec<usize>) = there.into_iter().partition(|&d| plates_of[d].len() > 1);
        if kept.len() < 2 {
            return Err(
                "fewer than two domains have controls on two plates, which holding one out needs".to_owned()
            );
        }
        let rows: Vec<usize> =
            all.into_iter().filter(|&row| labels.domain[row].is_some_and(|d| kept.contains(&d))).collect();
        let mut places: Vec<usize> = rows.iter().map(|&row| labels.plate[row]).collect();
        let plate = places.clone();
        places.sort_unstable();
        places.dedup();
        let within = |of: &[usize], wanted: usize| of.iter().position(|&x| x == wanted).unwrap_or_default();
        let mut counts = vec![0; places.len()];
        let half = plate.iter().map(|&plate| {
            let count = &mut counts[within(&places, plate)];
            *count += 1;
            (*count - 1) % 2
        });
        let half: Vec<usize> = half.collect();
        Ok(Self {
            half: counts.iter().all(|&count| count >= HALVES).then_some(half),
            domain: rows.iter().map(|&row| within(&kept, labels.domain[row].unwrap_or_default())).collect(),
            plate: plate.into_iter().map(|plate| within(&places, plate)).collect(),
            rows,
            plates: places.len(),
            domains: kept.iter().map(|&d| labels.domains[d].clone()).collect(),
            lone: lone.iter().map(|&d| labels.domains[d].clone()).collect(),
        })
    }

    /// The rows of a half, or all, with their vectors. `values` are `[row, dim]` of all rows.
    pub fn turn(&self, values: &[f32], dim: usize, half: Option<usize>) -> Turn {
        let is_asked =
            |place: &usize| self.half.as_ref().zip(half).is_none_or(|(of, half)| of[*place] == half);
        let places: Vec<usize> = (0..self.rows.len()).filter(is_asked).collect();
        let row = |&place: &usize| &values[self.rows[place] * dim..(self.rows[place] + 1) * dim];
        let values = places.iter().flat_map(row).copied().collect();
        Turn { places, values, dim }
    }

    /// The controls without those of a half, which are to be asked about.
    pub fn without(&self, controls: &[bool], half: usize) -> Vec<bool> {
        let mut kept = controls.to_vec();
        for (&row, _) in self.rows.iter().zip(self.half.iter().flatten()).filter(|(_, of)| **of == half) {
            kept[row] = false;
        }
        kept
    }

    /// How well vectors tell the domain, each row among those of its turn; the tally gives the interval, over plates.
    ///
    /// # Errors
    /// The user stopped it.
    pub fn measure(
        &self,
        turns: Vec<Turn>,
        neighbours: usize,
        progress: &Progress,
    ) -> Result<(Leakage, Tally), Cancelled> {
        let mut told = vec![usize::MAX; self.rows.len()];
        for Turn { places, values, dim } in turns {
            let of = |all: &[usize]| -> Vec<usize> { places.iter().map(|&place| all[place]).collect() };
            let (plate, domain) = (of(&self.plate), of(&self.domain));
            let found = votes(values, dim, (&plate, &domain), neighbours, progress)?;
            places.iter().zip(found).for_each(|(&place, found)| told[place] = found);
        }
        let mut counted = Votes::new(self.plates, self.domains.len());
        for ((&plate, &domain), &told) in self.plate.iter().zip(&self.domain).zip(&told) {
            counted.count(plate, domain, told == domain);
        }
        let all = self.rows.len() as f64;
        let right = told.iter().zip(&self.domain).filter(|(told, domain)| told == domain).count();
        let most = (0..self.domains.len()).map(|d| self.domain.iter().filter(|&&of| of == d).count()).max();
        let leakage = Leakage {
            accuracy: Some(right as f64 / all),
            majority: most.map(|most| most as f64 / all),
            neighbours,
            controls: self.rows.len(),
            plates: self.plates,
            domains: self.domains.clone(),
        };
        Ok((leakage, Tally::Votes(counted)))
    }

    /// What naming a domain blindly reaches.
    pub fn chance(&self) -> f64 {
        1.0 / self.domains.len() as f64
    }
}

impl Leakage {
    /// Nothing could be asked.
    pub(super) fn unknown(neighbours: usize) -> Self {
        Self { neighbours, ..Self::default() }
    }

    /// The value in words, with what it stands beside.
    pub fn text(&self, measure: &Measure) -> String {
        let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
        format!(
            "{} controls on {} plates, {} neighbours of other plates: balanced accuracy {} (chance {}), accuracy {} (the most \
             frequent domain {})",
            self.controls,
            self.plates,
            self.neighbours,
            number(measure.value),
            number(measure.chance),
            number(self.accuracy),
            number(self.majority)
        )
    }
}

/// The domain that the nearest rows of other plates vote for, by cosine; of equal votes that of the nearest among them. Of
/// equally near rows the earlier counts as nearer. `values` are `[row, dim]`.
pub(super) fn votes(
    mut values: Vec<f32>,
    dim: usize,
    (plate, domain): (&[usize], &[usize]),
    neighbours: usize,
    progress: &Progress,
) -> Result<Vec<usize>, Cancelled> {
    values.par_chunks_exact_mut(dim.max(1)).for_each(normalise);
    let (rows, domains) = (plate.len(), domain.iter().max().map_or(0, |most| most + 1));
    let starts: Vec<usize> = (0..rows).step_by(BLOCK).collect();
    let of_block = |&start: &usize| -> Result<Vec<usize>, Cancelled> {
        progress.check()?;
        let end = (start + BLOCK).min(rows);
        let mut scores = vec![0.0; (end - start) * rows];
        products(&values[start * dim..end * dim], &values, dim, &mut scores);
        let vote = |row: usize| {
            let scores = &scores[(row - start) * rows..(row - start + 1) * rows];
            let mut order: Vec<usize> = (0..rows).filter(|&other| plate[other] != plate[row]).collect();
            let nearer = |a: &usize, b: &usize| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b));
            let asked = neighbours.min(order.len());
            if asked > 0 && asked < order.len() {
                order.select_nth_unstable_by(asked - 1, nearer);
            }
            order[..asked].sort_unstable_by(nearer);
            let nearest = &order[..asked];
            let mut counts = vec![0_usize; domains];
            for &other in nearest {
                counts[domain[other]] += 1;
            }
            let most = counts.iter().max().copied().unwrap_or(0);
            let of = nearest.iter().map(|&other| domain[other]).find(|&domain| counts[domain] == most);
            of.unwrap_or(usize::MAX)
        };
        Ok((start..end).map(vote).collect())
    };
    let blocks: Vec<Vec<usize>> = starts.par_iter().map(of_block).collect::<Result<_, _>>()?;
    Ok(blocks.into_iter().flatten().collect())
}
