//! Colours and spacing: calm, with contrast that holds in both themes.

use eframe::egui::{
    Color32, Context, CornerRadius, FontId, Stroke, TextStyle, Theme, ThemePreference, Visuals, vec2,
};

use super::settings::ThemeChoice;
use crate::gpu::to_target;

/// Smallest letters, points.
const SMALLEST: f32 = 11.0;

/// Sets both themes up, once.
pub fn install(ctx: &Context) {
    ctx.all_styles_mut(|style| {
        style.spacing.item_spacing = vec2(8.0, 5.0);
        style.spacing.button_padding = vec2(8.0, 3.0);
        style.spacing.slider_width = 130.0;
        style.interaction.tooltip_delay = 0.4;
        style.text_styles.insert(TextStyle::Small, FontId::proportional(SMALLEST));
    });
    let [dark, light] = visuals();
    ctx.set_visuals_of(Theme::Dark, dark);
    ctx.set_visuals_of(Theme::Light, light);
}

/// Dark and light.
fn visuals() -> [Visuals; 2] {
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
    dark.weak_text_color = Some(Color32::from_gray(160));
    let mut light = rounded(
        Visuals::light(),
        Color32::from_rgb(0, 84, 166),
        Color32::from_rgb(178, 24, 24),
        Color32::from_rgb(150, 84, 0),
    );
    light.selection.bg_fill = Color32::from_rgb(182, 214, 246);
    light.widgets.noninteractive.fg_stroke.color = Color32::from_gray(40);
    light.weak_text_color = Some(Color32::from_gray(95));
    [dark, light]
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Contrast of text on a ground as WCAG 2.1 counts it, 1 to 21.
    fn contrast(text: Color32, ground: Color32) -> f64 {
        let light = |color: Color32| {
            let linear = |v: u8| {
                let v = f64::from(v) / 255.0;
                if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * linear(color.r()) + 0.7152 * linear(color.g()) + 0.0722 * linear(color.b()) + 0.05
        };
        // Text that is not opaque shows the ground through.
        let (text, ground) = (light(ground.blend(text)), light(ground));
        (text / ground).max(ground / text)
    }

    #[test]
    fn contrast_is_counted_as_wcag_does() {
        assert!((contrast(Color32::WHITE, Color32::BLACK) - 21.0).abs() < 1e-9);
        // The lightest grey that passes on white, by any checker.
        let grey = contrast(Color32::from_gray(0x76), Color32::WHITE);
        assert!((4.5..4.6).contains(&grey), "{grey}");
    }

    #[test]
    fn faint_text_and_signals_can_be_read_in_both_themes() {
        for visuals in visuals() {
            let striped = visuals.panel_fill.blend(visuals.faint_bg_color);
            for ground in [visuals.panel_fill, visuals.window_fill(), visuals.extreme_bg_color, striped] {
                for text in [
                    visuals.weak_text_color(),
                    visuals.text_color(),
                    visuals.warn_fg_color,
                    visuals.error_fg_color,
                ] {
                    let found = contrast(text, ground);
                    assert!(found >= 4.5, "{found:.2}: {text:?} on {ground:?}, dark: {}", visuals.dark_mode);
                }
            }
        }
    }

    #[test]
    fn no_style_of_text_is_smaller_than_what_can_be_read() {
        let ctx = Context::default();
        install(&ctx);
        for theme in [Theme::Dark, Theme::Light] {
            let style = ctx.style_of(theme);
            assert!(style.text_styles.values().all(|font| font.size >= SMALLEST));
        }
    }
}
