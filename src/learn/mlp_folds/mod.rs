//! Targets of compounds that a small network has never seen, as the cross-cell-line challenge first asked: 5 folds.
//!
//! One hidden layer, targets with at least five compounds, folds by compound, a fifth of the training compounds to say when to stop, three
//! seeds. Beside it the same with folds by well, in which the network has seen every compound: what that gains is a leak.

mod network;
mod scores;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nalgebra::DMatrix;
use rand::seq::SliceRandom as _;
use rayon::prelude::*;

use self::network::{Examples, Network, Scale};
use self::scores::{Ranking, chance, ranks, scores};
use crate::analysis::evaluate::bootstrap::Draws;
use crate::analysis::protocols::{Kind, Level, Outcome, ProtocolError, Scored, check_numbers, scored};
use crate::chem::{ECFP4_BITS, Ecfp4};
use crate::experiment::Well;
use crate::progress::Progress;
use crate::random::stream;

/// Folds.
const FOLDS: usize = 5;

/// How much is trained.
#[derive(Debug, Clone, Copy)]
struct Size {
    /// Hidden units.
    hidden: usize,
    /// Trainings of each fold.
    seeds: usize,
}

/// The one of reports; tests have a smaller one.
const SIZE: Size = Size { hidden: 512, seeds: 3 };

/// Bytes that trainings side by side may take.
const MEMORY: usize = 1 << 30;

/// Fewest compounds of a target that is asked for.
const COMPOUNDS: usize = 5;

/// What is asked; all but the fingerprints by row.
#[derive(Debug, Clone, Copy)]
pub struct MlpFolds<'a> {
    /// `[row, dim]`.
    pub vectors: &'a [f32],
    /// Length of a vector.
    pub dim: usize,
    /// Number of the compound (its skeleton); `None` takes no part, as controls.
    pub compounds: &'a [Option<usize>],
    /// Name of the well, empty where unknown: rows of one well of one plate stay together.
    pub wells: &'a [String],
    /// Name of the plate.
    pub plates: &'a [String],
    /// Names of the targets; a compound has those of all its rows.
    pub targets: &'a [Vec<String>],
    /// By number of the compound.
    pub fingerprints: &'a [Option<Ecfp4>],
    /// Domain of each row, if domains are told apart; an empty one takes no part.
    pub domains: Option<&'a [String]>,
    /// Name, length and numbers `[row, dim]` of what stands beside.
    pub baselines: &'a [(String, usize, Vec<f32>)],
    /// True if any row is simulated, or a model of simulated data made the vectors.
    pub simulated: bool,
    /// Of the folds, trainings and intervals.
    pub seed: u64,
    /// Resamplings for an interval: [`RESAMPLES`](crate::analysis::evaluate::RESAMPLES), fewer in tests.
    pub resamples: usize,
    /// Name of the column of the targets.
    pub label: &'a str,
}

/// What must not be on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Compound,
    /// The leak.
    Well,
}

/// The rows that take part, with numbers in place of names.
struct Taken {
    /// Row of the table.
    rows: Vec<usize>,
    /// Of each row, from 0 without gaps.
    compound: Vec<usize>,
    /// Of each row: its well of its plate.
    well: Vec<usize>,
    /// Of each row; all 0 where domains are not told apart.
    domain: Vec<usize>,
    domains: Vec<String>,
    /// `[target][compound]`.
    has: Vec<Vec<bool>>,
    compounds: usize,
    size: Size,
}

/// One kind of input.
struct Input {
    name: String,
    /// A column per row of [`Taken`]; shared by inputs that differ in their targets alone.
    values: Arc<DMatrix<f32>>,
    /// Targets are dealt out anew among the compounds.
    permuted: bool,
}

/// What a network says of a row: its compound, and for each target the place of its log odds among those of all rows that the
/// network was asked about, 0 to 1.
type Said = (usize, Vec<f32>);

/// What the networks of one input, one source and one kind of fold say.
struct Told<'a> {
    input: &'a Input,
    /// The targets that they learnt, `[target][compound]`.
    has: Vec<Vec<bool>>,
    /// Of each seed and fold: the seed, and what is said of rows of each target domain.
    turns: Vec<(usize, Vec<Vec<Said>>)>,
}

/// Asks it: for each source and target domain (all rows are one where domains are not told apart) an object with folds by compound, and
/// one with folds by well, whose split says `leaky`. Networks learn from rows of the source outside a fold and are asked about rows
/// of every target domain within it. Log odds of different networks do not compare: a row's score is the place of its odds among those of
/// its fold and domain, a compound's the mean over its rows. `auc` and `map` are means over targets, and over three seeds; intervals:
/// compounds drawn with replacement.
///
/// Baselines: `permuted` (targets dealt out anew among compounds), `structure` (ECFP4, where any structure is known), `position` (row and column
/// of the well, where they are known), `chance` (a random order), and those that are given.
///
/// # Errors
/// Numbers that are no finite vectors, no target with five compounds, or somebody cancelled.
pub fn mlp_folds(question: &MlpFolds<'_>, progress: &Progress) -> Result<Vec<Outcome>, ProtocolError> {
    sized(question, SIZE, progress)
}

fn sized(question: &MlpFolds<'_>, size: Size, progress: &Progress) -> Result<Vec<Outcome>, ProtocolError> {
    let rows = Taken::new(question, size)?;
    let inputs = rows.inputs(question);
    let domains = rows.domains.len();
    let trainings = domains * 2 * inputs.len() * FOLDS * size.seeds;
    progress.set(0, trainings as u64);
    let mut outcomes = Vec::new();
    for source in 0..domains {
        let by_compound = rows.told(&inputs, source, Unit::Compound, question.seed, progress)?;
        let by_well = rows.told(&inputs, source, Unit::Well, question.seed, progress)?;
        for target in 0..domains {
            outcomes.push(rows.outcome(question, &by_compound, (source, target), Unit::Compound));
            outcomes.push(rows.outcome(question, &by_well, (source, target), Unit::Well));
        }
    }
    Ok(outcomes)
}

impl Taken {
    fn new(question: &MlpFolds<'_>, size: Size) -> Result<Self, ProtocolError> {
        let MlpFolds { compounds, wells, plates, targets, domains, .. } = *question;
        let count = compounds.len();
        check_numbers(Kind::MlpFolds, "vectors", (question.vectors, question.dim), count)?;
        for (name, dim, values) in question.baselines {
            check_numbers(Kind::MlpFolds, name, (values, *dim), count)?;
        }
        for (name, len) in [
            ("wells", wells.len()),
            ("plates", plates.len()),
            ("targets", targets.len()),
            ("domains", domains.map_or(count, <[String]>::len)),
        ] {
            if len != count {
                return Err(ProtocolError::Shape { name: name.to_owned(), rows: count, dim: 1, len });
            }
        }
        let mut of_target: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
        for (targets, compound) in targets.iter().zip(compounds) {
            for target in targets.iter().filter(|target| !target.is_empty()) {
                of_target.entry(target).or_default().extend(*compound);
            }
        }
        of_target.retain(|_, compounds| compounds.len() >= COMPOUNDS);
        if of_target.is_empty() {
            return Err(ProtocolError::Empty {
                protocol: Kind::MlpFolds.label(),
                why: format!("no target in {} has {COMPOUNDS} compounds or more", question.label),
                remedy: "Name the column of targets with --label COLUMN; several are separated by ; or |.",
            });
        }
        let asked: BTreeSet<usize> = of_target.values().flatten().copied().collect();
        let number: BTreeMap<usize, usize> = asked.iter().copied().zip(0..).collect();
        let is_in = |row: usize| domains.is_none_or(|domains| !domains[row].is_empty());
        let rows: Vec<usize> = (0..count)
            .filter(|&row| is_in(row) && compounds[row].is_some_and(|compound| asked.contains(&compound)))
            .collect();
        let mut places: BTreeMap<(&str, &str, usize), usize> = BTreeMap::new();
        let well = rows.iter().map(|&row| {
            // A row of no known well is one of its own.
            let alone = if wells[row].is_empty() { row + 1 } else { 0 };
            let next = places.len();
            *places.entry((&plates[row], &wells[row], alone)).or_insert(next)
        });
        let well = well.collect();
        let names: BTreeSet<&str> =
            rows.iter().map(|&row| domains.map_or("", |domains| domains[row].as_str())).collect();
        let names: Vec<&str> = names.into_iter().collect();
        let domain_of = |row: usize| {
            domains.map_or(0, |domains| names.binary_search(&domains[row].as_str()).unwrap_or(0))
        };
        let mut has = vec![vec![false; asked.len()]; of_target.len()];
        for (has, compounds) in has.iter_mut().zip(of_target.values()) {
            for compound in compounds {
                has[number[compound]] = true;
            }
        }
        Ok(Self {
            compound: rows.iter().filter_map(|&row| number.get(&compounds[row]?).copied()).collect(),
            domain: rows.iter().map(|&row| domain_of(row)).collect(),
            domains: names.into_iter().map(str::to_owned).collect(),
            compounds: asked.len(),
            size,
            rows,
            well,
            has,
        })
    }

    /// The vectors, and all that stands beside.
    fn inputs(&self, question: &MlpFolds<'_>) -> Vec<Input> {
        let input = |name: &str, values: DMatrix<f32>| Input {
            name: name.to_owned(),
            values: Arc::new(values),
            permuted: false,
        };
        let columns = |dim: usize, values: &[f32]| {
            DMatrix::from_fn(dim, self.rows.len(), |k, place| values[self.rows[place] * dim + k])
        };
        let own = input("vectors", columns(question.dim, question.vectors));
        let permuted = Input { name: "permuted".to_owned(), values: Arc::clone(&own.values), permuted: true };
        let mut inputs = vec![own, permuted];
        for (name, dim, values) in question.baselines {
            inputs.push(input(name, columns(*dim, values)));
        }
        let fingerprint = |row: usize| question.fingerprints.get(question.compounds[row]?)?.as_ref();
        if self.rows.iter().any(|&row| fingerprint(row).is_some()) {
            let bit = |k: usize, place: usize| fingerprint(self.rows[place]).is_some_and(|bits| bits.get(k));
            let values =
                DMatrix::from_fn(ECFP4_BITS, self.rows.len(), |k, place| f32::from(u8::from(bit(k, place))));
            inputs.push(input("structure", values));
        }
        let wells: Vec<Option<Well>> =
            self.rows.iter().map(|&row| Well::parse(&question.wells[row])).collect();
        let most = |of: fn(&Well) -> u8| {
            wells.iter().flatten().map(of).max().map_or(0, |most| usize::from(most) + 1)
        };
        let (rows, columns) = (most(|well| well.row), most(|well| well.column));
        if rows + columns > 0 {
            let values = DMatrix::from_fn(rows + columns, self.rows.len(), |k, place| {
                let is_there = wells[place]
                    .is_some_and(|well| k == usize::from(well.row) || k == rows + usize::from(well.column));
                f32::from(u8::from(is_there))
            });
            inputs.push(input("position", values));
        }
        inputs
    }

    /// Trains the networks of a source on each input, and asks them about all domains. So many at once as their copies of the
    /// rows fit into [`MEMORY`].
    fn told<'a>(
        &self,
        inputs: &'a [Input],
        source: usize,
        unit: Unit,
        seed: u64,
        progress: &Progress,
    ) -> Result<Vec<Told<'a>>, ProtocolError> {
        let all: Vec<(usize, usize)> =
            (0..self.size.seeds).flat_map(|seed| (0..FOLDS).map(move |fold| (seed, fold))).collect();
        let mut told = Vec::with_capacity(inputs.len());
        for input in inputs {
            let has = if input.permuted { self.permuted(seed) } else { self.has.clone() };
            let (dim, rows) = input.values.shape();
            // Rows are copied to be scaled and in steps; weights have a gradient, two moments, the best ones and sums.
            let numbers = 3 * dim * rows + 8 * self.size.hidden * (dim + self.has.len());
            let at_once = (MEMORY / (size_of::<f32>() * numbers).max(1)).max(1);
            let mut turns = Vec::with_capacity(all.len());
            for some in all.chunks(at_once) {
                let said = some.par_iter().map(|&(run, fold)| {
                    let said = self.turn(input, &has, [source, fold, run], unit, seed, progress)?;
                    progress.add(1);
                    Ok::<_, ProtocolError>((run, said))
                });
                turns.extend(said.collect::<Result<Vec<_>, _>>()?);
            }
            told.push(Told { input, has, turns });
        }
        Ok(told)
    }

    fn outcome(
        &self,
        question: &MlpFolds<'_>,
        told: &[Told],
        (source, target): (usize, usize),
        unit: Unit,
    ) -> Outcome {
        let of_domain =
            |domain: usize| (0..self.rows.len()).filter(move |&place| self.domain[place] == domain);
        let asked: BTreeSet<usize> = of_domain(target).map(|place| self.compound[place]).collect();
        let places: BTreeMap<usize, usize> = asked.iter().copied().zip(0..).collect();
        let draws = Draws::new(&vec![None; asked.len()], question.resamples, question.seed);
        let mut judged = BTreeMap::new();
        for Told { input, has, turns } in told {
            let runs = (0..self.size.seeds).map(|seed| {
                let own = turns.iter().filter(|(of, _)| *of == seed).flat_map(|(_, said)| &said[target]);
                rankings(own, &places, has)
            });
            let [auc, map] = scores(runs.collect(), &draws);
            judged.insert(input.name.clone(), scored([("auc", auc), ("map", map)]));
        }
        let has: Vec<Vec<bool>> =
            self.has.iter().map(|has| asked.iter().map(|&compound| has[compound]).collect()).collect();
        let [auc, map] = chance(&has, &draws);
        judged.insert("chance".to_owned(), scored([("auc", auc), ("map", map)]));
        let metrics: Scored = judged.remove("vectors").unwrap_or_default();
        let domain = |place: usize| question.domains.map(|_| self.domains[place].clone());
        let everyone: BTreeSet<usize> = question.compounds.iter().flatten().copied().collect();
        let (split, exclusion) = match unit {
            Unit::Compound => (format!("{FOLDS} folds by compound"), "compound"),
            Unit::Well => (format!("{FOLDS} folds by well, leaky"), "well"),
        };
        Outcome {
            task: question.label.to_owned(),
            protocol: Kind::MlpFolds.label(),
            split,
            exclusion: exclusion.to_owned(),
            normalisation: "raw".to_owned(),
            level: Level::Compound,
            seed: question.seed,
            simulated: question.simulated,
            contaminated: Vec::new(),
            source: domain(source),
            target: domain(target),
            n_query: asked.len(),
            n_gallery: of_domain(source).count(),
            n_dropped: everyone.len() - asked.len(),
            metrics,
            baselines: judged,
            notes: self.notes(question, unit),
        }
    }

    /// What a network that has not seen a fold of the source says of the rows of this fold, by their domain.
    fn turn(
        &self,
        input: &Input,
        has: &[Vec<bool>],
        [source, fold, run]: [usize; 3],
        unit: Unit,
        base: u64,
        progress: &Progress,
    ) -> Result<Vec<Vec<Said>>, ProtocolError> {
        let unit_of = |place: usize| match unit {
            Unit::Compound => self.compound[place],
            Unit::Well => self.well[place],
        };
        let folds = deal((0..self.rows.len()).map(unit_of).max().map_or(0, |most| most + 1), base, unit);
        let is_held = |place: usize| folds[unit_of(place)] == fold;
        let places = || 0..self.rows.len();
        let held = (0..self.domains.len()).map(|target| -> Vec<usize> {
            places().filter(|&place| self.domain[place] == target && is_held(place)).collect()
        });
        let held: Vec<Vec<usize>> = held.collect();
        let others: Vec<usize> =
            places().filter(|&place| self.domain[place] == source && !is_held(place)).collect();
        let mut rng = stream(base, &["mlp-5fold", &input.name, &format!("{unit:?} {fold} {run}")]);
        let mut units: Vec<usize> = others.iter().map(|&place| unit_of(place)).collect();
        units.sort_unstable();
        units.dedup();
        units.shuffle(&mut rng);
        let stopping: BTreeSet<usize> = units.iter().copied().take(units.len().div_ceil(FOLDS)).collect();
        let (validation, training): (Vec<usize>, Vec<usize>) =
            others.into_iter().partition(|&place| stopping.contains(&unit_of(place)));
        if training.is_empty() {
            return Ok(vec![Vec::new(); held.len()]);
        }
        let scale = Scale::of(&input.values, &training);
        let examples = |of: &[usize]| Examples {
            inputs: scale.apply(&input.values, of),
            targets: DMatrix::from_fn(has.len(), of.len(), |target, row| {
                f32::from(u8::from(has[target][self.compound[of[row]]]))
            }),
        };
        let network = Network::train(
            &examples(&training),
            &examples(&validation),
            self.size.hidden,
            &mut rng,
            progress,
        )?;
        let say = |held: &Vec<usize>| -> Vec<Said> {
            if held.is_empty() {
                return Vec::new();
            }
            let mut odds = network.odds(&scale.apply(&input.values, held));
            for mut of_target in odds.row_iter_mut() {
                let ranks = ranks(&of_target.iter().copied().collect::<Vec<f32>>());
                of_target.iter_mut().zip(ranks).for_each(|(odds, rank)| *odds = rank);
            }
            let said = held.iter().zip(odds.column_iter());
            said.map(|(&place, said)| (self.compound[place], said.iter().copied().collect())).collect()
        };
        Ok(held.iter().map(say).collect())
    }

    /// Targets dealt out anew: each compound gets all those of another.
    fn permuted(&self, seed: u64) -> Vec<Vec<bool>> {
        let mut order: Vec<usize> = (0..self.compounds).collect();
        order.shuffle(&mut stream(seed, &["mlp-5fold", "permuted"]));
        self.has.iter().map(|has| order.iter().map(|&compound| has[compound]).collect()).collect()
    }

    fn notes(&self, question: &MlpFolds<'_>, unit: Unit) -> Vec<String> {
        let mut notes = vec![format!(
            "{} targets with at least {COMPOUNDS} compounds; compounds without any of them take no part. One hidden layer of {}, \
             {} seeds; intervals: compounds drawn with replacement.",
            self.has.len(),
            self.size.hidden,
            self.size.seeds,
        )];
        let unknown = |row: &&usize| {
            let known =
                question.compounds[**row].and_then(|compound| question.fingerprints.get(compound)?.as_ref());
            known.is_none()
        };
        let unknown = self.rows.iter().filter(unknown).count();
        if unknown == self.rows.len() {
            notes.push("No structure is known: there is no baseline of structures.".to_owned());
        } else if unknown > 0 {
            notes.push(format!(
                "The structure of {unknown} rows is not known; to that baseline they look empty."
            ));
        }
        if unit == Unit::Well {
            notes.push(
                "Leaky: other wells of the same compounds were learnt from. The difference to the folds by compound is what recognising \
                 compounds gains."
                    .to_owned(),
            );
        }
        notes
    }
}

/// The fold of each unit: equally many in each, at random.
fn deal(units: usize, seed: u64, unit: Unit) -> Vec<usize> {
    let mut order: Vec<usize> = (0..units).collect();
    order.shuffle(&mut stream(seed, &["mlp-5fold", "folds", &format!("{unit:?}")]));
    let mut fold = vec![0; units];
    for (place, own) in order.into_iter().enumerate() {
        fold[own] = place % FOLDS;
    }
    fold
}

/// By target: compounds with the mean over their rows. `places` has the place of each compound among those that are drawn.
fn rankings<'a>(
    told: impl Iterator<Item = &'a Said>,
    places: &BTreeMap<usize, usize>,
    has: &[Vec<bool>],
) -> Vec<Ranking> {
    let mut sums: BTreeMap<usize, (f64, Vec<f64>)> = BTreeMap::new();
    for (compound, said) in told {
        let (rows, sum) = sums.entry(*compound).or_insert_with(|| (0.0, vec![0.0; has.len()]));
        *rows += 1.0;
        sum.iter_mut().zip(said).for_each(|(sum, &rank)| *sum += f64::from(rank));
    }
    let ranking = |(target, has): (usize, &Vec<bool>)| -> Ranking {
        sums.iter()
            .map(|(compound, (rows, sum))| (sum[target] / rows, places[compound], has[*compound]))
            .collect()
    };
    has.iter().enumerate().map(ranking).collect()
}
