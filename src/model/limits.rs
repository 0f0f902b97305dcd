//! Sizes that a model may have. A card comes from a file: what it says is checked before anything is built from it.

use std::ops::RangeInclusive;

use super::card::{Card, InputSpec};

/// Channels of a recording.
pub const CHANNELS: RangeInclusive<usize> = 1..=16;
/// Frames that an encoder sees.
pub const FRAMES: RangeInclusive<usize> = 1..=1024;
/// Pixels on a side.
pub const SIZE: RangeInclusive<usize> = 16..=2048;
/// Width of the common space; 0 for a video encoder alone.
pub const PROJECTION: RangeInclusive<usize> = 0..=8192;
/// µm per pixel and s between frames, where they are known.
pub const SCALE: RangeInclusive<f64> = 1e-9..=1e9;

fn within(what: &str, value: usize, range: &RangeInclusive<usize>) -> Result<(), String> {
    if range.contains(&value) {
        Ok(())
    } else {
        Err(format!("The {what} is {value}, not {} to {}.", range.start(), range.end()))
    }
}

impl InputSpec {
    /// What cannot be, as a whole sentence: sizes beyond the limits, a channel without its numbers, a scale of 0.
    pub fn check(&self) -> Result<(), String> {
        let channels = self.channels.len();
        within("number of channels", channels, &CHANNELS)?;
        within("number of frames", self.frames, &FRAMES)?;
        within("size in pixels", self.size, &SIZE)?;
        for (what, numbers) in [("mean", &self.mean), ("std", &self.std)] {
            if numbers.len() != channels || !numbers.iter().all(|number| number.is_finite()) {
                return Err(format!(
                    "{what} is {numbers:?}, not one number for each of {channels} channels."
                ));
            }
        }
        if let Some(std) = self.std.iter().find(|&&std| std <= 0.0) {
            return Err(format!("A standard deviation is {std}, not above 0."));
        }
        for (what, value) in [("pixel_size_um", self.pixel_size_um), ("interval_s", self.interval_s)] {
            if let Some(value) = value.filter(|value| !SCALE.contains(value)) {
                return Err(format!(
                    "input.{what} is {value}, not between {:e} and {:e}. Write null where it is unknown.",
                    SCALE.start(),
                    SCALE.end()
                ));
            }
        }
        Ok(())
    }
}

impl Card {
    /// What cannot be, as a whole sentence.
    pub fn check(&self) -> Result<(), String> {
        self.input.check()?;
        self.encoder.check(self.input.frames, self.input.size)?;
        within("width of the common space", self.projection, &PROJECTION)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_channel_needs_its_mean_and_a_positive_deviation() {
        let sound = InputSpec {
            channels: vec!["mitochondria".to_owned()],
            frames: 16,
            size: 112,
            pixel_size_um: Some(0.2),
            interval_s: Some(5.0),
            masked: true,
            mean: vec![0.02],
            std: vec![0.04],
        };
        assert_eq!(sound.check(), Ok(()));
        assert_eq!(InputSpec { frames: 1, ..sound.clone() }.check(), Ok(()));
        let broken = [
            InputSpec { mean: vec![], ..sound.clone() },
            InputSpec { mean: vec![f32::NAN], ..sound.clone() },
            InputSpec { std: vec![0.0], ..sound.clone() },
            InputSpec { channels: vec![], mean: vec![], std: vec![], ..sound.clone() },
            InputSpec { frames: 0, ..sound.clone() },
            InputSpec { size: 1 << 30, ..sound.clone() },
        ];
        for spec in broken {
            assert!(spec.check().is_err(), "{spec:?}");
        }
        let unknown = InputSpec { pixel_size_um: None, interval_s: None, ..sound.clone() };
        assert_eq!(unknown.check(), Ok(()));
        for value in [0.0, -0.0, -1.0, f64::NAN, f64::INFINITY, 1e-300, 1e300] {
            let spec = InputSpec { interval_s: Some(value), ..sound.clone() };
            assert!(spec.check().unwrap_err().contains("input.interval_s"), "{value}");
            let spec = InputSpec { pixel_size_um: Some(value), ..sound.clone() };
            assert!(spec.check().unwrap_err().contains("input.pixel_size_um"), "{value}");
        }
    }
}
