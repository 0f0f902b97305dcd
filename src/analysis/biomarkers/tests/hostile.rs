//! Input that nobody should measure, and names that must stay apart.

use std::collections::BTreeSet;

use crate::analysis::biomarkers::{Prepared, Stack, features, version};
use crate::analysis::image::Image;

fn image(width: usize, height: usize, of: impl Fn(usize) -> f32) -> Image {
    Image { width, height, data: (0..width * height).map(of).collect() }
}

fn stack(frames: &[Image], pixel_um: f64, interval_s: f64) -> Stack {
    let names = ["mitochondria", "nucleus", "second_stain"].map(str::to_owned).to_vec();
    let backwards: Vec<Image> = frames.iter().rev().cloned().collect();
    Stack { names, channels: vec![frames.to_vec(), backwards, frames.to_vec()], pixel_um, interval_s }
}

#[test]
fn every_number_of_every_picture_is_finite() {
    let noise = |i: usize| ((i * 7919 + 13) % 997) as f32;
    let saturated = |i: usize| if i % 97 == 5 { 100.0 } else { 65_535.0 };
    let holes = |i: usize| [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, noise(i)][i % 4];
    let huge = |i: usize| if i.is_multiple_of(3) { 3e38 } else { -3e38 };
    let pictures = [
        image(24, 24, |_| 0.0),
        image(24, 24, |_| 1234.5),
        image(1, 1, |_| 7.0),
        image(1, 40, noise),
        image(40, 1, noise),
        image(2, 2, noise),
        image(5, 3, noise),
        image(24, 24, noise),
        image(24, 24, saturated),
        image(24, 24, holes),
        image(24, 24, huge),
        image(24, 24, |i| 1e-30 * noise(i)),
        image(24, 24, |_| f32::NAN),
    ];
    for (number, picture) in pictures.iter().enumerate() {
        for frames in [1, 2, 5] {
            for (pixel_um, interval_s) in [(0.2, 3.0), (0.01, 1e-6), (100.0, 1e6)] {
                let frames: Vec<Image> = (0..frames).map(|_| picture.clone()).collect();
                let stack = stack(&frames, pixel_um, interval_s);
                let prepared = Prepared::new(&stack);
                let (stills, order) = (prepared.stills(), (0..frames.len()).collect::<Vec<_>>());
                let movement = prepared.movement(&order);
                let all = [stills.concat(), movement.clone(), prepared.light()].concat();
                assert!(all.iter().all(|v| v.is_finite()), "picture {number}, {pixel_um} µm: {all:?}");
                let names = features(&stack.names, !movement.is_empty()).len();
                assert!(stills.iter().all(|still| still.len() + movement.len() == names), "picture {number}");
                assert_eq!(movement.is_empty(), frames.len() == 1);
            }
        }
    }
    let empty = Stack { channels: vec![vec![]; 3], ..stack(&[], 0.2, 1.0) };
    assert!(Prepared::new(&empty).stills().is_empty() && Prepared::new(&empty).movement(&[]).is_empty());
}

#[test]
fn a_constant_picture_has_no_structure() {
    // Blurs of it differ by rounding, which is no foreground.
    let stack = stack(&[image(24, 24, |_| 1234.5)], 0.2, 1.0);
    let still = &Prepared::new(&stack).stills()[0];
    assert!(still[..22].iter().all(|v| *v == 0.0), "{still:?}");
}

#[test]
fn every_feature_has_a_name_of_its_own_words_and_a_source() {
    let names = ["mitochondria", "nucleus", "second_stain"].map(str::to_owned);
    let features = features(&names, true);
    let distinct: BTreeSet<&str> = features.iter().map(|feature| feature.name.as_str()).collect();
    assert_eq!(distinct.len(), features.len());
    let is_snake =
        |name: &str| name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    for feature in &features {
        assert!(is_snake(&feature.name), "{}", feature.name);
        assert!(feature.words.more != feature.words.less && !feature.source.is_empty(), "{}", feature.name);
    }
    let one = crate::analysis::biomarkers::features(&names[..1], true);
    let named = |name: &str| one.iter().find(|feature| feature.name == name).unwrap();
    let flow = named("mitochondria_log_flow_um_s");
    assert_eq!(
        (flow.words.more.as_str(), flow.unit),
        ("moves faster", "ln µm/s"),
        "no channel where there is one"
    );
    assert!(version().contains("log_mean_intensity") && version().contains("log_nuclei_to_ring"));
}
