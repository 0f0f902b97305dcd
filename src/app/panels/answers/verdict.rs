//! The call: active or not, which mechanism, or unlike anything known.

use eframe::egui::{Color32, RichText, Ui, Visuals};

use super::SMALL;
use super::options;
use crate::analysis::answers::{Activity, Answer, Call, Verdict};
use crate::app::answers::Encoded;
use crate::app::state::{AppState, Outbox};

/// True where mechanisms may be shown: not for what looks like DMSO, unless the user asks for them.
pub fn may_show(state: &AppState, answer: &Answer) -> bool {
    !matches!(answer.call, Call::DmsoLike) || state.answers.options.show_anyway
}

/// `0.034`, `< 0.001`.
pub fn probability(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { format!("= {p:.3}") }
}

/// `72 %`; `< 1 %` and `> 99 %` where a rounded number would say never or always.
pub fn percent(share: f64) -> String {
    match share {
        s if s > 0.0 && s < 0.01 => "< 1 %".to_owned(),
        s if s > 0.99 && s < 1.0 => "> 99 %".to_owned(),
        s => format!("{:.0} %", 100.0 * s),
    }
}

/// `1 well`, `3 wells`.
pub fn count(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

/// Shows the call.
pub fn show(ui: &mut Ui, state: &AppState, encoded: &Encoded, answer: &Answer, out: &mut Outbox) {
    let (text, color) = heading(answer, encoded, ui.visuals());
    ui.label(RichText::new(text).size(18.0).strong().color(color));
    let n = &answer.n;
    let mut seen = vec![count(n.wells, "well"), count(n.videos, "video")];
    if n.replicates > 1 {
        seen.insert(0, count(n.replicates, "replicate"));
    }
    if n.doses > 1 {
        seen.push(count(n.doses, "dose"));
    }
    ui.weak(RichText::new(format!("n = {}", seen.join(", "))).size(SMALL)).on_hover_text(
        "Wells and replicates count; cells and videos of one well are not independent of each other",
    );
    if let Some(activity) = &answer.activity {
        activity_line(ui, activity);
    }
    if let Some(novelty) = &answer.novelty {
        let like = if novelty.unlike { "Unlike" } else { "Like" };
        let text = format!("{like} known mechanisms: p {}", probability(novelty.p));
        let tip = format!(
            "Share of compounds with a known mechanism that are as far as this one from the others with theirs \
             (similarity {:.2}; below {:.2} it is called unlike anything known)",
            novelty.score, novelty.threshold
        );
        ui.weak(RichText::new(text).size(SMALL)).on_hover_text(tip);
    }
    if matches!(answer.call, Call::DmsoLike) {
        let mut anyway = state.answers.options.show_anyway;
        if ui.checkbox(&mut anyway, "Show mechanisms anyway").changed() {
            options(state, out, |options| options.show_anyway = anyway);
        }
    }
}

fn heading(answer: &Answer, encoded: &Encoded, visuals: &Visuals) -> (String, Color32) {
    match answer.call {
        Call::DmsoLike => ("Looks like DMSO".into(), visuals.weak_text_color()),
        Call::Unlike => ("Unlike anything known".into(), visuals.warn_fg_color),
        Call::Moa(moa) => (encoded.moa(moa).to_owned(), visuals.strong_text_color()),
        Call::Unsure => ("Active, mechanism unclear".into(), visuals.text_color()),
        Call::Undecided => ("Cannot be told".into(), visuals.weak_text_color()),
    }
}

fn activity_line(ui: &mut Ui, activity: &Activity) {
    let (word, color) = match &activity.verdict {
        Verdict::Active => ("Active", ui.visuals().strong_text_color()),
        Verdict::Inactive => ("Not told from DMSO", ui.visuals().weak_text_color()),
        Verdict::Undecided(_) => ("Activity undecided", ui.visuals().warn_fg_color),
    };
    let text = match activity.q {
        Some(q) => format!("{word}: q {}", probability(q)),
        None => match &activity.verdict {
            Verdict::Undecided(why) => format!("{word}: {why}"),
            _ => word.to_owned(),
        },
    };
    let tip = match (activity.mean_ap, activity.p) {
        (Some(ap), Some(p)) => format!(
            "Do its wells find each other among the DMSO wells? Mean average precision {ap:.2}, permutation p {}; \
             q by Benjamini and Hochberg over all treatments, active below 0.05",
            probability(p)
        ),
        _ => "Needs at least two wells of the treatment, and enough DMSO wells".to_owned(),
    };
    ui.label(RichText::new(text).color(color)).on_hover_text(tip);
}
