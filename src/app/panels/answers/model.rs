//! What encodes, which rows, and who is in the gallery.

use eframe::egui::{Button, ComboBox, RichText, Ui};

use super::SMALL;
use super::send;
use crate::app::answers::models::{choices, chosen, name};
use crate::app::answers::{AnswerCommand, Source};
use crate::app::command::Command;
use crate::app::forms::choice::Choice;
use crate::app::screen::Screen;
use crate::app::state::{AppState, Outbox};
use crate::app::widgets::date::date;
use crate::app::widgets::named;
use crate::learn::assess::BIOMARKERS;

/// Shows which model is asked, and the button that lets it look.
pub fn choose(ui: &mut Ui, state: &AppState, screen: &Screen, out: &mut Outbox) {
    let now = chosen(&state.answers, &state.training, screen);
    let encoded = state.answers.of(screen);
    ui.horizontal_wrapped(|ui| {
        let combo = ComboBox::from_id_salt("model").selected_text(name(&now)).width(190.0).show_ui(ui, |ui| {
            for choice in choices(&state.answers, &state.training, screen) {
                if offered(ui, state, &choice, &now) {
                    send(out, AnswerCommand::Source(choice));
                }
            }
            ui.separator();
            if ui.button("Another folder…").on_hover_text("The folder of a model").clicked() {
                out.send(Command::Choose(Choice::AnswerModel));
                ui.close();
            }
            super::super::menu::entry(ui, &Command::AddEmbedding, None, out);
        });
        named(combo.response, "Model");
        if state.answers.job.is_some() {
            ui.spinner();
            ui.weak(match state.answers.bringing {
                Some(_) => "Bringing answers back…",
                None => "Working; progress and stop are below",
            });
            return;
        }
        let count = screen.table().len() - screen.excluded();
        match encoded {
            Some(encoded) if encoded.source == now => {
                if !encoded.is_current(screen) {
                    let tip = "The table was changed since: labels and exclusions are read again, no video is encoded twice";
                    if ui.button("Update answers").on_hover_text(tip).clicked() {
                        send(out, AnswerCommand::Refresh);
                    }
                }
                if !matches!(now, Source::Embedding(_)) {
                    let tip = "Read and encode all videos anew, for recordings, scales or controls that have changed";
                    if ui.small_button("Encode again").on_hover_text(tip).clicked() {
                        send(out, AnswerCommand::EncodeAgain);
                    }
                }
            }
            _ => {
                let (text, tip) = if matches!(now, Source::Embedding(_)) {
                    (format!("Use {count} rows"), "The vectors are there already; nothing is encoded")
                } else {
                    (
                        format!("Encode {count} videos"),
                        "The model looks at every video once; then each question is answered at once",
                    )
                };
                let button = Button::new(RichText::new(text).strong());
                if ui.add_enabled(count > 0, button).on_hover_text(tip).clicked() {
                    send(out, AnswerCommand::Encode);
                }
            }
        }
    });
    if let Some(why) = &state.answers.failed {
        ui.colored_label(ui.visuals().error_fg_color, why);
    }
}

/// Shows what is known of the model, the gallery, and what can be exported.
pub fn about(ui: &mut Ui, state: &AppState, screen: &Screen, out: &mut Outbox) {
    let now = chosen(&state.answers, &state.training, screen);
    let encoded = state.answers.of(screen);
    if now == Source::Shipped {
        let text = "Trained on simulated cells only: what it says of real cells is no evidence. Train a model on your own screen (Model › Train a model…).";
        ui.label(RichText::new(text).size(SMALL).color(ui.visuals().warn_fg_color));
    }
    if now == Source::Family(BIOMARKERS) {
        let text = "Hand-made features: they beat the shipped network on a simulated screen that neither has seen. Choose a model to ask by structure.";
        ui.label(RichText::new(text).size(SMALL));
    }
    let live = state.training.live.as_ref().filter(|live| live.experiment == screen.experiment().id);
    if state.answers.source.is_none() && live.is_some_and(|live| now == Source::Model(live.folder.clone())) {
        let text = "Trained here, on this experiment: it answers until another is chosen. Whether it beats hand-made features is in its evaluation.";
        ui.label(RichText::new(text).size(SMALL));
    }
    if matches!(now, Source::Embedding(_)) {
        let text = "Vectors that the experiment keeps, of another program or of a model that is not at hand: they answer as a model's do. Rectangles and structures need the model itself.";
        ui.label(RichText::new(text).size(SMALL));
    }
    let Some(encoded) = encoded else {
        ui.add_space(6.0);
        ui.label("A model turns each video into a list of numbers, its embedding. Videos whose embeddings lie close look alike to the model, and drugs that do the same should look alike.");
        return;
    };
    ui.horizontal_wrapped(|ui| {
        let rows = encoded.rows();
        let text = match encoded.seconds {
            Some(seconds) => format!("{rows} videos in {seconds:.1} s"),
            None => format!("{rows} videos, encoded before"),
        };
        ui.weak(RichText::new(text).size(SMALL));
        if encoded.is_simulated() {
            let (text, tip) = if encoded.subjects.simulated() {
                ("simulated", "These videos come from the simulator, not from a microscope")
            } else {
                (
                    "simulation answers",
                    "The model, or the gallery, knows simulated cells: no evidence about real ones",
                )
            };
            ui.label(RichText::new(text).size(SMALL).strong().color(ui.visuals().warn_fg_color))
                .on_hover_text(tip);
        }
        let of = &encoded.embedded.encoded;
        remark(ui, &of.problems, "left out", true);
        remark(ui, &of.warnings, "with a warning", false);
    });
    ui.horizontal_wrapped(|ui| {
        ui.label("Compared with");
        let own = "this experiment";
        let text = encoded.gallery.as_ref().map_or(own, |gallery| gallery.name.as_str());
        let combo = ComboBox::from_id_salt("gallery").selected_text(text).show_ui(ui, |ui| {
            if ui.selectable_label(encoded.gallery.is_none(), own).clicked() && encoded.gallery.is_some() {
                send(out, AnswerCommand::OwnGallery);
            }
            let tip = "Its videos answer for those of this one; it is opened read-only and encoded with the same model";
            for (text, choice) in
                [("A project or dataset…", Choice::GalleryFolder), ("A table…", Choice::Gallery)]
            {
                if ui.button(text).on_hover_text(tip).clicked() {
                    out.send(Command::Choose(choice));
                    ui.close();
                }
            }
        });
        named(combo.response, "Compared with");
        super::super::menu::entry(ui, &Command::ExportPredictions, None, out);
    });
}

/// Shows something to choose from, and what is known of a model; true if it is clicked.
fn offered(ui: &mut Ui, state: &AppState, choice: &Source, now: &Source) -> bool {
    let model = match choice {
        Source::Model(folder) => state.training.models.iter().find(|model| model.folder == *folder),
        _ => None,
    };
    let Some(model) = model else { return ui.selectable_label(choice == now, name(choice)).clicked() };
    let when = model.written.map_or_else(String::new, |written| format!(" · {}", date(written)));
    let text = format!("{}{when}", if state.is_blind() { name(choice) } else { model.line() });
    ui.horizontal(|ui| {
        let tip = |ui: &mut Ui| {
            ui.label(model.folder.display().to_string());
            if let Some((_, Some(by))) = model.score {
                ui.weak(format!("Validated by: {}", by.text()));
            }
            for misfit in &model.misfits {
                ui.colored_label(ui.visuals().warn_fg_color, misfit);
            }
        };
        let is_clicked = ui.selectable_label(choice == now, text).on_hover_ui(tip).clicked();
        if !model.misfits.is_empty() {
            ui.colored_label(ui.visuals().warn_fg_color, "does not fit").on_hover_ui(tip);
        }
        is_clicked
    })
    .inner
}

/// Rows with a remark, counted; which and why on hover.
fn remark(ui: &mut Ui, rows: &[(String, String)], what: &str, bad: bool) {
    if rows.is_empty() {
        return;
    }
    let color = if bad { ui.visuals().error_fg_color } else { ui.visuals().warn_fg_color };
    let label = ui.label(RichText::new(format!("{} {what}", rows.len())).size(SMALL).color(color));
    label.on_hover_ui(|ui| {
        for (row, why) in rows.iter().take(10) {
            ui.label(format!("{row}: {why}"));
        }
        if rows.len() > 10 {
            ui.weak(format!("and {} more", rows.len() - 10));
        }
    });
}
