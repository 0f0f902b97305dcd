//! What the parts of the panel share: selecting, colours, marks of controls, what is known of a well.

use eframe::egui::{
    Color32, Context, Painter, Pos2, Rect, RichText, Sense, Shape, Stroke, StrokeKind, Ui, Vec2, pos2,
};

use super::{NAME, SMALL};
use crate::analysis::hits::{Role, WellScore};
use crate::app::command::Command;
use crate::app::hits::short_dose;
use crate::app::panels::map::card;
use crate::app::screen::Screen;
use crate::app::screen::command::ScreenCommand;
use crate::app::screen::scale::{NEGATIVE, POSITIVE};
use crate::app::screen::selection::Gesture;
use crate::app::state::Outbox;
use crate::app::widgets::legend::short;
use crate::app::widgets::overlay::shorten;

/// Selects rows everywhere, and plays them.
pub fn select(ctx: &Context, screen: &Screen, rows: Vec<u32>, out: &mut Outbox) {
    let gesture = Gesture::of(ctx.input(|i| i.modifiers));
    out.send(Command::Screen(ScreenCommand::Take(rows.clone(), gesture)));
    if gesture == Gesture::Replace && !screen.look().follow {
        out.send(Command::Screen(ScreenCommand::Play(rows)));
    }
}

/// True if all of the rows are selected.
pub fn is_selected(screen: &Screen, rows: &[u32]) -> bool {
    !rows.is_empty() && rows.iter().all(|&row| screen.selection.contains(row))
}

/// Colour of rows: that of the first, as everywhere.
pub fn color_of(screen: &Screen, rows: &[u32]) -> Color32 {
    let look = rows.first().and_then(|&row| screen.scale().rows.get(row as usize));
    look.map_or(Color32::GRAY, |look| look.color)
}

/// Paints a control: negative ones are squares, positive ones triangles.
pub fn control(painter: &Painter, at: Pos2, radius: f32, role: Role, edge: Color32) {
    let stroke = Stroke::new(1.0, edge);
    match role {
        Role::Negative => {
            let rect = Rect::from_center_size(at, Vec2::splat(1.8 * radius));
            painter.rect(rect, 0.0, NEGATIVE, stroke, StrokeKind::Inside);
        }
        Role::Positive => {
            let corners = vec![
                pos2(at.x, at.y - 1.2 * radius),
                pos2(at.x + 1.1 * radius, at.y + 0.8 * radius),
                pos2(at.x - 1.1 * radius, at.y + 0.8 * radius),
            ];
            painter.add(Shape::convex_polygon(corners, POSITIVE, stroke));
        }
        Role::Treated => {}
    }
}

/// What marks of controls mean.
pub fn control_legend(ui: &mut Ui, negatives: usize, positives: usize) {
    for (role, count, text) in
        [(Role::Negative, negatives, "negative controls"), (Role::Positive, positives, "positive controls")]
    {
        if count > 0 {
            let (rect, _) = ui.allocate_exact_size(Vec2::splat(14.0), Sense::hover());
            control(ui.painter(), rect.center(), 5.0, role, ui.visuals().text_color());
            ui.label(RichText::new(format!("{text} ({})", super::count(count, "well"))).size(SMALL));
        }
    }
}

/// What is known of a well, with its first picture.
pub fn well_card(ui: &mut Ui, screen: &Screen, well: &WellScore) {
    let role = match well.role {
        Role::Negative => "negative control",
        Role::Positive => "positive control",
        Role::Treated => "",
    };
    let name = well.compound.as_deref().unwrap_or("no compound");
    let dose = well.dose_um.map(short_dose).unwrap_or_default();
    ui.strong(format!("{} {dose}", shorten(name, NAME)).trim_end());
    if !role.is_empty() {
        ui.label(role);
    }
    let replicate =
        if well.replicate.is_empty() { String::new() } else { format!("replicate {}", well.replicate) };
    let place = [well.plate.as_str(), well.well.as_str(), replicate.as_str()];
    let place: Vec<&str> = place.into_iter().filter(|part| !part.is_empty()).collect();
    ui.weak(place.join(", "));
    let number = |value: Option<f64>| value.map_or_else(|| "unknown".to_owned(), short);
    ui.label(format!("Score {}", number(well.on_score)));
    if well.off_score.is_some() {
        ui.label(format!("Off-score {}", number(well.off_score)));
    }
    if let Some(cells) = well.cells {
        ui.label(format!("{:.0} % of the controls' cells", 100.0 * cells));
    }
    if let Some(&row) = well.rows.first() {
        card::thumbnail(ui, screen, row as u32);
    }
}
