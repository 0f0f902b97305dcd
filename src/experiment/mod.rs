//! Experiments: a table with one row per recording, and where its recordings are.
//!
//! [`import`] makes one from a manifest, tables of profiles, a plate map or a Mito dataset; [`table`] holds and edits it; [`view`] sorts and
//! filters it; [`project`] keeps it on disk; [`relocate`] finds recordings that moved. A
//! row shows a [`Payload`] and has [`Perturbation`]s: one compound today, so that combinations can come without changing
//! what is stored.

pub mod cells;
mod checks;
pub mod columns;
mod contained;
pub mod formula;
pub mod h5ad;
pub mod import;
pub mod order;
pub mod parquet;
pub mod project;
pub(crate) mod records;
pub mod relocate;
pub mod table;
pub mod view;
pub mod wells;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::video::{Address, Crop, files_in};

pub use columns::{Column, Kind, Role};
pub use table::{Table, TableError};
pub use view::{Filter, Query};
pub use wells::{PlateFormat, Well};

/// A row, or an experiment, cannot be used so.
#[derive(Debug, thiserror::Error)]
pub enum ExperimentError {
    /// A row does not say which recording it shows.
    #[error("row {} ({row_id}), column {column}: {problem}. {remedy}", row + 1)]
    Row {
        /// Row, from 0.
        row: usize,
        /// Its name.
        row_id: String,
        /// Column.
        column: &'static str,
        /// What is wrong there, without a full stop.
        problem: &'static str,
        /// What to do, a whole sentence.
        remedy: &'static str,
    },
    /// A change of the table was refused.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The operating system gives no random numbers, so the experiment gets no name of its own.
    #[error("the operating system gives no random numbers ({0}). Restart the program")]
    NoRandom(String),
}

/// A screen: one row per recording.
#[derive(Debug, Clone)]
pub struct Experiment {
    /// 128 random bits in hexadecimal: with a row's name unique everywhere.
    pub id: String,
    /// Name for titles.
    pub name: String,
    /// Folder that `path` values are relative to.
    pub root: PathBuf,
    /// The rows.
    pub table: Table,
    /// Embeddings by name; they hang on row names.
    pub embeddings: BTreeMap<String, Arc<EmbeddingTable>>,
}

/// Name of the embedding that holds an experiment's own numeric profiles, as its tables have them.
pub const PROFILE: &str = "profile";

/// Column of tables of profiles that names the corrections of their numbers.
pub const RECIPE: &str = "Metadata_recipe";

/// One vector per row, from one model. Raw, neither centred nor whitened, unless `recipe` says otherwise.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EmbeddingTable {
    /// Rows that have a vector.
    pub row_ids: Vec<String>,
    /// Length of a vector.
    pub dim: usize,
    /// Vectors one after the other, `[row, dim]`.
    pub values: Vec<f32>,
    /// BLAKE3 of the model's weights, hexadecimal; where an encoder names its numbers, of its own hash and their names; of
    /// vectors that no model made, of themselves, with a word before it.
    pub model_hash: String,
    /// Names of a vector's numbers, `dim` of them; empty for networks, whose numbers have no names.
    pub features: Vec<String>,
    /// Steps that they were corrected by, those of former corrections first, joined by `; `; empty for raw vectors.
    pub recipe: String,
    /// `model_hash` of the raw vectors that were corrected; empty where it is unknown, and for raw ones.
    pub source: String,
}

/// What a row shows. Numeric profiles are the embedding [`PROFILE`], whatever a row shows beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Payload {
    /// A recording of one frame or more: an image is a clip of one frame.
    Clip(Address),
    /// No recording, but a structure: its SMILES.
    Molecule(String),
}

/// What was done to the cells of a row. At most one per row today; combinations will have several.
#[derive(Debug, Clone, PartialEq)]
pub struct Perturbation {
    /// Name of the compound.
    pub compound: Option<String>,
    /// Its structure.
    pub smiles: Option<String>,
    /// Its dose, µM.
    pub concentration_um: Option<f64>,
}

impl Experiment {
    /// A new experiment with an id of its own.
    pub fn new(
        name: impl Into<String>,
        root: impl Into<PathBuf>,
        table: Table,
    ) -> Result<Self, ExperimentError> {
        let mut bits = [0; 16];
        getrandom::fill(&mut bits).map_err(|e| ExperimentError::NoRandom(e.to_string()))?;
        Ok(Self {
            id: format!("{:032x}", u128::from_be_bytes(bits)),
            name: name.into(),
            root: root.into(),
            table,
            embeddings: BTreeMap::new(),
        })
    }

    /// Where a row's recording is. A `;` in `path` separates the files of its channels; `stain` names them where it has as
    /// many parts. Nothing is looked for on disk.
    pub fn address(&self, row: usize) -> Result<Address, ExperimentError> {
        let refused = |column, problem, remedy| ExperimentError::Row {
            row,
            row_id: self.table.row_id(row).to_owned(),
            column,
            problem,
            remedy,
        };
        let path = self.table.text(row, "path");
        if path.is_empty() {
            return Err(refused("path", "no recording is named", "Enter the path of a recording."));
        }
        if files_in(&path).any(str::is_empty) {
            let remedy = "Name the file of each channel, with one ; between two.";
            return Err(refused("path", "the name of a file is missing before or after a ;", remedy));
        }
        for column in ["series", "crop_x", "crop_y", "crop_width", "crop_height"] {
            if self.table.number(row, column).is_some_and(|value| !(value >= 0.0 && value.fract() == 0.0)) {
                return Err(refused(column, "it is no whole number from 0", "Correct the cell."));
            }
        }
        let whole = |column| self.table.number(row, column).map(|value| value as usize);
        let crop = match ["crop_x", "crop_y", "crop_width", "crop_height"].map(whole) {
            [Some(x), Some(y), Some(width), Some(height)] => Some(Crop { x, y, width, height }),
            [None, None, None, None] => None,
            _ => {
                return Err(refused(
                    "crop_x, crop_y, crop_width, crop_height",
                    "a part of the crop is missing",
                    "Fill in all four, or none.",
                ));
            }
        };
        let mut files = files_in(&path).map(|file| self.root.join(file));
        let path = files.next().unwrap_or_default();
        let more: Vec<PathBuf> = files.collect();
        let stain = self.table.text(row, "stain");
        let named = stain.split(';').map(|name| name.trim().to_owned());
        let stains: Vec<String> = named.filter(|name| !name.is_empty()).collect();
        let stains = if more.is_empty() || stains.len() != more.len() + 1 { Vec::new() } else { stains };
        Ok(Address { path, more, stains, series: whole("series").unwrap_or(0), crop })
    }

    /// What a row shows; `None` where it names neither a recording nor a structure.
    ///
    /// # Errors
    /// As [`Self::address`], for a row that names a recording.
    pub fn payload(&self, row: usize) -> Result<Option<Payload>, ExperimentError> {
        if !self.table.text(row, "path").is_empty() {
            return self.address(row).map(|address| Some(Payload::Clip(address)));
        }
        let smiles = self.table.text(row, "smiles");
        Ok(Some(smiles).filter(|smiles| !smiles.is_empty()).map(Payload::Molecule))
    }

    /// What was done to a row's cells: empty where neither compound nor structure is named.
    pub fn perturbations(&self, row: usize) -> Vec<Perturbation> {
        let text = |column| Some(self.table.text(row, column)).filter(|text| !text.is_empty());
        let (compound, smiles) = (text("compound"), text("smiles"));
        if compound.is_none() && smiles.is_none() {
            return Vec::new();
        }
        vec![Perturbation { compound, smiles, concentration_um: self.table.number(row, "concentration_uM") }]
    }

    /// True where the row's recording is known to be simulated.
    pub fn is_simulated(&self, row: usize) -> bool {
        self.table.number(row, "simulated") == Some(1.0)
    }
}

#[cfg(test)]
mod tests {
    use polars::prelude::df;

    use super::*;

    #[test]
    fn a_row_becomes_an_address_and_its_perturbations() {
        let frame = df!(
            "row_id" => ["a", "b", "c", "d"],
            "path" => [Some("x/a.tif"), Some("b.tif"), Some("c.tif"), None],
            "series" => [None, Some(2), None, None],
            "crop_x" => [Some(1), None, Some(1), None],
            "crop_y" => [Some(2), None, None, None],
            "crop_width" => [Some(3), None, None, None],
            "crop_height" => [Some(4), None, None, None],
            "compound" => [Some("FCCP"), None, None, None],
            "concentration_uM" => [Some(0.5), Some(3.0), None, None],
            "smiles" => [None, None, None, Some("CCO")],
            "simulated" => [Some(true), Some(false), None, None],
        )
        .unwrap();
        let one = Experiment::new("e", "/screen", Table::from_frame(frame).unwrap()).unwrap();
        let address = one.address(0).unwrap();
        assert_eq!(
            address,
            Address {
                crop: Some(Crop { x: 1, y: 2, width: 3, height: 4 }),
                ..Address::of("/screen/x/a.tif")
            }
        );
        assert_eq!(one.payload(0).unwrap(), Some(Payload::Clip(address)));
        assert!(one.payload(2).is_err(), "a recording that is named badly is not none");
        assert_eq!(one.payload(3).unwrap(), Some(Payload::Molecule("CCO".to_owned())));
        let bare = one.table.set(&[3], "smiles", "").unwrap();
        assert_eq!(Experiment::new("e", "/", bare).unwrap().payload(3).unwrap(), None);
        assert_eq!(one.address(1).unwrap().series, 2);
        assert!(one.address(2).unwrap_err().to_string().starts_with("row 3 (c), column crop_x"));
        assert!(one.address(3).unwrap_err().to_string().contains("column path"));
        assert_eq!(one.perturbations(0)[0].concentration_um, Some(0.5));
        assert!(one.perturbations(1).is_empty(), "a dose of nothing");
        assert_eq!([0, 1, 2].map(|row| one.is_simulated(row)), [true, false, false]);
        let other = Experiment::new("e", "/screen", one.table.clone()).unwrap();
        assert_eq!(one.id.len(), 32);
        assert_ne!(one.id, other.id);
    }

    #[test]
    fn a_semicolon_separates_the_files_of_channels_and_stains_name_them() {
        let frame = df!(
            "row_id" => ["a", "b", "c", "d", "e"],
            "path" => ["x/a.tif; b.tif", "a.tif;b.tif", "a.tif", "a.tif;", "a.tif; ;b.tif"],
            "stain" => ["FKHR-EGFP;DNA", "DNA", "TMRM; DNA", "x;y", "x;y"],
        )
        .unwrap();
        let one = Experiment::new("e", "/screen", Table::from_frame(frame).unwrap()).unwrap();
        let address = one.address(0).unwrap();
        let files: Vec<&str> = address.files().map(|file| file.to_str().unwrap()).collect();
        assert_eq!(files, ["/screen/x/a.tif", "/screen/b.tif"]);
        assert_eq!(address.stains, ["FKHR-EGFP", "DNA"]);
        assert_eq!(one.address(1).unwrap().stains, [""; 0], "one name for two files names neither");
        assert_eq!(one.address(2).unwrap(), Address::of("/screen/a.tif"), "a file names its own channels");
        for row in [3, 4] {
            let text = one.address(row).unwrap_err().to_string();
            assert!(
                text.contains("column path: the name of a file is missing before or after a ;"),
                "{text}"
            );
        }
    }
}
