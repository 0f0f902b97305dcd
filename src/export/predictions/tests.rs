//! Tables are read back by readers that had no part in writing them: `csv-core` for CSV, `calamine` for XLSX. Parquet
//! comes back through polars here, and by hand through pyarrow (`tests/fixtures/predictions/check.py`).

mod flagged;

use std::collections::HashMap;
use std::io::Cursor;
use std::sync::Arc;

use calamine::{Data, Reader as _, Xlsx};
use polars::prelude::{AnyValue, DataFrame, NamedFrom, ParquetReader, SerReader, Series};

use super::*;
use crate::analysis::answers::{Answers, Call, Exclude, Level, Options, Origin, Query, Subjects, Verdict};
use crate::experiment::formula::restore;
use crate::experiment::{EmbeddingTable, Experiment, Table};
use crate::learn::pipeline::Classified;
use crate::model::card::DrugClass;
use crate::progress::Progress;
use crate::random::{normal, stream};

const DIM: usize = 12;
const MOAS: [&str; 4] = ["uncoupler", "\"odd\", quoted; µ-opioid", "proteasome inhibitor", "=1+1"];

/// Four mechanisms of four compounds at two doses, six wells of two videos in two replicates, and DMSO. The low dose
/// of each compound does nothing.
fn screen(with_dmso: bool, with_moas: bool) -> (Experiment, EmbeddingTable) {
    let mut rng = stream(3, &["tables"]);
    let axes: Vec<Vec<f64>> = (0..20).map(|_| (0..DIM).map(|_| normal(&mut rng)).collect()).collect();
    let (mut text, mut doses, mut values) = (HashMap::<&str, Vec<String>>::new(), Vec::new(), Vec::new());
    let mut push = |compound: usize, dose: f64, well: usize, cell: usize| {
        let control = compound == 16;
        let moa = if control || !with_moas { "" } else { MOAS[compound / 4] };
        let cells = [
            ("row_id", format!("c{compound}_d{dose}_w{well}_{cell}")),
            ("path", "a.tif".to_owned()),
            ("plate", format!("p{}", well % 2)),
            (
                "well",
                // Names that say no place: with DMSO in one row nobody could tell a drug's row from the drug.
                format!(
                    "{}.{:02}",
                    char::from(b'A' + (compound % 16) as u8),
                    1 + well + 8 * usize::from(dose > 1.0)
                ),
            ),
            ("cell", cell.to_string()),
            ("replicate", format!("r{}", well % 2)),
            ("compound", if control { "DMSO".to_owned() } else { format!("drug {compound}, \"x\"") }),
            ("moa", moa.to_owned()),
            ("control", if control { "negative" } else { "" }.to_owned()),
        ];
        for (name, cell) in cells {
            text.entry(name).or_default().push(cell);
        }
        doses.push((!control).then_some(dose));
        let strength = if control || dose < 1.0 { 0.0 } else { 4.0 };
        for (axis, own) in axes[(compound / 4).min(3)].iter().zip(&axes[4 + compound.min(15)]) {
            values.push((strength * (axis + 0.35 * own) + normal(&mut rng)) as f32);
        }
    };
    for compound in 0..16 {
        for dose in [0.1, 10.0] {
            (0..6).for_each(|well| (0..2).for_each(|cell| push(compound, dose, well, cell)));
        }
    }
    if with_dmso {
        (0..8).for_each(|well| (0..3).for_each(|cell| push(16, 0.0, well, cell)));
    }
    let row_ids = text["row_id"].clone();
    let mut columns: Vec<polars::prelude::Column> =
        text.into_iter().map(|(name, cells)| Series::new(name.into(), cells).into()).collect();
    let rows = row_ids.len();
    columns.push(Series::new("concentration_uM".into(), doses).into());
    columns.push(Series::new("simulated".into(), vec![true; rows]).into());
    let frame = DataFrame::new(rows, columns).unwrap();
    let experiment = Experiment::new("e", "/screen", Table::from_frame(frame).unwrap()).unwrap();
    (
        experiment,
        EmbeddingTable {
            row_ids,
            dim: DIM,
            values,
            model_hash: "abc".to_owned(),
            ..EmbeddingTable::default()
        },
    )
}

fn answers(experiment: &Experiment, embeddings: &EmbeddingTable) -> Answers {
    let subjects = Arc::new(Subjects::of(experiment, embeddings));
    let raw = subjects.gather(embeddings);
    let origin = Origin {
        name: "screen".to_owned(),
        model_hash: "abc".to_owned(),
        simulated: false,
        trained_with: Some(training()),
    };
    let options = Options { permutations: 2_000, ..Options::default() };
    Answers::new(subjects, &raw, DIM, origin, None, &options, &Progress::default()).unwrap()
}

fn classified(embeddings: &EmbeddingTable) -> Classified {
    let n = embeddings.row_ids.len();
    Classified {
        row_ids: embeddings.row_ids.clone(),
        moas: ["a", "b"].map(str::to_owned).to_vec(),
        probabilities: (0..n).flat_map(|i| if i % 2 == 0 { [0.25, 0.75] } else { [0.9, 0.1] }).collect(),
        drugs: (0..n).map(|i| (i % 2 == 0).then(|| ("FCCP".to_owned(), 0.3))).collect(),
    }
}

fn training() -> Vec<DrugClass> {
    let drug = |name: &str| DrugClass {
        name: name.to_owned(),
        skeleton: String::new(),
        smiles: String::new(),
        moas: Vec::new(),
    };
    vec![drug("Drug 3 X"), drug("")]
}

fn both(experiment: &Experiment, embeddings: &EmbeddingTable) -> (Answers, Tables, Summary) {
    let answers = answers(experiment, embeddings);
    let classified = classified(embeddings);
    let warnings = [(embeddings.row_ids[0].clone(), "half the pixel size".to_owned())];
    let source = Source {
        experiment,
        classified: Some(&classified),
        warnings: &warnings,
        problems: &[],
        training: Some(&training()),
        fingerprint: "f00d",
        simulated: false,
    };
    let tables = tables(&answers, &source, &Progress::default()).unwrap();
    let summary = Summary::of(&answers, &tables, &source);
    (answers, tables, summary)
}

/// Cells as words: what every format must say alike. Numbers with all their digits.
type Cells = Vec<Vec<String>>;

fn cells(frame: &DataFrame) -> Cells {
    let header = frame.columns().iter().map(|column| column.name().to_string()).collect();
    let cell = |value: AnyValue| match value {
        AnyValue::Null => String::new(),
        AnyValue::Float64(value) => format!("{value:?}"),
        AnyValue::Int64(value) => format!("{:?}", value as f64),
        AnyValue::Boolean(value) => value.to_string(),
        other => other.str_value().into_owned(),
    };
    let row = |i: usize| frame.columns().iter().map(|column| cell(column.get(i).unwrap())).collect();
    std::iter::once(header).chain((0..frame.height()).map(row)).collect()
}

/// The reference's words for its numbers, so that 3 and 3.0 are one.
fn plain(text: &str) -> String {
    text.parse::<f64>().map_or_else(|_| text.to_owned(), |value| format!("{value:?}"))
}

fn read_csv(bytes: &[u8]) -> Cells {
    let (mut reader, mut rows) = (csv_core::Reader::new(), Vec::new());
    let (mut at, mut fields, mut ends) = (0, vec![0; 1 << 16], vec![0; 256]);
    loop {
        let (result, read, _, n) = reader.read_record(&bytes[at..], &mut fields, &mut ends);
        at += read;
        match result {
            csv_core::ReadRecordResult::Record => {
                let starts = std::iter::once(0).chain(ends[..n].iter().copied());
                let field =
                    |(from, to): (usize, &usize)| String::from_utf8(fields[from..*to].to_vec()).unwrap();
                rows.push(starts.zip(&ends[..n]).map(field).map(|text| plain(&text)).collect());
            }
            csv_core::ReadRecordResult::End => return rows,
            csv_core::ReadRecordResult::InputEmpty => {}
            other => panic!("{other:?}"),
        }
    }
}

fn read_sheet(workbook: &mut Xlsx<Cursor<Vec<u8>>>, name: &str) -> Cells {
    let range = workbook.worksheet_range(name).unwrap();
    let cell = |data: &Data| match data {
        Data::Empty => String::new(),
        Data::Float(value) => format!("{value:?}"),
        Data::Int(value) => format!("{:?}", *value as f64),
        Data::Bool(value) => value.to_string(),
        Data::String(text) => plain(text),
        other => panic!("{other:?}"),
    };
    range.rows().map(|row| row.iter().map(cell).collect()).collect()
}

#[test]
fn every_format_is_read_back_alike_by_other_readers() {
    let (experiment, embeddings) = screen(true, true);
    let (_, tables, _) = both(&experiment, &embeddings);
    let folder = tempfile::tempdir().unwrap();
    let expected = [cells(&tables.videos), cells(&tables.treatments)];
    let expected = expected.map(|table| -> Cells {
        table.iter().map(|row| row.iter().map(|cell| plain(cell)).collect()).collect()
    });
    let files = tables.write(&folder.path().join("my.screen.csv")).unwrap();
    let names: Vec<&str> = files.iter().map(|file| file.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["my.screen.csv", "my.screen.treatments.csv"]);
    for (file, expected) in files.iter().zip(&expected) {
        let cells = read_csv(&std::fs::read(file).unwrap());
        assert!(cells.iter().flatten().any(|cell| cell == "'=1+1"));
        for cell in cells.iter().flatten() {
            let runs = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
            assert!(!runs || cell.parse::<f64>().is_ok(), "a spreadsheet would run {cell}");
        }
        let restored = |row: &Vec<String>| row.iter().map(|cell| restore(cell).to_owned()).collect();
        assert_eq!(&cells.iter().map(restored).collect::<Cells>(), expected);
    }
    let files = tables.write(&folder.path().join("t.xlsx")).unwrap();
    assert_eq!(files.len(), 1);
    let mut workbook = Xlsx::new(Cursor::new(std::fs::read(&files[0]).unwrap())).unwrap();
    assert_eq!(workbook.sheet_names(), ["videos", "treatments"]);
    assert_eq!(&read_sheet(&mut workbook, "videos"), &expected[0]);
    assert_eq!(&read_sheet(&mut workbook, "treatments"), &expected[1]);
    let files = tables.write(&folder.path().join("t.parquet")).unwrap();
    for (file, expected) in files.iter().zip(&expected) {
        let frame = ParquetReader::new(std::fs::File::open(file).unwrap()).finish().unwrap();
        let found: Cells =
            cells(&frame).iter().map(|row| row.iter().map(|cell| plain(cell)).collect()).collect();
        assert_eq!(&found, expected);
    }
    if let Some(kept) = std::env::var_os("TABLES") {
        for ending in ["csv", "parquet", "xlsx"] {
            tables.write(&PathBuf::from(&kept).join(format!("t.{ending}"))).unwrap();
        }
    }
    let error = tables.write(&folder.path().join("t.txt")).unwrap_err().to_string();
    assert!(error.contains("must end in .csv, .parquet or .xlsx"), "{error}");
}

/// A table by header and row.
struct Seen {
    columns: HashMap<String, usize>,
    rows: Cells,
}

impl Seen {
    fn of(frame: &DataFrame) -> Self {
        let mut rows = cells(frame);
        let header = rows.remove(0);
        assert_eq!(
            header.iter().collect::<std::collections::HashSet<_>>().len(),
            header.len(),
            "one of each"
        );
        Self { columns: header.into_iter().zip(0..).collect(), rows }
    }

    fn text(&self, row: usize, column: &str) -> &str {
        &self.rows[row][*self.columns.get(column).unwrap_or_else(|| panic!("no column {column}"))]
    }

    fn number(&self, row: usize, column: &str) -> Option<f64> {
        Some(self.text(row, column)).filter(|text| !text.is_empty()).map(|text| text.parse().unwrap())
    }
}

#[test]
fn rows_say_what_the_answers_say_and_call_no_mechanism_of_what_is_like_dmso() {
    let (experiment, embeddings) = screen(true, true);
    let (answers, tables, summary) = both(&experiment, &embeddings);
    let seen = Seen::of(&tables.treatments);
    assert_eq!(seen.rows.len(), 32);
    let (mut named, mut inactive) = (0, 0);
    for place in 0..32 {
        let answer = answers.ask(&Query::Treatment(place), Exclude::default(), 3).unwrap();
        let activity = answers.activity(place);
        let theirs = answers.library().subjects();
        assert_eq!(seen.text(place, "compound"), format!("drug {}, \"x\"", place / 2));
        assert_eq!(seen.number(place, "concentration_uM"), Some([0.1, 10.0][place % 2]));
        assert_eq!(seen.text(place, "moa"), MOAS[place / 8]);
        let counts = ["n_videos", "n_wells", "n_replicates"].map(|name| seen.number(place, name).unwrap());
        assert_eq!(counts, [12.0, 6.0, 2.0]);
        assert_eq!(seen.number(place, "activity_mean_ap"), activity.mean_ap);
        assert_eq!(
            (seen.number(place, "activity_p"), seen.number(place, "activity_q")),
            (activity.p, activity.q)
        );
        let active = answer.call != Call::DmsoLike;
        let second = answer.moas[1].probability.filter(|_| active);
        assert_eq!(seen.number(place, "nearest_moa_probability_2"), second);
        assert_eq!(seen.number(place, "nearest_moa_similarity_3"), Some(answer.moas[2].similarity));
        assert_eq!(seen.text(place, "nearest_moa"), theirs.moas[answer.moas[0].moa]);
        assert_eq!(
            seen.number(place, "novelty_p"),
            answer.novelty.filter(|_| active).map(|novelty| novelty.p)
        );
        assert_eq!(seen.text(place, "novelty_call").is_empty(), !active);
        for (rank, drug) in answer.drugs.iter().enumerate() {
            let ending = ["", "_2", "_3"][rank];
            let name = seen.text(place, &format!("nearest_drug{ending}"));
            assert_eq!(name, theirs.compounds[drug.compound].name);
            assert_ne!(name, seen.text(place, "compound"), "never itself");
            let similarity = seen.number(place, &format!("nearest_drug_similarity{ending}")).unwrap();
            assert_eq!(similarity as f32, drug.similarity);
        }
        let mechanism = seen.text(place, "predicted_moa");
        match answer.call {
            Call::Moa(moa) => {
                named += 1;
                assert_eq!((seen.text(place, "call"), mechanism), ("mechanism", theirs.moas[moa].as_str()));
                assert_eq!(seen.number(place, "predicted_moa_probability"), answer.moas[0].probability);
            }
            Call::DmsoLike => {
                inactive += 1;
                assert_eq!(activity.verdict, Verdict::Inactive);
                assert_eq!(
                    (seen.text(place, "call"), seen.text(place, "activity_call")),
                    ("DMSO-like", "DMSO-like")
                );
                assert!(mechanism.is_empty() && seen.text(place, "predicted_moa_probability").is_empty());
            }
            _ => assert!(mechanism.is_empty()),
        }
        // Even videos 0.75 for b, odd ones 0.9 for a: the mean of 12 is 0.575 for a.
        assert_eq!(seen.text(place, "classifier_moa"), "a");
        assert_eq!(seen.number(place, "classifier_moa_probability"), Some(0.575));
        assert_eq!(seen.text(place, "compound_in_training"), (place / 2 == 3).to_string());
        assert_eq!(seen.number(place, "videos_with_scale_warning"), Some(f64::from(u8::from(place == 0))));
        assert_eq!((seen.text(place, "model_hash"), seen.text(place, "data_fingerprint")), ("abc", "f00d"));
        assert_eq!((seen.text(place, "simulated"), seen.text(place, "library")), ("true", ""));
    }
    assert!(named >= 8 && inactive >= 12, "{named} named, {inactive} inactive: the screen tests neither");

    let seen = Seen::of(&tables.videos);
    assert_eq!(seen.rows.len(), 32 * 12 + 24);
    for place in [12, 17, 300, 390] {
        let answer = answers.ask(&Query::Subject(place), Exclude::default(), 3).unwrap();
        assert_eq!(seen.text(place, "row_id"), embeddings.row_ids[place]);
        let first = answer.moas[0].probability.filter(|_| answer.call != Call::DmsoLike);
        assert_eq!(seen.number(place, "nearest_moa_probability"), first);
        assert_eq!(seen.number(place, "classifier_moa_probability"), Some([0.75, 0.9][place % 2]));
        assert_eq!(seen.text(place, "most_alike_training_drug"), ["FCCP", ""][place % 2]);
        let control = place == 390;
        assert_eq!(seen.number(place, "treatment_n_wells"), (!control).then_some(6.0));
        assert_eq!(seen.text(place, "control"), if control { "negative" } else { "" });
        assert_eq!(seen.text(place, "activity_call").is_empty(), control);
    }
    assert_eq!(seen.text(390, "call"), "DMSO-like");
    assert_eq!((seen.text(0, "scale_warning"), seen.text(1, "scale_warning")), ("half the pixel size", ""));

    assert_eq!((summary.videos, summary.treatments, summary.simulated), (408, 32, true));
    assert_eq!(summary.answering_compounds_in_training, Some(1));
    let treatments = Seen::of(&tables.treatments);
    let active = (0..32).filter(|&i| treatments.text(i, "activity_call") == "active");
    let (mut right, mut of) = ([0, 0], [0, 0]);
    for place in active {
        let new = usize::from(place / 2 != 3);
        of[new] += 1;
        let own = treatments.text(place, "moa").split(';').map(str::trim);
        right[new] += usize::from(own.into_iter().any(|moa| moa == treatments.text(place, "nearest_moa")));
    }
    let hits = [summary.known_in_training, summary.known_new];
    assert_eq!(hits.map(|hits| (hits.right, hits.of)), [(right[0], of[0]), (right[1], of[1])]);
    assert!(summary.text().contains(&format!("right for {} of {} active", right[1], of[1])));
    assert!(summary.answering_compounds >= 15, "{summary:?}");
    assert_eq!(summary.calls.values().sum::<usize>(), 32);
    assert_eq!(summary.calls["DMSO-like"], inactive);
    assert_eq!(summary.predicted_moas.values().sum::<usize>(), named);
    assert_eq!(summary.activity.values().sum::<usize>(), 32);
    let measured = answers.library().calibration(Level::Treatment).reliability.as_ref().unwrap();
    assert_eq!(summary.calibration["treatment"].ece, Some(measured.ece));
    let unseen = answers.library().calibration(Level::Treatment).unseen.as_ref().unwrap();
    let new = summary.calibration["treatment"].unseen.as_ref().unwrap();
    assert_eq!((new.compounds, new.n), (unseen.compounds, unseen.reliability.as_ref().unwrap().n));
    let seen = answers.library().answering().iter().filter(|treatment| **treatment / 2 == 3).count();
    let expected = (measured.compounds - usize::from(seen > 0), measured.n - seen);
    assert!(seen > 0 && (new.compounds, new.n) == expected, "drug 3 was trained with: {seen} {new:?}");
    assert_eq!(new.false_alarms, unseen.false_alarms.map(|rate| rate.share));
    let json = serde_json::to_value(&summary).unwrap();
    let unseen = &json["calibration"]["treatment"]["unseen"];
    assert_eq!(unseen["accuracy"].as_f64(), new.accuracy);
    assert!(summary.text().contains("on compounds that the model never saw: likeliest mechanism right for"));
    let text = summary.text();
    assert!(text.starts_with("408 videos, 32 compounds × doses, simulated\n"), "{text}");
    assert!(text.contains(&format!("{inactive} DMSO-like")) && text.contains("false alarms"), "{text}");
}

#[test]
fn what_is_undecided_is_left_empty_with_a_note() {
    let (experiment, embeddings) = screen(false, false);
    let answers = answers(&experiment, &embeddings);
    let source = Source {
        experiment: &experiment,
        classified: None,
        warnings: &[],
        problems: &[],
        training: None,
        fingerprint: "",
        simulated: false,
    };
    let tables = tables(&answers, &source, &Progress::default()).unwrap();
    let seen = Seen::of(&tables.treatments);
    for place in 0..seen.rows.len() {
        assert_eq!((seen.text(place, "activity_call"), seen.text(place, "call")), ("undecided", "undecided"));
        for column in [
            "activity_p",
            "activity_q",
            "predicted_moa",
            "nearest_moa",
            "nearest_moa_probability",
            "novelty_p",
            "novelty_call",
            "classifier_moa",
            "data_fingerprint",
            "compound_in_training",
            "moa",
        ] {
            assert_eq!(seen.text(place, column), "", "{column}");
        }
        assert!(
            seen.text(place, "note").contains("There is no DMSO to compare with"),
            "{}",
            seen.text(place, "note")
        );
        assert!(!seen.text(place, "nearest_drug").is_empty(), "drugs are near all the same");
    }
    let summary = Summary::of(&answers, &tables, &source);
    assert_eq!((summary.activity["undecided"], summary.calls["undecided"]), (32, 32));
    assert_eq!(summary.undecided.values().sum::<usize>(), 32);
    assert!(summary.text().contains("undecided, 32 ×: There is no DMSO"), "{}", summary.text());
    assert_eq!(summary.calibration["treatment"].ece, None);
    let json = serde_json::to_value(&summary).unwrap();
    assert!(json["calibration"]["treatment"]["unseen"].is_null(), "too few, which is null and not 0");
    assert_eq!(summary.answering_compounds_in_training, None, "nobody knows");
    assert!(summary.text().contains("No probabilities"), "{}", summary.text());
}

#[test]
fn a_cancelled_table_stops() {
    let (experiment, embeddings) = screen(true, true);
    let answers = answers(&experiment, &embeddings);
    let source = Source {
        experiment: &experiment,
        classified: None,
        warnings: &[],
        problems: &[],
        training: Some(&[]),
        fingerprint: "",
        simulated: true,
    };
    let progress = Progress::default();
    progress.cancel();
    assert!(matches!(tables(&answers, &source, &progress), Err(PredictionsError::Cancelled)));
}
