//! Keeps log messages for the log panel, and prints them on stderr.

use std::collections::VecDeque;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::terminal::note;

/// One message.
#[derive(Debug, Clone)]
pub struct LogLine {
    /// Counts up over the program's life.
    pub number: u64,
    /// How serious.
    pub level: Level,
    /// Module it came from.
    pub target: String,
    /// Seconds since the start.
    pub seconds: f64,
    /// What it says.
    pub text: String,
}

impl LogLine {
    /// True for messages of this program, as opposed to those of a library.
    pub fn is_ours(&self) -> bool {
        self.target.starts_with("molclip")
    }
}

/// Messages kept.
const KEPT: usize = 2000;

struct Store {
    lines: Mutex<(u64, VecDeque<LogLine>)>,
    start: Instant,
    stderr: LevelFilter,
}

static STORE: OnceLock<Store> = OnceLock::new();
static LOGGER: Forward = Forward;

struct Forward;

impl Log for Forward {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let ours = metadata.target().starts_with("molclip");
        metadata.level() <= if ours { Level::Debug } else { Level::Warn }
    }

    fn log(&self, record: &Record<'_>) {
        let (Some(store), true) = (STORE.get(), self.enabled(record.metadata())) else { return };
        let text = record.args().to_string();
        // Libraries talk to developers; what matters to the user is said by this program.
        if record.level() <= store.stderr && record.target().starts_with("molclip") {
            note!("{}: {text}", record.level().as_str().to_lowercase());
        }
        let mut lines = store.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.0 += 1;
        let line = LogLine {
            number: lines.0,
            level: record.level(),
            target: record.target().to_owned(),
            seconds: store.start.elapsed().as_secs_f64(),
            text,
        };
        lines.1.push_back(line);
        while lines.1.len() > KEPT {
            lines.1.pop_front();
        }
    }

    fn flush(&self) {}
}

/// Starts logging, once; `stderr` is how much of it is printed.
pub fn install(stderr: LevelFilter) {
    let fresh =
        STORE.set(Store { lines: Mutex::new((0, VecDeque::new())), start: Instant::now(), stderr }).is_ok();
    if fresh && log::set_logger(&LOGGER).is_ok() {
        log::set_max_level(LevelFilter::Debug);
    }
}

/// Messages after number `after`, oldest first.
pub fn lines_after(after: u64) -> Vec<LogLine> {
    STORE.get().map_or_else(Vec::new, |store| {
        let lines = store.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.1.iter().filter(|l| l.number > after).cloned().collect()
    })
}

/// Number of the latest message.
pub fn latest() -> u64 {
    STORE.get().map_or(0, |s| s.lines.lock().unwrap_or_else(PoisonError::into_inner).0)
}
