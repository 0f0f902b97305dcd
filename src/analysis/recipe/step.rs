//! One step of a recipe, as it is written.

use std::fmt;
use std::str::FromStr;

use super::aggregate::Aggregate;
use super::combat::Combat;
use super::coral::Coral;
use super::error::{RecipeError, unknown};
use super::harmony::Harmony;
use super::options::Options;
use super::report::Report;
use super::scale::Scale;
use super::select::Select;
use super::sphere::Sphere;
use super::table::Table;
use super::tvn::Tvn;

/// A step that recipes may name.
#[derive(Debug)]
pub struct KnownStep {
    /// As it is written.
    pub name: &'static str,
    /// Keys that it takes.
    pub keys: &'static [&'static str],
    /// What it does, in one line.
    pub about: &'static str,
    read: fn(&Options) -> Result<Kind, RecipeError>,
}

/// All steps, in the order in which they are usually taken.
pub static STEPS: &[KnownStep] = &[
    KnownStep {
        name: "standardize",
        keys: &["by", "fit"],
        about: "(x − mean) / standard deviation",
        read: |options| Scale::standardize(options).map(Kind::Scale),
    },
    KnownStep {
        name: "robustize",
        keys: &["by", "fit"],
        about: "(x − median) / interquartile range",
        read: |options| Scale::robustize(options).map(Kind::Scale),
    },
    KnownStep {
        name: "mad-robustize",
        keys: &["by", "fit", "epsilon"],
        about: "(x − median) / (1.4826 · median absolute deviation + ε)",
        read: |options| Scale::mad_robustize(options).map(Kind::Scale),
    },
    KnownStep {
        name: "select",
        keys: &["ops", "fit", "frequency", "unique", "correlation", "missing", "outliers"],
        about: "drops features by variance+correlation+missing+blocklist (and outliers)",
        read: |options| Select::read(options).map(Kind::Select),
    },
    KnownStep {
        name: "sphere",
        keys: &["method", "epsilon", "rest", "by", "fit"],
        about: "whitens features: zca-cor, zca, pca-cor or pca",
        read: |options| Sphere::read(options).map(Kind::Sphere),
    },
    KnownStep {
        name: "tvn",
        keys: &["by", "fit"],
        about: "typical-variation normalisation: principal components of controls, aligned by batch",
        read: |options| Tvn::read(options).map(Kind::Tvn),
    },
    KnownStep {
        name: "harmony",
        keys: &["batch", "theta", "lambda", "sigma", "nclust", "max_iter", "seed"],
        about: "takes batches out of soft clusters of all rows",
        read: |options| Harmony::read(options).map(Kind::Harmony),
    },
    KnownStep {
        name: "combat",
        keys: &["batch", "fit"],
        about: "takes mean and variance of batches out, shrunk over features by empirical Bayes",
        read: |options| Combat::read(options).map(Kind::Combat),
    },
    KnownStep {
        name: "coral",
        keys: &["batch", "to", "lambda", "fit"],
        about: "gives batches the covariance of one of them",
        read: |options| Coral::read(options).map(Kind::Coral),
    },
    KnownStep {
        name: "mean",
        keys: &["by"],
        about: "one row for each group: the mean",
        read: |options| Aggregate::mean(options).map(Kind::Aggregate),
    },
    KnownStep {
        name: "median",
        keys: &["by"],
        about: "one row for each group: the median",
        read: |options| Aggregate::median(options).map(Kind::Aggregate),
    },
];

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Scale(Scale),
    Select(Select),
    Sphere(Sphere),
    Tvn(Tvn),
    Harmony(Harmony),
    Combat(Combat),
    Coral(Coral),
    Aggregate(Aggregate),
}

/// One step: a name of [`STEPS`] and what was given to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    name: &'static str,
    options: Vec<(String, String)>,
    kind: Kind,
}

impl Step {
    /// One of [`STEPS`].
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Keys and values, as they were given.
    pub fn options(&self) -> &[(String, String)] {
        &self.options
    }

    /// Columns that it asks for.
    pub(super) fn columns(&self, plate: Option<&str>) -> Vec<String> {
        let by = match &self.kind {
            Kind::Scale(step) => &step.by,
            Kind::Select(_) => return Vec::new(),
            Kind::Sphere(step) => &step.by,
            Kind::Tvn(step) => &step.by,
            Kind::Harmony(step) => &step.batch,
            Kind::Combat(step) => &step.batch,
            Kind::Coral(step) => &step.batch,
            Kind::Aggregate(step) => &step.by,
        };
        by.columns(plate).into_iter().map(str::to_owned).collect()
    }

    /// Changes the table. The rows that each new row stands for, where rows were aggregated.
    pub(super) fn apply(
        &self,
        table: &mut Table,
        report: &mut Report,
    ) -> Result<Option<Vec<Vec<usize>>>, RecipeError> {
        match &self.kind {
            Kind::Scale(step) => step.apply(table, report)?,
            Kind::Select(step) => step.apply(table, report)?,
            Kind::Sphere(step) => step.apply(table, report)?,
            Kind::Tvn(step) => step.apply(table, report)?,
            Kind::Harmony(step) => step.apply(table, report)?,
            Kind::Combat(step) => step.apply(table, report)?,
            Kind::Coral(step) => step.apply(table, report)?,
            Kind::Aggregate(step) => return step.apply(table, report).map(Some),
        }
        Ok(None)
    }
}

impl FromStr for Step {
    type Err = RecipeError;

    fn from_str(text: &str) -> Result<Self, RecipeError> {
        let mut parts = text.split(':').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let known = STEPS.iter().find(|step| step.name == name).ok_or_else(|| {
            unknown("steps of a recipe".to_owned(), name, STEPS.iter().map(|step| step.name))
        })?;
        let mut options: Vec<(String, String)> = Vec::new();
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let (key, value) = (key.trim(), value.trim());
            if !known.keys.contains(&key) {
                return Err(unknown(format!("keys of step `{name}`"), key, known.keys.iter().copied()));
            }
            if value.is_empty() {
                let place = format!("step `{name}`");
                let (given, expected) = (part.to_owned(), format!("`{key}=VALUE`"));
                return Err(RecipeError::Value { place, given, expected });
            }
            if options.iter().any(|(own, _)| own == key) {
                return Err(RecipeError::Twice { step: name.to_owned(), key: key.to_owned() });
            }
            options.push((key.to_owned(), value.to_owned()));
        }
        let kind = (known.read)(&Options { step: known.name, given: &options })?;
        Ok(Self { name: known.name, options, kind })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        self.options.iter().try_for_each(|(key, value)| write!(f, ":{key}={value}"))
    }
}
