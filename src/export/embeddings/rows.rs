//! The table of row names beside a file of numbers.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::{EmbeddingsError, ROWS, RUN};
use crate::experiment::EmbeddingTable;
use crate::experiment::formula::{neutralise, restore};
use crate::experiment::records::Records;
use crate::export::pair::Stamp;
use crate::regular_file;

/// What all embeddings of a folder shared before each had its own.
const SHARED: &str = "row_ids.csv";

/// Bytes of a table at most: ten million rows of 200.
const MOST: u64 = 2 << 30;

/// `NAME.row_ids.csv` for `NAME.npy` and `NAME.safetensors`.
pub fn beside(path: &Path) -> PathBuf {
    path.with_extension("row_ids.csv")
}

/// `row_ids.csv` in the folder of a file of numbers, as older versions wrote it.
pub(super) fn shared(path: &Path) -> PathBuf {
    path.with_file_name(SHARED)
}

/// The table's text.
pub(super) fn text(table: &EmbeddingTable, stamp: &Stamp) -> String {
    let mut text = format!("row_id,model,{RUN},{ROWS}\n");
    for id in &table.row_ids {
        let id = neutralise(id);
        let quoted = if id.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", id.replace('"', "\"\""))
        } else {
            id.into_owned()
        };
        text.extend([
            quoted.as_str(),
            ",",
            &table.model_hash,
            ",",
            &stamp.run_id,
            ",",
            &stamp.row_hash,
            "\n",
        ]);
    }
    text
}

/// What a table says.
#[derive(Debug)]
pub(super) struct RowIds {
    /// The rows in their order.
    pub names: Vec<String>,
    /// Hash of the model's weights; empty where the table does not say.
    pub model: String,
    /// `None` in a shared table.
    pub stamp: Option<Stamp>,
}

/// Reads a table. One with a stamp must carry the same in all its rows.
///
/// # Errors
/// It cannot be read, is no such table, or names a row twice.
pub(super) fn read(path: &Path) -> Result<RowIds, EmbeddingsError> {
    let io = |source| EmbeddingsError::Io { path: path.to_owned(), source };
    let wrong = |problem: &str| EmbeddingsError::Rows { path: path.to_owned(), problem: problem.to_owned() };
    let mut bytes = Vec::new();
    regular_file::open(path).map_err(io)?.take(MOST + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > MOST {
        return Err(wrong("it is larger than any table of row names"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong("it is not UTF-8 text"))?;
    parse(text.trim_start_matches('\u{feff}')).map_err(|problem| wrong(&problem))
}

fn parse(text: &str) -> Result<RowIds, String> {
    let mut records = Records::new(text.as_bytes(), b',');
    let (_, header) = records.next().ok_or("it is empty")?;
    let header: Vec<String> = header.into_iter().map(str::to_owned).collect();
    let column = |name: &str| header.iter().position(|cell| cell == name);
    let id = column("row_id").ok_or("it has no column row_id")?;
    let (model, run, rows) = (column("model"), column(RUN), column(ROWS));
    let is_stamped = match (run, rows) {
        (Some(_), Some(_)) => true,
        (None, None) => false,
        _ => return Err(format!("it has only one of the columns {RUN} and {ROWS}")),
    };
    let mut all = RowIds { names: Vec::new(), model: String::new(), stamp: None };
    let mut seen = std::collections::HashSet::new();
    while let Some((_, record)) = records.next() {
        let line = all.names.len() + 2;
        if record.len() != header.len() {
            return Err(format!("row {line} has {} cells, the header {}", record.len(), header.len()));
        }
        let cell = |column: Option<usize>| column.map(|column| record[column].to_owned()).unwrap_or_default();
        let stamp = is_stamped.then(|| Stamp { run_id: cell(run), row_hash: cell(rows) });
        if all.names.is_empty() {
            (all.model, all.stamp) = (cell(model), stamp);
        } else if (&cell(model), &stamp) != (&all.model, &all.stamp) {
            return Err(format!("row {line} is of another run than the first"));
        }
        // Shared tables were written as the names are.
        let row_id = if is_stamped { restore(record[id]).to_owned() } else { record[id].to_owned() };
        if !seen.insert(row_id.clone()) {
            return Err(format!("row {line} names {row_id}, which was named before"));
        }
        all.names.push(row_id);
    }
    if all.names.is_empty() {
        return Err("it names no rows".to_owned());
    }
    Ok(all)
}
