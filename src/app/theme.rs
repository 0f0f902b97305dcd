//! Colours and spacing: calm, with contrast that holds in both themes.

use eframe::egui::{Color32, Context, CornerRadius, Stroke, Theme, ThemePreference, Visuals, vec2};

use super::settings::ThemeChoice;
use crate::gpu::to_target;

/// Sets both themes up, once.
pub fn install(ctx: &Context) {
    ctx.all_styles_mut(|style| {
        style.spacing.item_spacing = vec2(8.0, 5.0);
        style.spacing.button_padding = vec2(8.0, 3.0);
        style.spacing.slider_width = 130.0;
        style.interaction.tooltip_delay = 0.4;
    });
    let rounded = |mut visuals: Visuals, accent: Color32, error: Color32, warn: Color32| {
        for widget in [
            &mut visuals.widgets.noninteractive,
            &mut visuals.widgets.inactive,
            &mut visuals.widgets.hovered,
            &mut visuals.widgets.active,
            &mut visuals.widgets.open,
        ] {
            widget.corner_radius = CornerRadius::same(4);
        }
        visuals.selection.stroke = Stroke::new(1.0, accent);
        visuals.error_fg_color = error;
        visuals.warn_fg_color = warn;
        visuals
    };
    let mut dark = rounded(
        Visuals::dark(),
        Color32::from_rgb(110, 180, 255),
        Color32::from_rgb(255, 110, 100),
        Color32::from_rgb(245, 185, 80),
    );
    dark.selection.bg_fill = Color32::from_rgb(32, 76, 122);
    dark.selection.stroke.color = Color32::from_rgb(170, 212, 255);
    dark.override_text_color = None;
    dark.widgets.noninteractive.fg_stroke.color = Color32::from_gray(196);
    let mut light = rounded(
        Visuals::light(),
        Color32::from_rgb(0, 84, 166),
        Color32::from_rgb(178, 24, 24),
        Color32::from_rgb(150, 84, 0),
    );
    light.selection.bg_fill = Color32::from_rgb(182, 214, 246);
    light.widgets.noninteractive.fg_stroke.color = Color32::from_gray(40);
    ctx.set_visuals_of(Theme::Dark, dark);
    ctx.set_visuals_of(Theme::Light, light);
}

/// Switches to the chosen theme.
pub fn apply(ctx: &Context, choice: ThemeChoice) {
    ctx.set_theme(match choice {
        ThemeChoice::Dark => ThemePreference::Dark,
        ThemeChoice::Light => ThemePreference::Light,
        ThemeChoice::System => ThemePreference::System,
    });
}

/// What the window is cleared to, as a target of that format takes it.
pub fn background(visuals: &Visuals, format: wgpu::TextureFormat) -> [f32; 4] {
    let [r, g, b, _] = visuals.panel_fill.to_array();
    let [r, g, b] = [r, g, b].map(|v| to_target(v, format.is_srgb()) as f32);
    [r, g, b, 1.0]
}
