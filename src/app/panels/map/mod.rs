//! The map: embeddings as points, with what they are coloured by, and gates around them.

pub mod card;
mod controls;
mod picture;
mod side;

use eframe::egui::{Frame, Panel, ProgressBar, RichText, Ui};

use super::rows;
use crate::app::command::Command;
use crate::app::map::{Asked, Kind, Map, MapCommand, Picture};
use crate::app::screen::Screen;
use crate::app::state::{AppState, Outbox};

/// Narrower than this, points of the screen, legend and gates stand below the picture.
const WIDE: f32 = 420.0;

/// Lower than this, there is no room below it either.
const LOW: f32 = 300.0;

/// Shows the panel.
pub fn show(ui: &mut Ui, state: &AppState, format: wgpu::TextureFormat, out: &mut Outbox) {
    let Some(screen) = &state.screen else {
        rows::no_experiment(ui, out);
        return;
    };
    let map = &state.map;
    let Some(wanted) = Asked::of(screen, &map.look) else {
        no_embeddings(ui);
        return;
    };
    controls::show(ui, screen, map, &wanted, out);
    let is_asked = map.running.as_ref().is_some_and(|running| running.asked == wanted);
    let failed = map.failed.as_ref().filter(|(asked, _)| *asked == wanted);
    if !is_asked && failed.is_none() && map.shown.as_ref().is_none_or(|shown| shown.asked != wanted) {
        out.send(Command::Map(MapCommand::Make));
    }
    progress(ui, map, out);
    if let Some((_, why)) = failed {
        stopped(ui, why.as_deref(), out);
    }
    // The last picture stays until the next is there, unless its points stand for something that is hidden now.
    let shown = map.shown.as_ref().filter(|shown| {
        shown.asked.unit == wanted.unit
            && shown.asked.name == wanted.name
            && failed.is_none_or(|(_, why)| why.is_none())
    });
    let Some(shown) = shown else { return };
    let bare = Frame::NONE.inner_margin(eframe::egui::Margin::symmetric(0, 4));
    Panel::bottom("map note").frame(bare).show_separator_line(false).show(ui, |ui| note(ui, shown));
    let side = |ui: &mut Ui, out: &mut Outbox| side::show(ui, screen, map, shown, out);
    if ui.available_width() > WIDE || ui.available_height() < LOW {
        let frame = Frame::NONE.inner_margin(eframe::egui::Margin { left: 8, ..Default::default() });
        let panel = Panel::right("map side").frame(frame).show_separator_line(false);
        panel.default_size(158.0).size_range(110.0..=320.0).show(ui, |ui| side(ui, out));
    } else {
        let panel = Panel::bottom("map below").frame(bare).show_separator_line(false);
        panel.default_size(96.0).size_range(40.0..=260.0).show(ui, |ui| side(ui, out));
    }
    picture::show(ui, screen, map, shown, format, out);
}

fn no_embeddings(ui: &mut Ui) {
    ui.add_space(12.0);
    ui.vertical_centered(|ui| {
        ui.label(RichText::new("No embeddings yet").size(16.0));
        ui.label("Encode the videos with Model › Encode videos: each becomes a vector of numbers.");
        ui.weak("Here each vector will be a point; videos that the model finds alike lie together.");
    });
}

fn progress(ui: &mut Ui, map: &Map, out: &mut Outbox) {
    let Some(running) = &map.running else { return };
    // An older table with the same points is looked through in no time.
    if map.shown.as_ref().is_some_and(|shown| {
        shown.asked.unit == running.asked.unit && shown.asked.settings == running.asked.settings
    }) {
        return;
    }
    ui.horizontal(|ui| {
        let done = running.progress.fraction().unwrap_or(0.0);
        let text = format!("{} is being made: {:.0} %", map.look.kind.label(), 100.0 * done);
        if ui.button("Stop").clicked() {
            out.send(Command::Map(MapCommand::Stop));
        }
        ui.add(ProgressBar::new(done).text(text));
    });
    // Nothing else wakes the window while the method works.
    ui.ctx().request_repaint_after(std::time::Duration::from_millis(150));
}

fn stopped(ui: &mut Ui, why: Option<&str>, out: &mut Outbox) {
    ui.horizontal_wrapped(|ui| {
        match why {
            Some(why) => ui.colored_label(ui.visuals().warn_fg_color, why),
            None => ui.label("Stopped: the map that is chosen was not made."),
        };
        if ui.button("Make it").on_hover_text("Try again").clicked() {
            out.send(Command::Map(MapCommand::Make));
        }
    });
}

/// What the picture is, and what it is not.
fn note(ui: &mut Ui, shown: &Picture) {
    let asked = &shown.asked;
    let kind = Kind::of(&asked.settings);
    let seed = if kind == Kind::Pca { String::new() } else { format!(", seed {}", asked.settings.seed) };
    let what = asked.unit.count(shown.grouping.len());
    let left_out: Vec<String> = [
        (shown.grouping.excluded, "excluded"),
        (shown.grouping.without_vector, "without a vector"),
        (shown.grouping.without_compound, "without a compound"),
    ]
    .iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, why)| format!("{count} {why}"))
    .collect();
    let left_out = if left_out.is_empty() {
        String::new()
    } else {
        format!(" (rows left out: {})", left_out.join(", "))
    };
    let trust = shown.trust.map_or_else(String::new, |trust| format!(", trustworthiness {trust:.2}"));
    let text = format!(
        "{}, {what}{left_out}{seed}, embedding “{}”{trust}. Distances in the picture are not distances in the embedding \
         space; neighbours are found in the embedding space.",
        kind.label(),
        asked.name
    );
    let model = hash(&asked.embedding.model_hash);
    let tip = format!(
        "Model {model}, vectors of length {}. Trustworthiness: 1 where the 15 nearest points of each point are its \
         nearest by the vectors; about 0.5 where they are anyone's",
        asked.embedding.dim
    );
    ui.add(eframe::egui::Label::new(RichText::new(text).size(11.0)).wrap()).on_hover_text(tip);
}

fn hash(model: &str) -> &str {
    if model.is_empty() { "unknown" } else { model.get(..12).unwrap_or(model) }
}

/// Rows of points, as far as the filters let them through.
fn rows_of(screen: &Screen, picture: &Picture, points: impl IntoIterator<Item = usize>) -> Vec<u32> {
    let mut passes = vec![false; screen.table().len()];
    for &row in screen.rows() {
        passes[row as usize] = true;
    }
    let rows = points.into_iter().flat_map(|point| picture.grouping.rows_of(point));
    rows.copied().filter(|&row| passes.get(row as usize).copied().unwrap_or(false)).collect()
}
