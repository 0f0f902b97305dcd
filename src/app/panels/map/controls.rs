//! What is shown, how, and what dragging does.

use eframe::egui::containers::menu::MenuButton;
use eframe::egui::{Button, ComboBox, DragValue, Grid, PopupCloseBehavior, Ui};

use crate::app::command::Command;
use crate::app::map::grouping::Unit;
use crate::app::map::{Asked, Kind, Look, Map, MapCommand};
use crate::app::panels::rows;
use crate::app::screen::Screen;
use crate::app::state::Outbox;
use crate::app::widgets::named;
use crate::app::widgets::overlay::shorten;
use crate::app::widgets::scatter::{Tool, Viewport};

/// Shows the two lines above the picture.
pub fn show(ui: &mut Ui, screen: &Screen, map: &Map, asked: &Asked, out: &mut Outbox) {
    let mut look = map.look.clone();
    ui.horizontal_wrapped(|ui| {
        embedding(ui, screen, asked, &mut look);
        unit(ui, screen, asked, &mut look);
        for kind in Kind::ALL {
            if ui.selectable_label(look.kind == kind, kind.label()).on_hover_text(kind.about()).clicked() {
                look.kind = kind;
            }
        }
        if look.kind != Kind::Pca {
            settings(ui, &mut look);
        }
    });
    ui.horizontal_wrapped(|ui| {
        for (tool, name, tip) in [
            (
                Tool::Pan,
                "Pan",
                "Drag moves the picture; the wheel zooms at the pointer; a double click shows all",
            ),
            (Tool::Box, "Box", "Drag a box around points to select them. Shift adds, Ctrl or Alt takes away"),
            (Tool::Lasso, "Lasso", "Draw around points to select them. Shift adds, Ctrl or Alt takes away"),
        ] {
            if ui.selectable_label(map.tool == tool, name).on_hover_text(tip).clicked() {
                out.send(Command::Map(MapCommand::Tool(tool)));
            }
        }
        let tip = "Show all points (or double-click the picture)";
        if ui
            .add_enabled(map.viewport != Viewport::default(), Button::new("Show all"))
            .on_hover_text(tip)
            .clicked()
        {
            out.send(Command::Map(MapCommand::Viewport(Viewport::default())));
        }
        ui.add_space(6.0);
        rows::colour_by(ui, screen, out);
    });
    if look != map.look {
        out.send(Command::Map(MapCommand::Look(Box::new(look))));
    }
}

fn embedding(ui: &mut Ui, screen: &Screen, asked: &Asked, look: &mut Look) {
    let all = &screen.experiment().embeddings;
    let choice =
        ComboBox::from_id_salt("map embedding").selected_text(shorten(&asked.name, 18)).show_ui(ui, |ui| {
            for (name, table) in all {
                let tip = format!("{} vectors of length {}", table.row_ids.len(), table.dim);
                if ui.selectable_label(*name == asked.name, name).on_hover_text(tip).clicked() {
                    look.embedding.clone_from(name);
                }
            }
        });
    named(choice.response, "Embedding").on_hover_text("Which model's vectors are shown");
}

fn unit(ui: &mut Ui, screen: &Screen, asked: &Asked, look: &mut Look) {
    ui.add_enabled_ui(!screen.look().blind, |ui| {
        let text = format!("by {}", asked.unit.label());
        let choice = ComboBox::from_id_salt("map unit").selected_text(text).show_ui(ui, |ui| {
            for unit in Unit::ALL {
                ui.selectable_value(&mut look.unit, unit, format!("by {}", unit.label()));
            }
        });
        let tip = "What a point stands for. A compound's point is the mean of its videos' vectors";
        named(choice.response, "One point per").on_hover_text(tip);
    });
}

/// Seed and what the method takes; a change counts once the drag ends.
fn settings(ui: &mut Ui, look: &mut Look) {
    let config = eframe::egui::containers::menu::MenuConfig::new()
        .close_behavior(PopupCloseBehavior::CloseOnClickOutside);
    MenuButton::new("Settings").config(config).ui(ui, |ui| {
        Grid::new("map settings").num_columns(2).show(ui, |ui| {
            let mut line = |text: &str, tip: &str, value: DragValue<'_>| {
                let label = ui.label(text).on_hover_text(tip);
                ui.add(value.update_while_editing(false)).labelled_by(label.id).on_hover_text(tip);
                ui.end_row();
            };
            match look.kind {
                Kind::Pca => {}
                Kind::Tsne => line(
                    "Perplexity",
                    "How many neighbours each point heeds, about",
                    DragValue::new(&mut look.perplexity).range(2.0..=500.0).speed(0.2).max_decimals(0),
                ),
                Kind::Umap => {
                    line(
                        "Neighbours",
                        "Few show small groups, many the whole",
                        DragValue::new(&mut look.neighbours).range(2..=200).speed(0.1),
                    );
                    line(
                        "Least distance",
                        "How closely points may lie",
                        DragValue::new(&mut look.min_dist).range(0.0..=1.0).speed(0.005).max_decimals(2),
                    );
                }
            }
            line(
                "Seed",
                "Another seed gives another picture of the same vectors: what is seen in one only is chance",
                DragValue::new(&mut look.seed).range(0..=999_999).speed(0.05),
            );
        });
    });
}
