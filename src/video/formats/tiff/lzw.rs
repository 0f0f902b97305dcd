//! LZW as TIFF uses it, over weezl.

use weezl::{BitOrder, LzwStatus};

use super::codec::Fault;

/// A decoder that is kept between strips.
#[derive(Default)]
pub struct Decoder {
    modern: Option<weezl::decode::Decoder>,
    old: Option<weezl::decode::Decoder>,
}

impl Decoder {
    /// Decodes `stored` into `out` and returns how many bytes came out.
    pub fn decode(&mut self, stored: &[u8], out: &mut [u8]) -> Result<usize, Fault> {
        // Files before TIFF 6.0 hold codes lowest bit first; their first code, "clear", looks like this.
        let old = matches!(stored, [0, second, ..] if second & 1 == 1);
        let decoder = if old {
            self.old.get_or_insert_with(|| weezl::decode::Decoder::new(BitOrder::Lsb, 8))
        } else {
            self.modern.get_or_insert_with(|| weezl::decode::Decoder::with_tiff_size_switch(BitOrder::Msb, 8))
        };
        decoder.reset();
        let (mut read, mut written) = (0, 0);
        loop {
            let step = decoder.decode_bytes(
                stored.get(read..).unwrap_or_default(),
                out.get_mut(written..).unwrap_or_default(),
            );
            read += step.consumed_in;
            written += step.consumed_out;
            match step.status {
                Ok(LzwStatus::Done) => return Ok(written),
                _ if written == out.len() => return Ok(written),
                Ok(_) if step.consumed_in == 0 && step.consumed_out == 0 => return Ok(written),
                Ok(_) => {}
                Err(e) => return Err(Fault::Damaged(format!("not a valid LZW stream: {e}"))),
            }
        }
    }
}
