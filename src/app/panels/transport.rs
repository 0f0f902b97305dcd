//! Playing: buttons, timeline, speed, z.

use eframe::egui::{ComboBox, DragValue, RichText, Slider, Ui, vec2};

use crate::app::command::{Command, shortcut_text};
use crate::app::state::{AppState, Outbox};
use crate::app::view::format_time;
use crate::app::widgets::icon::{self, Icon};
use crate::app::widgets::named;
use crate::app::widgets::timeline_bar::{self, Marks};
use crate::video::cache::{FrameCache, PlaneKey};
use crate::video::display::Projection;
use crate::video::timeline::{Align, Ending, Pacing, Speed, Unit};

fn icon(ui: &mut Ui, glyph: Icon, command: &Command, enabled: bool, out: &mut Outbox) {
    let Some(about) = command.describe() else { return };
    let keys = about.shortcut.map_or_else(String::new, |s| format!("  ({})", shortcut_text(ui.ctx(), &s)));
    let tip = format!("{}{keys}", about.tooltip);
    if icon::button(ui, glyph, about.text, &tip, enabled, 26.0).clicked() {
        out.send(command.clone());
    }
}

/// Shows the playing controls.
pub fn show(ui: &mut Ui, state: &AppState, cache: &FrameCache, out: &mut Outbox) {
    let movie = state.timeline.len() > 1;
    ui.add_space(2.0);
    ui.horizontal(|ui| {
        icon(ui, Icon::First, &Command::First, movie, out);
        icon(ui, Icon::Back, &Command::StepBack, movie, out);
        let glyph = if state.clock.playing { Icon::Pause } else { Icon::Play };
        icon(ui, glyph, &Command::PlayPause, movie, out);
        icon(ui, Icon::Forward, &Command::StepForward, movie, out);
        icon(ui, Icon::Last, &Command::Last, movie, out);
        ui.add_space(6.0);
        let label = position(state);
        let width = (ui.available_width() - 250.0).max(80.0);
        ui.allocate_ui(vec2(width, 24.0), |ui| timeline(ui, state, cache, &label, out));
        ui.add_space(4.0);
        ui.label(RichText::new(label).monospace());
    });
    ui.horizontal(|ui| {
        speed(ui, state, out);
        ui.separator();
        ending(ui, state, out);
        pacing(ui, state, out);
        depth(ui, state, out);
        treatment(ui, state, out);
    });
    ui.add_space(2.0);
}

/// Time and frame of the playhead.
fn position(state: &AppState) -> String {
    let Some(view) = state.active_view() else { return String::new() };
    let frame = state.frame_of(state.active) + 1;
    let frames = view.recording.shape().t;
    match state.timeline.unit {
        Unit::Seconds if state.timeline.len() > 1 => {
            let span = state.timeline.duration();
            let end = state.timeline.ticks.last().copied().unwrap_or(0.0);
            format!("{} / {}  {frame}/{frames}", state.position_label(), format_time(end, span))
        }
        _ => format!("frame {frame} of {frames}"),
    }
}

fn timeline(ui: &mut Ui, state: &AppState, cache: &FrameCache, label: &str, out: &mut Outbox) {
    let active = state.active;
    let view = state.active_view();
    let z = view.map_or(0, |v| v.planes_z().start);
    let c = view.and_then(|v| v.visible_channels().next()).unwrap_or(0);
    let decoded = |tick: usize| {
        view.is_some_and(|v| {
            let key = PlaneKey { recording: v.recording.id, t: state.timeline.frame(active, tick), z, c };
            cache.is_settled(key)
        })
    };
    let missing = |tick: usize| {
        view.is_some_and(|v| {
            let t = state.timeline.frame(active, tick);
            !v.recording.series.missing.is_empty()
                && v.recording.series.is_missing(v.recording.shape().plane_index(t, z, c))
        })
    };
    let treatments: Vec<usize> = state
        .views
        .iter()
        .enumerate()
        .filter_map(|(i, v)| v.recording.edits.treatment_frame.map(|f| state.timeline.tick_of(i, f)))
        .collect();
    let marks = Marks { decoded: &decoded, treatments: &treatments, missing: &missing };
    if let Some(tick) = timeline_bar::show(ui, &state.timeline, state.clock.tick, label, &marks)
        && tick != state.clock.tick
    {
        out.send(Command::Seek(tick));
    }
}

fn speed(ui: &mut Ui, state: &AppState, out: &mut Outbox) {
    let (mut value, real) = match state.clock.speed {
        Speed::Fps(fps) => (fps, false),
        Speed::RealTime(times) => (times, true),
    };
    let timed = state.timeline.unit == Unit::Seconds;
    let suffix = if real { " × real time" } else { " frames/s" };
    let drag = DragValue::new(&mut value).range(0.01..=100_000.0).speed(0.2).max_decimals(2).suffix(suffix);
    if named(ui.add(drag), "Speed").on_hover_text("Drag, or click and type").changed() {
        out.send(Command::SetSpeed(if real { Speed::RealTime(value) } else { Speed::Fps(value) }));
    }
    let tip = if timed {
        "Count speed in frames per second or in multiples of real time"
    } else {
        "Real time needs the frame interval: set it in the panel “Recording”"
    };
    if icon::button(ui, Icon::Swap, "Frames per second or real time", tip, timed || real, 20.0).clicked() {
        let median = state.timeline.duration() / (state.timeline.len().max(2) - 1) as f64;
        out.send(Command::SetSpeed(match state.clock.speed {
            Speed::Fps(fps) => Speed::RealTime((fps * median).max(0.01)),
            Speed::RealTime(times) => Speed::Fps((times / median.max(1e-9)).max(0.01)),
        }));
    }
}

fn ending(ui: &mut Ui, state: &AppState, out: &mut Outbox) {
    for (ending, text, tip) in [
        (Ending::Loop, "Loop", "Start again at the end"),
        (Ending::Bounce, "Bounce", "Turn round at both ends"),
        (Ending::Stop, "Once", "Stop at the end"),
    ] {
        if ui.selectable_label(state.clock.ending == ending, text).on_hover_text(tip).clicked() {
            out.send(Command::SetEnding(ending));
        }
    }
}

fn pacing(ui: &mut Ui, state: &AppState, out: &mut Outbox) {
    let name = |p| match p {
        Pacing::EveryFrame => "every frame",
        Pacing::KeepTime => "keep time",
    };
    let choice = ComboBox::from_id_salt("pacing")
        .selected_text(name(state.clock.pacing))
        .width(96.0)
        .show_ui(ui, |ui| {
            for (pacing, tip) in [
                (Pacing::EveryFrame, "Show every frame; slow down when reading cannot keep up"),
                (Pacing::KeepTime, "Keep the speed; leave out frames when reading cannot keep up"),
            ] {
                if ui
                    .selectable_label(state.clock.pacing == pacing, name(pacing))
                    .on_hover_text(tip)
                    .clicked()
                {
                    out.send(Command::SetPacing(pacing));
                }
            }
        });
    named(choice.response, "Pacing");
}

fn depth(ui: &mut Ui, state: &AppState, out: &mut Outbox) {
    let Some(view) = state.active_view() else { return };
    let depth = view.recording.shape().z;
    if depth < 2 {
        return;
    }
    ui.separator();
    for (projection, text, tip) in [
        (Projection::Slice, "Slice", "One focal plane"),
        (Projection::Max, "Max", "Brightest value along z"),
        (Projection::Mean, "Mean", "Mean value along z"),
    ] {
        if ui.selectable_label(view.display.projection == projection, text).on_hover_text(tip).clicked() {
            out.send(Command::SetProjection(projection));
        }
    }
    let mut plane = view.display.z.min(depth - 1) + 1;
    let slider = Slider::new(&mut plane, 1..=depth).text(format!("z of {depth}"));
    let height = view.recording.series.z_step_um.map_or_else(String::new, |step| {
        format!("{:.2} µm above the first plane", view.display.z as f64 * step)
    });
    let response = ui.add_enabled(view.display.projection == Projection::Slice, slider);
    let response = if height.is_empty() { response } else { response.on_hover_text(height) };
    if response.changed() {
        out.send(Command::SetZ(plane - 1));
    }
}

fn treatment(ui: &mut Ui, state: &AppState, out: &mut Outbox) {
    if state.views.is_empty() || state.timeline.len() < 2 {
        return;
    }
    ui.separator();
    let marked = state.active_view().is_some_and(|v| v.recording.edits.treatment_frame.is_some());
    let command = if marked { Command::ClearTreatment } else { Command::MarkTreatment };
    if let Some(about) = command.describe()
        && ui
            .button(if marked { "Clear treatment" } else { "Treatment here" })
            .on_hover_text(about.tooltip)
            .clicked()
    {
        out.send(command);
    }
    if state.views.len() > 1 && state.views.iter().any(|v| v.recording.edits.treatment_frame.is_some()) {
        let by_treatment = state.settings.align == Align::Treatment;
        if ui
            .selectable_label(by_treatment, "Align treatments")
            .on_hover_text("Line recordings up by their treatment instead of their first frame")
            .clicked()
        {
            out.send(Command::SetAlign(if by_treatment { Align::Start } else { Align::Treatment }));
        }
    }
}
