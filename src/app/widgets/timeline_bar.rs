//! The timeline: where the playhead is, what is decoded, when the drug was added.

use eframe::egui::{CursorIcon, Rect, Sense, Shape, Stroke, Ui, WidgetInfo, pos2, vec2};

use crate::video::timeline::Timeline;

/// Marks on the timeline.
pub struct Marks<'a> {
    /// For each tick, whether its frame of the active recording is decoded.
    pub decoded: &'a dyn Fn(usize) -> bool,
    /// Ticks at which a recording was treated.
    pub treatments: &'a [usize],
    /// Ticks whose frame is missing in the active recording.
    pub missing: &'a dyn Fn(usize) -> bool,
}

/// Shows the timeline; returns the tick to go to while the user clicks or drags.
pub fn show(ui: &mut Ui, timeline: &Timeline, tick: usize, label: &str, marks: &Marks<'_>) -> Option<usize> {
    let width = ui.available_width().max(60.0);
    let (rect, response) = ui.allocate_exact_size(vec2(width, 22.0), Sense::click_and_drag());
    let count = timeline.len();
    response.widget_info(|| {
        let mut info = WidgetInfo::slider(count > 1, tick as f64, "Timeline");
        info.current_text_value = Some(label.to_owned());
        info
    });
    let response = response.on_hover_cursor(CursorIcon::PointingHand);
    let visuals = ui.visuals();
    let painter = ui.painter_at(rect.expand(6.0));
    let bar = Rect::from_min_max(
        pos2(rect.left(), rect.center().y - 3.0),
        pos2(rect.right(), rect.center().y + 3.0),
    );
    painter.rect_filled(bar, 3.0, visuals.extreme_bg_color);
    if count == 0 {
        return None;
    }
    let (first, span) = (timeline.ticks[0], timeline.duration().max(f64::MIN_POSITIVE));
    // Ticks stand at their time, so that irregular recordings show as such.
    let to_x = |tick: usize| {
        if count == 1 {
            bar.left()
        } else {
            bar.left() + ((timeline.ticks[tick.min(count - 1)] - first) / span) as f32 * bar.width()
        }
    };
    let accent = visuals.selection.stroke.color;
    let cell = (bar.width() / count as f32).max(1.0);
    let strip = |tick: usize, color| {
        let x = to_x(tick);
        let right = if tick + 1 < count { to_x(tick + 1) } else { bar.right() };
        painter.rect_filled(
            Rect::from_min_max(pos2(x, bar.top()), pos2(right.max(x + 1.0).min(bar.right()), bar.bottom())),
            0.0,
            color,
        );
    };
    // More ticks than pixels: look at one per pixel.
    let stride = (count as f32 / bar.width()).ceil().max(1.0) as usize;
    for tick in (0..count).step_by(stride) {
        if (marks.missing)(tick) {
            strip(tick, visuals.error_fg_color);
        } else if (marks.decoded)(tick) {
            strip(tick, accent.gamma_multiply(0.45));
        }
    }
    if cell >= 6.0 {
        for tick in 0..count {
            let x = to_x(tick);
            let color = visuals.weak_text_color().gamma_multiply(0.6);
            painter
                .line_segment([pos2(x, bar.bottom()), pos2(x, bar.bottom() + 3.0)], Stroke::new(1.0, color));
        }
    }
    for &tick in marks.treatments {
        let x = to_x(tick);
        let color = visuals.warn_fg_color;
        painter.line_segment([pos2(x, rect.top()), pos2(x, rect.bottom())], Stroke::new(2.0, color));
        let flag = vec![pos2(x, rect.top()), pos2(x + 8.0, rect.top() + 4.0), pos2(x, rect.top() + 8.0)];
        painter.add(Shape::convex_polygon(flag, color, Stroke::NONE));
    }
    let x = to_x(tick);
    painter.rect_filled(
        Rect::from_center_size(pos2(x, rect.center().y), vec2(5.0, rect.height())),
        2.0,
        visuals.strong_text_color(),
    );
    let at = response.interact_pointer_pos().filter(|_| response.dragged() || response.clicked())?;
    let share = f64::from(((at.x - bar.left()) / bar.width()).clamp(0.0, 1.0));
    let time = first + share * span;
    let after = timeline.ticks.partition_point(|t| *t < time).min(count - 1);
    let before = after.saturating_sub(1);
    let nearest = if (timeline.ticks[after] - time).abs() < (time - timeline.ticks[before]).abs() {
        after
    } else {
        before
    };
    Some(if count == 1 { 0 } else { nearest })
}
