//! Structures: the chemistry module's drawing, painted by egui.

use eframe::egui::{
    Align2, Color32, FontId, Painter, Pos2, Rect, Role, Sense, Shape as Egui, Stroke, Ui, Vec2, WidgetInfo,
    pos2,
};

use crate::chem::{Drawing, Ink, Palette, Point, Shape};

/// Longest bond, points: small molecules are not blown up.
const BOND: f32 = 30.0;

/// Radius of the ground behind a matched atom, in bond lengths.
const GROUND: f32 = 0.42;

/// Shows a structure in its own space.
pub fn show(ui: &mut Ui, drawing: &Drawing, size: Vec2, smiles: &str) {
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, format!("Structure {smiles}")));
    paint(ui, &ui.painter_at(rect), rect, drawing, &[]);
}

/// Paints a structure into a rectangle; `highlight`: atoms that match a search.
pub fn paint(ui: &Ui, painter: &Painter, rect: Rect, drawing: &Drawing, highlight: &[usize]) {
    let palette = if ui.visuals().dark_mode { Palette::DARK } else { Palette::LIGHT };
    let fit = drawing.fit(rect.width(), rect.height(), BOND);
    let place = |point: Point| -> Pos2 {
        let [x, y] = fit.place(point);
        pos2(rect.min.x + x, rect.min.y + y)
    };
    let color = |ink: Ink| {
        let [r, g, b] = palette.colour(ink);
        Color32::from_rgb(r, g, b)
    };
    for atom in highlight.iter().filter_map(|&i| drawing.atoms.get(i)) {
        painter.circle_filled(place(*atom), GROUND * fit.scale, color(Ink::Highlight));
    }
    for shape in &drawing.shapes {
        match shape {
            Shape::Line { from, to, width, ink } => {
                let stroke = Stroke::new((width * fit.scale).max(0.8), color(*ink));
                painter.line_segment([place(*from), place(*to)], stroke);
            }
            Shape::Polygon { points, ink } => {
                let points = points.iter().map(|&p| place(p)).collect();
                painter.add(Egui::convex_polygon(points, color(*ink), Stroke::NONE));
            }
            Shape::Disc { centre, radius, ink } => {
                painter.circle_filled(place(*centre), radius * fit.scale, color(*ink));
            }
            Shape::Text { centre, text, size, ink } => {
                let font = FontId::proportional(size * fit.scale);
                painter.text(place(*centre), Align2::CENTER_CENTER, text, font, color(*ink));
            }
        }
    }
}
