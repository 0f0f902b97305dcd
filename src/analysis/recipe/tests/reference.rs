//! Numbers of pycytominer, scanpy, and formulas in NumPy.

use super::{Case, Fixture, apply};
use crate::analysis::recipe::Matrix;

/// How far a value may be from the reference, as part of its size where that is above 1.
const FAR: f64 = 1e-6;

fn compare(case: &Case, found: &Matrix) {
    let what = &case.recipe;
    assert_eq!(found.names, case.names, "{what}");
    let all: Vec<usize> = (0..found.rows).collect();
    let rows = case.rows.as_ref().unwrap_or(&all);
    assert_eq!(rows.len(), case.values.len(), "{what}");
    for feature in 0..found.names.len() {
        let own = |at: usize| found.row(rows[at])[feature];
        let expected = |at: usize| case.values[at][feature];
        let along: f64 = (0..rows.len()).map(|at| own(at) * expected(at).unwrap_or(0.0)).sum();
        let sign = if case.signs && along < 0.0 { -1.0 } else { 1.0 };
        for at in 0..rows.len() {
            match expected(at) {
                None => assert!(own(at).is_nan(), "{what}: {at} {feature}"),
                Some(expected) => {
                    let far = (sign * own(at) - expected).abs() / expected.abs().max(1.0);
                    assert!(far < FAR, "{what}: {at} {feature}: {} {expected}", own(at));
                }
            }
        }
    }
}

#[test]
fn steps_agree_with_the_programs_of_the_field() {
    let fixture = Fixture::read();
    for step in
        ["standardize", "robustize", "mad-robustize", "select", "sphere", "tvn", "combat", "coral", "mean"]
    {
        assert!(fixture.cases.iter().any(|case| case.recipe.starts_with(step)), "{step}");
    }
    for case in &fixture.cases {
        let found = apply(&case.recipe, fixture.table(&case.table)).unwrap();
        compare(case, &found.table.features);
        let [report] = found.reports.as_slice() else { panic!("{}", case.recipe) };
        assert_eq!(report.step, case.recipe);
        assert!(report.skipped.is_empty(), "{report:?}");
    }
}

/// Steps one after the other are a step on what the one before made.
#[test]
fn a_recipe_is_its_steps_in_order() {
    let fixture = Fixture::read();
    let whole =
        apply("mad-robustize,select,sphere:epsilon=1,mean:by=Metadata_Compound", fixture.table("clean"))
            .unwrap();
    let mut table = fixture.table("clean");
    for step in ["mad-robustize", "select", "sphere:epsilon=1", "mean:by=Metadata_Compound"] {
        table = apply(step, table).unwrap().table;
    }
    assert_eq!(whole.table, table);
    assert_eq!(whole.reports.len(), 4);
    assert_eq!(whole.members.len(), 7);
    assert_eq!(whole.members[1], [8, 9, 28, 29], "wells of c1");
}
