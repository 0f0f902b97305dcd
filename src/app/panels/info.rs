//! What is known of the active recording: problems in red, every value editable; the file stays as it is.

use eframe::egui::{Button, Color32, ComboBox, DragValue, Grid, Id, RichText, ScrollArea, TextEdit, Ui};

use crate::app::command::Command;
use crate::app::state::{AppState, Outbox};
use crate::app::view::View;
use crate::app::widgets::icon::{self, Icon};
use crate::app::widgets::named;
use crate::video::edits::{AxisAssignment, AxisOrder, Edits};
use crate::video::recording::{Field, MetadataProblem};

/// Shows the panel.
pub fn show(ui: &mut Ui, state: &AppState, out: &mut Outbox) {
    let Some(view) = state.active_view() else {
        ui.add_space(8.0);
        ui.weak("Size, calibration and time stamps appear here once a recording is open.");
        return;
    };
    let mut edits = view.recording.edits.clone();
    ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        ui.push_id(view.id, |ui| {
            facts(ui, state, view, out);
            ui.separator();
            calibration(ui, view, &mut edits);
            ui.separator();
            axes(ui, view, &mut edits);
            channels(ui, view, &mut edits);
            warnings(ui, view);
        });
    });
    if edits != view.recording.edits {
        out.send(Command::SetEdits(state.active, edits));
    }
}

fn facts(ui: &mut Ui, state: &AppState, view: &View, out: &mut Outbox) {
    let recording = &view.recording;
    let series = &recording.series;
    let name = ui.add(eframe::egui::Label::new(RichText::new(state.name_of(view)).strong()).wrap());
    if !state.is_blind() {
        name.on_hover_text(recording.address.to_string());
    }
    if recording.all_series().len() > 1 {
        let name = |i: usize, n: &str| format!("{}: {n}", i + 1);
        let choice = ComboBox::from_id_salt("series")
            .selected_text(name(recording.address.series, &series.name))
            .width(ui.available_width() - 10.0)
            .show_ui(ui, |ui| {
                for (index, other) in recording.all_series().iter().enumerate() {
                    let on = index == recording.address.series;
                    if ui.selectable_label(on, name(index, &other.name)).clicked() && !on {
                        out.send(Command::ShowSeries(state.active, index));
                    }
                }
            });
        named(choice.response, "Series");
    }
    Grid::new("facts").num_columns(2).spacing([10.0, 3.0]).show(ui, |ui| {
        let mut row = |name: &str, value: String| {
            ui.weak(name);
            ui.label(value);
            ui.end_row();
        };
        let shape = series.shape;
        row("Format", format!("{}, {}", recording.format, series.compression));
        row("Frame", format!("{} × {} px, {}", shape.x, shape.y, series.dtype.name()));
        row("T, Z, C", format!("{} × {} × {}", shape.t, shape.z, shape.c));
        let bytes = recording.plane_bytes() * shape.planes();
        row("Decoded", super::status::size(bytes));
        if !series.levels.is_empty() {
            row("Pyramid", format!("{} smaller levels, not used", series.levels.len()));
        }
        if let Some(fps) = series.playback_fps {
            row("Film speed", format!("{fps:.1} frames/s (playback only)"));
        }
    });
    if series.missing_planes() > 0 {
        let text = format!(
            "{} of {} planes are missing in the file",
            series.missing_planes(),
            series.shape.planes()
        );
        ui.colored_label(ui.visuals().error_fg_color, text);
    }
}

fn problem_of(problems: &[MetadataProblem], field: Field) -> Option<&str> {
    problems.iter().find(|p| p.field == field).map(|p| p.text.as_str())
}

fn reset(ui: &mut Ui) -> bool {
    icon::button(ui, Icon::Reset, "As in the file", "Back to what the file says", true, 20.0).clicked()
}

/// One editable number; 0 stands for unknown. Returns the new edit when it changed.
fn number(
    ui: &mut Ui,
    name: &str,
    unit: &str,
    current: Option<f64>,
    edit: &mut Option<f64>,
    problem: Option<&str>,
) {
    let red = ui.visuals().error_fg_color;
    let color = if problem.is_some() { red } else { ui.visuals().text_color() };
    ui.label(RichText::new(name).color(color));
    ui.horizontal(|ui| {
        let mut value = current.unwrap_or(0.0);
        let unknown = current.is_none();
        let drag = DragValue::new(&mut value)
            .range(0.0..=1e9)
            .speed(0.001)
            .max_decimals(6)
            .suffix(if unknown { "" } else { unit })
            .custom_formatter(move |v, _| {
                if unknown && v == 0.0 { "unknown".into() } else { format!("{}", (v * 1e6).round() / 1e6) }
            });
        if unknown {
            ui.visuals_mut().override_text_color = Some(red);
        }
        let response = ui.add(drag).on_hover_text("Click and type a value; it is kept beside the file");
        response.widget_info(|| {
            let mut info = eframe::egui::WidgetInfo::drag_value(true, value);
            info.label = Some(name.to_owned());
            info
        });
        if response.changed() {
            *edit = (value > 0.0).then_some(value);
        }
        ui.visuals_mut().override_text_color = None;
        if edit.is_some() && reset(ui) {
            *edit = None;
        }
    });
    ui.end_row();
    if let Some(problem) = problem {
        ui.label("");
        ui.add(eframe::egui::Label::new(RichText::new(problem).color(red).small()).wrap());
        ui.end_row();
    }
}

fn calibration(ui: &mut Ui, view: &View, edits: &mut Edits) {
    let series = &view.recording.series;
    let problems = view.recording.metadata_problems();
    Grid::new("calibration").num_columns(2).spacing([10.0, 4.0]).show(ui, |ui| {
        let pixel = problem_of(&problems, Field::PixelSize);
        number(ui, "Pixel size", " µm", series.pixel_size_um, &mut edits.pixel_size_um, pixel);
        if series.shape.z > 1 {
            let step = problem_of(&problems, Field::ZStep);
            number(ui, "z step", " µm", series.z_step_um, &mut edits.z_step_um, step);
        }
        if series.shape.t > 1 {
            let interval = problem_of(&problems, Field::Interval);
            number(ui, "Interval", " s", series.interval_s, &mut edits.interval_s, interval);
            if let Some(stamps) = series.time_stamps_s() {
                ui.weak("Time stamps");
                ui.label(describe_stamps(&stamps));
                ui.end_row();
            }
        }
    });
}

/// Whether time stamps are regular, in a line.
fn describe_stamps(stamps: &[f64]) -> String {
    let gaps: Vec<f64> = stamps.windows(2).map(|w| w[1] - w[0]).filter(|g| g.is_finite()).collect();
    if gaps.is_empty() {
        return "one".into();
    }
    let (low, high) =
        gaps.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), g| (lo.min(*g), hi.max(*g)));
    if high - low < 0.01 * high.abs() {
        format!("every {:.4} s", f64::midpoint(low, high))
    } else {
        format!("irregular: {low:.3} to {high:.3} s apart")
    }
}

fn axes(ui: &mut Ui, view: &View, edits: &mut Edits) {
    let stored = view.recording.stored.shape;
    if stored.planes() < 2 {
        return;
    }
    let problems = view.recording.metadata_problems();
    if let Some(problem) = problem_of(&problems, Field::Axes) {
        ui.colored_label(ui.visuals().error_fg_color, problem);
    }
    let id = Id::unique(("axes", view.recording.id));
    let current = edits.axes.unwrap_or(AxisAssignment::of(stored));
    let mut draft: AxisAssignment = ui.data(|d| d.get_temp(id)).unwrap_or(current);
    ui.collapsing("Which axis is which", |ui| {
        ui.weak(format!("The file holds {} planes.", stored.planes()));
        ui.horizontal(|ui| {
            for (name, value) in [("T", &mut draft.t), ("Z", &mut draft.z), ("C", &mut draft.c)] {
                ui.label(name);
                named(ui.add(DragValue::new(value).range(1..=stored.planes()).speed(0.1)), name);
            }
        });
        ComboBox::from_label("from one plane to the next")
            .selected_text(draft.order.label())
            .width(110.0)
            .show_ui(ui, |ui| {
                for order in AxisOrder::ALL {
                    ui.selectable_value(&mut draft.order, order, order.label());
                }
            });
        let fits = draft.planes() == Some(stored.planes());
        ui.horizontal(|ui| {
            if ui.button("Swap T and Z").on_hover_text("The most common mistake of file headers").clicked() {
                std::mem::swap(&mut draft.t, &mut draft.z);
                draft.order = match draft.order {
                    AxisOrder::Czt => AxisOrder::Ctz,
                    AxisOrder::Ctz => AxisOrder::Czt,
                    AxisOrder::Zct => AxisOrder::Tcz,
                    AxisOrder::Tcz => AxisOrder::Zct,
                    AxisOrder::Ztc => AxisOrder::Tzc,
                    AxisOrder::Tzc => AxisOrder::Ztc,
                };
            }
            if ui.add_enabled(fits && draft != current, Button::new("Apply")).clicked() {
                edits.axes = (draft != AxisAssignment::of(stored)).then_some(draft);
            }
            if edits.axes.is_some() && reset(ui) {
                edits.axes = None;
                draft = AxisAssignment::of(stored);
            }
        });
        if !fits {
            let product = draft.planes().map_or_else(|| "too many".to_owned(), |n| n.to_string());
            ui.colored_label(
                ui.visuals().error_fg_color,
                format!("T × Z × C is {product}, the file holds {}", stored.planes()),
            );
        }
    });
    ui.data_mut(|d| d.insert_temp(id, draft));
}

fn channels(ui: &mut Ui, view: &View, edits: &mut Edits) {
    let count = view.recording.shape().c;
    if count < 2 {
        return;
    }
    ui.collapsing("Channel names", |ui| {
        for index in 0..count {
            let name =
                view.recording.series.channels.get(index).and_then(|c| c.name.clone()).unwrap_or_default();
            let mut text = name.clone();
            ui.horizontal(|ui| {
                ui.weak(format!("{}", index + 1));
                ui.add(TextEdit::singleline(&mut text).hint_text("name").desired_width(150.0));
            });
            if text != name {
                edits.channel_names.insert(index, text);
            }
        }
    });
}

fn warnings(ui: &mut Ui, view: &View) {
    if view.recording.series.warnings.is_empty() {
        return;
    }
    ui.separator();
    let amber: Color32 = ui.visuals().warn_fg_color;
    for warning in &view.recording.series.warnings {
        ui.add(eframe::egui::Label::new(RichText::new(format!("! {warning}")).color(amber)).wrap());
    }
}
