//! A line to type a path into.

use super::Waiting;
use super::choice::Choice;

/// What has been typed, and what it is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PathBox {
    /// What the path is for.
    pub choice: Choice,
    /// What has been typed.
    pub text: String,
    /// Why it is shown instead of a file dialog, if it is.
    pub note: Option<String>,
    /// What is looked for on disk now, see [`Self::typed`].
    pub checking: Option<Waiting>,
    /// What is wrong with the path.
    pub error: Option<String>,
}

impl PathBox {
    /// The text without what surrounds it: paths copied from a file manager or a shell often come quoted.
    pub fn typed(&self) -> &str {
        let text = self.text.trim().trim_matches(['"', '\'']);
        text.strip_prefix("file://").unwrap_or(text)
    }
}
