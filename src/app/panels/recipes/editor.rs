//! A recipe that is being put together, step by step.

use eframe::egui::{Button, ComboBox, TextEdit, Ui};

use super::SHORT;
use crate::analysis::recipe::STEPS;
use crate::app::command::Command;
use crate::app::recipes::{Recipes, RecipesCommand, RecipesForm, StepForm};
use crate::app::state::Outbox;
use crate::app::widgets::named;
use crate::app::widgets::overlay::shorten;

/// What becomes of a step.
enum Change {
    Up(usize),
    Down(usize),
    Remove(usize),
}

/// Shows the steps with their options, and what can be done with them.
pub fn show(ui: &mut Ui, recipes: &Recipes, form: &mut RecipesForm, out: &mut Outbox) {
    ui.strong("Recipe of your own");
    let (count, mut change) = (form.steps.len(), None);
    for (place, step) in form.steps.iter_mut().enumerate() {
        ui.push_id(place, |ui| line(ui, place, count, step, &mut change));
    }
    match change {
        Some(Change::Up(place)) => form.steps.swap(place, place - 1),
        Some(Change::Down(place)) => form.steps.swap(place, place + 1),
        Some(Change::Remove(place)) => {
            form.steps.remove(place);
        }
        None => {}
    }
    ui.horizontal_wrapped(|ui| {
        let choice = ComboBox::from_id_salt("add step").selected_text("Add a step").show_ui(ui, |ui| {
            for known in STEPS {
                if ui.selectable_label(false, known.name).on_hover_text(known.about).clicked() {
                    form.steps.push(StepForm::of(known));
                }
            }
        });
        named(choice.response, "Add a step").on_hover_text("Steps are applied from top to bottom");
        if form.steps.is_empty() {
            return;
        }
        let label = ui.label("Name");
        let edit = TextEdit::singleline(&mut form.name).id_salt("recipe name");
        let edit = edit.hint_text("as its steps").desired_width(130.0);
        ui.add(edit).labelled_by(label.id);
        let built = form.built();
        let tip = "Put this recipe into the table below, in the place of one of its name";
        if ui.add_enabled(built.is_ok(), Button::new("Add to the comparison")).on_hover_text(tip).clicked() {
            form.add_built();
        }
        let tip = "Correct the vectors by these steps and use them everywhere. The vectors as they are stay, and Undo goes back";
        let can = built.is_ok() && recipes.applying.is_none();
        if ui.add_enabled(can, Button::new("Apply")).on_hover_text(tip).clicked()
            && let Ok(named) = &built
        {
            out.send(Command::Recipes(RecipesCommand::Apply(named.clone())));
        }
    });
    if !form.steps.is_empty() {
        match form.built() {
            Ok(built) => ui.weak(shorten(&built.steps, 120)).on_hover_text(&built.steps),
            Err(why) => ui.colored_label(ui.visuals().warn_fg_color, why.to_string()),
        };
    }
}

fn line(ui: &mut Ui, place: usize, count: usize, step: &mut StepForm, change: &mut Option<Change>) {
    let number = place + 1;
    ui.horizontal_wrapped(|ui| {
        let about = step.known().map_or("", |known| known.about);
        ui.label(format!("{number}. {}", step.name)).on_hover_text(about);
        for (key, value) in step.known().map_or(&[][..], |known| known.keys).iter().zip(&mut step.values) {
            let tip = tip(key);
            ui.weak(*key).on_hover_text(tip);
            let edit = TextEdit::singleline(value).hint_text("usual").desired_width(64.0);
            let response = ui.add(edit).on_hover_text(tip);
            named(response, &format!("{key} of step {number}"));
        }
        for (text, can, what) in [
            ("Up", place > 0, Change::Up(place)),
            ("Down", number < count, Change::Down(place)),
            ("Remove", true, Change::Remove(place)),
        ] {
            let response = ui.add_enabled(can, Button::new(text).small());
            let name = format!("{text}: step {number}, {}", shorten(step.name, SHORT));
            if named(response, &name).clicked() {
                *change = Some(what);
            }
        }
    });
}

/// What an option is about.
fn tip(key: &str) -> &'static str {
    match key {
        "by" => "Columns that group rows, joined by +; none for one group. Usual: the plate",
        "fit" => "controls: learnt from negative controls; all: from all rows of a group",
        "batch" => "Columns that tell batches apart, joined by +. Usual: the plate",
        "to" => "The batch whose covariance the others get",
        "method" => "zca-cor, zca, pca-cor or pca",
        "rest" => {
            "least: directions in which controls do not vary count as the least varying one; zero: as not varying"
        }
        "epsilon" => "Added before numbers are divided: larger changes less",
        "ops" => "variance, correlation, missing, blocklist and outliers, joined by +",
        "frequency" => {
            "variance: how often the second most frequent value is seen, of the first. Usual: 0.05"
        }
        "unique" => "variance: fewest different values, as a part of the rows. Usual: 0.01",
        "correlation" => "Of two features more alike than this one is dropped. Usual: 0.9",
        "missing" => "Largest part of values that may be missing. Usual: 0.05",
        "outliers" => "Features with values beyond this are dropped. Usual: 500",
        "theta" => "How much an uneven cluster costs. Usual: 2",
        "lambda" => "How strongly the correction is held back",
        "sigma" => "How soft clusters are. Usual: 0.1",
        "nclust" => "Number of clusters. Usual: a thirtieth of the rows, at most 100",
        "max_iter" => "Most rounds. Usual: 10",
        "seed" => "Of random starts: the same seed gives the same numbers",
        _ => "As `molclip correct --steps` takes it",
    }
}
