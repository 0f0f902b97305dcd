//! The file with the edits of a recording: which edits are whose.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Edits;
use crate::video::{Address, VideoError};
use crate::{atomic_file, regular_file};

/// The sidecar file: edits of the recordings that begin with one file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sidecar {
    /// Of the file alone, by series index.
    series: BTreeMap<usize, Edits>,
    /// Of it with further files, by the names of all of them, then by series index.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    joined: BTreeMap<String, BTreeMap<usize, Edits>>,
}

/// The way out of a sidecar that cannot be read.
const REMEDY: &str = "Correct the file by hand, or rename it to start without edits; it is not overwritten.";

/// Largest sidecar that is read, bytes.
const LARGEST_SIDECAR: u64 = 16 << 20;

/// `movie.tif` → `movie.tif.molclip.json`.
pub fn sidecar_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".molclip.json");
    path.with_file_name(name)
}

/// The files of a recording as they are seen from the folder of the first, `;` between them: they are still called so
/// where all of them were moved together.
fn names(address: &Address) -> String {
    let whole = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
    let first = whole(&address.path);
    let folder = first.parent().unwrap_or(Path::new(""));
    let seen = |file: &PathBuf| {
        let file = whole(file);
        let shared = folder.components().zip(file.components()).take_while(|(a, b)| a == b).count();
        let up = folder.components().skip(shared).map(|_| "..".to_owned());
        let down = file.components().skip(shared).map(|part| part.as_os_str().to_string_lossy().into_owned());
        up.chain(down).collect::<Vec<_>>().join("/")
    };
    address.files().map(seen).collect::<Vec<_>>().join(";")
}

impl Sidecar {
    /// The edits of a recording; none where it was never edited.
    pub fn of(&self, address: &Address) -> Edits {
        let series =
            if address.more.is_empty() { Some(&self.series) } else { self.joined.get(&names(address)) };
        series.and_then(|series| series.get(&address.series)).cloned().unwrap_or_default()
    }

    /// Replaces the edits of a recording.
    pub fn set(&mut self, address: &Address, edits: Edits) {
        let series = if address.more.is_empty() {
            &mut self.series
        } else {
            self.joined.entry(names(address)).or_default()
        };
        series.insert(address.series, edits);
    }

    /// Reads the sidecar of a recording; none is no error. One that cannot be read always is, because the recording
    /// would be taken for another: with other axes, another pixel size.
    pub fn load(path: &Path) -> Result<Self, VideoError> {
        let file = sidecar_path(path);
        let unread = |place: String, problem: String| VideoError::new(&file, place, problem, REMEDY);
        let mut bytes = Vec::new();
        let read = regular_file::open(&file)
            .and_then(|opened| opened.take(LARGEST_SIDECAR + 1).read_to_end(&mut bytes));
        match read {
            // A link that leads nowhere is not "none".
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && file.symlink_metadata().is_err() => {
                return Ok(Self::default());
            }
            Err(e) => return Err(unread("edits".into(), e.to_string())),
            Ok(n) if n as u64 > LARGEST_SIDECAR => {
                return Err(unread(
                    "edits".into(),
                    format!("it is larger than {} MB", LARGEST_SIDECAR >> 20),
                ));
            }
            Ok(_) => {}
        }
        let text = std::str::from_utf8(&bytes).map_err(|e| {
            let before = &bytes[..e.valid_up_to()];
            let line = before.split(|&b| b == b'\n').count();
            let column = before.iter().rev().take_while(|&&b| b != b'\n').count() + 1;
            unread(format!("line {line}, column {column}"), "it is not text in UTF-8".into())
        })?;
        serde_json::from_str(text).map_err(|e| {
            let (place, text) = (format!("line {}, column {}", e.line(), e.column()), e.to_string());
            // serde_json repeats the place.
            let problem = text.rsplit_once(" at line ").map_or(text.as_str(), |(problem, _)| problem);
            unread(place, problem.to_owned())
        })
    }

    /// Writes the sidecar; one without edits removes the file.
    pub fn save(&self, path: &Path) -> Result<(), VideoError> {
        let file = sidecar_path(path);
        let fail = |e: &std::io::Error| VideoError::io(&file, "edits", e);
        let mut all = self.series.values().chain(self.joined.values().flat_map(BTreeMap::values));
        if all.all(|edits| *edits == Edits::default()) {
            return match std::fs::remove_file(&file) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(fail(&e)),
                _ => Ok(()),
            };
        }
        let text = serde_json::to_string_pretty(self)
            .map_err(|e| VideoError::new(&file, "edits", e.to_string(), "Report this as a fault."))?;
        atomic_file::write(&file, text.as_bytes()).map_err(|e| fail(&e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_set_of_files_has_edits_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let address = |more: &[&str], series: usize| Address {
            more: more.iter().map(|name| at(name)).collect(),
            series,
            ..Address::of(at("w1/a.tif"))
        };
        let sized = |um: f64| Edits { pixel_size_um: Some(um), ..Edits::default() };
        let all = [
            (address(&[], 0), 0.1),
            (address(&[], 1), 0.2),
            (address(&["w1/b.tif"], 0), 0.3),
            (address(&["w2/b.tif"], 0), 0.4),
            (address(&["w1/b.tif", "w1/c.tif"], 0), 0.5),
            (address(&["w1/c.tif", "w1/b.tif"], 0), 0.6),
            (address(&["w1/b.tif"], 1), 0.7),
        ];
        std::fs::create_dir(at("w1")).unwrap();
        let mut sidecar = Sidecar::default();
        for (address, um) in &all {
            assert_eq!(sidecar.of(address), Edits::default());
            sidecar.set(address, sized(*um));
        }
        let path = at("w1/a.tif");
        sidecar.save(&path).unwrap();
        let again = Sidecar::load(&path).unwrap();
        for (address, um) in &all {
            assert_eq!(again.of(address), sized(*um), "{address}");
        }
        assert_eq!(names(&all[3].0), "a.tif;../w2/b.tif", "where the folder is moved to does not matter");
        // As it was before there were recordings in several files.
        let mut alone = Sidecar::default();
        alone.set(&all[0].0, sized(0.1));
        let text = serde_json::to_string(&alone).unwrap();
        assert_eq!(text, r#"{"series":{"0":{"pixel_size_um":0.1}}}"#);
        // The last edit that goes takes the file with it.
        let mut last = Sidecar::default();
        last.set(&all[2].0, sized(0.3));
        last.save(&path).unwrap();
        assert!(sidecar_path(&path).exists());
        last.set(&all[2].0, Edits::default());
        last.save(&path).unwrap();
        assert!(!sidecar_path(&path).exists());
    }

    #[test]
    fn a_sidecar_that_cannot_be_read_is_never_taken_for_none() {
        let folder = tempfile::tempdir().unwrap();
        let movie = folder.path().join("movie.tif");
        let sidecar = sidecar_path(&movie);
        assert_eq!(Sidecar::load(&movie).unwrap(), Sidecar::default());
        for (content, place, problem) in [
            (&b""[..], "line 1, column 0", "EOF"),
            (b"{\n  \"series\": {\"0\": {\"pixel_size_um\": 0.1,", "line 2, column", "EOF"),
            (b"{\"series\":\n{\"0\": {\"pixel_size_um\": \"small\"}}}", "line 2, column", "invalid type"),
            (b"{\"series\": {\"0\": {\"pixel_size\": 0.1}}}", "line 1, column", "unknown field"),
            (b"{}\n\xFF", "line 2, column 1", "UTF-8"),
        ] {
            std::fs::write(&sidecar, content).unwrap();
            let error = Sidecar::load(&movie).unwrap_err();
            assert_eq!(error.path, sidecar);
            assert!(error.place.starts_with(place) && error.problem.contains(problem), "{error}");
            assert!(!error.problem.contains(" at line "), "{error}");
            assert!(error.remedy.contains("rename it"), "{error}");
        }
        std::fs::remove_file(&sidecar).unwrap();
        std::fs::create_dir(&sidecar).unwrap();
        assert!(Sidecar::load(&movie).unwrap_err().problem.contains("folder"));
    }

    #[test]
    #[cfg(unix)]
    fn a_sidecar_that_is_a_dead_link_or_a_pipe_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let movie = folder.path().join("movie.tif");
        std::os::unix::fs::symlink(folder.path().join("gone"), sidecar_path(&movie)).unwrap();
        assert!(Sidecar::load(&movie).unwrap_err().remedy.contains("rename it"));
        std::fs::remove_file(sidecar_path(&movie)).unwrap();
        let made = std::process::Command::new("mkfifo").arg(sidecar_path(&movie)).status().unwrap();
        assert!(made.success());
        assert!(Sidecar::load(&movie).unwrap_err().problem.contains("pipe"));
    }
}
