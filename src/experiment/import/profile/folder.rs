//! Folders of tables of profiles.

use std::path::{Path, PathBuf};

use super::super::{Named, objects};
use super::head::Head;
use super::roles::{Features, Roles};
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

/// The tables that lie in a folder. One of which is open what its columns are is no reason to ask where others say it.
pub(super) fn tables_in(folder: &Path, features: &Features) -> Tables {
    let mut found = Tables::default();
    let mut open = Vec::new();
    for path in named_as_tables(folder).0 {
        match roles_of(&path) {
            Some(Roles::Known { .. }) => found.profiles.push(path),
            Some(Roles::Open(_)) => open.push(path),
            Some(Roles::Other) | None => found.others.push(path),
        }
    }
    let asks = found.profiles.is_empty() || *features != Features::Guess;
    let of_open = if asks { &mut found.profiles } else { &mut found.others };
    of_open.append(&mut open);
    of_open.sort();
    found
}

/// True where each of these paths is a table of profiles whose columns say what they are, or a folder of such tables: they
/// can be opened as one experiment.
pub fn are_profiles(paths: &[PathBuf]) -> bool {
    paths.iter().all(|path| {
        if path.is_dir() {
            return super::super::recognise(path) == Some(Named::Profiles);
        }
        matches!(roles_of(path), Some(Roles::Known { .. }))
    })
}

/// True for a folder that holds tables of single objects, or tables of profiles and not mostly other things: frames of a
/// recording may have such a table beside them.
pub(in super::super) fn holds_profiles(folder: &Path) -> bool {
    if objects::are_in(folder) {
        return true;
    }
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
    !matches!(roles_of(path), Some(Roles::Other) | None)
}

fn roles_of(path: &Path) -> Option<Roles> {
    let head = Head::read(path, &LIMITS).ok().flatten()?;
    head.roles(&Features::Guess).ok()
}
