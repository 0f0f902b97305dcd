//! What of the table is shown: a search line, filters of columns, columns to see, and how many rows that leaves.

use std::collections::BTreeSet;

use eframe::egui::{Button, DragValue, Popup, PopupCloseBehavior, RichText, ScrollArea, TextEdit, Ui};

use super::rows;
use crate::app::command::Command;
use crate::app::screen::{Screen, blind};
use crate::app::state::Outbox;
use crate::app::widgets::icon::{self, Icon};
use crate::app::widgets::{legend, named};
use crate::experiment::Kind;
use crate::experiment::view::{self, Filter};

/// Distinct values listed in a filter.
const LISTED: usize = 300;

/// Shows the line above the table.
pub fn show(ui: &mut Ui, screen: &Screen, out: &mut Outbox) {
    ui.horizontal_wrapped(|ui| {
        let mut text = screen.look().query.text.clone();
        let search = TextEdit::singleline(&mut text).hint_text("Search all columns").desired_width(170.0);
        let search =
            ui.add(search).on_hover_text("Rows in which every word occurs, in any column that is shown");
        if search.changed() {
            rows::look(screen, out, |look| look.query.text = text);
        }
        named(search, "Search rows");
        choose_columns(ui, screen, out);
        let mut blind = screen.look().blind;
        let tip = "Hide names, doses, wells and paths, and list videos in random order under a code";
        if ui.toggle_value(&mut blind, "Blind").on_hover_text(tip).changed() {
            out.send(Command::BlindMode);
        }
        let mut follow = screen.look().follow;
        let tip = "The player shows what is selected, up to nine recordings";
        if ui.toggle_value(&mut follow, "Play selection").on_hover_text(tip).changed() {
            rows::look(screen, out, |look| look.follow = follow);
        }
        counts(ui, screen, out);
    });
    chips(ui, screen, out);
}

fn counts(ui: &mut Ui, screen: &Screen, out: &mut Outbox) {
    let (shown, all, excluded) = (screen.rows().len(), screen.table().len(), screen.excluded());
    ui.separator();
    ui.label(if shown == all { format!("{all} rows") } else { format!("{shown} of {all} rows") });
    if excluded > 0 {
        let mut show = screen.look().query.show_excluded;
        let text = RichText::new(format!("{excluded} excluded")).color(ui.visuals().warn_fg_color);
        let tip = "Excluded rows take part in nothing. Untick to hide them here too";
        if ui.checkbox(&mut show, text).on_hover_text(tip).changed() {
            rows::look(screen, out, |look| look.query.show_excluded = show);
        }
    }
    if !screen.selection.is_empty() {
        ui.label(format!("{} selected", screen.selection.len()));
    }
    rows::simulated(ui, screen);
}

fn choose_columns(ui: &mut Ui, screen: &Screen, out: &mut Outbox) {
    let button = ui.button("Columns").on_hover_text("Which columns the table shows");
    Popup::menu(&button).close_behavior(PopupCloseBehavior::CloseOnClickOutside).show(|ui| {
        if screen.look().blind {
            ui.weak("While blind, only columns that tell nothing of the treatment are shown.");
            return;
        }
        let all = screen.table().columns();
        ui.horizontal(|ui| {
            if ui.button("All").clicked() {
                rows::look(screen, out, |look| look.hidden.clear());
            }
            if ui.button("Only filled").on_hover_text("Hide columns without a single value").clicked() {
                let empty: BTreeSet<String> = all
                    .iter()
                    .filter(|c| view::distinct(screen.table(), &c.name, 1).is_empty())
                    .map(|c| c.name.clone())
                    .collect();
                rows::look(screen, out, |look| look.hidden = empty);
            }
        });
        ScrollArea::vertical().max_height(420.0).show(ui, |ui| {
            for column in all {
                let mut on = !screen.look().hidden.contains(&column.name);
                let text = match column.unit {
                    Some(unit) => format!("{} ({unit})", column.name),
                    None => column.name.clone(),
                };
                if ui.checkbox(&mut on, text).changed() {
                    rows::look(screen, out, |look| {
                        if on {
                            look.hidden.remove(&column.name);
                        } else {
                            look.hidden.insert(column.name.clone());
                        }
                    });
                }
            }
        });
    });
}

/// Filters in force, each with a cross that removes it.
fn chips(ui: &mut Ui, screen: &Screen, out: &mut Outbox) {
    let filters = &screen.look().query.filters;
    if filters.is_empty() {
        return;
    }
    ui.horizontal_wrapped(|ui| {
        for (index, filter) in filters.iter().enumerate() {
            let text = describe(filter);
            if ui.button(format!("{text}  ×")).on_hover_text("Remove this filter").clicked() {
                rows::look(screen, out, |look| {
                    look.query.filters.remove(index);
                });
            }
        }
        if filters.len() > 1 && ui.button("Clear all").clicked() {
            rows::look(screen, out, |look| look.query.filters.clear());
        }
    });
}

fn describe(filter: &Filter) -> String {
    match filter {
        Filter::OneOf { column, values } => match values.as_slice() {
            [] => format!("{column}: none"),
            [one] if one.is_empty() => format!("{column} is empty"),
            [one] => format!("{column} = {one}"),
            many => format!("{column}: {} values", many.len()),
        },
        Filter::Range { column, min, max } => match (min, max) {
            (Some(min), Some(max)) => format!("{} ≤ {column} ≤ {}", legend::short(*min), legend::short(*max)),
            (Some(min), None) => format!("{column} ≥ {}", legend::short(*min)),
            (None, Some(max)) => format!("{column} ≤ {}", legend::short(*max)),
            (None, None) => column.clone(),
        },
        Filter::Contains { column, text } => format!("{column} contains “{text}”"),
    }
}

fn column_of(filter: &Filter) -> &str {
    match filter {
        Filter::OneOf { column, .. } | Filter::Range { column, .. } | Filter::Contains { column, .. } => {
            column
        }
    }
}

/// The button in a column's head that opens its filter.
pub fn funnel(ui: &mut Ui, screen: &Screen, column: &str, out: &mut Outbox) {
    if column == blind::CODE {
        return;
    }
    let now = screen.look().query.filters.iter().find(|f| column_of(f) == column);
    let name = format!("Filter {column}");
    let button = icon::button(ui, Icon::Filter, &name, "Show only some rows", true, 16.0);
    if now.is_some() {
        let color = ui.visuals().selection.stroke.color;
        icon::paint(ui.painter(), button.rect, Icon::Filter, color);
    }
    Popup::menu(&button).close_behavior(PopupCloseBehavior::CloseOnClickOutside).show(|ui| {
        let kind = screen.table().column(column).map_or(Kind::Text, |c| c.kind);
        let changed = match kind {
            Kind::Number | Kind::Integer => range(ui, screen, column, now),
            _ => values(ui, screen, column, now),
        };
        if let Some(filter) = changed {
            rows::look(screen, out, |look| {
                look.query.filters.retain(|f| column_of(f) != column);
                look.query.filters.extend(filter);
            });
        }
    });
}

/// Outer `None`: nothing changed; inner `None`: no filter any more.
type Change = Option<Option<Filter>>;

fn range(ui: &mut Ui, screen: &Screen, column: &str, now: Option<&Filter>) -> Change {
    let (mut min, mut max) = match now {
        Some(Filter::Range { min, max, .. }) => (*min, *max),
        _ => (None, None),
    };
    let numbers = || (0..screen.table().len()).filter_map(|row| screen.table().number(row, column));
    let mut changed = false;
    for (text, bound, start) in [
        ("At least", &mut min, numbers().fold(f64::INFINITY, f64::min)),
        ("At most", &mut max, numbers().fold(f64::NEG_INFINITY, f64::max)),
    ] {
        ui.horizontal(|ui| {
            let mut on = bound.is_some();
            if ui.checkbox(&mut on, text).changed() {
                *bound = on.then_some(if start.is_finite() { start } else { 0.0 });
                changed = true;
            }
            if let Some(value) = bound {
                let speed = value.abs().max(0.01) * 0.01;
                changed |= ui.add(DragValue::new(value).speed(speed)).changed();
            }
        });
    }
    changed.then(|| {
        (min.is_some() || max.is_some()).then(|| Filter::Range { column: column.to_owned(), min, max })
    })
}

fn values(ui: &mut Ui, screen: &Screen, column: &str, now: Option<&Filter>) -> Change {
    let listed = view::distinct(screen.table(), column, LISTED);
    let mut picked: Vec<String> = match now {
        Some(Filter::OneOf { values, .. }) => values.clone(),
        _ => Vec::new(),
    };
    let mut change = None;
    ui.horizontal(|ui| {
        if ui.add_enabled(now.is_some(), Button::new("Clear")).clicked() {
            change = Some(None);
        }
        ui.weak(if listed.len() == LISTED { format!("the {LISTED} most frequent") } else { String::new() });
    });
    ScrollArea::vertical().max_height(320.0).show(ui, |ui| {
        for (value, count) in &listed {
            let mut on = picked.contains(value);
            if ui.checkbox(&mut on, format!("{value}  ({count})")).changed() {
                if on {
                    picked.push(value.clone());
                } else {
                    picked.retain(|v| v != value);
                }
                change = Some(
                    (!picked.is_empty())
                        .then(|| Filter::OneOf { column: column.to_owned(), values: picked.clone() }),
                );
            }
        }
    });
    change
}
