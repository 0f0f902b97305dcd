//! What there is to learn from: rows, their split, and what leaks across it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::analysis::items::Items;
use crate::analysis::leakage::contents::{Contents, Hashes};
use crate::analysis::leakage::{self, Check, Finding, Leak, Severity};
use crate::analysis::split::{Known, Protocol, ProtocolError, Split};
use crate::app::screen::Screen;
use crate::experiment::Experiment;
use crate::learn::config::Config;
use crate::learn::run::splits;
use crate::learn::sampler::{self, Stage};
use crate::learn::store::recorded_frames;
use crate::model::card::Card;
use crate::progress::{Cancelled, Progress};

/// Bytes of recordings that are compared by content at most: seconds on a fast disk.
const COMPARED: u64 = 4 << 30;

/// What a look depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Experiment.
    pub experiment: String,
    /// Of its table.
    pub revision: u64,
    /// How rows are split.
    pub protocol: Protocol,
    /// Seed of the split.
    pub seed: u64,
}

impl Key {
    /// For the experiment on screen.
    pub fn of(screen: &Screen, config: &Config) -> Self {
        Self {
            experiment: screen.experiment().id.clone(),
            revision: screen.revision(),
            protocol: config.protocol,
            seed: config.seed,
        }
    }

    /// True for the same rows, however they are split.
    pub fn same_rows(&self, other: &Self) -> bool {
        (&self.experiment, self.revision) == (&other.experiment, other.revision)
    }
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Look {
    /// Of what.
    pub key: Key,
    /// The rows.
    pub items: Arc<Items>,
    /// Compounds that are no controls.
    pub compounds: usize,
    /// Frames of the shortest movie among the first recordings, 1 for images; `None` where none could be opened.
    pub frames: Option<usize>,
    /// The split column says who trains.
    pub by_table: bool,
    /// The split, or why there is none.
    pub split: Result<SplitLook, String>,
}

/// Who trains, and who does not.
#[derive(Debug, Clone)]
pub struct SplitLook {
    /// Part of each item.
    pub splits: Vec<Option<Split>>,
    /// What a reader should know.
    pub note: Option<String>,
    /// Trained on.
    pub train: Part,
    /// Chooses the best epoch.
    pub validation: Part,
    /// Kept for an evaluation afterwards.
    pub held_out: Part,
    /// Drugs that are trained on.
    pub drugs: Vec<Drug>,
    /// Compounds among them with a structure.
    pub structures: usize,
    /// Places of compounds in the list of all that are not trained on, without controls.
    pub unseen: Vec<usize>,
    /// Leaks; errors first.
    pub findings: Vec<Finding>,
}

/// A part of the rows in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Part {
    /// Videos.
    pub rows: usize,
    /// Compounds, the controls' among them.
    pub compounds: usize,
    /// Mechanisms.
    pub moas: usize,
}

/// A drug that is trained on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drug {
    /// Its videos.
    pub rows: usize,
    /// Those with a mechanism.
    pub with_moa: usize,
}

impl SplitLook {
    /// Steps of an epoch.
    pub fn steps(&self, stage: Stage, config: &Config) -> usize {
        let of = |drug: &Drug| if stage == Stage::Drug { drug.rows } else { drug.with_moa };
        sampler::count(self.drugs.iter().map(of), config.batch_drugs, config.batch_videos)
    }

    /// What stands against training on this split, whole sentences.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let few = |n: usize, what: &str, more: &str| {
            (n < 2).then(|| format!("{n} {what} in the training part: at least two are needed. {more}"))
        };
        problems.extend(few(
            self.drugs.len(),
            "compounds are",
            "Name more compounds, or choose another split.",
        ));
        problems.extend(few(
            self.train.moas,
            "mechanisms are",
            "Fill in the column moa, or choose another split.",
        ));
        problems
    }

    /// True if training on this split would make scores void.
    pub fn is_void(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }
}

/// Names of compounds that must be new to the training, and that a model to start from knows by name or skeleton. Its
/// scaffolds are not looked up, as that takes too long for every frame of the window: `evaluate` does.
pub fn known_to<'a>(card: &Card, items: &'a Items, split: &SplitLook) -> Vec<&'a str> {
    let known = Known::of(&card.drugs, Protocol::DrugDisjoint);
    let compounds = split.unseen.iter().filter_map(|&place| items.compounds.get(place));
    compounds.filter(|compound| known.has(compound)).map(|compound| compound.name.as_str()).collect()
}

/// Looks at the rows, with items that are known already. At the first look a split column that knows drugs from both
/// sides is taken for what it is: a split by cells. Steps of `progress` are files.
pub fn look(
    experiment: &Experiment,
    mut key: Key,
    is_first: bool,
    items: Option<Arc<Items>>,
    contents: &Contents,
    progress: &Progress,
) -> Result<Look, Cancelled> {
    let items = items.unwrap_or_else(|| Arc::new(Items::of(experiment)));
    let drugs: BTreeSet<usize> =
        items.items.iter().filter(|item| !item.control).filter_map(|item| item.compound).collect();
    let by_table = items.items.iter().any(|item| item.split == Some(Split::Train));
    let of = |protocol| splits(&items, &Config { protocol, seed: key.seed, ..Config::default() });
    let mut split = of(key.protocol);
    if is_first && by_table && matches!(split, Err(ProtocolError::Straddles { .. })) {
        key.protocol = Protocol::Mito;
        split = of(key.protocol);
    }
    let split = match split {
        Ok((splits, note)) => Ok(look_at(&items, splits, note, key.protocol, contents, progress)?),
        Err(e) => Err(e.to_string()),
    };
    let frames = recorded_frames(experiment, items.items.iter().map(|item| item.row));
    Ok(Look { compounds: drugs.len(), frames, by_table, split, key, items })
}

fn look_at(
    items: &Items,
    splits: Vec<Option<Split>>,
    note: Option<String>,
    protocol: Protocol,
    contents: &Contents,
    progress: &Progress,
) -> Result<SplitLook, Cancelled> {
    let part = |is_in: &dyn Fn(Split) -> bool| {
        let (mut compounds, mut moas, mut rows) = (BTreeSet::new(), BTreeSet::<usize>::new(), 0);
        for (item, split) in items.items.iter().zip(&splits) {
            if split.is_some_and(is_in) {
                rows += 1;
                compounds.insert(item.compound);
                moas.extend(&item.moas);
            }
        }
        Part { rows, compounds: compounds.len(), moas: moas.len() }
    };
    let mut drugs: BTreeMap<usize, Drug> = BTreeMap::new();
    for (item, split) in items.items.iter().zip(&splits) {
        if let Some(compound) = item.compound.filter(|_| *split == Some(Split::Train)) {
            let drug = drugs.entry(compound).or_default();
            drug.rows += 1;
            drug.with_moa += usize::from(!item.moas.is_empty());
        }
    }
    let Hashes { hashes, unread } = contents.of(items, &splits, COMPARED, progress)?;
    let mut findings =
        leakage::check(&Check { items, splits: &splits, protocol, content: Some(&hashes), near: None });
    if unread > 0 {
        findings.push(Finding {
            severity: Severity::Warning,
            leak: Leak::Unchecked,
            text: format!(
                "{unread} recordings were not compared with the others: they are missing, or too large to be read \
                 before every training."
            ),
            rows: Vec::new(),
            n_rows: unread,
        });
    }
    let mut unseen: BTreeSet<usize> = BTreeSet::new();
    for (item, split) in items.items.iter().zip(&splits) {
        if split.is_some_and(|split| split != Split::Train) && !item.control && protocol != Protocol::Mito {
            unseen.extend(item.compound);
        }
    }
    Ok(SplitLook {
        unseen: unseen.into_iter().collect(),
        train: part(&|split| split == Split::Train),
        validation: part(&|split| split == Split::Val),
        held_out: part(&|split| !split.is_seen()),
        structures: drugs.keys().filter(|&&drug| items.compounds[drug].smiles.is_some()).count(),
        drugs: drugs.into_values().collect(),
        splits,
        note,
        findings,
    })
}
