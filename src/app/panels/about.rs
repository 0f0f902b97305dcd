//! What this is.

use eframe::egui::{Context, Window};

use crate::app::state::AppState;

/// Shows the window while it is open.
pub fn show(ctx: &Context, state: &mut AppState) {
    let mut open = state.dialogs.about;
    Window::new("About MolCLIP Studio").open(&mut open).resizable(false).collapsible(false).show(ctx, |ui| {
        ui.heading(format!("MolCLIP Studio {}", env!("CARGO_PKG_VERSION")));
        ui.label("Watch live cells respond to drugs, and ask what a drug does.");
        ui.add_space(6.0);
        ui.label(format!("Draws: {}", state.draws));
        ui.label(format!("Computes: {}", state.computes));
        ui.add_space(6.0);
        ui.label("MIT OR Apache-2.0. Look-up tables viridis, inferno, cividis: matplotlib (CC0); fire, ice: ImageJ (public domain).");
    });
    state.dialogs.about = open;
}
