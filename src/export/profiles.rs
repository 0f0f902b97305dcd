//! Corrected profiles as Parquet or `AnnData`: what belongs to the rows, and a column for each feature. The table opens again
//! as one of profiles, and other programs of the field find their columns in it: `Metadata_*` beside features.

use std::collections::HashSet;
use std::path::Path;

use polars::prelude::{
    Column, DataFrame, IntoColumn, KeyValueMetadata, NamedFrom, ParquetWriter, PlSmallStr, PolarsError,
    Series,
};

use super::embeddings::cells;
use super::pair::write_together;
use super::{ExportError, persist, temporary};
use crate::analysis::recipe::Corrected;
use crate::experiment::cells::{Cells, Values, parse};
use crate::experiment::columns::EXCLUDED;
use crate::experiment::h5ad::{self, Content, Fact};
use crate::experiment::{Experiment, RECIPE, Role, Table};

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A column for each feature.
    Parquet,
    /// Features in `X`, the other columns in `obs`.
    H5ad,
}

impl Format {
    /// By the ending of a name.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_lowercase().as_str() {
            "parquet" => Some(Self::Parquet),
            "h5ad" => Some(Self::H5ad),
            _ => None,
        }
    }
}

/// What made the numbers.
#[derive(Debug, Clone, Copy)]
pub struct Made<'a> {
    /// All steps, those of former corrections first.
    pub recipe: &'a str,
    /// [`EmbeddingTable::model_hash`](crate::experiment::EmbeddingTable) of the vectors that were corrected; empty for the
    /// features of tables.
    pub model: &'a str,
    /// BLAKE3 over names and numbers of the rows before these steps, hexadecimal.
    pub data: &'a str,
    /// True if a row is of a simulated recording, or the vectors' model was made from such.
    pub simulated: bool,
}

/// Writes what a recipe made of rows of an experiment. `rows` are the table rows that the recipe was given, in its order. A
/// row that stands for several is named by the first, and keeps the cells in which they agree. Where recordings lie is not
/// written: paths are relative to the experiment. The file's own metadata holds the names of the features (`features`, a JSON
/// list, in their order), the model (`model`), `data_fingerprint` and `simulated` (`true` or `false`). A name that ends in `.h5ad` makes an `AnnData` file of the same content.
///
/// # Errors
/// The disk refuses.
pub fn write(
    corrected: &Corrected,
    (experiment, rows): (&Experiment, &[usize]),
    made: Made<'_>,
    path: &Path,
) -> Result<(), ExportError> {
    let failed = |e: PolarsError| ExportError::content(path, format!("{e}. Is there room on the disk?"));
    let mut frame = frame(corrected, &experiment.table, rows, made.recipe).map_err(failed)?;
    if Format::of(path) == Some(Format::H5ad) {
        let bytes =
            anndata(&frame, corrected, made).map_err(|e| ExportError::content(path, e.to_string()))?;
        return write_together(&[(path, &bytes)]);
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|e| ExportError::io(path, e))?;
    }
    let mut file = temporary(path)?;
    let names = serde_json::json!(corrected.table.features.names).to_string();
    let about = vec![
        ("features".to_owned(), names),
        ("model".to_owned(), made.model.to_owned()),
        ("data_fingerprint".to_owned(), made.data.to_owned()),
        ("simulated".to_owned(), made.simulated.to_string()),
    ];
    let about = KeyValueMetadata::from_static(about);
    let writer = ParquetWriter::new(&mut file).with_key_value_metadata(Some(about));
    writer.finish(&mut frame).map_err(failed)?;
    persist(file, path)
}

/// The file of a frame that holds features and what belongs to the rows.
fn anndata(frame: &DataFrame, corrected: &Corrected, made: Made<'_>) -> Result<Vec<u8>, h5ad::H5adError> {
    let features = &corrected.table.features;
    let of_features: HashSet<&str> = features.names.iter().map(String::as_str).collect();
    let rows: Vec<Option<usize>> = (0..frame.height()).map(Some).collect();
    let (mut names, mut columns) = (Vec::new(), Vec::new());
    for column in frame.columns() {
        let name = column.name().as_str();
        let Some(values) = Values::of(column).filter(|_| !of_features.contains(name)) else { continue };
        let cells = cells(&values, &rows);
        if name == "row_id" {
            names = (0..cells.len()).map(|row| cells.text(row).into_owned()).collect();
        } else {
            columns.push(h5ad::Column { name: name.to_owned(), cells });
        }
    }
    let about = [
        ("recipe", Fact::Text(made.recipe)),
        ("source", Fact::Text(made.model)),
        ("data_fingerprint", Fact::Text(made.data)),
        ("simulated", Fact::Flag(made.simulated)),
        ("version", Fact::Text(env!("CARGO_PKG_VERSION"))),
    ];
    let values = h5ad::Matrix::Double(&features.values);
    h5ad::write(&Content { rows: &names, columns, features: &features.names, values, about: &about })
}

fn frame(
    corrected: &Corrected,
    table: &Table,
    rows: &[usize],
    recipe: &str,
) -> Result<DataFrame, PolarsError> {
    let of_table = |members: &Vec<usize>| -> Vec<usize> {
        members.iter().filter_map(|&place| rows.get(place).copied()).collect()
    };
    let groups: Vec<Vec<usize>> = corrected.members.iter().map(of_table).collect();
    let ids: Vec<String> = groups.iter().map(|rows| name_of(table, rows)).collect();
    let features = &corrected.table.features;
    let mut taken: HashSet<String> = features.names.iter().cloned().collect();
    taken.extend(["row_id", RECIPE].map(str::to_owned));
    let mut columns: Vec<Column> = vec![Series::new("row_id".into(), ids).into_column()];
    for column in table.columns() {
        let is_left_out =
            column.role == Role::Address || ["row_id", EXCLUDED, RECIPE].contains(&&*column.name);
        let Some(values) = table.values(&column.name).filter(|_| !is_left_out) else { continue };
        let mut cells = Cells::empty(column.kind, groups.len());
        let mut is_empty = true;
        for (place, rows) in groups.iter().enumerate() {
            let mut texts = rows.iter().map(|&row| values.text(row));
            let Some(first) = texts.next().filter(|first| !first.is_empty()) else { continue };
            if texts.all(|text| text == first) {
                let cell = parse(&first, column.kind, None).unwrap_or_default();
                is_empty &= cell.is_none();
                cells.put(place, cell);
            }
        }
        if !is_empty {
            let mut name = as_metadata(&column.name);
            while !taken.insert(name.clone()) {
                name.push_str(" (row)");
            }
            columns.push(cells.into_column(&name));
        }
    }
    columns.push(Series::new(RECIPE.into(), vec![recipe; groups.len()]).into_column());
    let width = features.names.len();
    for (place, name) in features.names.iter().enumerate() {
        let values: Vec<f64> = features.values.iter().skip(place).step_by(width).copied().collect();
        columns.push(Series::new(PlSmallStr::from_str(name), values).into_column());
    }
    DataFrame::new(groups.len(), columns)
}

/// A row's own name, or the first of several and how many more it stands for.
fn name_of(table: &Table, rows: &[usize]) -> String {
    let first = rows.first().map_or("", |&row| table.row_id(row));
    if rows.len() > 1 { format!("{first}+{}", rows.len() - 1) } else { first.to_owned() }
}

/// A column's name as tables of profiles have it.
fn as_metadata(name: &str) -> String {
    match name {
        "plate" => "Metadata_Plate".to_owned(),
        "well" => "Metadata_Well".to_owned(),
        name if name.starts_with("Metadata_") => name.to_owned(),
        name => format!("Metadata_{name}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use polars::prelude::df;

    use super::*;
    use crate::analysis::recipe::{Matrix, Recipe, Table as Given};
    use crate::experiment::import::{Features, open_many, profile};

    fn corrected(steps: &str) -> (Corrected, Experiment) {
        let frame = df!(
            "row_id" => ["p_A01", "p_A02", "p_A03"],
            "plate" => ["p", "p", "p"],
            "well" => ["A01", "A02", "A03"],
            "lab" => ["x", "x", "x"],
            "Metadata_lab" => ["y", "y", "y"],
            "compound" => ["DMSO", "DMSO", "taxol"],
            "concentration_uM" => [None, None, Some(0.5)],
            "Metadata_time" => [24, 24, 24],
            "Metadata_recipe" => ["robustize", "robustize", "robustize"],
        )
        .unwrap();
        let experiment = Experiment::new("e", "/", Table::from_frame(frame).unwrap()).unwrap();
        let features = Matrix {
            names: vec!["PC1".to_owned(), "PC2".to_owned()],
            rows: 3,
            values: vec![1.0, 2.0, 3.0, 4.0, 5.0, f64::NAN],
        };
        let compounds: Vec<String> = (0..3).map(|row| experiment.table.text(row, "compound")).collect();
        let given = Given {
            features,
            columns: BTreeMap::from([("compound".to_owned(), compounds)]),
            negative: vec![true, true, false],
            plate: None,
        };
        (steps.parse::<Recipe>().unwrap().apply(given).unwrap(), experiment)
    }

    #[test]
    fn what_is_written_opens_again_as_profiles() {
        let (corrected, experiment) = corrected("standardize:fit=all");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/out.parquet");
        let made =
            Made { recipe: "robustize; standardize:fit=all", model: "0123", data: "4567", simulated: true };
        write(&corrected, (&experiment, &[0, 1, 2]), made, &path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let has = |text: &[u8]| bytes.windows(text.len()).any(|part| part == text);
        assert!(has(br#"["PC1","PC2"]"#) && has(b"0123"), "names and model stand in the file's metadata");
        assert!(has(b"data_fingerprint") && has(b"4567") && has(b"simulated"));
        let back = profile::read(std::slice::from_ref(&path), &Features::Guess).unwrap().unwrap();
        assert_eq!(back.features.names, ["PC1", "PC2"]);
        let (new, old) = (&back.features.values, &corrected.table.features.values);
        assert!(new.iter().zip(old).all(|(a, b)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())));
        let text = |row: usize, column: &str| back.experiment.table.text(row, column);
        assert_eq!(back.experiment.table.row_id(2), "p_A03");
        assert_eq!([text(2, "plate"), text(2, "well"), text(2, "concentration_uM")], ["p", "A03", "0.5"]);
        assert_eq!(text(0, "Metadata_time"), "24");
        assert_eq!(text(0, "Metadata_recipe"), "robustize; standardize:fit=all");
        // The feature with a gap is listed, not taken.
        let imported = open_many(&[path], &Features::Guess).unwrap();
        assert_eq!(imported.experiment.embeddings["profile"].features, ["PC1"]);
        assert!(imported.report.left_out.items.iter().any(|left| left.column == "PC2"));
    }

    #[test]
    fn anndata_of_simulated_rows_opens_with_rows_that_say_so() {
        let (corrected, experiment) = corrected("standardize:fit=all");
        let folder = tempfile::tempdir().unwrap();
        for simulated in [true, false] {
            let path = folder.path().join(format!("{simulated}.h5ad"));
            let made = Made { recipe: "robustize", model: "0123", data: "4567", simulated };
            write(&corrected, (&experiment, &[0, 1, 2]), made, &path).unwrap();
            let back = profile::read(std::slice::from_ref(&path), &Features::Guess).unwrap().unwrap();
            assert!((0..3).all(|row| back.experiment.is_simulated(row) == simulated), "{simulated}");
        }
    }

    #[test]
    fn a_row_of_several_keeps_what_they_agree_in() {
        let (corrected, experiment) = corrected("mean:by=compound");
        let table = frame(&corrected, &experiment.table, &[0, 1, 2], "mean:by=compound").unwrap();
        let text = |column: &str, row: usize| {
            let column = table.column(column).unwrap().as_materialized_series().clone();
            column.str().unwrap().get(row).map(str::to_owned)
        };
        assert_eq!(table.height(), 2);
        assert_eq!(text("row_id", 0).as_deref(), Some("p_A01+1"));
        assert_eq!(text("Metadata_compound", 0).as_deref(), Some("DMSO"));
        assert_eq!((text("Metadata_Well", 0), text("Metadata_Well", 1).as_deref()), (None, Some("A03")));
        let mut both = ["Metadata_lab", "Metadata_lab (row)"].map(|name| text(name, 1).unwrap_or_default());
        both.sort_unstable();
        assert_eq!(both, ["x", "y"], "two columns would have one name");
    }
}
