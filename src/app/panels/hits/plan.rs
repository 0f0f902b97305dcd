//! How many wells? What the next experiment can find, and a plate map for it.

use eframe::egui::{
    Button, DragValue, Grid, Label, RichText, Role as WidgetRole, ScrollArea, Ui, WidgetInfo,
};

use super::{SMALL, send};
use crate::analysis::power::WELLS;
use crate::app::hits::{HitsCommand, HitsForm, Planned, Shown};
use crate::app::state::{AppState, Outbox};
use crate::app::widgets::legend::short;

/// Shows it.
pub fn show(ui: &mut Ui, state: &AppState, shown: &Shown, form: &mut HitsForm, out: &mut Outbox) {
    ScrollArea::vertical().id_salt("how many wells").auto_shrink([false, false]).show(ui, |ui| {
        match &shown.planned {
            Ok(planned) => detectable(ui, planned),
            Err(why) => {
                ui.colored_label(ui.visuals().warn_fg_color, super::sentence(why));
            }
        }
        ui.add_space(8.0);
        ui.separator();
        plate_map(ui, state, shown, form, out);
    });
}

fn detectable(ui: &mut Ui, planned: &Planned) {
    let Planned { scatter, plan, rows, is_log } = planned;
    ui.strong("Smallest effect that so many wells of a treatment can be expected to find");
    Grid::new("detectable effects").striped(true).num_columns(3).spacing([24.0, 4.0]).show(ui, |ui| {
        ui.strong("Wells");
        let unit = if *is_log { "Effect, factor of the distance" } else { "Effect, in units of the score" };
        ui.strong(unit);
        ui.strong("In deviations of controls");
        ui.end_row();
        for row in rows {
            let effect = if *is_log { row.effect.exp() } else { row.effect };
            let label = ui.label(row.wells.to_string());
            let says = format!("{} wells find an effect of {}", row.wells, short(effect));
            label.widget_info(|| WidgetInfo::labeled(WidgetRole::Cell, true, &says));
            ui.label(short(effect));
            ui.label(short(row.in_dmso_sd));
            ui.end_row();
        }
    });
    let between = scatter.between.map_or_else(
        || {
            "How treatments scatter between plates is unknown, as none is on two plates: it counts as 0, which is too hopeful."
                .to_owned()
        },
        |between| format!("Between plates treatments scatter by {}.", short(between)),
    );
    let text = format!(
        "Found with power {}, q below {}, among {} treatments of which {:.0} % are active, each well on a plate of its own with \
         {} controls. From this screen: control wells scatter by {} within plates ({} degrees of freedom), all wells by {}. \
         {between}",
        plan.power,
        plan.q,
        plan.treatments,
        100.0 * plan.active,
        plan.controls_per_plate,
        short(scatter.dmso),
        scatter.dmso_freedom,
        short(scatter.within)
    );
    ui.add(Label::new(RichText::new(text).size(SMALL)).wrap());
}

fn plate_map(ui: &mut Ui, state: &AppState, shown: &Shown, form: &mut HitsForm, out: &mut Outbox) {
    ui.strong("Plate map for the next experiment");
    ui.add(
        Label::new(
            "The same compounds at the same doses, controls scattered over each plate, doses in places that are drawn: a CSV that \
             joins a table again (File › Join table…).",
        )
        .wrap(),
    );
    ui.horizontal_wrapped(|ui| {
        let label = ui.label("Wells of each treatment");
        let wells = DragValue::new(&mut form.wells).range(1..=*WELLS.end()).speed(0.05);
        ui.add(wells).labelled_by(label.id);
        let has_doses = shown.curves.iter().flatten().any(|well| well.dose_um > 0.0);
        let can = has_doses && state.hits.writing.is_none() && !form.folder.trim().is_empty();
        let tip = "Lay plates out and write them into the folder named below, under a name that is free";
        let response = ui.add_enabled(can, Button::new("Write plate map")).on_hover_text(tip);
        let why = if has_doses { "A folder is needed" } else { "No treatment of this screen has a dose" };
        if response.on_disabled_hover_text(why).clicked() {
            send(out, HitsCommand::PlateMap);
        }
    });
}
