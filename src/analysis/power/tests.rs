use super::*;
use crate::analysis::effect::{Well, effects};
use crate::random::{normal, stream};

fn screen(seed: u64, plates: usize, treatments: usize, within: f64, between: f64) -> Vec<ScatterWell> {
    let mut rng = stream(seed, &["power"]);
    let mut wells = Vec::new();
    for plate in 0..plates {
        let shift = 5.0 * normal(&mut rng);
        for treatment in std::iter::repeat_n(None, 16).chain((0..treatments).map(Some)) {
            let own = treatment.map_or(0.0, |t| t as f64 + between * normal(&mut rng));
            for _ in 0..if treatment.is_some() { 2 } else { 1 } {
                wells.push(ScatterWell { plate, treatment, value: shift + own + within * normal(&mut rng) });
            }
        }
    }
    wells
}

#[test]
fn scatter_within_and_between_plates_is_found() {
    let wells = screen(1, 6, 60, 2.0, 1.5);
    let found = scatter(&wells).unwrap();
    assert!((found.dmso - 2.0).abs() < 0.4, "{found:?}");
    assert!((found.within - 2.0).abs() < 0.2, "{found:?}");
    assert!((found.between.unwrap() - 1.5).abs() < 0.25, "{found:?}");
    assert_eq!((found.dmso_freedom, found.between_freedom, found.left_out), (90, 300, 0));
    let steady = scatter(&screen(2, 6, 60, 2.0, 0.0)).unwrap();
    assert!(steady.between.unwrap() < 0.9, "{steady:?}");
    // By hand: DMSO 1, 3 and 5, 7; a treatment at 4, 6 on the first plate alone.
    let by_hand = [
        (0, None, 1.0),
        (0, None, 3.0),
        (1, None, 5.0),
        (1, None, 7.0),
        (0, Some(9), 4.0),
        (0, Some(9), 6.0),
    ];
    let by_hand = by_hand.map(|(plate, treatment, value)| ScatterWell { plate, treatment, value });
    let found = scatter(&by_hand).unwrap();
    let two = 2.0_f64.sqrt();
    assert!((found.dmso - two).abs() < 1e-12 && (found.within - two).abs() < 1e-12);
    assert_eq!((found.dmso_freedom, found.between), (2, None));
}

#[test]
fn what_cannot_be_planned_by_is_said() {
    let well = |treatment, value| ScatterWell { plate: 0, treatment, value };
    assert_eq!(scatter(&[]), Err(PowerError::NoControls));
    assert_eq!(scatter(&[well(None, 1.0), well(Some(1), 2.0)]), Err(PowerError::NoControls));
    assert_eq!(scatter(&[well(None, f64::NAN), well(None, 2.0)]), Err(PowerError::NoControls));
    assert_eq!(scatter(&[well(None, 0.1), well(None, 0.1)]), Err(PowerError::NoScatter));
    let known = scatter(&screen(1, 2, 3, 1.0, 0.0)).unwrap();
    let plan = Plan::new(100, 8);
    for wrong in [
        Plan { q: 0.0, ..plan },
        Plan { power: 1.0, ..plan },
        Plan { active: f64::NAN, ..plan },
        Plan { treatments: 0, ..plan },
        Plan { controls_per_plate: 1, ..plan },
    ] {
        assert_eq!(detectable(&known, &wrong), Err(PowerError::Settings), "{wrong:?}");
    }
}

#[test]
fn levels_follow_the_rate_of_false_discoveries() {
    // A twentieth of 1,000 treatments: 40 found of 50, and 40·.05/.95 false ones would be expected by chance alone.
    let plan = Plan::new(1000, 16);
    let alpha = plan.level();
    let found = 0.05 * 0.8 + 0.95 * alpha;
    assert!((alpha - 0.05 * found).abs() < 1e-15);
    assert_eq!(Plan { active: 0.0, ..plan }.level(), 0.05 / 1000.0);
    assert_eq!(Plan::new(1, 16).level(), 0.05);
    let known = Scatter {
        dmso: 2.0,
        dmso_freedom: 90,
        repeats: None,
        within: 2.0,
        between: None,
        between_freedom: 0,
        left_out: 0,
    };
    let rows = detectable(&known, &plan).unwrap();
    assert_eq!(rows.iter().map(|row| row.wells).collect::<Vec<_>>(), [2, 3, 4, 5, 6, 7, 8]);
    assert!(rows.windows(2).all(|pair| pair[1].effect < pair[0].effect));
    assert!(rows.iter().all(|row| (row.effect / 2.0 - row.in_dmso_sd).abs() < 1e-12));
    // One plate cannot tell a treatment from what that plate does to it.
    let shaky = Scatter { between: Some(1.0), ..known };
    let one = detectable(&shaky, &Plan { spread: false, ..plan }).unwrap();
    let many = detectable(&shaky, &plan).unwrap();
    assert!(one.iter().zip(&many).all(|(one, many)| one.effect > many.effect));
}

/// The effect that is said to be found in 80 % is found in 80 %, by the test that the program makes.
#[test]
fn the_promised_power_is_kept() {
    let known = Scatter {
        dmso: 1.0,
        dmso_freedom: 90,
        repeats: None,
        within: 1.0,
        between: None,
        between_freedom: 0,
        left_out: 0,
    };
    let plan = Plan { treatments: 10, active: 0.0, controls_per_plate: 6, spread: true, q: 0.05, power: 0.8 };
    let row = detectable(&known, &plan).unwrap()[1];
    let mut rng = stream(4, &["power", "kept"]);
    let rounds = 3000;
    let mut seen = 0;
    for _ in 0..rounds {
        let mut well = |block: usize, shift: f64| Well { block, values: vec![shift + normal(&mut rng)] };
        let treated: Vec<Well> = (0..row.wells).map(|block| well(block, row.effect)).collect();
        let controls: Vec<Well> = (0..6 * row.wells).map(|i| well(i % row.wells, 0.0)).collect();
        seen += u32::from(effects(&treated, &controls).unwrap().effects[0].p <= row.alpha);
    }
    let part = f64::from(seen) / f64::from(rounds);
    // Three standard errors are 0.022.
    assert!((part - 0.8).abs() < 0.025, "{part}");
}
