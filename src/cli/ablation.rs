//! Which part of the model does what: the same screens, the same steps, one thing left out at a time.
//!
//! Each run (arm × seed) is cached by the hash of everything that decides it, so that an interrupted ablation goes on and
//! arms can be added one by one. Differences are paired by drug and seed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::analysis::evaluate::bootstrap::{self, Paired};
use crate::analysis::evaluate::{DrugScore, Exclusion, Normalisation, Report, Task};
use crate::analysis::items::Items;
use crate::analysis::split::Protocol;
use crate::atomic_file;
use crate::experiment::import;
use crate::gpu::{Compute, ComputeThread};
use crate::learn::assess::{Assessment, assess};
use crate::learn::config::{Config, Losses, Molecules};
use crate::learn::folder::TrainingFolder;
use crate::learn::infer::MolClipEncoder;
use crate::learn::interrupt::Interrupt;
use crate::learn::run::{CHECKPOINT_EVERY, Event, Run, splits, train};
use crate::model::input::Frames;
use crate::progress::Progress;
use crate::simulate;

/// Seeds of screens and trainings; used for nothing else.
pub const SEEDS: [u64; 3] = [7001, 7002, 7003];

/// Resamplings of a paired difference.
const RESAMPLES: usize = 10_000;

/// One variant of the training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Arm {
    /// Videos alone.
    VideoOnly,
    /// Videos and the structures of their drugs: `MolCLIP`.
    Molecules,
    /// Videos and the structures of other drugs.
    PermutedMolecules,
    /// The middle frame alone.
    SingleFrame,
    /// Without triplets and centres.
    NoMetricLosses,
    /// Without the stage that learns drugs.
    NoDrugStage,
    /// New cells of known drugs, as the paper's split.
    MitoSplit,
}

impl Arm {
    /// Those that the first table needs.
    pub const CORE: [Self; 4] =
        [Self::VideoOnly, Self::Molecules, Self::PermutedMolecules, Self::SingleFrame];

    /// For people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::VideoOnly => "video only",
            Self::Molecules => "+ molecules (MolCLIP)",
            Self::PermutedMolecules => "+ molecules, structures permuted among drugs",
            Self::SingleFrame => "video only, single frame",
            Self::NoMetricLosses => "+ molecules, without triplet and center loss",
            Self::NoDrugStage => "+ molecules, without the drug stage",
            Self::MitoSplit => "+ molecules, mito split (new cells of known drugs)",
        }
    }

    /// The configuration: `base` with one thing changed.
    pub fn config(self, base: &Config, seed: u64) -> Config {
        let mut config = Config { seed, molecules: Molecules::None, ..base.clone() };
        let with_molecules = Config { molecules: Molecules::Structures, ..config.clone() };
        match self {
            Self::VideoOnly => {}
            Self::Molecules => config = with_molecules,
            Self::PermutedMolecules => {
                config = Config { molecules: Molecules::Permuted, ..with_molecules };
            }
            Self::SingleFrame => config.input.order = Frames::Single,
            Self::NoMetricLosses => {
                let losses = Losses { triplet: 0.0, center: 0.0, ..base.losses };
                config = Config { losses, ..with_molecules };
            }
            Self::NoDrugStage => {
                // The same number of epochs in all.
                let moa_epochs = base.drug_epochs + base.moa_epochs;
                config = Config { drug_epochs: 0, moa_epochs, ..with_molecules };
            }
            Self::MitoSplit => config = Config { protocol: Protocol::Mito, ..with_molecules },
        }
        config
    }
}

/// What one run gave.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Result {
    /// Arm.
    pub arm: Arm,
    /// Seed of screen and training.
    pub seed: u64,
    /// MoA mAP, all of the query's drug removed (NSC), centred on DMSO.
    pub map: f64,
    /// The same by drug, for the paired difference.
    pub by_drug: Vec<DrugScore>,
    /// Queries.
    pub queries: usize,
    /// Baselines of the same queries.
    pub baselines: BTreeMap<String, f64>,
    /// Validation mAP of the model that was kept.
    pub validation: Option<f64>,
    /// Seconds of training.
    pub seconds: f64,
}

/// Where and with what.
#[derive(Debug)]
pub struct Ablation {
    /// Folder for screens and cached results.
    pub folder: PathBuf,
    /// Screens; their seed is replaced.
    pub screen: simulate::Config,
    /// Training of the full model.
    pub base: Config,
    /// Device.
    pub compute: Compute,
    /// Thread.
    pub thread: ComputeThread,
}

impl Ablation {
    /// Runs an arm on all seeds, from the cache where it is there.
    pub fn run(&self, arm: Arm, say: &mut dyn FnMut(&str)) -> anyhow::Result<Vec<Result>> {
        SEEDS.iter().map(|&seed| self.run_one(arm, seed, say)).collect()
    }

    fn run_one(&self, arm: Arm, seed: u64, say: &mut dyn FnMut(&str)) -> anyhow::Result<Result> {
        let config = arm.config(&self.base, seed);
        let screen = simulate::Config { seed, ..self.screen.clone() };
        let parameters = &simulate::Parameters::get()?.hash;
        let key = serde_json::to_string(&(arm, &config, &screen, parameters))?;
        let hash = blake3::hash(key.as_bytes()).to_hex().to_string();
        let path = self.folder.join("results").join(format!("{}.json", &hash[..32]));
        if let Ok(text) = std::fs::read_to_string(&path)
            && let Ok(result) = serde_json::from_str::<Result>(&text)
        {
            say(&format!("{}, seed {seed}: {:.3} (from an earlier run)", arm.title(), result.map));
            return Ok(result);
        }
        say(&format!("{}, seed {seed} …", arm.title()));
        let manifest = self.screen(&screen)?;
        let mut experiment = import::open(&manifest)?.experiment;
        if arm == Arm::MitoSplit {
            // The table's split is by drug; without it the protocol makes its own.
            let rows: Vec<usize> = (0..experiment.table.len()).collect();
            experiment.table = experiment.table.set(&rows, "split", "")?;
        }
        let experiment = Arc::new(experiment);
        let items = Items::of(&experiment);
        let (splits, _) = splits(&items, &config)?;
        let run = Run {
            config: config.clone(),
            experiment: Arc::clone(&experiment),
            items,
            splits,
            // The result's file says what is done; a model without one is trained again, so that its time is right.
            out: TrainingFolder::open(&self.folder.join("runs").join(&hash[..32]), true)?,
            name: arm.title().to_owned(),
            start: None,
            compute: self.compute.clone(),
            thread: self.thread.clone(),
            checkpoint_every: CHECKPOINT_EVERY,
        };
        let started = std::time::Instant::now();
        let mut last = String::new();
        let outcome = train(run, &Interrupt::default(), &mut |event| {
            if let Event::Epoch(epoch) = event
                && let Some(validation) = epoch.validation
            {
                last = format!("{} {}: {:.3}", epoch.stage, epoch.epoch, validation.score);
                log::info!("{last}");
            }
        })?;
        let seconds = started.elapsed().as_secs_f64();
        let (card, compute) = (outcome.card.clone(), self.compute.clone());
        let encoder = MolClipEncoder::new(outcome.model, card, compute, self.thread.clone());
        let how = Assessment {
            protocol: config.protocol,
            seed,
            accept_contamination: false,
            order: config.input.order,
        };
        let assessed = assess(&experiment, &encoder, &how, &Progress::default())?;
        let report = primary(&assessed.reports).context("there is no report on mechanisms")?;
        let result = Result {
            arm,
            seed,
            map: report.metrics.map.context("no query has anything to find")?.value,
            by_drug: report.per_drug.clone(),
            queries: report.n_query,
            baselines: report
                .baselines
                .iter()
                .filter_map(|(name, metrics)| Some((name.clone(), metrics.map?.value)))
                .collect(),
            validation: outcome.card.trained_on.validation_map,
            seconds,
        };
        atomic_file::write(&path, &serde_json::to_vec_pretty(&result)?)?;
        say(&format!("{}, seed {seed}: {:.3} in {seconds:.0} s", arm.title(), result.map));
        Ok(result)
    }

    /// The screen of a seed, simulated once.
    fn screen(&self, config: &simulate::Config) -> anyhow::Result<PathBuf> {
        let key = serde_json::to_string(&(config, &simulate::Parameters::get()?.hash))?;
        let hash = blake3::hash(key.as_bytes()).to_hex().to_string();
        let folder = self.folder.join("screens").join(&hash[..16]);
        let manifest = folder.join("manifest.csv");
        if manifest.is_file() {
            return Ok(manifest);
        }
        Ok(simulate::run(config, &folder, &Progress::default())?)
    }
}

/// The report that arms are compared by: mechanisms, the query's drug removed, centred on DMSO where possible.
pub fn primary(reports: &[Report]) -> Option<&Report> {
    let is = |report: &&Report, normalisation| {
        report.task == Task::Moa
            && report.exclusion == Exclusion::Nsc
            && report.normalisation == normalisation
    };
    let centred = reports.iter().find(|report| is(report, Normalisation::DmsoCentred));
    centred.or_else(|| reports.iter().find(|report| is(report, Normalisation::Raw)))
}

/// Difference of an arm to another, paired by drug and seed.
pub fn difference(arm: &[Result], to: &[Result]) -> Option<Paired> {
    let pairs: Vec<[&[DrugScore]; 2]> = arm
        .iter()
        .filter_map(|one| {
            let other = to.iter().find(|other| other.seed == one.seed)?;
            Some([one.by_drug.as_slice(), other.by_drug.as_slice()])
        })
        .collect();
    bootstrap::paired_difference(&pairs, RESAMPLES, 1)
}

/// The table as Markdown.
pub fn table(results: &BTreeMap<Arm, Vec<Result>>) -> String {
    let mut text = String::from(
        "| arm | MoA mAP (NSC), mean over seeds | by seed | difference to video only [95 %] |\n|---|---|---|---|\n",
    );
    let reference = results.get(&Arm::VideoOnly);
    let mut units = None;
    for (arm, runs) in results {
        let mean = runs.iter().map(|run| run.map).sum::<f64>() / runs.len().max(1) as f64;
        let seeds: Vec<String> = runs.iter().map(|run| format!("{:.3}", run.map)).collect();
        let against = match reference {
            Some(reference) if *arm != Arm::VideoOnly && *arm != Arm::MitoSplit => {
                difference(runs, reference).map_or_else(String::new, |Paired { difference: d, units: of }| {
                    units = Some(of);
                    format!("{:+.3} [{:+.3}, {:+.3}]", d.value, d.lo, d.hi)
                })
            }
            _ => String::new(),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {} | {mean:.3} | {} | {against} |", arm.title(), seeds.join(", "));
    }
    if let Some(reference) = reference.and_then(|runs| runs.first()) {
        for name in reference.baselines.keys() {
            let of: Vec<f64> =
                results[&Arm::VideoOnly].iter().filter_map(|r| r.baselines.get(name)).copied().collect();
            let mean = of.iter().sum::<f64>() / of.len().max(1) as f64;
            let seeds: Vec<String> = of.iter().map(|value| format!("{value:.3}")).collect();
            let _ = writeln!(text, "| *{name}* (beside video only) | {mean:.3} | {} | |", seeds.join(", "));
        }
    }
    if let Some(units) = units {
        let _ = writeln!(text, "\nIntervals: {} resampled.", units.text());
    }
    text
}

/// Puts a text between two marks of a file, and leaves the rest of it alone.
pub fn put_between(path: &Path, mark: &str, text: &str) -> anyhow::Result<()> {
    let (open, close) = (format!("<!-- {mark} -->"), format!("<!-- /{mark} -->"));
    let whole = std::fs::read_to_string(path).unwrap_or_default();
    let whole = match (whole.find(&open), whole.find(&close)) {
        (Some(from), Some(to)) if from < to => {
            format!("{}{open}\n{text}{}", &whole[..from], &whole[to..])
        }
        _ => format!("{whole}\n{open}\n{text}{close}\n"),
    };
    atomic_file::write(path, whole.as_bytes()).with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arm_changes_one_thing() {
        let base = Config::default();
        let molecules = Arm::Molecules.config(&base, 5);
        assert_eq!(molecules, Config { seed: 5, ..base.clone() });
        let video = Arm::VideoOnly.config(&base, 5);
        assert_eq!(Config { molecules: Molecules::Structures, ..video.clone() }, molecules);
        let single = Arm::SingleFrame.config(&base, 5);
        assert_eq!(single.input.order, Frames::Single);
        assert_eq!(single.molecules, Molecules::None, "as the arm that it stands beside");
        let short = Arm::NoDrugStage.config(&base, 5);
        assert_eq!(short.moa_epochs, base.drug_epochs + base.moa_epochs);
        let hashes: std::collections::HashSet<String> = <Arm as clap::ValueEnum>::value_variants()
            .iter()
            .map(|arm| arm.config(&base, 5).hash())
            .collect();
        assert_eq!(hashes.len(), 7);
    }

    #[test]
    fn a_table_goes_between_its_marks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("README.md");
        std::fs::write(&path, "a\n<!-- table -->\nold\n<!-- /table -->\nb\n").unwrap();
        put_between(&path, "table", "new\n").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "a\n<!-- table -->\nnew\n<!-- /table -->\nb\n");
        put_between(&path, "other", "x\n").unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().ends_with("<!-- other -->\nx\n<!-- /other -->\n"));
    }
}
