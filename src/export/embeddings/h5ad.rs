//! Embeddings as `AnnData`: vectors in `X`, the rows' columns in `obs`, what made them in `uns["molclip"]`.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fs::File;

use crate::experiment::cells::Values;
use crate::experiment::columns::EXCLUDED;
use crate::experiment::h5ad::{Bounds, Called, Cells, Column, Content, Fact, H5ad, H5adError, Matrix, write};
use crate::experiment::table::MAX_ROWS;
use crate::experiment::{EmbeddingTable, Experiment, Role};

/// What the rows are called by.
const ROW_ID: &str = "row_id";
/// How numbers without names are called: `emb_1`, `emb_2`, ….
const NUMBERED: &str = "emb_";
/// What is held of a file: a vector is no longer than a table is wide, and has single precision here.
const BOUNDS: Bounds = Bounds { rows: MAX_ROWS, columns: 16_384, numbers: 1 << 28, text: 1 << 30 };

/// What is known beside the vectors.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The experiment that the rows are of.
    pub experiment: &'a Experiment,
    /// BLAKE3 over names and contents of the rows, hexadecimal.
    pub data: &'a str,
    /// True if the encoder was made from simulated recordings, or a row is one.
    pub simulated: bool,
}

/// The file of a table that was checked.
pub(super) fn bytes(table: &EmbeddingTable, about: Option<&About<'_>>) -> Result<Vec<u8>, H5adError> {
    let numbered: Vec<String>;
    let features = if table.features.is_empty() {
        numbered = (1..=table.dim).map(|number| format!("{NUMBERED}{number}")).collect();
        &numbered
    } else {
        &table.features
    };
    let mut facts = vec![
        ("model_hash", Fact::Text(&table.model_hash)),
        ("recipe", Fact::Text(&table.recipe)),
        ("source", Fact::Text(&table.source)),
        ("version", Fact::Text(env!("CARGO_PKG_VERSION"))),
    ];
    let mut columns = Vec::new();
    if let Some(about) = about {
        facts.push(("data_fingerprint", Fact::Text(about.data)));
        facts.push(("simulated", Fact::Flag(about.simulated)));
        columns = of_rows(&table.row_ids, about.experiment);
    }
    let values = Matrix::Single(&table.values);
    write(&Content { rows: &table.row_ids, columns, features, values, about: &facts })
}

/// The columns of an experiment's table for these rows; empty ones and where recordings lie are left out: paths are
/// relative to the experiment.
fn of_rows(row_ids: &[String], experiment: &Experiment) -> Vec<Column> {
    let table = &experiment.table;
    let rows: Vec<Option<usize>> = row_ids.iter().map(|row_id| table.row_of(row_id)).collect();
    let wanted = table
        .columns()
        .into_iter()
        .filter(|column| column.role != Role::Address && ![ROW_ID, EXCLUDED].contains(&column.name.as_str()));
    let columns = wanted.filter_map(|column| {
        let cells = cells(&table.values(&column.name)?, &rows);
        let is_filled = (0..cells.len()).any(|row| !cells.text(row).is_empty());
        is_filled.then_some(Column { name: column.name, cells })
    });
    columns.collect()
}

/// Cells of a column at these rows.
pub(in super::super) fn cells(values: &Values<'_>, rows: &[Option<usize>]) -> Cells {
    let rows = rows.iter().copied();
    match values {
        Values::Text(ca) => {
            Cells::Texts(rows.map(|row| row.and_then(|row| ca.get(row)).map(str::to_owned)).collect())
        }
        Values::Integer(ca) => Cells::Integers(rows.map(|row| row.and_then(|row| ca.get(row))).collect()),
        Values::Number(ca) => {
            Cells::Numbers(rows.map(|row| row.and_then(|row| ca.get(row)).unwrap_or(f64::NAN)).collect())
        }
        Values::Flag(ca) => Cells::Flags(rows.map(|row| row.and_then(|row| ca.get(row))).collect()),
    }
}

/// What the rows are called by, each once.
fn row_ids(file: &H5ad) -> Result<Vec<String>, H5adError> {
    let wrong = |problem: String| H5adError::Damaged { place: "obs".to_owned(), problem };
    let columns = file.columns()?;
    let row_ids = match file.called(columns.iter().map(String::as_str)) {
        Called::Column(name) => {
            let cells = file.column(name)?.map_err(|why| wrong(format!("of its column {name}, {why}")))?;
            // A category that stands in many rows is not copied for each before it is refused.
            once((0..cells.len()).map(|row| cells.text(row)))
        }
        Called::Index => once(file.rows.iter().map(|name| Cow::Borrowed(name.as_str()))),
        Called::Nothing => {
            Err("it only counts its rows. Write their row_id into the index of obs, or into a column row_id"
                .to_owned())
        }
    };
    row_ids.map_err(wrong)
}

/// Owned names, of which none may stand twice.
fn once<'a>(names: impl Iterator<Item = Cow<'a, str>>) -> Result<Vec<String>, String> {
    let mut seen = HashSet::new();
    let mut all = Vec::new();
    for name in names {
        if seen.contains(&name) {
            let start: String = name.chars().take(80).collect();
            return Err(format!("it names the row {start:?} twice. Give each row a name of its own"));
        }
        all.push(name.as_ref().to_owned());
        seen.insert(name);
    }
    Ok(all)
}

/// True for a file that says that its vectors are of simulated recordings.
pub(super) fn is_simulated(file: File) -> bool {
    H5ad::open(file, BOUNDS).is_ok_and(|file| file.is_simulated())
}

/// The vectors of a file, which may hold NaN or infinity. One of another program names no model.
pub(super) fn table(file: File) -> Result<EmbeddingTable, H5adError> {
    let file = H5ad::open(file, BOUNDS)?;
    let row_ids = row_ids(&file)?;
    let values = file.matrix()?.into_iter().map(|value| value as f32).collect();
    let is_numbered = |prefix: &str, first: usize| {
        let mut names = file.features.iter().zip(first..);
        names.all(|(name, number)| name.strip_prefix(prefix) == Some(number.to_string().as_str()))
    };
    let features =
        if is_numbered(NUMBERED, 1) || is_numbered("", 0) { Vec::new() } else { file.features.clone() };
    let fact = |name: &str| file.about(name).unwrap_or_default();
    Ok(EmbeddingTable {
        row_ids,
        dim: file.features.len(),
        values,
        model_hash: fact("model_hash"),
        features,
        recipe: fact("recipe"),
        source: fact("source"),
    })
}
