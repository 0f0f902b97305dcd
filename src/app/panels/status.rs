//! The status bar: what the pointer is over, what runs, on which device.

use std::time::Duration;

use eframe::egui::{self, ProgressBar, RichText, Ui};

use crate::app::command::Command;
use crate::app::jobs::Jobs;
use crate::app::state::{AppState, Outbox};
use crate::app::training::form::duration;
use crate::app::widgets::icon::{self, Icon};
use crate::app::widgets::overlay;
use crate::video::cache::CacheStats;

/// Quiet jobs that end sooner are not shown: a look at the disk is not worth a flicker.
const SHORT: Duration = Duration::from_millis(150);

/// Position and values under the pointer.
pub fn readout(state: &AppState) -> Option<String> {
    let hover = state.hover.as_ref()?;
    let view = state.views.get(hover.view)?;
    let (x, y) = hover.pixel;
    let position = match overlay::pixel_size(&view.recording) {
        Some(size) => format!("x {:.2} µm  y {:.2} µm  ({x}, {y} px)", x as f64 * size, y as f64 * size),
        None => format!("x {x} px  y {y} px"),
    };
    let many = view.recording.shape().c > 1;
    let values: Vec<String> = hover
        .values
        .iter()
        .map(|(channel, value)| {
            let value = if view.recording.series.dtype.is_float() {
                format!("{value:.5}")
            } else {
                format!("{value:.0}")
            };
            if many { format!("C{} {value}", channel + 1) } else { value }
        })
        .collect();
    Some(format!("{position}   value {}", values.join("  ")))
}

/// Bytes as people write them.
pub fn size(bytes: usize) -> String {
    let mb = bytes as f64 / f64::from(1 << 20);
    match mb {
        mb if mb >= 1024.0 => format!("{:.1} GB", mb / 1024.0),
        mb if mb >= 10.0 => format!("{mb:.0} MB"),
        mb if mb >= 0.1 => format!("{mb:.1} MB"),
        _ => format!("{} kB", bytes >> 10),
    }
}

/// Shows the bar.
pub fn show(ui: &mut Ui, state: &AppState, jobs: &Jobs, cache: CacheStats, out: &mut Outbox) {
    ui.horizontal(|ui| {
        match readout(state) {
            Some(text) => ui.label(RichText::new(text).monospace()),
            None => ui.weak(if state.views.is_empty() {
                "No recording"
            } else {
                "Move over a picture to read values"
            }),
        };
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.label(&state.draws).on_hover_text(format!(
                "Draws: {}\nComputes: {}\nRun “molclip gpu” for a self-test.",
                state.draws, state.computes
            ));
            ui.separator();
            ui.label(format!("Frames {}", size(cache.bytes))).on_hover_text(format!(
                "Decoded frames held: {} planes, {} of at most {}\nReading a plane takes {:.1} ms",
                cache.planes,
                size(cache.bytes),
                size(cache.capacity),
                cache.decode_ms
            ));
            if let Some((path, unnamed)) = &state.project {
                ui.separator();
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                if *unnamed {
                    let tip = "Everything is kept for recovery, but the experiment has no name yet: Ctrl+S";
                    ui.label(RichText::new("not saved yet").color(ui.visuals().warn_fg_color))
                        .on_hover_text(tip);
                } else {
                    ui.label(overlay::shorten(&name, 30)).on_hover_text(format!(
                        "{}: {}",
                        path.display(),
                        state.saving
                    ));
                }
            }
            for job in jobs.running() {
                if job.quiet && job.started.elapsed() < SHORT {
                    ui.ctx().request_repaint_after(SHORT);
                    continue;
                }
                ui.separator();
                let name = state.masked(&job.name);
                let tip = format!("Stop: {name}");
                if icon::button(ui, Icon::Close, &tip, &tip, true, 16.0).clicked() {
                    out.send(Command::CancelJob(job.id));
                }
                let left = job
                    .time_left()
                    .map_or_else(String::new, |t| format!(" {} left", duration(t.as_secs_f64())));
                match job.progress.fraction() {
                    Some(done) => {
                        let bar = ProgressBar::new(done).desired_width(70.0).desired_height(10.0);
                        ui.add(bar).on_hover_text(format!("{:.0} %{left}", done * 100.0));
                    }
                    None => {
                        ui.spinner();
                    }
                }
                ui.label(format!("{}{left}", overlay::shorten(&name, 40)));
            }
        });
    });
}
