//! What Burn says of work that failed, as errors of ours.
//!
//! Its server, cubecl, has types for them. Burn hands them on as text: in what a synchronisation returns, and in the
//! panic of a read.

use cubecl_runtime::server::{IoError, LaunchError, ServerError};

use super::error::GpuError;

/// How cubecl 0.11.3 begins to say that memory ran out: [`IoError`], [`LaunchError`].
const RAN_OUT: [&str; 4] = [
    "out of device memory",
    "can't allocate buffer of size",
    "An out-of-memory error happened during launch",
    "every page size the memory tracks still holds live allocations",
];

impl From<ServerError> for GpuError {
    fn from(error: ServerError) -> Self {
        let message = error.to_string();
        if ran_out(&error) { out_of_memory(&message) } else { Self::Device { message } }
    }
}

/// An error of which Burn gives the text alone: of memory, or else what `other` makes of the text.
pub(super) fn told(text: String, other: impl FnOnce(String) -> GpuError) -> GpuError {
    if line_on_memory(&text).is_some() { out_of_memory(&text) } else { other(text) }
}

/// Whether memory ran out, for the work itself or for what it was to read.
fn ran_out(error: &ServerError) -> bool {
    match error {
        ServerError::Io(error) => not_allocated(error),
        ServerError::Launch(error) => matches!(error, LaunchError::OutOfMemory { .. }),
        ServerError::Unwritten { root, .. } => ran_out(root),
        ServerError::Several { errors, .. } => errors.iter().any(ran_out),
        _ => false,
    }
}

/// Whether memory was refused. A buffer that is larger than any page counts: that of a smaller batch may not be.
fn not_allocated(error: &IoError) -> bool {
    match error {
        IoError::BufferTooBig { .. } | IoError::OutOfMemory { .. } | IoError::PageSizesExhausted { .. } => {
            true
        }
        IoError::StorageMappingFailed { source, .. } => not_allocated(source),
        _ => false,
    }
}

/// Without the backtrace that stands below.
fn out_of_memory(text: &str) -> GpuError {
    let line = line_on_memory(text).or_else(|| text.lines().next());
    GpuError::OutOfMemory { detail: line.unwrap_or_default().trim().to_owned() }
}

fn line_on_memory(text: &str) -> Option<&str> {
    text.lines().find(|line| RAN_OUT.iter().any(|words| line.contains(words)))
}

#[cfg(test)]
mod tests {
    use cubecl_environment::backtrace::BackTrace;

    use super::*;

    fn io(error: IoError) -> ServerError {
        ServerError::Io(error)
    }

    /// The error of a buffer that was never written because of another.
    fn unwritten(root: ServerError) -> ServerError {
        let (chain, root) = (vec!["skipped".to_owned()], Box::new(root));
        ServerError::Unwritten { failure: 1, claimed: 2, chain, root, backtrace: BackTrace::capture() }
    }

    #[test]
    fn memory_that_ran_out_is_told_by_type_and_in_cubecls_own_words() {
        let backtrace = BackTrace::capture;
        let errors = [
            io(IoError::BufferTooBig { size: 7, backtrace: backtrace() }),
            io(IoError::OutOfMemory { size: 7, backtrace: backtrace() }),
            io(IoError::PageSizesExhausted { size: 7, backtrace: backtrace() }),
            io(IoError::StorageMappingFailed {
                size: 7,
                source: Box::new(IoError::OutOfMemory { size: 7, backtrace: backtrace() }),
                backtrace: backtrace(),
            }),
            ServerError::Launch(LaunchError::OutOfMemory { reason: "7".into(), backtrace: backtrace() }),
        ];
        let nested = errors.clone().map(unwritten);
        for error in errors.into_iter().chain(nested) {
            let text = format!("Error while reading data: {error}");
            assert!(matches!(told(text, lost), GpuError::OutOfMemory { .. }), "{error}");
            let GpuError::OutOfMemory { detail } = GpuError::from(error) else { panic!("another type") };
            assert!(!detail.is_empty() && !detail.contains('\n'), "{detail}");
        }
    }

    #[test]
    fn other_failures_are_no_lack_of_memory() {
        let errors = [
            ServerError::TornDown,
            unwritten(ServerError::TornDown),
            io(IoError::UnsupportedStrides { backtrace: BackTrace::default() }),
            ServerError::Launch(LaunchError::Unknown {
                reason: "an allocation of registers".into(),
                backtrace: BackTrace::default(),
            }),
        ];
        for error in errors {
            assert_eq!(told(error.to_string(), lost), lost(error.to_string()));
            let message = error.to_string();
            assert_eq!(GpuError::from(error), GpuError::Device { message });
        }
    }

    fn lost(reason: String) -> GpuError {
        GpuError::Lost { reason }
    }
}
