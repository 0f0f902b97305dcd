//! What is in the files of recordings, so that copies under other names are found.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use rayon::prelude::*;

use super::super::items::{Item, Items};
use super::super::split::Split;
use crate::progress::{Cancelled, Progress};
use crate::regular_file;
use crate::video::Address;

/// Bytes read at a time.
const BUFFER: usize = 1 << 16;

/// A file or folder as it was when it was read.
type Seen = (PathBuf, u64, Option<SystemTime>);

/// Hashes of what was read once. Shared between threads.
#[derive(Debug, Default)]
pub struct Contents {
    known: Mutex<HashMap<Seen, [u8; 32]>>,
}

/// Hashes of the rows' recordings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hashes {
    /// BLAKE3 of file, series and crop of each item; `None` where it was not read.
    pub hashes: Vec<Option<[u8; 32]>>,
    /// Items with a recording that was not read, as it is too large or not there.
    pub unread: usize,
}

impl Contents {
    /// Reads the files of all items that have a part, as long as they hold no more than `limit` bytes together. Of a
    /// folder its files count, in the order of their names. Steps of `progress` are files.
    ///
    /// # Errors
    /// Stopped by the user.
    pub fn of(
        &self,
        items: &Items,
        splits: &[Option<Split>],
        limit: u64,
        progress: &Progress,
    ) -> Result<Hashes, Cancelled> {
        let used = || items.items.iter().zip(splits).filter(|(_, split)| split.is_some());
        let mut paths: BTreeMap<&Path, Option<Seen>> = BTreeMap::new();
        for path in used().filter_map(|(item, _)| item.address.as_ref()).flat_map(Address::files) {
            paths.entry(path).or_default();
        }
        let mut left = limit;
        for (path, seen) in &mut paths {
            progress.check()?;
            *seen = look(path).ok().filter(|(_, bytes, _)| *bytes <= left);
            left -= seen.as_ref().map_or(0, |(_, bytes, _)| *bytes);
        }
        progress.set_total(paths.len() as u64);
        let found: HashMap<&Path, [u8; 32]> = paths
            .into_par_iter()
            .filter_map(|(path, seen)| {
                progress.add(1);
                let hash = seen.and_then(|seen| if progress.is_cancelled() { None } else { self.hash(seen) });
                Some((path, hash?))
            })
            .collect();
        progress.check()?;
        let hash = |(item, split): (&Item, &Option<Split>)| {
            let address = item.address.as_ref().filter(|_| split.is_some())?;
            let files = address.files().map(|path| found.get(path.as_path()).copied());
            files.collect::<Option<Vec<_>>>().map(|files| of_row(files, address))
        };
        let hashes: Vec<_> = items.items.iter().zip(splits).map(hash).collect();
        let named = used().filter(|(item, _)| item.address.is_some()).count();
        let unread = named - hashes.iter().flatten().count();
        Ok(Hashes { hashes, unread })
    }

    /// From memory where the file is as it was.
    fn hash(&self, seen: Seen) -> Option<[u8; 32]> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(hash) = known().get(&seen) {
            return Some(*hash);
        }
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; BUFFER];
        for file in files(&seen.0).ok()? {
            let mut file = regular_file::open(&file).ok()?;
            loop {
                match file.read(&mut buffer).ok()? {
                    0 => break,
                    n => hasher.update(&buffer[..n]),
                };
            }
        }
        let hash = *hasher.finalize().as_bytes();
        known().insert(seen, hash);
        Some(hash)
    }
}

/// Two crops, or series, of one file are different contents; the same files in another order are not.
fn of_row(mut files: Vec<[u8; 32]>, address: &Address) -> [u8; 32] {
    let crop = address.crop.map(|c| [c.x, c.y, c.width, c.height]);
    files.sort_unstable();
    let mut hasher = blake3::Hasher::new();
    hasher.update(files.as_flattened()).update(format!("{} {crop:?}", address.series).as_bytes());
    *hasher.finalize().as_bytes()
}

/// A file itself, or the files of a folder by name.
fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path()));
    let mut files: Vec<PathBuf> = entries.collect::<io::Result<_>>()?;
    files.retain(|file| file.is_file());
    files.sort();
    Ok(files)
}

fn look(path: &Path) -> io::Result<Seen> {
    let (mut bytes, mut changed) = (0, None);
    for file in files(path)? {
        let about = fs::metadata(file)?;
        bytes += about.len();
        changed = changed.max(about.modified().ok());
    }
    Ok((path.to_owned(), bytes, changed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::video::Crop;

    fn items(addresses: Vec<Address>) -> Items {
        let item = |address| Item { compound: Some(0), address: Some(address), ..Item::default() };
        Items { items: addresses.into_iter().map(item).collect(), ..Items::default() }
    }

    #[test]
    fn a_copy_has_the_hash_of_its_original_and_another_crop_has_not() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (name, bytes) in [("a.tif", "cells"), ("copy.tif", "cells"), ("b.tif", "other")] {
            fs::write(at(name), bytes).unwrap();
        }
        for name in ["frames", "frames again"] {
            fs::create_dir(at(name)).unwrap();
            fs::write(at(name).join("1.jpg"), "one").unwrap();
        }
        let crop = Crop { x: 0, y: 0, width: 2, height: 2 };
        let names = ["a.tif", "copy.tif", "b.tif", "frames", "frames again", "gone.tif"];
        let mut addresses: Vec<Address> = names.map(|name| Address::of(at(name))).to_vec();
        addresses.push(Address { crop: Some(crop), ..Address::of(at("a.tif")) });
        for [first, second] in [["a.tif", "b.tif"], ["b.tif", "copy.tif"], ["a.tif", "gone.tif"]] {
            addresses.push(Address { more: vec![at(second)], ..Address::of(at(first)) });
        }
        let items = items(addresses);
        let mut splits = vec![Some(Split::Train); items.len()];
        let (contents, progress) = (Contents::default(), Progress::default());
        let Hashes { hashes, unread } = contents.of(&items, &splits, 1 << 20, &progress).unwrap();
        assert_eq!((hashes[0], hashes[3]), (hashes[1], hashes[4]));
        assert!(hashes[0].is_some() && hashes[0] != hashes[2] && hashes[0] != hashes[6]);
        assert_eq!((hashes[5], hashes[9], unread), (None, None, 2));
        assert!(hashes[7].is_some() && hashes[7] == hashes[8] && !hashes[..7].contains(&hashes[7]));

        // A limit of ten bytes is full after two of the files.
        let Hashes { hashes, unread } = contents.of(&items, &splits, 10, &progress).unwrap();
        assert_eq!((hashes.iter().flatten().count(), unread), (4, 6));
        splits[2] = None;
        assert_eq!(contents.of(&items, &splits, 1 << 20, &progress).unwrap().hashes[2], None);
        progress.cancel();
        assert!(contents.of(&items, &splits, 1 << 20, &progress).is_err());
    }
}
