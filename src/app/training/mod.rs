//! Training in the window: what is asked before, what is shown while it runs, what came of it.
//!
//! Plain data; [`crate::app::panels::training`] shows it, `apply::training` changes it and starts the jobs.

pub mod form;
pub mod job;
pub mod kept;
pub mod look;
pub mod models;
pub mod progress;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use self::form::Form;
use self::kept::{Kept, Start};
use self::look::{Key, Look};
use self::models::Model;
use self::progress::{Finish, Live};
use crate::analysis::evaluate::Report;
use crate::analysis::leakage::contents::Contents;
use crate::gpu::ComputeTarget;
use crate::learn::config::Config;
use crate::learn::estimate::Speed;
use crate::learn::run;
use crate::model::card::Card;

/// Something that is made by a job when it is first asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer<T> {
    /// Asked for, since when.
    Pending(Instant),
    /// Here.
    Known(T),
    /// Why it cannot be had.
    Failed(String),
}

impl<T> Answer<T> {
    /// The value, once it is there.
    pub const fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            _ => None,
        }
    }
}

/// What the window knows of training.
#[derive(Debug)]
pub struct Training {
    /// Answers, once the rows were looked at; and the experiment that they are for.
    pub form: Option<(String, Form)>,
    /// The latest look.
    pub look: Option<Look>,
    /// The look that is being taken.
    pub looking: Option<Key>,
    /// A look that was stopped, and is not taken again unasked.
    pub not_looked: Option<Key>,
    /// What steps take, by what that depends on.
    pub paces: HashMap<Pace, Answer<Speed>>,
    /// Cards of models to start from.
    pub cards: HashMap<Start, Answer<Arc<Card>>>,
    /// What lies in the folder for models.
    pub kept: Kept,
    /// The folder is being read.
    pub scanning: bool,
    /// Models of the project and of the folder for models, newest first, with what does not fit the experiment on screen.
    pub models: Vec<Model>,
    /// The training that runs, or ran last.
    pub live: Option<Live>,
    /// Who computes.
    pub target: ComputeTarget,
    /// What recordings hold, as far as it was read.
    pub contents: Arc<Contents>,
}

impl Default for Training {
    fn default() -> Self {
        Self {
            form: None,
            look: None,
            looking: None,
            not_looked: None,
            paces: HashMap::new(),
            cards: HashMap::new(),
            kept: Kept::default(),
            scanning: false,
            models: Vec::new(),
            live: None,
            target: ComputeTarget::Cpu,
            contents: Arc::default(),
        }
    }
}

impl Training {
    /// The job of the training that runs.
    pub fn job(&self) -> Option<u64> {
        self.live.as_ref().filter(|live| live.is_running()).map(|live| live.job)
    }

    /// The card of the model to start from; `None` for fresh weights, or while it is not known.
    pub fn card(&self, form: &Form) -> Option<&Arc<Card>> {
        self.cards.get(&form.start)?.known()
    }

    /// The form of an experiment.
    pub fn form_of(&self, experiment: &str) -> Option<&Form> {
        self.form.as_ref().filter(|(id, _)| id == experiment).map(|(_, form)| form)
    }
}

/// What the seconds per video depend on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pace {
    /// Encoders and input.
    network: String,
    /// Device.
    device: String,
}

impl Pace {
    /// Of a training on a device.
    pub fn of(config: &Config, device: &str) -> Self {
        let network = (
            &config.encoder,
            config.molecule_encoder,
            config.projection,
            config.input.channels.len(),
            config.input.frames,
            config.size(),
        );
        Self { network: format!("{network:?}"), device: device.to_owned() }
    }
}

/// What the panel asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum TrainingCommand {
    /// Look at the rows and at the folder for models.
    Look,
    /// Measure how fast this configuration trains.
    Measure(Box<Config>),
    /// Read the card of a model to start from.
    ReadCard(Start),
    /// Change an answer.
    Form(Box<Form>),
    /// Take the defaults for these rows again.
    Defaults,
    /// Start.
    Start,
    /// Go on with a training that was stopped.
    Resume(PathBuf),
    /// Throw a training that was stopped away.
    Forget(PathBuf),
    /// Wait, or go on.
    Pause(bool),
    /// End and keep the best.
    Stop,
    /// Evaluate the model that was trained last on what was held back.
    Evaluate,
    /// Back to the form.
    Another,
}

/// What jobs send back.
#[derive(Debug)]
pub enum Message {
    /// The rows were looked at.
    Looked(Box<Look>),
    /// The look was stopped or failed.
    NotLooked,
    /// A folder was looked at.
    Scanned(Kept),
    /// Models, for the experiment of this id.
    Models(String, Vec<Model>),
    /// What the evaluation of the model in this folder says, or why there is none.
    Evaluated(PathBuf, Result<Vec<Report>, String>),
    /// A training that was stopped is thrown away, or could not be.
    Forgotten,
    /// A card, or why it cannot be read.
    Card(Start, Result<Box<Card>, String>),
    /// Seconds per video, or why they could not be measured.
    Pace(Pace, Result<Speed, String>),
    /// A configuration was read from a file.
    Config(Box<Config>),
    /// Rows that are trained on.
    Trained(HashSet<usize>),
    /// The training goes on.
    Events(Vec<run::Event>),
    /// It has ended.
    Ended(Ended),
}

/// How a training ended.
#[derive(Debug)]
pub enum Ended {
    /// With a model.
    Finished(Finish),
    /// Before there was anything to keep.
    Cancelled,
    /// Without a model.
    Failed(String),
}
