//! Opens any bytes as a TIFF and reads the first planes of the first series. From `fuzz/`, on a stable compiler:
//!
//!     mkdir -p corpus/tiff && cp ../tests/fixtures/tiff/*.tif ../tests/fixtures/tiff/odd/* corpus/tiff
//!     RUSTC_BOOTSTRAP=1 cargo fuzz run -s none tiff -- -rss_limit_mb=512 -timeout=5 -max_len=32768
#![no_main]
#![allow(dead_code)]

use std::path::Path;

use libfuzzer_sys::fuzz_target;

#[path = "../video.rs"]
mod video;

fuzz_target!(|bytes: &[u8]| {
    let limits = video::Limits { plane_bytes: 256 << 20, planes: 200_000 };
    let Ok(reader) = video::formats::tiff::open_bytes(Path::new("fuzz.tif"), bytes.to_vec(), limits) else {
        return;
    };
    for (index, series) in reader.series().iter().enumerate().take(4) {
        let planes = series.shape.planes();
        assert!(planes > 0 && series.channels.len() == series.shape.c);
        for plane in (0..planes).take(7).chain([planes - 1]) {
            if let Ok(plane) = reader.read_plane(index, plane) {
                assert_eq!(plane.bytes.len(), series.shape.plane_samples() * series.dtype.size());
            }
        }
    }
});
