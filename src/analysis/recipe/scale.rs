//! Features in deviations from the controls.

use rayon::prelude::*;

use super::error::RecipeError;
use super::options::{By, Fit, Options};
use super::report::Report;
use super::table::{Matrix, Table};

/// Makes a median absolute deviation that of a normal distribution's standard deviation.
pub(in crate::analysis) const NORMAL: f64 = 1.4826;

/// Where a feature lies among the rows of a fit, and how wide it is spread. Missing values are left out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Method {
    /// Mean, and standard deviation over n; as scikit-learn's `StandardScaler`.
    Standardize,
    /// Median, and distance of the quartiles, which are interpolated; as scikit-learn's `RobustScaler`.
    Robustize,
    /// Median, and 1.4826 times the median distance from it plus `epsilon`; as pycytominer's `RobustMAD`.
    MadRobustize { epsilon: f64 },
}

/// Of one feature.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    /// NaN where no row has a value.
    pub centre: f64,
    /// Never 0. Of a constant feature 1, or `epsilon`.
    pub scale: f64,
    pub is_constant: bool,
}

impl Method {
    /// Every feature among some rows.
    pub fn fit(self, features: &Matrix, rows: &[usize]) -> Vec<Place> {
        let width = features.names.len();
        (0..width).into_par_iter().map(|feature| self.place(features.present(feature, rows))).collect()
    }

    fn place(self, mut values: Vec<f64>) -> Place {
        if values.is_empty() {
            return Place { centre: f64::NAN, scale: 1.0, is_constant: false };
        }
        match self {
            Self::Standardize => {
                let n = values.len() as f64;
                let mean = values.iter().sum::<f64>() / n;
                let variance = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
                // What scikit-learn takes for the rounding of a mean.
                let rounding = n * f64::EPSILON * variance + (n * mean * f64::EPSILON).powi(2);
                let is_constant = variance <= rounding;
                let scale = if is_constant { 1.0 } else { variance.sqrt() };
                Place { centre: mean, scale, is_constant }
            }
            Self::Robustize => {
                values.sort_unstable_by(f64::total_cmp);
                let range = quantile(&values, 0.75) - quantile(&values, 0.25);
                let is_constant = range < 10.0 * f64::EPSILON;
                let scale = if is_constant { 1.0 } else { range };
                Place { centre: quantile(&values, 0.5), scale, is_constant }
            }
            Self::MadRobustize { epsilon } => {
                let centre = median(&mut values);
                for x in &mut values {
                    *x = (*x - centre).abs();
                }
                let deviation = NORMAL * median(&mut values);
                let scale = if deviation + epsilon > 0.0 { deviation + epsilon } else { 1.0 };
                Place { centre, scale, is_constant: deviation == 0.0 }
            }
        }
    }
}

/// Median of at least one value; sorts them.
pub(in crate::analysis) fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    quantile(values, 0.5)
}

/// Quantile of at least one sorted value, interpolated between the two next to it.
pub(in crate::analysis) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

/// The steps `standardize`, `robustize` and `mad-robustize`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scale {
    method: Method,
    pub by: By,
    fit: Fit,
}

impl Scale {
    fn read(options: &Options, method: Method) -> Result<Self, RecipeError> {
        Ok(Self { method, by: options.by()?, fit: options.fit(Fit::Controls)? })
    }

    pub fn standardize(options: &Options) -> Result<Self, RecipeError> {
        Self::read(options, Method::Standardize)
    }

    pub fn robustize(options: &Options) -> Result<Self, RecipeError> {
        Self::read(options, Method::Robustize)
    }

    pub fn mad_robustize(options: &Options) -> Result<Self, RecipeError> {
        Self::read(options, Method::MadRobustize { epsilon: options.epsilon(1e-18)? })
    }

    pub fn apply(&self, table: &mut Table, report: &mut Report) -> Result<(), RecipeError> {
        for group in table.all_fitted(&self.by, self.fit, report)? {
            let places = self.method.fit(&table.features, &group.fit);
            note(report, &group.name, &table.features, &places);
            for &row in &group.rows {
                for (x, place) in table.features.row_mut(row).iter_mut().zip(&places) {
                    *x = (*x - place.centre) / place.scale;
                }
            }
        }
        Ok(())
    }
}

/// Notes features that say nothing about the rows of the fit.
pub(super) fn note(report: &mut Report, group: &str, features: &Matrix, places: &[Place]) {
    let those = |is: fn(&Place) -> bool| -> Vec<&str> {
        let named = features.names.iter().zip(places);
        named.filter(|(_, place)| is(place)).map(|(name, _)| name.as_str()).collect()
    };
    report.note(group, &those(|place| place.is_constant), "constant in the fit");
    report.note(group, &those(|place| place.centre.is_nan()), "no value in the fit, missing from here on");
}
