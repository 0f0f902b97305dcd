//! What is said of a compound does not rest on it: no leak through whitening, discriminants, probabilities or thresholds.

use std::sync::Arc;

use rand::seq::SliceRandom;

use super::super::*;
use super::{Plan, by, itself, quick};
use crate::random::stream;

/// Few shuffles, and discriminants where they help.
fn auto() -> Options {
    Options { head: HeadUse::Auto, ..quick() }
}

#[test]
fn discriminants_rank_mechanisms_where_drugs_differ_along_what_repetitions_do_not() {
    let plan = Plan { drugs_per_moa: 6, nuisance: 3.0, ..Plan::default() };
    let with = plan.library(&auto());
    let without = plan.library(&quick());
    assert_eq!(without.head(), None);
    let choice = with.head().unwrap();
    assert!(choice.used && choice.with > choice.without + 0.1, "{choice}");
    assert!(with.notes().contains(&choice.to_string()), "{:?}", with.notes());
    let top1 = |library: &Library| library.calibration(Level::Compound).reliability.as_ref().unwrap().top1;
    assert!(top1(&with) > top1(&without) + 0.1, "{} {}", top1(&with), top1(&without));
    // What is unlike anything known is told in the whitened space, whoever ranks; and so are near drugs.
    let threshold =
        |library: &Library| library.calibration(Level::Compound).novelty.as_ref().unwrap().threshold;
    assert_eq!(threshold(&with), threshold(&without));
    let ask = |library: &Arc<Library>| {
        let answers = Answers::itself(Arc::clone(library));
        answers.ask(&Query::Compound(4), Exclude::default(), 5).unwrap()
    };
    let (a, b) = (ask(&with), ask(&without));
    assert_eq!((a.novelty, a.drugs, a.videos), (b.novelty, b.drugs, b.videos));
    assert_ne!(a.moas, b.moas);
}

#[test]
fn a_screen_whose_mechanisms_mean_nothing_stays_at_chance_with_discriminants() {
    let (mut top1, mut with) = (0.0, 0.0);
    let seeds = 4;
    for seed in 0..seeds {
        let mut labels: Vec<usize> = (0..40).map(|drug| drug / 8).collect();
        labels.shuffle(&mut stream(seed, &["labels"]));
        let library =
            Plan { seed, drugs_per_moa: 8, labels: Some(labels), ..Plan::default() }.library(&auto());
        // Five mechanisms: chance is 0.2, and (1 + 1/2 + … + 1/5)/5 = 0.457. Drugs of a planted mechanism lie together, so
        // that a screen scatters by 0.1 and 0.07. Discriminants that saw the compound they judge reach 0.74 to 0.81.
        with += library.head().unwrap().with / seeds as f64;
        let measured = library.calibration(Level::Compound).reliability.as_ref().unwrap();
        top1 += measured.top1 / seeds as f64;
        let probability = measured.bins.iter().map(|bin| bin.n as f64 * bin.probability).sum::<f64>();
        assert!(probability / (measured.n as f64) < 0.5, "{measured:?}");
    }
    assert!(top1 < 0.37 && with < 0.58, "{top1} {with}");
}

#[test]
fn figures_of_compounds_that_the_model_never_saw_stand_apart() {
    let plan = Plan { drugs_per_moa: 6, effect: 2.0, known: 3, ..Plan::default() };
    let library = plan.library_with_known(&auto());
    let answers = Answers::itself(Arc::clone(&library));
    let subjects = library.subjects();
    let trained = library.origin().trained(&subjects.compounds).unwrap();
    assert_eq!(trained.iter().filter(|known| **known).count(), 15);
    let calibration = library.calibration(Level::Compound);
    let all = calibration.reliability.as_ref().unwrap();
    let unseen = calibration.unseen.as_ref().unwrap();
    let new = unseen.reliability.as_ref().unwrap();
    // The same as asking about them one by one.
    let (mut right, mut of) = ([0, 0], [0, 0]);
    for (compound, known) in trained.iter().enumerate().take(31).skip(1) {
        let answer = answers.ask(&Query::Compound(compound), Exclude::default(), 0).unwrap();
        if answer.activity.is_some_and(|activity| activity.is_active()) {
            let place = usize::from(!known);
            of[place] += 1;
            right[place] += usize::from(subjects.compound_moas[compound].contains(&answer.moas[0].moa));
        }
    }
    assert_eq!((unseen.compounds, new.n, all.n), (of[1], of[1], of[0] + of[1]));
    assert!((new.top1 - right[1] as f64 / of[1] as f64).abs() < 1e-9, "{right:?} {of:?}");
    assert!(right[0] as f64 >= 0.9 * of[0] as f64 && new.top1 < 0.8, "{right:?} {of:?}");
    assert!(new.top1 < all.top1 - 0.08, "{new:?} {all:?}");
    let (false_alarms, detected) = (unseen.false_alarms.unwrap(), unseen.detected.unwrap());
    assert!(false_alarms.n <= of[1] && detected.n <= of[1], "{unseen:?}");
    let novelty = calibration.novelty.as_ref().unwrap();
    assert!(
        false_alarms.share > novelty.false_alarms.share,
        "what is far from all is new: {unseen:?} {novelty:?}"
    );

    // Of too few, and where nobody knows, there are none.
    assert_eq!(plan.library(&quick()).calibration(Level::Compound).unseen, None);
    let few = Plan { moas: 2, drugs_per_moa: 7, known: 5, ..plan };
    assert_eq!(few.library_with_known(&quick()).calibration(Level::Compound).unseen, None);
}

#[test]
fn false_alarms_on_compounds_that_set_no_threshold_are_as_rare_as_stated() {
    let (mut alarms, mut n, mut found, mut asked) = (0.0, 0, 0.0, 0);
    for seed in 0..10 {
        let plan = Plan { seed, moas: 6, drugs_per_moa: 6, effect: 2.0, ..Plan::default() };
        let options = Options { permutations: 400, ..quick() };
        let novelty = plan.library(&options).calibration(Level::Compound).novelty.clone().unwrap();
        alarms += novelty.false_alarms.share * novelty.false_alarms.n as f64;
        n += novelty.false_alarms.n;
        found += novelty.detected.share * novelty.detected.n as f64;
        asked += novelty.detected.n;
    }
    // 360 answers at α = 0.1: three standard errors of the binomial are 0.047.
    let (alarms, found) = (alarms / n as f64, found / asked as f64);
    assert!(n >= 340 && alarms <= 0.1 + 0.047 && alarms > 0.02, "{alarms} of {n}");
    assert!(found > 0.8, "{found} of {asked}");
}

#[test]
fn another_experiment_is_asked_in_the_space_that_its_compounds_did_not_shape() {
    let plan = Plan { drugs_per_moa: 6, nuisance: 3.0, ..Plan::default() };
    let library = plan.library(&auto());
    assert!(library.head().unwrap().used);
    // The very same screen as another experiment: its compounds are the library's, so that answers are the same.
    let (twin, own) = (by(&plan, &library), Answers::itself(Arc::clone(&library)));
    let ask = |answers: &Answers, query: Query| answers.ask(&query, Exclude::default(), 4).unwrap();
    for query in [Query::Compound(3), Query::Treatment(9), Query::Subject(120), Query::Compound(0)] {
        let (twin, own) = (ask(&twin, query), ask(&own, query));
        assert_eq!((twin.moas.len(), twin.novelty.is_some()), (own.moas.len(), own.novelty.is_some()));
        for (a, b) in twin.moas.iter().zip(&own.moas) {
            let near = (a.similarity - b.similarity).abs() < 1e-5;
            assert!(a.moa == b.moa && near, "{query:?} {a:?} {b:?}");
        }
        let videos = |answer: &Answer| answer.videos.iter().map(|near| near.subject).collect::<Vec<_>>();
        assert_eq!(videos(&twin), videos(&own));
    }
    // New drugs of the same mechanisms, in the space of all.
    let new = by(&Plan { seed: 2, name: "new", ..plan }, &library);
    let right = |compound: &usize| {
        let moa = new.subjects().compound_moas[*compound][0];
        new.library_moa(moa) == Some(ask(&new, Query::Compound(*compound)).moas[0].moa)
    };
    let right = (1..=30).filter(right).count();
    assert!(right >= 24, "{right} of 30");
}

#[test]
fn too_few_repetitions_are_not_whitened_by() {
    // Ten compounds in two wells: 10 contrasts of treatments and 5 of DMSO.
    let few = Plan {
        moas: 2,
        drugs_per_moa: 5,
        idle: 0,
        replicates: 2,
        videos_per_well: 1,
        dmso_wells: 3,
        ..Plan::default()
    };
    let library = few.library(&quick());
    assert!(!library.is_whitened());
    assert!(library.notes().iter().any(|note| note.starts_with("Too few repetitions of treatments")));
    // Most repetitions are of DMSO: the others are too few to whiten the fold of DMSO by.
    let library = Plan { dmso_wells: 20, ..few.clone() }.library(&quick());
    assert!(library.is_whitened());
    let note = |note: &String| note.starts_with("Too few repetitions are left to whiten 1 of 5 folds");
    assert!(library.notes().iter().any(note), "{:?}", library.notes());
    let enough = itself(&Plan { videos_per_well: 3, ..few }, &quick());
    assert!(
        enough.library().is_whitened()
            && !enough.library().notes().iter().any(|note| note.contains("Too few rep"))
    );
}
