//! `molclip simulate`: a screen whose truth is known, and how hard it is.

use std::fmt::Write as _;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;

use crate::atomic_file;
use crate::progress::Progress;
use crate::simulate::baselines::{self, Estimate, Report};
use crate::simulate::{self, Config, Layout, Parameters, UNFINISHED};
use crate::terminal::{note, out, print_note};

/// Arguments of `molclip simulate`.
#[derive(Args)]
pub struct SimulateArgs {
    /// Folder to write to: new or empty
    #[arg(long, value_name = "DIR", required_unless_present = "baselines")]
    out: Option<PathBuf>,

    /// Mechanisms of action
    #[arg(long, value_name = "N", default_value_t = Config::default().moas)]
    moas: usize,

    /// Drugs of each mechanism; fewer where fewer are known
    #[arg(long, value_name = "N", default_value_t = Config::default().drugs_per_moa)]
    drugs_per_moa: usize,

    /// Videos of each drug in each replicate; DMSO comes on top
    #[arg(long, value_name = "N", default_value_t = Config::default().videos_per_drug)]
    videos_per_drug: usize,

    /// Replicate experiments
    #[arg(long, value_name = "N", default_value_t = Config::default().replicates)]
    replicates: usize,

    /// Pixels on a side; the field of view stays 25.6 µm
    #[arg(long, value_name = "PX", default_value_t = Config::default().size)]
    size: usize,

    /// Frames of a video
    #[arg(long, value_name = "N", default_value_t = Config::default().frames)]
    frames: usize,

    /// What differs from screen to screen: cells, wells, replicates. Drugs stay what they are
    #[arg(long, value_name = "S", default_value_t = Config::default().seed)]
    seed: u64,

    /// A manifest with OME-TIFF videos, or the folders of the Mito dataset
    #[arg(long, value_enum, default_value = "manifest")]
    layout: Layout,

    /// Write nothing: simulate in memory and print what simple methods reach on this screen
    #[arg(long, conflicts_with = "out")]
    baselines: bool,

    /// Replace a simulated screen that is in the folder
    #[arg(long, requires = "out")]
    overwrite: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &SimulateArgs) -> anyhow::Result<ExitCode> {
    let config = Config {
        moas: args.moas,
        drugs_per_moa: args.drugs_per_moa,
        videos_per_drug: args.videos_per_drug,
        replicates: args.replicates,
        size: args.size,
        frames: args.frames,
        seed: args.seed,
        layout: args.layout,
    };
    let parameters = Parameters::get()?;
    if let Err(e) = config.check(parameters) {
        note!("error: {e}");
        return Ok(ExitCode::from(2));
    }
    let scarce =
        parameters.moas.iter().take(config.moas).filter(|moa| moa.drugs.len() < config.drugs_per_moa);
    for moa in scarce {
        note!("{}: {} drugs, more are not known to the simulator.", moa.name, moa.drugs.len());
    }
    let progress = Progress::default();
    let text = if let Some(out) = &args.out {
        make_room(out, args.overwrite)?;
        let path = with_progress(&progress, || simulate::run(&config, out, &progress))?;
        if args.json {
            serde_json::to_string(&serde_json::json!({
                "path": path,
                "simulated": true,
                "videos": progress.done(),
                "parameters": parameters.hash,
                "config": config,
            }))?
        } else {
            path.display().to_string()
        }
    } else {
        let report = with_progress(&progress, || baselines::run(&config, &progress))?;
        if args.json { serde_json::to_string(&report)? } else { table(&report) }
    };
    out!("{text}");
    Ok(ExitCode::SUCCESS)
}

/// Refuses a folder with a finished screen or, asked to overwrite it, gives the screen up.
///
/// # Errors
/// There is a screen and nobody asked for another one, or something else beside it.
fn make_room(folder: &Path, overwrite: bool) -> anyhow::Result<()> {
    if !folder.join("truth").is_dir() || folder.join(UNFINISHED).exists() {
        // No screen, or one that was stopped: the simulator knows what to do.
        return Ok(());
    }
    if !overwrite {
        bail!(
            "{}: there is a simulated screen already. Choose another folder, or replace it with --overwrite",
            folder.display()
        );
    }
    let reading = || format!("reading {}", folder.display());
    for entry in std::fs::read_dir(folder).with_context(reading)? {
        let entry = entry.with_context(reading)?;
        if !simulate::is_part(&entry.file_name().to_string_lossy()) {
            bail!(
                "{}: is no part of the simulated screen that is there. Move it away, or choose another folder",
                entry.path().display()
            );
        }
    }
    // The simulator replaces a screen that was stopped.
    let mark = folder.join(UNFINISHED);
    let text = "This simulated screen is being replaced. Simulate it again.\n";
    atomic_file::write(&mark, text.as_bytes()).with_context(|| format!("writing {}", mark.display()))
}

/// Does the work while another thread says on stderr how far it is.
fn with_progress<T, E>(progress: &Progress, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let started = Instant::now();
    let (done, ended) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // A terminal is written over, a log gets a line now and then.
            let terminal = std::io::stderr().is_terminal();
            let pause = Duration::from_secs(if terminal { 1 } else { 15 });
            while ended.recv_timeout(pause) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                let (head, tail) = if terminal { ("\r", "") } else { ("", "\n") };
                let (done, total) = (progress.done(), progress.total());
                let seconds = started.elapsed().as_secs();
                print_note(&format!("{head}{done} of {total} videos, {seconds} s{tail}"));
            }
            if terminal {
                print_note("\n");
            }
        });
        let result = work();
        drop(done);
        result
    })
}

fn table(report: &Report) -> String {
    let config = &report.config;
    let mut text = format!(
        "Simulated screen: {} mechanisms, {} videos of drugs, seed {}, parameters {}\n\
         Mean average precision of the mechanism, drugs left out ({} folds), other compounds alone in the gallery,\n\
         95 % interval by bootstrap over drugs\n\n{:36} {:>22} {:>9}  {:>22}\n",
        config.moas,
        report.n_query,
        config.seed,
        &report.parameters[..16],
        report.folds,
        "",
        "all mechanisms",
        "× chance",
        "movement alone",
    );
    let show = |e: &Estimate| format!("{:.3} [{:.3}, {:.3}]", e.value, e.lo, e.hi);
    let chance = report.baselines.first().map_or(1.0, |chance| chance.map.value);
    for baseline in &report.baselines {
        let motion = baseline.map_motion_only.as_ref().map_or_else(String::new, show);
        let times = baseline.map.value / chance;
        let map = show(&baseline.map);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:36} {map:>22} {times:>9.2}  {motion:>22}", baseline.name);
    }
    text.trim_end().to_owned()
}
