//! What each column of a table means: guessed, shown with the reason, and changed where the guess is wrong.

use std::path::Path;

use eframe::egui::{Align, Button, ComboBox, Context, Id, Label, Layout, Modal, RichText, ScrollArea, Ui};
use egui_extras::{Column, TableBuilder};

use crate::app::command::Command;
use crate::app::forms::import::ImportForm;
use crate::app::state::Outbox;
use crate::app::widgets::{named, overlay};
use crate::experiment::Kind;
use crate::experiment::columns::STANDARD;
use crate::experiment::import::units::{Unit, quantity};
use crate::experiment::import::{Target, guess};

/// Shows the form while it is open.
pub fn show(ctx: &Context, open: &mut Option<ImportForm>, out: &mut Outbox) {
    let Some(mut form) = open.take() else { return };
    let mut done = false;
    let screen = ctx.content_rect().size();
    let response = Modal::new(Id::unique("import")).show(ctx, |ui| {
        ui.set_width((screen.x * 0.86).min(1040.0));
        ui.heading("What do the columns mean?");
        ui.label(format!("{}, {} rows", file_name(&form.source.path), form.source.len()));
        sheets(ui, &form, out);
        for note in &form.source.notes {
            ui.weak(note);
        }
        if let Some(error) = &form.error {
            ui.colored_label(ui.visuals().error_fg_color, error);
        }
        ui.add_space(6.0);
        columns(ui, &mut form, (screen.y - 320.0).max(160.0));
        ui.add_space(6.0);
        let features = form.mapping.columns.iter().filter(|column| column.target == Target::Feature).count();
        let missing = form.mapping.source_of("path").is_none();
        if features > 0 {
            ui.label(format!("{features} columns become features of the rows’ profiles: is that right?"));
        } else if missing {
            let text = "No column is the path of the videos: the table can be read, but nothing can be played until “path” is filled.";
            ui.colored_label(ui.visuals().warn_fg_color, text);
        }
        ui.horizontal(|ui| {
            let import = Button::new("Import").min_size([110.0, 28.0].into());
            if ui.add_enabled(form.reading.is_none(), import).clicked() {
                out.send(Command::ConfirmImport);
            }
            if ui.button("Guess again").clicked() {
                form.mapping = guess(&form.source);
            }
            done |= ui.button("Cancel").clicked();
            ui.weak("The file is not changed. Columns that the program does not know are kept.");
        });
    });
    // A click beside a form with work in it must not lose it: only Cancel and Esc close it.
    let escaped = ctx.input(|i| i.key_pressed(eframe::egui::Key::Escape)) && response.should_close();
    if !done && !escaped {
        *open = Some(form);
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn sheets(ui: &mut Ui, form: &ImportForm, out: &mut Outbox) {
    if form.source.sheets.len() < 2 {
        return;
    }
    let reading = form.reading.as_ref().map(|reading| &reading.what);
    let now = reading.or(form.source.sheet.as_ref()).map_or("", String::as_str);
    ui.horizontal(|ui| {
        ui.label("Sheet");
        let combo = ComboBox::from_id_salt("sheet").selected_text(now).show_ui(ui, |ui| {
            for sheet in &form.source.sheets {
                if ui.selectable_label(*sheet == now, sheet).clicked() {
                    out.send(Command::ChooseSheet(sheet.clone()));
                }
            }
        });
        named(combo.response, "Sheet");
        if form.reading.is_some() {
            ui.spinner();
        }
    });
}

fn columns(ui: &mut Ui, form: &mut ImportForm, height: f32) {
    let count = form.mapping.columns.len();
    let mut change: Option<(usize, Target)> = None;
    let mut unit: Option<(usize, Option<&'static Unit>)> = None;
    let (source, mapping) = (&form.source, &form.mapping);
    ScrollArea::horizontal().show(ui, |ui| {
        TableBuilder::new(ui)
            .id_salt("columns")
            .striped(true)
            .cell_layout(Layout::left_to_right(Align::Center))
            .column(Column::initial(170.0).resizable(true).clip(true))
            .column(Column::exact(180.0))
            .column(Column::exact(90.0))
            .column(Column::initial(250.0).resizable(true).clip(true))
            .column(Column::remainder().at_least(180.0).clip(true))
            .max_scroll_height(height)
            .header(22.0, |mut header| {
                for text in ["In the file", "Becomes", "Unit", "Why", "First values"] {
                    header.col(|ui| {
                        ui.strong(text);
                    });
                }
            })
            .body(|body| {
                body.rows(26.0, count, |mut line| {
                    let index = line.index();
                    let column = &mapping.columns[index];
                    line.col(|ui| {
                        ui.add(Label::new(&column.source).truncate());
                    });
                    line.col(|ui| {
                        if let Some(target) = choose_target(ui, index, &column.source, column.target) {
                            change = Some((index, target));
                        }
                    });
                    line.col(|ui| {
                        if let Target::Standard(name) = column.target
                            && let Some(quantity) = quantity(name)
                        {
                            let now = column.unit.unwrap_or_else(|| Unit::kept(quantity));
                            let combo =
                                ComboBox::from_id_salt(("unit", index)).width(70.0).selected_text(now.name);
                            let combo = combo.show_ui(ui, |ui| {
                                for choice in Unit::choices(quantity) {
                                    if ui.selectable_label(choice.name == now.name, choice.name).clicked() {
                                        unit = Some((index, Some(choice)));
                                    }
                                }
                            });
                            named(combo.response, &format!("Unit of {}", column.source));
                        }
                    });
                    line.col(|ui| {
                        ui.add(Label::new(RichText::new(&column.reason).weak()).truncate());
                    });
                    line.col(|ui| {
                        let values: Vec<&str> =
                            source.cells(index).filter(|v| !v.trim().is_empty()).take(4).collect();
                        ui.add(Label::new(overlay::shorten(&values.join("   "), 120)).truncate());
                    });
                });
            });
    });
    if let Some((index, target)) = change {
        form.mapping.choose(&form.source, index, target);
    }
    if let Some((index, unit)) = unit {
        form.mapping.columns[index].unit = unit;
    }
}

fn choose_target(ui: &mut Ui, index: usize, source: &str, now: Target) -> Option<Target> {
    let mut chosen = None;
    let text = match now {
        Target::Standard(name) => RichText::new(name).strong(),
        Target::Free(kind) => RichText::new(format!("kept ({})", kind.label())),
        Target::Feature => RichText::new("feature").strong(),
        Target::Skip => RichText::new("left out").color(ui.visuals().warn_fg_color),
    };
    let combo = ComboBox::from_id_salt(("target", index)).width(160.0).height(420.0).selected_text(text);
    let combo = combo.show_ui(ui, |ui| {
        for kind in [Kind::Text, Kind::Integer, Kind::Number, Kind::Flag] {
            if ui.selectable_label(now == Target::Free(kind), format!("kept ({})", kind.label())).clicked() {
                chosen = Some(Target::Free(kind));
            }
        }
        let tip = "A number of the row's profile: all features together are the embedding “profile”.";
        if ui.selectable_label(now == Target::Feature, "feature").on_hover_text(tip).clicked() {
            chosen = Some(Target::Feature);
        }
        if ui.selectable_label(now == Target::Skip, "left out").clicked() {
            chosen = Some(Target::Skip);
        }
        ui.separator();
        for standard in &STANDARD {
            let target = Target::Standard(standard.name);
            if ui.selectable_label(now == target, standard.name).on_hover_text(standard.doc).clicked() {
                chosen = Some(target);
            }
        }
    });
    named(combo.response, &format!("Meaning of {source}"));
    chosen
}
