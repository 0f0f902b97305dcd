//! Work that takes longer than a frame: named threads with progress and cancel, and an inbox for their results.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use super::forms::choice::Choice;
use crate::analysis::profile::Deviations;
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
    /// The experiment of this id is saved as a new project.
    SavedAs {
        /// Of the experiment.
        id: String,
        /// Where it is saved now.
        project: Box<Project>,
        /// The program is to end now.
        quit: bool,
    },
    /// Statistics of the recording of this id, of what was read of it so far.
    Stats(u64, Arc<MovieStats>),
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
    /// From a job about recipes.
    Recipes(Box<super::recipes::Message>),
    /// From the job that reads a screen.
    Hits(Box<super::hits::Message>),
    /// From a job about answers.
    Answers(Box<super::answers::Message>),
    /// Features of the rows beside those of the controls.
    Features(Arc<Deviations>),
    /// These were opened as one experiment: worth remembering.
    OpenedTogether(Vec<PathBuf>),
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

    /// True until a job has ended and all that it sent was taken.
    pub fn is_running(&self, id: u64) -> bool {
        self.running.iter().any(|job| job.id == id)
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
