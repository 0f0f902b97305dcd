//! The table of rows: sort, filter, select, edit in place.

use eframe::egui::{
    Align, Button, Id, Key, Label, Layout, RichText, Role, Sense, Stroke, StrokeKind, TextEdit, Ui,
    WidgetInfo,
};
use egui_extras::{Column, TableBuilder};

use super::{filters, rows};
use crate::app::command::Command;
use crate::app::screen::Screen;
use crate::app::screen::command::ScreenCommand;
use crate::app::screen::selection::Gesture;
use crate::app::state::{AppState, Outbox};
use crate::app::widgets::named;
use crate::experiment::Kind;

/// Height of a row, points.
const ROW: f32 = 20.0;

/// The cell that is being edited.
#[derive(Debug, Clone, PartialEq)]
struct Editing {
    row: u32,
    column: String,
    text: String,
}

fn editing_id() -> Id {
    Id::unique("edited cell")
}

/// Shows the panel.
pub fn show(ui: &mut Ui, state: &AppState, out: &mut Outbox) {
    let Some(screen) = &state.screen else {
        rows::no_experiment(ui, out);
        return;
    };
    filters::show(ui, screen, out);
    ui.separator();
    let columns = screen.columns();
    let of = |name: &String| screen.table().column(name).map_or((Kind::Text, None), |c| (c.kind, c.unit));
    let kinds: Vec<(Kind, Option<String>)> = columns.iter().map(of).collect();
    let shown = screen.rows();
    let to_edit = edit_by_key(ui, state, screen, &columns);
    eframe::egui::ScrollArea::horizontal().id_salt("table columns").auto_shrink([false, false]).show(
        ui,
        |ui| {
            ui.push_id(columns.len(), |ui| {
                let mut table = TableBuilder::new(ui)
                    .id_salt("table")
                    .striped(true)
                    .resizable(true)
                    .sense(Sense::click())
                    .auto_shrink([false, false])
                    .cell_layout(Layout::left_to_right(Align::Center));
                if let Some(index) = to_edit {
                    table = table.scroll_to_row(index, None);
                }
                for (name, (kind, _)) in columns.iter().zip(&kinds) {
                    table =
                        table.column(Column::initial(initial_width(name, *kind)).at_least(40.0).clip(true));
                }
                table
                    .header(24.0, |mut header| {
                        for (name, (_, unit)) in columns.iter().zip(&kinds) {
                            header.col(|ui| head(ui, screen, name, unit.as_deref(), out));
                        }
                    })
                    .body(|body| {
                        body.rows(ROW, shown.len(), |mut line| {
                            let row = shown[line.index()];
                            line.set_selected(screen.selection.contains(row));
                            for (name, (kind, _)) in columns.iter().zip(&kinds) {
                                line.col(|ui| cell(ui, screen, row, name, *kind, out));
                            }
                            row_clicks(&line.response(), screen, row, out);
                        });
                    });
            });
        },
    );
}

/// F2 edits the cell of the current row in the column that was clicked last; gives its place in the table, which may have to
/// be scrolled to.
fn edit_by_key(ui: &Ui, state: &AppState, screen: &Screen, columns: &[String]) -> Option<usize> {
    let is_free = !state.dialogs.any() && !ui.ctx().text_edit_focused();
    if !is_free || !ui.input(|i| i.key_pressed(Key::F2)) {
        return None;
    }
    let row = screen.selection.current()?;
    let index = screen.rows().iter().position(|&shown| shown == row)?;
    let clicked = screen.column.as_ref().filter(|column| columns.contains(column));
    let column = clicked.into_iter().chain(columns).find(|column| screen.is_editable(column))?;
    edit(ui, screen, row, column);
    Some(index)
}

fn edit(ui: &Ui, screen: &Screen, row: u32, column: &str) {
    let editing = Editing { row, column: column.to_owned(), text: screen.text(row, column) };
    ui.data_mut(|d| d.insert_temp(editing_id(), editing));
}

fn initial_width(name: &str, kind: Kind) -> f32 {
    match (name, kind) {
        ("path" | "smiles" | "note", _) => 180.0,
        ("compound" | "moa" | "row_id" | "tags" | "excluded", _) => 130.0,
        (_, Kind::Flag) => 60.0,
        _ => 84.0,
    }
}

fn head(ui: &mut Ui, screen: &Screen, name: &str, unit: Option<&str>, out: &mut Outbox) {
    let sort = &screen.look().query.sort;
    let place = sort.iter().position(|(column, _)| column == name);
    let arrow = match place.map(|i| (sort[i].1, i, sort.len())) {
        Some((down, _, 1)) => if down { " ˇ" } else { " ˆ" }.to_owned(),
        Some((down, index, _)) => format!(" {}{}", if down { "ˇ" } else { "ˆ" }, index + 1),
        None => String::new(),
    };
    // The manifest's names carry their units (concentration_uM); a unit that is not in the name is added.
    let text = match unit {
        Some(unit) if !name.contains('_') => format!("{name} ({unit}){arrow}"),
        _ => format!("{name}{arrow}"),
    };
    let tip = "Click to sort, again to reverse, a third time for the table's own order. Shift adds a column to the sorting";
    if ui.add(Button::new(RichText::new(text).strong()).frame(false)).on_hover_text(tip).clicked() {
        let add = ui.input(|i| i.modifiers.shift);
        rows::look(screen, out, |look| {
            let sort = &mut look.query.sort;
            let now = sort.iter().position(|(column, _)| column == name);
            let old = now.map(|i| sort.remove(i).1);
            if !add {
                sort.clear();
            }
            match old {
                None => sort.push((name.to_owned(), false)),
                Some(false) => sort.push((name.to_owned(), true)),
                Some(true) => {}
            }
        });
    }
    filters::funnel(ui, screen, name, out);
}

fn cell(ui: &mut Ui, screen: &Screen, row: u32, column: &str, kind: Kind, out: &mut Outbox) {
    let editing = ui.data(|d| d.get_temp::<Editing>(editing_id()));
    if let Some(editing) = editing.filter(|e| e.row == row && e.column == column) {
        editor(ui, screen, editing, out);
        return;
    }
    let text = screen.text(row, column);
    let excluded = screen.table().is_excluded(row as usize);
    let mut rich = RichText::new(&text);
    if excluded {
        rich = rich.strikethrough().color(ui.visuals().weak_text_color());
    }
    // Numbers line up on the right, where their digits can be compared.
    let layout = match kind {
        Kind::Number | Kind::Integer => Layout::right_to_left(Align::Center),
        _ => Layout::left_to_right(Align::Center),
    };
    let response = ui
        .with_layout(layout, |ui| ui.add(Label::new(rich).truncate().selectable(false).sense(Sense::click())))
        .inner;
    let name = format!("{column} of {}", screen.caption(row));
    response.widget_info(|| WidgetInfo::labeled(Role::Cell, true, format!("{name}: {text}")));
    let is_current = screen.selection.current() == Some(row) && screen.column.as_deref() == Some(column);
    if is_current {
        let stroke = Stroke::new(1.0, ui.visuals().selection.stroke.color);
        ui.painter().rect_stroke(ui.max_rect(), 2.0, stroke, StrokeKind::Inside);
    }
    if (response.clicked() || response.secondary_clicked()) && screen.column.as_deref() != Some(column) {
        out.send(Command::Screen(ScreenCommand::Column(column.to_owned())));
    }
    if response.clicked() {
        click(ui, row, out);
    }
    if response.double_clicked() && screen.is_editable(column) {
        edit(ui, screen, row, column);
    }
    if response.secondary_clicked() && !screen.selection.contains(row) {
        click(ui, row, out);
    }
    rows::drop_structure(ui, &response, &targets(screen, row), out);
    response.context_menu(|ui| {
        rows::menu(ui, screen, out);
        let several = screen.selection.len() > 1;
        let fill = ui
            .add_enabled(several && screen.is_editable(column), Button::new(format!("Fill “{column}” down")))
            .on_disabled_hover_text("Select several rows first");
        if fill.on_hover_text("The first selected row's value goes into all selected rows").clicked() {
            out.send(Command::Screen(ScreenCommand::FillDown(
                screen.selection.rows().collect(),
                column.to_owned(),
            )));
            ui.close();
        }
    });
}

fn click(ui: &Ui, row: u32, out: &mut Outbox) {
    let gesture = Gesture::of(ui.input(|i| i.modifiers));
    out.send(Command::Screen(ScreenCommand::Click(row, gesture)));
}

/// What is dropped on, or typed into, a selected row goes to all selected rows.
fn targets(screen: &Screen, row: u32) -> Vec<u32> {
    if screen.selection.contains(row) { screen.selection.rows().collect() } else { vec![row] }
}

fn row_clicks(response: &eframe::egui::Response, screen: &Screen, row: u32, out: &mut Outbox) {
    if response.clicked() {
        let gesture = Gesture::of(response.ctx.input(|i| i.modifiers));
        out.send(Command::Screen(ScreenCommand::Click(row, gesture)));
    }
    if response.double_clicked() {
        out.send(Command::Screen(ScreenCommand::Play(vec![row])));
    }
    response.context_menu(|ui| rows::menu(ui, screen, out));
}

fn editor(ui: &mut Ui, screen: &Screen, mut editing: Editing, out: &mut Outbox) {
    let width = ui.available_width();
    let response = ui.add(TextEdit::singleline(&mut editing.text).desired_width(width).margin(2.0));
    let others = targets(screen, editing.row).len();
    let tip = if others > 1 {
        format!("Enter writes it into all {others} selected rows; Esc leaves them as they are")
    } else {
        "Enter keeps it, Esc leaves the cell as it was".to_owned()
    };
    let response = named(response, &format!("Edit {}", editing.column)).on_hover_text(tip);
    let id = editing_id();
    if ui.input(|i| i.key_pressed(Key::Escape)) {
        ui.data_mut(|d| d.remove::<Editing>(id));
        return;
    }
    if response.lost_focus() {
        if editing.text != screen.text(editing.row, &editing.column) {
            let rows = targets(screen, editing.row);
            out.send(Command::Screen(ScreenCommand::Set(rows, editing.column.clone(), editing.text.clone())));
        }
        ui.data_mut(|d| d.remove::<Editing>(id));
        return;
    }
    if !response.has_focus() {
        response.request_focus();
        response.scroll_to_me(None);
    }
    ui.data_mut(|d| d.insert_temp(id, editing));
}
