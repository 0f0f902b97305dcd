//! The rows of an experiment as everything beyond its table sees them: which compound at which dose, which mechanisms,
//! from where. There is no other shape of a row.
//!
//! The unit is the compound: the skeleton of its InChIKey where a structure is known, its name otherwise. A
//! salt is its largest organic part, as the molecule encoders see it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Component, Path, PathBuf};

use rayon::prelude::*;

use super::split::Split;
use crate::chem::{ChemError, Molecule};
use crate::experiment::{EmbeddingTable, Experiment, Well};
use crate::video::Address;

/// Skeleton of dimethyl sulfoxide, the solvent that controls are treated with.
pub const DMSO: &str = "IAZDPXIOMUYVGZ";

/// Words for mechanisms that are none, as in the Mito dataset's annotation.
const NO_MOA: [&str; 2] = ["unknown", "nan"];

/// A column of the Mito dataset: 1 for the drugs whose mechanism counts.
const CHOSEN: &str = "moa_choose";

/// Rows have no vectors that anything could be said by.
#[derive(Debug, thiserror::Error)]
pub enum GatherError {
    /// Vectors are missing.
    #[error(
        "{missing} of {rows} rows have no embedding, the first is {first}. Embed the experiment again, or exclude \
         these rows"
    )]
    Missing {
        /// Rows without one.
        missing: usize,
        /// Rows.
        rows: usize,
        /// Name of the first.
        first: String,
    },
    /// A number is NaN or infinite.
    #[error("number {column} of the embedding of {row} is not finite. Embed it again, or exclude this row")]
    NotFinite {
        /// Name of the first such row.
        row: String,
        /// Place in its vector, from 0.
        column: usize,
    },
}

/// One row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Item {
    /// Row of the table, from 0.
    pub row: usize,
    /// Its name.
    pub row_id: String,
    /// Place in [`Items::compounds`]; `None` where the row names none, which happens in [`Items::with_unnamed`] alone.
    pub compound: Option<usize>,
    /// Dose, µM; `None` where unknown.
    pub dose: Option<f64>,
    /// Places in [`Items::moas`], ascending; empty where no mechanism is known.
    pub moas: Vec<usize>,
    /// Place in [`Items::replicates`].
    pub replicate: usize,
    /// Plate; empty where unknown.
    pub plate: String,
    /// Well, `B07`; empty where unknown.
    pub well: String,
    /// Field of view in the well; empty where unknown.
    pub site: String,
    /// Recording, the path without detours; `None` where none is named.
    pub address: Option<Address>,
    /// What the table's split says.
    pub split: Option<Split>,
    /// True for negative controls, DMSO above all.
    pub control: bool,
    /// True where the recording is known to be simulated.
    pub simulated: bool,
}

/// One compound: what may not be in training and in a query of a drug-disjoint split.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compound {
    /// Name to show: the first in the table.
    pub name: String,
    /// All its names in the form of [`plain`].
    pub names: BTreeSet<String>,
    /// First block of the InChIKey; `None` where no structure is known.
    pub skeleton: Option<String>,
    /// First structure in the table that can be read.
    pub smiles: Option<String>,
}

/// The rows that take part. Plain data; places in lists stay valid when rows are left out.
#[derive(Debug, Clone, Default)]
pub struct Items {
    /// The rows in the table's order.
    pub items: Vec<Item>,
    /// Compounds in the order in which they appear.
    pub compounds: Vec<Compound>,
    /// Mechanisms in the order in which they appear.
    pub moas: Vec<String>,
    /// Replicates in the order in which they appear; rows without one share `""`.
    pub replicates: Vec<String>,
    /// Rows left out, by reason.
    pub left_out: BTreeMap<String, usize>,
    /// What a reader should know: structures that cannot be read, names with several structures.
    pub notes: Vec<String>,
}

/// A name without case, blanks and punctuation: `(−)-Blebbistatin` and `blebbistatin` are one.
pub fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// First block of the InChIKey of a structure's main component.
///
/// # Errors
/// The structure cannot be read, or InChI has no form for it.
pub fn skeleton(smiles: &str) -> Result<String, ChemError> {
    Molecule::from_smiles(smiles)?.parent().skeleton_key()
}

impl Items {
    /// The rows of an experiment but those that are excluded or name no compound.
    pub fn of(experiment: &Experiment) -> Self {
        Self::read(experiment, false)
    }

    /// The rows of an experiment but those that are excluded. Rows that name no compound have none: they can be encoded
    /// and asked about, but they do not answer.
    pub fn with_unnamed(experiment: &Experiment) -> Self {
        Self::read(experiment, true)
    }

    fn read(experiment: &Experiment, unnamed: bool) -> Self {
        let table = &experiment.table;
        let text = |row: usize, column: &str| table.text(row, column).trim().to_owned();
        let mut items = Self::default();
        let rows: Vec<usize> = (0..table.len()).filter(|&row| !table.is_excluded(row)).collect();
        items.count("excluded in the table", table.len() - rows.len());
        let structures: BTreeSet<String> = rows.iter().map(|&row| text(row, "smiles")).collect();
        let skeletons: HashMap<String, Result<String, ChemError>> = structures
            .into_par_iter()
            .filter(|smiles| !smiles.is_empty())
            .map(|smiles| (smiles.clone(), skeleton(&smiles)))
            .collect();
        let known = |smiles: &str| skeletons.get(smiles).and_then(|found| found.as_ref().ok());
        let mut of_name: BTreeMap<String, BTreeSet<&String>> = BTreeMap::new();
        for &row in &rows {
            if let Some(skeleton) = known(&text(row, "smiles")) {
                of_name.entry(plain(&text(row, "compound"))).or_default().insert(skeleton);
            }
        }
        let chosen = has_choice(experiment);
        let (mut compounds, mut moas, mut replicates) = (Numbers::new(), Numbers::new(), Numbers::new());
        for row in rows {
            let (name, smiles) = (text(row, "compound"), text(row, "smiles"));
            let negative = table.text(row, "control") == "negative";
            let is_unnamed = name.is_empty() && smiles.is_empty() && !negative;
            if is_unnamed && !unnamed {
                items.count("no compound", 1);
                continue;
            }
            let short = plain(&name);
            // A row without a structure is the compound of that name if there is exactly one.
            let skeleton = known(&smiles).or_else(|| {
                let of = of_name.get(&short).filter(|of| of.len() == 1 && !short.is_empty());
                of.and_then(|of| of.first().copied())
            });
            let key = match skeleton {
                Some(skeleton) => format!("skeleton {skeleton}"),
                None if !short.is_empty() => format!("name {short}"),
                None if !smiles.is_empty() => format!("smiles {smiles}"),
                None => "negative control".to_owned(),
            };
            let compound = (!is_unnamed).then(|| number(&mut compounds, key));
            if compound == Some(items.compounds.len()) {
                let shown = [&name, &smiles].into_iter().find(|text| !text.is_empty()).cloned();
                items.compounds.push(Compound {
                    name: shown.unwrap_or_else(|| "negative control".to_owned()),
                    skeleton: skeleton.cloned(),
                    ..Compound::default()
                });
            }
            if let Some(entry) = compound.and_then(|compound| items.compounds.get_mut(compound)) {
                if !short.is_empty() {
                    entry.names.insert(short.clone());
                }
                if entry.smiles.is_none() && known(&smiles).is_some() {
                    entry.smiles = Some(smiles);
                }
            }
            let is_dmso = short == "dmso" || skeleton.is_some_and(|skeleton| skeleton == DMSO);
            let counts =
                !chosen || table.number(row, CHOSEN).or_else(|| text(row, CHOSEN).parse().ok()) == Some(1.0);
            let mut of_row = Vec::new();
            for moa in table.list(row, "moa") {
                let key = moa.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
                if counts && !NO_MOA.contains(&key.as_str()) {
                    let place = number(&mut moas, key);
                    if place == items.moas.len() {
                        items.moas.push(moa);
                    }
                    of_row.push(place);
                }
            }
            of_row.sort_unstable();
            of_row.dedup();
            let replicate = number(&mut replicates, text(row, "replicate"));
            if replicate == items.replicates.len() {
                items.replicates.push(text(row, "replicate"));
            }
            let well = text(row, "well");
            items.items.push(Item {
                row,
                row_id: table.row_id(row).to_owned(),
                compound,
                dose: table.number(row, "concentration_uM"),
                moas: of_row,
                replicate,
                plate: text(row, "plate"),
                well: Well::parse(&well).map_or(well, |well| well.to_string()),
                site: text(row, "site"),
                address: experiment.address(row).ok().map(direct),
                split: Split::parse(&table.text(row, "split")),
                control: negative || is_dmso,
                simulated: experiment.is_simulated(row),
            });
        }
        let mut unread: Vec<_> =
            skeletons.iter().filter_map(|(s, found)| Some((s, found.as_ref().err()?))).collect();
        unread.sort_by_key(|(smiles, _)| smiles.as_str());
        if let Some((smiles, error)) = unread.first() {
            let n = unread.len();
            items.notes.push(format!(
                "{n} structures cannot be read; their compounds are known by name. The first: {smiles}: \
                 {error}"
            ));
        }
        for (name, of) in of_name.iter().filter(|(name, of)| of.len() > 1 && !name.is_empty()) {
            let n = of.len();
            items
                .notes
                .push(format!("The name {name} has {n} different structures: they count as {n} compounds."));
        }
        items
    }

    /// Rows that take part.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The compound of an item; `None` where it names none.
    pub fn compound(&self, item: usize) -> Option<&Compound> {
        self.compounds.get(self.items[item].compound?)
    }

    /// Leaves out the items for which `keep` is false, and counts them under a reason.
    pub fn retain(&mut self, reason: &str, keep: impl Fn(&Item) -> bool) {
        let before = self.len();
        self.items.retain(keep);
        self.count(reason, before - self.len());
    }

    /// The items' vectors, `[item, dim]`, from a table that hangs on row names.
    ///
    /// # Errors
    /// Rows that the table lacks; numbers that are not finite.
    pub fn gather(&self, table: &EmbeddingTable) -> Result<Vec<f32>, GatherError> {
        let places: HashMap<&str, usize> = table.row_ids.iter().map(String::as_str).zip(0..).collect();
        let vector = |item: &Item| {
            let at = places.get(item.row_id.as_str())? * table.dim;
            table.values.get(at..at + table.dim)
        };
        let mut missing = self.items.iter().filter(|item| vector(item).is_none());
        if let Some(first) = missing.next() {
            let first = first.row_id.clone();
            return Err(GatherError::Missing { missing: 1 + missing.count(), rows: self.len(), first });
        }
        let values: Vec<f32> = self.items.iter().filter_map(vector).flatten().copied().collect();
        match values.iter().position(|value| !value.is_finite()) {
            Some(place) => Err(GatherError::NotFinite {
                row: self.items[place / table.dim].row_id.clone(),
                column: place % table.dim,
            }),
            None => Ok(values),
        }
    }

    fn count(&mut self, reason: &str, rows: usize) {
        if rows > 0 {
            *self.left_out.entry(reason.to_owned()).or_default() += rows;
        }
    }
}

/// Numbers of keys in the order in which they appear.
type Numbers = HashMap<String, usize>;

fn number(numbers: &mut Numbers, key: String) -> usize {
    let next = numbers.len();
    *numbers.entry(key).or_insert(next)
}

/// True where the table says with 0 and 1 which drugs' mechanisms count. Anything else in that column says
/// nothing.
fn has_choice(experiment: &Experiment) -> bool {
    let table = &experiment.table;
    let mut cells =
        (0..table.len()).map(|row| table.text(row, CHOSEN)).filter(|text| !text.trim().is_empty());
    let is_choice = |text: String| matches!(text.trim(), "0" | "1" | "0.0" | "1.0");
    table.column(CHOSEN).is_some() && cells.next().is_some_and(is_choice) && cells.all(is_choice)
}

/// The address without `.` and `..`, so that one file has one path.
fn direct(mut address: Address) -> Address {
    for path in std::iter::once(&mut address.path).chain(&mut address.more) {
        *path = lexical(path);
    }
    address
}

fn lexical(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(out.components().next_back(), Some(Component::Normal(_))) => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use polars::prelude::df;

    use super::*;
    use crate::experiment::Table;

    fn experiment() -> Experiment {
        let frame = df!(
            "row_id" => ["a", "b", "c", "d", "e", "f", "g", "h"],
            "path" => ["x/../a.tif", "./a.tif", "b.tif", "c.tif", "d.tif", "e.tif", "f.tif", "g.tif"],
            "compound" => ["FCCP", "fccp ", "Valinomycin", "DMSO", "", "L-alanine", "alanine HCl", "odd"],
            "smiles" => [
                "FC(F)(F)Oc1ccc(cc1)NN=C(C#N)C#N",
                "",
                "",
                "CS(C)=O",
                "",
                "C[C@H](N)C(=O)O",
                "CC(N)C(=O)O.Cl",
                "C(",
            ],
            "moa" => ["uncoupler;  Ionophore", "Uncoupler", "unknown", "", "x", "", "nan;y", ""],
            "replicate" => ["1", "2", "", "1", "1", "2", "2", "1"],
            "well" => ["a1", "A01", "B2", "", "", "", "", "?"],
            "control" => ["", "", "", "", "", "", "", "negative"],
            "split" => ["train", "query", "gallery", "val", "", "", "", ""],
            "simulated" => [true, false, false, false, false, false, false, false],
        )
        .unwrap();
        Experiment::new("e", "/screen", Table::from_frame(frame).unwrap()).unwrap()
    }

    #[test]
    fn a_compound_is_its_skeleton_and_a_name_stands_in_where_no_structure_is_known() {
        let items = Items::of(&experiment());
        let ids: Vec<&str> = items.items.iter().map(|item| item.row_id.as_str()).collect();
        assert_eq!(ids, ["a", "b", "c", "d", "f", "g", "h"]);
        assert_eq!(items.left_out, BTreeMap::from([("no compound".to_owned(), 1)]));
        let compounds: Vec<usize> = items.items.iter().filter_map(|item| item.compound).collect();
        assert_eq!(compounds, [0, 0, 1, 2, 3, 3, 4], "name and structure, salt and stereo are one compound");
        assert_eq!(items.compounds[0].skeleton.as_deref(), Some("BMZRVOVNUMQTIN"));
        assert_eq!(items.compounds[3].names.len(), 2);
        assert_eq!(items.items[1].moas, [0], "case does not matter");
        assert_eq!(items.moas, ["uncoupler", "Ionophore", "y"]);
        assert_eq!(items.items[2].moas, [0; 0]);
        let controls: Vec<bool> = items.items.iter().map(|item| item.control).collect();
        assert_eq!(controls, [false, false, false, true, false, false, true]);
        assert_eq!(items.items[0].address, items.items[1].address);
        assert_eq!((items.items[0].well.as_str(), items.items[1].well.as_str()), ("A01", "A01"));
        assert_eq!(items.items[1].split, Some(Split::Query));
        assert_eq!([0, 1].map(|i| items.items[i].simulated), [true, false]);
        assert!(items.notes[0].starts_with("1 structures cannot be read"), "{:?}", items.notes);
    }

    #[test]
    fn rows_that_name_no_compound_come_where_they_are_asked_for() {
        let items = Items::with_unnamed(&experiment());
        assert_eq!((items.len(), items.items[4].row_id.as_str(), items.items[4].compound), (8, "e", None));
        assert!(items.left_out.is_empty() && items.compound(4).is_none());
        let named: Vec<usize> = items.items.iter().filter_map(|item| item.compound).collect();
        assert_eq!(named, [0, 0, 1, 2, 3, 3, 4], "the compounds are those without it");
    }

    #[test]
    fn excluded_rows_are_left_out_and_counted() {
        let mut one = experiment();
        one.table = one.table.exclude(&[0, 2], "blurred").unwrap();
        let mut items = Items::of(&one);
        assert_eq!((items.len(), items.left_out["excluded in the table"]), (5, 2));
        items.retain("cannot be decoded", |item| item.row_id != "d");
        assert_eq!((items.len(), items.left_out["cannot be decoded"]), (4, 1));
    }

    #[test]
    fn one_name_with_two_structures_is_two_compounds_and_said() {
        let mut one = experiment();
        one.table = one.table.set(&[2, 5], "compound", "FCCP").unwrap();
        let items = Items::of(&one);
        assert_eq!(
            items.items[1].compound, items.items[2].compound,
            "rows without a structure share their name"
        );
        assert_ne!(items.items[0].compound, items.items[1].compound);
        assert!(items.notes.iter().any(|note| note.contains("fccp has 2 different structures")));
    }

    #[test]
    fn mechanisms_count_where_the_mito_dataset_chose_them() {
        let mut one = experiment();
        one.table = one.table.add_column(CHOSEN, crate::experiment::Kind::Text).unwrap();
        assert_eq!(Items::of(&one).items[0].moas.len(), 2, "an empty column chooses nothing");
        let cells = [(0, "1"), (1, "0"), (6, "0")];
        one.table = one.table.set_each(CHOSEN, &cells).unwrap();
        let items = Items::of(&one);
        let known: Vec<usize> = items.items.iter().map(|item| item.moas.len()).collect();
        assert_eq!(known, [2, 0, 0, 0, 0, 0, 0]);
        one.table = one.table.set(&[0], CHOSEN, "uncoupler").unwrap();
        assert_eq!(Items::of(&one).items[1].moas.len(), 1, "words choose nothing");
    }

    #[test]
    fn vectors_follow_row_names() {
        let items = Items::of(&experiment());
        let row_ids = ["h", "g", "f", "e", "d", "c", "b", "a"].map(str::to_owned).to_vec();
        let mut table = EmbeddingTable {
            row_ids,
            dim: 2,
            values: (0..16).map(|i| i as f32).collect(),
            model_hash: String::new(),
            ..EmbeddingTable::default()
        };
        let values = items.gather(&table).unwrap();
        assert_eq!((values.len(), &values[..4]), (14, &[14.0, 15.0, 12.0, 13.0][..]));
        table.values[13] = f32::NAN;
        let text = items.gather(&table).unwrap_err().to_string();
        assert!(text.starts_with("number 1 of the embedding of b is not finite"), "{text}");
        table.values[13] = 13.0;
        table.row_ids[7] = "z".to_owned();
        let text = items.gather(&table).unwrap_err().to_string();
        assert!(text.starts_with("1 of 7 rows have no embedding, the first is a."), "{text}");
    }
}
