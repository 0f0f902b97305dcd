//! Rods that lie and move as they are told.

use super::{PIXEL_UM, value};
use crate::analysis::biomarkers::{DYNAMICS, MORPHOLOGY, Movie, dynamics, morphology};
use crate::analysis::image::Image;

/// Rods of 3 µm along x, as Gaussian lines; each at its place in pixels.
fn rods(places: &[[f32; 2]]) -> Image {
    let mut data = vec![10.0_f32; 96 * 96];
    for (i, v) in data.iter_mut().enumerate() {
        let (x, y) = ((i % 96) as f32, (i / 96) as f32);
        for [px, py] in places {
            let along = ((x - px).abs() - 7.5).max(0.0);
            *v += 200.0 * (-0.5 * (along * along + (y - py) * (y - py)) / (1.1 * 1.1)).exp();
        }
    }
    Image { width: 96, height: 96, data }
}

#[test]
fn rods_are_counted_and_measured() {
    let image = rods(&[[20.0, 20.0], [60.0, 20.0], [20.0, 50.0], [60.0, 70.0]]);
    let found = morphology(&image, PIXEL_UM);
    let of = |name| value(&found, &MORPHOLOGY, name);
    assert_eq!(of("log_parts"), 4.0_f64.ln());
    let length = of("log_length_per_part_um").exp();
    assert!((2.5..3.8).contains(&length), "{length}");
    assert_eq!(of("branch_points_per_um"), 0.0);
    assert!((of("ends_per_um") - 2.0 / length).abs() < 0.05);
    assert!(of("order") > 0.5, "all point the same way: {}", of("order"));
    assert!((of("largest_part") - 0.25).abs() < 0.02);
    // Twice the light is one more ln 2 of intensity and nothing else.
    let bright = Image { data: image.data.iter().map(|v| 2.0 * v).collect(), ..image };
    for ((a, b), name) in found.iter().zip(morphology(&bright, PIXEL_UM)).zip(MORPHOLOGY) {
        let name = name.name;
        let expected = if name.ends_with("_intensity") { 2.0_f64.ln() } else { 0.0 };
        assert!((b - a - expected).abs() < 1e-3, "{name}");
    }
}

#[test]
fn movement_is_told_from_rest_and_from_drift() {
    let places = [[20.0, 20.0], [60.0, 24.0], [22.0, 50.0], [60.0, 70.0]];
    let movie = |step: &dyn Fn(usize, f32) -> [f32; 2]| {
        let frame = |t: usize| {
            let at = |(i, p): (usize, &[f32; 2])| {
                let by = step(i, t as f32);
                [p[0] + by[0], p[1] + by[1]]
            };
            rods(&places.iter().enumerate().map(at).collect::<Vec<_>>())
        };
        Movie { frames: (0..10).map(frame).collect(), pixel_um: PIXEL_UM, interval_s: 3.0 }
    };
    let measured = |step: &dyn Fn(usize, f32) -> [f32; 2]| dynamics(&movie(step));
    let of = |values: &[f64], name| value(values, &DYNAMICS, name);
    let rest = measured(&|_, _| [0.0, 0.0]);
    let drift = measured(&|_, t| [0.0, 0.3 * t]);
    let apart = measured(&|i, t| [0.0, if i % 2 == 0 { 0.3 * t } else { -0.3 * t }]);
    assert!(of(&rest, "log_change_1") < -6.0);
    assert!(of(&drift, "log_change_4") < of(&apart, "log_change_4") - 0.7, "drift is taken out");
    assert!(of(&apart, "log_flow_um_s") > of(&drift, "log_flow_um_s") + 1.0);
    assert!(of(&apart, "flow_persistence") > 0.8);
    // 0.3 pixels of 0.2 µm in 3 s, away from others that move as fast: 0.02 to 0.04 µm/s.
    let speed = of(&apart, "log_fast_flow_um_s").exp();
    assert!((0.015..0.05).contains(&speed), "{speed}");
    let back = measured(&|i, t| [0.0, if (i + t as usize).is_multiple_of(2) { 0.3 } else { -0.3 }]);
    assert!(of(&back, "flow_persistence") < -0.5);
    assert!(of(&apart, "correlation_8") < of(&back, "correlation_8"));
}

#[test]
fn one_frame_has_a_shape_and_no_movement() {
    let image = rods(&[[20.0, 20.0], [60.0, 70.0]]);
    let shape = morphology(&image, PIXEL_UM);
    assert!(shape.iter().all(|value| value.is_finite()), "{shape:?}");
    assert_eq!(value(&shape, &MORPHOLOGY, "log_parts"), 2.0_f64.ln());
    let movie = Movie { frames: vec![image], pixel_um: PIXEL_UM, interval_s: 0.0 };
    assert_eq!(dynamics(&movie), [0.0; DYNAMICS.len()], "whatever its interval");
}

#[test]
fn dark_and_short_recordings_give_zeros() {
    let dark = Image { width: 16, height: 16, data: vec![0.0; 256] };
    assert_eq!(morphology(&dark, PIXEL_UM), [0.0; MORPHOLOGY.len()]);
    for frames in [vec![], vec![dark.clone()], vec![dark.clone(), dark]] {
        let movie = Movie { frames, pixel_um: PIXEL_UM, interval_s: 3.0 };
        assert_eq!(dynamics(&movie), [0.0; DYNAMICS.len()]);
    }
}
