//! The contact sheet: a thumbnail of every row, for finding what looks odd before anything is computed.

use std::collections::HashSet;

use eframe::egui::{
    Align2, Color32, FontId, Pos2, Rect, Role, ScrollArea, Sense, Slider, Stroke, StrokeKind, Ui, Vec2,
    WidgetInfo, pos2, vec2,
};

use super::rows;
use crate::app::command::Command;
use crate::app::screen::Screen;
use crate::app::screen::command::ScreenCommand;
use crate::app::screen::selection::Gesture;
use crate::app::state::{AppState, Outbox};
use crate::app::thumbnails::{Made, common_limits};
use crate::app::widgets::{bar_strip, legend, swatch};
use crate::video::Address;

/// Space between thumbnails, and height of a caption, points.
const GAP: f32 = 6.0;
const CAPTION: f32 = 16.0;

/// Shows the panel.
pub fn show(ui: &mut Ui, state: &AppState, out: &mut Outbox) {
    let Some(screen) = &state.screen else {
        rows::no_experiment(ui, out);
        return;
    };
    ui.horizontal_wrapped(|ui| {
        rows::colour_by(ui, screen, out);
        ui.label("Size");
        let mut size = screen.look().thumbnail;
        if ui.add(Slider::new(&mut size, 64.0..=256.0).show_value(false)).changed() {
            rows::look(screen, out, |look| look.thumbnail = size);
        }
        let mut same = screen.look().same_contrast;
        let text = "The same grey means the same brightness in every thumbnail, so that dim and bright wells can be compared. Off: each has its own contrast";
        if ui.checkbox(&mut same, "Same contrast").on_hover_text(text).changed() {
            rows::look(screen, out, |look| look.same_contrast = same);
        }
    });
    legend::show(ui, screen.scale(), |text, gesture| {
        let found = rows::with_value(screen, screen.scale(), text);
        out.send(Command::Screen(ScreenCommand::Take(found, gesture)));
    });
    ui.separator();
    if screen.rows().is_empty() {
        ui.label("No row passes the filters. Clear them above the table.");
        return;
    }
    sheet(ui, screen, out);
}

fn sheet(ui: &mut Ui, screen: &Screen, out: &mut Outbox) {
    let shown = screen.rows();
    let cell = vec2(screen.look().thumbnail, screen.look().thumbnail + CAPTION);
    let columns = ((ui.available_width() - 12.0 + GAP) / (cell.x + GAP)).floor().max(1.0) as usize;
    let lines = shown.len().div_ceil(columns);
    ui.spacing_mut().item_spacing.y = GAP;
    let mut on_screen: Vec<Address> = Vec::new();
    ScrollArea::vertical().id_salt("sheet").auto_shrink([false, false]).show_rows(
        ui,
        cell.y,
        lines,
        |ui, range| {
            let first = range.start * columns;
            let visible = &shown[first.min(shown.len())..(range.end * columns).min(shown.len())];
            let addresses: Vec<Option<Address>> = visible.iter().map(|&row| screen.address(row)).collect();
            on_screen.extend(addresses.iter().flatten().cloned());
            let made: Vec<Option<Made>> =
                addresses.iter().map(|a| screen.thumbnails.get(a.as_ref()?)).collect();
            let asked = if screen.look().same_contrast { common_limits(&made) } else { None };
            let common = screen.textures.borrow_mut().settle(asked).filter(|_| screen.look().same_contrast);
            let origin = ui.cursor().min;
            let height = (range.len() as f32) * (cell.y + GAP) - GAP;
            ui.allocate_space(vec2(ui.available_width(), height.max(0.0)));
            for (index, (&row, (address, made))) in
                visible.iter().zip(addresses.iter().zip(&made)).enumerate()
            {
                let corner = origin
                    + vec2(
                        (index % columns) as f32 * (cell.x + GAP),
                        (index / columns) as f32 * (cell.y + GAP),
                    );
                let picture = address.as_ref().map(|a| (a, made.as_ref()));
                tile(ui, screen, row, picture, Rect::from_min_size(corner, cell), common, out);
            }
        },
    );
    screen.textures.borrow_mut().keep(&on_screen.iter().cloned().collect::<HashSet<_>>());
    screen.thumbnails.want(on_screen);
}

fn tile(
    ui: &Ui,
    screen: &Screen,
    row: u32,
    made: Option<(&Address, Option<&Made>)>,
    cell: Rect,
    common: Option<(f32, f32)>,
    out: &mut Outbox,
) {
    let caption = screen.caption(row);
    let response = ui.interact(cell, ui.scope_id().with(("tile", row)), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &caption));
    let painter = ui.painter_at(cell.expand(3.0));
    let picture = Rect::from_min_size(cell.min, Vec2::splat(cell.width()));
    painter.rect_filled(picture, 2.0, Color32::BLACK);
    match made {
        Some((address, Some(Ok(thumbnail)))) => {
            let limits = common.unwrap_or(thumbnail.limits);
            let texture = screen.textures.borrow_mut().get(ui.ctx(), address, thumbnail, limits);
            let size = vec2(thumbnail.width as f32, thumbnail.height as f32);
            let fit = size * (picture.width() / size.max_elem());
            let whole = Rect::from_min_max(Pos2::ZERO, pos2(1.0, 1.0));
            painter.image(texture, Rect::from_center_size(picture.center(), fit), whole, Color32::WHITE);
        }
        Some((_, Some(Err(problem)))) => problem_text(&painter, picture, &response, problem),
        Some((_, None)) => {
            painter.text(
                picture.center(),
                Align2::CENTER_CENTER,
                "…",
                FontId::proportional(18.0),
                Color32::GRAY,
            );
        }
        None if screen.featured().is_some() => {
            bar_strip::in_place_of(&painter, picture, screen.features(), row);
        }
        None => problem_text(&painter, picture, &response, "The row names no recording (column “path”)."),
    }
    let excluded = screen.table().is_excluded(row as usize);
    if excluded {
        painter.rect_filled(picture, 2.0, Color32::from_black_alpha(150));
        let stroke = Stroke::new(2.0, ui.visuals().error_fg_color);
        painter.line_segment([picture.left_bottom(), picture.right_top()], stroke);
    }
    let look = screen.scale().rows.get(row as usize).copied();
    if let Some(look) = look {
        let patch = Rect::from_min_size(picture.left_top() + vec2(4.0, 4.0), Vec2::splat(11.0));
        painter.rect_stroke(patch.expand(1.0), 2.0, Stroke::new(1.0, Color32::BLACK), StrokeKind::Inside);
        swatch::paint(&painter, patch, look);
    }
    let color = if excluded { ui.visuals().weak_text_color() } else { ui.visuals().text_color() };
    let mut text =
        eframe::egui::text::LayoutJob::simple_singleline(caption.clone(), FontId::proportional(11.5), color);
    text.wrap = eframe::egui::text::TextWrapping::truncate_at_width(cell.width());
    painter.galley(picture.left_bottom() + vec2(1.0, 2.0), ui.fonts_mut(|f| f.layout_job(text)), color);
    if screen.selection.contains(row) {
        let stroke = Stroke::new(2.5, ui.visuals().selection.stroke.color);
        painter.rect_stroke(picture, 2.0, stroke, StrokeKind::Outside);
    }
    if response.clicked() || (response.secondary_clicked() && !screen.selection.contains(row)) {
        let gesture = Gesture::of(ui.input(|i| i.modifiers));
        out.send(Command::Screen(ScreenCommand::Click(row, gesture)));
    }
    if response.double_clicked() {
        out.send(Command::Screen(ScreenCommand::Play(vec![row])));
    }
    rows::drop_structure(ui, &response, &[row], out);
    response.context_menu(|ui| rows::menu(ui, screen, out));
    let reason = screen.table().text(row as usize, "excluded");
    response.on_hover_ui(|ui| {
        ui.strong(&caption);
        let moa = if screen.look().blind { String::new() } else { screen.text(row, "moa") };
        if !moa.is_empty() {
            ui.label(moa);
        }
        if let (None, Some(features)) = (made, screen.features()) {
            bar_strip::tip(ui, features, row);
        }
        if !reason.is_empty() {
            ui.colored_label(ui.visuals().error_fg_color, format!("Excluded: {reason}"));
        }
    });
}

fn problem_text(
    painter: &eframe::egui::Painter,
    rect: Rect,
    response: &eframe::egui::Response,
    problem: &str,
) {
    let color = Color32::from_rgb(255, 120, 110);
    painter.text(rect.center(), Align2::CENTER_CENTER, "cannot be read", FontId::proportional(11.0), color);
    if response.hovered() {
        response.clone().on_hover_text(problem);
    }
}
