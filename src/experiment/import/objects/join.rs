//! Which objects of the compartments belong together.

use super::table::Objects;
use super::{COMPARTMENTS, CYTOPLASM};

/// Rows of each compartment's objects by well, `[compartment][well]`. Where the cytoplasm names parents in all the others, a row
/// of it stands for one object, and the rows of a well are those objects' in the same order.
pub(super) fn rows_of_wells(
    objects: &[Objects],
    wells: usize,
    notes: &mut Vec<String>,
) -> Vec<Vec<Vec<u32>>> {
    let place = |objects: &Objects| COMPARTMENTS.iter().position(|name| *name == objects.compartment);
    let places: Vec<usize> = objects.iter().filter_map(place).collect();
    let cytoplasm = places.iter().position(|place| *place == CYTOPLASM).map(|at| &objects[at]);
    let is_linked = |cytoplasm: &&Objects| {
        places.iter().all(|&place| place == CYTOPLASM || cytoplasm.links.get(place) == Some(&true))
    };
    match cytoplasm.filter(is_linked) {
        Some(cytoplasm) if objects.len() > 1 => linked(objects, &places, cytoplasm, wells, notes),
        _ => {
            if objects.len() > 1 {
                let why = "no column Cytoplasm_Parent_* says which objects belong together";
                notes.push(format!("Each compartment is aggregated by itself: {why}."));
            }
            let alone = |objects: &Objects| {
                let mut rows = vec![Vec::new(); wells];
                for (row, &well) in objects.wells.iter().enumerate() {
                    rows[well as usize].push(row as u32);
                }
                rows
            };
            objects.iter().map(alone).collect()
        }
    }
}

fn linked(
    objects: &[Objects],
    places: &[usize],
    cytoplasm: &Objects,
    wells: usize,
    notes: &mut Vec<String>,
) -> Vec<Vec<Vec<u32>>> {
    let mut rows = vec![vec![Vec::new(); wells]; objects.len()];
    let mut lone = 0_usize;
    for (row, ((image, parents), &well)) in cytoplasm.parents.iter().zip(&cytoplasm.wells).enumerate() {
        let part = |(objects, &place): (&Objects, &usize)| match place {
            CYTOPLASM => Some(row as u32),
            _ => objects.rows.get(&(*image, *parents.get(place)?)).copied(),
        };
        let Some(parts) = objects.iter().zip(places).map(part).collect::<Option<Vec<u32>>>() else {
            lone += 1;
            continue;
        };
        for (rows, part) in rows.iter_mut().zip(parts) {
            rows[well as usize].push(part);
        }
    }
    if lone > 0 {
        notes.push(format!(
            "{lone} of {} objects of the cytoplasm name a cell or a nucleus that is not there: they are left out.",
            cytoplasm.wells.len()
        ));
    }
    rows
}
