//! A simulated screen and images, measured.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::analysis::items::Items;
use crate::experiment::import;
use crate::simulate;

fn screen(folder: &Path) -> Arc<Experiment> {
    let config = simulate::Config {
        moas: 2,
        drugs_per_moa: 3,
        videos_per_drug: 2,
        replicates: 2,
        size: 32,
        frames: 4,
        seed: 8,
        ..simulate::Config::default()
    };
    let manifest = simulate::run(&config, &folder.join("screen"), &Progress::default()).unwrap();
    Arc::new(import::open(&manifest).unwrap().experiment)
}

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/images").join(name)
}

fn encoded(rows: &Rows) -> Encoded {
    Biomarkers::default().encode(rows, &Progress::default()).unwrap()
}

#[test]
fn a_screen_is_measured_and_compared_with_its_controls() {
    let folder = tempfile::tempdir().unwrap();
    let experiment = screen(folder.path());
    let items = Items::of(&experiment);
    let rows = Rows { baselines: true, ..Rows::of(&experiment, &items) };
    let found = encoded(&rows);
    assert!(found.problems.is_empty() && found.warnings.is_empty(), "{:?}", found.warnings);
    assert_eq!((found.rows.len(), found.values.len()), (items.len(), items.len() * found.dim));
    assert_eq!(found.features.len(), found.dim);
    let column = |name: &str| found.features.iter().position(|feature| feature.name == name).unwrap();
    assert!(column("mitochondria_log_length_um") < column("mitochondria_log_flow_um_s"));
    assert!(found.values.iter().all(|v| v.is_finite() && v.abs() <= 20.0));
    assert_eq!(found, encoded(&rows), "the same numbers again");
    // The median of a replicate's controls is 0, whatever the feature.
    let plates: BTreeSet<(&str, usize)> =
        items.items.iter().map(|item| (item.plate.as_str(), item.replicate)).collect();
    for plate in plates {
        let is_own = |item: &Item| item.control && (item.plate.as_str(), item.replicate) == plate;
        let own: Vec<usize> = (0..items.len()).filter(|&i| is_own(&items.items[i])).collect();
        if own.len() < 3 {
            continue;
        }
        for feature in 0..found.dim {
            let mut values: Vec<f32> =
                own.iter().map(|row| found.values[row * found.dim + feature]).collect();
            values.sort_by(f32::total_cmp);
            let middle = f32::midpoint(values[(own.len() - 1) / 2], values[own.len() / 2]);
            assert!(middle.abs() < 0.01 || values.iter().any(|v| v.abs() == 20.0), "{plate:?} {feature}");
        }
    }
    let names: Vec<&str> = found.baselines.iter().map(|baseline| baseline.name).collect();
    assert_eq!(names, ["mean intensity", "single frame", "shuffled frames"]);
    let dims: Vec<usize> = found.baselines.iter().map(|baseline| baseline.dim).collect();
    assert!(dims[0] == 1 && dims[1] < found.dim && dims[2] == found.dim, "{dims:?}");
    assert_ne!(found.baselines[2].values, found.values, "movement is another one");
    let contents = Biomarkers::default().contents(&rows, &Progress::default()).unwrap();
    assert_eq!(
        contents.into_iter().flatten().map(|content| content.hash).collect::<Vec<_>>(),
        found.contents
    );

    let single = encoded(&Rows { order: Frames::Single, ..rows });
    assert_eq!(single.dim, dims[1]);
    assert!(single.features.iter().all(|feature| !feature.name.contains("flow")));
    let shuffled = encoded(&Rows { order: Frames::Shuffled, ..rows });
    assert_eq!(shuffled.dim, found.dim);
    assert_ne!(shuffled.values, found.values);
}

#[test]
fn an_image_among_movies_leaves_movement_out_and_what_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut experiment = Arc::unwrap_or_clone(screen(folder.path()));
    let image = fixture("plate1/A01_gfp.tif");
    for (row, path) in [(0, image.as_path()), (1, Path::new("nowhere.tif"))] {
        experiment.table = experiment.table.set(&[row], "path", path.to_str().unwrap()).unwrap();
    }
    let experiment = Arc::new(experiment);
    let items = Items::of(&experiment);
    let found = encoded(&Rows { baselines: true, ..Rows::of(&experiment, &items) });
    assert_eq!((found.problems.len(), found.rows.len()), (1, items.len() - 1));
    assert_eq!(found.problems[0].0, experiment.table.row_id(1));
    let warned: Vec<&str> = found.warnings.iter().map(|(row_id, _)| row_id.as_str()).collect();
    assert_eq!(warned, [experiment.table.row_id(0)], "{:?}", found.warnings);
    assert!(found.warnings[0].1.contains("movement"), "{:?}", found.warnings);
    assert!(found.features.iter().all(|feature| !feature.name.contains("flow")));
    assert_eq!(found.baselines.len(), 1, "without movement the picture is all there is");
}

#[test]
fn images_of_two_channels_are_compared_within_and_around_nuclei() {
    let experiment = Arc::new(import::open(&fixture("manifest.csv")).unwrap().experiment);
    let items = Items::of(&experiment);
    let found = encoded(&Rows::of(&experiment, &items));
    assert_eq!((found.rows.len(), found.problems.len()), (12, 0));
    let has = |name: &str| found.features.iter().any(|feature| feature.name == name);
    assert!(
        ["gfp_log_area_um2", "nucleus_log_area_um2", "gfp_nucleus_overlap", "gfp_log_nuclei_to_ring"]
            .into_iter()
            .all(has)
    );
    // A row with another channel is no shift of all others.
    let mut other = (*experiment).clone();
    other.table = other.table.set(&[11], "path", "plate1/C04_gfp.tif").unwrap();
    let other = Arc::new(other);
    let found = encoded(&Rows::of(&other, &Items::of(&other)));
    assert_eq!((found.rows.len(), found.problems.len()), (11, 1));
    assert!(found.problems[0].1.contains("gfp, nucleus"), "{:?}", found.problems);
}

#[test]
fn a_plate_with_too_few_controls_says_what_it_is_scaled_by() {
    let mut experiment = import::open(&fixture("manifest.csv")).unwrap().experiment;
    experiment.table = experiment.table.set(&[10, 11], "plate", "plate2").unwrap();
    let experiment = Arc::new(experiment);
    let found = encoded(&Rows::of(&experiment, &Items::of(&experiment)));
    let few: Vec<&str> = found
        .warnings
        .iter()
        .filter(|(_, warning)| warning.contains("controls of the whole experiment"))
        .map(|(row_id, _)| row_id.as_str())
        .collect();
    assert_eq!(few, [10, 11].map(|row| experiment.table.row_id(row)));
}

#[test]
fn rows_are_measured_in_parts_that_fit_into_memory() {
    assert_eq!(parts(&[3, 3, 3, 20, 1, 0], 7), [0..2, 2..3, 3..4, 4..6]);
    assert_eq!(parts(&[1, 1], 0), [0..1, 1..2]);
    assert!(parts(&[], 7).is_empty());
}

#[test]
fn nothing_to_measure_says_why() {
    let mut experiment = import::open(&fixture("manifest.csv")).unwrap().experiment;
    let rows: Vec<usize> = (0..12).collect();
    experiment.table = experiment.table.set(&rows, "path", "nowhere.tif").unwrap();
    let experiment = Arc::new(experiment);
    let items = Items::of(&experiment);
    let failed = Biomarkers::default().encode(&Rows::of(&experiment, &items), &Progress::default());
    let text = failed.unwrap_err().to_string();
    assert!(text.contains("none of 12 rows") && text.contains("nowhere.tif"), "{text}");
    let none = Biomarkers::default()
        .encode(&Rows { items: &[], ..Rows::of(&experiment, &items) }, &Progress::default());
    assert!(matches!(none.unwrap_err(), EncodeError::Empty));
    let about = Biomarkers::default().about().clone();
    assert_eq!((about.family.as_str(), about.trained_with.map(|drugs| drugs.len())), ("biomarkers", Some(0)));
    assert_eq!(about.hash.len(), 64);
}
