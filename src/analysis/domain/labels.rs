//! What the rows are, as numbers: all that is asked of vectors is asked by these.

use std::collections::{BTreeMap, HashMap};

use crate::analysis::items::Items;
use crate::experiment::{Experiment, Well};

/// Rows that are compared, in the order of their vectors.
#[derive(Debug, Clone, Default)]
pub(super) struct Labels {
    /// Place of the row's plate; rows without one share a plate.
    pub plate: Vec<usize>,
    /// Names of the plates.
    pub plates: Vec<String>,
    /// Place in `domains`; `None` where the cell is empty.
    pub domain: Vec<Option<usize>>,
    /// Values of the domain's column, in the order in which they appear.
    pub domains: Vec<String>,
    /// Negative controls.
    pub control: Vec<bool>,
    /// Compound; `None` for controls and for rows that name none.
    pub compound: Vec<Option<usize>>,
    /// Compound and dose, where there is a compound.
    pub treatment: Vec<Option<usize>>,
    /// Mechanisms, ascending.
    pub moas: Vec<Vec<usize>>,
    /// What is left out together with the own compound: the replicate, or the plate where no replicates are named.
    pub batch: Vec<usize>,
    /// Place on the plate.
    pub well: Vec<Option<Well>>,
    /// The mechanism that a compound is drawn with: its first by the alphabet.
    pub mechanism: Vec<Option<usize>>,
}

impl Labels {
    /// Of some table rows. `domain` is a column of the table.
    pub fn read(experiment: &Experiment, items: &Items, rows: &[usize], domain: &str) -> Self {
        let places: HashMap<usize, usize> =
            items.items.iter().enumerate().map(|(place, item)| (item.row, place)).collect();
        let mut labels = Self { mechanism: vec![None; items.compounds.len()], ..Self::default() };
        let (mut plates, mut domains, mut treatments) = (HashMap::new(), HashMap::new(), BTreeMap::new());
        let by_plate = items.replicates.iter().all(String::is_empty);
        for &row in rows {
            let item = places.get(&row).map(|&place| &items.items[place]);
            let plate = experiment.table.text(row, "plate").trim().to_owned();
            labels.plate.push(number(&mut plates, &mut labels.plates, plate));
            let text = experiment.table.text(row, domain).trim().to_owned();
            let of = (!text.is_empty()).then(|| number(&mut domains, &mut labels.domains, text));
            labels.domain.push(of);
            labels.control.push(item.is_some_and(|item| item.control));
            let compound = item.filter(|item| !item.control).and_then(|item| item.compound);
            labels.compound.push(compound);
            let dose = item.and_then(|item| item.dose).map(f64::to_bits);
            let next = treatments.len();
            let of = compound.map(|compound| *treatments.entry((compound, dose)).or_insert(next));
            labels.treatment.push(of);
            let moas = item.map(|item| item.moas.clone()).unwrap_or_default();
            if let (Some(compound), Some(first)) =
                (compound, moas.iter().min_by_key(|&&moa| &items.moas[moa]))
            {
                labels.mechanism[compound].get_or_insert(*first);
            }
            labels.moas.push(moas);
            let replicate = item.map_or(0, |item| item.replicate);
            labels.batch.push(if by_plate { labels.plate[labels.plate.len() - 1] } else { replicate });
            labels.well.push(item.and_then(|item| Well::parse(&item.well)));
        }
        labels
    }

    /// Rows that were treated with a compound: those that ask, and that may be found.
    pub fn treated(&self) -> Vec<usize> {
        (0..self.compound.len()).filter(|&row| self.compound[row].is_some()).collect()
    }

    /// True where any plate has a name.
    pub fn has_plates(&self) -> bool {
        self.plates.iter().any(|plate| !plate.is_empty())
    }
}

fn number(known: &mut HashMap<String, usize>, names: &mut Vec<String>, name: String) -> usize {
    *known.entry(name).or_insert_with_key(|name| {
        names.push(name.clone());
        names.len() - 1
    })
}
