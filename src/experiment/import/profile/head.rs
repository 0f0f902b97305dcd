//! A look at a table: its columns, before its rows are read.

use std::io::Read as _;
use std::path::Path;

use super::super::super::h5ad::{H5ad, MAGIC};
use super::super::super::parquet;
use super::super::parquet::unreadable;
use super::super::patterns::is_recording;
use super::super::source::{Names, check_columns};
use super::super::synonyms::is_missing_value;
use super::super::{ImportError, Limits};
use super::h5ad;
use super::roles::{Column, Features, Roles, roles};
use super::stream::{Record, Stream};
use crate::regular_file;

/// Rows by which columns of numbers are told.
const SAMPLE: usize = 64;

/// What is known of a table.
#[derive(Debug)]
pub(super) struct Head {
    pub columns: Vec<Column>,
    pub content: Content,
}

/// Where its rows are.
#[derive(Debug)]
pub(super) enum Content {
    /// In the file, as text.
    Text,
    /// A whole Parquet file.
    Parquet(Vec<u8>),
    /// In an `AnnData` file that is open.
    H5ad(Box<H5ad>),
}

impl Head {
    /// Looks at a file; `None` for what is no delimited text, Parquet or `AnnData` file, or is empty.
    ///
    /// # Errors
    /// The file cannot be read, has more columns than the limit, or is damaged where it was looked at.
    pub fn read(path: &Path, limits: &Limits) -> Result<Option<Self>, ImportError> {
        let io = |e: std::io::Error| ImportError::io(path, "opening", &e);
        let mut magic = Vec::new();
        let mut file = regular_file::open(path).map_err(io)?;
        file.by_ref().take(8).read_to_end(&mut magic).map_err(io)?;
        match magic.as_slice() {
            [b'P', b'A', b'R', b'1', ..] => {
                // One more than the limit: what is larger is refused where all tables are.
                let most = limits.bytes as u64 + 1;
                file.take(most - magic.len() as u64).read_to_end(&mut magic).map_err(io)?;
                if magic.len() as u64 >= most {
                    return Ok(None);
                }
                let names = parquet::names(&magic, limits.columns).map_err(|e| unreadable(path, e))?;
                let columns = names
                    .into_iter()
                    .map(|(name, is_numeric)| Column { name, is_numeric, names_recordings: None })
                    .collect();
                Ok(Some(Self { columns, content: Content::Parquet(magic) }))
            }
            start if start.starts_with(MAGIC) => {
                let (file, columns) = h5ad::open(path, file, limits)?;
                Ok(Some(Self { columns, content: Content::H5ad(Box::new(file)) }))
            }
            [] | [b'P', b'K', 3, 4, ..] | [0xd0, 0xcf, 0x11, 0xe0, ..] => Ok(None),
            _ => Self::of_text(path, limits),
        }
    }

    /// Tells features from what belongs to the row: of an `AnnData` file, the matrix says it.
    ///
    /// # Errors
    /// As [`roles`].
    pub fn roles(&self, features: &Features) -> Result<Roles, String> {
        match (&self.content, features) {
            (Content::H5ad(_), Features::Guess) => {
                Ok(Roles::Known { features: (0..self.columns.len()).collect(), passed: Vec::new() })
            }
            _ => roles(&self.columns, features),
        }
    }

    fn of_text(path: &Path, limits: &Limits) -> Result<Option<Self>, ImportError> {
        let Some(mut stream) = Stream::open(path, limits)? else { return Ok(None) };
        let names = unique(path, &stream.header(path)?, limits)?;
        let mut numbers = vec![false; names.len()];
        let mut texts = vec![false; names.len()];
        // Cells that have something in them, and those of them that name recordings.
        let mut counts = vec![(0_usize, 0_usize); names.len()];
        let separator = stream.separator;
        for _ in 0..SAMPLE {
            let record = stream.next().map_err(|e| super::super::gzip::failed(path, &e))?;
            let Some(record) = record else { break };
            let told = numbers.iter_mut().zip(&mut texts).zip(&mut counts);
            for (column, ((number, text), (filled, recordings))) in told.enumerate() {
                match number_in(&record, column, separator) {
                    Some(value) if value.is_nan() => continue,
                    Some(_) => *number = true,
                    None => {
                        *text = true;
                        *recordings += usize::from(is_recording(record.text(column).trim()));
                    }
                }
                *filled += 1;
            }
        }
        let is_numeric = |column: usize| !texts[column] && (numbers[column] || names[column].contains('_'));
        let numeric: Vec<bool> = (0..names.len()).map(is_numeric).collect();
        let names_recordings =
            |(filled, recordings): (usize, usize)| recordings > 0 && recordings * 10 >= filled * 9;
        let columns = names
            .into_iter()
            .zip(numeric)
            .zip(counts)
            .map(|((name, is_numeric), counts)| Column {
                name,
                is_numeric,
                names_recordings: Some(names_recordings(counts)),
            })
            .collect();
        Ok(Some(Self { columns, content: Content::Text }))
    }
}

/// Names of columns, each once, as [`super::super::Source`] makes them.
///
/// # Errors
/// There are more of them than the limit.
pub(in super::super) fn unique(
    path: &Path,
    given: &[String],
    limits: &Limits,
) -> Result<Vec<String>, ImportError> {
    check_columns(path, given.len(), limits)?;
    let mut names = Names::default();
    Ok(given.iter().enumerate().map(|(column, given)| names.own(given, column)).collect())
}

/// A cell's number: NaN where it is missing, `None` where it holds something else.
pub(in super::super) fn number_in(record: &Record, column: usize, separator: u8) -> Option<f64> {
    let text = std::str::from_utf8(record.cell(column).trim_ascii()).ok()?;
    if let Ok(value) = text.parse() {
        return Some(value);
    }
    if is_missing_value(text) {
        return Some(f64::NAN);
    }
    // A decimal comma; a point beside it would make it one of thousands.
    (separator != b',' && text.contains(',') && !text.contains('.'))
        .then(|| text.replacen(',', ".", 1).parse().ok())
        .flatten()
}
