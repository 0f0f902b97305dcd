//! Data files of a project: the table as Parquet, embeddings as safetensors.

use std::collections::HashMap;
use std::io::{self, Write};

use polars::prelude::DataFrame;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::experiment::parquet::{self, Bounds};
use crate::experiment::table::MAX_ROWS;
use crate::experiment::{EmbeddingTable, Table};

/// What a table may take in memory: ten million rows of 200 characters, or of 50 columns.
const BOUNDS: Bounds = Bounds { bytes: 2 << 30, rows: MAX_ROWS, columns: 1 << 16, cells: 1 << 29 };

/// Name of the tensor in an embedding's file, `[row, dim]`, f32.
const TENSOR: &str = "embedding";

/// Reads a table. The error is a clause without a full stop.
pub fn read_table(bytes: Vec<u8>) -> Result<Table, String> {
    let parquet::Table { columns, left_out, rows } =
        parquet::read(bytes, &BOUNDS).map_err(|e| e.to_string())?;
    // A table of ours has no such columns.
    if let Some((column, why)) = left_out.first() {
        return Err(format!("column {column}: {why}"));
    }
    let frame = DataFrame::new(rows, columns).map_err(|e| e.to_string())?;
    Table::from_frame(frame).map_err(|e| e.to_string())
}

/// Writes a table.
pub fn write_table(table: &Table, to: &mut dyn Write) -> io::Result<()> {
    // What the disk says goes through polars as text; the kind of the error is kept aside for the remedy.
    let mut to = Noting { inner: to, error: None };
    let written = table.write_parquet(&mut to);
    match (to.error, written) {
        (Some(error), _) => Err(error),
        (None, Err(e)) => Err(io::Error::other(e.to_string())),
        (None, Ok(())) => Ok(()),
    }
}

/// Keeps the error that a writer gave.
struct Noting<'a> {
    inner: &'a mut dyn Write,
    error: Option<io::Error>,
}

impl Noting<'_> {
    fn note<T>(&mut self, done: io::Result<T>) -> io::Result<T> {
        done.map_err(|e| {
            let copy = e.raw_os_error().map_or_else(|| e.kind().into(), io::Error::from_raw_os_error);
            self.error.get_or_insert(e);
            copy
        })
    }
}

impl Write for Noting<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let done = self.inner.write(buffer);
        self.note(done)
    }

    fn flush(&mut self) -> io::Result<()> {
        let done = self.inner.flush();
        self.note(done)
    }
}

/// Reads an embedding. The error is a clause without a full stop.
pub fn read_embedding(bytes: &[u8]) -> Result<EmbeddingTable, String> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| e.to_string())?;
    let entry = |key: &str| {
        let found = header.metadata().as_ref().and_then(|entries| entries.get(key));
        found.ok_or_else(|| format!("its header has no {key}"))
    };
    let row_ids: Vec<String> =
        serde_json::from_str(entry("row_ids")?).map_err(|e| format!("row_ids: {e}"))?;
    let model_hash = entry("model_hash")?.clone();
    let tensors = SafeTensors::deserialize(bytes).map_err(|e| e.to_string())?;
    let tensor = tensors.tensor(TENSOR).map_err(|e| e.to_string())?;
    let &[rows, dim] = tensor.shape() else {
        return Err(format!("its tensor has shape {:?}", tensor.shape()));
    };
    if tensor.dtype() != Dtype::F32 || rows != row_ids.len() {
        return Err(format!(
            "it has {rows} × {dim} values of {:?} for {} rows",
            tensor.dtype(),
            row_ids.len()
        ));
    }
    let (values, _) = tensor.data().as_chunks::<4>();
    let values = values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    // Older versions name no numbers.
    let features: Vec<String> = match entry("features") {
        Ok(names) => serde_json::from_str(names).map_err(|e| format!("features: {e}"))?,
        Err(_) => Vec::new(),
    };
    if !features.is_empty() && features.len() != dim {
        return Err(format!("it has {dim} numbers a row and {} names of them", features.len()));
    }
    // Only corrected vectors have these.
    let text = |key: &str| entry(key).cloned().unwrap_or_default();
    let (recipe, source) = (text("recipe"), text("source"));
    Ok(EmbeddingTable { row_ids, dim, values, model_hash, features, recipe, source })
}

/// Writes an embedding: the tensor `embedding`, with `row_ids` (a JSON list), `model_hash` and, where its numbers have
/// names, `features` (a JSON list) in the header; of corrected vectors `recipe` and `source` too.
pub fn write_embedding(embedding: &EmbeddingTable, to: &mut dyn Write) -> io::Result<()> {
    let values: Vec<u8> = embedding.values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let shape = vec![embedding.row_ids.len(), embedding.dim];
    let tensor = TensorView::new(Dtype::F32, shape, &values).map_err(io::Error::other)?;
    let mut entries = HashMap::from([
        ("row_ids".to_owned(), serde_json::to_string(&embedding.row_ids)?),
        ("model_hash".to_owned(), embedding.model_hash.clone()),
    ]);
    if !embedding.features.is_empty() {
        entries.insert("features".to_owned(), serde_json::to_string(&embedding.features)?);
    }
    for (key, text) in [("recipe", &embedding.recipe), ("source", &embedding.source)] {
        if !text.is_empty() {
            entries.insert(key.to_owned(), text.clone());
        }
    }
    let bytes = safetensors::serialize([(TENSOR, tensor)], Some(entries)).map_err(io::Error::other)?;
    to.write_all(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embedding() -> EmbeddingTable {
        EmbeddingTable {
            row_ids: vec!["a".into(), "b \"quoted\"".into()],
            dim: 3,
            values: vec![1.0, -2.5, f32::MIN_POSITIVE, 0.0, f32::NAN, 7.0],
            model_hash: "ab12".into(),
            ..EmbeddingTable::default()
        }
    }

    #[test]
    fn embeddings_come_back_bit_for_bit() {
        let mut bytes = Vec::new();
        write_embedding(&embedding(), &mut bytes).unwrap();
        let back = read_embedding(&bytes).unwrap();
        let bits = |e: &EmbeddingTable| e.values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&back), bits(&embedding()));
        assert_eq!((back.row_ids, back.dim, back.model_hash), (embedding().row_ids, 3, "ab12".into()));
    }

    #[test]
    fn names_of_numbers_are_kept_and_fit_them() {
        let features = ["Cells_a", "Nuclei_\"b\"", "c"].map(str::to_owned).to_vec();
        let named = EmbeddingTable { features, ..embedding() };
        let mut bytes = Vec::new();
        write_embedding(&named, &mut bytes).unwrap();
        assert_eq!(read_embedding(&bytes).unwrap().features, named.features);
        let (recipe, source) = ("standardize; tvn:by=none".to_owned(), "ab12".to_owned());
        let corrected = EmbeddingTable { recipe, source, ..named };
        let mut bytes = Vec::new();
        write_embedding(&corrected, &mut bytes).unwrap();
        let back = read_embedding(&bytes).unwrap();
        assert_eq!((back.recipe, back.source), (corrected.recipe, corrected.source));
        let short = EmbeddingTable { features: vec!["one".into()], ..embedding() };
        let mut bytes = Vec::new();
        write_embedding(&short, &mut bytes).unwrap();
        let why = read_embedding(&bytes).unwrap_err();
        assert!(why.contains("3 numbers a row and 1 names"), "{why}");
    }

    #[test]
    fn an_embedding_that_does_not_fit_its_rows_is_refused() {
        let short = EmbeddingTable { values: vec![1.0; 5], ..embedding() };
        assert!(write_embedding(&short, &mut Vec::new()).is_err());
        assert!(read_embedding(b"").is_err());
        assert!(read_embedding(b"\xff\xff\xff\xff\xff\xff\xff\x7f{}").is_err());
        assert!(read_table(b"PAR1 but no table PAR1".to_vec()).is_err());
    }

    #[test]
    fn a_full_disk_is_told_as_such() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let frame = polars::prelude::df!("row_id" => ["a"]).unwrap();
        let error = write_table(&Table::from_frame(frame).unwrap(), &mut Full).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
