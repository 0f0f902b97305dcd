//! What colours mean: values with their counts, or a bar with its ends.

use eframe::egui::{
    Mesh, Rect, RichText, Role, ScrollArea, Sense, Shape, TextStyle, TextWrapMode, Ui, Vec2, WidgetInfo,
    WidgetText, pos2, vec2,
};

use super::swatch;
use crate::app::screen::scale::{Legend, Scale};
use crate::app::screen::selection::Gesture;

/// Width of a patch, points.
const PATCH: f32 = 12.0;

/// Height of a legend with values, points.
const HEIGHT: f32 = 44.0;

/// Shows the legend; `clicked` gets the value that was clicked, and how.
pub fn show(ui: &mut Ui, scale: &Scale, mut clicked: impl FnMut(&str, Gesture)) {
    match &scale.legend {
        Legend::Values(values, other, missing) => {
            ScrollArea::vertical().id_salt("legend").max_height(HEIGHT).show(ui, |ui| {
                ui.horizontal_wrapped(|ui| {
                    ui.spacing_mut().item_spacing.x = 5.0;
                    for (value, look, count) in values {
                        let text = RichText::new(value).small();
                        let galley = WidgetText::from(text).into_galley(
                            ui,
                            Some(TextWrapMode::Extend),
                            0.0,
                            TextStyle::Small,
                        );
                        // One widget, so that a line never ends between a patch and its text.
                        let size = vec2(PATCH + 5.0 + galley.size().x, galley.size().y.max(PATCH));
                        let (rect, entry) = ui.allocate_exact_size(size, Sense::click());
                        let patch = Rect::from_center_size(
                            pos2(rect.left() + PATCH / 2.0, rect.center().y),
                            Vec2::splat(PATCH),
                        );
                        swatch::paint(ui.painter(), patch, *look);
                        let at = pos2(patch.right() + 5.0, rect.center().y - galley.size().y / 2.0);
                        ui.painter().galley(at, galley, ui.visuals().text_color());
                        entry.widget_info(|| WidgetInfo::labeled(Role::Button, true, value));
                        let entry = entry.on_hover_text(format!("{count} rows; click to select them"));
                        if entry.clicked() {
                            clicked(value, Gesture::of(ui.input(|i| i.modifiers)));
                        }
                        ui.add_space(6.0);
                    }
                    if *other > 0 {
                        ui.weak(format!("grey: {other} rows with other values"));
                    }
                    if *missing > 0 {
                        ui.weak(format!("grey: {missing} rows without a value"));
                    }
                });
            });
        }
        Legend::Range(min, max, ..) if min > max => {
            ui.weak(format!("{} has no values", scale.column));
        }
        Legend::Range(min, max, log, unit, missing) => {
            ui.horizontal(|ui| {
                ui.label(RichText::new(short(*min)).small());
                let (rect, _) = ui.allocate_exact_size(vec2(160.0, 12.0), Sense::hover());
                bar(ui, rect, scale);
                let unit = unit.as_ref().map_or_else(String::new, |u| format!(" {u}"));
                ui.label(RichText::new(format!("{}{unit}", short(*max))).small());
                if *log {
                    ui.weak("logarithmic");
                }
                if *missing > 0 {
                    ui.weak(format!("grey: {missing} rows without a value"));
                }
            });
        }
    }
}

/// Parts of the colour bar.
const STEPS: u32 = 32;

/// Paints the colours of a range.
pub fn bar(ui: &Ui, rect: Rect, scale: &Scale) {
    let mut mesh = Mesh::default();
    for step in 0..=STEPS {
        let share = step as f32 / STEPS as f32;
        let x = rect.left() + share * rect.width();
        mesh.colored_vertex(pos2(x, rect.top()), scale.at(share));
        mesh.colored_vertex(pos2(x, rect.bottom()), scale.at(share));
        if step > 0 {
            let i = 2 * step;
            mesh.add_triangle(i - 2, i - 1, i);
            mesh.add_triangle(i - 1, i, i + 1);
        }
    }
    ui.painter().add(Shape::mesh(mesh));
}

/// A number in at most four digits that count.
pub fn short(number: f64) -> String {
    let text = if number != 0.0 && !(1e-3..1e5).contains(&number.abs()) {
        format!("{number:.1e}")
    } else {
        let digits = (3 - number.abs().max(1e-3).log10().floor() as i32).clamp(0, 6) as usize;
        let text = format!("{number:.digits$}");
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    };
    text.replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn a_small_dose_keeps_its_digits() {
        assert_eq!(short(0.00781), "0.00781");
        assert_eq!(short(0.0), "0");
        assert_eq!(short(-0.5), "−0.5");
        assert_eq!(short(3.333_33), "3.333");
        assert_eq!(short(12_345.6), "12346");
        assert_eq!(short(4e-6), "4.0e−6");
    }
}
