//! Hits in the window: how a screen is read, how far that is, what came of it.
//!
//! Plain data; [`crate::app::panels::hits`] shows it, `apply::hits` changes it and starts the jobs.

pub mod entries;
pub mod form;
pub mod job;
pub mod shown;

use std::cell::RefCell;
use std::sync::Arc;

pub use self::entries::{Entry, short_dose};
pub use self::form::{Column, HitsForm, Tab};
pub use self::shown::{Planned, Shown};
use super::answers::Answering;
use super::screen::Screen;
use crate::analysis::hits::Options;
use crate::learn::pipeline::Embedded;
use crate::progress::Progress;

/// What is read of each row.
#[derive(Debug, Clone)]
pub enum Readout {
    /// The vectors that answer.
    Vectors(Arc<Embedded>),
    /// A column of numbers.
    Column(String),
}

impl PartialEq for Readout {
    /// Vectors are the same if they are of the same encoding.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Vectors(a), Self::Vectors(b)) => Arc::ptr_eq(a, b),
            (Self::Column(a), Self::Column(b)) => a == b,
            _ => false,
        }
    }
}

/// What was read, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// Id of the experiment.
    pub experiment: String,
    /// Of its table, when labels were read.
    pub revision: u64,
    /// What of it.
    pub readout: Readout,
    /// How.
    pub options: Options,
}

impl Asked {
    /// What the form asks of the experiment on screen; `None` where it has no vectors yet.
    pub fn of(form: &HitsForm, answers: &Answering, screen: &Screen) -> Option<Self> {
        let column = form.column.as_ref().filter(|column| screen.table().column(column).is_some());
        let readout = match column {
            Some(column) => Readout::Column(column.clone()),
            None => Readout::Vectors(Arc::clone(&answers.of(screen)?.embedded)),
        };
        Some(Self {
            experiment: screen.experiment().id.clone(),
            revision: screen.revision(),
            readout,
            options: form.options.clone(),
        })
    }

    /// True if the same was asked, though of a table that may have changed since.
    pub fn is_like(&self, other: &Self) -> bool {
        self.experiment == other.experiment && self.readout == other.readout && self.options == other.options
    }
}

/// A screen that is being read.
#[derive(Debug)]
pub struct Running {
    /// What is read.
    pub asked: Asked,
    /// Its job.
    pub job: u64,
    /// Tells it from an earlier one.
    pub ticket: u64,
    /// How far it is.
    pub progress: Arc<Progress>,
}

/// Why a screen could not be read.
#[derive(Debug, Clone, PartialEq)]
pub enum Why {
    /// The user stopped it.
    Stopped,
    /// It lacks controls.
    Controls(String),
    /// Something else.
    Other(String),
}

/// What the window knows of hits.
#[derive(Debug, Default)]
pub struct Reading {
    /// The form.
    pub form: HitsForm,
    /// A screen on its way.
    pub running: Option<Running>,
    /// What was read last.
    pub shown: Option<Arc<Shown>>,
    /// What could not be read last, and why.
    pub failed: Option<(Asked, Why)>,
    /// The job that writes files.
    pub writing: Option<u64>,
    /// Counts readings.
    pub tickets: u64,
    ordered: RefCell<Option<(Order, Arc<[usize]>)>>,
}

/// What an order of entries depends on: treatments or compounds, words, column.
type Order = (bool, String, Option<(Column, bool)>);

impl Reading {
    /// Takes in what was read.
    pub fn show(&mut self, shown: Shown) {
        self.ordered.take();
        self.shown = Some(Arc::new(shown));
    }

    /// Places of the treatments or compounds that are shown, in their order.
    pub fn order(&self, entries: &[Entry], by_treatment: bool) -> Arc<[usize]> {
        let key = (by_treatment, self.form.search.trim().to_lowercase(), self.form.sort);
        let mut kept = self.ordered.borrow_mut();
        if let Some((_, order)) = kept.as_ref().filter(|(known, _)| *known == key) {
            return Arc::clone(order);
        }
        let found: Arc<[usize]> = entries::order(entries, &key.1, key.2).into();
        *kept = Some((key, Arc::clone(&found)));
        found
    }
}

/// What the panel asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum HitsCommand {
    /// Change the form.
    Form(Box<HitsForm>),
    /// Read the screen.
    Read,
    /// Stop reading it.
    Stop,
    /// Write tables of compounds and wells.
    Tables,
    /// Write dose-response curves as figures.
    Figures,
    /// Write a plate map for the next experiment.
    PlateMap,
}

/// What the job sends back.
#[derive(Debug)]
pub struct Message {
    /// Of the reading.
    pub ticket: u64,
    /// What was to be read.
    pub asked: Asked,
    /// What was read, or why not.
    pub read: Result<Shown, Why>,
}
