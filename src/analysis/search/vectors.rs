//! Vectors in memory or in a file.

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;

use super::SearchError;
use super::layout::Layout;

/// Numbers of a gallery, one vector after the other.
#[derive(Debug)]
pub struct Vectors(Source);

#[derive(Debug)]
enum Source {
    Owned(Vec<f32>),
    Shared(Arc<[f32]>),
    /// `len` numbers from byte `start` on, which are all there.
    Mapped {
        map: Mmap,
        start: usize,
        len: usize,
    },
}

impl From<Vec<f32>> for Vectors {
    fn from(values: Vec<f32>) -> Self {
        Self(Source::Owned(values))
    }
}

impl From<Arc<[f32]>> for Vectors {
    fn from(values: Arc<[f32]>) -> Self {
        Self(Source::Shared(values))
    }
}

impl Vectors {
    /// Maps a file, of which only what is looked at comes into memory.
    pub(super) fn open(path: &Path) -> Result<(Self, Layout), SearchError> {
        let io = |source| SearchError::Io { path: path.to_owned(), source };
        let file = crate::regular_file::open(path).map_err(io)?;
        // SAFETY: mapping is unsafe because the bytes change under us if the file is overwritten in place, and
        // reading past a new, nearer end kills the program. The first cannot break Rust's rules for what is read
        // here: any four bytes are an f32, and lengths were checked against the map, not the file. The second
        // is left to the user, as by everything that maps files; our own files are replaced by renaming, which
        // leaves a mapped one as it was.
        #[allow(unsafe_code)]
        let map = unsafe { Mmap::map(&file) }.map_err(io)?;
        let layout =
            Layout::of(&map).map_err(|problem| SearchError::File { path: path.to_owned(), problem })?;
        let (start, len) = (layout.start, layout.rows * layout.dim);
        Ok((Self(Source::Mapped { map, start, len }), layout))
    }

    /// How many numbers there are.
    pub(super) fn len(&self) -> usize {
        match &self.0 {
            Source::Owned(values) => values.len(),
            Source::Shared(values) => values.len(),
            Source::Mapped { len, .. } => *len,
        }
    }

    /// Some of the numbers; empty where there are none.
    ///
    /// Borrowed but for mapped files whose numbers do not start at a multiple of four bytes.
    pub(super) fn get(&self, range: Range<usize>) -> Cow<'_, [f32]> {
        match &self.0 {
            Source::Owned(values) => Cow::Borrowed(values.get(range).unwrap_or_default()),
            Source::Shared(values) => Cow::Borrowed(values.get(range).unwrap_or_default()),
            Source::Mapped { map, start, .. } => {
                let place = |n: usize| n.checked_mul(size_of::<f32>())?.checked_add(*start);
                let bytes = place(range.start).zip(place(range.end)).and_then(|(from, to)| map.get(from..to));
                let bytes = bytes.unwrap_or_default();
                match bytemuck::try_cast_slice(bytes) {
                    Ok(values) if cfg!(target_endian = "little") => Cow::Borrowed(values),
                    _ => {
                        let (numbers, _) = bytes.as_chunks();
                        Cow::Owned(numbers.iter().map(|&b| f32::from_le_bytes(b)).collect())
                    }
                }
            }
        }
    }
}
