//! How bright an experiment is: what intensities are scaled by, plate by plate.

use std::collections::BTreeMap;

use crate::analysis::items::Item;
use crate::experiment::Experiment;
use crate::model::clip::Clip;
use crate::model::input::{Intensity, Moments};

/// A plate (or replicate) with at least this many controls is scaled by them alone.
const CONTROLS: usize = 3;

/// There is no light in the videos that the intensity is measured on.
#[derive(Debug, thiserror::Error)]
#[error("the videos of {group} are dark: nothing is above background. Check the channel")]
pub struct Dark {
    /// Plate and replicate.
    pub group: String,
}

/// What one video contributes.
#[derive(Debug, Clone)]
pub struct Light {
    /// Moments of each channel.
    pub channels: Vec<Moments>,
    /// BLAKE3 of what the network can see of it.
    pub content: [u8; 32],
}

impl Light {
    /// Of a clip. A channel that the clip lacks is its last one.
    pub fn of(clip: &Clip, channels: usize) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(bytemuck::cast_slice(&clip.codes));
        hasher.update(&clip.offset.to_le_bytes()).update(&clip.step.to_le_bytes());
        let last = clip.shape[0].saturating_sub(1);
        Self {
            channels: (0..channels).map(|c| Moments::of(clip, c.min(last))).collect(),
            content: *hasher.finalize().as_bytes(),
        }
    }
}

/// Where a row was recorded, as far as its brightness is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Plate; empty where unknown.
    pub plate: String,
    /// Replicate; empty where unknown.
    pub replicate: String,
    /// A negative control.
    pub control: bool,
}

impl Place {
    /// Of a row of a table.
    pub fn of_row(experiment: &Experiment, row: usize, item: Option<&Item>) -> Self {
        let text = |column| experiment.table.text(row, column);
        let named = || text("control") == "negative";
        Self {
            plate: text("plate"),
            replicate: text("replicate"),
            control: item.map_or_else(named, |item| item.control),
        }
    }
}

/// Scalings of an experiment: the group of each row, and the scaling of each group and channel.
///
/// A plate in a replicate with at least three negative controls is scaled by these; otherwise all controls of the
/// experiment count, and without any, all rows. Rows whose video could not be read (`None`) do not count.
pub fn scale(
    places: &[Place],
    lights: &[Option<Light>],
    channels: usize,
) -> Result<(Vec<usize>, Vec<Vec<Intensity>>), Dark> {
    let all: Vec<usize> = (0..places.len()).filter(|&index| lights[index].is_some()).collect();
    let controls: Vec<usize> = all.iter().copied().filter(|&index| places[index].control).collect();
    let common = if controls.len() >= CONTROLS { &controls } else { &all };
    let mut groups: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for (index, place) in places.iter().enumerate() {
        groups.entry((&place.plate, &place.replicate)).or_default().push(index);
    }
    let mut group_of = vec![0; places.len()];
    let mut intensities = Vec::with_capacity(groups.len());
    for (group, ((plate, replicate), members)) in groups.into_iter().enumerate() {
        let is_control = |index: &usize| places[*index].control && lights[*index].is_some();
        let own: Vec<usize> = members.iter().copied().filter(is_control).collect();
        for index in members {
            group_of[index] = group;
        }
        let by = if own.len() >= CONTROLS { &own } else { common };
        let scaling = |channel: usize| {
            Intensity::of(by.iter().filter_map(|&index| Some(lights[index].as_ref()?.channels[channel])))
        };
        let scaled: Option<Vec<Intensity>> = (0..channels).map(scaling).collect();
        intensities
            .push(scaled.ok_or_else(|| Dark { group: format!("plate {plate:?}, replicate {replicate:?}") })?);
    }
    Ok((group_of, intensities))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(plate: &str, control: bool) -> Place {
        Place { plate: plate.into(), replicate: "1".into(), control }
    }

    fn light(mean: f64) -> Light {
        let moments = Moments { low: 10.0, mean, square: mean * mean };
        Light { channels: vec![moments], content: [0; 32] }
    }

    #[test]
    fn a_plate_is_scaled_by_its_own_controls_and_a_small_one_by_all() {
        let places: Vec<Place> =
            [("A", true), ("A", true), ("A", true), ("A", false), ("B", true), ("B", false)]
                .map(|(plate, control)| place(plate, control))
                .to_vec();
        let lights = [30.0, 30.0, 30.0, 500.0, 70.0, 5.0].map(|mean| Some(light(mean)));
        let (groups, intensities) = scale(&places, &lights, 1).unwrap();
        assert_eq!(groups, [0, 0, 0, 0, 1, 1]);
        assert_eq!(intensities[0][0], Intensity { background: 10.0, scale: 20.0 });
        // One control on plate B: the four of the experiment, (30 + 30 + 30 + 70)/4 − 10.
        assert_eq!(intensities[1][0].scale, 30.0);
    }

    #[test]
    fn without_controls_all_rows_count_and_darkness_is_an_error() {
        let places = [place("A", false), place("A", false)];
        let (_, intensities) = scale(&places, &[Some(light(20.0)), Some(light(40.0))], 1).unwrap();
        assert_eq!(intensities[0][0].scale, 20.0);
        let text = scale(&places, &[Some(light(10.0)), None], 1).unwrap_err().to_string();
        assert!(text.contains("plate \"A\""), "{text}");
    }
}
