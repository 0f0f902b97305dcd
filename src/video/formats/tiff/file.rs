//! An open file: its chain of directories, and questions about single pages.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::directory::{self, Dialect, Directory, tag};
use super::page::{Layout, Page};
use super::source::{Source, Window};
use crate::video::{Limits, VideoError};

/// Longest text tag that is read. OME-XML of 100,000 planes takes some 50 MB.
pub const LONGEST_TEXT: u64 = 256 << 20;

/// How the chain of directories ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainEnd {
    /// As it should.
    Complete,
    /// It came back to a directory that it had already passed.
    Cycle(u64),
    /// The next directory lies past the end of the file.
    Dangling(u64),
    /// What is there is no directory.
    Damaged(u64),
    /// More directories than [`Limits::planes`].
    Limit,
}

/// One TIFF file and its pages.
pub struct TiffFile {
    /// Path, for messages.
    pub path: PathBuf,
    /// Its bytes.
    pub source: Source,
    /// Byte order and pointer size.
    pub dialect: Dialect,
    /// One entry per directory of the main chain.
    pub pages: Vec<Page>,
    /// The different layouts among them.
    pub layouts: Vec<Layout>,
    /// Why the list of pages stops where it does.
    pub end: ChainEnd,
}

impl TiffFile {
    /// Reads header and chain; pixel data and strip tables stay untouched.
    pub fn open(path: &Path, source: Source, limits: Limits) -> Result<Self, VideoError> {
        let mut window = Window::new(&source);
        let Some((dialect, first)) = directory::header(&mut window) else {
            return Err(VideoError::new(
                path,
                "byte 0",
                "this is no TIFF header",
                "Check that the file was copied completely and is a TIFF.",
            ));
        };
        let mut walk = Walk { pages: Vec::new(), layouts: Vec::new(), known: HashMap::new() };
        let mut directory = Directory::default();
        let mut seen = HashSet::new();
        let mut next = first;
        let end = loop {
            if next == 0 {
                break ChainEnd::Complete;
            }
            if !seen.insert(next) {
                break ChainEnd::Cycle(next);
            }
            if next >= source.len() {
                break ChainEnd::Dangling(next);
            }
            if walk.pages.len() >= limits.planes {
                break ChainEnd::Limit;
            }
            if !directory.read(&mut window, dialect, next) {
                break ChainEnd::Damaged(next);
            }
            walk.add(&directory, &mut window, dialect);
            next = directory.next;
            if directory.cut {
                break ChainEnd::Dangling(source.len());
            }
        };
        drop(window);
        let Walk { pages, layouts, .. } = walk;
        if pages.is_empty() {
            return Err(VideoError::new(
                path,
                format!("directory 0, byte {first}"),
                "the file's first directory cannot be read",
                "The file is damaged or incomplete: copy it again from its source.",
            ));
        }
        Ok(Self { path: path.to_owned(), source, dialect, pages, layouts, end })
    }

    /// The layout of a page.
    pub fn layout(&self, page: usize) -> Option<&Layout> {
        self.layouts.get(self.pages.get(page)?.layout as usize)
    }

    /// A page's directory, read again for its rarer tags.
    pub fn directory(&self, page: usize) -> Directory {
        self.directory_at(self.pages.get(page).map_or(0, |p| p.at))
    }

    fn directory_at(&self, offset: u64) -> Directory {
        let mut directory = Directory::default();
        if !directory.read(&mut Window::new(&self.source), self.dialect, offset) {
            directory.entries.clear();
        }
        directory
    }

    /// A page's `ImageDescription`.
    pub fn description(&self, page: usize) -> Option<String> {
        self.pages.get(page).filter(|p| p.described)?;
        self.directory(page).text(tag::DESCRIPTION, &self.source, LONGEST_TEXT)
    }

    /// Sizes of the smaller copies that a page's `SubIFDs` hold, largest first. Copies of copies are not looked for.
    pub fn levels(&self, page: usize) -> Vec<(usize, usize)> {
        const MOST_LEVELS: u64 = 64;
        let Some((page, layout)) = self.pages.get(page).filter(|p| p.nested).zip(self.layout(page)) else {
            return Vec::new();
        };
        let directory = self.directory_at(page.at);
        let offsets = directory
            .find(tag::SUB_IFDS)
            .and_then(|entry| entry.uints(&self.source, self.dialect, MOST_LEVELS))
            .unwrap_or_default();
        let mut window = Window::new(&self.source);
        let mut child = Directory::default();
        let mut levels = Vec::new();
        for offset in offsets {
            if !child.read(&mut window, self.dialect, offset) {
                continue;
            }
            let (_, small) = Page::of(&child, &mut window, self.dialect);
            // Other SubIFDs hold previews of another kind, masks or extra pictures.
            if small.width > 0 && small.height > 0 && small.width < layout.width {
                levels.push((small.width as usize, small.height as usize));
            }
        }
        levels
    }

    /// True when one of the page's strips or tiles starts behind the end of the file, or a raw one ends there.
    /// `None` when a compressed one claims to end there: only decoding tells whether the claim is wrong.
    pub fn is_cut(&self, page: usize, window: &mut Window) -> Option<bool> {
        let Some((page, layout)) = self.pages.get(page).zip(self.layout(page)) else {
            return Some(true);
        };
        let (across, down) = layout.grid();
        let planes = if layout.planar { u64::from(layout.samples) } else { 1 };
        let needed = across.saturating_mul(down).saturating_mul(planes);
        if needed == 0 || layout.check().is_err() {
            return Some(false);
        }
        // Writers place segments in order: the first and the last are the ones that a cut hits.
        let mut claims_more = false;
        for index in [0, needed - 1] {
            let Some(offset) = page.offsets.one(window, self.dialect, index) else {
                // A list that is too short is damage, unless its place lies past the end.
                return Some(page.offsets.count as u64 > index);
            };
            let count = page.counts.one(window, self.dialect, index);
            if offset == 0 && count == Some(0) {
                continue;
            }
            if offset >= self.source.len() {
                return Some(true);
            }
            let left = self.source.len() - offset;
            if layout.compression == 1 {
                let rows = layout.segment_rows(index % (across * down) / across);
                let size = layout.row_bytes(layout.segment_width).saturating_mul(u64::from(rows));
                if size > left {
                    return Some(true);
                }
            } else if count.is_some_and(|count| count > left) {
                claims_more = true;
            }
        }
        if claims_more { None } else { Some(false) }
    }
}

/// The pages found so far.
struct Walk {
    pages: Vec<Page>,
    layouts: Vec<Layout>,
    known: HashMap<Layout, u32>,
}

impl Walk {
    fn add(&mut self, directory: &Directory, window: &mut Window, dialect: Dialect) {
        let (mut page, layout) = Page::of(directory, window, dialect);
        // Nearly always the same as the page before.
        let last = self.pages.last().map(|p| p.layout);
        page.layout = match last.filter(|&i| self.layouts.get(i as usize) == Some(&layout)) {
            Some(index) => index,
            None => *self.known.entry(layout).or_insert_with_key(|layout| {
                self.layouts.push(layout.clone());
                (self.layouts.len() - 1) as u32
            }),
        };
        self.pages.push(page);
    }
}
