//! What one vector stands for: a row, or the mean of a treatment's or a compound's rows.

use std::collections::BTreeMap;

use super::{Level, Vectors};
use crate::analysis::evaluate::Centring;
use crate::analysis::items::{Item, Items};

/// Items of a level: means of rows.
pub(super) struct Units {
    /// One item per unit; of what its rows differ in (plate, well, replicate) it has what the first one has.
    pub items: Items,
    /// Rows of each unit, as places in the items that it was made from.
    pub rows: Vec<Vec<usize>>,
}

impl Units {
    /// Groups some rows, with `by_replicate` those of one replicate. Their mechanisms are those of all rows of a unit.
    pub fn new(items: &Items, rows: &[usize], level: Level, by_replicate: bool) -> Self {
        let mut places: BTreeMap<_, usize> = BTreeMap::new();
        let mut of: Vec<Vec<usize>> = Vec::new();
        for &row in rows {
            let Item { compound, dose, replicate, .. } = &items.items[row];
            let replicate = by_replicate.then_some(*replicate);
            let next = of.len();
            let place = match level {
                Level::Row => next,
                Level::Treatment => {
                    *places.entry((*compound, dose.map(f64::to_bits), replicate)).or_insert(next)
                }
                Level::Compound => *places.entry((*compound, None, replicate)).or_insert(next),
            };
            if place == next {
                of.push(Vec::new());
            }
            of[place].push(row);
        }
        let unit = |rows: &Vec<usize>| {
            let mut item = rows.first().map(|&row| items.items[row].clone()).unwrap_or_default();
            item.moas = rows.iter().flat_map(|&row| items.items[row].moas.iter().copied()).collect();
            item.moas.sort_unstable();
            item.moas.dedup();
            item.simulated = rows.iter().any(|&row| items.items[row].simulated);
            item
        };
        Self { items: Items { items: of.iter().map(unit).collect(), ..items.clone() }, rows: of }
    }

    /// The mean vector of each unit, of rows centred where `centring` is given. Rows of which a number is not known (NaN) are
    /// left out of it; without any other the mean is not known.
    pub fn mean(&self, items: &Items, vectors: &Vectors, centring: Option<&Centring>) -> Vectors {
        let dim = vectors.dim;
        let mut values = Vec::with_capacity(self.rows.len() * dim);
        let mut sum = vec![0.0_f64; dim];
        for rows in &self.rows {
            sum.fill(0.0);
            let is_known =
                |row: &&usize| vectors.values[**row * dim..(**row + 1) * dim].iter().all(|x| !x.is_nan());
            let known: Vec<usize> = rows.iter().filter(is_known).copied().collect();
            for &row in &known {
                let replicate = items.items[row].replicate;
                let level = centring.and_then(|centring| centring.means[replicate].as_deref());
                for (at, (sum, x)) in
                    sum.iter_mut().zip(&vectors.values[row * dim..(row + 1) * dim]).enumerate()
                {
                    *sum += f64::from(*x) - level.map_or(0.0, |level| f64::from(level[at]));
                }
            }
            values.extend(sum.iter().map(|sum| (sum / known.len() as f64) as f32));
        }
        Vectors { name: vectors.name.clone(), dim, values, by_distance: vectors.by_distance }
    }
}
