//! The nearest videos as thumbnails that play, and the nearest compounds as structures.

use std::collections::HashSet;
use std::sync::Arc;

use eframe::egui::{
    Align2, CollapsingHeader, Color32, FontId, Pos2, Rect, RichText, Role, Sense, Stroke, StrokeKind, Ui,
    Vec2, WidgetInfo, pos2, text::LayoutJob, text::TextWrapping, vec2,
};

use super::SMALL;
use super::options;
use crate::analysis::answers::{Answer, Exclude};
use crate::analysis::profile::Deviations;
use crate::app::answers::Encoded;
use crate::app::command::Command;
use crate::app::screen::command::ScreenCommand;
use crate::app::screen::selection::Gesture;
use crate::app::screen::{Screen, dose_text};
use crate::app::state::{AppState, Outbox};
use crate::app::widgets::{bar_strip, molecule};
use crate::video::Address;

/// Least side of a thumbnail, space between two and height of the text below, points.
const SIDE: f32 = 88.0;
const GAP: f32 = 6.0;
const TEXT: f32 = 42.0;

/// Drugs that are shown.
const DRUGS: usize = 5;

/// One video of the gallery or the experiment, as it is shown.
pub struct Tile {
    /// Where it is; `None` where the table does not say.
    pub address: Option<Address>,
    /// Table row, if it belongs to the experiment on screen.
    pub row: Option<u32>,
    /// Features of its experiment, and its row there: what is shown where it names no recording.
    pub features: Option<(Arc<Deviations>, u32)>,
    /// Compound and dose.
    pub title: String,
    /// Structure; empty where unknown.
    pub smiles: String,
    /// Mechanisms.
    pub moa: String,
    /// Similarity, replicate.
    pub facts: String,
}

/// Shows the neighbours of an answer.
pub fn show(
    ui: &mut Ui,
    state: &AppState,
    screen: &Screen,
    encoded: &Encoded,
    answer: &Answer,
    most: usize,
    out: &mut Outbox,
) {
    ui.add_space(4.0);
    drugs(ui, screen, encoded, answer);
    ui.add_space(4.0);
    ui.horizontal_wrapped(|ui| {
        ui.strong("Nearest videos");
        let tip = "By cosine similarity of the embeddings themselves, never in a picture of them";
        ui.weak(RichText::new("hover: play, click: select").size(SMALL)).on_hover_text(tip);
    });
    exclusions(ui, state, out);
    let subjects = encoded.answers.library().subjects();
    let features = match &encoded.gallery {
        Some(gallery) => gallery.features.as_ref(),
        None => screen.features(),
    };
    let tiles: Vec<Tile> = answer
        .videos
        .iter()
        .take(most)
        .map(|near| {
            let subject = &subjects.subjects[near.subject];
            let own = encoded.gallery.is_none();
            let compound = subject.compound.map(|compound| subjects.compounds[compound].name.clone());
            let dose = subject.dose.map(dose_text).unwrap_or_default();
            let title = compound.map_or_else(|| subject.row_id.clone(), |name| format!("{name} {dose}"));
            let moas: Vec<&str> = subject.moas.iter().map(|&moa| subjects.moas[moa].as_str()).collect();
            let smiles = subject.compound.and_then(|compound| subjects.compounds[compound].smiles.clone());
            Tile {
                address: encoded.address(screen, near.subject),
                smiles: smiles.unwrap_or_default(),
                row: own.then_some(subject.row as u32),
                features: features.map(|features| (Arc::clone(features), subject.row as u32)),
                title: title.trim().to_owned(),
                moa: if subject.control { "control".to_owned() } else { moas.join("; ") },
                facts: format!(
                    "{:.2}{}{}",
                    near.similarity,
                    part(", rep. ", &subjects.replicates[subject.replicate]),
                    part(", ", &subject.well)
                ),
            }
        })
        .collect();
    if tiles.is_empty() {
        ui.weak("No video may answer. Let the same compound, well or replicate answer too.");
        return;
    }
    grid(ui, state, screen, &tiles, out);
}

fn part(before: &str, text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{before}{text}") }
}

fn exclusions(ui: &mut Ui, state: &AppState, out: &mut Outbox) {
    let Exclude { mut same_compound, mut same_well, mut same_replicate } = state.answers.options.exclude;
    ui.horizontal_wrapped(|ui| {
        ui.weak("Leave out");
        for (value, text, tip) in [
            (
                &mut same_compound,
                "same compound",
                "Other doses and wells of the same compound do not answer: what remains is its mechanism",
            ),
            (&mut same_well, "same well", "Videos of the same well share everything that went wrong in it"),
            (
                &mut same_replicate,
                "same replicate",
                "Videos of the same replicate share their day, their dye and their medium",
            ),
        ] {
            ui.checkbox(value, text).on_hover_text(tip);
        }
    });
    options(state, out, |options| options.exclude = Exclude { same_compound, same_well, same_replicate });
}

/// Shows videos in lines of as many as fit. A click selects the row, a double click plays it.
pub fn grid(ui: &mut Ui, state: &AppState, screen: &Screen, tiles: &[Tile], out: &mut Outbox) {
    let width = ui.available_width();
    let columns = ((width + GAP) / (SIDE + GAP)).floor().max(1.0);
    let side = ((width + GAP) / columns - GAP).clamp(SIDE, 1.5 * SIDE);
    let columns = columns as usize;
    let Some(pictures) = &state.answers.pictures else { return };
    pictures.thumbnails.want(tiles.iter().filter_map(|tile| tile.address.clone()));
    for (line, of) in tiles.chunks(columns).enumerate() {
        let (area, _) = ui.allocate_exact_size(vec2(width, side + TEXT), Sense::hover());
        for (index, tile) in of.iter().enumerate() {
            let corner = area.min + vec2(index as f32 * (side + GAP), 0.0);
            show_tile(
                ui,
                state,
                screen,
                tile,
                Rect::from_min_size(corner, vec2(side, side + TEXT)),
                line * columns + index,
                out,
            );
        }
    }
    let on_screen: HashSet<Address> = tiles.iter().filter_map(|tile| tile.address.clone()).collect();
    pictures.textures.borrow_mut().keep(&on_screen);
}

fn show_tile(
    ui: &Ui,
    state: &AppState,
    screen: &Screen,
    tile: &Tile,
    cell: Rect,
    index: usize,
    out: &mut Outbox,
) {
    let Some(pictures) = &state.answers.pictures else { return };
    let response = ui.interact(cell, ui.scope_id().with(("neighbour", index)), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, format!("{} {}", tile.title, tile.facts)));
    let painter = ui.painter_at(cell.expand(3.0));
    let picture = Rect::from_min_size(cell.min, Vec2::splat(cell.width()));
    painter.rect_filled(picture, 2.0, Color32::BLACK);
    let mut problem = None;
    if let Some(address) = &tile.address {
        match pictures.thumbnails.get(address) {
            Some(Ok(thumbnail)) => {
                let film = response.hovered().then(|| pictures.play(ui, address, thumbnail.limits)).flatten();
                let (texture, size) = film.unwrap_or_else(|| {
                    let limits = thumbnail.limits;
                    let texture = pictures.textures.borrow_mut().get(ui.ctx(), address, &thumbnail, limits);
                    (texture, vec2(thumbnail.width as f32, thumbnail.height as f32))
                });
                let fit = size * (cell.width() / size.max_elem());
                let whole = Rect::from_min_max(Pos2::ZERO, pos2(1.0, 1.0));
                painter.image(texture, Rect::from_center_size(picture.center(), fit), whole, Color32::WHITE);
            }
            Some(Err(why)) => problem = Some(why),
            None => {
                painter.text(
                    picture.center(),
                    Align2::CENTER_CENTER,
                    "…",
                    FontId::proportional(18.0),
                    Color32::GRAY,
                );
            }
        }
    }
    let by_features = tile.features.as_ref().filter(|_| tile.address.is_none());
    if let Some((features, row)) = by_features {
        bar_strip::in_place_of(&painter, picture, Some(features), *row);
    } else if problem.is_some() || tile.address.is_none() {
        let color = Color32::from_rgb(255, 120, 110);
        painter.text(
            picture.center(),
            Align2::CENTER_CENTER,
            "cannot be read",
            FontId::proportional(11.0),
            color,
        );
    }
    let (strong, weak) = (ui.visuals().text_color(), ui.visuals().weak_text_color());
    for (line, (text, color)) in
        [(&tile.title, strong), (&tile.moa, strong), (&tile.facts, weak)].into_iter().enumerate()
    {
        let mut job = LayoutJob::simple_singleline(text.clone(), FontId::proportional(11.0), color);
        job.wrap = TextWrapping::truncate_at_width(cell.width());
        let galley = ui.fonts_mut(|fonts| fonts.layout_job(job));
        painter.galley(picture.left_bottom() + vec2(0.0, 1.0 + 13.0 * line as f32), galley, color);
    }
    let selected = tile.row.is_some_and(|row| screen.selection.contains(row));
    if selected || response.hovered() {
        let stroke = Stroke::new(2.0, ui.visuals().selection.stroke.color);
        painter.rect_stroke(picture, 2.0, stroke, StrokeKind::Outside);
    }
    if let Some(row) = tile.row {
        if response.clicked() {
            let gesture = Gesture::of(ui.input(|input| input.modifiers));
            out.send(Command::Screen(ScreenCommand::Click(row, gesture)));
        }
        if response.double_clicked() {
            out.send(Command::Screen(ScreenCommand::Play(vec![row])));
        }
    }
    response.on_hover_ui(|ui| {
        ui.strong(&tile.title);
        if !tile.moa.is_empty() {
            ui.label(&tile.moa);
        }
        ui.weak(&tile.facts);
        if let Some((features, row)) = by_features {
            bar_strip::tip(ui, features, *row);
        }
        if !tile.smiles.is_empty() {
            screen.sketches.want([tile.smiles.clone()]);
            if let Some(Ok(sketch)) = screen.sketches.get(&tile.smiles) {
                molecule::show(ui, &sketch.drawing, vec2(180.0, 110.0), &tile.smiles);
            }
        }
        if let Some(why) = problem {
            ui.colored_label(ui.visuals().error_fg_color, why);
        }
    });
}

fn drugs(ui: &mut Ui, screen: &Screen, encoded: &Encoded, answer: &Answer) {
    if answer.drugs.is_empty() {
        return;
    }
    CollapsingHeader::new("Nearest compounds").default_open(true).show(ui, |ui| {
        let subjects = encoded.answers.library().subjects();
        let smiles = answer.drugs.iter().filter_map(|near| subjects.compounds[near.compound].smiles.clone());
        screen.sketches.want(smiles.take(DRUGS));
        for near in answer.drugs.iter().take(DRUGS) {
            let compound = &subjects.compounds[near.compound];
            let moas: Vec<&str> = subjects.compound_moas[near.compound]
                .iter()
                .map(|&moa| subjects.moas[moa].as_str())
                .collect();
            structure_line(
                ui,
                screen,
                compound.smiles.as_deref().unwrap_or_default(),
                &compound.name,
                &moas.join("; "),
                &format!("similarity {:.2}", near.similarity),
            );
        }
    });
}

/// A small structure with its name, mechanism and a fact beside it.
pub fn structure_line(ui: &mut Ui, screen: &Screen, smiles: &str, name: &str, moa: &str, fact: &str) {
    ui.horizontal(|ui| {
        let size = vec2(96.0, 60.0);
        match screen.sketches.get(&smiles.to_owned()) {
            Some(Ok(sketch)) => molecule::show(ui, &sketch.drawing, size, smiles),
            _ => {
                ui.allocate_exact_size(size, Sense::hover());
            }
        }
        ui.vertical(|ui| {
            ui.label(name);
            if !moa.is_empty() {
                ui.label(RichText::new(moa).size(SMALL));
            }
            ui.weak(RichText::new(fact).size(SMALL));
        });
    });
}
