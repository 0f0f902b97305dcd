//! Embeddings as Parquet, NumPy, safetensors or `AnnData`, written and read back.
//!
//! NumPy and safetensors are a pair of files: the numbers, and beside them `NAME.row_ids.csv` with the rows' names. Both are
//! written or none, and [`read`] refuses one without the other or with another run's.

mod h5ad;
mod read;
mod rows;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use polars::prelude::{
    Column, DataFrame, DataType, Float32Type, IntoColumn, IntoSeries, ListBuilderTrait as _,
    ListPrimitiveChunkedBuilder, NamedFrom, ParquetWriter, PolarsError, Series,
};
use safetensors::tensor::{Dtype, TensorView};

use super::ExportError;
use super::pair::{Stamp, write_together};
use crate::analysis::search::SearchError;
use crate::experiment::EmbeddingTable;
use crate::experiment::h5ad::H5adError;
use crate::experiment::import::ImportError;

pub use h5ad::About;
pub(super) use h5ad::cells;
pub use read::{is_simulated, read};
pub use rows::beside;

/// Names of a stamp's parts, in the table of row names and in the header of safetensors.
const RUN: &str = "run_id";
const ROWS: &str = "row_hash";
/// Names of a vector's numbers, a JSON list in the header of safetensors.
const FEATURES: &str = "features";

/// Names of what corrected vectors were made by: columns in Parquet, entries in the header of safetensors.
const RECIPE: &str = "recipe";
const SOURCE: &str = "source";

/// Embeddings cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddingsError {
    /// A file of another format is to be read.
    #[error(
        "{}: embeddings are read from .parquet, .npy, .safetensors and .h5ad files. Write them as one of these",
        path.display()
    )]
    Format {
        /// Which.
        path: PathBuf,
    },
    /// The disk, while writing.
    #[error(transparent)]
    Write(#[from] ExportError),
    /// The disk, while reading.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Parquet.
    #[error("{}: {source}", path.display())]
    Table {
        /// Which.
        path: PathBuf,
        /// Why.
        source: PolarsError,
    },
    /// A table of profiles that is to be read.
    #[error(transparent)]
    Profiles(#[from] ImportError),
    /// A table that is to be read.
    #[error(
        "{}: {problem}. A table of embeddings has the columns row_id and embedding (a list of numbers, as long in all rows)",
        path.display()
    )]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// safetensors.
    #[error("{}: {problem}", path.display())]
    Tensors {
        /// Which.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// `AnnData`.
    #[error("{}: {source}", path.display())]
    H5ad {
        /// Which.
        path: PathBuf,
        /// Why.
        source: H5adError,
    },
    /// A file of numbers.
    #[error(transparent)]
    Values(#[from] SearchError),
    /// A table of row names.
    #[error("{}: {problem}. Write it again with `molclip embed`", path.display())]
    Rows {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The numbers are no vectors of the rows.
    #[error("{}: {len} numbers are no {rows} vectors of length {dim}. Embed the experiment again", path.display())]
    Shape {
        /// Which.
        path: PathBuf,
        /// Rows.
        rows: usize,
        /// Length of a vector.
        dim: usize,
        /// Numbers that there are.
        len: usize,
    },
    /// A number is NaN or infinite.
    #[error(
        "{}: number {column} of the embedding of {row} is not finite. Exclude this row, or embed it again",
        path.display()
    )]
    NotFinite {
        /// Which.
        path: PathBuf,
        /// Name of the row.
        row: String,
        /// Place in the vector, from 0.
        column: usize,
    },
    /// Half of a pair.
    #[error(
        "{} belongs with {}, which is not there. Put both files of one run into one folder, or write both again with \
         `molclip embed`",
        there.display(),
        missing.display()
    )]
    Alone {
        /// What is there.
        there: PathBuf,
        /// What is not.
        missing: PathBuf,
    },
    /// Two files that are no pair.
    #[error(
        "{} and {} are not of one run: {problem}. Put both files of one run into one folder, or write both again with \
         `molclip embed`",
        values.display(),
        rows.display()
    )]
    Apart {
        /// The numbers.
        values: PathBuf,
        /// The rows' names.
        rows: PathBuf,
        /// How they are told apart.
        problem: String,
    },
}

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Columns `row_id`, `embedding` (fixed-size list of f32) and `model`; of corrected vectors also `recipe` and `source`.
    Parquet,
    /// NumPy's format, version 1.0, `[row, dim]`; `NAME.row_ids.csv` beside.
    Npy,
    /// Tensor `embedding` `[row, dim]`; `NAME.row_ids.csv` beside. Keeps names of the numbers, and what corrected them.
    Safetensors,
    /// `AnnData`: `X` of f32, names of the numbers in `var`, rows in `obs`, what made them in `uns["molclip"]`.
    H5ad,
}

impl Format {
    /// By the ending of a name.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_lowercase().as_str() {
            "parquet" => Some(Self::Parquet),
            "npy" => Some(Self::Npy),
            "safetensors" => Some(Self::Safetensors),
            "h5ad" => Some(Self::H5ad),
            _ => None,
        }
    }
}

/// Writes embeddings, and the table of row names that belongs to them. Both carry the same run id and row hash: npy has
/// no room for them, so that there the run id is known by its content.
///
/// # Errors
/// A number that is not finite; numbers that do not fit the rows; the disk refuses, and then what was there before
/// stays.
pub fn write(table: &EmbeddingTable, path: &Path, format: Format) -> Result<(), EmbeddingsError> {
    write_with(table, None, path, format)
}

/// As [`write()`]. `AnnData` also holds what is known of the rows and of what made the numbers.
///
/// # Errors
/// As [`write()`].
pub fn write_with(
    table: &EmbeddingTable,
    about: Option<&About<'_>>,
    path: &Path,
    format: Format,
) -> Result<(), EmbeddingsError> {
    check(table, path)?;
    let stamp = stamp(table);
    let values = match format {
        Format::Parquet => {
            let bytes =
                parquet(table).map_err(|source| EmbeddingsError::Table { path: path.to_owned(), source })?;
            return Ok(write_together(&[(path, &bytes)])?);
        }
        Format::H5ad => {
            let bytes = h5ad::bytes(table, about)
                .map_err(|source| EmbeddingsError::H5ad { path: path.to_owned(), source })?;
            return Ok(write_together(&[(path, &bytes)])?);
        }
        Format::Npy => npy(table),
        Format::Safetensors => tensors(table, &stamp)
            .map_err(|problem| EmbeddingsError::Tensors { path: path.to_owned(), problem })?,
    };
    let rows = rows::text(table, &stamp);
    Ok(write_together(&[(&beside(path), rows.as_bytes()), (path, &values)])?)
}

/// Refuses what is no table of vectors of finite numbers.
fn check(table: &EmbeddingTable, path: &Path) -> Result<(), EmbeddingsError> {
    let (rows, dim, len) = (table.row_ids.len(), table.dim, table.values.len());
    if dim == 0 || rows.checked_mul(dim) != Some(len) {
        return Err(EmbeddingsError::Shape { path: path.to_owned(), rows, dim, len });
    }
    match table.values.iter().position(|value| !value.is_finite()) {
        Some(place) => Err(EmbeddingsError::NotFinite {
            path: path.to_owned(),
            row: table.row_ids[place / dim].clone(),
            column: place % dim,
        }),
        None => Ok(()),
    }
}

/// Of rows, model and numbers: the same table has the same stamp in every format.
fn stamp(table: &EmbeddingTable) -> Stamp {
    Stamp::of(table.row_ids.iter().map(String::as_str), |hasher| {
        hasher.update(&(table.model_hash.len() as u64).to_le_bytes()).update(table.model_hash.as_bytes());
        hasher.update(&(table.dim as u64).to_le_bytes());
        for part in table.values.chunks(1 << 12) {
            let bytes: Vec<u8> = part.iter().flat_map(|value| value.to_le_bytes()).collect();
            hasher.update(&bytes);
        }
    })
}

fn parquet(table: &EmbeddingTable) -> Result<Vec<u8>, PolarsError> {
    let mut embeddings = ListPrimitiveChunkedBuilder::<Float32Type>::new(
        "embedding".into(),
        table.row_ids.len(),
        table.values.len(),
        DataType::Float32,
    );
    for row in table.values.chunks_exact(table.dim.max(1)) {
        embeddings.append_slice(row);
    }
    let fixed = DataType::Array(Box::new(DataType::Float32), table.dim);
    let embeddings = embeddings.finish().into_series().cast(&fixed)?;
    let ids = Series::new("row_id".into(), &table.row_ids);
    let model = Series::new("model".into(), vec![table.model_hash.as_str(); table.row_ids.len()]);
    let corrected = corrections(table)
        .map(|(name, text)| Series::new(name.into(), vec![text.as_str(); table.row_ids.len()]));
    let columns: Vec<Column> =
        [ids, embeddings, model].into_iter().chain(corrected).map(IntoColumn::into_column).collect();
    let mut frame = DataFrame::new(table.row_ids.len(), columns)?;
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes).finish(&mut frame)?;
    Ok(bytes)
}

/// What corrected vectors were made by, as far as it is known.
fn corrections(table: &EmbeddingTable) -> impl Iterator<Item = (&'static str, &String)> {
    [(RECIPE, &table.recipe), (SOURCE, &table.source)].into_iter().filter(|(_, text)| !text.is_empty())
}

/// <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>
fn npy(table: &EmbeddingTable) -> Vec<u8> {
    let shape = format!("({}, {})", table.row_ids.len(), table.dim);
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
    // Magic, version and length are 10 bytes; the data starts at a multiple of 64, after a line end.
    let padding = 63 - (10 + header.len()) % 64;
    header.push_str(&" ".repeat(padding));
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(table.values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

fn tensors(table: &EmbeddingTable, stamp: &Stamp) -> Result<Vec<u8>, String> {
    let values: Vec<u8> = table.values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let shape = vec![table.row_ids.len(), table.dim];
    let view = TensorView::new(Dtype::F32, shape, &values).map_err(|e| e.to_string())?;
    let mut metadata = HashMap::from([
        ("model".to_owned(), table.model_hash.clone()),
        (RUN.to_owned(), stamp.run_id.clone()),
        (ROWS.to_owned(), stamp.row_hash.clone()),
    ]);
    metadata.extend(corrections(table).map(|(name, text)| (name.to_owned(), text.clone())));
    if !table.features.is_empty() {
        let names = serde_json::to_string(&table.features).map_err(|e| e.to_string())?;
        metadata.insert(FEATURES.to_owned(), names);
    }
    safetensors::serialize([("embedding", view)], Some(metadata)).map_err(|e| e.to_string())
}
