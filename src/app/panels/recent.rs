//! What was open before: the last session, experiments that were never saved, recent experiments and recordings.

use std::path::Path;

use eframe::egui::{Button, Ui, vec2};

use crate::app::command::Command;
use crate::app::settings::Recent;
use crate::app::state::{AppState, Outbox};
use crate::app::widgets::date::date;
use crate::app::widgets::overlay::shorten;
use crate::experiment::project::recovery::Recoverable;
use crate::video::Address;

/// Entries of a list on the start page.
const LISTED: usize = 5;

/// Size of a button on the start page, points.
const BUTTON: [f32; 2] = [220.0, 32.0];

/// What an entry is called at most, characters.
const LONGEST: usize = 60;

/// Shows it on the start page.
pub fn show(ui: &mut Ui, state: &AppState, out: &mut Outbox) {
    let settings = &state.settings;
    // What was kept for later stands below, with its date.
    let is_below = settings.session_experiment.as_ref().is_some_and(|saved| is_lost(state, &saved.path));
    if let Some(text) = session(state).filter(|_| !is_below) {
        ui.add_space(10.0);
        if ui.add(Button::new(text).min_size(vec2(BUTTON[0], BUTTON[1]))).clicked() {
            out.send(Command::ReopenSession);
        }
    }
    for lost in &state.recoverable {
        never_saved(ui, lost, out);
    }
    if state.is_blind() {
        return;
    }
    if !settings.recent_experiments.is_empty() {
        ui.add_space(14.0);
        ui.weak("Recent experiments");
        for recent in settings.recent_experiments.iter().take(LISTED) {
            if ui.link(shorten(&recent.label(), LONGEST)).on_hover_text(paths(recent)).clicked() {
                out.send(reopen(recent));
            }
        }
    }
    if !settings.recent.is_empty() {
        ui.add_space(14.0);
        ui.weak("Recent recordings");
        for address in settings.recent.iter().take(LISTED) {
            let link = ui.link(shorten(&address.label(), LONGEST));
            if link.on_hover_text(address.to_string()).clicked() {
                out.send(Command::OpenAddresses(vec![address.clone()]));
            }
        }
    }
}

/// Shows recent experiments and recordings in a menu: experiments first.
pub fn menu(ui: &mut Ui, state: &AppState, out: &mut Outbox) {
    if state.is_blind() {
        ui.weak("Hidden while you score blind");
        return;
    }
    let (experiments, recordings) = (&state.settings.recent_experiments, &state.settings.recent);
    if experiments.is_empty() && recordings.is_empty() {
        ui.weak("Nothing yet");
    }
    for recent in experiments {
        if ui.button(shorten(&recent.label(), LONGEST)).on_hover_text(paths(recent)).clicked() {
            out.send(reopen(recent));
            ui.close();
        }
    }
    if !experiments.is_empty() && !recordings.is_empty() {
        ui.separator();
    }
    for address in recordings {
        let button = ui.button(shorten(&address.label(), LONGEST));
        if button.on_hover_text(address.to_string()).clicked() {
            out.send(Command::OpenAddresses(vec![address.clone()]));
            ui.close();
        }
    }
}

fn paths(recent: &Recent) -> String {
    let paths: Vec<String> = recent.paths().iter().map(|path| path.display().to_string()).collect();
    paths.join("\n")
}

fn reopen(recent: &Recent) -> Command {
    Command::OpenAddresses(recent.paths().iter().cloned().map(Address::of).collect())
}

/// What the last session was; `None` where none is known.
fn session(state: &AppState) -> Option<String> {
    let settings = &state.settings;
    if let Some(saved) = &settings.session_experiment {
        return Some(format!("Reopen last session (“{}”)", shorten(&saved.name, LONGEST)));
    }
    let count = settings.session.len();
    let noun = if count == 1 { "recording" } else { "recordings" };
    (count > 0).then(|| format!("Reopen last session ({count} {noun})"))
}

fn is_lost(state: &AppState, path: &Path) -> bool {
    state.recoverable.iter().any(|lost| lost.path == path)
}

/// An experiment that was never saved under a name: brought back, or thrown away after a question.
fn never_saved(ui: &mut Ui, lost: &Recoverable, out: &mut Outbox) {
    let when = date(lost.saved);
    let text = match &lost.experiment {
        Some(experiment) => {
            format!("Bring back “{}” ({} rows, never saved), {when}", experiment.name, experiment.rows)
        }
        None => format!("Bring back an experiment that was never saved, {when}"),
    };
    let tip = "An experiment that was open when the program last ended, with everything done to it";
    if ui.add(Button::new(text).min_size(vec2(BUTTON[0], BUTTON[1]))).on_hover_text(tip).clicked() {
        out.send(Command::Recover(lost.path.clone()));
    }
    let key = ui.scope_id().with(("throw away", &lost.path));
    if !ui.data(|d| d.get_temp::<bool>(key)).unwrap_or(false) {
        let tip = "Remove what is kept of it; the files that it was imported from stay";
        if ui.small_button("Throw away…").on_hover_text(tip).clicked() {
            ui.data_mut(|d| d.insert_temp(key, true));
        }
        return;
    }
    ui.label("It cannot be brought back then.");
    if ui.small_button("Throw away").clicked() {
        ui.data_mut(|d| d.remove::<bool>(key));
        out.send(Command::ThrowAway(lost.path.clone()));
    }
    if ui.small_button("Keep").clicked() {
        ui.data_mut(|d| d.remove::<bool>(key));
    }
}
