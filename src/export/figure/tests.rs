use std::collections::BTreeMap;

use rand::RngExt as _;

use super::testing::{LONG, seen};
use super::*;
use crate::analysis::evaluate::Confusion;
use crate::chem::{Molecule, Style, depict};
use crate::learn::objective::Terms;
use crate::learn::progress::EpochRecord;
use crate::learn::sampler::Stage;
use crate::random::{normal, stream};

fn origin() -> Origin {
    Origin {
        model: "1f2e3d4c5b6a79880716253443526170".to_owned(),
        data: "9a8b7c6d5e4f30212233445566778899".to_owned(),
        simulated: true,
    }
}

fn history() -> Vec<EpochRecord> {
    let epoch = |i: usize| {
        let stage = if i <= 12 { Stage::Drug } else { Stage::Moa }.name().to_owned();
        let fall = if i <= 12 { 4.0 / i as f32 } else { 3.0 / (i - 12) as f32 };
        let losses = Terms::of(&[
            ("classification", fall + 0.6),
            ("triplet", if i == 5 { f32::NAN } else { 0.3 * fall }),
            ("center", 0.05),
            ("molecule", fall + 1.5),
        ]);
        EpochRecord { stage, epoch: i, step: i, losses, rate: 1e-3, validation: None }
    };
    (1..=30).map(epoch).collect()
}

#[test]
fn loss_curves_have_a_line_for_each_term_and_say_where_the_stages_meet() {
    let history = history();
    let seen = seen(&LossCurves { history: &history, simulated: true });
    for word in ["classification", "triplet", "center", "video–molecule", "epoch", "loss"] {
        assert!(seen.says(word), "{word}");
    }
    assert!(seen.words().contains("The first 12 epochs learn drugs"));
    // A point for each epoch and term but the one that is no number.
    let points: usize = COLOURS[..4].iter().map(|c| seen.count("circle", "fill", &hex(*c))).sum();
    assert_eq!(points, 4 * 30 - 1);
    assert!(COLOURS[..4].iter().all(|c| seen.pixels([c.0, c.1, c.2]) > 500));
}

fn hex(RGBColor(r, g, b): RGBColor) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn confusion(classes: usize, most: usize) -> Confusion {
    let mut rng = stream(3, &["confusion"]);
    let labels = (0..classes).map(|i| LONG[i % LONG.len()].to_owned()).collect();
    let row = |i: usize| {
        let mut row: Vec<usize> =
            (0..classes).map(|_| rng.random_range(0..most).saturating_sub(most - 3)).collect();
        row[i] += most;
        row
    };
    Confusion { labels, counts: (0..classes).map(row).collect() }
}

#[test]
fn a_confusion_matrix_of_twenty_long_names_keeps_every_row_count_and_number_apart() {
    let confusion = confusion(20, 12);
    let seen = seen(&ConfusionMatrix { confusion: &confusion, by: "nearest video", origin: origin() });
    for (label, counts) in confusion.labels.iter().zip(&confusion.counts) {
        let sum: usize = counts.iter().sum();
        let row = seen.labels.iter().find(|l| {
            let (start, count) = l.text.rsplit_once(' ').unwrap_or_default();
            count == format!("({sum})") && label.starts_with(start.trim_end_matches('…'))
        });
        assert!(row.is_some(), "{label} ({sum})");
    }
    let cells = confusion.counts.iter().flatten().filter(|&&n| n > 0).count();
    let numbers = seen.labels.iter().filter(|l| l.text.parse::<u32>().is_ok()).count();
    assert_eq!(numbers, cells);
    assert_eq!(
        seen.count("rect", "fill", "none") - 2 - 1,
        20 * 20 + 20,
        "cells, their diagonal; frame, scale and tag"
    );
}

#[test]
fn a_confusion_matrix_of_the_mito_datasets_38_mechanisms_or_of_two_fits_a_page() {
    for classes in [2, 38] {
        let confusion = confusion(classes, 9);
        let matrix = ConfusionMatrix { confusion: &confusion, by: "classifier", origin: origin() };
        let seen = seen(&Named(&matrix, format!("confusion_{classes}")));
        assert!(seen.words().contains("Predicted by: classifier."), "{classes}");
        assert!(seen.says("100 %"));
    }
}

/// A figure under another name.
struct Named<'a, F>(&'a F, String);

impl<F: Figure> Figure for Named<'_, F> {
    fn name(&self) -> &str {
        &self.1
    }
    fn title(&self) -> String {
        self.0.title()
    }
    fn caption(&self) -> String {
        self.0.caption()
    }
    fn simulated(&self) -> bool {
        self.0.simulated()
    }
    fn size(&self) -> (f64, f64) {
        self.0.size()
    }
    fn draw<B: DrawingBackend>(&self, page: &Page<B>) -> Result<(), Problem> {
        self.0.draw(page)
    }
}

fn blobs(n: usize, groups: usize) -> (Vec<[f32; 2]>, Vec<Option<usize>>) {
    let mut rng = stream(5, &["map"]);
    (0..n)
        .map(|i| {
            // The first groups are the largest.
            let group = ((i as f64 / n as f64).powi(2) * groups as f64) as usize;
            let angle = group as f64 * 2.4;
            let [x, y] = [angle.cos(), angle.sin()]
                .map(|v| (v * (1.0 + 0.4 * group as f64) + 0.3 * normal(&mut rng)) as f32);
            ([x, y], (i % 11 != 0).then_some(group))
        })
        .unzip()
}

fn map<'a>(name: &'a str, points: &'a [[f32; 2]], colouring: Colouring<'a>) -> Map<'a> {
    Map {
        name,
        of: "videos",
        points,
        colouring,
        method: "UMAP, 15 neighbours, cosine",
        axes: ["UMAP 1", "UMAP 2"],
        linear: false,
        seed: Some(7),
        embedding: "video embedding, DMSO-centred",
        origin: origin(),
    }
}

#[test]
fn a_map_shows_every_point_once_and_counts_rare_categories_as_other() {
    let (mut points, of) = blobs(1200, 20);
    points[3] = [f32::NAN, 0.0];
    let labels: Vec<String> = LONG.iter().map(|&name| name.to_owned()).collect();
    let colouring =
        Colouring::Category { title: "mechanism of action", labels: &labels, of: &of, control: None };
    let seen = seen(&map("map", &points, colouring));
    let mut counts = BTreeMap::new();
    for category in of.iter().zip(&points).filter(|(_, p)| p[0].is_finite()).map(|(c, _)| c) {
        *counts.entry(*category).or_insert(0_usize) += 1;
    }
    let none = counts[&None];
    assert!(seen.says("none") && seen.says(&none.to_string()));
    assert!(seen.says("other (8)"));
    assert!(seen.words().contains("n = 1199 videos (not shown: 1 without a place)"), "{}", seen.words());
    assert!(seen.words().contains("UMAP, 15 neighbours, cosine, seed 7"));
    assert!(seen.words().contains("Model 1f2e3d4c5b6a, data 9a8b7c6d5e4f."));
    // Discs of six colours and two greys, triangles of six; one more of each in the legend, two heads of arrows.
    let mut order: Vec<usize> = counts.iter().filter(|(c, _)| c.is_some()).map(|(_, n)| *n).collect();
    order.sort_by_key(|n| std::cmp::Reverse(*n));
    let discs: usize = order[..6].iter().sum();
    let triangles: usize = order[6..12].iter().sum();
    assert_eq!(seen.count("circle", "stroke", "x"), 0);
    let tags = |tag: &str| seen.svg.matches(&format!("<{tag} ")).count();
    assert_eq!(tags("polygon"), triangles + 6 + 2);
    assert_eq!(tags("circle"), discs + 6 + order[12..].iter().sum::<usize>() + 1 + none + 1);
    for colour in &COLOURS[..6] {
        assert!(seen.pixels([colour.0, colour.1, colour.2]) > 2_000);
    }
}

#[test]
fn one_unit_of_a_map_is_as_long_up_as_across() {
    // A cross of four points: 10 wide, 2 high.
    let points = [[-5.0, 0.0], [5.0, 0.0], [0.0, 1.0], [0.0, -1.0]];
    let seen = seen(&map("map_plain", &points, Colouring::Plain));
    let document = roxmltree::Document::parse(&seen.svg).unwrap();
    let at: Vec<[f64; 2]> = document
        .descendants()
        .filter(|node| node.has_tag_name("circle"))
        .map(|node| ["cx", "cy"].map(|name| node.attribute(name).unwrap().parse().unwrap()))
        .collect();
    assert_eq!(at.len(), 4);
    let span = |axis: usize| {
        let values = at.iter().map(|p| p[axis]);
        values.clone().fold(f64::MIN, f64::max) - values.fold(f64::MAX, f64::min)
    };
    assert!((span(0) / span(1) - 5.0).abs() < 0.03, "{at:?}");
    // The pixel in the middle of a point has its colour.
    for [x, y] in at {
        assert_eq!(seen.picture.get_pixel(x as u32, y as u32).0, [0, 114, 178]);
    }
    assert!(!seen.words().contains("by"), "no legend without colours");
}

#[test]
fn a_map_of_doses_has_a_scale_with_its_ends_and_a_line_for_those_without() {
    let (points, of) = blobs(600, 5);
    let doses: Vec<Option<f64>> =
        of.iter().enumerate().map(|(i, g)| g.map(|_| [0.1, 1.0, 10.0, 100.0][i % 4])).collect();
    let colouring = Colouring::Value { title: "concentration, µM", of: &doses, log: true };
    let seen = seen(&map("map_dose", &points, colouring));
    for word in ["0.1", "1", "10", "100", "log scale", "none", "concentration, µM"] {
        assert!(seen.says(word), "{word} in {}", seen.words());
    }
    // Viridis begins at #440154.
    assert!(seen.pixels([0x44, 0x01, 0x54]) > 1_000);
}

#[test]
fn a_map_of_very_many_points_is_a_picture_with_words_in_the_svg() {
    let (points, of) = blobs(31_000, 3);
    let labels = ["a", "b", "c"].map(str::to_owned);
    let colouring = Colouring::Category { title: "MoA", labels: &labels, of: &of, control: Some(2) };
    let seen = seen(&map("map_many", &points, colouring));
    assert_eq!(seen.svg.matches("<image ").count(), 1);
    assert_eq!(seen.svg.matches("<circle ").count(), 4, "legend alone");
    // Controls are brown, whatever their number, and the other two have the first colours.
    for colour in [CONTROL, CLASSES[0], CLASSES[1]] {
        assert!(seen.pixels([colour.0, colour.1, colour.2]) > 300, "{colour:?}");
    }
    assert!(seen.pixels([CLASSES[2].0, CLASSES[2].1, CLASSES[2].2]) < 100);
}

#[test]
fn empty_data_give_a_figure_that_says_so() {
    let seen = seen(&map("map_empty", &[], Colouring::Plain));
    assert!(seen.says("no points"));
}

#[test]
fn a_colour_for_each_point_is_needed() {
    let colouring = Colouring::Value { title: "x", of: &[None], log: false };
    let points = [[0.0, 0.0], [1.0, 1.0]];
    assert!(svg(&map("x", &points, colouring)).unwrap_err().to_string().contains("1 colours for 2 points"));
}

#[test]
fn reliability_shows_each_bin_with_its_number_and_the_error() {
    let mut rng = stream(9, &["reliability"]);
    let predictions: Vec<(f64, bool)> = (0..700)
        .map(|_| {
            let p: f64 = rng.random::<f64>().powf(0.5);
            (p, rng.random::<f64>() < 0.8 * p)
        })
        .collect();
    let (bins, ece) = Reliability::bins(&predictions, 10);
    let figure = Reliability {
        name: "reliability",
        what: "mechanism of action",
        bins: bins.clone(),
        ece,
        level: Level::Treatment,
        how: "cross-fitted by compound",
        origin: origin(),
    };
    let seen = seen(&figure);
    let words = seen.words();
    assert!(words.contains("n = 700 compounds × doses, cross-fitted by compound."), "{words}");
    assert!(words.contains(&format!("Expected calibration error {ece:.3} over 10 bins")), "{words}");
    assert_eq!(seen.count("circle", "fill", "#0072b2"), bins.len());
    let numbers: Vec<String> = bins.iter().map(|bin| bin.n.to_string()).collect();
    assert!(numbers.iter().all(|n| seen.says(n)), "{numbers:?}");
}

#[test]
fn the_calibration_error_is_that_of_the_paper() {
    // Two bins: 0.25 mean, 1 of 2 right; 0.9 mean, 2 of 3 right. (2·0.25 + 3·0.2333…)/5.
    let predictions = [(0.2, true), (0.3, false), (0.8, true), (0.9, true), (1.0, false), (f64::NAN, true)];
    let (bins, ece) = Reliability::bins(&predictions, 2);
    assert_eq!(bins.iter().map(|bin| bin.n).collect::<Vec<_>>(), [2, 3]);
    assert!((ece - (2.0 * 0.25 + 3.0 * (0.9 - 2.0 / 3.0)) / 5.0).abs() < 1e-12, "{ece}");
}

#[test]
fn the_area_below_a_curve_is_its_average_precision() {
    let mut rng = stream(11, &["curves"]);
    let rankings: Vec<Vec<bool>> = (0..40)
        .map(|_| (0..300).map(|rank| rng.random::<f64>() < 0.5 * (-f64::from(rank) / 60.0).exp()).collect())
        .collect();
    let curve = Curve::of("all", &rankings).unwrap();
    let area = curve.points.iter().map(|p| p[1]).sum::<f64>() / curve.points.len() as f64;
    assert!((area - curve.average_precision).abs() < 2e-3, "{area} {}", curve.average_precision);
    // One query by hand: right at ranks 1 and 4.
    let one = Curve::of("one", &[vec![true, false, false, true], vec![false; 4]]).unwrap();
    assert!((one.average_precision - 0.75).abs() < 1e-12);
    assert_eq!((one.n, one.points[0][1], one.points[199][1]), (1, 1.0, 0.5));
    assert!(Curve::of("none", &[vec![false; 3]]).is_none());
}

#[test]
fn precision_recall_names_the_curves_with_most_queries_and_the_chance() {
    let mut rng = stream(12, &["curves"]);
    let mut ranking = |steep: f64| -> Vec<Vec<bool>> {
        let right = |rank: i32, u: f64| u < 0.04 + 0.8 * (-f64::from(rank) / steep).exp();
        (0..20).map(|_| (0..200).map(|rank| right(rank, rng.random())).collect()).collect()
    };
    let curves: Vec<Curve> = LONG[..9]
        .iter()
        .enumerate()
        .map(|(i, n)| Curve::of(n, &ranking(5.0 + 6.0 * i as f64)[i..]).unwrap())
        .collect();
    let mean = Curve::of("mean", &ranking(25.0)).unwrap();
    let figure = PrecisionRecall {
        name: "precision_recall",
        task: "mechanism of action, the query's own drug removed",
        mean: mean.clone(),
        curves,
        origin: origin(),
    };
    let seen = seen(&figure);
    assert!(seen.says(&format!("AP {:.2}, n = 20", mean.average_precision)));
    assert!(seen.says(&format!("AP {:.2}", mean.chance)) && seen.says("chance") && seen.says("others (3)"));
    assert_eq!(seen.count("polyline", "stroke", "#bebebe"), 3 + 1);
    for colour in &COLOURS[..6] {
        assert!(seen.count("polyline", "stroke", &hex(*colour)) == 2, "curve and legend");
    }
}

#[test]
fn a_retrieval_strip_says_of_each_neighbour_whether_its_mechanism_is_the_querys() {
    let drawn = |smiles: &str| depict(&Molecule::from_smiles(smiles).unwrap(), &Style::default()).unwrap();
    let drawings = [
        drawn("FC(F)(F)Oc1ccc(cc1)NN=C(C#N)C#N"),
        drawn("CC1OC(OC2CCC3(C)C(CCC4C3CC(O)C3(C)C(CCC43O)C3=CC(=O)OC3)C2)CC(O)C1O"),
        drawn("CS(C)=O"),
    ];
    let frame = |phase: f64| -> Vec<u8> {
        let cell = |x: f64, y: f64| {
            let r = ((x - 32.0).powi(2) + (y - 32.0).powi(2)).sqrt();
            (200.0
                * (1.0 - r / 30.0).max(0.0)
                * (0.6 + 0.4 * (x * 0.9 + phase).sin() * (y * 0.7 - phase).cos())) as u8
        };
        (0..64 * 64).map(|i| cell(f64::from(i % 64), f64::from(i / 64))).collect()
    };
    let frames: Vec<Vec<u8>> = (0..7).map(|i| frame(f64::from(i))).collect();
    let grey = |i: usize| Some(Frame::Grey { width: 64, height: 64, pixels: &frames[i] });
    let red: Vec<u8> = [200, 0, 0].repeat(40 * 20);
    let panel = |i: usize| Panel {
        frame: grey(i),
        width_um: Some(50.0),
        structure: Some(&drawings[i % 3]),
        compound: ["FCCP", "Digitoxin from Digitalis purpurea (natural product)", "DMSO"][i % 3].to_owned(),
        dose_um: Some([10.0, 0.316, 0.0][i % 3]),
        moa: LONG[i].to_owned(),
        place: format!("replicate {}, plate 12, B0{i}", i % 3 + 1),
        similarity: Some(0.97 - 0.04 * i as f64),
        same_moa: [Some(true), Some(false), None][i % 3],
    };
    let mut neighbours: Vec<Panel> = (1..7).map(panel).collect();
    neighbours[1].frame = Some(Frame::Rgb { width: 40, height: 20, pixels: &red });
    neighbours[3] = Panel { similarity: Some(0.5), ..Panel::default() };
    let mut query = panel(0);
    query.similarity = None;
    let figure = RetrievalStrip {
        name: "strip",
        query,
        neighbours,
        how: "Same compound left out; first frame of each video",
        origin: origin(),
    };
    let seen = seen(&figure);
    assert_eq!(seen.svg.matches("<image ").count(), 6, "a frame each but for the one without");
    for (word, count) in
        [("same MoA", 2), ("other MoA", 1), ("cannot tell", 3), ("no structure", 1), ("no picture", 1)]
    {
        assert_eq!(seen.labels.iter().filter(|label| label.text == word).count(), count, "{word}");
    }
    assert!(seen.says("query") && seen.says("10 µM") && seen.says("1. similarity 0.93"));
    assert!(seen.words().contains("Bars: 20 µm."), "{}", seen.words());
    assert!(seen.pixels([200, 0, 0]) > 10_000, "the colours of a frame stay what they are");
    assert!(seen.words().contains("2 of 3 with a known mechanism share the query's."), "{}", seen.words());

    let mut broken = figure.clone();
    broken.query.frame = Some(Frame::Grey { width: 9, height: 9, pixels: &frames[0] });
    assert!(svg(&broken).unwrap_err().to_string().contains("a frame of 9 × 9 pixels has 12288 bytes"));
}

#[test]
fn scores_stand_beside_their_bars_and_the_model_comes_first() {
    use crate::analysis::evaluate::{
        Estimate, Exclusion, Level, Metrics, Normalisation, Report, Task, Units,
    };
    use crate::analysis::split::Protocol;
    let metrics = |value: f64| Metrics {
        map: Some(Estimate { value, lo: 0.8 * value, hi: 1.2 * value }),
        ..Metrics::default()
    };
    let baselines = [
        ("chance", 0.11),
        ("mean intensity", 0.21),
        ("single frame", 0.25),
        ("structure: nearest by Tanimoto similarity of fingerprints", 0.3),
    ];
    let report = Report {
        task: Task::Moa,
        protocol: Protocol::DrugDisjoint,
        split: "query/gallery".to_owned(),
        exclusion: Exclusion::Nsc,
        normalisation: Normalisation::Raw,
        level: Level::Row,
        seed: 1,
        simulated: true,
        n_query: 114,
        n_gallery: 340,
        n_dropped: 3,
        metrics: metrics(0.42),
        baselines: baselines.iter().map(|&(name, map)| (name.to_owned(), metrics(map))).collect(),
        intervals: Units::default(),
        split_from: "seed 1".to_owned(),
        contaminated: vec!["FCCP".to_owned()],
        n_classified: 114,
        left_out: BTreeMap::new(),
        per_moa: Vec::new(),
        per_drug: Vec::new(),
        confusion: BTreeMap::new(),
        notes: Vec::new(),
    };
    let seen = seen(&Scores(&report));
    let line = |text: &str| seen.labels.iter().find(|label| label.text == text).unwrap().bounds[1];
    assert!(line("MolCLIP, video") < line("chance"));
    assert!((line("0.210 [0.168, 0.252]") - line("mean intensity")).abs() < 3.0);
    assert!(seen.words().contains("VOID: the model was trained with"), "{}", seen.words());
    assert!(seen.words().contains("3 queries had nothing to find."));
    assert_eq!(seen.count("rect", "fill-opacity", "0.400"), 4);
}
