//! `AnnData` files as tables of profiles: `X` holds the features, `obs` what belongs to the rows.

use std::borrow::Cow;
use std::fs::File;
use std::path::Path;

use super::super::super::columns::Kind;
use super::super::super::h5ad::{Bounds, Called, Cells, H5ad, H5adError};
use super::super::grid::Grid;
use super::super::source::{Format, Raw};
use super::super::{ImportError, Limits, Source};
use super::body::{Body, TABLE, of_rows, stem};
use super::head::unique;
use super::roles::{Column, bare};

/// What the rows are called by.
const ROW_ID: &str = "row_id";
/// Column that tells simulated rows.
const SIMULATED: &str = "simulated";

/// Opens a file: its names, and the columns of its matrix.
pub(super) fn open(path: &Path, file: File, limits: &Limits) -> Result<(H5ad, Vec<Column>), ImportError> {
    let bounds = Bounds {
        rows: limits.rows,
        columns: limits.columns,
        numbers: limits.cells,
        text: of_rows(limits).bytes,
    };
    let file = H5ad::open(file, bounds).map_err(|e| unreadable(path, e))?;
    let names = unique(path, &file.features, limits)?;
    let column = |name| Column { name, is_numeric: true, names_recordings: None };
    Ok((file, names.into_iter().map(column).collect()))
}

/// Reads a file that is open: the features at these places of its matrix, ascending, and the table of its rows. Their names
/// are the table's `row_id` where it has none, unless they are running numbers.
pub(super) fn read(
    path: &Path,
    file: &H5ad,
    columns: &[Column],
    features: &[usize],
    limits: &Limits,
) -> Result<Body, ImportError> {
    let obs = file.obs().map_err(|e| unreadable(path, e))?;
    let called = file.called(obs.columns.iter().map(|column| column.name.as_str()));
    let is_named = called != Called::Index;
    let mut header: Vec<String> = if is_named { Vec::new() } else { vec![ROW_ID.to_owned()] };
    let mut kinds: Vec<Kind> = header.iter().map(|_| Kind::Text).collect();
    header.extend(obs.columns.iter().map(|column| column.name.clone()));
    kinds.extend(obs.columns.iter().map(|column| kind(&column.cells)));
    // What the file says of all its rows; a column of them says it of each.
    let is_column = |name: &str| bare(name).eq_ignore_ascii_case(SIMULATED);
    let simulated = file.is_simulated() && !header.iter().any(|name| is_column(name));
    let stem = stem(path);
    let lone = header.is_empty().then_some(stem.as_str());
    if lone.is_some() {
        header.push(TABLE.to_owned());
        kinds.push(Kind::Text);
    }
    if simulated {
        header.push(SIMULATED.to_owned());
        kinds.push(Kind::Flag);
    }
    let row_limits = of_rows(limits);
    let mut grid = Grid::new(header.len());
    for (row, name) in file.rows.iter().enumerate() {
        let cells: Vec<Cow<str>> = obs.columns.iter().map(|column| column.cells.text(row)).collect();
        let own = (!is_named).then_some(name.as_str());
        let texts = own.into_iter().chain(cells.iter().map(AsRef::as_ref)).chain(lone);
        let texts = texts.chain(simulated.then_some("true"));
        grid.push(path, row as u32 + 1, texts, &row_limits)?;
    }
    let mut notes: Vec<String> =
        obs.left_out.iter().map(|(column, why)| format!("Column {column} was left out: {why}.")).collect();
    if !file.ignored.is_empty() {
        notes.push(format!(
            "Of the file, {} were left out: the features are those of X.",
            file.ignored.join(", ")
        ));
    }
    let raw = Raw { format: Format::H5ad, header, grid, kinds, notes };
    let source = Source::new(path, raw, Vec::new(), None)?;
    let mut values = file.matrix().map_err(|e| unreadable(path, e))?;
    let width = file.features.len();
    if features.len() < width {
        let rows = values.chunks_exact(width);
        values = rows.flat_map(|row| features.iter().map(move |&place| row[place])).collect();
    }
    let names = features.iter().filter_map(|&place| columns.get(place)).map(|column| column.name.clone());
    Ok(Body { source, names: names.collect(), blocks: vec![values], texts: Vec::new() })
}

const fn kind(cells: &Cells) -> Kind {
    match cells {
        Cells::Texts(_) | Cells::Coded { .. } => Kind::Text,
        Cells::Integers(_) => Kind::Integer,
        Cells::Numbers(_) => Kind::Number,
        Cells::Flags(_) => Kind::Flag,
    }
}

fn unreadable(path: &Path, error: H5adError) -> ImportError {
    match error {
        H5adError::Damaged { place, problem } => {
            ImportError::new(path, place, problem, "Write the file again with anndata.")
        }
        H5adError::TooLarge { place, what } => {
            let problem = format!("it declares {what}, more than is read");
            ImportError::new(path, place, problem, "Split it into several files.")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::super::super::PROFILE;
    use super::super::{Features, LIMITS, read as read_profiles, read_tables};
    use super::*;

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/h5ad").join(name)
    }

    #[test]
    fn x_is_the_features_and_obs_the_rows() {
        let read = read_profiles(&[fixture("dense.h5ad")], &Features::Guess).unwrap().unwrap();
        let (table, features) = (&read.experiment.table, &read.features);
        assert_eq!(features.names, (0..4).map(|n| format!("Cells_Feature_{n}")).collect::<Vec<_>>());
        assert_eq!(features.values[..4], [-1.25, 0.0, 0.75, 1.75]);
        assert_eq!((table.len(), table.row_id(4)), (6, "P1_B02"));
        let text = |row: usize, column: &str| table.text(row, column);
        assert_eq!(
            [text(5, "compound"), text(5, "well"), text(5, "concentration_uM")],
            ["µ-drug, 2", "B03", "10"]
        );
        assert_eq!([text(4, "compound"), text(1, "passage"), text(1, "checked")], ["", "", ""]);
        assert_eq!([text(0, "keep"), text(2, "passage")], ["true", "3"]);
        let notes = &read.report.notes;
        assert!(notes.iter().any(|note| note.contains("layers, obsm were left out")), "{notes:?}");
        let embedding = read.into_imported().experiment.embeddings.remove(PROFILE).unwrap();
        assert_eq!((embedding.row_ids.len(), embedding.dim), (6, 4));
    }

    #[test]
    fn files_stack_and_features_are_chosen() {
        let both = [fixture("csr.h5ad"), fixture("legacy.h5ad")];
        let chosen = Features::parse("Cells_Feature_1,Cells_Feature_3");
        let read = read_profiles(&both, &chosen).unwrap().unwrap();
        assert_eq!(read.features.names, ["Cells_Feature_1", "Cells_Feature_3"]);
        assert_eq!((read.experiment.table.len(), read.features.values.len()), (12, 24));
        assert_eq!(read.features.values[..2], [0.0, 1.75]);
        assert_eq!(read.features.values[..12], read.features.values[12..]);
        assert_eq!(read.report.duplicates.count, 6, "both have the same names of rows");
        let error = read_profiles(&both, &Features::parse("PC")).unwrap_err().to_string();
        assert!(
            error.contains("no numeric column is called PC") && error.contains("Cells_Feature_0"),
            "{error}"
        );
    }

    #[test]
    fn a_file_that_is_none_or_too_large_is_refused_with_what_to_do() {
        let read = |name: &str, limits: &Limits| {
            read_tables(&[fixture(name)], Vec::new(), &Features::Guess, limits).unwrap_err().to_string()
        };
        let text = read("records.h5ad", &LIMITS);
        assert!(
            text.contains("records.h5ad: obs: it holds records") && text.contains("with anndata"),
            "{text}"
        );
        let text = read("csc.h5ad", &Limits { cells: 23, ..LIMITS });
        assert!(
            text.contains("csc.h5ad: X: it declares 6 × 4 numbers") && text.contains("Split it"),
            "{text}"
        );
        let text = Source::read(&fixture("csc.h5ad")).unwrap_err().to_string();
        assert!(text.contains("this is an HDF5 file"), "{text}");
    }
}
