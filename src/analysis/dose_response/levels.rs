//! Wells of one dose as one number: their mean stands for all of them in least squares, and what they scatter around it is
//! left over by every curve.

use super::Point;

/// Grouped that differ by less are one, written in two ways.
const SAME_DOSE: f64 = 1e-9;

/// The wells of one dose.
#[derive(Debug, Clone, Copy)]
pub(super) struct Level {
    /// Natural logarithm of the dose in µM; −∞ without drug.
    pub ln_dose: f64,
    /// Wells.
    pub weight: f64,
    /// Their mean, on the scale of [`Grouped`].
    pub mean: f64,
}

/// The wells of a curve, their responses from 0 to about 1: `(response − centre)/scale`.
#[derive(Debug, Clone)]
pub(super) struct Grouped {
    /// By rising dose.
    pub levels: Vec<Level>,
    /// Squares around the levels' means.
    pub pure: f64,
    /// Squares around the mean of all.
    pub total: f64,
    /// Wells.
    pub wells: usize,
    /// Distinct doses above 0.
    pub doses: usize,
    /// Points that are no well with a dose and a response.
    pub left_out: usize,
    /// The lowest response.
    pub centre: f64,
    /// The highest response less the lowest; 1 where all are the same.
    pub scale: f64,
}

impl Grouped {
    pub(super) fn of(points: &[Point]) -> Self {
        // Larger responses have squares that are no numbers any more.
        let usable = |p: &&Point| p.response.abs() < 1e150 && p.dose_um.is_finite() && p.dose_um >= 0.0;
        let mut wells: Vec<Point> = points.iter().filter(usable).copied().collect();
        wells.sort_by(|a, b| a.dose_um.total_cmp(&b.dose_um).then(a.response.total_cmp(&b.response)));
        let (lowest, highest) = wells
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), p| (lo.min(p.response), hi.max(p.response)));
        let scale = if highest > lowest { highest - lowest } else { 1.0 };
        let scaled = |p: &Point| (p.response - lowest) / scale;
        let (mut levels, mut pure): (Vec<Level>, f64) = (Vec::new(), 0.0);
        let same = |a: &Point, b: &Point| b.dose_um - a.dose_um <= SAME_DOSE * b.dose_um;
        for group in wells.chunk_by(same) {
            let mean = group.iter().map(scaled).sum::<f64>() / group.len() as f64;
            pure += group.iter().map(|p| (scaled(p) - mean).powi(2)).sum::<f64>();
            levels.push(Level { ln_dose: group[0].dose_um.ln(), weight: group.len() as f64, mean });
        }
        let mean = wells.iter().map(scaled).sum::<f64>() / wells.len().max(1) as f64;
        Self {
            pure,
            total: wells.iter().map(|p| (scaled(p) - mean).powi(2)).sum(),
            wells: wells.len(),
            doses: levels.iter().filter(|level| level.ln_dose.is_finite()).count(),
            left_out: points.len() - wells.len(),
            levels,
            centre: lowest,
            scale,
        }
    }

    /// Logarithms of the lowest dose above 0 and of the highest one; there must be one.
    pub(super) fn range(&self) -> (f64, f64) {
        let lowest = self.levels.iter().map(|level| level.ln_dose).find(|x| x.is_finite()).unwrap_or(0.0);
        (lowest, self.levels.last().map_or(0.0, |level| level.ln_dose))
    }
}
