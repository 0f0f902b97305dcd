use std::collections::{BTreeMap, BTreeSet};

use super::traits::{Scale, Trait};
use super::*;

/// The parameters are frozen: models were trained and figures written down with these. A change needs a new version
/// of the file, new figures in `assets/simulator/README.md`, and a line in the changelog.
const FROZEN: &str = "97ad8585259ca4424c476552cbd3d10873a186555d5c640315824a5ded750e84";

fn parameters() -> &'static Parameters {
    Parameters::get().unwrap()
}

fn small() -> Config {
    Config { size: 64, frames: 6, ..Config::default() }
}

#[test]
fn the_parameters_are_frozen() {
    assert_eq!(parameters().hash, FROZEN);
}

#[test]
fn mechanisms_and_drugs_are_what_they_should_be() {
    let parameters = parameters();
    let full = parameters.moas.iter().filter(|moa| moa.drugs.len() >= 5);
    assert!(full.clone().count() >= 12);
    assert!(parameters.moas.iter().take(12).all(|moa| moa.drugs.len() >= 5));
    for moa in &parameters.moas {
        for drug in &moa.drugs {
            assert!(!compounds::smiles(&drug.name).unwrap().is_empty());
        }
    }
    assert!(!compounds::smiles("DMSO").unwrap().is_empty());
    assert!(matches!(compounds::smiles("water of life"), Err(SimulateError::Parameters(_))));
    for (moas, drugs) in [(12, 5), (12, 6), (15, 5), (15, 6), (parameters.moas.len(), 100)] {
        let list = Drug::list(parameters, moas, drugs);
        let inactive = list.iter().filter(|drug| !drug.active).count();
        assert!(inactive * 5 >= list.len(), "{inactive} of {}", list.len());
        let silent = |drug: &&Drug| Trait::ALL.iter().all(|&t| drug.shifts[t] == 0.0);
        assert_eq!(list.iter().filter(silent).count(), inactive);
    }
}

#[test]
fn some_mechanisms_change_movement_alone() {
    use Trait::{Agitation, Fission, FlickerRate, Fusion, Outward, RunRate, RunSpeed, RunTime};
    let motion = [Agitation, Fission, FlickerRate, Fusion, Outward, RunRate, RunSpeed, RunTime];
    let marked: Vec<_> = parameters().moas.iter().filter(|moa| moa.motion_only).collect();
    assert!(marked.len() >= 3);
    for moa in marked {
        assert!(moa.effects.iter().all(|effect| motion.contains(&effect.change)), "{}", moa.name);
    }
}

/// In units of the deviation from cell to cell, over all traits that vary.
fn size(shift: impl Fn(Trait) -> f64) -> f64 {
    let parameters = parameters();
    Trait::ALL.iter().map(|&t| (shift(t) / parameters.of(t).cell).powi(2)).sum::<f64>().sqrt()
}

#[test]
fn replicates_shift_by_at_least_the_weakest_effect() {
    let parameters = parameters();
    let replicate = size(|t| parameters.of(t).replicate);
    let effects = Drug::list(parameters, usize::MAX, usize::MAX).into_iter().filter(|drug| drug.active);
    let weakest = effects
        .flat_map(|drug| {
            let doses = parameters.screen.doses.clone();
            doses.into_iter().map(move |part| {
                let response = drug.response(part * drug.top_um);
                size(|t| response * drug.shifts[t])
            })
        })
        .fold(f64::INFINITY, f64::min);
    assert!(replicate >= weakest, "{replicate} {weakest}");
}

#[test]
fn doses_follow_a_hill_curve() {
    let parameters = parameters();
    for drug in Drug::list(parameters, 3, 3).iter().filter(|drug| drug.active) {
        assert!((drug.response(drug.ec50_um) - 0.5).abs() < 1e-12);
        let doses = parameters.screen.doses.iter().map(|part| drug.response(part * drug.top_um));
        assert!(doses.collect::<Vec<_>>().is_sorted_by(|a, b| a > b), "{}", drug.name);
        // In a cell the shift is that part of the full one.
        let full = Drug { ec50_um: 1e-12, ..drug.clone() };
        let moved = |drug: &Drug| {
            let row = Row { um: drug.ec50_um.max(1e-3), ..Row::single(1, 0.0) };
            let mut rng = stream(1, &["test"]);
            conditions(parameters, 1, &row, Some(drug), &mut rng).0
        };
        let mut rng = stream(1, &["test"]);
        let control = conditions(parameters, 1, &Row::single(1, 0.0), None, &mut rng).0;
        let (half, whole) = (moved(drug), moved(&full));
        let log = parameters.of(Trait::RunSpeed);
        assert_eq!(log.scale, Scale::Log);
        let (a, b) = (
            half[Trait::RunSpeed] / control[Trait::RunSpeed],
            whole[Trait::RunSpeed] / control[Trait::RunSpeed],
        );
        assert!((a.ln() - 0.5 * b.ln()).abs() < 1e-6, "{}: {a} {b}", drug.name);
    }
}

#[test]
fn a_screen_is_laid_out_as_asked() {
    let parameters = parameters();
    let config = Config { moas: 4, drugs_per_moa: 6, videos_per_drug: 7, replicates: 2, ..Config::default() };
    let drugs = Drug::list(parameters, config.moas, config.drugs_per_moa);
    let rows = rows(parameters, &config, &drugs);
    let ids: BTreeSet<&str> = rows.iter().map(|row| row.row_id.as_str()).collect();
    assert_eq!(ids.len(), rows.len());
    for replicate in 1..=2 {
        for drug in 0..drugs.len() {
            let of = rows.iter().filter(|row| row.replicate == replicate && row.drug == Some(drug));
            assert_eq!(of.count(), 7);
        }
        let controls = rows.iter().filter(|row| row.replicate == replicate && row.drug.is_none()).count();
        assert!(controls >= 14);
    }
    let mut wells: BTreeMap<(&str, (usize, usize)), Vec<&Row>> = BTreeMap::new();
    for row in &rows {
        wells.entry((row.plate.as_str(), row.well)).or_default().push(row);
        assert!(row.well.0 < 16 && row.well.1 < 24);
    }
    for cells in wells.values() {
        assert!(cells.iter().all(|row| (row.drug, row.um) == (cells[0].drug, cells[0].um)));
        let trained = cells.iter().filter(|row| matches!(row.split, "train")).count();
        assert!(trained == 0 || trained == cells.len(), "a well straddles training and the rest");
    }
    for (drug, of) in drugs.iter().enumerate() {
        let splits: BTreeSet<&str> =
            rows.iter().filter(|row| row.drug == Some(drug)).map(|row| row.split).collect();
        let expected: &[&str] = match of.split.as_str() {
            "train" => &["train"],
            "val" => &["val"],
            _ => &["gallery", "query"],
        };
        assert_eq!(splits.into_iter().collect::<Vec<_>>(), expected, "{}", of.name);
    }
}

#[test]
fn events_are_changes_of_the_graph() {
    let config = Config { size: 32, frames: 40, ..Config::default() };
    for treatment in [
        Treatment::Control,
        Treatment::Moa("mitochondrial uncoupler".to_owned(), 1.0),
        Treatment::Moa("protein synthesis inhibitor".to_owned(), 1.0),
    ] {
        let video = preview(&config, &treatment, 3).unwrap();
        let total: usize = video.truth.iter().map(|frame| frame.fissions + frame.fusions).sum();
        assert!(total > 5, "{treatment:?}: {total}");
        assert_eq!(total, video.events.len());
        for pair in video.truth.windows(2) {
            let bonds = pair[1].bonds as i64 - pair[0].bonds as i64;
            assert_eq!(bonds, pair[1].fusions as i64 - pair[1].fissions as i64);
            // A division parts at most one mitochondrion in two, a fusion joins at most two in one.
            let parts = pair[1].mitochondria as i64 - pair[0].mitochondria as i64;
            assert!((-(pair[1].fusions as i64)..=pair[1].fissions as i64).contains(&parts));
        }
    }
}

#[test]
fn mechanisms_do_what_they_say() {
    let config = Config { size: 32, frames: 16, ..Config::default() };
    let mean = |moa: Option<&str>, of: &dyn Fn(&FrameTruth) -> f64| {
        let treatment = moa.map_or(Treatment::Control, |moa| Treatment::Moa(moa.to_owned(), 1.0));
        let videos = (0..6).map(|number| preview(&config, &treatment, number).unwrap());
        videos.map(|v| v.truth.iter().map(of).sum::<f64>() / v.truth.len() as f64).sum::<f64>() / 6.0
    };
    let length = |f: &FrameTruth| f.length_um / f.mitochondria as f64;
    let control = mean(None, &length);
    assert!(mean(Some("mitochondrial uncoupler"), &length) < 0.6 * control);
    assert!(mean(Some("protein synthesis inhibitor"), &length) > 1.5 * control);
    let potential = |f: &FrameTruth| f.potential_mv;
    assert!(mean(Some("mitochondrial uncoupler"), &potential) < mean(None, &potential) - 10.0);
    assert!(mean(Some("ATP synthase inhibitor"), &potential) > mean(None, &potential) + 5.0);
    let runs = |f: &FrameTruth| f.runs as f64;
    assert!(mean(Some("tubulin polymerization inhibitor"), &runs) < 0.3 * mean(None, &runs));
    let (still, moving) = (mean(Some("ROCK inhibitor"), &|f| f.speed_um_s), mean(None, &|f| f.speed_um_s));
    assert!(still < 0.9 * moving, "{still} {moving}");
    let same = mean(Some("ROCK inhibitor"), &length) / control;
    assert!((0.8..1.25).contains(&same), "movement alone: {same}");
}

#[test]
fn the_same_cell_twice_and_another_one() {
    let of = |config: &Config, number| preview(config, &Treatment::Control, number).unwrap().frames;
    let config = small();
    assert_eq!(of(&config, 1), of(&config, 1));
    assert_ne!(of(&config, 1), of(&config, 2));
    assert_ne!(of(&config, 1), of(&Config { seed: 2, ..small() }, 1));
    let drug = |um| preview(&config, &Treatment::Drug("nocodazole".to_owned(), um), 1).unwrap();
    assert_eq!(drug(0.0).frames, of(&config, 1), "nothing of a drug is no drug");
    assert_ne!(drug(5.0).frames, of(&config, 1));
    let unknown = preview(&config, &Treatment::Drug("phlogiston".to_owned(), 1.0), 1);
    assert!(matches!(unknown, Err(SimulateError::Unknown(_))));
}

#[test]
fn odd_sizes_and_single_frames_work() {
    for (size, frames) in [(33, 1), (129, 2), (300, 1)] {
        let video = preview(&Config { size, frames, ..Config::default() }, &Treatment::Control, 1).unwrap();
        assert_eq!(video.frames.len(), size * size * frames);
        assert!((video.pixel_size_um * size as f64 - 25.6).abs() < 1e-9);
    }
    for config in [
        Config { size: 31, ..small() },
        Config { frames: 0, ..small() },
        Config { moas: 0, ..small() },
        Config { moas: 999, ..small() },
        Config { replicates: 4, layout: Layout::Mito, ..small() },
        Config { videos_per_drug: 10_000, replicates: 100, ..small() },
    ] {
        assert!(preview(&config, &Treatment::Control, 1).is_err(), "{config:?}");
    }
}

#[test]
fn a_stopped_screen_leaves_no_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("screen");
    let config = Config { moas: 1, drugs_per_moa: 1, videos_per_drug: 1, replicates: 1, ..small() };
    let progress = Progress::default();
    progress.cancel();
    let stopped = run(&config, &out, &progress);
    assert!(matches!(stopped, Err(SimulateError::Export(ExportError::Cancelled))));
    assert!(out.join(UNFINISHED).exists() && !out.join("manifest.csv").exists());
    let manifest = run(&config, &out, &Progress::default()).unwrap();
    assert!(manifest.exists() && !out.join(UNFINISHED).exists());
    // What is finished is not overwritten.
    assert!(matches!(run(&config, &out, &Progress::default()), Err(SimulateError::Folder { .. })));
}
