//! What steps promise beyond the numbers of other programs.

use super::{Fixture, apply, small};
use crate::analysis::recipe::scale::median;
use crate::analysis::recipe::{Matrix, Table};

fn far(a: &Matrix, b: &Matrix) -> f64 {
    assert_eq!(a.names, b.names);
    a.values.iter().zip(&b.values).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn mad_robustize_puts_the_controls_at_0_and_1_and_again_changes_nothing() {
    let fixture = Fixture::read();
    let once = apply("mad-robustize", fixture.table("clean")).unwrap().table;
    for plate in 0..2 {
        let controls: Vec<usize> = (20 * plate..20 * plate + 8).collect();
        for feature in 0..12 {
            let mut values = once.features.present(feature, &controls);
            assert!(median(&mut values).abs() < 1e-9);
            for x in &mut values {
                *x = x.abs();
            }
            assert!((1.4826 * median(&mut values) - 1.0).abs() < 1e-9);
        }
    }
    let twice = apply("mad-robustize", once.clone()).unwrap().table;
    assert!(far(&once.features, &twice.features) < 1e-9);
}

#[test]
fn sphered_controls_have_no_correlation() {
    let fixture = Fixture::read();
    for method in ["zca-cor", "zca", "pca-cor", "pca"] {
        let recipe = format!("sphere:by=none:method={method}:epsilon=0");
        let table = apply(&recipe, fixture.table("clean")).unwrap().table;
        let controls: Vec<usize> = (0..40).filter(|&row| table.negative[row]).collect();
        for a in 0..12 {
            for b in 0..12 {
                let product = |&row: &usize| table.features.row(row)[a] * table.features.row(row)[b];
                let covariance = controls.iter().map(product).sum::<f64>() / 15.0;
                assert!((covariance - f64::from(u8::from(a == b))).abs() < 1e-8, "{method} {a} {b}");
            }
        }
    }
}

#[test]
fn what_controls_do_not_vary_in_is_enlarged_by_the_least_variance_or_by_epsilon_alone() {
    // Controls lie on the diagonal: σ = √8 along it, and nothing across.
    let rows: [&[f64]; 5] = [&[1.0, 1.0], &[-1.0, -1.0], &[1.0, 1.0], &[-1.0, -1.0], &[1.0, -1.0]];
    for (rest, sigma) in [("least", 8.0_f64.sqrt()), ("zero", 0.0)] {
        let recipe = format!("sphere:method=zca:epsilon=2:rest={rest}");
        let features = apply(&recipe, small(&rows, 4)).unwrap().table.features;
        let gain = 3.0_f64.sqrt() / (sigma + 2.0);
        assert!((features.row(4)[0] - gain).abs() < 1e-9, "{rest} {:?}", features.row(4));
        assert!((features.row(4)[1] + gain).abs() < 1e-9, "{rest} {:?}", features.row(4));
    }
    assert!("sphere:rest=zero:epsilon=0".parse::<crate::analysis::recipe::Recipe>().is_err());
}

#[test]
fn a_batch_is_aligned_to_a_shifted_and_stretched_copy() {
    let fixture = Fixture::read();
    let mut table = fixture.table("clean");
    let width = table.features.names.len();
    for row in 0..20 {
        for k in 0..width {
            let own = table.features.row(row)[k];
            table.features.values[(20 + row) * width + k] = own * (1.0 + 0.1 * k as f64) - k as f64;
        }
    }
    let before = distance(&table);
    // Shrinkage and ridge leave something of the difference, less the smaller they are.
    for (recipe, part) in
        [("combat", 0.2), ("coral:fit=all:lambda=1e-6", 0.1), ("harmony:nclust=1:lambda=1e-6", 0.35)]
    {
        let after = distance(&apply(recipe, table.clone()).unwrap().table);
        assert!(after < part * before, "{recipe}: {before} {after}");
    }
}

/// Between the wells of the first plate and those in the same place of the second.
fn distance(table: &Table) -> f64 {
    let squares = (0..20).flat_map(|row| {
        let pairs = table.features.row(row).iter().zip(table.features.row(20 + row));
        pairs.map(|(a, b)| (a - b) * (a - b)).collect::<Vec<f64>>()
    });
    squares.sum::<f64>().sqrt()
}

#[test]
fn harmony_comes_the_same_for_a_seed() {
    let fixture = Fixture::read();
    let run = |recipe: &str| apply(recipe, fixture.table("clean")).unwrap().table.features;
    let first = run("harmony:nclust=4");
    assert_eq!(first, run("harmony:nclust=4:seed=0"));
    assert_ne!(first, run("harmony:nclust=4:seed=1"));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(first, pool.install(|| run("harmony:nclust=4")));
}

#[test]
fn selection_says_why() {
    let found =
        apply("select:ops=variance+correlation+missing+blocklist+outliers", Fixture::read().table("messy"));
    let report = found.unwrap().reports.remove(0);
    let why = |name: &str| {
        let dropped = report.dropped.iter().find(|dropped| dropped.feature == name);
        dropped.unwrap_or_else(|| panic!("{name}: {report:?}")).why.as_str()
    };
    assert_eq!(why("Cells_Constant"), "has nearly always the same value");
    assert!(why("Cells_AreaShape_Area").starts_with("correlates with Cells_AreaShape_Perimeter (r = "));
    assert_eq!(why("Cytoplasm_Missing"), "lacks 4 of 40 values");
    assert_eq!(why("Nuclei_Granularity_14_RNA"), "is on the blocklist");
    assert_eq!(why("Cytoplasm_Outlier"), "has a value of size 900");
}

#[test]
fn of_equal_features_the_first_stays() {
    let rows: Vec<[f64; 3]> = (0..9).map(|i| f64::from(i).sin()).map(|x| [x, x * x, x]).collect();
    let rows: Vec<&[f64]> = rows.iter().map(<[f64; 3]>::as_slice).collect();
    let found = apply("select:ops=correlation", small(&rows, 3)).unwrap();
    assert_eq!(found.table.features.names, ["f0", "f1"]);
}

#[test]
fn aggregation_keeps_what_its_rows_agree_on() {
    let mut table = small(&[&[1.0, 2.0], &[3.0, f64::NAN], &[5.0, 6.0], &[8.0, f64::NAN]], 1);
    let texts = |texts: [&str; 4]| texts.map(str::to_owned).to_vec();
    table.columns.insert("compound".to_owned(), texts(["a", "b", "a", "b"]));
    table.columns.insert("moa".to_owned(), texts(["x", "y", "x", "y"]));
    table.columns.insert("well".to_owned(), texts(["A1", "A2", "A3", "A4"]));
    let found = apply("mean:by=compound", table.clone()).unwrap();
    assert_eq!(found.table.features.values[..3], [3.0, 4.0, 5.5]);
    assert!(found.table.features.values[3].is_nan(), "no value at all");
    assert_eq!(found.members, [vec![0, 2], vec![1, 3]]);
    assert_eq!(found.table.columns.keys().collect::<Vec<_>>(), ["compound", "moa", "plate"]);
    assert_eq!(found.table.columns["moa"], ["x", "y"]);
    assert_eq!(found.table.plate.as_deref(), Some("plate"));
    assert_eq!(found.table.negative, [false, false], "one of two rows is a control");
    assert_eq!(found.reports[0].notes.len(), 2, "{:?}", found.reports);
    table.columns.insert("plate".to_owned(), texts(["p", "q", "r", "s"]));
    let found = apply("median:by=compound", table).unwrap();
    assert_eq!(found.table.plate, None, "groups of several plates have none");
}
