//! Animated GIF: pictures that are drawn over each other, shown as one series of colour (or grey) frames.
//!
//! Pixels that no picture has drawn are black. A frame is rebuilt from the nearest one before it that is
//! known: the last one read, a picture that covers everything, or a canvas kept every few frames.

mod blocks;

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::{Limits, Reader, limits};
use crate::regular_file;
use crate::video::{Plane, SampleType, Series, Shape, VideoError};
use blocks::{Blocks, Disposal, End, Frame};

/// Bytes of canvases that are kept so that going backwards is quick.
const KEPT_BYTES: usize = 64 << 20;

/// Most frames that are kept because they lay on the way, and the largest.
const PASSED: usize = 4;
const PASSED_BYTES: usize = 8 << 20;

/// Pixels that are unpacked at a time, if a row is not longer.
const BAND: usize = 64 << 10;

const AGAIN: &str = "Copy or export the file again; the frames before this one can be used.";

/// True for the first bytes of a GIF.
pub fn sniff(head: &[u8]) -> bool {
    head.starts_with(b"GIF87a") || head.starts_with(b"GIF89a")
}

/// Opens a GIF: walks its blocks, decodes nothing.
pub fn open(path: &Path, limits: Limits) -> Result<Box<dyn Reader>, VideoError> {
    Ok(Box::new(GifReader::open(path, limits)?))
}

struct GifReader {
    path: PathBuf,
    limits: Limits,
    blocks: Blocks,
    series: [Series; 1],
    /// A canvas is kept before every frame whose number divides by this.
    keep_every: usize,
    state: Mutex<State>,
}

/// What changes while reading.
struct State {
    file: File,
    cursor: Cursor,
    /// Canvases before frame n is drawn.
    kept: BTreeMap<usize, Vec<u8>>,
    /// Frames that were drawn on the way to a later one: threads that read ahead come out of order.
    passed: VecDeque<(usize, Vec<u8>)>,
    indices: Vec<u8>,
}

/// The canvas as it is before `next` is drawn.
#[derive(Default)]
struct Cursor {
    next: usize,
    canvas: Vec<u8>,
}

impl GifReader {
    fn open(path: &Path, limits: Limits) -> Result<Self, VideoError> {
        let file = regular_file::open(path).map_err(|e| VideoError::io(path, "opening", &e))?;
        let stored = file.metadata().map_err(|e| VideoError::io(path, "opening", &e))?.len();
        let blocks = blocks::walk(&file, limits.planes).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => VideoError::new(
                path,
                "header",
                "the file ends inside its header",
                "Copy or export it again: it was probably interrupted.",
            ),
            _ => VideoError::io(path, "reading the blocks", &e),
        })?;
        if blocks.frames.is_empty() {
            return Err(VideoError::new(
                path,
                "file",
                "it holds no picture",
                "Copy or export it again: it was probably interrupted.",
            ));
        }
        // Some programs leave the canvas at 0 × 0; viewers then take what the pictures need.
        let extent = |zero: u16, far: fn(&Frame) -> u32| match zero {
            0 => blocks.frames.iter().map(far).max().unwrap_or(0) as usize,
            size => usize::from(size),
        };
        let width = extent(blocks.width, |f| u32::from(f.left) + u32::from(f.width));
        let height = extent(blocks.height, |f| u32::from(f.top) + u32::from(f.height));
        let samples = if blocks.grey { 1 } else { 3 };
        let bytes = width as u64 * height as u64 * samples as u64;
        if bytes == 0 {
            return Err(VideoError::new(
                path,
                "header",
                format!("the canvas is {width} × {height} pixels"),
                "Copy or export it again: it was probably interrupted.",
            ));
        }
        // All frames together must not be smaller than what one canvas takes at the least.
        limits.check(path, "header", &format!("{width} × {height} pixels"), bytes, stored)?;
        let frames = blocks.frames.len();
        let mut missing = Vec::new();
        let mut warnings = Vec::new();
        match blocks.end {
            End::Trailer => {}
            End::Eof => warnings.push(format!(
                "The file has no end marker after frame {frames}: it may have been cut off there."
            )),
            End::InFrame(at) => {
                missing = vec![false; frames];
                missing[frames - 1] = true;
                warnings.push(format!(
                    "The file ends inside frame {frames}, after {at} bytes: that frame is missing, and any after it."
                ));
            }
            End::Unknown(block, at) => warnings.push(format!(
                "Byte {at} holds {block:#04x}, which starts no GIF block: what follows frame {frames} is left out."
            )),
            End::Limit => warnings.push(format!(
                "Only the first {frames} frames are shown, the most that one recording may have."
            )),
        }
        let series = Series {
            missing,
            playback_fps: playback_fps(&blocks.frames),
            warnings,
            ..Series::new(
                path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
                Shape { t: frames, z: 1, c: 1, y: height, x: width, s: samples },
                SampleType::U8,
                "gif",
            )
        };
        let most_kept = (KEPT_BYTES as u64 / bytes) as usize;
        let keep_every = if most_kept == 0 { usize::MAX } else { frames.div_ceil(most_kept).max(2) };
        let state = Mutex::new(State {
            file,
            cursor: Cursor::default(),
            kept: BTreeMap::new(),
            passed: VecDeque::new(),
            indices: Vec::new(),
        });
        Ok(Self { path: path.to_owned(), limits, blocks, series: [series], keep_every, state })
    }

    fn shape(&self) -> Shape {
        self.series[0].shape
    }

    /// True where the frame does not depend on the ones before it.
    fn is_key(&self, n: usize) -> bool {
        let Shape { x, y, .. } = self.shape();
        let (x, y) = (x.min(usize::from(u16::MAX)) as u16, y.min(usize::from(u16::MAX)) as u16);
        let Some(frame) = self.blocks.frames.get(n) else { return false };
        let cleared = n.checked_sub(1).and_then(|before| self.blocks.frames.get(before));
        n == 0
            || (frame.covers(x, y) && frame.transparent.is_none())
            || cleared.is_some_and(|f| f.disposal == Disposal::Clear && f.covers(x, y))
    }

    /// Where to start in order to draw frame `n` with the fewest steps.
    fn start(&self, state: &mut State, n: usize) -> Cursor {
        let cursor = std::mem::take(&mut state.cursor);
        let nearest = if cursor.canvas.is_empty() || cursor.next > n { None } else { Some(cursor.next) };
        let kept = state.kept.range(..=n).next_back();
        let low = nearest.max(kept.map(|(&k, _)| k)).unwrap_or(0);
        if let Some(key) = (low..=n).rev().find(|&k| self.is_key(k)) {
            let mut canvas = cursor.canvas;
            canvas.clear();
            canvas.resize(self.shape().plane_samples(), 0);
            return Cursor { next: key, canvas };
        }
        match kept {
            Some((&at, canvas)) if Some(at) > nearest => Cursor { next: at, canvas: canvas.clone() },
            _ => cursor,
        }
    }

    /// Draws frames until `n` is on the canvas; returns it as shown.
    fn compose(&self, state: &mut State, n: usize) -> Result<Vec<u8>, VideoError> {
        if let Some(at) = state.passed.iter().position(|&(i, _)| i == n)
            && let Some((_, shown)) = state.passed.remove(at)
        {
            return Ok(shown);
        }
        let mut cursor = self.start(state, n);
        loop {
            let i = cursor.next;
            let frame = &self.blocks.frames[i];
            if i > 0 && i.is_multiple_of(self.keep_every) && !self.is_key(i) {
                state.kept.entry(i).or_insert_with(|| cursor.canvas.clone());
            }
            let before = (frame.disposal == Disposal::Restore).then(|| cursor.canvas.clone());
            self.draw(state, i, &mut cursor.canvas).map_err(|problem| self.damaged(i, n, &problem))?;
            if i < n && n - i <= PASSED && cursor.canvas.len() <= PASSED_BYTES {
                state.passed.truncate(PASSED - 1);
                state.passed.push_front((i, cursor.canvas.clone()));
            }
            // Never more than two canvases: what is restored is put back by taking what is shown away.
            let shown = match before {
                Some(before) => Some(std::mem::replace(&mut cursor.canvas, before)),
                None => (i == n).then(|| cursor.canvas.clone()),
            };
            if frame.disposal == Disposal::Clear {
                self.clear(frame, &mut cursor.canvas);
            }
            cursor.next += 1;
            if i == n
                && let Some(shown) = shown
            {
                state.cursor = cursor;
                return Ok(shown);
            }
        }
    }

    fn damaged(&self, i: usize, n: usize, problem: &str) -> VideoError {
        let place = format!("frame {}", n + 1);
        let problem = if i == n {
            problem.to_owned()
        } else {
            format!("it is drawn over frame {}, where {problem}", i + 1)
        };
        VideoError::new(&self.path, place, problem, AGAIN)
    }

    /// Decodes picture `i` and draws it; the error says what is wrong with it.
    fn draw(&self, state: &mut State, i: usize, canvas: &mut [u8]) -> Result<(), String> {
        let frame = &self.blocks.frames[i];
        let (width, height) = (usize::from(frame.width), usize::from(frame.height));
        if frame.area() == 0 {
            return Ok(());
        }
        if frame.data_len == 0 {
            return Err("the file ends inside the picture".into());
        }
        if frame.area() > self.limits.plane_bytes {
            return Err(format!("the picture of {width} × {height} pixels is over the limit"));
        }
        let colours = self.colours(&mut state.file, frame).map_err(|e| e.to_string())?;
        // A code of at most 12 bits is at least one pixel; what comes after the last one is not looked at.
        let needed = frame.area().saturating_mul(2).saturating_add(1 << 16);
        let mut data = vec![0; frame.data_len.min(needed) as usize];
        state
            .file
            .seek(SeekFrom::Start(frame.data_at))
            .and_then(|_| state.file.read_exact(&mut data))
            .map_err(|e| e.to_string())?;
        let mut pixels = Pixels::new(&data, width * height)?;
        let mut rows = row_order(height, frame.interlaced);
        let Shape { x: canvas_width, y: canvas_height, s, .. } = self.shape();
        let (left, top) = (usize::from(frame.left), usize::from(frame.top));
        let visible = width.min(canvas_width.saturating_sub(left));
        let band = (BAND / width).max(1);
        for first in (0..height).step_by(band) {
            state.indices.resize(band.min(height - first) * width, 0);
            pixels.fill(&mut state.indices)?;
            for (stored, row) in state.indices.chunks_exact(width).zip(&mut rows) {
                if top + row >= canvas_height || visible == 0 {
                    continue;
                }
                let at = ((top + row) * canvas_width + left) * s;
                let target = &mut canvas[at..at + visible * s];
                for (pixel, &index) in target.chunks_exact_mut(s).zip(stored) {
                    if frame.transparent != Some(index) {
                        pixel.copy_from_slice(&colours[usize::from(index)][..s]);
                    }
                }
            }
        }
        Ok(())
    }

    /// The 256 colours of a picture; black where its table is shorter.
    fn colours(&self, file: &mut File, frame: &Frame) -> io::Result<[[u8; 3]; 256]> {
        let mut colours = [[0; 3]; 256];
        if let Some((at, entries)) = frame.palette {
            file.seek(SeekFrom::Start(at))?;
            file.read_exact(&mut colours.as_flattened_mut()[..usize::from(entries) * 3])?;
        } else if let Some(global) = &self.blocks.palette {
            colours[..global.len()].copy_from_slice(global);
        }
        Ok(colours)
    }

    fn clear(&self, frame: &Frame, canvas: &mut [u8]) {
        let Shape { x, y, s, .. } = self.shape();
        let left = usize::from(frame.left).min(x);
        let right = (left + usize::from(frame.width)).min(x);
        let top = usize::from(frame.top).min(y);
        for row in top..(top + usize::from(frame.height)).min(y) {
            canvas[(row * x + left) * s..(row * x + right) * s].fill(0);
        }
    }
}

impl Reader for GifReader {
    fn format(&self) -> &'static str {
        "GIF"
    }

    fn series(&self) -> &[Series] {
        &self.series
    }

    fn read_plane(&self, series: usize, plane: usize) -> Result<Plane, VideoError> {
        let shape = self.shape();
        if series > 0 || plane >= shape.t {
            return Err(VideoError::new(
                &self.path,
                format!("series {series}, frame {}", plane + 1),
                format!("the file has one series of {} frames", shape.t),
                "Choose a frame inside that range.",
            ));
        }
        limits::room(&self.path, &format!("frame {}", plane + 1), 2 * shape.plane_samples())?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = self.compose(&mut state, plane)?;
        Ok(Plane { width: shape.x, height: shape.y, samples: shape.s, dtype: SampleType::U8, bytes })
    }
}

/// A picture's pixels as they come out of sub-blocks and LZW.
struct Pixels<'a> {
    decoder: weezl::decode::Decoder,
    /// What is left of the sub-block.
    block: &'a [u8],
    /// The sub-blocks after it.
    rest: &'a [u8],
    done: usize,
    wanted: usize,
}

impl<'a> Pixels<'a> {
    fn new(data: &'a [u8], wanted: usize) -> Result<Self, String> {
        let Some((&code_size, rest)) = data.split_first() else { return Err("its data are empty".into()) };
        if !(1..=11).contains(&code_size) {
            return Err(format!("the code size {code_size} is not one of 1 to 11"));
        }
        let decoder = weezl::decode::Decoder::new(weezl::BitOrder::Lsb, code_size);
        Ok(Self { decoder, block: &[], rest, done: 0, wanted })
    }

    /// The colour indices of the next pixels, as many as there is room for.
    fn fill(&mut self, mut room: &mut [u8]) -> Result<(), String> {
        while !room.is_empty() {
            if self.block.is_empty()
                && let Some((&len, after)) = self.rest.split_first()
            {
                (self.block, self.rest) = after.split_at(usize::from(len).min(after.len()));
            }
            // Codes that are still buffered inside the decoder come out without input.
            let result = self.decoder.decode_bytes(self.block, room);
            self.block = &self.block[result.consumed_in..];
            self.done += result.consumed_out;
            room = &mut room[result.consumed_out..];
            match result.status {
                Ok(weezl::LzwStatus::Ok) if result.consumed_in + result.consumed_out > 0 => {}
                Ok(_) if result.consumed_out > 0 || !self.rest.is_empty() => self.block = &[],
                Ok(_) => return Err(format!("its data end after {} of {} pixels", self.done, self.wanted)),
                Err(error) => return Err(format!("{error} after {} of {} pixels", self.done, self.wanted)),
            }
        }
        Ok(())
    }
}

/// Row on the canvas of each stored row.
fn row_order(height: usize, interlaced: bool) -> Box<dyn Iterator<Item = usize>> {
    if !interlaced {
        return Box::new(0..height);
    }
    Box::new(
        [(0, 8), (4, 8), (2, 4), (1, 2)]
            .into_iter()
            .flat_map(move |(from, step)| (from..height).step_by(step)),
    )
}

/// Frame rate by the median delay; `None` where the delays are 0, which means "as fast as possible".
fn playback_fps(frames: &[Frame]) -> Option<f64> {
    let mut delays: Vec<u16> = frames.iter().map(|f| f.delay_cs).collect();
    let middle = delays.len() / 2;
    let (_, &mut median, _) = delays.select_nth_unstable(middle);
    (median > 0).then(|| 100.0 / f64::from(median))
}
