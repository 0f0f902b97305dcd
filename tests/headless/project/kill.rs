//! A program that edits and autosaves, killed at random moments: what it leaves always opens and is never old.
//!
//! The program is this test binary again, started with only [`edits_until_killed`].

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use molclip::experiment::project::{Autosaver, Project, Snapshot};
use rand::{RngExt, SeedableRng};
use serde_json::json;

use super::{experiment, files, note};

const FOLDER: &str = "MOLCLIP_KILL_TEST_FOLDER";
const INTERVAL_MS: &str = "MOLCLIP_KILL_TEST_INTERVAL_MS";
const KILLS: usize = 60;

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

/// Numbers its edits and tells each one, with what the autosaver says is on disk.
#[test]
#[ignore = "runs as the child of killed_at_random_moments"]
fn edits_until_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let interval = Duration::from_millis(std::env::var(INTERVAL_MS).unwrap().parse().unwrap());
    let opened = Project::open(Path::new(&folder)).unwrap();
    let first = opened.view["edit"].as_u64().unwrap() + 1;
    let saver = Autosaver::start(opened.project, interval, || ()).unwrap();
    for revision in first.. {
        let experiment = note(&opened.experiment, &revision.to_string());
        let at = now().as_micros();
        saver.changed(Snapshot { revision, experiment, view: json!({ "edit": revision }) });
        let status = saver.status();
        let (saved, took) = (status.saved_revision.unwrap_or(0), status.took.as_micros());
        println!("edit {revision} {at} {saved} {took}");
        assert!(status.error.is_none(), "{:?}", status.error);
        std::thread::sleep(Duration::from_millis(1));
    }
}

struct Edit {
    revision: u64,
    at: Duration,
    saved: u64,
    took: Duration,
}

fn parse(line: &str) -> Option<Edit> {
    let mut numbers = line.strip_prefix("edit ")?.split(' ').map(str::parse::<u64>);
    let mut next = || numbers.next()?.ok();
    let (revision, at, saved, took) = (next()?, next()?, next()?, next()?);
    Some(Edit { revision, at: Duration::from_micros(at), saved, took: Duration::from_micros(took) })
}

/// Runs the program and kills it `delay` after its first edit, or after its start if `early`.
fn run(folder: &Path, interval: Duration, delay: Duration, early: bool) -> (Vec<Edit>, Duration) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "project::kill::edits_until_killed", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env(INTERVAL_MS, interval.as_millis().to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let stdout = child.stdout.take().unwrap();
    let (sender, lines) = channel();
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    let mut edits: Vec<Edit> = Vec::new();
    while !early && edits.is_empty() {
        edits.extend(parse(&lines.recv().expect("the program ends before its first edit")));
    }
    std::thread::sleep(delay);
    let killed = now();
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
    edits.extend(lines.iter().filter_map(|line| parse(&line)));
    (edits, killed)
}

#[test]
fn killed_at_random_moments_it_opens_and_is_never_old() {
    let disk = tempfile::tempdir().unwrap();
    let folder = disk.path().join("p.molclip");
    drop(Project::create(&folder, &experiment(disk.path(), 5000), &json!({ "edit": 0 })).unwrap());
    let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(20_260_514);
    let (mut worst, mut interrupted, mut last) = (Duration::ZERO, 0, 0);
    for kill in 0..KILLS {
        // Short intervals, so that many kills come in the middle of a save; and some long runs, to see what is lost.
        let (interval, delay) = match kill % 10 {
            0 => (60, random.random_range(1200..1700)),
            k if k % 2 == 0 => (60, random.random_range(0..400)),
            _ => (4, random.random_range(0..400)),
        };
        let (interval, delay) = (Duration::from_millis(interval), Duration::from_millis(delay));
        let (edits, killed) = run(&folder, interval, delay, kill % 10 == 9);
        let is_left = |name: &&String| name.starts_with(".molclip-tmp-");
        interrupted += usize::from(files(&folder).iter().any(|name| is_left(&name)));

        let opened = Project::open(&folder).unwrap();
        assert_eq!(opened.project.read_only(), None);
        assert!(opened.warnings.iter().all(|w| w.contains("not closed")), "{:?}", opened.warnings);
        let saved = opened.view["edit"].as_u64().unwrap();
        let text = opened.experiment.table.text(0, "note");
        // Table and view are of one moment.
        assert!(text == saved.to_string() || saved == 0, "{text} {saved}");
        let promised = edits.iter().map(|edit| edit.saved).max().unwrap_or(0).max(last);
        assert!(saved >= promised, "kill {kill}: {saved} is on disk, {promised} was said to be");
        if let Some(lost) = edits.iter().find(|edit| edit.revision > saved) {
            let loss = killed.saturating_sub(lost.at);
            let longest = edits.iter().map(|edit| edit.took).max().unwrap_or_default();
            let stall = edits.windows(2).map(|pair| pair[1].at.saturating_sub(pair[0].at)).max();
            // Waiting, being written, and a machine that does other things meanwhile.
            let allowed = interval + longest * 2 + stall.unwrap_or_default() * 2 + Duration::from_millis(500);
            assert!(loss <= allowed, "kill {kill}: {loss:?} of edits are lost, {allowed:?} allowed");
            worst = worst.max(loss);
        }
        let left = files(&folder);
        assert!(left.len() <= 6, "{left:?}");
        last = saved;
    }
    println!(
        "{KILLS} kills, {interrupted} in the middle of a save, {last} edits; at most {worst:?} of edits lost"
    );
    assert!(interrupted > 0, "no kill came in the middle of a save: the test shows little");
    assert!(last > KILLS as u64);
}
