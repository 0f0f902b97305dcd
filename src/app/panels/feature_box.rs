//! Choosing a feature that colours the plate: a box to search in, by compartment and channel.

use eframe::egui::{Align, ComboBox, Layout, PopupCloseBehavior, RichText, ScrollArea, TextEdit, Ui, vec2};

use super::rows;
use crate::analysis::profile::{Channel, Compartment, Deviations};
use crate::app::screen::{FeatureColour, Screen};
use crate::app::state::Outbox;
use crate::app::widgets::overlay::shorten;
use crate::app::widgets::{bar_strip, named};

/// Size of the list, points.
const WIDTH: f32 = 340.0;
const HEIGHT: f32 = 360.0;

/// A line of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Heading(Compartment, Channel),
    Feature(usize),
}

/// Shows the choice, where the experiment has named features.
pub fn show(ui: &mut Ui, screen: &Screen, out: &mut Outbox) {
    if screen.featured().is_none() {
        return;
    }
    let colour = screen.look().feature.as_ref();
    ui.label("Feature");
    let shown = colour.map_or("none", |colour| colour.name.as_str());
    let choice = ComboBox::from_id_salt("feature")
        .selected_text(shorten(shown, 34))
        .width(180.0)
        .height(HEIGHT + 60.0)
        .close_behavior(PopupCloseBehavior::CloseOnClickOutside)
        .show_ui(ui, |ui| list(ui, screen, out));
    named(choice.response, "Feature").on_hover_text(shown);
    let Some(colour) = colour else { return };
    for (raw, text, tip) in [
        (
            false,
            "Robust z",
            "(x − median)/(1.4826·MAD) of the negative controls of the same plate: 0 is where DMSO lies",
        ),
        (true, "Raw", "As the table has it, before or after whatever was done to it"),
    ] {
        if ui.selectable_label(colour.raw == raw, text).on_hover_text(tip).clicked() {
            rows::look(screen, out, |look| look.feature = Some(FeatureColour { raw, ..colour.clone() }));
        }
    }
}

fn list(ui: &mut Ui, screen: &Screen, out: &mut Outbox) {
    ui.set_width(WIDTH);
    embedding(ui, screen, out);
    let Some(features) = screen.features() else {
        ui.label("Comparing features with the controls …");
        return;
    };
    let key = ui.scope_id().with("searched");
    let mut text: String = ui.data(|data| data.get_temp(key)).unwrap_or_default();
    let edit = TextEdit::singleline(&mut text).hint_text("Search: mito texture nuclei").desired_width(WIDTH);
    let search = named(ui.add(edit), "Search features");
    if search.changed() {
        ui.data_mut(|data| data.insert_temp(key, text.clone()));
    }
    let lines = found(features, &text);
    if ui.selectable_label(screen.look().feature.is_none(), "none: colour by the column").clicked() {
        rows::look(screen, out, |look| look.feature = None);
        ui.close();
    }
    if lines.is_empty() {
        ui.weak("No feature is called so.");
    }
    let height = ui.text_style_height(&eframe::egui::TextStyle::Button) + 4.0;
    ScrollArea::vertical().max_height(HEIGHT).auto_shrink([false, true]).show_rows(
        ui,
        height,
        lines.len(),
        |ui, range| {
            for line in &lines[range] {
                ui.allocate_ui_with_layout(vec2(WIDTH, height), Layout::left_to_right(Align::Center), |ui| {
                    match line {
                        Line::Heading(compartment, channel) => {
                            let title = bar_strip::group_title((*compartment, *channel));
                            ui.label(RichText::new(title).strong());
                        }
                        Line::Feature(feature) => entry(ui, screen, &features.features()[*feature], out),
                    }
                });
            }
        },
    );
}

fn entry(ui: &mut Ui, screen: &Screen, name: &str, out: &mut Outbox) {
    let now = screen.look().feature.as_ref();
    let is_chosen = now.is_some_and(|colour| colour.name == name);
    if ui.selectable_label(is_chosen, shorten(name, 52)).on_hover_text(name).clicked() {
        let raw = now.is_some_and(|colour| colour.raw);
        rows::look(screen, out, |look| look.feature = Some(FeatureColour { name: name.to_owned(), raw }));
        ui.close();
    }
}

/// Whose features are shown, where several embeddings have names.
fn embedding(ui: &mut Ui, screen: &Screen, out: &mut Outbox) {
    let Some((now, _)) = screen.featured() else { return };
    if screen.with_features().nth(1).is_none() {
        return;
    }
    ui.horizontal_wrapped(|ui| {
        ui.weak("of");
        for name in screen.with_features() {
            if ui.selectable_label(name == now, name).clicked() {
                rows::look(screen, out, |look| {
                    name.clone_into(&mut look.features_of);
                    look.feature = None;
                });
            }
        }
    });
}

/// The features whose names hold all words, under their headings.
fn found(features: &Deviations, text: &str) -> Vec<Line> {
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    let mut lines = Vec::new();
    let mut before = None;
    for &feature in features.in_order() {
        let name = features.features()[feature].to_lowercase();
        if !words.iter().all(|word| name.contains(word)) {
            continue;
        }
        let parsed = features.name(feature);
        let group = (parsed.compartment, parsed.channel());
        if before != Some(group) {
            before = Some(group);
            lines.push(Line::Heading(group.0, group.1));
        }
        lines.push(Line::Feature(feature));
    }
    lines
}
