//! From a recording and its look to what the shader draws.

use std::cell::RefCell;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::gpu::FrameKey;
use crate::gpu::frame_view::ChannelDraw;
use crate::video::cache::PlaneKey;
use crate::video::display::{Display, Projection};
use crate::video::lut::{self, Lut, LutName};
use crate::video::{Plane, Recording, VideoError};

/// Tables that were already built, so that the GPU sees the same one from frame to frame.
#[derive(Default)]
pub struct LutCache {
    built: RefCell<Vec<(LutName, Lut)>>,
    /// Files are read when their table is first asked for. The window's thread waits for no disk: there it is off.
    reads_files: bool,
}

impl LutCache {
    /// A cache that reads files itself: for pictures that are drawn by a job.
    pub fn reading() -> Self {
        Self { reads_files: true, ..Self::default() }
    }

    /// The table of that name; grey while it is not [put in](Self::put), and grey, with a message, where it cannot be
    /// had.
    pub fn get(&self, name: &LutName, palette: Option<&Lut>) -> Lut {
        if let Some((_, lut)) = self.built.borrow().iter().find(|(n, _)| n == name) {
            return Arc::clone(lut);
        }
        if !self.reads_files && matches!(name, LutName::File(_)) {
            return self.get(&LutName::Grays, None);
        }
        let lut = lut::table(name, palette).unwrap_or_else(|e| {
            log::error!("{e}");
            lut::table(&LutName::Grays, None).unwrap_or_default()
        });
        self.built.borrow_mut().push((name.clone(), Arc::clone(&lut)));
        lut
    }

    /// Takes the table of a file in, in place of the one that it had.
    pub fn put(&self, path: &Path, lut: Lut) {
        let mut built = self.built.borrow_mut();
        built.retain(|(name, _)| !matches!(name, LutName::File(file) if file == path));
        built.push((LutName::File(path.to_owned()), lut));
    }

    /// True for a table that [`Self::get`] finds without making it.
    pub fn has(&self, name: &LutName) -> bool {
        self.built.borrow().iter().any(|(n, _)| n == name)
    }
}

/// The focal planes that a projection needs.
pub fn planes_z(recording: &Recording, display: &Display) -> Range<usize> {
    let depth = recording.shape().z;
    match display.projection {
        Projection::Slice => {
            let z = display.z.min(depth.saturating_sub(1));
            z..z + 1
        }
        Projection::Max | Projection::Mean => 0..depth,
    }
}

/// The channels that are drawn.
pub fn visible_channels<'a>(recording: &Recording, display: &'a Display) -> impl Iterator<Item = usize> + 'a {
    let count = recording.shape().c;
    display.channels.iter().take(count).enumerate().filter(|(_, c)| c.visible).map(|(i, _)| i)
}

/// Puts a frame together from its planes. `None` while `fetch` does not have one of them yet; an error beside the
/// channels that could be had, where one could not be read.
pub fn assemble(
    recording: &Recording,
    display: &Display,
    t: usize,
    luts: &LutCache,
    mut fetch: impl FnMut(PlaneKey) -> Option<Result<Arc<Plane>, VideoError>>,
) -> Option<(Vec<ChannelDraw<Plane>>, Option<VideoError>)> {
    let z = planes_z(recording, display);
    let (shape, palette) = (recording.shape(), recording.series.palette.as_ref());
    let mut channels = Vec::new();
    let mut error = None;
    for c in visible_channels(recording, display) {
        let mut planes = Vec::with_capacity(z.len());
        for z in z.clone() {
            if recording.series.is_missing(shape.plane_index(t, z, c)) {
                continue;
            }
            match fetch(PlaneKey { recording: recording.id, t, z, c })? {
                Ok(plane) => planes.push(plane),
                Err(e) => error = Some(e),
            }
        }
        if planes.is_empty() {
            error.get_or_insert_with(|| {
                VideoError::new(
                    recording.path(),
                    format!("frame {}, channel {}", t + 1, c + 1),
                    "the plane is missing in the file",
                    "Step over it; the other frames can be read.",
                )
            });
            continue;
        }
        let look = &display.channels[c];
        channels.push(ChannelDraw {
            frame: FrameKey { recording: recording.id, channel: c, t, z: z.start, depth: planes.len() },
            planes,
            limits: (look.min, look.max),
            gamma: look.gamma,
            lut: luts.get(&look.lut, palette),
            invert: look.invert,
            indexed: palette.is_some() && look.lut == LutName::Palette,
        });
    }
    Some((channels, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_from_a_file_is_grey_until_it_was_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inverted.lut");
        let inverted: Vec<u8> = (0..3).flat_map(|_| (0..=255).rev()).collect();
        std::fs::write(&path, inverted).unwrap();
        let name = LutName::File(path.clone());
        let table = Arc::new(lut::load(&path).unwrap());
        assert_eq!(table[0], [255; 3]);

        let window = LutCache::default();
        assert_eq!(window.get(&name, None)[0], [0; 3]);
        assert!(!window.has(&name), "grey stands in for it only");
        window.put(&path, Arc::clone(&table));
        assert_eq!(window.get(&name, None), table);
        assert_eq!(LutCache::reading().get(&name, None), table);
    }
}
