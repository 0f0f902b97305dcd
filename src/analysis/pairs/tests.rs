//! Against the package (`tests/fixtures/score`), what the presets ask, and what cannot be scored.

use std::collections::{BTreeMap, BTreeSet};

use polars::prelude::df;
use serde::Deserialize;

use super::labels::Labels;
use super::profiles::Profiles;
use super::ranks::rankings;
use super::rule::Rule;
use super::scores::{Settings, score};
use super::vectors::Vectors;
use super::{PairsError, Preset, Request, Rules, Scores};
use crate::analysis::answers::activity::benjamini_hochberg;
use crate::experiment::{Experiment, Table};
use crate::progress::Progress;
use crate::random::{normal, stream};

#[derive(Deserialize)]
struct Fixture {
    dim: usize,
    null: usize,
    rows: Vec<BTreeMap<String, String>>,
    values: Vec<f32>,
    cases: Vec<Case>,
    medians: BTreeMap<String, Vec<f64>>,
    correlations: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    rules: BTreeMap<String, Vec<String>>,
    /// The rows that the package was given, where not all; `entries` are of those of the whole table.
    rows: Option<Vec<usize>>,
    entries: Vec<Entry>,
    groups: Vec<Theirs>,
}

#[derive(Deserialize)]
struct Entry {
    row: usize,
    label: Option<String>,
    ap: f64,
    positives: usize,
    total: usize,
}

#[derive(Deserialize)]
struct Theirs {
    values: Vec<String>,
    map: f64,
    p: f64,
    q: f64,
    ties: f64,
}

impl Fixture {
    fn read() -> Self {
        serde_json::from_str(include_str!("../../../tests/fixtures/score/score.json")).unwrap()
    }

    fn profiles(&self, rows: &[usize]) -> Profiles {
        let labels = |name: &str| {
            let cell = |row: &usize| {
                let parts = self.rows[*row][name].split(';').filter(|part| !part.is_empty());
                parts.map(str::to_owned).collect::<Vec<_>>()
            };
            Labels::new(name, rows.iter().map(cell))
        };
        let names = ["plate", "well", "compound", "dose", "moa", "treated", "role"];
        let values = rows.iter().flat_map(|row| &self.values[row * self.dim..(row + 1) * self.dim]);
        Profiles { dim: self.dim, values: values.copied().collect(), columns: names.map(labels).to_vec() }
    }

    fn all(&self) -> Vec<usize> {
        (0..self.rows.len()).collect()
    }

    /// The rows as a table, the controls marked.
    fn experiment(&self) -> Experiment {
        let column = |name: &str| self.rows.iter().map(|row| row[name].clone()).collect::<Vec<_>>();
        let control = |role: String| (if role == "control" { "negative" } else { "" }).to_owned();
        let frame = df!(
            "row_id" => (0..self.rows.len()).map(|row| format!("r{row}")).collect::<Vec<_>>(),
            "plate" => column("plate"),
            "well" => column("well"),
            "compound" => column("compound"),
            "concentration_uM" => column("dose"),
            "moa" => column("moa"),
            "control" => column("role").into_iter().map(control).collect::<Vec<_>>(),
        );
        experiment(frame.unwrap())
    }

    fn case(&self, name: &str) -> &Case {
        self.cases.iter().find(|case| case.name == name).unwrap()
    }
}

impl Case {
    fn rules(&self) -> Rules {
        let of = |name: &str| self.rules[name].clone();
        Rules {
            same: of("same"),
            different: of("different"),
            negatives_same: of("negatives_same"),
            negatives_different: of("negatives_different"),
            by: of("by"),
        }
    }

    /// Scores and p values as the package has them.
    fn check(&self, scores: &Scores, null: usize) {
        let scored: Vec<_> = scores.groups.iter().filter(|group| group.map.is_some()).collect();
        assert_eq!(scored.len(), self.groups.len(), "{}", self.name);
        for theirs in &self.groups {
            let name = theirs.values.join(" | ");
            let ours = scored.iter().find(|group| group.group == name).unwrap();
            let (map, p) = (ours.map.unwrap(), ours.p.unwrap());
            assert!((map - theirs.map).abs() < 1e-6, "{} {name}: {map} {}", self.name, theirs.map);
            // Both are drawn; and draws that equal the score are above it in the package where rounding has it so.
            let drawn = (2.0 * theirs.p * (1.0 - theirs.p) / null as f64).sqrt();
            let most = 5.0 * drawn + theirs.ties + 3.0 / null as f64;
            assert!((p - theirs.p).abs() < most, "{} {name}: {p} {}", self.name, theirs.p);
        }
        let mean = self.groups.iter().map(|group| group.map).sum::<f64>() / self.groups.len() as f64;
        assert!((scores.mean_map.unwrap() - mean).abs() < 1e-6, "{}", self.name);
    }
}

fn experiment(frame: polars::prelude::DataFrame) -> Experiment {
    Experiment::new("e", "/", Table::from_frame(frame).unwrap()).unwrap()
}

const SETTINGS: Settings = Settings { null: 200, seed: 1, matching: false };

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// Same compound; another compound.
fn by_compound() -> Rules {
    let compound = names(&["compound"]);
    let negatives_different = compound.clone();
    Rules { same: compound.clone(), negatives_different, by: compound, ..Rules::default() }
}

fn compounds(compounds: &[&str], values: Vec<f32>) -> Profiles {
    let cells = compounds.iter().map(|&name| names(&[name]));
    let columns = vec![Labels::new("compound", cells)];
    Profiles { dim: values.len() / compounds.len().max(1), values, columns }
}

#[test]
fn average_precisions_are_the_packages() {
    let fixture = Fixture::read();
    assert_eq!(fixture.cases.len(), 5);
    for case in &fixture.cases {
        let rows = case.rows.clone().unwrap_or_else(|| fixture.all());
        let (profiles, rules) = (fixture.profiles(&rows), case.rules());
        let positives = Rule::new(&profiles, &rules.same, &rules.different).unwrap();
        let negatives = Rule::new(&profiles, &rules.negatives_same, &rules.negatives_different).unwrap();
        let label = positives.label().unwrap();
        let vectors = Vectors::new(&profiles);
        let progress = Progress::default();
        let found = rankings(&vectors, &positives, &negatives, (label, rows.len()), &progress).unwrap();
        assert_eq!(progress.done(), progress.total());
        assert_eq!(found.iter().filter(|ranking| ranking.positives > 0).count(), case.entries.len());
        for entry in &case.entries {
            let is_its = |value: Option<u32>| match (&entry.label, label, value) {
                (Some(text), Some(labels), Some(value)) => labels.text(value) == text,
                (None, ..) => true,
                _ => false,
            };
            let mut ours = found.iter().filter(|one| rows[one.row] == entry.row && is_its(one.label));
            let ours = ours.next().unwrap();
            let place = format!("{} {} {:?}", case.name, entry.row, entry.label);
            assert_eq!(ours.shape(), (entry.positives, entry.total), "{place}");
            let precision = ours.found.unwrap().average_precision;
            assert!((precision - entry.ap).abs() < 1e-6, "{place}: {precision} {}", entry.ap);
        }
    }
}

#[test]
fn groups_p_and_q_are_the_packages() {
    let fixture = Fixture::read();
    for case in &fixture.cases {
        let rows = case.rows.clone().unwrap_or_else(|| fixture.all());
        let settings = Settings { null: fixture.null, seed: 2, matching: false };
        let scored = score(&fixture.profiles(&rows), &case.rules(), settings, &Progress::default()).unwrap();
        case.check(&scored.scores, fixture.null);
        let p: Vec<f64> = case.groups.iter().map(|group| group.p).collect();
        for (ours, theirs) in benjamini_hochberg(&p).iter().zip(&case.groups) {
            assert!((ours - theirs.q).abs() < 1e-12, "{}: {ours} {}", case.name, theirs.q);
        }
    }
}

#[test]
fn pairs_correlations_and_ties_of_replicates_are_told() {
    let fixture = Fixture::read();
    let profiles = fixture.profiles(&fixture.all());
    let rules = fixture.case("activity").rules();
    let scores = score(&profiles, &rules, SETTINGS, &Progress::default()).unwrap().scores;
    assert_eq!((scores.n, scores.groups.len()), (60, fixture.correlations.len()));
    for group in &scores.groups {
        let theirs = fixture.correlations[&group.group];
        assert!((group.correlation.unwrap() - theirs).abs() < 1e-6, "{}", group.group);
        // Six wells make fifteen pairs.
        assert_eq!((group.n, group.n_pos_pairs), (6, 15));
    }
    assert!(scores.percent_replicating.is_some() && scores.percent_matching.is_none());
    let notes = scores.notes.join("\n");
    assert!(notes.contains("equally near") && notes.contains("24 rows have no value"), "{notes}");
    assert!(notes.contains("of 90 positive pairs both rows are in the same well"), "{notes}");
    let text = scores.text();
    assert!(text.contains("6 of 6 groups scored") && text.contains("same plate; different role"), "{text}");
}

#[test]
fn a_consensus_is_the_median_and_has_all_labels() {
    let fixture = Fixture::read();
    let mut rows: Vec<usize> = fixture.all();
    rows.retain(|&row| fixture.rows[row]["role"] == "treatment");
    let columns = BTreeSet::from(["moa", "dose", "compound"]);
    let consensus = fixture.profiles(&fixture.all()).consensus("compound", &rows, &columns).unwrap();
    assert_eq!(consensus.rows(), fixture.medians.len());
    let text = |name: &str, row: usize| {
        let labels = consensus.column(name).unwrap();
        labels.of(row).iter().map(|&value| labels.text(value)).collect::<Vec<_>>().join(";")
    };
    for row in 0..consensus.rows() {
        for (ours, theirs) in consensus.row(row).iter().zip(&fixture.medians[&text("compound", row)]) {
            assert!((f64::from(*ours) - theirs).abs() < 1e-6, "{row}");
        }
        assert_eq!(text("dose", row), "1;10");
    }
    assert_eq!(text("moa", 1), "kinase;tubulin");
}

#[test]
fn what_cannot_be_scored_is_listed_without_a_number() {
    // One row of b; a and c are told apart.
    let values = vec![1.0, 0.0, 1.0, 0.1, 0.5, 0.5, 0.0, 1.0, 0.1, 1.0];
    let profiles = compounds(&["a", "a", "b", "c", "c"], values);
    let all = score(&profiles, &by_compound(), SETTINGS, &Progress::default()).unwrap().scores;
    let of = |name: &str| all.groups.iter().find(|group| group.group == name).unwrap();
    assert_eq!((of("b").n, of("b").n_pos_pairs, of("b").map, of("b").p), (1, 0, None, None));
    assert_eq!((of("a").n_pos_pairs, of("a").map), (1, Some(1.0)));
    assert_eq!((all.n, all.mean_map), (5, Some(1.0)));
    // One positive before three others: one in four random rankings is as good, though none is better.
    assert_eq!(of("a").p, Some(1.0 / 201.0));
    let notes = all.notes.join("\n");
    assert!(notes.contains("1 of 3 groups have no positive pair"), "{notes}");
    assert!(notes.contains("2 groups have q < 0.05 only because"), "{notes}");
    let json = serde_json::to_value(&all).unwrap();
    assert!(json["groups"][1]["map"].is_null() && json["groups"][1]["group"] == "b", "{json}");

    // Nothing to tell a from.
    let profiles = compounds(&["a", "a"], vec![1.0, 0.0, 1.0, 0.1]);
    let none = score(&profiles, &by_compound(), SETTINGS, &Progress::default()).unwrap().scores;
    assert_eq!((none.groups[0].n_pos_pairs, none.groups[0].map, none.groups[0].q), (1, None, None));
    assert_eq!((none.mean_map, none.mean_chance, none.fraction_active), (None, None, None));
    assert!(none.notes.join("\n").contains("2 rankings have positives and no negative"), "{:?}", none.notes);
    assert!(none.text().contains("0 of 1 groups scored"));

    let one = compounds(&["a"], vec![1.0, 2.0]);
    let one = score(&one, &by_compound(), SETTINGS, &Progress::default()).unwrap().scores;
    assert_eq!((one.n, one.groups.len(), one.mean_map, one.percent_replicating), (1, 1, None, None));

    let nobody = compounds(&[], Vec::new());
    let nobody = score(&nobody, &by_compound(), SETTINGS, &Progress::default()).unwrap().scores;
    assert_eq!((nobody.n, nobody.groups.len(), nobody.mean_map), (0, 0, None));
}

#[test]
fn nothing_is_gained_by_vectors_that_say_nothing_without_a_note() {
    for value in [0.0, 3.0] {
        let profiles = compounds(&["a", "a", "b", "b", "b"], vec![value; 10]);
        let scores = score(&profiles, &by_compound(), SETTINGS, &Progress::default()).unwrap().scores;
        // As the package sorts.
        assert_eq!(scores.mean_map, Some(1.0));
        assert_eq!(scores.groups[0].correlation, None, "constant vectors do not correlate");
        let notes = scores.notes.join("\n");
        // Of a: one behind three. Of b: two behind two.
        let least = f64::midpoint(0.25, f64::midpoint(1.0 / 3.0, 0.5));
        assert!(notes.contains("In 2 groups a positive and a negative are equally near"), "{notes}");
        assert!(notes.contains(&format!("With the negative first the mean mAP is {least:.4}.")), "{notes}");
        assert_eq!(notes.contains("5 rows have a vector of zeros"), value == 0.0, "{notes}");
    }
}

#[test]
fn rules_that_say_nothing_or_contradict_themselves_are_wrong_usage() {
    let profiles = compounds(&["a", "a", "b"], vec![1.0; 6]);
    let refused = |rules: &Rules| score(&profiles, rules, SETTINGS, &Progress::default()).err().unwrap();
    let sound = by_compound();
    for (rules, text) in [
        (Rules::default(), "which pairs are positive"),
        (Rules { negatives_different: Vec::new(), ..sound.clone() }, "which pairs are negative"),
        (
            Rules { different: names(&["compound"]), ..sound.clone() },
            "compound cannot be the same and different",
        ),
        (Rules { by: Vec::new(), ..sound.clone() }, "which rows are a group"),
        (Rules { by: names(&["plat"]), ..sound.clone() }, "there is no column plat"),
    ] {
        let error = refused(&rules);
        assert!(error.is_wrong_usage() && error.to_string().contains(text), "{error}");
    }
    let progress = Progress::default();
    progress.cancel();
    let stopped = score(&profiles, &sound, SETTINGS, &progress).err().unwrap();
    assert!(matches!(stopped, PairsError::Stopped(_)) && !stopped.is_wrong_usage());
}

#[test]
fn the_preset_of_activity_is_the_packages_tutorial() {
    let fixture = Fixture::read();
    let (experiment, rows) = (fixture.experiment(), fixture.all());
    let vectors = || (fixture.values.clone(), fixture.dim);
    let mut request =
        Request { preset: Some(Preset::Activity), null: fixture.null, seed: 4, ..Request::default() };
    // Three wells of each compound at each of two doses.
    let scores = request.score(&experiment, &rows, vectors(), &Progress::default()).unwrap();
    let groups: Vec<_> = scores.groups.iter().map(|g| (g.group.as_str(), g.n, g.n_pos_pairs)).collect();
    assert_eq!(groups.len(), 12);
    assert_eq!(groups[..2], [("c0 | 1", 3, 3), ("c0 | 10", 3, 3)]);
    assert_eq!(scores.rules.negatives_same, ["plate"]);
    // All wells of a compound, as the package was asked.
    request.rules.same = names(&["compound"]);
    let scores = request.score(&experiment, &rows, vectors(), &Progress::default()).unwrap();
    fixture.case("activity").check(&scores, fixture.null);
    let by_rows = request.score(&experiment, &rows[..5], (vec![1.0; 9], 2), &Progress::default());
    assert!(matches!(by_rows, Err(PairsError::Shape { rows: 5, dim: 2, len: 9 })));
    // Without controls there is nothing to be active against.
    let treated = request.score(&experiment, &rows[..5], (vec![1.0; 10], 2), &Progress::default());
    assert!(matches!(&treated, Err(error @ PairsError::NoControls) if !error.is_wrong_usage()));
}

#[test]
fn doses_are_replicates_of_each_other_where_each_is_there_once() {
    let doses: Vec<f64> = (0..12).map(|row| if row < 4 { 0.0 } else { f64::from(row % 4 + 1) }).collect();
    let compound = |row: i32| if row < 4 { "DMSO" } else { ["x", "y"][usize::from(row < 8)] };
    let frame = df!(
        "row_id" => (0..12).map(|row| format!("r{row}")).collect::<Vec<_>>(),
        "compound" => (0..12).map(compound).collect::<Vec<_>>(),
        "concentration_uM" => doses,
    );
    let experiment = experiment(frame.unwrap());
    let request = Request { preset: Some(Preset::Activity), null: 50, seed: 1, ..Request::default() };
    let rows: Vec<usize> = (0..12).collect();
    let mut rng = stream(1, &["doses"]);
    let values = (0..36).map(|_| normal(&mut rng) as f32).collect();
    let scores = request.score(&experiment, &rows, (values, 3), &Progress::default()).unwrap();
    let groups: Vec<_> = scores.groups.iter().map(|g| (g.group.as_str(), g.n_pos_pairs)).collect();
    assert_eq!(groups, [("y", 6), ("x", 6)]);
    let notes = scores.notes.join("\n");
    assert!(notes.contains("whatever the dose") && notes.contains("No plates are known"), "{notes}");
}

#[test]
fn sites_of_one_well_are_no_replicates() {
    // Two sites in each of six wells, of DMSO, x and y in turn; the wells of y have one name on two plates.
    let row = |row: usize| ["DMSO", "x", "y"][row / 4];
    let well = |row: usize| if row < 8 { format!("A{:02}", row / 2 + 1) } else { "B01".to_owned() };
    let plate = |row: usize| if row < 10 { "p" } else { "q" };
    let frame = df!(
        "row_id" => (0..12).map(|row| format!("r{row}")).collect::<Vec<_>>(),
        "compound" => (0..12).map(row).collect::<Vec<_>>(),
        "plate" => (0..12).map(plate).collect::<Vec<_>>(),
        "well" => (0..12).map(well).collect::<Vec<_>>(),
    );
    let experiment = experiment(frame.unwrap());
    let mut request = Request { preset: Some(Preset::Activity), null: 50, seed: 1, ..Request::default() };
    let rows: Vec<usize> = (0..12).collect();
    let mut rng = stream(1, &["sites"]);
    let values: Vec<f32> = (0..36).map(|_| normal(&mut rng) as f32).collect();
    let pairs = |request: &Request| -> Vec<(String, usize)> {
        let scores = request.score(&experiment, &rows, (values.clone(), 3), &Progress::default()).unwrap();
        let mut pairs: Vec<_> = scores.groups.into_iter().map(|g| (g.group, g.n_pos_pairs)).collect();
        pairs.sort_unstable();
        pairs
    };
    // Of six pairs of rows two are within a well.
    assert_eq!(pairs(&request), [("x".to_owned(), 4), ("y".to_owned(), 4)]);
    request.rules.different = names(&["plate"]);
    assert_eq!(pairs(&request), [("x".to_owned(), 0), ("y".to_owned(), 4)]);
}

/// Twelve wells of DMSO; three compounds of each of two mechanisms, that do much, and one that does nothing twice alike;
/// four wells each.
fn planted() -> (Experiment, Vec<f32>) {
    let mut rng = stream(9, &["consistency"]);
    let (mut compound, mut moa, mut control, mut values) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for row in 0..40 {
        let (name, of) = match row {
            0..12 => ("DMSO".to_owned(), ""),
            12..24 => (format!("a{}", (row - 12) / 4), if row < 16 { "first; alone" } else { "first" }),
            24..36 => (format!("b{}", (row - 24) / 4), "second"),
            _ => ("idle".to_owned(), "first"),
        };
        let mut vector = [0.0_f64; 8];
        match row {
            0..12 => vector[0] = 1.0,
            12..24 => (vector[1], vector[4 + (row - 12) / 4]) = (3.0, 0.5),
            24..36 => (vector[2], vector[4 + (row - 24) / 4]) = (3.0, 0.5),
            _ => vector[6 + row % 2] = if row < 38 { 3.0 } else { -3.0 },
        }
        values.extend(vector.map(|x| (x + 0.1 * normal(&mut rng)) as f32));
        compound.push(name);
        moa.push(of);
        control.push(if row < 12 { "negative" } else { "" });
    }
    let row_ids: Vec<String> = (0..40).map(|row| format!("r{row}")).collect();
    let frame = df!("row_id" => row_ids, "compound" => compound, "moa" => moa, "control" => control);
    (experiment(frame.unwrap()), values)
}

#[test]
fn the_preset_of_consistency_compares_the_medians_of_active_compounds() {
    let (experiment, values) = planted();
    let rows: Vec<usize> = (0..40).collect();
    let mut request =
        Request { preset: Some(Preset::Consistency), null: 2_000, seed: 1, ..Request::default() };
    let ask = |request: &Request| {
        request.score(&experiment, &rows, (values.clone(), 8), &Progress::default()).unwrap()
    };
    let scores = ask(&request);
    assert_eq!((scores.n, scores.mean_map), (6, Some(1.0)));
    let mut groups: Vec<_> =
        scores.groups.iter().map(|g| (g.group.as_str(), g.n, g.n_pos_pairs, g.map)).collect();
    groups.sort_by_key(|group| group.0);
    let expected = [("alone", 1, 0, None), ("first", 3, 3, Some(1.0)), ("second", 3, 3, Some(1.0))];
    assert_eq!(groups, expected);
    let notes = scores.notes.join("\n");
    assert!(notes.contains("Of 7 treatments 6 are active"), "{notes}");
    assert_eq!((scores.percent_replicating, scores.percent_matching), (None, Some(1.0)));
    // What is given replaces what the preset has, and the rest follows.
    request.rules.same = names(&["compound"]);
    let scores = ask(&request);
    assert_eq!(scores.rules.by, ["compound"]);
    assert_eq!(scores.rules.negatives_different, ["compound"]);
    assert!(scores.groups.iter().all(|group| group.n_pos_pairs == 0) && scores.mean_map.is_none());
}

#[test]
fn controls_are_told_by_an_empty_cell_too_and_cells_are_split_where_asked() {
    let frame = df!(
        "row_id" => ["a", "b", "c"],
        "control" => ["negative", "", ""],
        "target" => ["x|y", "y;z", ""],
        "moa" => ["p;q", "", "q"],
    );
    let table = Table::from_frame(frame.unwrap()).unwrap();
    let read = |lists: &[String]| {
        let columns = BTreeSet::from(["control", "target", "moa"]);
        Profiles::read(&table, &[0, 1, 2], (vec![1.0; 3], 1), &columns, lists).unwrap()
    };
    let (whole, split) = (read(&[]), read(&names(&["target"])));
    let column = |profiles: &Profiles, name: &str| profiles.column(name).unwrap().clone();
    let control = column(&whole, "control");
    assert!(control.differ(0, 1) && control.agree(1, 2));
    assert!(column(&whole, "moa").agree(0, 2) && !column(&whole, "moa").agree(1, 1));
    assert!(column(&whole, "target").differ(0, 1) && column(&split, "target").agree(0, 1));
    assert!(!column(&split, "target").differ(0, 2));
    let request = Request { rules: by_compound(), lists: names(&["tagret"]), ..Request::default() };
    assert!(matches!(request.check(&table), Err(PairsError::Column { column }) if column == "tagret"));
    let grouped = Request { rules: Rules { by: Vec::new(), ..by_compound() }, ..Request::default() };
    assert!(grouped.check(&table).is_ok(), "groups are by what is the same");
}
