//! Rows for tests, made by hand.

use std::collections::BTreeSet;

use super::items::{Compound, Item, Items, plain};
use super::split::Split;
use crate::video::Address;

/// What matters of a row; the rest is empty.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    pub compound: usize,
    pub moas: Vec<usize>,
    pub replicate: usize,
    pub plate: &'static str,
    pub well: String,
    pub site: &'static str,
    pub address: Option<Address>,
    pub split: Option<Split>,
    pub control: bool,
    pub simulated: bool,
}

/// Items `r0`, `r1`, … of compounds `c 0`, `c 1`, …, mechanisms `m0`, … and replicates `1`, `2`, ….
pub(crate) fn items(rows: &[Row]) -> Items {
    let item = |(i, row): (usize, &Row)| Item {
        row: i,
        row_id: format!("r{i}"),
        compound: Some(row.compound),
        dose: None,
        moas: row.moas.clone(),
        replicate: row.replicate,
        plate: row.plate.to_owned(),
        well: row.well.clone(),
        site: row.site.to_owned(),
        address: row.address.clone(),
        split: row.split,
        control: row.control,
        simulated: row.simulated,
    };
    let compound = |i: usize| {
        let name = format!("c {i}");
        Compound { names: BTreeSet::from([plain(&name)]), name, ..Compound::default() }
    };
    let count = |most: Option<usize>| 0..most.map_or(0, |most| most + 1);
    Items {
        items: rows.iter().enumerate().map(item).collect(),
        compounds: count(rows.iter().map(|row| row.compound).max()).map(compound).collect(),
        moas: count(rows.iter().flat_map(|row| row.moas.clone()).max()).map(|i| format!("m{i}")).collect(),
        replicates: count(rows.iter().map(|row| row.replicate).max()).map(|i| (i + 1).to_string()).collect(),
        ..Items::default()
    }
}
