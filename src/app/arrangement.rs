//! What stands in the panels that can be arranged.

use eframe::egui::{self, Ui};

use super::panels;
use super::panes::Pane;
use super::state::{AppState, Outbox};
use super::widgets::frame_canvas::Canvas;

/// Draws the panels.
pub struct Behavior<'a> {
    pub state: &'a AppState,
    pub canvas: &'a Canvas,
    pub out: &'a mut Outbox,
    pub drawn: panels::viewer::Drawn,
}

impl egui_tiles::Behavior<Pane> for Behavior<'_> {
    fn pane_ui(&mut self, ui: &mut Ui, _tile: egui_tiles::TileId, pane: &mut Pane) -> egui_tiles::UiResponse {
        if *pane == Pane::Viewer {
            self.drawn = panels::viewer::show(ui, self.state, self.canvas, self.out);
        } else {
            egui::Frame::NONE.inner_margin(8.0).show(ui, |ui| match pane {
                Pane::Display => panels::display::show(ui, self.state, self.out),
                Pane::Info => panels::info::show(ui, self.state, self.out),
                Pane::Table => panels::table::show(ui, self.state, self.out),
                Pane::Plate => panels::plate::show(ui, self.state, self.out),
                Pane::ContactSheet => panels::contact_sheet::show(ui, self.state, self.out),
                Pane::Training => panels::training::show(ui, self.state, self.out),
                Pane::Map => panels::map::show(ui, self.state, self.canvas.format, self.out),
                Pane::Answers => panels::answers::show(ui, self.state, self.out),
                Pane::Recipes => panels::recipes::show(ui, self.state, self.out),
                Pane::Hits => panels::hits::show(ui, self.state, self.out),
                Pane::Structures => panels::structures::show(ui, self.state, self.out),
                Pane::Compound => panels::structures::compound(ui, self.state, self.out),
                Pane::Log | Pane::Viewer => panels::log::show(ui, self.state),
            });
        }
        egui_tiles::UiResponse::None
    }

    fn tab_title_for_pane(&mut self, pane: &Pane) -> egui::WidgetText {
        pane.title().into()
    }

    /// The window's own colour, which the pass is cleared to: a fill would cost a software rasteriser another pass.
    fn tab_bar_color(&self, _visuals: &egui::Visuals) -> egui::Color32 {
        egui::Color32::TRANSPARENT
    }

    fn gap_width(&self, _style: &egui::Style) -> f32 {
        3.0
    }

    fn simplification_options(&self) -> egui_tiles::SimplificationOptions {
        egui_tiles::SimplificationOptions { all_panes_must_have_tabs: true, ..Default::default() }
    }
}
