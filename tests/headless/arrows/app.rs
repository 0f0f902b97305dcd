//! Arrows between the files and folders of `src/app`.

use super::paths::{module, paths, resolve};
use super::{Arrows, Seen, check, root, sources};

/// What the window is made of, and which of it may use which other. `src/app/mod.rs` puts it together and may use all;
/// nobody uses `src/app/mod.rs`.
const ARROWS: &Arrows = &[
    ("session", &["studio", "view", "settings"]),
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
            "hits",
            "map",
            "recipes",
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
            "hits",
            "map",
            "recipes",
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
    ("dialogs", &["jobs", "forms", "log_store"]),
    ("export_task", &["offscreen", "forms", "settings"]),
    ("offscreen", &["widgets", "view", "settings", "frame"]),
    (
        "state",
        &["command", "forms", "answers", "hits", "map", "recipes", "training", "view", "settings", "screen"],
    ),
    ("command", &["answers", "hits", "map", "recipes", "training", "forms", "settings", "screen"]),
    ("jobs", &["answers", "hits", "map", "recipes", "training", "forms", "settings"]),
    ("hits", &["answers", "forms", "screen"]),
    ("recipes", &["answers", "forms", "screen"]),
    ("answers", &["training", "forms", "reels", "screen", "sketches", "thumbnails"]),
    ("map", &["widgets", "screen"]),
    ("training", &["screen"]),
    ("forms", &["view", "settings", "screen", "background_cache"]),
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

/// What of `src/app` a path leads to: a file or folder of it, or a name of `src/app/mod.rs`. Nothing where it leads out of
/// `src/app`.
fn target<'a>(module: &[&'a str], path: &[&'a str]) -> Option<&'a str> {
    resolve(module, path).filter(|found| found.first() == Some(&"app"))?.get(1).copied()
}

#[test]
fn arrows_within_the_window_point_one_way() {
    let mut files = Vec::new();
    sources(&root().join("app"), &mut files);
    assert!(files.len() > 80, "{} files", files.len());
    let mut seen = Seen::new();
    for (name, text) in &files {
        let module = module(name);
        let Some(&from) = module.get(1) else { continue };
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
