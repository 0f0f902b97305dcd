//! The waist of the house: rows in, vectors by row name out, whatever is in between.
//!
//! Everything beyond it (answers, evaluation, map, tables) knows [`Encoder`] alone. What only some families have, such as
//! class probabilities or a common space with molecules, is a capability that is asked for.

use std::collections::HashMap;
use std::sync::Arc;

use super::region::{self, Region, RegionError};
use super::store::LoadError;
use crate::analysis::biomarkers::Feature;
use crate::analysis::items::{Item, Items};
use crate::experiment::{EmbeddingTable, Experiment};
use crate::gpu::GpuError;
use crate::model::card::{DrugClass, InputSpec};
use crate::model::input::{Frames, Intensity};
use crate::model::molecule_encoder::MoleculeFeatures;
use crate::progress::{Cancelled, Progress};
use crate::video::Recording;

/// Rows cannot be encoded.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// Nothing of what the rows show can be read.
    #[error("none of {rows} rows can be encoded, the first: {first}")]
    Nothing {
        /// Rows.
        rows: usize,
        /// Why the first one.
        first: String,
    },
    /// Vectors that are looked up by name alone cannot be told apart.
    #[error(
        "{row_id} is a row of both experiments, and {encoder} has vectors by row name alone: it cannot be known whose they \
         are. Give the rows names of their own, or save the other experiment as a project that keeps its vectors"
    )]
    Ambiguous {
        /// A row that both have.
        row_id: String,
        /// Name of the encoder.
        encoder: String,
    },
    /// There are no rows.
    #[error("there are no rows to encode: the table is empty, or all rows are excluded")]
    Empty,
    /// What the whole experiment is scaled by is missing, as a whole sentence.
    #[error("{0}")]
    Scale(String),
    /// What a row shows, though it could be read before.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The device.
    #[error(transparent)]
    Device(#[from] GpuError),
    /// The user stopped it.
    #[error(transparent)]
    Stopped(#[from] Cancelled),
}

/// What makes an encoder the one that it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct About {
    /// Its family, as the registry and a model's card call it.
    pub family: String,
    /// Name for people; embeddings are kept under it.
    pub name: String,
    /// BLAKE3 of the weights, or of whatever else decides about the vectors; hexadecimal.
    pub hash: String,
    /// True if it was made from simulated recordings.
    pub simulated: bool,
    /// Drugs that it was trained with: what it says of them is no test of it. Empty for an encoder that is not trained,
    /// `None` where nobody knows.
    pub trained_with: Option<Vec<DrugClass>>,
}

impl About {
    /// True if vectors that are kept are its own, whatever the channels of their rows.
    pub fn made(&self, table: &EmbeddingTable) -> bool {
        table.model_hash == self.hash || table.model_hash == hash_of(&self.hash, &table.features)
    }
}

/// What vectors are known by: an encoder's hash, and where their numbers have names BLAKE3 of it and of these, because other
/// channels make other numbers.
fn hash_of(hash: &str, features: &[String]) -> String {
    if features.is_empty() {
        return hash.to_owned();
    }
    let mut hasher = blake3::Hasher::new();
    for text in std::iter::once(hash).chain(features.iter().map(String::as_str)) {
        hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// Rows that are to be encoded.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// What they are rows of.
    pub experiment: &'a Arc<Experiment>,
    /// They, in the table's order.
    pub items: &'a [Item],
    /// Names of the items' replicates.
    pub replicates: &'a [String],
    /// Which frames of a recording are seen.
    pub order: Frames,
    /// The simpler vectors that a score stands beside are wanted too.
    pub baselines: bool,
}

impl<'a> Rows<'a> {
    /// All of some items, as recorded.
    pub fn of(experiment: &'a Arc<Experiment>, items: &'a Items) -> Self {
        Self {
            experiment,
            items: &items.items,
            replicates: &items.replicates,
            order: Frames::Video,
            baselines: false,
        }
    }
}

/// Vectors of the same rows by a simpler method.
#[derive(Debug, Clone, PartialEq)]
pub struct Baseline {
    /// What it looks at.
    pub name: &'static str,
    /// Length of a vector.
    pub dim: usize,
    /// `[row, dim]`.
    pub values: Vec<f32>,
    /// Compared by the distance of two vectors; otherwise by their cosine.
    pub by_distance: bool,
}

/// What an encoder makes of rows. All lists are by encoded row, in the order of the rows that were asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Encoded {
    /// Table rows, from 0.
    pub rows: Vec<usize>,
    /// Their names.
    pub row_ids: Vec<String>,
    /// Length of a vector.
    pub dim: usize,
    /// Raw vectors, `[row, dim]`.
    pub values: Vec<f32>,
    /// What each number of a vector measures; empty for networks, whose numbers have no names.
    pub features: Vec<Feature>,
    /// BLAKE3 of what the encoder sees of each row: copies have the same.
    pub contents: Vec<[u8; 32]>,
    /// What each row looks like by [`near::of`](super::near::of), to find copies that are not equal; empty where an encoder
    /// looks at no recordings.
    pub near: Vec<Vec<f32>>,
    /// How each channel's intensity was scaled; empty where an encoder scales none.
    pub intensities: Vec<Vec<Intensity>>,
    /// [`EmbeddingTable::recipe`] of vectors that were corrected; empty for raw ones.
    pub recipe: String,
    /// [`EmbeddingTable::source`] of such.
    pub source: String,
    /// Simpler vectors, if they were asked for.
    pub baselines: Vec<Baseline>,
    /// Names of rows that could not be encoded, and why.
    pub problems: Vec<(String, String)>,
    /// Names of rows of which less can be said than of others, and why.
    pub warnings: Vec<(String, String)>,
}

/// What an encoder sees of a row, to find copies of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Content {
    /// BLAKE3: copies have the same.
    pub hash: [u8; 32],
    /// [`near::of`](super::near::of) its recording; empty where none is looked at.
    pub near: Vec<f32>,
}

/// Why a row is left out.
const NOT_FINITE: &str = "the model makes numbers of it that are not finite. Look at the recording; if it is sound, \
                          the model is not";

impl Encoded {
    /// A column of the table as vectors of one number, of the rows that have one.
    pub fn of_column(experiment: &Experiment, column: &str) -> Self {
        let mut seen = Self::default();
        for item in &Items::with_unnamed(experiment).items {
            if let Some(value) = experiment.table.number(item.row, column) {
                seen.push(item, &[value as f32]);
            }
        }
        seen
    }

    /// Adds a row with its raw vector, which also stands for what was seen of it. A row whose vector is not as long as the
    /// first row's joins the problems.
    pub fn push(&mut self, item: &Item, vector: &[f32]) {
        if vector.is_empty() || (!self.rows.is_empty() && vector.len() != self.dim) {
            let why = format!("{} numbers came out of it, and {} of the first row", vector.len(), self.dim);
            self.problems.push((item.row_id.clone(), why));
            return;
        }
        let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.dim = vector.len();
        self.rows.push(item.row);
        self.row_ids.push(item.row_id.clone());
        self.values.extend_from_slice(vector);
        self.contents.push(*blake3::hash(&bytes).as_bytes());
    }

    /// Leaves out rows whose numbers are NaN or infinite: they would be nearest to nothing, and spoil every mean that they
    /// are part of. They join the problems.
    ///
    /// # Errors
    /// No row is left.
    pub fn finite(mut self) -> Result<Self, EncodeError> {
        let mut finite = vec![true; self.rows.len()];
        let own = (self.dim, &self.values);
        for (dim, values) in self.baselines.iter().map(|one| (one.dim, &one.values)).chain([own]) {
            for (finite, vector) in finite.iter_mut().zip(values.chunks_exact(dim.max(1))) {
                *finite &= vector.iter().all(|value| value.is_finite());
            }
        }
        if finite.iter().all(|finite| *finite) {
            return Ok(self);
        }
        let rows = self.rows.len();
        self.problems.extend(keep(&self.row_ids, 1, &finite, false).map(|id| (id, NOT_FINITE.to_owned())));
        self.rows = keep(&self.rows, 1, &finite, true).collect();
        if self.rows.is_empty() {
            return Err(EncodeError::Nothing { rows, first: NOT_FINITE.to_owned() });
        }
        self.row_ids = keep(&self.row_ids, 1, &finite, true).collect();
        self.values = keep(&self.values, self.dim, &finite, true).collect();
        self.contents = keep(&self.contents, 1, &finite, true).collect();
        self.near = keep(&self.near, 1, &finite, true).collect();
        self.intensities = keep(&self.intensities, 1, &finite, true).collect();
        for one in &mut self.baselines {
            one.values = keep(&one.values, one.dim, &finite, true).collect();
        }
        Ok(self)
    }

    /// What was seen of each table row.
    pub fn seen(&self) -> HashMap<usize, Content> {
        let near = |place: usize| self.near.get(place).cloned().unwrap_or_default();
        let contents = self.contents.iter().enumerate();
        let contents = contents.map(|(place, &hash)| Content { hash, near: near(place) });
        self.rows.iter().copied().zip(contents).collect()
    }

    /// The vectors as a table of the experiment; `hash` is the encoder's. Where numbers have names, the table's own hash
    /// tells them apart too.
    pub fn table(&self, hash: &str) -> EmbeddingTable {
        let features: Vec<String> = self.features.iter().map(|feature| feature.name.clone()).collect();
        EmbeddingTable {
            row_ids: self.row_ids.clone(),
            dim: self.dim,
            values: self.values.clone(),
            model_hash: hash_of(hash, &features),
            features,
            recipe: self.recipe.clone(),
            source: self.source.clone(),
        }
    }

    /// BLAKE3 over names and contents of the rows, hexadecimal.
    pub fn fingerprint(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for (row_id, content) in self.row_ids.iter().zip(&self.contents) {
            hasher.update(&(row_id.len() as u64).to_le_bytes()).update(row_id.as_bytes()).update(content);
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// The parts of `width` values for which `finite` is `wanted`.
fn keep<T: Clone>(values: &[T], width: usize, finite: &[bool], wanted: bool) -> impl Iterator<Item = T> {
    let parts = values.chunks_exact(width.max(1)).zip(finite);
    parts.filter(move |(_, finite)| **finite == wanted).flat_map(|(part, _)| part.iter().cloned())
}

/// Maps what rows show to vectors. Calls wait, and are not for the window's thread.
pub trait Encoder: Send + Sync {
    /// What it is.
    fn about(&self) -> &About;

    /// Encodes rows; those that cannot be are among the problems. Steps of `progress` are rows.
    ///
    /// # Errors
    /// No row can be read, or something fails that is not one row's fault.
    fn encode(&self, rows: &Rows, progress: &Progress) -> Result<Encoded, EncodeError>;

    /// What it sees of each row, to find copies; `None` for a row that cannot be read.
    ///
    /// # Errors
    /// As [`Self::encode`].
    fn contents(&self, rows: &Rows, progress: &Progress) -> Result<Vec<Option<Content>>, EncodeError> {
        let mut seen = self.encode(rows, progress)?.seen();
        Ok(rows.items.iter().map(|item| seen.remove(&item.row)).collect())
    }

    /// Classifiers on its vectors.
    fn classes(&self) -> Option<&dyn Classes> {
        None
    }

    /// A space that its vectors share with structures.
    fn molecules(&self) -> Option<&dyn MoleculeSpace> {
        None
    }

    /// A rectangle of a recording that plays.
    fn regions(&self) -> Option<&dyn Regions> {
        None
    }
}

/// What classifiers say of vectors.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Probabilities {
    /// Of the mechanisms, `[row, moa]`.
    pub moas: Vec<f32>,
    /// Of the drugs, `[row, drug]`.
    pub drugs: Vec<f32>,
}

/// Class probabilities from an encoder's own raw vectors.
pub trait Classes {
    /// Mechanisms, in the order of the probabilities; may be none.
    fn moas(&self) -> &[String];

    /// Drugs, in the order of the probabilities.
    fn drugs(&self) -> &[DrugClass];

    /// Of raw vectors, `[row, dim]`.
    ///
    /// # Errors
    /// The device fails.
    fn probabilities(&self, values: &[f32], dim: usize) -> Result<Probabilities, GpuError>;
}

/// A common space of recordings and structures; its vectors have length 1.
pub trait MoleculeSpace {
    /// Where raw vectors `[row, dim]` lie in it, `[row, projection]`.
    ///
    /// # Errors
    /// The device fails.
    fn project(&self, values: &[f32], dim: usize) -> Result<Vec<f32>, GpuError>;

    /// Where structures lie, `[structure, projection]`; zeros where there is none.
    ///
    /// # Errors
    /// The device fails.
    fn project_molecules(&self, molecules: MoleculeFeatures) -> Result<Vec<f32>, GpuError>;
}

/// Encodes a rectangle around a time point, quickly enough to follow the player.
pub trait Regions {
    /// The scale, the channels and the frames that it wants.
    fn input(&self) -> &InputSpec;

    /// Reads and encodes one.
    ///
    /// # Errors
    /// The rectangle does not lie in the picture, its frames cannot be read, it is dark, or the device fails.
    fn encode(&self, recording: &Recording, region: &Region) -> Result<region::Encoded, RegionError>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::biomarkers::features;

    fn three() -> Encoded {
        Encoded {
            rows: vec![0, 2, 5],
            row_ids: ["a", "b", "c"].map(str::to_owned).to_vec(),
            dim: 2,
            values: vec![1.0, 2.0, f32::NAN, 4.0, 5.0, 6.0],
            contents: vec![[1; 32], [2; 32], [3; 32]],
            ..Encoded::default()
        }
    }

    #[test]
    fn rows_that_become_no_numbers_are_left_out_by_name() {
        let two = three().finite().unwrap();
        assert_eq!((two.rows, two.values), (vec![0, 5], vec![1.0, 2.0, 5.0, 6.0]));
        assert_eq!(
            (two.contents, two.row_ids),
            (vec![[1; 32], [3; 32]], vec!["a".to_owned(), "c".to_owned()])
        );
        assert_eq!(two.problems.len(), 1);
        assert!(two.problems[0].0 == "b" && two.problems[0].1.contains("not finite"));
        let none = Encoded { values: vec![f32::INFINITY; 6], ..three() };
        let text = none.finite().unwrap_err().to_string();
        assert!(text.contains("none of 3 rows") && text.contains("not finite"), "{text}");
    }

    #[test]
    fn a_baseline_that_is_no_number_leaves_its_row_out_too() {
        let light =
            Baseline { name: "mean intensity", dim: 1, values: vec![f32::NAN, 1.0, 2.0], by_distance: true };
        let sound = vec![1.0; 6];
        let two = Encoded { values: sound, baselines: vec![light], ..three() }.finite().unwrap();
        assert_eq!((two.rows, two.baselines[0].values.clone()), (vec![2, 5], vec![1.0, 2.0]));
    }

    #[test]
    fn a_row_with_another_length_is_a_problem_not_a_shift_of_all_others() {
        let item = |row_id: &str| Item { row_id: row_id.to_owned(), ..Item::default() };
        let mut encoded = Encoded::default();
        for (row_id, vector) in [("a", &[1.0, 2.0][..]), ("b", &[3.0]), ("c", &[]), ("d", &[4.0, 5.0])] {
            encoded.push(&item(row_id), vector);
        }
        assert_eq!((encoded.row_ids.join(""), encoded.values), ("ad".to_owned(), vec![1.0, 2.0, 4.0, 5.0]));
        assert_eq!(encoded.problems.iter().map(|(id, _)| id.as_str()).collect::<String>(), "bc");
    }

    #[test]
    fn vectors_of_other_features_are_other_vectors() {
        let about = About { hash: "h".to_owned(), ..About::default() };
        assert_eq!(three().table("h").model_hash, "h", "a network's are known by its weights");
        let of = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            Encoded { features: features(&names, false), ..three() }.table("h")
        };
        let (one, two) = (of(&["gfp"]), of(&["tmrm"]));
        assert!(one.model_hash != "h" && one.model_hash != two.model_hash);
        assert_eq!(one.model_hash, of(&["gfp"]).model_hash);
        assert!([&one, &two, &three().table("h")].into_iter().all(|table| about.made(table)));
        assert!(!About { hash: "other".to_owned(), ..About::default() }.made(&one));
    }

    #[test]
    fn names_and_contents_make_the_fingerprint() {
        let one = three();
        let renamed = Encoded { row_ids: ["a", "b", "d"].map(str::to_owned).to_vec(), ..three() };
        let changed = Encoded { contents: vec![[1; 32], [2; 32], [4; 32]], ..three() };
        assert_eq!(one.fingerprint(), three().fingerprint());
        assert!(one.fingerprint() != renamed.fingerprint() && one.fingerprint() != changed.fingerprint());
    }
}
