//! The manifest's columns: what each is called, holds, is measured in, and is for.
//!
//! One list ([`STANDARD`]) says it for import, table, export and the panels. Everything else in a table is a free
//! column; [`CURATION`] names those that the program itself writes.

use serde::{Deserialize, Serialize};

/// What a column holds. There are four, so that every column can be shown, edited and stored in any format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Text (UTF-8).
    Text,
    /// A whole number (64 bit).
    Integer,
    /// A finite number (64 bit float).
    Number,
    /// True or false.
    Flag,
}

impl Kind {
    /// Word for messages and choosers.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "whole number",
            Self::Number => "number",
            Self::Flag => "true/false",
        }
    }
}

/// What a column is for. Blind mode hides [`Role::Treatment`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Names the row.
    Id,
    /// Says where its recording is: file, series, crop.
    Address,
    /// Pixel size and frame interval.
    Calibration,
    /// Where in the experiment: plate, well, site, cell, replicate.
    Position,
    /// What was imaged.
    Sample,
    /// What was done to it, or tells so.
    Treatment,
    /// Which part of a split it belongs to.
    Split,
    /// Real or simulated.
    Provenance,
    /// Tags, notes and exclusion, written by the user of this program.
    Curation,
    /// Any further column.
    Free,
}

/// Which values a column accepts, beside empty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Check {
    /// All of its kind.
    Any,
    /// Zero or more.
    NotNegative,
    /// More than zero.
    Positive,
    /// One of these words.
    OneOf(&'static [&'static str]),
}

/// A column that the program knows.
#[derive(Debug, Clone, Copy)]
pub struct Standard {
    /// Name in a manifest.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Unit of a number.
    pub unit: Option<&'static str>,
    /// What it is for.
    pub role: Role,
    /// Values it accepts.
    pub check: Check,
    /// True where a cell may hold several values, separated by `;`.
    pub list: bool,
    /// One sentence for tooltips.
    pub doc: &'static str,
}

const fn column(
    name: &'static str,
    kind: Kind,
    unit: Option<&'static str>,
    role: Role,
    check: Check,
    doc: &'static str,
) -> Standard {
    Standard { name, kind, unit, role, check, list: false, doc }
}

/// The manifest's columns in their order.
pub static STANDARD: [Standard; 23] = {
    use Check::{Any, NotNegative, OneOf, Positive};
    use Kind::{Flag, Integer, Number, Text};
    use Role::{Address, Calibration, Id, Position, Provenance, Sample, Split, Treatment};
    [
        column("row_id", Text, None, Id, Any, "Name of the row, unique in the experiment."),
        column(
            "path",
            Text,
            None,
            Address,
            Any,
            "Recording, relative to the experiment's folder; files of single channels separated by ;.",
        ),
        column("series", Integer, None, Address, NotNegative, "Series in the file, from 0; empty = 0."),
        column("crop_x", Integer, Some("px"), Address, NotNegative, "Left column of the crop."),
        column("crop_y", Integer, Some("px"), Address, NotNegative, "Top row of the crop."),
        column("crop_width", Integer, Some("px"), Address, Positive, "Width of the crop."),
        column("crop_height", Integer, Some("px"), Address, Positive, "Height of the crop."),
        column("pixel_size_um", Number, Some("µm"), Calibration, Positive, "Size of a pixel in the sample."),
        column("interval_s", Number, Some("s"), Calibration, Positive, "Time between frames."),
        column("plate", Text, None, Position, Any, "Name or barcode of the plate."),
        column("well", Text, None, Position, Any, "Well on the plate, e.g. B07."),
        column("site", Text, None, Position, Any, "Field of view in the well."),
        column("cell", Text, None, Position, Any, "Cell in the field of view."),
        column("replicate", Text, None, Position, Any, "Replicate experiment."),
        column("cell_line", Text, None, Sample, Any, "Cell line."),
        column("stain", Text, None, Sample, Any, "Dye or label; of several files one each, separated by ;."),
        column("compound", Text, None, Treatment, Any, "Name of the compound."),
        column("smiles", Text, None, Treatment, Any, "Structure of the compound as SMILES."),
        column("concentration_uM", Number, Some("µM"), Treatment, NotNegative, "Dose of the compound."),
        Standard {
            list: true,
            ..column("moa", Text, None, Treatment, Any, "Mechanisms of action, separated by ;.")
        },
        column(
            "control",
            Text,
            None,
            Treatment,
            OneOf(&["negative", "positive"]),
            "negative or positive control; empty for a treatment.",
        ),
        column(
            "split",
            Text,
            None,
            Split,
            OneOf(&["train", "val", "query", "gallery"]),
            "train, val, query or gallery.",
        ),
        column("simulated", Flag, None, Provenance, Any, "True where the recording is simulated."),
    ]
};

/// Free columns that the program writes. They exist once they are used.
pub static CURATION: [Standard; 3] = {
    use Kind::Text;
    use Role::Curation;
    [
        Standard { list: true, ..column("tags", Text, None, Curation, Check::Any, "Tags, separated by ;.") },
        column("note", Text, None, Curation, Check::Any, "A note."),
        column("excluded", Text, None, Curation, Check::Any, "Why the row is left out; empty = included."),
    ]
};

/// The column that holds the reason of an exclusion.
pub const EXCLUDED: &str = "excluded";

/// What the program knows about a column, if anything.
pub fn known(name: &str) -> Option<&'static Standard> {
    STANDARD.iter().chain(&CURATION).find(|column| column.name == name)
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// Unit of a number: the manifest's, or what a free column's name says.
    pub unit: Option<String>,
    /// True for the manifest's own columns.
    pub standard: bool,
    /// True where a cell may hold several values, separated by `;`.
    pub list: bool,
    /// What it is for.
    pub role: Role,
}

impl Column {
    /// Describes a column by its name and kind.
    pub fn of(name: &str, kind: Kind) -> Self {
        let known = known(name);
        let numeric = matches!(kind, Kind::Integer | Kind::Number);
        Self {
            name: name.to_owned(),
            kind,
            unit: match known {
                Some(column) => column.unit.map(ToOwned::to_owned),
                None => numeric.then(|| unit_in_name(name)).flatten(),
            },
            standard: STANDARD.iter().any(|column| column.name == name),
            list: known.is_some_and(|column| column.list),
            role: known.map_or(Role::Free, |column| column.role),
        }
    }

    /// Name with its unit, for a table's head: `concentration_uM (µM)`.
    pub fn title(&self) -> String {
        match &self.unit {
            Some(unit) => format!("{} ({unit})", self.name),
            None => self.name.clone(),
        }
    }
}

/// Endings of names that give a unit. Case matters: `_mM` is a concentration, `_mm` a length.
const UNITS: [(&str, &str); 22] = [
    ("um", "µm"),
    ("µm", "µm"),
    ("nm", "nm"),
    ("mm", "mm"),
    ("px", "px"),
    ("s", "s"),
    ("sec", "s"),
    ("ms", "ms"),
    ("min", "min"),
    ("h", "h"),
    ("hours", "h"),
    ("uM", "µM"),
    ("µM", "µM"),
    ("nM", "nM"),
    ("mM", "mM"),
    ("pM", "pM"),
    ("um2", "µm²"),
    ("pct", "%"),
    ("percent", "%"),
    ("mV", "mV"),
    ("deg", "°"),
    ("C", "°C"),
];

/// The unit that a name ends with: `speed (µm/s)`, `dose [nM]`, `delay_s`.
pub fn unit_in_name(name: &str) -> Option<String> {
    let name = name.trim();
    for (open, close) in [('(', ')'), ('[', ']')] {
        if let Some((head, unit)) = name.strip_suffix(close).and_then(|rest| rest.rsplit_once(open))
            && !head.is_empty()
            && !unit.is_empty()
            && unit.chars().count() <= 12
        {
            return Some(unit.trim().replace('\u{3bc}', "µ"));
        }
    }
    let (head, ending) = name.rsplit_once(['_', ' '])?;
    (!head.is_empty())
        .then(|| UNITS.iter().find(|(suffix, _)| *suffix == ending).map(|(_, unit)| (*unit).to_owned()))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_are_the_contract_in_its_order() {
        let names: Vec<&str> = STANDARD.iter().map(|column| column.name).collect();
        assert_eq!(
            names.join(", "),
            "row_id, path, series, crop_x, crop_y, crop_width, crop_height, pixel_size_um, interval_s, plate, \
             well, site, cell, replicate, cell_line, stain, compound, smiles, concentration_uM, moa, control, \
             split, simulated"
        );
    }

    #[test]
    fn units_are_read_from_names_and_case_tells_molar_from_metre() {
        for (name, unit) in [
            ("speed (µm/s)", Some("µm/s")),
            ("dose [nM]", Some("nM")),
            ("delay_s", Some("s")),
            ("dose_mM", Some("mM")),
            ("width_mm", Some("mm")),
            ("cells", None),
            ("s", None),
            ("(µm)", None),
        ] {
            assert_eq!(unit_in_name(name).as_deref(), unit, "{name}");
        }
        assert_eq!(Column::of("moa", Kind::Text).role, Role::Treatment);
        assert_eq!(Column::of("score_s", Kind::Text).unit, None, "text has no unit");
        assert_eq!(Column::of("concentration_uM", Kind::Number).title(), "concentration_uM (µM)");
    }
}
