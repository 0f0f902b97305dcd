//! Work of other crates whose panics become errors, without a word on stderr.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}
/// Calls in progress, on all threads.
static IN_PROGRESS: AtomicUsize = AtomicUsize::new(0);
/// polars' own threads are called so, with a number behind; a panic there ends in the call that asked for the work.
const POLARS: &str = "polars-";

/// Does the work; `None` where it panicked. Readers of polars and calamine index into what a damaged file tells them, and
/// panic; nothing that they hold outlives the call, so that catching it here is sound.
pub fn contained<T>(work: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = take_hook();
        set_hook(Box::new(move |panic| {
            if !is_contained() {
                previous(panic);
            }
        }));
    });
    let _inside = Inside::enter();
    catch_unwind(AssertUnwindSafe(work)).ok()
}

fn is_contained() -> bool {
    let thread = std::thread::current();
    is_silent(DEPTH.with(Cell::get), IN_PROGRESS.load(Ordering::SeqCst), thread.name())
}

/// Whether a panic is caught by a call: one on the same thread, or one that polars works for.
fn is_silent(depth: usize, in_progress: usize, thread: Option<&str>) -> bool {
    depth > 0 || (in_progress > 0 && thread.is_some_and(|name| name.starts_with(POLARS)))
}

struct Inside;

impl Inside {
    fn enter() -> Self {
        DEPTH.with(|depth| depth.set(depth.get() + 1));
        IN_PROGRESS.fetch_add(1, Ordering::SeqCst);
        Self
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        IN_PROGRESS.fetch_sub(1, Ordering::SeqCst);
        DEPTH.with(|depth| depth.set(depth.get() - 1));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn a_panic_inside_is_silent_and_one_outside_is_not() {
        assert_eq!(contained(|| 7), Some(7));
        let heard = Arc::new(Mutex::new(Vec::new()));
        // In place of the one that prints, for as long as this test needs.
        let (ours, listener) = (take_hook(), Arc::clone(&heard));
        set_hook(Box::new(move |panic| {
            if !is_contained() {
                listener.lock().unwrap().push(panic.to_string());
            }
        }));
        let on_thread = |name: &str, what: &'static str| {
            let thread = std::thread::Builder::new().name(name.to_owned());
            assert!(thread.spawn(move || panic!("{what}")).unwrap().join().is_err());
        };
        let nested = contained(|| -> u8 {
            assert_eq!(contained(|| -> u8 { panic!("innermost") }), None);
            on_thread("polars-3", "a thread of polars");
            on_thread("another", "a thread of ours");
            panic!("on this thread")
        });
        set_hook(ours);
        assert_eq!((nested, DEPTH.with(Cell::get)), (None, 0));
        let heard = heard.lock().unwrap().join("\n");
        for (what, is_heard) in [
            ("a thread of ours", true),
            ("innermost", false),
            ("a thread of polars", false),
            ("on this", false),
        ] {
            assert_eq!(heard.contains(what), is_heard, "{what}: {heard}");
        }
    }

    #[test]
    fn only_work_in_progress_is_silent() {
        assert!(is_silent(1, 1, None) && is_silent(0, 1, Some("polars-0")));
        assert!(!is_silent(0, 0, Some("polars-0")), "polars at work for nobody");
        assert!(!is_silent(0, 1, Some("main")) && !is_silent(0, 1, None));
    }
}
