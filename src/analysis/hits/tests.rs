//! Screens with a planted axis.

use super::testing::{Spec, screen};
use super::*;
use crate::random::{normal, stream};

const DIM: usize = 12;

/// Well vectors of a screen: plates shift and stretch all numbers, `level` times the planted direction is added.
fn vectors(specs: &[Spec], level: impl Fn(&Spec) -> f64, off: impl Fn(&Spec) -> f64, seed: u64) -> Wells {
    let mut rng = stream(seed, &["screen"]);
    let mut values = Vec::new();
    for spec in specs {
        for feature in 0..DIM {
            // Half of the numbers carry the effect, the last one what is off the axis.
            let along = if feature < DIM / 2 { 6.0 * level(spec) } else { 0.0 };
            let aside = if feature + 1 == DIM { off(spec) } else { 0.0 };
            let value = normal(&mut rng) + along + aside;
            values.push((value * (1.0 + spec.plate as f64) + 100.0 * spec.plate as f64) as f32);
        }
    }
    screen(specs, DIM, &values)
}

/// EC50 1 µM, Hill 1.5; the second compound is idle.
fn level(spec: &Spec) -> f64 {
    match (spec.role, spec.compound) {
        (Role::Positive, _) => 1.0,
        (Role::Treated, 0) => 1.0 / (1.0 + (1.0 / spec.dose_um.unwrap()).powf(1.5)),
        _ => 0.0,
    }
}

/// Per plate 12 negative and 12 positive wells, and ten doses of two compounds.
fn specs(plates: usize, replicates: usize) -> Vec<Spec> {
    let mut specs = Vec::new();
    for plate in 0..plates {
        let mut push = |role: Role, count: usize, compound: usize, dose_um: Option<f64>| {
            for well in 0..count {
                let cells = Some(200.0);
                let replicate = if plates > 1 { plate } else { well % replicates };
                let at = specs.len() % 96;
                let place = Some(((at / 12) as u8, (at % 12) as u8));
                specs.push(Spec { plate, replicate, place, role, compound, dose_um, cells });
            }
        };
        push(Role::Negative, 12, 0, None);
        push(Role::Positive, 12, 0, None);
        for step in 0..10 {
            for compound in 0..2 {
                push(Role::Treated, replicates.max(1), compound, Some(1e-2 * 3.0_f64.powi(step)));
            }
        }
    }
    specs
}

fn found(wells: &Wells, options: &Options) -> Hits {
    read(wells, options, &Progress::default()).unwrap()
}

#[test]
fn a_planted_axis_is_found_on_plates_that_were_held_apart() {
    let wells = vectors(&specs(3, 1), level, |_| 0.0, 1);
    let hits = found(&wells, &Options::default());
    let controls = &hits.controls;
    assert_eq!((hits.score, controls.held_apart), (Kind::OnScore, HeldApart::Plates));
    assert_eq!((controls.quality.n_negative, controls.quality.n_positive), (36, 36));
    assert_eq!((controls.separation.auc, controls.separation.accuracy), (Some(1.0), Some(1.0)));
    // Six numbers of distance 6 and deviation 1: 6·√6 deviations apart, less what noise turns the axis.
    let truth = 1.0 - 6.0 / (6.0 * 6.0_f64.sqrt());
    for plate in &controls.by_plate {
        let Quality { z_prime, z_prime_lo, z_prime_hi, .. } = plate.quality;
        assert!((z_prime.unwrap() - truth).abs() < 0.2, "{plate:?} {truth}");
        assert!(z_prime_lo.unwrap() < truth && truth < z_prime_hi.unwrap(), "{plate:?} {truth}");
    }
    // Twelve wells tell a plate's deviations within a fifth, so that plates scatter beside each other.
    assert!((0.2..truth + 0.1).contains(&controls.quality.z_prime.unwrap()), "{:?}", controls.quality);
    let [active, idle] = hits.compounds.as_slice() else { panic!("{hits:?}") };
    assert_eq!((active.compound.as_str(), active.n_wells, active.n_doses), ("c1", 30, 10));
    let ec50 = active.ec50_um.unwrap();
    assert!((0.8..1.25).contains(&ec50), "{ec50}");
    assert!(active.ec50_lo.unwrap() < 1.0 && active.ec50_hi.unwrap() > 1.0, "{active:?}");
    assert!(active.q.unwrap() < 1e-6 && active.spearman.unwrap() > 0.9 && active.note.is_none());
    assert_eq!(active.replicates.len(), 3);
    assert!(active.replicates.iter().all(|of| (0.5..2.0).contains(&of.ec50_um.unwrap())), "{active:?}");
    assert!((active.hit_score.unwrap() - 1.0).abs() < 0.15, "{active:?}");
    assert!(idle.q.unwrap() > 0.05 && idle.hit_score.unwrap() < 0.3, "{idle:?}");
    assert!(idle.ec50_um.is_none() && idle.note.as_ref().unwrap().starts_with("no curve"), "{idle:?}");
    assert!(hits.replicate_agreement.unwrap() > 0.8);
    // Cells do not vary and positions say nothing of scattered controls; all were scored.
    assert!(hits.wells.iter().all(|well| well.on_score.is_some() && well.cells == Some(1.0)));
    let position = hits.baselines.iter().find(|of| of.name == "position").unwrap();
    assert!(position.separation.auc.is_some());
}

#[test]
fn scores_of_controls_are_not_their_own_fit() {
    // Labels without any effect: an axis through its own controls would separate twelve from twelve by 12 numbers.
    let hits = |replicates| found(&vectors(&specs(1, replicates), |_| 0.0, |_| 0.0, 4), &Options::default());
    for (replicates, kind) in [(2, HeldApart::Replicates), (1, HeldApart::Wells)] {
        let hits = hits(replicates);
        assert_eq!(hits.controls.held_apart, kind);
        let auc = hits.controls.separation.auc.unwrap();
        assert!((0.2..0.8).contains(&auc), "{auc}");
        assert!(hits.controls.quality.z_prime.unwrap() < -3.0, "{:?}", hits.controls.quality);
        assert!(hits.controls.by_plate[0].flags[0].contains("below 0"), "{:?}", hits.controls.by_plate);
        assert!(hits.notes.iter().any(|note| note.starts_with("One plate")), "{:?}", hits.notes);
    }
}

#[test]
fn what_is_off_the_axis_is_penalised_and_a_rescue_turns_the_axis_round() {
    let aside = |spec: &Spec| if spec.role == Role::Treated && spec.compound == 1 { 40.0 } else { 0.0 };
    // Both compounds go along the axis.
    let along = |spec: &Spec| level(&Spec { compound: 0, ..*spec });
    let wells = vectors(&specs(2, 1), along, aside, 2);
    let hits = found(&wells, &Options::default());
    let [clean, other] = hits.compounds.as_slice() else { panic!("{hits:?}") };
    assert_eq!(clean.compound, "c1");
    assert!(other.on_score_max.unwrap() > 0.8 && other.off_score_max.unwrap() > 30.0, "{other:?}");
    assert!(other.hit_score.unwrap() < clean.hit_score.unwrap() - 1.0, "{other:?}");
    let rescue = found(&wells, &Options { rescue: true, ..Options::default() });
    let clean = rescue.compounds.iter().find(|of| of.compound == "c1").unwrap();
    // The lowest dose is as healthy as the negative controls.
    assert_eq!(clean.hit_dose_um.map(|dose| dose < 0.1), Some(true), "{clean:?}");
    assert!((clean.hit_score.unwrap() - 1.0).abs() < 0.2, "{clean:?}");
}

#[test]
fn toxic_doses_are_left_out_unless_they_are_asked_for() {
    let mut specs = specs(2, 1);
    for spec in &mut specs {
        if spec.role == Role::Treated && spec.dose_um > Some(100.0) {
            spec.cells = Some(50.0);
        }
    }
    let wells = vectors(&specs, level, |_| 0.0, 3);
    let hits = found(&wells, &Options::default());
    let active = &hits.compounds[0];
    assert_eq!(active.toxic_um.len(), 1, "{active:?}");
    assert!((active.toxic_um[0] - 196.83).abs() < 1e-9);
    assert_eq!((active.points.len(), active.n_wells, active.n_doses), (18, 20, 10));
    assert!(active.note.as_ref().unwrap().starts_with("toxic at 196.8"), "{active:?}");
    let all = found(&wells, &Options { keep_toxic: true, ..Options::default() });
    assert_eq!(all.compounds[0].points.len(), 20);
    assert!(all.treatments.iter().any(|treatment| treatment.toxic && treatment.cells == Some(0.25)));
}

/// One number a well.
fn readout(specs: &[Spec], of: impl Fn(&Spec) -> f32) -> Wells {
    let mut rng = stream(5, &["readout"]);
    let values: Vec<f32> = specs.iter().map(|spec| of(spec) + 0.3 * normal(&mut rng) as f32).collect();
    Wells { readout: Some("signal".to_owned()), ..screen(specs, 1, &values) }
}

#[test]
fn a_column_is_scaled_by_its_controls_whatever_its_sign() {
    let specs = specs(2, 1);
    // Negative numbers that fall towards the positive controls, by a plate's own factor.
    let wells = readout(&specs, |spec| -10.0 - (20.0 + 5.0 * spec.plate as f32) * level(spec) as f32);
    let hits = found(&wells, &Options::default());
    assert_eq!(hits.score, Kind::ScaledReadout);
    let mean = |role: Role| {
        let of: Vec<f64> =
            hits.wells.iter().filter(|well| well.role == role).filter_map(|well| well.on_score).collect();
        numbers::mean(&of)
    };
    assert!(mean(Role::Negative).abs() < 1e-6 && (mean(Role::Positive) - 1.0).abs() < 1e-6);
    assert!((0.8..1.25).contains(&hits.compounds[0].ec50_um.unwrap()), "{:?}", hits.compounds[0]);
    assert_eq!((hits.compounds[0].off_score_max, hits.controls.separation.auc), (None, Some(1.0)));
    let z_prime = hits.controls.quality.z_prime.unwrap();
    assert!((z_prime - (1.0 - 6.0 * 0.3 / 22.5)).abs() < 0.03, "{z_prime}");
}

#[test]
fn without_positive_controls_scores_are_distances() {
    let mut specs = specs(2, 1);
    specs.retain(|spec| spec.role != Role::Positive);
    let hits = found(&vectors(&specs, level, |_| 0.0, 6), &Options::default());
    assert_eq!((hits.score, hits.controls.held_apart), (Kind::Distance, HeldApart::Nothing));
    assert_eq!((hits.controls.quality.z_prime, hits.controls.separation.auc), (None, None));
    assert!(hits.notes[0].starts_with("There are no positive controls"));
    assert_eq!(hits.compounds[0].compound, "c1");
    assert!(
        hits.compounds[0].q.unwrap() < 1e-3 && hits.compounds[1].q.unwrap() > 0.05,
        "{:?}",
        hits.compounds
    );
    let wells = readout(&specs, |spec| 5.0 * level(spec) as f32);
    let hits = found(&wells, &Options::default());
    assert_eq!(hits.score, Kind::ReadoutInDeviations);
    assert!(hits.compounds[0].hit_score.unwrap() > 8.0, "{:?}", hits.compounds[0]);
    let rescue = read(&wells, &Options { rescue: true, ..Options::default() }, &Progress::default());
    assert!(matches!(rescue, Err(HitsError::NoPositives)));
}

#[test]
fn what_cannot_be_read_is_said() {
    let read = |wells: &Wells| read(wells, &Options::default(), &Progress::default());
    let treated = || specs(1, 1).into_iter().filter(|spec| spec.role == Role::Treated).collect::<Vec<_>>();
    // No controls: vectors cannot be read, a column can.
    let error = read(&vectors(&treated(), level, |_| 0.0, 1)).unwrap_err().to_string();
    assert!(error.starts_with("there are no negative controls, and vectors"), "{error}");
    let positive = specs(1, 1).into_iter().filter(|spec| spec.role != Role::Negative).collect::<Vec<_>>();
    let error = read(&vectors(&positive, level, |_| 0.0, 1)).unwrap_err().to_string();
    assert!(error.contains("beside 12 positive ones"), "{error}");
    let hits = read(&readout(&treated(), |spec| 9.0 * level(spec) as f32)).unwrap();
    assert_eq!(
        (hits.score, hits.compounds[0].hit_score, hits.compounds[0].q),
        (Kind::RawReadout, None, None)
    );
    assert!(hits.compounds.iter().any(|of| of.ec50_um.is_some()), "{:?}", hits.compounds);
    // What does not vary.
    let error = read(&screen(&specs(1, 1), 2, &vec![1.0; 2 * specs(1, 1).len()])).unwrap_err().to_string();
    assert!(error.starts_with("the vectors are the same in all wells"), "{error}");
    let values: Vec<f32> =
        specs(1, 1).iter().map(|spec| f32::from(u8::from(spec.role == Role::Treated))).collect();
    let error = read(&screen(&specs(1, 1), 1, &values)).unwrap_err().to_string();
    assert!(error.contains("12 negative control wells do not differ"), "{error}");
    let column = Wells { readout: Some("x".to_owned()), ..screen(&specs(1, 1), 1, &values) };
    let error = read(&column).unwrap_err().to_string();
    assert!(error.contains("same mean in negative and positive"), "{error}");
    assert!(matches!(read(&Wells::default()), Err(HitsError::NoWells { .. })));
    let stopped = Progress::default();
    stopped.cancel();
    let wells = vectors(&specs(1, 1), level, |_| 0.0, 1);
    assert!(matches!(super::read(&wells, &Options::default(), &stopped), Err(HitsError::Stopped(_))));
}

#[test]
fn lone_controls_single_doses_and_doses_of_zero_are_no_stumbling_block() {
    let mut few = specs(1, 1);
    few.retain(|spec| spec.role == Role::Treated);
    few.truncate(4);
    few[0].dose_um = Some(0.0);
    few[1].dose_um = None;
    few.extend([Role::Negative, Role::Negative, Role::Positive].map(|role| Spec { role, ..Spec::default() }));
    let at = |spec: &Spec| if spec.role == Role::Positive { 1.0 } else { 0.0 };
    let hits = found(&vectors(&few, at, |_| 0.0, 1), &Options::default());
    assert_eq!(hits.controls.held_apart, HeldApart::Nothing);
    assert_eq!((hits.controls.quality.z_prime, hits.controls.separation.auc), (None, None));
    assert!(hits.notes.iter().any(|note| note.contains("fewer than two wells")), "{:?}", hits.notes);
    let doses: Vec<usize> = hits.compounds.iter().map(|of| of.n_doses).collect();
    assert_eq!(doses, [1, 1], "{:?}", hits.compounds);
    assert!(hits.compounds.iter().all(|of| of.note.as_ref().unwrap().contains("no curve")));
    let json = serde_json::to_value(&hits).unwrap();
    assert!(json["controls"]["z_prime"].is_null() && json["compounds"][0]["ec50_uM"].is_null());
    assert!(hits.text().contains("no curve"), "{}", hits.text());
    // A plate without negative controls has no scores; the other has.
    let mut two = specs(2, 1);
    two.retain(|spec| spec.plate == 0 || spec.role != Role::Negative);
    let hits = found(&vectors(&two, level, |_| 0.0, 1), &Options::default());
    assert!(
        hits.notes.iter().any(|note| note.starts_with("32 wells lie on plates without")),
        "{:?}",
        hits.notes
    );
    assert_eq!(hits.wells.iter().filter(|well| well.on_score.is_none()).count(), 32);
    assert!(hits.controls.by_plate[1].flags[0].starts_with("0 negative"));
}

#[test]
fn the_robust_way_holds_against_a_lone_control() {
    let specs = specs(2, 1);
    let mut wells = vectors(&specs, level, |_| 0.0, 8);
    let fair = found(&wells, &Options::default()).compounds[0].on_score_max.unwrap();
    // One negative well of the first plate far off in all numbers.
    wells.values[..DIM].fill(1e5);
    let robust = found(&wells, &Options { robust: true, ..Options::default() });
    assert_eq!(robust.compounds[0].compound, "c1");
    assert!(fair > 0.9, "{fair}");
    let [broken, robust] = [found(&wells, &Options::default()), robust]
        .map(|of| of.controls.by_plate[0].quality.z_prime_robust.unwrap());
    assert!(robust > 0.0 && robust > broken, "{robust} {broken}");
}

/// Ten plates of so many negative and positive wells, and as many of a treatment.
fn few_controls(each: usize) -> Vec<Spec> {
    let roles = [Role::Negative, Role::Positive, Role::Treated];
    let wells = (0..10).flat_map(|plate| roles.into_iter().map(move |role| (plate, role)));
    let spec = |(plate, role)| Spec { plate, role, dose_um: Some(1.0), compound: 1, ..Spec::default() };
    wells.flat_map(|well| std::iter::repeat_n(spec(well), each)).collect()
}

#[test]
fn few_controls_on_many_plates_do_not_flatter_a_column() {
    // Plates of their own height, classes 4 apart, wells of deviation 0.5: Z′ is 1 − 6·0.5/4.
    let truth = 1.0 - 6.0 * 0.5 / 4.0;
    let hits = |each: usize, seed: u64| {
        let (specs, mut rng) = (few_controls(each), stream(seed, &["few"]));
        let mut value = |spec: &Spec| {
            let level = if spec.role == Role::Positive { 4.0 } else { 0.0 };
            (100.0 + 7.0 * spec.plate as f64 + level + 0.5 * normal(&mut rng)) as f32
        };
        let values: Vec<f32> = specs.iter().map(&mut value).collect();
        found(
            &Wells { readout: Some("signal".to_owned()), ..screen(&specs, 1, &values) },
            &Options::default(),
        )
    };
    // A lone well of each class lies at 0 and 1 whatever it is.
    let lone = hits(1, 1);
    assert_eq!(lone.score, Kind::ScaledReadout);
    let Quality { n_negative, z_prime, z_prime_lo, z_prime_robust, ssmd, .. } = lone.controls.quality;
    assert_eq!((n_negative, z_prime, z_prime_lo, z_prime_robust, ssmd), (10, None, None, None, None));
    let two: Vec<Quality> = (0..12).map(|seed| hits(2, seed).controls.quality).collect();
    let mean = numbers::mean(&two.iter().map(|of| of.z_prime.unwrap()).collect::<Vec<_>>());
    // Each plate's two means tell its width within an eighth; without the degrees of freedom it would be 0.47.
    assert!((mean - truth).abs() < 0.1, "{mean} {truth}");
    let covered = two.iter().filter(|of| of.z_prime_lo.unwrap() <= truth && truth <= of.z_prime_hi.unwrap());
    assert!(covered.count() >= 10, "{two:?}");
}

#[test]
fn few_controls_on_many_plates_do_not_flatter_an_axis() {
    let at = |spec: &Spec| if spec.role == Role::Positive { 0.4 } else { 0.0 };
    let z_prime = |each: usize, seed: u64| {
        let hits = found(&vectors(&few_controls(each), at, |_| 0.0, seed), &Options::default());
        assert_eq!((hits.score, hits.controls.held_apart), (Kind::OnScore, HeldApart::Plates));
        hits.controls.quality.z_prime.unwrap()
    };
    let mean = |each: usize| numbers::mean(&(0..8).map(|seed| z_prime(each, seed)).collect::<Vec<_>>());
    // Positive wells are told from two or from twelve negative ones; the latter hardly add to their scatter.
    let (two, many) = (mean(2), mean(12));
    assert!(two < many, "{two} {many}");
    let alone = vectors(&few_controls(1), at, |_| 0.0, 1);
    assert!(matches!(
        read(&alone, &Options::default(), &Progress::default()),
        Err(HitsError::ConstantControls { negatives: 10 })
    ));
}

/// 300 numbers, one positive well: the axis runs through the very wells that treatments are compared with.
#[test]
fn idle_treatments_are_not_tested_by_an_axis_through_their_controls() {
    let mut specs = vec![Spec { role: Role::Positive, ..Spec::default() }];
    specs.extend(vec![Spec { role: Role::Negative, ..Spec::default() }; 12]);
    specs.extend(
        (0..20).flat_map(|compound| vec![Spec { compound, dose_um: Some(1.0), ..Spec::default() }; 3]),
    );
    let mut rng = stream(3, &["idle"]);
    let values: Vec<f32> = (0..specs.len() * 300).map(|_| normal(&mut rng) as f32).collect();
    let hits = found(&screen(&specs, 300, &values), &Options::default());
    assert_eq!((hits.score, hits.controls.held_apart), (Kind::OnScore, HeldApart::Nothing));
    assert!(hits.treatments.iter().all(|of| of.on_score.is_some()));
    for of in &hits.treatments {
        assert_eq!((of.g, of.p, of.q, of.hit_score), (None, None, None, None));
    }
    assert!(
        hits.compounds.iter().all(|of| of.q.is_none() && of.hit_score.is_none() && of.on_score_max.is_some())
    );
    assert!(hits.notes.iter().any(|note| note.starts_with("Treatments have neither")), "{:?}", hits.notes);
    // Two of each class can be held apart.
    specs.push(specs[0]);
    let values: Vec<f32> = (0..specs.len() * 300).map(|_| normal(&mut rng) as f32).collect();
    let hits = found(&screen(&specs, 300, &values), &Options::default());
    assert!(hits.treatments.iter().all(|of| of.p.is_some()));
    assert!(
        hits.notes.iter().any(|note| note.starts_with("No treatment lies on two plates")),
        "{:?}",
        hits.notes
    );
}
