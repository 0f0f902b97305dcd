//! Small screens for unit tests.

use super::wells::{Role, Well, Wells};
use crate::analysis::items::Compound;
use crate::experiment::Well as Place;

/// One well.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spec {
    pub plate: usize,
    pub replicate: usize,
    /// Row and column from 0.
    pub place: Option<(u8, u8)>,
    pub role: Role,
    pub compound: usize,
    pub dose_um: Option<f64>,
    pub cells: Option<f64>,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            plate: 0,
            replicate: 0,
            place: None,
            role: Role::Treated,
            compound: 0,
            dose_um: None,
            cells: None,
        }
    }
}

/// Wells with these vectors, `[well, dim]`; a well is a row of the table.
pub(super) fn screen(specs: &[Spec], dim: usize, values: &[f32]) -> Wells {
    let count = |of: &dyn Fn(&Spec) -> usize| specs.iter().map(of).max().map_or(0, |last| last + 1);
    let names = |start: &str, count: usize| (1..=count).map(|n| format!("{start}{n}")).collect::<Vec<_>>();
    let wells = specs.iter().enumerate().map(|(row, spec)| {
        let place = spec.place.map(|(row, column)| Place { row, column });
        Well {
            plate: spec.plate,
            replicate: spec.replicate,
            name: place.map(|place| place.to_string()).unwrap_or_default(),
            place,
            role: spec.role,
            compound: (spec.role == Role::Treated).then_some(spec.compound),
            dose_um: spec.dose_um,
            rows: vec![row],
            cells: spec.cells,
        }
    });
    let compounds = names("c", count(&|spec| spec.compound));
    Wells {
        wells: wells.collect(),
        plates: names("p", count(&|spec| spec.plate)),
        replicates: names("", count(&|spec| spec.replicate)),
        compounds: compounds.into_iter().map(|name| Compound { name, ..Compound::default() }).collect(),
        dim,
        values: values.to_vec(),
        ..Wells::default()
    }
}
