//! Which rows stand behind which point of a map, and the vectors of the points.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::experiment::{EmbeddingTable, Table};

/// What one point stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A video.
    #[default]
    Video,
    /// All videos of a compound at one dose.
    CompoundDose,
    /// All videos of a compound.
    Compound,
}

impl Unit {
    /// All, in the order of choosers.
    pub const ALL: [Self; 3] = [Self::Video, Self::CompoundDose, Self::Compound];

    /// Name in choosers.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::CompoundDose => "compound × dose",
            Self::Compound => "compound",
        }
    }

    /// So many of it.
    pub fn count(self, n: usize) -> String {
        let one = n == 1;
        match self {
            Self::Video => format!("{n} video{}", if one { "" } else { "s" }),
            Self::CompoundDose => format!("{n} compound × dose"),
            Self::Compound => format!("{n} compound{}", if one { "" } else { "s" }),
        }
    }
}

/// Points and their rows.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Grouping {
    /// Rows of the table, point by point.
    rows: Vec<u32>,
    /// Rows of the embedding, likewise.
    vectors: Vec<u32>,
    /// First row of each point, and the end.
    starts: Vec<u32>,
    /// Rows that are left out because they are excluded.
    pub excluded: usize,
    /// Rows without a vector.
    pub without_vector: usize,
    /// Rows without a compound, where points are compounds.
    pub without_compound: usize,
}

impl Grouping {
    /// Sorts the rows that have a vector and are not excluded into points.
    pub fn new(table: &Table, embedding: &EmbeddingTable, unit: Unit) -> Self {
        let mut grouping = Self { starts: vec![0], ..Self::default() };
        let mut vectors: Vec<Option<u32>> = vec![None; table.len()];
        for (vector, id) in embedding.row_ids.iter().enumerate() {
            if let Some(row) = table.row_of(id) {
                vectors[row] = Some(vector as u32);
            }
        }
        let [compound, smiles, dose] =
            ["compound", "smiles", "concentration_uM"].map(|column| table.values(column));
        let text = |values: &Option<crate::experiment::cells::Values<'_>>, row| {
            values.as_ref().map_or_else(String::new, |values| values.text(row))
        };
        let mut places: HashMap<(String, String), usize> = HashMap::new();
        let mut groups: Vec<Vec<(u32, u32)>> = Vec::new();
        for (row, vector) in vectors.into_iter().enumerate() {
            if table.is_excluded(row) {
                grouping.excluded += 1;
                continue;
            }
            let Some(vector) = vector else {
                grouping.without_vector += 1;
                continue;
            };
            if unit == Unit::Video {
                grouping.rows.push(row as u32);
                grouping.vectors.push(vector);
                grouping.starts.push(grouping.rows.len() as u32);
                continue;
            }
            // A structure without a name is a compound too.
            let name = Some(text(&compound, row)).filter(|name| !name.is_empty());
            let name = name.unwrap_or_else(|| text(&smiles, row));
            if name.is_empty() {
                grouping.without_compound += 1;
                continue;
            }
            let dose = if unit == Unit::CompoundDose { text(&dose, row) } else { String::new() };
            let place = *places.entry((name, dose)).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            groups[place].push((row as u32, vector));
        }
        for group in groups {
            grouping.rows.extend(group.iter().map(|(row, _)| row));
            grouping.vectors.extend(group.iter().map(|(_, vector)| vector));
            grouping.starts.push(grouping.rows.len() as u32);
        }
        grouping
    }

    /// Points.
    pub fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// True without points.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows of a point.
    pub fn rows_of(&self, point: usize) -> &[u32] {
        self.range(point).map_or(&[], |range| &self.rows[range])
    }

    fn range(&self, point: usize) -> Option<std::ops::Range<usize>> {
        Some(*self.starts.get(point)? as usize..*self.starts.get(point + 1)? as usize)
    }

    /// Vectors of the points, `[point, dim]`: the mean of their rows'.
    pub fn values(&self, embedding: &EmbeddingTable) -> Vec<f32> {
        let dim = embedding.dim;
        let mut values = vec![0.0_f32; self.len() * dim];
        for (point, mean) in values.chunks_exact_mut(dim.max(1)).enumerate() {
            let vectors = self.range(point).map_or(&[][..], |range| &self.vectors[range]);
            for &vector in vectors {
                let from = vector as usize * dim;
                let row = embedding.values.get(from..from + dim).unwrap_or_default();
                mean.iter_mut().zip(row).for_each(|(sum, v)| *sum += v);
            }
            for sum in mean.iter_mut() {
                *sum /= vectors.len().max(1) as f32;
            }
        }
        values
    }

    /// Names the points by what they are made of: vectors and their grouping.
    pub fn fingerprint(&self, embedding: &EmbeddingTable) -> String {
        let mut hash = blake3::Hasher::new();
        hash.update(embedding.model_hash.as_bytes()).update(&(embedding.dim as u64).to_le_bytes());
        hash.update(bytemuck::cast_slice(&embedding.values));
        hash.update(bytemuck::cast_slice(&self.starts)).update(bytemuck::cast_slice(&self.vectors));
        hash.finalize().to_hex()[..32].to_owned()
    }
}

#[cfg(test)]
mod tests {
    use polars::prelude::df;

    use super::*;

    fn table() -> Table {
        let frame = df!(
            "row_id" => ["a", "b", "c", "d", "e", "f"],
            "compound" => [Some("FCCP"), Some("FCCP"), Some("BAM15"), None, Some("FCCP"), Some("DMSO")],
            "smiles" => [None, None, None, Some("CCO"), None, None],
            "concentration_uM" => [Some(1.0), Some(1.0), Some(1.0), None, Some(10.0), None],
            "excluded" => [None, None, None, None, None, Some("dead")],
        );
        Table::from_frame(frame.unwrap()).unwrap()
    }

    /// Vectors for all but row c, in another order than the table's.
    fn embedding() -> EmbeddingTable {
        EmbeddingTable {
            row_ids: ["f", "e", "d", "b", "a", "gone"].map(str::to_owned).to_vec(),
            dim: 2,
            values: vec![0.0, 0.0, 5.0, 0.0, 4.0, 4.0, 2.0, 0.0, 1.0, 3.0, 9.0, 9.0],
            model_hash: "m".into(),
            ..EmbeddingTable::default()
        }
    }

    fn points(grouping: &Grouping) -> Vec<&[u32]> {
        (0..grouping.len()).map(|p| grouping.rows_of(p)).collect()
    }

    #[test]
    fn each_row_with_a_vector_is_a_point_and_the_others_are_counted() {
        let (table, embedding) = (table(), embedding());
        let grouping = Grouping::new(&table, &embedding, Unit::Video);
        assert_eq!(points(&grouping), [&[0_u32][..], &[1], &[3], &[4]]);
        assert_eq!((grouping.excluded, grouping.without_vector, grouping.without_compound), (1, 1, 0));
        assert_eq!(grouping.values(&embedding), [1.0, 3.0, 2.0, 0.0, 4.0, 4.0, 5.0, 0.0]);
        assert!(grouping.rows_of(9).is_empty());
    }

    #[test]
    fn a_compound_is_the_mean_of_its_videos() {
        let (table, embedding) = (table(), embedding());
        let grouping = Grouping::new(&table, &embedding, Unit::CompoundDose);
        assert_eq!(points(&grouping), [&[0_u32, 1][..], &[3], &[4]]);
        assert_eq!(grouping.values(&embedding), [1.5, 1.5, 4.0, 4.0, 5.0, 0.0]);
        let whole = Grouping::new(&table, &embedding, Unit::Compound);
        assert_eq!(points(&whole), [&[0_u32, 1, 4][..], &[3]]);
        assert_ne!(grouping.fingerprint(&embedding), whole.fingerprint(&embedding));
        let other = EmbeddingTable { dim: 2, values: vec![1.0; 12], ..embedding.clone() };
        assert_ne!(grouping.fingerprint(&embedding), grouping.fingerprint(&other));
    }
}
