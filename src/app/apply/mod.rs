//! The one place where state changes: applies commands, and takes in what jobs send back.

mod answers;
mod cells;
mod experiment;
mod export;
mod features;
mod follow;
mod forms;
mod hits;
mod look;
mod map;
mod metadata;
mod project;
mod recipes;
mod screen;
#[cfg(test)]
mod tests;
mod training;
mod undo;
mod views;

use eframe::egui::{Context, ViewportCommand};

use super::command::Command;
use super::forms::RowsForm;
use super::forms::attach::AttachForm;
use super::forms::choice::Choice;
use super::forms::export::Kind;
use super::forms::import::ImportForm;
use super::forms::path_box::PathBox;
use super::forms::predictions::PredictionsForm;
use super::forms::simulate::SimulateForm;
use super::jobs::{Event, Opened};
use super::panes::{self, Pane};
use super::screen::command::ScreenCommand;
use super::settings::{ThemeChoice, Viewport};
use super::studio::Studio;
use super::training::TrainingCommand;
use super::{dialogs, theme};
use crate::video::Address;
use crate::video::display::Projection;
use crate::video::timeline::{Clock, Speed, Timeline};

impl Studio {
    /// Carries a command out.
    pub fn apply(&mut self, ctx: &Context, command: Command) {
        let active = self.state.active;
        match command {
            Command::Open => self.choose(Choice::Open),
            Command::OpenFolder => self.choose(Choice::Folder),
            Command::OpenPath => self.state.dialogs.path_box = Some(PathBox::default()),
            Command::ReopenSession => self.reopen_session(),
            Command::Close => self.close(active),
            Command::CloseView(index) => self.close(index),
            Command::CloseAll => (0..self.state.views.len()).rev().for_each(|i| self.close(i)),
            Command::ExportFrame => self.ask_about_export(Kind::Png),
            Command::ExportMovie => self.ask_about_export(Kind::OmeTiff),
            Command::Quit => ctx.send_viewport_cmd(ViewportCommand::Close),
            Command::Undo => self.undo(true),
            Command::Redo => self.undo(false),
            Command::PlayPause => self.state.clock.toggle(&self.state.timeline),
            Command::StepBack => self.clock(|c, t| c.step(-1, t)),
            Command::StepForward => self.clock(|c, t| c.step(1, t)),
            Command::First => self.clock(|c, t| c.seek(0, t)),
            Command::Last => self.clock(|c, t| c.seek(usize::MAX, t)),
            Command::Seek(tick) => self.clock(|c, t| c.seek(tick, t)),
            Command::Faster => self.scale_speed(1.5),
            Command::Slower => self.scale_speed(1.0 / 1.5),
            Command::SetSpeed(speed) => self.state.clock.speed = speed,
            Command::SetEnding(ending) => self.state.clock.ending = ending,
            Command::SetPacing(pacing) => self.state.clock.pacing = pacing,
            Command::SetAlign(align) => {
                self.state.settings.align = align;
                self.state.rebuild_timeline();
            }
            Command::MarkTreatment => self.set_treatment(Some(self.state.frame_of(active))),
            Command::ClearTreatment => self.set_treatment(None),
            Command::NextZ => self.move_z(1),
            Command::PreviousZ => self.move_z(-1),
            Command::SetZ(z) => self.change_display(active, |d| d.z = z),
            Command::CycleProjection => self.change_display(active, |d| {
                d.projection = match d.projection {
                    Projection::Slice => Projection::Max,
                    Projection::Max => Projection::Mean,
                    Projection::Mean => Projection::Slice,
                };
            }),
            Command::SetProjection(projection) => self.change_display(active, |d| d.projection = projection),
            Command::SetDisplay(index, display) => self.set_display(index, display),
            Command::ToggleChannel(channel) => self.change_display(active, |d| {
                if let Some(channel) = d.channels.get_mut(channel) {
                    channel.visible = !channel.visible;
                }
            }),
            Command::AutoContrast => self.contrast(true),
            Command::ResetContrast => self.contrast(false),
            Command::LoadLut => {
                let channel = self.state.active_view().and_then(|v| v.visible_channels().next()).unwrap_or(0);
                self.choose(Choice::Lut { view: active, channel });
            }
            Command::Fit => self.set_viewport(active, Viewport::default()),
            Command::OneToOne => self.zoom(|_, _| 1.0 / ctx.pixels_per_point()),
            Command::ZoomIn => self.zoom(|zoom, _| zoom * 1.25),
            Command::ZoomOut => self.zoom(|zoom, fit| (zoom / 1.25).max(fit * 0.25)),
            Command::SetViewport(index, viewport) => self.set_viewport(index, viewport),
            Command::SetRoi(index, roi) => self.set_roi(index, roi),
            Command::ClearRoi => self.set_roi(active, None),
            Command::NextRecording => self.state.active = (active + 1) % self.state.views.len().max(1),
            Command::Activate(index) => {
                self.state.active = index.min(self.state.views.len().saturating_sub(1));
            }
            Command::LinkViews => {
                self.state.settings.link_views ^= true;
                if let Some(viewport) = self.state.active_view().map(|v| v.viewport) {
                    self.set_viewport(active, viewport);
                }
            }
            Command::LinkContrast => {
                self.state.settings.link_contrast ^= true;
                self.share_contrast(active);
            }
            Command::ToggleScaleBar => self.state.settings.overlays.scale_bar ^= true,
            Command::ToggleTimeStamp => self.state.settings.overlays.time_stamp ^= true,
            Command::ToggleName => self.state.settings.overlays.name ^= true,
            Command::ToggleTheme => {
                let dark = ctx.theme() == eframe::egui::Theme::Dark;
                self.set_theme(ctx, if dark { ThemeChoice::Light } else { ThemeChoice::Dark });
            }
            Command::SetTheme(choice) => self.set_theme(ctx, choice),
            Command::SetScale(scale) => {
                self.state.settings.ui_scale = scale;
                ctx.set_zoom_factor(scale);
            }
            Command::SetCompute(choice) => {
                self.state.settings.compute = choice;
                self.describe_device();
            }
            Command::SetCacheShare(share) => {
                self.state.settings.cache_share = share;
                let bytes = crate::video::cache::default_capacity() as f64 * 4.0 * share;
                self.cache.set_capacity(bytes as usize);
            }
            Command::ShowLog => {
                self.layout.make_active(|_, tile| matches!(tile, egui_tiles::Tile::Pane(Pane::Log)));
            }
            Command::ResetLayout => self.layout = panes::default_layout(),
            Command::Palette => self.state.dialogs.palette = Some(String::new()),
            Command::Help => self.state.dialogs.help ^= true,
            Command::About => self.state.dialogs.about ^= true,
            Command::OpenAddresses(addresses) => self.open(addresses),
            Command::OpenTyped(text) => self.open_typed(text),
            Command::ShowSeries(index, series) => self.show_series(index, series),
            Command::SetEdits(index, edits) => self.set_edits(index, edits, true),
            Command::CancelJob(id) => self.jobs.cancel(id),
            Command::Export(form) => self.export(&form),
            Command::NameExport => self.name_export(),
            Command::SeeExport => self.see_export(),
            Command::OpenExperiment => self.choose(Choice::Experiment),
            Command::OpenExperimentFolder => self.choose(Choice::ExperimentFolder),
            Command::JoinTable => self.choose(Choice::Join),
            Command::AddEmbedding => self.choose(Choice::Embedding),
            Command::FindMovedData => self.choose(Choice::MovedData),
            Command::SaveExperiment => self.save_experiment(),
            Command::SaveExperimentAs => self.ask_where_to_save(),
            Command::CloseExperiment => self.close_experiment(),
            Command::SimulateScreen => self.state.dialogs.simulate = Some(SimulateForm::default()),
            Command::ShowReport => self.state.dialogs.report = true,
            Command::PlaySelected => self.on_selected(ScreenCommand::Play),
            Command::IncludeRows => self.on_selected(ScreenCommand::Include),
            Command::NextRow => self.step_row(1),
            Command::PreviousRow => self.step_row(-1),
            Command::SelectAllRows => self.select_all(),
            Command::ExcludeRows => self.state.dialogs.rows = Some(RowsForm::Exclude(String::new())),
            Command::TagRows => self.state.dialogs.rows = Some(RowsForm::Tag(String::new())),
            Command::AttachStructure => self.state.dialogs.attach = Some(AttachForm::default()),
            Command::CopyRows => self.copy_rows(ctx),
            Command::BlindMode => self.toggle_blind(),
            Command::ChooseSheet(sheet) => self.read_sheet(sheet),
            Command::ConfirmImport => self.import(),
            Command::ExperimentPath(choice, path) => self.experiment_path(choice, path),
            Command::Paste(text) => self.paste(&text),
            Command::MarkNegativeControl => self.mark_control("negative"),
            Command::MarkPositiveControl => self.mark_control("positive"),
            Command::NotAControl => self.mark_control(""),
            Command::FillCells => self.ask_what_to_fill(),
            Command::ConfirmSimulate => self.simulate(),
            Command::ConfirmJoin => self.join(),
            Command::DiscardExperiment(closing) => self.discard_experiment(&closing),
            Command::SaveAndQuit => self.choose(Choice::SaveProjectAndQuit),
            Command::KeepForLater => self.keep_for_later(),
            Command::Recover(path) => self.open_experiment(path),
            Command::ThrowAway(path) => self.throw_away(path),
            Command::Screen(command) => self.apply_to_screen(command),
            Command::TrainModel => self.show_pane(Pane::Training),
            Command::Training(command) => self.apply_to_training(command),
            Command::ShowMap => self.show_map(),
            Command::Map(command) => self.apply_to_map(command),
            Command::ShowRecipes => self.show_recipes(),
            Command::Recipes(command) => self.apply_to_recipes(command),
            Command::ShowHits => self.show_hits(),
            Command::Hits(command) => self.apply_to_hits(command),
            Command::StartTraining => self.apply_to_training(TrainingCommand::Start),
            Command::EncodeVideos => {
                self.show_answers();
                self.encode_videos();
            }
            Command::ShowAnswers => self.show_answers(),
            Command::ExportPredictions => {
                if let Some(screen) = &self.state.screen {
                    let named = self.state.project.as_ref().filter(|(_, unnamed)| !unnamed);
                    let form = PredictionsForm::first(named.map(|(path, _)| path.as_path()), screen);
                    self.state.dialogs.export_predictions = Some(form);
                }
            }
            Command::Answers(command) => self.apply_to_answers(command),
            Command::Choose(choice) => self.choose(choice),
        }
    }

    fn clock(&mut self, change: impl FnOnce(&mut Clock, &Timeline)) {
        change(&mut self.state.clock, &self.state.timeline);
    }

    /// Opens a file dialog where the user was last.
    fn choose(&mut self, choice: Choice) {
        let last = self.state.settings.recent.first();
        let folder = last.and_then(|address| Some(address.path.parent()?.to_owned()));
        dialogs::choose(&mut self.jobs, choice, folder);
    }

    fn scale_speed(&mut self, factor: f64) {
        self.state.clock.speed = match self.state.clock.speed {
            Speed::Fps(v) => Speed::Fps((v * factor).clamp(0.01, 1000.0)),
            Speed::RealTime(v) => Speed::RealTime((v * factor).clamp(0.01, 100_000.0)),
        };
    }

    fn set_theme(&mut self, ctx: &Context, choice: ThemeChoice) {
        self.state.settings.theme = choice;
        theme::apply(ctx, choice);
    }

    /// Takes in what jobs sent.
    pub fn take_events(&mut self) {
        for event in self.jobs.take_events() {
            match event {
                Event::Opened(opened) => {
                    let Opened { address, recording, saved, stats, generation } = *opened;
                    match generation {
                        Some(generation) => self.add_played(&address, recording, saved, stats, generation),
                        None => self.add_view(&address, recording, saved, stats),
                    }
                }
                Event::Stats(recording, stats) => {
                    if let Some(view) = self.state.views.iter_mut().find(|v| v.recording.id == recording) {
                        view.display.follow(&stats);
                        view.stats = Some(stats);
                    }
                    if self.state.settings.link_contrast {
                        self.share_contrast(self.state.active);
                    }
                }
                Event::Recoverable(found) => self.state.recoverable = found,
                Event::Series(view, recording) => self.take_series(view, *recording),
                Event::Chosen(Choice::Lut { view, channel }, files) => {
                    if let Some(file) = files.into_iter().next() {
                        self.load_lut(view, channel, file);
                    }
                }
                Event::Lut(path, table, chosen) => self.take_lut(&path, table, chosen),
                // Several tables of profiles are one experiment.
                Event::Chosen(Choice::Experiment, files) if files.len() > 1 => {
                    self.open(files.into_iter().map(Address::of).collect());
                }
                Event::Chosen(choice, files) if choice.is_about_experiments() => {
                    if let Some(path) = files.into_iter().next() {
                        self.experiment_path(choice, path);
                    }
                }
                Event::Moved(experiment, revision) => self.moved(*experiment, revision),
                Event::Joining(source) => self.ask_about_join(*source),
                Event::Chosen(_, files) => self.open(files.into_iter().map(Address::of).collect()),
                Event::NoDialog(Choice::Lut { .. }) => {
                    log::warn!("This desktop has no file dialog. Drop the .lut file on the window instead.");
                }
                Event::NoDialog(choice) => {
                    let note = "This desktop has no file dialog: type or paste the path, or drop files on the window.";
                    self.state.dialogs.path_box =
                        Some(PathBox { note: Some(note.into()), choice, ..PathBox::default() });
                }
                Event::Typed(text, found) => self.take_typed(&text, found),
                Event::FreeName(name, free) => self.take_free_name(&name, free),
                Event::Seen(path, there) => self.take_seen(path, there),
                Event::Experiment(opened) => self.take_experiment(*opened),
                Event::Guessed(guessed) => {
                    let (source, mapping) = *guessed;
                    self.state.dialogs.import = Some(ImportForm::new(source, mapping));
                }
                Event::Sheet(path, sheet, read) => self.take_sheet(&path, &sheet, read),
                Event::SavedAs { id, project, quit } => self.saved_as(&id, *project, quit),
                Event::Map(message) => self.take_map(*message),
                Event::Recipes(message) => self.take_recipes(*message),
                Event::Hits(message) => self.take_hits(*message),
                Event::Training(message) => self.take_training(*message),
                Event::Answers(message) => self.take_answers(*message),
                Event::Features(features) => self.take_features(features),
                Event::OpenedTogether(paths) => self.state.settings.remember_experiment(&paths),
                Event::Written(path) => log::info!("Written: {}", path.display()),
            }
        }
    }
}
