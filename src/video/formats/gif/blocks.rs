//! The blocks of a GIF, walked without decoding: sizes, colour tables, delays, and where each picture's data lie.
//! Format: <https://www.w3.org/Graphics/GIF/spec-gif89a.txt>.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

/// What happens to a picture's rectangle before the next one is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposal {
    /// It stays.
    Keep,
    /// It is cleared.
    Clear,
    /// It is put back to what was there before.
    Restore,
}

/// One picture, as its descriptor says.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    pub left: u16,
    pub top: u16,
    pub width: u16,
    pub height: u16,
    pub interlaced: bool,
    pub transparent: Option<u8>,
    pub disposal: Disposal,
    /// Delay after the picture, in hundredths of a second.
    pub delay_cs: u16,
    /// Byte offset and number of entries of its own colour table.
    pub palette: Option<(u64, u16)>,
    /// Byte offset of its data.
    pub data_at: u64,
    /// Bytes of its data, block lengths included.
    pub data_len: u64,
}

impl Frame {
    /// Pixels.
    pub fn area(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// True where the picture reaches every pixel of the canvas.
    pub fn covers(&self, width: u16, height: u16) -> bool {
        self.left == 0 && self.top == 0 && self.width >= width && self.height >= height
    }
}

/// How the walk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// At the end marker.
    Trailer,
    /// The file ran out between two pictures.
    Eof,
    /// The file, of this many bytes, ran out inside the last picture.
    InFrame(u64),
    /// A block that no GIF has, and its byte offset.
    Unknown(u8, u64),
    /// More pictures than were asked for.
    Limit,
}

/// Everything but the pixels.
#[derive(Debug)]
pub struct Blocks {
    pub width: u16,
    pub height: u16,
    pub palette: Option<Vec<[u8; 3]>>,
    pub frames: Vec<Frame>,
    /// True where no colour table holds a colour other than grey.
    pub grey: bool,
    pub end: End,
}

/// Reader that knows where it is.
struct Walk<R> {
    inner: BufReader<R>,
    at: u64,
}

impl<R: Read + Seek> Walk<R> {
    fn bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut out = [0; N];
        self.inner.read_exact(&mut out)?;
        self.at += N as u64;
        Ok(out)
    }

    fn byte(&mut self) -> io::Result<u8> {
        Ok(self.bytes::<1>()?[0])
    }

    fn palette(&mut self, entries: u16) -> io::Result<Vec<[u8; 3]>> {
        (0..entries).map(|_| self.bytes::<3>()).collect()
    }

    /// Jumps over sub-blocks to the one of length 0.
    fn skip_blocks(&mut self) -> io::Result<()> {
        loop {
            let len = self.byte()?;
            if len == 0 {
                return Ok(());
            }
            self.inner.seek_relative(i64::from(len))?;
            self.at += u64::from(len);
        }
    }

    /// True where no byte is left; seeking past the end goes unnoticed until something is read.
    fn at_end(&mut self) -> io::Result<bool> {
        Ok(self.inner.fill_buf()?.is_empty())
    }
}

/// Walks a file from its start. An error is one of the operating system, or of the first 13 bytes.
pub fn walk<R: Read + Seek>(file: R, max_frames: usize) -> io::Result<Blocks> {
    let mut walk = Walk { inner: BufReader::with_capacity(1 << 16, file), at: 0 };
    let header: [u8; 13] = walk.bytes()?;
    let palette = match header[10] {
        flags if flags & 0x80 != 0 => Some(walk.palette(2 << (flags & 7))?),
        _ => None,
    };
    let mut blocks = Blocks {
        width: u16::from_le_bytes([header[6], header[7]]),
        height: u16::from_le_bytes([header[8], header[9]]),
        palette,
        frames: Vec::new(),
        grey: true,
        end: End::Trailer,
    };
    blocks.end = match pictures(&mut walk, &mut blocks, max_frames) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => match blocks.frames.last_mut() {
            Some(frame) if frame.data_len == 0 => End::InFrame(walk.inner.seek(SeekFrom::End(0))?),
            _ => End::Eof,
        },
        other => other?,
    };
    Ok(blocks)
}

fn pictures<R: Read + Seek>(walk: &mut Walk<R>, blocks: &mut Blocks, max_frames: usize) -> io::Result<End> {
    // The control block before a picture: flags, delay, transparent index.
    let mut control = [0u8; 4];
    loop {
        if walk.at_end()? {
            return Ok(End::Eof);
        }
        match walk.byte()? {
            // Stray terminators after a block are written by some programs, and harmless.
            0x00 => {}
            0x21 => {
                if walk.byte()? == 0xF9 {
                    let len = walk.byte()?;
                    if len >= 4 {
                        control = walk.bytes()?;
                    }
                    for _ in 4.min(len)..len {
                        walk.byte()?;
                    }
                    if len == 0 {
                        continue;
                    }
                }
                walk.skip_blocks()?;
            }
            0x2C if blocks.frames.len() == max_frames => return Ok(End::Limit),
            0x2C => {
                descriptor(walk, blocks, control)?;
                walk.byte()?;
                walk.skip_blocks()?;
                if let Some(frame) = blocks.frames.last_mut() {
                    frame.data_len = walk.at - frame.data_at;
                }
                control = [0; 4];
            }
            0x3B => return Ok(End::Trailer),
            other => return Ok(End::Unknown(other, walk.at - 1)),
        }
    }
}

/// Adds a picture; its data length stays 0 until its end has been seen.
fn descriptor<R: Read + Seek>(walk: &mut Walk<R>, blocks: &mut Blocks, control: [u8; 4]) -> io::Result<()> {
    let raw: [u8; 9] = walk.bytes()?;
    let u16_at = |i: usize| u16::from_le_bytes([raw[i], raw[i + 1]]);
    let transparent = (control[0] & 1 != 0).then_some(control[3]);
    let palette = (raw[8] & 0x80 != 0).then(|| (walk.at, 2 << (raw[8] & 7)));
    blocks.frames.push(Frame {
        left: u16_at(0),
        top: u16_at(2),
        width: u16_at(4),
        height: u16_at(6),
        interlaced: raw[8] & 0x40 != 0,
        transparent,
        disposal: match (control[0] >> 2) & 7 {
            2 => Disposal::Clear,
            3 => Disposal::Restore,
            _ => Disposal::Keep,
        },
        delay_cs: u16::from_le_bytes([control[1], control[2]]),
        palette,
        data_at: walk.at + palette.map_or(0, |(_, entries)| u64::from(entries) * 3),
        data_len: 0,
    });
    // A colour that is never drawn does not make a film colourful.
    let is_grey = |table: &[[u8; 3]]| {
        table
            .iter()
            .enumerate()
            .all(|(i, [r, g, b])| (r == g && g == b) || transparent.is_some_and(|t| usize::from(t) == i))
    };
    let grey = match palette {
        Some((_, entries)) => is_grey(&walk.palette(entries)?),
        None => blocks.palette.as_deref().is_none_or(is_grey),
    };
    blocks.grey &= grey;
    Ok(())
}
