//! A patch of colour, with a sign where seven colours are not enough.

use eframe::egui::{Color32, Painter, Rect, Stroke};

use crate::app::screen::scale::{Mark, Swatch};

/// Paints a patch.
pub fn paint(painter: &Painter, rect: Rect, look: Swatch) {
    painter.rect_filled(rect, 2.0, look.color);
    let stroke = Stroke::new((rect.width() * 0.14).clamp(1.0, 4.0), Color32::from_gray(20));
    let inner = rect.shrink(rect.width() * 0.22);
    match look.mark {
        Mark::None => {}
        Mark::Dot => {
            painter.circle_filled(rect.center(), rect.width() * 0.2, stroke.color);
        }
        Mark::Bar => {
            painter.line_segment([inner.left_center(), inner.right_center()], stroke);
        }
        Mark::Cross => {
            painter.line_segment([inner.left_top(), inner.right_bottom()], stroke);
            painter.line_segment([inner.left_bottom(), inner.right_top()], stroke);
        }
    }
}
