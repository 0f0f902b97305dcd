//! What can be wrong with a structure, and where.

use thiserror::Error;

/// An error of this module. Positions are counted in characters from 0, as a text field counts them.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ChemError {
    /// A SMILES string that is no molecule.
    #[error("position {position}: {why}")]
    Smiles {
        /// Character to mark; the length of the text where it ends too early.
        position: usize,
        /// What is wrong there.
        why: String,
    },
    /// A SMARTS pattern that cannot be read.
    #[error("pattern, position {position}: {why}")]
    Smarts {
        /// Character to mark.
        position: usize,
        /// What is wrong there.
        why: String,
    },
    /// A line of a MOL block that cannot be read.
    #[error("line {line}: {why}")]
    Mol {
        /// Line, from 1: of the file where a file was read, else of the block.
        line: usize,
        /// What is wrong there.
        why: String,
    },
    /// A file or table that cannot be read as a whole.
    #[error("{0}")]
    File(String),
    /// A valid structure for which something cannot be computed.
    #[error("{what} could not be computed: {why}")]
    Compute {
        /// What was asked for.
        what: &'static str,
        /// Why it failed.
        why: String,
    },
}

impl ChemError {
    /// The character to mark in the text that was parsed.
    pub fn position(&self) -> Option<usize> {
        match self {
            Self::Smiles { position, .. } | Self::Smarts { position, .. } => Some(*position),
            Self::Mol { .. } | Self::File(_) | Self::Compute { .. } => None,
        }
    }

    pub(super) fn smiles(position: usize, why: impl Into<String>) -> Self {
        Self::Smiles { position, why: why.into() }
    }

    pub(super) fn compute(what: &'static str, why: &(impl ToString + ?Sized)) -> Self {
        Self::Compute { what, why: why.to_string() }
    }
}

/// Runs chemistry code and turns a panic into an error.
///
/// The toolkit indexes and asserts in thousands of places that hostile input can reach; a bad line in a pasted table must
/// not take the window down. Nothing that the closure touched is used after a panic, so no broken state is seen.
pub(super) fn contained<T>(
    what: &'static str,
    run: impl FnOnce() -> Result<T, ChemError>,
) -> Result<T, ChemError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err(ChemError::compute(what, "the chemistry toolkit failed on this structure")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error() {
        let result: Result<(), _> = contained("A thing", || panic!("on purpose"));
        assert!(matches!(result, Err(ChemError::Compute { what: "A thing", .. })));
    }
}
