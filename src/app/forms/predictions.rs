//! What of the answers is written, and where.

use std::path::Path;

use crate::app::screen::Screen;

/// What is written, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictionsForm {
    /// Folder.
    pub folder: String,
    /// Tables as CSV, Parquet or XLSX.
    pub tables: TableFormat,
    /// Figures as SVG and PNG.
    pub figures: bool,
    /// Embeddings as Parquet.
    pub embeddings: bool,
}

/// Ending of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TableFormat {
    /// For spreadsheets.
    #[default]
    Xlsx,
    /// For everything.
    Csv,
    /// For data frames.
    Parquet,
}

impl TableFormat {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Xlsx, Self::Csv, Self::Parquet];

    /// Ending of a file's name.
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Xlsx => "xlsx",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }
}

impl PredictionsForm {
    /// Beside the project, or beside the table where the user has named none.
    pub fn first(project: Option<&Path>, screen: &Screen) -> Self {
        let beside = match project {
            Some(project) => project.parent().map(Path::to_owned).unwrap_or_default(),
            None => screen.experiment().root.clone(),
        };
        Self {
            folder: beside.join("answers").display().to_string(),
            tables: TableFormat::default(),
            figures: true,
            embeddings: false,
        }
    }
}
