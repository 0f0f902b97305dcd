//! What the views of an experiment share: empty states, the menu of rows, the choice of a colour.

use eframe::egui::{ComboBox, DragAndDrop, Response, RichText, Stroke, StrokeKind, Ui};

use super::menu::{NOTHING_SELECTED, entry};
use crate::app::command::Command;
use crate::app::screen::blind::is_harmless;
use crate::app::screen::command::{ScreenCommand, Structure};
use crate::app::screen::scale::{Legend, Scale};
use crate::app::screen::{Look, Screen};
use crate::app::state::Outbox;
use crate::app::widgets::named;

/// What stands where there is no experiment.
pub fn no_experiment(ui: &mut Ui, out: &mut Outbox) {
    ui.add_space(12.0);
    ui.vertical_centered(|ui| {
        ui.label(RichText::new("No experiment is open").size(16.0));
        ui.weak("An experiment is a table: one row per video, with its plate, well, compound and dose.");
        ui.add_space(8.0);
        for command in [Command::OpenExperiment, Command::SimulateScreen] {
            if let Some(about) = command.describe()
                && ui.button(about.text).on_hover_text(about.tooltip).clicked()
            {
                out.send(command);
            }
        }
    });
}

/// Sends a changed look.
pub fn look(screen: &Screen, out: &mut Outbox, change: impl FnOnce(&mut Look)) {
    let mut look = screen.look().clone();
    change(&mut look);
    if look != *screen.look() {
        out.send(Command::Screen(ScreenCommand::Look(Box::new(look))));
    }
}

/// Which column colours plate and contact sheet.
pub fn colour_by(ui: &mut Ui, screen: &Screen, out: &mut Outbox) {
    let now = screen.colour_by();
    ui.label("Colour by");
    let choice = ComboBox::from_id_salt("colour by").selected_text(now).height(400.0).show_ui(ui, |ui| {
        for column in screen.table().columns() {
            if screen.look().blind && !is_harmless(&column.name) {
                continue;
            }
            if ui.selectable_label(column.name == now, &column.name).clicked() {
                look(screen, out, |look| look.colour_by.clone_from(&column.name));
            }
        }
    });
    named(choice.response, "Colour by");
    simulated(ui, screen);
}

/// Says that some or all rows come from the simulator.
pub fn simulated(ui: &mut Ui, screen: &Screen) {
    let (simulated, all) = (screen.simulated(), screen.table().len());
    if simulated > 0 {
        let text = if simulated == all { "simulated".to_owned() } else { format!("{simulated} simulated") };
        ui.label(RichText::new(text).strong().color(ui.visuals().warn_fg_color))
            .on_hover_text("These videos come from the simulator, not from a microscope");
    }
}

/// Rows that are shown and that an entry of a legend stands for.
pub fn with_value(screen: &Screen, scale: &Scale, text: &str) -> Vec<u32> {
    let Legend::Values(values, ..) = &scale.legend else { return Vec::new() };
    let Some((_, look, _)) = values.iter().find(|(value, ..)| value == text) else { return Vec::new() };
    let has_look = |row: &u32| scale.rows.get(*row as usize) == Some(look);
    screen.rows().iter().copied().filter(has_look).collect()
}

/// The menu of the selected rows.
pub fn menu(ui: &mut Ui, screen: &Screen, out: &mut Outbox) {
    let count = screen.selection.len();
    ui.weak(match count {
        0 => "Nothing is selected".to_owned(),
        1 => "1 row".to_owned(),
        n => format!("{n} rows"),
    });
    let selected = (count == 0).then_some(NOTHING_SELECTED);
    let is_excluded = screen.selection.rows().any(|r| screen.table().is_excluded(r as usize));
    let excluded = (!is_excluded).then_some("None of the selected rows is excluded");
    entry(ui, &Command::PlaySelected, selected, out);
    ui.separator();
    entry(ui, &Command::ExcludeRows, selected, out);
    entry(ui, &Command::IncludeRows, excluded, out);
    entry(ui, &Command::TagRows, selected, out);
    if !screen.look().blind {
        ui.separator();
        for command in [
            Command::MarkNegativeControl,
            Command::MarkPositiveControl,
            Command::NotAControl,
            Command::FillCells,
            Command::AttachStructure,
            Command::CopyRows,
        ] {
            entry(ui, &command, selected, out);
        }
    }
}

/// Takes a structure that is dropped on something that stands for rows.
pub fn drop_structure(ui: &Ui, response: &Response, rows: &[u32], out: &mut Outbox) {
    if response.dnd_hover_payload::<Structure>().is_some() {
        let stroke = Stroke::new(2.0, ui.visuals().selection.stroke.color);
        ui.painter().rect_stroke(response.rect, 2.0, stroke, StrokeKind::Inside);
    }
    if let Some(structure) = response.dnd_release_payload::<Structure>() {
        out.send(Command::Screen(ScreenCommand::Attach(rows.to_vec(), (*structure).clone())));
    }
}

/// True while a structure is being dragged over the window.
pub fn is_dragging_structure(ui: &Ui) -> bool {
    DragAndDrop::has_payload_of_type::<Structure>(ui.ctx())
}
