//! Evaluations whose result is known.

use serde::Deserialize;

use super::*;
use crate::analysis::split::{Protocol, Split};
use crate::analysis::testing::{Row, items};
use crate::random::{normal, stream};

#[derive(Deserialize)]
struct Case {
    kind: String,
    compound: Vec<usize>,
    replicate: Vec<usize>,
    moas: Vec<Vec<usize>>,
    control: Vec<bool>,
    split: Vec<String>,
    dim: usize,
    features: Vec<Vec<f32>>,
    raw: Vec<Scores>,
    centred: Vec<Scores>,
}

#[derive(Deserialize)]
struct Scores {
    task: Task,
    exclusion: Exclusion,
    n_query: usize,
    n_gallery: usize,
    n_dropped: usize,
    #[serde(rename = "scores")]
    means: Option<[f64; 4]>,
}

fn run(
    items: &Items,
    plan: &Plan,
    embeddings: Features,
    baselines: Vec<Features>,
    resamples: usize,
) -> Vec<Report> {
    let classifiers = Vec::new();
    evaluate(&Evaluation { items, plan, embeddings, classifiers, baselines, seed: 1, resamples }).unwrap()
}

fn values(metrics: &Metrics) -> Option<[f64; 4]> {
    Some([metrics.map?.value, metrics.cmc1?.value, metrics.cmc5?.value, metrics.cmc10?.value])
}

#[test]
fn map_and_cmc_agree_with_market_1501_on_random_and_tied_inputs() {
    let text = include_str!("../../../tests/fixtures/evaluation/retrieval.json");
    let cases: Vec<Case> = serde_json::from_str(text).unwrap();
    assert_eq!(cases.len(), 24);
    for case in cases {
        let row = |i: usize| Row {
            compound: case.compound[i],
            replicate: case.replicate[i],
            moas: case.moas[i].clone(),
            control: case.control[i],
            split: Split::parse(&case.split[i]),
            ..Row::default()
        };
        let items = items(&(0..case.compound.len()).map(row).collect::<Vec<_>>());
        let plan = Plan::new(&items, Protocol::Mito, 1).unwrap();
        let features = case.features.concat();
        let reports = run(&items, &plan, Features::cosine("net", &features, case.dim), Vec::new(), 3);
        for (normalisation, expected) in
            [(Normalisation::Raw, &case.raw), (Normalisation::DmsoCentred, &case.centred)]
        {
            for expected in expected {
                let report = reports
                    .iter()
                    .find(|r| {
                        (r.task, r.exclusion, r.normalisation)
                            == (expected.task, expected.exclusion, normalisation)
                    })
                    .unwrap();
                assert_eq!(
                    (report.n_query, report.n_gallery, report.n_dropped),
                    (expected.n_query, expected.n_gallery, expected.n_dropped)
                );
                let found = values(&report.metrics);
                assert_eq!(found.is_some(), expected.means.is_some());
                let pairs = found.into_iter().flatten().zip(expected.means.into_iter().flatten());
                for (own, reference) in pairs {
                    let name = (&case.kind, expected.task, expected.exclusion, normalisation);
                    assert!((own - reference).abs() < 1e-9, "{name:?}: {own} {reference}");
                }
            }
        }
    }
}

/// 24 drugs of 6 mechanisms, 3 replicates of 6 cells, half of them in the query; DMSO. Each vector is the
/// noise that is given plus what `signal` makes of (drug, mechanism, replicate).
fn screen(seed: u64, signal: impl Fn(usize, usize, usize) -> Vec<f32>) -> (Items, Vec<f32>) {
    let mut rng = stream(seed, &["screen"]);
    let (mut rows, mut features) = (Vec::new(), Vec::new());
    for compound in 0..25 {
        for replicate in 0..3 {
            for cell in 0..6 {
                let control = compound == 24;
                rows.push(Row {
                    compound,
                    replicate,
                    moas: if control { Vec::new() } else { vec![compound / 4] },
                    control,
                    split: Some(if cell % 2 == 0 { Split::Query } else { Split::Gallery }),
                    simulated: true,
                    ..Row::default()
                });
                let moa = compound / 4;
                features.extend(signal(compound, moa, replicate).iter().map(|x| x + normal(&mut rng) as f32));
            }
        }
    }
    (items(&rows), features)
}

fn report(reports: &[Report], task: Task, exclusion: Exclusion, normalisation: Normalisation) -> &Report {
    let is = |r: &&Report| (r.task, r.exclusion, r.normalisation) == (task, exclusion, normalisation);
    reports.iter().find(is).unwrap()
}

const DIM: usize = 32;

/// A direction for each number, the same in every call.
fn direction(what: &str, number: usize, length: f32) -> Vec<f32> {
    let mut rng = stream(9, &[what, &number.to_string()]);
    (0..DIM).map(|_| length * normal(&mut rng) as f32).collect()
}

#[test]
fn labels_that_say_nothing_give_chance_within_the_interval() {
    let mut within = [0; 4];
    let (mut model, mut chance) = ([0.0; 4], [0.0; 4]);
    let seeds = 12;
    for seed in 0..seeds {
        let (items, features) = screen(seed, |_, _, _| vec![0.0; DIM]);
        let plan = Plan::new(&items, Protocol::DrugDisjoint, 1).unwrap();
        let reports = run(&items, &plan, Features::cosine("noise", &features, DIM), Vec::new(), 500);
        for (i, report) in reports[..4].iter().enumerate() {
            let features = Features::cosine("noise", &features, DIM);
            let map = mean_average_precision(&items, &plan, &features, CONDITIONS[i]).unwrap().unwrap();
            assert!((map - report.metrics.map.unwrap().value).abs() < 1e-12);
            let (own, random) = (report.metrics.map.unwrap(), report.baselines["chance"].map.unwrap());
            within[i] += usize::from(own.lo <= random.value && random.value <= own.hi);
            model[i] += own.value / f64::from(seeds as u32);
            chance[i] += random.value / f64::from(seeds as u32);
        }
    }
    // 95 % of twelve are eleven; drugs share a gallery, so their scores are not quite independent.
    assert!(within.iter().all(|within| *within >= 9), "{within:?}");
    for (model, chance) in model.iter().zip(chance) {
        assert!((model - chance).abs() < 0.05 * chance, "{model} {chance}");
    }
}

#[test]
fn knowing_the_drug_is_no_knowledge_of_its_mechanism() {
    let moa_only = |_: usize, moa: usize, _: usize| direction("moa", moa, 0.5);
    let drug_only = |drug: usize, _: usize, _: usize| direction("drug", drug, 1.0);
    let scores = |signal: &dyn Fn(usize, usize, usize) -> Vec<f32>, exclusion| {
        let (items, features) = screen(1, signal);
        let plan = Plan::new(&items, Protocol::DrugDisjoint, 1).unwrap();
        let reports = run(&items, &plan, Features::cosine("net", &features, DIM), Vec::new(), 200);
        let report = report(&reports, Task::Moa, exclusion, Normalisation::Raw);
        let of = |metrics: &Metrics| [metrics.map.unwrap(), metrics.cmc1.unwrap()];
        (of(&report.metrics), of(&report.baselines["chance"]).map(|chance| chance.value))
    };
    for exclusion in [Exclusion::SameReplicateDrug, Exclusion::Nsc, Exclusion::Nscb] {
        let (found, chance) = scores(&moa_only, exclusion);
        assert!((0..2).all(|i| found[i].lo > 2.0 * chance[i]), "{exclusion:?} {found:?} {chance:?}");
    }
    let (found, chance) = scores(&drug_only, Exclusion::SameReplicateDrug);
    assert!(found[0].lo > 1.2 * chance[0], "the paper's protocol rewards it: {found:?} {chance:?}");
    assert!(found[1].lo > 4.0 * chance[1], "{found:?} {chance:?}");
    let (found, chance) = scores(&drug_only, Exclusion::Nsc);
    assert!(
        (0..2).all(|i| found[i].lo < chance[i]),
        "without the drug nothing is left: {found:?} {chance:?}"
    );
}

#[test]
fn centring_on_dmso_takes_a_replicate_s_level_away() {
    let batch = |drug: usize, moa: usize, replicate: usize| -> Vec<f32> {
        let moa = if drug < 24 { direction("moa", moa, 0.8) } else { vec![0.0; DIM] };
        moa.iter().zip(direction("replicate", replicate, 4.0)).map(|(a, b)| a + b).collect()
    };
    let (mut items, features) = screen(2, batch);
    let plan = Plan::new(&items, Protocol::DrugDisjoint, 1).unwrap();
    let embeddings = Features::cosine("net", &features, DIM);
    let reports = run(&items, &plan, embeddings.clone(), Vec::new(), 100);
    let map = |normalisation| report(&reports, Task::Moa, Exclusion::Nsc, normalisation).metrics.map.unwrap();
    let (raw, centred) = (map(Normalisation::Raw), map(Normalisation::DmsoCentred));
    assert!(centred.value > raw.value + 0.2, "{raw:?} {centred:?}");

    // A replicate without DMSO cannot be centred: its rows are left out, and this is said.
    items.items.iter_mut().filter(|item| item.replicate == 2).for_each(|item| item.control = false);
    let reports = run(&items, &plan, embeddings.clone(), Vec::new(), 10);
    let found = report(&reports, Task::Moa, Exclusion::Nsc, Normalisation::DmsoCentred);
    assert_eq!((found.n_query, found.n_gallery), (144, 144));
    assert_eq!(found.left_out["replicate 3 has no DMSO to centre on"], 144);
    items.items.iter_mut().for_each(|item| item.control = false);
    let reports = run(&items, &plan, embeddings, Vec::new(), 10);
    assert_eq!(reports.len(), 4);
    assert!(
        reports[0].notes.iter().any(|note| note.contains("nothing is centred")),
        "{:?}",
        reports[0].notes
    );
}

#[test]
fn baselines_stand_beside_on_the_same_queries() {
    let (mut items, features) = screen(3, |_, moa, _| direction("moa", moa, 0.5));
    let smiles = ["CCO", "CCCO", "CCCCO", "CC(C)O"].iter().chain(&["c1ccccc1N"; 4]).chain(&["CC(=O)NC"; 17]);
    for (compound, smiles) in items.compounds.iter_mut().zip(smiles) {
        compound.smiles = Some((*smiles).to_owned());
    }
    let plan = Plan::new(&items, Protocol::DrugDisjoint, 1).unwrap();
    let brightness: Vec<f32> =
        items.items.iter().map(|item| item.moas.first().map_or(9.0, |&moa| moa as f32)).collect();
    let baselines =
        vec![Features::euclidean("mean intensity", &brightness, 1), Features::cosine("same", &features, DIM)];
    let reports = run(&items, &plan, Features::cosine("net", &features, DIM), baselines.clone(), 200);
    assert_eq!(reports.len(), 8);
    for report in &reports {
        let names: Vec<&str> = report.baselines.keys().map(String::as_str).collect();
        let mut expected = vec!["chance", "mean intensity", "same"];
        if report.task == Task::Moa {
            expected.insert(0, TANIMOTO);
            assert_eq!(report.baselines["mean intensity"].map.unwrap().value, 1.0, "it knows the mechanism");
            let moas: Vec<&MoaScore> = report.per_moa.iter().collect();
            assert_eq!((moas.len(), moas[0].n_query, moas[0].n_drugs), (6, 36, 4));
            assert_eq!(report.intervals.text(), "6 mechanisms and 24 drugs within them");
            assert!(
                report.text().contains("95 % intervals: 6 mechanisms and 24 drugs within them resampled")
            );
            assert!(report.per_drug.iter().all(|drug| drug.moa.is_some()));
            let mean = moas.iter().map(|moa| moa.map).sum::<f64>() / 6.0;
            assert!((mean - report.metrics.map.unwrap().value).abs() < 1e-12);
            let counted: usize = report.confusion["nearest"].counts.iter().flatten().sum();
            assert_eq!(counted, report.n_query);
            let right: usize = (0..6).map(|i| report.confusion["nearest"].counts[i][i]).sum();
            assert!((right as f64 / 216.0 - report.metrics.cmc1.unwrap().value).abs() < 1e-12);
        }
        assert_eq!(names, expected, "a structure finds its own drug without any recording");
        assert_eq!(report.baselines["same"], report.metrics, "the same vectors, the same draws");
        let by_drug: f64 = report.per_drug.iter().map(|drug| drug.map * drug.n_query as f64).sum();
        let map = report.metrics.map.unwrap();
        assert!((by_drug / report.n_query as f64 - map.value).abs() < 1e-12 && map.lo < map.value);
    }
    let tanimoto = &report(&reports, Task::Moa, Exclusion::Nsc, Normalisation::Raw).baselines[TANIMOTO];
    assert!(tanimoto.map.unwrap().value > 0.3, "eight of the drugs are alike by mechanism: {tanimoto:?}");
    let twice = vec![baselines[0].clone(), baselines[0].clone()];
    let evaluation = Evaluation {
        items: &items,
        plan: &plan,
        embeddings: baselines[1].clone(),
        classifiers: Vec::new(),
        baselines: twice,
        seed: 1,
        resamples: 1,
    };
    assert!(matches!(evaluate(&evaluation), Err(EvaluateError::NameTaken { .. })));
}

#[test]
fn a_report_has_the_contract_s_keys_and_can_be_read() {
    let (items, features) = screen(4, |_, moa, _| direction("moa", moa, 0.5));
    let plan = Plan::new(&items, Protocol::DrugDisjoint, 1).unwrap();
    let logits: Vec<f32> =
        items.items.iter().flat_map(|item| (0..6).map(|c| f32::from(u8::from(item.moas == [c])))).collect();
    let reports = evaluate(&Evaluation {
        items: &items,
        plan: &plan,
        embeddings: Features::cosine("net", &features, DIM),
        classifiers: vec![Classifier::of_moas(&items, &items.moas, &logits)],
        baselines: Vec::new(),
        seed: 7,
        resamples: 50,
    })
    .unwrap();
    let report = report(&reports, Task::Moa, Exclusion::Nscb, Normalisation::Raw);
    let text = serde_json::to_string(report).unwrap();
    let contract = [
        "task",
        "protocol",
        "split",
        "exclusion",
        "normalisation",
        "seed",
        "simulated",
        "n_query",
        "n_gallery",
        "n_dropped",
        "metrics",
        "baselines",
    ];
    let places: Vec<usize> = contract.iter().map(|key| text.find(&format!("\"{key}\":")).unwrap()).collect();
    assert!(places.is_sorted(), "{text}");
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    for (key, value) in [
        ("task", "moa"),
        ("protocol", "drug-disjoint"),
        ("split", "query/gallery"),
        ("exclusion", "nscb"),
        ("normalisation", "raw"),
        ("split_from", "table"),
    ] {
        assert_eq!(json[key], value);
    }
    assert_eq!((&json["seed"], &json["simulated"], &json["n_dropped"]), (&7.into(), &true.into(), &0.into()));
    for metric in ["map", "cmc1", "cmc5", "cmc10", "accuracy", "auc"] {
        assert!(json["metrics"][metric]["lo"].as_f64() <= json["metrics"][metric]["value"].as_f64());
        assert!(json["metrics"][metric]["hi"].is_f64());
    }
    assert_eq!(json["metrics"]["accuracy"]["value"], 1.0);
    assert!(json["baselines"]["chance"]["map"]["value"].as_f64() > Some(0.1));
    assert!(json["baselines"]["chance"]["auc"].is_null());
    assert_eq!(report.n_classified, 216);
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), *report);
    let centred = self::report(&reports, Task::Moa, Exclusion::Nscb, Normalisation::DmsoCentred);
    assert_eq!(centred.metrics.accuracy, None, "the classifier reads raw vectors");
    let table = report.text();
    let head = "MoA recognition, drug-disjoint (query/gallery, split by table), exclusion nscb, raw, simulated \
                data\n216 queries, 0 dropped";
    assert!(table.starts_with(head), "{table}");
    assert!(
        table.contains("\nmodel ") && table.contains("\nchance ") && table.contains("  m5  mAP"),
        "{table}"
    );
    assert!(table.contains("controls, which are no new compounds"), "{table}");
}

#[test]
fn the_result_is_the_same_on_any_number_of_threads() {
    let (items, features) = screen(5, |_, moa, _| direction("moa", moa, 0.3));
    let plan = Plan::new(&items, Protocol::Mito, 1).unwrap();
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| run(&items, &plan, Features::cosine("net", &features, DIM), Vec::new(), 50))
    };
    assert_eq!(on(1), on(3));
}
