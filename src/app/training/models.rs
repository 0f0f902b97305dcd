//! Models on disk: what their cards say, and whether they fit the experiment on screen.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::experiment::Experiment;
use crate::model::card::{Card, ValidatedBy};
use crate::model::clip::MISMATCH;
use crate::model::weights;

/// A model, by its card.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Its folder.
    pub folder: PathBuf,
    /// Name for people.
    pub name: String,
    /// When it was written; `None` where the disk does not say.
    pub written: Option<SystemTime>,
    /// Name of the experiment that it was trained on.
    pub experiment: String,
    /// Trained on simulated recordings.
    pub simulated: bool,
    /// Mean average precision of its validation, and of what; `None` where nothing was validated.
    pub score: Option<(f64, Option<ValidatedBy>)>,
    /// How the experiment on screen differs from what it was trained on, as far as table and card say.
    pub misfits: Vec<String>,
}

impl Model {
    /// A line for people: name, score, data.
    pub fn line(&self) -> String {
        let score = self.score.map_or_else(String::new, |(map, _)| format!(", validation mAP {map:.2}"));
        let simulated = if self.simulated { ", simulated" } else { "" };
        format!("{} · {}{simulated}{score}", self.name, self.experiment)
    }
}

/// The models of some folders, each once, newest first. A folder that is not there is empty.
pub fn list(folders: &[PathBuf], experiment: &Experiment) -> Vec<Model> {
    let screen = Facts::of(experiment);
    let mut models: Vec<Model> = Vec::new();
    for folder in cards(folders) {
        let Ok(card) = weights::read_card(&folder) else { continue };
        if models.iter().all(|known| known.folder != folder) {
            let written = folder.join(weights::CARD).metadata().and_then(|about| about.modified()).ok();
            models.push(Model {
                written,
                experiment: card.trained_on.experiment.clone(),
                simulated: card.trained_on.simulated,
                score: card.trained_on.validation_map.map(|map| (map, card.trained_on.validated_by)),
                misfits: screen.misfits(&card),
                name: card.name,
                folder,
            });
        }
    }
    models.sort_by(|a, b| b.written.cmp(&a.written).then_with(|| natord::compare(&a.name, &b.name)));
    models
}

/// The folder of the model of a hash.
pub fn with_hash(folders: &[PathBuf], hash: &str) -> Option<PathBuf> {
    cards(folders).find(|folder| weights::read_card(folder).is_ok_and(|card| card.hash == hash))
}

/// Folders in these folders that have a card.
fn cards(folders: &[PathBuf]) -> impl Iterator<Item = PathBuf> {
    let entries = folders.iter().flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten());
    entries.map(|entry| entry.path()).filter(|folder| is_model(folder))
}

fn is_model(folder: &Path) -> bool {
    folder.join(weights::CARD).is_file()
}

/// What the table of an experiment says of its recordings.
struct Facts {
    /// Channels, where they are files of their own or named.
    channels: Option<usize>,
    /// µm per pixel, the median.
    pixel_size_um: Option<f64>,
    /// s between frames, the median.
    interval_s: Option<f64>,
    rows: usize,
    simulated: usize,
}

impl Facts {
    fn of(experiment: &Experiment) -> Self {
        let table = &experiment.table;
        let rows = || 0..table.len();
        let parts = |row: usize, column: &str| table.text(row, column).split(';').count();
        let channels = rows().map(|row| parts(row, "path").max(parts(row, "stain"))).max();
        let median = |column: &str| {
            let mut numbers: Vec<f64> =
                rows().filter_map(|row| table.number(row, column)).filter(|number| *number > 0.0).collect();
            numbers.sort_by(f64::total_cmp);
            numbers.get(numbers.len() / 2).copied()
        };
        Self {
            // One name may stand for a file of several channels.
            channels: channels.filter(|channels| *channels > 1),
            pixel_size_um: median("pixel_size_um"),
            interval_s: median("interval_s"),
            rows: table.len(),
            simulated: rows().filter(|&row| experiment.is_simulated(row)).count(),
        }
    }

    fn misfits(&self, card: &Card) -> Vec<String> {
        let mut misfits = Vec::new();
        let input = &card.input;
        if let Some(channels) = self.channels.filter(|channels| *channels != input.channels.len()) {
            let of_model = input.channels.len();
            misfits.push(format!(
                "{channels} channels here, {of_model} in training ({})",
                input.channels.join(", ")
            ));
        }
        let simulated = card.trained_on.simulated;
        if simulated && self.simulated < self.rows {
            misfits.push("trained on simulated cells, and these are real".to_owned());
        } else if !simulated && self.simulated > 0 {
            misfits.push("trained on real cells, and these are simulated".to_owned());
        }
        let ratio = |own: Option<f64>, of_model: Option<f64>| Some(own? / of_model?);
        if let Some(ratio) = ratio(self.pixel_size_um, input.pixel_size_um)
            && !(1.0 / MISMATCH..=MISMATCH).contains(&ratio)
        {
            misfits
                .push(format!("another magnification: pixels are {ratio:.2} times as large as in training"));
        }
        // Frames that come faster are left out; those between slower ones are not there.
        if let Some(ratio) = ratio(self.interval_s, input.interval_s).filter(|ratio| *ratio > MISMATCH) {
            misfits.push(format!("frames are {ratio:.2} times as far apart as in training"));
        }
        misfits
    }
}

#[cfg(test)]
mod tests {
    use polars::prelude::df;

    use super::*;
    use crate::experiment::Table;
    use crate::learn::shipped;

    fn experiment(pixel_size_um: f64, simulated: bool, stain: &str) -> Experiment {
        let frame = df!(
            "row_id" => ["a", "b"], "path" => ["a.tif", "b.tif"], "stain" => [stain, stain],
            "pixel_size_um" => [pixel_size_um; 2], "simulated" => [simulated; 2],
        );
        Experiment::new("e", "/", Table::from_frame(frame.unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let card = shipped::card().unwrap();
        let own = card.input.pixel_size_um.unwrap();
        let misfits = |experiment: &Experiment| Facts::of(experiment).misfits(&card);
        assert!(misfits(&experiment(own, true, "")).is_empty());
        let other = misfits(&experiment(own * 10.0, false, "a;b;c;d;e;f;g"));
        assert_eq!(other.len(), 3, "{other:?}");
        assert!(other[0].starts_with("7 channels here") && other[1].contains("these are real"));
        assert!(other[2].contains("10.00 times as large"), "{other:?}");
    }

    #[test]
    fn models_of_several_folders_stand_newest_first_and_are_found_by_their_hash() {
        let folder = tempfile::tempdir().unwrap();
        let card = shipped::card().unwrap();
        let place = |name: &str, age: u64| {
            let model = folder.path().join(if age > 5 { "one" } else { "two" }).join(name);
            std::fs::create_dir_all(&model).unwrap();
            let card = Card { name: name.to_owned(), hash: name.to_owned(), ..card.clone() };
            let path = model.join(weights::CARD);
            std::fs::write(&path, serde_json::to_vec(&card).unwrap()).unwrap();
            let written = SystemTime::now() - std::time::Duration::from_secs(age);
            std::fs::File::options().write(true).open(path).unwrap().set_modified(written).unwrap();
        };
        place("old", 1000);
        place("older", 2000);
        place("new", 1);
        std::fs::create_dir_all(folder.path().join("two/no model")).unwrap();
        let folders = ["one", "two", "gone", "one"].map(|name| folder.path().join(name));
        let found = list(&folders, &experiment(0.2, true, ""));
        assert_eq!(
            found.iter().map(|model| model.name.as_str()).collect::<Vec<_>>(),
            ["new", "old", "older"]
        );
        assert!(found[0].simulated && found[0].line().starts_with("new · "));
        assert_eq!(with_hash(&folders, "older"), Some(folder.path().join("one/older")));
        assert_eq!(with_hash(&folders, "nothing"), None);
    }
}
