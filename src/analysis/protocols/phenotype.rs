//! A label by a linear support vector machine that never saw the group (the film, the plate) of a row.

use std::collections::{BTreeMap, BTreeSet};

use rand::seq::SliceRandom as _;

use super::report::{Level, Outcome, Scored, scored};
use super::{Kind, ProtocolError, check_numbers};
use crate::analysis::evaluate::RESAMPLES;
use crate::analysis::evaluate::bootstrap::Draws;
use crate::analysis::svm::{OneVsOne, SvmError, choose_c_of_classes};
use crate::progress::Progress;
use crate::random::stream;

/// Folds that groups are dealt into.
const FOLDS: usize = 5;

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Phenotype<'a> {
    /// `[row, dim]`.
    pub vectors: &'a [f32],
    /// Length of a vector.
    pub dim: usize,
    /// One per row; `None` takes no part.
    pub labels: &'a [Option<String>],
    /// One per row: what must not be on both sides.
    pub groups: &'a [String],
    /// Name, length and numbers `[row, dim]` of what stands beside.
    pub baselines: &'a [(String, usize, Vec<f32>)],
    /// True if any row is simulated, or a model of simulated data made the vectors.
    pub simulated: bool,
    /// Of the folds, the shuffled labels and the intervals.
    pub seed: u64,
    /// Name of the column of the labels.
    pub label: &'a str,
    /// Name of the column of the groups.
    pub group: &'a str,
}

/// The rows that take part, with numbers in place of names.
struct Taken<'a> {
    /// Number in the table.
    rows: Vec<usize>,
    labels: Vec<&'a str>,
    class: Vec<usize>,
    group: Vec<usize>,
    /// Of each row.
    fold: Vec<usize>,
    groups: usize,
}

/// Asks it: groups are dealt into five folds, so that each fold has about its part of every label; the rows of a fold are predicted by
/// boundaries through those of the others, whose `C` was chosen by leaving groups out once more among these. Intervals: groups
/// drawn with replacement.
///
/// `weighted_f1`, `macro_f1` and `accuracy` are over the rows of all folds together; a label that is nowhere predicted has an F1 of 0.
/// Baselines: `chance` (labels at random with their frequencies), `majority` (the most frequent label of the training), `permuted` (labels
/// shuffled within groups that have several, and between those that have one), and those that are given.
///
/// # Errors
/// Numbers that are no vectors, fewer than two labels or groups, or somebody cancelled.
pub fn phenotype(question: &Phenotype<'_>, progress: &Progress) -> Result<Vec<Outcome>, ProtocolError> {
    let Phenotype { labels, groups, seed, .. } = *question;
    let (own, count) = (("vectors".to_owned(), question.dim), labels.len());
    let sets = std::iter::once((&own.0, own.1, question.vectors))
        .chain(question.baselines.iter().map(|(name, dim, values)| (name, *dim, values.as_slice())));
    for (name, dim, values) in sets.clone() {
        check_numbers(Kind::Phenotype, name, (values, dim), count)?;
    }
    if groups.len() != count {
        let (name, len) = ("groups".to_owned(), groups.len());
        return Err(ProtocolError::Shape { name, rows: count, dim: 1, len });
    }
    let rows = Taken::new(question)?;
    progress.set(0, (FOLDS * (question.baselines.len() + 2)) as u64);
    let draws = Draws::new(&vec![None; rows.groups], RESAMPLES, seed);
    let mut notes = rows.notes(question);
    let mut outcomes = Vec::new();
    for (name, dim, values) in sets {
        let (predicted, c) = rows.predict(values, dim, &rows.class, progress)?;
        notes.push(format!("C of {name} by fold: {}.", c.join(", ")));
        outcomes.push((name, rows.scores(&draws, &rows.class, &predicted)));
    }
    let (shuffled, note) = rows.shuffled(seed);
    notes.push(note);
    let (predicted, _) = rows.predict(question.vectors, question.dim, &shuffled, progress)?;
    let mut others = outcomes.into_iter();
    let metrics = others.next().map(|(_, metrics)| metrics).unwrap_or_default();
    let mut baselines: BTreeMap<String, Scored> =
        others.map(|(name, scored)| (name.clone(), scored)).collect();
    baselines.insert("permuted".to_owned(), rows.scores(&draws, &shuffled, &predicted));
    baselines.insert("majority".to_owned(), rows.scores(&draws, &rows.class, &rows.majority()));
    baselines.insert("chance".to_owned(), rows.chance(&draws));
    Ok(vec![Outcome {
        task: question.label.to_owned(),
        protocol: Kind::Phenotype.label(),
        split: format!("{FOLDS} folds by {}", question.group),
        exclusion: question.group.to_owned(),
        normalisation: "raw".to_owned(),
        level: Level::Row,
        seed,
        simulated: question.simulated,
        contaminated: Vec::new(),
        source: None,
        target: None,
        n_query: rows.rows.len(),
        n_gallery: rows.rows.len(),
        n_dropped: count - rows.rows.len(),
        metrics,
        baselines,
        notes,
    }])
}

impl<'a> Taken<'a> {
    fn new(question: &Phenotype<'a>) -> Result<Self, ProtocolError> {
        let empty =
            |why: String, remedy| ProtocolError::Empty { protocol: Kind::Phenotype.label(), why, remedy };
        let known: Vec<(usize, &str)> = question
            .labels
            .iter()
            .enumerate()
            .filter_map(|(row, label)| Some((row, label.as_deref().filter(|label| !label.is_empty())?)))
            .filter(|&(row, _)| !question.groups[row].is_empty())
            .collect();
        let numbers =
            |names: BTreeSet<&'a str>| -> BTreeMap<&'a str, usize> { names.into_iter().zip(0..).collect() };
        let labels = numbers(known.iter().map(|(_, label)| *label).collect());
        let groups = numbers(known.iter().map(|(row, _)| question.groups[*row].as_str()).collect());
        if labels.len() < 2 {
            let why = format!("{} rows have {} labels in {}", known.len(), labels.len(), question.label);
            return Err(empty(why, "Name a column with two labels or more."));
        }
        if groups.len() < 2 {
            let why = format!("{} rows are of {} groups in {}", known.len(), groups.len(), question.group);
            return Err(empty(why, "Name a column that tells films or plates apart."));
        }
        let mut rows = Self {
            rows: known.iter().map(|(row, _)| *row).collect(),
            class: known.iter().map(|(_, label)| labels[label]).collect(),
            group: known.iter().map(|(row, _)| groups[question.groups[*row].as_str()]).collect(),
            fold: Vec::new(),
            groups: groups.len(),
            labels: labels.into_keys().collect(),
        };
        rows.fold = rows.deal(question.seed);
        Ok(rows)
    }

    /// The fold of each row. Groups come in the order of their size, equal ones at random; each goes where the labels of all folds get
    /// most even: where the sum of squares of what a fold has of each label, as part of all, grows least.
    fn deal(&self, seed: u64) -> Vec<usize> {
        let labels = self.labels.len();
        let (mut of_group, mut all) = (vec![vec![0.0; labels]; self.groups], vec![0.0; labels]);
        for (&group, &class) in self.group.iter().zip(&self.class) {
            of_group[group][class] += 1.0;
            all[class] += 1.0;
        }
        let mut order: Vec<usize> = (0..self.groups).collect();
        order.shuffle(&mut stream(seed, &["phenotype", "folds"]));
        order.sort_by(|&a, &b| {
            let size = |group: usize| of_group[group].iter().sum::<f64>();
            size(b).total_cmp(&size(a))
        });
        let (mut filled, mut fold) = (vec![vec![0.0; labels]; FOLDS], vec![0; self.groups]);
        for group in order {
            let cost = |fold: usize| -> f64 {
                let of = filled[fold].iter().zip(&of_group[group]).zip(&all);
                of.map(|((has, gets), all): ((&f64, &f64), &f64)| gets * (2.0 * has + gets) / (all * all))
                    .sum()
            };
            let least = (0..FOLDS).min_by(|&a, &b| cost(a).total_cmp(&cost(b))).unwrap_or(0);
            fold[group] = least;
            filled[least].iter_mut().zip(&of_group[group]).for_each(|(has, gets)| *has += gets);
        }
        self.group.iter().map(|&group| fold[group]).collect()
    }

    /// Predicted class of each row, `None` where nothing could be learnt, and the `C` of each fold.
    fn predict(
        &self,
        values: &[f32],
        dim: usize,
        class: &[usize],
        progress: &Progress,
    ) -> Result<(Vec<Option<usize>>, Vec<String>), ProtocolError> {
        let (mut predicted, mut chosen) = (vec![None; self.rows.len()], Vec::new());
        let row = |place: usize| &values[self.rows[place] * dim..(self.rows[place] + 1) * dim];
        let refused = |error: SvmError| match error {
            SvmError::Stopped(stopped) => stopped.into(),
            error => ProtocolError::Empty {
                protocol: Kind::Phenotype.label(),
                why: error.to_string(),
                remedy: "Standardise the vectors first.",
            },
        };
        for fold in 0..FOLDS {
            progress.check()?;
            let (held, training): (Vec<usize>, Vec<usize>) =
                (0..self.rows.len()).partition(|&place| self.fold[place] == fold);
            progress.add(1);
            if held.is_empty() {
                continue;
            }
            let rows: Vec<f32> = training.iter().flat_map(|&place| row(place)).copied().collect();
            let of = |all: &[usize]| -> Vec<usize> { training.iter().map(|&place| all[place]).collect() };
            let (classes, groups) = (of(class), of(&self.group));
            let c = match choose_c_of_classes(&rows, dim, &classes, &groups, progress) {
                Ok(c) => c,
                // One label, or one group, is left to learn from: no boundary can be chosen.
                Err(SvmError::Groups) => {
                    chosen.push("none".to_owned());
                    continue;
                }
                Err(error) => return Err(refused(error)),
            };
            chosen.push(c.to_string());
            let svm = OneVsOne::fit(&rows, dim, &classes, c, progress).map_err(refused)?;
            for place in held {
                predicted[place] = Some(svm.predict(row(place)));
            }
        }
        Ok((predicted, chosen))
    }

    /// Labels dealt out anew, and how: within each group that has several, so that what a group tells of its labels stays; groups
    /// of one label exchange theirs, as nothing would change within them.
    fn shuffled(&self, seed: u64) -> (Vec<usize>, String) {
        let mut class = self.class.clone();
        let mut rng = stream(seed, &["phenotype", "permuted"]);
        let mut of_group = vec![Vec::new(); self.groups];
        self.group.iter().enumerate().for_each(|(place, &group)| of_group[group].push(place));
        let is_pure = |places: &Vec<usize>| places.iter().all(|&place| class[place] == class[places[0]]);
        let (pure, mixed): (Vec<Vec<usize>>, Vec<Vec<usize>>) = of_group.into_iter().partition(is_pure);
        for places in &mixed {
            let mut own: Vec<usize> = places.iter().map(|&place| class[place]).collect();
            own.shuffle(&mut rng);
            for (&place, label) in places.iter().zip(own) {
                class[place] = label;
            }
        }
        let mut own: Vec<usize> = pure.iter().map(|places| class[places[0]]).collect();
        own.shuffle(&mut rng);
        for (places, label) in pure.iter().zip(own) {
            for &place in places {
                class[place] = label;
            }
        }
        let note = match (pure.len(), mixed.len()) {
            (0, _) => "permuted: labels shuffled within each group.".to_owned(),
            (_, 0) => {
                "permuted: each group has one label, and labels are shuffled between groups.".to_owned()
            }
            (pure, mixed) => format!(
                "permuted: labels shuffled within {mixed} groups, and between the {pure} groups that have one label each."
            ),
        };
        (class, note)
    }

    /// The most frequent label of the other folds, of each row.
    fn majority(&self) -> Vec<Option<usize>> {
        let of_fold = |fold: usize| {
            let mut counts = vec![0_usize; self.labels.len()];
            for (&class, _) in self.class.iter().zip(&self.fold).filter(|(_, own)| **own != fold) {
                counts[class] += 1;
            }
            (0..counts.len()).max_by_key(|&class| (counts[class], std::cmp::Reverse(class)))
        };
        let by_fold: Vec<Option<usize>> = (0..FOLDS).map(of_fold).collect();
        self.fold.iter().map(|&fold| by_fold[fold]).collect()
    }

    /// Scores of predictions, with intervals over groups.
    fn scores(&self, draws: &Draws, class: &[usize], predicted: &[Option<usize>]) -> Scored {
        let labels = self.labels.len();
        // Rows of each group by true and predicted label, the last for none.
        let mut tables = vec![BTreeMap::<(usize, usize), f64>::new(); self.groups];
        for ((&group, &own), found) in self.group.iter().zip(class).zip(predicted) {
            *tables[group].entry((own, found.unwrap_or(labels))).or_default() += 1.0;
        }
        Self::estimates(draws, |counts| {
            let mut confusion = Confusion::new(labels);
            for (table, &count) in tables.iter().zip(counts).filter(|(_, count)| **count > 0) {
                for (&(own, found), rows) in table {
                    confusion.add(own, found, rows * f64::from(count));
                }
            }
            confusion.scores()
        })
    }

    /// Scores of labels at random with their frequencies, in expectation: a part `p` of the rows has F1 `p`.
    fn chance(&self, draws: &Draws) -> Scored {
        let labels = self.labels.len();
        let mut tables = vec![vec![0.0; labels]; self.groups];
        for (&group, &class) in self.group.iter().zip(&self.class) {
            tables[group][class] += 1.0;
        }
        Self::estimates(draws, |counts| {
            let mut parts = vec![0.0; labels];
            for (table, &count) in tables.iter().zip(counts) {
                parts.iter_mut().zip(table).for_each(|(part, rows)| *part += rows * f64::from(count));
            }
            let all: f64 = parts.iter().sum();
            let known = parts.iter().filter(|part| **part > 0.0).count() as f64;
            let squares = parts.iter().map(|part| (part / all).powi(2)).sum();
            (all > 0.0).then(|| [squares, 1.0 / known, squares])
        })
    }

    fn estimates(draws: &Draws, score: impl Fn(&[u32]) -> Option<[f64; 3]> + Sync) -> Scored {
        let of = |at: usize| draws.estimate(|counts| score(counts).map(|scores| scores[at]));
        scored([("weighted_f1", of(0)), ("macro_f1", of(1)), ("accuracy", of(2))])
    }

    fn notes(&self, question: &Phenotype<'_>) -> Vec<String> {
        let mut counts = vec![0_usize; self.labels.len()];
        self.class.iter().for_each(|&class| counts[class] += 1);
        let list: Vec<String> =
            self.labels.iter().zip(&counts).map(|(label, rows)| format!("{label} {rows}")).collect();
        let mut notes = vec![
            format!("Rows by label: {}.", list.join(", ")),
            format!(
                "{} groups of {} in {FOLDS} folds; intervals: groups drawn with replacement.",
                self.groups, question.group
            ),
        ];
        let lost = (0..FOLDS).flat_map(|fold| {
            let has = move |class: usize, inside: bool| {
                let mut of = self.class.iter().zip(&self.fold);
                of.any(|(&own, &place)| own == class && (place == fold) == inside)
            };
            (0..self.labels.len()).filter(move |&class| has(class, true) && !has(class, false))
        });
        let lost: BTreeSet<&str> = lost.map(|class| self.labels[class]).collect();
        if !lost.is_empty() {
            let lost: Vec<&str> = lost.into_iter().collect();
            let lost = lost.join(", ");
            notes.push(format!("Only in one fold, so that nothing could be learnt of it: {lost}."));
        }
        notes
    }
}

/// Rows by label, and by what they were taken for.
struct Confusion {
    own: Vec<f64>,
    /// The last is none.
    found: Vec<f64>,
    right: Vec<f64>,
}

impl Confusion {
    fn new(labels: usize) -> Self {
        Self { own: vec![0.0; labels], found: vec![0.0; labels + 1], right: vec![0.0; labels] }
    }

    fn add(&mut self, own: usize, found: usize, rows: f64) {
        self.own[own] += rows;
        self.found[found] += rows;
        if own == found {
            self.right[own] += rows;
        }
    }

    /// Weighted F1, macro F1 (over labels that occur) and accuracy.
    fn scores(&self) -> Option<[f64; 3]> {
        let all: f64 = self.own.iter().sum();
        let occurring: Vec<usize> = (0..self.own.len()).filter(|&class| self.own[class] > 0.0).collect();
        let f1 = |class: usize| 2.0 * self.right[class] / (self.own[class] + self.found[class]);
        let weighted = occurring.iter().map(|&class| f1(class) * self.own[class]).sum::<f64>() / all;
        let mean = occurring.iter().map(|&class| f1(class)).sum::<f64>() / occurring.len() as f64;
        (all > 0.0).then(|| [weighted, mean, self.right.iter().sum::<f64>() / all])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::normal;

    /// Twelve films of 20 rows. `film`: how strongly a film moves its rows, `effect`: how strongly a label does; with `by_film` all rows of
    /// a film have its label.
    fn films(film: f64, effect: f64, by_film: bool) -> (Vec<f32>, Vec<Option<String>>, Vec<String>) {
        let mut rng = stream(2, &["films"]);
        let (mut vectors, mut labels, mut groups) = (Vec::new(), Vec::new(), Vec::new());
        for group in 0..12 {
            let own: Vec<f64> = (0..6).map(|_| film * normal(&mut rng)).collect();
            for row in 0..20 {
                let class = if by_film { group % 3 } else { (row * 7 + group) % 3 };
                let moved = |j: usize| if j == class { effect } else { 0.0 };
                vectors.extend((0..6).map(|j| (own[j] + moved(j) + normal(&mut rng)) as f32));
                labels.push(Some(["a", "b", "c"][class].to_owned()));
                groups.push(format!("film {group}"));
            }
        }
        (vectors, labels, groups)
    }

    fn ask(
        films: &(Vec<f32>, Vec<Option<String>>, Vec<String>),
        baselines: &[(String, usize, Vec<f32>)],
    ) -> Result<Outcome, ProtocolError> {
        seeded(films, baselines, 1)
    }

    fn seeded(
        (vectors, labels, groups): &(Vec<f32>, Vec<Option<String>>, Vec<String>),
        baselines: &[(String, usize, Vec<f32>)],
        seed: u64,
    ) -> Result<Outcome, ProtocolError> {
        let question = Phenotype {
            vectors,
            dim: 6,
            labels,
            groups,
            baselines,
            simulated: true,
            seed,
            label: "phenotype",
            group: "film",
        };
        Ok(phenotype(&question, &Progress::default())?.remove(0))
    }

    fn value(scored: &Scored, name: &str) -> f64 {
        scored[name].unwrap().value
    }

    #[test]
    fn labels_are_found_in_films_that_were_never_seen() {
        let mut screen = films(0.3, 4.0, false);
        screen.1[5] = None;
        let noise: Vec<f32> = (0..240).map(|row| (row * 37 % 101) as f32).collect();
        let found = ask(&screen, &[("noise".to_owned(), 1, noise)]).unwrap();
        assert!(value(&found.metrics, "weighted_f1") > 0.9, "{found:?}");
        assert_eq!((found.n_query, found.n_dropped), (239, 1));
        assert_eq!(found.metrics["map"], None);
        for name in ["permuted", "majority", "chance", "noise"] {
            let score = value(&found.baselines[name], "accuracy");
            assert!((0.2..0.5).contains(&score), "{name} {score}");
        }
        assert!(value(&found.baselines["majority"], "macro_f1") < 0.25);
        let interval = found.metrics["macro_f1"].unwrap();
        assert!(interval.lo < interval.value && interval.value < interval.hi);
    }

    #[test]
    fn what_only_the_film_tells_is_worth_nothing() {
        // Each film has its place and one label: within films every row would be found.
        let found = ask(&films(8.0, 0.0, true), &[]).unwrap();
        let score = value(&found.metrics, "accuracy");
        assert!(score < 0.6, "{score}");
        // Here films have one label each, and that is all that can be dealt out anew: shuffled within them it would stay as it is.
        let screen = films(0.3, 4.0, true);
        let found = ask(&screen, &[]).unwrap();
        assert!(value(&found.metrics, "accuracy") > 0.9, "{found:?}");
        assert!(found.notes.iter().any(|note| note.contains("shuffled between groups")), "{:?}", found.notes);
        let permuted = [1, 2, 3, 4].map(|seed| {
            let found = seeded(&screen, &[], seed).unwrap();
            value(&found.baselines["permuted"], "accuracy")
        });
        // Four films of each label: what a fold holds back is rarer in what is learnt, so that this is a little below chance.
        let mean = permuted.iter().sum::<f64>() / 4.0;
        assert!((0.05..0.6).contains(&mean), "{permuted:?}");
        let null = ask(&films(0.0, 0.0, false), &[]).unwrap();
        assert!(
            null.notes.iter().any(|note| note.contains("shuffled within each group")),
            "{:?}",
            null.notes
        );
        let score = value(&null.metrics, "weighted_f1");
        assert!((0.23..0.43).contains(&score), "{score}");
    }

    #[test]
    fn scores_of_a_table_are_those_of_the_definition() {
        // As scikit-learn's f1_score gives them for 3 of a (2 right, 1 taken for b), 1 of b (right), 1 of c (taken for none).
        let mut table = Confusion::new(3);
        for (own, found, rows) in [(0, 0, 2.0), (0, 1, 1.0), (1, 1, 1.0), (2, 3, 1.0)] {
            table.add(own, found, rows);
        }
        let [weighted, mean, accuracy] = table.scores().unwrap();
        let (a, b) = (0.8, 2.0 / 3.0);
        assert!((weighted - (3.0 * a + b) / 5.0).abs() < 1e-12);
        assert!((mean - (a + b) / 3.0).abs() < 1e-12);
        assert!((accuracy - 0.6).abs() < 1e-12);
        assert_eq!(Confusion::new(2).scores(), None);
    }

    #[test]
    fn one_label_one_film_and_gaps_are_said() {
        let screen = films(0.0, 1.0, false);
        let one = (screen.0.clone(), vec![Some("a".to_owned()); 240], screen.2.clone());
        assert!(ask(&one, &[]).unwrap_err().to_string().contains("240 rows have 1 labels in phenotype"));
        let alone = (screen.0.clone(), screen.1.clone(), vec!["x".to_owned(); 240]);
        assert!(ask(&alone, &[]).unwrap_err().to_string().contains("1 groups in film"));
        let mut holed = screen.clone();
        holed.0[9] = f32::NAN;
        assert!(
            ask(&holed, &[]).unwrap_err().to_string().contains("number 4 of vectors in row 2 is not finite")
        );
        let short = [("short".to_owned(), 2, vec![0.0; 7])];
        assert!(matches!(ask(&screen, &short), Err(ProtocolError::Shape { .. })));
        let stopped = Progress::default();
        stopped.cancel();
        let (vectors, labels, groups) = (&screen.0, &screen.1, &screen.2);
        let (label, group) = ("phenotype", "film");
        let question = Phenotype {
            vectors,
            dim: 6,
            labels,
            groups,
            baselines: &[],
            simulated: false,
            seed: 1,
            label,
            group,
        };
        assert!(matches!(phenotype(&question, &stopped), Err(ProtocolError::Stopped(_))));
    }
}
