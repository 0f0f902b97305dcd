//! Planted leaks.

use super::super::evaluate::{BLOCK, Features};
use super::*;
use crate::analysis::testing::{Row, items};
use crate::random::{normal, stream};
use crate::video::{Address, Crop};

/// Two wells of each of four compounds; the first two are trained on.
fn rows() -> Vec<Row> {
    (0..8)
        .map(|i| Row {
            compound: i / 2,
            moas: vec![i / 2 % 2],
            plate: "P1",
            well: format!("A{:02}", i + 1),
            address: Some(Address::of(format!("/screen/{i}.tif"))),
            split: Some([Split::Train, Split::Val, Split::Query, Split::Gallery][i / 2]),
            ..Row::default()
        })
        .map(|mut row| {
            if row.compound == 3 {
                (row.compound, row.moas) = (2, vec![0]);
            }
            row
        })
        .collect()
}

fn found(rows: &[Row], protocol: Protocol) -> Vec<(Severity, Leak, Vec<String>)> {
    let items = items(rows);
    let splits: Vec<Option<Split>> = rows.iter().map(|row| row.split).collect();
    let findings = check(&Check { items: &items, splits: &splits, protocol, content: None, near: None });
    findings.into_iter().map(|f| (f.severity, f.leak, f.rows)).collect()
}

#[test]
fn a_clean_split_has_no_finding() {
    assert!(found(&rows(), Protocol::DrugDisjoint).is_empty());
    assert!(found(&rows(), Protocol::Mito).is_empty());
}

#[test]
fn compounds_and_mechanisms_that_straddle_are_named() {
    let mut rows = rows();
    rows[4].compound = 0;
    let expected = ["r0", "r1", "r4"].map(str::to_owned).to_vec();
    assert_eq!(found(&rows, Protocol::DrugDisjoint), [(Severity::Error, Leak::Compound, expected)]);
    assert!(found(&rows, Protocol::Mito).is_empty(), "the paper's split goes by cell");
    for row in &mut rows {
        row.control = true;
    }
    assert!(found(&rows, Protocol::DrugDisjoint).is_empty(), "every model knows the controls");
    let moa = found(&self::rows(), Protocol::MoaDisjoint);
    assert_eq!((moa.len(), moa[0].1, moa[0].2.len()), (1, Leak::Moa, 6));
    let mut rows = self::rows();
    rows[4..].iter_mut().for_each(|row| row.moas = vec![2]);
    assert!(found(&rows, Protocol::MoaDisjoint).is_empty());
    assert_eq!(found(&rows, Protocol::DrugDisjoint)[0].1, Leak::UnknownMoa);
}

#[test]
fn one_name_with_two_structures_is_one_compound_to_a_suspicious_mind() {
    let rows = rows();
    let mut items = items(&rows);
    items.compounds[2].names = items.compounds[0].names.clone();
    let splits: Vec<Option<Split>> = rows.iter().map(|row| row.split).collect();
    let protocol = Protocol::DrugDisjoint;
    let findings = check(&Check { items: &items, splits: &splits, protocol, content: None, near: None });
    assert_eq!((findings.len(), findings[0].leak, findings[0].n_rows), (1, Leak::Compound, 6));
    assert!(findings[0].text.contains("with different structures"));
}

#[test]
fn a_scaffold_that_straddles_is_named_with_its_compounds() {
    let rows = rows();
    let mut items = items(&rows);
    for (compound, smiles) in items.compounds.iter_mut().zip(["Cc1ccccc1", "CCCN", "NCc1ccccc1"]) {
        compound.smiles = Some(smiles.to_owned());
    }
    let splits: Vec<Option<Split>> = rows.iter().map(|row| row.split).collect();
    let found =
        |protocol| check(&Check { items: &items, splits: &splits, protocol, content: None, near: None });
    assert!(found(Protocol::DrugDisjoint).is_empty());
    let findings = found(Protocol::ScaffoldDisjoint);
    assert_eq!(
        (findings.len(), findings[0].severity, findings[0].leak),
        (1, Severity::Error, Leak::Scaffold)
    );
    assert_eq!(findings[0].text, "One scaffold is in train and query and gallery: that of c 0, c 2.");
}

#[test]
fn wells_and_fields_straddle_unless_the_replicate_differs() {
    let mut rows = rows();
    rows[2].well = "A01".to_owned();
    let [finding] = &found(&rows, Protocol::Mito)[..] else { panic!("one finding") };
    assert_eq!((finding.0, finding.1), (Severity::Error, Leak::Well));
    assert_eq!(finding.2, ["r0", "r2"]);
    rows[2].replicate = 1;
    assert!(found(&rows, Protocol::Mito).is_empty(), "plates of two replicates may share a name");
    rows[4].well = "A02".to_owned();
    assert_eq!(found(&rows, Protocol::Mito)[0].0, Severity::Warning);
    assert_eq!(found(&rows, Protocol::DrugDisjoint)[0].0, Severity::Error);
    rows[4].well = String::new();
    rows[5].well = String::new();
    rows[5].site = "3";
    let unchecked = found(&rows, Protocol::Mito);
    assert_eq!((unchecked.len(), unchecked[0].1), (1, Leak::Unchecked));
    assert_eq!(unchecked[0].2, ["r4"]);
}

#[test]
fn a_recording_in_two_parts_is_found_whole_and_by_overlapping_crops() {
    let crop = |x| Some(Crop { x, y: 0, width: 10, height: 10 });
    let mut rows = rows();
    rows[6].address = rows[1].address.clone();
    let findings = found(&rows, Protocol::DrugDisjoint);
    assert_eq!(findings, [(Severity::Error, Leak::Recording, vec!["r1".to_owned(), "r6".to_owned()])]);
    let place = |rows: &mut [Row], row: usize, crop| {
        rows[row].address = Some(Address { crop, ..Address::of("/field.tif") });
    };
    place(&mut rows, 1, crop(0));
    place(&mut rows, 6, crop(10));
    assert!(found(&rows, Protocol::DrugDisjoint).is_empty(), "side by side");
    place(&mut rows, 6, crop(9));
    assert_eq!(found(&rows, Protocol::DrugDisjoint)[0].1, Leak::Overlap);
    place(&mut rows, 6, None);
    assert_eq!(found(&rows, Protocol::DrugDisjoint)[0].1, Leak::Overlap, "the whole field");
    rows[6].split = None;
    assert!(found(&rows, Protocol::DrugDisjoint).is_empty(), "a row without a part does no harm");
}

#[test]
fn a_recording_of_several_files_is_all_of_them_in_any_order() {
    let two = |first: &str, second: &str| Address { more: vec![second.into()], ..Address::of(first) };
    let mut rows = rows();
    rows[1].address = Some(two("/a.tif", "/b.tif"));
    rows[6].address = Some(two("/b.tif", "/a.tif"));
    let findings = found(&rows, Protocol::DrugDisjoint);
    assert_eq!(findings, [(Severity::Error, Leak::Recording, vec!["r1".to_owned(), "r6".to_owned()])]);
    rows[6].address = Some(two("/a.tif", "/c.tif"));
    assert!(found(&rows, Protocol::DrugDisjoint).is_empty());
}

#[test]
fn a_copy_under_another_name_is_found_by_its_content() {
    let rows = rows();
    let items = items(&rows);
    let splits: Vec<Option<Split>> = rows.iter().map(|row| row.split).collect();
    let mut hashes: Vec<Option<[u8; 32]>> = (0..8).map(|i| Some([i; 32])).collect();
    hashes[7] = hashes[0];
    hashes[5] = hashes[4];
    (hashes[1], hashes[2]) = (None, None);
    let protocol = Protocol::DrugDisjoint;
    let findings =
        check(&Check { items: &items, splits: &splits, protocol, content: Some(&hashes), near: None });
    let all: Vec<_> = findings.iter().map(|f| (f.severity, f.leak, f.rows.join(" "))).collect();
    let expected = [
        (Severity::Error, Leak::Content, "r0 r7".to_owned()),
        (Severity::Warning, Leak::Content, "r4 r5".to_owned()),
    ];
    assert_eq!(all, expected);
    assert_eq!(findings[0].sentence(), "2 rows in train and gallery have the same content. Rows: r0, r7");
    let many = Finding { n_rows: 3, ..findings[0].clone() };
    assert!(many.sentence().ends_with("Rows: r0, r7, …"));
}

#[test]
fn a_copy_with_a_little_noise_is_found_by_its_features() {
    // More rows than a block, so that copies are sought across blocks too.
    let n = 2 * BLOCK + 11;
    let row = |i: usize| Row {
        compound: i,
        well: format!("x{i}"),
        split: Some(if i < BLOCK { Split::Train } else { Split::Query }),
        ..Row::default()
    };
    let rows: Vec<Row> = (0..n).map(row).collect();
    let items = items(&rows);
    let splits: Vec<Option<Split>> = rows.iter().map(|row| row.split).collect();
    let mut rng = stream(2, &["copies"]);
    let dim = 32;
    let mut values: Vec<f32> = (0..n * dim).map(|_| normal(&mut rng) as f32).collect();
    for (from, to) in [(3, BLOCK), (BLOCK - 1, n - 1), (5, 6)] {
        for i in 0..dim {
            values[to * dim + i] = 2.0 * values[from * dim + i] + 0.005 * normal(&mut rng) as f32;
        }
    }
    let near = |values| {
        let check = Check {
            items: &items,
            splits: &splits,
            protocol: Protocol::Mito,
            content: None,
            near: Some(Near { features: Features::cosine("thumbnails", values, dim), least: 0.9999 }),
        };
        self::check(&check)
    };
    let findings = near(&values);
    let pairs: Vec<String> = findings.iter().map(|f| f.rows.join(" ")).collect();
    assert_eq!(pairs, [format!("r3 r{BLOCK}"), format!("r{} r{}", BLOCK - 1, n - 1)]);
    assert!(findings.iter().all(|f| f.leak == Leak::NearDuplicate));
    assert_eq!(near(&values[1..])[0].leak, Leak::Unchecked);
    // What is equal is said once, as a leak of content.
    let mut content: Vec<Option<[u8; 32]>> = vec![None; n];
    (content[3], content[BLOCK]) = (Some([1; 32]), Some([1; 32]));
    let findings = check(&Check {
        items: &items,
        splits: &splits,
        protocol: Protocol::Mito,
        content: Some(&content),
        near: Some(Near { features: Features::cosine("thumbnails", &values, dim), least: 0.9999 }),
    });
    let leaks: Vec<Leak> = findings.iter().map(|finding| finding.leak).collect();
    assert_eq!(leaks, [Leak::Content, Leak::NearDuplicate]);
}

#[test]
fn where_pictures_look_alike_no_pair_is_accused() {
    let dim = 16;
    let near = |n: usize, values: &[f32]| {
        let row = |i: usize| Row {
            compound: i,
            well: format!("x{i}"),
            split: Some(if i < n / 2 { Split::Train } else { Split::Query }),
            ..Row::default()
        };
        let rows: Vec<Row> = (0..n).map(row).collect();
        let items = items(&rows);
        let splits: Vec<Option<Split>> = rows.iter().map(|row| row.split).collect();
        let near = Some(Near { features: Features::cosine("thumbnails", values, dim), least: 0.99 });
        check(&Check { items: &items, splits: &splits, protocol: Protocol::Mito, content: None, near })
    };
    let n = BLOCK + 20;
    let findings = near(n, &vec![1.0; n * dim]);
    assert_eq!((findings.len(), findings[0].leak, findings[0].n_rows), (1, Leak::Unchecked, 0));
    let all = format!("{} of {0} pairs", (n / 2) * (n - n / 2));
    assert!(findings[0].text.starts_with("Pictures of this screen look alike"), "{}", findings[0].text);
    assert!(findings[0].text.contains(&all), "{}", findings[0].text);
    assert_eq!(findings[0].sentence(), findings[0].text, "no rows are named");

    // Each row has one copy in the other part: these are copies, and beyond 200 they are counted.
    let mut rng = stream(3, &["many copies"]);
    let half = 210;
    let mut values: Vec<f32> = (0..half * dim).map(|_| normal(&mut rng) as f32).collect();
    values.extend(values.clone());
    let findings = near(2 * half, &values);
    let last = findings.last().unwrap();
    assert!(findings.iter().all(|finding| finding.leak == Leak::NearDuplicate));
    assert_eq!((findings.len(), last.n_rows), (201, 2 * half));
    assert!(last.text.starts_with("10 more pairs"), "{}", last.text);
}
