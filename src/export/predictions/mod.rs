//! Prediction tables: one row for each video, and one for each compound × dose. CSV and Parquet are two
//! files, XLSX is two sheets. One header row, units in the headers, where it is from in every row. A cell is empty
//! where nothing can be said.
//!
//! Videos that could not be encoded stand in the tables too, flagged with the reason and without an answer. Both tables
//! carry the same run id and row hash, which tell them from those of another run.

mod grid;
pub mod hits;
mod lines;
pub mod plate_map;
mod summary;
mod tables;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use polars::prelude::{DataFrame, PolarsError};
use rust_xlsxwriter::XlsxError;

use super::ExportError;
use super::pair::{Stamp, write_together};
use grid::Format;

pub use summary::Summary;
pub use tables::{Source, tables};

/// A table cannot be made or written.
#[derive(Debug, thiserror::Error)]
pub enum PredictionsError {
    /// The name says no format.
    #[error("{}: the name must end in .csv, .parquet or .xlsx", path.display())]
    Format {
        /// Name.
        path: PathBuf,
    },
    /// The disk.
    #[error(transparent)]
    Write(#[from] ExportError),
    /// The table.
    #[error("the prediction table could not be made: {0}")]
    Table(#[from] PolarsError),
    /// The workbook.
    #[error("the workbook could not be made: {0}")]
    Workbook(#[from] XlsxError),
    /// The user stopped it.
    #[error("Cancelled; nothing was written.")]
    Cancelled,
}

/// Both tables.
#[derive(Debug, Clone)]
pub struct Tables {
    /// One row for each video.
    pub videos: DataFrame,
    /// One row for each compound × dose.
    pub treatments: DataFrame,
}

impl Tables {
    /// Gives both tables the same run id and row hash, in all their rows: of the videos' names, and of all cells.
    fn stamped(videos: DataFrame, treatments: DataFrame) -> Result<Self, PredictionsError> {
        let names = videos.column("row_id")?.str()?.clone();
        let cells = [grid::csv(&videos)?, grid::csv(&treatments)?];
        let stamp = Stamp::of(names.iter().flatten(), |hasher| {
            for table in &cells {
                hasher.update(&(table.len() as u64).to_le_bytes()).update(table);
            }
        });
        let stamped = |mut frame: DataFrame| -> Result<DataFrame, PolarsError> {
            for (name, text) in [("run_id", &stamp.run_id), ("row_hash", &stamp.row_hash)] {
                frame.with_column(grid::same(name, text, frame.height()))?;
            }
            Ok(frame)
        };
        Ok(Self { videos: stamped(videos)?, treatments: stamped(treatments)? })
    }

    /// Writes both in the format that the name's ending says; gives the files. `NAME.csv` and `NAME.parquet` are the
    /// videos, [`treatments_beside`] the treatments; `NAME.xlsx` holds both. Either both files are written, or what was
    /// there before stays.
    ///
    /// # Errors
    /// The name says no format, or the disk refuses.
    pub fn write(&self, path: &Path) -> Result<Vec<PathBuf>, PredictionsError> {
        let format = Format::of(path).ok_or_else(|| PredictionsError::Format { path: path.to_owned() })?;
        let make = match format {
            Format::Csv => grid::csv,
            Format::Parquet => grid::parquet,
            Format::Xlsx => {
                let sheets = [("videos", &self.videos), ("treatments", &self.treatments)];
                write_together(&[(path, &grid::workbook(&sheets)?)])?;
                return Ok(vec![path.to_owned()]);
            }
        };
        let beside = treatments_beside(path);
        let (videos, treatments) = (make(&self.videos)?, make(&self.treatments)?);
        write_together(&[(&beside, &treatments), (path, &videos)])?;
        Ok(vec![path.to_owned(), beside])
    }
}

/// `NAME.treatments.csv` for `NAME.csv`.
pub fn treatments_beside(path: &Path) -> PathBuf {
    let ending = path.extension().map(|ending| ending.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_extension(format!("treatments.{ending}"))
}

/// True if a table can be written under this name.
pub fn is_table(path: &Path) -> bool {
    Format::of(path).is_some()
}
