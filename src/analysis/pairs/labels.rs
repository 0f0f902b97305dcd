//! What rows are called in one column: all that rules compare.

use std::collections::HashMap;

/// One column. A cell holds no value, one, or several; values are compared letter by letter.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Labels {
    /// The column.
    pub name: String,
    /// Its values in the order in which they appear.
    texts: Vec<String>,
    /// A row's cell is `cells[starts[row]..starts[row + 1]]`.
    starts: Vec<usize>,
    /// Places in `texts`, ascending within a cell.
    cells: Vec<u32>,
}

impl Labels {
    /// Of the cells of all rows.
    pub fn new(name: impl Into<String>, rows: impl IntoIterator<Item = Vec<String>>) -> Self {
        let mut labels = Self { name: name.into(), starts: vec![0], ..Self::default() };
        let mut places: HashMap<String, u32> = HashMap::new();
        for row in rows {
            let mut cell = Vec::with_capacity(row.len());
            for text in row {
                let next = labels.texts.len() as u32;
                let place = *places.entry(text.clone()).or_insert(next);
                if place == next {
                    labels.texts.push(text);
                }
                cell.push(place);
            }
            cell.sort_unstable();
            cell.dedup();
            labels.cells.extend(cell);
            labels.starts.push(labels.cells.len());
        }
        labels
    }

    /// The same with a word in the empty cells, so that they are alike and differ from the others.
    #[must_use]
    pub(super) fn filled(&self, word: &str) -> Self {
        let rows = (0..self.rows()).map(|row| match self.of(row) {
            [] => vec![word.to_owned()],
            cell => cell.iter().map(|&value| self.text(value).to_owned()).collect(),
        });
        Self::new(self.name.clone(), rows)
    }

    /// Rows.
    pub(super) fn rows(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Values that there are in the column.
    pub(super) fn count(&self) -> usize {
        self.texts.len()
    }

    /// The values of a row.
    pub(super) fn of(&self, row: usize) -> &[u32] {
        &self.cells[self.starts[row]..self.starts[row + 1]]
    }

    /// A value as it stands in the table.
    pub(super) fn text(&self, value: u32) -> &str {
        &self.texts[value as usize]
    }

    /// True where any cell holds several values.
    pub(super) fn is_list(&self) -> bool {
        self.starts.windows(2).any(|ends| ends[1] - ends[0] > 1)
    }

    /// True where both rows share a value.
    pub(super) fn agree(&self, a: usize, b: usize) -> bool {
        match (self.of(a), self.of(b)) {
            ([a], [b]) => a == b,
            (a, b) => a.iter().any(|value| b.binary_search(value).is_ok()),
        }
    }

    /// True where both rows have values and share none: of an empty cell nobody knows.
    pub(super) fn differ(&self, a: usize, b: usize) -> bool {
        !self.of(a).is_empty() && !self.of(b).is_empty() && !self.agree(a, b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_agree_by_one_value_and_an_empty_one_neither_agrees_nor_differs() {
        let rows: [&[&str]; 5] = [&["a"], &["b", "a", "b"], &["b"], &[], &["c"]];
        let labels =
            Labels::new("moa", rows.map(|row| row.iter().map(|&text| text.to_owned()).collect::<Vec<_>>()));
        assert_eq!((labels.rows(), labels.count(), labels.is_list()), (5, 3, true));
        assert_eq!(labels.of(1).iter().map(|&value| labels.text(value)).collect::<Vec<_>>(), ["a", "b"]);
        assert!(labels.agree(0, 1) && labels.agree(1, 2) && !labels.agree(0, 2));
        assert!(labels.differ(0, 2) && labels.differ(1, 4) && !labels.differ(0, 1));
        assert!(!labels.agree(3, 3) && !labels.differ(3, 0) && !labels.differ(0, 3));
        let filled = labels.filled("none");
        assert!(filled.agree(3, 3) && filled.differ(3, 0) && filled.agree(0, 1));
    }
}
