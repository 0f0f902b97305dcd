//! What a number measures: its name, its unit, and the words for more and less of it.

/// One number of a vector of biomarkers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feature {
    /// Lower snake case; that of a channel starts with the channel's name: `mitochondria_log_area_um2`.
    pub name: String,
    /// Of the number as measured, before any scaling: `µm/s`; `ln µm` where it is a natural logarithm; empty for a ratio.
    pub unit: &'static str,
    /// What a biologist would say.
    pub words: Words,
    /// Definition, and where it comes from.
    pub source: &'static str,
}

/// Words for a large and for a small number, as comparatives: "longer network", "shorter network".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// For more than in the controls.
    pub more: String,
    /// For less than in the controls.
    pub less: String,
}

/// A feature as it is of any channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// Lower snake case.
    pub name: &'static str,
    /// As of [`Feature::unit`].
    pub unit: &'static str,
    /// Words for more.
    pub more: &'static str,
    /// Words for less.
    pub less: &'static str,
    /// As of [`Feature::source`].
    pub source: &'static str,
}

/// A definition in one line: name, unit, words for more and for less, source.
pub(super) const fn define(
    name: &'static str,
    unit: &'static str,
    [more, less]: [&'static str; 2],
    source: &'static str,
) -> Definition {
    Definition { name, unit, more, less, source }
}

impl Definition {
    /// The feature of `prefix`, a channel or a pair of channels; `place` is said behind the words where they alone do not tell
    /// what is meant.
    pub(super) fn of(&self, prefix: &str, place: Option<&str>) -> Feature {
        let words =
            |words: &str| place.map_or_else(|| words.to_owned(), |place| format!("{words} ({place})"));
        Feature {
            name: format!("{prefix}_{}", self.name),
            unit: self.unit,
            words: Words { more: words(self.more), less: words(self.less) },
            source: self.source,
        }
    }
}
