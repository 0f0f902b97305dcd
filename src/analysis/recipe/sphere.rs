//! Sphering: features without correlation among the controls (Kessy et al., Am Stat 2018, 72:309).

use super::error::{RecipeError, listed};
use super::frame::Frame;
use super::options::{By, Fit, Options};
use super::report::{Dropped, Report};
use super::scale::{self, Method as Scaling};
use super::spectrum::{Operator, Spectrum};
use super::table::{Group, Matrix, Table};

/// Which of the rotations that whiten; `-cor` of standardised features.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    ZcaCor,
    Zca,
    PcaCor,
    Pca,
}

/// What directions without variance in the fit are taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// Those of the smallest variance.
    Least,
    /// Those of no variance: the gain is `√(n−1)/ε`.
    Zero,
}

/// The step `sphere`, as pycytominer's `Spherize`: with the singular values σ and vectors V of the `n` rows of the fit, centred
/// (standardised for `-cor`), `W = V·diag(√(n−1)/(σ+ε))` and for ZCA `·Vᵀ`. Directions in which the fit does not vary have the
/// smallest σ that is not 0, unless `rest=zero` leaves theirs at 0. It differs in what pycytominer refuses: features that are constant in the fit are centred and
/// nothing else, and dependent ones are directions without variance. PCA takes one group: components of another have other axes,
/// signs and orders.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sphere {
    method: Method,
    epsilon: f64,
    rest: Rest,
    pub by: By,
    fit: Fit,
}

/// What a group's rows of the fit say.
struct Fitted {
    group: Group,
    frame: Frame,
    spectrum: Spectrum,
}

impl Sphere {
    pub fn read(options: &Options) -> Result<Self, RecipeError> {
        let known = [
            ("zca-cor", Method::ZcaCor),
            ("zca", Method::Zca),
            ("pca-cor", Method::PcaCor),
            ("pca", Method::Pca),
        ];
        let rest = options.word("rest", Rest::Least, &[("least", Rest::Least), ("zero", Rest::Zero)])?;
        let epsilon = match rest {
            Rest::Least => options.epsilon(1e-6)?,
            // It alone stands below the line then: the default would enlarge noise a million times.
            Rest::Zero => options.positive("epsilon", 1.0)?,
        };
        Ok(Self {
            method: options.word("method", Method::ZcaCor, &known)?,
            epsilon,
            rest,
            by: options.by()?,
            fit: options.fit(Fit::Controls)?,
        })
    }

    pub fn apply(&self, table: &mut Table, report: &mut Report) -> Result<(), RecipeError> {
        table.features.refuse_missing(&report.step)?;
        let groups = table.all_fitted(&self.by, self.fit, report)?;
        if matches!(self.method, Method::Zca | Method::ZcaCor) {
            for group in groups {
                let fitted = self.fit(group, &table.features, report)?;
                self.rotate_back(&fitted, &mut table.features);
            }
            return Ok(());
        }
        if groups.len() > 1 {
            let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
            return Err(RecipeError::Components { step: report.step.clone(), groups: listed(&names) });
        }
        let fitted: Vec<Fitted> = groups
            .into_iter()
            .map(|group| self.fit(group, &table.features, report))
            .collect::<Result<_, _>>()?;
        let components = fitted.iter().map(|fitted| fitted.spectrum.values.len()).min().unwrap_or(0);
        let features = table.features.names.len();
        if components < features {
            report.notes.push(format!(
                "{components} components of {features} features: the fit varies in no more directions"
            ));
        }
        self.rotate(&fitted, components, table, report)
    }

    fn fit(&self, group: Group, features: &Matrix, report: &mut Report) -> Result<Fitted, RecipeError> {
        let places = Scaling::Standardize.fit(features, &group.fit);
        scale::note(report, &group.name, features, &places);
        let is_scaled = matches!(self.method, Method::ZcaCor | Method::PcaCor);
        let frame = Frame::varying(&places, is_scaled);
        let spectrum = Spectrum::of(&frame.gather(features, &group.fit))
            .ok_or_else(|| RecipeError::TooLarge { step: report.step.clone() })?;
        Ok(Fitted { group, frame, spectrum })
    }

    fn gain(&self, rows: usize, value: f64) -> f64 {
        ((rows - 1) as f64).sqrt() / (value + self.epsilon)
    }

    /// ZCA: back into the features.
    fn rotate_back(&self, fitted: &Fitted, features: &mut Matrix) {
        let Fitted { group, frame, spectrum } = fitted;
        let rows = group.fit.len();
        let rest = match self.rest {
            _ if spectrum.values.is_empty() => 1.0,
            Rest::Least => self.gain(rows, spectrum.least()),
            Rest::Zero => self.gain(rows, 0.0),
        };
        let whiten = Operator::new(spectrum, |value| self.gain(rows, value), rest);
        let values = frame.turned(features, &group.rows, frame.kept.len(), |columns| whiten.apply(columns));
        // What is constant in the fit is centred.
        let centre = features.row(group.fit[0]).to_vec();
        for &row in &group.rows {
            features.row_mut(row).iter_mut().zip(&centre).for_each(|(x, centre)| *x -= centre);
        }
        frame.write(features, &group.rows, &values);
    }

    /// PCA: components in the place of the features.
    fn rotate(
        &self,
        fitted: &[Fitted],
        components: usize,
        table: &mut Table,
        report: &mut Report,
    ) -> Result<(), RecipeError> {
        let old = &table.features;
        let why = "was turned into components";
        if components == 0 {
            let (step, why) = (report.step.clone(), "is constant in the fit".to_owned());
            return Err(RecipeError::NothingLeft { step, features: old.names.len(), why });
        }
        let mut new = components_of(components, old.rows);
        for Fitted { group, frame, spectrum } in fitted {
            let mut back = spectrum.directions.columns(0, components).transpose();
            for (mut row, &value) in back.row_iter_mut().zip(&spectrum.values) {
                row *= self.gain(group.fit.len(), value);
            }
            let values = frame.turned(old, &group.rows, components, |columns| &back * columns);
            Frame::around(vec![0.0; components]).write(&mut new, &group.rows, &values);
        }
        report.dropped =
            old.names.iter().map(|name| Dropped { feature: name.clone(), why: why.to_owned() }).collect();
        table.features = new;
        Ok(())
    }
}

/// Principal components to be filled in, `PC1`, `PC2`, ….
pub(super) fn components_of(components: usize, rows: usize) -> Matrix {
    let names = (1..=components).map(|k| format!("PC{k}")).collect();
    Matrix { names, rows, values: vec![0.0; rows * components] }
}
