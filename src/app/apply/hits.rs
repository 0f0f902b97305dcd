//! Hits: a screen is read on a job, and what was read is written on another.

use std::path::PathBuf;
use std::sync::Arc;

use crate::app::forms::predictions::TableFormat;
use crate::app::hits::{Asked, HitsCommand, Message, Running, Shown, Why, job};
use crate::app::jobs::Event;
use crate::app::panes::Pane;
use crate::app::studio::Studio;
use crate::progress::Progress;

/// What is said when a job has failed inside.
const NO_WORD: &str = "This failed inside. The log says more; report it as a fault.";

/// Folder for results, beside the project or the table.
const FOLDER: &str = "hits";

impl Studio {
    /// Shows the panel.
    pub(in crate::app) fn show_hits(&mut self) {
        self.show_pane(Pane::Hits);
    }

    /// Carries out what the panel asks for.
    pub(in crate::app) fn apply_to_hits(&mut self, command: HitsCommand) {
        let hits = &mut self.state.hits;
        match command {
            HitsCommand::Form(form) => hits.form = *form,
            HitsCommand::Read => self.read_screen(),
            HitsCommand::Stop => {
                if let Some(running) = &hits.running {
                    self.jobs.cancel(running.job);
                }
            }
            HitsCommand::Tables => self.write_hits("Writing tables of hits", |task, _| {
                job::tables(&task.shown, &task.folder, task.tables)
            }),
            HitsCommand::Figures => self.write_hits("Drawing dose-response curves", |task, progress| {
                job::figures(&task.shown, &task.folder, progress)
            }),
            HitsCommand::PlateMap => self.write_hits("Laying plates out", |task, progress| {
                Ok(vec![job::plate_map(&task.shown, task.wells, &task.folder, progress)?])
            }),
        }
    }

    fn read_screen(&mut self) {
        let (Some(screen), hits) = (&self.state.screen, &mut self.state.hits) else { return };
        if hits.running.is_some() || screen.look().blind {
            return;
        }
        let Some(asked) = Asked::of(&hits.form, &self.state.answers, screen) else { return };
        hits.tickets += 1;
        hits.failed = None;
        let (ticket, experiment, task) = (hits.tickets, screen.experiment().clone(), asked.clone());
        let job = self.jobs.spawn("Reading the screen", false, move |progress, reply| {
            let read = job::read(&experiment, task.clone(), progress);
            reply.send(Event::Hits(Box::new(Message { ticket, asked: task, read })));
            Ok(())
        });
        let started = self.jobs.running().iter().find(|running| running.id == job);
        hits.running =
            started.map(|running| Running { asked, job, ticket, progress: Arc::clone(&running.progress) });
    }

    /// Takes in what the job sent.
    pub(in crate::app) fn take_hits(&mut self, message: Message) {
        let Message { ticket, asked, read } = message;
        let hits = &mut self.state.hits;
        let is_running = hits.running.take_if(|running| running.ticket == ticket).is_some();
        let on_screen = self.state.screen.as_ref().map(|screen| screen.experiment().id.as_str());
        if !is_running || on_screen != Some(asked.experiment.as_str()) {
            return;
        }
        match read {
            Ok(shown) => {
                hits.show(shown);
                self.suggest_folder();
            }
            Err(why) => {
                if let Why::Controls(why) | Why::Other(why) = &why {
                    log::error!("{why}");
                }
                hits.failed = Some((asked, why));
            }
        }
    }

    /// Where files go unless the user says otherwise.
    fn suggest_folder(&mut self) {
        let (Some(screen), hits) = (&self.state.screen, &mut self.state.hits) else { return };
        if hits.form.folder.trim().is_empty() {
            let named = self.state.project.as_ref().filter(|(_, unnamed)| !unnamed);
            let beside = match named.and_then(|(path, _)| path.parent()) {
                Some(folder) => folder.to_owned(),
                None => screen.experiment().root.clone(),
            };
            hits.form.folder = beside.join(FOLDER).display().to_string();
        }
    }

    /// Writes files of what was read, one job at a time.
    fn write_hits(
        &mut self,
        title: &str,
        write: impl FnOnce(&Task, &Progress) -> anyhow::Result<Vec<PathBuf>> + Send + 'static,
    ) {
        let (Some(screen), hits) = (&self.state.screen, &mut self.state.hits) else { return };
        let Some(shown) = hits.shown.clone() else { return };
        let folder = PathBuf::from(hits.form.folder.trim());
        if hits.writing.is_some() || screen.look().blind || folder.as_os_str().is_empty() {
            return;
        }
        let task = Task { shown, folder, wells: hits.form.wells, tables: hits.form.tables };
        let job = self.jobs.spawn(title, false, move |progress, _| {
            let files = write(&task, progress)?;
            match files.as_slice() {
                [file] => log::info!("Written: {}", file.display()),
                files => log::info!("{} files are in {}.", files.len(), task.folder.display()),
            }
            Ok(())
        });
        hits.writing = Some(job);
    }

    /// Once per pass: what was read is read anew where other vectors answer, another column is chosen, or it is read otherwise. A
    /// job that ended without a word must not leave the panel waiting.
    pub(in crate::app) fn follow_hits(&mut self) {
        let (jobs, hits) = (&self.jobs, &mut self.state.hits);
        hits.writing = hits.writing.filter(|job| jobs.is_running(*job));
        if let Some(running) = hits.running.take_if(|running| !jobs.is_running(running.job)) {
            hits.failed = Some((running.asked, Why::Other(NO_WORD.to_owned())));
        }
        let (Some(screen), Some(shown)) = (&self.state.screen, &hits.shown) else { return };
        let Some(asked) = Asked::of(&hits.form, &self.state.answers, screen) else { return };
        let has_failed = hits.failed.as_ref().is_some_and(|(failed, _)| failed.is_like(&asked));
        if !asked.is_like(&shown.asked) && !has_failed {
            self.read_screen();
        }
    }

    /// With another experiment, nothing that was read stays.
    pub(in crate::app) fn forget_hits(&mut self) {
        let left = std::mem::take(&mut self.state.hits);
        // Counted on, or a late reading would pass for the first one of the next experiment.
        self.state.hits.tickets = left.tickets;
        if let Some(running) = left.running {
            self.jobs.cancel(running.job);
        }
    }
}

/// What is written, and where.
struct Task {
    shown: Arc<Shown>,
    folder: PathBuf,
    wells: usize,
    tables: TableFormat,
}
