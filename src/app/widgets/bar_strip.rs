//! What stands for a row without a picture: its features in deviations from the controls, as bars.

use std::sync::Arc;

use eframe::egui::{
    Align2, Color32, FontId, Painter, Pos2, Rect, RichText, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo,
    pos2, text::LayoutJob, text::TextWrapping, vec2,
};

use super::legend::short;
use crate::analysis::profile::{Bar, Channel, Compartment, Deviations};
use crate::app::screen::scale::COLORS;

/// Deviations at which a bar is as long as it gets.
const FULL: f32 = 20.0;

/// Height of a line of the large form, points.
const LINE: f32 = 17.0;

/// Width of a bar's value, points.
const VALUE: f32 = 46.0;

/// Colour of a channel, in the order of [`Channel::ALL`].
pub fn color(channel: Channel) -> Color32 {
    match channel {
        Channel::Dna => COLORS[5],
        Channel::Er => COLORS[2],
        Channel::Rna => COLORS[6],
        Channel::Agp => COLORS[0],
        Channel::Mito => COLORS[4],
        Channel::Brightfield => COLORS[1],
        Channel::Several => COLORS[3],
        Channel::Other => Color32::from_gray(150),
    }
}

/// Share of a bar's full length; the inverse hyperbolic sine keeps 2 apart from 5 and shows 20 beside both.
fn length(z: f32) -> f32 {
    (z.abs().asinh() / FULL.asinh()).min(1.0).copysign(z)
}

/// Paints the small form on a dark ground: a bar up or down for each feature, in their order, coloured by channel. Features
/// that cannot be told are dots on the middle line.
pub fn paint(painter: &Painter, rect: Rect, features: &Deviations, bars: &[Bar]) {
    painter.rect_filled(rect, 2.0, Color32::BLACK);
    let inner = rect.shrink(rect.width() * 0.06);
    let middle = inner.center().y;
    let step = inner.width() / bars.len().max(1) as f32;
    let line = Stroke::new(1.0, Color32::from_gray(90));
    painter.line_segment([pos2(inner.left(), middle), pos2(inner.right(), middle)], line);
    let mut before: Option<Compartment> = None;
    for (at, bar) in bars.iter().enumerate() {
        let x = inner.left() + at as f32 * step;
        let name = features.name(bar.feature);
        // A gap in the line between compartments.
        if before.is_some_and(|before| before != name.compartment) {
            let ends = [pos2(x, inner.top()), pos2(x, inner.bottom())];
            painter.line_segment(ends, Stroke::new(0.5, Color32::from_gray(60)));
        }
        before = Some(name.compartment);
        let fill = color(name.channel());
        match bar.z {
            Some(z) => {
                let end = middle - length(z) * inner.height() / 2.0;
                let (left, right) = (x + step * 0.1, x + step * 0.9);
                painter.rect_filled(Rect::from_two_pos(pos2(left, middle), pos2(right, end)), 0.0, fill);
            }
            None => {
                painter.circle_filled(pos2(x + step / 2.0, middle), (step * 0.2).clamp(0.5, 2.0), fill);
            }
        }
    }
}

/// Paints the small form of a row in the place of its picture, or why there is none.
pub fn in_place_of(painter: &Painter, rect: Rect, features: Option<&Arc<Deviations>>, row: u32) {
    if let Some((features, bars)) =
        features.and_then(|features| Some((features, features.strip(row as usize)?)))
    {
        paint(painter, rect, features, &bars);
        return;
    }
    painter.rect_filled(rect, 2.0, Color32::BLACK);
    let text = if features.is_some() { "no vector" } else { "…" };
    painter.text(rect.center(), Align2::CENTER_CENTER, text, FontId::proportional(11.0), Color32::GRAY);
}

/// What the small form of a row shows, for a tooltip: the features that differ most.
pub fn tip(ui: &mut Ui, features: &Deviations, row: u32) {
    let Some(bars) = features.strip(row as usize) else { return };
    let mut far: Vec<(&Bar, f32)> = bars.iter().filter_map(|bar| Some((bar, bar.z?))).collect();
    far.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    ui.weak(format!("{} features, robust z by the plate's DMSO", bars.len()));
    for (bar, z) in far.into_iter().take(5) {
        ui.label(format!("{}: {}", features.features()[bar.feature], signed(z)));
    }
}

/// Shows the large form: a line for each feature with its name, under headings of compartment and channel.
pub fn show(ui: &mut Ui, features: &Deviations, row: usize, bars: &[Bar]) {
    let mut before = None;
    for bar in bars {
        let name = features.name(bar.feature);
        let group = (name.compartment, name.channel());
        if before != Some(group) {
            before = Some(group);
            heading(ui, group);
        }
        one(ui, features, row, bar);
    }
}

/// Name of a group of features.
pub fn group_title((compartment, channel): (Compartment, Channel)) -> String {
    format!("{} · {}", compartment.title(), channel.title())
}

fn heading(ui: &mut Ui, group: (Compartment, Channel)) {
    ui.horizontal(|ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(10.0, 10.0), Sense::hover());
        ui.painter().rect_filled(rect, 2.0, color(group.1));
        ui.label(RichText::new(group_title(group)).small().strong());
    });
}

fn one(ui: &mut Ui, features: &Deviations, row: usize, bar: &Bar) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), LINE), Sense::hover());
    let full_name = &features.features()[bar.feature];
    let value = bar.z.map_or_else(|| "–".to_owned(), signed);
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, format!("{full_name} {value}")));
    let name = features.name(bar.feature);
    let text = ui.visuals().text_color();
    let names = Rect::from_min_max(rect.min, Pos2::new(rect.left() + rect.width() * 0.45, rect.bottom()));
    let mut job = LayoutJob::simple_singleline(name.words(), FontId::proportional(11.5), text);
    job.wrap = TextWrapping::truncate_at_width(names.width());
    let galley = ui.fonts_mut(|fonts| fonts.layout_job(job));
    let painter = ui.painter_at(rect);
    painter.galley(pos2(names.left(), rect.center().y - galley.size().y / 2.0), galley, text);
    let room =
        Rect::from_min_max(pos2(names.right() + 4.0, rect.top()), pos2(rect.right() - VALUE, rect.bottom()));
    let middle = room.center();
    let line = Stroke::new(1.0, ui.visuals().weak_text_color());
    painter.line_segment([pos2(middle.x, rect.top()), pos2(middle.x, rect.bottom())], line);
    if let Some(z) = bar.z {
        let end = middle.x + length(z) * room.width() / 2.0;
        let shape = Rect::from_two_pos(pos2(middle.x, rect.top() + 3.0), pos2(end, rect.bottom() - 3.0));
        painter.rect_filled(shape, 1.0, color(name.channel()));
        // Yellow on a light ground needs an edge.
        painter.rect_stroke(shape, 1.0, Stroke::new(0.5, line.color), StrokeKind::Inside);
    }
    painter.text(rect.right_center(), Align2::RIGHT_CENTER, &value, FontId::proportional(11.5), text);
    response.on_hover_ui(|ui| {
        ui.strong(full_name);
        ui.label(format!("robust z {value} by the DMSO of its plate: (x − median)/(1.4826·MAD)"));
        if let Some(raw) = features.raw(row, bar.feature) {
            ui.weak(format!("{} as in the table", short(f64::from(raw))));
        }
    });
}

/// A deviation with its sign.
pub fn signed(z: f32) -> String {
    let text = short(f64::from(z));
    if z > 0.0 { format!("+{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_keep_their_direction_and_end_at_their_full_length() {
        assert_eq!((length(0.0), length(20.0), length(-20.0)), (0.0, 1.0, -1.0));
        assert_eq!(length(-900.0), -1.0);
        let (two, five) = (length(2.0), length(5.0));
        assert!(0.3 < two && two + 0.15 < five && five < 0.8, "{two} {five}");
        assert_eq!((signed(2.5), signed(-2.5)), ("+2.5".to_owned(), "−2.5".to_owned()));
    }

    #[test]
    fn channels_have_colours_of_their_own() {
        let mut colors: Vec<[u8; 4]> = Channel::ALL.map(|channel| color(channel).to_array()).to_vec();
        colors.sort_unstable();
        colors.dedup();
        assert_eq!(colors.len(), Channel::ALL.len());
    }
}
