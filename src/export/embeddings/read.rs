//! Reading embeddings back. Nothing in a file is believed before it is checked.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::Path;

use serde::Deserialize;

use super::rows::{self, RowIds, beside, shared};
use super::{EmbeddingsError, Format, ROWS, RUN, check, stamp};
use crate::analysis::search::{Gallery, SearchError, Similarity};
use crate::experiment::EmbeddingTable;
use crate::export::pair::{Stamp, row_hash};
use crate::regular_file;

/// Reads the embeddings of an npy or safetensors file, with the rows' names from `NAME.row_ids.csv` beside it or, for
/// files of older versions, from the folder's `row_ids.csv`.
///
/// # Errors
/// A file that cannot be read or is damaged; half of a pair; files of two runs; numbers that are not finite.
pub fn read(path: &Path) -> Result<EmbeddingTable, EmbeddingsError> {
    let format = Format::of(path).filter(|format| *format != Format::Parquet);
    let format = format.ok_or_else(|| EmbeddingsError::Format { path: path.to_owned() })?;
    let own = beside(path);
    match regular_file::open(path) {
        Ok(_) => {}
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && own.is_file() => {
            return Err(EmbeddingsError::Alone { there: own, missing: path.to_owned() });
        }
        Err(source) => return Err(EmbeddingsError::Io { path: path.to_owned(), source }),
    }
    let gallery = Gallery::open(path, Similarity::Dot)?;
    let carried = if format == Format::Safetensors { carried(path)? } else { None };
    let (place, rows) = if own.exists() {
        let rows = rows::read(&own)?;
        if rows.stamp.is_none() {
            let problem = format!("it has no columns {RUN} and {ROWS}");
            return Err(EmbeddingsError::Rows { path: own, problem });
        }
        (own, rows)
    } else {
        let old = shared(path);
        if carried.is_some() || !old.exists() {
            return Err(EmbeddingsError::Alone { there: path.to_owned(), missing: own });
        }
        (old.clone(), rows::read(&old)?)
    };
    let apart =
        |problem: String| EmbeddingsError::Apart { values: path.to_owned(), rows: place.clone(), problem };
    let model = gallery.model().filter(|model| *model != rows.model && !rows.model.is_empty());
    if let Some(model) = model {
        return Err(apart(format!("the numbers are of model {model}, the names of model {}", rows.model)));
    }
    let RowIds { names: row_ids, model, stamp: named } = rows;
    if row_ids.len() != gallery.len() {
        return Err(apart(format!("{} vectors, but {} names", gallery.len(), row_ids.len())));
    }
    let mut values = Vec::with_capacity(gallery.len() * gallery.dim());
    for index in 0..gallery.len() {
        values.extend_from_slice(&gallery.vector(index).unwrap_or_default());
    }
    let table = EmbeddingTable { row_ids, dim: gallery.dim(), values, model_hash: model };
    if let Some(named) = named {
        if carried.is_some_and(|carried| carried != named) {
            return Err(apart("they carry different run ids".to_owned()));
        }
        if row_hash(table.row_ids.iter().map(String::as_str)) != named.row_hash {
            return Err(apart("the names were changed, or are in another order".to_owned()));
        }
        if stamp(&table) != named {
            return Err(apart(
                "the numbers are others than those that the names were written with".to_owned(),
            ));
        }
    }
    check(&table, path)?;
    Ok(table)
}

/// What the header of safetensors says.
#[derive(Deserialize)]
struct Header {
    #[serde(rename = "__metadata__", default)]
    metadata: HashMap<String, String>,
}

/// The stamp in the header of a safetensors file that was opened before; `None` in one of an older version.
fn carried(path: &Path) -> Result<Option<Stamp>, EmbeddingsError> {
    let io = |source| EmbeddingsError::Io { path: path.to_owned(), source };
    let wrong =
        |problem: String| EmbeddingsError::Values(SearchError::File { path: path.to_owned(), problem });
    let mut file = regular_file::open(path).map_err(io)?;
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(io)?;
    // As long as the file at most.
    let mut header = Vec::new();
    file.take(u64::from_le_bytes(length)).read_to_end(&mut header).map_err(io)?;
    let Header { metadata } = serde_json::from_slice(&header).map_err(|e| wrong(e.to_string()))?;
    match (metadata.get(RUN), metadata.get(ROWS)) {
        (Some(run_id), Some(row_hash)) => {
            Ok(Some(Stamp { run_id: run_id.clone(), row_hash: row_hash.clone() }))
        }
        (None, None) => Ok(None),
        _ => Err(wrong(format!("its header has only one of {RUN} and {ROWS}"))),
    }
}
