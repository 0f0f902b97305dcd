//! Plate maps for the next experiment, as CSV that joins a table again.

use std::path::Path;

use super::PredictionsError;
use super::grid::{self, Grid};
use crate::analysis::plate_layout::{COLUMNS, PlannedWell};
use crate::export::pair::write_together;

/// Writes a row for each well, with the manifest's columns.
///
/// # Errors
/// The disk refuses.
pub fn write(wells: &[PlannedWell], path: &Path) -> Result<(), PredictionsError> {
    let cells: Vec<[String; 5]> = wells.iter().map(PlannedWell::cells).collect();
    let mut grid = Grid::new(wells.len());
    for (place, name) in COLUMNS.into_iter().enumerate() {
        grid.text(name, |row| cells[row][place].clone());
    }
    write_together(&[(path, &grid::csv(&grid.finish()?)?)])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::Well;

    #[test]
    fn a_plate_map_has_the_manifests_columns_and_quotes_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map.csv");
        let well = |compound: &str, concentration_um: f64, control: &'static str| PlannedWell {
            plate: "r1p1".to_owned(),
            well: Well { row: 1, column: 6 },
            compound: compound.to_owned(),
            concentration_um,
            control,
        };
        write(&[well("DMSO", 0.0, "negative"), well("2,4-DNP", 0.007_81, "")], &path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let expected = "plate,well,compound,concentration_uM,control\nr1p1,B07,DMSO,0,negative\nr1p1,B07,\"2,4-DNP\",0.00781,\n";
        assert_eq!(text, expected);
    }
}
