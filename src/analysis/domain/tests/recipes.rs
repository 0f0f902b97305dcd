//! Whole comparisons of a small planted screen.

use std::sync::Arc;

use polars::prelude::df;

use crate::analysis::domain::{
    AS_IS, CompareError, Comparison, CorrectionError, Named, Request, Score, compare, corrected, defaults,
};
use crate::analysis::recipe::Recipe;
use crate::experiment::{EmbeddingTable, Experiment, Table};
use crate::progress::Progress;
use crate::random::{normal, stream};

const DIM: usize = 6;

/// Four plates of two lines, eight DMSO wells and six compounds of three mechanisms in two wells each; lines and plates
/// shift all numbers.
fn screen() -> (Experiment, EmbeddingTable) {
    let (mut ids, mut plates, mut wells, mut lines) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut compounds, mut moas, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for plate in 0..4_usize {
        for well in 0..20_usize {
            let compound = (well >= 8).then(|| (well - 8) / 2);
            let mut own = stream(1, &["well", &plate.to_string(), &well.to_string()]);
            let name = compound.map_or("DMSO".to_owned(), |compound| format!("drug {compound}"));
            let moa = compound.map(|compound| format!("moa {}", compound / 2));
            let mut of_moa = stream(1, &["moa", moa.as_deref().unwrap_or("none")]);
            let mut of_drug = stream(1, &["drug", &name]);
            let strength = if compound.is_some() { 3.0 } else { 0.0 };
            // By the cosine, only a shift that is not the same in all features is seen.
            values.extend((0..DIM).map(|feature| {
                let effect = normal(&mut of_moa) + 0.5 * normal(&mut of_drug);
                let shift =
                    if feature % 2 == 0 { 1.0 } else { -1.0 } * (8 * (plate / 2)) as f64 + 0.4 * plate as f64;
                (5.0 + shift + strength * effect + 0.7 * normal(&mut own)) as f32
            }));
            ids.push(format!("p{plate}_{well}"));
            plates.push(format!("p{plate}"));
            wells.push(format!("A{:02}", well + 1));
            lines.push(if plate < 2 { "A549" } else { "U2OS" });
            compounds.push(name);
            moas.push(moa);
        }
    }
    let frame = df!(
        "row_id" => &ids, "plate" => plates, "well" => wells, "cell_line" => lines, "compound" => compounds, "moa" => moas,
    )
    .unwrap();
    let experiment = Experiment::new("e", "/", Table::from_frame(frame).unwrap()).unwrap();
    let features = (0..DIM).map(|i| format!("Cells_{i}")).collect();
    let vectors = EmbeddingTable {
        row_ids: ids,
        dim: DIM,
        values,
        model_hash: "profile x".to_owned(),
        features,
        ..EmbeddingTable::default()
    };
    (experiment, vectors)
}

fn compared(recipes: Vec<Named>, domain: &str) -> Result<Comparison, CompareError> {
    let (experiment, vectors) = screen();
    let request = Request { null: 500, resamples: 100, ..Request::new(recipes, domain) };
    compare(&experiment, &vectors, &request, &Progress::default(), |_| {})
}

#[test]
fn a_robust_z_takes_the_line_away_and_leaves_the_compounds() {
    let found = compared(vec![Named::of("as is"), Named::of("mad-robustize")], "Metadata_cell_line").unwrap();
    assert_eq!((found.domain.as_str(), found.rows, found.controls, found.plates), ("cell_line", 80, 32, 4));
    assert_eq!(
        (found.domains.as_slice(), found.position),
        (&["A549".to_owned(), "U2OS".to_owned()][..], Some(1.0))
    );
    let [raw, z] = found.recipes.as_slice() else { panic!("two recipes") };
    let value = |line: &super::super::Line, score| line.score(score).unwrap().value.unwrap();
    assert!(value(raw, Score::Leakage) > 0.95 && value(z, Score::Leakage) < 0.7);
    assert!(value(z, Score::ReplicateMap) > value(raw, Score::ReplicateMap));
    let across = z.score(Score::Across).unwrap();
    assert!(
        across.value > across.chance && across.value > raw.score(Score::Across).unwrap().value,
        "{across:?}"
    );
    let active = value(z, Score::FractionActive);
    assert!(active > 0.0, "{active}");
    let ahead = z.score(Score::Leakage).unwrap().difference.unwrap();
    assert!(ahead.hi < 0.0, "{ahead:?}");
    let nsc = z.score(Score::NscTop1).unwrap();
    assert!(nsc.lo <= nsc.value && nsc.value <= nsc.hi && nsc.value > nsc.chance, "{nsc:?}");
    assert_eq!((z.leakage.controls, z.leakage.neighbours, z.leakage.majority), (32, 5, Some(0.5)));
    let pairs: Vec<(&str, &str)> =
        z.transfers.iter().map(|of| (of.source.as_str(), of.target.as_str())).collect();
    assert_eq!(pairs, [("A549", "A549"), ("A549", "U2OS"), ("U2OS", "A549"), ("U2OS", "U2OS")]);
    let json = serde_json::to_value(&found).unwrap();
    assert!(json["recipes"][1]["scores"]["leakage"]["hi"].is_f64(), "{json}");
    assert!(json["recipes"][0]["why"].is_null());
    assert!(
        found.notes.iter().any(|note| note.contains("the other half is asked about")),
        "{:?}",
        found.notes
    );
    assert!(found.text().contains("Domain leakage") && found.text().contains("as is"));
}

#[test]
fn the_usual_recipes_all_run_and_one_that_cannot_says_why_while_others_go_on() {
    let mut recipes = defaults();
    recipes.push(Named::new("mine", "mean:by=compound"));
    recipes.push(Named::new("mistyped", "standardise"));
    recipes.push(Named::new("strange column", "standardize:by=nowhere"));
    recipes.push(Named::new("last", "robustize"));
    let (experiment, vectors) = screen();
    let request = Request { null: 200, resamples: 20, ..Request::new(recipes, "cell_line") };
    let mut told = Vec::new();
    let progress = Progress::default();
    let found =
        compare(&experiment, &vectors, &request, &progress, |line| told.push(line.name.clone())).unwrap();
    assert_eq!((told.len(), told[0].as_str(), progress.fraction()), (14, AS_IS, Some(1.0)));
    let why = |name: &str| {
        let line = found.recipes.iter().find(|line| line.name == name).unwrap();
        assert_eq!(line.why.is_some(), line.scores.is_empty());
        line.why.clone()
    };
    for line in &found.recipes[..10] {
        assert_eq!(line.why, None, "{}", line.name);
        assert_eq!(line.scores.len(), Score::ALL.len());
    }
    assert!(why("mine").unwrap().contains("one row of several"));
    assert!(why("mistyped").unwrap().contains("standardize"));
    assert!(why("strange column").unwrap().contains("no column nowhere"));
    assert_eq!(why("last"), None);
    progress.cancel();
    let stopped = compare(&experiment, &vectors, &request, &progress, |_| {});
    assert!(matches!(stopped, Err(CompareError::Stopped(_))));
}

#[test]
fn what_is_not_there_is_none_with_a_reason() {
    let (mut experiment, vectors) = screen();
    let controls: Vec<usize> = (0..80).filter(|row| row % 20 < 8 && row / 20 == 1).collect();
    experiment.table = experiment.table.exclude(&controls, "lost").unwrap();
    let recipes = vec![Named::of(""), Named::of("standardize"), Named::of("standardize:by=cell_line")];
    let request = Request { null: 200, resamples: 20, ..Request::new(recipes, "cell_line") };
    let found = compare(&experiment, &vectors, &request, &Progress::default(), |_| {}).unwrap();
    let why = found.recipes[1].why.as_deref().unwrap();
    assert!(why.contains("p1") && why.contains("fewer than 2 rows to fit on"), "{why}");
    assert_eq!(found.recipes[2].why, None);
    let leakage = found.recipes[0].score(Score::Leakage).unwrap();
    assert!(leakage.value.is_none() && leakage.why.as_ref().unwrap().contains("two plates"), "{leakage:?}");
    assert!(found.notes.iter().any(|note| note.starts_with("8 rows are excluded")));
    assert!(matches!(compared(defaults(), "cell lime"), Err(CompareError::Column(_))));
}

#[test]
fn corrected_vectors_know_their_recipe_and_where_they_came_from() {
    let (mut experiment, vectors) = screen();
    let recipe: Recipe = "mad-robustize".parse().unwrap();
    experiment.table = experiment.table.exclude(&[79], "blurred").unwrap();
    let once = corrected(&experiment, &vectors, &recipe).unwrap();
    assert_eq!(
        (once.row_ids.len(), once.dim, once.features.as_slice()),
        (79, DIM, vectors.features.as_slice())
    );
    assert_eq!((once.recipe.as_str(), once.source.as_str()), ("mad-robustize", "profile x"));
    assert!(once.model_hash.starts_with("corrected ") && once.values != vectors.values);
    let twice = corrected(&experiment, &once, &"select,sphere:epsilon=1".parse().unwrap()).unwrap();
    assert_eq!(twice.recipe, "mad-robustize; select,sphere:epsilon=1");
    assert_eq!(twice.source, "profile x");
    assert_ne!(twice.model_hash, once.model_hash);
    let mean = corrected(&experiment, &vectors, &"mean:by=compound".parse().unwrap());
    assert!(matches!(mean, Err(CorrectionError::Aggregates { .. })));
    experiment.embeddings.insert("x".to_owned(), Arc::new(once));
}
