//! The menu bar.

use eframe::egui::{Button, MenuBar, Ui};

use crate::app::command::{Command, shortcut_text};
use crate::app::settings::ThemeChoice;
use crate::app::state::{AppState, Outbox};
use crate::gpu::ComputeChoice;

/// A menu entry with its shortcut; greyed out when it would do nothing.
pub fn entry(ui: &mut Ui, command: &Command, enabled: bool, out: &mut Outbox) {
    let Some(about) = command.describe() else { return };
    let mut button = Button::new(about.text);
    if let Some(shortcut) = about.shortcut {
        button = button.shortcut_text(shortcut_text(ui.ctx(), &shortcut));
    }
    if ui.add_enabled(enabled, button).on_hover_text(about.tooltip).clicked() {
        out.send(command.clone());
        ui.close();
    }
}

fn check(ui: &mut Ui, command: &Command, on: bool, out: &mut Outbox) {
    let Some(about) = command.describe() else { return };
    let mut button = Button::selectable(on, about.text);
    if let Some(shortcut) = about.shortcut {
        button = button.shortcut_text(shortcut_text(ui.ctx(), &shortcut));
    }
    if ui.add(button).on_hover_text(about.tooltip).clicked() {
        out.send(command.clone());
    }
}

/// True when a command would do something now.
pub fn enabled(command: &Command, state: &AppState) -> bool {
    let open = !state.views.is_empty();
    let selected = state.screen.as_ref().is_some_and(|s| !s.selection.is_empty());
    match command {
        Command::SaveExperiment
        | Command::SaveExperimentAs
        | Command::CloseExperiment
        | Command::JoinTable
        | Command::AddEmbedding
        | Command::FindMovedData
        | Command::SelectAllRows
        | Command::NextRow
        | Command::PreviousRow
        | Command::BlindMode
        | Command::TrainModel
        | Command::ShowMap
        | Command::EncodeVideos
        | Command::ShowAnswers => state.screen.is_some(),
        Command::StartTraining => {
            state.training.job().is_none()
                && state.screen.as_ref().is_some_and(|s| state.training.form_of(&s.experiment().id).is_some())
        }
        Command::ExportPredictions => {
            state.screen.as_ref().is_some_and(|s| !s.look().blind && state.answers.of(s).is_some())
        }
        Command::ShowReport => state.report.is_some(),
        Command::PlaySelected | Command::ExcludeRows | Command::IncludeRows | Command::TagRows => selected,
        // While blind, neither a name nor a path may reach the clipboard or the screen.
        Command::CopyRows | Command::AttachStructure => {
            selected && state.screen.as_ref().is_some_and(|s| !s.look().blind)
        }
        Command::Open
        | Command::OpenExperiment
        | Command::OpenExperimentFolder
        | Command::SimulateScreen
        | Command::OpenFolder
        | Command::OpenPath
        | Command::Quit
        | Command::Palette
        | Command::Help
        | Command::About
        | Command::ToggleTheme
        | Command::ShowLog
        | Command::ResetLayout
        | Command::ToggleScaleBar
        | Command::ToggleTimeStamp
        | Command::ToggleName
        | Command::LinkViews
        | Command::LinkContrast => true,
        Command::ReopenSession => !open && !state.settings.session.is_empty(),
        Command::Undo => !state.undo.is_empty(),
        Command::Redo => !state.redo.is_empty(),
        Command::NextRecording => state.views.len() > 1,
        Command::NextZ | Command::PreviousZ | Command::CycleProjection => {
            state.active_view().is_some_and(|v| v.recording.shape().z > 1)
        }
        Command::ClearTreatment => {
            state.active_view().is_some_and(|v| v.recording.edits.treatment_frame.is_some())
        }
        Command::ClearRoi => !state.dialogs.any() && state.active_view().is_some_and(|v| v.roi.is_some()),
        Command::PlayPause | Command::StepBack | Command::StepForward | Command::First | Command::Last => {
            state.timeline.len() > 1
        }
        _ => open,
    }
}

/// Shows the bar.
pub fn show(ui: &mut Ui, state: &AppState, out: &mut Outbox) {
    let item = |ui: &mut Ui, command: Command, out: &mut Outbox| {
        let on = enabled(&command, state);
        entry(ui, &command, on, out);
    };
    MenuBar::new().ui(ui, |ui| {
        ui.menu_button("File", |ui| {
            item(ui, Command::Open, out);
            item(ui, Command::OpenFolder, out);
            item(ui, Command::OpenPath, out);
            ui.menu_button("Open recent", |ui| {
                let blind = state.is_blind();
                if state.settings.recent.is_empty() || blind {
                    ui.weak(if blind { "Hidden while you score blind" } else { "Nothing yet" });
                }
                for address in state.settings.recent.iter().filter(|_| !blind) {
                    let text = crate::app::widgets::overlay::shorten(&address.label(), 60);
                    if ui.button(text).on_hover_text(address.to_string()).clicked() {
                        out.send(Command::OpenAddresses(vec![address.clone()]));
                        ui.close();
                    }
                }
            });
            item(ui, Command::ReopenSession, out);
            ui.separator();
            for command in [
                Command::OpenExperiment,
                Command::OpenExperimentFolder,
                Command::SimulateScreen,
                Command::SaveExperiment,
                Command::SaveExperimentAs,
                Command::JoinTable,
                Command::FindMovedData,
                Command::ShowReport,
                Command::CloseExperiment,
            ] {
                item(ui, command, out);
            }
            ui.separator();
            item(ui, Command::ExportFrame, out);
            item(ui, Command::ExportMovie, out);
            ui.separator();
            item(ui, Command::Close, out);
            item(ui, Command::CloseAll, out);
            ui.separator();
            item(ui, Command::Quit, out);
        });
        ui.menu_button("Edit", |ui| {
            item(ui, Command::Undo, out);
            item(ui, Command::Redo, out);
            ui.separator();
            item(ui, Command::MarkTreatment, out);
            item(ui, Command::ClearTreatment, out);
        });
        ui.menu_button("Rows", |ui| {
            for command in [
                Command::PlaySelected,
                Command::NextRow,
                Command::PreviousRow,
                Command::SelectAllRows,
                Command::CopyRows,
            ] {
                item(ui, command, out);
            }
            ui.separator();
            for command in [
                Command::ExcludeRows,
                Command::IncludeRows,
                Command::TagRows,
                Command::AttachStructure,
                Command::AddEmbedding,
            ] {
                item(ui, command, out);
            }
            ui.separator();
            let blind = state.screen.as_ref().is_some_and(|s| s.look().blind);
            check(ui, &Command::BlindMode, blind, out);
        });
        ui.menu_button("Model", |ui| {
            for command in [
                Command::TrainModel,
                Command::StartTraining,
                Command::EncodeVideos,
                Command::ShowAnswers,
                Command::ShowMap,
                Command::ExportPredictions,
            ] {
                item(ui, command, out);
            }
        });
        ui.menu_button("View", |ui| {
            for command in
                [Command::Fit, Command::OneToOne, Command::ZoomIn, Command::ZoomOut, Command::ClearRoi]
            {
                item(ui, command, out);
            }
            ui.separator();
            item(ui, Command::AutoContrast, out);
            item(ui, Command::ResetContrast, out);
            item(ui, Command::LoadLut, out);
            item(ui, Command::CycleProjection, out);
            ui.separator();
            check(ui, &Command::LinkViews, state.settings.link_views, out);
            check(ui, &Command::LinkContrast, state.settings.link_contrast, out);
            ui.separator();
            let overlays = state.settings.overlays;
            check(ui, &Command::ToggleScaleBar, overlays.scale_bar, out);
            check(ui, &Command::ToggleTimeStamp, overlays.time_stamp, out);
            check(ui, &Command::ToggleName, overlays.name, out);
            ui.separator();
            item(ui, Command::ShowLog, out);
            item(ui, Command::ResetLayout, out);
        });
        ui.menu_button("Settings", |ui| settings(ui, state, out));
        ui.menu_button("Help", |ui| {
            item(ui, Command::Palette, out);
            item(ui, Command::Help, out);
            item(ui, Command::About, out);
        });
    });
}

fn settings(ui: &mut Ui, state: &AppState, out: &mut Outbox) {
    ui.label("Theme");
    for (choice, text) in
        [(ThemeChoice::Dark, "Dark"), (ThemeChoice::Light, "Light"), (ThemeChoice::System, "As the desktop")]
    {
        if ui.radio(state.settings.theme == choice, text).clicked() {
            out.send(Command::SetTheme(choice));
        }
    }
    ui.separator();
    ui.label("Computing");
    for (choice, text, tip) in [
        (
            ComputeChoice::Auto,
            "Automatic",
            "A real GPU computes; where drawing is done in software, the processor does",
        ),
        (ComputeChoice::Gpu, "Graphics device", "Always the device that draws"),
        (ComputeChoice::Cpu, "Processor", "Always the processor"),
    ] {
        if ui.radio(state.settings.compute == choice, text).on_hover_text(tip).clicked() {
            out.send(Command::SetCompute(choice));
        }
    }
    ui.separator();
    ui.label("Memory for decoded frames");
    for (share, text) in [(0.125, "⅛ of memory"), (0.25, "¼ of memory"), (0.5, "½ of memory")] {
        let on = (state.settings.cache_share - share).abs() < 1e-6;
        if ui.radio(on, text).clicked() {
            out.send(Command::SetCacheShare(share));
        }
    }
}
