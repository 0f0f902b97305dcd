//! Which part of the missing paths to replace by what, so that as many files as possible are there again.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::walk::Walk;

/// Bounds of one search.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Files and folders looked at below the chosen folder.
    pub entries: usize,
    /// Time for the whole search.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 500_000, time: Duration::from_secs(30) }
    }
}

/// Every path that starts with `from` starts with `to` now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Leading folders of the stored paths, `/` between them; empty: the root itself moved.
    pub from: String,
    /// The folder that stands for them.
    pub to: PathBuf,
}

/// A missing file that is there again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// As the table has it.
    pub path: String,
    /// Index of the rule that found it.
    pub rule: usize,
    /// Where it is.
    pub file: PathBuf,
}

/// A file that is still missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// As the table has it.
    pub path: String,
    /// Files of the same name, none of which is surely the one: at most eight.
    pub candidates: Vec<PathBuf>,
}

/// What a search found; nothing is changed before [`super::apply`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// What to replace, the rule that finds most first.
    pub rules: Vec<Rule>,
    /// Files that are there again.
    pub found: Vec<Found>,
    /// Files that are not.
    pub missing: Vec<Missing>,
    /// False when the search was cancelled or met its limits: a smaller folder may find more.
    pub complete: bool,
}

/// Rules of one plan: data in more places than this are brought together first.
const MAX_RULES: usize = 64;
/// Missing paths that are asked for their idea of a rule, evenly spread.
const SAMPLE: usize = 256;
/// Places for the same folder that are compared.
const RIVALS: usize = 8;
/// Candidates that are listed for a file.
const MAX_CANDIDATES: usize = 8;

/// A stored path in its parts. Tables keep `/`; those made on Windows by other programs may have `\`.
#[derive(Debug, Clone)]
struct Stored<'a> {
    text: &'a str,
    parts: Vec<&'a str>,
}

impl<'a> Stored<'a> {
    fn new(text: &'a str) -> Self {
        let mut parts: Vec<&str> = text.split(['/', '\\']).filter(|p| !p.is_empty() && *p != ".").collect();
        // The root of an absolute path is a folder like others.
        if text.starts_with(['/', '\\']) {
            parts.insert(0, "");
        }
        Self { text, parts }
    }

    fn name(&self) -> &'a str {
        self.parts.last().copied().unwrap_or_default()
    }

    /// What follows `from`, if the path starts with it.
    fn after(&self, from: &[&str]) -> Option<PathBuf> {
        (self.parts.len() > from.len())
            .then(|| self.parts.strip_prefix(from))?
            .map(|rest| rest.iter().collect())
    }

    /// The rule that turns this path into `file`: what both end in stays.
    fn rule(&self, file: &Path) -> Option<Rule> {
        let names: Vec<&str> = file.components().map(|c| c.as_os_str().to_str()).collect::<Option<_>>()?;
        let same = self.parts.iter().rev().zip(names.iter().rev()).take_while(|(a, b)| a == b).count();
        let to: PathBuf = file.components().take(names.len() - same).collect();
        (same > 0).then(|| Rule { from: self.parts[..self.parts.len() - same].join("/"), to })
    }
}

/// A search that goes on.
struct Search<'a> {
    paths: Vec<Stored<'a>>,
    /// Indices of paths not found yet.
    remaining: Vec<usize>,
    /// Files that some path leads to already: no two paths may lead to one.
    taken: HashSet<PathBuf>,
    plan: Plan,
    until: Instant,
    cancelled: &'a dyn Fn() -> bool,
}

/// Looks for files whose stored paths lead nowhere, given one folder or file that the user points to. `missing` are the
/// paths as stored, `present` the files that other rows have already. Looks first where the paths say, then at
/// everything below the folder within `limits`.
pub fn search(
    missing: &[String],
    present: impl IntoIterator<Item = PathBuf>,
    chosen: &Path,
    limits: Limits,
    cancelled: &dyn Fn() -> bool,
) -> Plan {
    let distinct: HashSet<&str> = missing.iter().map(String::as_str).filter(|p| !p.is_empty()).collect();
    let mut paths: Vec<Stored> =
        distinct.into_iter().map(Stored::new).filter(|s| !s.name().is_empty()).collect();
    paths.sort_by_key(|s| s.text);
    let mut search = Search {
        remaining: (0..paths.len()).collect(),
        paths,
        taken: present.into_iter().collect(),
        plan: Plan { complete: true, ..Plan::default() },
        until: Instant::now() + limits.time,
        cancelled,
    };
    let chosen = std::path::absolute(chosen).unwrap_or_else(|_| chosen.to_owned());
    let is_file = chosen.is_file();
    let folder = if is_file { chosen.parent().unwrap_or(&chosen) } else { &chosen };
    if is_file {
        search.start_from(&chosen);
    }
    search.settle(&|path| {
        let below = (0..path.parts.len()).filter(|&k| !path.parts[k].is_empty()).map(|k| {
            let rest: PathBuf = path.parts[k..].iter().collect();
            folder.join(rest)
        });
        below.filter(|file| file.exists()).take(1).collect()
    });
    let wanted = search.remaining.iter().map(|&i| search.paths[i].name().to_owned()).collect();
    let mut walk = Walk::new(folder, wanted, limits.entries);
    for into_wanted in [false, true] {
        if search.remaining.is_empty() || search.is_over() {
            break;
        }
        walk.run(into_wanted, &|| search.is_over());
        search.settle(&|path| walk.named(path.name()).to_vec());
    }
    search.plan.complete &= search.remaining.is_empty() || (walk.is_complete() && !search.is_over());
    search.finish(&walk)
}

impl Search<'_> {
    fn is_over(&self) -> bool {
        (self.cancelled)() || Instant::now() >= self.until
    }

    /// The user says where one file is: the missing path that ends most like it tells the rule.
    fn start_from(&mut self, file: &Path) {
        let rules = self.remaining.iter().filter_map(|&i| self.paths[i].rule(file));
        if let Some(rule) = rules.min_by_key(|r| (r.to.components().count(), r.from.len())) {
            let found = self.fits(&rule);
            if !found.is_empty() {
                self.accept(rule, found);
            }
        }
    }

    /// Takes rules, the one that finds most first, until none is left that is beyond doubt. `candidates` tells where
    /// a path's file may be.
    fn settle(&mut self, candidates: &dyn Fn(&Stored) -> Vec<PathBuf>) {
        let mut undecided = HashSet::new();
        while !self.remaining.is_empty() && self.plan.rules.len() < MAX_RULES && !self.is_over() {
            let mut votes: BTreeMap<(String, PathBuf), usize> = BTreeMap::new();
            let step = self.remaining.len().div_ceil(SAMPLE);
            for &i in self.remaining.iter().step_by(step) {
                let path = &self.paths[i];
                for rule in candidates(path).iter().filter_map(|file| path.rule(file)) {
                    if !undecided.contains(&rule.from) {
                        *votes.entry((rule.from, rule.to)).or_default() += 1;
                    }
                }
            }
            let mut votes: Vec<_> = votes.into_iter().collect();
            votes.sort_by_key(|((from, _), n)| (Reverse(*n), from.len()));
            let Some(from) = votes.first().map(|((from, _), _)| from.clone()) else { return };
            let rivals = votes.into_iter().filter(|((f, _), _)| *f == from).take(RIVALS);
            let mut fits: Vec<(Rule, Vec<Found>)> = rivals
                .map(|((from, to), _)| {
                    let rule = Rule { from, to };
                    let found = self.fits(&rule);
                    (rule, found)
                })
                .collect();
            fits.sort_by_key(|(_, found)| Reverse(found.len()));
            let rest = if fits.is_empty() { Vec::new() } else { fits.split_off(1) };
            match fits.pop() {
                Some((rule, found))
                    if !found.is_empty() && rest.iter().all(|(_, other)| is_beyond_doubt(&found, other)) =>
                {
                    self.accept(rule, found);
                }
                // Two places fit alike, or none: the wrong video would be worse than no video.
                _ => {
                    undecided.insert(from);
                }
            }
        }
    }

    /// The remaining paths that a rule leads to a file; none at all if it would lead two paths to one file.
    fn fits(&self, rule: &Rule) -> Vec<Found> {
        let from: Vec<&str> = if rule.from.is_empty() { Vec::new() } else { rule.from.split('/').collect() };
        let number = self.plan.rules.len();
        let mut found = Vec::new();
        for (n, &i) in self.remaining.iter().enumerate() {
            if n % 64 == 0 && self.is_over() {
                break;
            }
            let path = &self.paths[i];
            let Some(file) = path.after(&from).map(|rest| rule.to.join(rest)) else { continue };
            if self.taken.contains(&file) {
                return Vec::new();
            }
            if file.exists() {
                found.push(Found { path: path.text.to_owned(), rule: number, file });
            }
        }
        found
    }

    fn accept(&mut self, rule: Rule, found: Vec<Found>) {
        let paths: HashSet<&str> = found.iter().map(|f| f.path.as_str()).collect();
        self.remaining.retain(|&i| !paths.contains(self.paths[i].text));
        self.taken.extend(found.iter().map(|f| f.file.clone()));
        self.plan.found.extend(found);
        self.plan.rules.push(rule);
    }

    fn finish(mut self, walk: &Walk) -> Plan {
        self.plan.missing = self
            .remaining
            .iter()
            .map(|&i| {
                let path = &self.paths[i];
                let free = walk.named(path.name()).iter().filter(|file| !self.taken.contains(*file));
                Missing {
                    path: path.text.to_owned(),
                    candidates: free.take(MAX_CANDIDATES).cloned().collect(),
                }
            })
            .collect();
        self.plan
    }
}

/// True when a rival finds less of the same files, or other files altogether.
fn is_beyond_doubt(found: &[Found], rival: &[Found]) -> bool {
    let paths: HashSet<&str> = found.iter().map(|f| f.path.as_str()).collect();
    let shared = rival.iter().filter(|f| paths.contains(f.path.as_str())).count();
    shared == 0 || (shared == rival.len() && shared < found.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn disk(files: &[&str]) -> TempDir {
        let disk = tempfile::tempdir().unwrap();
        for file in files {
            let file = disk.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "x").unwrap();
        }
        disk
    }

    fn find(missing: &[&str], chosen: &Path) -> Plan {
        let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
        search(&missing, [], chosen, Limits::default(), &|| false)
    }

    /// Where the plan puts each path, below `disk`.
    fn places(plan: &Plan, disk: &TempDir) -> Vec<(String, String)> {
        let mut places: Vec<_> = plan
            .found
            .iter()
            .map(|f| (f.path.clone(), f.file.strip_prefix(disk.path()).unwrap().to_str().unwrap().to_owned()))
            .collect();
        places.sort();
        places
    }

    #[test]
    fn the_root_itself_moved() {
        let disk = disk(&["new/p1/a.tif", "new/p2/a.tif", "new/p2/b.tif"]);
        let plan = find(&["p1/a.tif", "p2/a.tif", "p2/b.tif"], &disk.path().join("new"));
        assert_eq!(plan.rules, [Rule { from: String::new(), to: disk.path().join("new") }]);
        assert_eq!((plan.found.len(), plan.missing.len(), plan.complete), (3, 0, true));
    }

    #[test]
    fn the_folder_may_be_chosen_above_or_below() {
        let disk = disk(&["x/deep/new/p1/a.tif", "x/deep/new/p2/b.tif"]);
        for chosen in ["", "x", "x/deep", "x/deep/new", "x/deep/new/p1"] {
            let plan = find(&["/old/data/p1/a.tif", "/old/data/p2/b.tif"], &disk.path().join(chosen));
            let rule = Rule { from: "/old/data".into(), to: disk.path().join("x/deep/new") };
            assert_eq!((plan.rules, plan.missing.len()), (vec![rule], 0), "{chosen}");
        }
    }

    #[test]
    fn one_file_shows_where_the_others_are() {
        let disk = disk(&["new/p1/a.tif", "new/p2/a.tif", "new/p2/b.tif", "copy/p2/b.tif"]);
        let chosen = disk.path().join("new/p2/b.tif");
        let plan = find(&["old/p1/a.tif", "old/p2/a.tif", "old/p2/b.tif", "old/p2/c.tif"], &chosen);
        assert_eq!(plan.rules, [Rule { from: "old".into(), to: disk.path().join("new") }]);
        assert_eq!(plan.missing, [Missing { path: "old/p2/c.tif".into(), candidates: Vec::new() }]);
    }

    #[test]
    fn paths_from_windows_are_understood() {
        let disk = disk(&["new/p1/a.tif", "new/p2/b.tif"]);
        let plan = find(&["D:\\Screen\\p1\\a.tif", "D:\\Screen\\p2\\b.tif"], &disk.path().join("new"));
        assert_eq!(plan.rules, [Rule { from: "D:/Screen".into(), to: disk.path().join("new") }]);
        assert_eq!(plan.found.len(), 2);
        let mixed = find(&["D:/Screen/p1/a.tif", "D:/Screen\\p2/b.tif"], &disk.path().join("new"));
        assert_eq!(mixed.found.len(), 2);
    }

    #[test]
    fn data_that_went_to_two_places_need_two_rules() {
        let disk = disk(&["d1/p1/a.tif", "d1/p1/b.tif", "d2/p9/c.tif"]);
        let plan = find(&["s/p1/a.tif", "s/p1/b.tif", "s/p9/c.tif"], disk.path());
        assert_eq!(plan.rules.len(), 2);
        let expected =
            [("s/p1/a.tif", "d1/p1/a.tif"), ("s/p1/b.tif", "d1/p1/b.tif"), ("s/p9/c.tif", "d2/p9/c.tif")];
        assert_eq!(places(&plan, &disk), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }

    #[test]
    fn renamed_plates_are_told_apart_by_what_is_in_them() {
        // P1 has what plate1 needs and more; P2 lacks B02: plate1 can only be P1.
        let disk = disk(&["n/P1/B02.tif", "n/P1/B03.tif", "n/P2/B03.tif"]);
        let plan = find(&["o/plate1/B02.tif", "o/plate1/B03.tif"], &disk.path().join("n"));
        assert_eq!(plan.rules, [Rule { from: "o/plate1".into(), to: disk.path().join("n/P1") }]);
    }

    #[test]
    fn what_fits_two_places_alike_is_not_guessed() {
        let disk = disk(&["n/P1/B02.tif", "n/P2/B02.tif"]);
        let plan = find(&["o/plate1/B02.tif", "o/plate2/B02.tif"], &disk.path().join("n"));
        assert_eq!(plan.found, []);
        assert_eq!(plan.missing.len(), 2);
        assert_eq!(plan.missing[0].candidates.len(), 2);
    }

    #[test]
    fn two_rows_never_get_one_file() {
        // Only plate 1 is on this disk: its wells must not stand in for those of plate 2.
        let disk = disk(&["n/plate1/B02.tif", "n/plate1/B03.tif"]);
        let missing = ["plate1/B02.tif", "plate1/B03.tif", "plate2/B02.tif", "plate2/B03.tif"];
        for chosen in ["", "n", "n/plate1", "n/plate1/B02.tif"] {
            let plan = find(&missing, &disk.path().join(chosen));
            assert_eq!((plan.found.len(), plan.missing.len()), (2, 2), "{chosen}");
            assert!(plan.missing.iter().all(|m| m.path.starts_with("plate2")));
        }
        let present = disk.path().join("n/plate1/B02.tif");
        let plan =
            search(&["plate2/B02.tif".into()], [present], &disk.path().join("n"), Limits::default(), &|| {
                false
            });
        assert_eq!(plan.found, []);
    }

    #[test]
    fn folders_of_frames_are_files_here() {
        let disk = disk(&["n/x/cell_1/f0.png", "n/x/cell_2/f0.png"]);
        let plan = find(&["mito/w/cell_1", "mito/w/cell_2"], disk.path());
        assert_eq!(plan.rules, [Rule { from: "mito/w".into(), to: disk.path().join("n/x") }]);
        // A folder of the wanted name around the wanted file.
        let nested = super::tests::disk(&["n/a/x/a"]);
        let plan = find(&["q/x/a"], nested.path());
        assert_eq!(places(&plan, &nested).first().map(|p| p.1.as_str()), Some("n/a"), "{plan:?}");
    }

    #[test]
    fn a_search_ends_at_its_bounds() {
        let disk = disk(&["a/1", "a/2", "a/3", "b/c/wanted"]);
        let bounded = Limits { entries: 4, ..Limits::default() };
        let plan = search(&["old/wanted".into()], [], disk.path(), bounded, &|| false);
        assert!(!plan.complete && plan.found.is_empty());
        let plan = search(&["old/wanted".into()], [], disk.path(), Limits::default(), &|| true);
        assert!(!plan.complete && plan.found.is_empty());
        let plan = find(&["old/wanted"], disk.path());
        assert!(plan.complete && plan.found.len() == 1);
    }

    #[test]
    fn odd_paths_do_no_harm() {
        let disk = disk(&["a.tif"]);
        let plan = find(&["", "/", "\\", ".", "..", "../..", "///a.tif", "../a.tif"], disk.path());
        assert!(plan.found.iter().all(|f| f.file.exists()), "{plan:?}");
        assert!(find(&["a.tif"], Path::new("/nowhere/at/all")).found.is_empty());
    }
}
