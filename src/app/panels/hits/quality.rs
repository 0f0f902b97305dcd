//! Controls and plates: how well classes are separated, what places do, and all plates on one scale.

use eframe::egui::{
    Align, Color32, Grid, Label, Layout, RichText, Role as WidgetRole, ScrollArea, Ui, WidgetInfo,
};
use egui_extras::{Column as Width, TableBuilder};

use super::{SMALL, count, plates};
use crate::analysis::hits::{HeldApart, PlaceEffect, PlateControls, Quality};
use crate::app::hits::Shown;
use crate::app::screen::Screen;
use crate::app::state::Outbox;
use crate::app::widgets::legend::short;
use crate::app::widgets::overlay::shorten;

/// Height of a line, and of the table of plates at most, points.
const ROW: f32 = 22.0;
const PLATES: f32 = 260.0;

/// Level of a test.
const ALPHA: f64 = 0.05;

/// Headings of the table of plates, with what they say and their widths.
const HEADINGS: [(&str, &str, f32); 9] = [
    ("Plate", "Its name; where replicates share wells, the replicate is part of it", 130.0),
    ("Controls", "Negative and positive control wells with a score", 70.0),
    ("Z' [95 %]", "1 is perfect, from 0.5 an assay is called excellent, below 0 the classes overlap", 150.0),
    ("Robust Z'", "The same of medians and median absolute deviations", 70.0),
    ("SSMD", "Difference of the means over the deviation of a difference of two wells", 60.0),
    (
        "Level",
        "Mean score of its negative controls before the plate is normalised, less that of all plates",
        60.0,
    ),
    ("Edge", "Outermost less inner wells of the same treatment, in units of score; by permutation", 130.0),
    ("Rows, columns", "q of differences between rows and between columns; by permutation", 130.0),
    ("Flags", "What is wrong with it", 260.0),
];

/// Shows it.
pub fn show(ui: &mut Ui, screen: &Screen, shown: &Shown, out: &mut Outbox) {
    ScrollArea::vertical().id_salt("hits quality").auto_shrink([false, false]).show(ui, |ui| {
        controls(ui, shown);
        ui.add_space(6.0);
        table(ui, shown);
        ui.add_space(6.0);
        plates::show(ui, screen, shown, out);
    });
}

fn known(value: Option<f64>) -> String {
    value.map_or_else(|| "unknown".to_owned(), short)
}

/// Z' with its interval.
fn z_prime(quality: &Quality) -> String {
    match (quality.z_prime, quality.z_prime_lo, quality.z_prime_hi) {
        (Some(value), Some(lo), Some(hi)) => format!("{value:.2} [{lo:.2}, {hi:.2}]"),
        (Some(value), ..) => format!("{value:.2}"),
        (None, ..) => "unknown".to_owned(),
    }
}

/// A p or q; a small one is not written as 0.
fn chance(letter: &str, p: f64) -> String {
    if p < 0.001 { format!("{letter} < 0.001") } else { format!("{letter} {p:.3}") }
}

/// An effect with its p or q.
fn effect(effect: &PlaceEffect, letter: &str, p: Option<f64>) -> String {
    match (effect.size, p) {
        (Some(size), Some(p)) => format!("{} ({})", short(size), chance(letter, p)),
        (None, Some(p)) => chance(letter, p),
        (_, None) => "unknown".to_owned(),
    }
}

/// Controls of all plates, beside simpler numbers.
fn controls(ui: &mut Ui, shown: &Shown) {
    let controls = &shown.hits.controls;
    let quality = &controls.quality;
    let held = match controls.held_apart {
        HeldApart::Plates => "plates held apart",
        HeldApart::Replicates => "replicates held apart",
        HeldApart::Wells => {
            "single wells held apart: one plate and one replicate cannot say how it is on another"
        }
        HeldApart::Nothing => "nothing could be held apart: a class has too few wells",
    };
    let text = format!(
        "All plates: {} negative, {} positive control wells; {held}",
        quality.n_negative, quality.n_positive
    );
    ui.add(Label::new(RichText::new(text).strong()).wrap());
    Grid::new("hits baselines").striped(true).num_columns(6).spacing([16.0, 4.0]).show(ui, |ui| {
        for heading in ["Told by", "AUC", "Accuracy", "Z' [95 %]", "Robust Z'", "SSMD"] {
            ui.strong(heading);
        }
        ui.end_row();
        let own = (shown.name.as_str(), &controls.separation, quality);
        let others = shown.hits.baselines.iter().map(|of| (of.name.as_str(), &of.separation, &of.quality));
        for (place, (name, separation, quality)) in std::iter::once(own).chain(others).enumerate() {
            let alone = if place == 0 { "" } else { " alone" };
            let label = ui.label(format!("{}{alone}", shorten(name, 34)));
            let says = format!("Z' of {name}{alone}: {}", z_prime(quality));
            label.widget_info(|| WidgetInfo::labeled(WidgetRole::Cell, true, &says));
            ui.label(known(separation.auc));
            ui.label(known(separation.accuracy));
            ui.label(z_prime(quality));
            ui.label(known(quality.z_prime_robust));
            ui.label(known(quality.ssmd));
            ui.end_row();
        }
    });
    let guess =
        controls.majority.map_or_else(String::new, |guess| format!(" A guess has accuracy {guess:.2}."));
    let text = format!(
        "AUC and accuracy are those of a linear support vector machine on wells that it did not see.{guess} What position, cell \
         count or intensity alone tells, the score need not tell by looking at cells."
    );
    ui.add(Label::new(RichText::new(text).size(SMALL)).wrap());
    ui.horizontal_wrapped(|ui| {
        for (name, of) in [
            ("Edge", &controls.edge_effect),
            ("rows", &controls.row_effect),
            ("columns", &controls.column_effect),
        ] {
            let is_there = of.p.is_some_and(|p| p < ALPHA);
            let text = format!("{name}: {}", effect(of, "p", of.p));
            // In words too: nothing is told by colour alone.
            let text = if is_there { format!("{text}, an effect") } else { text };
            let color = if is_there { ui.visuals().warn_fg_color } else { ui.visuals().text_color() };
            let tip = format!("{} wells of the same treatment in different places", of.n);
            ui.colored_label(color, text).on_hover_text(tip);
        }
        if let Some(trend) = controls.trend {
            let p = chance("p", trend.p);
            let text = format!("trend over {} plates: ρ {:.2}, {p}", trend.n, trend.rho);
            ui.label(text).on_hover_text("Level of the negative controls in the order of the plates' names");
        }
        if let Some(agreement) = shown.hits.replicate_agreement {
            let text = format!("wells of a treatment agree by {agreement:.2}");
            ui.label(text).on_hover_text("Intraclass correlation: 1 where they agree and treatments differ");
        }
    });
}

fn table(ui: &mut Ui, shown: &Shown) {
    let plates = &shown.hits.controls.by_plate;
    let flagged = plates.iter().filter(|plate| !plate.flags.is_empty()).count();
    ui.strong(format!("{}, {flagged} flagged", count(plates.len(), "plate")));
    ScrollArea::horizontal().id_salt("plates columns").show(ui, |ui| {
        let mut table = TableBuilder::new(ui)
            .id_salt("plates table")
            .striped(true)
            .resizable(true)
            .max_scroll_height(PLATES)
            .cell_layout(Layout::left_to_right(Align::Center));
        for (_, _, width) in HEADINGS {
            table = table.column(Width::initial(width).at_least(40.0).clip(true));
        }
        table
            .header(ROW, |mut header| {
                for (heading, tip, _) in HEADINGS {
                    header.col(|ui| {
                        ui.strong(heading).on_hover_text(tip);
                    });
                }
            })
            .body(|body| {
                body.rows(ROW, plates.len(), |mut line| {
                    let Some(plate) = plates.get(line.index()) else { return };
                    let is_flagged = !plate.flags.is_empty();
                    for (place, text) in cells(plate).into_iter().enumerate() {
                        let is_flag = is_flagged && place + 1 == HEADINGS.len();
                        line.col(|ui| {
                            let color =
                                if is_flag { ui.visuals().warn_fg_color } else { ui.visuals().text_color() };
                            cell(ui, plate, HEADINGS[place].0, &text, color);
                        });
                    }
                });
            });
    });
}

fn cells(plate: &PlateControls) -> [String; 9] {
    let PlateControls { quality, edge_effect, row_effect, column_effect, .. } = plate;
    [
        plate.plate.clone(),
        format!("{} / {}", quality.n_negative, quality.n_positive),
        z_prime(quality),
        known(quality.z_prime_robust),
        known(quality.ssmd),
        known(plate.level),
        effect(edge_effect, "q", edge_effect.q),
        format!("q {}, {}", known(row_effect.q), known(column_effect.q)),
        if plate.flags.is_empty() { "none".to_owned() } else { plate.flags.join("; ") },
    ]
}

fn cell(ui: &mut Ui, plate: &PlateControls, heading: &str, text: &str, color: Color32) {
    let shown = if text.is_empty() { "(unnamed)" } else { text };
    let response = ui.add(Label::new(RichText::new(shown).color(color)).truncate());
    let name = format!("{heading} of plate {}: {shown}", plate.plate);
    response.widget_info(|| WidgetInfo::labeled(WidgetRole::Cell, true, &name));
    response.on_hover_text(shown);
}
