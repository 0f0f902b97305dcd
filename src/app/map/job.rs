//! Makes a map: groups rows, averages their vectors, finds the plane.

use std::sync::Arc;

use super::grouping::Grouping;
use super::{Asked, Picture};
use crate::analysis::projection;
use crate::app::widgets::scatter::Plane;
use crate::experiment::Table;
use crate::progress::Progress;

/// Points that a map needs at least.
pub const FEWEST: usize = 3;

/// Makes a picture; takes the plane of an earlier one that was made of the same points.
///
/// # Errors
/// Too few points, or what the method objects to; `None` once it was stopped.
pub fn make(
    table: &Table,
    asked: Asked,
    earlier: &[Arc<Picture>],
    progress: &Progress,
) -> Result<Picture, Option<String>> {
    let grouping = Grouping::new(table, &asked.embedding, asked.unit);
    if grouping.len() < FEWEST {
        return Err(Some(too_few(&grouping, &asked)));
    }
    let id = format!("{} {:?}", grouping.fingerprint(&asked.embedding), asked.settings);
    if let Some(same) = earlier.iter().find(|picture| picture.id == id) {
        return Ok(Picture { plane: Arc::clone(&same.plane), trust: same.trust, asked, id, grouping });
    }
    let values = grouping.values(&asked.embedding);
    if progress.is_cancelled() {
        return Err(None);
    }
    let points = projection::project(&values, asked.embedding.dim, &asked.settings, progress).map_err(
        |e| match e {
            _ if progress.is_cancelled() => None,
            e => Some(e.to_string()),
        },
    )?;
    let trust = trust(&values, asked.embedding.dim, &points);
    Ok(Picture { plane: Arc::new(Plane::new(points)), trust, asked, id, grouping })
}

/// Neighbours that are looked at for the trustworthiness of a picture, and products that it may cost.
const NEIGHBOURS: usize = 15;
const PRODUCTS: usize = 2_000_000_000;

/// How much of what lies near is near by the cosine, as points spread over the table see it.
fn trust(values: &[f32], dim: usize, points: &[[f32; 2]]) -> Option<f64> {
    let n = points.len();
    let seen = (PRODUCTS / values.len().max(1)).min(n).min(400);
    if seen < 50.min(n) {
        return None;
    }
    let mut unit = values.to_vec();
    for row in unit.chunks_exact_mut(dim.max(1)) {
        let length = row.iter().map(|v| v * v).sum::<f32>().sqrt();
        if length > 0.0 {
            for v in row.iter_mut() {
                *v /= length;
            }
        }
    }
    let rows: Vec<usize> = (0..seen).map(|i| i * n / seen).collect();
    projection::trustworthiness_of(&unit, dim, points, NEIGHBOURS.min((n - 1) / 2), &rows)
}

/// What is missing, and what to do.
fn too_few(grouping: &Grouping, asked: &Asked) -> String {
    let what = asked.unit.count(grouping.len());
    let mut reasons = Vec::new();
    for (count, why) in [
        (grouping.without_vector, "without a vector in it"),
        (grouping.without_compound, "without a compound"),
        (grouping.excluded, "excluded"),
    ] {
        if count > 0 {
            reasons.push(format!("{count} {why}"));
        }
    }
    let reasons =
        if reasons.is_empty() { String::new() } else { format!(" Rows left out: {}.", reasons.join(", ")) };
    format!(
        "A map needs {FEWEST} points; “{}” gives {what}.{reasons} Choose another embedding, or let a point stand for a video.",
        asked.name
    )
}
