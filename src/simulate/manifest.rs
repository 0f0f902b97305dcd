//! A screen as a manifest with OME-TIFF videos.

use std::path::PathBuf;

use polars::prelude::*;

use super::screen::Row;
use super::{SimulateError, Simulation, Video, compounds, write_file};
use crate::export::{MovieMeta, OmeTiffOptions, write_ome_tiff};
use crate::progress::Progress;
use crate::video::{Channel, Plane, SampleType, Shape};

/// Writes `videos/<row_id>.ome.tif`.
pub fn write_video(screen: &Simulation, row: &Row, video: &Video) -> Result<(), SimulateError> {
    let path = screen.out.join(path(row));
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .map_err(|source| crate::export::ExportError::Io { path: folder.to_owned(), source })?;
    }
    let size = video.size;
    let meta = MovieMeta {
        name: row.row_id.clone(),
        description: Some(screen.provenance()),
        shape: Shape { t: video.truth.len(), z: 1, c: 1, y: size, x: size, s: 1 },
        dtype: SampleType::U16,
        missing: Vec::new(),
        pixel_size_um: Some(video.pixel_size_um),
        z_step_um: None,
        interval_s: Some(video.interval_s),
        plane_times_s: Some(video.truth.iter().map(|frame| frame.time_s).collect()),
        channels: vec![Channel { name: Some("TMRM (simulated)".to_owned()), color: Some([255, 120, 0]) }],
    };
    // Whole videos count, not frames.
    let unseen = Progress::default();
    write_ome_tiff(&path, meta, OmeTiffOptions::default(), &unseen, |frame| {
        let counts = &video.frames[frame * size * size..(frame + 1) * size * size];
        Ok(Plane {
            width: size,
            height: size,
            samples: 1,
            dtype: SampleType::U16,
            bytes: counts.iter().flat_map(|count| count.to_ne_bytes()).collect(),
        })
    })?;
    Ok(())
}

fn path(row: &Row) -> String {
    format!("videos/{}.ome.tif", row.row_id)
}

/// Writes `manifest.csv`.
pub fn finish(screen: &Simulation) -> Result<PathBuf, SimulateError> {
    let path = screen.out.join("manifest.csv");
    let mut table = table(screen)?;
    let mut bytes = Vec::new();
    CsvWriter::new(&mut bytes)
        .finish(&mut table)
        .map_err(|source| SimulateError::Table { path: path.clone(), source })?;
    write_file(&path, &bytes)?;
    Ok(path)
}

fn table(screen: &Simulation) -> Result<DataFrame, SimulateError> {
    let rows = screen.rows;
    let n = rows.len();
    let drug = |row: &Row| row.drug.map(|drug| &screen.drugs[drug]);
    let name = |row: &Row| drug(row).map_or("DMSO", |drug| drug.name.as_str());
    let smiles = rows.iter().map(|row| compounds::smiles(name(row))).collect::<Result<Vec<_>, _>>()?;
    let moa = |row: &Row| drug(row).map(|drug| screen.parameters.moas[drug.moa].name.as_str());
    let text = |of: &dyn Fn(&Row) -> String| rows.iter().map(of).collect::<Vec<String>>();
    let none = vec![None::<i64>; n];
    let pixel_um = screen.parameters.optics.field_um / screen.config.size as f64;
    let table = df!(
        "row_id" => text(&|row| row.row_id.clone()),
        "path" => text(&path),
        "series" => none.clone(),
        "crop_x" => none.clone(),
        "crop_y" => none.clone(),
        "crop_width" => none.clone(),
        "crop_height" => none,
        "pixel_size_um" => vec![pixel_um; n],
        "interval_s" => vec![screen.parameters.optics.interval_s; n],
        "plate" => text(&|row| row.plate.clone()),
        "well" => text(&Row::well_name),
        "site" => vec!["1"; n],
        "cell" => text(&|row| row.cell.to_string()),
        "replicate" => text(&|row| row.replicate.to_string()),
        "cell_line" => vec!["simulated"; n],
        "stain" => vec!["TMRM (simulated)"; n],
        "compound" => rows.iter().map(name).collect::<Vec<_>>(),
        "smiles" => smiles,
        "concentration_uM" => rows.iter().map(|row| row.um).collect::<Vec<_>>(),
        "moa" => rows.iter().map(moa).collect::<Vec<_>>(),
        "control" => rows.iter().map(|row| row.drug.is_none().then_some("negative")).collect::<Vec<_>>(),
        "split" => rows.iter().map(|row| row.split).collect::<Vec<_>>(),
        "simulated" => vec![true; n],
        "simulation" => vec![screen.provenance(); n],
    );
    table.map_err(|source| SimulateError::Table { path: screen.out.join("manifest.csv"), source })
}
