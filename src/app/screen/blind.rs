//! Blind mode: whoever scores videos must not see what was done to the cells.

use crate::experiment::Table;

/// Columns that tell nothing of the treatment. All others, free ones too, are hidden: a well's position, a file's
/// path or a free column can give it away.
const HARMLESS: [&str; 13] = [
    "site",
    "cell",
    "cell_line",
    "stain",
    "pixel_size_um",
    "interval_s",
    "crop_width",
    "crop_height",
    "simulated",
    "tags",
    "note",
    "excluded",
    CODE,
];

/// Name of the column with the codes that stand in for row ids.
pub const CODE: &str = "code";

/// True if a column may be seen while blind.
pub fn is_harmless(column: &str) -> bool {
    HARMLESS.contains(&column)
}

/// Codes of all rows: a shuffled numbering that depends on the experiment and the row ids only, so that a video keeps
/// its code when the project is opened again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Codes {
    numbers: Vec<u32>,
    /// Rows in the order of their codes: the order in which a blind table lists them.
    pub order: Vec<u32>,
}

impl Codes {
    /// Codes for a table.
    pub fn new(experiment: &str, table: &Table) -> Self {
        let key = |row: u32| {
            let mut hash = blake3::Hasher::new();
            hash.update(experiment.as_bytes()).update(&[0]).update(table.row_id(row as usize).as_bytes());
            *hash.finalize().as_bytes()
        };
        let mut order: Vec<u32> = (0..table.len() as u32).collect();
        order.sort_by_cached_key(|&row| (key(row), row));
        let mut numbers = vec![0; order.len()];
        for (number, &row) in order.iter().enumerate() {
            numbers[row as usize] = number as u32 + 1;
        }
        Self { numbers, order }
    }

    /// `V0042`.
    pub fn code(&self, row: u32) -> String {
        let digits = self.numbers.len().to_string().len().max(3);
        format!("V{:0digits$}", self.numbers.get(row as usize).copied().unwrap_or(0))
    }
}
