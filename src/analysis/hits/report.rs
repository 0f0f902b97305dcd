//! What a screen says, as lines to read.

use std::fmt::Write as _;

use super::axis::HeldApart;
use super::compounds::Compound;
use super::plates::Controls;
use super::positions::PlaceEffect;
use super::quality::Quality;
use super::scores::Kind;
use super::{Hits, Q_METHOD};

/// Compounds that are listed; all are in the JSON and in the table.
const LISTED: usize = 40;

/// Letters of a compound's name.
const NAME: usize = 28;

impl Hits {
    /// Lines to read.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let mut line = |name: &str, words: &str| {
            if !words.is_empty() {
                let _ = writeln!(text, "  {name:13} {words}");
            }
        };
        line("scores", self.score.label());
        line("controls", &of_quality(&self.controls.quality));
        line("held apart", &held(&self.controls));
        for baseline in &self.baselines {
            let (auc, z_prime) = (number(baseline.separation.auc), number(baseline.quality.z_prime));
            line("", &format!("{} alone: AUC {auc}, Z′ {z_prime}", baseline.name));
        }
        let effects = [
            ("edge", self.controls.edge_effect),
            ("row", self.controls.row_effect),
            ("column", self.controls.column_effect),
        ];
        line("places", &effects.map(|(name, effect)| of_effect(name, &effect)).join(", "));
        if let Some(trend) = self.controls.trend {
            line("trend", &format!("over {} plates: ρ {:.2}, p {:.3}", trend.n, trend.rho, trend.p));
        }
        for plate in self.controls.by_plate.iter().filter(|plate| !plate.flags.is_empty()) {
            line("flagged", &format!("plate {}: {}", plate.plate, plate.flags.join("; ")));
        }
        if let Some(agreement) = self.replicate_agreement {
            line(
                "replicates",
                &format!("wells of a treatment agree by {agreement:.2} (intraclass correlation)"),
            );
        }
        line("q values", Q_METHOD);
        for note in &self.notes {
            line("note", note);
        }
        text.push_str(&self.list());
        text
    }

    fn list(&self) -> String {
        if self.compounds.is_empty() {
            return String::new();
        }
        let listed = &self.compounds[..self.compounds.len().min(LISTED)];
        let name = |compound: &Compound| compound.compound.chars().take(NAME).collect::<String>();
        let width = listed.iter().map(|compound| name(compound).chars().count()).max().unwrap_or(0).max(8);
        let mut text = format!(
            "\n{:width$}  {:>6}  {:>8}  {:>5}  {:>5}  {:>9}  {:>5}  {:>21}  note\n",
            "compound", "hit", "q", "on", "off", "EC50 µM", "Hill", "95 %"
        );
        for compound in listed {
            let interval = compound.ec50_um.map_or_else(String::new, |_| {
                let end = |end: Option<f64>| end.map_or_else(|| "open".to_owned(), |end| format!("{end:.4}"));
                format!("{} to {}", end(compound.ec50_lo), end(compound.ec50_hi))
            });
            let blank = |value: Option<f64>, digits: usize| {
                value.map_or_else(String::new, |value| format!("{value:.digits$}"))
            };
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{:width$}  {:>6}  {:>8}  {:>5}  {:>5}  {:>9}  {:>5}  {interval:>21}  {}",
                name(compound),
                blank(compound.hit_score, 3),
                compound.q.map_or_else(String::new, |q| format!("{q:.1e}")),
                blank(compound.on_score_max, 2),
                blank(compound.off_score_max, 1),
                blank(compound.ec50_um, 4),
                blank(compound.hill, 2),
                compound.note.as_deref().unwrap_or_default(),
            );
        }
        let more = self.compounds.len() - listed.len();
        if more > 0 {
            let _ = writeln!(text, "and {more} more; --json or --out has all");
        }
        text
    }
}

impl Kind {
    /// For people.
    pub const fn label(self) -> &'static str {
        match self {
            Self::OnScore => "0 at the negative, 1 at the positive controls, along the axis between both",
            Self::ScaledReadout => "the column, 0 at the negative, 1 at the positive controls of the plate",
            Self::Distance => "distance from the plate's negative controls, about 1 for idle wells",
            Self::ReadoutInDeviations => "the column, in deviations of the plate's negative controls",
            Self::RawReadout => "the column as it is",
        }
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "unknown".to_owned(), |value| format!("{value:.3}"))
}

fn of_quality(quality: &Quality) -> String {
    let Quality { n_negative, n_positive, z_prime, z_prime_lo, z_prime_hi, z_prime_robust, ssmd } = *quality;
    let wells = format!("{n_negative} negative, {n_positive} positive wells");
    let (Some(z_prime), Some(lo), Some(hi)) = (z_prime, z_prime_lo, z_prime_hi) else { return wells };
    let (robust, ssmd) = (number(z_prime_robust), number(ssmd));
    format!("{wells}: Z′ {z_prime:.3} [{lo:.3}, {hi:.3}], robust {robust}, SSMD {ssmd}")
}

fn held(controls: &Controls) -> String {
    let what = match controls.held_apart {
        HeldApart::Plates => "plates",
        HeldApart::Replicates => "replicates",
        HeldApart::Wells => "single wells",
        HeldApart::Nothing => return String::new(),
    };
    format!(
        "{what}: AUC {}, accuracy {} (guess {}) of a linear support vector machine",
        number(controls.separation.auc),
        number(controls.separation.accuracy),
        number(controls.majority)
    )
}

fn of_effect(name: &str, effect: &PlaceEffect) -> String {
    match (effect.p, effect.size) {
        (Some(p), Some(size)) => format!("{name} p {p:.3} (size {size:.2}, {} wells)", effect.n),
        _ => format!("{name} unknown"),
    }
}
