//! Arrows between the folders of `src` point one way, and so do those within the window.

mod app;
mod paths;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use self::paths::{module, paths, resolve};

/// Which may use which others. No row names one of a row above it, so that there is no circle.
type Arrows = [(&'static str, &'static [&'static str])];

/// Arrows that were found, from and to, with the files that have them.
type Seen = BTreeMap<(String, String), BTreeSet<String>>;

/// Which folder may use which others; `ARCHITECTURE.md` says what each is for.
const ARROWS: &Arrows = &[
    (
        "cli",
        &[
            "app",
            "simulate",
            "export",
            "learn",
            "analysis",
            "model",
            "experiment",
            "gpu",
            "video",
            "chem",
            "atomic_file",
            "progress",
            "terminal",
        ],
    ),
    (
        "app",
        &[
            "simulate",
            "export",
            "learn",
            "analysis",
            "model",
            "experiment",
            "gpu",
            "video",
            "chem",
            "atomic_file",
            "cache",
            "progress",
            "terminal",
        ],
    ),
    ("simulate", &["export", "analysis", "video", "atomic_file", "progress", "random"]),
    (
        "export",
        &[
            "learn",
            "analysis",
            "model",
            "experiment",
            "video",
            "chem",
            "atomic_file",
            "progress",
            "regular_file",
        ],
    ),
    (
        "learn",
        &["analysis", "model", "experiment", "gpu", "video", "chem", "atomic_file", "progress", "random"],
    ),
    ("analysis", &["model", "experiment", "video", "chem", "progress", "random", "regular_file", "simd"]),
    ("model", &["video", "chem", "atomic_file", "random", "regular_file", "simd"]),
    ("experiment", &["video", "chem", "atomic_file", "regular_file"]),
    ("video", &["gpu", "atomic_file", "cache", "regular_file"]),
    ("chem", &["regular_file"]),
    ("gpu", &[]),
    ("atomic_file", &[]),
    ("cache", &[]),
    ("progress", &[]),
    ("random", &[]),
    ("regular_file", &[]),
    ("simd", &[]),
    ("terminal", &[]),
];

/// The program itself, and the crate that `Cargo.toml` puts in another's place.
const ASIDE: [&str; 3] = ["lib", "main", "gpu/tuning_store"];

/// Rust files under a folder, with their text up to the unit tests.
fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name =
            entry.strip_prefix(root()).unwrap().with_extension("").to_string_lossy().replace('\\', "/");
        let is_test = entry.file_stem().is_some_and(|stem| stem == "tests");
        if ASIDE.contains(&name.as_str()) || is_test {
            continue;
        }
        if entry.is_dir() {
            sources(&entry, found);
        } else if entry.extension().is_some_and(|ending| ending == "rs") {
            let text = std::fs::read_to_string(&entry).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned();
            found.push((name, text));
        }
    }
}

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Fails where a list has an arrow that points up, and where it does not say what is there: no more, no less.
fn check(list: &Arrows, seen: &Seen) {
    let order: Vec<&str> = list.iter().map(|(from, _)| *from).collect();
    for (row, (from, uses)) in list.iter().enumerate() {
        for to in *uses {
            let place = order.iter().position(|known| known == to);
            assert!(place.is_some_and(|place| place > row), "{from} → {to} points up, or at nothing");
        }
    }
    let is_listed =
        |from: &str, to: &str| list.iter().any(|(known, uses)| *known == from && uses.contains(&to));
    let wrong: Vec<String> = seen
        .iter()
        .filter(|((from, to), _)| !is_listed(from, to))
        .map(|((from, to), files)| format!("{from} → {to} in {files:?}"))
        .collect();
    assert!(wrong.is_empty(), "arrows that are not in the list:\n{}", wrong.join("\n"));
    for (from, uses) in list {
        for to in *uses {
            let is_used = seen.contains_key(&((*from).to_owned(), (*to).to_owned()));
            assert!(is_used, "{from} → {to} is in the list, and nobody needs it");
        }
    }
}

#[test]
fn arrows_point_one_way() {
    let order: Vec<&str> = ARROWS.iter().map(|(folder, _)| *folder).collect();
    let mut files = Vec::new();
    sources(&root(), &mut files);
    assert!(files.len() > 300, "{} files", files.len());
    let mut seen = Seen::new();
    for (name, text) in &files {
        let folder = name.split('/').next().unwrap();
        assert!(order.contains(&folder), "src/{name}.rs: {folder} is not in the list");
        let module = module(name);
        let found = paths(text);
        let to = found.iter().filter_map(|path| resolve(&module, path)?.first().copied());
        for to in to.filter(|to| order.contains(to) && *to != folder) {
            seen.entry((folder.to_owned(), to.to_owned())).or_default().insert(format!("src/{name}.rs"));
        }
    }
    check(ARROWS, &seen);
}

#[test]
fn what_the_architecture_names_is_there() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(top.join("ARCHITECTURE.md")).unwrap();
    let quoted: Vec<&str> = text.split('`').skip(1).step_by(2).collect();
    let paths: Vec<&&str> =
        quoted.iter().filter(|word| word.contains('/') && !word.contains([' ', '…'])).collect();
    assert!(paths.len() > 40, "{} paths", paths.len());
    let gone: Vec<_> = paths.into_iter().filter(|path| !top.join(path).exists()).collect();
    assert!(gone.is_empty(), "ARCHITECTURE.md names what is not there: {gone:?}");
    for (folder, _) in ARROWS {
        assert!(
            quoted.iter().any(|word| word.trim_end_matches(".rs") == format!("src/{folder}")),
            "{folder}"
        );
    }
}
