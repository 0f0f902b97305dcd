use std::path::{Path, PathBuf};

use rand::RngExt;

use super::*;
use crate::experiment::h5ad::{self, Bounds, Cells, H5ad};
use crate::experiment::{Experiment, Table};

/// Names that CSV and spreadsheets make trouble with.
const IDS: [&str; 6] = ["a", "b, \"quoted\"", "=1+1", "'=1", "-2\n+3", "µ"];

fn table(seed: f32) -> EmbeddingTable {
    EmbeddingTable {
        row_ids: IDS.map(str::to_owned).to_vec(),
        dim: 3,
        values: (0..18).map(|i| seed * i as f32 - 2.5).collect(),
        model_hash: "ab12".to_owned(),
        ..EmbeddingTable::default()
    }
}

fn written(folder: &Path, name: &str, table: &EmbeddingTable) -> PathBuf {
    let path = folder.join(name);
    write(table, &path, Format::of(&path).unwrap()).unwrap();
    path
}

fn refused(path: &Path) -> String {
    read(path).unwrap_err().to_string()
}

/// The numbers as older versions wrote them: without a stamp.
fn old(folder: &Path, name: &str, table: &EmbeddingTable) -> PathBuf {
    let path = folder.join(name);
    let bytes = if name.ends_with("npy") {
        npy(table)
    } else {
        let values: Vec<u8> = table.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let view = TensorView::new(Dtype::F32, vec![table.row_ids.len(), table.dim], &values).unwrap();
        let metadata = HashMap::from([("model".to_owned(), table.model_hash.clone())]);
        safetensors::serialize([("embedding", view)], Some(metadata)).unwrap()
    };
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn pairs_come_back_and_do_not_touch_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let tables = [table(1.0), table(0.25)];
    for name in ["npy", "safetensors"] {
        let paths: Vec<PathBuf> = ["a", "b.c"]
            .iter()
            .zip(&tables)
            .map(|(stem, table)| written(folder.path(), &format!("{stem}.{name}"), table))
            .collect();
        for (path, table) in paths.iter().zip(&tables) {
            assert_eq!(&read(path).unwrap(), table);
        }
    }
    assert!(folder.path().join("b.c.row_ids.csv").is_file());
    assert!(!folder.path().join("row_ids.csv").exists());
    let text = std::fs::read_to_string(folder.path().join("a.row_ids.csv")).unwrap();
    assert!(text.starts_with("row_id,model,run_id,row_hash\na,ab12,"), "{text}");
    assert!(
        text.contains("\n'=1+1,") && text.contains("\n''=1,") && text.contains("\n\"'-2\n+3\","),
        "{text}"
    );
}

#[test]
fn the_same_embeddings_share_their_names_in_both_formats() {
    let folder = tempfile::tempdir().unwrap();
    let npy = written(folder.path(), "a.npy", &table(1.0));
    let names = std::fs::read(beside(&npy)).unwrap();
    let tensors = written(folder.path(), "a.safetensors", &table(1.0));
    assert_eq!(std::fs::read(beside(&tensors)).unwrap(), names);
    assert_eq!((read(&npy).unwrap(), read(&tensors).unwrap()), (table(1.0), table(1.0)));
}

#[test]
fn half_a_pair_is_refused_with_the_remedy() {
    for name in ["a.npy", "a.safetensors"] {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path(), name, &table(1.0));
        let (values, names) = (std::fs::read(&path).unwrap(), std::fs::read(beside(&path)).unwrap());
        std::fs::remove_file(beside(&path)).unwrap();
        let text = refused(&path);
        assert!(text.contains(name) && text.contains("a.row_ids.csv, which is not there"), "{text}");
        assert!(text.contains("write both again with `molclip embed`"), "{text}");
        std::fs::write(beside(&path), names).unwrap();
        std::fs::remove_file(&path).unwrap();
        let text = refused(&path);
        assert!(text.contains(&format!("{name}, which is not there")), "{text}");
        std::fs::write(&path, values).unwrap();
        assert_eq!(read(&path).unwrap(), table(1.0));
    }
}

#[test]
fn files_of_two_runs_are_refused() {
    for name in ["npy", "safetensors"] {
        let folder = tempfile::tempdir().unwrap();
        let a = written(folder.path(), &format!("a.{name}"), &table(1.0));
        let names = std::fs::read(beside(&a)).unwrap();
        let refused_with = |table: &EmbeddingTable, why: &str| {
            let b = written(folder.path(), &format!("b.{name}"), table);
            std::fs::write(beside(&b), &names).unwrap();
            let text = refused(&b);
            assert!(text.contains("b.row_ids.csv are not of one run: ") && text.contains(why), "{text}");
        };
        let others = if name == "npy" { "the numbers are others" } else { "different run ids" };
        refused_with(&table(2.0), others);
        let mut turned = table(1.0);
        turned.row_ids.reverse();
        turned.values.reverse();
        refused_with(&turned, others);
        let short = EmbeddingTable { row_ids: vec!["a".into()], values: vec![1.0; 3], ..table(1.0) };
        refused_with(&short, "1 vectors, but 6 names");
        let wide = EmbeddingTable { dim: 1, values: vec![1.0; 6], ..table(1.0) };
        refused_with(&wide, others);
    }
    let folder = tempfile::tempdir().unwrap();
    let a =
        written(folder.path(), "a.safetensors", &EmbeddingTable { model_hash: "cd".into(), ..table(1.0) });
    let b = written(folder.path(), "b.npy", &table(1.0));
    std::fs::copy(beside(&b), beside(&a)).unwrap();
    assert!(refused(&a).contains("of model cd, the names of model ab12"), "{}", refused(&a));
}

#[test]
fn every_changed_byte_of_a_pair_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.npy", "a.safetensors"] {
        let path = written(folder.path(), name, &table(1.0));
        for file in [path.clone(), beside(&path)] {
            let sound = std::fs::read(&file).unwrap();
            for place in 0..sound.len() {
                let mut damaged = sound.clone();
                damaged[place] ^= 0x10;
                std::fs::write(&file, &damaged).unwrap();
                // A changed blank of a header may say the same; numbers and names never differ unnoticed.
                if let Ok(found) = read(&path) {
                    assert_eq!(found, table(1.0), "byte {place} of {}", file.display());
                }
            }
            for length in 0..sound.len() {
                std::fs::write(&file, &sound[..length]).unwrap();
                match read(&path) {
                    Ok(found) => {
                        assert_eq!((found, length), (table(1.0), sound.len() - 1), "the last line's end");
                    }
                    Err(e) => assert!(e.to_string().contains("a."), "{e}"),
                }
            }
            std::fs::write(&file, &sound).unwrap();
        }
        assert_eq!(read(&path).unwrap(), table(1.0));
    }
}

#[test]
fn files_of_older_versions_are_read_with_the_table_that_they_shared() {
    let folder = tempfile::tempdir().unwrap();
    let names =
        "row_id,model\na,ab12\n\"b, \"\"quoted\"\"\",ab12\n=1+1,ab12\n'=1,ab12\n\"-2\n+3\",ab12\nµ,ab12\n";
    std::fs::write(folder.path().join("row_ids.csv"), names).unwrap();
    for name in ["old.npy", "old.safetensors"] {
        assert_eq!(read(&old(folder.path(), name, &table(1.0))).unwrap(), table(1.0), "{name}");
    }
    let short = EmbeddingTable { row_ids: vec!["a".into()], values: vec![1.0; 3], ..table(1.0) };
    let text = refused(&old(folder.path(), "short.npy", &short));
    assert!(text.contains("row_ids.csv are not of one run: 1 vectors, but 6 names"), "{text}");
    let other = EmbeddingTable { model_hash: "cd34".into(), ..table(1.0) };
    let text = refused(&old(folder.path(), "other.safetensors", &other));
    assert!(text.contains("of model cd34, the names of model ab12"), "{text}");
    // A file that says that it has names of its own is not read with those of others.
    let new = written(folder.path(), "new.safetensors", &table(1.0));
    std::fs::remove_file(beside(&new)).unwrap();
    assert!(refused(&new).contains("new.row_ids.csv, which is not there"), "{}", refused(&new));
    // The shared table under a name of its own is none.
    let path = old(folder.path(), "old.npy", &table(1.0));
    std::fs::copy(folder.path().join("row_ids.csv"), beside(&path)).unwrap();
    assert!(refused(&path).contains("it has no columns run_id and row_hash"), "{}", refused(&path));
    // Another program knows nothing of run ids, and names no model.
    let quoted = IDS.map(|id| format!("\"{}\"", id.replace('"', "\"\"")));
    std::fs::write(beside(&path), format!("row_id\n{}\n", quoted.join("\n"))).unwrap();
    let found = read(&path).unwrap();
    assert_eq!((found.row_ids, found.values), (table(1.0).row_ids, table(1.0).values));
    assert!(found.model_hash.starts_with("vectors "));
}

#[test]
fn tables_of_names_that_are_none_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), "a.npy", &table(1.0));
    let sound = std::fs::read_to_string(beside(&path)).unwrap();
    let run = sound.split(',').nth(5).unwrap().to_owned();
    for (text, why) in [
        (String::new(), "it is empty"),
        ("row_id,model,run_id,row_hash\n".to_owned(), "it names no rows"),
        (sound.replacen("row_id", "id", 1), "it has no column row_id"),
        (sound.replacen("row_hash", "hash", 1), "only one of the columns run_id and row_hash"),
        (sound.replacen(&run, "0123456789abcdef", 1), "row 3 is of another run than the first"),
        (sound.replacen("\nµ", "\na", 1), "row 7 names a, which was named before"),
        (format!("{sound}z\n"), "row 8 has 1 cells, the header 4"),
        (sound.replacen("\nµ", "\nz", 1), "the names were changed"),
    ] {
        std::fs::write(beside(&path), text).unwrap();
        assert!(refused(&path).contains(why), "{why}: {}", refused(&path));
    }
    std::fs::write(beside(&path), b"row_id,model,run_id,row_hash\n\xff,a,b,c\n").unwrap();
    assert!(refused(&path).contains("not UTF-8"), "{}", refused(&path));
    std::fs::remove_file(beside(&path)).unwrap();
    std::fs::create_dir(beside(&path)).unwrap();
    assert!(refused(&path).contains("this is a folder"), "{}", refused(&path));
}

#[test]
fn what_is_no_finite_number_is_neither_written_nor_read() {
    let folder = tempfile::tempdir().unwrap();
    for (value, name) in [(f32::NAN, "a.npy"), (f32::INFINITY, "a.safetensors"), (f32::NAN, "a.parquet")] {
        let mut wrong = table(1.0);
        wrong.values[7] = value;
        let path = folder.path().join(name);
        let text = write(&wrong, &path, Format::of(&path).unwrap()).unwrap_err().to_string();
        assert!(text.contains("number 1 of the embedding of =1+1 is not finite"), "{text}");
        assert!(!path.exists() && !beside(&path).exists());
    }
    let mut wrong = table(1.0);
    wrong.values[7] = f32::NEG_INFINITY;
    std::fs::write(folder.path().join("row_ids.csv"), "row_id\na\nb\nc\nd\ne\nf\n").unwrap();
    let text = refused(&old(folder.path(), "old.npy", &wrong));
    assert!(text.contains("old.npy: number 1 of the embedding of c is not finite"), "{text}");
}

#[test]
fn numbers_that_do_not_fit_the_rows_are_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npy");
    for wrong in [
        EmbeddingTable { dim: 4, ..table(1.0) },
        EmbeddingTable { dim: 0, values: Vec::new(), ..table(1.0) },
        EmbeddingTable { dim: usize::MAX, ..table(1.0) },
    ] {
        let text = write(&wrong, &path, Format::Npy).unwrap_err().to_string();
        assert!(text.contains("numbers are no 6 vectors"), "{text}");
    }
    assert!(!path.exists());
    for name in ["a.txt", "a"] {
        let text = refused(&folder.path().join(name));
        assert!(text.contains("read from .parquet, .npy, .safetensors and .h5ad"), "{text}");
    }
    assert!(matches!(read(&path), Err(EmbeddingsError::Io { .. })));
    std::fs::create_dir(&path).unwrap();
    assert!(refused(&path).contains("this is a folder"), "{}", refused(&path));
}

/// A Parquet file of columns.
fn parquet_file(path: &Path, columns: Vec<polars::prelude::Column>) {
    let rows = columns[0].len();
    let mut frame = polars::prelude::DataFrame::new(rows, columns).unwrap();
    polars::prelude::ParquetWriter::new(std::fs::File::create(path).unwrap()).finish(&mut frame).unwrap();
}

#[test]
fn parquet_of_this_program_and_of_others_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    write(&table(1.0), &path, Format::Parquet).unwrap();
    assert_eq!(read(&path).unwrap(), table(1.0));
    // Lists of doubles, and no model: it is known by its numbers.
    let lists = |numbers: &[&[f64]]| -> polars::prelude::Column {
        let lists: Vec<Series> = numbers.iter().map(|list| Series::new("".into(), *list)).collect();
        Series::new("embedding".into(), lists).into()
    };
    let ids = |ids: &[&str]| Series::new("row_id".into(), ids).into_column();
    parquet_file(&path, vec![ids(&["b", "a"]), lists(&[&[1.0, 2.0], &[3.0, 4.5]])]);
    let found = read(&path).unwrap();
    assert_eq!(
        (found.row_ids, found.dim, found.values),
        (vec!["b".into(), "a".into()], 2, vec![1.0, 2.0, 3.0, 4.5])
    );
    assert!(found.model_hash.starts_with("vectors "));
    for (columns, said) in [
        (vec![ids(&["a", "b"]), lists(&[&[1.0, 2.0], &[3.0]])], "of different lengths"),
        (vec![ids(&["a", "b"]), lists(&[&[], &[]])], "its lists are empty"),
        (vec![ids(&["a", "a"]), lists(&[&[1.0], &[2.0]])], "names the row a twice"),
        (vec![ids(&["a"]), lists(&[&[f64::NAN]])], "number 0 of the embedding of a is not finite"),
        (vec![ids(&["a"])], "column embedding: there is none"),
        (vec![lists(&[&[1.0]])], "no column row_id"),
        (vec![ids(&["a"]), ids(&["x"]).with_name("embedding".into())], "holds no lists of numbers"),
    ] {
        parquet_file(&path, columns);
        assert!(refused(&path).contains(said), "{} without {said}", refused(&path));
    }
    std::fs::write(&path, b"PAR1 no table PAR1").unwrap();
    assert!(refused(&path).contains("footer"), "{}", refused(&path));
}

#[test]
fn damaged_parquet_of_vectors_is_an_error_or_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    write(&table(1.0), &path, Format::Parquet).unwrap();
    let sound = std::fs::read(&path).unwrap();
    let mut rng = crate::random::stream(4, &["damaged vectors"]);
    for _ in 0..400 {
        let mut bytes = sound.clone();
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(0..bytes.len());
            bytes[at] = rng.random();
        }
        std::fs::write(&path, &bytes).unwrap();
        if let Ok(found) = read(&path) {
            assert_eq!(found.row_ids.len() * found.dim, found.values.len());
        }
    }
}

#[test]
fn anndata_holds_rows_and_origin_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/a.h5ad");
    let frame = polars::prelude::df!(
        "row_id" => IDS,
        "plate" => [Some("p"), None, Some("q"), None, None, Some("µ")],
        "path" => ["a.tif"; 6],
        "concentration_uM" => [Some(0.5), None, Some(1.0), Some(2.0), Some(4.0), Some(8.0)],
        "replicate" => [Some(1_i64), Some(2), None, Some(4), Some(5), Some(6)],
        "control_used" => [Some(true), None, Some(false), None, None, None],
    )
    .unwrap();
    let experiment = Experiment::new("e", "/", Table::from_frame(frame).unwrap()).unwrap();
    let about = About { experiment: &experiment, data: "cd34", simulated: true };
    for features in [Vec::new(), vec!["PC/1".to_owned(), "PC2".to_owned(), "3".to_owned()]] {
        let table = EmbeddingTable {
            features,
            recipe: "sphere".to_owned(),
            source: "ef56".to_owned(),
            ..table(0.25)
        };
        write_with(&table, Some(&about), &path, Format::H5ad).unwrap();
        assert_eq!(read(&path).unwrap(), table);
        write(&table, &path, Format::H5ad).unwrap();
        assert_eq!(read(&path).unwrap(), table, "without an experiment");
    }
    write_with(&table(1.0), Some(&about), &path, Format::H5ad).unwrap();
    let bounds = Bounds { rows: 10, columns: 10, numbers: 100, text: 1 << 10 };
    let file = H5ad::open(std::fs::File::open(&path).unwrap(), bounds).unwrap();
    assert_eq!(file.features, ["emb_1", "emb_2", "emb_3"]);
    assert_eq!(file.about("data_fingerprint").as_deref(), Some("cd34"));
    let columns = file.obs().unwrap().columns;
    let texts = |name: &str| -> Vec<String> {
        let column = columns.iter().find(|column| column.name == name).unwrap();
        (0..6).map(|row| column.cells.text(row).into_owned()).collect()
    };
    assert_eq!(texts("plate"), ["p", "", "q", "", "", "µ"]);
    assert_eq!(texts("concentration_uM"), ["0.5", "", "1", "2", "4", "8"]);
    assert_eq!(texts("replicate"), ["1", "2", "", "4", "5", "6"]);
    assert_eq!(texts("control_used"), ["true", "", "false", "", "", ""]);
    assert!(columns.iter().all(|column| column.name != "path"), "paths are relative to the experiment");
}

#[test]
fn corrected_vectors_keep_what_corrected_them() {
    let folder = tempfile::tempdir().unwrap();
    let corrected = EmbeddingTable { recipe: "sphere".to_owned(), source: "cd34".to_owned(), ..table(1.0) };
    for name in ["a.parquet", "a.safetensors", "a.h5ad"] {
        let path = written(folder.path(), name, &corrected);
        let back = read(&path).unwrap();
        assert_eq!((back.recipe.as_str(), back.source.as_str()), ("sphere", "cd34"), "{name}");
        assert!(!is_simulated(&path), "{name}");
    }
}

#[test]
fn anndata_of_other_programs_is_read_by_name_or_refused() {
    let fixture = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/h5ad").join(name);
    let dense = read(&fixture("dense.h5ad")).unwrap();
    assert_eq!((dense.row_ids[3].as_str(), dense.dim, dense.values[2]), ("P1_B01", 4, 0.75));
    assert!(dense.model_hash.starts_with("vectors ") && dense.features[0] == "Cells_Feature_0");
    assert_eq!(read(&fixture("csr.h5ad")).unwrap(), read(&fixture("csc.h5ad")).unwrap());
    assert!(refused(&fixture("records.h5ad")).contains("records.h5ad: obs: it holds records"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.h5ad");
    let put = |rows: &[&str], values: &[f32]| {
        let rows: Vec<String> = rows.iter().map(|name| (*name).to_owned()).collect();
        let features = ["emb_1".to_owned()];
        let columns =
            vec![h5ad::Column { name: "n".to_owned(), cells: Cells::Integers(vec![None; rows.len()]) }];
        let values = h5ad::Matrix::Single(values);
        let content = h5ad::Content { rows: &rows, columns, features: &features, values, about: &[] };
        std::fs::write(&path, h5ad::write(&content).unwrap()).unwrap();
    };
    put(&["b", "a"], &[1.0, 2.0]);
    assert_eq!(read(&path).unwrap().row_ids, ["b", "a"]);
    put(&["a", "a"], &[1.0, 2.0]);
    assert!(refused(&path).contains("obs: it names the row \"a\" twice"), "{}", refused(&path));
    put(&["0", "1"], &[1.0, 2.0]);
    assert!(refused(&path).contains("it only counts its rows. Write their row_id"), "{}", refused(&path));
    put(&["a", "b"], &[1.0, f32::NAN]);
    assert!(refused(&path).contains("number 0 of the embedding of b is not finite"), "{}", refused(&path));
    std::fs::write(&path, "row_id,x\na,1\n").unwrap();
    assert!(refused(&path).contains("a.h5ad: the file: "), "{}", refused(&path));
}
