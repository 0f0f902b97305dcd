//! Wells from their objects: the median of each feature, and how many objects there were.

use std::path::Path;

use rayon::prelude::*;

use super::super::grid::Grid;
use super::super::report::LeftOut;
use super::super::source::{Format, Raw};
use super::super::{ImportError, Limits, Source};
use super::Wells;
use super::images::Images;
use super::table::Objects;

/// Makes the wells. `rows` are the objects of each, `[compartment][well]`; a well without any stays, with a count of 0.
pub(super) fn aggregate(
    path: &Path,
    images: &Images,
    objects: Vec<Objects>,
    rows: &[Vec<Vec<u32>>],
    left_out: Vec<LeftOut>,
    notes: Vec<String>,
) -> Result<Wells, ImportError> {
    let names: Vec<String> = objects.iter().flat_map(|objects| objects.names.iter().cloned()).collect();
    if names.is_empty() {
        let remedy = "Export the objects' measurements too (ExportToSpreadsheet).";
        return Err(ImportError::new(path, "the tables of objects", "no column holds numbers", remedy));
    }
    let mut values = vec![f64::NAN; images.len() * names.len()];
    values.par_chunks_mut(names.len()).enumerate().for_each(|(well, medians)| {
        let mut medians = medians.iter_mut();
        let mut values = Vec::new();
        for (objects, rows) in objects.iter().zip(rows) {
            for (feature, place) in (0..objects.names.len()).zip(&mut medians) {
                values.clear();
                values.extend(rows[well].iter().map(|&row| objects.value(row, feature)));
                *place = median(&mut values);
            }
        }
    });
    let counts: Vec<Vec<usize>> =
        objects.iter().map(|objects| counted(&objects.wells, images.len())).collect();
    let mut header = images.header.clone();
    header.push("Metadata_Object_Count".to_owned());
    header.extend(objects.iter().map(|objects| format!("Metadata_Count_{}", objects.compartment)));
    // The medians are there: what they were made of is not needed any more.
    drop(objects);
    let mut grid = Grid::new(header.len());
    for (well, (cells, &line)) in images.cells.iter().zip(&images.lines).enumerate() {
        let most = rows.iter().map(|rows| rows[well].len()).max().unwrap_or(0);
        let counts: Vec<String> = std::iter::once(most)
            .chain(counts.iter().map(|counts| counts[well]))
            .map(|n| n.to_string())
            .collect();
        let cells = cells.iter().chain(&counts).map(String::as_str);
        grid.push(path, line, cells, &Limits::default())?;
    }
    let format = Format::Text { separator: ',', encoding: "UTF-8" };
    let raw = Raw { format, header, grid, kinds: Vec::new(), notes };
    Ok(Wells { source: Source::new(path, raw, Vec::new(), None)?, names, values, left_out })
}

fn counted(wells: &[u32], count: usize) -> Vec<usize> {
    let mut counts = vec![0; count];
    for &well in wells {
        counts[well as usize] += 1;
    }
    counts
}

/// The middle of the values that are there, the mean of the two in the middle for an even number; NaN without any.
fn median(values: &mut Vec<f32>) -> f64 {
    values.retain(|value| !value.is_nan());
    if values.is_empty() {
        return f64::NAN;
    }
    let (middle, odd) = (values.len() / 2, values.len() % 2 == 1);
    let (below, &mut upper, _) = values.select_nth_unstable_by(middle, f32::total_cmp);
    let upper = f64::from(upper);
    if odd {
        return upper;
    }
    let lower = below.iter().copied().max_by(f32::total_cmp).map_or(upper, f64::from);
    f64::midpoint(lower, upper)
}
