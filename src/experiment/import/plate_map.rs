//! Plate maps: which well got what, as a long table or as a sheet in the shape of the plate.

use std::path::Path;

use super::super::wells::{PlateFormat, Well, row_name};
use super::ImportError;
use super::grid::{Grid, Limits};
use super::source::{Raw, Source};

/// Reads a plate map as a long table, one row per well: a sheet in the shape of a plate becomes one with the columns
/// `well` and the name of what the wells hold (the corner's text, the sheet's or the file's name).
///
/// # Errors
/// As [`Source::read_sheet`].
pub fn read(path: &Path, sheet: Option<&str>) -> Result<Source, ImportError> {
    let source = Source::read_sheet(path, sheet, &Limits::default())?;
    match shape(&source) {
        Some(format) => unroll(&source, format),
        None => Ok(source),
    }
}

/// The plate whose shape a table has: its head counts 1, 2, 3 … and its first column A, B, C ….
pub fn shape(source: &Source) -> Option<PlateFormat> {
    let (rows, columns) = (source.len(), source.header().len().checked_sub(1)?);
    let whole = |text: &str, number: usize| text.trim().parse::<f64>() == Ok(number as f64);
    let headed = (1..=columns).all(|column| whole(&source.header()[column], column));
    let lettered = rows <= usize::from(super::super::wells::MAX_ROWS)
        && (0..rows).all(|row| source.cell(row, 0).trim().eq_ignore_ascii_case(&row_name(row as u8)));
    let fits = |format: &PlateFormat| {
        let (r, c) = format.size();
        (rows, columns) == (usize::from(r), usize::from(c))
    };
    PlateFormat::ALL.into_iter().find(fits).filter(|_| headed && lettered)
}

fn unroll(source: &Source, format: PlateFormat) -> Result<Source, ImportError> {
    let corner = &source.header()[0];
    let file = source.path.file_stem().unwrap_or_default().to_string_lossy();
    let name = match &source.sheet {
        _ if !corner.starts_with("column ") && !corner.eq_ignore_ascii_case("row") => corner.clone(),
        Some(sheet) => sheet.clone(),
        None => file.into_owned(),
    };
    let mut grid = Grid::new(2);
    let (rows, columns) = format.size();
    for row in 0..rows {
        for column in 0..columns {
            let text = source.cell(usize::from(row), usize::from(column) + 1).trim();
            if !text.is_empty() {
                let well = Well { row, column }.to_string();
                let place = source.place(usize::from(row)) as u32;
                grid.push(&source.path, place, [well.as_str(), text].into_iter(), &Limits::default())?;
            }
        }
    }
    let header = vec!["well".to_owned(), name];
    let raw = Raw { format: source.format, header, grid, kinds: Vec::new(), notes: source.notes.clone() };
    Source::new(&source.path, raw, source.sheets.clone(), source.sheet.clone())
}
