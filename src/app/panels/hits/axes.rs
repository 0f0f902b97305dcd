//! Two axes with ticks: where values lie on screen.

use eframe::egui::{Align2, FontId, Painter, Pos2, Rect, Stroke, StrokeKind, Ui, pos2};

use crate::app::widgets::legend::short;

/// Room left of the axes and below them, for numbers and names, points.
const LEFT: f32 = 44.0;
const BELOW: f32 = 30.0;

/// Room above and at the right, points.
const REST: f32 = 6.0;

/// Size of numbers, points.
const LETTERS: f32 = 11.0;

/// Two axes.
pub struct Axes {
    /// Where values lie.
    pub rect: Rect,
    x: (f64, f64),
    y: (f64, f64),
}

impl Axes {
    /// Axes in a rectangle, with room for their numbers; `x` and `y` are their lowest and highest values.
    pub fn new(whole: Rect, x: (f64, f64), y: (f64, f64)) -> Self {
        let corner = pos2(whole.left() + LEFT, whole.top() + REST);
        let other = pos2(whole.right() - REST, whole.bottom() - BELOW);
        Self { rect: Rect::from_min_max(corner, other.max(corner)), x, y }
    }

    /// Where a value lies.
    pub fn at(&self, x: f64, y: f64) -> Pos2 {
        let share = |value: f64, (low, high): (f64, f64)| ((value - low) / (high - low)) as f32;
        pos2(
            self.rect.left() + share(x, self.x) * self.rect.width(),
            self.rect.bottom() - share(y, self.y) * self.rect.height(),
        )
    }

    /// Lowest and highest value of the horizontal axis.
    pub const fn x_ends(&self) -> (f64, f64) {
        self.x
    }

    /// A score that is cut off where the axis ends.
    pub fn inside(&self, y: f64) -> f64 {
        y.clamp(self.y.0, self.y.1)
    }

    /// Draws lines, numbers and names.
    pub fn draw(&self, ui: &Ui, painter: &Painter, x_ticks: &[(f64, String)], names: (&str, &str)) {
        let visuals = ui.visuals();
        let (text, grid) = (visuals.text_color(), visuals.widgets.noninteractive.bg_stroke.color);
        let line = Stroke::new(0.5, grid);
        let font = FontId::proportional(LETTERS);
        for (value, number) in x_ticks {
            let at = self.at(*value, self.y.0);
            painter.vline(at.x, self.rect.y_range(), line);
            let place = pos2(at.x, at.y + 2.0);
            painter.text(place, Align2::CENTER_TOP, number, font.clone(), text);
        }
        for (value, number) in ticks(self.y.0, self.y.1, self.rect.height() / 28.0) {
            let at = self.at(self.x.0, value);
            painter.hline(self.rect.x_range(), at.y, line);
            let place = pos2(at.x - 4.0, at.y);
            painter.text(place, Align2::RIGHT_CENTER, number, font.clone(), text);
        }
        painter.rect_stroke(self.rect, 0.0, Stroke::new(1.0, grid), StrokeKind::Inside);
        let (name_x, name_y) = names;
        let below = pos2(self.rect.right(), self.rect.bottom() + LETTERS + 5.0);
        painter.text(below, Align2::RIGHT_TOP, name_x, font.clone(), text);
        let above = pos2(self.rect.left() + 4.0, self.rect.top() + 2.0);
        painter.text(above, Align2::LEFT_TOP, name_y, font, visuals.weak_text_color());
    }

    /// Numbers of the horizontal axis, as many as fit.
    pub fn x_ticks(&self) -> Vec<(f64, String)> {
        ticks(self.x.0, self.x.1, self.rect.width() / 60.0)
    }

    /// Decades of doses in µM on an axis of their decimal logarithms, as many as fit; both ends, where there is none.
    pub fn dose_ticks(&self) -> Vec<(f64, String)> {
        let label = |decade: f64| (decade, short(10_f64.powf(decade)));
        let (first, last) = (self.x.0.ceil() as i32, self.x.1.floor() as i32);
        let count = last - first + 1;
        if count < 1 {
            return vec![label(self.x.0), label(self.x.1)];
        }
        let fit = (self.rect.width() / 40.0).max(1.0) as i32;
        let every = ((count + fit - 1) / fit).max(1) as usize;
        (first..=last).step_by(every).map(|decade| label(f64::from(decade))).collect()
    }
}

/// Round values between two, about so many.
fn ticks(low: f64, high: f64, about: f32) -> Vec<(f64, String)> {
    let span = high - low;
    if !(span.is_finite() && span > 0.0) {
        return Vec::new();
    }
    let least = span / f64::from(about.clamp(2.0, 12.0));
    let power = 10_f64.powf(least.log10().floor());
    let step = [1.0, 2.0, 5.0].map(|n| n * power).into_iter().find(|step| *step >= least);
    let step = step.unwrap_or(10.0 * power);
    let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    (first..=last).map(|n| n as f64 * step).map(|value| (value, short(value))).collect()
}

/// A range with room around it.
pub fn padded(low: f64, high: f64) -> (f64, f64) {
    if low.is_finite() && high.is_finite() && low < high {
        let room = 0.06 * (high - low);
        (low - room, high + room)
    } else if low.is_finite() {
        (low - 0.5, low + 0.5)
    } else {
        (0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECT: Rect = Rect { min: pos2(0.0, 0.0), max: pos2(300.0, 200.0) };

    #[test]
    fn upwards_is_up_and_ends_lie_at_the_edges() {
        let axes = Axes::new(RECT, (-1.0, 1.0), (0.0, 10.0));
        assert_eq!(axes.at(-1.0, 0.0), axes.rect.left_bottom());
        assert_eq!(axes.at(1.0, 10.0), axes.rect.right_top());
        assert_eq!(axes.inside(12.0), 10.0);
    }

    #[test]
    fn ticks_are_round_and_doses_are_decades() {
        let values: Vec<String> = ticks(-0.1, 1.1, 4.0).into_iter().map(|(_, text)| text).collect();
        assert_eq!(values, ["0", "0.5", "1"]);
        assert!(ticks(1.0, 1.0, 4.0).is_empty());
        let axes = Axes::new(RECT, (-2.2, 1.2), (0.0, 1.0));
        let doses: Vec<String> = axes.dose_ticks().into_iter().map(|(_, text)| text).collect();
        assert_eq!(doses, ["0.01", "0.1", "1", "10"]);
        let narrow = Axes::new(RECT, (0.2, 0.8), (0.0, 1.0)).dose_ticks();
        assert_eq!(narrow.len(), 2);
        assert_eq!((padded(0.0, 1.0), padded(2.0, 2.0)), ((-0.06, 1.06), (1.5, 2.5)));
    }
}
