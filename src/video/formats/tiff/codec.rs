//! Decompression of one strip or tile into memory that the caller has sized.

use std::cell::RefCell;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::lzw;
use super::page::Layout;

/// Why a segment was not decoded.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// It holds more than fits.
    TooSmall,
    /// It is damaged.
    Damaged(String),
}

impl Fault {
    fn because(reason: &impl ToString) -> Self {
        Self::Damaged(reason.to_string())
    }
}

/// Decompressors and buffers that every thread keeps between planes.
#[derive(Default)]
pub struct Tools {
    /// Stored bytes of one or more segments.
    pub stored: Vec<u8>,
    /// One decoded segment, where it cannot be decoded in place.
    pub segment: Vec<u8>,
    /// Rows of floating-point samples before they are put together.
    pub row: Vec<u8>,
    deflate: Option<libdeflater::Decompressor>,
    zstd: Option<zstd::bulk::Decompressor<'static>>,
    lzw: lzw::Decoder,
}

thread_local! {
    static TOOLS: RefCell<Tools> = RefCell::default();
}

/// Lends this thread's tools.
pub fn with_tools<T>(work: impl FnOnce(&mut Tools) -> T) -> T {
    const KEEP: usize = 64 << 20;
    TOOLS.with(|tools| {
        let Ok(mut tools) = tools.try_borrow_mut() else {
            return work(&mut Tools::default());
        };
        let result = work(&mut tools);
        // One huge plane must not hold its buffers for ever.
        if tools.stored.capacity() > KEEP {
            tools.stored = Vec::new();
        }
        if tools.segment.capacity() > KEEP {
            tools.segment = Vec::new();
        }
        result
    })
}

/// The most bytes that one stored byte can become; a plane that needs more is a lie.
pub const fn largest_ratio(compression: u16) -> u64 {
    match compression {
        1 => 1,
        // A run of 4095 codes of 12 bits, each one byte longer than the last.
        5 => 1500,
        // A block of 128 KiB of one value takes four bytes, and empty camera frames do compress like that.
        34_926 | 50_000 => 33_000,
        _ => 1100,
    }
}

impl Tools {
    /// Decompresses `stored`, which is compressed, into `out` and returns how many bytes came out.
    pub fn decompress(&mut self, compression: u16, stored: &[u8], out: &mut [u8]) -> Result<usize, Fault> {
        match compression {
            5 => self.lzw.decode(stored, out),
            8 | 32_946 => {
                let deflate = self.deflate.get_or_insert_with(libdeflater::Decompressor::new);
                deflate.zlib_decompress(stored, out).map_err(|e| match e {
                    libdeflater::DecompressionError::InsufficientSpace => Fault::TooSmall,
                    libdeflater::DecompressionError::BadData => Fault::because(&"not a valid deflate stream"),
                })
            }
            32_773 => Ok(unpack_bits(stored, out)),
            34_926 | 50_000 => {
                let zstd = match &mut self.zstd {
                    Some(zstd) => zstd,
                    empty => empty.insert(zstd::bulk::Decompressor::new().map_err(|e| Fault::because(&e))?),
                };
                // The frame's own size tells "too small" from "damaged", which zstd's error does not.
                let declared = zstd::zstd_safe::get_frame_content_size(stored).ok().flatten();
                if declared.is_some_and(|size| size > out.len() as u64) {
                    return Err(Fault::TooSmall);
                }
                zstd.decompress_to_buffer(stored, out).map_err(|e| Fault::because(&e))
            }
            other => Err(Fault::Damaged(format!("compression {other} is not read"))),
        }
    }
}

/// `PackBits`: runs and literals, each behind a length byte. Returns the bytes written.
fn unpack_bits(mut stored: &[u8], out: &mut [u8]) -> usize {
    let mut done = 0;
    while let Some((&head, rest)) = stored.split_first() {
        let room = out.get_mut(done..).unwrap_or_default();
        if room.is_empty() {
            break;
        }
        match head {
            0..=127 => {
                let n = (usize::from(head) + 1).min(rest.len()).min(room.len());
                room[..n].copy_from_slice(&rest[..n]);
                done += n;
                stored = rest.get(usize::from(head) + 1..).unwrap_or_default();
            }
            128 => stored = rest,
            129.. => {
                let Some((&value, rest)) = rest.split_first() else {
                    break;
                };
                let n = (257 - usize::from(head)).min(room.len());
                room[..n].fill(value);
                done += n;
                stored = rest;
            }
        }
    }
    done
}

/// Reverses the bits of every byte, for files that store the lowest bit first.
pub fn reverse_bits(bytes: &mut [u8]) {
    for byte in bytes {
        *byte = byte.reverse_bits();
    }
}

/// Decodes a JPEG segment into `out`, rows of `row` bytes, and returns how many rows it had.
pub fn jpeg(
    stored: &[u8],
    tables: Option<&[u8]>,
    layout: &Layout,
    row: usize,
    out: &mut Vec<u8>,
) -> Result<usize, Fault> {
    let merged;
    let stream = match tables {
        Some(tables) if stored.starts_with(&[0xFF, 0xD8]) => {
            // Tables come as a JPEG file without picture: its end mark and the picture's start mark go.
            let tables = tables.strip_suffix(&[0xFF, 0xD9]).unwrap_or(tables);
            merged = [tables, &stored[2..]].concat();
            &merged
        }
        _ => stored,
    };
    let samples = layout.stored_samples();
    let longest = |n: u32| (n as usize).max(1);
    let options = DecoderOptions::new_fast()
        .set_max_width(longest(layout.segment_width))
        .set_max_height(longest(layout.segment_height));
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(stream), options);
    // Some of the decoder's messages end with an end of line.
    let damaged = |e: &dyn std::fmt::Debug| {
        let text = format!("{e:?}");
        Fault::Damaged(format!("not a valid JPEG stream: {}", text.trim_end()))
    };
    decoder.decode_headers().map_err(|e| damaged(&e))?;
    let info = decoder.info().ok_or_else(|| Fault::because(&"a JPEG stream without picture"))?;
    let (width, height) = (usize::from(info.width), usize::from(info.height));
    if usize::from(info.components) != samples || width * samples != row {
        return Err(Fault::Damaged(format!(
            "a JPEG of {width} columns and {} samples where {} and {samples} belong",
            info.components, layout.segment_width
        )));
    }
    let stored_color = decoder.input_colorspace().unwrap_or(ColorSpace::Unknown);
    let color = match (samples, layout.photometric) {
        (1, _) => ColorSpace::Luma,
        (3, 6) => ColorSpace::RGB,
        // Samples of other meaning are kept as they are, whatever the JPEG decoder takes them for.
        _ => stored_color,
    };
    decoder.set_options(decoder.options().jpeg_set_out_colorspace(color));
    let size = decoder.output_buffer_size().filter(|&size| size == row * height);
    let size = size.ok_or_else(|| Fault::because(&"a JPEG whose colours do not go with the tags"))?;
    out.resize(size, 0);
    decoder.decode_into(out).map_err(|e| damaged(&e))?;
    Ok(height)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pack_bits_runs_and_literals() {
        let mut out = [9; 8];
        assert_eq!(unpack_bits(&[2, 1, 2, 3, 128, 0xFD, 7], &mut out), 7);
        assert_eq!(out, [1, 2, 3, 7, 7, 7, 7, 9]);
        assert_eq!(unpack_bits(&[127, 1], &mut out), 1);
        assert_eq!(unpack_bits(&[0x81, 5, 0x81], &mut out), 8);
        assert_eq!(unpack_bits(&[0x81], &mut out), 0);
    }

    #[test]
    fn deflate_that_holds_more_is_told_from_damage() {
        let mut packer = libdeflater::Compressor::new(libdeflater::CompressionLvl::fastest());
        let mut stored = vec![0; packer.zlib_compress_bound(1000)];
        let n = packer.zlib_compress(&[5; 1000], &mut stored).unwrap();
        let mut tools = Tools::default();
        assert_eq!(tools.decompress(8, &stored[..n], &mut [0; 1000]), Ok(1000));
        assert_eq!(tools.decompress(8, &stored[..n], &mut [0; 500]), Err(Fault::TooSmall));
        assert!(matches!(tools.decompress(8, &[0; 9], &mut [0; 500]), Err(Fault::Damaged(_))));
    }
}
