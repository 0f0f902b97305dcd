//! Analytic cases: lines and discs, gratings and grains, nuclei and channels, things that move at a known speed.

use std::f64::consts::PI;

use super::super::between::{BETWEEN, between};
use super::super::form::{FORM, form};
use super::super::frame::{Frame, correlation};
use super::super::shape::{MORPHOLOGY, shape};
use super::super::spectrum::{SPECTRUM, spectrum};
use super::super::texture::{TEXTURE, texture};
use super::super::travel::{TRAVEL, travel};
use super::{PIXEL_UM, disc, picture, value};
use crate::analysis::biomarkers::{Prepared, Stack, features};
use crate::analysis::image::Image;

fn round(pixel_um: f64, radius_um: f64) -> Image {
    picture(16.0, pixel_um, |x, y| disc((x - 8.0).hypot(y - 8.0), radius_um))
}

/// A line of 0.2 µm (standard deviation) along x.
fn line(pixel_um: f64, length_um: f64) -> Image {
    picture(16.0, pixel_um, |x, y| {
        let along = ((x - 8.0).abs() - 0.5 * length_um).max(0.0);
        10.0 + 200.0 * (-0.5 * (along * along + (y - 8.0).powi(2)) / (0.2 * 0.2)).exp()
    })
}

#[test]
fn a_disc_has_its_area_and_is_round_and_a_line_its_length_and_is_not() {
    for pixel_um in [PIXEL_UM, 0.1] {
        let image = round(pixel_um, 1.0);
        let frame = Frame::new(&image, pixel_um);
        let of = |name| value(&shape(&frame), &MORPHOLOGY, name);
        assert!((of("log_area_um2").exp() / PI - 1.0).abs() < 0.08, "{}", of("log_area_um2").exp());
        assert_eq!(of("log_parts"), 0.0);
        let of = |name| value(&form(&frame), &FORM, name);
        assert!(of("form_factor") > 0.95, "{}", of("form_factor"));
        assert!((of("log_axis_um").exp() - 2.0).abs() < 0.12, "{}", of("log_axis_um").exp());
        assert!(of("log_part_elongation").abs() < 0.05);

        let image = line(pixel_um, 8.0);
        let frame = Frame::new(&image, pixel_um);
        let length = value(&shape(&frame), &MORPHOLOGY, "log_length_um").exp();
        assert!((7.6..8.8).contains(&length), "{length}");
        let of = |name| value(&form(&frame), &FORM, name);
        assert!(of("form_factor") < 0.3 && of("log_part_elongation") > 2.0, "{}", of("form_factor"));
    }
}

#[test]
fn an_object_in_half_as_large_pixels_measures_the_same() {
    let both = [PIXEL_UM, 0.5 * PIXEL_UM].map(|pixel_um| {
        let image = round(pixel_um, 1.5);
        let frame = Frame::new(&image, pixel_um);
        [shape(&frame).to_vec(), form(&frame).to_vec(), spectrum(&frame).to_vec(), texture(&frame).to_vec()]
            .concat()
    });
    let definitions = [&MORPHOLOGY[..], &FORM[..], &SPECTRUM[..], &TEXTURE[..]].concat();
    let close = |name: &str, least: f64| {
        let [one, other] = [0, 1].map(|i| value(&both[i], &definitions, name));
        assert!((one - other).abs() < least, "{name}: {one} and {other}");
    };
    for name in ["log_mean_intensity", "log_area_um2", "log_radius_um", "log_axis_um", "form_factor"] {
        close(name, 0.12);
    }
    for name in [
        "log_power_4_um",
        "log_power_2_um",
        "log_power_1_um",
        "centre_brightness",
        "haze",
        "intensity_variation",
    ] {
        close(name, 0.2);
    }
}

#[test]
fn a_grating_shows_its_period_and_squares_their_width() {
    for pixel_um in [PIXEL_UM, 0.1] {
        let image = picture(19.2, pixel_um, |x, _| 100.0 + 50.0 * (PI * x).sin());
        let found = spectrum(&Frame::new(&image, pixel_um));
        let of = |name| value(&found, &SPECTRUM, name);
        assert!(of("log_power_2_um") > -0.02, "period 2 µm: {found:?}");
        assert!(
            ["log_power_4_um", "log_power_1_um", "log_power_0_5_um"].into_iter().all(|name| of(name) < -5.0)
        );

        let squares =
            |width_um: f64| {
                let image = picture(19.2, pixel_um, |x, y| {
                    if x % 4.8 < width_um && y % 4.8 < width_um { 200.0 } else { 10.0 }
                });
                texture(&Frame::new(&image, pixel_um))
            };
        let (small, large) = (squares(0.4), squares(3.2));
        let of = |found: &[f64], name| value(found, &TEXTURE, name);
        assert!(of(&small, "grains_0_6_um") + of(&small, "grains_1_um") > 0.8, "{small:?}");
        assert!(of(&large, "grains_4_um") > 0.85 && of(&small, "grains_4_um") < 0.05, "{large:?}");
    }
}

#[test]
fn two_channels_have_the_correlation_and_the_ratio_that_they_were_made_with() {
    // Of cosines that are apart by an angle it is the angle's cosine.
    let angle = |i: i32| 2.0 * PI * f64::from(i) / 360.0;
    for apart in [0, 60, 90, 180] {
        let found = correlation((0..360).map(|i| (5.0 + angle(i).cos(), 3.0 * angle(i + apart).cos())));
        assert!((found - angle(apart).cos()).abs() < 1e-9, "{apart}: {found}");
    }
    assert_eq!(correlation([(1.0, 2.0), (1.0, 3.0)]), 0.0, "one side does not vary");
    let one = round(PIXEL_UM, 1.0);
    let twice = Image { data: one.data.iter().map(|v| 2.0 * v + 7.0).collect(), ..one };
    let aside = picture(16.0, PIXEL_UM, |x, y| disc((x - 3.0).hypot(y - 3.0), 1.0));
    let [one, twice, aside] = [&one, &twice, &aside].map(|image| Frame::new(image, PIXEL_UM));
    let of = |found: &[f64], name| value(found, &BETWEEN, name);
    let same = between(&one, &twice);
    assert!((of(&same, "correlation") - 1.0).abs() < 1e-6 && of(&same, "overlap") > 0.98, "{same:?}");
    assert!((of(&same, "log_ratio") + 2.0_f64.ln()).abs() < 1e-3, "{same:?}");
    let apart = between(&one, &aside);
    assert!(of(&apart, "correlation") < -0.5 && of(&apart, "overlapped") < 0.01, "{apart:?}");
}

#[test]
fn a_nucleus_is_counted_and_what_is_in_it_compared_with_the_ring_around_it() {
    let distance = |x: f64, y: f64| (x - 12.0).hypot(y - 12.0);
    let nucleus = picture(24.0, PIXEL_UM, |x, y| if distance(x, y) < 5.0 { 200.0 } else { 10.0 });
    // 100 above background within, 30 in a ring that is wider than the one that is looked at.
    let actin = picture(24.0, PIXEL_UM, |x, y| match distance(x, y) {
        within if within < 5.0 => 120.0,
        around if around < 8.0 => 50.0,
        _ => 20.0,
    });
    let stack = Stack {
        names: vec!["actin".to_owned(), "nucleus".to_owned()],
        channels: vec![vec![actin], vec![nucleus]],
        pixel_um: PIXEL_UM,
        interval_s: 1.0,
    };
    let features = features(&stack.names, false);
    let stills = Prepared::new(&stack).stills();
    assert_eq!((stills.len(), stills[0].len()), (1, features.len()));
    let of = |name: &str| stills[0][features.iter().position(|feature| feature.name == name).unwrap()];
    assert_eq!(of("nucleus_nuclei"), 1.0);
    assert!((of("nucleus_log_nuclear_area_um2").exp() / (25.0 * PI) - 1.0).abs() < 0.03);
    assert!(of("nucleus_nuclear_form_factor") > 0.85);
    let ratio = of("actin_log_nuclei_to_ring");
    assert!((ratio - (100.0_f64 / 30.0).ln()).abs() < 0.02, "{ratio}");
    let words = &features.iter().find(|feature| feature.name == "actin_log_nuclei_to_ring").unwrap().words;
    assert_eq!(words.more, "more of it in the nucleus than around (actin)");
}

/// Blobs that go from frame to frame by whole pixels, in 2 s; the light of the picture changes by `gain`.
fn moving(blobs: &[([f64; 2], [f64; 2])], gain: f64) -> Vec<Image> {
    let frame = |t: i32| {
        let light = gain.powi(t);
        picture(16.0, PIXEL_UM, |x, y| {
            let blob = |([px, py], [dx, dy]): &([f64; 2], [f64; 2])| {
                let step = PIXEL_UM * f64::from(t);
                200.0 * (-0.5 * ((x - px - dx * step).powi(2) + (y - py - dy * step).powi(2)) / 0.16).exp()
            };
            light * (10.0 + blobs.iter().map(blob).sum::<f64>())
        })
    };
    (0..6).map(frame).collect()
}

fn travelled(images: &[Image]) -> impl Fn(&str) -> f64 + use<> {
    let frames: Vec<Frame> = images.iter().map(|image| Frame::new(image, PIXEL_UM)).collect();
    let found = travel(&frames.iter().collect::<Vec<_>>(), 2.0);
    move |name| value(&found, &TRAVEL, name)
}

#[test]
fn a_blob_moves_at_its_speed_and_blobs_apart_at_theirs() {
    // A pixel of 0.2 µm in 2 s.
    let alone = travelled(&moving(&[([6.0, 8.0], [1.0, 0.0])], 1.0));
    assert!((alone("log_drift_um_s").exp() - 0.101).abs() < 1e-3, "{}", alone("log_drift_um_s").exp());
    let still = ([8.0, 8.0], [0.0, 0.0]);
    let [left, right] = [([5.0, 4.0], [-1.0, 0.0]), ([11.0, 4.0], [1.0, 0.0])];
    let [up, down] = [([4.0, 11.0], [0.0, -1.0]), ([12.0, 11.0], [0.0, 1.0])];
    let apart = travelled(&moving(&[still, left, right, up, down], 1.0));
    assert!(
        (apart("log_part_speed_um_s").exp() - 0.101).abs() < 2e-3,
        "{}",
        apart("log_part_speed_um_s").exp()
    );
    assert!((apart("log_drift_um_s").exp() - 0.001).abs() < 1e-3, "{}", apart("log_drift_um_s").exp());
    assert!(apart("light_trend_per_s").abs() < 1e-3);
}

#[test]
fn light_that_fades_has_a_rate() {
    let fading = travelled(&moving(&[([8.0, 8.0], [0.0, 0.0])], 0.9));
    let expected = 0.9_f64.ln() / 2.0;
    assert!((fading("light_trend_per_s") - expected).abs() < 1e-4, "{}", fading("light_trend_per_s"));
    assert!(fading("light_unrest").abs() < 1e-4);
}
