//! The menu bar.

use eframe::egui::{Button, MenuBar, Ui};

use crate::app::command::{Command, shortcut_text};
use crate::app::settings::ThemeChoice;
use crate::app::state::{AppState, Outbox};
use crate::gpu::ComputeChoice;

/// Why nothing can be done with rows.
pub const NOTHING_SELECTED: &str = "Nothing is selected: click a row, a well or a thumbnail first";

const NO_RECORDING: &str = "No recording is open: open one, or select a row of an experiment";
const NO_EXPERIMENT: &str = "No experiment is open: open a table or simulate a screen first (File)";
const BLIND: &str = "Hidden while you score blind: leave blind mode first";

/// A menu entry with its shortcut; greyed out with the reason where it would do nothing.
pub fn entry(ui: &mut Ui, command: &Command, why_not: Option<&str>, out: &mut Outbox) {
    let Some(about) = command.describe() else { return };
    let mut button = Button::new(about.text);
    if let Some(shortcut) = about.shortcut {
        button = button.shortcut_text(shortcut_text(ui.ctx(), &shortcut));
    }
    let mut response = ui.add_enabled(why_not.is_none(), button).on_hover_text(about.tooltip);
    if let Some(why_not) = why_not {
        response = response.on_disabled_hover_text(why_not);
    }
    if response.clicked() {
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
    why_not(command, state).is_none()
}

/// Why a command would do nothing now, and what to do about it; `None` where it would do something.
pub fn why_not(command: &Command, state: &AppState) -> Option<&'static str> {
    let unless = |can: bool, why: &'static str| (!can).then_some(why);
    let open = !state.views.is_empty();
    let selected = state.screen.as_ref().is_some_and(|s| !s.selection.is_empty());
    let experiment = unless(state.screen.is_some(), NO_EXPERIMENT);
    let rows = experiment.or_else(|| unless(selected, NOTHING_SELECTED));
    // While blind, neither a name nor a path may reach the clipboard or the screen.
    let blind = unless(!state.is_blind(), BLIND);
    let recording = unless(open, NO_RECORDING);
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
        | Command::ShowRecipes
        | Command::ShowHits
        | Command::EncodeVideos
        | Command::ShowAnswers => experiment,
        Command::StartTraining => experiment
            .or_else(|| unless(state.training.job().is_none(), "A training is running"))
            .or_else(|| {
                let form = state.screen.as_ref().and_then(|s| state.training.form_of(&s.experiment().id));
                unless(form.is_some(), "Say first what to train: Model › Train a model…")
            }),
        Command::ExportPredictions => experiment.or(blind).or_else(|| {
            let encoded = state.screen.as_ref().and_then(|s| state.answers.of(s));
            unless(encoded.is_some(), "There are no answers yet: Model › Encode videos")
        }),
        Command::ShowReport => {
            unless(state.report.is_some(), "No table was imported since the program began")
        }
        Command::PlaySelected | Command::ExcludeRows | Command::IncludeRows | Command::TagRows => rows,
        Command::CopyRows
        | Command::AttachStructure
        | Command::MarkNegativeControl
        | Command::MarkPositiveControl
        | Command::NotAControl
        | Command::FillCells => rows.or(blind),
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
        | Command::LinkContrast => None,
        Command::ReopenSession => unless(!open, "Recordings are open: close them first")
            .or_else(|| unless(state.screen.is_none(), "An experiment is open: close it first"))
            .or_else(|| unless(state.settings.has_session(), "No earlier session is known")),
        Command::Undo => unless(!state.undo.is_empty(), "Nothing was changed yet"),
        Command::Redo => unless(!state.redo.is_empty(), "Nothing was taken back"),
        Command::NextRecording => {
            recording.or_else(|| unless(state.views.len() > 1, "Only one recording is open"))
        }
        Command::NextZ | Command::PreviousZ | Command::CycleProjection => recording.or_else(|| {
            let planes = state.active_view().is_some_and(|v| v.recording.shape().z > 1);
            unless(planes, "The active recording has one focal plane")
        }),
        Command::ClearTreatment => recording.or_else(|| {
            let marked = state.active_view().is_some_and(|v| v.recording.edits.treatment_frame.is_some());
            unless(marked, "The active recording has no treatment mark")
        }),
        Command::ClearRoi => recording.or_else(|| {
            let drawn = !state.dialogs.any() && state.active_view().is_some_and(|v| v.roi.is_some());
            unless(drawn, "No rectangle is drawn: Shift and drag on the picture")
        }),
        Command::PlayPause | Command::StepBack | Command::StepForward | Command::First | Command::Last => {
            recording.or_else(|| unless(state.timeline.len() > 1, "What is open has a single time point"))
        }
        _ => recording,
    }
}

/// Shows the bar.
pub fn show(ui: &mut Ui, state: &AppState, out: &mut Outbox) {
    let item = |ui: &mut Ui, command: Command, out: &mut Outbox| {
        entry(ui, &command, why_not(&command, state), out);
    };
    MenuBar::new().ui(ui, |ui| {
        ui.menu_button("File", |ui| {
            item(ui, Command::Open, out);
            item(ui, Command::OpenFolder, out);
            item(ui, Command::OpenPath, out);
            ui.menu_button("Open recent", |ui| super::recent::menu(ui, state, out));
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
                Command::FillCells,
                Command::AddEmbedding,
            ] {
                item(ui, command, out);
            }
            ui.separator();
            for command in [Command::MarkNegativeControl, Command::MarkPositiveControl, Command::NotAControl]
            {
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
                Command::ShowRecipes,
                Command::ShowHits,
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

/// Sizes of text and buttons, percent of the usual one.
const SCALES: [u32; 8] = [80, 90, 100, 110, 125, 150, 175, 200];

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
    ui.menu_button(format!("Size: {:.0} %", 100.0 * ui.ctx().zoom_factor()), |ui| {
        for percent in SCALES {
            let scale = percent as f32 / 100.0;
            let on = (ui.ctx().zoom_factor() - scale).abs() < 1e-3;
            if ui.radio(on, format!("{percent} %")).clicked() {
                out.send(Command::SetScale(scale));
            }
        }
    });
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
