//! Tables that nobody should have: a clear error, or a listed exclusion; never a panic, and no number that is none.

use super::{Fixture, apply, small};
use crate::analysis::recipe::{RecipeError, Table};
use crate::random::{normal, stream};

/// Steps that change numbers in place, with the plate as group and as batch.
const STEPS: [&str; 12] = [
    "standardize",
    "robustize",
    "mad-robustize",
    "sphere",
    "sphere:method=zca",
    "sphere:by=none:method=pca",
    "sphere:by=none:method=pca-cor",
    "tvn",
    "harmony:nclust=2",
    "combat",
    "coral",
    "mean:by=plate",
];

fn is_finite(table: &Table) -> bool {
    table.features.values.iter().all(|x| x.is_finite())
}

/// Two plates of random numbers.
fn random(rows: usize, width: usize, controls: usize) -> Table {
    let mut rng = stream(1, &["recipe"]);
    let values: Vec<Vec<f64>> = (0..rows).map(|_| (0..width).map(|_| normal(&mut rng)).collect()).collect();
    let rows: Vec<&[f64]> = values.iter().map(Vec::as_slice).collect();
    let mut table = small(&rows, controls);
    let plates = (0..rows.len()).map(|row| ["p", "q"][row % 2].to_owned()).collect();
    table.columns.insert("plate".to_owned(), plates);
    table
}

#[test]
fn missing_values_are_passed_by_or_refused_by_name() {
    let fixture = Fixture::read();
    for step in STEPS.into_iter().take(3).chain(["select", "mean:by=Metadata_Compound"]) {
        apply(step, fixture.table("messy")).unwrap();
    }
    for step in &STEPS[3..11] {
        let error = apply(step, fixture.table("messy")).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, RecipeError::Missing { .. }), "{step}: {text}");
        assert!(text.contains("Cytoplasm_Missing, Cytoplasm_Gap"), "{step}: {text}");
        let mut infinite = random(8, 3, 4);
        infinite.features.values[4] = f64::NEG_INFINITY;
        assert!(
            matches!(apply(step, infinite), Err(RecipeError::Missing { features, .. }) if features == "f1")
        );
        let cleaned = format!("select:ops=missing:missing=0,{step}");
        apply(&cleaned, fixture.table("messy")).unwrap();
    }
}

#[test]
fn a_column_without_values_stays_without_and_is_dropped_by_selection() {
    let nan = f64::NAN;
    let table = small(&[&[1.0, nan], &[2.0, nan], &[4.0, nan], &[3.0, nan]], 3);
    for step in &STEPS[..3] {
        let found = apply(step, table.clone()).unwrap();
        assert!(found.table.features.values.iter().skip(1).step_by(2).all(|x| x.is_nan()));
        assert!(found.reports[0].notes[0].contains("f1"), "{:?}", found.reports);
        assert!(found.table.features.values.iter().step_by(2).all(|x| x.is_finite()));
    }
    for op in ["variance", "missing"] {
        let found = apply(&format!("select:ops={op}"), table.clone()).unwrap();
        assert_eq!(found.table.features.names, ["f0"]);
    }
    let found = apply("select:ops=correlation+outliers+blocklist", table.clone()).unwrap();
    assert_eq!(found.table.features.names, ["f0", "f1"]);
    let nothing = small(&[&[nan], &[nan]], 1);
    assert!(matches!(apply("select", nothing), Err(RecipeError::NothingLeft { features: 1, .. })));
}

#[test]
fn constant_features_give_numbers() {
    let mut table = random(12, 4, 8);
    for row in 0..12 {
        table.features.values[row * 4 + 1] = 0.1;
        // Constant among the controls alone.
        table.features.values[row * 4 + 2] = if row < 8 { 0.3 } else { 5.0 };
    }
    for step in STEPS {
        let found = apply(step, table.clone()).unwrap();
        assert!(is_finite(&found.table), "{step}");
    }
    // Nothing but constants.
    let row: &[f64] = &[2.0, 0.1];
    let constant = small(&[row; 6], 4);
    for step in ["standardize", "robustize", "mad-robustize", "sphere", "sphere:method=zca"] {
        let found = apply(step, constant.clone()).unwrap();
        assert!(found.table.features.values.iter().all(|x| *x == 0.0), "{step}");
        assert!(found.reports[0].notes[0].contains("f0, f1"), "{step}");
    }
    for step in ["tvn", "sphere:method=pca"] {
        assert!(matches!(apply(step, constant.clone()), Err(RecipeError::NothingLeft { .. })), "{step}");
    }
}

#[test]
fn groups_without_enough_controls_are_refused_or_stay_as_they_are_and_are_listed() {
    for controls in [1, 2, 3] {
        // Two plates in turn: one has 1, 1 or 2 controls, the other 0, 1 or 1.
        let table = random(10, 3, controls);
        let skipped = if controls == 3 { vec!["q"] } else { vec!["p", "q"] };
        // Beside groups that are scaled, one that is not would stand out for nothing but its scale.
        for step in
            ["standardize", "robustize", "mad-robustize", "sphere", "sphere:method=zca", "sphere:method=pca"]
        {
            let error = apply(step, table.clone()).unwrap_err();
            let text = error.to_string();
            let RecipeError::TooFew { groups, .. } = error else { panic!("{step}: {text}") };
            assert_eq!(groups, skipped.join(", "), "{step}");
            assert!(text.contains("by=none") && text.contains("fit=all"), "{text}");
        }
        for step in ["combat", "coral"] {
            let found = apply(step, table.clone()).unwrap();
            let report = &found.reports[0];
            let listed: Vec<&str> = report.skipped.iter().map(|skipped| skipped.group.as_str()).collect();
            assert_eq!(listed, skipped, "{step}");
            assert!(report.skipped.iter().all(|skipped| skipped.why.contains("at least 2")));
            for row in (0..10_usize).filter(|row| skipped.contains(&["p", "q"][row % 2])) {
                assert_eq!(found.table.features.row(row), table.features.row(row), "{step}");
            }
            assert!(is_finite(&found.table));
        }
        let found = apply("tvn", table.clone()).unwrap();
        assert_eq!(found.reports[0].skipped.len(), if controls == 1 { 1 } else { skipped.len() });
        assert_eq!(found.table == table, controls == 1);
        assert!(is_finite(&found.table));
    }
    let none = random(10, 3, 0);
    for step in STEPS.into_iter().filter(|step| !step.starts_with("harmony") && !step.starts_with("mean")) {
        assert!(matches!(apply(step, none.clone()), Err(RecipeError::NoControls { .. })), "{step}");
        let all = format!("{step}:fit=all");
        assert!(is_finite(&apply(&all, none.clone()).unwrap().table), "{step}");
    }
    assert!(matches!(apply("select:fit=controls", none), Err(RecipeError::NoControls { .. })));
}

#[test]
fn components_of_several_groups_are_refused() {
    let table = random(12, 3, 8);
    for method in ["pca", "pca-cor"] {
        let error = apply(&format!("sphere:method={method}"), table.clone()).unwrap_err();
        assert!(matches!(&error, RecipeError::Components { groups, .. } if groups == "p, q"), "{error}");
        let one = apply(&format!("sphere:method={method}:by=none"), table.clone()).unwrap();
        assert_eq!(one.table.features.names, ["PC1", "PC2", "PC3"]);
    }
}

#[test]
fn fewer_rows_than_features_are_enough() {
    for (rows, width) in [(6, 50), (40, 300)] {
        let table = random(rows, width, rows);
        for step in STEPS {
            let found = apply(step, table.clone()).unwrap();
            assert!(is_finite(&found.table), "{step}");
            let largest = found.table.features.values.iter().map(|x| x.abs()).fold(0.0, f64::max);
            assert!(largest < 1e5, "{step}: {largest}");
        }
    }
    let three = random(3, 50, 3);
    for step in ["sphere:by=none", "sphere:by=none:method=pca", "tvn", "mad-robustize:by=none"] {
        assert!(is_finite(&apply(step, three.clone()).unwrap().table), "{step}");
    }
    let components = apply("sphere:by=none:method=pca", three).unwrap().table.features.names;
    assert_eq!(components, ["PC1", "PC2"], "three rows around their mean");
}

#[test]
fn batches_that_say_nothing_change_nothing() {
    let mut table = random(9, 3, 9);
    for (row, plate) in table.columns.get_mut("plate").unwrap().iter_mut().enumerate() {
        *plate = if row == 4 { "alone".to_owned() } else { "p".to_owned() };
    }
    for step in ["combat", "coral"] {
        let found = apply(step, table.clone()).unwrap();
        assert_eq!(found.table, table, "{step}");
        assert_eq!(found.reports[0].skipped[0].group, "alone");
    }
    assert!(is_finite(&apply("harmony:nclust=50", table.clone()).unwrap().table), "more clusters than rows");
    let error = apply("coral:to=alone", table.clone()).unwrap_err();
    assert!(matches!(error, RecipeError::TooFew { .. }), "{error}");
    let error = apply("coral:to=x", table.clone()).unwrap_err().to_string();
    assert!(error.contains("`x` is not known") && error.contains("Known are p"), "{error}");
    let one = small(&[&[1.0, 2.0], &[2.0, 5.0], &[3.0, 1.0]], 3);
    for step in ["harmony", "combat", "coral"] {
        assert_eq!(apply(step, one.clone()).unwrap().table, one, "{step}");
    }
    table.plate = None;
    for step in ["harmony", "combat", "coral"] {
        let error = apply(step, table.clone()).unwrap_err();
        assert!(matches!(error, RecipeError::NeedsColumn { key: "batch", .. }), "{step}: {error}");
    }
    let error = apply("combat:batch=plte", table).unwrap_err().to_string();
    assert!(error.contains("`plte`") && error.contains("nearest is `plate`"), "{error}");
}

#[test]
fn huge_numbers_are_refused_or_become_missing() {
    let mut table = random(12, 3, 8);
    table.features.values[3] = 1e300;
    table.features.values[10] = -1e308;
    for step in STEPS {
        match apply(step, table.clone()) {
            Ok(found) => assert!(found.table.features.values.iter().all(|x| !x.is_infinite()), "{step}"),
            Err(error) => assert!(matches!(error, RecipeError::TooLarge { .. }), "{step}: {error}"),
        }
    }
}

#[test]
fn a_table_that_is_none_is_refused() {
    let sound = small(&[&[1.0, 2.0], &[2.0, 1.0]], 1);
    let broken = |change: fn(&mut Table)| {
        let mut table = sound.clone();
        change(&mut table);
        apply("standardize", table).unwrap_err()
    };
    assert!(matches!(broken(|table| table.features.rows = 3), RecipeError::Shape(_)));
    assert!(matches!(broken(|table| table.features.rows = usize::MAX), RecipeError::Shape(_)));
    assert!(matches!(broken(|table| table.negative.clear()), RecipeError::Shape(_)));
    let short = broken(|table| table.columns.values_mut().for_each(|texts| texts.truncate(1)));
    assert!(short.to_string().contains("plate"), "{short}");
    assert!(matches!(broken(|table| *table = Table::default()), RecipeError::Nothing { .. }));
    let unnamed = broken(|table| table.columns.clear());
    assert!(unnamed.to_string().contains("`plate`"), "{unnamed}");
}
