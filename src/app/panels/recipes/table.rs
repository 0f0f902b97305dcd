//! Recipes side by side. Leakage and replicates stand together: only the pair says something.

use std::sync::Arc;

use eframe::egui::{Align, Button, Label, Layout, RichText, Role, ScrollArea, Ui, WidgetInfo};
use egui_extras::{Column, TableBuilder};

use super::SHORT;
use crate::analysis::domain::{Comparison, Line, Measure, Named, Score};
use crate::app::command::Command;
use crate::app::recipes::{Recipes, RecipesCommand, RecipesForm, Shown};
use crate::app::screen::Screen;
use crate::app::state::Outbox;
use crate::app::widgets::named;
use crate::app::widgets::overlay::shorten;
use crate::experiment::EmbeddingTable;

/// Height of a row, points.
const ROW: f32 = 22.0;

/// One row of the table: a recipe, and what was measured of it if anything was.
struct Entry<'a> {
    named: Named,
    line: Option<&'a Line>,
}

/// Shows recipes that are to be compared, and what came of those that were.
pub fn show(
    ui: &mut Ui,
    screen: &Screen,
    recipes: &Recipes,
    (name_now, vectors): (&str, &Arc<EmbeddingTable>),
    form: &mut RecipesForm,
    out: &mut Outbox,
) {
    // What was measured on other vectors, or by another domain, is not shown under the names of these.
    let shown = recipes.shown.as_ref().filter(|shown| {
        shown.asked.experiment == screen.experiment().id
            && shown.asked.name == name_now
            && shown.asked.domain == recipes.form.domain
    });
    let entries = entries(recipes, shown);
    ScrollArea::horizontal().id_salt("recipes columns").show(ui, |ui| {
        let mut table = TableBuilder::new(ui)
            .id_salt("recipes table")
            .striped(true)
            .resizable(true)
            .vscroll(false)
            .cell_layout(Layout::left_to_right(Align::Center))
            .column(Column::initial(150.0).at_least(80.0).clip(true))
            .column(Column::initial(150.0).at_least(60.0));
        for _ in Score::ALL {
            table = table.column(Column::initial(136.0).at_least(60.0).clip(true));
        }
        table
            .header(24.0, |mut header| {
                header.col(|ui| {
                    ui.strong("Recipe");
                });
                header.col(|_| {});
                for score in Score::ALL {
                    header.col(|ui| head(ui, recipes, score, out));
                }
            })
            .body(|mut body| {
                for entry in &entries {
                    body.row(ROW, |mut row| {
                        row.col(|ui| name(ui, entry));
                        row.col(|ui| actions(ui, recipes, entry, form, out));
                        for score in Score::ALL {
                            row.col(|ui| cell(ui, entry, score));
                        }
                    });
                }
            });
    });
    if let Some(shown) = shown {
        about(ui, screen, shown, vectors);
    }
}

/// Those that were measured in the order of the table, then those that were not.
fn entries<'a>(recipes: &Recipes, shown: Option<&'a Shown>) -> Vec<Entry<'a>> {
    let mut entries: Vec<Entry> = Vec::new();
    for line in shown.map(|shown| shown.sorted(recipes.sort)).unwrap_or_default() {
        let named = Named::new(&line.name, &line.steps);
        if recipes.form.recipes.contains(&named) {
            entries.push(Entry { named, line: Some(line) });
        }
    }
    for named in &recipes.form.recipes {
        if entries.iter().all(|entry| entry.named != *named) {
            entries.push(Entry { named: named.clone(), line: None });
        }
    }
    entries
}

fn head(ui: &mut Ui, recipes: &Recipes, score: Score, out: &mut Outbox) {
    let arrow = match recipes.sort {
        Some((now, down)) if now == score => {
            if down {
                " ˇ"
            } else {
                " ˆ"
            }
        }
        _ => "",
    };
    let text = RichText::new(format!("{}{arrow}", score.label())).strong();
    let tip = format!("{}. Click to sort", score.about());
    if ui.add(Button::new(text).frame(false)).on_hover_text(tip).clicked() {
        out.send(Command::Recipes(RecipesCommand::Sort(score)));
    }
}

fn name(ui: &mut Ui, entry: &Entry) {
    let Named { name, steps } = &entry.named;
    let label = ui.add(Label::new(shorten(name, SHORT)).truncate());
    label.on_hover_ui(|ui| {
        ui.strong(name);
        ui.label(if steps.is_empty() { "No correction" } else { steps.as_str() });
        if let Some(line) = entry.line {
            if let Some(features) = line.features {
                ui.label(format!("{features} features"));
            }
            for note in &line.notes {
                ui.weak(note);
            }
        }
    });
}

fn cell(ui: &mut Ui, entry: &Entry, score: Score) {
    let Some(line) = entry.line else { return };
    let told = |text: &str| format!("{} of {}: {text}", score.label(), entry.named.name);
    if let Some(why) = &line.why {
        // Once, where the first number would be.
        if score == Score::ALL[0] {
            let label = ui.add(
                Label::new(RichText::new("cannot be applied").color(ui.visuals().warn_fg_color)).truncate(),
            );
            label.widget_info(|| WidgetInfo::labeled(Role::Cell, true, told(why)));
            label.on_hover_text(why);
        }
        return;
    }
    let Some(measure) = line.score(score) else { return };
    let text = measure.text();
    let label = ui.add(Label::new(&text).truncate());
    label.widget_info(|| WidgetInfo::labeled(Role::Cell, true, told(&text)));
    label.on_hover_ui(|ui| explained(ui, line, score, measure));
}

fn explained(ui: &mut Ui, line: &Line, score: Score, measure: &Measure) {
    ui.label(score.about());
    if let Some(why) = &measure.why {
        ui.label(format!("Not measured: {why}."));
        return;
    }
    if score == Score::Leakage {
        ui.label(line.leakage.text(measure));
    } else {
        ui.label(format!("{} asked", measure.n));
    }
    if let Some(chance) = measure.chance {
        ui.label(format!("Chance {chance:.3}"));
    }
    if let Some(ahead) = measure.difference {
        ui.label(format!(
            "Ahead of the first recipe by {:+.3} [{:+.3}, {:+.3}]",
            ahead.value, ahead.lo, ahead.hi
        ));
    }
    if score == Score::Across {
        for of in &line.transfers {
            let place = of.position.map_or_else(|| "-".to_owned(), |place| format!("{place:.3}"));
            ui.label(format!("{} → {}: {} (place alone {place})", of.source, of.target, of.top1.text()));
        }
    }
}

fn actions(ui: &mut Ui, recipes: &Recipes, entry: &Entry, form: &mut RecipesForm, out: &mut Outbox) {
    let named_by = |text: &str| format!("{text}: {}", entry.named.name);
    let is_first = recipes.form.recipes.first() == Some(&entry.named);
    let (text, tip) = if entry.named.steps.is_empty() {
        ("Use", "Use these vectors as they are everywhere: answers, map, export")
    } else {
        (
            "Apply",
            "Correct the vectors and use them everywhere. The vectors as they are stay, and Undo goes back",
        )
    };
    let can = recipes.applying.is_none() && entry.line.is_none_or(|line| line.why.is_none());
    let response = ui.add_enabled(can, Button::new(text).small()).on_hover_text(tip);
    if named(response, &named_by(text)).clicked() {
        out.send(Command::Recipes(RecipesCommand::Apply(entry.named.clone())));
    }
    if is_first {
        return;
    }
    let response = ui.add(Button::new("Edit").small()).on_hover_text("Take its steps over, to change them");
    if named(response, &named_by("Edit")).clicked() {
        form.edit(&entry.named);
    }
    let response = ui.add(Button::new("Remove").small()).on_hover_text("Take it out of the table");
    if named(response, &named_by("Remove")).clicked() {
        form.recipes.retain(|known| *known != entry.named);
    }
}

/// What the numbers are, and what they are not.
fn about(ui: &mut Ui, screen: &Screen, shown: &Shown, vectors: &Arc<EmbeddingTable>) {
    if shown.asked.revision != screen.revision() {
        let text = "The table was changed since: compare again.";
        ui.colored_label(ui.visuals().warn_fg_color, text);
    }
    if !Arc::ptr_eq(&shown.asked.vectors, vectors) {
        let text = "The vectors were made anew since: compare again.";
        ui.colored_label(ui.visuals().warn_fg_color, text);
    }
    let Some(comparison) = &shown.comparison else { return };
    let Comparison { rows, controls, plates, domains, null, resamples, seed, position, .. } = &**comparison;
    let place = position.map_or_else(String::new, |place| {
        format!(" The place on the plate alone finds {place:.3} of compounds across domains.")
    });
    let simulated = if comparison.simulated { " Simulated data." } else { "" };
    let text = format!(
        "{rows} rows, {controls} of them controls, {plates} plates; {} domains of {}; null {null}, {resamples} resamplings, seed \
         {seed}.{place}{simulated} Read leakage together with replicate mAP: destroying information lowers both. The best of \
         several recipes looks better here than it is on other data.",
        domains.len(),
        comparison.domain
    );
    ui.add(Label::new(RichText::new(text).size(11.0)).wrap());
    for note in &comparison.notes {
        ui.weak(RichText::new(note).size(11.0));
    }
}
