//! The map of embeddings: what the model finds alike lies together.

use eframe::egui::{
    Align2, Color32, FontId, Rect, Response, RichText, Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo,
    pos2, vec2,
};

use crate::app::command::Command;
use crate::app::screen::Screen;
use crate::app::screen::command::ScreenCommand;
use crate::app::screen::scale::{Mark, Swatch};
use crate::app::screen::selection::Gesture;
use crate::app::state::{AppState, Outbox};
use crate::app::training::progress::{Live, Map};
use crate::app::widgets::{legend, swatch};

/// Sizes of a patch: validation, trained on.
const PATCH: [f32; 2] = [9.0, 6.0];

/// A trained video is this faint.
const FAINT: f32 = 0.45;

/// The pointer catches what is as near as this, points.
const NEAR: f32 = 10.0;

/// Shows the map, as high as there is room.
pub fn show(ui: &mut Ui, state: &AppState, live: &Live, out: &mut Outbox) {
    ui.horizontal_wrapped(|ui| {
        ui.strong("Map");
        let tip = "Two principal components of the embeddings. Videos that lie together look alike to the model; axes and \
                   directions have no meaning, and change from validation to validation";
        ui.weak(RichText::new("large: validation, faint: trained on").small()).on_hover_text(tip);
    });
    let screen = state.screen.as_ref().filter(|screen| screen.experiment().id == live.experiment);
    let blind = state.is_blind();
    if blind {
        ui.weak("Mechanisms are hidden while you score blind.");
    } else {
        legend::show(ui, &live.scale, |text, gesture| {
            if let Some(screen) = screen {
                let rows = super::super::rows::with_value(screen, &live.scale, text);
                out.send(Command::Screen(ScreenCommand::Take(rows, gesture)));
            }
        });
    }
    let area = ui.available_rect_before_wrap();
    let (area, response) =
        ui.allocate_exact_size(vec2(area.width(), area.height().max(120.0)), Sense::click());
    ui.painter().rect_filled(area, 2.0, ui.visuals().extreme_bg_color);
    let Some(map) = live.map.as_ref().filter(|map| !map.points.is_empty()) else {
        let text = "Appears with the first validation";
        let font = FontId::proportional(12.0);
        ui.painter().text(area.center(), Align2::CENTER_CENTER, text, font, ui.visuals().weak_text_color());
        return;
    };
    response.widget_info(|| {
        let text = format!("Map of {} videos after {} validations", map.points.len(), map.round);
        WidgetInfo::labeled(Role::Grid, true, text)
    });
    points(ui, map, live, blind, screen, area, &response, out);
}

/// Places coordinates in an area, both axes at one scale.
struct Projection {
    middle: [f64; 2],
    scale: f64,
    center: eframe::egui::Pos2,
}

impl Projection {
    fn fit(map: &Map, area: Rect) -> Self {
        let mut low = [f64::INFINITY; 2];
        let mut high = [f64::NEG_INFINITY; 2];
        for (_, at, _) in &map.points {
            for axis in 0..2 {
                low[axis] = low[axis].min(at[axis]);
                high[axis] = high[axis].max(at[axis]);
            }
        }
        let room = area.shrink(PATCH[0]).size();
        let scale = |axis: usize, room: f32| f64::from(room) / (high[axis] - low[axis]).max(1e-9);
        Self {
            middle: [0, 1].map(|axis| f64::midpoint(low[axis], high[axis])),
            scale: scale(0, room.x).min(scale(1, room.y)),
            center: area.center(),
        }
    }

    fn place(&self, at: [f64; 2]) -> eframe::egui::Pos2 {
        let [x, y] = [0, 1].map(|axis| ((at[axis] - self.middle[axis]) * self.scale) as f32);
        pos2(self.center.x + x, self.center.y - y)
    }
}

#[expect(clippy::too_many_arguments)] // what one picture is made of
fn points(
    ui: &Ui,
    map: &Map,
    live: &Live,
    blind: bool,
    screen: Option<&Screen>,
    area: Rect,
    response: &Response,
    out: &mut Outbox,
) {
    let projection = Projection::fit(map, area);
    let painter = ui.painter_at(area);
    let hidden = Swatch { color: Color32::GRAY, mark: Mark::None };
    let look =
        |row: u32| if blind { hidden } else { live.scale.rows.get(row as usize).copied().unwrap_or(hidden) };
    let outline = if ui.visuals().dark_mode { Color32::WHITE } else { Color32::BLACK };
    let patch = |at, size: f32| Rect::from_center_size(at, Vec2::splat(size));
    // What was not trained on lies on top.
    for trained in [true, false] {
        for (row, at, _) in map.points.iter().filter(|(.., of)| *of == trained) {
            let Swatch { color, mark } = look(*row);
            let at = projection.place(*at);
            if trained {
                swatch::paint(
                    &painter,
                    patch(at, PATCH[1]),
                    Swatch { color: color.gamma_multiply(FAINT), mark },
                );
            } else {
                swatch::paint(&painter, patch(at, PATCH[0]), Swatch { color, mark });
                let stroke = Stroke::new(0.7, outline.gamma_multiply(0.6));
                painter.rect_stroke(patch(at, PATCH[0]), 2.0, stroke, StrokeKind::Outside);
            }
        }
    }
    let Some(screen) = screen else { return };
    for (row, at, _) in map.points.iter().filter(|(row, ..)| screen.selection.contains(*row)) {
        let _ = row;
        let stroke = Stroke::new(2.0, outline);
        painter.rect_stroke(patch(projection.place(*at), PATCH[0] + 5.0), 3.0, stroke, StrokeKind::Outside);
    }
    let Some(pointer) = response.hover_pos() else { return };
    let distance = |at: &[f64; 2]| projection.place(*at).distance(pointer);
    let nearest = map.points.iter().min_by(|a, b| distance(&a.1).total_cmp(&distance(&b.1)));
    let Some((row, _, trained)) = nearest.filter(|(_, at, _)| distance(at) < NEAR) else { return };
    if response.clicked() {
        let gesture = match Gesture::of(ui.input(|i| i.modifiers)) {
            Gesture::Replace => Gesture::Replace,
            _ => Gesture::Toggle,
        };
        out.send(Command::Screen(ScreenCommand::Take(vec![*row], gesture)));
    }
    response.clone().on_hover_ui_at_pointer(|ui| {
        ui.strong(screen.caption(*row));
        if !blind {
            let moa = screen.table().text(*row as usize, "moa");
            ui.label(if moa.is_empty() { "no mechanism given".to_owned() } else { moa });
        }
        ui.weak(if *trained { "trained on" } else { "validation" });
    });
}
