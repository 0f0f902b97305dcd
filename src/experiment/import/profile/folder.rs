//! Folders of tables of profiles.

use std::path::{Path, PathBuf};

use super::head::Head;
use super::roles::{Features, Roles, roles};
use super::{LIMITS, stem};

/// Tables that are looked at to tell what a folder is.
const LOOKED_AT: usize = 8;

/// The tables of a folder, by name.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub profiles: Vec<PathBuf>,
    /// Tables that hold no profiles.
    pub others: Vec<PathBuf>,
}

/// The tables that lie in a folder.
pub(super) fn tables_in(folder: &Path) -> Tables {
    let (profiles, others) = named_as_tables(folder).0.into_iter().partition(|path| is_profiles(path));
    Tables { profiles, others }
}

/// True for a folder that holds tables of profiles, and not mostly other things: frames of a recording may have such a
/// table beside them.
pub(in super::super) fn holds_profiles(folder: &Path) -> bool {
    let (tables, others) = named_as_tables(folder);
    tables.len() >= others && tables.iter().take(LOOKED_AT).any(|path| is_profiles(path))
}

/// Files that are called as tables are, by name, and the number of other files.
fn named_as_tables(folder: &Path) -> (Vec<PathBuf>, usize) {
    let Ok(entries) = std::fs::read_dir(folder) else { return (Vec::new(), 0) };
    let files = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file());
    let (mut tables, others): (Vec<_>, Vec<_>) = files.partition(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        !name.starts_with('.') && stem(path) != name.strip_suffix(".gz").unwrap_or(&name)
    });
    tables.sort();
    (tables, others.len())
}

fn is_profiles(path: &Path) -> bool {
    let columns = Head::read(path, &LIMITS).ok().flatten().map(|head| head.columns);
    columns.is_some_and(|columns| !matches!(roles(&columns, &Features::Guess), Ok(Roles::Other) | Err(_)))
}
