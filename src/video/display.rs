//! How a recording is shown: contrast, colours, projection. Plain data; the shader does the work.

use serde::{Deserialize, Serialize};

use super::lut::LutName;
use super::stats::MovieStats;
use super::{SampleType, Series};

/// One channel's look.
#[expect(clippy::struct_excessive_bools)] // four independent switches
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChannelDisplay {
    /// Drawn at all.
    pub visible: bool,
    /// Colours.
    pub lut: LutName,
    /// Table read backwards.
    pub invert: bool,
    /// Value shown as the darkest colour.
    pub min: f64,
    /// Value shown as the brightest colour.
    pub max: f64,
    /// Exponent after scaling to 0-1.
    pub gamma: f64,
    /// Limits follow the movie's percentiles until the user moves them.
    pub auto: bool,
    /// Limits are not changed by auto-contrast or by linked recordings.
    pub locked: bool,
}

/// What is shown of a z stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Projection {
    /// One plane.
    #[default]
    Slice,
    /// Brightest value along z.
    Max,
    /// Mean along z.
    Mean,
}

/// A recording's look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Display {
    /// One entry per channel.
    pub channels: Vec<ChannelDisplay>,
    /// Of z.
    pub projection: Projection,
    /// The plane that [`Projection::Slice`] shows.
    pub z: usize,
}

/// Share of samples that auto-contrast leaves darker than the lower and brighter than the upper limit.
pub const AUTO_PERCENTILES: (f64, f64) = (0.001, 0.9995);

impl Display {
    /// The look that a recording opens with.
    pub fn new(series: &Series) -> Self {
        let count = series.channels.len().max(series.shape.c);
        let channels = (0..count)
            .map(|index| {
                let color = series.channels.get(index).and_then(|c| c.color);
                let lut = if series.palette.is_some() {
                    LutName::Palette
                } else {
                    match color {
                        None | Some([255, 255, 255]) if count == 1 => LutName::Grays,
                        // Files that give every channel the same white mean that they do not know.
                        None | Some([255, 255, 255] | [0, 0, 0]) => LutName::default_for(index, count),
                        Some(color) => LutName::Custom(color),
                    }
                };
                let (min, max) = initial_range(series);
                let auto = series.shape.s == 1 && series.palette.is_none();
                ChannelDisplay {
                    visible: true,
                    lut,
                    invert: false,
                    min,
                    max,
                    gamma: 1.0,
                    auto,
                    locked: false,
                }
            })
            .collect();
        Self { channels, projection: Projection::Slice, z: series.shape.z / 2 }
    }

    /// Applies the movie's percentiles to channels that follow them.
    pub fn follow(&mut self, stats: &MovieStats) {
        for (channel, stats) in self.channels.iter_mut().zip(&stats.channels) {
            if channel.auto && !channel.locked {
                (channel.min, channel.max) = stats.limits(AUTO_PERCENTILES);
            }
        }
    }
}

/// Limits before anything is known of the values.
pub fn initial_range(series: &Series) -> (f64, f64) {
    if let Some(palette) = &series.palette {
        return (0.0, (palette.len().max(2) - 1) as f64);
    }
    match series.dtype {
        SampleType::U8 | SampleType::I8 => series.dtype.range(),
        SampleType::U16 | SampleType::I16 => (0.0, 4095.0),
        other => other.range(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Channel, Shape};
    use super::*;

    fn series(c: usize, colors: &[Option<[u8; 3]>]) -> Series {
        Series {
            channels: colors.iter().map(|color| Channel { name: None, color: *color }).collect(),
            ..Series::new("", Shape { t: 1, z: 9, c, y: 1, x: 1, s: 1 }, SampleType::U16, "none")
        }
    }

    #[test]
    fn colours_of_the_file_win_and_white_for_all_means_unknown() {
        let luts = |s: &Series| Display::new(s).channels.into_iter().map(|c| c.lut).collect::<Vec<_>>();
        assert_eq!(luts(&series(1, &[None])), [LutName::Grays]);
        assert_eq!(luts(&series(2, &[Some([255; 3]), Some([255; 3])])), [LutName::Green, LutName::Magenta]);
        assert_eq!(luts(&series(2, &[Some([255, 0, 0]), None]))[0], LutName::Custom([255, 0, 0]));
        assert_eq!(
            Display::new(&series(1, &[None])).z,
            4,
            "the middle of the stack, where cells are in focus"
        );
    }
}
