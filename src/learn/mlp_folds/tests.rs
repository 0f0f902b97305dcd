//! Compounds whose vectors say their targets, or only who they are.

use super::*;
use crate::random::normal;

/// Forty compounds of four wells on two plates, five targets of which each has one or two. `target`: how strongly a target moves a well,
/// `own`: how strongly the compound itself does.
struct Screen {
    vectors: Vec<f32>,
    compounds: Vec<Option<usize>>,
    wells: Vec<String>,
    plates: Vec<String>,
    targets: Vec<Vec<String>>,
    domains: Vec<String>,
}

const DIM: usize = 24;

fn screen(target: f64, own: f64) -> Screen {
    let mut rng = stream(11, &["mlp screen"]);
    let empty = || (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut vectors, mut compounds, mut wells, mut plates, mut targets, mut domains) = empty();
    for compound in 0..40 {
        let moved: Vec<f64> = (0..DIM).map(|_| own * normal(&mut rng)).collect();
        let has = [compound % 5, (compound / 5) % 5];
        for well in 0..4 {
            let effect = |j: usize| if has.contains(&j) { target } else { 0.0 };
            vectors.extend((0..DIM).map(|j| (moved[j] + effect(j) + 0.5 * normal(&mut rng)) as f32));
            compounds.push(Some(compound));
            wells.push(format!(
                "{}{:02}",
                char::from(b'A' + (compound % 8) as u8),
                compound / 8 * 4 + well % 2 + 1
            ));
            plates.push(format!("plate {}", well / 2));
            targets.push(if well == 0 {
                has.map(|target| format!("T{target}")).to_vec()
            } else {
                Vec::new()
            });
            domains.push(["U2OS", "A549"][well / 2].to_owned());
        }
    }
    Screen { vectors, compounds, wells, plates, targets, domains }
}

impl Screen {
    fn question(&self) -> MlpFolds<'_> {
        MlpFolds {
            vectors: &self.vectors,
            dim: DIM,
            compounds: &self.compounds,
            wells: &self.wells,
            plates: &self.plates,
            targets: &self.targets,
            fingerprints: &[],
            domains: None,
            baselines: &[],
            simulated: true,
            seed: 3,
            resamples: 100,
            label: "target",
        }
    }
}

fn ask(question: &MlpFolds<'_>) -> Vec<Outcome> {
    sized(question, Size { hidden: 64, seeds: 1 }, &Progress::default()).unwrap()
}

fn auc(scored: &Scored) -> f64 {
    scored["auc"].unwrap().value
}

#[test]
fn targets_of_new_compounds_are_found_where_vectors_say_them() {
    let found = ask(&screen(2.0, 0.3).question());
    assert_eq!(found.len(), 2);
    let clean = &found[0];
    assert!(auc(&clean.metrics) > 0.85, "{clean:?}");
    assert!(clean.metrics["map"].unwrap().value > clean.baselines["chance"]["map"].unwrap().value + 0.2);
    let permuted = auc(&clean.baselines["permuted"]);
    assert!((0.25..0.75).contains(&permuted), "{permuted}");
    assert_eq!(auc(&clean.baselines["chance"]), 0.5);
    assert!(clean.baselines.contains_key("position") && !clean.baselines.contains_key("structure"));
    assert_eq!((clean.n_query, clean.n_gallery, clean.n_dropped), (40, 160, 0));
}

#[test]
fn shuffled_targets_are_worth_a_half() {
    // Log odds of five networks in one ranking would say how many compounds with a target each of them has not seen.
    let screen = screen(0.0, 0.3);
    let mut sum = 0.0;
    for seed in 0..12 {
        let question = MlpFolds { seed, resamples: 2, ..screen.question() };
        let rows = Taken::new(&question, Size { hidden: 16, seeds: 1 }).unwrap();
        let mut inputs = rows.inputs(&question);
        inputs.retain(|input| input.permuted);
        let told = rows.told(&inputs, 0, Unit::Compound, seed, &Progress::default()).unwrap();
        for said in told[0].turns.iter().flat_map(|(_, said)| said) {
            let places: f32 = said.iter().map(|(_, places)| places[0]).sum();
            assert!((places / said.len() as f32 - 0.5).abs() < 1e-5, "ranked within the fold");
        }
        sum += auc(&rows.outcome(&question, &told, (0, 0), Unit::Compound).baselines["permuted"]);
    }
    let mean = sum / 12.0;
    assert!((mean - 0.5).abs() < 0.05, "{mean}");
}

#[test]
fn folds_by_well_leak_where_only_the_compound_is_told() {
    let screen = screen(0.0, 2.0);
    let found = ask(&screen.question());
    let [clean, leaky] = found.as_slice() else { panic!() };
    assert!(leaky.split.contains("leaky") && !clean.split.contains("leaky"));
    let (clean, leaky) = (auc(&clean.metrics), auc(&leaky.metrics));
    assert!(clean < 0.7 && leaky > 0.95, "{clean} {leaky}");
}

#[test]
fn domains_are_asked_by_each_other_and_what_cannot_be_asked_is_said() {
    let mut screen = screen(2.0, 0.0);
    // A domain that says nothing.
    for place in (0..160).filter(|&place| screen.domains[place] == "A549") {
        screen.vectors[place * DIM..(place + 1) * DIM].fill(1.0);
    }
    let mut question = screen.question();
    question.domains = Some(&screen.domains);
    let found = ask(&question);
    assert_eq!(found.len(), 8);
    let of = |source: &str, target: &str| {
        let is = |outcome: &&Outcome| {
            outcome.source.as_deref() == Some(source)
                && outcome.target.as_deref() == Some(target)
                && outcome.exclusion == "compound"
        };
        auc(&found.iter().find(is).unwrap().metrics)
    };
    assert!(of("U2OS", "U2OS") > 0.8, "{}", of("U2OS", "U2OS"));
    assert!((of("U2OS", "A549") - 0.5).abs() < 0.2, "{}", of("U2OS", "A549"));

    let question = MlpFolds { label: "x", targets: &vec![Vec::new(); 160], ..screen.question() };
    let error = mlp_folds(&question, &Progress::default()).unwrap_err().to_string();
    assert!(error.contains("no target in x has 5 compounds"), "{error}");
    let question = MlpFolds { dim: 7, ..screen.question() };
    assert!(matches!(mlp_folds(&question, &Progress::default()), Err(ProtocolError::Shape { .. })));
    let mut holed = screen.vectors.clone();
    holed[DIM] = f32::INFINITY;
    let question = MlpFolds { vectors: &holed, ..screen.question() };
    let error = mlp_folds(&question, &Progress::default()).unwrap_err().to_string();
    assert!(error.contains("number 1 of vectors in row 2 is not finite"), "{error}");
}
