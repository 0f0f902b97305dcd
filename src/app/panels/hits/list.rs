//! The list of compounds or treatments: the best hit first, or sorted by a column.

use eframe::egui::{
    Align, Button, Label, Layout, RichText, Role, ScrollArea, Sense, Ui, Vec2, WidgetInfo, vec2,
};
use egui_extras::{Column as Width, TableBuilder};

use super::marks::{is_selected, select};
use super::{ALPHA, search};
use crate::app::hits::{Column, Entry, HitsForm, Reading, Shown};
use crate::app::screen::Screen;
use crate::app::state::Outbox;
use crate::app::widgets::legend::short;
use crate::app::widgets::molecule;
use crate::app::widgets::overlay::shorten;

/// Height of a row with its structure, points.
const ROW: f32 = 44.0;

/// Characters of a cell; all of them are under the pointer.
const LETTERS: usize = 60;

/// Width of a structure, points.
const STRUCTURE: f32 = 66.0;

/// Shows the list.
pub fn show(
    ui: &mut Ui,
    screen: &Screen,
    hits: &Reading,
    shown: &Shown,
    form: &mut HitsForm,
    out: &mut Outbox,
) {
    let by_treatment = hits.form.by_treatment;
    let entries = if by_treatment { &shown.treatments } else { &shown.compounds };
    let order = hits.order(entries, by_treatment);
    ui.horizontal_wrapped(|ui| {
        ui.selectable_value(&mut form.by_treatment, false, "Compounds");
        ui.selectable_value(&mut form.by_treatment, true, "Treatments")
            .on_hover_text("A line for each compound at each dose");
        search(ui, form);
        let found = entries.iter().filter(|entry| entry.q.is_some_and(|q| q < ALPHA)).count();
        let what = if by_treatment { "treatments" } else { "compounds" };
        let text = format!("{} of {} {what} shown, {found} with q below {ALPHA}", order.len(), entries.len());
        ui.label(text);
    });
    if entries.is_empty() {
        ui.label("No well is a treatment with a compound and a score, so there are no hits.");
        return;
    }
    ScrollArea::horizontal().id_salt("hits columns").auto_shrink([false, false]).show(ui, |ui| {
        let mut table = TableBuilder::new(ui)
            .id_salt("hits table")
            .striped(true)
            .resizable(true)
            .sense(Sense::click())
            .auto_shrink([false, false])
            .cell_layout(left())
            .column(Width::exact(STRUCTURE));
        for column in Column::ALL {
            table = table.column(Width::initial(width(column)).at_least(36.0).clip(true));
        }
        table
            .column(Width::initial(260.0).at_least(60.0).clip(true))
            .header(24.0, |mut header| {
                header.col(|_| {});
                for column in Column::ALL {
                    header.col(|ui| head(ui, column, form));
                }
                header.col(|ui| {
                    ui.strong("Note");
                });
            })
            .body(|body| {
                let mut structures = Vec::new();
                body.rows(ROW, order.len(), |mut line| {
                    let Some(entry) = order.get(line.index()).and_then(|&place| entries.get(place)) else {
                        return;
                    };
                    line.set_selected(is_selected(screen, &entry.rows));
                    line.col(|ui| structure(ui, screen, entry, &mut structures));
                    for column in Column::ALL {
                        let text = text(entry, column);
                        line.col(|ui| cell(ui, screen, entry, (column.title(), layout(column)), &text, out));
                    }
                    line.col(|ui| cell(ui, screen, entry, ("Note", left()), &entry.note, out));
                    let response = line.response();
                    if response.clicked() {
                        select(&response.ctx, screen, entry.rows.clone(), out);
                    }
                });
                // Only while they are missing, or the wishes of other panels would be forgotten.
                if !structures.is_empty() {
                    screen.sketches.want(structures);
                }
            });
    });
}

const fn width(column: Column) -> f32 {
    match column {
        Column::Name => 150.0,
        Column::Dose => 140.0,
        Column::Ec50 => 170.0,
        Column::Q | Column::Score | Column::Cells => 70.0,
        Column::Wells | Column::On | Column::Off => 56.0,
    }
}

fn head(ui: &mut Ui, column: Column, form: &mut HitsForm) {
    let arrow = match form.sort {
        Some((now, true)) if now == column => " ˇ",
        Some((now, false)) if now == column => " ˆ",
        _ => "",
    };
    let text = RichText::new(format!("{}{arrow}", column.title())).strong();
    let tip = format!("{}. Click to sort", column.about());
    if ui.add(Button::new(text).frame(false)).on_hover_text(tip).clicked() {
        form.sort_by(column);
    }
}

fn structure(ui: &mut Ui, screen: &Screen, entry: &Entry, wanted: &mut Vec<String>) {
    let Some(smiles) = &entry.smiles else { return };
    let (rect, response) = ui.allocate_exact_size(vec2(STRUCTURE - 6.0, ROW - 4.0), Sense::hover());
    let name = format!("Structure of {}", entry.name);
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &name));
    match screen.sketches.get(smiles) {
        Some(Ok(sketch)) => {
            molecule::paint(ui, &ui.painter_at(rect), rect, &sketch.drawing, &[]);
            response.on_hover_ui(|ui| {
                let (rect, _) = ui.allocate_exact_size(Vec2::splat(180.0), Sense::hover());
                molecule::paint(ui, &ui.painter_at(rect), rect, &sketch.drawing, &[]);
                ui.label(shorten(smiles, 60));
            });
        }
        Some(Err(_)) => {}
        None => wanted.push(smiles.clone()),
    }
}

/// What a cell says; empty where nothing is known.
fn text(entry: &Entry, column: Column) -> String {
    let number = |value: Option<f64>| value.map_or_else(String::new, short);
    match column {
        Column::Name => entry.name.clone(),
        Column::Dose => entry.doses.clone(),
        Column::Wells => entry.n_wells.to_string(),
        Column::Score => number(entry.score),
        Column::Q => number(entry.q),
        Column::On => number(entry.on),
        Column::Off => number(entry.off),
        Column::Ec50 => entry.ec50.clone(),
        Column::Cells => entry.cells.map_or_else(String::new, |cells| format!("{:.0} %", 100.0 * cells)),
    }
}

fn left() -> Layout {
    Layout::left_to_right(Align::Center)
}

/// Numbers line up on the right, where their digits can be compared.
fn layout(column: Column) -> Layout {
    match column {
        Column::Name | Column::Dose | Column::Ec50 => left(),
        _ => Layout::right_to_left(Align::Center),
    }
}

fn cell(
    ui: &mut Ui,
    screen: &Screen,
    entry: &Entry,
    (heading, layout): (&str, Layout),
    text: &str,
    out: &mut Outbox,
) {
    let label = Label::new(shorten(text, LETTERS)).truncate().selectable(false).sense(Sense::click());
    let response = ui.with_layout(layout, |ui| ui.add(label)).inner;
    let name = format!("{heading} of {}: {text}", entry.name);
    response.widget_info(|| WidgetInfo::labeled(Role::Cell, true, &name));
    if response.clicked() {
        select(ui.ctx(), screen, entry.rows.clone(), out);
    }
    if !text.is_empty() {
        response.on_hover_text(text);
    }
}
