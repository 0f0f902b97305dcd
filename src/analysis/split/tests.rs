//! Splits and plans.

use super::*;
use crate::analysis::testing::{Row, items};

/// Twelve compounds of three mechanisms and one without any, four wells of two cells in each of three
/// replicates, and DMSO.
fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for compound in 0..14 {
        for cell in 0..24 {
            rows.push(Row {
                compound,
                moas: if compound < 12 { vec![compound / 4] } else { Vec::new() },
                replicate: cell % 3,
                plate: "P",
                well: format!("{compound}-{}", cell / 6),
                control: compound == 13,
                ..Row::default()
            });
        }
    }
    rows
}

fn parts(items: &Items, splits: &[Option<Split>], compound: usize) -> BTreeSet<Option<Split>> {
    let of = items.items.iter().zip(splits).filter(|(item, _)| item.compound == Some(compound));
    of.map(|(_, split)| *split).collect()
}

fn all(items: &Items, splits: &[Option<Split>]) -> Vec<BTreeSet<Option<Split>>> {
    (0..items.compounds.len()).map(|compound| parts(items, splits, compound)).collect()
}

const TRAIN: Option<Split> = Some(Split::Train);
const VAL: Option<Split> = Some(Split::Val);
const QUERY: Option<Split> = Some(Split::Query);
const GALLERY: Option<Split> = Some(Split::Gallery);

fn no_well_straddles(items: &Items, splits: &[Option<Split>]) {
    let mut wells: BTreeMap<String, BTreeSet<Option<Split>>> = BTreeMap::new();
    for (item, split) in items.items.iter().zip(splits) {
        wells.entry(well_of(items, item)).or_default().insert(*split);
    }
    assert_eq!(wells.len(), 14 * 12);
    assert!(wells.values().all(|parts| parts.len() == 1));
}

#[test]
fn the_mito_split_goes_by_well_within_drug() {
    let items = items(&rows());
    let splits = make_split(&items, Protocol::Mito, 3);
    no_well_straddles(&items, &splits);
    for parts in all(&items, &splits) {
        assert_eq!(parts, BTreeSet::from([TRAIN, VAL, QUERY, GALLERY]));
    }
    for compound in 0..14 {
        let replicates = |split| -> BTreeSet<usize> {
            let of =
                items.items.iter().zip(&splits).filter(|(i, s)| i.compound == Some(compound) && **s == split);
            of.map(|(item, _)| item.replicate).collect()
        };
        assert!(replicates(QUERY).is_disjoint(&replicates(GALLERY)), "a hit is from another replicate");
    }
    let trained = splits.iter().filter(|split| **split == TRAIN).count();
    assert_eq!(trained, 14 * 18, "of twelve wells one asks, one may be found, one validates");
    let two_wells = self::items(
        &rows()[..24]
            .iter()
            .filter(|row| row.replicate < 2 && row.well == "0-0")
            .cloned()
            .collect::<Vec<_>>(),
    );
    assert!(make_split(&two_wells, Protocol::Mito, 3).iter().all(|split| *split == TRAIN));
    assert!(matches!(Plan::made(&two_wells, Protocol::Mito, 3), Err(ProtocolError::Empty { .. })));
}

#[test]
fn the_drug_disjoint_split_holds_two_drugs_of_each_mechanism_and_keeps_two_to_learn_from() {
    let items = items(&rows());
    let splits = make_split(&items, Protocol::DrugDisjoint, 3);
    no_well_straddles(&items, &splits);
    let all = all(&items, &splits);
    for moa in 0..3 {
        let of = &all[4 * moa..4 * moa + 4];
        assert_eq!(of.iter().filter(|parts| **parts == BTreeSet::from([QUERY, GALLERY])).count(), 2);
        assert_eq!(of.iter().filter(|parts| **parts == BTreeSet::from([TRAIN])).count(), 2);
    }
    assert!(all[13].contains(&TRAIN) && all[13].contains(&QUERY), "some controls stay unseen");
    let plan = Plan::made(&items, Protocol::DrugDisjoint, 3).unwrap();
    assert!(plan.query.iter().chain(&plan.gallery).all(|&i| !items.items[i].control));
    assert_eq!(plan.left_out.values().sum::<usize>(), 4, "controls among the queries and in the gallery");
    let replicates: BTreeSet<usize> = plan.query.iter().map(|&i| items.items[i].replicate).collect();
    assert_eq!((replicates.len(), plan.query.len(), plan.gallery.len()), (3, 72, 72));
}

#[test]
fn validation_is_taken_by_compound() {
    let more: Vec<Row> = (0..64)
        .map(|i| Row { compound: i / 4, moas: vec![i / 32], well: format!("w{i}"), ..Row::default() })
        .collect();
    let items = items(&more);
    let splits = make_split(&items, Protocol::DrugDisjoint, 1);
    for moa in 0..2 {
        let of = &all(&items, &splits)[8 * moa..8 * moa + 8];
        let count =
            |parts: &[Option<Split>]| of.iter().filter(|p| **p == parts.iter().copied().collect()).count();
        assert_eq!([count(&[QUERY, GALLERY]), count(&[VAL]), count(&[TRAIN])], [2, 2, 4]);
    }
    let mut own: Vec<Option<Split>> = vec![TRAIN; 64];
    own[0] = GALLERY;
    take_validation(&items, &mut own, Part::Compound, 1);
    assert_eq!(own[0], GALLERY);
    assert_eq!(all(&items, &own).iter().filter(|parts| parts.contains(&VAL)).count(), 4);
    let plan = Plan::made(&items, Protocol::DrugDisjoint, 1).unwrap();
    let (alone, known) = (plan.validation(&items, false), plan.validation(&items, true));
    assert_eq!(
        (alone.split, alone.query.len(), alone.gallery.len(), known.gallery.len()),
        ("val", 16, 16, 48)
    );
    assert_eq!(plan.part(Split::Val), alone.query);
}

#[test]
fn the_moa_disjoint_split_holds_mechanisms_and_leaves_out_what_has_both() {
    let mut rows = rows();
    // Compound 0 has a mechanism of its own and that of the second four.
    rows.iter_mut().filter(|row| row.compound == 0).for_each(|row| row.moas = vec![0, 1]);
    let items = items(&rows);
    for seed in 0..5 {
        let splits = make_split(&items, Protocol::MoaDisjoint, seed);
        no_well_straddles(&items, &splits);
        let asked = |moa: usize| {
            let of = items.items.iter().zip(&splits).filter(|(item, _)| item.moas == [moa]);
            let parts: BTreeSet<bool> = of.map(|(_, s)| s.is_some_and(|s| !s.is_seen())).collect();
            assert_eq!(parts.len(), 1);
            parts.contains(&true)
        };
        let held = [asked(0), asked(1), asked(2)];
        assert_eq!(held.iter().filter(|held| **held).count(), 2);
        let both = parts(&items, &splits, 0);
        assert_eq!(both.contains(&None), held[0] != held[1]);
        assert!(!both.contains(&TRAIN));
        Plan::made(&items, Protocol::MoaDisjoint, seed).unwrap();
    }
}

#[test]
fn a_split_depends_on_its_seed_and_on_names_but_not_on_the_order_of_rows() {
    let rows = rows();
    let one = items(&rows);
    let mut other = one.clone();
    other.items.reverse();
    let all = [Protocol::Mito, Protocol::DrugDisjoint, Protocol::ScaffoldDisjoint, Protocol::MoaDisjoint];
    for protocol in all {
        let splits = make_split(&one, protocol, 7);
        let mut reversed = make_split(&other, protocol, 7);
        reversed.reverse();
        assert_eq!(splits, reversed);
        assert_ne!(splits, make_split(&one, protocol, 8));
    }
}

#[test]
fn the_table_s_own_split_is_used_and_checked() {
    let mut rows = rows();
    for row in &mut rows {
        row.split = if row.compound % 4 < 2 { TRAIN } else { [QUERY, GALLERY][row.replicate % 2] };
    }
    let own = items(&rows);
    let plan = Plan::new(&own, Protocol::DrugDisjoint, 1).unwrap();
    assert_eq!((plan.split_from.as_str(), plan.query.len(), plan.gallery.len()), ("table", 6 * 16, 6 * 8));
    let text = Plan::new(&own, Protocol::MoaDisjoint, 1).unwrap_err().to_string();
    assert!(
        text.starts_with("moa-disjoint: 3 compounds or mechanisms are in the query or gallery"),
        "{text}"
    );
    rows[0].split = QUERY;
    let text = Plan::new(&items(&rows), Protocol::DrugDisjoint, 1).unwrap_err().to_string();
    assert!(
        text.starts_with("drug-disjoint: 1 compound is in the query or gallery and in training: c 0."),
        "{text}"
    );
    let mito = Plan::new(&items(&rows), Protocol::Mito, 1).unwrap();
    assert!(mito.query.contains(&0), "known drugs are this protocol's point");
    for row in &mut rows {
        row.split = TRAIN;
    }
    rows[0].split = QUERY;
    let text = Plan::new(&items(&rows), Protocol::Mito, 1).unwrap_err().to_string();
    assert!(text.contains("leave no gallery. The split column must name query and gallery"), "{text}");
    rows[0].split = TRAIN;
    assert_eq!(Plan::new(&items(&rows), Protocol::DrugDisjoint, 4).unwrap().split_from, "seed 4");
}

#[test]
fn a_model_that_knows_the_query_is_refused_or_marked() {
    let mut own = items(&rows());
    own.compounds[2].skeleton = Some("AAAAAAAAAAAAAA".to_owned());
    let splits = own.items.iter().map(|item| {
        if matches!(item.compound, Some(2 | 3)) { [QUERY, GALLERY][item.replicate % 2] } else { TRAIN }
    });
    let mut plan = Plan::of(&own, Protocol::DrugDisjoint, splits.collect(), "test".to_owned()).unwrap();
    let drug = |name: &str, skeleton: &str| DrugClass {
        name: name.to_owned(),
        skeleton: skeleton.to_owned(),
        smiles: String::new(),
        moas: vec!["M0".to_owned()],
    };
    plan.check_model(&own, &[drug("c 0", ""), drug("DMSO", "IAZDPXIOMUYVGZ")], false).unwrap();
    let known = [drug("another name", "AAAAAAAAAAAAAA"), drug("C-3", "")];
    let text = plan.check_model(&own, &known, false).unwrap_err().to_string();
    assert!(text.contains("trained with 2 compounds that are in the query or gallery: c 2, c 3."), "{text}");
    plan.check_model(&own, &known, true).unwrap();
    assert_eq!(plan.contaminated, ["c 2", "c 3"]);
    plan.protocol = Protocol::MoaDisjoint;
    assert!(plan.check_model(&own, &[drug("x", "")], false).unwrap_err().to_string().contains("m0"));
    plan.protocol = Protocol::Mito;
    plan.check_model(&own, &known, false).unwrap();
}

/// Pairs of one scaffold across and within mechanisms, drugs of their own, without a ring, and without a structure.
fn with_structures(rows: &[Row]) -> Items {
    let mut items = items(rows);
    let smiles = [
        "Cc1ccccc1",
        "CCc1ccccc1",
        "Cc1ccncc1",
        "CCCCO",
        "OCc1ccccc1",
        "C1CCCCC1C",
        "CC1CCCCC1C",
        "CCOCC",
        "Cc1ccc2ccccc2c1",
        "C[C@H]1CCCN1",
        "C[C@@H]1CCCN1C",
    ];
    for (compound, smiles) in items.compounds.iter_mut().zip(smiles) {
        compound.skeleton = Some(crate::analysis::items::skeleton(smiles).unwrap());
        compound.smiles = Some(smiles.to_owned());
    }
    items
}

#[test]
fn compounds_of_one_scaffold_stay_on_one_side() {
    let items = with_structures(&rows());
    let groups = scaffold::groups(&items);
    assert!(groups[0] == groups[1] && groups[0] == groups[4], "benzene, of two mechanisms");
    assert!(groups[5] == groups[6] && groups[9] == groups[10], "stereo does not matter");
    assert!(groups[3].starts_with("skeleton ") && groups[3] != groups[7], "no ring");
    assert_eq!(groups[11], "name c11");
    let mut asked_for = BTreeSet::new();
    for seed in 0..8 {
        let splits = make_split(&items, Protocol::ScaffoldDisjoint, seed);
        no_well_straddles(&items, &splits);
        let all = all(&items, &splits);
        for together in [&[0, 1, 4][..], &[5, 6], &[9, 10]] {
            let parts: BTreeSet<_> = together.iter().map(|&compound| &all[compound]).collect();
            assert_eq!(parts.len(), 1, "seed {seed}: {together:?} are {parts:?}");
        }
        for moa in 0..3 {
            let is_seen = |parts: &BTreeSet<Option<Split>>| parts.contains(&TRAIN) || parts.contains(&VAL);
            assert!(all[4 * moa..4 * moa + 4].iter().any(is_seen), "seed {seed}, {moa}");
        }
        let plan = Plan::made(&items, Protocol::ScaffoldDisjoint, seed).unwrap();
        asked_for.extend(plan.query.iter().filter_map(|&i| items.items[i].compound));
        // Compound 12 has neither structure nor mechanism, 13 is the control.
        assert!(plan.notes[0].starts_with("2 of 13 compounds have no structure"), "{:?}", plan.notes);
    }
    assert!(asked_for.len() > 6, "{asked_for:?}");
    assert!(Plan::made(&items, Protocol::DrugDisjoint, 1).unwrap().notes.is_empty());
}

#[test]
fn a_scaffold_that_straddles_or_that_a_model_knows_is_named() {
    let mut rows = rows();
    for row in &mut rows {
        let held = matches!(row.compound, 4 | 7 | 8);
        row.split = if held { [QUERY, GALLERY][row.replicate % 2] } else { TRAIN };
    }
    let mut own = with_structures(&rows);
    let text = Plan::new(&own, Protocol::ScaffoldDisjoint, 1).unwrap_err().to_string();
    let named =
        "scaffold-disjoint: 1 compound or its scaffold is in the query or gallery and in training: c 4.";
    assert!(text.starts_with(named), "{text}");
    Plan::new(&own, Protocol::DrugDisjoint, 1).unwrap();
    own.compounds[4].smiles = Some("C1CC1C".to_owned());
    own.compounds[4].skeleton = Some(crate::analysis::items::skeleton("C1CC1C").unwrap());
    let mut plan = Plan::new(&own, Protocol::ScaffoldDisjoint, 1).unwrap();
    let drug = |smiles: &str| DrugClass {
        name: "another".to_owned(),
        skeleton: crate::analysis::items::skeleton(smiles).unwrap(),
        smiles: smiles.to_owned(),
        moas: Vec::new(),
    };
    plan.check_model(&own, &[drug("CCCCCCO"), drug("Cc1ccccc1")], false).unwrap();
    let text = plan.check_model(&own, &[drug("CC1CC1N")], false).unwrap_err().to_string();
    assert!(text.contains("1 compound (or another of its scaffold) that is in the query"), "{text}");
    assert_eq!(plan.contaminated, ["c 4"]);
    plan.protocol = Protocol::DrugDisjoint;
    plan.check_model(&own, &[drug("CC1CC1N")], false).unwrap();
}

#[test]
fn validation_is_as_new_as_the_queries() {
    // Six mechanisms of four compounds, of which two of one scaffold.
    let rows: Vec<Row> = (0..96)
        .map(|i| Row { compound: i / 4, moas: vec![i / 16], well: format!("w{i}"), ..Row::default() })
        .collect();
    let mut items = items(&rows);
    for (i, compound) in items.compounds.iter_mut().enumerate() {
        let ring = "C".repeat(3 + i / 2);
        let smiles = format!("C1{ring}C1{}", if i % 2 == 0 { "O" } else { "N" });
        compound.skeleton = Some(crate::analysis::items::skeleton(&smiles).unwrap());
        compound.smiles = Some(smiles);
    }
    let taken = |part: Part| -> BTreeSet<usize> {
        let mut splits = vec![TRAIN; items.len()];
        take_validation(&items, &mut splits, part, 5);
        (0..24).filter(|&compound| parts(&items, &splits, compound).contains(&VAL)).collect()
    };
    let moas = taken(Part::Mechanism);
    let of: BTreeSet<usize> = moas.iter().map(|compound| compound / 4).collect();
    assert_eq!((moas.len(), of.len()), (8, 2), "whole mechanisms: {moas:?}");
    let scaffolds = taken(Part::Scaffold);
    assert_eq!(scaffolds.len(), 12);
    assert!(scaffolds.iter().all(|compound| scaffolds.contains(&(compound ^ 1))), "{scaffolds:?}");
    assert_eq!(taken(Part::Compound).len(), 6);
    assert_eq!(taken(Part::Well).len(), 24, "cells of every compound");
    // Of three mechanisms none can be spared.
    let mut splits: Vec<_> = (0..96).map(|i| if i < 48 { TRAIN } else { None }).collect();
    take_validation(&items, &mut splits, Part::Mechanism, 5);
    let few = (0..12).filter(|&compound| parts(&items, &splits, compound).contains(&VAL));
    assert_eq!(few.map(|compound| compound / 4).collect::<Vec<_>>(), [0, 1, 2], "one compound of each");
}
