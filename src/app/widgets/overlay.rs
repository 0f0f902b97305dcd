//! Scale bar, time stamp and name over a frame; the same in the window and in exports.

use eframe::egui::{Align2, Color32, FontId, Painter, Pos2, Rect, Vec2, pos2, vec2};

use crate::video::Recording;

/// What to draw over a frame.
#[derive(Debug, Clone, Default)]
pub struct Overlay {
    /// Top left.
    pub name: Option<String>,
    /// Says below the name that no microscope has seen this, whatever else is switched off.
    pub simulated: bool,
    /// Bottom left.
    pub time: Option<String>,
    /// Bottom right: points per image px, and µm per px where known.
    pub scale: Option<(f32, Option<f64>)>,
}

/// A scale bar: its length in points, and its label.
#[derive(Debug, Clone, PartialEq)]
pub struct ScaleBar {
    /// Length on screen, points.
    pub points: f32,
    /// `10 µm`, or `50 px` without calibration.
    pub label: String,
}

/// The longest bar of 1, 2 or 5 times a power of ten that fits; `None` when not even the smallest unit does.
pub fn scale_bar(longest: f32, points_per_px: f32, pixel_size_um: Option<f64>) -> Option<ScaleBar> {
    let unit_per_px = pixel_size_um.filter(|s| s.is_finite() && *s > 0.0);
    let per_point = unit_per_px.unwrap_or(1.0) / f64::from(points_per_px);
    let available = f64::from(longest) * per_point;
    if !available.is_finite() || available <= 0.0 {
        return None;
    }
    let decade = 10f64.powf(available.log10().floor());
    let step = [5.0, 2.0, 1.0].into_iter().find(|s| s * decade <= available * (1.0 + 1e-9))?;
    let length = step * decade;
    let label = if unit_per_px.is_none() {
        if length < 1.0 {
            return None;
        }
        format!("{length:.0} px")
    } else if length >= 1000.0 {
        format!("{} mm", round(length / 1000.0))
    } else if length < 1.0 {
        format!("{} nm", round(length * 1000.0))
    } else {
        format!("{} µm", round(length))
    };
    Some(ScaleBar { points: (length / per_point) as f32, label })
}

/// 1, 2 or 5 times a power of ten without the noise of its floating-point form.
fn round(v: f64) -> f64 {
    (v * 1e6).round() / 1e6
}

/// Text that reads on any image: white with a dark edge.
pub fn outlined_text(painter: &Painter, at: Pos2, anchor: Align2, text: &str, size: f32) -> Rect {
    let font = FontId::proportional(size);
    let edge = (size / 14.0).max(1.0);
    for offset in [vec2(-edge, 0.0), vec2(edge, 0.0), vec2(0.0, -edge), vec2(0.0, edge)] {
        painter.text(at + offset, anchor, text, font.clone(), Color32::from_black_alpha(200));
    }
    painter.text(at, anchor, text, font, Color32::WHITE)
}

/// Draws the overlay inside `rect`; `size` is the text size in points.
pub fn paint(painter: &Painter, rect: Rect, overlay: &Overlay, size: f32) {
    let margin = Vec2::splat(size * 0.75);
    let inner = rect.shrink2(margin);
    if inner.width() < size || inner.height() < size {
        return;
    }
    let painter = painter.with_clip_rect(rect.intersect(painter.clip_rect()));
    if let Some(name) = &overlay.name {
        let longest = (inner.width() / (size * 0.55)).max(4.0) as usize;
        outlined_text(&painter, inner.left_top(), Align2::LEFT_TOP, &shorten(name, longest), size);
    }
    if overlay.simulated {
        let below = if overlay.name.is_some() { size * 1.3 } else { 0.0 };
        outlined_text(&painter, inner.left_top() + vec2(0.0, below), Align2::LEFT_TOP, "simulated", size);
    }
    if let Some(time) = &overlay.time {
        outlined_text(&painter, inner.left_bottom(), Align2::LEFT_BOTTOM, time, size);
    }
    if let Some((points_per_px, pixel_size)) = overlay.scale
        && let Some(bar) = scale_bar(inner.width() * 0.3, points_per_px, pixel_size)
    {
        let thickness = (size * 0.3).max(2.0);
        let end = inner.right_bottom();
        let line = Rect::from_min_max(pos2(end.x - bar.points, end.y - thickness), end);
        painter.rect_filled(line.expand(1.0), 0.0, Color32::from_black_alpha(200));
        painter.rect_filled(line, 0.0, Color32::WHITE);
        let above = pos2(line.center().x, line.top() - 2.0);
        outlined_text(&painter, above, Align2::CENTER_BOTTOM, &bar.label, size);
    }
}

/// Keeps the beginning and the end of a long name: both tell recordings apart.
pub fn shorten(name: &str, longest: usize) -> String {
    let chars: Vec<char> = name.chars().collect();
    if chars.len() <= longest || longest < 5 {
        return name.to_owned();
    }
    let tail = (longest - 1) / 2;
    let head = longest - 1 - tail;
    let start: String = chars[..head].iter().collect();
    let end: String = chars[chars.len() - tail..].iter().collect();
    format!("{start}…{end}")
}

/// µm per image px of a recording, if it can be believed.
pub fn pixel_size(recording: &Recording) -> Option<f64> {
    recording.series.pixel_size_um.filter(|s| s.is_finite() && *s > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scale_bars_step_by_1_2_5() {
        let label = |longest, zoom, um| scale_bar(longest, zoom, um).unwrap().label;
        // 100 points at 1 point per px of 0.0655 µm: 6.55 µm fit, so 5 µm.
        assert_eq!(label(100.0, 1.0, Some(0.0655)), "5 µm");
        assert_eq!(label(100.0, 2.0, Some(0.0655)), "2 µm");
        assert_eq!(label(100.0, 10.0, Some(0.0655)), "500 nm");
        assert_eq!(label(100.0, 1.0, Some(30.0)), "2 mm");
        assert_eq!(label(100.0, 1.0, None), "100 px");
        assert_eq!(scale_bar(100.0, 300.0, None), None, "less than one pixel");
        let bar = scale_bar(100.0, 1.0, Some(0.0655)).unwrap();
        assert!((f64::from(bar.points) - 5.0 / 0.0655).abs() < 1e-3);
    }

    #[test]
    fn long_names_keep_both_ends() {
        assert_eq!(shorten("plate3_wellB07_site2_TMRM.ome.tif", 15), "plate3_…ome.tif");
        assert_eq!(shorten("short.tif", 15), "short.tif");
    }
}
