//! Letters of figures: how wide they are, their outlines, and how a text is made to fit.

use skrifa::instance::{LocationRef, Size};
use skrifa::outline::{DrawSettings, OutlinePen};
use skrifa::raw::ReadError;
use skrifa::{FontRef, GlyphId, MetadataProvider as _};
use tiny_skia::{Path, PathBuilder};

/// Families that an SVG asks for; the first is the one that PNG uses.
pub const FAMILY: &str = "Ubuntu, Helvetica, Arial, sans-serif";

/// What other programs may put in the font's place is at most so much wider.
const SLACK: f64 = 1.12;

/// Height of a capital in ems, and how far letters hang below the line.
pub const CAPITAL: f64 = 0.69;
/// Depth of a descender in ems.
pub const DESCENT: f64 = 0.19;

/// The window's font, so that figures look the same on every machine.
fn font() -> Result<FontRef<'static>, ReadError> {
    FontRef::new(epaint_default_fonts::UBUNTU_LIGHT)
}

/// Room for a text on one line, in the unit of `em`; a little more than its letters take.
pub fn room(text: &str, em: f64) -> f64 {
    SLACK * width(text, em)
}

/// Width of a text's letters.
pub fn width(text: &str, em: f64) -> f64 {
    let Ok(font) = font() else { return 0.6 * em * text.chars().count() as f64 };
    let metrics = font.glyph_metrics(Size::new(em as f32), LocationRef::default());
    let charmap = font.charmap();
    // A letter that the font lacks is as wide as an average one.
    let advance = |c: char| charmap.map(c).and_then(|glyph| metrics.advance_width(glyph));
    text.chars().map(|c| advance(c).map_or(0.6 * em, f64::from)).sum()
}

/// The text, or as much of it as there is room for, with … in place of the rest.
pub fn shorten(text: &str, em: f64, wide: f64) -> String {
    if room(text, em) <= wide {
        return text.to_owned();
    }
    let mut kept: String = text.to_owned();
    while kept.pop().is_some() {
        let shown = format!("{}…", kept.trim_end());
        if room(&shown, em) <= wide {
            return shown;
        }
    }
    String::new()
}

/// Each of some names shortened; where two would become the same, their middle is left out instead of their end.
pub fn distinct(names: &[String], em: f64, wide: f64) -> Vec<String> {
    let short: Vec<String> = names.iter().map(|name| shorten(name, em, wide)).collect();
    let alike = |i: usize| (0..names.len()).any(|j| short[i] == short[j] && names[i] != names[j]);
    (0..names.len()).map(|i| if alike(i) { ends(&names[i], em, wide) } else { short[i].clone() }).collect()
}

/// Beginning and end of a text, with … between them.
fn ends(text: &str, em: f64, wide: f64) -> String {
    let letters: Vec<char> = text.chars().collect();
    let shown = |kept: usize| -> String {
        let (front, back) = (kept.div_ceil(2), letters.len() - kept / 2);
        letters[..front].iter().chain(&['…']).chain(&letters[back..]).collect()
    };
    (0..letters.len()).rev().map(shown).find(|shown| room(shown, em) <= wide).unwrap_or_default()
}

/// Lines no wider than there is room for, broken between words; the last of `most` lines is shortened.
pub fn wrap(text: &str, em: f64, wide: f64, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let full = lines.len() >= most;
        match lines.last_mut() {
            Some(line) if full || room(&format!("{line} {word}"), em) <= wide => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.iter().map(|line| shorten(line, em, wide)).collect()
}

/// Outlines of a text that stands on y = 0 and begins at x = 0, with y downwards.
pub fn outline(text: &str, em: f64) -> Option<Path> {
    let font = font().ok()?;
    let (size, location) = (Size::new(em as f32), LocationRef::default());
    let (charmap, outlines, metrics) =
        (font.charmap(), font.outline_glyphs(), font.glyph_metrics(size, location));
    let mut pen = Pen { path: PathBuilder::new(), x: 0.0 };
    for c in text.chars() {
        let glyph: Option<GlyphId> = charmap.map(c);
        if let Some(outline) = glyph.and_then(|glyph| outlines.get(glyph)) {
            // A letter whose outline is broken leaves a gap.
            let _ = outline.draw(DrawSettings::unhinted(size, location), &mut pen);
        }
        pen.x += glyph.and_then(|glyph| metrics.advance_width(glyph)).unwrap_or(0.6 * em as f32);
    }
    pen.path.finish()
}

/// Moves outlines, which have y upwards, to their place.
struct Pen {
    path: PathBuilder,
    x: f32,
}

impl OutlinePen for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        self.path.move_to(self.x + x, -y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.path.line_to(self.x + x, -y);
    }

    fn quad_to(&mut self, cx: f32, cy: f32, x: f32, y: f32) {
        self.path.quad_to(self.x + cx, -cy, self.x + x, -y);
    }

    fn curve_to(&mut self, ax: f32, ay: f32, bx: f32, by: f32, x: f32, y: f32) {
        self.path.cubic_to(self.x + ax, -ay, self.x + bx, -by, self.x + x, -y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_shortened_and_wrapped_to_their_room() {
        let name = "Na+/K+-ATPase inhibitor of the cardiac glycoside kind";
        assert_eq!(shorten("DMSO", 8.0, 100.0), "DMSO");
        let short = shorten(name, 8.0, 100.0);
        assert!(short.ends_with('…') && room(&short, 8.0) <= 100.0, "{short}");
        assert!(room(&short, 8.0) > 85.0, "no more than needed is cut: {short}");
        assert_eq!(shorten(name, 8.0, 3.0), "");
        let sites = ["colchicine", "vinca"].map(|site| format!("microtubule destabiliser, {site} site"));
        let names = distinct(&[sites[0].clone(), "DMSO".to_owned(), sites[1].clone()], 8.0, 90.0);
        assert!(names[0] != names[2] && names[0].ends_with("ne site") && names[1] == "DMSO", "{names:?}");
        assert!(names.iter().all(|name| room(name, 8.0) <= 90.0));
        let lines = wrap(name, 8.0, 100.0, 2);
        assert_eq!(lines.len(), 2);
        assert!(lines[1].ends_with('…'));
        assert!(lines.iter().all(|line| room(line, 8.0) <= 100.0));
        assert_eq!(wrap(name, 8.0, 400.0, 2), [name]);
    }

    #[test]
    fn letters_that_figures_use_are_in_the_font() {
        let charmap = font().unwrap().charmap();
        for c in "ABCxyz0189 ×µ·…–≥±%α≤".chars() {
            assert!(charmap.map(c).is_some(), "{c}");
        }
        // A capital H is as high as said.
        let bounds = outline("H", 100.0).unwrap().bounds();
        assert!((f64::from(-bounds.top()) - 100.0 * CAPITAL).abs() < 2.0, "{bounds:?}");
        let bounds = outline("g", 100.0).unwrap().bounds();
        assert!((f64::from(bounds.bottom()) - 100.0 * DESCENT).abs() < 3.0, "{bounds:?}");
    }
}
