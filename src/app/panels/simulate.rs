//! A simulated screen: how large, and what its cells look like.

use std::time::Duration;

use eframe::egui::{
    Button, ColorImage, ComboBox, Context, DragValue, Grid, Id, Image, Key, Modal, RichText, Slider,
    TextEdit, TextureHandle, TextureOptions, Ui, vec2,
};

use crate::app::command::Command;
use crate::app::forms::simulate::{Shown, SimulateForm, previews};
use crate::app::state::Outbox;
use crate::app::widgets::named;
use crate::simulate::{Config, Parameters, Video};

/// Speed of the preview.
const FRAMES_PER_SECOND: f64 = 8.0;

/// Shows the form while it is open.
pub fn show(ctx: &Context, open: &mut Option<SimulateForm>, out: &mut Outbox) {
    let Some(mut form) = open.take() else { return };
    let mut done = false;
    let response = Modal::new(Id::unique("simulate")).show(ctx, |ui| {
        ui.set_width(460.0);
        ui.heading("Simulate a screen");
        ui.label("Videos of simulated cells under real drugs whose effects are known: for trying the program out, and for measuring what it can find. They are marked as simulated wherever they appear.");
        ui.add_space(6.0);
        sizes(ui, &mut form.config);
        ui.horizontal(|ui| {
            ui.label("Folder");
            ui.add(TextEdit::singleline(&mut form.folder).desired_width(f32::INFINITY));
        });
        let problem = form.problem();
        if problem.is_none() {
            preview(ui, &mut form);
        }
        match &problem {
            Some(problem) => {
                ui.colored_label(ui.visuals().error_fg_color, problem);
            }
            None => {
                ui.label(RichText::new(estimate(&form.config)).weak());
            }
        }
        ui.add_space(4.0);
        ui.horizontal(|ui| {
            let start = Button::new("Simulate").min_size(vec2(110.0, 28.0));
            // In a number or the folder, Enter ends the typing.
            let enter = ui.memory(|m| m.focused().is_none()) && ui.input(|i| i.key_pressed(Key::Enter));
            if ui.add_enabled(problem.is_none(), start).clicked() || (enter && problem.is_none()) {
                out.send(Command::ConfirmSimulate);
            }
            done |= ui.button("Cancel").clicked();
        });
    });
    // Asking the dialog takes the key away, so the key is looked at first.
    let escaped = ctx.input(|i| i.key_pressed(Key::Escape)) && response.should_close();
    if !done && !escaped {
        *open = Some(form);
    }
}

fn sizes(ui: &mut Ui, config: &mut Config) {
    Grid::new("sizes").num_columns(2).spacing([12.0, 5.0]).show(ui, |ui| {
        let mut line = |text: &str, tip: &str, value: &mut usize, range: std::ops::RangeInclusive<usize>| {
            let label = ui.label(text).on_hover_text(tip);
            ui.add(DragValue::new(value).range(range)).labelled_by(label.id);
            ui.end_row();
        };
        line("Mechanisms of action", "", &mut config.moas, 1..=40);
        line("Drugs of each", "Fewer where fewer are known", &mut config.drugs_per_moa, 1..=12);
        line("Videos per drug and replicate", "At several doses", &mut config.videos_per_drug, 1..=200);
        line("Replicates", "Each has its own shift in staining and focus", &mut config.replicates, 1..=12);
        line("Pixels on a side", "", &mut config.size, 32..=512);
        line("Frames", "", &mut config.frames, 4..=200);
        let label = ui.label("Seed").on_hover_text("The same seed gives the same videos");
        ui.add(DragValue::new(&mut config.seed)).labelled_by(label.id);
        ui.end_row();
    });
}

/// A cell as it would look: a mechanism and its strength, playing.
fn preview(ui: &mut Ui, form: &mut SimulateForm) {
    let Ok(parameters) = Parameters::get() else { return };
    ui.horizontal(|ui| {
        ui.label("Preview");
        let now = form.moa.as_deref().unwrap_or("DMSO");
        let combo = ComboBox::from_id_salt("preview").selected_text(now).width(230.0).height(360.0);
        let combo = combo.show_ui(ui, |ui| {
            ui.selectable_value(&mut form.moa, None, "DMSO");
            for moa in &parameters.moas {
                let choice = ui.selectable_value(&mut form.moa, Some(moa.name.clone()), &moa.name);
                choice.on_hover_text(&moa.summary);
            }
        });
        named(combo.response, "Mechanism of the preview");
        if form.moa.is_some() {
            ui.add(Slider::new(&mut form.percent, 0..=100).suffix(" % of the full effect"));
        }
    });
    let ctx = ui.ctx().clone();
    let wake = move || ctx.request_repaint();
    let wish = form.wish();
    let made = form.previews.get_or_insert_with(|| previews(wake));
    if form.shown.as_ref().is_none_or(|shown| shown.wish != wish) {
        match made.get(&wish) {
            Some(Ok(video)) => {
                let field_um = video.pixel_size_um * video.size as f64;
                form.shown = Some(Shown { wish, frames: textures(ui, &video), field_um });
            }
            Some(Err(problem)) => {
                ui.colored_label(ui.visuals().error_fg_color, problem);
            }
            None => made.want([wish]),
        }
    }
    let Some(Shown { frames, field_um, .. }) = &form.shown else {
        ui.spinner();
        return;
    };
    let now = ui.input(|i| i.time);
    let frame = (now * FRAMES_PER_SECOND) as usize % frames.len().max(1);
    ui.horizontal(|ui| {
        if let Some(texture) = frames.get(frame) {
            ui.add(Image::new(texture).fit_to_exact_size(vec2(224.0, 224.0)));
        }
        ui.vertical(|ui| {
            ui.label(RichText::new("simulated").strong().color(ui.visuals().warn_fg_color));
            ui.weak(format!("{field_um:.1} µm wide, frame {} of {}", frame + 1, frames.len()));
            ui.weak("The same contrast for all frames, not for all mechanisms.");
        });
    });
    ui.ctx().request_repaint_after(Duration::from_secs_f64(1.0 / FRAMES_PER_SECOND));
}

fn textures(ui: &Ui, video: &Video) -> Vec<TextureHandle> {
    let mut sorted = video.frames.clone();
    sorted.sort_unstable();
    let at = |share: f64| f32::from(sorted[((sorted.len() - 1) as f64 * share) as usize]);
    let (low, high) = (at(0.01), at(0.9985));
    let scale = 255.0 / (high - low).max(1.0);
    video
        .frames
        .chunks_exact(video.size * video.size)
        .map(|frame| {
            let grey: Vec<u8> =
                frame.iter().map(|&v| ((f32::from(v) - low) * scale).clamp(0.0, 255.0) as u8).collect();
            let image = ColorImage::from_gray([video.size, video.size], &grey);
            ui.ctx().load_texture("preview", image, TextureOptions::LINEAR)
        })
        .collect()
}

fn estimate(config: &Config) -> String {
    let videos = config.moas * config.drugs_per_moa * config.videos_per_drug * config.replicates;
    let pixels = videos * config.frames * config.size * config.size;
    format!(
        "About {videos} videos and as many of DMSO as the plates ask for, {:.0} MB.",
        pixels as f64 * 2.0 / 1e6
    )
}
