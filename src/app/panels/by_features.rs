//! The player's place for rows without a recording: the features in which they differ most from the controls.

use eframe::egui::{RichText, ScrollArea, Ui};

use crate::analysis::profile::Deviations;
use crate::app::screen::Screen;
use crate::app::widgets::bar_strip;

/// Rows side by side.
const ROWS: usize = 3;

/// Shows the rows; false where there is nothing to show.
pub fn show(ui: &mut Ui, screen: &Screen) -> bool {
    if screen.by_features.is_empty() || screen.featured().is_none() {
        return false;
    }
    let Some(features) = screen.features() else {
        ui.add_space(12.0);
        if screen.has_failed_to_compare() {
            ui.label("Features could not be compared with the controls. The log says more.");
            return true;
        }
        ui.horizontal(|ui| {
            ui.spinner();
            ui.label("Comparing features with the controls …");
        });
        return true;
    };
    let shown = &screen.by_features[..screen.by_features.len().min(ROWS)];
    ui.columns(shown.len(), |columns| {
        for (ui, &row) in columns.iter_mut().zip(shown) {
            ui.push_id(("features", row), |ui| one(ui, screen, features, row));
        }
    });
    true
}

fn one(ui: &mut Ui, screen: &Screen, features: &Deviations, row: u32) {
    ui.strong(screen.caption(row));
    let Some(bars) = screen.furthest(row) else {
        ui.weak("This row has no vector.");
        return;
    };
    if bars.is_empty() {
        ui.weak(
            "How it differs from DMSO cannot be told: its plate has fewer than two negative controls, or they do not vary. \
             Mark control wells in the column “control”.",
        );
        return;
    }
    let tip = "Deviations from the negative controls of the same plate, (x − median)/(1.4826·MAD). Bars grow with the inverse \
               hyperbolic sine and are full at 20. Among many features some lie far out by chance: Answers says which effects \
               stand out";
    let text =
        format!("{} of {} features, those that differ most from DMSO", bars.len(), features.features().len());
    ui.label(RichText::new(text).small()).on_hover_text(tip);
    ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 1.0;
        bar_strip::show(ui, features, row as usize, &bars);
    });
}
