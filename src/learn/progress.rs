//! How far a training is, and what it reached on the way.

use serde::{Deserialize, Serialize};

use super::config::{Config, Schedule};
use super::objective::Terms;
use crate::model::card::ValidatedBy;

/// Rounds without a better validation until a plateau lowers the learning rate.
const PLATEAU_ROUNDS: usize = 5;

/// What one epoch gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Name of its stage.
    pub stage: String,
    /// Number in its stage, from 1.
    pub epoch: usize,
    /// Steps so far.
    pub step: usize,
    /// Mean over its steps.
    pub losses: Terms,
    /// Learning rate of the last step.
    pub rate: f64,
    /// Validation, if there was one.
    pub validation: Option<Validation>,
}

/// What a validation gave. What is measured is the objective's: for MolCLIP the mean average precision of what its protocol
/// asks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// The higher the better. Files call it `map`, whatever it is.
    #[serde(rename = "map")]
    pub score: f64,
    /// The score of what knows nothing.
    pub chance: f64,
    /// Rows that the score is a mean of.
    pub queries: usize,
    /// What they asked for.
    #[serde(default)]
    pub by: ValidatedBy,
}

/// How a training goes, whatever it minimises.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// Highest learning rate.
    pub learning_rate: f64,
    /// Epochs until it is reached, in each stage.
    pub warmup_epochs: f64,
    /// How it falls afterwards.
    pub schedule: Schedule,
    /// Epochs between two validations.
    pub validate_every: usize,
    /// Validations of the last stage without a better one until training ends; 0 goes on.
    pub patience: usize,
    /// Seconds of training at most; the schedule then ends early.
    pub time_limit_s: Option<f64>,
}

impl From<&Config> for Course {
    fn from(config: &Config) -> Self {
        Self {
            learning_rate: config.learning_rate,
            warmup_epochs: config.warmup_epochs,
            schedule: config.schedule,
            validate_every: config.validate_every,
            patience: config.patience,
            time_limit_s: config.time_limit_s,
        }
    }
}

/// Where a training is; with the weights all that is needed to go on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Index of the stage among those that have epochs.
    pub stage: usize,
    /// Epoch of the stage, from 0.
    pub epoch: usize,
    /// Next batch of the epoch.
    pub batch: usize,
    /// Steps so far.
    pub step: usize,
    /// Sum over this epoch's steps.
    pub sum: Terms,
    /// Epochs that are over.
    pub history: Vec<EpochRecord>,
    /// Best score of the stage, and its place in the history.
    pub best: Option<(f64, usize)>,
    /// Validations since the best.
    pub rounds: usize,
    /// How often a plateau lowered the learning rate.
    pub plateaus: u32,
    /// Seconds of training.
    pub seconds: f64,
}

impl State {
    /// Takes note of a validation; true if it is the best of its stage.
    pub fn judge(&mut self, score: f64, place: usize) -> bool {
        let better = self.best.is_none_or(|(best, _)| score > best);
        if better {
            self.best = Some((score, place));
            self.rounds = 0;
        } else {
            self.rounds += 1;
            if self.rounds.is_multiple_of(PLATEAU_ROUNDS) {
                self.plateaus += 1;
            }
        }
        better
    }

    /// Learning rate of the next step, in an epoch of `batches` and a stage of `epochs`.
    pub fn rate(&self, course: &Course, batches: usize, epochs: usize) -> f64 {
        let done = self.epoch as f64 + (self.batch as f64 + 1.0) / batches.max(1) as f64;
        let warm = (done / course.warmup_epochs.max(1e-9)).min(1.0);
        let mut part = done / epochs.max(1) as f64;
        if let Some(limit) = course.time_limit_s {
            // The schedule ends with the time.
            part = part.max(self.seconds / limit);
        }
        let fall = match course.schedule {
            Schedule::Constant => 1.0,
            Schedule::Plateau => 0.1_f64.powi(self.plateaus as i32),
            Schedule::Cosine => 0.01 + 0.99 * 0.5 * (1.0 + (std::f64::consts::PI * part.min(1.0)).cos()),
        };
        course.learning_rate * warm * fall
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_warms_up_and_falls_along_a_cosine() {
        let config = Config { learning_rate: 1.0, warmup_epochs: 1.0, ..Config::default() };
        let course = Course::from(&config);
        let at = |epoch, batch| State { epoch, batch, ..State::default() }.rate(&course, 10, 10);
        assert!(
            (at(0, 0) - 0.1 * (0.01 + 0.99 * 0.5 * (1.0 + (0.01 * std::f64::consts::PI).cos()))).abs()
                < 1e-12
        );
        assert!((at(4, 9) - (0.01 + 0.99 * 0.5)).abs() < 1e-12);
        assert!((at(9, 9) - 0.01).abs() < 1e-12);
        let limited = Course { time_limit_s: Some(60.0), ..course.clone() };
        let late = State { seconds: 60.0, epoch: 1, ..State::default() };
        assert!((late.rate(&limited, 10, 10) - 0.01).abs() < 1e-12, "time is up");
    }

    #[test]
    fn five_rounds_without_a_better_one_lower_the_rate() {
        let mut state = State::default();
        assert!(state.judge(0.5, 0));
        for _ in 0..5 {
            assert!(!state.judge(0.4, 1));
        }
        assert_eq!((state.plateaus, state.best), (1, Some((0.5, 0))));
        let config = Config {
            schedule: Schedule::Plateau,
            warmup_epochs: 0.0,
            learning_rate: 1.0,
            ..Config::default()
        };
        assert!((state.rate(&Course::from(&config), 1, 1) - 0.1).abs() < 1e-12);
        assert!(state.judge(0.6, 2));
        assert_eq!(state.rounds, 0);
    }

    #[test]
    fn a_history_keeps_its_form_in_files() {
        let text = r#"[{"stage":"moa","epoch":2,"step":12,"losses":{"total":2.5,"classification":1.5,"triplet":0.25,"center":0.25,"molecule":0.5,"accuracy":0.75},"rate":0.001,"validation":{"map":0.5,"chance":0.25,"queries":8}}]"#;
        let history: Vec<EpochRecord> = serde_json::from_str(text).unwrap();
        assert_eq!((history[0].stage.as_str(), history[0].losses.get("molecule")), ("moa", 0.5));
        assert_eq!(history[0].validation.map(|validation| validation.score), Some(0.5));
        // What it was judged by is written since there are several such things.
        let now = text.replace(r#""queries":8"#, r#""queries":8,"by":"moa""#);
        assert_eq!(serde_json::to_string(&history).unwrap(), now);
    }
}
