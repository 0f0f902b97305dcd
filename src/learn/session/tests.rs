//! A session that knows nothing of drugs: a straight line through points, by gradient descent with momentum in plain
//! numbers.

use std::sync::atomic::{AtomicUsize, Ordering};

use rand::seq::SliceRandom;

use super::*;
use crate::learn::config::Schedule;
use crate::learn::objective::{Parts, StepError};
use crate::learn::store::LoadError;
use crate::model::card::ValidatedBy;
use crate::random::stream;

/// Points to learn from; those after them are held out.
const POINTS: usize = 40;

/// Points in a batch.
const BATCH: usize = 6;

/// Of the only stage.
const EPOCHS: usize = 4;

/// Steps of a whole training.
const STEPS: usize = EPOCHS * POINTS.div_ceil(BATCH);

/// No step at which the points fail.
const NEVER: usize = 0;

/// A point of y = 2x − 1.
fn point(index: usize) -> [f32; 2] {
    let x = (index * 17 % POINTS) as f32 / 20.0 - 1.0;
    [x, 2.0 * x - 1.0]
}

/// Points that cannot be had when as many batches are asked for.
struct Points {
    fail_at: usize,
    asked: AtomicUsize,
    count: usize,
}

impl Examples for Points {
    type Batch = Vec<[f32; 2]>;
    type Inputs = Vec<f32>;

    fn stages(&self) -> Vec<(&'static str, usize)> {
        vec![("fit", EPOCHS)]
    }

    fn batches(&self, _: usize, epoch: usize) -> Vec<Vec<usize>> {
        let mut rows: Vec<usize> = (0..self.count).collect();
        rows.shuffle(&mut stream(5, &["line", &epoch.to_string()]));
        rows.chunks(BATCH).map(<[usize]>::to_vec).collect()
    }

    fn nothing_to_learn(&self, stage: usize) -> String {
        format!("there are no points for stage {stage}. Draw some")
    }

    fn batch(&self, _: usize, _: usize, rows: &[usize]) -> Result<Vec<[f32; 2]>, LoadError> {
        if self.asked.fetch_add(1, Ordering::Relaxed) + 1 == self.fail_at {
            return Err(GpuError::ThreadGone.into());
        }
        Ok(rows.iter().map(|&row| point(row)).collect())
    }

    fn held_out(&self) -> Vec<Vec<usize>> {
        vec![vec![POINTS, POINTS + 1, POINTS + 2], vec![POINTS + 3, POINTS + 4]]
    }

    fn inputs(&self, rows: &[usize]) -> Result<Vec<f32>, LoadError> {
        Ok(rows.iter().map(|&row| point(row)[0]).collect())
    }

    /// Part of the variance that is explained; the mean explains none.
    fn judge(&self, outputs: &[f32], _: &mut dyn FnMut(Event)) -> Option<Validation> {
        let held_out: Vec<f32> = self.held_out().concat().into_iter().map(|row| point(row)[1]).collect();
        let mean = held_out.iter().sum::<f32>() / held_out.len() as f32;
        let left: f32 = held_out.iter().zip(outputs).map(|(y, output)| (y - output).powi(2)).sum();
        let all: f32 = held_out.iter().map(|y| (y - mean).powi(2)).sum();
        let score = f64::from(1.0 - left / all);
        Some(Validation { score, chance: 0.0, queries: outputs.len(), by: ValidatedBy::default() })
    }
}

/// Slope and height, and how fast they move.
#[derive(Clone)]
struct Line {
    weights: [f32; 2],
    moments: [f32; 2],
    parts: usize,
}

impl Line {
    fn at(&self, x: f32) -> f32 {
        self.weights[0] * x + self.weights[1]
    }
}

fn packed(values: [f32; 2]) -> Vec<u8> {
    values.into_iter().flat_map(f32::to_le_bytes).collect()
}

fn unpacked(bytes: Option<Vec<u8>>) -> Result<[f32; 2], StateError> {
    let bytes = bytes.and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
    let bytes = bytes.ok_or_else(|| StateError("a line has two numbers".to_owned()))?;
    let [a, b, c, d, e, f, g, h] = bytes;
    Ok([f32::from_le_bytes([a, b, c, d]), f32::from_le_bytes([e, f, g, h])])
}

impl Objective for Line {
    type Examples = Points;
    type Blueprint = [f32; 2];
    type Model = Self;

    const TERMS: &'static [&'static str] = &["loss"];

    fn fresh(weights: [f32; 2], parts: usize) -> Self {
        Self { weights, moments: [0.0; 2], parts }
    }

    fn step(&mut self, batch: &Vec<[f32; 2]>, place: &StepPlace) -> Result<Terms, StepError> {
        let n = batch.len() as f32;
        let (mut loss, mut gradient) = (0.0, [0.0; 2]);
        for &[x, y] in batch {
            let error = self.at(x) - y;
            loss += error * error / n;
            gradient[0] += 2.0 * error * x / n;
            gradient[1] += 2.0 * error / n;
        }
        for (which, slope) in gradient.into_iter().enumerate() {
            self.moments[which] = 0.8 * self.moments[which] + slope;
            self.weights[which] -= place.rate as f32 * self.moments[which];
        }
        Ok(Terms::of(&[("loss", loss)]))
    }

    fn outputs(&self, inputs: Vec<f32>) -> Result<Vec<f32>, GpuError> {
        Ok(inputs.into_iter().map(|x| self.at(x)).collect())
    }

    fn state(&self) -> Result<Parts, StateError> {
        let parts = [("line", packed(self.weights)), ("moments", packed(self.moments))];
        Ok(parts.map(|(name, bytes)| (name.to_owned(), bytes)).into())
    }

    fn restore(&mut self, mut state: Parts) -> Result<(), StateError> {
        self.weights = unpacked(state.remove("line"))?;
        self.moments = unpacked(state.remove("moments"))?;
        Ok(())
    }

    fn weights(&self) -> Result<Vec<u8>, StateError> {
        Ok(packed(self.weights))
    }

    fn model(&self, weights: Option<Vec<u8>>) -> Result<Self, StateError> {
        let weights = match weights {
            None => self.weights,
            own => unpacked(own)?,
        };
        Ok(Self { weights, ..self.clone() })
    }
}

/// How a training in a folder goes, which saves after each step.
fn setup(folder: &Path) -> Setup {
    Setup {
        course: Course {
            learning_rate: 0.05,
            warmup_epochs: 0.5,
            schedule: Schedule::Cosine,
            validate_every: 1,
            patience: 0,
            time_limit_s: None,
        },
        identity: Identity { config: "line".into(), data: "points".into(), start: String::new() },
        out: TrainingFolder::open(folder, false).unwrap(),
        compute: Compute::flex(),
        thread: ComputeThread::shared_headless(),
        parts: 1,
        most_parts: 2,
        checkpoint_every: Duration::ZERO,
    }
}

fn session(folder: &Path, fail_at: usize) -> Session<Line> {
    let points = Points { fail_at, asked: AtomicUsize::new(0), count: POINTS };
    Session::new(Arc::new(points), [0.0; 2], setup(folder)).unwrap()
}

/// Bits of what a training ends with.
fn bits(trained: &Trained<Line>) -> [u32; 2] {
    trained.model.as_ref().unwrap().weights.map(f32::to_bits)
}

fn whole() -> [u32; 2] {
    let folder = tempfile::tempdir().unwrap();
    bits(&session(folder.path(), NEVER).run(&Interrupt::default(), &mut |_| {}).unwrap())
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with("lock")).collect();
    names.sort();
    names
}

#[test]
fn a_line_is_fitted_by_the_session_that_trains_networks() {
    let folder = tempfile::tempdir().unwrap();
    let mut events = Vec::new();
    let session = session(folder.path(), NEVER);
    assert_eq!(session.steps(), STEPS);
    let trained = session.run(&Interrupt::default(), &mut |event| events.push(event)).unwrap();
    let [slope, height] = trained.model.as_ref().unwrap().weights;
    assert!((slope - 2.0).abs() < 0.3 && (height + 1.0).abs() < 0.3, "{slope} {height}");
    assert!(trained.best.unwrap() > 0.95, "{:?}", trained.best);
    let losses: Vec<f32> = trained.history.iter().map(|epoch| epoch.losses.get("loss")).collect();
    assert!(losses.len() == EPOCHS && losses.windows(2).all(|pair| pair[1] < pair[0]), "{losses:?}");
    assert!(trained.history.iter().all(|epoch| epoch.stage == "fit"));
    // It says nothing but what every training says.
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Step(_))).count(), STEPS);
    assert!(events.iter().all(|event| matches!(event, Event::Step(_) | Event::Epoch(_))));

    assert!(names(folder.path()).iter().any(|name| name.starts_with("checkpoint-")));
    trained.close("a hash").unwrap();
    assert_eq!(read_history(folder.path()).len(), EPOCHS);
    drop(trained);
    assert_eq!(names(folder.path()), ["finished.json", "history.json"]);
}

#[test]
fn wherever_it_is_interrupted_it_ends_with_the_same_bits() {
    let whole = whole();
    for step in [1, 4, 7, 8, 20, STEPS] {
        // As if it were killed: nothing is saved any more.
        let folder = tempfile::tempdir().unwrap();
        let failed = session(folder.path(), step).run(&Interrupt::default(), &mut |_| {});
        assert!(matches!(failed.err(), Some(TrainError::Load(_))), "step {step}");
        let mut resumed = None;
        let again = session(folder.path(), NEVER).run(&Interrupt::default(), &mut |event| {
            if let Event::Resumed { step } = event {
                resumed = Some(step);
            }
        });
        assert_eq!(resumed, (step > 1).then_some(step - 1));
        assert_eq!(bits(&again.unwrap()), whole, "step {step}");

        // Stopped: it keeps what it has, and can go on.
        let folder = tempfile::tempdir().unwrap();
        let interrupt = Interrupt::default();
        let stopped = session(folder.path(), NEVER).run(&interrupt, &mut |event| {
            if matches!(&event, Event::Step(report) if report.step == step) {
                interrupt.stop();
            }
        });
        let stopped = stopped.unwrap();
        stopped.close("what it has").unwrap();
        assert_eq!(bits(&stopped) == whole, step == STEPS, "step {step}");
        assert!(!names(folder.path()).contains(&"finished.json".to_owned()));
        drop(stopped);
        let again = session(folder.path(), NEVER).run(&Interrupt::default(), &mut |_| {}).unwrap();
        assert_eq!(bits(&again), whole, "step {step}");
    }
}

#[test]
fn full_memory_makes_the_objective_anew_in_more_parts_until_it_cannot() {
    let folder = tempfile::tempdir().unwrap();
    let interrupt = Interrupt::default();
    interrupt.pretend_full_at(10);
    let mut halved = Vec::new();
    let trained = session(folder.path(), NEVER).run(&interrupt, &mut |event| {
        if let Event::Halved { parts } = event {
            halved.push(parts);
        }
    });
    let trained = trained.unwrap();
    assert_eq!((halved, trained.model.as_ref().unwrap().parts), (vec![2], 2));
    assert_eq!(bits(&trained), whole());

    let folder = tempfile::tempdir().unwrap();
    interrupt.pretend_full_at(3);
    let failed = session(folder.path(), NEVER).run(&interrupt, &mut |event| {
        if matches!(event, Event::Halved { .. }) {
            interrupt.pretend_full_at(4);
        }
    });
    assert!(matches!(failed.err(), Some(TrainError::OutOfMemory)));
}

#[test]
fn a_stage_without_a_batch_is_refused_in_the_words_of_its_examples() {
    let folder = tempfile::tempdir().unwrap();
    let points = Points { fail_at: NEVER, asked: AtomicUsize::new(0), count: 0 };
    let refused = Session::<Line>::new(Arc::new(points), [0.0; 2], setup(folder.path())).err().unwrap();
    let text = "no batch can be made: there are no points for stage 0. Draw some";
    assert_eq!(refused.to_string(), text);
}
