//! Who may answer whom, and what is said when too little is known.

use std::sync::Arc;

use polars::prelude::df;

use super::super::*;
use super::{DIM, Plan, by, itself, origin, quick};
use crate::analysis::items::Item;
use crate::experiment::{EmbeddingTable, Experiment, Table};
use crate::progress::Progress;

#[test]
fn what_is_excluded_does_not_answer() {
    let answers = itself(&Plan::default(), &quick());
    let subjects = Arc::clone(answers.subjects());
    let place = (0..subjects.len()).find(|&i| subjects.subjects[i].compound == Some(3)).unwrap();
    let own = &subjects.subjects[place];
    let ask = |query: Query, exclude: Exclude| answers.ask(&query, exclude, subjects.len()).unwrap();
    let none = Exclude { same_compound: false, same_well: false, same_replicate: false };
    let count = |answer: &Answer, test: &dyn Fn(usize) -> bool| {
        answer.videos.iter().filter(|video| test(video.subject)).count()
    };
    let of_compound = |i: usize| subjects.subjects[i].compound == own.compound;
    let of_well = |i: usize| subjects.same_well(i, place);
    let of_replicate = |i: usize| subjects.subjects[i].replicate == own.replicate;

    let open = ask(Query::Subject(place), none);
    assert_eq!((open.videos.len(), count(&open, &|i| i == place)), (subjects.len() - 1, 0));
    assert_eq!((count(&open, &of_compound), count(&open, &of_well)), (8, 2));
    assert!(open.drugs.iter().any(|drug| Some(drug.compound) == own.compound));
    assert!(open.videos.is_sorted_by(|a, b| a.similarity >= b.similarity));

    let strict = ask(Query::Subject(place), Exclude::default());
    assert_eq!(count(&strict, &of_compound), 0);
    assert!(strict.drugs.iter().all(|drug| Some(drug.compound) != own.compound));
    let moa = own.moas[0];
    let compounds = |answer: &Answer| answer.moas.iter().find(|score| score.moa == moa).unwrap().compounds;
    assert_eq!(compounds(&open), compounds(&strict) + 1);

    let wells = ask(Query::Subject(place), Exclude { same_well: true, ..none });
    assert_eq!((count(&wells, &of_well), count(&wells, &of_compound)), (0, 6));
    let replicates = ask(Query::Subject(place), Exclude { same_replicate: true, ..none });
    assert_eq!((count(&replicates, &of_replicate), count(&replicates, &of_compound)), (0, 6));
    assert_ne!(replicates.moas, wells.moas, "profiles are made of the wells that may answer");
    assert!(replicates.notes.iter().any(|note| note.contains("calibrated with all wells")));

    // A whole compound never answers for itself, whatever is excluded.
    let compound = ask(Query::Compound(3), none);
    assert_eq!(count(&compound, &of_compound), 0);
    assert!(compound.drugs.iter().all(|drug| drug.compound != 3));
    let bare = answers.ask(&Query::Subject(place), Exclude::default(), 0).unwrap();
    assert_eq!((bare.videos.len(), bare.drugs.len(), &bare.moas), (0, 0, &strict.moas));
}

#[test]
fn a_compound_s_own_mechanism_does_not_leak_into_its_answer() {
    let plan = Plan { effect: 2.5, ..Plan::default() };
    let mut labels: Vec<usize> = (0..20).map(|drug| drug / 4).collect();
    let honest = itself(&Plan { labels: Some(labels.clone()), ..plan.clone() }, &quick());
    labels[6] = 4;
    let changed = itself(&Plan { labels: Some(labels), ..plan }, &quick());
    let compound = 7;
    let place = honest.subjects().treatments[6].subjects[0];
    assert_eq!(honest.subjects().subjects[place].compound, Some(compound));
    assert!(honest.activity(6).is_active(), "it answers for others");
    assert_ne!(honest.subjects().compound_moas[compound], changed.subjects().compound_moas[compound]);
    for query in [Query::Compound(compound), Query::Treatment(6), Query::Subject(place)] {
        let scores = |answers: &Answers| {
            let answer = answers.ask(&query, Exclude::default(), 5).unwrap();
            let moas: Vec<_> = answer
                .moas
                .iter()
                .map(|m| (m.moa, m.similarity, m.compounds, m.best, m.probability))
                .collect();
            (moas, answer.activity, answer.videos, answer.drugs)
        };
        assert_eq!(scores(&honest), scores(&changed));
        let open = Exclude { same_compound: false, ..Exclude::default() };
        if let Query::Subject(_) = query {
            let moas = |answers: &Answers| answers.ask(&query, open, 0).unwrap().moas;
            assert_ne!(moas(&honest), moas(&changed), "without the exclusion the label matters");
        }
    }
    // The sharpness of its probabilities was fitted without it, as is seen above: they are the same.
    let calibration = honest.library().calibration(Level::Compound);
    assert_ne!(calibration.beta_for(Some(compound)), calibration.beta);
    assert_eq!(calibration.beta_for(None), calibration.beta);
}

#[test]
fn a_vector_is_placed_like_a_video() {
    let plan = Plan::default();
    let (subjects, raw) = plan.draw();
    let answers = itself(&plan, &quick());
    let place = 100;
    let whole = answers.ask(&Query::Subject(place), Exclude::default(), 4).unwrap();
    let vector = |replicate, subject| {
        let raw = &raw[place * DIM..(place + 1) * DIM];
        answers.ask(&Query::Vector { raw, replicate, subject }, Exclude::default(), 4).unwrap()
    };
    let same = vector(None, Some(place));
    assert_eq!(same.call, whole.call);
    assert_eq!(
        same.videos.iter().map(|v| v.subject).collect::<Vec<_>>(),
        whole.videos.iter().map(|v| v.subject).collect::<Vec<_>>()
    );
    for (a, b) in same.moas.iter().zip(&whole.moas) {
        assert!(a.moa == b.moa && (a.similarity - b.similarity).abs() < 1e-5);
    }
    let alone = vector(Some(subjects.subjects[place].replicate), None);
    assert!(alone.notes.is_empty() && alone.activity.is_none());
    assert_eq!(alone.videos[0].subject, place, "nothing is excluded without a video");
    let nowhere = vector(None, None);
    assert!(nowhere.notes[0].contains("mean of all negative controls"));
    let short =
        answers.ask(&Query::Vector { raw: &[1.0], replicate: None, subject: None }, Exclude::default(), 1);
    assert!(matches!(short, Err(AnswersError::OtherLength { own: 1, .. })));
    let nan = answers.ask(
        &Query::Vector { raw: &[f32::NAN; DIM], replicate: None, subject: None },
        Exclude::default(),
        1,
    );
    assert!(nan.unwrap_err().to_string().starts_with("number 0 of the vector of the query is not finite"));
    let missing = answers.ask(&Query::Treatment(99), Exclude::default(), 1).unwrap_err();
    assert_eq!(missing.to_string(), "there is no treatment 99: there are 24. Select it again");
}

#[test]
fn another_experiment_answers_for_its_own_compounds_unless_they_are_the_same() {
    let library = Plan::default().library(&quick());
    let answers = by(&Plan { seed: 2, ..Plan::default() }, &library);
    assert!(!answers.is_itself());
    assert_eq!(answers.same_compounds(5), [5], "by name");
    let strict = answers.ask(&Query::Compound(5), Exclude::default(), 24).unwrap();
    assert!(strict.drugs.iter().all(|drug| drug.compound != 5));
    let open = Exclude { same_compound: false, ..Exclude::default() };
    let open = answers.ask(&Query::Compound(5), open, 24).unwrap();
    assert_eq!(open.drugs[0].compound, 5, "the same drug is the nearest");
    assert!(open.videos.len() == 24 && strict.moas[0].moa == 1);

    let (subjects, raw) = Plan::default().draw();
    let other = |dim, hash| {
        let raw = &raw[..subjects.len() * dim];
        let library = Some(Arc::clone(&library));
        let subjects = Arc::clone(&subjects);
        Answers::new(subjects, raw, dim, origin(hash), library, &quick(), &Progress::default()).unwrap_err()
    };
    let text = other(DIM, "abc").to_string();
    assert!(text.contains("by model h,") && text.contains("by model abc:"), "{text}");
    assert!(matches!(other(DIM - 1, "h"), AnswersError::OtherLength { library: DIM, own: 23, .. }));
}

#[test]
fn what_cannot_be_known_is_not_said() {
    let one_well = Plan { replicates: 1, ..Plan::default() };
    let answers = itself(&one_well, &quick());
    let answer = answers.ask(&Query::Treatment(0), Exclude::default(), 1).unwrap();
    let Verdict::Undecided(why) = &answer.activity.as_ref().unwrap().verdict else { panic!("{answer:?}") };
    assert!(why.starts_with("There is one well only"), "{why}");
    assert_eq!(answers.library().answering().len(), 24, "all answer where nothing can be judged");
    assert!(answer.notes.iter().any(|note| note.starts_with("Whether it is active cannot be said")));

    let no_dmso = Plan { dmso_wells: 0, ..Plan::default() };
    let answers = itself(&no_dmso, &quick());
    assert!(!answers.activity(0).is_decided());
    assert!(
        answers.notes().iter().any(|note| note.starts_with("No negative controls")),
        "{:?}",
        answers.notes()
    );

    let two_wells = Plan { replicates: 2, dmso_wells: 2, ..Plan::default() };
    let answers = itself(&two_wells, &quick());
    let Verdict::Undecided(why) = &answers.activity(0).verdict else { panic!() };
    assert!(why.contains("even a perfect ranking has p ="), "{why}");

    let few = Plan { moas: 2, drugs_per_moa: 2, effect: 3.0, ..Plan::default() };
    let answers = itself(&few, &quick());
    let answer = answers.ask(&Query::Compound(1), Exclude::default(), 1).unwrap();
    assert_eq!((answer.call, answer.novelty), (Call::Undecided, None));
    assert!(answer.moas.len() == 2 && answer.moas[0].probability.is_none());
    assert!(answer.notes.iter().any(|note| note.starts_with("No probabilities: ")), "{:?}", answer.notes);

    let (subjects, mut raw) = few.draw();
    let refused = |raw: &[f32], dim| {
        let subjects = Arc::clone(&subjects);
        Library::new(subjects, raw, dim, origin("h"), &quick(), &Progress::default()).unwrap_err().to_string()
    };
    assert!(refused(&raw, DIM + 1).contains("are no"));
    raw[DIM + 3] = f32::INFINITY;
    assert!(refused(&raw, DIM).starts_with("number 3 of the vector of 0 D0 1 is not finite"));
}

fn table() -> (Experiment, EmbeddingTable) {
    let frame = df!(
        "row_id" => ["a", "b", "c", "d", "e", "f", "g"],
        "compound" => ["FCCP", "", "FCCP", "DMSO", "FCCP", "Valinomycin", "FCCP"],
        "concentration_uM" => [Some(0.5), None, Some(1.0), None, Some(0.5), None, Some(0.5)],
        "moa" => ["uncoupler", "", "Uncoupler", "", "", "ionophore", ""],
        "replicate" => ["1", "1", "1", "1", "2", "2", "2"],
        "well" => ["A1", "A2", "A3", "A4", "A1", "A2", "a01"],
    )
    .unwrap();
    let mut one = Experiment::new("e", "/screen", Table::from_frame(frame).unwrap()).unwrap();
    one.table = one.table.exclude(&[5], "blurred").unwrap();
    let row_ids = ["g", "e", "d", "c", "b", "f", "z"].map(str::to_owned).to_vec();
    let values = (0..14).map(|i| i as f32).collect();
    (one, EmbeddingTable { row_ids, dim: 2, values, ..EmbeddingTable::default() })
}

#[test]
fn subjects_are_the_rows_with_a_vector_and_unnamed_ones_ask_only() {
    let (experiment, table) = table();
    let subjects = Subjects::of(&experiment, &table);
    let ids: Vec<&str> = subjects.subjects.iter().map(|subject| subject.row_id.as_str()).collect();
    assert_eq!(ids, ["b", "c", "d", "e", "g"], "a has no vector, f is excluded");
    assert_eq!(subjects.gather(&table), [8.0, 9.0, 6.0, 7.0, 4.0, 5.0, 2.0, 3.0, 0.0, 1.0]);
    let compounds: Vec<Option<&str>> =
        subjects.subjects.iter().map(|s| s.compound.map(|c| subjects.compounds[c].name.as_str())).collect();
    assert_eq!(compounds, [None, Some("FCCP"), Some("DMSO"), Some("FCCP"), Some("FCCP")]);
    let treatments: Vec<_> = subjects.treatments.iter().map(|t| (t.dose, t.subjects.clone())).collect();
    assert_eq!(treatments, [(Some(1.0), vec![1]), (Some(0.5), vec![3, 4])]);
    assert_eq!(subjects.treatments[1].wells, [[3, 4]], "A1 and a01 are one well");
    let of: Vec<Option<usize>> = (0..5).map(|i| subjects.treatment_of(i)).collect();
    assert_eq!(of, [None, Some(0), None, Some(1), Some(1)]);
    assert_eq!((subjects.control_wells.clone(), subjects.unit), (vec![vec![2]], Unit::Well));
    assert_eq!((subjects.of_row(4), subjects.of_row(0)), (Some(3), None));
    let fccp = subjects.subjects[1].compound.unwrap();
    assert_eq!(subjects.compound_moas[fccp], [0]);
    assert_eq!((subjects.left_out["no embedding"], subjects.left_out["excluded in the table"]), (1, 1));
    let without: Vec<&str> = subjects.unembedded.iter().map(|subject| subject.row_id.as_str()).collect();
    assert_eq!(without, ["a"]);
    assert_eq!([0, 1].map(|treatment| subjects.unembedded_of(treatment).count()), [0, 1], "a has 0.5 µM");

    let subjects = Arc::new(subjects);
    let raw = subjects.gather(&table);
    let answers =
        Answers::new(Arc::clone(&subjects), &raw, 2, origin("h"), None, &quick(), &Progress::default())
            .unwrap();
    let unnamed = answers.ask(&Query::Subject(0), Exclude::default(), 9).unwrap();
    // The only control lies on its own mean, and so is near to nothing.
    assert_eq!((unnamed.videos.len(), unnamed.activity), (3, None));
    let named = answers.ask(&Query::Subject(1), Exclude::default(), 9).unwrap();
    assert!(named.videos.is_empty(), "unnamed rows do not answer");
    let missing = "One of its videos could not be encoded and does not count.";
    let notes = |query: Query| answers.ask(&query, Exclude::default(), 0).unwrap().notes;
    assert_eq!(notes(Query::Treatment(1)).first().map(String::as_str), Some(missing));
    assert!(!notes(Query::Treatment(0)).iter().any(|note| note == missing));
    assert_eq!(notes(Query::Compound(fccp)).first().map(String::as_str), Some(missing));
}

#[test]
fn a_compound_without_an_encoded_video_is_not_called() {
    let (mut experiment, table) = table();
    experiment.table = experiment.table.include(&[5]).unwrap();
    let row_ids = ["g", "e", "d", "c", "b", "x", "z"].map(str::to_owned).to_vec();
    let table = EmbeddingTable { row_ids, ..table };
    let subjects = Arc::new(Subjects::of(&experiment, &table));
    let raw = subjects.gather(&table);
    let answers =
        Answers::new(Arc::clone(&subjects), &raw, 2, origin("h"), None, &quick(), &Progress::default())
            .unwrap();
    let named = |name: &str| subjects.compounds.iter().position(|compound| compound.name == name).unwrap();
    let ask = |compound: usize| answers.ask(&Query::Compound(compound), Exclude::default(), 1);
    let text = ask(named("Valinomycin")).unwrap_err().to_string();
    assert!(text.starts_with("Not called: no video of Valinomycin could be encoded"), "{text}");
    assert_eq!(ask(named("DMSO")).unwrap().call, Call::DmsoLike, "controls have videos, if no treatment");
}

#[test]
fn without_wells_a_replicate_is_a_repetition_and_controls_are_dealt_out() {
    let (subjects, _) = Plan { idle: 0, ..Plan::default() }.draw();
    let blank = |keep: bool| {
        let strip = |subject: &Item| Item {
            well: String::new(),
            plate: String::new(),
            replicate: if keep { subject.replicate } else { 0 },
            ..subject.clone()
        };
        let replicates = if keep { subjects.replicates.clone() } else { vec![String::new()] };
        let rows = subjects.subjects.iter().map(strip).collect();
        Subjects::new(rows, subjects.compounds.clone(), subjects.moas.clone(), replicates)
    };
    let by_replicate = blank(true);
    assert_eq!((by_replicate.unit, by_replicate.treatments[0].wells.len()), (Unit::Replicate, 3));
    assert_eq!(by_replicate.control_wells.len(), 30);
    assert!(by_replicate.control_wells.iter().all(|group| group.len() == 3));
    assert!(by_replicate.notes[0].contains("groups of 3 videos"));
    let by_video = blank(false);
    assert_eq!((by_video.unit, by_video.treatments[0].wells.len()), (Unit::Video, 9));
    assert!(by_video.notes[0].contains("each video counts as a repetition"));
}
