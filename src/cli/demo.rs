//! `molclip demo`: the whole line on a small simulated screen, from raw videos to answers, in minutes.
//!
//! Everything is fixed before the shipped model is trained: the screen, its seed (used for nothing else), the minute of
//! fine-tuning, and what must be reached.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;

use super::ablation::primary;
use super::answer::{answers, both_tables, write_reliability};
use super::experiment::{compute, with_bar};
use super::train::follow;
use crate::analysis::evaluate::{Estimate, Metrics, Report};
use crate::analysis::items::Items;
use crate::analysis::split::Protocol;
use crate::atomic_file;
use crate::experiment::import;
use crate::export::figure::{self, ConfusionMatrix, LossCurves, Origin, Scores};
use crate::gpu::ComputeChoice;
use crate::learn::assess::{Assessment, BIOMARKERS, assess};
use crate::learn::config::Config;
use crate::learn::folder::TrainingFolder;
use crate::learn::infer::MolClipEncoder;
use crate::learn::pipeline::embed;
use crate::learn::run::{CHECKPOINT_EVERY, Run, splits};
use crate::learn::shipped;
use crate::model::input::Frames;
use crate::progress::Progress;
use crate::simulate::{self, UNFINISHED};
use crate::terminal::{note, out};

/// The demo's screen: no model, parameter or threshold was ever chosen by it.
const SEED: u64 = 1001;

/// Seconds of fine-tuning.
const FINE_TUNING_S: f64 = 60.0;

/// What the model must reach, in multiples of chance.
const TIMES_CHANCE: f64 = 3.0;

/// Options of `molclip demo`.
#[derive(Args)]
pub struct DemoArgs {
    /// Folder for the screen, the fine-tuned model, predictions, figures and the summary
    #[arg(long, value_name = "DIR", default_value = "demo")]
    pub out: PathBuf,

    /// Write into a folder that holds something else, and replace the model in it
    #[arg(long)]
    pub overwrite: bool,

    /// Who computes
    #[arg(long, value_enum, default_value_t)]
    pub compute: ComputeChoice,

    /// Print JSON alone on stdout
    #[arg(long)]
    pub json: bool,
}

/// The screen.
fn screen() -> simulate::Config {
    simulate::Config { seed: SEED, size: 64, ..simulate::Config::default() }
}

/// The fine-tuning: mechanisms only, gently, on the screen's training drugs.
fn fine_tuning() -> Config {
    Config {
        seed: SEED,
        drug_epochs: 0,
        moa_epochs: 1000,
        learning_rate: 3e-4,
        time_limit_s: Some(FINE_TUNING_S),
        ..Config::default()
    }
}

/// Runs the command; fails if the model does not reach what it must.
pub fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let lap = |what: &str| note!("[{:4.0} s] {what}", started.elapsed().as_secs_f64());
    if !args.overwrite {
        look_for_others(&args.out)?;
    }
    // Two demos in one folder would remove each other's screen.
    let _folder = TrainingFolder::open(&args.out, args.overwrite)?;
    let manifest = simulated(&args.out.join("screen"), &lap)?;
    let experiment = Arc::new(import::open(&manifest)?.experiment);
    let (compute, thread) = compute(args.compute)?;
    lap("Loading the shipped model …");
    let (model, card) = shipped::load(&compute, &thread)?;

    lap(&format!("Fine-tuning for {FINE_TUNING_S:.0} s on the screen's training drugs …"));
    let items = Items::of(&experiment);
    let config = fine_tuning();
    let (splits, _) = splits(&items, &config)?;
    let tuned = TrainingFolder::open(&args.out.join("model"), true)?;
    let outcome = follow(Run {
        config,
        experiment: Arc::clone(&experiment),
        items,
        splits,
        out: tuned,
        name: "demo, fine-tuned".to_owned(),
        start: Some((model, card)),
        compute: compute.clone(),
        thread: thread.clone(),
        checkpoint_every: CHECKPOINT_EVERY,
    })?;

    lap("Evaluating on drugs that no training saw …");
    let encoder = MolClipEncoder::new(outcome.model, outcome.card.clone(), compute, thread);
    let how = Assessment {
        protocol: Protocol::DrugDisjoint,
        seed: SEED,
        accept_contamination: false,
        order: Frames::Video,
    };
    let assessed = with_bar("videos", |progress| assess(&experiment, &encoder, &how, progress))?;
    lap("Predicting …");
    let embedded = with_bar("videos", |progress| embed(&experiment, &encoder, progress))?;
    let asked = answers(&embedded, &manifest, None)?;
    let (tables, answered) = both_tables(&asked, &embedded)?;
    tables.write(&args.out.join("predictions.csv"))?;
    let report = primary(&assessed.reports).context("the screen gave no report on mechanisms")?;
    figure::write(&LossCurves { history: &outcome.history, simulated: true }, &args.out)?;
    figure::write(&Scores(report), &args.out)?;
    if let Some(nearest) = report.confusion.get("nearest") {
        let origin = Origin {
            model: outcome.card.hash.clone(),
            data: embedded.fingerprint.clone(),
            simulated: report.simulated,
        };
        figure::write(&ConfusionMatrix { confusion: nearest, by: "nearest video", origin }, &args.out)?;
    }
    write_reliability(&asked, &answered, &embedded.fingerprint, &args.out)?;
    let verdict = Verdict::of(report)?;
    let seconds = started.elapsed().as_secs_f64();
    let summary = json!({
        "simulated": true,
        "screen": screen(),
        "model": outcome.card.hash,
        "fine_tuning": outcome.card.training,
        "waited_for_data": outcome.waited,
        "seconds": seconds,
        "verdict": verdict.json(),
        "answers": answered,
        "reports": assessed.reports,
    });
    let path = args.out.join("summary.json");
    atomic_file::write(&path, &serde_json::to_vec_pretty(&summary)?)
        .with_context(|| format!("writing {}", path.display()))?;
    if args.json {
        out!("{summary}");
    } else {
        out!("{}\n{}", answered.text(), verdict.text(report, seconds, &args.out));
    }
    Ok(if verdict.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What a demo leaves beside its screen: the sign that a folder is its own.
const STAMP: &str = "screen.json";

/// Refuses a folder that holds anything but an earlier demo, finished or not.
fn look_for_others(out: &Path) -> anyhow::Result<()> {
    let screen = out.join("screen");
    let ours = screen.join(STAMP).is_file() || screen.join(UNFINISHED).is_file();
    let empty = std::fs::read_dir(out).map_or(!out.exists(), |mut entries| entries.next().is_none());
    if ours || empty {
        return Ok(());
    }
    bail!(
        "{}: holds something that no demo made. Choose another folder with --out, or replace its model and results with \
         --overwrite",
        out.display()
    )
}

/// The screen's manifest; what an earlier demo left is used again.
fn simulated(folder: &Path, lap: &dyn Fn(&str)) -> anyhow::Result<PathBuf> {
    let manifest = folder.join("manifest.csv");
    let stamp = folder.join(STAMP);
    let wanted = serde_json::to_string(&(screen(), &simulate::Parameters::get()?.hash))?;
    if manifest.is_file() && std::fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        lap("The screen is there from an earlier demo.");
        return Ok(manifest);
    }
    if folder.exists() {
        // Only what a demo made is replaced.
        if !stamp.is_file() && !folder.join(UNFINISHED).is_file() {
            bail!("{}: there is something else. Choose another folder with --out", folder.display());
        }
        std::fs::remove_dir_all(folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    lap("Simulating a screen (seed unseen in training) …");
    let manifest = with_bar("videos", |progress: &Progress| simulate::run(&screen(), folder, progress))?;
    atomic_file::write(&stamp, wanted.as_bytes()).with_context(|| format!("writing {}", stamp.display()))?;
    Ok(manifest)
}

/// What the baseline of hand-made features is called here, where training labels are always known.
const HANDMADE: &str = "biomarkers + LDA";

/// What came out beside what must come out.
struct Verdict {
    map: f64,
    chance: f64,
    intensity: f64,
    single: f64,
    /// [`HANDMADE`]: said, not asked for.
    handmade: Option<Estimate>,
}

impl Verdict {
    fn of(report: &Report) -> anyhow::Result<Self> {
        let map = |metrics: &Metrics| metrics.map.map(|map| map.value);
        let baseline = |name: &str| {
            let found = report.baselines.get(name).and_then(map);
            found.with_context(|| format!("the baseline {name} is missing"))
        };
        Ok(Self {
            map: map(&report.metrics).context("no query had anything to find")?,
            chance: baseline("chance")?,
            intensity: baseline("mean intensity")?,
            single: baseline("single frame")?,
            handmade: report.baselines.get(BIOMARKERS).and_then(|metrics| metrics.map),
        })
    }

    fn passed(&self) -> bool {
        self.map >= TIMES_CHANCE * self.chance && self.map > self.intensity && self.map > self.single
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "map": self.map,
            "times_chance": self.map / self.chance,
            HANDMADE: self.handmade.map(|map| json!({
                "map": map,
                "times_chance": map.value / self.chance,
            })),
            "must": format!("at least {TIMES_CHANCE} times chance, above mean intensity and single frame"),
            "passed": self.passed(),
        })
    }

    fn text(&self, report: &Report, seconds: f64, out: &Path) -> String {
        let mut text = format!(
            "Mechanism of action of unseen drugs, simulated screen, seed {SEED}: mAP by mechanism, the query's own drug \
             removed (NSC), 95 % interval over mechanisms, then drugs ({} drugs), {} queries\n\n",
            report.per_drug.len(),
            report.n_query
        );
        let mut line = |name: &str, metrics: &Metrics| {
            if let Some(map) = metrics.map {
                // Writing to a string cannot fail.
                let _ = writeln!(
                    text,
                    "  {name:28} {:.3} [{:.3}, {:.3}]  {:4.1} × chance",
                    map.value,
                    map.lo,
                    map.hi,
                    map.value / self.chance
                );
            }
        };
        line("MolCLIP, video", &report.metrics);
        for (name, metrics) in &report.baselines {
            line(if name == BIOMARKERS { HANDMADE } else { name.as_str() }, metrics);
        }
        let verdict = if self.passed() { "reached" } else { "NOT reached" };
        let _ = write!(
            text,
            "\nAt least {TIMES_CHANCE} × chance, above mean intensity and single frame: {verdict}. {seconds:.0} s in all.\n\
             {} holds predictions.csv and predictions.treatments.csv, summary.json and figures.",
            out.display()
        );
        text
    }
}
