use std::sync::Arc;

use polars::prelude::df;

use super::*;
use crate::experiment::{EmbeddingTable, Experiment, Table};

#[test]
fn names_are_taken_apart_as_cell_profiler_puts_them_together() {
    let of = |name: &str| {
        let parsed = FeatureName::parse(name);
        (parsed.compartment, parsed.channel(), parsed.words())
    };
    for (name, compartment, channel, words) in [
        (
            "Cells_Intensity_MeanIntensity_DNA",
            Compartment::Cells,
            Channel::Dna,
            "mean intensity of DNA (cells)",
        ),
        (
            "Nuclei_Texture_Contrast_RNA_3_00_256",
            Compartment::Nuclei,
            Channel::Rna,
            "texture contrast 3 00 256 of RNA (nuclei)",
        ),
        (
            "Cytoplasm_Correlation_Correlation_ER_AGP",
            Compartment::Cytoplasm,
            Channel::Several,
            "correlation of ER and AGP (cytoplasm)",
        ),
        ("Cells_AreaShape_Area", Compartment::Cells, Channel::Other, "area (cells)"),
        (
            "Cells_RadialDistribution_FracAtD_Mito_1of4",
            Compartment::Cells,
            Channel::Mito,
            "radial distribution frac at D 1of4 of Mito (cells)",
        ),
        (
            "Image_ImageQuality_Correlation_OrigAGP_5",
            Compartment::Image,
            Channel::Agp,
            "image quality correlation 5 of AGP (image)",
        ),
        // Other programs' names say what they say.
        ("PC12", Compartment::Other, Channel::Other, "PC12"),
        ("emb_7", Compartment::Other, Channel::Other, "emb 7"),
        ("mitochondria_log_area_um2", Compartment::Other, Channel::Mito, "log area um2 of Mito"),
        ("Cells", Compartment::Other, Channel::Other, "cells"),
        ("", Compartment::Other, Channel::Other, ""),
    ] {
        assert_eq!(of(name), (compartment, channel, words.to_owned()), "{name}");
    }
}

#[test]
fn features_of_ours_keep_their_words_and_others_get_some() {
    let ours = feature("mitochondria_log_flow_um_s");
    assert_eq!((ours.unit, ours.words.more.as_str()), ("ln µm/s", "moves faster (mitochondria)"));
    let other = feature("Nuclei_AreaShape_FormFactor");
    assert_eq!((other.unit, other.words.less.as_str()), ("", "less: form factor (nuclei)"));
    assert!(other.source.starts_with("as CellProfiler"));
}

/// Rows of a table of text: its header, and the cells below it.
fn cells(text: &str) -> (Vec<&str>, Vec<Vec<&str>>) {
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    (lines.next().unwrap(), lines.collect())
}

/// An experiment with its vectors: `[row][feature]`.
fn experiment(
    plates: &[&str],
    controls: &[&str],
    features: &[&str],
    values: Vec<f32>,
) -> (Experiment, Arc<EmbeddingTable>) {
    let ids: Vec<String> = (0..plates.len()).map(|row| format!("r{row}")).collect();
    let wells: Vec<String> = (1..=plates.len()).map(|row| format!("A{row:02}")).collect();
    let compounds: Vec<&str> =
        controls.iter().map(|control| if *control == "negative" { "DMSO" } else { "x" }).collect();
    let frame = df!(
        "row_id" => ids.clone(),
        "plate" => plates.to_vec(),
        "well" => wells,
        "compound" => compounds,
        "control" => controls.to_vec(),
    );
    let table = Table::from_frame(frame.unwrap()).unwrap();
    let vectors = EmbeddingTable {
        row_ids: ids,
        dim: features.len(),
        values,
        model_hash: "profile h".to_owned(),
        features: features.iter().map(|name| (*name).to_owned()).collect(),
        ..EmbeddingTable::default()
    };
    (Experiment::new("e", "/", table).unwrap(), Arc::new(vectors))
}

#[test]
fn deviations_are_those_of_pycytominer() {
    let (header, rows) = cells(include_str!("../../../tests/fixtures/profiles/robust.csv"));
    let number = |row: &Vec<&str>, column: usize| row[column].parse::<f32>().unwrap();
    let values = rows.iter().flat_map(|row| (3..6).map(|column| number(row, column))).collect();
    let plates: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    let controls: Vec<&str> =
        rows.iter().map(|row| if row[2] == "negcon" { "negative" } else { "" }).collect();
    let (experiment, vectors) = experiment(&plates, &controls, &header[3..6], values);
    let found = Deviations::of(&experiment, &vectors, None).unwrap();
    for (row, cells) in rows.iter().enumerate() {
        for feature in 0..3 {
            let (z, expected) = (found.z(row, feature).unwrap(), number(cells, 6 + feature));
            assert!((z - expected).abs() < 1e-4 * expected.abs().max(1.0), "{row} {feature}: {z} {expected}");
        }
    }
    assert!(found.without_controls().is_empty());
    assert_eq!(found.raw(0, 1), Some(number(&rows[0], 4)));
}

#[test]
fn what_cannot_be_told_is_none() {
    // The second plate has one control; the second feature does not vary in the controls, the third lacks a value.
    let plates = ["p", "p", "p", "p", "q", "q"];
    let controls = ["negative", "negative", "negative", "", "negative", ""];
    let values = vec![
        1.0,
        5.0,
        1.0, //
        2.0,
        5.0,
        f32::NAN,
        4.0,
        5.0,
        3.0, //
        8.0,
        9.0,
        2.0, //
        1.0,
        1.0,
        1.0, //
        9.0,
        9.0,
        9.0,
    ];
    let (experiment, vectors) = experiment(&plates, &controls, &["a", "b", "c"], values);
    let found = Deviations::of(&experiment, &vectors, None).unwrap();
    // Controls 1, 2, 4: median 2, distances 1, 0, 2.
    assert!((found.z(3, 0).unwrap() - 6.0 / 1.4826).abs() < 1e-5);
    assert_eq!((found.z(3, 1), found.z(5, 0), found.z(7, 0)), (None, None, None));
    assert_eq!(found.z(3, 2), Some(0.0), "the controls' median is between 1 and 3");
    assert_eq!(found.without_controls(), ["q"]);
    assert_eq!(found.strip(9), None);
    let bare = EmbeddingTable { features: Vec::new(), ..(*vectors).clone() };
    assert!(Deviations::of(&experiment, &Arc::new(bare), None).is_none(), "numbers without names");
}

#[test]
fn a_strip_has_the_same_features_for_every_row_and_few_that_are_alike() {
    // Six features of one stain that all differ, one shape that differs less, one that does not.
    let features = [
        "Nuclei_AreaShape_Area",
        "Cells_Intensity_A_DNA",
        "Cells_Intensity_B_DNA",
        "Cells_Intensity_C_DNA",
        "Cells_Intensity_D_DNA",
        "Cells_AreaShape_Area",
    ];
    let row = |shift: f32, noise: f32| {
        let by = [3.0, 9.0, 8.0, 7.0, 6.0, 0.0];
        by.map(|by| by * shift + noise).to_vec()
    };
    let values = [row(0.0, -1.0), row(0.0, 0.0), row(0.0, 1.0), row(1.0, 0.5), row(-1.0, 0.0)].concat();
    let (experiment, vectors) =
        experiment(&["p"; 5], &["negative", "negative", "negative", "", ""], &features, values);
    let found = Deviations::of(&experiment, &vectors, None).unwrap();
    assert_eq!(
        found.strip_names(),
        [
            "Cells_Intensity_A_DNA",
            "Cells_Intensity_B_DNA",
            "Cells_Intensity_C_DNA",
            "Cells_AreaShape_Area",
            "Nuclei_AreaShape_Area"
        ],
        "compartments, then channels; three of a kind"
    );
    let names = |row: usize| found.strip(row).unwrap().iter().map(|bar| bar.feature).collect::<Vec<_>>();
    assert_eq!(names(0), names(4));
    let signs: Vec<bool> = found.strip(4).unwrap().iter().map(|bar| bar.z.is_some_and(|z| z < 0.0)).collect();
    assert_eq!(signs, [true, true, true, false, true]);
    // Of one row, those that differ most, whatever they are alike.
    let far: Vec<usize> = found.furthest(3, 3).unwrap().iter().map(|bar| bar.feature).collect();
    assert_eq!(far, [1, 2, 3]);
    // Another experiment's strip is of the features that are asked for.
    let asked = vec!["Nuclei_AreaShape_Area".to_owned(), "gone".to_owned()];
    let other = Deviations::of(&experiment, &vectors, Some(&asked)).unwrap();
    assert_eq!(other.strip_names(), asked[..1]);
}
