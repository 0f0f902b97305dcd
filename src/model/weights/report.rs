//! What was loaded from a file, and what did not fit.

use std::fmt;

use serde::Serialize;

/// Tensors shown of each kind when a report is printed; JSON has all of them.
const SHOWN: usize = 8;

/// What was loaded from a file, and what did not fit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LoadReport {
    /// Paths in the module that took their values from the file.
    pub applied: Vec<String>,
    /// Paths in the module for which the file has nothing.
    pub missing: Vec<String>,
    /// Names in the file for which the module has no place, e.g. a classifier's.
    pub unused: Vec<String>,
    /// Tensors that are there but do not fit: name, and why.
    pub errors: Vec<String>,
    /// What was done to make it fit, and what was left out.
    pub notes: Vec<String>,
}

impl LoadReport {
    /// True if every tensor of the module is there and fits.
    pub fn fits(&self) -> bool {
        self.missing.is_empty() && self.errors.is_empty()
    }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists = [
            ("loaded", &self.applied),
            ("missing in the file", &self.missing),
            ("not used", &self.unused),
            ("not fitting", &self.errors),
        ];
        let mut first = true;
        for (what, names) in lists {
            if names.is_empty() {
                continue;
            }
            if !first {
                writeln!(f)?;
            }
            first = false;
            write!(f, "{what}: {}", names.len())?;
            // What fits needs no names.
            if what == "loaded" {
                continue;
            }
            for name in names.iter().take(SHOWN) {
                write!(f, "\n  {name}")?;
            }
            if names.len() > SHOWN {
                write!(f, "\n  and {} more", names.len() - SHOWN)?;
            }
        }
        for note in &self.notes {
            write!(f, "\nnote: {note}")?;
        }
        Ok(())
    }
}
