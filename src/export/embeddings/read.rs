//! Reading embeddings, of this program or another. Nothing in a file is believed before it is checked.

use std::collections::{HashMap, HashSet};
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use super::rows::{self, RowIds, beside, shared};
use super::{EmbeddingsError, FEATURES, Format, RECIPE, ROWS, RUN, SOURCE, check, h5ad, stamp};
use crate::analysis::search::{Gallery, SearchError, Similarity};
use crate::experiment::import::profile::{self, Features};
use crate::experiment::parquet::{self, Bounds};
use crate::experiment::table::MAX_ROWS;
use crate::experiment::{EmbeddingTable, PROFILE};
use crate::export::pair::{Stamp, row_hash};
use crate::regular_file;

/// Reads embeddings: a Parquet table with the columns `row_id` and `embedding` (lists of numbers), or with a column for each
/// feature; an `AnnData` file, whose rows are called as the column `row_id` of `obs` says, or else its index unless that only counts them; or an npy or
/// safetensors file with the rows' names from `NAME.row_ids.csv` beside it (of another program: a column `row_id`) or, for
/// files of older versions, from the folder's `row_ids.csv`. A table that names no model gets the hash of its numbers instead.
///
/// # Errors
/// A file that cannot be read or is damaged; half of a pair; files of two runs; a row named twice; numbers that are not
/// finite.
pub fn read(path: &Path) -> Result<EmbeddingTable, EmbeddingsError> {
    let format = Format::of(path).ok_or_else(|| EmbeddingsError::Format { path: path.to_owned() })?;
    let mut table = match format {
        Format::Parquet => from_parquet(path)?,
        Format::H5ad => from_h5ad(path)?,
        Format::Npy | Format::Safetensors => from_pair(path, format)?,
    };
    check(&table, path)?;
    if table.model_hash.is_empty() {
        table.model_hash = format!("vectors {}", stamp(&table).run_id);
    }
    Ok(table)
}

/// A Parquet file is read whole; beyond so many bytes it is no table of embeddings.
const MOST: u64 = 2 << 30;

fn from_parquet(path: &Path) -> Result<EmbeddingTable, EmbeddingsError> {
    let io = |source| EmbeddingsError::Io { path: path.to_owned(), source };
    let wrong = |problem: String| EmbeddingsError::Damaged { path: path.to_owned(), problem };
    let mut bytes = Vec::new();
    regular_file::open(path).map_err(io)?.take(MOST + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > MOST {
        return Err(wrong(format!("it has more than {} GiB", MOST >> 30)));
    }
    let bounds = Bounds { bytes: MOST as usize, rows: MAX_ROWS, columns: 10_000, cells: 1 << 30 };
    let names = parquet::names(&bytes, bounds.columns);
    if names.is_ok_and(|names| names.iter().all(|(name, _)| name != "embedding"))
        && let Some(table) = of_features(path)?
    {
        return Ok(table);
    }
    let (table, values, dim) =
        parquet::read_with_vectors(bytes, "embedding", &bounds).map_err(|e| wrong(e.to_string()))?;
    let text = |name: &str| -> Option<Vec<String>> {
        let column = table.columns.iter().find(|column| column.name() == name)?;
        let texts = column.as_materialized_series().str().ok()?.iter().map(|text| text.map(str::to_owned));
        texts.collect()
    };
    let row_ids =
        text("row_id").ok_or_else(|| wrong("it has no column row_id with a text in each row".to_owned()))?;
    let mut seen = HashSet::new();
    if let Some(twice) = row_ids.iter().find(|row_id| !seen.insert(row_id.as_str())) {
        return Err(wrong(format!("it names the row {twice} twice")));
    }
    let same = |name: &str, what: &str| {
        let texts: HashSet<String> = text(name).into_iter().flatten().collect();
        if texts.len() > 1 {
            return Err(wrong(format!("its rows are of {} {what}", texts.len())));
        }
        Ok(texts.into_iter().next().unwrap_or_default())
    };
    let (model_hash, recipe, source) =
        (same("model", "models")?, same(RECIPE, "recipes")?, same(SOURCE, "sources")?);
    Ok(EmbeddingTable { row_ids, dim, values, model_hash, features: Vec::new(), recipe, source })
}

/// True if an `AnnData` file says that its vectors are of simulated recordings; the other formats do not say it.
pub fn is_simulated(path: &Path) -> bool {
    Format::of(path) == Some(Format::H5ad) && regular_file::open(path).is_ok_and(h5ad::is_simulated)
}

fn from_h5ad(path: &Path) -> Result<EmbeddingTable, EmbeddingsError> {
    let file =
        regular_file::open(path).map_err(|source| EmbeddingsError::Io { path: path.to_owned(), source })?;
    let table =
        h5ad::table(file).map_err(|source| EmbeddingsError::H5ad { path: path.to_owned(), source })?;
    // Of tables of profiles a feature that lacks a value is left out, not the file refused.
    if !table.features.is_empty()
        && table.values.iter().any(|value| !value.is_finite())
        && let Some(table) = of_features(path)?
    {
        return Ok(table);
    }
    Ok(table)
}

/// A table with a column for each feature, as `correct` writes it; `None` for any other.
fn of_features(path: &Path) -> Result<Option<EmbeddingTable>, EmbeddingsError> {
    let Some(profiles) = profile::read(&[path.to_owned()], &Features::Guess)? else { return Ok(None) };
    let mut embeddings = profiles.into_imported().experiment.embeddings;
    let table = embeddings.remove(PROFILE).map(Arc::unwrap_or_clone);
    let problem = "none of its features has a value in every row".to_owned();
    table.map(Some).ok_or(EmbeddingsError::Damaged { path: path.to_owned(), problem })
}

fn from_pair(path: &Path, format: Format) -> Result<EmbeddingTable, EmbeddingsError> {
    let own = beside(path);
    match regular_file::open(path) {
        Ok(_) => {}
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && own.is_file() => {
            return Err(EmbeddingsError::Alone { there: own, missing: path.to_owned() });
        }
        Err(source) => return Err(EmbeddingsError::Io { path: path.to_owned(), source }),
    }
    let gallery = Gallery::open(path, Similarity::Dot)?;
    let Carried { stamp: carried, features, recipe, source } =
        if format == Format::Safetensors { carried(path)? } else { Carried::default() };
    let (place, rows) = if own.exists() {
        let rows = rows::read(&own)?;
        // One that names no model is of another program, which knows nothing of run ids.
        if rows.stamp.is_none() && (carried.is_some() || !rows.model.is_empty()) {
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
    if !features.is_empty() && features.len() != gallery.dim() {
        return Err(apart(format!(
            "{} numbers a vector, but {} names of them",
            gallery.dim(),
            features.len()
        )));
    }
    let dim = gallery.dim();
    let table = EmbeddingTable { row_ids, dim, values, model_hash: model, features, recipe, source };
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
    Ok(table)
}

/// What the header of safetensors says.
#[derive(Deserialize)]
struct Header {
    #[serde(rename = "__metadata__", default)]
    metadata: HashMap<String, String>,
}

/// What a file of numbers says of itself.
#[derive(Default)]
struct Carried {
    /// `None` in a file of an older version, or of another program.
    stamp: Option<Stamp>,
    /// Names of a vector's numbers, if they have any.
    features: Vec<String>,
    /// As of [`EmbeddingTable`]; empty for raw vectors.
    recipe: String,
    source: String,
}

/// Reads the header of a safetensors file that was opened before.
fn carried(path: &Path) -> Result<Carried, EmbeddingsError> {
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
    let features = match metadata.get(FEATURES) {
        Some(names) => serde_json::from_str(names).map_err(|e| wrong(format!("{FEATURES}: {e}")))?,
        None => Vec::new(),
    };
    let stamp = match (metadata.get(RUN), metadata.get(ROWS)) {
        (Some(run_id), Some(row_hash)) => Some(Stamp { run_id: run_id.clone(), row_hash: row_hash.clone() }),
        (None, None) => None,
        _ => return Err(wrong(format!("its header has only one of {RUN} and {ROWS}"))),
    };
    let text = |name: &str| metadata.get(name).cloned().unwrap_or_default();
    Ok(Carried { stamp, features, recipe: text(RECIPE), source: text(SOURCE) })
}
