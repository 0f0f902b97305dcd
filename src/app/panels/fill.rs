//! What is filled into a column of the selected rows, in the order of the table.

use eframe::egui::{Button, ComboBox, Context, DragValue, Grid, Id, Modal, TextEdit, Ui};

use crate::app::command::Command;
use crate::app::forms::fill::{Fill, FillForm};
use crate::app::screen::command::ScreenCommand;
use crate::app::screen::{Screen, rows_text};
use crate::app::state::{AppState, Outbox};
use crate::app::widgets::named;

/// Cells that are shown before they are filled.
const SHOWN: usize = 8;

/// Shows the form while it is open.
pub fn show(ctx: &Context, state: &AppState, open: &mut Option<FillForm>, out: &mut Outbox) {
    let Some(mut form) = open.take() else { return };
    let Some(screen) = &state.screen else { return };
    let rows = screen.selected_in_order();
    // A later cell may be wrong though the first ones are right.
    let refused = form.vanishes(rows.len());
    let mut done = false;
    let response = Modal::new(Id::unique("fill form")).show(ctx, |ui| {
        ui.set_width(440.0);
        ui.heading(format!("Fill cells of {}", rows_text(rows.len())));
        choose_column(ui, screen, &rows, &mut form);
        ui.horizontal(|ui| {
            for fill in Fill::ALL {
                ui.radio_value(&mut form.fill, fill, fill.label());
            }
        });
        Grid::new("fill").num_columns(2).show(ui, |ui| fields(ui, screen, &mut form));
        let preview = form.cells(rows.len().min(SHOWN));
        match &preview {
            Ok(cells) => {
                let more = if rows.len() > SHOWN { " …" } else { "" };
                ui.weak(format!("{}{more}", cells.join(", ")));
            }
            Err(why) => {
                ui.colored_label(ui.visuals().error_fg_color, why);
            }
        }
        if preview.is_ok()
            && let Some(why) = &refused
        {
            ui.colored_label(ui.visuals().error_fg_color, why);
        }
        ui.add_space(4.0);
        ui.horizontal(|ui| {
            let can = preview.is_ok() && refused.is_none() && !rows.is_empty();
            let clicked = ui.add_enabled(can, Button::new("Fill")).clicked();
            if clicked && let Ok(cells) = form.cells(rows.len()) {
                let cells = rows.iter().copied().zip(cells).collect();
                out.send(Command::Screen(ScreenCommand::SetEach(form.column.clone(), cells)));
                done = true;
            }
            done |= ui.button("Cancel").clicked();
        });
    });
    if !done && !response.should_close() {
        *open = Some(form);
    }
}

fn choose_column(ui: &mut Ui, screen: &Screen, rows: &[u32], form: &mut FillForm) {
    ui.horizontal(|ui| {
        ui.label("Column");
        let choice = ComboBox::from_id_salt("fill column").selected_text(&form.column).show_ui(ui, |ui| {
            for column in screen.table().columns() {
                let is_chosen = column.name == form.column;
                if screen.is_editable(&column.name) && ui.selectable_label(is_chosen, &column.name).clicked()
                {
                    let first = rows.first().map(|&row| screen.text(row, &column.name));
                    *form = FillForm::new(column.name, first.unwrap_or_default());
                }
            }
        });
        named(choice.response, "Column to fill");
    });
}

fn fields(ui: &mut Ui, screen: &Screen, form: &mut FillForm) {
    let text = |ui: &mut Ui, name: &str, value: &mut String| {
        ui.label(name);
        named(ui.add(TextEdit::singleline(value).desired_width(160.0)), name);
        ui.end_row();
    };
    match form.fill {
        Fill::Down => {
            text(ui, "Value", &mut form.value);
            return;
        }
        Fill::Doses => {
            let unit = screen.table().column(&form.column).and_then(|column| column.unit);
            let first = unit.map_or_else(|| "First dose".to_owned(), |unit| format!("First dose, {unit}"));
            text(ui, &first, &mut form.first);
            text(ui, "Divided each time by", &mut form.factor);
        }
        Fill::Numbers => {
            text(ui, "Text before the number", &mut form.prefix);
            ui.label("First number");
            named(ui.add(DragValue::new(&mut form.start)), "First number");
            ui.end_row();
        }
    }
    ui.label("Rows of each");
    named(ui.add(DragValue::new(&mut form.each).range(1..=10_000)), "Rows of each")
        .on_hover_text("So many rows below each other get the same");
    ui.end_row();
    ui.label("Begin again after");
    named(ui.add(DragValue::new(&mut form.of).range(0..=10_000)), "Begin again after")
        .on_hover_text("After so many doses or numbers the first comes again; 0: never");
    ui.end_row();
}
