//! Correlation alignment (Sun, Feng & Saenko, AAAI 2016).

use super::error::{RecipeError, listed, unknown};
use super::frame::{Frame, moments};
use super::options::{By, Fit, Options};
use super::report::Report;
use super::spectrum::{Operator, Spectrum};
use super::table::{Group, Table};

/// The step `coral`: rows of a batch, less its mean, times `(C_b + λI)^-½·(C_to + λI)^½`, plus the mean of the batch that it is
/// aligned to (`to=VALUE`, or the first of the table that can be fitted). Covariances are over n − 1. The paper has features that
/// are centred in every batch already, and λ = 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Coral {
    pub batch: By,
    to: Option<String>,
    lambda: f64,
    fit: Fit,
}

/// How a batch lies and varies.
struct Fitted {
    mean: Vec<f64>,
    frame: Frame,
    spectrum: Spectrum,
    /// Rows less one.
    freedom: f64,
}

impl Coral {
    pub fn read(options: &Options) -> Result<Self, RecipeError> {
        Ok(Self {
            batch: options.columns("batch")?,
            to: options.get("to").map(str::to_owned),
            lambda: options.positive("lambda", 1.0)?,
            fit: options.fit(Fit::Controls)?,
        })
    }

    pub fn apply(&self, table: &mut Table, report: &mut Report) -> Result<(), RecipeError> {
        table.require_batch(&self.batch, &report.step)?;
        table.features.refuse_missing(&report.step)?;
        let batches = table.fitted(&self.batch, self.fit, report)?;
        let Some(target) = self.target(&batches, report)? else { return Ok(()) };
        let step = report.step.as_str();
        let to = fit(table, &batches[target], step)?;
        let colour = Operator::new(
            &to.spectrum,
            |value| (value * value / to.freedom + self.lambda).sqrt(),
            self.lambda.sqrt(),
        );
        for (place, batch) in batches.iter().enumerate() {
            if place == target {
                continue;
            }
            let own = fit(table, batch, step)?;
            let gain = |value: f64| 1.0 / (value * value / own.freedom + self.lambda).sqrt();
            let whiten = Operator::new(&own.spectrum, gain, 1.0 / self.lambda.sqrt());
            let width = own.mean.len();
            let mut values = own
                .frame
                .turned(&table.features, &batch.rows, width, |columns| colour.apply(&whiten.apply(columns)));
            for row in values.chunks_exact_mut(width) {
                row.iter_mut().zip(&to.mean).for_each(|(x, mean)| *x += mean);
            }
            own.frame.write(&mut table.features, &batch.rows, &values);
        }
        report.notes.push(format!("aligned to {}", batches[target].name));
        Ok(())
    }

    /// Which batch the others are aligned to; `None` where there is none.
    fn target(&self, batches: &[Group], report: &Report) -> Result<Option<usize>, RecipeError> {
        let Some(to) = &self.to else { return Ok((!batches.is_empty()).then_some(0)) };
        if let Some(place) = batches.iter().position(|batch| batch.name == *to) {
            return Ok(Some(place));
        }
        let step = report.step.clone();
        if report.skipped.iter().any(|skipped| skipped.group == *to) {
            return Err(RecipeError::TooFew { step, groups: listed(&[to]) });
        }
        let known = batches.iter().map(|batch| batch.name.as_str());
        Err(unknown(format!("`to` of step `{step}`"), to, known))
    }
}

fn fit(table: &Table, batch: &Group, step: &str) -> Result<Fitted, RecipeError> {
    let (mean, _) = moments(&table.features, &batch.fit);
    let frame = Frame::around(mean.clone());
    let spectrum = Spectrum::of(&frame.gather(&table.features, &batch.fit))
        .ok_or_else(|| RecipeError::TooLarge { step: step.to_owned() })?;
    Ok(Fitted { mean, frame, spectrum, freedom: (batch.fit.len() - 1) as f64 })
}
