//! How bright an experiment is: what intensities are scaled by, plate by plate.

use std::collections::BTreeMap;

use super::near;
use crate::analysis::items::Item;
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

/// How bright one video is.
#[derive(Debug, Clone)]
pub struct Brightness {
    /// Moments of each channel.
    pub channels: Vec<Moments>,
    /// BLAKE3 of what the network can see of it.
    pub content: [u8; 32],
    /// What it looks like, by [`near::of`].
    pub near: Vec<f32>,
}

impl Brightness {
    /// Of a clip. A channel that the clip lacks is its last one.
    pub fn of(clip: &Clip, channels: usize) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(bytemuck::cast_slice(&clip.codes));
        hasher.update(&clip.offset.to_le_bytes()).update(&clip.step.to_le_bytes());
        let last = clip.shape[0].saturating_sub(1);
        Self {
            channels: (0..channels).map(|c| Moments::of(clip, c.min(last))).collect(),
            content: *hasher.finalize().as_bytes(),
            near: near::of(clip),
        }
    }
}

/// What a group of rows is scaled by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ScaledBy {
    /// Its own controls.
    Own,
    /// The controls of the whole experiment.
    Controls,
    /// All rows of the experiment.
    Rows,
}

/// Which rows are scaled together, and by which of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Groups {
    /// Group of each row.
    pub of: Vec<usize>,
    /// For messages: plate and replicate of each group.
    pub names: Vec<String>,
    /// Rows that each group is scaled by.
    pub by: Vec<Vec<usize>>,
    /// Which rows these are.
    pub scaled: Vec<ScaledBy>,
}

/// Groups of rows by plate and replicate, in the order of their names.
///
/// A plate in a replicate with at least three negative controls is scaled by these; otherwise all controls of the
/// experiment count, if there are three, and else all rows. Rows for which `is_read` is false do not count. `replicates` are
/// the names of the rows' replicates.
pub(super) fn groups(rows: &[&Item], replicates: &[String], is_read: impl Fn(usize) -> bool) -> Groups {
    let all: Vec<usize> = (0..rows.len()).filter(|&index| is_read(index)).collect();
    let controls: Vec<usize> = all.iter().copied().filter(|&index| rows[index].control).collect();
    let (common, scaled) =
        if controls.len() >= CONTROLS { (&controls, ScaledBy::Controls) } else { (&all, ScaledBy::Rows) };
    // By name: what is first in the table has no say in the order.
    let mut members: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for (index, row) in rows.iter().enumerate() {
        let replicate = replicates.get(row.replicate).map_or("", String::as_str);
        members.entry((&row.plate, replicate)).or_default().push(index);
    }
    let mut groups =
        Groups { of: vec![0; rows.len()], names: Vec::new(), by: Vec::new(), scaled: Vec::new() };
    for (group, ((plate, replicate), members)) in members.into_iter().enumerate() {
        let is_control = |index: &usize| rows[*index].control && is_read(*index);
        let own: Vec<usize> = members.iter().copied().filter(is_control).collect();
        for index in members {
            groups.of[index] = group;
        }
        groups.names.push(format!("plate {plate:?}, replicate {replicate:?}"));
        let enough = own.len() >= CONTROLS;
        groups.scaled.push(if enough { ScaledBy::Own } else { scaled });
        groups.by.push(if enough { own } else { common.clone() });
    }
    groups
}

/// Scalings of an experiment: the group of each row, and the scaling of each group and channel. Rows whose video could not be
/// read (`None`) do not count.
pub fn scale(
    rows: &[&Item],
    replicates: &[String],
    brightness: &[Option<Brightness>],
    channels: usize,
) -> Result<(Vec<usize>, Vec<Vec<Intensity>>), Dark> {
    let Groups { of, names, by, .. } = groups(rows, replicates, |index| brightness[index].is_some());
    let mut intensities = Vec::with_capacity(by.len());
    for (group, by) in names.into_iter().zip(by) {
        let scaling = |channel: usize| {
            Intensity::of(by.iter().filter_map(|&index| Some(brightness[index].as_ref()?.channels[channel])))
        };
        let scaled: Option<Vec<Intensity>> = (0..channels).map(scaling).collect();
        intensities.push(scaled.ok_or(Dark { group })?);
    }
    Ok((of, intensities))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(plate: &str, control: bool) -> Item {
        Item { plate: plate.into(), control, ..Item::default() }
    }

    fn mean(mean: f64) -> Brightness {
        let moments = Moments { low: 10.0, mean, square: mean * mean };
        Brightness { channels: vec![moments], content: [0; 32], near: Vec::new() }
    }

    /// Scales rows of replicate 1, or of the replicate that they name.
    fn scaled(rows: &[Item], of: &[Option<Brightness>]) -> Result<(Vec<usize>, Vec<Vec<Intensity>>), Dark> {
        scale(&rows.iter().collect::<Vec<_>>(), &["1".to_owned(), "0".to_owned()], of, 1)
    }

    #[test]
    fn a_plate_is_scaled_by_its_own_controls_and_a_small_one_by_all() {
        let rows = [("A", true), ("A", true), ("A", true), ("A", false), ("B", true), ("B", false)]
            .map(|(plate, control)| row(plate, control));
        let all = [30.0, 30.0, 30.0, 500.0, 70.0, 5.0].map(|value| Some(mean(value)));
        let (groups, intensities) = scaled(&rows, &all).unwrap();
        assert_eq!(groups, [0, 0, 0, 0, 1, 1]);
        assert_eq!(intensities[0][0], Intensity { background: 10.0, scale: 20.0 });
        // One control on plate B: the four of the experiment, (30 + 30 + 30 + 70)/4 − 10.
        assert_eq!(intensities[1][0].scale, 30.0);
    }

    #[test]
    fn without_controls_all_rows_count_and_darkness_is_an_error() {
        let rows = [row("A", false), row("A", false)];
        let (_, intensities) = scaled(&rows, &[Some(mean(20.0)), Some(mean(40.0))]).unwrap();
        assert_eq!(intensities[0][0].scale, 20.0);
        let text = scaled(&rows, &[Some(mean(10.0)), None]).unwrap_err().to_string();
        assert!(text.contains("plate \"A\""), "{text}");
    }

    #[test]
    fn a_group_says_what_it_is_scaled_by() {
        let rows = [("A", true), ("A", true), ("A", true), ("B", true), ("B", false)]
            .map(|(plate, control)| row(plate, control));
        let rows: Vec<&Item> = rows.iter().collect();
        assert_eq!(groups(&rows, &[], |_| true).scaled, [ScaledBy::Own, ScaledBy::Controls]);
        assert_eq!(groups(&rows[2..], &[], |_| true).scaled, [ScaledBy::Rows; 2]);
    }

    #[test]
    fn groups_are_in_the_order_of_their_names() {
        let of = |plate: &str, replicate| Item { replicate, ..row(plate, false) };
        let rows = [of("B", 0), of("A", 0), of("A", 1), of("B", 0)];
        let (groups, _) = scaled(&rows, &[20.0, 20.0, 20.0, 20.0].map(|value| Some(mean(value)))).unwrap();
        // Replicate "0" comes second in the table.
        assert_eq!(groups, [2, 1, 0, 2]);
    }
}
