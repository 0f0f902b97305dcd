//! What any bytes must survive, for the fuzz target and for the mutation test: a picture or an error, nothing else.

use std::path::Path;

use super::video::Limits;
use super::video::formats::tiff;

/// Opens bytes as a TIFF and reads planes of its first series.
pub fn exercise(bytes: Vec<u8>, limits: Limits) {
    let Ok(reader) = tiff::open_bytes(Path::new("any.tif"), bytes, limits) else { return };
    assert!(!reader.series().is_empty());
    for (index, series) in reader.series().iter().enumerate().take(4) {
        let planes = series.shape.planes();
        assert!(planes > 0 && series.channels.len() == series.shape.c);
        for plane in (0..planes).take(7).chain([planes - 1]) {
            if let Ok(plane) = reader.read_plane(index, plane) {
                assert_eq!(plane.bytes.len(), series.shape.plane_samples() * series.dtype.size());
            }
        }
    }
}
