//! Kernel tuning results outlive the program: the statements that Burn's tuner sends are all understood by the store in
//! `src/gpu/tuning_store`.

use std::path::{Path, PathBuf};

use cubecl_environment::bytes::Bytes;
use cubecl_environment::persistence::{Access, Database, Insertion, Origin};

fn bytes(text: &str) -> Bytes {
    Bytes::from_bytes_vec(text.as_bytes().to_vec())
}

fn open(path: &Path) -> Database {
    Database::open_at(path, Access::ReadWrite).unwrap()
}

fn value(database: &Database, key: &str) -> Option<String> {
    database.get("autotune/a", key.as_bytes()).map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
}

#[test]
fn results_are_there_when_the_file_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tuning.db");
    let database = open(&path);
    assert_eq!(database.insert("autotune/a", b"k", b"1", Origin::Imported), Insertion::Stored);
    // What is measured here replaces what was imported, and nothing replaces that.
    assert_eq!(database.insert("autotune/a", b"k", b"2", Origin::Local), Insertion::Stored);
    assert_eq!(database.insert("autotune/a", b"k", b"3", Origin::Local), Insertion::Conflict(bytes("2")));
    assert_eq!(database.insert("autotune/a", b"k", b"4", Origin::Imported), Insertion::Conflict(bytes("2")));
    assert_eq!(database.replace("autotune/a", b"r", b"5", Origin::Local), Insertion::Stored);
    let mut many = [(bytes("m"), bytes("6")), (bytes("n"), bytes("7"))].into_iter();
    assert_eq!(database.insert_many("autotune/b", &mut many, Origin::Local).stored, 2);
    database.insert("gone", b"x", b"8", Origin::Local);
    database.purge("gone");
    database.purge_key("autotune/b", b"m");
    drop(database);

    let database = open(&path);
    assert_eq!((value(&database, "k"), value(&database, "r")), (Some("2".into()), Some("5".into())));
    assert_eq!(database.namespaces(), ["autotune/a", "autotune/b"]);
    let summary = database.summary();
    assert_eq!((summary[0].entries, summary[0].bytes, summary[1].entries), (2, 4, 1));
    let mut seen = Vec::new();
    database.scan_with_origin("autotune/b", &mut |key, value, origin| {
        seen.push((key.to_vec(), value.to_vec(), origin));
    });
    assert_eq!(seen, [(b"n".to_vec(), b"7".to_vec(), Origin::Local)]);
}

#[test]
fn a_torn_or_foreign_file_costs_tuning_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tuning.db");
    let database = open(&path);
    database.insert("autotune/a", b"k", b"1", Origin::Local);
    let one = std::fs::metadata(&path).unwrap().len() as usize;
    database.insert("autotune/a", b"l", b"2", Origin::Local);
    drop(database);
    let whole = std::fs::read(&path).unwrap();
    for length in 0..=whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        let database = open(&path);
        assert_eq!(value(&database, "k").is_some(), length >= one, "{length} of {} bytes", whole.len());
        database.insert("autotune/a", b"new", b"3", Origin::Local);
        drop(database);
        assert_eq!(value(&open(&path), "new").as_deref(), Some("3"), "{length} of {} bytes", whole.len());
    }
    for place in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[place] ^= 0x55;
        std::fs::write(&path, damaged).unwrap();
        let found = value(&open(&path), "l");
        assert!(found.is_none() || found.as_deref() == Some("2"), "byte {place}: {found:?}");
    }
    std::fs::write(&path, b"SQLite format 3\0, as version 0.1 wrote it").unwrap();
    let database = open(&path);
    assert_eq!(value(&database, "k"), None);
    assert_eq!(database.insert("autotune/a", b"k", b"9", Origin::Local), Insertion::Stored);
}

#[test]
fn two_processes_share_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tuning.db");
    let (first, second) = (open(&path), open(&path));
    first.insert("autotune/a", b"k", b"1", Origin::Local);
    second.insert("autotune/a", b"l", b"2", Origin::Local);
    drop((first, second));
    let database = open(&path);
    assert_eq!((value(&database, "k"), value(&database, "l")), (Some("1".into()), Some("2".into())));
}

/// What is kept under a cache folder after a run that tuned: the namespaces.
pub fn kept_under(cache: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(cache).into_iter().flatten().flatten().map(|entry| entry.path());
    let kept = |path: PathBuf| {
        if path.is_dir() {
            return kept_under(&path);
        }
        let ours = std::fs::read(&path).unwrap().starts_with(b"MolCLIP Studio, kernel tuning");
        if ours { open(&path).namespaces() } else { Vec::new() }
    };
    entries.flat_map(kept).collect()
}
