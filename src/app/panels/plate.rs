//! The plate as a heat map: which wells hold what, coloured by any column.

use eframe::egui::{
    self, Align2, Color32, ComboBox, FontId, Id, Painter, Rect, Role, Sense, Stroke, StrokeKind, Ui,
    WidgetInfo, pos2, vec2,
};

use super::rows;
use crate::app::command::Command;
use crate::app::screen::command::ScreenCommand;
use crate::app::screen::scale::{Scale, Swatch};
use crate::app::screen::selection::Gesture;
use crate::app::screen::{Plate, Screen};
use crate::app::state::{AppState, Outbox};
use crate::app::widgets::{legend, swatch};
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
    });
    legend::show(ui, screen.scale(), |text, gesture| {
        let rows = rows::with_value(screen, screen.colour_by(), text);
        out.send(Command::Screen(ScreenCommand::Take(rows, gesture)));
    });
    let format = plate.format.unwrap_or(PlateFormat::P96);
    heat_map(ui, screen, plate, format, out);
}

fn ui_modifiers(ctx: &egui::Context) -> egui::Modifiers {
    ctx.input(|i| i.modifiers)
}

fn choose_plate(ui: &mut Ui, screen: &Screen, shown: &Plate, out: &mut Outbox) {
    let name =
        |plate: &Plate| if plate.name.is_empty() { "(unnamed)".to_owned() } else { plate.name.clone() };
    let choice = ComboBox::from_id_salt("plate").selected_text(name(shown)).show_ui(ui, |ui| {
        for plate in screen.plates() {
            let text = format!("{} ({} wells)", name(plate), plate.wells.len());
            if ui.selectable_label(plate.name == shown.name, text).clicked() {
                rows::look(screen, out, |look| look.plate = Some(plate.name.clone()));
            }
        }
    });
    crate::app::widgets::named(choice.response, "Plate");
}

/// Where the wells lie on screen.
struct Wells {
    origin: egui::Pos2,
    size: f32,
    format: PlateFormat,
}

impl Wells {
    fn fit(area: Rect, format: PlateFormat) -> Self {
        let (rows, columns) = format.size();
        let label = if columns > 24 { 16.0 } else { 20.0 };
        let size = ((area.width() - label) / columns as f32).min((area.height() - label) / rows as f32);
        Self { origin: area.min + vec2(label, label), size: size.clamp(4.0, 56.0), format }
    }

    fn rect(&self, well: Well) -> Rect {
        let corner = self.origin + vec2(well.column as f32, well.row as f32) * self.size;
        Rect::from_min_size(corner, egui::Vec2::splat(self.size)).shrink((self.size * 0.05).clamp(0.5, 2.0))
    }

    fn at(&self, pos: egui::Pos2) -> Option<Well> {
        let (rows, columns) = self.format.size();
        let (rows, columns) = (usize::from(rows), usize::from(columns));
        let at = (pos - self.origin) / self.size;
        let inside = at.x >= 0.0 && at.y >= 0.0 && (at.x as usize) < columns && (at.y as usize) < rows;
        inside.then_some(Well { row: at.y as u8, column: at.x as u8 })
    }
}

fn heat_map(ui: &mut Ui, screen: &Screen, plate: &Plate, format: PlateFormat, out: &mut Outbox) {
    let area = ui.available_rect_before_wrap();
    let id = ui.scope_id().with("wells");
    let response = ui.interact(area, id, Sense::click_and_drag());
    response.widget_info(|| {
        WidgetInfo::labeled(
            Role::Grid,
            true,
            format!("Plate {}, {} wells in use", plate.name, plate.wells.len()),
        )
    });
    ui.allocate_rect(area, Sense::hover());
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
        if response.double_clicked() {
            out.send(Command::Screen(ScreenCommand::Play(rows.clone())));
        }
        rows::drop_structure(ui, &response, rows, out);
        response.clone().on_hover_ui_at_pointer(|ui| tooltip(ui, screen, well, rows));
    }
    response.context_menu(|ui| rows::menu(ui, screen, out));
}

fn labels(ui: &Ui, painter: &Painter, wells: &Wells) {
    let (row_count, column_count) = wells.format.size();
    let font = FontId::proportional((wells.size * 0.6).clamp(8.0, 12.0));
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
fn look_of(scale: &Scale, rows: &[u32]) -> Option<Swatch> {
    if let Some(numbers) = &scale.numbers {
        let known: Vec<f64> = rows.iter().filter_map(|&r| numbers[r as usize]).collect();
        return (!known.is_empty()).then(|| scale.of_number(known.iter().sum::<f64>() / known.len() as f64));
    }
    let looks: Vec<Swatch> = rows.iter().map(|&r| scale.rows[r as usize]).collect();
    looks.iter().copied().max_by_key(|look| looks.iter().filter(|l| *l == look).count())
}

fn paint_well(ui: &Ui, painter: &Painter, rect: Rect, screen: &Screen, rows: &[u32]) {
    let table = screen.table();
    let included: Vec<u32> = rows.iter().copied().filter(|&r| !table.is_excluded(r as usize)).collect();
    match look_of(screen.scale(), if included.is_empty() { rows } else { &included }) {
        Some(look) if !included.is_empty() => swatch::paint(painter, rect, look),
        Some(look) => swatch::paint(painter, rect, Swatch { color: look.color.gamma_multiply(0.25), ..look }),
        None => {}
    }
    if included.len() < rows.len() {
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
    if let Some(&row) = rows.first()
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
