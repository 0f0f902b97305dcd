//! What an import or a join found: everything that did not match, on both sides.

use eframe::egui::{CollapsingHeader, Context, RichText, ScrollArea, Ui, Window};

use crate::app::state::AppState;
use crate::experiment::import::report::{JoinReport, Listed};

/// Entries of a list that are drawn; the clipboard gets all that are kept.
const DRAWN: usize = 500;

/// Shows the report while it is open.
pub fn show(ctx: &Context, state: &AppState, open: &mut bool) {
    let Some(report) = state.report.as_ref().filter(|_| *open) else { return };
    let blind = state.is_blind();
    Window::new("Import report").open(open).default_size([640.0, 420.0]).show(ctx, |ui| {
        if blind {
            ui.label("Hidden while you score blind: it names files and treatments.");
            return;
        }
        ui.label(format!("{} rows. No row was dropped.", report.rows));
        if report.is_clean() {
            ui.label("Nothing needs a look.");
        }
        ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
            for note in &report.notes {
                ui.label(note);
            }
            let text = |item: &dyn std::fmt::Display| item.to_string();
            list(ui, "Recordings that are not there or cannot be read", &report.missing_files, |f| text(f));
            list(ui, "Cells left empty: their text is no value of the column", &report.bad_cells, |c| {
                text(c)
            });
            list(ui, "Row names that stood twice", &report.duplicates, |d| text(d));
            list(ui, "Columns of numbers that are no features", &report.left_out, |c| text(c));
            list(ui, "Files and folders that belong to no row", &report.strays, |p| p.display().to_string());
            for joined in &report.joins {
                join(ui, joined);
            }
        });
    });
}

fn join(ui: &mut Ui, joined: &JoinReport) {
    ui.separator();
    ui.strong(format!("{}: {} rows matched", joined.what, joined.matched));
    list(ui, "In the experiment, not in the table", &joined.missing, |(key, rows)| {
        format!("{key} ({rows} rows)")
    });
    list(ui, "In the table, not in the experiment", &joined.unused, |(key, place)| {
        format!("{key} (row {place})")
    });
    list(ui, "More than once in the table; the first was taken", &joined.repeated, |(key, first, second)| {
        format!("{key}: rows {first} and {second}")
    });
    list(ui, "Filled already with something else, and kept", &joined.conflicts, ToString::to_string);
    list(ui, "No values of their column", &joined.bad_cells, ToString::to_string);
}

fn list<T>(ui: &mut Ui, title: &str, listed: &Listed<T>, text: impl Fn(&T) -> String) {
    if listed.is_empty() {
        return;
    }
    let title = RichText::new(format!("{title}: {}", listed.count)).color(ui.visuals().warn_fg_color);
    CollapsingHeader::new(title).default_open(listed.count <= 12).show(ui, |ui| {
        if ui.small_button("Copy the list").clicked() {
            let lines: Vec<String> = listed.items.iter().map(&text).collect();
            ui.ctx().copy_text(lines.join("\n"));
        }
        for item in listed.items.iter().take(DRAWN) {
            ui.label(text(item));
        }
        let more = listed.count - listed.items.len().min(DRAWN);
        if more > 0 {
            ui.weak(format!("… and {more} more"));
        }
    });
}
