//! Which files of a folder are tables of objects.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::profile::Stream;
use super::{COMPARTMENTS, LIMITS};

/// Tables whose names begin alike.
#[derive(Debug, Default)]
pub(super) struct Set {
    /// What stands before `Cells.csv`: `MyExpt_`, or nothing.
    pub prefix: String,
    pub image: Option<PathBuf>,
    /// In the order of [`COMPARTMENTS`].
    pub compartments: [Option<PathBuf>; COMPARTMENTS.len()],
}

/// True for a folder with at least one table of objects: it is called after a compartment, and has `ImageNumber` and
/// `ObjectNumber`.
pub(in super::super) fn are_in(folder: &Path) -> bool {
    let (sets, _) = sets(folder);
    sets.iter().flat_map(|set| &set.compartments).flatten().any(|path| is_of_objects(path))
}

fn is_of_objects(path: &Path) -> bool {
    let header = || Stream::open(path, &LIMITS).ok().flatten()?.header(path).ok();
    let header = header().unwrap_or_default();
    ["ImageNumber", "ObjectNumber"].iter().all(|wanted| header.iter().any(|name| name.trim() == *wanted))
}

/// The sets of a folder by their prefixes, those with a compartment, and the other files.
pub(super) fn sets(folder: &Path) -> (Vec<Set>, Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return (Vec::new(), Vec::new()) };
    let mut files: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    let mut sets: BTreeMap<String, Set> = BTreeMap::new();
    let mut strays = Vec::new();
    for path in files {
        let Some((prefix, name)) = told(&path) else {
            strays.push(path);
            continue;
        };
        let set = sets.entry(prefix.clone()).or_insert_with(|| Set { prefix, ..Set::default() });
        let place = match COMPARTMENTS.iter().position(|compartment| *compartment == name) {
            Some(place) => &mut set.compartments[place],
            None => &mut set.image,
        };
        // The same table packed and not.
        if place.is_some() {
            strays.push(path);
        } else {
            *place = Some(path);
        }
    }
    let (sets, lone): (Vec<Set>, Vec<Set>) =
        sets.into_values().partition(|set| set.compartments.iter().any(Option::is_some));
    strays.extend(lone.into_iter().filter_map(|set| set.image));
    (sets, strays)
}

/// What a file is called before and as a table of objects: `MyExpt_`, `Cells`; `None` for other files.
fn told(path: &Path) -> Option<(String, &'static str)> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    let bare = name.strip_suffix(".gz").unwrap_or(&name);
    let bare = [".csv", ".tsv", ".txt"].iter().find_map(|end| bare.strip_suffix(end))?;
    let start = bare.rfind('_').map_or(0, |place| place + 1);
    let (prefix, table) = (bare.get(..start)?, bare.get(start..)?);
    let table = COMPARTMENTS.into_iter().chain(["Image"]).find(|known| known.eq_ignore_ascii_case(table))?;
    (!name.starts_with('.')).then(|| (prefix.to_owned(), table))
}
