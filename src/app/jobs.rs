//! Work that takes longer than a frame: named threads with progress and cancel, and an inbox for their results.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use crate::experiment::Experiment;
use crate::experiment::import::report::Report;
use crate::experiment::import::{Mapping, Source};
use crate::experiment::project::Project;
use crate::experiment::project::recovery::Recoverable;
use crate::progress::Progress;
use crate::video::lut::Lut;
use crate::video::stats::MovieStats;
use crate::video::{Address, Recording, VideoError};

/// What a job sends back.
pub enum Event {
    /// A recording is open.
    Opened(Box<Opened>),
    /// An experiment is open.
    Experiment(Box<OpenedExperiment>),
    /// What earlier runs left without a name.
    Recoverable(Vec<Recoverable>),
    /// Another series of the file that the view of this id shows.
    Series(u64, Box<Recording>),
    /// A table is read, and what its columns mean is guessed.
    Guessed(Box<(Source, Mapping)>),
    /// The same for a sheet of the workbook at this path, or why it cannot be read.
    Sheet(PathBuf, String, Result<Box<(Source, Mapping)>, String>),
    /// Moved recordings are found: the experiment with their paths, for this revision of its table.
    Moved(Box<Experiment>, u64),
    /// A table to join is read.
    Joining(Box<Source>),
    /// The experiment is saved as a new project.
    SavedAs(Box<Project>),
    /// Statistics of a view, so far (share done) or final (1).
    Stats(u64, Arc<MovieStats>, f32),
    /// Files that the user chose.
    Chosen(Choice, Vec<PathBuf>),
    /// The file dialog did not answer: ask in the window.
    NoDialog(Choice),
    /// What was typed into the path box, and what it stands for, or why it cannot be opened.
    Typed(String, Result<Address, String>),
    /// A name for an export, and one like it that is free.
    FreeName(String, String),
    /// Whether something is at the path that an export was given.
    Seen(String, bool),
    /// A look-up table from a file; with the view's id and the channel where the user has just chosen it for one.
    Lut(PathBuf, Result<Lut, VideoError>, Option<(u64, usize)>),
    /// From a job about training.
    Training(Box<super::training::Message>),
    /// From the job that makes a map.
    Map(Box<super::map::Message>),
    /// From a job about answers.
    Answers(Box<super::answers::Message>),
    /// Something is on disk.
    Written(PathBuf),
}

/// A recording that was opened.
pub struct Opened {
    /// Where from.
    pub address: Address,
    /// The recording.
    pub recording: Recording,
    /// How it was shown last.
    pub saved: Option<super::settings::SavedView>,
    /// A first look at its values.
    pub stats: Option<MovieStats>,
    /// The selection of rows that it was opened for.
    pub generation: Option<u64>,
}

/// An experiment that was opened.
pub struct OpenedExperiment {
    /// The experiment.
    pub experiment: Experiment,
    /// Where it is saved.
    pub project: Option<Project>,
    /// How it was looked at.
    pub view: serde_json::Value,
    /// What its import found.
    pub report: Option<Report>,
}

/// What a file dialog was opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// Open files.
    #[default]
    Open,
    /// Open a folder of frames.
    Folder,
    /// Open a table.
    Experiment,
    /// Open a project or a dataset.
    ExperimentFolder,
    /// Name a project.
    SaveProject,
    /// A table to join.
    Join,
    /// Where recordings lie now.
    MovedData,
    /// A model to start a training from.
    StartModel,
    /// A folder for models.
    ModelsFolder,
    /// A model that answers.
    AnswerModel,
    /// Vectors of another program.
    Embedding,
    /// A table whose videos answer.
    Gallery,
    /// A project or a dataset whose videos answer.
    GalleryFolder,
    /// A folder for results.
    Results,
    /// Where a training's configuration is written.
    SaveConfig,
    /// A training's configuration.
    LoadConfig,
    /// A look-up table for a view's channel.
    Lut {
        /// Index of the view.
        view: usize,
        /// Channel.
        channel: usize,
    },
}

impl Choice {
    /// True for what is asked about the experiment, not about recordings.
    pub const fn is_about_experiments(self) -> bool {
        !matches!(self, Self::Open | Self::Folder | Self::Lut { .. })
    }

    /// Heading of the path box.
    pub const fn question(self) -> &'static str {
        match self {
            Self::Open | Self::Folder => "Open a file or a folder",
            Self::Lut { .. } => "Load a look-up table",
            Self::Experiment | Self::ExperimentFolder => "Open a table, a project or a dataset",
            Self::SaveProject => "Save the experiment as a project (NAME.molclip)",
            Self::Join => "Join a table",
            Self::MovedData => "Where are the recordings now?",
            Self::StartModel => "Start from the model in this folder",
            Self::ModelsFolder => "Keep models in this folder",
            Self::AnswerModel => "Answer with the model in this folder",
            Self::Embedding => "Add vectors from a file (.parquet, .npy, .safetensors)",
            Self::Gallery | Self::GalleryFolder => "Compare with the videos of this experiment",
            Self::Results => "Write results into this folder",
            Self::SaveConfig => "Save the training's configuration (NAME.json)",
            Self::LoadConfig => "Load a training's configuration",
        }
    }
}

/// A running job.
pub struct Job {
    /// Unique in this process.
    pub id: u64,
    /// What it does.
    pub name: String,
    /// How far it is.
    pub progress: Arc<Progress>,
    /// Since when.
    pub started: Instant,
    /// Quiet jobs are not worth asking about when the program closes.
    pub quiet: bool,
}

impl Job {
    /// Time left at the pace so far, once there is something to tell it by.
    pub fn time_left(&self) -> Option<Duration> {
        let done = f64::from(self.progress.fraction()?);
        (done > 0.02).then(|| self.started.elapsed().mul_f64((1.0 - done) / done))
    }
}

enum Message {
    Event(Event),
    Ended(u64),
}

/// Sends a job's results.
#[derive(Clone)]
pub struct Reply {
    sender: Sender<Message>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl Reply {
    /// Sends an event to the window.
    pub fn send(&self, event: Event) {
        // A window that is gone needs no results.
        let _ = self.sender.send(Message::Event(event));
        (self.wake)();
    }
}

/// All jobs.
pub struct Jobs {
    running: Vec<Job>,
    reply: Reply,
    inbox: Receiver<Message>,
    next_id: u64,
}

impl Jobs {
    /// No jobs yet; `wake` repaints the window.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        let (sender, inbox) = channel();
        Self { running: Vec::new(), reply: Reply { sender, wake: Arc::new(wake) }, inbox, next_id: 1 }
    }

    /// Running jobs, oldest first.
    pub fn running(&self) -> &[Job] {
        &self.running
    }

    /// Starts a job. An error it returns is logged, which shows it to the user.
    pub fn spawn(
        &mut self,
        name: impl Into<String>,
        quiet: bool,
        work: impl FnOnce(&Progress, &Reply) -> anyhow::Result<()> + Send + 'static,
    ) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let name = name.into();
        let progress = Arc::new(Progress::default());
        let job =
            Job { id, name: name.clone(), progress: Arc::clone(&progress), started: Instant::now(), quiet };
        let reply = self.reply.clone();
        let run = move || {
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&progress, &reply)));
            match outcome {
                Ok(Ok(())) => {}
                Ok(Err(e)) if progress.is_cancelled() => log::info!("{name}: stopped ({e:#})."),
                Ok(Err(e)) => log::error!("{name}: {e:#}"),
                Err(_) => log::error!("{name}: failed inside. Report this as a fault, with the log."),
            }
            let _ = reply.sender.send(Message::Ended(id));
            (reply.wake)();
        };
        match std::thread::Builder::new().name(format!("job-{id}")).spawn(run) {
            Ok(_) => self.running.push(job),
            Err(e) => log::error!("{}: could not be started: {e}. Close other programs.", job.name),
        }
        id
    }

    /// Asks a job to stop.
    pub fn cancel(&self, id: u64) {
        if let Some(job) = self.running.iter().find(|j| j.id == id) {
            job.progress.cancel();
        }
    }

    /// Asks all jobs to stop.
    pub fn cancel_all(&self) {
        self.running.iter().for_each(|j| j.progress.cancel());
    }

    /// What has come in since last time.
    pub fn take_events(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Ok(message) = self.inbox.try_recv() {
            match message {
                Message::Event(event) => events.push(event),
                Message::Ended(id) => self.running.retain(|j| j.id != id),
            }
        }
        events
    }
}
