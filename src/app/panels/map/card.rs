//! What the point under the pointer is: thumbnail, structure, treatment.

use eframe::egui::{
    Align2, Color32, FontId, Pos2, Rect, Response, RichText, Sense, Tooltip, Ui, Vec2, pos2, vec2,
};

use crate::app::map::Picture;
use crate::app::screen::Screen;
use crate::app::widgets::{bar_strip, molecule};

/// Side of the thumbnail, points.
const SIDE: f32 = 104.0;

/// Shows the card beside the point.
pub fn show(
    ui: &Ui,
    screen: &Screen,
    picture: &Picture,
    point: usize,
    response: &Response,
    at: Pos2,
    radius: f32,
) {
    let rows = picture.grouping.rows_of(point);
    let Some(&row) = rows.first() else { return };
    let around = Rect::from_center_size(at, Vec2::splat(2.0 * radius + 14.0));
    let id = response.id.with("card");
    Tooltip::always_open(ui.ctx().clone(), ui.layer_id(), id, around).width(2.0 * SIDE + 30.0).show(|ui| {
        let blind = screen.look().blind;
        let text = |column: &str| if blind { String::new() } else { screen.text(row, column) };
        let smiles = text("smiles");
        ui.horizontal(|ui| {
            thumbnail(ui, screen, row);
            if !smiles.is_empty() {
                structure(ui, screen, &smiles);
            }
        });
        ui.label(RichText::new(screen.caption(row)).strong());
        let moa = text("moa");
        if !moa.is_empty() {
            ui.label(moa);
        }
        if rows.len() > 1 {
            ui.weak(format!("{} videos; the first is shown", rows.len()));
        } else {
            let place = [text("plate"), text("well")];
            let place: Vec<&str> = place.iter().map(String::as_str).filter(|p| !p.is_empty()).collect();
            if !place.is_empty() {
                ui.weak(place.join(", "));
            }
        }
    });
}

/// Shows the thumbnail of a row, or its features where it has no recording.
pub fn thumbnail(ui: &mut Ui, screen: &Screen, row: u32) {
    let (rect, _) = ui.allocate_exact_size(Vec2::splat(SIDE), Sense::hover());
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, 2.0, Color32::BLACK);
    let say = |text: &str| {
        painter.text(rect.center(), Align2::CENTER_CENTER, text, FontId::proportional(11.0), Color32::GRAY);
    };
    let Some(address) = screen.address(row) else {
        if screen.featured().is_some() {
            bar_strip::in_place_of(&painter, rect, screen.features(), row);
        } else {
            say("no recording");
        }
        return;
    };
    match screen.thumbnails.get(&address) {
        None => {
            // Only while it is missing, or the contact sheet's wishes would be forgotten.
            screen.thumbnails.want([address]);
            say("…");
        }
        Some(Err(_)) => say("cannot be read"),
        Some(Ok(made)) => {
            let mut textures = screen.textures.borrow_mut();
            let common = if screen.look().same_contrast { textures.settle(None) } else { None };
            let texture = textures.get(ui.ctx(), &address, &made, common.unwrap_or(made.limits));
            let size = vec2(made.width as f32, made.height as f32);
            let fit = Rect::from_center_size(rect.center(), size * (SIDE / size.max_elem()));
            painter.image(texture, fit, Rect::from_min_max(Pos2::ZERO, pos2(1.0, 1.0)), Color32::WHITE);
        }
    }
}

fn structure(ui: &mut Ui, screen: &Screen, smiles: &str) {
    match screen.sketches.get(&smiles.to_owned()) {
        None => {
            screen.sketches.want([smiles.to_owned()]);
            ui.allocate_space(Vec2::splat(SIDE));
        }
        Some(Err(_)) => {}
        Some(Ok(sketch)) => molecule::show(ui, &sketch.drawing, Vec2::splat(SIDE), smiles),
    }
}
