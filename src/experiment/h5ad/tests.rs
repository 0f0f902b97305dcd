use std::io::Cursor;

use rand::RngExt as _;
use serde_json::Value;

use super::*;

const BOUNDS: Bounds = Bounds { rows: 1000, columns: 100, numbers: 10_000, text: 1 << 20 };
const DENSE: &[u8] = include_bytes!("../../../tests/fixtures/h5ad/dense.h5ad");
const ROWS: &[u8] = include_bytes!("../../../tests/fixtures/h5ad/csr.h5ad");
const COLUMNS: &[u8] = include_bytes!("../../../tests/fixtures/h5ad/csc.h5ad");
const LEGACY: &[u8] = include_bytes!("../../../tests/fixtures/h5ad/legacy.h5ad");
const STRINGS: &[u8] = include_bytes!("../../../tests/fixtures/h5ad/strings.h5ad");
const RECORDS: &[u8] = include_bytes!("../../../tests/fixtures/h5ad/records.h5ad");

fn open(bytes: &[u8]) -> Result<H5ad, H5adError> {
    H5ad::open(Cursor::new(bytes.to_vec()), BOUNDS)
}

fn read(bytes: &[u8]) -> Result<(H5ad, Obs, Vec<f64>), H5adError> {
    let file = open(bytes)?;
    let (obs, values) = (file.obs()?, file.matrix()?);
    Ok((file, obs, values))
}

fn refused(bytes: &[u8]) -> String {
    read(bytes).map(|_| ()).unwrap_err().to_string()
}

fn texts(cells: &Cells) -> Vec<String> {
    (0..cells.len()).map(|row| cells.text(row).into_owned()).collect()
}

#[test]
fn files_of_anndata_are_read_dense_sparse_and_of_older_versions() {
    let expected: Value =
        serde_json::from_str(include_str!("../../../tests/fixtures/h5ad/expected.json")).unwrap();
    let list = |name: &str| -> Vec<String> {
        let names = expected[name].as_array().unwrap();
        names.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    let x: Vec<f64> = expected["x"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|row| row.as_array().unwrap())
        .map(|value| value.as_f64().unwrap())
        .collect();
    for (name, bytes) in [("dense", DENSE), ("csr", ROWS), ("csc", COLUMNS), ("legacy", LEGACY)] {
        let (file, obs, values) = read(bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!((&file.rows, &file.features), (&list("rows"), &list("features")), "{name}");
        assert_eq!(values, x, "{name}");
        assert!(obs.left_out.is_empty(), "{name}: {:?}", obs.left_out);
        assert_eq!(obs.columns.len(), if name == "legacy" { 6 } else { 8 }, "{name}");
        for Column { name: column, cells } in &obs.columns {
            let wanted = expected["obs"][column].as_array().unwrap();
            let wanted: Vec<String> = wanted
                .iter()
                .map(|cell| match cell {
                    Value::Null => String::new(),
                    Value::String(text) => text.clone(),
                    // 0.0 is written 0.
                    other => other.as_f64().map_or_else(|| other.to_string(), |value| value.to_string()),
                })
                .collect();
            assert_eq!(texts(cells), wanted, "{name}: {column}");
        }
    }
    assert_eq!(open(DENSE).unwrap().ignored, ["layers", "obsm"]);
    assert!(open(ROWS).unwrap().ignored.is_empty());
    assert_eq!(open(DENSE).unwrap().about("model_hash"), None);
    assert!(refused(RECORDS).contains("obs: it holds records, as anndata 0.6"), "{}", refused(RECORDS));
}

/// A table of all kinds of columns, with and without gaps.
fn columns() -> Vec<Column> {
    let column = |name: &str, cells| Column { name: name.to_owned(), cells };
    let text = |text: &str| Some(text.to_owned());
    vec![
        column("plate", Cells::Texts(vec![text("P1"), text(""), text("µ, \"2\"")])),
        column("lab/1", Cells::Texts(vec![text("b"), None, text("a")])),
        column(
            "lab_1",
            Cells::Coded { codes: vec![Some(1), Some(0), None], texts: vec!["x".into(), "y".into()] },
        ),
        column("dose", Cells::Numbers(vec![0.1, f64::NAN, 1e300])),
        column("n", Cells::Integers(vec![Some(i64::MIN), Some(0), Some(i64::MAX)])),
        column("n?", Cells::Integers(vec![Some(1), None, Some(3)])),
        column("flag", Cells::Flags(vec![Some(true), Some(false), Some(true)])),
        column("flag?", Cells::Flags(vec![None, Some(false), Some(true)])),
    ]
}

fn written(values: Matrix<'_>, features: &[&str]) -> Result<Vec<u8>, H5adError> {
    let rows = ["a", "b", "ü"].map(str::to_owned);
    let features: Vec<String> = features.iter().map(|name| (*name).to_owned()).collect();
    let about =
        [("model_hash", Fact::Text("ab12")), ("simulated", Fact::Flag(true)), ("recipe", Fact::Text(""))];
    write(&Content { rows: &rows, columns: columns(), features: &features, values, about: &about })
}

#[test]
fn what_is_written_is_read_back() {
    let bytes = written(Matrix::Single(&[0.1, 1.0, 2.0, 3.0, f32::NAN, 5.0]), &["f1", "f/2"]).unwrap();
    let (file, obs, values) = read(&bytes).unwrap();
    assert_eq!(
        (file.rows.clone(), file.features.clone()),
        (vec!["a".into(), "b".into(), "ü".into()], vec!["f1".into(), "f/2".into()])
    );
    assert_eq!((values[0], values[5], values[4].is_nan()), (f64::from(0.1_f32), 5.0, true));
    assert!(file.is_simulated());
    assert_eq!(file.about("model_hash").as_deref(), Some("ab12"));
    assert_eq!(
        (file.about("recipe").as_deref(), file.about("simulated"), file.about("x")),
        (Some(""), None, None)
    );
    let names: Vec<&str> = obs.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["plate", "lab_1", "lab_1 (2)", "dose", "n", "n?", "flag", "flag?"]);
    for (found, given) in obs.columns.iter().zip(columns()) {
        assert_eq!(texts(&found.cells), texts(&given.cells), "{}", given.name);
    }
    // A table without a column beside the names, in double precision.
    let rows = ["a".to_owned()];
    let values = Matrix::Double(&[0.1]);
    let bytes =
        write(&Content { rows: &rows, columns: Vec::new(), features: &rows, values, about: &[] }).unwrap();
    let (_, obs, values) = read(&bytes).unwrap();
    assert_eq!((obs, values), (Obs::default(), vec![0.1]));
}

#[test]
fn what_does_not_fit_is_not_written() {
    let text = written(Matrix::Single(&[1.0]), &["f1"]).unwrap_err().to_string();
    assert!(text.contains("1 numbers are no 3 × 1"), "{text}");
    let short = vec![Column { name: "n".into(), cells: Cells::Integers(Vec::new()) }];
    let rows = ["a".to_owned()];
    let values = Matrix::Single(&[1.0]);
    let text = write(&Content { rows: &rows, columns: short, features: &rows, values, about: &[] });
    assert!(text.unwrap_err().to_string().contains("0 cells for 1 rows"));
}

/// A file with these parts beside sound names of two rows and two features.
fn made(fill: impl FnOnce(&mut hdf5_pure::FileBuilder)) -> Vec<u8> {
    let mut file = hdf5_pure::FileBuilder::new();
    for table in ["obs", "var"] {
        let mut group = file.create_group(table);
        group.create_dataset("_index").with_vlen_strings(&["a", "b"]);
        file.add_group(group.finish());
    }
    fill(&mut file);
    file.finish().unwrap()
}

/// A sparse matrix of two rows and two columns.
fn sparse(encoding: &str, shape: [i64; 2], data: &[f32], indices: &[i32], starts: &[i32]) -> Vec<u8> {
    made(|file| {
        let mut x = file.create_group("X");
        x.set_attr("encoding-type", AttrValue::VarLenString(encoding.to_owned()));
        x.set_attr("shape", AttrValue::I64Array(shape.to_vec()));
        x.create_dataset("data").with_f32_data(data);
        x.create_dataset("indices").with_i32_data(indices);
        x.create_dataset("indptr").with_i32_data(starts);
        file.add_group(x.finish());
    })
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let dense = |shape: &[u64], values: &[f32]| {
        made(|file| {
            file.create_dataset("X").with_f32_data(values).with_shape(shape);
        })
    };
    assert_eq!(read(&dense(&[2, 2], &[1.0, 2.0, 3.0, f32::INFINITY])).unwrap().2[3], f64::INFINITY);
    let all = |encoding, shape| sparse(encoding, shape, &[1.0, 2.0], &[0, 1], &[0, 1, 2]);
    assert_eq!(read(&all("csr_matrix", [2, 2])).unwrap().2, [1.0, 0.0, 0.0, 2.0]);
    // Stored twice, it is a sum.
    let twice = sparse("csc_matrix", [2, 2], &[1.0, 2.0], &[1, 1], &[0, 0, 2]);
    assert_eq!(read(&twice).unwrap().2, [0.0, 0.0, 0.0, 3.0]);
    let texts = made(|file| {
        file.create_dataset("X").with_vlen_strings(&["1", "2", "3", "4"]).with_shape(&[2, 2]);
    });
    for (bytes, said) in [
        (made(|_| ()), "X: there is none"),
        (dense(&[4], &[0.0; 4]), "X: it is of shape [4], not [2, 2] as the names say"),
        (dense(&[2, 3], &[0.0; 6]), "X: it is of shape [2, 3]"),
        (texts, "X: it holds text, no numbers"),
        (all("csr_matrix", [2, 3]), "X: it declares the shape [2, 3], the names 2 rows and 2 columns"),
        (all("csr_matrix", [-1, 2]), "X: it declares no shape"),
        (all("coo_matrix", [2, 2]), "encoded as coo_matrix"),
        (sparse("csr_matrix", [2, 2], &[1.0], &[0, 1], &[0, 1, 2]), "X/indices: it is of shape [2], not [1]"),
        (sparse("csr_matrix", [2, 2], &[1.0], &[0], &[0, 1]), "X/indptr: it is of shape [2], not [3]"),
        (sparse("csr_matrix", [2, 2], &[1.0], &[2], &[0, 1, 1]), "X/indices: value 0 lies outside"),
        (sparse("csr_matrix", [2, 2], &[1.0], &[-1], &[0, 1, 1]), "X/indices: value 0 lies outside"),
        (sparse("csr_matrix", [2, 2], &[1.0], &[0], &[0, 2, 1]), "X/indptr: it does not ascend"),
        (sparse("csr_matrix", [2, 2], &[1.0], &[0], &[0, 0, 0]), "X/indptr: it does not ascend"),
        (b"\x89HDF\r\n\x1a\n".to_vec(), "the file: "),
        (b"row_id,x\na,1\n".to_vec(), "the file: "),
        (Vec::new(), "the file: "),
        (hdf5_pure::FileBuilder::new().finish().unwrap(), "obs: there is none, so this is no AnnData file"),
        (DENSE[..DENSE.len() / 2].to_vec(), ""),
    ] {
        let text = refused(&bytes);
        assert!(text.contains(said), "{text} without {said}");
    }
    let short = |cells: &[&str]| {
        let mut file = hdf5_pure::FileBuilder::new();
        for table in ["obs", "var"] {
            let mut group = file.create_group(table);
            group.create_dataset("_index").with_vlen_strings(&["a", "b"]);
            group.create_dataset("plate").with_vlen_strings(cells);
            file.add_group(group.finish());
        }
        file.create_dataset("X").with_f32_data(&[0.0; 4]).with_shape(&[2, 2]);
        file.finish().unwrap()
    };
    assert!(read(&short(&["p", "p"])).is_ok());
    assert_eq!(refused(&short(&["p"])), "obs/plate: it is of shape [1], not [2] as the names say");
}

#[test]
fn texts_of_pandas_3_name_rows_and_one_that_is_missing_is_refused() {
    let (file, obs, values) = read(STRINGS).unwrap();
    assert_eq!(
        (file.rows.join(" "), file.features.join(" ")),
        ("P1_A01 P1_A02 µ".into(), "Cells_a Cells_b".into())
    );
    assert_eq!((texts(&obs.columns[0].cells).join(","), values.len()), ("A01,,A03".to_owned(), 6));
    let coded = |codes: &[i8], category: &str| {
        let mut file = hdf5_pure::FileBuilder::new();
        let mut group = file.create_group("obs");
        let mut index = group.create_group("_index");
        index.create_dataset("codes").with_i8_data(codes);
        index.create_dataset("categories").with_vlen_strings(&["a", category]);
        group.add_group(index.finish());
        file.add_group(group.finish());
        let mut group = file.create_group("var");
        group.create_dataset("_index").with_vlen_strings(&["x"]);
        file.add_group(group.finish());
        file.create_dataset("X").with_f32_data(&vec![0.0; codes.len()]).with_shape(&[codes.len() as u64, 1]);
        file.finish().unwrap()
    };
    assert_eq!(read(&coded(&[1, 0], "b")).unwrap().0.rows, ["b", "a"]);
    assert_eq!(refused(&coded(&[0, -1], "b")), "obs/_index: of the rows, number 2 has no name");
    // Each a name of half of what may be held.
    let long = "b".repeat(BOUNDS.text / 2);
    assert!(refused(&coded(&[1, 1, 1], &long)).contains("obs/_index: it declares names of more than"));
}

#[test]
fn little_that_stands_for_much_is_refused() {
    let many = |order: &[&str], text: &str| {
        let mut file = hdf5_pure::FileBuilder::new();
        for table in ["obs", "var"] {
            let mut group = file.create_group(table);
            let order: Vec<String> = order.iter().map(|name| (*name).to_owned()).collect();
            group.set_attr("column-order", AttrValue::VarLenStringArray(order));
            for name in ["_index", "c0", "c1", "c2"] {
                let cells = if name == "_index" { ["a", "b"] } else { [text, "b"] };
                group.create_dataset(name).with_vlen_strings(&cells);
            }
            file.add_group(group.finish());
        }
        file.create_dataset("X").with_f32_data(&[0.0; 4]).with_shape(&[2, 2]);
        file.finish().unwrap()
    };
    let order = ["c0", "c1", "c2"];
    assert_eq!(read(&many(&order, "t")).unwrap().1.columns.len(), 3);
    assert_eq!(refused(&many(&["c0", "c0"], "t")), "obs/c0: column-order names it twice");
    // Each column may be held, and not all of them.
    let text = refused(&many(&order, &"t".repeat(BOUNDS.text / 2)));
    assert!(text.starts_with("obs/c"), "{text}");
    let few = Bounds { numbers: 5, ..BOUNDS };
    let file = H5ad::open(Cursor::new(many(&order, "t")), few).unwrap();
    assert!(file.obs().unwrap_err().to_string().contains("obs: it declares 2 × 3 cells"));
    assert_eq!(texts(&file.column("c1").unwrap().unwrap()), ["t", "b"], "one column is within the bounds");
}

#[test]
fn flags_mean_what_the_file_says() {
    let file = |values: &[u8]| {
        made(|file| {
            let of = hdf5_pure::EnumTypeBuilder::with_base(hdf5_pure::make_i8_type());
            let of = of.value("FALSE", 1).value("TRUE", 0).build().unwrap();
            file.create_dataset("X").with_f32_data(&[0.0; 4]).with_shape(&[2, 2]);
            file.create_dataset("f").with_raw_data(of, values.to_vec(), 2);
        })
    };
    let flags =
        |values: &[u8]| cells::flags(&open(&file(values)).unwrap().file.dataset("f").unwrap()).unwrap();
    assert_eq!(flags(&[0, 1]), Some(vec![Some(true), Some(false)]));
    assert_eq!(flags(&[0, 7]), None, "7 is neither");
}

#[test]
fn more_than_the_bounds_is_refused() {
    let open = |bounds| H5ad::open(Cursor::new(DENSE.to_vec()), bounds).map(|_| ()).unwrap_err().to_string();
    assert!(open(Bounds { rows: 5, ..BOUNDS }).contains("it declares 6 rows, more than is read"));
    assert!(open(Bounds { columns: 3, ..BOUNDS }).contains("it declares 4 columns"));
    assert!(open(Bounds { numbers: 23, ..BOUNDS }).contains("6 × 4 numbers"));
    assert!(open(Bounds { text: 10, ..BOUNDS }).contains("obs/_index"));
}

#[test]
fn damaged_files_are_an_error_or_the_table() {
    let mut random = crate::random::stream(9, &["damaged h5ad"]);
    for sound in [LEGACY, COLUMNS, STRINGS, ROWS, DENSE] {
        let mut read_anyway = 0;
        for _ in 0..30 {
            let mut bytes = sound.to_vec();
            for _ in 0..random.random_range(1..12) {
                let at = random.random_range(0..bytes.len());
                bytes[at] = random.random();
            }
            if random.random_range(0..6) == 0 {
                bytes.truncate(random.random_range(0..bytes.len()));
            }
            if let Ok((file, obs, values)) = read(&bytes) {
                read_anyway += 1;
                assert_eq!(values.len(), file.rows.len() * file.features.len());
                assert!(obs.columns.iter().all(|column| column.cells.len() == file.rows.len()));
            }
        }
        assert!(read_anyway < 30, "no damage was found");
    }
}
