//! Recipes: compared and applied on jobs; what was applied can be taken back.

use std::sync::Arc;

use super::answers::free_name;
use crate::app::answers::Source;
use crate::app::jobs::Event;
use crate::app::panes::Pane;
use crate::app::recipes::{Applying, Asked, Corrected, Message, RecipesCommand, Running, Shown, job};
use crate::app::state::{Undo, VectorsBefore};
use crate::app::studio::Studio;

/// What is said when a job has failed inside.
const NO_WORD: &str = "This failed inside. The log says more; report it as a fault.";

impl Studio {
    /// Shows the panel.
    pub(in crate::app) fn show_recipes(&mut self) {
        self.show_pane(Pane::Recipes);
    }

    /// Carries out what the panel asks for.
    pub(in crate::app) fn apply_to_recipes(&mut self, command: RecipesCommand) {
        let recipes = &mut self.state.recipes;
        match command {
            RecipesCommand::Form(form) => recipes.form = *form,
            RecipesCommand::Compare => self.compare_recipes(),
            RecipesCommand::Stop => {
                if let Some(running) = &recipes.running {
                    self.jobs.cancel(running.job);
                }
            }
            RecipesCommand::Sort(score) => {
                let best_first = !score.is_falling();
                recipes.sort = match recipes.sort {
                    Some((now, down)) if now == score && down == best_first => Some((score, !best_first)),
                    Some((now, _)) if now == score => None,
                    _ => Some((score, best_first)),
                };
            }
            RecipesCommand::Apply(named) => {
                let Some(screen) = &self.state.screen else { return };
                let Some(asked) = Asked::of(&recipes.form, &self.state.answers, screen) else { return };
                if recipes.applying.is_some() {
                    return;
                }
                recipes.tickets += 1;
                recipes.failed = None;
                let (ticket, experiment) = (recipes.tickets, screen.experiment().clone());
                let title = format!("Correcting “{}” by {}", asked.name, named.name);
                let job = self.jobs.spawn(title, true, move |_, reply| {
                    let corrected = job::correct(&experiment, &asked, &named);
                    reply.send(Event::Recipes(Box::new(Message::Corrected(ticket, corrected))));
                    Ok(())
                });
                recipes.applying = Some(Applying { job, ticket });
            }
        }
    }

    fn compare_recipes(&mut self) {
        let (Some(screen), recipes) = (&self.state.screen, &mut self.state.recipes) else { return };
        if recipes.running.is_some() {
            return;
        }
        let Some(asked) = Asked::of(&recipes.form, &self.state.answers, screen) else { return };
        recipes.tickets += 1;
        recipes.failed = None;
        let (ticket, experiment, task) = (recipes.tickets, screen.experiment().clone(), asked.clone());
        let title = format!("Comparing recipes on “{}”", asked.name);
        let job = self.jobs.spawn(title, true, move |progress, reply| {
            let tell = |message| reply.send(Event::Recipes(Box::new(message)));
            let compared = job::run(&experiment, &task, progress, |line| {
                tell(Message::Line(ticket, Box::new(line.clone())));
            });
            tell(Message::Compared(ticket, compared));
            Ok(())
        });
        let started = self.jobs.running().iter().find(|running| running.id == job);
        recipes.running =
            started.map(|running| Running { job, ticket, progress: Arc::clone(&running.progress) });
        recipes.shown = Some(Shown { asked, lines: Vec::new(), comparison: None });
    }

    /// Takes in what jobs sent.
    pub(in crate::app) fn take_recipes(&mut self, message: Message) {
        let recipes = &mut self.state.recipes;
        let is_running = |ticket| recipes.running.as_ref().is_some_and(|running| running.ticket == ticket);
        match message {
            Message::Line(ticket, line) => {
                if let (true, Some(shown)) = (is_running(ticket), &mut recipes.shown) {
                    shown.lines.push(*line);
                }
            }
            Message::Compared(ticket, compared) => {
                if !is_running(ticket) {
                    return;
                }
                recipes.running = None;
                match compared {
                    Ok(comparison) => {
                        if let Some(shown) = &mut recipes.shown {
                            shown.lines.clone_from(&comparison.recipes);
                            shown.comparison = Some(Arc::new(comparison));
                        }
                    }
                    Err(why) => recipes.failed = why,
                }
            }
            Message::Corrected(ticket, corrected) => {
                if recipes.applying.take_if(|applying| applying.ticket == ticket).is_none() {
                    return;
                }
                match corrected {
                    Ok(corrected) => self.use_corrected(corrected),
                    Err(why) => {
                        log::error!("{why}");
                        recipes.failed = Some(why);
                    }
                }
            }
        }
    }

    /// Keeps corrected vectors under a name that is free, and uses them: answers, map and export. The raw ones stay.
    fn use_corrected(&mut self, corrected: Corrected) {
        let Corrected { experiment, of, name, table } = corrected;
        let Some(screen) = self.state.screen.as_ref().filter(|screen| screen.experiment().id == experiment)
        else {
            log::warn!("{name}: the experiment whose vectors were corrected was closed meanwhile.");
            return;
        };
        let known = &screen.experiment().embeddings;
        let same = known.iter().find(|(_, known)| known.model_hash == table.model_hash && **known == table);
        let name = same.map_or_else(|| free_name(&name, known), |(name, _)| name.clone());
        log::info!("{name}: answers, map and export use these vectors now. Undo goes back.");
        let after = VectorsBefore {
            table: Some(table),
            source: Some(Source::Embedding(name.clone())),
            map: name.clone(),
            // The next recipe starts from the same vectors.
            corrected: of,
            name,
        };
        if let Some(before) = self.swap_vectors(after) {
            self.push_undo(Undo::Vectors(Box::new(before)));
        }
    }

    /// Puts vectors of a name in place, or takes them away, and uses others; what was there and in use before comes back.
    pub(in crate::app) fn swap_vectors(&mut self, after: VectorsBefore) -> Option<VectorsBefore> {
        let state = &mut self.state;
        let screen = state.screen.as_mut()?;
        let VectorsBefore { name, table, source, map, corrected } = after;
        let table = screen.put_embeddings(&name, table);
        let before = VectorsBefore {
            name,
            table,
            source: std::mem::replace(&mut state.answers.source, source),
            map: std::mem::replace(&mut state.map.look.embedding, map),
            corrected: std::mem::replace(&mut state.recipes.form.embedding, corrected),
        };
        state.map.failed = None;
        self.experiment_changed();
        self.answer_with_kept();
        Some(before)
    }

    /// Once per pass: a job that ended without a word must not leave the panel waiting.
    pub(in crate::app) fn follow_recipes(&mut self) {
        let (jobs, recipes) = (&self.jobs, &mut self.state.recipes);
        let is_gone = |job: u64| !jobs.is_running(job);
        let compared = recipes.running.take_if(|running| is_gone(running.job)).is_some();
        let applied = recipes.applying.take_if(|applying| is_gone(applying.job)).is_some();
        if compared || applied {
            recipes.failed = Some(NO_WORD.to_owned());
        }
    }

    /// With another experiment, nothing that was compared stays.
    pub(in crate::app) fn forget_recipes(&mut self) {
        let left = std::mem::take(&mut self.state.recipes);
        // Counted on, or what comes late would pass for something of the next experiment.
        self.state.recipes.tickets = left.tickets;
        let comparing = left.running.map(|running| running.job);
        let applying = left.applying.map(|applying| applying.job);
        for job in comparing.into_iter().chain(applying) {
            self.jobs.cancel(job);
        }
    }
}
