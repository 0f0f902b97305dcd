//! A rectangle on a picture: Shift and drag draws one, its inside moves it, its corners resize it.

use eframe::egui::{
    Align2, Color32, CursorIcon, Id, Painter, PointerButton, Pos2, Rect, Response, Stroke, StrokeKind, Ui,
    Vec2, pos2,
};

use super::overlay::outlined_text;
use crate::video::Crop;

/// How near a corner counts as on it, points.
const REACH: f32 = 8.0;

/// ImageJ's selections are yellow too.
const COLOR: Color32 = Color32::from_rgb(255, 221, 64);

/// Where an image lies on screen.
#[derive(Debug, Clone, Copy)]
pub struct Placed {
    /// What can be seen of it, points.
    pub cell: Rect,
    /// Points per image px.
    pub zoom: f32,
    /// Image position of the cell's top left corner.
    pub origin: Pos2,
    /// Image px.
    pub image: Vec2,
}

impl Placed {
    /// Image position under a point of the screen.
    pub fn image_at(&self, at: Pos2) -> Pos2 {
        self.origin + (at - self.cell.min) / self.zoom
    }

    /// Where a part of the image lies on screen.
    pub fn on_screen(&self, part: Crop) -> Rect {
        let min = pos2(part.x as f32, part.y as f32);
        let size = Vec2::new(part.width as f32, part.height as f32);
        Rect::from_min_size(self.cell.min + (min - self.origin) * self.zoom, size * self.zoom)
    }
}

/// What a drag does.
#[derive(Debug, Clone, Copy)]
enum Drag {
    /// Spans a rectangle from this corner, image px.
    Span(Pos2),
    /// Moves the rectangle as it was, taken at this image position.
    Move(Crop, Pos2),
}

/// Follows the pointer. `Some` while a drag belongs to the rectangle, with what it has become.
pub fn interact(ui: &Ui, response: &Response, roi: Option<Crop>, placed: &Placed) -> Option<Option<Crop>> {
    let id = response.id.with("roi");
    let shift = ui.input(|i| i.modifiers.shift);
    if response.drag_started_by(PointerButton::Primary)
        && let Some(press) = ui.input(|i| i.pointer.press_origin())
    {
        start(ui, id, roi, placed, press, shift);
    }
    let drag = ui.data(|d| d.get_temp::<Option<Drag>>(id)).flatten();
    if let Some(at) = response.hover_pos() {
        let icon = match (drag, roi.and_then(|roi| corner(roi, placed, at))) {
            (Some(Drag::Move(..)), _) => CursorIcon::Grabbing,
            (None, Some((_, icon))) => icon,
            (None, None) if !shift && roi.is_some_and(|roi| placed.on_screen(roi).contains(at)) => {
                CursorIcon::Move
            }
            (None, None) if !shift => CursorIcon::Default,
            _ => CursorIcon::Crosshair,
        };
        if icon != CursorIcon::Default {
            ui.ctx().set_cursor_icon(icon);
        }
    }
    let drag = drag?;
    if response.drag_stopped() || !response.dragged() {
        ui.data_mut(|d| d.insert_temp(id, None::<Drag>));
    }
    let at = placed.image_at(response.interact_pointer_pos()?);
    Some(match drag {
        Drag::Span(from) => span(from, at, placed.image),
        Drag::Move(roi, from) => Some(moved(roi, at - from, placed.image)),
    })
}

fn start(ui: &Ui, id: Id, roi: Option<Crop>, placed: &Placed, press: Pos2, shift: bool) {
    let at = placed.image_at(press);
    let drag = match roi {
        Some(roi) if let Some((opposite, _)) = corner(roi, placed, press) => Some(Drag::Span(opposite)),
        Some(roi) if !shift && placed.on_screen(roi).contains(press) => Some(Drag::Move(roi, at)),
        _ => shift.then_some(Drag::Span(at)),
    };
    ui.data_mut(|d| d.insert_temp(id, drag));
}

/// The corner opposite to the one at `at`, image px, and the pointer's look there.
fn corner(roi: Crop, placed: &Placed, at: Pos2) -> Option<(Pos2, CursorIcon)> {
    let on_screen = placed.on_screen(roi);
    let (left, top) = (roi.x as f32, roi.y as f32);
    let (right, bottom) = ((roi.x + roi.width) as f32, (roi.y + roi.height) as f32);
    [
        (on_screen.left_top(), pos2(right, bottom), CursorIcon::ResizeNwSe),
        (on_screen.right_bottom(), pos2(left, top), CursorIcon::ResizeNwSe),
        (on_screen.right_top(), pos2(left, bottom), CursorIcon::ResizeNeSw),
        (on_screen.left_bottom(), pos2(right, top), CursorIcon::ResizeNeSw),
    ]
    .into_iter()
    .find(|(corner, ..)| corner.distance(at) <= REACH)
    .map(|(_, opposite, icon)| (opposite, icon))
}

/// The whole pixels between two image positions; `None` if there are none.
fn span(a: Pos2, b: Pos2, image: Vec2) -> Option<Crop> {
    let ends = |a: f32, b: f32, most: f32| {
        let (a, b) = (a.clamp(0.0, most).round() as usize, b.clamp(0.0, most).round() as usize);
        (a.min(b), a.abs_diff(b))
    };
    let ((x, width), (y, height)) = (ends(a.x, b.x, image.x), ends(a.y, b.y, image.y));
    (width > 0 && height > 0).then_some(Crop { x, y, width, height })
}

/// The rectangle moved by whole pixels, kept inside the image.
fn moved(roi: Crop, by: Vec2, image: Vec2) -> Crop {
    let shift = |at: usize, length: usize, by: f32, most: f32| {
        (at as f32 + by).round().clamp(0.0, (most - length as f32).max(0.0)) as usize
    };
    Crop { x: shift(roi.x, roi.width, by.x, image.x), y: shift(roi.y, roi.height, by.y, image.y), ..roi }
}

/// Draws the rectangle with its size.
pub fn paint(painter: &Painter, roi: Crop, placed: &Placed, pixel_size_um: Option<f64>) {
    let rect = placed.on_screen(roi);
    painter.rect_stroke(rect, 0.0, Stroke::new(3.0, Color32::from_black_alpha(160)), StrokeKind::Middle);
    painter.rect_stroke(rect, 0.0, Stroke::new(1.5, COLOR), StrokeKind::Middle);
    for corner in [rect.left_top(), rect.right_top(), rect.left_bottom(), rect.right_bottom()] {
        painter.rect_filled(Rect::from_center_size(corner, Vec2::splat(6.0)), 0.0, COLOR);
    }
    let text = size_text(roi, pixel_size_um);
    let below = rect.bottom() + 22.0 < placed.cell.bottom();
    let (at, anchor) = if below {
        (rect.left_bottom() + Vec2::new(0.0, 5.0), Align2::LEFT_TOP)
    } else {
        (rect.left_bottom() + Vec2::new(6.0, -5.0), Align2::LEFT_BOTTOM)
    };
    outlined_text(painter, at, anchor, &text, 13.0);
}

/// `120 × 80 px`, and in µm where the pixel size is known.
pub fn size_text(roi: Crop, pixel_size_um: Option<f64>) -> String {
    let px = format!("{} × {} px", roi.width, roi.height);
    let Some(size) = pixel_size_um else { return px };
    let um = |length: usize| {
        let um = length as f64 * size;
        let decimals = if um < 10.0 { 2 } else { 1 };
        format!("{um:.decimals$}")
    };
    format!("{px}, {} × {} µm", um(roi.width), um(roi.height))
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGE: Vec2 = Vec2::new(100.0, 50.0);

    #[test]
    fn a_span_holds_whole_pixels_inside_the_image_in_any_direction() {
        let expected = Some(Crop { x: 10, y: 5, width: 20, height: 15 });
        assert_eq!(span(pos2(10.2, 4.9), pos2(29.8, 20.4), IMAGE), expected);
        assert_eq!(span(pos2(29.8, 4.9), pos2(10.2, 20.4), IMAGE), expected);
        let all = Some(Crop { x: 0, y: 0, width: 100, height: 50 });
        assert_eq!(span(pos2(-40.0, 70.0), pos2(500.0, -1.0), IMAGE), all);
        assert_eq!(span(pos2(10.0, 5.0), pos2(10.4, 30.0), IMAGE), None);
    }

    #[test]
    fn a_rectangle_keeps_its_size_when_it_is_moved_against_the_rim() {
        let roi = Crop { x: 10, y: 5, width: 20, height: 15 };
        assert_eq!(moved(roi, Vec2::new(3.4, -2.6), IMAGE), Crop { x: 13, y: 2, ..roi });
        assert_eq!(moved(roi, Vec2::new(900.0, -900.0), IMAGE), Crop { x: 80, y: 0, ..roi });
    }

    #[test]
    fn screen_and_image_agree() {
        let cell = Rect::from_min_size(pos2(30.0, 40.0), Vec2::new(200.0, 100.0));
        let placed = Placed { cell, zoom: 2.0, origin: pos2(5.0, -3.0), image: IMAGE };
        let roi = Crop { x: 10, y: 5, width: 20, height: 15 };
        let rect = placed.on_screen(roi);
        assert_eq!((rect.min, rect.size()), (pos2(40.0, 56.0), Vec2::new(40.0, 30.0)));
        assert_eq!(placed.image_at(rect.max), pos2(30.0, 20.0));
        let (opposite, _) = corner(roi, &placed, rect.right_top() + Vec2::splat(2.0)).unwrap();
        assert_eq!(opposite, pos2(10.0, 20.0));
        assert!(corner(roi, &placed, rect.center()).is_none());
    }

    #[test]
    fn sizes_are_in_micrometres_where_known() {
        let roi = Crop { x: 0, y: 0, width: 120, height: 300 };
        assert_eq!(size_text(roi, None), "120 × 300 px");
        assert_eq!(size_text(roi, Some(0.065)), "120 × 300 px, 7.80 × 19.5 µm");
    }
}
