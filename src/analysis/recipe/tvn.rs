//! Typical-variation normalisation (Ando et al., bioRxiv 2017, 161422).

use super::error::RecipeError;
use super::frame::{Frame, moments, product};
use super::options::{By, Fit, Options};
use super::report::{Dropped, Report};
use super::scale::{self, Method};
use super::spectrum::{Operator, Spectrum};
use super::sphere::components_of;
use super::table::Table;

/// Added to the variance of every component before covariances are aligned.
const RIDGE: f64 = 0.5;

/// The step `tvn`: features centred and scaled on all controls, their principal components there, these centred and scaled; then
/// for each batch, less the mean of its controls, `x·(C_b + ½I)^-½·(C + ½I)^½` with the covariances (over n − 1) of the
/// batch's and of all controls. Components in which the controls do not vary are dropped. A batch with fewer than two controls
/// stays as it is after the components.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tvn {
    pub by: By,
    fit: Fit,
}

impl Tvn {
    pub fn read(options: &Options) -> Result<Self, RecipeError> {
        Ok(Self { by: options.by()?, fit: options.fit(Fit::Controls)? })
    }

    pub fn apply(&self, table: &mut Table, report: &mut Report) -> Result<(), RecipeError> {
        table.features.refuse_missing(&report.step)?;
        let mut whole_report = Report::new(report.step.clone());
        let all = table.fitted(&By::Nothing, self.fit, &mut whole_report)?;
        let Some(all) = all.first() else {
            report.skipped = whole_report.skipped;
            return Ok(());
        };
        let places = Method::Standardize.fit(&table.features, &all.fit);
        let frame = Frame::varying(&places, true);
        let spectrum = Spectrum::of(&frame.gather(&table.features, &all.fit))
            .ok_or_else(|| RecipeError::TooLarge { step: report.step.clone() })?;
        let components = spectrum.values.len();
        if components == 0 {
            let (step, why) = (report.step.clone(), "is constant in the fit".to_owned());
            return Err(RecipeError::NothingLeft { step, features: table.features.names.len(), why });
        }
        scale::note(report, &all.name, &table.features, &places);
        // Components of the rows of the fit have mean 0 and deviation σ/√n: scaling them is scaling the directions.
        let rows = all.fit.len() as f64;
        let mut back = spectrum.directions.transpose();
        for (mut row, value) in back.row_iter_mut().zip(&spectrum.values) {
            row *= rows.sqrt() / value;
        }
        let mut new = components_of(components, table.features.rows);
        new.values = frame.turned(&table.features, &all.rows, components, |columns| product(&back, columns));
        let dropped = table.features.names.iter();
        report.dropped = dropped
            .map(|name| Dropped { feature: name.clone(), why: "was turned into components".to_owned() })
            .collect();
        table.features = new;

        // They have no correlation either, so that the covariance of all is n/(n − 1) times the identity.
        let target = (rows / (rows - 1.0) + RIDGE).sqrt();
        for batch in table.fitted(&self.by, self.fit, report)? {
            let frame = Frame::around(moments(&table.features, &batch.fit).0);
            let spectrum = Spectrum::of(&frame.gather(&table.features, &batch.fit))
                .ok_or_else(|| RecipeError::TooLarge { step: report.step.clone() })?;
            let freedom = (batch.fit.len() - 1) as f64;
            let gain = |value: f64| target / (value * value / freedom + RIDGE).sqrt();
            let align = Operator::new(&spectrum, gain, target / RIDGE.sqrt());
            let values =
                frame.turned(&table.features, &batch.rows, components, |columns| align.apply(columns));
            frame.write(&mut table.features, &batch.rows, &values);
        }
        Ok(())
    }
}
