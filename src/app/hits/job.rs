//! Reads a screen, and writes what was read.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::shown::{Origin, of_a_plate};
use super::{Asked, Readout, Shown, Why};
use crate::analysis::hits::{HitsError, Role, WellScore, Wells, read as read_wells};
use crate::analysis::plate_layout::{Layout, Series, plan};
use crate::app::forms::predictions::TableFormat;
use crate::experiment::{Experiment, PlateFormat};
use crate::export::figure::{self, DoseResponses};
use crate::export::predictions::{hits, plate_map};
use crate::learn::encoder::Encoded;
use crate::progress::Progress;

/// What a negative control holds where the table does not say.
const SOLVENT: &str = "DMSO";

/// Reads what was asked for. Steps of `progress` are curves.
///
/// # Errors
/// Why it cannot be read.
pub fn read(experiment: &Experiment, asked: Asked, progress: &Progress) -> Result<Shown, Why> {
    let options = &asked.options;
    let (origin, wells, notes) = match &asked.readout {
        Readout::Vectors(embedded) => {
            let table = embedded.table();
            let vectors = (table.values.as_slice(), table.dim);
            let wells = Wells::of(experiment, &embedded.encoded.rows, vectors, &table.features, options);
            let origin = Origin {
                name: embedded.about.name.clone(),
                model_hash: table.model_hash,
                fingerprint: embedded.fingerprint.clone(),
                simulated: embedded.simulated,
            };
            (origin, wells, embedded.notes(experiment))
        }
        Readout::Column(column) => {
            let seen = Encoded::of_column(experiment, column);
            let origin = Origin {
                name: column.clone(),
                model_hash: String::new(),
                fingerprint: seen.fingerprint(),
                simulated: seen.rows.iter().any(|&row| experiment.is_simulated(row)),
            };
            (origin, Wells::of_readout(experiment, column, options), Vec::new())
        }
    };
    let mut hits =
        wells.and_then(|wells| read_wells(&wells, options, progress)).map_err(|error| why(&error))?;
    hits.notes.extend(notes);
    Ok(Shown::new(experiment, asked, origin, hits))
}

fn why(error: &HitsError) -> Why {
    match error {
        HitsError::Stopped(_) => Why::Stopped,
        HitsError::NoNegatives { .. }
        | HitsError::NoPositives
        | HitsError::ConstantControls { .. }
        | HitsError::SameControls { .. } => Why::Controls(error.to_string()),
        error => Why::Other(error.to_string()),
    }
}

/// A name from `first`, or with a number from 2 on, that no file in a folder has with any of some endings.
fn free_name(folder: &Path, first: &str, endings: &[String]) -> String {
    let numbered = (2_u32..).map(|n| format!("{first}_{n}"));
    let is_free =
        |name: &String| endings.iter().all(|ending| !folder.join(format!("{name}{ending}")).exists());
    let mut names = std::iter::once(first.to_owned()).chain(numbered);
    names.find(is_free).unwrap_or_else(|| first.to_owned())
}

/// Writes tables of compounds and wells into a folder, under a name that is free, and gives the files.
///
/// # Errors
/// The disk refuses.
pub fn tables(shown: &Shown, folder: &Path, format: TableFormat) -> anyhow::Result<Vec<PathBuf>> {
    let source = hits::Source {
        vectors: &shown.name,
        model_hash: &shown.model_hash,
        data_fingerprint: &shown.fingerprint,
        simulated: shown.simulated,
    };
    let ending = format.ending();
    let name = free_name(folder, "hits", &[format!(".{ending}"), format!(".wells.{ending}")]);
    Ok(hits::write(&shown.hits, &source, &folder.join(format!("{name}.{ending}")))?)
}

/// Writes dose-response curves into a folder, as many figures as they need, under names that are free, and gives the files.
///
/// # Errors
/// There are no curves; the disk refuses; the user stopped it.
pub fn figures(shown: &Shown, folder: &Path, progress: &Progress) -> anyhow::Result<Vec<PathBuf>> {
    let origin = figure::Origin {
        model: shown.model_hash.clone(),
        data: shown.fingerprint.clone(),
        simulated: shown.simulated,
    };
    let mut pages = DoseResponses::pages(&shown.hits, &shown.name, &origin);
    anyhow::ensure!(
        !pages.is_empty(),
        "no compound has wells with a dose and a score: there is nothing to draw"
    );
    // All pages of an earlier export stay.
    let numbers = std::iter::once(String::new()).chain((2..=pages.len()).map(|page| format!("_{page}")));
    let endings: Vec<String> =
        numbers.flat_map(|number| ["svg", "png"].map(|ending| format!("{number}.{ending}"))).collect();
    let name = free_name(folder, "dose_response", &endings);
    for page in &mut pages {
        page.rename(&name);
    }
    progress.set(0, pages.len() as u64);
    let mut files = Vec::new();
    for page in &pages {
        progress.check()?;
        figure::write(page, folder)?;
        let name = figure::Figure::name(page);
        files.extend(["svg", "png"].map(|ending| folder.join(format!("{name}.{ending}"))));
        progress.add(1);
    }
    Ok(files)
}

/// Lays plates out for the same compounds at the same doses, so many wells of each, and writes the map under a name that is
/// free.
///
/// # Errors
/// There is nothing to lay out, or no room; the disk refuses.
pub fn plate_map(shown: &Shown, wells: usize, folder: &Path, progress: &Progress) -> anyhow::Result<PathBuf> {
    let planned = plan(&layout(shown, wells), progress)?;
    let path = folder.join(format!("{}.csv", free_name(folder, "plate_map", &[".csv".to_owned()])));
    plate_map::write(&planned, &path)?;
    Ok(path)
}

/// As the screen that was read: its compounds, doses, controls and plates.
fn layout(shown: &Shown, wells: usize) -> Layout {
    let all = &shown.hits.wells;
    let places = shown.plates.iter().flat_map(|plate| plate.wells.keys().copied());
    let mut series: Vec<Series> = Vec::new();
    for (compound, curve) in shown.hits.compounds.iter().zip(&shown.curves) {
        let mut doses_um: Vec<f64> =
            curve.iter().map(|well| well.dose_um).filter(|dose| *dose > 0.0).collect();
        doses_um.dedup();
        if !doses_um.is_empty() {
            series.push(Series { compound: compound.compound.clone(), doses_um });
        }
    }
    let of = |role: Role| all.iter().filter(move |well| well.role == role);
    let negative = most(of(Role::Negative).filter_map(|well| well.compound.clone()));
    let positive = most(of(Role::Positive).filter_map(dosed));
    Layout {
        format: PlateFormat::guess(places).unwrap_or(PlateFormat::P384),
        series,
        wells,
        negative: negative.unwrap_or_else(|| SOLVENT.to_owned()),
        negatives: of_a_plate(all, Role::Negative).max(2),
        positives: if positive.is_some() { of_a_plate(all, Role::Positive) } else { 0 },
        positive: positive.map(|(compound, dose)| (compound, f64::from_bits(dose))),
        seed: shown.asked.options.seed,
    }
}

/// Compound and dose of a control well; `None` without one of both.
fn dosed(well: &WellScore) -> Option<(String, u64)> {
    let dose = well.dose_um.filter(|dose| *dose > 0.0)?;
    Some((well.compound.clone()?, dose.to_bits()))
}

/// The most frequent one, the first in order of several.
fn most<T: std::hash::Hash + Ord + Clone>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut counts: HashMap<T, usize> = HashMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    counts.into_iter().max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(&a.0))).map(|(value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_again_has_a_name_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let endings = [".csv", ".wells.csv"].map(str::to_owned);
        let name = || free_name(folder.path(), "hits", &endings);
        assert_eq!(name(), "hits");
        std::fs::write(folder.path().join("hits.wells.csv"), "").unwrap();
        assert_eq!(name(), "hits_2", "either file would be replaced");
        std::fs::write(folder.path().join("hits_2.csv"), "").unwrap();
        assert_eq!(name(), "hits_3");
        assert_eq!(free_name(folder.path(), "hits", &[".xlsx".to_owned()]), "hits");
    }
}
