//! Hits as tables: a row for each compound, and a row for each well.

use std::path::{Path, PathBuf};

use polars::prelude::DataFrame;

use super::PredictionsError;
use super::grid::{self, Format, Grid};
use crate::analysis::hits::{Hits, Role};
use crate::export::pair::{Stamp, write_together};

/// Where hits are from.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Name of the encoder or of the column.
    pub vectors: &'a str,
    /// Of the encoder; empty for a column.
    pub model_hash: &'a str,
    /// Of the data.
    pub data_fingerprint: &'a str,
    /// True if model or data are simulated.
    pub simulated: bool,
}

/// Writes compounds and wells in the format that the name's ending says; gives the files. `NAME.csv` and `NAME.parquet` are the
/// compounds, the wells stand in `NAME.wells.csv` or `NAME.wells.parquet` beside; `NAME.xlsx` holds both.
///
/// # Errors
/// The name says no format, or the disk refuses.
pub fn write(hits: &Hits, source: &Source, path: &Path) -> Result<Vec<PathBuf>, PredictionsError> {
    let format = Format::of(path).ok_or_else(|| PredictionsError::Format { path: path.to_owned() })?;
    let (compounds, wells) = stamped(compounds(hits, source)?, wells(hits, source)?)?;
    let make = match format {
        Format::Csv => grid::csv,
        Format::Parquet => grid::parquet,
        Format::Xlsx => {
            let sheets = [("compounds", &compounds), ("wells", &wells)];
            write_together(&[(path, &grid::workbook(&sheets)?)])?;
            return Ok(vec![path.to_owned()]);
        }
    };
    let ending = path.extension().map(|ending| ending.to_string_lossy().into_owned()).unwrap_or_default();
    let beside = path.with_extension(format!("wells.{ending}"));
    let (compounds, wells) = (make(&compounds)?, make(&wells)?);
    write_together(&[(&beside, &wells), (path, &compounds)])?;
    Ok(vec![path.to_owned(), beside])
}

/// Both with the same run id and row hash, of the wells' names and of all cells.
fn stamped(
    mut compounds: DataFrame,
    mut wells: DataFrame,
) -> Result<(DataFrame, DataFrame), PredictionsError> {
    let names = wells.column("well")?.str()?.clone();
    let cells = [grid::csv(&compounds)?, grid::csv(&wells)?];
    let stamp = Stamp::of(names.iter().map(Option::unwrap_or_default), |hasher| {
        for table in &cells {
            hasher.update(&(table.len() as u64).to_le_bytes()).update(table);
        }
    });
    for frame in [&mut compounds, &mut wells] {
        for (name, text) in [("run_id", &stamp.run_id), ("row_hash", &stamp.row_hash)] {
            frame.with_column(grid::same(name, text, frame.height()))?;
        }
    }
    Ok((compounds, wells))
}

fn compounds(hits: &Hits, source: &Source) -> Result<DataFrame, PredictionsError> {
    let of = &hits.compounds;
    let mut grid = Grid::new(of.len());
    grid.text("compound", |row| of[row].compound.clone());
    grid.text("smiles", |row| of[row].smiles.clone().unwrap_or_default());
    grid.count("n_wells", |row| Some(of[row].n_wells));
    grid.count("n_doses", |row| Some(of[row].n_doses));
    grid.number("hit_score", |row| of[row].hit_score);
    grid.number("hit_dose_uM", |row| of[row].hit_dose_um);
    grid.number("q", |row| of[row].q);
    grid.number("on_score_max", |row| of[row].on_score_max);
    grid.number("off_score_max", |row| of[row].off_score_max);
    grid.number("ec50_uM", |row| of[row].ec50_um);
    grid.number("ec50_lo_uM", |row| of[row].ec50_lo);
    grid.number("ec50_hi_uM", |row| of[row].ec50_hi);
    grid.number("hill", |row| of[row].hill);
    grid.number("bottom", |row| of[row].bottom);
    grid.number("top", |row| of[row].top);
    grid.number("r2", |row| of[row].r2);
    grid.number("spearman", |row| of[row].spearman);
    grid.number("replicates_sd", |row| of[row].replicates_sd);
    grid.text("toxic_uM", |row| {
        of[row].toxic_um.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    });
    grid.text("note", |row| of[row].note.clone().unwrap_or_default());
    provenance(&mut grid, hits, source);
    Ok(grid.finish()?)
}

fn wells(hits: &Hits, source: &Source) -> Result<DataFrame, PredictionsError> {
    let of = &hits.wells;
    let mut grid = Grid::new(of.len());
    grid.text("plate", |row| of[row].plate.clone());
    grid.text("well", |row| of[row].well.clone());
    grid.text("replicate", |row| of[row].replicate.clone());
    grid.text("control", |row| {
        let word = match of[row].role {
            Role::Negative => "negative",
            Role::Positive => "positive",
            Role::Treated => "",
        };
        word.to_owned()
    });
    grid.text("compound", |row| of[row].compound.clone().unwrap_or_default());
    grid.number("concentration_uM", |row| of[row].dose_um);
    grid.number("on_score", |row| of[row].on_score);
    grid.number("off_score", |row| of[row].off_score);
    grid.number("cells_of_control", |row| of[row].cells);
    provenance(&mut grid, hits, source);
    Ok(grid.finish()?)
}

fn provenance(grid: &mut Grid, hits: &Hits, source: &Source) {
    grid.same("score", hits.score.label());
    grid.same("vectors", source.vectors);
    grid.same("model_hash", source.model_hash);
    grid.same("data_fingerprint", source.data_fingerprint);
    grid.flag("simulated", |_| Some(source.simulated));
}
