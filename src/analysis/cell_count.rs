//! Cells of each row, by the column of the table that counts them.

use super::items::plain;
use crate::experiment::{Kind, Table};

/// Names of columns that count cells, as [`plain`] makes them, without `Metadata_` or `Image_`; what is likelier first.
const NAMES: [&str; 12] = [
    "countcells",
    "cellscount",
    "cellcount",
    "ncells",
    "numberofcells",
    "numcells",
    "objectcount",
    "countnuclei",
    "nucleicount",
    "nnuclei",
    "cellscountcells",
    "relativewellcellcount",
];

/// The column and its numbers, `[row]`, `None` where there is none that is at least 0. Without a name, the column is found by the
/// names that such columns have; `None` where there is none.
pub fn of(table: &Table, column: Option<&str>) -> Option<(String, Vec<Option<f64>>)> {
    let known = || {
        let columns = table.columns().into_iter();
        let numbers = columns.filter(|column| matches!(column.kind, Kind::Integer | Kind::Number));
        let named = numbers.filter_map(|column| Some((place(&column.name)?, column.name)));
        named.min_by_key(|(place, _)| *place).map(|(_, name)| name)
    };
    let name = column.map(str::to_owned).or_else(known)?;
    let counts = (0..table.len())
        .map(|row| table.number(row, &name).filter(|count| *count >= 0.0 && count.is_finite()));
    let counts = counts.collect();
    Some((name, counts))
}

/// How likely a column of this name counts cells, from 0.
fn place(name: &str) -> Option<usize> {
    let name = plain(name);
    let name = ["metadata", "image"]
        .iter()
        .fold(name.as_str(), |name, start| name.strip_prefix(start).unwrap_or(name));
    NAMES.iter().position(|known| *known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_every_spelling() {
        for name in [
            "Metadata_Count_Cells",
            "Cells_Count",
            "cell_count",
            "n_cells",
            "Image_Count_Nuclei",
            "Metadata_Object_Count",
        ] {
            assert!(place(name).is_some(), "{name}");
        }
        assert!(place("Count_Cells") < place("Count_Nuclei") && place("cellular").is_none());
    }
}
