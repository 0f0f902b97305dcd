//! What answered when a project was closed, so that it does so again without encoding.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Answering, Options, Source};
use crate::app::screen::Screen;
use crate::learn::encoder::About;
use crate::learn::families;
use crate::learn::kept::Said;

/// What a project keeps of answers beside its vectors.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Remembered {
    /// How questions are asked.
    pub options: Options,
    /// What answered last; `None` where nothing did.
    pub last: Option<Last>,
    /// What encodings said, by the hash of their encoder.
    pub said: BTreeMap<String, Arc<Said>>,
}

/// What answered last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last {
    /// Where the encoder was from.
    pub source: SavedSource,
    /// Its hash.
    pub hash: String,
    /// The gallery, where it was another experiment.
    pub gallery: Option<PathBuf>,
}

/// A [`Source`] on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SavedSource {
    /// The model that comes with the program.
    Shipped,
    /// A model, by its folder.
    Model(PathBuf),
    /// A family that needs no model, by its name.
    Family(String),
    /// Vectors that the experiment keeps, by their name.
    Embedding(String),
}

impl From<&Source> for SavedSource {
    fn from(source: &Source) -> Self {
        match source {
            Source::Shipped => Self::Shipped,
            Source::Model(folder) => Self::Model(folder.clone()),
            Source::Family(name) => Self::Family((*name).to_owned()),
            Source::Embedding(name) => Self::Embedding(name.clone()),
        }
    }
}

impl SavedSource {
    /// It in this version of the program; `None` for a family that it does not have.
    pub fn source(&self) -> Option<Source> {
        Some(match self {
            Self::Shipped => Source::Shipped,
            Self::Model(folder) => Source::Model(folder.clone()),
            Self::Family(name) => Source::Family(families::named(name)?.name),
            Self::Embedding(name) => Source::Embedding(name.clone()),
        })
    }
}

impl Answering {
    /// What to keep with the experiment on screen. What could not be brought back yet is kept on.
    pub fn remembered(&self, screen: &Screen) -> Remembered {
        let now = self.of(screen).map(|encoded| Last {
            source: SavedSource::from(&encoded.source),
            hash: encoded.embedded.about.hash.clone(),
            gallery: encoded.gallery.as_ref().map(|gallery| gallery.path.clone()),
        });
        // What was said of vectors that are not kept any more is of no use.
        let kept = &screen.experiment().embeddings;
        let is_kept = |hash: &String| {
            let about = About { hash: hash.clone(), ..About::default() };
            kept.values().any(|table| about.made(table))
        };
        let said = self.said.iter().filter(|(hash, _)| is_kept(hash));
        Remembered {
            options: self.options,
            last: now.or_else(|| self.last.clone()),
            said: said.map(|(hash, said)| (hash.clone(), Arc::clone(said))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::answers::{Exclude, Level};
    use crate::learn::families::FAMILIES;

    #[test]
    fn sources_and_options_come_back_from_a_project() {
        let families = FAMILIES.iter().map(|family| Source::Family(family.name));
        let others = [Source::Shipped, Source::Model("/a".into()), Source::Embedding("lab".into())];
        for source in others.into_iter().chain(families) {
            let last = Last { source: SavedSource::from(&source), hash: "h".into(), gallery: None };
            let exclude = Exclude { same_well: true, ..Exclude::default() };
            let options = Options { level: Level::Video, exclude, ..Options::default() };
            let kept = Remembered { options, last: Some(last), ..Remembered::default() };
            let value = serde_json::to_value(&kept).unwrap();
            let again: Remembered = serde_json::from_value(value).unwrap();
            assert_eq!(again, kept);
            assert_eq!(again.last.unwrap().source.source(), Some(source));
        }
        assert_eq!(SavedSource::Family("gone".into()).source(), None);
    }
}
