//! Contrast and colours of the active recording.

use eframe::egui::{Checkbox, ComboBox, DragValue, Id, RichText, ScrollArea, Ui};

use crate::app::command::Command;
use crate::app::state::{AppState, Outbox};
use crate::app::view::View;
use crate::app::widgets::histogram;
use crate::app::widgets::icon::{self, Icon};
use crate::app::widgets::named;
use crate::video::display::{AUTO_PERCENTILES, ChannelDisplay, Display};
use crate::video::lut::LutName;

/// Shows the panel.
pub fn show(ui: &mut Ui, state: &AppState, out: &mut Outbox) {
    let Some(view) = state.active_view() else {
        ui.add_space(8.0);
        ui.weak("Contrast and colours appear here once a recording is open.");
        return;
    };
    ui.horizontal_wrapped(|ui| {
        for command in [Command::AutoContrast, Command::ResetContrast] {
            if let Some(about) = command.describe() {
                let text = if command == Command::AutoContrast { "Auto" } else { "Full range" };
                if ui.button(text).on_hover_text(about.tooltip).clicked() {
                    out.send(command);
                }
            }
        }
        if state.views.len() > 1 {
            let mut linked = state.settings.link_contrast;
            if ui.checkbox(&mut linked, "Link").on_hover_text("All recordings share this contrast").changed()
            {
                out.send(Command::LinkContrast);
            }
        }
    });
    ui.add_space(4.0);
    let mut display = view.display.clone();
    let channels = view.recording.shape().c;
    ScrollArea::vertical().auto_shrink([false, true]).show(ui, |ui| {
        for index in 0..channels.min(display.channels.len()) {
            ui.push_id((view.id, index), |ui| channel(ui, view, state.active, index, &mut display, out));
            ui.add_space(6.0);
        }
        footer(ui, view);
    });
    if display != view.display {
        out.send(Command::SetDisplay(state.active, display));
    }
}

fn channel(
    ui: &mut Ui,
    view: &View,
    view_index: usize,
    index: usize,
    display: &mut Display,
    out: &mut Outbox,
) {
    let color = view.recording.shape().s > 1;
    let name = view.recording.series.channels.get(index).and_then(|c| c.name.clone());
    let fallback = if color { "Colour".to_owned() } else { format!("Channel {}", index + 1) };
    let look = &mut display.channels[index];
    ui.horizontal(|ui| {
        let title = name.unwrap_or(fallback);
        let short = crate::app::widgets::overlay::shorten(&title, 22);
        let check = Checkbox::new(&mut look.visible, RichText::new(short).strong());
        ui.add(check).on_hover_text(format!("{title}: show or hide (key {})", index + 1));
        ui.with_layout(eframe::egui::Layout::right_to_left(eframe::egui::Align::Center), |ui| {
            let lock = if look.locked { Icon::Lock } else { Icon::Unlock };
            let tip = if look.locked {
                "Locked: auto contrast and linked recordings leave these limits alone"
            } else {
                "Lock these limits"
            };
            if icon::button(ui, lock, "Lock limits", tip, true, 20.0).clicked() {
                look.locked = !look.locked;
            }
        });
    });
    if !color {
        tables(ui, view, view_index, index, look, out);
    }
    let palette = view.recording.series.palette.is_some() && look.lut == LutName::Palette;
    if palette {
        ui.weak("Colours stand in the file; contrast does not apply.");
        return;
    }
    limits(ui, view, index, look);
}

fn tables(
    ui: &mut Ui,
    view: &View,
    view_index: usize,
    index: usize,
    look: &mut ChannelDisplay,
    out: &mut Outbox,
) {
    ui.horizontal(|ui| {
        let chosen = look.lut.label();
        let choice = ComboBox::from_id_salt("lut").selected_text(chosen).width(110.0).height(380.0).show_ui(
            ui,
            |ui| {
                let mut names = LutName::BUILT_IN.to_vec();
                if view.recording.series.palette.is_some() {
                    names.insert(0, LutName::Palette);
                }
                if let Some([r, g, b]) = view.recording.series.channels.get(index).and_then(|c| c.color) {
                    names.push(LutName::Custom([r, g, b]));
                }
                if let LutName::File(_) = look.lut {
                    names.push(look.lut.clone());
                }
                for name in names {
                    let label = name.label();
                    ui.selectable_value(&mut look.lut, name, label);
                }
                ui.separator();
                if ui.button("Load .lut…").clicked() {
                    out.send(Command::Activate(view_index));
                    out.send(Command::LoadLut);
                    ui.close();
                }
            },
        );
        named(choice.response, "Look-up table");
        ui.toggle_value(&mut look.invert, "Invert").on_hover_text("Read the table backwards: dark on light");
    });
}

fn limits(ui: &mut Ui, view: &View, index: usize, look: &mut ChannelDisplay) {
    if let Some(stats) = view.stats.as_ref().and_then(|s| s.channels.get(index)) {
        let table = view.luts.get(&look.lut, view.recording.series.palette.as_ref());
        let (_, moved) = histogram::show(ui, Id::unique(("histogram", view.id, index)), stats, look, &table);
        if let Some((min, max)) = moved {
            (look.min, look.max) = (min, max);
            look.auto = false;
        }
    } else {
        ui.horizontal(|ui| {
            if view.scanning.is_some() {
                ui.spinner();
                ui.weak("Reading the histogram…");
            } else {
                ui.weak("No histogram");
            }
        });
    }
    let float = view.recording.series.dtype.is_float();
    let decimals = if float { 4 } else { 0 };
    let speed = ((look.max - look.min).abs() / 200.0).max(if float { 1e-6 } else { 0.1 });
    ui.horizontal(|ui| {
        let (mut min, mut max) = (look.min, look.max);
        ui.label("min");
        let drag = DragValue::new(&mut min).speed(speed).max_decimals(decimals);
        let changed_min = named(ui.add(drag), "Minimum").changed();
        ui.label("max");
        let drag = DragValue::new(&mut max).speed(speed).max_decimals(decimals);
        let changed_max = named(ui.add(drag), "Maximum").changed();
        let least = if float { f64::MIN_POSITIVE } else { 1.0 };
        if changed_min {
            look.min = min.min(look.max - least);
            look.auto = false;
        }
        if changed_max {
            look.max = max.max(look.min + least);
            look.auto = false;
        }
    });
    ui.horizontal(|ui| {
        ui.label("gamma");
        named(ui.add(DragValue::new(&mut look.gamma).speed(0.01).range(0.1..=5.0).max_decimals(2)), "Gamma");
        if (look.gamma - 1.0).abs() > 1e-9
            && icon::button(ui, Icon::Reset, "Reset gamma", "Back to 1: linear", true, 20.0).clicked()
        {
            look.gamma = 1.0;
        }
    });
}

fn footer(ui: &mut Ui, view: &View) {
    let Some(stats) = &view.stats else { return };
    let text = if stats.planes_seen + stats.failed >= stats.planes {
        format!("Histogram of all {} planes", stats.planes_seen)
    } else {
        format!("Histogram of {} of {} planes, spread over the movie", stats.planes_seen, stats.planes)
    };
    let (low, high) = AUTO_PERCENTILES;
    ui.weak(text).on_hover_text(format!(
        "Auto contrast sets the limits to the {} and {} percentiles of these planes, the same for every frame.",
        low * 100.0,
        high * 100.0
    ));
    if stats.failed > 0 {
        ui.colored_label(ui.visuals().error_fg_color, format!("{} planes could not be read", stats.failed));
    }
}
