use std::fs;
use std::path::{Path, PathBuf};

use super::super::profile::tests::mutated;
use super::*;

fn fixture() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/profiles/objects"))
}

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn only(folder: &Path) -> Wells {
    let (mut wells, _) = read(folder, &LIMITS).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(wells.len(), 1);
    wells.remove(0)
}

fn refused(folder: &Path) -> String {
    read(folder, &LIMITS).unwrap_err().to_string()
}

fn column(wells: &Wells, name: &str) -> Vec<String> {
    let place = wells.source.column(name).unwrap_or_else(|| panic!("{name}: {:?}", wells.source.header()));
    wells.source.cells(place).map(str::to_owned).collect()
}

const IMAGE: &str = "ImageNumber,Metadata_Plate,Metadata_Well\n1,p,A01\n2,p,A02\n";
const NUCLEI: &str = "ImageNumber,ObjectNumber,AreaShape_Area\n1,1,4\n1,2,8\n2,1,3\n";

#[test]
fn wells_are_those_of_pycytominer() {
    assert!(are_in(&fixture()));
    let wells = only(&fixture());
    let expected = include_str!("../../../../tests/fixtures/profiles/objects_wells.csv");
    let mut lines = expected.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().unwrap();
    assert_eq!(wells.names, header[3..]);
    let expected: Vec<Vec<&str>> = lines.collect();
    assert_eq!((wells.source.len(), wells.values.len()), (expected.len(), expected.len() * 7));
    let (plates, names) = (column(&wells, "Metadata_Plate"), column(&wells, "Metadata_Well"));
    let counts = column(&wells, "Metadata_Object_Count");
    for row in &expected {
        let place = (0..plates.len()).find(|&at| plates[at] == row[0] && names[at] == row[1]).unwrap();
        assert_eq!(counts[place], row[2], "{row:?}");
        for (value, expected) in wells.values[place * 7..].iter().zip(&row[3..]) {
            let expected: f64 = expected.parse().unwrap();
            assert!((value - expected).abs() < 1e-6 * expected.abs(), "{value} {expected}");
        }
    }
    // What is the same in all images of a well stays, and what is not is said.
    assert_eq!(column(&wells, "Metadata_pert_iname")[4], "colchicine");
    let notes = wells.source.notes.join("\n");
    assert!(notes.contains("left out: Metadata_Site."), "{notes}");
    assert!(notes.contains("objects of the cytoplasm name a cell or a nucleus that is not there"), "{notes}");
}

#[test]
fn names_with_a_prefix_are_tables_of_objects_and_others_are_strays() {
    let tables = folder(&[
        ("MyExpt_Image.csv", IMAGE),
        ("MyExpt_Nuclei.csv", NUCLEI),
        ("MyExpt_Experiment.csv", "Key,Value\na,b\n"),
    ]);
    assert!(are_in(tables.path()));
    let (wells, strays) = read(tables.path(), &LIMITS).unwrap();
    assert_eq!(wells[0].names, ["Nuclei_AreaShape_Area"]);
    assert_eq!(wells[0].values, [6.0, 3.0]);
    assert_eq!(column(&wells[0], "Metadata_Count_Nuclei"), ["2", "1"]);
    assert_eq!(strays, [tables.path().join("MyExpt_Experiment.csv")]);
    let notes = wells[0].source.notes.join("\n");
    assert!(notes.contains("There is no MyExpt_Cells.csv: the other tables are used."), "{notes}");
    // A table of profiles may be called so too.
    let profiles = folder(&[("Cells.csv", "Metadata_Well,Cells_a,Cells_b\nA01,1,2\n"), ("Image.csv", IMAGE)]);
    assert!(!are_in(profiles.path()));
}

#[test]
fn what_does_not_fit_is_left_out_and_listed() {
    let nuclei = "ImageNumber,ObjectNumber,AreaShape_Area,AreaShape_Center_X,Label,Children_Cells_Count,Intensity_I_DNA\n\
                  1,1,4,7,a,1,nan\n1,1,100,7,a,1,1\n1,2,8,7,b,1,2\n1,x,100,7,b,1,1\n\
                  2,1,3,7,c,1,\n9,1,100,7,a,1,1\n9,2,100,7,a,1,1\n3,1,100,7,a,1,1\n";
    let image = "ImageNumber,Metadata_Plate,Metadata_Well\n1,p,A01\n2,p,A02\n3,p,\n4,p,A03\n";
    let wells = only(folder(&[("Image.csv", image), ("Nuclei.csv", nuclei), ("Cells.csv", "")]).path());
    assert_eq!(wells.names, ["Nuclei_AreaShape_Area", "Nuclei_Intensity_I_DNA"]);
    assert_eq!(wells.values[..3], [6.0, 2.0, 3.0]);
    assert!(wells.values[3..].iter().all(|value| value.is_nan()), "{:?}", wells.values);
    assert_eq!(column(&wells, "Metadata_Object_Count"), ["2", "1", "0"], "a well without cells stays");
    let why = |name: &str| wells.left_out.iter().find(|left| left.column == name).unwrap().why.clone();
    assert_eq!(why("Nuclei_Label"), "line 2 holds \"a\", no number");
    assert!(why("Nuclei_AreaShape_Center_X").contains("place in the image"));
    assert!(why("Nuclei_Children_Cells_Count").contains("counts objects"));
    let notes = wells.source.notes.join("\n");
    for said in [
        "1 images name no well",
        "2 objects are of images that the table of images lacks (9)",
        "1 rows are of objects that stand before them already, the first in line 3",
        "1 rows have no whole ImageNumber or ObjectNumber from 1, the first in line 5",
        "Cells.csv has no object of a well",
    ] {
        assert!(notes.contains(said), "{said}: {notes}");
    }
}

#[test]
fn plates_without_a_name_are_called_by_their_tables_and_images_without_a_plate_have_no_well() {
    let image = "ImageNumber,Metadata_Well\n1,A1\n2,A01\n";
    let sets = [
        ("P1_Image.csv", image),
        ("P1_Nuclei.csv", NUCLEI),
        ("P2_Image.csv", image),
        ("P2_Nuclei.csv", NUCLEI),
    ];
    let tables = folder(&sets);
    let (wells, _) = read(tables.path(), &LIMITS).unwrap();
    let plates: Vec<Vec<String>> = wells.iter().map(|wells| column(wells, "Metadata_Plate")).collect();
    assert_eq!(plates, [["P1"], ["P2"]], "A1 is A01, and the plates are two");
    assert_eq!(wells[0].values, [4.0]);
    let image = "ImageNumber,Metadata_Plate,Metadata_Well\n1,p,A01\n2, ,A01\n";
    let wells = only(folder(&[("Image.csv", image), ("Nuclei.csv", NUCLEI)]).path());
    assert_eq!((column(&wells, "Metadata_Plate"), wells.values), (vec!["p".to_owned()], vec![6.0]));
    let notes = wells.source.notes.join("\n");
    assert!(notes.contains("1 images name a well but no plate"), "{notes}");
}

#[test]
fn an_object_with_the_number_0_is_no_parent_and_numbers_of_neighbours_are_no_features() {
    let cells = "ImageNumber,ObjectNumber,AreaShape_Area,Neighbors_FirstClosestObjectNumber_Adjacent,TableNumber\n\
                 1,0,100,2,1\n1,1,10,2,1\n";
    let cytoplasm = "ImageNumber,ObjectNumber,AreaShape_Area,Parent_Cells\n1,1,2,1\n1,2,50,0\n";
    let tables = folder(&[("Image.csv", IMAGE), ("Cells.csv", cells), ("Cytoplasm.csv", cytoplasm)]);
    let wells = only(tables.path());
    assert_eq!(wells.names, ["Cells_AreaShape_Area", "Cytoplasm_AreaShape_Area"]);
    assert_eq!(wells.values[..2], [10.0, 2.0]);
    let listed: Vec<&str> = wells.left_out.iter().map(|left| left.column.as_str()).collect();
    assert_eq!(listed, ["Cells_Neighbors_FirstClosestObjectNumber_Adjacent"]);
    let limits = Limits { cells: 40, ..LIMITS };
    assert!(read(tables.path(), &limits).unwrap_err().to_string().contains("more than 40 numbers"));
}

#[test]
fn more_medians_than_the_limit_are_refused_before_they_are_made() {
    let lines: Vec<String> = (1..50).map(|number| format!("{number},w{number}\n")).collect();
    let image = format!("ImageNumber,Metadata_Well\n{}", lines.concat());
    let tables = folder(&[("Image.csv", &image), ("Nuclei.csv", NUCLEI)]);
    let text = read(tables.path(), &Limits { cells: 100, ..LIMITS }).unwrap_err().to_string();
    assert!(text.contains("49 wells of 1 features are more than is read"), "{text}");
}

#[test]
fn without_links_each_compartment_stands_for_itself() {
    let cells = "ImageNumber,ObjectNumber,AreaShape_Area\n1,5,10\n2,5,30\n2,6,50\n";
    let wells = only(folder(&[("Image.csv", IMAGE), ("Nuclei.csv", NUCLEI), ("Cells.csv", cells)]).path());
    assert_eq!(wells.names, ["Cells_AreaShape_Area", "Nuclei_AreaShape_Area"]);
    assert_eq!(wells.values, [10.0, 6.0, 40.0, 3.0]);
    assert!(wells.source.notes.iter().any(|note| note.contains("aggregated by itself")));
}

#[test]
fn tables_that_cannot_be_used_say_what_to_do() {
    let cases = [
        (vec![("Nuclei.csv", NUCLEI)], "there is no Image.csv"),
        (vec![("Image.csv", "ImageNumber,Count_Cells\n1,4\n"), ("Nuclei.csv", NUCLEI)], "Add Metadata_Well"),
        (vec![("Image.csv", ""), ("Nuclei.csv", NUCLEI)], "Image.csv: line 1: the file is empty"),
        (
            vec![("Image.csv", "ImageNumber,Metadata_Well\n1,A01\n1,A02\n"), ("Nuclei.csv", NUCLEI)],
            "line 3: image 1 is there twice",
        ),
        (
            vec![("Image.csv", "ImageNumber,Metadata_Well\n1,\n"), ("Nuclei.csv", NUCLEI)],
            "no image has a well",
        ),
        (
            vec![("Image.csv", "ImageNumber,Metadata_Well\n7,A01\n"), ("Nuclei.csv", NUCLEI)],
            "3 objects are of images that the table of images lacks (1, 2)",
        ),
        (
            vec![("Image.csv", "ImageNumber:Metadata_Well\n1:A01\n"), ("Nuclei.csv", NUCLEI)],
            "the table has one column, \"ImageNumber:Metadata_Well\"",
        ),
        (
            vec![("Image.csv", IMAGE), ("Nuclei.csv", NUCLEI), ("Cells.csv", "ImageNumber,Area\n1,2\n")],
            "Cells.csv: line 1: there is no column ObjectNumber",
        ),
        (
            vec![("Image.csv", IMAGE), ("Nuclei.csv", "ImageNumber,ObjectNumber,A\n1,1,4\n1,2")],
            "Nuclei.csv: line 3: it has 2 cells, the header 3",
        ),
        (
            vec![("Image.csv", IMAGE), ("Nuclei.csv", "ImageNumber,ObjectNumber,A\n1,1,x\n")],
            "no column holds numbers",
        ),
    ];
    for (files, problem) in cases {
        let error = refused(folder(&files).path());
        assert!(error.contains(problem), "{problem}: {error}");
    }
    // Other separators are told.
    let image = IMAGE.replace(',', ";");
    let wells = only(folder(&[("Image.csv", &image), ("Nuclei.csv", &NUCLEI.replace(',', "\t"))]).path());
    assert_eq!(wells.values, [6.0, 3.0]);
}

#[test]
fn more_objects_than_the_limit_and_bombs_are_refused_while_they_are_read() {
    let tables = folder(&[("Image.csv", IMAGE), ("Nuclei.csv", NUCLEI), ("Cells.csv", NUCLEI)]);
    let limits = Limits { cells: 5, ..LIMITS };
    let error = read(tables.path(), &limits).unwrap_err().to_string();
    assert!(
        error.contains("more than 5 numbers of single objects") && error.contains("fewer plates"),
        "{error}"
    );
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut packer, NUCLEI.as_bytes()).unwrap();
    let blank = "1,1,0\n".repeat(1 << 16);
    (0..64).for_each(|_| std::io::Write::write_all(&mut packer, blank.as_bytes()).unwrap());
    fs::write(tables.path().join("Cytoplasm.csv.gz"), packer.finish().unwrap()).unwrap();
    let error = refused(tables.path());
    assert!(
        error.contains("Cytoplasm.csv.gz") && error.contains("it unpacks to more than 16 MiB"),
        "{error}"
    );
}

#[test]
fn damaged_tables_are_an_error_or_wells() {
    let place = tempfile::tempdir().unwrap();
    let mut files: Vec<PathBuf> =
        fs::read_dir(fixture()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let files: Vec<(PathBuf, Vec<u8>)> = files
        .into_iter()
        .map(|path| (place.path().join(path.file_name().unwrap()), fs::read(&path).unwrap()))
        .collect();
    for (path, bytes) in &files {
        fs::write(path, bytes).unwrap();
    }
    let mut random = crate::random::stream(7, &["damaged objects"]);
    let mut whole = 0;
    for round in 0..300 {
        let (path, bytes) = &files[round % files.len()];
        fs::write(path, mutated(bytes, &mut random)).unwrap();
        match read(place.path(), &LIMITS) {
            Ok((sets, _)) => {
                whole += 1;
                for wells in sets {
                    assert_eq!(wells.values.len(), wells.source.len() * wells.names.len());
                }
            }
            Err(error) => assert!(error.to_string().contains(place.path().to_str().unwrap()), "{error}"),
        }
        fs::write(path, bytes).unwrap();
    }
    assert!((20..300).contains(&whole), "{whole} of 300 were read");
}
