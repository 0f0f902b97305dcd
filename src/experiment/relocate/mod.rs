//! Moved data found again: the user points to one folder or file, the rest follows.
//!
//! [`missing`] lists the stored paths that lead nowhere, [`search()`] makes a [`Plan`] that can be looked at, and
//! [`apply`] writes it into the experiment.

mod search;
mod walk;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

pub use search::{Found, Limits, Missing, Plan, Rule, search};

use super::{Experiment, ExperimentError};
use crate::video::files_in;

/// Stored paths of an experiment, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stored {
    /// Lead nowhere.
    pub missing: Vec<String>,
    /// Rows that show those.
    pub missing_rows: usize,
    /// Files and folders that are where they should be.
    pub present: Vec<PathBuf>,
}

/// Looks for every recording of an experiment, and for all files of those whose channels lie in several; `None` if
/// cancelled.
pub fn missing(experiment: &Experiment, cancelled: &dyn Fn() -> bool) -> Option<Stored> {
    let mut rows: HashMap<String, usize> = HashMap::new();
    for row in 0..experiment.table.len() {
        *rows.entry(experiment.table.text(row, "path")).or_default() += 1;
    }
    let mut stored = Stored::default();
    let mut known: HashMap<String, bool> = HashMap::new();
    for (n, (path, rows)) in rows.into_iter().enumerate() {
        if n % 64 == 0 && cancelled() {
            return None;
        }
        let mut is_missing = false;
        for part in files_in(&path).filter(|part| !part.is_empty()) {
            let is_there = known.get(part).copied().unwrap_or_else(|| {
                let file = experiment.root.join(part);
                let is_there = file.exists();
                if is_there {
                    stored.present.push(file);
                } else {
                    stored.missing.push(part.to_owned());
                }
                known.insert(part.to_owned(), is_there);
                is_there
            });
            is_missing |= !is_there;
        }
        if is_missing {
            stored.missing_rows += rows;
        }
    }
    stored.missing.sort();
    Some(stored)
}

/// Writes what a plan found into an experiment. If one rule accounts for every path, the root moves and the paths
/// stay short; else each found path becomes relative to the root where it lies below it, absolute where not.
pub fn apply(experiment: &Experiment, plan: &Plan) -> Result<Experiment, ExperimentError> {
    let table = &experiment.table;
    let found: HashMap<&str, &Found> = plan.found.iter().map(|f| (f.path.as_str(), f)).collect();
    let paths: Vec<String> = (0..table.len()).map(|row| table.text(row, "path")).collect();
    let used: BTreeSet<&str> =
        paths.iter().flat_map(|path| files_in(path)).filter(|path| !path.is_empty()).collect();
    let root = match plan.rules.as_slice() {
        [rule] if used.iter().all(|path| found.contains_key(path)) => rule.to.clone(),
        _ => experiment.root.clone(),
    };
    // Of several files, those that were not found stay as they are.
    let moved = |path: &String| {
        let mut parts: Vec<String> = files_in(path).map(ToOwned::to_owned).collect();
        let mut any = false;
        for part in &mut parts {
            if let Some(new) = found.get(part.as_str()).and_then(|found| stored(&found.file, &root)) {
                (*part, any) = (new, true);
            }
        }
        any.then(|| parts.join(";")).filter(|new| new != path)
    };
    let cells: Vec<(usize, String)> =
        paths.iter().enumerate().filter_map(|(row, path)| Some((row, moved(path)?))).collect();
    let cells: Vec<(usize, &str)> = cells.iter().map(|(row, path)| (*row, path.as_str())).collect();
    Ok(Experiment { root, table: table.set_each("path", &cells)?, ..experiment.clone() })
}

/// A file as a table keeps it: from the root where it lies below, `/` between folders.
fn stored(file: &Path, root: &Path) -> Option<String> {
    let text = file.strip_prefix(root).unwrap_or(file).to_str()?;
    Some(if std::path::MAIN_SEPARATOR == '/' { text.to_owned() } else { text.replace('\\', "/") })
}

#[cfg(test)]
mod tests {
    use polars::prelude::df;

    use super::*;
    use crate::experiment::Table;

    fn experiment(root: &Path, paths: &[&str]) -> Experiment {
        let ids: Vec<String> = (0..paths.len()).map(|i| format!("r{i}")).collect();
        let table = Table::from_frame(df!("row_id" => ids, "path" => paths).unwrap()).unwrap();
        Experiment::new("e", root, table).unwrap()
    }

    fn touch(file: &Path) {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, "x").unwrap();
    }

    fn locate(experiment: &Experiment, chosen: &Path) -> (Plan, Experiment) {
        let stored = missing(experiment, &|| false).unwrap();
        let plan = search(&stored.missing, stored.present, chosen, Limits::default(), &|| false);
        let moved = apply(experiment, &plan).unwrap();
        (plan, moved)
    }

    #[test]
    fn a_moved_root_keeps_the_short_paths() {
        let disk = tempfile::tempdir().unwrap();
        let new = disk.path().join("new");
        touch(&new.join("p1/a.tif"));
        touch(&new.join("p2/b.tif"));
        let before = experiment(&disk.path().join("old"), &["p1/a.tif", "p2/b.tif", "p2/b.tif", ""]);
        let stored = missing(&before, &|| false).unwrap();
        assert_eq!((stored.missing.len(), stored.missing_rows, stored.present.len()), (2, 3, 0));
        let (_, after) = locate(&before, &new);
        assert_eq!(after.root, new);
        assert_eq!(after.table.text(1, "path"), "p2/b.tif");
        assert_eq!(missing(&after, &|| false).unwrap().missing_rows, 0);
        // Absolute paths from Windows become short ones.
        let before = experiment(Path::new("/"), &["D:\\s\\p1\\a.tif", "D:\\s\\p2\\b.tif"]);
        let (_, after) = locate(&before, disk.path());
        assert_eq!((after.root.as_path(), after.table.text(0, "path").as_str()), (new.as_path(), "p1/a.tif"));
    }

    #[test]
    fn each_file_of_a_recording_s_channels_is_looked_for() {
        let disk = tempfile::tempdir().unwrap();
        for file in ["new/w1/a.tif", "new/w1/b.tif", "new/w2/a.tif", "screen/w2/b.tif"] {
            touch(&disk.path().join(file));
        }
        let rows = ["w1/a.tif; w1/b.tif", "w2/a.tif;w2/b.tif", "w1/a.tif"];
        let before = experiment(&disk.path().join("screen"), &rows);
        let stored = missing(&before, &|| false).unwrap();
        assert_eq!(stored.missing, ["w1/a.tif", "w1/b.tif", "w2/a.tif"]);
        assert_eq!((stored.missing_rows, stored.present.len()), (3, 1));
        let (plan, after) = locate(&before, &disk.path().join("new"));
        assert_eq!((plan.found.len(), plan.missing.len()), (3, 0));
        let there = missing(&after, &|| false).unwrap();
        assert_eq!((there.missing.len(), there.missing_rows), (0, 0));
        // One file is where it was, so the root stays and the others are named in full.
        let files: Vec<PathBuf> = after.address(1).unwrap().files().cloned().collect();
        assert_eq!(files, [disk.path().join("new/w2/a.tif"), disk.path().join("screen/w2/b.tif")]);
        // All of them moved: the paths stay short.
        touch(&disk.path().join("new/w2/b.tif"));
        let (_, after) = locate(&experiment(&disk.path().join("gone"), &rows), &disk.path().join("new"));
        assert_eq!((after.root, after.table.text(1, "path")), (disk.path().join("new"), rows[1].to_owned()));
    }

    #[test]
    fn what_was_there_stays_and_what_is_not_found_too() {
        let disk = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        touch(&disk.path().join("p1/a.tif"));
        touch(&disk.path().join("moved/p2/b.tif"));
        touch(&elsewhere.path().join("p3/c.tif"));
        let before = experiment(disk.path(), &["p1/a.tif", "p2/b.tif", "p3/c.tif", "p4/d.tif"]);
        let (plan, after) = locate(&before, &disk.path().join("moved"));
        assert_eq!((plan.found.len(), plan.missing.len()), (1, 2));
        let (_, after) = locate(&after, elsewhere.path());
        assert_eq!(after.root, disk.path());
        let paths: Vec<String> = (0..4).map(|row| after.table.text(row, "path")).collect();
        let c = elsewhere.path().join("p3/c.tif").to_str().unwrap().to_owned();
        assert_eq!(paths, ["p1/a.tif", "moved/p2/b.tif", &c, "p4/d.tif"]);
        assert!(missing(&after, &|| true).is_none());
    }
}
