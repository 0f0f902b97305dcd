//! What is true of a screen, as tables beside its videos.

use polars::prelude::*;

use super::motion::Event;
use super::parameters::Parameters;
use super::screen::{Config, Drug, Row};
use super::traits::{Trait, Traits};
use super::video::{FrameTruth, Video};

/// What is kept of a video once it is written.
#[derive(Debug)]
pub struct VideoTruth {
    traits: Traits,
    brightness: f64,
    background_photons: f64,
    focus: [f64; 2],
    drift: [f64; 2],
    bleaching: f64,
    frames: Vec<FrameTruth>,
    /// Events with their place in pixels of their frame.
    events: Vec<(Event, [f64; 2])>,
}

impl From<&Video> for VideoTruth {
    fn from(video: &Video) -> Self {
        let imaging = video.imaging;
        let place = |event: &Event| {
            let frame = (event.time_s / video.interval_s).ceil() as usize;
            let drift = video.positions.get(frame).copied().unwrap_or_default();
            [0, 1].map(|axis| {
                (event.at[axis] + drift[axis]) / video.pixel_size_um + video.size as f64 / 2.0 - 0.5
            })
        };
        Self {
            traits: video.traits,
            brightness: imaging.brightness,
            background_photons: imaging.background_photons,
            focus: imaging.focus,
            drift: imaging.drift,
            bleaching: imaging.bleaching,
            frames: video.truth.clone(),
            events: video.events.iter().map(|event| (*event, place(event))).collect(),
        }
    }
}

/// A table and the name of its file without ending.
pub type Named = (&'static str, DataFrame);

/// All tables: `drugs`, `plate`, `videos`, `frames`, `events`.
pub fn tables(
    parameters: &Parameters,
    config: &Config,
    drugs: &[Drug],
    rows: &[Row],
    truths: &[VideoTruth],
) -> PolarsResult<Vec<Named>> {
    let mut tables = vec![
        ("drugs", drug_table(parameters, drugs)?),
        ("plate", plate_table(drugs, rows, truths)?),
        ("videos", video_table(parameters, drugs, rows, truths)?),
        ("frames", frame_table(rows, truths)?),
        ("events", event_table(rows, truths)?),
    ];
    for (_, table) in &mut tables {
        let n = table.height();
        table.with_column(Column::new("simulated".into(), vec![true; n]))?;
        table.with_column(Column::new("seed".into(), vec![config.seed; n]))?;
        table.with_column(Column::new("parameters".into(), vec![parameters.hash.as_str(); n]))?;
    }
    Ok(tables)
}

fn drug_table(parameters: &Parameters, drugs: &[Drug]) -> PolarsResult<DataFrame> {
    let number = |of: &dyn Fn(&Drug) -> f64| drugs.iter().map(of).collect::<Vec<f64>>();
    let mut table = df!(
        "compound" => drugs.iter().map(|d| d.name.as_str()).collect::<Vec<_>>(),
        "moa" => drugs.iter().map(|d| parameters.moas[d.moa].name.as_str()).collect::<Vec<_>>(),
        "motion_only" => drugs.iter().map(|d| parameters.moas[d.moa].motion_only).collect::<Vec<_>>(),
        "active" => drugs.iter().map(|d| d.active).collect::<Vec<_>>(),
        "split" => drugs.iter().map(|d| d.split.as_str()).collect::<Vec<_>>(),
        "highest_dose_uM" => number(&|d| d.top_um),
        "ec50_uM" => number(&|d| d.ec50_um),
        "hill" => number(&|d| d.hill),
        "max_effect" => number(&|d| d.max_effect),
    )?;
    for &quantity in Trait::ALL {
        // On the trait's own scale: natural logarithm of a factor, or a difference.
        let name = format!("shift_{}", quantity.name());
        table.with_column(Column::new(name.as_str().into(), number(&|d| d.shifts[quantity])))?;
    }
    Ok(table)
}

fn treatment(drugs: &[Drug], rows: &[Row]) -> Vec<String> {
    rows.iter()
        .map(|row| row.drug.map_or_else(|| "DMSO".to_owned(), |drug| drugs[drug].name.clone()))
        .collect()
}

fn plate_table(drugs: &[Drug], rows: &[Row], truths: &[VideoTruth]) -> PolarsResult<DataFrame> {
    // One line per well: cells of a well follow each other.
    let first: Vec<usize> = (0..rows.len()).filter(|&i| rows[i].cell == 1).collect();
    let names = treatment(drugs, rows);
    df!(
        "replicate" => first.iter().map(|&i| rows[i].replicate as u32).collect::<Vec<_>>(),
        "plate" => first.iter().map(|&i| rows[i].plate.as_str()).collect::<Vec<_>>(),
        "well" => first.iter().map(|&i| rows[i].well_name()).collect::<Vec<_>>(),
        "compound" => first.iter().map(|&i| names[i].as_str()).collect::<Vec<_>>(),
        "concentration_uM" => first.iter().map(|&i| rows[i].um).collect::<Vec<_>>(),
        "background_photons" => first.iter().map(|&i| truths[i].background_photons).collect::<Vec<_>>(),
        "bleaching_per_frame" => first.iter().map(|&i| truths[i].bleaching).collect::<Vec<_>>(),
    )
}

fn video_table(
    parameters: &Parameters,
    drugs: &[Drug],
    rows: &[Row],
    truths: &[VideoTruth],
) -> PolarsResult<DataFrame> {
    let number = |of: &dyn Fn(&VideoTruth) -> f64| truths.iter().map(of).collect::<Vec<f64>>();
    let moa = |row: &Row| row.drug.map(|drug| parameters.moas[drugs[drug].moa].name.clone());
    let response = |row: &Row| row.drug.map_or(0.0, |drug| drugs[drug].response(row.um));
    let mut table = df!(
        "row_id" => rows.iter().map(|r| r.row_id.as_str()).collect::<Vec<_>>(),
        "compound" => treatment(drugs, rows),
        "moa" => rows.iter().map(moa).collect::<Vec<_>>(),
        "concentration_uM" => rows.iter().map(|r| r.um).collect::<Vec<_>>(),
        "response" => rows.iter().map(response).collect::<Vec<_>>(),
        "brightness" => number(&|t| t.brightness),
        "focus_um" => number(&|t| t.focus[0]),
        "focus_drift_um_s" => number(&|t| t.focus[1]),
        "drift_x_um_s" => number(&|t| t.drift[0]),
        "drift_y_um_s" => number(&|t| t.drift[1]),
        "bleaching_per_frame" => number(&|t| t.bleaching),
    )?;
    for &quantity in Trait::ALL {
        table.with_column(Column::new(quantity.name().into(), number(&|t| t.traits[quantity])))?;
    }
    Ok(table)
}

fn frame_table(rows: &[Row], truths: &[VideoTruth]) -> PolarsResult<DataFrame> {
    let all = || truths.iter().flat_map(|truth| &truth.frames);
    let count = |of: &dyn Fn(&FrameTruth) -> usize| all().map(|f| of(f) as u32).collect::<Vec<u32>>();
    let number = |of: &dyn Fn(&FrameTruth) -> f64| all().map(of).collect::<Vec<f64>>();
    let ids = rows.iter().zip(truths).flat_map(|(row, t)| t.frames.iter().map(|_| row.row_id.as_str()));
    let frames = truths.iter().flat_map(|t| 0..t.frames.len() as u32);
    df!(
        "row_id" => ids.collect::<Vec<_>>(),
        "frame" => frames.collect::<Vec<_>>(),
        "time_s" => number(&|f| f.time_s),
        "fissions" => count(&|f| f.fissions),
        "fusions" => count(&|f| f.fusions),
        "mitochondria" => count(&|f| f.mitochondria),
        "length_um" => number(&|f| f.length_um),
        "area_um2" => number(&|f| f.area_um2),
        "branch_points" => count(&|f| f.branch_points),
        "tips" => count(&|f| f.tips),
        "bonds" => count(&|f| f.bonds),
        "potential_mv" => number(&|f| f.potential_mv),
        "potential_sd_mv" => number(&|f| f.potential_sd_mv),
        "speed_um_s" => number(&|f| f.speed_um_s),
        "runs" => count(&|f| f.runs),
    )
}

fn event_table(rows: &[Row], truths: &[VideoTruth]) -> PolarsResult<DataFrame> {
    let all: Vec<(&Row, &Event, [f64; 2])> = rows
        .iter()
        .zip(truths)
        .flat_map(|(row, truth)| truth.events.iter().map(move |(event, place)| (row, event, *place)))
        .collect();
    df!(
        "row_id" => all.iter().map(|(row, ..)| row.row_id.as_str()).collect::<Vec<_>>(),
        "time_s" => all.iter().map(|(_, event, _)| event.time_s).collect::<Vec<_>>(),
        "kind" => all.iter().map(|(_, e, _)| if e.fusion { "fusion" } else { "fission" }).collect::<Vec<_>>(),
        "x_px" => all.iter().map(|(.., place)| place[0]).collect::<Vec<_>>(),
        "y_px" => all.iter().map(|(.., place)| place[1]).collect::<Vec<_>>(),
    )
}
