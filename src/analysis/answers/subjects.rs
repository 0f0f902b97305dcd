//! The videos that can be asked about, and how they form wells, treatments and compounds.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::analysis::items::{Compound, Item, Items};
use crate::experiment::{EmbeddingTable, Experiment};

impl Item {
    /// Compound and dose, by which it belongs to a treatment; `None` for negative controls and for rows without a
    /// compound.
    pub fn treated(&self) -> Option<(usize, Option<u64>)> {
        // −0 and 0 are one dose.
        let dose = self.dose.map(|dose| (dose + 0.0).to_bits());
        self.compound.filter(|_| !self.control).map(|compound| (compound, dose))
    }
}

/// One compound at one dose. Negative controls are none.
#[derive(Debug, Clone, PartialEq)]
pub struct Treatment {
    /// Place in [`Subjects::compounds`].
    pub compound: usize,
    /// Dose, µM, compared as a number; `None` where unknown.
    pub dose: Option<f64>,
    /// Its videos, ascending.
    pub subjects: Vec<usize>,
    /// The same videos by unit of replication, see [`Unit`].
    pub wells: Vec<Vec<usize>>,
}

/// What counts as one repetition of a treatment. Cells and fields of one well are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A well of a plate.
    Well,
    /// The table names no wells: all of a treatment's videos in one replicate.
    Replicate,
    /// The table names neither: each video by itself.
    Video,
}

/// The videos of an experiment that have an embedding. Plain data.
#[derive(Debug, Clone)]
pub struct Subjects {
    /// The videos in the table's order.
    pub subjects: Vec<Item>,
    /// Rows that are not excluded and have no vector, in the table's order: nothing is asked about them, and they do not
    /// answer.
    pub unembedded: Vec<Item>,
    /// Compounds, with the keys of [`Items`].
    pub compounds: Vec<Compound>,
    /// Mechanisms.
    pub moas: Vec<String>,
    /// Replicates; rows without one share `""`.
    pub replicates: Vec<String>,
    /// Compound × dose in the order in which they appear.
    pub treatments: Vec<Treatment>,
    /// Negative controls by unit. Where the table names no wells they are dealt into as many videos as a
    /// treatment typically has in a replicate.
    pub control_wells: Vec<Vec<usize>>,
    /// What a repetition is here.
    pub unit: Unit,
    /// Mechanisms of each compound, ascending.
    pub compound_moas: Vec<Vec<usize>>,
    /// Rows left out, by reason.
    pub left_out: BTreeMap<String, usize>,
    /// What a reader should know.
    pub notes: Vec<String>,
    treatment_of: Vec<Option<usize>>,
}

impl Subjects {
    /// The rows of an experiment that are not excluded and have a vector in `table`.
    pub fn of(experiment: &Experiment, table: &EmbeddingTable) -> Self {
        let mut items = Items::with_unnamed(experiment);
        let known: BTreeSet<&str> = table.row_ids.iter().map(String::as_str).collect();
        let is_known = |item: &Item| known.contains(item.row_id.as_str());
        let unembedded: Vec<Item> = items.items.iter().filter(|item| !is_known(item)).cloned().collect();
        items.retain("no embedding", is_known);
        let mut all = Self::new(items.items, items.compounds, items.moas, items.replicates);
        all.unembedded = unembedded;
        all.left_out = items.left_out;
        all.notes.splice(0..0, items.notes);
        all
    }

    /// Finds wells, treatments and the compounds' mechanisms. Places in the lists must exist.
    pub fn new(
        subjects: Vec<Item>,
        compounds: Vec<Compound>,
        moas: Vec<String>,
        replicates: Vec<String>,
    ) -> Self {
        let mut compound_moas = vec![BTreeSet::new(); compounds.len()];
        for subject in &subjects {
            if let Some(compound) = subject.compound {
                compound_moas[compound].extend(subject.moas.iter().copied());
            }
        }
        let mut numbers: HashMap<(usize, Option<u64>), usize> = HashMap::new();
        let (mut treatments, mut treatment_of) = (Vec::<Treatment>::new(), Vec::new());
        for (place, subject) in subjects.iter().enumerate() {
            treatment_of.push(subject.treated().map(|key| {
                let (compound, next) = (key.0, treatments.len());
                let number = *numbers.entry(key).or_insert(next);
                if number == next {
                    let dose = subject.dose;
                    treatments.push(Treatment { compound, dose, subjects: Vec::new(), wells: Vec::new() });
                }
                treatments[number].subjects.push(place);
                number
            }));
        }
        let unit = if subjects.iter().any(|subject| !subject.well.is_empty()) {
            Unit::Well
        } else if subjects.iter().any(|subject| !replicates[subject.replicate].is_empty()) {
            Unit::Replicate
        } else {
            Unit::Video
        };
        let mut all = Self {
            subjects,
            unembedded: Vec::new(),
            compounds,
            moas,
            replicates,
            treatments: Vec::new(),
            control_wells: Vec::new(),
            unit,
            compound_moas: compound_moas.into_iter().map(|moas| moas.into_iter().collect()).collect(),
            left_out: BTreeMap::new(),
            notes: Vec::new(),
            treatment_of,
        };
        for treatment in &mut treatments {
            treatment.wells = all.wells(&treatment.subjects);
        }
        all.treatments = treatments;
        let controls: Vec<usize> = (0..all.len()).filter(|&i| all.subjects[i].control).collect();
        all.control_wells = all.wells(&controls);
        match unit {
            Unit::Well => {}
            Unit::Replicate => {
                let mut sizes: Vec<usize> =
                    all.treatments.iter().flat_map(|t| t.wells.iter().map(Vec::len)).collect();
                sizes.sort_unstable();
                let typical = sizes.get(sizes.len() / 2).copied().unwrap_or(1);
                let dealt = all.control_wells.iter().flat_map(|of| of.chunks(typical)).map(<[_]>::to_vec);
                all.control_wells = dealt.collect();
                all.notes.push(format!(
                    "The table names no wells: a treatment's videos in one replicate count as one repetition, \
                     and the negative controls are dealt into groups of {typical} videos."
                ));
            }
            Unit::Video => all.notes.push(
                "The table names neither wells nor replicates: each video counts as a repetition, which is too \
                 many where several come from one well."
                    .to_owned(),
            ),
        }
        all
    }

    /// Videos.
    pub fn len(&self) -> usize {
        self.subjects.len()
    }

    /// True without videos.
    pub fn is_empty(&self) -> bool {
        self.subjects.is_empty()
    }

    /// The treatment of a video; `None` for negative controls and for rows without a compound.
    pub fn treatment_of(&self, subject: usize) -> Option<usize> {
        self.treatment_of.get(subject).copied().flatten()
    }

    /// The treatments of a compound, in their order.
    pub fn treatments_of(&self, compound: usize) -> impl Iterator<Item = usize> {
        (0..self.treatments.len()).filter(move |&i| self.treatments[i].compound == compound)
    }

    /// The rows of a treatment that have no vector.
    pub fn unembedded_of(&self, treatment: usize) -> impl Iterator<Item = &Item> {
        let of = &self.treatments[treatment];
        // A treatment's videos have its dose, and there is no treatment without any.
        let key = of.subjects.first().and_then(|&place| self.subjects[place].treated());
        self.unembedded.iter().filter(move |video| key.is_some() && video.treated() == key)
    }

    /// The video of a table row.
    pub fn of_row(&self, row: usize) -> Option<usize> {
        self.subjects.binary_search_by_key(&row, |subject| subject.row).ok()
    }

    /// The vectors `[subject, dim]` of the table that the videos were chosen by.
    pub fn gather(&self, table: &EmbeddingTable) -> Vec<f32> {
        let places: HashMap<&str, usize> = table.row_ids.iter().map(String::as_str).zip(0..).collect();
        let vector = |subject: &Item| {
            let at = places.get(subject.row_id.as_str())? * table.dim;
            table.values.get(at..at + table.dim)
        };
        self.subjects.iter().filter_map(vector).flatten().copied().collect()
    }

    /// Groups videos by unit of replication, in the order in which units appear.
    pub fn wells(&self, subjects: &[usize]) -> Vec<Vec<usize>> {
        let mut numbers: HashMap<(usize, &str, &str, usize), usize> = HashMap::new();
        let mut wells: Vec<Vec<usize>> = Vec::new();
        for &place in subjects {
            let Item { replicate, plate, well, .. } = &self.subjects[place];
            let video = if self.unit == Unit::Video { place } else { usize::MAX };
            let next = wells.len();
            let number = *numbers.entry((*replicate, plate, well, video)).or_insert(next);
            if number == next {
                wells.push(Vec::new());
            }
            wells[number].push(place);
        }
        wells
    }

    /// True where two videos are of one well.
    pub fn same_well(&self, a: usize, b: usize) -> bool {
        let (a, b) = (&self.subjects[a], &self.subjects[b]);
        !a.well.is_empty() && (a.replicate, &a.plate, &a.well) == (b.replicate, &b.plate, &b.well)
    }

    /// True where a video is known to be simulated.
    pub fn simulated(&self) -> bool {
        self.subjects.iter().any(|subject| subject.simulated)
    }
}
