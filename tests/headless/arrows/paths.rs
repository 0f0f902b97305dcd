//! The paths in a Rust text, however they are written, and where they lead.

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
pub fn paths(text: &str) -> Vec<Vec<&str>> {
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

/// The module of a file of `src`, by its name without ending.
pub fn module(name: &str) -> Vec<&str> {
    name.split('/').filter(|part| *part != "mod").collect()
}

/// Where a path leads from a module, as seen from the crate; nothing where it leads out of it.
pub fn resolve<'a>(module: &[&'a str], path: &[&'a str]) -> Option<Vec<&'a str>> {
    if let ["crate", rest @ ..] = path {
        return Some(rest.to_vec());
    }
    let (mut here, mut rest) = (module.to_vec(), path);
    while let [step @ ("super" | "self"), after @ ..] = rest {
        if *step == "super" {
            here.pop()?;
        }
        rest = after;
    }
    here.extend(rest);
    Some(here)
}

#[test]
fn paths_are_seen_however_they_are_written() {
    let text = "
        //! Not `super::comment`.
        use super::{a, b::{self, B as C}, d::*};
        use crate::app::{e, f::{F, g::G}};
        use crate::{learn, video};
        use crate::video::super_resolution;
        pub(in crate::app) fn h(&self) -> super::i::I<super::j::J> {
            self.k(crate::app::l::m::<u8>()) // super::comment
        }
        use super::super::n;
    ";
    let found = |module: &[&str]| -> Vec<String> {
        paths(text).iter().filter_map(|path| resolve(module, path)).map(|found| found.join("::")).collect()
    };
    // From `src/app/file.rs` and from `src/app/folder/file.rs`.
    let file = [
        "app::a",
        "app::b::self",
        "app::b::B",
        "app::d::*",
        "app::e",
        "app::f::F",
        "app::f::g::G",
        "learn",
        "video",
        "video::super_resolution",
        "app",
        "app::file",
        "app::i::I",
        "app::j::J",
        "app::file",
        "app::l::m",
        "n",
    ];
    assert_eq!(found(&["app", "file"]), file);
    let folder = found(&["app", "folder", "file"]);
    assert_eq!((folder[0].as_str(), folder[16].as_str()), ("app::folder::a", "app::n"));
    assert_eq!(resolve(&["app"], &["super", "super", "o"]), None, "there is nothing above the crate");
    assert_eq!(module("video/formats/mod"), ["video", "formats"]);
}
