//! How training videos are varied. The numbers of a video depend on seed, epoch and row alone.

use rand::RngExt;

use super::config::Augment;
use super::sampler::Stage;
use crate::model::input::{Frames, View};
use crate::random::stream;

/// Most of what leaves the canvas by shift and turn is background; a scale of the whole stays within this.
const SCALE: f32 = 0.2;

/// What the numbers of a view depend on.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    /// Seed of the training.
    pub seed: u64,
    /// Stage.
    pub stage: Stage,
    /// Epoch of the stage.
    pub epoch: usize,
    /// Row.
    pub row_id: &'a str,
    /// How often the row was in the batch before.
    pub repeat: usize,
}

/// How one video of `count` frames is seen, as `size` pixels on a side.
pub fn view(augment: &Augment, order: Frames, count: usize, size: usize, key: Key) -> View {
    let Key { seed, stage, epoch, row_id, repeat } = key;
    let path = ["augment", stage.name(), &epoch.to_string(), row_id, &repeat.to_string()];
    let mut rng = stream(seed, &path);
    let mut view = View::upright(count, order, row_id);
    let mut chance = |p: f32| rng.random::<f32>() < p;
    let (mirror, quarter, any, scaled, backwards) = (
        augment.flip && chance(0.5),
        augment.flip,
        chance(augment.rotate),
        chance(augment.rescale),
        chance(augment.reverse),
    );
    let mut between = |low: f32, high: f32| low + (high - low) * rng.random::<f32>();
    let mut angle = if quarter { 90.0 * between(0.0, 4.0).floor() } else { 0.0 };
    if any {
        angle += between(0.0, 90.0);
    }
    let scale = if scaled { between(1.0 - SCALE, 1.0 + SCALE) } else { 1.0 };
    let (sin, cos) = angle.to_radians().sin_cos();
    let side = if mirror { -1.0 } else { 1.0 };
    // Output to canvas: the inverse of what happens to the picture.
    view.matrix = [side * cos / scale, -sin / scale, side * sin / scale, cos / scale];
    let reach = augment.shift * size as f32;
    view.shift = [between(-reach, reach), between(-reach, reach)];
    view.gain = 1.0 + between(-augment.gain, augment.gain);
    if backwards {
        view.frames.reverse();
    }
    view
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(epoch: usize, row: &str, repeat: usize) -> View {
        view(
            &Augment::default(),
            Frames::Video,
            16,
            64,
            Key { seed: 1, stage: Stage::Drug, epoch, row_id: row, repeat },
        )
    }

    #[test]
    fn a_video_is_seen_the_same_way_in_the_same_epoch_only() {
        assert_eq!(of(1, "a", 0), of(1, "a", 0));
        assert_ne!(of(1, "a", 0), of(2, "a", 0));
        assert_ne!(of(1, "a", 0), of(1, "b", 0));
        assert_ne!(of(1, "a", 0), of(1, "a", 1), "twice in one batch is not the same twice");
    }

    #[test]
    fn areas_stay_within_the_allowed_scale() {
        for epoch in 0..200 {
            let view = of(epoch, "a", 0);
            let [a, b, c, d] = view.matrix;
            let scale = (a * d - b * c).abs().sqrt();
            assert!((1.0 / 1.2 - 1e-3..=1.25 + 1e-3).contains(&scale), "{scale}");
            assert!(view.shift.iter().all(|shift| shift.abs() <= 6.4));
            assert!((0.9..=1.1).contains(&view.gain));
        }
    }

    #[test]
    fn nothing_is_varied_when_all_is_off() {
        let off = Augment { flip: false, rotate: 0.0, rescale: 0.0, shift: 0.0, gain: 0.0, reverse: 0.0 };
        let view = view(
            &off,
            Frames::Video,
            4,
            64,
            Key { seed: 1, stage: Stage::Moa, epoch: 7, row_id: "a", repeat: 0 },
        );
        assert_eq!(view, View::upright(4, Frames::Video, "a"));
    }
}
