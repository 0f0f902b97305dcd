//! A second table (plate map, structures, annotations) joined by a key that the user sees and can change.

use eframe::egui::{Button, ComboBox, Context, Id, Key, Modal, RichText, Ui};

use crate::app::command::Command;
use crate::app::forms::join::JoinForm;
use crate::app::screen::Screen;
use crate::app::state::{AppState, Outbox};
use crate::app::widgets::named;
use crate::experiment::import::join::{Filled, KeyPart};
use crate::experiment::import::{Target, guess};

/// Shows the form while it is open.
pub fn show(ctx: &Context, state: &AppState, open: &mut Option<JoinForm>, out: &mut Outbox) {
    let (Some(mut form), Some(screen)) = (open.take(), &state.screen) else { return };
    let mut done = false;
    form.attempt(screen);
    let response = Modal::new(Id::unique("join")).show(ctx, |ui| {
        ui.set_width(620.0);
        let name = form.source.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        ui.heading(format!("Join {name}"));
        ui.label(format!(
            "{} rows. A row of the experiment takes what stands in the row with the same key:",
            form.source.len()
        ));
        for note in form.source.notes.iter().take(5) {
            ui.colored_label(ui.visuals().warn_fg_color, note);
        }
        ui.add_space(4.0);
        if keys(ui, screen, &mut form) {
            form.tried = None;
        }
        ui.add_space(4.0);
        if written(ui, &mut form) {
            form.tried = None;
        }
        let mut overwrite = form.filled == Filled::Overwrite;
        let tip = "Off: what the experiment says already stays, and what differs is listed";
        if ui.checkbox(&mut overwrite, "Overwrite cells that are filled").on_hover_text(tip).changed() {
            form.filled = if overwrite { Filled::Overwrite } else { Filled::Keep };
            form.tried = None;
        }
        ui.separator();
        let ready = summary(ui, screen, &form);
        ui.add_space(4.0);
        ui.horizontal(|ui| {
            let join = Button::new("Join").min_size([110.0, 28.0].into());
            if ui.add_enabled(ready, join).clicked() {
                out.send(Command::ConfirmJoin);
            }
            done |= ui.button("Cancel").clicked();
        });
    });
    let escaped = ctx.input(|i| i.key_pressed(Key::Escape)) && response.should_close();
    if !done && !escaped {
        *open = Some(form);
    }
}

fn keys(ui: &mut Ui, screen: &Screen, form: &mut JoinForm) -> bool {
    let mut changed = false;
    let columns: Vec<String> = screen.table().columns().into_iter().map(|c| c.name).collect();
    let (source, key) = (&form.source, &mut form.key);
    let mut remove = None;
    let several = key.len() > 1;
    for (index, part) in key.iter_mut().enumerate() {
        ui.horizontal(|ui| {
            let ours =
                ComboBox::from_id_salt(("ours", index)).width(170.0).height(360.0).selected_text(&part.table);
            let ours = ours.show_ui(ui, |ui| {
                for column in &columns {
                    changed |= ui.selectable_value(&mut part.table, column.clone(), column).changed();
                }
            });
            named(ours.response, "Column of the experiment");
            ui.label("=");
            let name = |i: usize| source.header().get(i).map_or("", String::as_str);
            let theirs = ComboBox::from_id_salt(("theirs", index)).width(170.0).height(360.0);
            let theirs = theirs.selected_text(name(part.source)).show_ui(ui, |ui| {
                for (i, column) in source.header().iter().enumerate() {
                    changed |= ui.selectable_value(&mut part.source, i, column).changed();
                }
            });
            named(theirs.response, "Column of the table");
            if several && ui.small_button("×").on_hover_text("Leave this part of the key out").clicked() {
                remove = Some(index);
            }
        });
    }
    if let Some(index) = remove {
        key.remove(index);
        changed = true;
    }
    if ui.small_button("+ and").on_hover_text("Both columns must be equal, such as plate and well").clicked()
    {
        key.push(KeyPart { table: "plate".into(), source: 0 });
        changed = true;
    }
    changed
}

fn written(ui: &mut Ui, form: &mut JoinForm) -> bool {
    let mut changed = false;
    ui.label("Columns that are taken over:");
    ui.horizontal_wrapped(|ui| {
        for index in 0..form.mapping.columns.len() {
            if form.key.iter().any(|part| part.source == index) {
                continue;
            }
            let column = &form.mapping.columns[index];
            let mut on = column.target != Target::Skip;
            let text = match column.target {
                Target::Standard(name) if name != column.source => format!("{} as {name}", column.source),
                _ => column.source.clone(),
            };
            if ui.checkbox(&mut on, text).on_hover_text(&column.reason).changed() {
                let again = guess(&form.source).columns.swap_remove(index);
                let kept = if again.target == Target::Skip {
                    Target::Free(crate::experiment::Kind::Text)
                } else {
                    again.target
                };
                form.mapping.choose(&form.source, index, if on { kept } else { Target::Skip });
                changed = true;
            }
        }
    });
    changed
}

/// What the join would do; true if it would do anything.
fn summary(ui: &mut Ui, screen: &Screen, form: &JoinForm) -> bool {
    let (warn, error) = (ui.visuals().warn_fg_color, ui.visuals().error_fg_color);
    let report = match &form.tried {
        Some((_, Ok((_, report)))) => report,
        Some((_, Err(problem))) => {
            ui.colored_label(error, problem);
            return false;
        }
        None => {
            ui.weak("…");
            ui.ctx().request_repaint();
            return false;
        }
    };
    let all = screen.table().len();
    let text = format!("{} of {all} rows find their partner.", report.matched);
    ui.label(RichText::new(text).strong().color(if report.matched == 0 {
        error
    } else {
        ui.visuals().text_color()
    }));
    let examples = |items: &[(String, usize)]| {
        let first: Vec<&str> = items.iter().take(4).map(|(key, _)| key.as_str()).collect();
        first.join(", ")
    };
    for (keys, what) in [
        (&report.missing, "of the experiment are not in the table"),
        (&report.unused, "of the table are not in the experiment"),
    ] {
        if !keys.is_empty() {
            ui.colored_label(warn, format!("{} keys {what}: {}", keys.count, examples(&keys.items)));
        }
    }
    if !report.repeated.is_empty() {
        ui.colored_label(
            warn,
            format!("{} keys stand more than once in the table; the first is taken.", report.repeated.count),
        );
    }
    if !report.conflicts.is_empty() {
        let what = if form.filled == Filled::Keep { "stay as they are" } else { "are overwritten" };
        ui.colored_label(
            warn,
            format!("{} cells are filled with something else and {what}.", report.conflicts.count),
        );
    }
    if !report.bad_cells.is_empty() {
        ui.colored_label(
            warn,
            format!("{} cells of the table are no values of their column.", report.bad_cells.count),
        );
    }
    ui.weak("The full lists go into the import report. Undo takes the join back.");
    report.matched > 0
}
