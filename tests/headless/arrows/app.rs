//! Arrows between the files and folders of `src/app`.

use super::{Arrows, Seen, check, root, sources};

/// What the window is made of, and which of it may use which other. `src/app/mod.rs` puts it together and may use all;
/// nobody uses `src/app/mod.rs`.
const ARROWS: &Arrows = &[
    ("session", &["studio", "view"]),
    ("keys", &["panels", "state", "command"]),
    ("arrangement", &["panels", "state", "widgets", "panes"]),
    (
        "panels",
        &[
            "state",
            "command",
            "forms",
            "jobs",
            "answers",
            "map",
            "training",
            "widgets",
            "view",
            "settings",
            "screen",
            "sketches",
            "thumbnails",
            "log_store",
        ],
    ),
    (
        "apply",
        &[
            "studio",
            "dialogs",
            "export_task",
            "state",
            "command",
            "forms",
            "jobs",
            "answers",
            "map",
            "training",
            "view",
            "theme",
            "keeping",
            "settings",
            "panes",
            "screen",
            "sketches",
            "thumbnails",
        ],
    ),
    (
        "studio",
        &["profile", "state", "jobs", "widgets", "theme", "keeping", "settings", "panes", "log_store"],
    ),
    ("profile", &["state", "widgets"]),
    ("dialogs", &["jobs", "log_store"]),
    ("export_task", &["offscreen", "forms", "settings"]),
    ("offscreen", &["widgets", "view", "settings", "frame"]),
    ("state", &["command", "forms", "answers", "map", "training", "view", "settings", "screen"]),
    ("command", &["forms", "jobs", "answers", "map", "training", "settings", "screen"]),
    ("forms", &["jobs", "view", "settings", "screen", "background_cache"]),
    ("jobs", &["answers", "map", "training", "settings"]),
    ("answers", &["training", "reels", "screen", "sketches", "thumbnails"]),
    ("map", &["widgets", "screen"]),
    ("training", &["screen"]),
    ("widgets", &["screen"]),
    ("view", &["settings", "frame"]),
    ("theme", &["settings"]),
    ("keeping", &["settings"]),
    ("settings", &["panes"]),
    ("panes", &[]),
    ("frame", &[]),
    ("reels", &["thumbnails", "background_cache"]),
    ("screen", &["sketches", "thumbnails"]),
    ("sketches", &["background_cache"]),
    ("thumbnails", &["background_cache"]),
    ("background_cache", &[]),
    ("log_store", &[]),
];

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Names and signs of a text without comments, `::` as one.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for line in text.lines() {
        let mut rest = line.split("//").next().unwrap();
        while let Some(first) = rest.chars().next() {
            let length = if is_name(first) {
                rest.find(|c: char| !is_name(c)).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            let (word, after) = rest.split_at(length);
            if !word.trim().is_empty() {
                words.push(word);
            }
            rest = after;
        }
    }
    words
}

/// Takes the path at a place, or those in its braces; they go on from `before`.
fn take<'a>(words: &[&'a str], at: &mut usize, before: &[&'a str], found: &mut Vec<Vec<&'a str>>) {
    let mut path = before.to_vec();
    while let Some(&word) = words.get(*at) {
        if word == "{" {
            *at += 1;
            while words.get(*at).is_some_and(|word| *word != "}") {
                take(words, at, &path, found);
                // A name that it is given here does not matter.
                while words.get(*at).is_some_and(|word| !matches!(*word, "," | "}")) {
                    *at += 1;
                }
                if words.get(*at) == Some(&",") {
                    *at += 1;
                }
            }
            *at += 1;
            return;
        }
        if !word.starts_with(is_name) && word != "*" {
            break;
        }
        path.push(word);
        *at += 1;
        if words.get(*at) != Some(&"::") {
            break;
        }
        *at += 1;
    }
    found.push(path);
}

/// The paths of a text that start at the crate, at the module or above it: those of `use`, and those in the code.
fn paths(text: &str) -> Vec<Vec<&str>> {
    let words = words(text);
    let (mut at, mut found) = (0, Vec::new());
    while at < words.len() {
        let starts = matches!(words[at], "crate" | "super" | "self") && (at == 0 || words[at - 1] != "::");
        if starts {
            take(&words, &mut at, &[], &mut found);
        } else {
            at += 1;
        }
    }
    found
}

/// What of `src/app` a path leads to from a module below it: its own file or folder, another, or a name of
/// `src/app/mod.rs`. Nothing where it leads out of `src/app`, or only to its module.
fn target<'a>(module: &[&'a str], path: &[&'a str]) -> Option<&'a str> {
    let (mut here, mut rest) = match path {
        ["crate", "app", rest @ ..] => (Vec::new(), rest),
        ["crate", ..] => return None,
        rest => (module.to_vec(), rest),
    };
    while let [step @ ("super" | "self"), after @ ..] = rest {
        if *step == "super" {
            here.pop()?;
        }
        rest = after;
    }
    here.first().or(rest.first()).copied()
}

#[test]
fn arrows_within_the_window_point_one_way() {
    let mut files = Vec::new();
    sources(&root().join("app"), &mut files);
    assert!(files.len() > 80, "{} files", files.len());
    let mut seen = Seen::new();
    for (name, text) in &files {
        let module: Vec<&str> = name.split('/').skip(1).filter(|part| *part != "mod").collect();
        let Some(&from) = module.first() else { continue };
        assert!(ARROWS.iter().any(|(known, _)| *known == from), "src/{name}.rs: {from} is not in the list");
        for to in paths(text).iter().filter_map(|path| target(&module, path)).filter(|to| *to != from) {
            seen.entry((from.to_owned(), to.to_owned())).or_default().insert(format!("src/{name}.rs"));
        }
    }
    for (row, _) in ARROWS {
        let is_there = files.iter().any(|(name, _)| name.split('/').nth(1) == Some(*row));
        assert!(is_there, "src/app has no {row}");
    }
    check(ARROWS, &seen);
}

#[test]
fn paths_are_seen_however_they_are_written() {
    let text = "
        //! Not `super::comment`.
        use super::{a, b::{self, B as C}, d::*};
        use crate::app::{e, f::{F, g::G}};
        use crate::video::super_resolution;
        pub(in crate::app) fn h(&self) -> super::i::I<super::j::J> {
            self.k(crate::app::l::m::<u8>()) // super::comment
        }
        use super::super::n;
    ";
    let targets = |module: &[&str]| -> Vec<String> {
        paths(text).iter().filter_map(|path| target(module, path)).map(str::to_owned).collect()
    };
    // From `src/app/file.rs` and from `src/app/folder/file.rs`.
    assert_eq!(targets(&["file"]), ["a", "b", "b", "d", "e", "f", "f", "file", "i", "j", "file", "l"]);
    let inside = targets(&["folder", "file"]);
    assert_eq!(inside.len(), 13);
    let away: Vec<&str> = inside.iter().map(String::as_str).filter(|to| *to != "folder").collect();
    assert_eq!(away, ["e", "f", "f", "l", "n"]);
}
