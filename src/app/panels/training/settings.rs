//! Further settings: the rest of the configuration that `molclip train` reads as well.

use std::ops::RangeInclusive;

use eframe::egui::emath::Numeric;
use eframe::egui::{CollapsingHeader, ComboBox, DragValue, Grid, Ui};

use crate::app::command::Command;
use crate::app::forms::choice::Choice;
use crate::app::state::Outbox;
use crate::app::training::TrainingCommand;
use crate::app::training::form::Form;
use crate::app::widgets::named;
use crate::learn::config::{Contrast, Molecules, OptimizerKind, Schedule};
use crate::model::card::MoleculeEncoderKind;

/// Shows the settings, folded away at first. A model to start from brings its own network.
pub fn show(ui: &mut Ui, form: &mut Form, has_card: bool, out: &mut Outbox) {
    CollapsingHeader::new("Further settings").id_salt("further settings").show(ui, |ui| {
        ui.add_enabled_ui(!has_card, |ui| network(ui, form));
        steps(ui, form);
        losses(ui, form);
        augmentation(ui, form);
        ui.add_space(4.0);
        ui.horizontal_wrapped(|ui| {
            let tip = "As JSON: “molclip train --config FILE” trains the same without a window";
            if ui.button("Save configuration…").on_hover_text(tip).clicked() {
                out.send(Command::Choose(Choice::SaveConfig));
            }
            if ui.button("Load configuration…").clicked() {
                out.send(Command::Choose(Choice::LoadConfig));
            }
            let tip = "The settings that suit these rows and this computer";
            if ui.button("Back to the defaults").on_hover_text(tip).clicked() {
                out.send(Command::Training(TrainingCommand::Defaults));
            }
        });
    });
}

fn number<N: Numeric>(
    ui: &mut Ui,
    text: &str,
    tip: &str,
    value: &mut N,
    range: RangeInclusive<N>,
    speed: f64,
) {
    let label = ui.label(text).on_hover_text(tip);
    let drag = DragValue::new(value).range(range).speed(speed).max_decimals(6);
    ui.add(drag).labelled_by(label.id).on_hover_text(tip);
    ui.end_row();
}

fn choice<T: PartialEq + Copy>(ui: &mut Ui, text: &str, value: &mut T, choices: &[(T, &str, &str)]) {
    ui.label(text);
    let now = choices.iter().find(|(of, ..)| of == value).map_or("", |(_, name, _)| *name);
    let combo = ComboBox::from_id_salt(text).selected_text(now).show_ui(ui, |ui| {
        for (of, name, tip) in choices {
            ui.selectable_value(value, *of, *name).on_hover_text(*tip);
        }
    });
    named(combo.response, text);
    ui.end_row();
}

fn grid(ui: &mut Ui, title: &str, content: impl FnOnce(&mut Ui)) {
    ui.add_space(4.0);
    ui.strong(title);
    Grid::new(title).num_columns(2).spacing([12.0, 4.0]).show(ui, content);
}

fn network(ui: &mut Ui, form: &mut Form) {
    let config = &mut form.config;
    grid(ui, "Network", |ui| {
        let mut frames = config.input.frames;
        let before = frames;
        let tip = "Frames of a video that the network sees; 1 for images";
        number(ui, "Frames", tip, &mut frames, 1..=512, 0.2);
        if frames != before {
            config.set_frames(frames);
        }
        let mut size = config.size();
        let before = size;
        number(ui, "Pixels on a side", "At the scale below", &mut size, 16..=1024, 0.5);
        if size != before {
            config.input.size = Some(size);
        }
        let mut um = config.pixel_size_um();
        let before = um;
        let tip = "Every video is brought to this scale by its own pixel size";
        number(ui, "µm per pixel", tip, &mut um, 0.001..=100.0, 0.005);
        if um.to_bits() != before.to_bits() {
            config.input.pixel_size_um = Some(um);
        }
        let tip = "Width of the space that videos and structures share";
        number(ui, "Common space", tip, &mut config.projection, 8..=4096, 1.0);
        choice(
            ui,
            "Structure encoder",
            &mut config.molecule_encoder,
            &[
                (MoleculeEncoderKind::EcfpMlp, "Fingerprint", "ECFP4 and a small network"),
                (MoleculeEncoderKind::Gin, "Graph", "Message passing over atoms and bonds"),
            ],
        );
    });
}

fn steps(ui: &mut Ui, form: &mut Form) {
    let config = &mut form.config;
    grid(ui, "Steps", |ui| {
        number(ui, "Seed", "The same seed gives the same model", &mut config.seed, 0..=u64::MAX, 0.1);
        number(ui, "Drugs in a batch", "P", &mut config.batch_drugs, 2..=512, 0.1);
        number(ui, "Videos of each drug", "K", &mut config.batch_videos, 2..=64, 0.1);
        let tip = "A batch is computed in as many parts, to save memory";
        number(ui, "Parts of a batch", tip, &mut config.accumulate, 1..=256, 0.1);
        let rate = config.learning_rate;
        number(ui, "Learning rate", "The highest", &mut config.learning_rate, 1e-7..=10.0, rate * 0.02);
        number(
            ui,
            "Warm-up",
            "Epochs until the highest learning rate",
            &mut config.warmup_epochs,
            0.0..=100.0,
            0.1,
        );
        choice(
            ui,
            "Schedule",
            &mut config.schedule,
            &[
                (Schedule::Cosine, "Cosine", "Falls to a hundredth along a cosine"),
                (
                    Schedule::Plateau,
                    "Plateau",
                    "A tenth whenever the validation is no better for five rounds",
                ),
                (Schedule::Constant, "Constant", "Does not fall"),
            ],
        );
        choice(
            ui,
            "Optimizer",
            &mut config.optimizer,
            &[
                (OptimizerKind::AdamW, "AdamW", "Adam with decoupled weight decay"),
                (OptimizerKind::Sgd, "SGD", "With Nesterov momentum 0.9, as MitoReID"),
            ],
        );
        number(ui, "Weight decay", "", &mut config.weight_decay, 0.0..=10.0, 0.001);
        let tip = "Largest norm of a parameter's gradient";
        number(ui, "Gradient clip", tip, &mut config.clip_gradient, 1e-3..=1e3, 0.01);
        number(
            ui,
            "Validate every",
            "Epochs between two validations",
            &mut config.validate_every,
            1..=1000,
            0.1,
        );
        let tip = "Validations without a better one until training ends by itself; 0: never";
        number(ui, "Patience", tip, &mut config.patience, 0..=1000, 0.1);
    });
}

fn losses(ui: &mut Ui, form: &mut Form) {
    let config = &mut form.config;
    let losses = &mut config.losses;
    grid(ui, "Losses", |ui| {
        number(ui, "Label smoothing", "Of the classification", &mut losses.smoothing, 0.0..=0.9, 0.005);
        number(ui, "Triplet", "Weight; 0 leaves it out", &mut losses.triplet, 0.0..=100.0, 0.01);
        number(ui, "Triplet margin", "", &mut losses.margin, 0.0..=10.0, 0.01);
        number(ui, "Center", "Weight; 0 leaves it out", &mut losses.center, 0.0..=10.0, 0.001);
        number(
            ui,
            "Molecule",
            "λ, the weight of videos against structures",
            &mut losses.molecule,
            0.0..=100.0,
            0.01,
        );
        choice(
            ui,
            "Structures of",
            &mut config.contrast,
            &[
                (Contrast::Batch, "the batch", "Videos and structures of a batch, in both directions"),
                (Contrast::All, "all drugs", "Each video against all structures, as CLIP-ReID"),
            ],
        );
        choice(
            ui,
            "Whose structures",
            &mut config.molecules,
            &[
                (Molecules::None, "none", "Videos alone"),
                (Molecules::Structures, "each drug's own", ""),
                (Molecules::Permuted, "permuted among drugs", "A control: does chemistry matter?"),
            ],
        );
        let tip = "After the warm-up, leave videos out of a batch that look like DMSO: inactive drugs do";
        ui.label("Inactive drugs").on_hover_text(tip);
        ui.checkbox(&mut config.drop_inactive, "leave out").on_hover_text(tip);
        ui.end_row();
    });
}

fn augmentation(ui: &mut Ui, form: &mut Form) {
    let augment = &mut form.config.augment;
    grid(ui, "Variation of training videos", |ui| {
        ui.label("Mirror and quarter turns");
        ui.checkbox(&mut augment.flip, "");
        ui.end_row();
        number(ui, "Turn", "Chance of a turn by any angle", &mut augment.rotate, 0.0..=1.0, 0.005);
        number(ui, "Scale", "Chance of a scale between 0.8 and 1.2", &mut augment.rescale, 0.0..=1.0, 0.005);
        number(ui, "Shift", "At most, as a part of the width", &mut augment.shift, 0.0..=0.5, 0.005);
        let tip = "By at most this part; little, as brightness is a signal";
        number(ui, "Brightness", tip, &mut augment.gain, 0.0..=0.9, 0.005);
        number(ui, "Backwards", "Chance to play backwards", &mut augment.reverse, 0.0..=1.0, 0.005);
    });
}
