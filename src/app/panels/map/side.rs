//! Legend and gates, beside the picture.

use eframe::egui::text::LayoutJob;
use eframe::egui::{
    FontId, Label, Rect, RichText, Role, ScrollArea, Sense, Stroke, TextEdit, Ui, Vec2, WidgetInfo, pos2,
    vec2,
};

use super::{picture, rows_of};
use crate::app::command::Command;
use crate::app::map::colours::{Colours, Value, grey};
use crate::app::map::{Map, MapCommand, Picture};
use crate::app::screen::Screen;
use crate::app::screen::command::ScreenCommand;
use crate::app::screen::scale::{Legend, Mark, Swatch};
use crate::app::screen::selection::Gesture;
use crate::app::state::Outbox;
use crate::app::widgets::icon::{self, Icon};
use crate::app::widgets::{legend, named, swatch};
use crate::gpu::points::radius_for;

/// Width of a patch, points.
const PATCH: f32 = 12.0;

/// Shows legend and gates.
pub fn show(ui: &mut Ui, screen: &Screen, map: &Map, shown: &Picture, out: &mut Outbox) {
    let radius = radius_for(shown.grouping.len());
    let (colours, _) = map.made(screen, shown, radius, ui.visuals().dark_mode);
    ScrollArea::vertical().id_salt("map side").auto_shrink([false, false]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        ui.add(Label::new(RichText::new(title(screen)).strong()).truncate());
        match &screen.scale().legend {
            Legend::Range(..) => range(ui, screen),
            Legend::Values(..) => entries(ui, screen, shown, &colours, out),
        }
        rest(ui, screen, shown, &colours, out);
        ui.add_space(10.0);
        gates(ui, screen, map, shown, out);
        selected(ui, screen, out);
    });
}

fn selected(ui: &mut Ui, screen: &Screen, out: &mut Outbox) {
    let count = screen.selection.len();
    if count == 0 {
        return;
    }
    ui.add_space(10.0);
    ui.horizontal_wrapped(|ui| {
        ui.label(format!("{count} selected"));
        if ui.small_button("Select none").clicked() {
            out.send(Command::Screen(ScreenCommand::Take(Vec::new(), Gesture::Replace)));
        }
    });
}

fn title(screen: &Screen) -> String {
    let column = screen.colour_by();
    screen.table().column(column).map_or_else(|| column.to_owned(), |column| column.title())
}

fn take(screen: &Screen, shown: &Picture, points: impl Iterator<Item = usize>, ui: &Ui, out: &mut Outbox) {
    let rows = rows_of(screen, shown, points);
    let gesture = Gesture::of(ui.input(|i| i.modifiers));
    out.send(Command::Screen(ScreenCommand::Take(rows, gesture)));
}

fn entries(ui: &mut Ui, screen: &Screen, shown: &Picture, colours: &Colours, out: &mut Outbox) {
    for (value, look, count) in &colours.entries {
        if entry(ui, value, *count, |ui, rect| swatch::paint(ui.painter(), rect, *look)) {
            take(screen, shown, colours.points_with(Value::Known(*look)), ui, out);
        }
    }
}

/// Points without a colour.
fn rest(ui: &mut Ui, screen: &Screen, shown: &Picture, colours: &Colours, out: &mut Outbox) {
    let color = grey(ui.visuals().dark_mode);
    let plain = |ui: &Ui, rect: Rect| swatch::paint(ui.painter(), rect, Swatch { color, mark: Mark::None });
    let hollow = |ui: &Ui, rect: Rect| {
        ui.painter().circle_stroke(rect.center(), PATCH * 0.4, Stroke::new(1.5, color));
    };
    if colours.other > 0 && entry(ui, "other", colours.other, plain) {
        take(screen, shown, colours.points_with(Value::Other), ui, out);
    }
    if colours.missing > 0 && entry(ui, "none", colours.missing, hollow) {
        take(screen, shown, colours.points_with(Value::Missing), ui, out);
    }
}

/// One entry of the legend; true when it was clicked.
fn entry(ui: &mut Ui, name: &str, count: usize, paint: impl FnOnce(&Ui, Rect)) -> bool {
    let galley = |text: &str, color, width: f32| {
        let mut job = LayoutJob::simple(text.to_owned(), FontId::proportional(12.0), color, width);
        // Mechanisms often differ in their last words only: two lines hold most of them.
        job.wrap.max_rows = 2;
        ui.fonts_mut(|f| f.layout_job(job))
    };
    let weak = ui.visuals().weak_text_color();
    let number = galley(&count.to_string(), weak, f32::INFINITY);
    let room = ui.available_width() - PATCH - number.size().x - 17.0;
    let text = galley(name, ui.visuals().text_color(), room.max(24.0));
    let size = vec2(ui.available_width(), text.size().y + 3.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("{name} ({count})")));
    if response.hovered() {
        ui.painter().rect_filled(rect, 3.0, ui.visuals().widgets.hovered.weak_bg_fill);
    }
    let first = rect.top() + 1.5 + number.size().y / 2.0;
    let patch = Rect::from_center_size(pos2(rect.left() + 1.0 + PATCH / 2.0, first), Vec2::splat(PATCH));
    paint(ui, patch);
    let top = rect.top() + 1.5;
    ui.painter().galley(pos2(patch.right() + 6.0, top), text, weak);
    ui.painter().galley(pos2(rect.right() - number.size().x - 4.0, top), number, weak);
    let clicked = response.clicked();
    response.on_hover_text(format!("{name}: {count} points; click to select them"));
    clicked
}

fn range(ui: &mut Ui, screen: &Screen) {
    let scale = screen.scale();
    let Legend::Range(min, max, log, ..) = &scale.legend else { return };
    if min > max {
        ui.weak("no values");
        return;
    }
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width().min(240.0), 12.0), Sense::hover());
    legend::bar(ui, rect, scale);
    ui.horizontal(|ui| {
        ui.set_max_width(rect.width());
        ui.label(RichText::new(legend::short(*min)).small());
        if *log {
            ui.label(RichText::new("logarithmic").small().weak());
        }
        ui.with_layout(eframe::egui::Layout::right_to_left(eframe::egui::Align::Center), |ui| {
            ui.label(RichText::new(legend::short(*max)).small());
        });
    });
}

fn gates(ui: &mut Ui, screen: &Screen, map: &Map, shown: &Picture, out: &mut Outbox) {
    ui.horizontal(|ui| {
        ui.label(RichText::new("Gates").strong());
        if let Some(corners) = &map.drawn {
            let tip = "Keep the box or line around points under a name, to select them again later";
            if ui.button("Keep as gate").on_hover_text(tip).clicked() {
                let inside = shown.plane.grid.inside(corners);
                let rows = rows_of(screen, shown, inside.into_iter().map(|point| point as usize));
                out.send(Command::Map(MapCommand::AddGate(rows)));
            }
        }
    });
    if map.look.gates.is_empty() && map.drawn.is_none() {
        ui.add(Label::new(RichText::new("Draw a box or a lasso around points to keep them.").small()).wrap());
    }
    for index in 0..map.look.gates.len() {
        gate(ui, screen, map, shown, index, out);
    }
}

fn gate(ui: &mut Ui, screen: &Screen, map: &Map, shown: &Picture, index: usize, out: &mut Outbox) {
    let Some(gate) = map.look.gates.get(index) else { return };
    if let Some((_, name)) = map.renaming.as_ref().filter(|(renaming, _)| *renaming == index) {
        let mut name = name.clone();
        let edit = ui.add(TextEdit::singleline(&mut name).desired_width(ui.available_width()));
        let edit = named(edit, "Name of the gate");
        if edit.lost_focus() {
            let done = !ui.input(|i| i.key_pressed(eframe::egui::Key::Escape));
            let ended = MapCommand::Rename(None);
            out.send(Command::Map(if done { MapCommand::Named(index, name) } else { ended }));
        } else {
            if !edit.has_focus() {
                edit.request_focus();
            }
            if edit.changed() {
                out.send(Command::Map(MapCommand::Rename(Some((index, name)))));
            }
        }
        return;
    }
    let name = picture::gate_name(screen, map, index);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        let room = ui.available_width() - 22.0;
        let count = gate.members.len();
        let is_here = gate.picture == shown.id;
        let text = RichText::new(format!("{name} ({count})")).size(12.0);
        let text = if is_here { text } else { text.weak() };
        let line = ui
            .allocate_ui(vec2(room, 18.0), |ui| ui.add(Label::new(text).truncate().sense(Sense::click())))
            .inner;
        let tip = if is_here {
            "Click: select its videos. Double click: another name"
        } else {
            "Drawn on another picture: click to select its videos here"
        };
        let line = line.on_hover_text(format!("{name}: {count} videos. {tip}"));
        if line.double_clicked() && !screen.look().blind {
            out.send(Command::Map(MapCommand::Rename(Some((index, gate.name.clone())))));
        } else if line.clicked() {
            let rows = gate.members.iter().filter_map(|id| Some(screen.table().row_of(id)? as u32)).collect();
            picture::select(screen, rows, ui.input(|i| i.modifiers), out);
        }
        let delete = format!("Delete {name}");
        if icon::button(ui, Icon::Close, &delete, "Delete this gate (Undo brings it back)", true, 16.0)
            .clicked()
        {
            out.send(Command::Map(MapCommand::DeleteGate(index)));
        }
    });
}
