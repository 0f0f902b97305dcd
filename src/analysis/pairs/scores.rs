//! From rankings to groups: their mean average precision, how often chance does as well, and what else a reader must know.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rayon::prelude::*;

use super::correlation::{Correlations, Spread};
use super::labels::Labels;
use super::nulls::Nulls;
use super::profiles::Profiles;
use super::ranks::{Ranking, has, rankings};
use super::report::{Group, Scores};
use super::rule::Rule;
use super::vectors::Vectors;
use super::{PairsError, Rules};
use crate::analysis::answers::activity::{FALSE_DISCOVERIES, benjamini_hochberg};
use crate::analysis::ranking::chance;
use crate::progress::Progress;

/// More positive pairs than these are not correlated: percent replicating and matching stay unknown.
const MOST_CORRELATED: usize = 5_000_000;

/// Two scores are different beyond this.
const ROUNDING: f64 = 1e-9;

/// Column that tells rows at one place on their plates, if it was read.
pub(super) const WELL: &str = "well";

/// Scores, and the rows of each group.
pub(super) struct Scored {
    pub scores: Scores,
    pub rows: Vec<Vec<usize>>,
}

/// What there is beside rows and rules.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    /// Draws of each null.
    pub null: usize,
    /// Their seed.
    pub seed: u64,
    /// Pairs are of two compounds.
    pub matching: bool,
}

/// Rankings that are averaged.
struct Members {
    values: Vec<u32>,
    rankings: Vec<usize>,
}

/// A group, and what of it goes into notes.
struct Judged {
    group: Group,
    rows: Vec<usize>,
    /// The score with negatives first where partners are equally near.
    at_least: Option<f64>,
    /// Part of the draws that reach the score.
    reached: Option<f64>,
    spread: Option<Spread>,
    /// Pairs at the same place of their plates.
    same_well: usize,
}

/// Scores rows by rules. Steps of `progress` are rows.
///
/// # Errors
/// The rules make no sense, draws would not fit into memory, the user stopped it.
pub(super) fn score(
    profiles: &Profiles,
    rules: &Rules,
    settings: Settings,
    progress: &Progress,
) -> Result<Scored, PairsError> {
    rules.check()?;
    let positives = Rule::new(profiles, &rules.same, &rules.different)?;
    let negatives = Rule::new(profiles, &rules.negatives_same, &rules.negatives_different)?;
    let by = rules.by.iter().map(|name| profiles.column(name)).collect::<Result<Vec<_>, _>>()?;
    let label = positives.label()?;
    let vectors = Vectors::new(profiles);
    let rankings = rankings(&vectors, &positives, &negatives, (label, profiles.rows()), progress)?;
    let members = members(&rankings, &by, label);
    let of_groups = members.iter().flat_map(|group| &group.rankings).map(|&place| &rankings[place]);
    let shapes: BTreeSet<(usize, usize)> =
        of_groups.filter(|ranking| ranking.found.is_some()).map(Ranking::shape).collect();
    let nulls = Nulls::draw(&shapes, (settings.null, settings.seed), progress)?;
    let few = rankings.iter().map(|ranking| ranking.positives).sum::<usize>() <= 2 * MOST_CORRELATED;
    let judge = Judge {
        by: &by,
        label,
        positives: &positives,
        nulls: &nulls,
        chances: shapes.iter().map(|&(right, all)| ((right, all), chance(right, all))).collect(),
        correlations: few.then(|| Correlations::new(profiles)),
        wells: profiles.column(WELL).ok(),
    };
    let mut judged: Vec<Judged> = members.par_iter().map(|group| judge.group(group, &rankings)).collect();
    let p: Vec<f64> = judged.iter().filter_map(|judged| judged.group.p).collect();
    let tested = judged.iter_mut().filter(|judged| judged.group.p.is_some());
    for (judged, q) in tested.zip(benjamini_hochberg(&p)) {
        judged.group.q = Some(q);
    }
    let spreads: Vec<Spread> = judged.iter().filter_map(|judged| judged.spread).collect();
    let percent =
        judge.correlations.as_ref().and_then(|all| all.percent(&spreads, &positives, settings.seed));
    let mut notes = notes(&rankings, &judged);
    if vectors.zeros() > 0 {
        let zeros = vectors.zeros();
        notes.push(format!("{zeros} rows have a vector of zeros: its cosine with any other is taken as 0."));
    }
    let silent = (0..profiles.rows()).filter(|&row| !positives.takes_part(row)).count();
    if silent > 0 {
        notes
            .push(format!("{silent} rows have no value in a column of the positive pairs, and ask nothing."));
    }
    if percent.is_none() && !spreads.is_empty() {
        notes.push(
            "No two rows differ in a column that positive pairs agree in: there is nothing to compare correlations with."
                .to_owned(),
        );
    }
    if !few {
        notes.push("There are too many positive pairs to correlate each.".to_owned());
    }
    let (groups, rows): (Vec<Group>, Vec<Vec<usize>>) =
        judged.into_iter().map(|judged| (judged.group, judged.rows)).unzip();
    let active = groups.iter().filter(|group| group.is_active()).count();
    let scores = Scores {
        n: profiles.rows(),
        mean_map: mean(groups.iter().filter_map(|group| group.map)),
        mean_chance: mean(groups.iter().filter_map(|group| group.chance)),
        fraction_active: (!p.is_empty()).then(|| active as f64 / p.len() as f64),
        percent_replicating: percent.filter(|_| !settings.matching),
        percent_matching: percent.filter(|_| settings.matching),
        null: settings.null,
        seed: settings.seed,
        rules: rules.clone(),
        notes,
        groups,
    };
    Ok(Scored { scores, rows })
}

/// Rankings by group, in the order in which groups appear. A row with an empty cell is in none.
fn members(rankings: &[Ranking], by: &[&Labels], label: Option<&Labels>) -> Vec<Members> {
    let mut found: Vec<Members> = Vec::new();
    let mut places: HashMap<Vec<u32>, usize> = HashMap::new();
    for (ranking, of) in rankings.iter().enumerate() {
        let mut keys = vec![Vec::new()];
        for column in by {
            let own = of.label.as_ref().filter(|_| label.is_some_and(|label| label.name == column.name));
            let values = own.map_or_else(|| column.of(of.row), std::slice::from_ref);
            let longer = |key: &Vec<u32>| {
                values.iter().map(|value| [key.as_slice(), &[*value]].concat()).collect::<Vec<_>>()
            };
            keys = keys.iter().flat_map(longer).collect();
        }
        for key in keys {
            let next = found.len();
            let place = *places.entry(key.clone()).or_insert(next);
            if place == next {
                found.push(Members { values: key, rankings: Vec::new() });
            }
            found[place].rankings.push(ranking);
        }
    }
    found
}

/// What groups are judged by.
struct Judge<'a> {
    by: &'a [&'a Labels],
    label: Option<&'a Labels>,
    positives: &'a Rule<'a>,
    nulls: &'a Nulls,
    /// What random rankings reach, by positives and all partners.
    chances: HashMap<(usize, usize), f64>,
    /// `None` where there are too many pairs.
    correlations: Option<Correlations<'a>>,
    wells: Option<&'a Labels>,
}

impl Judge<'_> {
    fn group(&self, members: &Members, rankings: &[Ranking]) -> Judged {
        let own: Vec<&Ranking> = members.rankings.iter().map(|&place| &rankings[place]).collect();
        let mut rows: Vec<usize> = own.iter().map(|ranking| ranking.row).collect();
        rows.dedup();
        let found =
            |score: fn(&Ranking) -> Option<f64>| mean(own.iter().filter_map(|ranking| score(ranking)));
        let map = found(|ranking| Some(ranking.found?.average_precision));
        let mut shapes: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        for ranking in own.iter().filter(|ranking| ranking.found.is_some()) {
            *shapes.entry(ranking.shape()).or_default() += 1;
        }
        let tail = map.and_then(|map| self.nulls.tail(map, &shapes));
        let counted: usize = shapes.values().sum();
        let chances =
            shapes.iter().filter_map(|(shape, count)| Some(self.chances.get(shape)? * *count as f64));
        let (n_pos_pairs, pairs) = self.pairs(&own, &rows);
        let spread = self.correlations.as_ref().and_then(|all| all.spread(&pairs));
        let at_one_place = |&&(a, b): &&(usize, usize)| self.wells.is_some_and(|wells| wells.agree(a, b));
        let texts = self.by.iter().zip(&members.values).map(|(labels, &value)| labels.text(value));
        let group = Group {
            group: texts.collect::<Vec<_>>().join(" | "),
            n: rows.len(),
            n_pos_pairs,
            map,
            chance: map.map(|_| chances.sum::<f64>() / counted.max(1) as f64),
            p: tail.map(|tail| tail.above),
            q: None,
            correlation: spread.map(|spread| spread.median),
        };
        Judged {
            group,
            rows,
            at_least: found(|ranking| Some(ranking.found?.at_least)),
            reached: tail.map(|tail| tail.reached),
            spread,
            same_well: pairs.iter().filter(at_one_place).count(),
        }
    }

    /// The positive pairs that rows of a group are part of: how many, and which, unless there are too many to correlate.
    fn pairs(&self, own: &[&Ranking], rows: &[usize]) -> (usize, Vec<(usize, usize)>) {
        let (mut partners, mut count, mut pairs) = (Vec::new(), 0, Vec::new());
        for ranking in own {
            self.positives.partners(ranking.row, &mut partners);
            for other in partners.iter().map(|&other| other as usize) {
                let agrees = ranking.label.is_none_or(|own| has(self.label, other, own));
                // A pair within the group is met twice.
                let is_first = other > ranking.row || rows.binary_search(&other).is_err();
                if agrees && is_first {
                    count += 1;
                    if self.correlations.is_some() {
                        pairs.push((ranking.row.min(other), ranking.row.max(other)));
                    }
                }
            }
        }
        // By two labels.
        pairs.sort_unstable();
        pairs.dedup();
        (count, pairs)
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.fold((0_usize, 0.0), |(count, sum), value| (count + 1, sum + value));
    (count > 0).then(|| sum / count as f64)
}

/// What the numbers alone do not show.
fn notes(rankings: &[Ranking], judged: &[Judged]) -> Vec<String> {
    let mut notes = Vec::new();
    let without = |wanted: fn(&Ranking) -> bool| rankings.iter().filter(|ranking| wanted(ranking)).count();
    let lone = judged.iter().filter(|judged| judged.group.n_pos_pairs == 0).count();
    if lone > 0 {
        notes.push(format!("{lone} of {} groups have no positive pair, and so no score.", judged.len()));
    }
    let unopposed = without(|ranking| ranking.positives > 0 && ranking.negatives == 0);
    if unopposed > 0 {
        notes.push(format!(
            "{unopposed} rankings have positives and no negative, and so no average precision."
        ));
    }
    let tied = |judged: &&Judged| {
        judged.group.map.zip(judged.at_least).is_some_and(|(map, least)| map - least > ROUNDING)
    };
    let ties = judged.iter().filter(tied).count();
    if let (true, Some(least)) = (ties > 0, mean(judged.iter().filter_map(|judged| judged.at_least))) {
        notes.push(format!(
            "In {ties} groups a positive and a negative are equally near, and the positive counts as nearer. With the \
             negative first the mean mAP is {least:.4}."
        ));
    }
    let easy = |judged: &&Judged| {
        judged.group.is_active() && judged.reached.is_some_and(|reached| reached >= FALSE_DISCOVERIES)
    };
    let easy = judged.iter().filter(easy).count();
    if easy > 0 {
        notes.push(format!(
            "{easy} groups have q < {FALSE_DISCOVERIES} only because p counts the random rankings above their score: one in \
             twenty or more equals it. They have too few pairs."
        ));
    }
    let (placed, pairs) = judged.iter().fold((0, 0), |(placed, pairs), judged| {
        (placed + judged.same_well, pairs + judged.group.n_pos_pairs)
    });
    if placed > 0 {
        notes.push(format!(
            "In {placed} of {pairs} positive pairs both rows are in the same well of their plates: its place alone may make \
             them alike."
        ));
    }
    notes
}
