//! The rows of a table: features as numbers, the rest as text.

use std::borrow::Cow;
use std::collections::HashSet;
use std::path::Path;

use polars::prelude::{Column, DataType, PolarsError};

use super::super::super::formula::restore;
use super::super::super::parquet;
use super::super::grid::Grid;
use super::super::source::{Format, Raw};
use super::super::{ImportError, Limits, Source, gzip};
use super::h5ad;
use super::head::{Content, Head, number_in, unique};
use super::stream::Stream;

/// Numbers that are allocated at once: one large piece would be copied as it grows.
const BLOCK: usize = 1 << 20;
/// Column of a table that says nothing of its rows: the table's own name.
pub(super) const TABLE: &str = "Metadata_table";

/// What a table holds.
#[derive(Debug)]
pub(super) struct Body {
    /// What belongs to the rows.
    pub source: Source,
    /// Names of the features.
    pub names: Vec<String>,
    /// Their values, whole rows one after the other, `[row, feature]`; NaN where one is missing.
    pub blocks: Vec<Vec<f64>>,
    /// Columns that were taken for features and hold other things, and what, a clause. They are columns of the rows.
    pub texts: Vec<(String, String)>,
}

impl Body {
    /// Reads a table whose features stand at these places, ascending.
    ///
    /// # Errors
    /// The file cannot be read, passes a limit, or has a row that is longer or shorter than its header.
    pub fn read(path: &Path, head: Head, features: &[usize], limits: &Limits) -> Result<Self, ImportError> {
        match head.content {
            Content::Text => {
                let (body, places) = of_text(path, features, limits)?;
                if places.is_empty() {
                    return Ok(body);
                }
                // What later turned out to be text is text of the rows: now that it is known, the file is read again.
                let left: Vec<usize> =
                    features.iter().copied().filter(|place| !places.contains(place)).collect();
                let Self { texts, source, names, blocks } = body;
                drop((source, names, blocks));
                Ok(Self { texts, ..of_text(path, &left, limits)?.0 })
            }
            Content::H5ad(file) => h5ad::read(path, &file, &head.columns, features, limits),
            Content::Parquet(bytes) => {
                let names = features.iter().filter_map(|&place| head.columns.get(place));
                let names: HashSet<&str> = names.map(|column| column.name.as_str()).collect();
                of_parquet(path, bytes, &names, limits)
            }
        }
    }
}

/// What is held of the rows beside their features.
pub(super) fn of_rows(limits: &Limits) -> Limits {
    let most = Limits::default();
    Limits { bytes: limits.bytes.min(most.bytes), cells: limits.cells.min(most.cells), ..*limits }
}

fn too_many(path: &Path, row: u32, limits: &Limits) -> ImportError {
    let problem = format!("more than {} numbers", limits.cells);
    ImportError::new(path, format!("row {row}"), problem, "Leave features out, or split the table.")
}

/// The rows of a text, and places of features that hold no numbers.
fn of_text(path: &Path, features: &[usize], limits: &Limits) -> Result<(Body, HashSet<usize>), ImportError> {
    let changed = || ImportError::new(path, "line 1", "the file is empty", "Choose another file.");
    let mut stream = Stream::open(path, limits)?.ok_or_else(changed)?;
    let header = unique(path, &stream.header(path)?, limits)?;
    let of_row: Vec<usize> =
        (0..header.len()).filter(|place| features.binary_search(place).is_err()).collect();
    let pick = |places: &[usize]| -> Vec<String> {
        places.iter().filter_map(|&place| header.get(place).cloned()).collect()
    };
    let names = pick(features);
    let row_limits = of_rows(limits);
    let mut grid = Grid::new(of_row.len().max(1));
    let mut texts: Vec<Option<String>> = vec![None; features.len()];
    let mut blocks: Vec<Vec<f64>> = Vec::new();
    let mut count = 0;
    let (separator, stem) = (stream.separator, stem(path));
    while let Some(record) = stream.next().map_err(|e| gzip::failed(path, &e))? {
        if record.is_blank() {
            continue;
        }
        let wrong = |problem: String, remedy: &str| {
            ImportError::new(path, format!("line {}", record.line), problem, remedy)
        };
        // Spreadsheets end rows with separators; that loses nothing. Anything else may shift every number of the row.
        if record.width() < header.len() || !record.is_blank_from(header.len()) {
            let problem = format!("it has {} cells, the header {}", record.width(), header.len());
            return Err(wrong(
                problem,
                "Is the file cut, or a quotation mark missing? Write the table again.",
            ));
        }
        let cells: Vec<Cow<str>> = of_row.iter().map(|&place| record.text(place)).collect();
        let is_row = |cell: &str| {
            let separators = cell.bytes().filter(|byte| *byte == separator).count();
            cell.contains('\n') && separators + 1 >= header.len().max(2)
        };
        if cells.iter().any(|cell| is_row(cell)) {
            let remedy = "Add the quotation mark that is missing, or remove the one too many.";
            return Err(wrong("a quotation mark opens a cell that takes in whole rows".to_owned(), remedy));
        }
        count += features.len();
        if count > limits.cells {
            return Err(too_many(path, record.line, limits));
        }
        let held = cells.iter().map(|cell| restore(cell));
        // A table of features alone still has rows.
        let lone = cells.is_empty().then_some(stem.as_str());
        grid.push(path, record.line, held.chain(lone), &row_limits)?;
        if blocks.last().is_none_or(|block| block.capacity() - block.len() < features.len()) {
            let rows = (BLOCK / features.len().max(1)).max(1);
            blocks.push(Vec::with_capacity(rows * features.len()));
        }
        let Some(block) = blocks.last_mut() else { continue };
        for (&place, text) in features.iter().zip(&mut texts) {
            block.push(number_in(&record, place, separator).unwrap_or_else(|| {
                text.get_or_insert_with(|| {
                    let cell: String = record.text(place).chars().take(40).collect();
                    format!("line {} holds {cell:?}, no number", record.line)
                });
                f64::NAN
            }));
        }
    }
    let encoding = "UTF-8";
    let raw = Raw {
        format: Format::Text { separator: char::from(separator), encoding },
        header: if of_row.is_empty() { vec![TABLE.to_owned()] } else { pick(&of_row) },
        grid,
        kinds: Vec::new(),
        notes: Vec::new(),
    };
    let places = features.iter().zip(&texts).filter(|(_, text)| text.is_some()).map(|(&place, _)| place);
    let places = places.collect();
    let texts = names.iter().cloned().zip(texts).filter_map(|(name, text)| Some((name, text?))).collect();
    Ok((Body { source: Source::new(path, raw, Vec::new(), None)?, names, blocks, texts }, places))
}

fn of_parquet(
    path: &Path,
    bytes: Vec<u8>,
    names: &HashSet<&str>,
    limits: &Limits,
) -> Result<Body, ImportError> {
    let most = parquet::most_bytes(bytes.len());
    let parquet::Table { columns, left_out, rows } = super::super::parquet::columns(path, bytes, limits)?;
    // Days, times and decimals are stored as whole numbers, and are none.
    let is_feature =
        |column: &Column| names.contains(column.name().as_str()) && column.dtype().is_primitive_numeric();
    let other =
        columns.iter().filter(|&column| names.contains(column.name().as_str()) && !is_feature(column));
    let texts =
        other.map(|column| (column.name().to_string(), format!("it holds {}", column.dtype()))).collect();
    let (features, of_row): (Vec<_>, Vec<_>) = columns.into_iter().partition(is_feature);
    if rows.saturating_mul(features.len()) > limits.cells {
        return Err(too_many(path, 1, limits));
    }
    let width = features.len();
    let mut values = vec![f64::NAN; rows * width];
    let mut kept = Vec::with_capacity(width);
    // Each column is freed once it is copied.
    for (place, column) in features.into_iter().enumerate() {
        kept.push(column.name().to_string());
        let unreadable = |e: PolarsError| {
            let remedy = "Write the Parquet file again from where it came.";
            ImportError::new(path, format!("column {}", column.name()), e.to_string(), remedy)
        };
        let numbers = column.cast(&DataType::Float64).map_err(unreadable)?;
        for (row, number) in numbers.as_materialized_series().f64().map_err(unreadable)?.iter().enumerate() {
            if let (Some(number), Some(value)) = (number, values.get_mut(row * width + place)) {
                *value = number;
            }
        }
    }
    let row_limits = of_rows(limits);
    let row_limits = Limits { bytes: row_limits.bytes.min(most), ..row_limits };
    let raw = if of_row.is_empty() {
        let mut grid = Grid::new(1);
        let stem = stem(path);
        for row in 0..rows {
            grid.push(path, row as u32 + 1, std::iter::once(stem.as_str()), &row_limits)?;
        }
        Raw {
            format: Format::Parquet,
            header: vec![TABLE.to_owned()],
            grid,
            kinds: Vec::new(),
            notes: Vec::new(),
        }
    } else {
        super::super::parquet::texts(path, parquet::Table { columns: of_row, left_out, rows }, &row_limits)?
    };
    let source = Source::new(path, raw, Vec::new(), None)?;
    Ok(Body { source, names: kept, blocks: vec![values], texts })
}

/// A table's name: its file's without endings.
pub(super) fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let bare = name.strip_suffix(".gz").unwrap_or(&name);
    let ends = [".csv", ".tsv", ".txt", ".parquet", ".pq", ".h5ad"];
    ends.iter().find_map(|end| bare.strip_suffix(end)).unwrap_or(bare).to_owned()
}
