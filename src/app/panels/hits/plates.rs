//! All plates side by side, coloured by the score on one scale; controls have their marks.

use eframe::egui::{
    Align2, Color32, FontId, Rect, RichText, Role as WidgetRole, Sense, Stroke, StrokeKind, Ui, WidgetInfo,
    vec2,
};

use super::marks::{control, control_legend, is_selected, select, well_card};
use crate::analysis::hits::Role;
use crate::app::hits::Shown;
use crate::app::hits::shown::PlateWells;
use crate::app::panels::plate::{GAP, LABEL, LEAST_WIDTH, TITLE, Wells, labels};
use crate::app::screen::Screen;
use crate::app::state::Outbox;
use crate::app::widgets::legend;
use crate::app::widgets::overlay::shorten;
use crate::experiment::{PlateFormat, Well};

/// Shows the plates.
pub fn show(ui: &mut Ui, screen: &Screen, shown: &Shown, out: &mut Outbox) {
    let quality = &shown.hits.controls.quality;
    ui.horizontal_wrapped(|ui| {
        ui.strong("Score of wells, all plates on one scale");
        control_legend(ui, quality.n_negative, quality.n_positive);
    });
    legend::show(ui, &shown.scale, |_, _| {});
    ui.label(RichText::new("Scores beyond the ends have the colour of the end.").size(super::SMALL));
    let with_places: Vec<usize> =
        (0..shown.plates.len()).filter(|&plate| !shown.plates[plate].wells.is_empty()).collect();
    if with_places.is_empty() {
        ui.label("No row names a well: plates cannot be drawn. Fill the column “well” (A01, H12 …).");
        return;
    }
    let width = ui.available_width();
    let columns = ((width / LEAST_WIDTH) as usize).clamp(1, with_places.len());
    let each = width / columns as f32 - GAP;
    for line in with_places.chunks(columns) {
        let heights = line.iter().map(|&plate| {
            let (rows, columns) = format_of(&shown.plates[plate]).size();
            LABEL + each * f32::from(rows) / f32::from(columns)
        });
        let height = heights.fold(0.0, f32::max);
        let (whole, _) = ui.allocate_exact_size(vec2(width - GAP, height + TITLE), Sense::hover());
        if !ui.is_rect_visible(whole) {
            continue;
        }
        for (at, &plate) in line.iter().enumerate() {
            let corner = whole.min + vec2(at as f32 * (each + GAP), 0.0);
            one(ui, screen, shown, plate, Rect::from_min_size(corner, vec2(each, height + TITLE)), out);
        }
    }
}

fn format_of(plate: &PlateWells) -> PlateFormat {
    plate.format.unwrap_or(PlateFormat::P96)
}

fn one(ui: &Ui, screen: &Screen, shown: &Shown, number: usize, whole: Rect, out: &mut Outbox) {
    let (Some(plate), Some(of)) = (shown.plates.get(number), shown.hits.controls.by_plate.get(number)) else {
        return;
    };
    let response = ui.interact(whole, ui.scope_id().with(("scores of plate", number)), Sense::click());
    response
        .widget_info(|| WidgetInfo::labeled(WidgetRole::Grid, true, format!("Scores of plate {}", of.plate)));
    let painter = ui.painter_at(whole);
    let visuals = ui.visuals();
    let name = if of.plate.is_empty() { "(unnamed)" } else { of.plate.as_str() };
    let flag = if of.flags.is_empty() { "" } else { " (flagged)" };
    let title = format!("{}{flag}", shorten(name, (whole.width() / 8.0) as usize));
    painter.text(whole.min, Align2::LEFT_TOP, title, FontId::proportional(12.0), visuals.text_color());
    let area = Rect::from_min_max(whole.min + vec2(0.0, TITLE), whole.max);
    let places = Wells::fit(area, format_of(plate));
    labels(ui, &painter, &places);
    let edge = if visuals.dark_mode { Color32::WHITE } else { Color32::BLACK };
    let empty = Stroke::new(0.5, visuals.widgets.noninteractive.bg_stroke.color);
    let (rows, columns) = format_of(plate).size();
    for at in (0..rows).flat_map(|row| (0..columns).map(move |column| Well { row, column })) {
        let rect = places.rect(at);
        let well = plate.wells.get(&at).and_then(|&place| shown.hits.wells.get(place));
        let Some(well) = well else {
            painter.rect_stroke(rect, 2.0, empty, StrokeKind::Inside);
            continue;
        };
        match well.on_score {
            Some(score) => {
                painter.rect_filled(rect, 2.0, shown.scale.of_number(score).color);
            }
            // No score: crossed out, not coloured.
            None => {
                painter.line_segment([rect.left_bottom(), rect.right_top()], Stroke::new(1.0, edge));
            }
        }
        if well.role != Role::Treated {
            control(&painter, rect.center(), rect.width() * 0.26, well.role, Color32::BLACK);
        }
        let selected: Vec<u32> = well.rows.iter().map(|&row| row as u32).collect();
        if is_selected(screen, &selected) {
            painter.rect_stroke(rect, 2.0, Stroke::new(2.0, edge), StrokeKind::Outside);
        }
    }
    let Some(place) = response.hover_pos().and_then(|at| plate.wells.get(&places.at(at)?)).copied() else {
        return;
    };
    if response.clicked() {
        select(ui.ctx(), screen, shown.rows_of([place]), out);
    }
    response.on_hover_ui_at_pointer(|ui| {
        if let Some(well) = shown.hits.wells.get(place) {
            well_card(ui, screen, well);
        }
    });
}
