use rand::RngExt as _;
use serde::Deserialize;

use super::*;
use crate::analysis::testing;
use crate::progress::Progress;
use crate::random::{normal, stream};

/// A row of `tests/fixtures/protocols/make.py`.
#[derive(Deserialize)]
struct Row {
    compound: usize,
    dose: f64,
    moas: Vec<usize>,
    plate: String,
    well: String,
    replicate: usize,
    control: bool,
    domain: String,
    label: Option<String>,
    frame: f64,
}

/// What scikit-learn and NumPy find.
#[derive(Debug, Deserialize)]
struct Expected {
    protocol: String,
    normalisation: Option<String>,
    level: Option<String>,
    exclusion: Option<String>,
    source: Option<String>,
    target: Option<String>,
    n_query: usize,
    n_gallery: usize,
    n_dropped: usize,
    map: Option<f64>,
    cmc1: Option<f64>,
    cmc5: Option<f64>,
    cmc10: Option<f64>,
    accuracy_k5: Option<f64>,
}

#[derive(Deserialize)]
struct Case {
    rows: Vec<Row>,
    dim: usize,
    values: Vec<f32>,
    min_gap: f64,
    outcomes: Vec<Expected>,
}

fn items(rows: &[Row]) -> Items {
    let plain: Vec<testing::Row> = rows
        .iter()
        .map(|row| testing::Row {
            compound: row.compound,
            moas: row.moas.clone(),
            replicate: row.replicate,
            well: row.well.clone(),
            control: row.control,
            ..testing::Row::default()
        })
        .collect();
    let mut items = testing::items(&plain);
    for (item, row) in items.items.iter_mut().zip(rows) {
        item.plate.clone_from(&row.plate);
        item.dose = Some(row.dose);
    }
    items
}

fn vectors(name: &str, dim: usize, values: Vec<f32>) -> Vectors {
    Vectors { name: name.to_owned(), dim, values, by_distance: false }
}

fn asked<'a>(items: &'a Items, vectors: &'a Vectors, baselines: &'a [Vectors]) -> Question<'a> {
    Question { items, vectors, baselines, simulated: false, seed: 3, resamples: 200 }
}

fn value(scored: &Scored, metric: &str) -> Option<f64> {
    scored.get(metric).copied().flatten().map(|estimate| estimate.value)
}

#[test]
fn scores_are_those_of_scikit_learn_and_copairs() {
    let text = include_str!("../../../tests/fixtures/protocols/protocols.json");
    let cases: Vec<Case> = serde_json::from_str(text).unwrap();
    assert_eq!(cases.len(), 3);
    for case in cases {
        let items = items(&case.rows);
        let vectors = vectors("net", case.dim, case.values);
        let question = asked(&items, &vectors, &[]);
        let domains: Vec<Option<String>> = case.rows.iter().map(|row| Some(row.domain.clone())).collect();
        let domains = Domains { column: "cell_line", values: &domains };
        let labels: Vec<Option<String>> = case.rows.iter().map(|row| row.label.clone()).collect();
        let frames: Vec<Option<f64>> = case.rows.iter().map(|row| Some(row.frame)).collect();
        let same = Identity { column: "cell", labels: &labels, frames: &frames, min_gap: case.min_gap };
        let progress = Progress::default();
        let mut found = nsc(&question, &progress).unwrap();
        found.extend(leave_plate_out(&question, None, &progress).unwrap());
        found.extend(leave_plate_out(&question, Some(domains), &progress).unwrap());
        found.extend(plate_knn(&question, domains, &progress).unwrap());
        found.extend(identity(&question, &same, &progress).unwrap());
        assert_eq!(found.len(), case.outcomes.len());
        for expected in &case.outcomes {
            let is = |one: &&Outcome| {
                one.protocol == expected.protocol
                    && expected.normalisation.as_ref().is_none_or(|name| *name == one.normalisation)
                    && expected.level.as_ref().is_none_or(|level| level == one.level.label())
                    && expected.exclusion.as_ref().is_none_or(|name| *name == one.exclusion)
                    && (&one.source, &one.target) == (&expected.source, &expected.target)
            };
            let one = found.iter().find(is).unwrap();
            let counts = (one.n_query, one.n_gallery, one.n_dropped);
            assert_eq!(counts, (expected.n_query, expected.n_gallery, expected.n_dropped), "{expected:?}");
            let Expected { map, cmc1, cmc5, cmc10, accuracy_k5, .. } = expected;
            let mut metrics = vec![("map", map), ("cmc1", cmc1), ("cmc5", cmc5), ("cmc10", cmc10)];
            if expected.protocol == "plate-knn" {
                metrics.extend([("accuracy", cmc1), ("accuracy_k5", accuracy_k5)]);
            }
            for (name, expected_value) in metrics {
                let own = value(&one.metrics, name);
                let close = own.zip(*expected_value).map(|(own, reference)| (own - reference).abs() < 1e-6);
                assert!(
                    close.unwrap_or(own.is_none() == expected_value.is_none()),
                    "{name} {own:?} {expected:?}"
                );
            }
        }
    }
}

/// Plates of one layout: 24 compounds and 8 controls; a vector is what `signal` makes of compound and plate, and noise.
fn plates(count: usize, mut signal: impl FnMut(usize, usize) -> Vec<f32>) -> (Items, Vec<f32>) {
    let mut rng = stream(5, &["plates"]);
    let (mut rows, mut values) = (Vec::new(), Vec::new());
    for plate in 0..count {
        for place in 0..32 {
            let compound = place.min(24);
            rows.push(testing::Row {
                compound,
                moas: if compound < 24 { vec![compound / 4] } else { Vec::new() },
                well: format!("{}{:02}", char::from(b'A' + (place / 8) as u8), place % 8 + 1),
                control: compound == 24,
                simulated: plate == 0,
                ..testing::Row::default()
            });
            values.extend(signal(compound, plate).into_iter().map(|x| x + normal(&mut rng) as f32));
        }
    }
    let mut items = testing::items(&rows);
    for (row, item) in items.items.iter_mut().enumerate() {
        item.plate = format!("plate {}", row / 32);
    }
    (items, values)
}

/// A direction for each number, the same in every call.
fn direction(number: usize, length: f32) -> Vec<f32> {
    let mut rng = stream(9, &[&number.to_string()]);
    (0..16).map(|_| length * normal(&mut rng) as f32).collect()
}

#[test]
fn where_plates_share_a_layout_position_alone_finds_everything_and_shuffled_labels_nothing() {
    let (items, values) = plates(4, |compound, _| direction(compound, 1.0));
    let domains: Vec<Option<String>> =
        (0..items.len()).map(|row| Some(if row < 64 { "24 h" } else { "48 h" }.to_owned())).collect();
    let domains = Domains { column: "time", values: &domains };
    let vectors = vectors("net", 16, values);
    let counts: Vec<f32> = (0..items.len()).map(|row| (row % 7) as f32).collect();
    let counts = [Vectors { name: "cell count".to_owned(), dim: 1, values: counts, by_distance: true }];
    let question = asked(&items, &vectors, &counts);
    let found = plate_knn(&question, domains, &Progress::default()).unwrap();
    let pairs: Vec<(&str, &str, &str)> = found
        .iter()
        .map(|one| (one.source.as_deref().unwrap(), one.target.as_deref().unwrap(), one.exclusion.as_str()))
        .collect();
    assert_eq!(pairs.len(), 8);
    assert_eq!(pairs[2], ("24 h", "48 h", "plate"));
    for one in found.iter().filter(|one| one.exclusion == "plate") {
        assert_eq!((one.n_query, one.n_gallery, one.n_dropped), (48, 48, 0), "{one:?}");
        for metric in ["map", "cmc1", "accuracy"] {
            assert_eq!(value(&one.baselines["position"], metric), Some(1.0), "{metric}");
        }
        let (own, chance) =
            (value(&one.metrics, "cmc1").unwrap(), value(&one.baselines["chance"], "cmc1").unwrap());
        let permuted = one.baselines["permuted"]["cmc1"].unwrap();
        assert!(own > 5.0 * chance && (permuted.value - chance).abs() < 0.03, "{own} {chance} {permuted:?}");
        assert!(one.metrics["auc"].is_none() && !one.baselines["chance"].contains_key("accuracy_k5"));
        assert!(one.baselines.contains_key("cell count") && !one.baselines.contains_key("structure"));
        assert!(one.notes.iter().any(|note| note.contains("void by itself")), "{:?}", one.notes);
    }
    for one in found.iter().filter(|one| one.exclusion == "position") {
        assert_eq!(
            (one.n_query, one.n_dropped, one.metrics["map"]),
            (0, 48, None),
            "each lies in one well alone"
        );
        assert!(one.notes.iter().any(|note| note.starts_with("48 queries have their compound at their own")));
        assert!(one.baselines["permuted"]["map"].is_none(), "no baseline answers what nobody is asked");
    }
}

#[test]
fn of_equally_near_places_any_may_come_first_and_a_row_without_a_well_is_last() {
    // The third plate has its compounds one well on: rows of the others find the right and a wrong one equally near.
    let (mut items, values) = plates(3, |compound, _| direction(compound, 1.0));
    let wells: Vec<String> = items.items[..24].iter().map(|item| item.well.clone()).collect();
    for (place, item) in items.items[64..88].iter_mut().enumerate() {
        item.well.clone_from(&wells[(place + 1) % 24]);
    }
    let vectors = vectors("net", 16, values);
    let position = |items: &Items| {
        let found = leave_plate_out(&asked(items, &vectors, &[]), None, &Progress::default()).unwrap();
        let top = value(&found[0].baselines["position"], "cmc1").unwrap();
        (top, found[0].n_query, found[0].notes.join(" "))
    };
    let (top, n, _) = position(&items);
    assert!((top - (48.0 * 0.5) / 72.0).abs() < 1e-12 && n == 72, "{top}");
    // The row that loses its well ranks 48 others all alike, 2 of them right; its twin on the second plate has a wrong one alone.
    items.items[0].well.clear();
    let (top, n, notes) = position(&items);
    assert!((top - (46.0 * 0.5 + 2.0 / 48.0) / 72.0).abs() < 1e-12 && n == 72, "{top}");
    assert!(notes.contains("1 of 72 rows name no well"), "{notes}");
}

#[test]
fn within_one_domain_of_one_plate_nothing_is_left_and_this_is_said_by_the_counts() {
    let (items, values) = plates(3, |compound, _| direction(compound, 1.0));
    let domains: Vec<Option<String>> =
        (0..items.len()).map(|row| Some(if row < 32 { "a" } else { "b" }.to_owned())).collect();
    let vectors = vectors("net", 16, values);
    let domains = Domains { column: "line", values: &domains };
    let found = leave_plate_out(&asked(&items, &vectors, &[]), Some(domains), &Progress::default()).unwrap();
    let of = |source: &str, target: &str| {
        let is = |one: &&Outcome| {
            (one.source.as_deref(), one.target.as_deref(), one.exclusion.as_str())
                == (Some(source), Some(target), "plate")
        };
        let one = found.iter().find(is).unwrap();
        (one.n_query, one.n_gallery, one.n_dropped)
    };
    assert_eq!([of("a", "a"), of("a", "b"), of("b", "a")], [(0, 24, 24), (24, 48, 0), (48, 24, 0)]);
}

#[test]
fn mechanisms_are_asked_for_at_every_level_and_a_position_or_a_compound_is_no_answer() {
    let (mut items, values) = plates(3, |compound, plate| {
        let level = direction(100 + plate, 3.0);
        let effect = if compound < 24 { direction(200 + compound / 4, 1.0) } else { vec![0.0; 16] };
        level.iter().zip(effect).map(|(a, b)| a + b).collect()
    });
    // Structures that say the mechanism of the first two.
    for (place, compound) in items.compounds.iter_mut().enumerate().take(8) {
        compound.smiles = Some(if place < 4 { "CCCCCO" } else { "c1ccccc1N" }.to_owned());
    }
    let vectors = vectors("net", 16, values);
    let found = nsc(&asked(&items, &vectors, &[]), &Progress::default()).unwrap();
    let names: Vec<String> = found
        .iter()
        .map(|one| format!("{} {} {}", one.normalisation, one.level.label(), one.exclusion))
        .collect();
    let of_one = ["row nsc", "row nscb", "treatment nsc", "treatment nscb", "compound nsc", "compound nscb"];
    let expected: Vec<String> = ["raw", "dmso-centred"]
        .iter()
        .flat_map(|normalisation| of_one.iter().map(move |one| format!("{normalisation} {one}")))
        .collect();
    assert_eq!(names, expected);
    let map = |name: &str| {
        let one = &found[names.iter().position(|known| known == name).unwrap()];
        (one.metrics["map"].unwrap(), value(&one.baselines["chance"], "map").unwrap(), one)
    };
    let (raw, ..) = map("raw row nsc");
    let (centred, chance, row) = map("dmso-centred row nsc");
    assert!(centred.value > raw.value + 0.1 && raw.value > chance, "{raw:?} {centred:?} {chance}");
    let (mean, _, compound) = map("dmso-centred compound nsc");
    assert!(mean.value > centred.value, "means are less noisy: {mean:?} {centred:?}");
    assert_eq!((row.n_query, compound.n_query, compound.n_gallery), (72, 24, 24));
    let (.., of_plates) = map("dmso-centred compound nscb");
    assert_eq!((of_plates.n_query, of_plates.n_gallery), (72, 72), "means of one plate each");
    for one in &found {
        let names: Vec<&str> = one.baselines.keys().map(String::as_str).collect();
        assert_eq!(names, ["chance", "permuted", "position", "structure"]);
        let (permuted, chance) =
            (one.baselines["permuted"]["map"].unwrap(), one.baselines["chance"]["map"].unwrap());
        assert!((permuted.value - chance.value).abs() < 0.08, "{permuted:?} {chance:?}");
        assert!(one.notes.iter().any(|note| note.contains("each plate counts as one")));
        let own = one.metrics["map"].unwrap();
        assert!(own.lo <= own.value && own.value <= own.hi && own.lo < own.hi);
        assert!(one.text().contains("position") && one.text().lines().count() > 6, "{}", one.text());
        let json = serde_json::to_value(one).unwrap();
        assert_eq!(
            (&json["level"], json["metrics"]["accuracy"].is_null()),
            (&one.level.label().into(), true)
        );
        assert!(json.get("source").is_none());
    }
    // Nothing to share, nothing to ask.
    for item in &mut items.items {
        item.moas = item.compound.into_iter().collect();
    }
    items.moas = (0..25).map(|moa| moa.to_string()).collect();
    let refused = nsc(&asked(&items, &vectors, &[]), &Progress::default()).unwrap_err();
    assert!(refused.to_string().starts_with("nsc: no two compounds of 72 rows"), "{refused}");
    assert!(!refused.is_wrong_usage());
}

#[test]
fn cells_are_found_again_and_what_lies_next_to_the_query_is_not_seen() {
    // 8 cells at 10 times, 16 frames apart; neighbours in time are copies, later ones share a little.
    let mut rng = stream(4, &["cells"]);
    let (mut rows, mut values, mut labels, mut frames) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for cell in 0..8 {
        for time in 0..10_usize {
            rows.push(testing::Row::default());
            labels.push(Some(cell.to_string()));
            frames.push(Some(16.0 * time as f64));
            let of_pair = direction(1000 + cell * 10 + time / 2, 1.0);
            let jitter = rng.random_range(0.0..0.01_f32);
            values.extend(of_pair.into_iter().map(|x| x + jitter));
        }
    }
    let items = testing::items(&rows);
    let vectors = vectors("net", 16, values);
    let question = asked(&items, &vectors, &[]);
    let with = |min_gap: f64, frames: &[Option<f64>]| {
        let identity_of = Identity { column: "cell", labels: &labels, frames, min_gap };
        identity(&question, &identity_of, &Progress::default())
    };
    let near = with(1.0, &frames).unwrap().remove(0);
    let far = with(48.0, &frames).unwrap().remove(0);
    let top = |one: &Outcome| value(&one.metrics, "cmc1").unwrap();
    assert!(top(&near) == 1.0 && top(&far) < 0.3, "{near:?} {far:?}");
    assert_eq!((far.n_query, far.n_gallery, far.task.as_str()), (80, 80, "cell"));
    assert_eq!(far.exclusion, "the label's rows nearer than 48 frames");
    let permuted = value(&far.baselines["permuted"], "map").unwrap();
    assert!((permuted - value(&far.baselines["chance"], "map").unwrap()).abs() < 0.03);
    let refused = with(48.0, &vec![None; 80]).unwrap_err().to_string();
    assert!(refused.starts_with("identity: no row has a value in the column first_frame. "), "{refused}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let (items, values) = plates(2, |_, _| vec![0.0; 16]);
    let short = vectors("net", 16, values[1..].to_vec());
    let refused = nsc(&asked(&items, &short, &[]), &Progress::default()).unwrap_err().to_string();
    assert!(refused.starts_with("net: 1023 numbers are no 64 vectors of length 16"), "{refused}");
    let vectors = vectors("net", 16, values);
    let mut one = items.clone();
    one.items.iter_mut().for_each(|item| "p".clone_into(&mut item.plate));
    let refused = leave_plate_out(&asked(&one, &vectors, &[]), None, &Progress::default()).unwrap_err();
    assert!(refused.to_string().contains("48 treated rows are of 1 plates; two are needed"), "{refused}");
    let progress = Progress::default();
    progress.cancel();
    let stopped = nsc(&asked(&items, &vectors, &[]), &progress).unwrap_err();
    assert!(matches!(stopped, ProtocolError::Stopped(_)));
}
