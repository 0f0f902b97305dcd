//! The experiment's compounds as structures, and what is known of the selected row's compound.

use eframe::egui::{
    Align2, Color32, Context, FontId, Grid, Id, Label, Rect, RichText, Role, ScrollArea, Sense, Stroke,
    StrokeKind, TextEdit, Ui, Vec2, WidgetInfo, vec2,
};

use super::{attach, rows};
use crate::app::command::Command;
use crate::app::screen::command::{ScreenCommand, Structure};
use crate::app::screen::selection::Gesture;
use crate::app::screen::{Compound, Screen};
use crate::app::state::{AppState, Outbox};
use crate::app::widgets::{molecule, named};
use crate::chem::{self, CompoundLibrary, Molecule, Pattern};

/// Size of a structure with its caption, points.
const CELL: Vec2 = vec2(190.0, 168.0);
const CAPTION: f32 = 34.0;

/// What the search line asks for.
enum Search {
    /// Everything.
    All,
    /// Names or mechanisms that contain this, lower case.
    Text(String),
    /// A substructure.
    Substructure(Pattern),
    /// Neighbours of a structure, nearest first.
    Similar(Molecule),
    /// Neither.
    Wrong(String),
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum By {
    #[default]
    Name,
    Smarts,
    Similarity,
}

#[derive(Debug, Clone, Default)]
struct SearchLine {
    text: String,
    by: By,
    /// The built-in library instead of the experiment.
    library: bool,
}

/// One structure of the grid.
struct Entry<'a> {
    name: &'a str,
    smiles: &'a str,
    moa: &'a str,
    rows: &'a [u32],
    highlight: Vec<usize>,
    similarity: Option<f64>,
}

/// Shows the structures.
pub fn show(ui: &mut Ui, state: &AppState, out: &mut Outbox) {
    let Some(screen) = &state.screen else {
        rows::no_experiment(ui, out);
        return;
    };
    if screen.look().blind {
        ui.add_space(8.0);
        ui.label("Structures are hidden while you score blind.");
        return;
    }
    let key = Id::unique("structure search");
    let mut line: SearchLine = ui.data(|d| d.get_temp(key)).unwrap_or_default();
    search_line(ui, &mut line);
    missing(ui, screen, out);
    let search = read(&line);
    if let Search::Wrong(problem) = &search {
        ui.colored_label(ui.visuals().error_fg_color, problem);
    }
    let entries = if line.library { of_library() } else { of_experiment(screen) };
    let found = filter(screen, entries, &search);
    ui.data_mut(|d| d.insert_temp(key, line));
    grid(ui, screen, &found, out);
}

fn search_line(ui: &mut Ui, line: &mut SearchLine) {
    ui.horizontal_wrapped(|ui| {
        let hint = match line.by {
            By::Name => "Name or mechanism",
            By::Smarts => "SMARTS, e.g. [CX3](=O)[OX2H1]",
            By::Similarity => "SMILES or name of a drug",
        };
        let edit = TextEdit::singleline(&mut line.text).hint_text(hint).desired_width(230.0);
        named(ui.add(edit), "Search structures");
        for (by, text, tip) in [
            (By::Name, "Name", "Names and mechanisms that contain the text"),
            (
                By::Smarts,
                "Substructure",
                "Structures in which the SMARTS pattern occurs; the match is highlighted",
            ),
            (By::Similarity, "Similar", "Nearest first, by Tanimoto similarity of ECFP4 fingerprints"),
        ] {
            if ui.selectable_label(line.by == by, text).on_hover_text(tip).clicked() {
                line.by = by;
            }
        }
        ui.separator();
        ui.selectable_value(&mut line.library, false, "Experiment");
        let tip = "Drugs that the program knows: drag one onto a well, a thumbnail, a row or a picture";
        ui.selectable_value(&mut line.library, true, "Library").on_hover_text(tip);
    });
}

/// Compounds that have a name but no structure, and what the library can do about it.
fn missing(ui: &mut Ui, screen: &Screen, out: &mut Outbox) {
    let open: Vec<&Compound> = screen.compounds().iter().filter(|c| c.smiles.is_empty()).collect();
    if open.is_empty() {
        return;
    }
    ui.horizontal_wrapped(|ui| {
        let names: Vec<&str> = open.iter().take(6).map(|c| c.name.as_str()).collect();
        let more = if open.len() > names.len() { ", …" } else { "" };
        let text = format!("{} compounds have no structure: {}{more}", open.len(), names.join(", "));
        ui.colored_label(ui.visuals().warn_fg_color, text);
        let known = open.iter().filter(|c| CompoundLibrary::built_in().find(&c.name).is_some()).count();
        if known > 0 {
            let tip = "Structures are taken by name from the built-in library. Undo takes them off again";
            if ui.button(format!("Take {known} from the library")).on_hover_text(tip).clicked() {
                out.send(Command::Screen(ScreenCommand::AttachByName));
            }
        }
    });
}

fn read(line: &SearchLine) -> Search {
    let text = line.text.trim();
    if text.is_empty() {
        return Search::All;
    }
    match line.by {
        By::Name => Search::Text(text.to_lowercase()),
        By::Smarts => {
            Pattern::parse(text).map_or_else(|e| Search::Wrong(e.to_string()), Search::Substructure)
        }
        By::Similarity => {
            let smiles = CompoundLibrary::built_in().find(text).map_or(text, |c| c.smiles.as_str());
            Molecule::from_smiles(smiles).map_or_else(|e| Search::Wrong(e.to_string()), Search::Similar)
        }
    }
}

fn of_experiment(screen: &Screen) -> Vec<Entry<'_>> {
    let entries = screen.compounds().iter();
    entries
        .map(|c| Entry {
            name: &c.name,
            smiles: &c.smiles,
            moa: &c.moa,
            rows: &c.rows,
            highlight: Vec::new(),
            similarity: None,
        })
        .collect()
}

fn of_library() -> Vec<Entry<'static>> {
    let entry = |c: &'static chem::Compound| Entry {
        name: &c.name,
        smiles: &c.smiles,
        moa: c.moa.first().map_or("", String::as_str),
        rows: &[],
        highlight: Vec::new(),
        similarity: None,
    };
    CompoundLibrary::built_in().compounds().iter().map(entry).collect()
}

fn filter<'a>(screen: &Screen, mut entries: Vec<Entry<'a>>, search: &Search) -> Vec<Entry<'a>> {
    let sketch = |smiles: &str| screen.sketches.get(&smiles.to_owned())?.ok();
    match search {
        Search::All => {}
        Search::Wrong(_) => entries.clear(),
        Search::Text(text) => {
            entries.retain(|e| e.name.to_lowercase().contains(text) || e.moa.to_lowercase().contains(text));
        }
        Search::Substructure(pattern) => {
            // What is not parsed yet is wished for; it joins the matches when it is there.
            screen.sketches.want(entries.iter().map(|e| e.smiles.to_owned()));
            entries.retain_mut(|entry| {
                let Some(sketch) = sketch(entry.smiles) else { return false };
                entry.highlight = pattern.highlight(&sketch.molecule).unwrap_or_default();
                !entry.highlight.is_empty()
            });
        }
        Search::Similar(to) => {
            screen.sketches.want(entries.iter().map(|e| e.smiles.to_owned()));
            let query = to.parent().ecfp4().ok();
            for entry in &mut entries {
                let found = sketch(entry.smiles).and_then(|s| s.ecfp4);
                entry.similarity = query.as_ref().zip(found).map(|(q, f)| q.tanimoto(&f));
            }
            entries.retain(|e| e.similarity.is_some());
            entries.sort_by(|a, b| b.similarity.unwrap_or(0.0).total_cmp(&a.similarity.unwrap_or(0.0)));
        }
    }
    entries
}

fn grid(ui: &mut Ui, screen: &Screen, entries: &[Entry<'_>], out: &mut Outbox) {
    if entries.is_empty() {
        ui.weak("Nothing found.");
        return;
    }
    let gap = 6.0;
    let columns = ((ui.available_width() - 12.0 + gap) / (CELL.x + gap)).floor().max(1.0) as usize;
    let lines = entries.len().div_ceil(columns);
    ui.spacing_mut().item_spacing.y = gap;
    let mut on_screen = Vec::new();
    ScrollArea::vertical().id_salt("structures").auto_shrink([false, false]).show_rows(
        ui,
        CELL.y,
        lines,
        |ui, range| {
            let first = (range.start * columns).min(entries.len());
            let visible = &entries[first..(range.end * columns).min(entries.len())];
            let origin = ui.cursor().min;
            ui.allocate_space(vec2(ui.available_width(), (range.len() as f32) * (CELL.y + gap) - gap));
            for (index, entry) in visible.iter().enumerate() {
                let corner = vec2(
                    (index % columns) as f32 * (CELL.x + gap),
                    (index / columns) as f32 * (CELL.y + gap),
                );
                on_screen.push(entry.smiles.to_owned());
                tile(ui, screen, entry, Rect::from_min_size(origin + corner, CELL), out);
            }
        },
    );
    screen.sketches.want(on_screen);
}

fn tile(ui: &Ui, screen: &Screen, entry: &Entry<'_>, cell: Rect, out: &mut Outbox) {
    let response = ui.interact(
        cell,
        ui.scope_id().with(("structure", entry.name, entry.smiles)),
        Sense::click_and_drag(),
    );
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, entry.name));
    let painter = ui.painter_at(cell);
    let selected = !entry.rows.is_empty() && entry.rows.iter().all(|&r| screen.selection.contains(r));
    let stroke = if selected {
        Stroke::new(2.0, ui.visuals().selection.stroke.color)
    } else {
        ui.visuals().widgets.noninteractive.bg_stroke
    };
    painter.rect(cell, 4.0, ui.visuals().extreme_bg_color, stroke, StrokeKind::Inside);
    let picture = Rect::from_min_max(cell.min, cell.max - vec2(0.0, CAPTION)).shrink(4.0);
    let center = |text: &str, color: Color32| {
        painter.text(picture.center(), Align2::CENTER_CENTER, text, FontId::proportional(12.0), color);
    };
    match screen.sketches.get(&entry.smiles.to_owned()) {
        _ if entry.smiles.is_empty() => center("no structure", ui.visuals().weak_text_color()),
        Some(Ok(sketch)) => molecule::paint(ui, &painter, picture, &sketch.drawing, &entry.highlight),
        Some(Err(_)) => center("cannot be read", ui.visuals().error_fg_color),
        None => center("…", ui.visuals().weak_text_color()),
    }
    let name = if entry.name.is_empty() { "(no name)" } else { entry.name };
    caption(ui, &painter, cell.max.y - CAPTION, cell, name, ui.visuals().text_color());
    let second = match (entry.similarity, entry.rows.len()) {
        (Some(similarity), _) => format!("Tanimoto {similarity:.2}"),
        (None, 0) => entry.moa.to_owned(),
        (None, n) => format!("{n} videos{}{}", if entry.moa.is_empty() { "" } else { " · " }, entry.moa),
    };
    caption(ui, &painter, cell.max.y - CAPTION / 2.0, cell, &second, ui.visuals().weak_text_color());
    if response.clicked() && !entry.rows.is_empty() {
        let gesture = Gesture::of(ui.input(|i| i.modifiers));
        out.send(Command::Screen(ScreenCommand::Take(entry.rows.to_vec(), gesture)));
    }
    if !entry.smiles.is_empty() {
        response.dnd_set_drag_payload(Structure {
            name: Some(entry.name.to_owned()).filter(|n| !n.is_empty()),
            smiles: entry.smiles.to_owned(),
            moa: Some(entry.moa.to_owned()).filter(|m| !m.is_empty()),
        });
    }
    response.on_hover_ui(|ui| {
        ui.strong(name);
        if !entry.moa.is_empty() {
            ui.label(entry.moa);
        }
        match screen.sketches.get(&entry.smiles.to_owned()) {
            Some(Err(problem)) => attach::mark(ui, entry.smiles, &problem),
            _ => {
                ui.add(Label::new(RichText::new(entry.smiles).monospace().small()).wrap());
            }
        }
        ui.weak("Click selects its rows. Drag it onto a well, a thumbnail, a row or a picture to attach it.");
    });
}

fn caption(ui: &Ui, painter: &eframe::egui::Painter, top: f32, cell: Rect, text: &str, color: Color32) {
    let mut job =
        eframe::egui::text::LayoutJob::simple_singleline(text.to_owned(), FontId::proportional(11.5), color);
    job.wrap = eframe::egui::text::TextWrapping::truncate_at_width(cell.width() - 12.0);
    let galley = ui.fonts_mut(|f| f.layout_job(job));
    painter.galley(eframe::egui::pos2(cell.min.x + 6.0, top + 1.0), galley, color);
}

/// Shows what is known of the selected row's compound.
pub fn compound(ui: &mut Ui, state: &AppState, out: &mut Outbox) {
    let Some(screen) = &state.screen else {
        ui.weak("The compound of the selected row appears here.");
        return;
    };
    if screen.look().blind {
        ui.label("Hidden while you score blind.");
        return;
    }
    let Some(row) = screen.selection.current() else {
        ui.weak("Select a row to see its compound.");
        return;
    };
    let text = |column: &str| screen.text(row, column);
    let (name, smiles) = (text("compound"), text("smiles"));
    ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        ui.label(RichText::new(screen.caption(row)).strong().size(15.0));
        let moa = text("moa");
        if !moa.is_empty() {
            ui.label(moa);
        }
        if smiles.is_empty() {
            ui.add_space(6.0);
            ui.weak(if name.is_empty() { "The row names no compound." } else { "No structure is attached." });
        } else {
            structure(ui, screen, &smiles);
        }
        ui.add_space(4.0);
        let count = screen.selection.len();
        let label = if count > 1 {
            format!("Attach structure to {count} rows…")
        } else {
            "Attach structure…".into()
        };
        if ui.button(label).clicked() {
            out.send(Command::AttachStructure);
        }
        others(ui, screen, &name, &smiles);
    });
}

fn structure(ui: &mut Ui, screen: &Screen, smiles: &str) {
    match screen.sketches.get(&smiles.to_owned()) {
        None => {
            screen.sketches.want([smiles.to_owned()]);
            ui.spinner();
        }
        Some(Err(problem)) => attach::mark(ui, smiles, &problem),
        Some(Ok(sketch)) => {
            let width = ui.available_width().min(420.0);
            molecule::show(ui, &sketch.drawing, vec2(width, width * 0.62), smiles);
            Grid::new("compound facts").num_columns(2).spacing([10.0, 3.0]).show(ui, |ui| {
                let mut line = |name: &str, value: String| {
                    ui.weak(name);
                    ui.add(Label::new(value).wrap());
                    ui.end_row();
                };
                line("Formula", sketch.formula.clone());
                if let Some(d) = &sketch.descriptors {
                    line("Weight", format!("{:.2} g/mol", d.mw));
                    line("cLogP, TPSA", format!("{:.2}, {:.1} Å²", d.clogp, d.tpsa));
                    line("Donors, acceptors", format!("{}, {}", d.hbd, d.hba));
                    line("Rotatable bonds", d.rotatable_bonds.to_string());
                    if d.unspecified_stereo_centres > 0 {
                        let text =
                            format!("{} of {} not specified", d.unspecified_stereo_centres, d.stereo_centres);
                        line("Stereocentres", text);
                    }
                }
                if let Some(key) = &sketch.inchi_key {
                    line("InChIKey", key.clone());
                }
            });
            copy(ui, "SMILES", sketch.molecule.canonical_smiles());
            if ui
                .button("Copy picture as SVG")
                .on_hover_text("For a figure or a slide, in colours for white paper")
                .clicked()
            {
                ui.ctx().copy_text(chem::svg(&sketch.drawing, chem::Palette::LIGHT, 30.0));
                log::info!("The structure is copied as SVG.");
            }
            if sketch.molecule.is_mixture() {
                ui.weak(format!("Encoded without salts: {}", sketch.molecule.parent().canonical_smiles()));
            }
        }
    }
}

fn copy(ui: &mut Ui, name: &str, text: &str) {
    let label = Label::new(RichText::new(text).monospace().small()).wrap().sense(Sense::click());
    if ui.add(label).on_hover_text(format!("{name}; click to copy")).clicked() {
        ui.ctx().copy_text(text.to_owned());
        log::info!("{name} copied.");
    }
}

/// The same skeleton with other stereo, or one name with two structures: flagged, never merged.
fn others(ui: &mut Ui, screen: &Screen, name: &str, smiles: &str) {
    let skeleton = |smiles: &str| {
        let key = screen.sketches.get(&smiles.to_owned())?.ok()?.inchi_key.clone()?;
        Some((key[..14.min(key.len())].to_owned(), key))
    };
    let mine = skeleton(smiles);
    for other in screen.compounds().iter().filter(|c| c.smiles != smiles && !c.smiles.is_empty()) {
        let same = mine.as_ref().zip(skeleton(&other.smiles));
        let warning = match same {
            Some((mine, theirs)) if mine.1 == theirs.1 => "the same structure, written otherwise",
            Some((mine, theirs)) if mine.0 == theirs.0 => "the same skeleton with other stereochemistry",
            _ if !name.is_empty() && other.name == name => "the same name with another structure",
            _ => continue,
        };
        let label = if other.name.is_empty() { other.smiles.as_str() } else { other.name.as_str() };
        ui.colored_label(
            ui.visuals().warn_fg_color,
            format!("{label} ({} rows): {warning}", other.rows.len()),
        );
    }
}

/// The structure that is being dragged, at the pointer.
pub fn dragged(ctx: &Context) {
    let Some(structure) = eframe::egui::DragAndDrop::payload::<Structure>(ctx) else { return };
    let Some(at) = ctx.pointer_latest_pos() else { return };
    let layer = eframe::egui::LayerId::new(eframe::egui::Order::Tooltip, Id::unique("dragged structure"));
    let painter = ctx.layer_painter(layer);
    let text = structure.name.clone().unwrap_or_else(|| structure.smiles.clone());
    let galley = painter.layout_no_wrap(text, FontId::proportional(13.0), Color32::WHITE);
    let rect = Rect::from_min_size(at + vec2(12.0, 8.0), galley.size()).expand(5.0);
    painter.rect_filled(rect, 4.0, Color32::from_rgb(32, 76, 122));
    painter.galley(rect.min + vec2(5.0, 5.0), galley, Color32::WHITE);
}
