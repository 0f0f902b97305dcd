//! Command palette: type a part of a name, Enter runs it.

use eframe::egui::{self, Align2, Context, Id, Key, Modal, RichText, ScrollArea, TextEdit};

use super::menu;
use crate::app::command::{Command, shortcut_text};
use crate::app::state::{AppState, Outbox};

/// True when the letters of `query` stand in `text` in their order.
fn matches(text: &str, query: &str) -> bool {
    let mut letters = text.chars().flat_map(char::to_lowercase);
    query.chars().flat_map(char::to_lowercase).filter(|c| !c.is_whitespace()).all(|q| letters.any(|l| l == q))
}

/// Commands that match, best first: those that contain the query as it is typed, then those that hold its letters, then
/// those whose explanation has it.
pub fn find(query: &str) -> Vec<Command> {
    let plain = query.trim().to_lowercase();
    let mut found: Vec<(u8, Command)> = Command::ALL
        .into_iter()
        .filter_map(|c| {
            let about = c.describe()?;
            let rank = if about.text.to_lowercase().contains(&plain) {
                0
            } else if matches(&format!("{} {}", about.text, about.group), query) {
                1
            } else if about.tooltip.to_lowercase().contains(&plain) {
                2
            } else {
                return None;
            };
            Some((rank, c))
        })
        .collect();
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, c)| c).collect()
}

/// Shows the palette while it is open.
pub fn show(ctx: &Context, state: &AppState, open: &mut Option<String>, out: &mut Outbox) {
    let Some(mut query) = open.take() else { return };
    let mut close = false;
    let selected_id = Id::unique("palette selection");
    let response = Modal::new(Id::unique("palette"))
        .area(Modal::default_area(Id::unique("palette")).anchor(Align2::CENTER_TOP, [0.0, 60.0]))
        .show(ctx, |ui| {
            ui.set_width(440.0);
            let edit =
                TextEdit::singleline(&mut query).hint_text("Type a command").desired_width(f32::INFINITY);
            let response = ui.add(edit);
            response.request_focus();
            let found = find(&query);
            let mut selected: usize = ui.data(|d| d.get_temp(selected_id)).unwrap_or(0);
            if response.changed() {
                selected = 0;
            }
            let (up, down, enter) = ui.input_mut(|i| {
                (
                    i.count_and_consume_key(egui::Modifiers::NONE, Key::ArrowUp),
                    i.count_and_consume_key(egui::Modifiers::NONE, Key::ArrowDown),
                    i.key_pressed(Key::Enter),
                )
            });
            selected = (selected + down).saturating_sub(up).min(found.len().saturating_sub(1));
            ScrollArea::vertical().max_height(360.0).min_scrolled_height(360.0).show(ui, |ui| {
                for (index, command) in found.iter().enumerate() {
                    let Some(about) = command.describe() else { continue };
                    let why_not = menu::why_not(command, state);
                    let on = why_not.is_none();
                    let mut button = egui::Button::selectable(index == selected, about.text)
                        .min_size(egui::vec2(420.0, 0.0));
                    if let Some(shortcut) = about.shortcut {
                        button = button.shortcut_text(RichText::new(shortcut_text(ctx, &shortcut)).weak());
                    }
                    let mut line = ui.add_enabled(on, button).on_hover_text(about.tooltip);
                    if let Some(why_not) = why_not {
                        line = line.on_disabled_hover_text(why_not);
                    }
                    if index == selected && (up > 0 || down > 0) {
                        line.scroll_to_me(None);
                    }
                    if on && (line.clicked() || (index == selected && enter)) {
                        out.send(command.clone());
                        close = true;
                    }
                }
                if found.is_empty() {
                    ui.weak("No command has these letters in its name or explanation.");
                }
            });
            ui.data_mut(|d| d.insert_temp(selected_id, selected));
        });
    if close || response.should_close() {
        ctx.data_mut(|d| d.remove::<usize>(selected_id));
    } else {
        *open = Some(query);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_a_part_of_a_name_finds_the_command() {
        assert_eq!(find("auto con")[0], Command::AutoContrast);
        assert_eq!(find("exp mov")[0], Command::ExportMovie);
        assert_eq!(find("theme"), [Command::ToggleTheme], "by its explanation");
        assert!(find("zzz").is_empty());
        assert_eq!(find("").len(), Command::ALL.len());
    }
}
