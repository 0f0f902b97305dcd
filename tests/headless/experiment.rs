//! Experiments: import of manifests, plate maps and Mito datasets.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use molclip::experiment::import::{
    self, Filled, Imported, Limits, Named, Source, Target, apply, guess, guess_key, join, mito_dataset,
    plate_map,
};
use molclip::experiment::{Experiment, Kind, Table, view};
use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/experiment").join(name)
}

fn opened(path: &Path) -> Imported {
    import::open(path).unwrap_or_else(|e| panic!("{e}"))
}

fn written(folder: &tempfile::TempDir, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

fn column(experiment: &Experiment, name: &str) -> Vec<String> {
    (0..experiment.table.len()).map(|row| experiment.table.text(row, name)).collect()
}

#[test]
fn the_manifest_of_real_recordings_imports_and_says_what_is_missing() {
    let Imported { experiment, report } = opened(&fixture("real_experiment.csv"));
    assert_eq!(column(&experiment, "row_id"), ["hela-latB", "hela-ck666", "hela-y27632", "yeast-4d"]);
    assert_eq!(column(&experiment, "concentration_uM"), ["1", "85", "20", ""]);
    assert_eq!(experiment.table.number(3, "interval_s"), Some(4.536));
    let address = experiment.address(1).unwrap();
    assert!(
        address.to_string().ends_with("pearling_Movie28_Actin_inhibitors.gif#xywh=430,100,250,225"),
        "{address}"
    );
    let drug = &experiment.perturbations(2)[0];
    assert_eq!((drug.compound.as_deref(), drug.concentration_um), (Some("Y-27632"), Some(20.0)));
    assert!(experiment.perturbations(3).is_empty());
    assert!(!experiment.is_simulated(0));
    assert_eq!((report.rows, report.missing_files.count, report.bad_cells.count), (4, 4, 0));
    assert!(
        report.lines()[0].starts_with("4 recordings not found or not readable, e.g. row 1 (hela-latB): ")
    );
}

/// The recordings themselves: only where `MOLCLIP_DATA` names their folder.
#[test]
fn the_real_recordings_open_through_their_rows() {
    let Some(data) = std::env::var_os("MOLCLIP_DATA") else { return };
    let Imported { experiment, report } = opened(&Path::new(&data).join("video/real_experiment.csv"));
    assert!(report.is_clean(), "{:?}", report.lines());
    for row in 0..experiment.table.len() {
        let address = experiment.address(row).unwrap();
        let recording = molclip::video::Recording::open(&address, molclip::video::Limits::default()).unwrap();
        if let Some(crop) = address.crop {
            assert_eq!((recording.shape().x, recording.shape().y), (crop.width, crop.height));
        }
    }
}

#[test]
fn a_workbook_s_sheet_is_read_with_what_excel_did_to_it() {
    let path = fixture("manifest.xlsx");
    let source = Source::read_sheet(&path, Some("wells"), &Limits::default()).unwrap();
    assert_eq!(source.sheets, ["Read me", "Wells"]);
    assert_eq!(source.notes, ["Row 5, column Z: \"a remark\" to the right of the header; left out."]);
    let mapping = guess(&source);
    let targets: Vec<Target> = mapping.columns.iter().map(|column| column.target).collect();
    assert_eq!(
        targets,
        [
            Target::Standard("path"),
            Target::Standard("well"),
            Target::Standard("concentration_uM"),
            Target::Standard("simulated"),
            Target::Standard("moa"),
            Target::Standard("plate"),
            Target::Free(Kind::Number),
        ]
    );
    assert!(mapping.columns[2].reason.contains("nM are converted into µM"), "{}", mapping.columns[2].reason);
    let Imported { experiment, report } = apply(&source, &mapping).unwrap();
    assert_eq!(column(&experiment, "well"), ["A01", "", "B12"]);
    assert_eq!(column(&experiment, "concentration_uM"), ["0.5", "", ""]);
    assert_eq!(column(&experiment, "moa"), ["x;y", "", ""]);
    assert_eq!(column(&experiment, "plate"), ["0012345", "0012345", "0012346"]);
    assert_eq!(column(&experiment, "simulated"), ["false", "false", "true"]);
    assert_eq!(experiment.table.column("temperature_C").unwrap().unit.as_deref(), Some("°C"));
    let bad: Vec<String> = report.bad_cells.items.iter().map(ToString::to_string).collect();
    assert_eq!(bad.len(), 3, "{bad:?}");
    assert!(bad[0].starts_with("row 5, column Well Position: \"2024-12-01\": it is a date"), "{}", bad[0]);
    assert!(bad[1].starts_with("row 5, column Conc (nM): \"<5\": it is a bound"), "{}", bad[1]);
    assert!(bad[2].starts_with("row 6, column moa: \"#DIV/0!\""), "{}", bad[2]);
    let error = Source::read_sheet(&path, Some("Plates"), &Limits::default()).unwrap_err().to_string();
    assert!(error.contains("sheet Plates") && error.contains("Choose one of: Read me, Wells."), "{error}");
}

#[test]
fn a_cell_in_the_last_corner_costs_nothing() {
    let start = Instant::now();
    let error = Source::read(&fixture("far_cell.xlsx")).unwrap_err().to_string();
    assert!(error.contains("no rows"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[test]
fn parquet_keeps_its_types_and_leaves_lists_out_with_a_note() {
    let Imported { experiment, report } = opened(&fixture("manifest.parquet"));
    let table = &experiment.table;
    assert_eq!(column(&experiment, "compound"), ["DMSO", "FCCP", "DMSO"]);
    assert_eq!([0, 1, 2].map(|row| table.number(row, "concentration_uM")), [None, Some(0.5), None]);
    assert_eq!(column(&experiment, "replicate"), ["1", "2", ""]);
    assert_eq!(column(&experiment, "imaged"), ["2024-05-17", "", "2024-05-18"]);
    assert_eq!(column(&experiment, "label"), ["007", "008", ""]);
    assert_eq!(table.column("code").unwrap().kind, Kind::Text, "text that looks like numbers stays text");
    assert!(experiment.is_simulated(0) && !experiment.is_simulated(2));
    assert!(table.column("embedding").is_none());
    assert_eq!(table.column("tiny").unwrap().kind, Kind::Integer, "8 bits are a number too");
    assert_eq!(report.notes, ["Column embedding was left out: it holds list[f64]."]);
    assert_eq!(report.missing_files.count, 3, "one row names no recording");
}

#[test]
fn parquet_is_read_in_every_flavour() {
    let files = [
        "snappy_dictionary",
        "plain_v2",
        "brotli_nested",
        "lz4_pages",
        "delta_zstd",
        "delta_gzip",
        "delta_snappy",
        "decimal",
    ];
    for name in files {
        let Imported { experiment, report } =
            opened(&fixture("parquet").join(name).with_extension("parquet"));
        let table = &experiment.table;
        assert_eq!(table.len(), 40, "{name}");
        for row in [0, 1, 7, 16, 39] {
            let text = |column| table.text(row, column);
            let optional = |is_there: bool, text: String| if is_there { text } else { String::new() };
            assert_eq!(table.row_id(row), format!("row {row}"), "{name}");
            assert_eq!(text("path"), optional(row % 7 > 0, format!("plate/field {row}.tif")), "{name} {row}");
            assert_eq!(text("compound"), ["DMSO", "FCCP", "", "Ω"][row % 4], "{name} {row}");
            let dose = (row % 5 > 0).then_some(row as f64 / 8.0);
            assert_eq!(table.number(row, "concentration_uM"), dose, "{name} {row}");
            assert_eq!(text("replicate"), (1 + row % 3).to_string(), "{name} {row}");
            assert_eq!(experiment.is_simulated(row), row % 2 == 0, "{name} {row}");
            assert_eq!(text("count"), optional(row % 3 > 0, row.to_string()), "{name} {row}");
        }
        let left_out: &[&str] = match name {
            "brotli_nested" => &[
                "Column embedding was left out: it holds list[f32].",
                "Column point was left out: it holds structures.",
            ],
            _ => &[],
        };
        assert_eq!(report.notes, left_out, "{name}");
        assert!(report.bad_cells.is_empty(), "{name}");
    }
    let error = import::open(&fixture("parquet/empty.parquet")).unwrap_err().to_string();
    assert!(error.contains("a header but no rows"), "{error}");
}

#[test]
fn a_table_survives_csv_and_parquet() {
    let folder = tempfile::tempdir().unwrap();
    let text = "row_id,path,well,concentration_uM,compound,moa,simulated,note,score,speed (µm/s),n\n\
                a,v/a.tif,A1,0.30000000000000004,\"x, \"\"y\"\"\nz\",p;q,true,seen,1e-9,0.5,1\n\
                b,v/b.tif,,,,,,,,,\n\
                c,v/c.tif,AF48,1e21,Ω,,false,,-2.5,1,-3\n";
    let first =
        opened(&written(&folder, "first.csv", text)).experiment.table.exclude(&[2], "blurred").unwrap();
    for name in ["again.csv", "again.parquet"] {
        let mut bytes = Vec::new();
        if name.ends_with("csv") { first.write_csv(&mut bytes) } else { first.write_parquet(&mut bytes) }
            .unwrap();
        let Imported { experiment, report } = opened(&written(&folder, name, bytes));
        assert!(
            experiment.table.frame().equals_missing(first.frame()),
            "{name}: {}",
            experiment.table.frame()
        );
        assert_eq!(experiment.table.columns(), first.columns());
        assert!(report.bad_cells.is_empty() && report.notes.is_empty());
        assert!(experiment.table.is_excluded(2));
    }
}

#[test]
fn a_german_spreadsheet_and_a_profile_table_are_understood() {
    let folder = tempfile::tempdir().unwrap();
    let german =
        b"Video;Well;Konz (\xb5M);Dose [nM];Medikament\r\na.tif;A1;x;0,5;Taxol\r\nb.tif;A2;y;12,25;DMSO\r\n";
    let path = written(&folder, "german.csv", german);
    let source = Source::read(&path).unwrap();
    assert_eq!(source.header()[2], "Konz (µM)");
    let Imported { experiment, report } = apply(&source, &guess(&source)).unwrap();
    assert_eq!(column(&experiment, "concentration_uM"), ["0.0005", "0.01225"]);
    assert_eq!(column(&experiment, "path"), ["a.tif", "b.tif"]);
    assert!(report.notes[0].contains("windows-1252"));

    let profile = ",Metadata_Plate,Metadata_Well,Metadata_pert_iname,Metadata_mmoles_per_liter,Metadata_moa,\
                   Metadata_control_type,Metadata_smiles,Metadata_Site,Cells_AreaShape_Area\n\
                   0,BR1,A01,DMSO,0,,negcon,CS(C)=O,1,0.5\n\
                   1,BR1,A02,FCCP,0.01,uncoupler|ionophore,trt,N#CC(C#N)=NNc1ccc(OC(F)(F)F)cc1,1,-1.5\n";
    let path = written(&folder, "profile.csv", profile);
    let source = Source::read(&path).unwrap();
    let mapping = guess(&source);
    assert_eq!(mapping.columns[0].target, Target::Skip);
    let experiment = apply(&source, &mapping).unwrap().experiment;
    for (name, values) in [
        ("plate", ["BR1", "BR1"]),
        ("well", ["A01", "A02"]),
        ("compound", ["DMSO", "FCCP"]),
        ("concentration_uM", ["0", "10"]),
        ("moa", ["", "uncoupler;ionophore"]),
        ("control", ["negative", ""]),
        ("site", ["1", "1"]),
        ("Cells_AreaShape_Area", ["0.5", "-1.5"]),
    ] {
        assert_eq!(column(&experiment, name), values, "{name}");
    }
    assert!(mapping.columns.iter().all(|column| !column.reason.is_empty()));
}

#[test]
fn a_choice_by_hand_replaces_the_guess() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(&folder, "m.csv", "file,drug,dose,other_nM\na.tif,x,1,500\nb.tif,y,2,250\n");
    let source = Source::read(&path).unwrap();
    let mut mapping = guess(&source);
    assert_eq!(mapping.source_of("concentration_uM"), Some(2));
    assert!(mapping.columns[2].reason.contains("no unit is given"), "{}", mapping.columns[2].reason);
    mapping.choose(&source, 3, Target::Standard("concentration_uM"));
    mapping.choose(&source, 1, Target::Skip);
    let experiment = apply(&source, &mapping).unwrap().experiment;
    assert_eq!(column(&experiment, "concentration_uM"), ["0.5", "0.25"]);
    assert_eq!(column(&experiment, "dose"), ["1", "2"], "the former choice is kept as a free column");
    assert_eq!(column(&experiment, "compound"), ["", ""]);
    assert!(experiment.table.column("drug").is_none());
}

#[test]
fn nothing_is_dropped_and_twins_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let text = "row_id,path,crop_x\na,a.tif,\n,b.tif,x\na,c.tif,-1\na_2,d.tif,1.5\na,e.tif,7\n";
    let Imported { experiment, report } = opened(&written(&folder, "m.csv", text));
    assert_eq!(column(&experiment, "row_id"), ["a", "row2", "a_3", "a_2", "a_4"]);
    let twins: Vec<String> = report.duplicates.items.iter().map(ToString::to_string).collect();
    assert_eq!(
        twins,
        [
            "rows 2 and 4 both have the row_id a; the second is now a_3",
            "rows 2 and 6 both have the row_id a; the second is now a_4"
        ]
    );
    assert_eq!(column(&experiment, "crop_x"), ["", "", "", "", "7"]);
    let places: Vec<usize> = report.bad_cells.items.iter().map(|cell| cell.place).collect();
    assert_eq!(places, [3, 4, 5]);
    assert_eq!(report.missing_files.count, 5, "an incomplete crop is an error of its row");
    assert!(report.missing_files.items[4].why.contains("crop"));
}

#[test]
fn what_is_no_table_says_so_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes, problem) in [
        ("empty.csv", &b""[..], "the file is empty"),
        ("blank.csv", b"\n\n  \n", "no header"),
        ("header.csv", b"path,well\n", "no rows"),
        ("unnamed.csv", b",,\n1,2,3\n", "no rows"),
        ("picture.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", "no table"),
        ("old.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "before 2007"),
        ("packed.csv.gz", b"\x1f\x8b\x08\0\0\0", "gzip"),
        ("zip.xlsx", b"PK\x03\x04", "zip archive"),
        ("cut.parquet", b"PAR1\x15\x04", "Parquet"),
    ] {
        let error = import::open(&written(&folder, name, bytes)).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains(problem), "{error}");
        assert!(
            error.ends_with('.') && error.matches(": ").count() >= 2,
            "file, place, problem, remedy: {error}"
        );
    }
    let missing = import::open(&folder.path().join("nowhere.csv")).unwrap_err().to_string();
    assert!(missing.contains("Check the path"), "{missing}");
    let error = import::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("no experiment"), "{error}");
}

#[test]
fn a_folder_with_a_manifest_is_an_experiment() {
    let folder = tempfile::tempdir().unwrap();
    let screen = folder.path().join("Pilot screen");
    fs::create_dir(&screen).unwrap();
    assert_eq!(import::recognise(&screen), None);
    fs::copy(fixture("manifest.parquet"), screen.join("manifest.parquet")).unwrap();
    assert_eq!(import::recognise(&screen), Some(Named::Manifest));
    let first = opened(&screen);
    assert_eq!((first.experiment.name.as_str(), first.experiment.root.as_path()), ("Pilot screen", &*screen));
    assert_eq!(column(&first.experiment, "row_id"), ["p1", "p2", "p3"]);
    fs::write(screen.join("manifest.csv"), "row_id,path\nc1,c.tif\n").unwrap();
    let second = opened(&screen);
    assert_eq!(column(&second.experiment, "row_id"), ["c1"]);
    let note = second.report.notes.last().unwrap();
    assert!(note.contains("several manifests") && note.ends_with("manifest.csv was read."), "{note}");
    assert_eq!(import::manifest_in(&screen), Some(screen.join("manifest.csv")));
}

#[test]
#[cfg(unix)]
fn a_pipe_is_no_table_and_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["manifest.csv", "structures.smi.csv"] {
        let pipe = folder.path().join(name);
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let (send, answer) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let structures = import::structures::read(&pipe).is_ok_and(|source| source.is_some());
            let error = import::open(&pipe).map_or_else(|e| e.to_string(), |_| "it was read".to_owned());
            send.send((error, structures))
        });
        let answer = answer.recv_timeout(Duration::from_secs(20));
        let (error, structures) = answer.expect("the pipe is waited for");
        assert!(error.contains(name) && error.contains("pipe"), "{error}");
        assert!(!structures, "no table of structures");
    }
    assert_eq!(import::recognise(folder.path()), None, "nor is its folder an experiment");
}

#[test]
fn rows_that_a_quotation_mark_takes_in_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let rows = |range: std::ops::Range<usize>| {
        range.map(|i| format!("r{i},v/{i}.tif,DMSO\n")).collect::<Vec<_>>().concat()
    };
    let text = format!("row_id,path,compound\n{}r9,\"v/9.tif,DMSO\n{}", rows(1..9), rows(10..40));
    let error = import::open(&written(&folder, "open.csv", &text)).unwrap_err().to_string();
    assert!(error.contains("open.csv: line 10: ") && error.contains("nothing closes it"), "{error}");
    let closed = text.replace("r38,v/38.tif", "r38,v/38.tif\"");
    let error = import::open(&written(&folder, "closed.csv", closed)).unwrap_err().to_string();
    assert!(error.contains("closed.csv: line 10: ") && error.contains("28 whole rows"), "{error}");
}

#[test]
fn a_crop_that_cannot_be_read_is_not_the_whole_picture() {
    let folder = tempfile::tempdir().unwrap();
    let text = "path,crop_x,crop_y,crop_width,crop_height\n\
                a.tif,1,2,3,4\nb.tif,,,,\nc.tif,x,-1,0,1.5\nd.tif,1,2,three,4\n";
    let Imported { experiment, report } = opened(&written(&folder, "m.csv", text));
    assert!(experiment.address(0).unwrap().crop.is_some());
    assert!(experiment.address(1).unwrap().crop.is_none());
    assert_eq!([0, 1, 2, 3].map(|row| experiment.table.is_excluded(row)), [false, false, true, false]);
    assert_eq!(experiment.table.text(2, "excluded"), "the crop cannot be read");
    assert!(experiment.address(3).unwrap_err().to_string().contains("a part of the crop is missing"));
    assert_eq!(report.notes, ["1 rows are excluded: their crops cannot be read."]);
    assert_eq!(report.bad_cells.count, 5);
}

/// What is wrong with single cells is named where there is no window.
#[test]
fn the_command_line_names_what_was_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<String> = (0..12).map(|i| format!("v{i}.tif,<{i},extra{i}\n")).collect();
    let table = written(&folder, "m.csv", format!("path,Dose (nM)\n{}", rows.concat()));
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_molclip"))
        .arg("evaluate")
        .arg(&table)
        .args(["--protocol", "mito", "--compute", "cpu", "--model"])
        .arg(folder.path().join("no model"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    for line in [
        "Line 2 has 3 cells, the header 2; left out: extra0.",
        "12 cells left empty:",
        "  row 2, column Dose (nM): \"<0\": it is a bound, not a value",
        "  row 11, column Dose (nM): \"<9\": it is a bound, not a value",
        "  … and 2 more",
        "12 recordings not found or not readable:",
    ] {
        assert!(said.lines().any(|said| said == line), "{line}: {said}");
    }
    assert!(!said.contains("\"<10\"") && output.stdout.is_empty(), "{said}");
}

#[test]
fn limits_hold_against_files_that_swell() {
    let small = Limits { bytes: 1 << 20, rows: 1000, columns: 50, cell: 1000, cells: 5000 };
    let read =
        |bytes: Vec<u8>| Source::from_bytes(Path::new("t"), bytes, None, &small).unwrap_err().to_string();
    assert!(read(format!("a\n{}", "1\n".repeat(1001)).into_bytes()).contains("more than 1000 rows"));
    assert!(read(format!("a\n{}", "x".repeat(1001)).into_bytes()).contains("a cell of 1001 bytes"));
    assert!(read(",a".repeat(51).into_bytes()).contains("columns"));
    assert!(read(vec![b'x'; (1 << 20) + 1]).contains("larger than 1 MiB"));
    let wide = format!("{}\n{}", "a,".repeat(40), format!("{}\n", "1,".repeat(40)).repeat(200));
    assert!(read(wide.into_bytes()).contains("more than 5000 cells"));
    // 64 MiB of spaces in a few KiB.
    let mut bomb = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    bomb.start_file("xl/workbook.xml", zip::write::SimpleFileOptions::default()).unwrap();
    for _ in 0..64 {
        std::io::Write::write_all(&mut bomb, &vec![b' '; 1 << 20]).unwrap();
    }
    let bomb = bomb.finish().unwrap().into_inner();
    assert!(read(bomb.clone()).contains("unpack to more than 1 MiB"));
    // Nor by the usual limits, which are wider: no table packs so well.
    let error = Source::from_bytes(Path::new("t"), bomb, None, &Limits::default()).unwrap_err().to_string();
    assert!(
        error.contains("part xl/workbook.xml") && error.contains("unpack to more than 16 MiB"),
        "{error}"
    );
}

/// A workbook with one column, `path`, of so many cells with the same text.
fn one_text(length: usize, cells: u32) -> Vec<u8> {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    sheet.write_string(0, 0, "path").unwrap();
    let text = "µ".repeat(length / 2);
    for row in 0..cells {
        sheet.write_string(row + 1, 0, &text).unwrap();
    }
    book.save_to_buffer().unwrap()
}

#[test]
fn a_shared_text_is_counted_in_every_cell_that_shows_it() {
    let read = |bytes: Vec<u8>, limits: &Limits| Source::from_bytes(Path::new("t.xlsx"), bytes, None, limits);
    let small = one_text(2000, 100);
    assert_eq!(read(small.clone(), &Limits::default()).unwrap().len(), 100);
    let limits = Limits { bytes: 100_000, ..Limits::default() };
    let error = read(small.clone(), &limits).unwrap_err().to_string();
    assert!(error.contains("row 51: the sheet is too large"), "{error}");
    let limits = Limits { cell: 1999, ..Limits::default() };
    let error = read(small, &limits).unwrap_err().to_string();
    assert!(error.contains("sheet Sheet1, cell A2: a text of 2000 bytes"), "{error}");
    // 300 MB in 50 kB, within the usual limits but for how well it packs.
    let bomb = one_text(32_000, 10_000);
    assert!(bomb.len() < 200_000, "{}", bomb.len());
    let error = read(bomb, &Limits::default()).unwrap_err().to_string();
    assert!(error.contains("the sheet is too large") && error.contains("63 MiB of text"), "{error}");
}

#[test]
fn a_workbook_that_declares_more_texts_than_it_has_is_refused() {
    let book = one_text(20, 3);
    let declare = |count: &str| {
        rewritten(&book, |name, bytes| {
            if !name.ends_with("sharedStrings.xml") {
                return bytes;
            }
            let text = String::from_utf8(bytes).unwrap();
            let start = text.find("uniqueCount=\"").unwrap() + "uniqueCount=\"".len();
            let end = start + text[start..].find('"').unwrap();
            format!("{}{count}{}", &text[..start], &text[end..]).into_bytes()
        })
    };
    let read = |bytes| Source::from_bytes(Path::new("t.xlsx"), bytes, None, &Limits::default());
    assert!(read(declare("9")).is_ok());
    let error = read(declare("1000000000000")).unwrap_err().to_string();
    assert!(error.contains("sharedStrings.xml: it declares 1000000000000 texts"), "{error}");
}

fn screen(rows: &[(&str, &str)]) -> Table {
    let rows = rows.iter().enumerate().map(|(i, (plate, well))| format!("r{i},{plate},{well}"));
    let text = format!("row_id,plate,well\n{}\n", rows.collect::<Vec<_>>().join("\n"));
    let folder = tempfile::tempdir().unwrap();
    opened(&written(&folder, "screen.csv", text)).experiment.table
}

#[test]
fn a_plate_map_joins_by_plate_and_well_and_lists_both_sides_left_overs() {
    let folder = tempfile::tempdir().unwrap();
    let table = screen(&[("P1", "A1"), ("P1", "B2"), ("P2", "A1"), ("P2", "H12"), ("P2", "")]);
    let text = "Plate,Well,Drug,Dose_nM\np1,a01,FCCP,500\nP1,B02,DMSO,x\nP2,A1,CCCP,1000\nP3,A1,none,1\nP1,A1,twice,1\n";
    let map = plate_map::read(&written(&folder, "map.csv", text), None).unwrap();
    let mapping = guess(&map);
    let key = guess_key(&table, &map, &mapping).unwrap();
    assert_eq!(key.iter().map(|part| part.table.as_str()).collect::<Vec<_>>(), ["plate", "well"]);
    let (joined, report) = join(&table, None, &map, &mapping, &key, Filled::Keep).unwrap();
    let text = |row, column| joined.text(row, column);
    assert_eq!([0, 1, 2, 3, 4].map(|row| text(row, "compound")), ["FCCP", "DMSO", "CCCP", "", ""]);
    assert_eq!([0, 1, 2].map(|row| text(row, "concentration_uM")), ["0.5", "", "1"]);
    assert_eq!(text(0, "well"), "A01", "the key stays");
    assert_eq!(report.what, "map.csv by plate and well");
    assert_eq!(report.matched, 3);
    assert_eq!(report.missing.items, [("(empty)".to_owned(), 1), ("p2 H12".to_owned(), 1)]);
    assert_eq!(report.unused.items, [("p3 A01".to_owned(), 5)]);
    assert_eq!(report.repeated.items, [("p1 A01".to_owned(), 2, 6)]);
    assert_eq!(report.bad_cells.items[0].value, "x");

    let changed = joined.set(&[0], "compound", "mine").unwrap();
    let (kept, report) = join(&changed, None, &map, &mapping, &key, Filled::Keep).unwrap();
    assert_eq!((kept.text(0, "compound").as_str(), report.conflicts.count), ("mine", 1));
    let (over, report) = join(&changed, None, &map, &mapping, &key, Filled::Overwrite).unwrap();
    assert_eq!((over.text(0, "compound").as_str(), report.conflicts.count), ("FCCP", 1));
}

#[test]
fn a_sheet_in_the_shape_of_a_plate_is_a_plate_map() {
    let table = screen(&[("P1", "B1"), ("P1", "B02"), ("P1", "G12"), ("P1", "A1")]);
    let mut joined = table;
    for sheet in ["compound", "concentration_uM"] {
        let map = plate_map::read(&fixture("plate.xlsx"), Some(sheet)).unwrap();
        assert_eq!(map.header(), ["well", sheet]);
        let mapping = guess(&map);
        let key = guess_key(&joined, &map, &mapping).unwrap();
        let (next, report) = join(&joined, None, &map, &mapping, &key, Filled::Keep).unwrap();
        assert_eq!(report.missing.items[0].0, "A01");
        assert_eq!(report.unused.count, map.len() - report.matched);
        joined = next;
    }
    assert_eq!([0, 1, 2, 3].map(|row| joined.text(row, "compound")), ["DMSO", "drug 1", "DMSO", ""]);
    assert_eq!([0, 1, 2, 3].map(|row| joined.text(row, "concentration_uM")), ["", "1", "", ""]);
}

#[test]
fn structures_join_by_the_compound_s_name() {
    let folder = tempfile::tempdir().unwrap();
    let base =
        opened(&written(&folder, "m.csv", "path,compound\na.tif,DMSO\nb.tif,fccp\nc.tif,\nd.tif,Taxol\n"));
    let text =
        "name,SMILES\nDMSO,CS(C)=O\nFCCP,N#CC(C#N)=NNc1ccc(OC(F)(F)F)cc1\nAspirin,CC(=O)Oc1ccccc1C(=O)O\n";
    let structures = Source::read(&written(&folder, "s.csv", text)).unwrap();
    let mapping = guess(&structures);
    let table = &base.experiment.table;
    let key = guess_key(table, &structures, &mapping).unwrap();
    let (joined, report) = join(table, None, &structures, &mapping, &key, Filled::Keep).unwrap();
    assert_eq!(joined.text(0, "smiles"), "CS(C)=O");
    assert_eq!(joined.text(1, "compound"), "fccp", "the key stays as it was written");
    assert!(joined.text(1, "smiles").starts_with("N#CC"));
    let keys = |listed: &[(String, usize)]| listed.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&report.missing.items), ["(empty)", "taxol"]);
    assert_eq!(keys(&report.unused.items), ["aspirin"]);
}

/// A small copy of the dataset's layout.
fn mito_root() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let cell = |path: &str, frames: usize| {
        let folder = root.path().join(path);
        fs::create_dir_all(&folder).unwrap();
        for frame in 1..=frames {
            fs::write(folder.join(format!("{frame}.jpg")), b"").unwrap();
        }
    };
    for replicate in ["l1", "l2"] {
        for cells in
            ["train/dmso/1", "train/1-2/10", "train/1-2/9", "query/2/1", "gallery/3/5", "gallery/55/1"]
        {
            cell(&format!("{replicate}/{cells}"), mito_dataset::FRAMES);
        }
    }
    cell("l1/nc/1/1", 16);
    cell("l1/nc/2/1", 15);
    cell("novel/1/4", 16);
    cell("notes/2024", 0);
    for file in ["l1/train/dmso/1.avi", "l1/train/dmso/2.AVI", "l2/query/Thumbs.db"] {
        fs::write(root.path().join(file), b"x").unwrap();
    }
    fs::copy(fixture("annotation.xlsx"), root.path().join("annotation.xlsx")).unwrap();
    root
}

#[test]
fn a_mito_dataset_opens_annotated_and_lists_what_does_not_match() {
    let root = mito_root();
    assert_eq!(import::recognise(root.path()), Some(Named::MitoDataset));
    let Imported { experiment, report } = opened(root.path());
    let table = &experiment.table;
    assert_eq!(report.rows, 15);
    assert_eq!(
        column(&experiment, "path")[..8],
        [
            "l1/train/1-2/9",
            "l1/train/1-2/10",
            "l1/train/dmso/1",
            "l1/query/2/1",
            "l1/gallery/3/5",
            "l1/gallery/55/1",
            "l1/nc/1/1",
            "l1/nc/2/1",
        ]
    );
    let first = |name: &str| column(&experiment, name)[..8].join(",");
    assert_eq!(first("compound"), "Aspirin,Aspirin,DMSO,Metformin,Placebonib,,Epicatechin,");
    assert_eq!(first("moa"), "COX inhibitor,COX inhibitor,DMSO,Complex I inhibitor,,,,");
    assert_eq!(first("control"), ",,negative,,,,,");
    assert_eq!(first("split"), "train,train,train,query,gallery,gallery,,");
    assert_eq!(first("replicate"), "l1,l1,l1,l1,l1,l1,l1,l1");
    assert_eq!(first("drug_index"), "1,1,dmso,2,3,55,1,2");
    assert_eq!(first("cas"), ",,,,,,490-46-0,");
    assert_eq!(table.row_id(0), "l1_train_1-2_9");
    let novel = table.row_of("novel_1_4").unwrap();
    assert_eq!(
        (table.text(novel, "compound"), table.text(novel, "replicate")),
        ("Aspirin".to_owned(), String::new())
    );
    assert!(experiment.address(0).unwrap().path.join("16.jpg").exists());

    assert_eq!(report.notes, ["2 films (.avi) beside the folders of frames were skipped."]);
    let strays: Vec<String> = report
        .strays
        .items
        .iter()
        .map(|p| p.strip_prefix(root.path()).unwrap().display().to_string())
        .collect();
    assert_eq!(strays.len(), 2, "{strays:?}");
    assert!(
        strays.contains(&"notes".to_owned()) && strays.iter().any(|p| p.ends_with("Thumbs.db")),
        "{strays:?}"
    );
    let [fda, novel] = report.joins.as_slice() else { panic!("two sheets") };
    assert_eq!(fda.missing.items, [("55".to_owned(), 2)]);
    assert_eq!(fda.unused.items, [("77".to_owned(), 6)]);
    assert_eq!(novel.missing.items, [("2".to_owned(), 1)]);
    assert!(novel.unused.is_empty());

    let rows: Vec<usize> = (0..table.len()).collect();
    let odd = mito_dataset::check_frames(&experiment, &rows, &AtomicBool::new(false));
    assert_eq!(odd.iter().map(|c| (table.row_id(c.row), c.frames)).collect::<Vec<_>>(), [("l1_nc_2_1", 15)]);
    assert!(mito_dataset::check_frames(&experiment, &rows, &AtomicBool::new(true)).is_empty());
}

#[test]
fn a_mito_dataset_without_annotation_still_opens() {
    let root = mito_root();
    fs::write(root.path().join("annotation.xlsx"), b"PK\x03\x04broken").unwrap();
    let Imported { experiment, report } = opened(root.path());
    assert_eq!(experiment.table.len(), 15);
    assert!(report.notes.iter().any(|note| note.contains("annotation.xlsx")), "{:?}", report.notes);
    fs::remove_file(root.path().join("annotation.xlsx")).unwrap();
    assert!(opened(root.path()).report.notes.iter().any(|note| note.contains("no annotation.xlsx")));
}

#[test]
fn a_simulated_mito_dataset_says_so_in_every_row() {
    let root = mito_root();
    fs::copy(fixture("annotation_simulated.xlsx"), root.path().join("annotation.xlsx")).unwrap();
    let experiment = opened(root.path()).experiment;
    assert!((0..experiment.table.len()).all(|row| experiment.is_simulated(row)), "controls are, too");
    assert!(!opened(mito_root().path()).experiment.is_simulated(0));
}

/// Damages bytes in one of the ways in which files are damaged.
fn mutate(bytes: &[u8], random: &mut Pcg64Mcg) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..random.random_range(1..6) {
        if bytes.is_empty() {
            break;
        }
        let at = random.random_range(0..bytes.len());
        match random.random_range(0..6) {
            0 => bytes[at] ^= 1 << random.random_range(0..8),
            1 => bytes[at] = b"\0\xff\x7f\x80\",<9"[random.random_range(0..8)],
            2 => bytes.truncate(at),
            3 => drop(bytes.splice(at..at, b"99999999999".iter().copied())),
            4 => drop(bytes.drain(at..(at + random.random_range(1..40)).min(bytes.len()))),
            _ => {
                let end = (at + 30).min(bytes.len());
                let again = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, again));
            }
        }
    }
    bytes
}

/// The same workbook with its parts changed and its checksums right again.
fn rewritten(workbook: &[u8], mut change: impl FnMut(&str, Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(workbook)).unwrap();
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for part in 0..archive.len() {
        let mut file = archive.by_index(part).unwrap();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut file, &mut bytes).unwrap();
        let name = file.name().unwrap().into_owned();
        writer.start_file(&*name, stored).unwrap();
        std::io::Write::write_all(&mut writer, &change(&name, bytes)).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// The same workbook with one of its parts damaged.
fn mutate_inside(workbook: &[u8], random: &mut Pcg64Mcg) -> Vec<u8> {
    let parts = zip::ZipArchive::new(std::io::Cursor::new(workbook)).unwrap().len();
    let mut left = random.random_range(0..parts);
    rewritten(workbook, |_, bytes| {
        let is_chosen = left == 0;
        left = left.wrapping_sub(1);
        if is_chosen { mutate(&bytes, random) } else { bytes }
    })
}

/// Damages a Parquet file: half of the time in the footer or in the head of a page.
fn mutate_parquet(bytes: &[u8], random: &mut Pcg64Mcg) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..random.random_range(1..4) {
        let length = bytes.len();
        if length < 16 {
            break;
        }
        let at = match random.random_range(0..4) {
            0 => random.random_range(length - length.min(1200)..length),
            1 => {
                // Heads and structures begin with a first field of 32 bits.
                let from = random.random_range(0..length);
                let found = bytes[from..].iter().position(|byte| *byte == 0x15).unwrap_or(0);
                (from + found + random.random_range(0..12)).min(length - 1)
            }
            _ => random.random_range(0..length),
        };
        let end = (at + random.random_range(1..40)).min(length);
        match random.random_range(0..6) {
            0 | 1 => bytes[at] ^= 1 << random.random_range(0..8),
            2 => bytes[at] = [0, 0xff, 0x7f, 0x80][random.random_range(0..4)],
            3 => random.fill_bytes(&mut bytes[at..end]),
            4 => bytes.truncate(at),
            _ => {
                let again = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, again));
            }
        }
    }
    bytes
}

/// `cargo bench --bench mutants` reads 100,000 of them, in processes that may abort.
#[test]
fn damaged_parquet_ends_in_a_table_or_an_error_that_names_its_place() {
    let mut ours = Vec::new();
    opened(&fixture("real_experiment.csv")).experiment.table.write_parquet(&mut ours).unwrap();
    let mut files = vec![ours, fs::read(fixture("manifest.parquet")).unwrap()];
    for entry in fs::read_dir(fixture("parquet")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "parquet") {
            files.push(fs::read(path).unwrap());
        }
    }
    assert_eq!(files.len(), 11);
    let mut random = Pcg64Mcg::seed_from_u64(11);
    let (mut tables, mut errors) = (0, 0);
    for round in 0..600 {
        let damaged = mutate_parquet(&files[round % files.len()], &mut random);
        match Source::from_bytes(Path::new("t.parquet"), damaged, None, &Limits::default()) {
            Ok(source) => {
                assert!((1..=40).contains(&source.len()), "{}", source.len());
                tables += 1;
            }
            Err(e) => {
                let error = e.to_string();
                assert!(error.starts_with("t.parquet: ") && error.ends_with('.'), "{error}");
                errors += 1;
            }
        }
    }
    assert!(tables > 30 && errors > 200, "{tables} tables, {errors} errors");
}

#[test]
fn damaged_files_end_in_a_table_or_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { bytes: 1 << 22, rows: 10_000, columns: 500, cell: 10_000, cells: 1 << 18 };
    let mut random = Pcg64Mcg::seed_from_u64(3);
    let csv = fs::read(fixture("real_experiment.csv")).unwrap();
    let utf16: Vec<u8> =
        String::from_utf8(csv.clone()).unwrap().encode_utf16().flat_map(u16::to_le_bytes).collect();
    let (mut tables, mut errors) = (0, 0);
    let start = Instant::now();
    for (name, bytes) in [
        ("a.csv", csv),
        ("b.csv", utf16),
        ("c.parquet", fs::read(fixture("manifest.parquet")).unwrap()),
        ("d.xlsx", fs::read(fixture("manifest.xlsx")).unwrap()),
        ("e.xlsx", fs::read(fixture("annotation.xlsx")).unwrap()),
    ] {
        for round in 0..200 {
            let damaged = if name.ends_with("xlsx") && round % 2 == 0 {
                mutate_inside(&bytes, &mut random)
            } else {
                mutate(&bytes, &mut random)
            };
            let path = folder.path().join(name);
            match Source::from_bytes(&path, damaged, None, &limits).and_then(|s| apply(&s, &guess(&s))) {
                Ok(imported) => {
                    assert_eq!(imported.experiment.table.len(), imported.report.rows);
                    view::rows(&imported.experiment.table, &view::Query::default());
                    tables += 1;
                }
                Err(e) => {
                    assert!(e.to_string().contains(name), "{e}");
                    errors += 1;
                }
            }
        }
    }
    assert!(tables > 50 && errors > 50, "{tables} tables, {errors} errors");
    assert!(start.elapsed() < Duration::from_mins(1), "{:?}", start.elapsed());
}
