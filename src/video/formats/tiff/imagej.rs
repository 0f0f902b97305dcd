//! `ImageJ` hyperstacks: sizes and calibration in `ImageDescription`, colours in a tag of its own.

use super::directory::{Directory, tag};
use super::file::TiffFile;
use super::units::{length_um, positive, time_s};

/// What `ImageJ` writes into the first page's description.
#[derive(Debug, Default, PartialEq)]
pub struct Stack {
    /// Planes in the file, 0 when not given.
    pub images: usize,
    /// Channels, focal planes and frames; 1 when not given.
    pub channels: usize,
    /// Focal planes.
    pub slices: usize,
    /// Time points.
    pub frames: usize,
    /// Unit of `XResolution` and `spacing`.
    pub unit: Option<String>,
    /// Distance of focal planes in `unit`.
    pub spacing: Option<f64>,
    /// Time between frames, s.
    pub interval_s: Option<f64>,
    /// Speed of the animation.
    pub fps: Option<f64>,
}

impl Stack {
    /// Parses a description; `None` when it is not `ImageJ`'s.
    pub fn parse(description: &str) -> Option<Self> {
        if !description.starts_with("ImageJ=") {
            return None;
        }
        let mut stack = Self { channels: 1, slices: 1, frames: 1, ..Self::default() };
        let (mut interval, mut time_unit) = (None, 1.0);
        for (key, value) in description.lines().filter_map(|line| line.split_once('=')) {
            let value = value.trim();
            let count = || value.parse::<usize>().ok().filter(|&n| n > 0);
            let number = || value.parse().ok().and_then(positive);
            match key.trim() {
                "images" => stack.images = count().unwrap_or(0),
                "channels" => stack.channels = count().unwrap_or(1),
                "slices" => stack.slices = count().unwrap_or(1),
                "frames" => stack.frames = count().unwrap_or(1),
                "unit" => stack.unit = Some(value.to_owned()),
                "spacing" => stack.spacing = number(),
                "finterval" => interval = number(),
                "tunit" => time_unit = time_s(value).unwrap_or(1.0),
                "fps" => stack.fps = number(),
                _ => {}
            }
        }
        stack.interval_s = interval.map(|t: f64| t * time_unit);
        Some(stack)
    }

    /// Factor from the stack's unit to µm.
    pub fn unit_um(&self) -> Option<f64> {
        length_um(self.unit.as_deref()?)
    }
}

/// Display colours of the channels: the brightest entry of each lookup table, if there is one table per channel.
pub fn channel_colors(file: &TiffFile, directory: &Directory, channels: usize) -> Option<Vec<[u8; 3]>> {
    const MOST_BLOCKS: u64 = 1 << 20;
    const TABLE: u64 = 768;
    let counts = directory.find(tag::IJ_METADATA_COUNTS)?.uints(&file.source, file.dialect, MOST_BLOCKS)?;
    let data = directory.find(tag::IJ_METADATA)?;
    let (&header, blocks) = counts.split_first()?;
    if header < 12 || header > data.count || header > 4 << 10 {
        return None;
    }
    let head = file.source.bytes_at(data.at, header).ok()?;
    // "IJIJ" as a number in the file's byte order, then pairs of kind and number of blocks.
    let text = |raw: &[u8]| {
        let mut name = raw.to_vec();
        if !file.dialect.big_endian {
            name.reverse();
        }
        name
    };
    if text(head.get(..4)?) != b"IJIJ" {
        return None;
    }
    let mut block = 0usize;
    let mut at = data.at.checked_add(header)?;
    for pair in head.get(4..)?.chunks_exact(8) {
        let n = file.dialect.uint(&pair[4..]) as usize;
        let sizes = blocks.get(block..block.checked_add(n)?)?;
        if text(&pair[..4]) == b"luts" {
            if n != channels || sizes.iter().any(|&size| size != TABLE) {
                return None;
            }
            let tables = file.source.bytes_at(at, TABLE.checked_mul(n as u64)?).ok()?;
            let brightest = |table: &[u8]| [table[255], table[511], table[767]];
            return Some(tables.chunks_exact(TABLE as usize).map(brightest).collect());
        }
        at = sizes.iter().try_fold(at, |at, &size| at.checked_add(size))?;
        block += n;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hyperstack_description() {
        let text = "ImageJ=1.54f\nimages=24\nchannels=2\nslices=3\nframes=4\nhyperstack=true\nunit=\\u00B5m\n\
                    spacing=0.5\nfinterval=2\ntunit=min\nfps=7.0\nloop=false\n";
        let stack = Stack::parse(text).unwrap();
        assert_eq!((stack.images, stack.channels, stack.slices, stack.frames), (24, 2, 3, 4));
        assert_eq!(stack.unit_um(), Some(1.0));
        assert_eq!((stack.spacing, stack.interval_s, stack.fps), (Some(0.5), Some(120.0), Some(7.0)));
        assert_eq!(Stack::parse("ImageJ=1.54f\nunit=pixel\nfinterval=0\n").unwrap().interval_s, None);
        assert_eq!(Stack::parse("{\"shape\": [2]}"), None);
    }
}
