//! What this is.

use eframe::egui::{Align2, CollapsingHeader, Context, ScrollArea, Window};

use crate::app::state::AppState;
use crate::chem::NOTICES;

/// Shows the window while it is open.
pub fn show(ctx: &Context, state: &AppState, open: &mut bool) {
    let center = ctx.content_rect().center();
    let window =
        Window::new("About MolCLIP Studio").open(open).pivot(Align2::CENTER_CENTER).default_pos(center);
    window.resizable(false).collapsible(false).show(ctx, |ui| {
        ui.heading(format!("MolCLIP Studio {}", env!("CARGO_PKG_VERSION")));
        ui.label("Watch live cells respond to drugs, and ask what a drug does.");
        ui.add_space(6.0);
        ui.label(format!("Draws: {}", state.draws));
        ui.label(format!("Computes: {}", state.computes));
        ui.add_space(6.0);
        ui.label("MIT OR Apache-2.0. Look-up tables viridis, inferno, cividis: matplotlib (CC0); fire, ice: ImageJ (public domain).");
        for notice in &NOTICES {
            CollapsingHeader::new(notice.title).show(ui, |ui| {
                ScrollArea::vertical().max_height(220.0).show(ui, |ui| ui.monospace(notice.text));
            });
        }
    });
}
