//! Opens any bytes as a TIFF and reads the first planes of the first series. From `fuzz/`, on a stable compiler:
//!
//!     mkdir -p corpus/tiff && cp ../tests/fixtures/tiff/*.tif ../tests/fixtures/tiff/odd/*.tif corpus/tiff
//!     RUSTC_BOOTSTRAP=1 cargo fuzz run -s none tiff -- -rss_limit_mb=512 -timeout=5 -max_len=32768
#![no_main]
#![allow(dead_code)]

use libfuzzer_sys::fuzz_target;

#[path = "../exercise.rs"]
mod exercise;
#[path = "../../src/regular_file.rs"]
mod regular_file;
#[path = "../video.rs"]
mod video;

fuzz_target!(|bytes: &[u8]| {
    exercise::exercise(
        bytes.to_vec(),
        video::Limits { plane_bytes: 256 << 20, planes: 200_000, ..video::Limits::default() },
    );
});
