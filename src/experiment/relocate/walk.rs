//! Everything below a folder whose name is wanted, within bounds.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};

/// Places kept per name: every well may have a `frame_001.tif`.
const PLACES: usize = 64;

/// A walk through folders, level by level, that can stop and go on. Links are not followed.
pub struct Walk {
    wanted: HashSet<String>,
    places: HashMap<String, Vec<PathBuf>>,
    open: VecDeque<PathBuf>,
    /// Folders that are themselves wanted: frames lie in them, which are many and seldom of use.
    later: VecDeque<PathBuf>,
    left: usize,
    stopped: bool,
}

impl Walk {
    /// A walk below `folder` that looks for names and at no more than `entries` files and folders.
    pub fn new(folder: &Path, wanted: HashSet<String>, entries: usize) -> Self {
        Self {
            wanted,
            places: HashMap::new(),
            open: VecDeque::from([folder.to_owned()]),
            later: VecDeque::new(),
            left: entries,
            stopped: false,
        }
    }

    /// Goes on to the end, also into folders that are wanted themselves if `into_wanted`.
    pub fn run(&mut self, into_wanted: bool, is_over: &dyn Fn() -> bool) {
        if into_wanted {
            self.open.append(&mut self.later);
        }
        while let Some(folder) = self.open.pop_front() {
            // A folder that cannot be read holds nothing for us.
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                if self.left == 0 || (self.left.is_multiple_of(256) && is_over()) {
                    self.stopped = true;
                    return;
                }
                self.left -= 1;
                let name = entry.file_name();
                let is_wanted = name.to_str().is_some_and(|name| self.wanted.contains(name));
                if is_wanted {
                    let places = self.places.entry(name.to_string_lossy().into_owned()).or_default();
                    if places.len() < PLACES {
                        places.push(entry.path());
                    }
                }
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    let queue = if is_wanted { &mut self.later } else { &mut self.open };
                    queue.push_back(entry.path());
                }
            }
        }
    }

    /// Where files and folders of this name are.
    pub fn named(&self, name: &str) -> &[PathBuf] {
        self.places.get(name).map_or(&[], Vec::as_slice)
    }

    /// False when the walk ended at a bound.
    pub const fn is_complete(&self) -> bool {
        !self.stopped
    }
}
