//! All biomarkers of a recording.

use super::between::{BETWEEN, between};
use super::dynamics::{DYNAMICS, changes};
use super::feature::{Definition, Feature};
use super::form::{FORM, form};
use super::frame::Frame;
use super::intensity::{INTENSITY, intensity};
use super::nucleus::{IN_NUCLEUS, NUCLEUS, Nuclei};
use super::shape::{MORPHOLOGY, shape};
use super::spectrum::{SPECTRUM, spectrum};
use super::texture::{TEXTURE, texture};
use super::travel::{TRAVEL, travel};
use crate::analysis::image::Image;

/// Name of the channel that shows nuclei.
pub const NUCLEUS_CHANNEL: &str = "nucleus";

/// Changes with every change of what a number means.
const VERSION: &str = "2";

/// Frames whose pictures are measured, from the first to the last: those between look the same.
const PICTURES: usize = 5;

/// Of each channel's picture, and of its movement.
const STILL: [&[Definition]; 5] = [&MORPHOLOGY, &FORM, &INTENSITY, &TEXTURE, &SPECTRUM];
const MOVING: [&[Definition]; 2] = [&DYNAMICS, &TRAVEL];

/// Of channels together.
const TOGETHER: [&[Definition]; 3] = [&BETWEEN, &NUCLEUS, &IN_NUCLEUS];

/// A recording as pictures.
#[derive(Debug, Clone, PartialEq)]
pub struct Stack {
    /// Names of the channels in lower snake case, each once. [`NUCLEUS_CHANNEL`] is looked at for nuclei.
    pub names: Vec<String>,
    /// `[channel][time]`; all pictures have one size and at least a pixel.
    pub channels: Vec<Vec<Image>>,
    /// Pixel size, µm.
    pub pixel_um: f64,
    /// Time between frames, s.
    pub interval_s: f64,
}

/// What the numbers of channels with these names are, in the order of [`Prepared::stills`] and then, with `movement`, of
/// [`Prepared::movement`].
pub fn features(names: &[String], movement: bool) -> Vec<Feature> {
    let spoken = |name: &str| name.replace('_', " ");
    let place = |name: &str| (names.len() > 1).then(|| spoken(name));
    let mut features = Vec::new();
    let mut add = |prefix: &str, place: Option<&str>, definitions: &[Definition]| {
        features.extend(definitions.iter().map(|definition| definition.of(prefix, place)));
    };
    for name in names {
        for definitions in STILL {
            add(name, place(name).as_deref(), definitions);
        }
    }
    for (one, other) in pairs(names) {
        let both = format!("{} and {}", spoken(one), spoken(other));
        add(&format!("{one}_{other}"), Some(&both), &BETWEEN);
    }
    if names.iter().any(|name| name == NUCLEUS_CHANNEL) {
        add(NUCLEUS_CHANNEL, None, &NUCLEUS);
        for name in names.iter().filter(|name| *name != NUCLEUS_CHANNEL) {
            add(name, place(name).as_deref(), &IN_NUCLEUS);
        }
    }
    for name in names.iter().filter(|_| movement) {
        for definitions in MOVING {
            add(name, place(name).as_deref(), definitions);
        }
    }
    features
}

/// The feature of a name that [`features`] made, with its channel in the words; `None` for a name that is none of these.
pub fn named(name: &str) -> Option<Feature> {
    let groups = STILL.into_iter().chain(MOVING).chain(TOGETHER);
    let found = groups.flatten().filter_map(|definition| {
        let channel = name.strip_suffix(definition.name)?.strip_suffix('_')?;
        (!channel.is_empty()).then_some((definition, channel))
    });
    // Some names end as others do.
    let (definition, channel) = found.max_by_key(|(definition, _)| definition.name.len())?;
    Some(definition.of(channel, Some(&channel.replace('_', " "))))
}

/// What decides about the numbers: a version, and the names of all features.
pub fn version() -> String {
    let groups = STILL.into_iter().chain(MOVING).chain(TOGETHER);
    let names = groups.flatten().map(|definition| definition.name);
    std::iter::once(VERSION).chain(names).collect::<Vec<_>>().join(" ")
}

/// Each with each that follows it.
fn pairs<T>(all: &[T]) -> impl Iterator<Item = (&T, &T)> {
    all.iter().enumerate().flat_map(move |(i, one)| all[i + 1..].iter().map(move |other| (one, other)))
}

/// A recording with what its features share.
#[derive(Debug)]
pub struct Prepared<'a> {
    names: &'a [String],
    channels: Vec<Vec<Frame<'a>>>,
    interval_s: f64,
}

impl<'a> Prepared<'a> {
    /// Of a recording.
    pub fn new(stack: &'a Stack) -> Self {
        let frame = |image: &'a Image| Frame::new(image, stack.pixel_um);
        let channels = stack.channels.iter().map(|frames| frames.iter().map(frame).collect()).collect();
        Self { names: &stack.names, channels, interval_s: stack.interval_s }
    }

    /// Frames of each channel.
    pub fn frames(&self) -> usize {
        self.channels.iter().map(Vec::len).min().unwrap_or(0)
    }

    /// Features of single pictures, at most five from the first frame to the last, `[picture][feature]`; all finite.
    pub fn stills(&self) -> Vec<Vec<f64>> {
        let frames = self.frames();
        let count = frames.min(PICTURES);
        (0..count).map(|k| self.still(k * (frames - 1) / (count - 1).max(1))).collect()
    }

    /// Features of movement, with the frames in this order; all finite. Nothing for fewer than two frames.
    pub fn movement(&self, order: &[usize]) -> Vec<f64> {
        let mut values = Vec::new();
        if order.len() > 1 {
            for frames in &self.channels {
                let ordered: Vec<&Frame> = order.iter().filter_map(|&t| frames.get(t)).collect();
                values.extend(changes(&ordered, self.interval_s));
                values.extend(travel(&ordered, self.interval_s));
            }
        }
        finite(values)
    }

    /// Mean above background of each channel, over all frames.
    pub fn light(&self) -> Vec<f64> {
        let mean = |frames: &Vec<Frame>| {
            frames.iter().map(|frame| frame.light).sum::<f64>() / frames.len().max(1) as f64
        };
        finite(self.channels.iter().map(mean).collect())
    }

    fn still(&self, t: usize) -> Vec<f64> {
        let frames: Vec<&Frame> = self.channels.iter().filter_map(|frames| frames.get(t)).collect();
        let mut values = Vec::new();
        for frame in &frames {
            values.extend(shape(frame));
            values.extend(form(frame));
            values.extend(intensity(frame));
            values.extend(texture(frame));
            values.extend(spectrum(frame));
        }
        for (one, other) in pairs(&frames) {
            values.extend(between(one, other));
        }
        let nucleus = self.names.iter().position(|name| name == NUCLEUS_CHANNEL);
        if let Some((place, stain)) = nucleus.and_then(|place| Some((place, *frames.get(place)?))) {
            let nuclei = Nuclei::new(stain);
            values.extend(nuclei.own());
            for (_, frame) in frames.iter().enumerate().filter(|(other, _)| *other != place) {
                values.extend(nuclei.of(frame));
            }
        }
        finite(values)
    }
}

/// Values that overflowed say nothing.
fn finite(mut values: Vec<f64>) -> Vec<f64> {
    for value in &mut values {
        if !value.is_finite() {
            *value = 0.0;
        }
    }
    values
}
