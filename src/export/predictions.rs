//! Prediction tables: CSV, Parquet, XLSX. One header row, units in the headers, provenance in every row.

use std::path::{Path, PathBuf};

use polars::prelude::{
    Column, CsvWriter, DataFrame, NamedFrom, ParquetWriter, PolarsError, SerWriter, Series,
};
use rust_xlsxwriter::{Workbook, XlsxError};

use crate::learn::predict::{NAMED, Prediction, Predictions};
use crate::video::edits::write_atomically;

/// A table cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum PredictionsError {
    /// The name says no format.
    #[error("{}: the name must end in .csv, .parquet or .xlsx", path.display())]
    Format {
        /// Name.
        path: PathBuf,
    },
    /// The disk.
    #[error("{}: {source}. Check the folder and the space on the disk", path.display())]
    Io {
        /// File.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The table.
    #[error("the prediction table could not be made: {0}")]
    Table(#[from] PolarsError),
    /// The workbook.
    #[error("the workbook could not be made: {0}")]
    Workbook(#[from] XlsxError),
}

/// What a table is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    Parquet,
    Xlsx,
}

/// True if a table can be written under this name.
pub fn is_table(path: &Path) -> bool {
    format(path).is_some()
}

fn format(path: &Path) -> Option<Format> {
    match path.extension()?.to_str()?.to_lowercase().as_str() {
        "csv" => Some(Format::Csv),
        "parquet" => Some(Format::Parquet),
        "xlsx" => Some(Format::Xlsx),
        _ => None,
    }
}

/// Writes a table in the format that the name's ending says.
pub fn write(predictions: &Predictions, path: &Path) -> Result<(), PredictionsError> {
    let format = format(path).ok_or_else(|| PredictionsError::Format { path: path.to_owned() })?;
    let mut frame = frame(predictions)?;
    let mut bytes = Vec::new();
    match format {
        Format::Csv => CsvWriter::new(&mut bytes).finish(&mut frame)?,
        Format::Parquet => {
            ParquetWriter::new(&mut bytes).finish(&mut frame)?;
        }
        Format::Xlsx => bytes = workbook(&frame)?,
    }
    write_atomically(path, &bytes).map_err(|source| PredictionsError::Io { path: path.to_owned(), source })
}

/// The table: metadata, what was predicted, where it is from.
pub fn frame(predictions: &Predictions) -> Result<DataFrame, PolarsError> {
    let videos = &predictions.videos;
    let table = &predictions.experiment.table;
    let text = |name: &str, of: &dyn Fn(&Prediction) -> String| -> Column {
        let cells = videos.iter().map(|video| Some(of(video)).filter(|cell| !cell.is_empty()));
        Series::new(name.into(), cells.collect::<Vec<Option<String>>>()).into()
    };
    let number = |name: &str, of: &dyn Fn(&Prediction) -> Option<f64>| -> Column {
        Series::new(name.into(), videos.iter().map(of).collect::<Vec<Option<f64>>>()).into()
    };
    let cell = |name: &'static str| text(name, &|video| table.text(video.row, name));
    let mut columns = vec![
        text("row_id", &|video| video.row_id.clone()),
        cell("plate"),
        cell("well"),
        cell("site"),
        cell("cell"),
        cell("replicate"),
        cell("compound"),
        number("concentration_uM", &|video| table.number(video.row, "concentration_uM")),
        cell("moa"),
        cell("control"),
        cell("split"),
    ];
    for place in 0..NAMED {
        let rank = if place == 0 { String::new() } else { format!("_{}", place + 1) };
        let at = |video: &Prediction| video.moas.get(place).cloned();
        columns.push(text(&format!("predicted_moa{rank}"), &|video| at(video).unwrap_or_default().0));
        columns.push(number(&format!("predicted_moa_probability{rank}"), &|video| {
            Some(f64::from(at(video)?.1))
        }));
    }
    columns.push(text("most_alike_training_drug", &|video| {
        video.drug.as_ref().map(|(name, _)| name.clone()).unwrap_or_default()
    }));
    columns.push(number("most_alike_training_drug_probability", &|video| {
        video.drug.as_ref().map(|(_, p)| f64::from(*p))
    }));
    columns.push(text("scale_warning", &|video| video.warning.clone()));
    columns.push(text("model_hash", &|_| predictions.model.clone()));
    columns.push(text("data_fingerprint", &|_| predictions.fingerprint.clone()));
    columns.push(Series::new("simulated".into(), vec![predictions.simulated; videos.len()]).into());
    DataFrame::new(videos.len(), columns)
}

fn workbook(frame: &DataFrame) -> Result<Vec<u8>, PredictionsError> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.set_name("predictions")?;
    for (place, column) in frame.columns().iter().enumerate() {
        let place = place as u16;
        sheet.write(0, place, column.name().as_str())?;
        for row in 0..column.len() {
            let line = row as u32 + 1;
            match column.get(row)? {
                polars::prelude::AnyValue::Null => continue,
                polars::prelude::AnyValue::Float64(value) => sheet.write(line, place, value)?,
                polars::prelude::AnyValue::Boolean(value) => sheet.write(line, place, value)?,
                other => sheet.write(line, place, other.str_value().as_ref())?,
            };
        }
    }
    sheet.set_freeze_panes(1, 1)?;
    Ok(workbook.save_to_buffer()?)
}
