//! How pages are packed: what may come out of them, and the few that are looked into.

use std::borrow::Cow;

/// A way of packing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    None,
    Snappy,
    Gzip,
    Brotli,
    Zstd,
    Lz4Raw,
    /// LZO and the framed LZ4.
    Other,
}

impl Codec {
    pub const fn of(code: i32) -> Self {
        match code {
            0 => Self::None,
            1 => Self::Snappy,
            2 => Self::Gzip,
            4 => Self::Brotli,
            6 => Self::Zstd,
            7 => Self::Lz4Raw,
            _ => Self::Other,
        }
    }
}

/// Most bytes that so many packed ones can unpack to. Zstandard and Brotli repeat a byte without end: of them, the sum
/// over a file is bounded instead.
pub const fn most(codec: Codec, packed: usize) -> usize {
    match codec {
        Codec::None => packed,
        // A copy of 64 bytes takes three.
        Codec::Snappy => packed.saturating_mul(64),
        Codec::Gzip => packed.saturating_mul(1032),
        Codec::Lz4Raw | Codec::Other => packed.saturating_mul(256),
        Codec::Zstd => packed.saturating_mul(1 << 16),
        Codec::Brotli => packed.saturating_mul(1 << 24),
    }
}

/// Unpacks a page to exactly `size` bytes. The error is a clause.
pub fn unpack(codec: Codec, packed: &[u8], size: usize) -> Result<Cow<'_, [u8]>, String> {
    if size > most(codec, packed.len()) {
        return Err(format!("{} bytes cannot unpack to {size}", packed.len()));
    }
    let unpacked = match codec {
        Codec::None => return Ok(Cow::Borrowed(packed)),
        Codec::Snappy => snappy(packed, size),
        Codec::Gzip => {
            let mut page = vec![0; size];
            let length = libdeflater::Decompressor::new().gzip_decompress(packed, &mut page);
            length.is_ok_and(|length| length == size).then_some(page)
        }
        Codec::Zstd => zstd::bulk::decompress(packed, size).ok(),
        Codec::Lz4Raw => lz4(packed, size),
        Codec::Brotli | Codec::Other => {
            return Err("a delta encoding is not read in this packing; write the file with zstd".to_owned());
        }
    };
    let unpacked = unpacked.filter(|page| page.len() == size);
    unpacked.map(Cow::Owned).ok_or_else(|| format!("it does not unpack to {size} bytes"))
}

/// Snappy's block format: the length, then literals and copies.
fn snappy(packed: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut rest = packed;
    let mut length = 0_u64;
    for shift in (0..35).step_by(7) {
        let byte = *rest.split_off_first()?;
        length |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    if length != size as u64 {
        return None;
    }
    let mut page = Vec::with_capacity(size);
    while let Some(tag) = rest.split_off_first().map(|tag| usize::from(*tag)) {
        match tag & 3 {
            0 => {
                let mut length = tag >> 2;
                if let 60..=63 = length {
                    length = little_endian(rest.split_off(..length - 59)?);
                }
                literal(&mut page, rest.split_off(..=length)?, size)?;
            }
            1 => {
                let low = usize::from(*rest.split_off_first()?);
                copy(&mut page, (tag >> 5) << 8 | low, 4 + (tag >> 2 & 7), size)?;
            }
            two => {
                let offset = little_endian(rest.split_off(..if two == 2 { 2 } else { 4 })?);
                copy(&mut page, offset, 1 + (tag >> 2), size)?;
            }
        }
    }
    Some(page)
}

/// A block of LZ4 without a frame.
fn lz4(packed: &[u8], size: usize) -> Option<Vec<u8>> {
    fn long(rest: &mut &[u8], mut length: usize) -> Option<usize> {
        if length == 15 {
            loop {
                let more = *rest.split_off_first()?;
                length = length.checked_add(usize::from(more))?;
                if more < 255 {
                    break;
                }
            }
        }
        Some(length)
    }
    let mut rest = packed;
    let mut page = Vec::with_capacity(size);
    while let Some(token) = rest.split_off_first().map(|token| usize::from(*token)) {
        let length = long(&mut rest, token >> 4)?;
        literal(&mut page, rest.split_off(..length)?, size)?;
        // The last literals have no copy behind them.
        if rest.is_empty() {
            break;
        }
        let offset = little_endian(rest.split_off(..2)?);
        let length = long(&mut rest, token & 15)?;
        copy(&mut page, offset, length + 4, size)?;
    }
    Some(page)
}

fn little_endian(bytes: &[u8]) -> usize {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | usize::from(*byte))
}

fn literal(page: &mut Vec<u8>, bytes: &[u8], size: usize) -> Option<()> {
    if bytes.len() > size - page.len() {
        return None;
    }
    page.extend_from_slice(bytes);
    Some(())
}

/// Repeats bytes from `offset` bytes before the end; what is copied may be copied again.
fn copy(page: &mut Vec<u8>, offset: usize, length: usize, size: usize) -> Option<()> {
    let start = page.len().checked_sub(offset).filter(|_| offset > 0)?;
    if length > size - page.len() {
        return None;
    }
    for at in start..start + length {
        page.push(page[at]);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_unpacked_to_their_size_or_not_at_all() {
        // "abcdabcdabcdX": a literal of four, a copy of eight from four before, a literal.
        let snappy = [13, 3 << 2, b'a', b'b', b'c', b'd', (8 - 4) << 2 | 1, 4, 0, b'X'];
        let lz4 = [0x44, b'a', b'b', b'c', b'd', 4, 0, 0x10, b'X'];
        let mut gzip = vec![0; 100];
        let mut packer = libdeflater::Compressor::new(libdeflater::CompressionLvl::fastest());
        let length = packer.gzip_compress(b"abcdabcdabcdX", &mut gzip).unwrap();
        gzip.truncate(length);
        let zstd = zstd::bulk::compress(b"abcdabcdabcdX", 1).unwrap();
        for (codec, packed) in
            [(Codec::Snappy, &snappy[..]), (Codec::Lz4Raw, &lz4), (Codec::Gzip, &gzip), (Codec::Zstd, &zstd)]
        {
            assert_eq!(&*unpack(codec, packed, 13).unwrap(), b"abcdabcdabcdX", "{codec:?}");
            assert!(unpack(codec, packed, 12).is_err() && unpack(codec, packed, 14).is_err(), "{codec:?}");
            for cut in 0..packed.len() {
                assert!(unpack(codec, &packed[..cut], 13).is_err(), "{codec:?} {cut}");
            }
        }
        let long = [&[80, 60 << 2, 79][..], &[b'x'; 80]].concat();
        assert_eq!(&*unpack(Codec::Snappy, &long, 80).unwrap(), [b'x'; 80], "a length of its own byte");
        for wrong in [&[4, 1, 1][..], &[4, 0, b'a', 1, 2], &[4, 0, b'a', 1, 0]] {
            assert!(unpack(Codec::Snappy, wrong, 4).is_err());
        }
        assert!(unpack(Codec::Snappy, &[5], 1 << 30).unwrap_err().contains("cannot unpack"));
        assert!(unpack(Codec::Brotli, b"x", 1).unwrap_err().contains("zstd"));
        assert_eq!((most(Codec::None, 7), most(Codec::Gzip, 2)), (7, 2064));
    }
}
