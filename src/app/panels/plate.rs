//! The plate as a heat map: which wells hold what, coloured by any column or any named feature.

use eframe::egui::{
    self, Align2, Color32, ComboBox, FontId, Id, Painter, Rect, Role, ScrollArea, Sense, Stroke, StrokeKind,
    Ui, WidgetInfo, pos2, vec2,
};

use super::{feature_box, rows};
use crate::analysis::profile::Deviations;
use crate::app::command::Command;
use crate::app::screen::command::ScreenCommand;
use crate::app::screen::scale::{Scale, Swatch};
use crate::app::screen::selection::Gesture;
use crate::app::screen::{Plate, Screen};
use crate::app::state::{AppState, Outbox};
use crate::app::widgets::{bar_strip, legend, swatch};
use crate::experiment::wells::{PlateFormat, Well, row_name};

/// Shows the panel.
pub fn show(ui: &mut Ui, state: &AppState, out: &mut Outbox) {
    let Some(screen) = &state.screen else {
        rows::no_experiment(ui, out);
        return;
    };
    if screen.look().blind {
        ui.add_space(8.0);
        ui.label("The plate is hidden while you score blind: a well's place can tell its treatment.");
        return;
    }
    let Some(plate) = screen.plate() else {
        ui.add_space(8.0);
        ui.label("No row names a well. Fill the column “well” (A01, H12 …), or join a plate map: File › Join plate map…");
        return;
    };
    ui.horizontal_wrapped(|ui| {
        if screen.plates().len() > 1 || !plate.name.is_empty() {
            choose_plate(ui, screen, plate, out);
        }
        rows::colour_by(ui, screen, out);
        feature_box::show(ui, screen, out);
    });
    legend::show(ui, screen.plate_scale(), |text, gesture| {
        let rows = rows::with_value(screen, screen.scale(), text);
        out.send(Command::Screen(ScreenCommand::Take(rows, gesture)));
    });
    without_controls(ui, screen);
    let area = ui.available_rect_before_wrap();
    if screen.look().all_plates && screen.plates().len() > 1 {
        side_by_side(ui, screen, area, out);
    } else {
        heat_map(ui, screen, plate, area, out);
    }
}

/// Says of which plates no deviations can be told.
fn without_controls(ui: &mut Ui, screen: &Screen) {
    let is_z = screen.look().feature.as_ref().is_some_and(|colour| !colour.raw);
    let Some(features) = screen.features().filter(|_| is_z) else { return };
    let without = features.without_controls();
    if !without.is_empty() {
        let text = match without.len() {
            1 => "1 plate has fewer than two negative controls: grey".to_owned(),
            many => format!("{many} plates have fewer than two negative controls: grey"),
        };
        ui.colored_label(ui.visuals().warn_fg_color, text).on_hover_text(without.join(", "));
    }
}

/// All plates on one scale, as many in a line as stay readable.
fn side_by_side(ui: &mut Ui, screen: &Screen, area: Rect, out: &mut Outbox) {
    let plates = screen.plates();
    let columns = ((area.width() / LEAST_WIDTH) as usize).clamp(1, plates.len());
    let width = area.width() / columns as f32 - GAP;
    ScrollArea::vertical().id_salt("plates").auto_shrink([false, false]).show(ui, |ui| {
        for line in plates.chunks(columns) {
            let heights = line.iter().map(|plate| {
                let (rows, columns) = format_of(plate).size();
                LABEL + width * f32::from(rows) / f32::from(columns)
            });
            let height = heights.fold(0.0, f32::max);
            let (whole, _) = ui.allocate_exact_size(vec2(area.width() - GAP, height + TITLE), Sense::hover());
            if !ui.is_rect_visible(whole) {
                continue;
            }
            for (at, plate) in line.iter().enumerate() {
                let corner = whole.min + vec2(at as f32 * (width + GAP), 0.0);
                let font = FontId::proportional(12.0);
                let text = ui.visuals().text_color();
                ui.painter_at(whole).text(corner, Align2::LEFT_TOP, name_of(plate), font, text);
                let rect = Rect::from_min_size(corner + vec2(0.0, TITLE), vec2(width, height));
                ui.push_id(&plate.name, |ui| heat_map(ui, screen, plate, rect, out));
            }
        }
    });
}

fn format_of(plate: &Plate) -> PlateFormat {
    plate.format.unwrap_or(PlateFormat::P96)
}

fn name_of(plate: &Plate) -> &str {
    if plate.name.is_empty() { "(unnamed)" } else { &plate.name }
}

fn ui_modifiers(ctx: &egui::Context) -> egui::Modifiers {
    ctx.input(|i| i.modifiers)
}

fn choose_plate(ui: &mut Ui, screen: &Screen, shown: &Plate, out: &mut Outbox) {
    let is_all = screen.look().all_plates && screen.plates().len() > 1;
    let now = if is_all { "All plates" } else { name_of(shown) };
    let choice = ComboBox::from_id_salt("plate").selected_text(now).show_ui(ui, |ui| {
        if screen.plates().len() > 1 && ui.selectable_label(is_all, "All plates").clicked() {
            rows::look(screen, out, |look| look.all_plates = true);
        }
        for plate in screen.plates() {
            let text = format!("{} ({} wells)", name_of(plate), plate.wells.len());
            if ui.selectable_label(!is_all && plate.name == shown.name, text).clicked() {
                rows::look(screen, out, |look| {
                    look.plate = Some(plate.name.clone());
                    look.all_plates = false;
                });
            }
        }
    });
    crate::app::widgets::named(choice.response, "Plate");
}

/// Least width of a plate among others, points.
pub const LEAST_WIDTH: f32 = 240.0;
/// Height of a plate's title, points.
pub const TITLE: f32 = 16.0;
/// Room for the names of rows and columns, points.
pub const LABEL: f32 = 24.0;
/// Space between two plates, points.
pub const GAP: f32 = 10.0;

/// Where the wells lie on screen.
pub struct Wells {
    origin: egui::Pos2,
    size: f32,
    format: PlateFormat,
}

impl Wells {
    /// As large as there is room for, the left upper corner in that of the room.
    pub fn fit(area: Rect, format: PlateFormat) -> Self {
        let (rows, columns) = format.size();
        let label = if columns > 24 { 16.0 } else { 20.0 };
        let size = ((area.width() - label) / columns as f32).min((area.height() - label) / rows as f32);
        Self { origin: area.min + vec2(label, label), size: size.clamp(4.0, 56.0), format }
    }

    /// Of a well.
    pub fn rect(&self, well: Well) -> Rect {
        let corner = self.origin + vec2(well.column as f32, well.row as f32) * self.size;
        Rect::from_min_size(corner, egui::Vec2::splat(self.size)).shrink((self.size * 0.05).clamp(0.5, 2.0))
    }

    /// The well under the pointer.
    pub fn at(&self, pos: egui::Pos2) -> Option<Well> {
        let (rows, columns) = self.format.size();
        let (rows, columns) = (usize::from(rows), usize::from(columns));
        let at = (pos - self.origin) / self.size;
        let inside = at.x >= 0.0 && at.y >= 0.0 && (at.x as usize) < columns && (at.y as usize) < rows;
        inside.then_some(Well { row: at.y as u8, column: at.x as u8 })
    }
}

fn heat_map(ui: &mut Ui, screen: &Screen, plate: &Plate, area: Rect, out: &mut Outbox) {
    let format = format_of(plate);
    let id = ui.scope_id().with("wells");
    let response = ui.interact(area, id, Sense::click_and_drag());
    response.widget_info(|| {
        WidgetInfo::labeled(
            Role::Grid,
            true,
            format!("Plate {}, {} wells in use", plate.name, plate.wells.len()),
        )
    });
    // Among others its room is allocated with theirs.
    if !screen.look().all_plates || screen.plates().len() < 2 {
        ui.allocate_rect(area, Sense::hover());
    }
    let painter = ui.painter_at(area);
    let wells = Wells::fit(area, format);
    labels(ui, &painter, &wells);
    let empty = ui.visuals().widgets.noninteractive.bg_stroke;
    let (row_count, column_count) = format.size();
    for row in 0..row_count {
        for column in 0..column_count {
            let well = Well { row, column };
            let rect = wells.rect(well);
            match plate.wells.get(&well) {
                Some(rows) => paint_well(ui, &painter, rect, screen, rows),
                None => {
                    painter.rect_stroke(rect, 2.0, Stroke::new(0.5, empty.color), StrokeKind::Inside);
                }
            }
        }
    }
    box_select(ui, &response, &painter, &wells, plate, out);
    if let Some(well) = response.hover_pos().and_then(|pos| wells.at(pos))
        && let Some(rows) = plate.wells.get(&well)
    {
        if response.clicked() {
            let gesture = Gesture::of(ui_modifiers(ui.ctx()));
            out.send(Command::Screen(ScreenCommand::Take(rows.clone(), gesture)));
        }
        // The menu is about what was clicked.
        if response.secondary_clicked() && !rows.iter().any(|&row| screen.selection.contains(row)) {
            out.send(Command::Screen(ScreenCommand::Take(rows.clone(), Gesture::Replace)));
        }
        if response.double_clicked() {
            out.send(Command::Screen(ScreenCommand::Play(rows.clone())));
        }
        rows::drop_structure(ui, &response, rows, out);
        response.clone().on_hover_ui_at_pointer(|ui| tooltip(ui, screen, well, rows));
    }
    response.context_menu(|ui| rows::menu(ui, screen, out));
}

/// Paints names of rows and columns.
pub fn labels(ui: &Ui, painter: &Painter, wells: &Wells) {
    let (row_count, column_count) = wells.format.size();
    let font = FontId::proportional((wells.size * 0.6).clamp(11.0, 12.0));
    let color = ui.visuals().weak_text_color();
    // Every label where it fits, else every second or fourth.
    let every =
        |text_width: f32| [1, 2, 4, 8].into_iter().find(|n| *n as f32 * wells.size > text_width).unwrap_or(8);
    for column in (0..column_count).step_by(every(14.0)) {
        let x = wells.origin.x + (column as f32 + 0.5) * wells.size;
        painter.text(pos2(x, wells.origin.y - 3.0), Align2::CENTER_BOTTOM, column + 1, font.clone(), color);
    }
    for row in (0..row_count).step_by(every(11.0)) {
        let y = wells.origin.y + (row as f32 + 0.5) * wells.size;
        let name = row_name(row);
        painter.text(pos2(wells.origin.x - 4.0, y), Align2::RIGHT_CENTER, name, font.clone(), color);
    }
}

/// What a well with several rows looks like: the mean of its numbers, or the value that most of its rows have.
fn look_of(scale: &Scale, rows: impl Iterator<Item = u32> + Clone) -> Option<Swatch> {
    if let Some(numbers) = &scale.numbers {
        let known = rows.filter_map(|r| numbers[r as usize]);
        let (sum, count) = known.fold((0.0, 0_usize), |(sum, count), number| (sum + number, count + 1));
        return (count > 0).then(|| scale.of_number(sum / count as f64));
    }
    let looks = rows.map(|r| scale.rows[r as usize]);
    looks.clone().max_by_key(|look| looks.clone().filter(|other| other == look).count())
}

fn paint_well(ui: &Ui, painter: &Painter, rect: Rect, screen: &Screen, rows: &[u32]) {
    let table = screen.table();
    let included = rows.iter().copied().filter(|&r| !table.is_excluded(r as usize));
    let count = included.clone().count();
    let scale = screen.plate_scale();
    let look = if count == 0 { look_of(scale, rows.iter().copied()) } else { look_of(scale, included) };
    match look {
        Some(look) if count > 0 => swatch::paint(painter, rect, look),
        Some(look) => swatch::paint(painter, rect, Swatch { color: look.color.gamma_multiply(0.25), ..look }),
        None => {}
    }
    if count < rows.len() {
        let color = ui.visuals().error_fg_color;
        painter.line_segment([rect.left_bottom(), rect.right_top()], Stroke::new(1.5, color));
    }
    let selected = rows.iter().filter(|&&r| screen.selection.contains(r)).count();
    if selected > 0 {
        // Part of a well is outlined thinner than all of it.
        let width = if selected == rows.len() { 2.5 } else { 1.0 };
        let color = if ui.visuals().dark_mode { Color32::WHITE } else { Color32::BLACK };
        painter.rect_stroke(rect, 2.0, Stroke::new(width, color), StrokeKind::Outside);
    }
}

fn box_select(
    ui: &Ui,
    response: &egui::Response,
    painter: &Painter,
    wells: &Wells,
    plate: &Plate,
    out: &mut Outbox,
) {
    let key: Id = response.id.with("from");
    if response.drag_started() {
        let from = ui.input(|i| i.pointer.press_origin());
        ui.data_mut(|d| d.insert_temp(key, from));
    }
    let from = ui.data(|d| d.get_temp::<Option<egui::Pos2>>(key)).flatten();
    let (Some(from), Some(to)) = (from, response.interact_pointer_pos()) else { return };
    let chosen = Rect::from_two_pos(from, to);
    if response.dragged() {
        let stroke = Stroke::new(1.0, ui.visuals().selection.stroke.color);
        painter.rect(
            chosen,
            0.0,
            ui.visuals().selection.bg_fill.gamma_multiply(0.3),
            stroke,
            StrokeKind::Inside,
        );
    }
    if response.drag_stopped() {
        ui.data_mut(|d| d.remove::<Option<egui::Pos2>>(key));
        let rows: Vec<u32> = plate
            .wells
            .iter()
            .filter(|(well, _)| wells.rect(**well).intersects(chosen))
            .flat_map(|(_, rows)| rows.iter().copied())
            .collect();
        let gesture = match Gesture::of(ui_modifiers(ui.ctx())) {
            Gesture::Replace => Gesture::Replace,
            _ => Gesture::Extend,
        };
        out.send(Command::Screen(ScreenCommand::Take(rows, gesture)));
    }
}

/// A feature of a well: the mean over its rows, in deviations and as the table has it.
fn feature_of(ui: &mut Ui, features: &Deviations, name: &str, rows: &[u32]) {
    let Some(feature) = features.feature(name) else { return };
    let mean = |number: &dyn Fn(usize) -> Option<f32>| {
        let known: Vec<f64> = rows.iter().filter_map(|&row| number(row as usize).map(f64::from)).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    };
    ui.label(name);
    match mean(&|row| features.z(row, feature)) {
        Some(z) => ui.label(format!("robust z {}", bar_strip::signed(z as f32))),
        None => ui.weak("no robust z: too few controls, or they do not vary"),
    };
    if let Some(raw) = mean(&|row| features.raw(row, feature)) {
        ui.weak(format!("{} as in the table", legend::short(raw)));
    }
}

fn tooltip(ui: &mut Ui, screen: &Screen, well: Well, rows: &[u32]) {
    ui.strong(well.to_string());
    let table = screen.table();
    let mut lines: Vec<(String, usize)> = Vec::new();
    for &row in rows {
        let moa = table.text(row as usize, "moa");
        let line =
            if moa.is_empty() { screen.caption(row) } else { format!("{}: {moa}", screen.caption(row)) };
        match lines.iter_mut().find(|(l, _)| *l == line) {
            Some((_, count)) => *count += 1,
            None => lines.push((line, 1)),
        }
    }
    for (line, count) in lines.iter().take(6) {
        ui.label(if *count > 1 { format!("{line} × {count}") } else { line.clone() });
    }
    let column = screen.colour_by();
    if let (Some(colour), Some(features)) = (&screen.look().feature, screen.features()) {
        feature_of(ui, features, &colour.name, rows);
    } else if let Some(&row) = rows.first()
        && !matches!(column, "moa" | "compound")
    {
        let unit = table.column(column).and_then(|c| c.unit).unwrap_or_default();
        ui.label(format!("{column}: {} {unit}", table.text(row as usize, column)));
    }
    let excluded = rows.iter().filter(|&&r| table.is_excluded(r as usize)).count();
    if excluded > 0 {
        ui.colored_label(ui.visuals().error_fg_color, format!("{excluded} of {} excluded", rows.len()));
    }
}
