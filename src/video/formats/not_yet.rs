//! Formats that are recognised but not read: the error names the way to one that is.

use std::ffi::OsStr;

use super::{Sniff, VideoError};

/// A format that somebody will try to open, and what to do with it.
struct Foreign {
    name: &'static str,
    sniff: fn(&Sniff) -> bool,
    /// `{file}` and `{stem}` stand for the file's name.
    remedy: &'static str,
}

/// Film containers hold lossy pictures; one that came from a microscope has a better original.
const FILM: &str = "Open the microscope's own file if there is one. Otherwise convert: \
                    ffmpeg -i {file} frames_%04d.png, then open the folder";
const BIO: &str = "Export OME-TIFF from the microscope's software or Fiji (File > Export > OME-TIFF), \
                   or convert: bfconvert {file} {stem}.ome.tif";
const NDTIFF: &str = "Open one NDTiffStack.tif file of the folder, or export OME-TIFF from Micro-Manager \
                      (Save as separate or stack files)";
const ZARR: &str = "Export OME-TIFF from Fiji or napari, \
                    or convert: bfconvert {file} {stem}.ome.tif";

static NOT_YET: &[Foreign] = &[
    Foreign { name: "AVI films", sniff: |s| riff(s.head, b"AVI "), remedy: FILM },
    Foreign { name: "WebP pictures", sniff: |s| riff(s.head, b"WEBP"), remedy: "Convert to PNG" },
    Foreign { name: "MP4 and MOV films", sniff: |s| at(s.head, 4, b"ftyp"), remedy: FILM },
    Foreign { name: "MOV films", sniff: |s| at(s.head, 4, b"moov") || at(s.head, 4, b"mdat"), remedy: FILM },
    Foreign {
        name: "Matroska and WebM films",
        sniff: |s| at(s.head, 0, &[0x1A, 0x45, 0xDF, 0xA3]),
        remedy: FILM,
    },
    Foreign { name: "WMV films", sniff: |s| at(s.head, 0, &[0x30, 0x26, 0xB2, 0x75]), remedy: FILM },
    Foreign { name: "Nikon ND2 files", sniff: |s| nd2(s.head), remedy: BIO },
    Foreign { name: "Zeiss CZI files", sniff: |s| at(s.head, 0, b"ZISRAWFILE"), remedy: BIO },
    Foreign { name: "Leica LIF files", sniff: |s| lif(s.head), remedy: BIO },
    Foreign {
        name: "Imaris and other HDF5 files",
        sniff: |s| at(s.head, 0, b"\x89HDF\r\n\x1a\n"),
        remedy: BIO,
    },
    Foreign {
        name: "Olympus OIB and other compound files",
        sniff: |s| at(s.head, 0, &[0xD0, 0xCF, 0x11, 0xE0]),
        remedy: BIO,
    },
    Foreign {
        name: "ZIP archives",
        sniff: |s| at(s.head, 0, b"PK\x03\x04"),
        remedy: "Unpack it, then open the file or folder that was in it",
    },
    Foreign {
        name: "gzip archives",
        sniff: |s| at(s.head, 0, &[0x1F, 0x8B]),
        remedy: "Unpack it, then open the file or folder that was in it",
    },
    Foreign {
        name: "BMP pictures",
        sniff: |s| at(s.head, 0, b"BM") && at(s.head, 6, &[0; 4]),
        remedy: "Convert to PNG",
    },
    Foreign { name: "NDTiff data sets", sniff: |s| holds(s, "NDTiff.index"), remedy: NDTIFF },
    Foreign {
        name: "OME-Zarr folders",
        sniff: |s| [".zattrs", ".zgroup", "zarr.json"].iter().any(|n| holds(s, n)),
        remedy: ZARR,
    },
];

/// The error for a recognised format that has no reader, and for a file with nothing in it.
pub fn explain(sniff: &Sniff) -> Option<VideoError> {
    if !sniff.is_dir && sniff.head.is_empty() {
        return Some(VideoError::new(
            sniff.path,
            "file",
            "it is empty (0 bytes)",
            "Copy or export it again: it was probably interrupted.",
        ));
    }
    let foreign = NOT_YET.iter().find(|foreign| (foreign.sniff)(sniff))?;
    let name = |part: Option<&OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    let place = if sniff.is_dir { "folder" } else { "file" };
    Some(VideoError::new(
        sniff.path,
        place,
        format!("{} are not read yet", foreign.name),
        format!(
            "{}.",
            foreign
                .remedy
                .replace("{file}", &name(sniff.path.file_name()))
                .replace("{stem}", &name(sniff.path.file_stem()))
        ),
    ))
}

/// The error for content that nothing recognises.
pub fn unknown(sniff: &Sniff) -> VideoError {
    let start: Vec<String> = sniff.head.iter().take(8).map(|b| format!("{b:02x}")).collect();
    VideoError::new(
        sniff.path,
        "file",
        format!("its content is not a known recording (it starts with {})", start.join(" ")),
        "TIFF, OME-TIFF, GIF, PNG, JPEG and folders of frames are read; export one of these.",
    )
}

fn at(head: &[u8], offset: usize, magic: &[u8]) -> bool {
    head.get(offset..offset + magic.len()) == Some(magic)
}

fn riff(head: &[u8], kind: &[u8]) -> bool {
    at(head, 0, b"RIFF") && at(head, 8, kind)
}

/// Chunked ND2 starts with a chunk magic, the old kind is JPEG 2000.
fn nd2(head: &[u8]) -> bool {
    at(head, 0, &[0xDA, 0xCE, 0xBE, 0x0A]) || at(head, 4, b"jP  \r\n\x87\n")
}

/// A block marker (0x70), a length, and a second marker (0x2A).
fn lif(head: &[u8]) -> bool {
    at(head, 0, &[0x70, 0, 0, 0]) && at(head, 8, &[0x2A])
}

fn holds(sniff: &Sniff, name: &str) -> bool {
    sniff.is_dir && sniff.path.join(name).exists()
}
