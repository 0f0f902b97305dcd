//! What an untrusted file may make the program allocate.

use std::path::Path;
use std::sync::OnceLock;

use super::VideoError;

/// Environment variable: the largest plane that is decoded, MB. A user who sets it trusts files up to there.
pub const VARIABLE: &str = "MOLCLIP_PLANE_MB";

/// Times that a large plane may be as long as its stored bytes. Noise keeps what a camera saw below 10; label images and
/// sparse masks reach some hundred. Deflate gets to 1030, zstd to 33,000.
const LARGEST_RATIO: u64 = 500;

/// Below this an allocation is not tried out first, bytes.
const SMALL: usize = 16 << 20;

/// What an untrusted file may make the program allocate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest decoded plane, bytes. Decoding holds about twice as much.
    pub plane_bytes: u64,
    /// Largest decoded plane that is believed whatever its compression, bytes.
    pub trusted_bytes: u64,
    /// Most planes (TIFF directories, frames) that are looked for in one recording.
    pub planes: usize,
}

impl Default for Limits {
    /// 1 GiB a plane, or what `MOLCLIP_PLANE_MB` says.
    fn default() -> Self {
        static CHOSEN: OnceLock<Option<u64>> = OnceLock::new();
        let chosen = *CHOSEN.get_or_init(|| {
            let text = std::env::var(VARIABLE).ok()?;
            let chosen = bytes(&text);
            if chosen.is_none() {
                log::warn!("{VARIABLE}={text} is ignored: write a whole number of MB, at least 1");
            }
            chosen
        });
        Self {
            plane_bytes: chosen.unwrap_or(1 << 30),
            trusted_bytes: chosen.unwrap_or(64 << 20),
            planes: 4_000_000,
        }
    }
}

/// Bytes of a number of MB.
fn bytes(megabytes: &str) -> Option<u64> {
    megabytes.trim().parse::<u64>().ok().filter(|&n| n > 0)?.checked_mul(1 << 20)
}

impl Limits {
    /// Refuses a plane of `pixels` (such as `30 × 20 pixels`) before memory is taken for it: it takes `decoded` bytes, of
    /// which the file holds `stored`.
    ///
    /// # Errors
    /// It is larger than the limit, or large and compressed as no picture is; names the sizes and the way to read it.
    pub fn check(
        &self,
        path: &Path,
        place: &str,
        pixels: &str,
        decoded: u64,
        stored: u64,
    ) -> Result<(), VideoError> {
        let problem = if decoded > self.plane_bytes {
            format!("{pixels} take {}, more than the limit of {}", size(decoded), size(self.plane_bytes))
        } else if decoded > self.trusted_bytes && decoded / LARGEST_RATIO > stored {
            format!(
                "{pixels} take {}, {} times the {} that are stored; above the limit of {LARGEST_RATIO} times it is \
                 taken for an attack on the memory",
                size(decoded),
                decoded / stored.max(1),
                size(stored)
            )
        } else {
            return Ok(());
        };
        let remedy = format!(
            "If you trust the file, set the environment variable {VARIABLE}={} and open it again; otherwise save \
             the picture in smaller parts.",
            decoded.div_ceil(1 << 20)
        );
        Err(VideoError::new(path, place, problem, remedy))
    }
}

/// Refuses what the memory has no room for now; an allocation that fails would end the program.
///
/// # Errors
/// There are no `bytes` to be had.
pub fn room(path: &Path, place: &str, bytes: usize) -> Result<(), VideoError> {
    let mut probe = Vec::<u8>::new();
    let there = bytes < SMALL || probe.try_reserve_exact(bytes).is_ok();
    // Or the compiler leaves out an allocation that nothing uses.
    std::hint::black_box(&probe);
    if there {
        return Ok(());
    }
    Err(VideoError::new(
        path,
        place,
        format!("there is no memory for the {} that decoding takes", size(bytes as u64)),
        "Close other programs or recordings, or save the picture in smaller parts.",
    ))
}

/// `1717 MB`, or bytes where that would be 0.
fn size(bytes: u64) -> String {
    if bytes < 1 << 20 { format!("{bytes} bytes") } else { format!("{} MB", bytes >> 20) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { plane_bytes: 1 << 30, trusted_bytes: 64 << 20, planes: 10 };

    fn refused(decoded: u64, stored: u64) -> Option<String> {
        let checked = LIMITS.check(Path::new("a.tif"), "page 3", "9 × 9 pixels", decoded, stored);
        checked.err().map(|error| error.to_string())
    }

    #[test]
    fn large_planes_need_stored_bytes_and_small_ones_are_believed() {
        let plane = 16_384 * 16_384 * 2;
        assert_eq!(refused(plane, plane / 400), None);
        assert_eq!(refused(64 << 20, 9), None, "a blank camera frame");
        let text = refused(plane, plane / 600).unwrap();
        assert!(
            text.starts_with("a.tif: page 3: 9 × 9 pixels take 512 MB, 600 times the 894784 bytes"),
            "{text}"
        );
        assert!(text.ends_with("smaller parts.") && text.contains("MOLCLIP_PLANE_MB=512 "), "{text}");
        let text = refused((1 << 30) + 1, 1 << 30).unwrap();
        assert!(text.contains("more than the limit of 1024 MB") && text.contains("_MB=1025 "), "{text}");
        assert!(refused(1 << 30, 0).is_some());
    }

    #[test]
    fn a_limit_is_a_whole_number_of_megabytes() {
        assert_eq!(bytes("2048"), Some(2 << 30));
        assert_eq!(bytes(" 1 "), Some(1 << 20));
        for wrong in ["", "0", "-1", "1.5", "2 GB", "99999999999999999"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_no_memory_holds_is_refused_before_it_is_asked_for() {
        assert!(room(Path::new("a"), "plane 1", 1 << 10).is_ok());
        let error = room(Path::new("a"), "plane 1", usize::MAX).unwrap_err().to_string();
        assert!(error.contains("no memory") && error.contains("plane 1"), "{error}");
    }
}
