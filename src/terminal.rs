//! Results on stdout and notes on stderr, whether or not somebody still reads them.
//!
//! `println!` and `eprintln!` panic where the reader has gone (`| head`) or the disk is full, and would end a training
//! of hours. [`out!`] keeps the first failure until the command ends ([`finish`]); [`note!`] has nobody to tell.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write as _};
use std::process::ExitCode;
use std::sync::OnceLock;

/// Prints a line of results on stdout.
macro_rules! out {
    ($($text:tt)+) => { $crate::terminal::print_line(format_args!($($text)+)) };
}

/// Prints a line for people on stderr.
macro_rules! note {
    ($($text:tt)+) => { $crate::terminal::print_note(&format!("{}\n", format_args!($($text)+))) };
}

pub(crate) use {note, out};

/// Why stdout takes no more.
static FAILED: OnceLock<io::Error> = OnceLock::new();

/// What [`out!`] does.
pub(crate) fn print_line(text: Arguments<'_>) {
    if FAILED.get().is_none() {
        let mut stdout = io::stdout().lock();
        if let Err(error) = writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
            let _ = FAILED.set(error);
        }
    }
}

/// Prints a text on stderr as it is, without an end of line.
pub(crate) fn print_note(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// The exit code of a command that ends with `code`: failure where its results could not be written. A reader that has
/// seen enough (`| head`) is no failure.
pub(crate) fn finish(code: ExitCode) -> ExitCode {
    match FAILED.get() {
        Some(error) if error.kind() != ErrorKind::BrokenPipe => {
            note!("error: writing to stdout: {error}. The results are not complete.");
            ExitCode::FAILURE
        }
        _ => code,
    }
}
