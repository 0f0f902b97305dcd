//! The picture itself: points, gates, and what the pointer does with them.

use eframe::egui::{Modifiers, Ui};

use super::{card, rows_of};
use crate::app::command::Command;
use crate::app::map::colours::Painted;
use crate::app::map::{Map, MapCommand, Picture};
use crate::app::panels::rows;
use crate::app::screen::Screen;
use crate::app::screen::command::ScreenCommand;
use crate::app::screen::selection::Gesture;
use crate::app::state::Outbox;
use crate::app::widgets::scatter::{Done, Outline, Scatter};
use crate::gpu::points::radius_for;

/// Identifies the map among the views that draw points.
const VIEW: u64 = 1;

/// Shows the picture in all the room there is.
pub fn show(
    ui: &mut Ui,
    screen: &Screen,
    map: &Map,
    picture: &Picture,
    format: wgpu::TextureFormat,
    out: &mut Outbox,
) {
    let radius = radius_for(picture.grouping.len());
    let (_, painted) = map.made(screen, picture, radius, ui.visuals().dark_mode);
    let names: Vec<String> = (0..map.look.gates.len()).map(|index| gate_name(screen, map, index)).collect();
    let outlines: Vec<Outline<'_>> = map
        .look
        .gates
        .iter()
        .zip(&names)
        .filter(|(gate, _)| gate.picture == picture.id)
        .map(|(gate, name)| Outline { name, corners: &gate.corners })
        .collect();
    let label = format!("Map of {}", picture.asked.unit.count(picture.grouping.len()));
    let scatter = Scatter {
        view: VIEW,
        label: &label,
        plane: &picture.plane,
        looks: &painted.looks,
        shown: &painted.shown,
        radius,
        viewport: map.viewport,
        tool: map.tool,
        outlines: &outlines,
        drawn: map.drawn.as_deref(),
        format,
    };
    let output = scatter.show(ui);
    match output.done {
        Some(Done::Moved(viewport)) => out.send(Command::Map(MapCommand::Viewport(viewport))),
        Some(Done::Clicked(point, modifiers)) => clicked(screen, picture, point, modifiers, out),
        Some(Done::Drawn(corners, modifiers)) => drawn(screen, picture, &painted, corners, modifiers, out),
        None => {}
    }
    let hovered = output.hovered.filter(|_| !output.response.context_menu_opened());
    output.response.context_menu(|ui| rows::menu(ui, screen, out));
    if let Some(point) = hovered {
        card::show(ui, screen, picture, point as usize, &output.response, output.at, radius);
    }
}

/// A gate's name; while blind its number, because names tell treatments.
pub fn gate_name(screen: &Screen, map: &Map, index: usize) -> String {
    match map.look.gates.get(index) {
        Some(gate) if !screen.look().blind => gate.name.clone(),
        _ => format!("Gate {}", index + 1),
    }
}

fn clicked(screen: &Screen, picture: &Picture, point: u32, modifiers: Modifiers, out: &mut Outbox) {
    let rows = rows_of(screen, picture, [point as usize]);
    let gesture = Gesture::of(modifiers);
    out.send(Command::Screen(ScreenCommand::Take(rows.clone(), gesture)));
    if gesture == Gesture::Replace && !screen.look().follow {
        out.send(Command::Screen(ScreenCommand::Play(rows)));
    }
}

fn drawn(
    screen: &Screen,
    picture: &Picture,
    painted: &Painted,
    corners: Vec<[f32; 2]>,
    modifiers: Modifiers,
    out: &mut Outbox,
) {
    let inside = picture.plane.grid.inside(&corners);
    let points = inside.into_iter().map(|point| point as usize).filter(|&point| painted.shown[point]);
    let rows = rows_of(screen, picture, points);
    select(screen, rows, modifiers, out);
    out.send(Command::Map(MapCommand::Drawn(Some(corners))));
}

/// Selects rows; Shift adds them, Ctrl and Alt take them away.
pub fn select(screen: &Screen, rows: Vec<u32>, modifiers: Modifiers, out: &mut Outbox) {
    let take = if modifiers.command || modifiers.ctrl || modifiers.alt {
        let gone: std::collections::HashSet<u32> = rows.into_iter().collect();
        let rest = screen.selection.rows().filter(|row| !gone.contains(row)).collect();
        ScreenCommand::Take(rest, Gesture::Replace)
    } else if modifiers.shift {
        ScreenCommand::Take(rows, Gesture::Extend)
    } else {
        ScreenCommand::Take(rows, Gesture::Replace)
    };
    out.send(Command::Screen(take));
}
