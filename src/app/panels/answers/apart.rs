//! What sets a treatment apart from DMSO, in words: the features that lie furthest from the controls of its plates.

use eframe::egui::{RichText, Ui};

use super::SMALL;
use super::verdict::count;
use crate::analysis::answers::Unit;
use crate::analysis::biomarkers::Feature;
use crate::analysis::effect::{Effect, Effects};
use crate::app::answers::{Encoded, Question, apart};
use crate::app::state::AppState;

/// Features that are shown.
const SHOWN: usize = 8;

/// With fewer wells than this, an effect is a guess.
const FEW: usize = 3;

/// Effects know neither the wells' positions nor whether the whole repeats.
const NOT_CALLED: &str = "Not called active: these may be the well's position or chance.";

/// Shows the effects on the compound and dose of the row that a question is about, where they have names.
pub fn show(ui: &mut Ui, state: &AppState, encoded: &Encoded, question: Question) {
    let known = state.answers.apart.as_ref().filter(|(of, _)| *of == question);
    let Some((_, found)) = known else { return };
    ui.add_space(4.0);
    ui.horizontal_wrapped(|ui| {
        ui.strong("What sets it apart from DMSO");
        let tip = "Of the compound at this dose, beside the negative controls of the same plates: Hedges' g over means of \
                   wells, in standard deviations between wells, with its 95 % interval. Shown where the interval excludes 0 and \
                   q is 0.05 at most (Benjamini and Hochberg over all features): where many are looked at, some intervals \
                   exclude 0 by chance";
        ui.weak(RichText::new("effect [95 %], wells").size(SMALL)).on_hover_text(tip);
    });
    if found.is_ok() && !apart::is_called(encoded, question.row) {
        ui.weak(RichText::new(NOT_CALLED).size(SMALL));
    }
    match found {
        Ok(found) => effects(ui, found, &encoded.features, unit(encoded.subjects.unit)),
        Err(why) => {
            ui.weak(format!("Cannot be told: {why}"));
        }
    }
}

fn effects(ui: &mut Ui, found: &Effects, features: &[Feature], unit: &str) {
    let mut out = found.effects.iter().filter(|effect| effect.stands_out());
    let mut any = false;
    for effect in out.by_ref().take(SHOWN) {
        let Some(feature) = features.get(effect.feature) else { continue };
        any = true;
        ui.label(line(feature, effect, found, unit)).on_hover_text(details(feature, effect));
    }
    let more = out.count();
    if more > 0 {
        ui.weak(RichText::new(format!("and {}", count(more, "more feature"))).size(SMALL));
    }
    if !any {
        let n = found.effects.len();
        ui.weak(format!("Nothing stands out among {}.", count(n, "feature")));
    }
    if found.treated < FEW {
        let text = format!("Only {}: another may say something else.", count(found.treated, unit));
        ui.label(RichText::new(text).size(SMALL).color(ui.visuals().warn_fg_color));
    }
    if found.left_out > 0 {
        let text = format!("{} of plates without controls left out", count(found.left_out, unit));
        ui.weak(RichText::new(text).size(SMALL));
    }
}

/// What counts as one repetition.
const fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Well => "well",
        Unit::Replicate => "replicate",
        Unit::Video => "video",
    }
}

/// `longer network, +1.8 SD [0.9, 2.7], n = 3 vs 8 wells`.
fn line(feature: &Feature, effect: &Effect, found: &Effects, unit: &str) -> String {
    let words = if effect.g < 0.0 { &feature.words.less } else { &feature.words.more };
    let Effect { g, lo, hi, .. } = effect;
    format!(
        "{words}, {g:+.1} SD [{lo:.1}, {hi:.1}], n = {} vs {}",
        found.treated,
        count(found.controls, unit)
    )
}

/// What is measured, for those who want to know.
fn details(feature: &Feature, effect: &Effect) -> String {
    let unit = if feature.unit.is_empty() { String::new() } else { format!(" ({})", feature.unit) };
    format!("{}{unit}: {}. p {:.2e}, q {:.2e}", feature.name, feature.source, effect.p, effect.q)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::biomarkers::Words;

    #[test]
    fn an_effect_is_said_in_the_words_of_its_direction() {
        let words = Words { more: "longer network".to_owned(), less: "shorter network".to_owned() };
        let feature =
            Feature { name: "mito_length".to_owned(), unit: "µm", words, source: "sum of the skeleton" };
        let mut effect = Effect { feature: 0, g: 1.84, lo: 0.93, hi: 2.75, p: 0.001, q: 0.02 };
        let found = Effects { treated: 3, controls: 8, left_out: 0, effects: vec![effect] };
        let said = line(&feature, &effect, &found, unit(Unit::Well));
        assert_eq!(said, "longer network, +1.8 SD [0.9, 2.8], n = 3 vs 8 wells");
        effect = Effect { g: -1.84, lo: -2.71, hi: -0.93, ..effect };
        let said = line(&feature, &effect, &Effects { controls: 1, ..found }, unit(Unit::Replicate));
        assert_eq!(said, "shorter network, -1.8 SD [-2.7, -0.9], n = 3 vs 1 replicate");
        assert_eq!(details(&feature, &effect), "mito_length (µm): sum of the skeleton. p 1.00e-3, q 2.00e-2");
    }
}
