//! The pictures: one to nine recordings side by side.

use eframe::egui::{
    self, Align2, Button, Color32, CursorIcon, FontId, Id, Rect, RichText, Role, Sense, Stroke, StrokeKind,
    Ui, Vec2, WidgetInfo, pos2, vec2,
};

use super::by_features;
use crate::app::command::{Command, shortcut_text};
use crate::app::settings::Viewport;
use crate::app::state::{AppState, Hover, Outbox};
use crate::app::view::{View, place, time_label};
use crate::app::widgets::frame_canvas::{Canvas, Placement, SharedFeedback, paint_frame};
use crate::app::widgets::icon::{self, Icon};
use crate::app::widgets::overlay::{self, Overlay};
use crate::app::widgets::roi::{self, Placed};

/// Space between pictures, points.
const GAP: f32 = 4.0;

/// What was drawn where.
#[derive(Default)]
pub struct Drawn {
    /// What the pointer is over.
    pub hover: Option<Hover>,
    /// Where each picture lies.
    pub cells: Vec<Rect>,
}

/// Shows the pictures.
pub fn show(ui: &mut Ui, state: &AppState, canvas: &Canvas, out: &mut Outbox) -> Drawn {
    if state.views.is_empty() {
        let is_shown = state.screen.as_ref().is_some_and(|screen| by_features::show(ui, screen));
        if !is_shown {
            empty(ui, state, out);
        }
        return Drawn::default();
    }
    let area = ui.available_rect_before_wrap();
    let cells = cells(area, &state.views);
    let mut hover = None;
    for (index, cell) in cells.iter().enumerate() {
        let over = picture(ui, state, index, *cell, canvas, out);
        hover = hover.or(over);
    }
    ui.allocate_rect(area, Sense::hover());
    Drawn { hover, cells }
}

/// Divides the area so that the pictures come out as large as they can.
fn cells(area: Rect, views: &[View]) -> Vec<Rect> {
    let count = views.len();
    let aspect =
        views.iter().map(|v| v.recording.shape()).map(|s| s.x as f32 / s.y.max(1) as f32).sum::<f32>()
            / count as f32;
    let size = |columns: usize| {
        let rows = count.div_ceil(columns);
        let width = (area.width() - GAP * (columns - 1) as f32) / columns as f32;
        let height = (area.height() - GAP * (rows - 1) as f32) / rows as f32;
        (width, height, width.min(height * aspect))
    };
    let columns = (1..=count).max_by(|a, b| size(*a).2.total_cmp(&size(*b).2)).unwrap_or(1);
    let (width, height, _) = size(columns);
    (0..count)
        .map(|i| {
            let corner = vec2((i % columns) as f32 * (width + GAP), (i / columns) as f32 * (height + GAP));
            Rect::from_min_size(area.min + corner, vec2(width, height))
        })
        .collect()
}

fn picture(
    ui: &mut Ui,
    state: &AppState,
    index: usize,
    cell: Rect,
    canvas: &Canvas,
    out: &mut Outbox,
) -> Option<Hover> {
    let view = &state.views[index];
    let shape = view.recording.shape();
    let image = vec2(shape.x as f32, shape.y as f32);
    let id = Id::unique(("picture", view.id));
    let response = ui.interact(cell, id, Sense::click_and_drag());
    response.widget_info(|| {
        WidgetInfo::labeled(
            Role::Image,
            true,
            format!("{} at {}", state.name_of(view), state.time_label(index)),
        )
    });
    let painter = ui.painter_at(cell);
    let (zoom, origin) = place(view.viewport, cell, image);

    let settings = &state.settings;
    let drawn = Rect::from_min_size(cell.min - origin.to_vec2() * zoom, image * zoom).intersect(cell);
    let place_frame = Placement {
        view: view.id,
        rect: cell,
        origin,
        zoom,
        projection: view.display.projection,
        background: canvas_color(ui),
    };
    paint_frame(&painter, &place_frame, view.shown.channels.clone(), canvas);

    let shown_time = time_label(&view.recording, view.shown.t);
    let many = state.views.len() > 1;
    let overlay = Overlay {
        name: (settings.overlays.name && (many || state.screen.is_some())).then(|| state.name_of(view)),
        simulated: state.is_simulated(view),
        time: settings.overlays.time_stamp.then_some(shown_time),
        scale: settings.overlays.scale_bar.then(|| (zoom, overlay::pixel_size(&view.recording))),
    };
    if !view.shown.channels.is_empty() {
        overlay::paint(&painter, drawn, &overlay, 14.0);
    }
    let placed = Placed { cell, zoom, origin, image };
    if let Some(roi) = view.roi {
        roi::paint(&painter, roi, &placed, overlay::pixel_size(&view.recording));
    }
    messages(ui, view, cell, &canvas.feedback);
    if many {
        let active = index == state.active;
        let color = if active { ui.visuals().selection.stroke.color } else { Color32::TRANSPARENT };
        painter.rect_stroke(cell, 0.0, Stroke::new(2.0, color), StrokeKind::Inside);
        close_button(ui, cell, index, out);
    }

    if let Some(row) = state.screen.as_ref().and_then(|s| s.playing.get(&view.recording.address)) {
        super::rows::drop_structure(ui, &response, &[*row], out);
    }
    if response.clicked() || response.drag_started() {
        out.send(Command::Activate(index));
    }
    match roi::interact(ui, &response, view.roi, &placed) {
        Some(roi) if roi != view.roi => out.send(Command::SetRoi(index, roi)),
        Some(_) => {}
        None => navigate(ui, &response, view, index, &placed, out),
    }

    let at = response.hover_pos().filter(|p| cell.contains(*p))?;
    let pixel = placed.image_at(at);
    let inside = pixel.x >= 0.0 && pixel.y >= 0.0 && pixel.x < image.x && pixel.y < image.y;
    inside.then(|| {
        let pixel = (pixel.x as usize, pixel.y as usize);
        Hover { view: index, pixel, values: view.values_at(pixel.0, pixel.1) }
    })
}

/// A neutral surround: brightness of a dim cell is judged against it.
fn canvas_color(ui: &Ui) -> Color32 {
    if ui.visuals().dark_mode { Color32::from_gray(16) } else { Color32::from_gray(222) }
}

fn navigate(
    ui: &Ui,
    response: &egui::Response,
    view: &View,
    index: usize,
    placed: &Placed,
    out: &mut Outbox,
) {
    let Placed { cell, zoom, image, .. } = *placed;
    let mut viewport = view.viewport;
    if response.double_clicked() {
        out.send(Command::SetViewport(index, Viewport::default()));
        return;
    }
    if response.dragged() {
        let shift = response.drag_delta() / zoom;
        viewport.zoom = Some(zoom);
        viewport.center[0] = (viewport.center[0] - shift.x / image.x).clamp(0.0, 1.0);
        viewport.center[1] = (viewport.center[1] - shift.y / image.y).clamp(0.0, 1.0);
    }
    if let Some(at) = response.hover_pos() {
        let (scroll, pinch, shift) =
            ui.input(|i| (i.smooth_scroll_delta(), i.zoom_delta(), i.modifiers.shift));
        let depth = view.recording.shape().z;
        if shift && depth > 1 && (scroll.x != 0.0 || scroll.y != 0.0) {
            scroll_z(ui, view, index, scroll.x + scroll.y, depth, out);
        } else if scroll.y != 0.0 || (pinch - 1.0).abs() > 1e-4 {
            let factor = (scroll.y / 240.0).exp() * pinch;
            let fit = (cell.width() / image.x).min(cell.height() / image.y);
            let wanted = (zoom * factor).clamp((fit * 0.25).min(1.0), fit.max(1.0) * 64.0);
            // The image point under the pointer stays there.
            let under = placed.image_at(at);
            let center = under - (at - cell.center()) / wanted;
            viewport.zoom = Some(wanted);
            viewport.center = [(center.x / image.x).clamp(0.0, 1.0), (center.y / image.y).clamp(0.0, 1.0)];
        }
        if response.dragged() {
            ui.ctx().set_cursor_icon(CursorIcon::Grabbing);
        }
    }
    if viewport != view.viewport {
        out.send(Command::SetViewport(index, viewport));
    }
}

/// Turns wheel movement into whole z planes.
fn scroll_z(ui: &Ui, view: &View, index: usize, delta: f32, depth: usize, out: &mut Outbox) {
    let id = Id::unique(("scroll z", view.id));
    let moved: f32 = ui.data(|d| d.get_temp(id)).unwrap_or(0.0) + delta / 30.0;
    let planes = moved.trunc();
    ui.data_mut(|d| d.insert_temp(id, moved - planes));
    if planes != 0.0 {
        let z = (view.display.z as f32 + planes).clamp(0.0, (depth - 1) as f32) as usize;
        out.send(Command::Activate(index));
        out.send(Command::SetZ(z));
    }
}

fn close_button(ui: &mut Ui, cell: Rect, index: usize, out: &mut Outbox) {
    if !ui.rect_contains_pointer(cell) {
        return;
    }
    let spot = Rect::from_min_size(pos2(cell.right() - 26.0, cell.top() + 4.0), Vec2::splat(22.0));
    ui.scope_builder(egui::UiBuilder::new().max_rect(spot), |ui| {
        let tip = "Close (Undo brings it back)";
        if icon::button(ui, Icon::Close, "Close recording", tip, true, 22.0).clicked() {
            out.send(Command::CloseView(index));
        }
    });
}

/// Errors and waiting, over the picture.
fn messages(ui: &Ui, view: &View, cell: Rect, feedback: &SharedFeedback) {
    let failure =
        feedback.lock().unwrap_or_else(std::sync::PoisonError::into_inner).failures.get(&view.id).cloned();
    let error = view.shown.error.as_ref().map(|e| format!("{}: {}.\n{}", e.place, e.problem, e.remedy));
    if let Some(text) = error.or(failure) {
        let painter = ui.painter_at(cell);
        let width = (cell.width() - 32.0).clamp(60.0, 420.0);
        let galley = painter.layout(text, FontId::proportional(14.0), Color32::WHITE, width);
        let center = pos2(cell.center().x, cell.top() + cell.height() * 0.25);
        let text_rect = Rect::from_center_size(center, galley.size());
        let box_color = Color32::from_rgb(120, 24, 24);
        painter.rect_filled(text_rect.expand(10.0), 6.0, box_color.gamma_multiply(0.94));
        painter.galley(text_rect.min, galley, Color32::WHITE);
    } else if let Some(since) = view.shown.waiting {
        // Short waits are not worth a flicker.
        if since.elapsed().as_millis() > 150 {
            let size = 18.0;
            let spot = Rect::from_center_size(cell.center_top() + vec2(0.0, size * 1.4), Vec2::splat(size));
            egui::Spinner::new().paint_at(ui, spot);
        }
        ui.ctx().request_repaint_after(std::time::Duration::from_millis(160));
    }
}

fn empty(ui: &mut Ui, state: &AppState, out: &mut Outbox) {
    let area = ui.available_rect_before_wrap();
    let weak = ui.visuals().weak_text_color();
    let frame = area.shrink(28.0);
    if state.dropping {
        ui.painter().rect_filled(frame, 12.0, ui.visuals().selection.bg_fill.gamma_multiply(0.3));
    }
    ui.painter().rect_stroke(frame, 12.0, Stroke::new(1.5, weak.gamma_multiply(0.6)), StrokeKind::Inside);
    let inner =
        Rect::from_center_size(frame.center(), vec2(frame.width().min(560.0), frame.height().min(420.0)));
    ui.scope_builder(egui::UiBuilder::new().max_rect(inner), |ui| {
        ui.vertical_centered(|ui| {
            ui.add_space((inner.height() * 0.16).max(8.0));
            ui.label(RichText::new("Drop recordings here").size(26.0));
            ui.add_space(6.0);
            ui.weak("TIFF, OME-TIFF and ImageJ stacks, GIF, folders of numbered frames. Several at once play side by side.");
            ui.add_space(16.0);
            for command in
                [Command::Open, Command::OpenFolder, Command::OpenExperiment, Command::OpenExperimentFolder]
            {
                let Some(about) = command.describe() else { continue };
                let mut button = Button::new(about.text).min_size(vec2(220.0, 32.0));
                if let Some(shortcut) = about.shortcut {
                    button = button.shortcut_text(shortcut_text(ui.ctx(), &shortcut));
                }
                if ui.add(button).on_hover_text(about.tooltip).clicked() {
                    out.send(command);
                }
            }
            super::recent::show(ui, state, out);
        });
    });
    let hint = frame.center_bottom() - vec2(0.0, 14.0);
    ui.painter().text(hint, Align2::CENTER_BOTTOM, "? shows all shortcuts", FontId::proportional(13.0), weak);
}
