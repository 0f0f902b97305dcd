//! Saving while the user works: on a thread of its own, so that the window never waits for a disk.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use super::{Project, ProjectError, lock};
use crate::experiment::Experiment;

/// Time from the start of one save to the start of the next. An edit waits at most this long and is then lost only
/// while it is being written: under 10 s altogether for saves of up to 5 s.
pub const INTERVAL: Duration = Duration::from_secs(5);

/// A state to be saved. Cheap: an experiment shares its columns with its clones.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Number of the state.
    pub revision: u64,
    /// The experiment.
    pub experiment: Experiment,
    /// How it is looked at.
    pub view: Value,
}

/// How saving goes, for the status bar.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// State that is on disk.
    pub saved_revision: Option<u64>,
    /// When it was saved.
    pub saved_at: Option<SystemTime>,
    /// How long that took.
    pub took: Duration,
    /// True while something is not on disk yet.
    pub is_pending: bool,
    /// Why the last attempt failed; it is tried again.
    pub error: Option<ProjectError>,
}

#[derive(Default)]
struct State {
    waiting: Option<Snapshot>,
    is_saving: bool,
    /// Do not wait for the interval.
    now: bool,
    close: bool,
    /// Attempts made, good or bad.
    attempts: u64,
    status: Status,
}

struct Shared {
    state: Mutex<State>,
    /// Something to do, or something done.
    changed: Condvar,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes a project in the background. Dropping it writes what waits.
pub struct Autosaver {
    shared: Arc<Shared>,
    path: PathBuf,
    thread: Option<JoinHandle<Project>>,
}

impl Autosaver {
    /// Starts to save into a project, at most once per `interval` ([`INTERVAL`]); `wake` is called from the thread
    /// when [`Self::status`] changes. A failure is logged once, with what to do, and tried again until it succeeds.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(
        project: Project,
        interval: Duration,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, ProjectError> {
        let path = project.path().to_owned();
        let shared =
            Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), wake: Box::new(wake) });
        let worker = Worker { shared: Arc::clone(&shared), project, interval };
        let thread = std::thread::Builder::new()
            .name("autosave".to_owned())
            .spawn(move || worker.run())
            .map_err(|e| ProjectError::io(&path, "starting to save in the background", &e))?;
        Ok(Self { shared, path, thread: Some(thread) })
    }

    /// The project folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes note of a change: the latest state is written, those before it need not be. Returns at once.
    pub fn changed(&self, snapshot: Snapshot) {
        let mut state = self.shared.state();
        let replaced = state.waiting.replace(snapshot);
        state.status.is_pending = true;
        drop(state);
        self.shared.changed.notify_all();
        drop(replaced);
    }

    /// How saving goes.
    pub fn status(&self) -> Status {
        self.shared.state().status.clone()
    }

    /// Writes what waits and returns when it is on disk. For closing and for tests; the window uses [`Self::save_now`].
    ///
    /// # Errors
    /// Why it could not be written; it is still waiting then.
    pub fn flush(&self) -> Result<(), ProjectError> {
        let mut state = self.shared.state();
        state.now = true;
        // An attempt that is under way may hold an older state.
        let enough = state.attempts + 1 + u64::from(state.is_saving);
        self.shared.changed.notify_all();
        while state.is_saving || (state.waiting.is_some() && state.attempts < enough) {
            if self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
                return Err(fault(&self.path));
            }
            let wait = self.shared.changed.wait_timeout(state, Duration::from_millis(200));
            state = wait.unwrap_or_else(PoisonError::into_inner).0;
        }
        match (&state.waiting, &state.status.error) {
            (Some(_), Some(error)) => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// Writes what waits as soon as possible, without waiting for it.
    pub fn save_now(&self) {
        self.shared.state().now = true;
        self.shared.changed.notify_all();
    }

    /// Writes what waits, ends and gives the project back.
    ///
    /// # Errors
    /// Why the last state could not be written. Nothing has ended then: ask the user, and try again or
    /// [`Self::abandon`].
    pub fn close(&mut self) -> Result<Option<Project>, ProjectError> {
        self.flush()?;
        Ok(self.end())
    }

    /// Gives up on what could not be written, ends and gives the project back. The state on disk stays as it is.
    pub fn abandon(&mut self) -> Option<Project> {
        self.shared.state().waiting = None;
        self.end()
    }

    fn end(&mut self) -> Option<Project> {
        self.shared.state().close = true;
        self.shared.changed.notify_all();
        self.thread.take()?.join().ok()
    }
}

impl Drop for Autosaver {
    fn drop(&mut self) {
        if self.thread.is_some() {
            if let Err(e) = self.flush() {
                log::error!("{e}");
            }
            self.end();
        }
    }
}

fn fault(path: &Path) -> ProjectError {
    ProjectError::damaged(
        path,
        "saving",
        "it failed inside",
        "Save under another name, and report this as a fault, with the log.",
    )
}

struct Worker {
    shared: Arc<Shared>,
    project: Project,
    interval: Duration,
}

impl Worker {
    fn run(mut self) -> Project {
        let mut next_save = Instant::now();
        let mut next_renewal = Instant::now() + lock::RENEW;
        while let Some(snapshot) = self.next(next_save, &mut next_renewal) {
            let started = Instant::now();
            next_save = started + self.interval;
            let saved =
                catch_unwind(AssertUnwindSafe(|| self.project.save(&snapshot.experiment, &snapshot.view)))
                    .unwrap_or_else(|_| Err(fault(self.project.path())));
            self.note(snapshot, saved, started.elapsed());
            (self.shared.wake)();
        }
        self.project
    }

    /// Waits for something to save, and renews the lock meanwhile; `None` at the end.
    fn next(&mut self, next_save: Instant, next_renewal: &mut Instant) -> Option<Snapshot> {
        let mut state = self.shared.state();
        loop {
            let now = Instant::now();
            if state.waiting.is_some() && (state.now || now >= next_save) {
                state.is_saving = true;
                state.now = false;
                return state.waiting.take();
            }
            if state.close {
                return None;
            }
            if now >= *next_renewal {
                *next_renewal = now + lock::RENEW;
                drop(state);
                // Whoever took the project over is reported when the next state cannot be saved.
                let _ = self.project.renew();
                state = self.shared.state();
                continue;
            }
            let until = if state.waiting.is_some() { next_save.min(*next_renewal) } else { *next_renewal };
            let wait = self.shared.changed.wait_timeout(state, until.saturating_duration_since(now));
            state = wait.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn note(&self, snapshot: Snapshot, saved: Result<(), ProjectError>, took: Duration) {
        let mut state = self.shared.state();
        state.is_saving = false;
        state.attempts += 1;
        let failed_before = state.status.error.take();
        match saved {
            Ok(()) => {
                state.status.saved_revision = Some(snapshot.revision);
                state.status.saved_at = Some(SystemTime::now());
                state.status.took = took;
                if failed_before.is_some() {
                    log::info!("{}: saved again.", self.project.path().display());
                }
            }
            Err(e) => {
                if failed_before.as_ref() != Some(&e) {
                    log::error!("{e} Your changes are not saved yet; saving is tried again.");
                }
                state.status.error = Some(e);
                // Unless there is a newer state already, this one is what to try again.
                state.waiting.get_or_insert(snapshot);
            }
        }
        state.status.is_pending = state.waiting.is_some();
        drop(state);
        self.shared.changed.notify_all();
    }
}
