//! A table on its way in: what each of its columns means.

use super::Waiting;
use crate::experiment::import::units::{Unit, quantity};
use crate::experiment::import::{Mapping, Source, Target};

/// A table, and what its columns become.
pub struct ImportForm {
    /// The table as it stands in the file.
    pub source: Source,
    /// What its columns become.
    pub mapping: Mapping,
    /// The sheet that is read now.
    pub reading: Option<Waiting>,
    /// Why another sheet could not be read.
    pub error: Option<String>,
}

impl ImportForm {
    /// A table with a guess.
    pub fn new(source: Source, mapping: Mapping) -> Self {
        Self { source, mapping, reading: None, error: None }
    }
}

/// True where nothing had to be guessed: the file names its columns as the manifest does.
pub fn is_certain(mapping: &Mapping) -> bool {
    mapping.source_of("path").is_some()
        && mapping.columns.iter().all(|column| match column.target {
            Target::Standard(name) => {
                let kept = quantity(name).map(|q| Unit::kept(q).name);
                let same_unit = column.unit.is_none_or(|unit| Some(unit.name) == kept);
                name == column.source && same_unit && !column.decimal_comma
            }
            Target::Free(_) => true,
            Target::Feature | Target::Skip => false,
        })
}

/// The mapping as it is kept with a project, so that an import can be checked and repeated.
pub fn to_json(mapping: &Mapping) -> serde_json::Value {
    let columns = mapping.columns.iter().map(|column| {
        let becomes = match column.target {
            Target::Standard(name) => name.to_owned(),
            Target::Free(kind) => format!("{} ({})", column.source, kind.label()),
            Target::Feature => "feature".to_owned(),
            Target::Skip => String::new(),
        };
        serde_json::json!({
            "source": column.source,
            "becomes": becomes,
            "unit": column.unit.map(|u| u.name),
            "decimal_comma": column.decimal_comma,
        })
    });
    serde_json::Value::Array(columns.collect())
}
