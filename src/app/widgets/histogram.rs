//! Histogram of a channel over the whole movie, with limits to drag.

use eframe::egui::{
    Color32, CursorIcon, Id, Mesh, Rect, Response, Role, Sense, Shape, Stroke, Ui, WidgetInfo, pos2, vec2,
};

use crate::video::display::ChannelDisplay;
use crate::video::stats::ChannelStats;

/// Height of the colour ramp below the bars, points.
const RAMP: f32 = 6.0;

/// Which limit is being dragged.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Grip {
    Min,
    Max,
    Both,
}

/// Values at the edges of the plot: the bulk of the data and both limits, not the last hot pixel.
pub fn plot_range(stats: &ChannelStats, look: &ChannelDisplay) -> (f64, f64) {
    let lo = stats.min.min(look.min);
    let bulk = stats.percentile(0.9999);
    let hi = (bulk + 0.15 * (bulk - stats.min)).min(stats.max).max(look.max);
    if hi > lo { (lo, hi) } else { (lo, lo + 1.0) }
}

/// Shows the histogram; returns new limits while one is dragged.
pub fn show(
    ui: &mut Ui,
    id: Id,
    stats: &ChannelStats,
    look: &ChannelDisplay,
    colors: &[[u8; 3]],
) -> (Response, Option<(f64, f64)>) {
    let width = ui.available_width().max(80.0);
    let (rect, response) = ui.allocate_exact_size(vec2(width, 72.0), Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, "Histogram"));
    let response = response.on_hover_cursor(CursorIcon::ResizeHorizontal);
    // The range stays still during a drag, or the handle would run away from the pointer.
    let range_id = id.with("range");
    let range = if response.dragged() {
        ui.data(|d| d.get_temp(range_id)).unwrap_or_else(|| plot_range(stats, look))
    } else {
        plot_range(stats, look)
    };
    ui.data_mut(|d| d.insert_temp(range_id, range));
    let (lo, hi) = range;
    let to_x = |v: f64| rect.left() + ((v - lo) / (hi - lo)) as f32 * rect.width();
    let to_value = |x: f32| lo + f64::from((x - rect.left()) / rect.width()) * (hi - lo);

    let painter = ui.painter_at(rect);
    // One mesh without soft edges and with nothing drawn twice: hundreds of soft bars cost a software rasteriser dearly.
    let mut mesh = Mesh::default();
    let ground = ui.visuals().extreme_bg_color;
    let bars = ground.lerp_to_gamma(ui.visuals().text_color(), 0.4);
    let (plot, strip) = rect.split_top_bottom_at_y(rect.bottom() - RAMP);
    add_bars(&mut mesh, plot, stats, range, (ground, bars));
    // The table between the limits, along the bottom: what colour means what value.
    mesh.add_colored_rect(strip, ground);
    add_ramp(&mut mesh, strip, to_x(look.min), to_x(look.max), look.invert, colors);
    painter.add(mesh);
    let curve: Vec<_> = (0..=32)
        .map(|i| {
            let x = f64::from(i) / 32.0;
            let value = look.min + x * (look.max - look.min);
            let level = x.powf(look.gamma) as f32;
            pos2(to_x(value), rect.bottom() - RAMP - level * (rect.height() - 8.0))
        })
        .collect();
    let accent = ui.visuals().selection.stroke.color;
    painter.add(Shape::line(curve, Stroke::new(1.5, accent)));
    for value in [look.min, look.max] {
        let x = to_x(value).clamp(rect.left() + 1.0, rect.right() - 1.0);
        painter.line_segment([pos2(x, rect.top()), pos2(x, rect.bottom())], Stroke::new(2.0, accent));
    }

    let grip_id = id.with("grip");
    if response.drag_started()
        && let Some(at) = response.interact_pointer_pos()
    {
        let (near_min, near_max) = ((at.x - to_x(look.min)).abs(), (at.x - to_x(look.max)).abs());
        let between = at.x > to_x(look.min) && at.x < to_x(look.max);
        let grip = if between && near_min.min(near_max) > 14.0 {
            Grip::Both
        } else if near_min <= near_max {
            Grip::Min
        } else {
            Grip::Max
        };
        ui.data_mut(|d| d.insert_temp(grip_id, grip));
    }
    let mut limits = None;
    if response.dragged()
        && let (Some(at), Some(grip)) =
            (response.interact_pointer_pos(), ui.data(|d| d.get_temp::<Grip>(grip_id)))
    {
        let least = (hi - lo) / 1000.0;
        let value = to_value(at.x);
        limits = Some(match grip {
            Grip::Min => (value.min(look.max - least), look.max),
            Grip::Max => (look.min, value.max(look.min + least)),
            Grip::Both => {
                let shift = f64::from(response.drag_delta().x / rect.width()) * (hi - lo);
                (look.min + shift, look.max + shift)
            }
        });
    }
    (response, limits)
}

/// Bars of the counts in `range` over the whole plot, and the ground above them.
fn add_bars(
    mesh: &mut Mesh,
    plot: Rect,
    stats: &ChannelStats,
    (lo, hi): (f64, f64),
    (ground, color): (Color32, Color32),
) {
    let columns = plot.width().max(1.0) as usize;
    let mut counts = vec![0u64; columns];
    for (bin, &n) in stats.counts.iter().enumerate().filter(|(_, n)| **n > 0) {
        let value = stats.lo + (bin as f64 + 0.5) * stats.width;
        let x = (value - lo) / (hi - lo) * columns as f64;
        if x >= 0.0 && x < columns as f64 {
            counts[x as usize] += n;
        }
    }
    let top = counts.iter().copied().max().unwrap_or(1).max(1);
    // Counts span many powers of ten; dim structures would vanish on a linear axis.
    let scale = (plot.height() - 2.0) / (1.0 + top as f32).ln();
    // Integer values can be rarer than columns: each bar reaches to the next one.
    let wide = (stats.width / (hi - lo) * columns as f64).ceil().clamp(1.0, columns as f64) as usize;
    let (mut height, mut left) = (0.0, 0);
    for (column, &n) in counts.iter().enumerate() {
        if n > 0 {
            (height, left) = ((1.0 + n as f32).ln() * scale, wide);
        } else if left == 0 {
            height = 0.0;
        }
        left = left.saturating_sub(1);
        let x = |column: usize| plot.left() + plot.width() * column as f32 / columns as f32;
        let column = Rect::from_x_y_ranges(x(column)..=x(column + 1), plot.y_range());
        let (above, bar) = column.split_top_bottom_at_y(plot.bottom() - height);
        mesh.add_colored_rect(above, ground);
        if height > 0.0 {
            mesh.add_colored_rect(bar, color);
        }
    }
}

fn add_ramp(mesh: &mut Mesh, strip: Rect, from: f32, to: f32, invert: bool, colors: &[[u8; 3]]) {
    if colors.is_empty() {
        return;
    }
    let steps = 64;
    for i in 0..steps {
        let x = |i: usize| from + (to - from) * i as f32 / steps as f32;
        let share = (i as f32 + 0.5) / steps as f32;
        let share = if invert { 1.0 - share } else { share };
        let [r, g, b] = colors[((share * colors.len() as f32) as usize).min(colors.len() - 1)];
        let step = Rect::from_x_y_ranges(x(i)..=x(i + 1), strip.top() + 1.0..=strip.bottom());
        mesh.add_colored_rect(step, Color32::from_rgb(r, g, b));
    }
}
