//! `AnnData` files (`.h5ad`): a matrix with a table of its rows and names of its columns, in HDF5.
//!
//! The layout is that of <https://anndata.readthedocs.io/en/stable/fileformat-prose.html>: `X` (an array, or compressed sparse
//! rows or columns), `obs` and `var` (data frames). Categorical columns of anndata 0.7 are read as well; rows that are
//! records (0.6 and before) are refused. Nothing is allocated for a shape that a file declares before it is held to
//! [`Bounds`].

mod cells;
mod matrix;
#[cfg(test)]
mod tests;
mod write;

use std::collections::HashSet;
use std::io::{Read, Seek, SeekFrom};

use hdf5_pure::{AttrValue, Dataset, File, Group, ReadSeekSource};

use super::contained::contained;
pub use cells::Cells;
pub use write::{Content, Fact, Matrix, write};

/// How every HDF5 file begins that has no block of another program before it.
pub const MAGIC: &[u8; 8] = b"\x89HDF\r\n\x1a\n";
/// Where the program that writes says what made the numbers.
const ABOUT: &str = "uns/molclip";
/// Parts of a file that are no matrix and no names.
const IGNORED: [&str; 6] = ["layers", "obsm", "varm", "obsp", "varp", "raw"];
/// Bytes of a chunk once unpacked: one is held whole.
const MOST_CHUNK: u64 = 1 << 28;
/// A matrix of more bytes than this is none where it is [`RATIO`] times larger than its file.
const FREE: u64 = 64 << 20;
/// A sparse matrix with a twentieth of its cells filled is some 50 times smaller than a dense one.
const RATIO: u64 = 250;
/// Column that names the rows, whatever the index holds.
const ROW_ID: &str = "row_id";

/// An `AnnData` file cannot be read, or not be written.
#[derive(Debug, thiserror::Error)]
pub enum H5adError {
    /// The file is none, or not whole.
    #[error("{place}: {problem}")]
    Damaged {
        /// Where in the file.
        place: String,
        /// What is wrong there, a clause.
        problem: String,
    },
    /// More than may be held.
    #[error("{place}: it declares {what}, more than is read")]
    TooLarge {
        /// Where in the file.
        place: String,
        /// What there is too much of.
        what: String,
    },
}

/// What a file may make the program allocate.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Most rows.
    pub rows: usize,
    /// Most columns of the matrix, and of the table of rows.
    pub columns: usize,
    /// Most numbers of the matrix, zeros of a sparse one included; the cells of all columns of the table of rows may take as
    /// much memory, 8 bytes for each, beside their texts.
    pub numbers: usize,
    /// Most text of the table of rows, of all its columns together, and of the names; bytes.
    pub text: usize,
}

/// A column of the table of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its cells, one a row.
    pub cells: Cells,
}

/// The table of rows beside their names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Obs {
    /// Columns in their order.
    pub columns: Vec<Column>,
    /// Columns of types that no cell shows, and why, a clause.
    pub left_out: Vec<(String, String)>,
}

/// What rows are called by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Called<'a> {
    /// A column of `obs`.
    Column(&'a str),
    /// The index of `obs`.
    Index,
    /// Nothing: the index is a running number.
    Nothing,
}

/// A file whose names were read, and whose matrix fits them.
#[derive(Debug)]
pub struct H5ad {
    file: File,
    bounds: Bounds,
    /// Names of the rows, as `obs` has them: they may stand twice.
    pub rows: Vec<String>,
    /// Names of the matrix's columns, as `var` has them: they may stand twice.
    pub features: Vec<String>,
    /// Parts that are not read, as the file calls them.
    pub ignored: Vec<String>,
}

impl H5ad {
    /// Opens a file and reads its names.
    ///
    /// # Errors
    /// It is no HDF5 or no `AnnData` file, is cut or damaged, has a matrix of another shape than its tables, or passes a bound.
    pub fn open(mut from: impl Read + Seek + Send + 'static, bounds: Bounds) -> Result<Self, H5adError> {
        guarded(|| {
            let whole = |e: &dyn std::fmt::Display| damaged("the file", format!("{e}"));
            let length = from.seek(SeekFrom::End(0)).map_err(|e| whole(&e))?;
            let source = ReadSeekSource::new(from).map_err(|e| whole(&e))?;
            let file = File::from_source(source).map_err(|e| whole(&e))?;
            let root = file.root();
            let (tables, arrays) = (groups(&root, "the file")?, datasets(&root, "the file")?);
            let named = |name: &str| tables.iter().any(|table| table == name);
            for name in ["obs", "var"] {
                if !named(name) {
                    let problem = if arrays.iter().any(|array| array == name) {
                        "it holds records, as anndata 0.6 and before wrote them. Open the file with anndata and write it again"
                    } else {
                        "there is none, so this is no AnnData file"
                    };
                    return Err(damaged(name, problem));
                }
            }
            if !named("X") && !arrays.iter().any(|array| array == "X") {
                return Err(damaged("X", "there is none. Put the numbers into X, not into a layer alone"));
            }
            let rows = names(&root, "obs", bounds.rows, "rows", &bounds)?;
            let features = names(&root, "var", bounds.columns, "columns", &bounds)?;
            matrix::check(&root, (rows.len(), features.len()), &bounds)?;
            let bytes = (rows.len() as u64).saturating_mul(features.len() as u64).saturating_mul(8);
            if bytes > FREE.max(length.saturating_mul(RATIO)) {
                let what = format!("{} × {} numbers in {length} bytes", rows.len(), features.len());
                return Err(too_large("X", what));
            }
            let ignored = IGNORED.iter().filter(|name| named(name)).filter(|name| {
                let part = root.group(name);
                let is_filled = |part: Group| -> Option<bool> {
                    Some(!part.datasets().ok()?.is_empty() || !part.groups().ok()?.is_empty())
                };
                part.ok().and_then(is_filled).unwrap_or(true)
            });
            let ignored = ignored.map(|name| (*name).to_owned()).collect();
            Ok(Self { file, bounds, rows, features, ignored })
        })
    }

    /// The columns of `obs` beside its index.
    ///
    /// # Errors
    /// A column is damaged, has another length than the others, or passes a bound.
    pub fn obs(&self) -> Result<Obs, H5adError> {
        guarded(|| {
            let frame = cells::Frame::of(&self.file.root(), "obs")?;
            let order = self.order(&frame)?;
            let rows = self.rows.len();
            if rows.checked_mul(order.len()).is_none_or(|cells| cells > self.bounds.numbers) {
                return Err(too_large("obs", format!("{rows} × {} cells", order.len())));
            }
            let mut obs = Obs::default();
            // What is left of the bounds: a file may hold little and name it often.
            let mut text = self.bounds.text;
            let mut memory = self.bounds.numbers.saturating_mul(size_of::<f64>());
            for name in order {
                let place = format!("obs/{name}");
                match frame.column(&name, &place, rows, &Bounds { text, ..self.bounds })? {
                    Ok(cells) => {
                        let left =
                            text.checked_sub(cells.text_bytes()).zip(memory.checked_sub(cells.bytes()));
                        let Some(left) = left else {
                            return Err(too_large(&place, "with the columns before it more cells and texts"));
                        };
                        (text, memory) = left;
                        obs.columns.push(Column { name, cells });
                    }
                    Err(why) => obs.left_out.push((name, why)),
                }
            }
            Ok(obs)
        })
    }

    /// Names of the columns of `obs` beside its index, in their order.
    ///
    /// # Errors
    /// It cannot be read, names a column twice, or has more than may be.
    pub fn columns(&self) -> Result<Vec<String>, H5adError> {
        guarded(|| self.order(&cells::Frame::of(&self.file.root(), "obs")?))
    }

    /// A column of `obs`, or why no cell shows its type, a clause.
    ///
    /// # Errors
    /// There is none, it is damaged, has another length than the others, or passes a bound.
    pub fn column(&self, name: &str) -> Result<Result<Cells, String>, H5adError> {
        guarded(|| {
            let frame = cells::Frame::of(&self.file.root(), "obs")?;
            frame.column(name, &format!("obs/{name}"), self.rows.len(), &self.bounds)
        })
    }

    fn order(&self, frame: &cells::Frame) -> Result<Vec<String>, H5adError> {
        let attributes = frame.group.attrs().map_err(|e| damaged("obs", e.to_string()))?;
        let index = index_of(&attributes);
        let order = attributes.get("column-order").and_then(AttrValue::as_strings);
        let mut order = order.map_or_else(|| frame.names(), <[String]>::to_vec);
        order.retain(|name| *name != index);
        if order.len() > self.bounds.columns {
            return Err(too_large("obs", format!("{} columns", order.len())));
        }
        let mut seen = HashSet::new();
        if let Some(twice) = order.iter().find(|name| !seen.insert(name.as_str())) {
            return Err(damaged(&format!("obs/{twice}"), "column-order names it twice"));
        }
        Ok(order)
    }

    /// What the rows of a file with these columns in `obs` are called by: its column `row_id`, or else the index, unless that
    /// only counts them.
    pub fn called<'a>(&self, mut columns: impl Iterator<Item = &'a str>) -> Called<'a> {
        match columns.find(|name| name.eq_ignore_ascii_case(ROW_ID)) {
            Some(name) => Called::Column(name),
            None if self.rows.iter().enumerate().all(|(row, name)| name.parse() == Ok(row)) => {
                Called::Nothing
            }
            None => Called::Index,
        }
    }

    /// The matrix, `[row, feature]`, as it stands: NaN and infinity stay. A sparse one is made dense.
    ///
    /// # Errors
    /// It is damaged, or its sparse parts contradict each other.
    pub fn matrix(&self) -> Result<Vec<f64>, H5adError> {
        guarded(|| matrix::read(&self.file.root(), (self.rows.len(), self.features.len())))
    }

    /// What a file that this program wrote says of its numbers under a name; `None` in one of another program.
    pub fn about(&self, name: &str) -> Option<String> {
        contained(|| {
            let dataset = self.file.dataset(&format!("{ABOUT}/{name}")).ok()?;
            if !dataset.shape().ok()?.is_empty() {
                return None;
            }
            let place = format!("{ABOUT}/{name}");
            cells::texts(&dataset, &place, 1, &Bounds { text: 1 << 20, ..self.bounds }).ok()?.pop()
        })
        .flatten()
    }

    /// True if a file that this program wrote says that its numbers are of simulated recordings.
    pub fn is_simulated(&self) -> bool {
        let flag = || {
            let dataset = self.file.dataset(&format!("{ABOUT}/simulated")).ok()?;
            let is_scalar = dataset.shape().ok()?.is_empty();
            is_scalar.then(|| cells::flags(&dataset).ok().flatten()?.first().copied().flatten()).flatten()
        };
        contained(flag).flatten() == Some(true)
    }
}

/// Work on a file that may be damaged: what the reader did not foresee is an error as well.
fn guarded<T>(work: impl FnOnce() -> Result<T, H5adError>) -> Result<T, H5adError> {
    contained(work).unwrap_or_else(|| Err(damaged("inside the file", "it is damaged")))
}

fn damaged(place: &str, problem: impl Into<String>) -> H5adError {
    H5adError::Damaged { place: place.to_owned(), problem: problem.into() }
}

fn too_large(place: &str, what: impl Into<String>) -> H5adError {
    H5adError::TooLarge { place: place.to_owned(), what: what.into() }
}

fn group(parent: &Group, name: &str) -> Result<Group, H5adError> {
    parent.group(name).map_err(|e| damaged(name, e.to_string()))
}

fn groups(parent: &Group, place: &str) -> Result<Vec<String>, H5adError> {
    parent.groups().map_err(|e| damaged(place, e.to_string()))
}

fn datasets(parent: &Group, place: &str) -> Result<Vec<String>, H5adError> {
    parent.datasets().map_err(|e| damaged(place, e.to_string()))
}

/// Which column of a table names its rows.
fn index_of(attributes: &std::collections::HashMap<String, AttrValue>) -> String {
    attributes.get("_index").and_then(AttrValue::as_str).unwrap_or("_index").to_owned()
}

/// The names of a table's rows.
fn names(
    root: &Group,
    table: &str,
    most: usize,
    what: &str,
    bounds: &Bounds,
) -> Result<Vec<String>, H5adError> {
    let frame = cells::Frame::of(root, table)?;
    let attributes = frame.group.attrs().map_err(|e| damaged(table, e.to_string()))?;
    let index = index_of(&attributes);
    let place = format!("{table}/{index}");
    let Some(list) = frame.list_of(&index, &place)? else {
        return Err(damaged(&place, format!("the names of the {what} are not there")));
    };
    let &[len] = shape(&list, &place)?.as_slice() else {
        return Err(damaged(&place, "it is no list"));
    };
    if len == 0 {
        return Err(damaged(&place, format!("there are no {what}")));
    }
    if len > most as u64 {
        return Err(too_large(&place, format!("{len} {what}")));
    }
    let len = len as usize;
    let cells = match frame.column(&index, &place, len, bounds)? {
        Ok(cells) => cells,
        Err(why) => {
            return Err(damaged(&place, format!("the names of the {what} cannot be read: {why}")));
        }
    };
    let mut names = Vec::with_capacity(len);
    let mut text = 0;
    for row in 0..len {
        if cells.is_missing(row) {
            return Err(damaged(&place, format!("of the {what}, number {} has no name", row + 1)));
        }
        let name = cells.text(row).into_owned();
        // A category stands for many names.
        text += name.len();
        if text > bounds.text {
            return Err(too_large(&place, format!("names of more than {} bytes", bounds.text)));
        }
        names.push(name);
    }
    Ok(names)
}

fn shape(dataset: &Dataset, place: &str) -> Result<Vec<u64>, H5adError> {
    dataset.shape().map_err(|e| damaged(place, e.to_string()))
}

/// Checks that a dataset has a shape, and that its chunks can be held.
fn check(dataset: &Dataset, place: &str, wanted: &[usize]) -> Result<(), H5adError> {
    let found = shape(dataset, place)?;
    if !found.iter().copied().eq(wanted.iter().map(|len| *len as u64)) {
        return Err(damaged(place, format!("it is of shape {found:?}, not {wanted:?} as the names say")));
    }
    let failed = |e: hdf5_pure::Error| damaged(place, e.to_string());
    let element = dataset.element_size().map_err(failed)?;
    let chunk = dataset.chunk_shape().map_err(failed)?.unwrap_or_default();
    let bytes = chunk.iter().try_fold(element, |bytes, len| bytes.checked_mul(*len));
    if bytes.is_none_or(|bytes| bytes > MOST_CHUNK) {
        return Err(too_large(place, format!("chunks of {chunk:?} values")));
    }
    Ok(())
}
