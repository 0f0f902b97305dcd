//! Messages of this session.

use eframe::egui::{Label, RichText, ScrollArea, Ui};
use log::Level;

use crate::app::log_store::{self, LogLine};
use crate::app::state::AppState;

fn text(state: &AppState, line: &LogLine) -> String {
    let minutes = (line.seconds / 60.0) as u64;
    format!(
        "{minutes:>3}:{:04.1}  {}  {}",
        line.seconds % 60.0,
        line.level.as_str().to_lowercase(),
        state.masked(&line.text)
    )
}

/// Shows the panel.
pub fn show(ui: &mut Ui, state: &AppState) {
    let lines = log_store::lines_after(0);
    ui.horizontal(|ui| {
        ui.weak(format!("{} messages", lines.len()));
        if ui.small_button("Copy").on_hover_text("Copy all messages, for a fault report").clicked() {
            let all: Vec<String> = lines.iter().map(|line| text(state, line)).collect();
            ui.ctx().copy_text(all.join("\n"));
        }
    });
    ScrollArea::vertical().auto_shrink([false, false]).stick_to_bottom(true).show(ui, |ui| {
        for line in &lines {
            let color = match line.level {
                Level::Error => ui.visuals().error_fg_color,
                Level::Warn => ui.visuals().warn_fg_color,
                _ => ui.visuals().text_color(),
            };
            ui.add(Label::new(RichText::new(text(state, line)).color(color).monospace().small()).wrap());
        }
    });
}
