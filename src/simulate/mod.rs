//! Simulated screens: recordings of cells under drugs whose truth is known.
//!
//! A cell has an outline, a nucleus and microtubules ([`cell`]). Its mitochondria are a graph ([`network`]) that
//! runs, flows, divides, fuses and changes its potential ([`motion`]). A microscope sees the TMRM in them
//! ([`optics`], [`physics`]). A screen ([`screen`]) gives drugs, doses, plates and replicates; every number it needs
//! is in one cited file ([`parameters`]). What is simulated says so wherever it goes.

pub mod baselines;
pub mod cell;
mod compounds;
mod error;
mod manifest;
mod mito;
pub mod motion;
pub mod network;
pub mod optics;
pub mod parameters;
pub mod physics;
pub mod screen;
pub mod traits;
mod truth;
pub mod video;

use std::io::{self, Cursor};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use polars::prelude::{DataFrame, ParquetWriter};
use rayon::prelude::*;

pub use error::SimulateError;
pub use parameters::Parameters;
pub use screen::{Config, Drug, Layout};
pub use video::{FrameTruth, Video};

use crate::atomic_file;
use crate::export::ExportError;
use crate::progress::Progress;
use crate::random::stream;
use screen::{Row, conditions, rows};
use truth::VideoTruth;

/// Stands in the folder of a screen that is not finished.
pub const UNFINISHED: &str = "UNFINISHED";

/// Whether a screen has a file or folder of this name, in one of its layouts.
pub fn is_part(name: &str) -> bool {
    let replicate = name.strip_prefix('l').is_some_and(|number| number.parse::<u16>().is_ok());
    replicate || ["manifest.csv", "annotation.xlsx", "videos", "truth"].contains(&name)
}

/// What a cell in a preview gets.
#[derive(Debug, Clone, PartialEq)]
pub enum Treatment {
    /// DMSO.
    Control,
    /// A drug of the simulator by its name, at a concentration in µM.
    Drug(String, f64),
    /// A mechanism by its name, at a part of its full effect (0 to 1), without side effects.
    Moa(String, f64),
}

/// One video of a screen that need not exist, with its truth: the cell that `config.seed` and `number` give.
pub fn preview(config: &Config, treatment: &Treatment, number: u64) -> Result<Video, SimulateError> {
    let parameters = Parameters::get()?;
    config.check(parameters)?;
    let (drug, um) = match treatment {
        Treatment::Control => (None, 0.0),
        Treatment::Drug(name, um) => (Some(find_drug(parameters, name)?), *um),
        Treatment::Moa(name, part) => (Some(Drug::ideal(parameters, find_moa(parameters, name)?)), *part),
    };
    let row = Row::single(number, um);
    let mut rng = stream(config.seed, &["cell", &row.row_id]);
    let (traits, imaging) = conditions(parameters, config.seed, &row, drug.as_ref(), &mut rng);
    Ok(video::record(parameters, traits, imaging, config.size, config.frames, &mut rng))
}

fn find_moa(parameters: &Parameters, name: &str) -> Result<usize, SimulateError> {
    let found = parameters.moas.iter().position(|moa| moa.name == name);
    found.ok_or_else(|| SimulateError::Unknown(name.to_owned()))
}

fn find_drug(parameters: &Parameters, name: &str) -> Result<Drug, SimulateError> {
    let all = parameters.moas.iter().enumerate();
    let found = all
        .flat_map(|(moa, m)| (0..m.drugs.len()).map(move |drug| (moa, drug)))
        .find(|&(moa, drug)| parameters.moas[moa].drugs[drug].name == name)
        .map(|(moa, drug)| Drug::new(parameters, moa, drug));
    found.ok_or_else(|| SimulateError::Unknown(name.to_owned()))
}

/// Simulates a screen into a folder, and returns the file to open: the manifest, or the root of the Mito dataset.
///
/// The folder must be new or empty, or hold a screen that was stopped before it was finished, which is replaced.
/// Steps of `progress` are videos. The manifest is written last: until then the folder says `UNFINISHED`.
pub fn run(config: &Config, out: &Path, progress: &Progress) -> Result<PathBuf, SimulateError> {
    let parameters = Parameters::get()?;
    config.check(parameters)?;
    let drugs = Drug::list(parameters, config.moas, config.drugs_per_moa);
    let rows = rows(parameters, config, &drugs);
    let screen = Simulation { parameters, config, drugs: &drugs, rows: &rows, out };
    prepare(out)?;
    progress.set_total(rows.len() as u64);
    let truths = screen.videos(progress)?;
    let tables = truth::tables(parameters, config, &drugs, &rows, &truths);
    let tables = tables.map_err(|source| SimulateError::Table { path: out.join("truth"), source })?;
    for (name, table) in tables {
        write_parquet(&out.join("truth").join(name).with_extension("parquet"), table)?;
    }
    progress.check()?;
    let result = match config.layout {
        Layout::Manifest => manifest::finish(&screen)?,
        Layout::Mito => mito::finish(&screen)?,
    };
    let mark = out.join(UNFINISHED);
    std::fs::remove_file(&mark).map_err(|source| ExportError::Io { path: mark, source })?;
    Ok(result)
}

/// Everything that is known before the first video.
struct Simulation<'a> {
    parameters: &'a Parameters,
    config: &'a Config,
    drugs: &'a [Drug],
    rows: &'a [Row],
    out: &'a Path,
}

impl Simulation<'_> {
    /// Writes all videos, in any order, and returns their truth in the order of the rows.
    fn videos(&self, progress: &Progress) -> Result<Vec<VideoTruth>, SimulateError> {
        // The first error stops the others, and is the one that is told.
        let failed = Mutex::new(None);
        let truths: Option<Vec<VideoTruth>> = (self.rows.par_iter())
            .map(|row| match self.video(row, progress) {
                Ok(truth) => Some(truth),
                Err(e) => {
                    failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(e);
                    None
                }
            })
            .collect();
        match failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
            Some(e) => Err(e),
            None => Ok(truths.unwrap_or_default()),
        }
    }

    fn video(&self, row: &Row, progress: &Progress) -> Result<VideoTruth, SimulateError> {
        progress.check()?;
        let video = self.record(row);
        match self.config.layout {
            Layout::Manifest => manifest::write_video(self, row, &video)?,
            Layout::Mito => mito::write_video(self, row, &video)?,
        }
        progress.add(1);
        Ok(VideoTruth::from(&video))
    }

    fn record(&self, row: &Row) -> Video {
        let mut rng = stream(self.config.seed, &["cell", &row.row_id]);
        let drug = row.drug.map(|drug| &self.drugs[drug]);
        let (traits, imaging) = conditions(self.parameters, self.config.seed, row, drug, &mut rng);
        video::record(self.parameters, traits, imaging, self.config.size, self.config.frames, &mut rng)
    }

    /// What every file of the screen says about itself.
    fn provenance(&self) -> String {
        format!("simulated; seed {}; parameters {}", self.config.seed, self.parameters.hash)
    }
}

/// Makes the folder, or clears what a stopped run left in it.
fn prepare(out: &Path) -> Result<(), SimulateError> {
    let failed =
        |path: &Path, source| SimulateError::Export(ExportError::Io { path: path.to_owned(), source });
    std::fs::create_dir_all(out).map_err(|e| failed(out, e))?;
    let mark = out.join(UNFINISHED);
    let entries: io::Result<Vec<_>> = std::fs::read_dir(out).and_then(Iterator::collect);
    let entries = entries.map_err(|e| failed(out, e))?;
    if mark.exists() {
        for entry in entries.iter().filter(|entry| is_part(&entry.file_name().to_string_lossy())) {
            let path = entry.path();
            let removed =
                if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
            removed.map_err(|e| failed(&path, e))?;
        }
    } else if !entries.is_empty() {
        let problem = "The folder is not empty. Choose a new one.".to_owned();
        return Err(SimulateError::Folder { path: out.to_owned(), problem });
    }
    let text = "This simulated screen is not finished: its videos are not all there. Simulate it again.\n";
    write_file(&mark, text.as_bytes())?;
    Ok(())
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), ExportError> {
    atomic_file::write(path, bytes).map_err(|source| ExportError::Io { path: path.to_owned(), source })
}

fn write_parquet(path: &Path, mut table: DataFrame) -> Result<(), SimulateError> {
    let mut bytes = Cursor::new(Vec::new());
    ParquetWriter::new(&mut bytes)
        .finish(&mut table)
        .map_err(|source| SimulateError::Table { path: path.to_owned(), source })?;
    Ok(write_file(path, bytes.get_ref())?)
}

#[cfg(test)]
mod tests;
