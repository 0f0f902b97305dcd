//! Mechanisms as bars.

use eframe::egui::{
    Align2, Color32, FontId, Rect, RichText, Role, Sense, Ui, WidgetInfo, pos2, text::LayoutJob,
    text::TextWrapping, vec2,
};

use super::SMALL;
use super::verdict::percent;
use crate::analysis::answers::Answer;
use crate::app::answers::Encoded;

/// Mechanisms that are shown.
const SHOWN: usize = 6;

/// Height of a line, points.
const LINE: f32 = 20.0;

/// One bar.
pub struct Bar {
    /// Mechanism.
    pub name: String,
    /// Length, 0 to 1.
    pub share: f64,
    /// What stands at its end.
    pub value: String,
    /// What is said on hover.
    pub tip: String,
}

/// Shows the ranked mechanisms of an answer.
pub fn show(ui: &mut Ui, encoded: &Encoded, answer: &Answer) {
    if answer.moas.is_empty() {
        return;
    }
    let compounds = &encoded.answers.library().subjects().compounds;
    let calibrated = answer.moas.iter().any(|score| score.probability.is_some());
    ui.add_space(4.0);
    ui.horizontal(|ui| {
        ui.strong("Mechanisms");
        let (text, tip) = if calibrated {
            ("calibrated probability", "Of all calls with such a probability, about this share was right among compounds whose mechanism is known; see “How far to trust this”")
        } else {
            ("similarity, not calibrated", "Too few compounds with known mechanisms to turn similarities into probabilities")
        };
        ui.weak(RichText::new(text).size(SMALL)).on_hover_text(tip);
    });
    let bars: Vec<Bar> = answer
        .moas
        .iter()
        .take(SHOWN)
        .map(|score| {
            let share = score.probability.unwrap_or_else(|| score.similarity.clamp(0.0, 1.0));
            let value = score.probability.map_or_else(|| format!("{:.2}", score.similarity), percent);
            let best = &compounds[score.best].name;
            let tip = format!(
                "{}: similarity {:.2}, nearest compound {best}, {} compounds with this mechanism answer",
                encoded.moa(score.moa),
                score.similarity,
                score.compounds
            );
            Bar { name: encoded.moa(score.moa).to_owned(), share, value, tip }
        })
        .collect();
    paint(ui, &bars);
}

/// Draws bars below each other, over the whole width.
pub fn paint(ui: &mut Ui, bars: &[Bar]) {
    let width = ui.available_width();
    let names = (width * 0.5).clamp(90.0, 220.0);
    for bar in bars {
        let (rect, response) = ui.allocate_exact_size(vec2(width, LINE), Sense::hover());
        response.widget_info(|| {
            WidgetInfo::labeled(Role::ProgressIndicator, true, format!("{} {}", bar.name, bar.value))
        });
        let painter = ui.painter_at(rect);
        let color = ui.visuals().text_color();
        let mut job = LayoutJob::simple_singleline(bar.name.clone(), FontId::proportional(12.5), color);
        job.wrap = TextWrapping::truncate_at_width(names - 8.0);
        let galley = ui.fonts_mut(|fonts| fonts.layout_job(job));
        painter.galley(pos2(rect.left(), rect.center().y - galley.size().y / 2.0), galley, color);
        let room = Rect::from_min_max(
            pos2(rect.left() + names, rect.top() + 4.0),
            pos2((rect.right() - 46.0).max(rect.left() + names + 20.0), rect.bottom() - 4.0),
        );
        painter.rect_filled(room, 2.0, ui.visuals().extreme_bg_color);
        let length = room.width() * bar.share.clamp(0.0, 1.0) as f32;
        let filled = Rect::from_min_size(room.min, vec2(length, room.height()));
        painter.rect_filled(filled, 2.0, accent(ui.visuals().dark_mode));
        let at = pos2(room.right() + 6.0, rect.center().y);
        painter.text(at, Align2::LEFT_CENTER, &bar.value, FontId::proportional(12.0), color);
        response.on_hover_text(&bar.tip);
    }
}

fn accent(dark: bool) -> Color32 {
    if dark { Color32::from_rgb(86, 156, 214) } else { Color32::from_rgb(0, 104, 178) }
}
