//! The call: active or not, which mechanism, or unlike anything known.

use eframe::egui::{Color32, RichText, Ui, Visuals};

use super::SMALL;
use super::options;
use crate::analysis::answers::{Activity, Answer, Call, Novelty, Verdict};
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
    let (sign, color) = sign(answer.call, ui.visuals());
    ui.horizontal_wrapped(|ui| {
        let size = 18.0;
        ui.label(RichText::new(sign).size(size).color(color));
        ui.label(RichText::new(heading(answer.call, encoded)).size(size).strong());
        if encoded.is_simulated() {
            let text = RichText::new("simulated").size(SMALL).strong().color(ui.visuals().warn_fg_color);
            ui.label(text)
                .on_hover_text("Videos, model or gallery are simulated: no evidence about real cells");
        }
    });
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
        novelty_line(ui, answer.call, novelty);
    }
    if matches!(answer.call, Call::DmsoLike) {
        let mut anyway = state.answers.options.show_anyway;
        if ui.checkbox(&mut anyway, "Show mechanisms anyway").changed() {
            options(state, out, |options| options.show_anyway = anyway);
        }
    }
}

/// What is said of an answer in one line.
pub fn heading(call: Call, encoded: &Encoded) -> String {
    match call {
        Call::DmsoLike => "Looks like DMSO".to_owned(),
        Call::Unlike => "Unlike anything known".to_owned(),
        Call::Moa(moa) => encoded.moa(moa).to_owned(),
        Call::Unsure => "Active, mechanism unclear".to_owned(),
        Call::Undecided => "Cannot be told".to_owned(),
    }
}

/// A sign of the call, so that it is told by shape too; its colour is never that of faint text.
fn sign(call: Call, visuals: &Visuals) -> (&'static str, Color32) {
    match call {
        Call::DmsoLike => ("–", visuals.text_color()),
        Call::Unlike => ("★", visuals.warn_fg_color),
        Call::Moa(_) => ("•", visuals.selection.stroke.color),
        Call::Unsure => ("•", visuals.warn_fg_color),
        Call::Undecided => ("?", visuals.warn_fg_color),
    }
}

/// How far from known mechanisms; of what looks like DMSO that would say nothing, and read as a contradiction.
fn novelty_line(ui: &mut Ui, call: Call, novelty: &Novelty) {
    if matches!(call, Call::DmsoLike) {
        let text = "No effect is told from DMSO, so there is none to compare with known mechanisms";
        ui.weak(RichText::new(text).size(SMALL));
        return;
    }
    let p = probability(novelty.p);
    let text = if novelty.unlike {
        format!("Further from known mechanisms than compounds that have one: p {p}")
    } else {
        format!("As near to known mechanisms as compounds that have one: p {p}")
    };
    let tip = format!(
        "p: share of compounds with a known mechanism that are as far as this one from the others with theirs \
         (similarity {:.2}; below {:.2} it is called unlike anything known)",
        novelty.score, novelty.threshold
    );
    ui.weak(RichText::new(text).size(SMALL)).on_hover_text(tip);
}

fn activity_line(ui: &mut Ui, activity: &Activity) {
    let (word, color) = match &activity.verdict {
        Verdict::Active => ("Active", ui.visuals().strong_text_color()),
        Verdict::Inactive => ("Not told from DMSO", ui.visuals().text_color()),
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
