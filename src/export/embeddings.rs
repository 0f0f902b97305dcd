//! Embeddings as Parquet, NumPy or safetensors.

use std::path::{Path, PathBuf};

use polars::prelude::{
    Column, DataFrame, DataType, Float32Type, IntoColumn, IntoSeries, ListBuilderTrait as _,
    ListPrimitiveChunkedBuilder, NamedFrom, ParquetWriter, PolarsError, Series,
};
use safetensors::tensor::{Dtype, TensorView};

use crate::experiment::EmbeddingTable;
use crate::video::edits::write_atomically;

/// Embeddings cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddingsError {
    /// A file.
    #[error("{}: {source}. Check the folder and the space on the disk", path.display())]
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
    /// safetensors.
    #[error("{}: {problem}", path.display())]
    Tensors {
        /// Which.
        path: PathBuf,
        /// Why.
        problem: String,
    },
}

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Columns `row_id` and `embedding` (fixed-size list of f32).
    Parquet,
    /// NumPy's format, version 1.0, `[row, dim]`; `row_ids.csv` beside.
    Npy,
    /// Tensor `embedding` `[row, dim]`; `row_ids.csv` beside.
    Safetensors,
}

impl Format {
    /// By the ending of a name.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_lowercase().as_str() {
            "parquet" => Some(Self::Parquet),
            "npy" => Some(Self::Npy),
            "safetensors" => Some(Self::Safetensors),
            _ => None,
        }
    }
}

/// Writes embeddings; the model's hash goes into the metadata of safetensors and, as a column, into `row_ids.csv`.
pub fn write(table: &EmbeddingTable, path: &Path, format: Format) -> Result<(), EmbeddingsError> {
    let bytes = match format {
        Format::Parquet => {
            parquet(table).map_err(|source| EmbeddingsError::Table { path: path.to_owned(), source })?
        }
        Format::Npy => npy(table),
        Format::Safetensors => {
            tensors(table).map_err(|problem| EmbeddingsError::Tensors { path: path.to_owned(), problem })?
        }
    };
    let save = |path: &Path, bytes: &[u8]| {
        write_atomically(path, bytes).map_err(|source| EmbeddingsError::Io { path: path.to_owned(), source })
    };
    if format != Format::Parquet {
        let ids = path.with_file_name("row_ids.csv");
        save(&ids, row_ids(table).as_bytes())?;
    }
    save(path, &bytes)
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
    let columns: Vec<Column> = [ids, embeddings, model].into_iter().map(IntoColumn::into_column).collect();
    let mut frame = DataFrame::new(table.row_ids.len(), columns)?;
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes).finish(&mut frame)?;
    Ok(bytes)
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

fn tensors(table: &EmbeddingTable) -> Result<Vec<u8>, String> {
    let values: Vec<u8> = table.values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let shape = vec![table.row_ids.len(), table.dim];
    let view = TensorView::new(Dtype::F32, shape, &values).map_err(|e| e.to_string())?;
    let metadata = std::collections::HashMap::from([("model".to_owned(), table.model_hash.clone())]);
    safetensors::serialize([("embedding", view)], Some(metadata)).map_err(|e| e.to_string())
}

fn row_ids(table: &EmbeddingTable) -> String {
    let mut text = String::from("row_id,model\n");
    for id in &table.row_ids {
        let quoted = if id.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", id.replace('"', "\"\""))
        } else {
            id.clone()
        };
        text.extend([quoted.as_str(), ",", &table.model_hash, "\n"]);
    }
    text
}
