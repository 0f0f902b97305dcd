//! Rows without an answer, and what tells two tables from those of another run.

use super::*;
use crate::export::pair::row_hash;

/// The screen without the vectors of some rows.
fn without(embeddings: &EmbeddingTable, left: &[usize]) -> EmbeddingTable {
    let kept: Vec<usize> = (0..embeddings.row_ids.len()).filter(|row| !left.contains(row)).collect();
    EmbeddingTable {
        row_ids: kept.iter().map(|&row| embeddings.row_ids[row].clone()).collect(),
        values: kept.iter().flat_map(|&row| embeddings.values[row * DIM..(row + 1) * DIM].to_vec()).collect(),
        ..embeddings.clone()
    }
}

#[test]
fn videos_that_could_not_be_encoded_are_flagged_and_never_called() {
    let (experiment, all) = screen(true, true);
    // A video of the first treatment, all of another, and a control that came later.
    let left: Vec<usize> = std::iter::once(0).chain(132..144).chain([390]).collect();
    let embeddings = without(&all, &left);
    let problems: Vec<(String, String)> = left[..13]
        .iter()
        .map(|&row| (all.row_ids[row].clone(), format!("all pixels of {row} are equal")))
        .collect();
    let answers = answers(&experiment, &embeddings);
    let classified = classified(&embeddings);
    let source = Source {
        experiment: &experiment,
        classified: Some(&classified),
        warnings: &[],
        problems: &problems,
        training: Some(&[]),
        fingerprint: "f00d",
        simulated: true,
    };
    let tables = tables(&answers, &source, &Progress::default()).unwrap();
    let seen = Seen::of(&tables.videos);
    let ids: Vec<&str> = (0..seen.rows.len()).map(|row| seen.text(row, "row_id")).collect();
    assert_eq!(ids, all.row_ids, "every row, in the table's order");
    let answered = [
        "activity_call",
        "call",
        "predicted_moa",
        "nearest_moa",
        "nearest_moa_probability",
        "nearest_drug",
        "nearest_drug_similarity",
        "novelty_p",
        "novelty_call",
        "classifier_moa",
        "most_alike_training_drug",
        "treatment_n_videos",
        "note",
    ];
    for row in 0..seen.rows.len() {
        let flag = seen.text(row, "flag");
        if !left.contains(&row) {
            assert_eq!(flag, "");
            assert_ne!(seen.text(row, "call"), "");
            continue;
        }
        for column in answered {
            assert_eq!(seen.text(row, column), "", "row {row}, {column}");
        }
        let name = if row == 390 { "DMSO".to_owned() } else { format!("drug {}, \"x\"", row / 24) };
        assert_eq!(seen.text(row, "compound"), name);
        assert!(!seen.text(row, "well").is_empty() && seen.text(row, "model_hash") == "abc");
        if row == 390 {
            assert!(flag.contains("encode the videos again"), "{flag}");
        } else {
            assert_eq!(flag, format!("all pixels of {row} are equal"));
        }
    }

    let seen = Seen::of(&tables.treatments);
    assert_eq!(seen.rows.len(), 32, "the one without a video stands at the end");
    assert_eq!((seen.number(0, "n_videos"), seen.number(0, "videos_flagged")), (Some(11.0), Some(1.0)));
    assert_eq!(seen.text(0, "flag"), "");
    assert!(
        seen.text(0, "note").contains("One of its videos could not be encoded"),
        "{}",
        seen.text(0, "note")
    );
    assert_eq!((seen.text(1, "videos_flagged"), seen.text(1, "flag")), ("0.0", ""));
    assert_eq!(
        (seen.text(31, "compound"), seen.number(31, "concentration_uM")),
        ("drug 5, \"x\"", Some(10.0))
    );
    assert_eq!((seen.number(31, "n_videos"), seen.number(31, "videos_flagged")), (Some(0.0), Some(12.0)));
    assert_eq!((seen.text(31, "moa"), seen.text(31, "call")), (MOAS[1], ""));
    assert_eq!(seen.text(31, "flag"), "no video could be encoded; the first: all pixels of 132 are equal");
    let summary = Summary::of(&answers, &tables, &source);
    assert_eq!((summary.videos, summary.treatments, summary.flagged), (394, 31, 14));
    assert_eq!(summary.calls.values().sum::<usize>(), 31);
    assert!(summary.text().contains("14 more videos, not called"), "{}", summary.text());
}

#[test]
fn both_tables_carry_the_run_and_the_rows_that_they_are_of() {
    let (experiment, embeddings) = screen(true, true);
    let stamps = |embeddings: &EmbeddingTable| {
        let (_, tables, _) = both(&experiment, embeddings);
        let [videos, treatments] = [&tables.videos, &tables.treatments].map(|frame| {
            let seen = Seen::of(frame);
            let stamp = |row: usize| ["run_id", "row_hash"].map(|name| seen.text(row, name).to_owned());
            assert!((0..seen.rows.len()).all(|row| stamp(row) == stamp(0)));
            stamp(0)
        });
        assert_eq!(videos, treatments);
        videos
    };
    let [run, rows] = stamps(&embeddings);
    assert_eq!(rows, row_hash(embeddings.row_ids.iter().map(String::as_str)));
    assert_eq!(run.len(), 32);
    let other =
        EmbeddingTable { values: embeddings.values.iter().map(|x| x * x).collect(), ..embeddings.clone() };
    let [other_run, other_rows] = stamps(&other);
    assert_eq!(other_rows, rows);
    assert_ne!(other_run, run);
}

#[test]
fn a_table_that_cannot_be_written_leaves_the_other_as_it_was() {
    let (experiment, embeddings) = screen(true, true);
    let (_, tables, _) = both(&experiment, &embeddings);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    std::fs::create_dir(&path).unwrap();
    std::fs::write(treatments_beside(&path), "old").unwrap();
    let error = tables.write(&path).unwrap_err().to_string();
    assert!(error.contains("t.csv: "), "{error}");
    assert_eq!(std::fs::read(treatments_beside(&path)).unwrap(), b"old");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing else is left");
}
