use std::fs;
use std::path::PathBuf;

use super::*;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/profiles")).join(name)
}

fn written(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    path
}

fn guessed(paths: &[PathBuf]) -> Profiles {
    read(paths, &Features::Guess).unwrap_or_else(|e| panic!("{e}")).expect("a table of profiles")
}

fn refused(paths: &[PathBuf], features: &Features) -> String {
    match read(paths, features) {
        Err(error) => error.to_string(),
        Ok(read) => panic!("{:?}", read.map(|profiles| profiles.features.names)),
    }
}

fn column(profiles: &Profiles, name: &str) -> Vec<String> {
    let table = &profiles.experiment.table;
    (0..table.len()).map(|row| table.text(row, name)).collect()
}

fn why(report: &Report, column: &str) -> String {
    let found = report.left_out.items.iter().find(|left| left.column == column);
    found.unwrap_or_else(|| panic!("{column} is not listed")).why.clone()
}

#[test]
fn plates_are_stacked_on_the_features_that_they_share() {
    let plates = ["plate_1.csv.gz", "plate_2.csv.gz"].map(fixture);
    let both = guessed(&plates);
    assert_eq!((both.experiment.table.len(), both.features.names.len()), (48, 10));
    assert_eq!(both.features.values.len(), 480);
    assert_eq!(why(&both.report, "Nuclei_Only_First"), "only 1 of 2 tables have it");
    assert_eq!(why(&both.report, "Nuclei_Only_Second"), "only 1 of 2 tables have it");
    assert_eq!(both.report.left_out.count, 2);
    let first = guessed(&plates[..1]);
    assert_eq!(first.features.names.len(), 11);
    for (row, values) in first.features.values.chunks_exact(11).enumerate() {
        assert_eq!(both.features.values[row * 10..(row + 1) * 10], values[..10]);
    }
    assert!((first.features.values[0] - 0.349_275).abs() < 1e-12, "the file's first number");
    // What was told of the rows: names of their own, controls, times that are kept.
    assert_eq!(both.experiment.table.row_id(25), "plate_2_A02");
    let controls = column(&both, "control");
    let count = |word: &str| controls.iter().filter(|control| *control == word).count();
    assert_eq!((count("negative"), count("positive"), count("")), (24, 2, 22));
    assert_eq!(column(&both, "Metadata_time")[3], "48");
    assert_eq!(
        (column(&both, "compound")[0].as_str(), column(&both, "moa")[0].as_str()),
        ("compound 1", "tubulin inhibitor")
    );
    assert!(both.report.missing_files.is_empty(), "profiles need no recordings");
}

#[test]
fn codes_and_doses_beside_labels_are_no_features() {
    let found = guessed(&[fixture("injury.csv.gz")]);
    assert_eq!(
        found.features.names,
        [
            "Cells_AreaShape_Area",
            "Cells_AreaShape_Eccentricity",
            "Cells_AreaShape_Solidity",
            "Cytoplasm_Intensity_MeanIntensity_Mito"
        ]
    );
    assert!(why(&found.report, "Nuclei_Class_Code").contains("stands for injury_code"));
    assert_eq!(column(&found, "Nuclei_Class_Code")[3], "6", "it is kept as a column");
    assert_eq!(column(&found, "injury_code")[3], "3");
    assert_eq!(column(&found, "concentration_uM")[..2], ["", "2.5"]);
    assert_eq!(column(&found, "control")[..4], ["negative", "", "", "positive"]);
    assert_eq!((column(&found, "plate")[0].as_str(), column(&found, "well")[0].as_str()), ("BR1", "B02"));
    // Asked for by name, a code is taken.
    let asked = Features::parse("injury_code,Cells_");
    let found = read(&[fixture("injury.csv.gz")], &asked).unwrap().unwrap();
    assert_eq!((found.features.names[0].as_str(), found.features.names.len()), ("injury_code", 4));
}

#[test]
fn controls_doses_and_cell_lines_of_lincs_are_told() {
    let found = guessed(&[fixture("lincs.csv.gz")]);
    assert_eq!(found.features.names.len(), 5);
    assert_eq!(column(&found, "control")[3..5], ["negative", ""], "{:?}", found.report.lines());
    assert!(found.report.bad_cells.is_empty());
    assert_eq!(column(&found, "concentration_uM")[3..5], ["0", "10"]);
    assert_eq!(column(&found, "cell_line")[0], "A549");
    assert_eq!(column(&found, "moa")[4], "a;b");
    assert_eq!(found.experiment.table.row_id(4), "SQ1_A05");
}

#[test]
fn missing_and_infinite_values_leave_a_feature_out_of_the_vectors_alone() {
    let folder = tempfile::tempdir().unwrap();
    let text = "Metadata_Plate,Metadata_Well,Cells_a,Cells_b,Cells_c,Cells_d,Cells_e\n\
                p,A01,1,2,inf,4,x\np,A02,1.5,,1,4,2\np,A03,,,,,\np,A04,2,NA,1,4,3\n";
    let path = written(&folder, "t.csv", text);
    let found = guessed(std::slice::from_ref(&path));
    assert_eq!(found.features.names, ["Cells_a", "Cells_b", "Cells_c", "Cells_d"]);
    assert_eq!(found.features.values[2], f64::INFINITY);
    assert!(found.features.values[5].is_nan());
    assert!(column(&found, "Cells_e").iter().any(|text| text == "x"), "a column of text belongs to the rows");
    let Imported { experiment, report } = found.into_imported();
    let table = &experiment.embeddings[PROFILE];
    assert_eq!((table.features.join(" ").as_str(), table.dim), ("Cells_a Cells_d", 2));
    assert_eq!(table.row_ids, ["p_A01", "p_A02", "p_A04"]);
    assert_eq!(table.values, [1.0, 4.0, 1.5, 4.0, 2.0, 4.0]);
    assert!(table.model_hash.starts_with("profile "));
    assert_eq!(why(&report, "Cells_b"), "it has no finite value in 2 of 3 rows");
    assert!(report.notes.iter().any(|note| note.contains("1 rows have no value") && note.contains("p_A03")));
}

#[test]
fn what_is_text_in_a_late_row_stays_a_column_of_all_tables() {
    let folder = tempfile::tempdir().unwrap();
    let head = "Metadata_Plate,Metadata_Well,Cells_a,Cells_b,Cells_c\n";
    let line = |row: usize| {
        let note = if row == 79 { "torn".to_owned() } else { row.to_string() };
        format!("p,w{row},{row}.5,{note},{}\n", row * 2)
    };
    let text = head.to_owned() + &(0..80).map(line).collect::<Vec<_>>().concat();
    let late = written(&folder, "late.csv", &text);
    let numbers = written(&folder, "numbers.csv", &format!("{head}q,A01,1,7,3\n"));
    let both = guessed(&[late, numbers]);
    assert_eq!(both.features.names, ["Cells_a", "Cells_c"]);
    assert_eq!(both.features.values[158..], [79.5, 158.0, 1.0, 3.0]);
    let kept = column(&both, "Cells_b");
    assert_eq!((kept[0].as_str(), kept[79].as_str(), kept[80].as_str()), ("0", "torn", "7"));
    assert!(why(&both.report, "Cells_b").contains("line 81 holds \"torn\", no number"));
}

#[test]
fn plates_go_by_other_names_and_rows_without_one_are_called_as_their_table() {
    let folder = tempfile::tempdir().unwrap();
    let one = written(&folder, "one.csv", "Plate_Barcode,Metadata_Well,Cells_a,Cells_b\nx,A01,1,2\n");
    let two =
        written(&folder, "two.csv", "Metadata_Plate,Metadata_Well,Cells_a,Cells_b\ny,A01,3,4\n,A02,5,6\n");
    let three = written(&folder, "three.csv", "Metadata_Well,Cells_a,Cells_b\nA01,7,8\n");
    let found = guessed(&[one, two, three]);
    assert_eq!(column(&found, "plate"), ["x", "y", "two", "three"]);
    assert_eq!(column(&found, "row_id"), ["x_A01", "y_A01", "two_A02", "three_A01"]);
    assert!(found.report.notes.iter().any(|note| note.starts_with("2 rows name no plate")));
}

#[test]
fn codes_of_many_labels_and_of_blank_ones_are_no_features() {
    let folder = tempfile::tempdir().unwrap();
    let head = "Metadata_Plate,Metadata_Well,Metadata_compound,Metadata_treated,x1,x2,area\n";
    let line = |row: usize| {
        let (compound, treated) = (row % 100, row.is_multiple_of(3));
        let word = if treated { "yes" } else { "" };
        let code = u8::from(treated);
        format!("p,w{row},c{compound},{word},{},{code},{row}.25\n", compound * 7)
    };
    let text = head.to_owned() + &(0..400).map(line).collect::<Vec<_>>().concat();
    let found = guessed(&[written(&folder, "t.csv", &text)]);
    assert_eq!(found.features.names, ["area"], "{:?}", found.report.lines());
    assert!(why(&found.report, "x1").contains("stands for Metadata_compound"));
    assert!(why(&found.report, "x2").contains("stands for Metadata_treated"));
}

#[test]
fn equal_names_are_told_apart_or_refused_at_once() {
    let started = std::time::Instant::now();
    let folder = tempfile::tempdir().unwrap();
    let many = |n: usize| vec!["Cells_a"; n].join(",");
    let path = written(&folder, "most.csv", &format!("{}\n{}\n", many(16_384), vec!["1"; 16_384].join(",")));
    let found = guessed(&[path]);
    assert_eq!((found.features.names.len(), found.features.names[1].as_str()), (16_384, "Cells_a (2)"));
    let path = written(&folder, "more.csv", &format!("{}\n", many(1_000_000)));
    let error = refused(&[path], &Features::Guess);
    assert!(error.contains("1000000 columns; at most 16384"), "{error}");
    // Counted from the first each time, these would take minutes.
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}

#[test]
fn days_and_times_of_parquet_are_no_features() {
    use polars::prelude::{DataFrame, DataType, IntoColumn, NamedFrom, ParquetWriter, Series};
    let days = Series::new("Cells_day".into(), vec![1_i32, 2, 3, 4]).cast(&DataType::Date).unwrap();
    let columns = vec![
        Series::new("Metadata_Well".into(), vec!["A01", "A02", "A03", "A04"]).into_column(),
        days.into_column(),
        Series::new("Cells_a".into(), vec![1.0, 2.0, 3.0, 4.0]).into_column(),
        Series::new("Cells_b".into(), vec![1_i64, 3, 5, 7]).into_column(),
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plate.parquet");
    let mut frame = DataFrame::new(4, columns).unwrap();
    ParquetWriter::new(fs::File::create(&path).unwrap()).finish(&mut frame).unwrap();
    let found = guessed(&[path]);
    assert_eq!(found.features.names, ["Cells_a", "Cells_b"]);
    assert!(why(&found.report, "Cells_day").contains("it holds date"));
}

#[test]
fn wells_that_are_named_twice_are_listed_and_numbered() {
    let folder = tempfile::tempdir().unwrap();
    let text = "Metadata_Plate,Metadata_Well,Cells_a,Cells_b\np,A01,1,2\np,a1,3,4\np,A02,5,6\n";
    let found = guessed(&[written(&folder, "t.csv", text)]);
    let ids = column(&found, "row_id");
    assert_eq!(ids, ["p_A01", "p_A01_2", "p_A02"]);
    let listed = found.report.duplicates.items[0].to_string();
    assert_eq!(listed, "rows 2 and 3 both have the row_id p_A01; the second is now p_A01_2");
}

#[test]
fn tables_without_plates_are_told_apart_by_their_files() {
    let folder = tempfile::tempdir().unwrap();
    let one = written(&folder, "one.csv", "Metadata_Well,x,y\nA01,1,2\nA02,2,3\n");
    let two = written(&folder, "two.tsv", "Metadata_Well\ty\tx\nA01\t5\t4\n");
    let found = guessed(&[one, two]);
    assert_eq!(column(&found, "row_id"), ["one_A01", "one_A02", "two_A01"]);
    assert_eq!(column(&found, "plate"), ["one", "one", "two"]);
    assert_eq!(found.features.values, [1.0, 2.0, 2.0, 3.0, 4.0, 5.0], "by name, not by place");
}

#[test]
fn what_is_open_is_an_error_with_candidates() {
    let folder = tempfile::tempdir().unwrap();
    let text = "Metadata_Plate,Metadata_Well,Cell_type,Time,Anaphase,Hole\np,A01,U2OS,24,0.5,0.1\np,A02,U2OS,24,0.25,0.2\n";
    let path = written(&folder, "open.csv", text);
    let error = refused(std::slice::from_ref(&path), &Features::Guess);
    assert!(
        error.contains("is open") && error.contains("--features") && error.ends_with(": Anaphase, Hole"),
        "{error}"
    );
    let chosen = read(std::slice::from_ref(&path), &Features::parse("Ana,Hole")).unwrap().unwrap();
    assert_eq!(chosen.features.names, ["Anaphase", "Hole"]);
    assert_eq!(
        (column(&chosen, "Time")[0].as_str(), column(&chosen, "cell_line")[0].as_str()),
        ("24", "U2OS")
    );
    let error = refused(std::slice::from_ref(&path), &Features::parse("Nuclei_"));
    assert!(error.contains("no numeric column is called Nuclei_"), "{error}");
    let error = none_known(&path).to_string();
    assert!(error.contains("Time, Anaphase, Hole"), "{error}");
    // A manifest of recordings is none, whatever numbers it has.
    let manifest = written(&folder, "manifest.tsv", "path\twell\tspeed\na.tif\tA1\t1\n");
    assert!(read(&[manifest], &Features::Guess).unwrap().is_none());
    let manifest = written(&folder, "videos.csv", "video,Metadata_Well,speed\na.tif,A1,1\n");
    assert!(read(&[manifest], &Features::Guess).unwrap().is_none());
}

#[test]
fn tables_that_cannot_be_used_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, text: &str| written(&folder, name, text);
    let head = "Metadata_Well,Cells_a,Cells_b\n";
    let wide = (0..1_000_000).map(|i| format!("Cells_{i}")).collect::<Vec<_>>().join(",") + ",";
    let cases = [
        (vec![at("cut.csv", &format!("{head}A01,1,2\nA02,1"))], "line 3: it has 2 cells, the header 3"),
        (vec![at("long.csv", &format!("{head}A01,1,2,3\n"))], "line 2: it has 4 cells, the header 3"),
        (vec![at("quote.csv", &format!("{head}\"A01,1,2\nA02,3,4\n\",1,2\n"))], "takes in whole rows"),
        (vec![at("wide.csv", &format!("{wide}\n"))], "1000001 columns; at most 16384"),
        (vec![at("rows.csv", head)], "a header but no rows"),
        (
            vec![
                at("a.csv", &format!("{head}A01,1,2\n")),
                at("b.csv", "Metadata_Well,Nuclei_a,Nuclei_b\nA01,1,2\n"),
            ],
            "the 2 tables share no feature: a.csv has Cells_a, Cells_b …",
        ),
        (
            vec![at("a.csv", &format!("{head}A01,1,2\n")), at("c.csv", "path,well\na.tif,A1\n")],
            "c.csv: its content: this is no table of profiles",
        ),
    ];
    for (paths, problem) in cases {
        let error = refused(&paths, &Features::Guess);
        assert!(error.contains(problem), "{problem}: {error}");
    }
    let colon = at("colon.csv", "Metadata_Well:Cells_a:Cells_b\nA01:1:2\n");
    let error = none_known(&colon).to_string();
    assert!(error.contains("the table has one column") && error.contains("separated by"), "{error}");
}

#[test]
fn a_bomb_ends_before_memory_does() {
    use std::io::Write as _;
    let folder = tempfile::tempdir().unwrap();
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(b"Metadata_Well,Cells_a,Cells_b\n").unwrap();
    for _ in 0..64 {
        packer.write_all("A01,0,0\n".repeat(1 << 16).as_bytes()).unwrap();
    }
    let path = folder.path().join("bomb.csv.gz");
    fs::write(&path, packer.finish().unwrap()).unwrap();
    let error = refused(&[path], &Features::Guess);
    assert!(error.contains("it unpacks to more than 16 MiB"), "{error}");
}

#[test]
fn more_numbers_than_the_limit_are_refused_while_they_are_read() {
    let limits = Limits { cells: 100, ..LIMITS };
    let error = read_tables(&[fixture("plate_1.csv.gz")], Vec::new(), &Features::Guess, &limits)
        .unwrap_err()
        .to_string();
    assert!(error.contains("more than 100 numbers"), "{error}");
    let limits = Limits { cells: 300, ..LIMITS };
    let both = ["plate_1.csv.gz", "plate_2.csv.gz"].map(fixture);
    let error = read_tables(&both, Vec::new(), &Features::Guess, &limits).unwrap_err().to_string();
    assert!(error.contains("the tables have 528 numbers; at most 300"), "{error}");
}

#[test]
fn a_folder_of_tables_is_one_experiment_and_others_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let plates = folder.path().join("Batch 7");
    fs::create_dir(&plates).unwrap();
    for name in ["plate_1.csv.gz", "plate_2.csv.gz"] {
        fs::copy(fixture(name), plates.join(name)).unwrap();
    }
    fs::write(plates.join("platemap.csv"), "well,compound\nA01,x\n").unwrap();
    assert_eq!(super::super::recognise(&plates), Some(Named::Profiles));
    let imported = super::super::open(&plates).unwrap();
    assert_eq!((imported.experiment.name.as_str(), imported.experiment.table.len()), ("Batch 7", 48));
    assert_eq!(imported.report.strays.items, [plates.join("platemap.csv")]);
    // Which columns of a table are features may be open: beside tables that say it, it is listed.
    let open = plates.join("a.csv");
    fs::write(&open, "Metadata_Plate,Kind,Hole\np,x,1\np,y,2\n").unwrap();
    let imported = super::super::open(&plates).unwrap();
    assert_eq!((imported.experiment.table.len(), &imported.report.strays.items[0]), (48, &open));
    let tables = ["plate_1.csv.gz", "plate_2.csv.gz"].map(|name| plates.join(name));
    assert!(are_profiles(&tables) && are_profiles(std::slice::from_ref(&plates)));
    assert!(!are_profiles(&[tables[0].clone(), plates.join("platemap.csv")]));
    assert!(!are_profiles(&[tables[0].clone(), open.clone()]));
    fs::remove_file(open).unwrap();
    // Frames with such a table beside them are a recording still.
    for frame in 0..4 {
        fs::write(plates.join(format!("frame_{frame}.tif")), "II").unwrap();
    }
    assert_eq!(super::super::recognise(&plates), None);
}

#[test]
fn text_and_parquet_say_the_same() {
    use polars::prelude::{DataFrame, IntoColumn, NamedFrom, ParquetWriter, Series};
    let text = guessed(&[fixture("plate_1.csv.gz")]);
    let mut columns = vec![
        Series::new("Metadata_Plate".into(), vec!["plate_1"; 24]).into_column(),
        Series::new("Metadata_Well".into(), column(&text, "well")).into_column(),
        Series::new("Cells_Label".into(), vec!["x"; 24]).into_column(),
    ];
    for (place, name) in text.features.names.iter().enumerate() {
        let values: Vec<f64> = text.features.column(place).collect();
        columns.push(Series::new(name.as_str().into(), values).into_column());
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plate.parquet");
    let mut frame = DataFrame::new(24, columns).unwrap();
    ParquetWriter::new(fs::File::create(&path).unwrap()).finish(&mut frame).unwrap();
    let parquet = guessed(&[path]);
    assert_eq!(parquet.features, text.features);
    assert_eq!(column(&parquet, "row_id"), column(&text, "row_id"));
    assert_eq!(column(&parquet, "Cells_Label")[0], "x");
}

#[test]
fn encodings_decimal_commas_and_features_alone() {
    let folder = tempfile::tempdir().unwrap();
    let german = written(
        &folder,
        "g.csv",
        "Metadata_Plate;Metadata_Well;Cells_a;Cells_b\np;A01;0,5;1,25\np;A02;1;2,5e-3\n",
    );
    assert_eq!(guessed(&[german]).features.values, [0.5, 1.25, 1.0, 0.0025]);
    let text = "Metadata_Well,Cells_a,Cells_b\nA01,1,2\n";
    let wide: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let path = folder.path().join("w.csv");
    fs::write(&path, wide).unwrap();
    assert_eq!(guessed(&[path]).features.values, [1.0, 2.0]);
    let path = folder.path().join("l.csv");
    fs::write(&path, b"Metadata_Well,Metadata_dose_\xb5M,Cells_a,Cells_b\nA01,5,1,2\n").unwrap();
    let found = guessed(&[path]);
    assert_eq!((column(&found, "concentration_uM")[0].as_str(), found.features.values[1]), ("5", 2.0));
    let alone = guessed(&[written(&folder, "alone.csv", "Cells_a,Cells_b\n1,2\n3,4\n")]);
    assert_eq!(column(&alone, "row_id"), ["alone_row2", "alone_row3"]);
}

/// Damage of one table: bytes changed, left out, doubled, cut.
pub(in super::super) fn mutated(bytes: &[u8], random: &mut rand_pcg::Pcg64) -> Vec<u8> {
    use rand::RngExt as _;
    let mut bytes = bytes.to_vec();
    for _ in 0..random.random_range(1..4) {
        if bytes.is_empty() {
            break;
        }
        let at = random.random_range(0..bytes.len());
        let end = (at + random.random_range(1..64)).min(bytes.len());
        match random.random_range(0..5) {
            0 => bytes[at] ^= 1 << random.random_range(0..8),
            1 => bytes[at] = b",;\n\"\t0-"[random.random_range(0..7)],
            2 => bytes.truncate(at),
            3 => {
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            _ => drop(bytes.drain(at..end)),
        }
    }
    bytes
}

#[test]
fn damaged_tables_are_an_error_or_an_experiment() {
    let folder = tempfile::tempdir().unwrap();
    let packed = fs::read(fixture("injury.csv.gz")).unwrap();
    let text = super::super::gzip::unpack(&fixture("injury.csv.gz"), &packed, 1 << 20).unwrap();
    let mut random = crate::random::stream(5, &["damaged profiles"]);
    let mut whole = 0;
    for round in 0..400 {
        let (name, bytes) = if round % 2 == 0 { ("m.csv", &text) } else { ("m.csv.gz", &packed) };
        let path = folder.path().join(name);
        fs::write(&path, mutated(bytes, &mut random)).unwrap();
        match super::super::open(&path) {
            Ok(Imported { experiment, .. }) => {
                whole += 1;
                for table in experiment.embeddings.values() {
                    assert_eq!(table.values.len(), table.row_ids.len() * table.dim);
                    assert_eq!(table.features.len(), table.dim);
                    assert!(table.values.iter().all(|value| value.is_finite()));
                }
            }
            Err(error) => assert!(error.to_string().contains("m.csv"), "{error}"),
        }
    }
    assert!((20..400).contains(&whole), "{whole} of 400 were read");
}

#[test]
fn damaged_parquet_is_an_error_or_an_experiment() {
    use polars::prelude::{DataFrame, IntoColumn, NamedFrom, ParquetWriter, Series};
    let wells: Vec<String> = (1..25).map(|well| format!("A{well:02}")).collect();
    let mut columns = vec![
        Series::new("Metadata_Plate".into(), vec!["p"; 24]).into_column(),
        Series::new("Metadata_Well".into(), wells).into_column(),
    ];
    for feature in 0..4_usize {
        let values: Vec<f64> = (0..24_usize).map(|row| (row * (feature + 3) % 7) as f64).collect();
        columns.push(Series::new(format!("Cells_{feature}").into(), values).into_column());
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.parquet");
    let mut frame = DataFrame::new(24, columns).unwrap();
    ParquetWriter::new(fs::File::create(&path).unwrap()).finish(&mut frame).unwrap();
    let whole = fs::read(&path).unwrap();
    let mut random = crate::random::stream(6, &["damaged profiles", "parquet"]);
    let mut read = 0;
    for _ in 0..300 {
        fs::write(&path, mutated(&whole, &mut random)).unwrap();
        match super::super::open(&path) {
            Ok(Imported { experiment, .. }) => {
                read += 1;
                for table in experiment.embeddings.values() {
                    assert_eq!(table.values.len(), table.row_ids.len() * table.dim);
                    assert!(table.values.iter().all(|value| value.is_finite()));
                }
            }
            Err(error) => assert!(error.to_string().contains("m.parquet"), "{error}"),
        }
    }
    assert!(read < 300, "none was refused");
}
