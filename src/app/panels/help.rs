//! Keyboard shortcuts and what the mouse does.

use eframe::egui::{self, Align2, Context, Grid, RichText, ScrollArea, Window};

use crate::app::command::{Command, shortcut_text};

const MOUSE: [(&str, &str); 11] = [
    ("Wheel over a picture", "Zoom at the pointer"),
    ("Shift + wheel", "Next or previous z plane"),
    ("Drag", "Move the picture"),
    ("Shift + drag", "Draw a rectangle, for exports of a part"),
    ("Double click", "Fit"),
    ("Click", "Make a recording the active one"),
    ("1 – 9", "Show or hide a channel"),
    ("Box or lasso on the map", "Select points; Shift adds, Ctrl or Alt takes away"),
    ("Click on the map", "Select a point and play its video"),
    ("Drop files or folders", "Open them side by side"),
    ("Ctrl + and Ctrl −", "Larger or smaller window contents"),
];

/// Shows the help while it is open.
pub fn show(ctx: &Context, open: &mut bool) {
    let center = ctx.content_rect().center();
    let height = ctx.content_rect().height() - 160.0;
    let window = Window::new("Keyboard shortcuts")
        .open(open)
        .pivot(Align2::CENTER_CENTER)
        .default_pos(center)
        .default_size([720.0, height])
        .collapsible(false);
    window.show(ctx, |ui| {
        ScrollArea::vertical().max_height(height).min_scrolled_height(height.min(600.0)).show(ui, |ui| {
            ui.columns(2, |columns| {
                for (column, groups) in columns.iter_mut().zip([["Playing", "Help"], ["File", "View"]]) {
                    for group in groups {
                        list(column, group);
                    }
                }
                list(&mut columns[0], "Edit");
                let ui = &mut columns[0];
                ui.add_space(6.0);
                ui.heading("Mouse and more");
                Grid::new("mouse").num_columns(2).striped(true).show(ui, |ui| {
                    for (what, does) in MOUSE {
                        ui.label(RichText::new(what).strong());
                        ui.label(does);
                        ui.end_row();
                    }
                });
            });
        });
    });
    *open &= !ctx.input(|i| i.key_pressed(egui::Key::Escape));
}

fn list(ui: &mut egui::Ui, group: &str) {
    ui.add_space(6.0);
    ui.heading(group);
    Grid::new(group).num_columns(2).striped(true).show(ui, |ui| {
        for command in Command::ALL {
            let Some(about) = command.describe().filter(|d| d.group == group) else { continue };
            let Some(shortcut) = about.shortcut else { continue };
            ui.label(RichText::new(shortcut_text(ui.ctx(), &shortcut)).strong());
            ui.label(about.text.trim_end_matches('…')).on_hover_text(about.tooltip);
            ui.end_row();
        }
    });
}
