//! Vectors that another program made, as an encoder: it looks them up.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::encoder::{About, EncodeError, Encoded, Encoder, Rows};
use super::families::{FAMILIES, Open};
use super::shipped;
use crate::experiment::EmbeddingTable;
use crate::model::card::Card;
use crate::model::weights;
use crate::progress::Progress;

/// Name of the family.
pub const IMPORTED: &str = "imported";

/// A table of vectors by row name.
#[derive(Debug, Clone)]
pub struct Imported {
    about: About,
    table: Arc<EmbeddingTable>,
}

impl Imported {
    /// Of a table, under the name that it has for people. Nobody knows what its vectors were trained on.
    pub fn new(name: impl Into<String>, table: Arc<EmbeddingTable>) -> Self {
        let about = About {
            family: IMPORTED.to_owned(),
            name: name.into(),
            hash: table.model_hash.clone(),
            simulated: false,
            trained_with: None,
        };
        Self { about, table }
    }

    /// The same, with what is known of the encoder that made the vectors: a family without weights, the shipped model, or one
    /// in these folders of models.
    #[must_use]
    pub fn known(mut self, folders: &[&Path]) -> Self {
        let mut built = FAMILIES.iter().filter_map(|family| match family.open {
            Open::Built(build) => Some(build().about().clone()),
            Open::Model(_) => None,
        });
        if let Some(about) = built.find(|about| about.made(&self.table)) {
            self.about.simulated = about.simulated;
            self.about.trained_with = about.trained_with;
        } else if let Some(card) = card_of(self.made_by(), folders) {
            self.about.simulated = card.trained_on.simulated;
            self.about.trained_with = Some(card.drugs);
        }
        self
    }

    /// Hash of the model that made the vectors, before any correction.
    fn made_by(&self) -> &str {
        let EmbeddingTable { model_hash, source, .. } = &*self.table;
        if source.is_empty() { model_hash } else { source }
    }
}

/// The card of the model that made vectors.
fn card_of(hash: &str, folders: &[&Path]) -> Option<Card> {
    let shipped = shipped::card().ok().filter(|card| card.hash == hash);
    shipped.or_else(|| {
        let models = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok());
        let mut cards = models.flatten().flatten().filter_map(|model| weights::read_card(&model.path()).ok());
        cards.find(|card| card.hash == hash)
    })
}

impl Encoder for Imported {
    fn about(&self) -> &About {
        &self.about
    }

    fn encode(&self, rows: &Rows, progress: &Progress) -> Result<Encoded, EncodeError> {
        let EmbeddingTable { row_ids, dim, values, recipe, source, .. } = &*self.table;
        let vectors: HashMap<&str, &[f32]> =
            row_ids.iter().map(String::as_str).zip(values.chunks_exact((*dim).max(1))).collect();
        let (recipe, source) = (recipe.clone(), source.clone());
        let mut encoded = Encoded { dim: *dim, recipe, source, ..Encoded::default() };
        progress.set(0, rows.items.len() as u64);
        for item in rows.items {
            progress.check()?;
            if let Some(vector) = vectors.get(item.row_id.as_str()) {
                encoded.push(item, vector);
            } else {
                let why = format!("{} has no vector of it", self.about.name);
                encoded.problems.push((item.row_id.clone(), why));
            }
            progress.add(1);
        }
        if encoded.rows.is_empty() {
            let first = encoded.problems.first().map(|(_, problem)| problem.clone());
            let nothing = |first| EncodeError::Nothing { rows: rows.items.len(), first };
            return Err(first.map_or(EncodeError::Empty, nothing));
        }
        Ok(encoded)
    }
}

#[cfg(test)]
mod tests {
    use polars::prelude::df;

    use super::*;
    use crate::analysis::biomarkers::features;
    use crate::analysis::items::Items;
    use crate::experiment::{Experiment, Table};
    use crate::learn::handmade::Biomarkers;

    #[test]
    fn vectors_of_the_shipped_model_stay_simulated_and_say_what_it_knows() {
        let card = shipped::card().unwrap();
        let table = EmbeddingTable {
            row_ids: vec!["a".to_owned()],
            dim: 1,
            values: vec![1.0],
            model_hash: card.hash.clone(),
            ..EmbeddingTable::default()
        };
        let imported = Imported::new("kept", Arc::new(table)).known(&[]);
        assert!(imported.about().simulated);
        assert_eq!(imported.about().trained_with.as_ref().map(Vec::len), Some(card.drugs.len()));
        assert!(card_of("another", &[Path::new("/nowhere")]).is_none());
    }

    #[test]
    fn kept_hand_made_features_are_known_to_be_trained_with_nothing() {
        let encoded = Encoded {
            row_ids: vec!["a".to_owned()],
            dim: 1,
            values: vec![1.0],
            features: features(&["gfp".to_owned()], false),
            ..Encoded::default()
        };
        let kept = |hash: &str| Imported::new("any", Arc::new(encoded.table(hash))).known(&[]);
        assert_eq!(kept(&Biomarkers::default().about().hash).about().trained_with, Some(Vec::new()));
        assert_eq!(kept("another").about().trained_with, None);
    }

    #[test]
    fn vectors_are_found_by_row_name_and_rows_without_one_are_named() {
        let frame = df!("row_id" => ["a", "b", "c"], "compound" => ["x", "y", "z"]).unwrap();
        let experiment = Arc::new(Experiment::new("e", "/", Table::from_frame(frame).unwrap()).unwrap());
        let items = Items::of(&experiment);
        let table = |names: [&str; 3]| EmbeddingTable {
            row_ids: names.map(str::to_owned).to_vec(),
            dim: 2,
            values: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            model_hash: "h".to_owned(),
            ..EmbeddingTable::default()
        };
        let imported = Imported::new("other.npy", Arc::new(table(["c", "zzz", "a"])));
        let encoded = imported.encode(&Rows::of(&experiment, &items), &Progress::default()).unwrap();
        assert_eq!((encoded.rows, encoded.values), (vec![0, 2], vec![5.0, 6.0, 1.0, 2.0]));
        assert_eq!(encoded.problems, [("b".to_owned(), "other.npy has no vector of it".to_owned())]);
        assert!(imported.classes().is_none() && imported.about().trained_with.is_none());
        let contents = imported.contents(&Rows::of(&experiment, &items), &Progress::default()).unwrap();
        assert_eq!(contents.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true]);
        let other = Imported::new("other.npy", Arc::new(table(["p", "q", "r"])));
        let text =
            other.encode(&Rows::of(&experiment, &items), &Progress::default()).unwrap_err().to_string();
        assert!(text.contains("none of 3 rows") && text.contains("other.npy has no vector"), "{text}");
    }
}
