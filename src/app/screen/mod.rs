//! The experiment on screen: what table, plate, contact sheet and structures share.

pub mod blind;
pub mod command;
mod mask;
pub mod scale;
pub mod selection;

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use self::blind::{Codes, is_harmless};
use self::mask::Mask;
use self::scale::Scale;
use self::selection::{Gesture, Selection};
use crate::analysis::profile::{Bar, Deviations, feature as named_feature};
use crate::app::sketches::Sketches;
use crate::app::thumbnails::{Textures, Thumbnails};
use crate::experiment::columns::EXCLUDED;
use crate::experiment::view::{self, Query};
use crate::experiment::wells::{PlateFormat, Well};
use crate::experiment::{Column, EmbeddingTable, Experiment, Kind, PROFILE, Role, Table};
use crate::video::Address;

/// What the user chose to see: kept with the project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools)] // each is a switch of its own
pub struct Look {
    /// Sorting and filtering.
    pub query: Query,
    /// Columns that are hidden.
    pub hidden: BTreeSet<String>,
    /// Column that colours plate and contact sheet.
    pub colour_by: String,
    /// Embedding whose named features are shown; the table's own profile, if it is gone or empty.
    pub features_of: String,
    /// Feature that colours the plate in place of the column.
    pub feature: Option<FeatureColour>,
    /// All plates side by side.
    pub all_plates: bool,
    /// The plate shown; the first one, if `None` or gone.
    pub plate: Option<String>,
    /// Treatments are hidden.
    pub blind: bool,
    /// The player shows what is selected.
    pub follow: bool,
    /// Width of a thumbnail, points.
    pub thumbnail: f32,
    /// Thumbnails share their contrast.
    pub same_contrast: bool,
}

/// A feature that colours wells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureColour {
    /// Its name in the embedding.
    pub name: String,
    /// As the embedding has it, not in deviations from the plate's controls.
    pub raw: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            query: Query { show_excluded: true, ..Query::default() },
            hidden: BTreeSet::new(),
            colour_by: "moa".into(),
            features_of: String::new(),
            feature: None,
            all_plates: false,
            plate: None,
            blind: false,
            follow: true,
            thumbnail: 112.0,
            same_contrast: true,
        }
    }
}

impl Look {
    /// What a new experiment is seen with: columns without a value, and those that say where files lie and how they
    /// are calibrated, are hidden at first.
    pub fn first(table: &Table) -> Self {
        let is_technical = |column: &Column| {
            matches!(column.role, Role::Address | Role::Calibration) || column.name == "smiles"
        };
        let columns = table.columns().into_iter();
        let hidden =
            columns.filter(|c| is_technical(c) || is_empty(table, &c.name)).map(|c| c.name).collect();
        Self { hidden, ..Self::default() }
    }
}

/// True for a column without a single value.
fn is_empty(table: &Table, column: &str) -> bool {
    table.frame().column(column).map_or(true, |values| values.null_count() == table.len())
}

/// One plate: which rows lie in which well.
#[derive(Debug, Clone, Default)]
pub struct Plate {
    /// Name; empty where the table names none.
    pub name: String,
    /// Rows of each well.
    pub wells: BTreeMap<Well, Vec<u32>>,
    /// Size.
    pub format: Option<PlateFormat>,
}

/// Rows with one compound, as the table names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compound {
    /// Name; empty where only a structure is given.
    pub name: String,
    /// Structure; empty where only a name is given.
    pub smiles: String,
    /// Mechanisms of action.
    pub moa: String,
    /// Its rows.
    pub rows: Vec<u32>,
}

/// Made from the table when a panel first asks, and again when the table has changed.
#[derive(Default)]
struct Derived {
    rows: OnceCell<Vec<u32>>,
    codes: OnceCell<Codes>,
    mask: OnceCell<Mask>,
    plates: OnceCell<Vec<Plate>>,
    compounds: OnceCell<Vec<Compound>>,
    scale: OnceCell<Scale>,
    feature_scale: OnceCell<Option<Scale>>,
    excluded: OnceCell<usize>,
    simulated: OnceCell<usize>,
}

/// The experiment, and how it is looked at.
pub struct Screen {
    experiment: Experiment,
    look: Look,
    /// Selected rows.
    pub selection: Selection,
    /// Column of the cell that was clicked last: with the current row it is the cell that F2 edits and that a paste starts from.
    pub column: Option<String>,
    /// Rows whose recordings the player shows, by their addresses.
    pub playing: HashMap<Address, u32>,
    /// Rows without a recording that the player shows by their features.
    pub by_features: Vec<u32>,
    /// The job that compares features with the controls.
    pub features_job: Option<u64>,
    features: Option<Arc<Deviations>>,
    /// What the player shows of rows by their features.
    furthest: RefCell<HashMap<u32, Option<Arc<[Bar]>>>>,
    /// What features were compared last: vectors, and the table.
    compared: Option<(Arc<EmbeddingTable>, Table)>,
    /// Revision of the table that was looked at last for [`Self::to_compare`].
    compared_at: u64,
    /// Structures.
    pub sketches: Sketches,
    /// Thumbnails of rows.
    pub thumbnails: Thumbnails,
    /// Their textures.
    pub textures: RefCell<Textures>,
    derived: Derived,
    revision: u64,
}

/// Counts tables of all experiments.
static REVISIONS: AtomicU64 = AtomicU64::new(1);

fn next_revision() -> u64 {
    REVISIONS.fetch_add(1, Ordering::Relaxed)
}

impl Screen {
    /// Puts an experiment on screen.
    pub fn new(mut experiment: Experiment, look: Look, thumbnails: Thumbnails, sketches: Sketches) -> Self {
        // Tags and notes can be written at once.
        for column in ["tags", "note"] {
            if experiment.table.column(column).is_none()
                && let Ok(table) = experiment.table.add_column(column, Kind::Text)
            {
                experiment.table = table;
            }
        }
        Self {
            experiment,
            look,
            selection: Selection::default(),
            column: None,
            playing: HashMap::new(),
            by_features: Vec::new(),
            features_job: None,
            features: None,
            furthest: RefCell::default(),
            compared: None,
            compared_at: 0,
            sketches,
            thumbnails,
            textures: RefCell::default(),
            derived: Derived::default(),
            revision: next_revision(),
        }
    }

    /// The experiment.
    pub fn experiment(&self) -> &Experiment {
        &self.experiment
    }

    /// Its table.
    pub fn table(&self) -> &Table {
        &self.experiment.table
    }

    /// A number of this table alone, so that what was made from an older one, or from that of another experiment, can be
    /// told. It grows with each change.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// What the user chose to see.
    pub fn look(&self) -> &Look {
        &self.look
    }

    /// Puts another table in place, and gives the old one back.
    pub fn set_table(&mut self, table: Table) -> Table {
        self.revision = next_revision();
        self.derived = Derived::default();
        let before = std::mem::replace(&mut self.experiment.table, table);
        // A first tag or note must be seen, although empty columns are hidden.
        let now = &self.experiment.table;
        self.look.hidden.retain(|column| !is_empty(&before, column) || is_empty(now, column));
        before
    }

    /// Keeps embeddings under a name. The table stays as it is, and so does what was made from it.
    pub fn keep_embeddings(&mut self, name: String, table: Arc<EmbeddingTable>) {
        self.experiment.embeddings.insert(name, table);
    }

    /// Puts embeddings of a name in place, or takes them away; those that had the name come back.
    pub fn put_embeddings(
        &mut self,
        name: &str,
        table: Option<Arc<EmbeddingTable>>,
    ) -> Option<Arc<EmbeddingTable>> {
        let before = self.experiment.embeddings.remove(name);
        // They may be the ones that colour the plate.
        self.derived.feature_scale = OnceCell::new();
        if let Some(table) = table {
            self.keep_embeddings(name.to_owned(), table);
        }
        before
    }

    /// Puts an experiment in place that was made from this one (relocated paths). Embeddings that were kept since stay.
    pub fn set_experiment(&mut self, experiment: Experiment) {
        self.revision = next_revision();
        self.derived = Derived::default();
        let embeddings = std::mem::take(&mut self.experiment.embeddings);
        self.experiment = Experiment { embeddings, ..experiment };
    }

    /// Changes what is seen.
    pub fn set_look(&mut self, mut look: Look) {
        if look.blind != self.look.blind {
            // What was sorted or filtered by a hidden column would tell its order.
            look.query.sort.clear();
            look.query.filters.clear();
            look.query.text.clear();
        }
        let derived = &mut self.derived;
        if look.query != self.look.query || look.blind != self.look.blind {
            derived.rows = OnceCell::new();
        }
        if look.colour_by != self.look.colour_by || look.blind != self.look.blind {
            derived.scale = OnceCell::new();
        }
        if look.feature != self.look.feature || look.features_of != self.look.features_of {
            derived.feature_scale = OnceCell::new();
        }
        self.look = look;
    }

    /// Rows to show, in their order.
    pub fn rows(&self) -> &[u32] {
        self.derived.rows.get_or_init(|| {
            let query = &self.look.query;
            if !self.look.blind {
                return view::rows(self.table(), query);
            }
            // Only what can be seen can be searched, and the order of import would tell plates and doses.
            let mut rows = view::rows_searched(self.table(), query, is_harmless);
            if query.sort.is_empty() {
                let shown: BTreeSet<u32> = rows.into_iter().collect();
                rows = self.codes().order.iter().copied().filter(|r| shown.contains(r)).collect();
            }
            rows
        })
    }

    /// Codes for blind scoring.
    pub fn codes(&self) -> &Codes {
        self.derived.codes.get_or_init(|| Codes::new(&self.experiment.id, self.table()))
    }

    /// A message of the program as it may be read: while blind without what names recordings and treatments.
    pub fn masked<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if !self.look.blind {
            return Cow::Borrowed(text);
        }
        self.derived.mask.get_or_init(|| Mask::new(self.table(), self.codes())).apply(text)
    }

    /// Names of the columns that are shown, in their order.
    pub fn columns(&self) -> Vec<String> {
        let all = self.table().columns().into_iter().map(|c| c.name);
        if self.look.blind {
            // Tags and notes are what blind scoring is for: they are there before the first is written.
            let shown =
                |c: &String| is_harmless(c) && (c == "tags" || c == "note" || !self.look.hidden.contains(c));
            return std::iter::once(blind::CODE.to_owned()).chain(all.filter(shown)).collect();
        }
        all.filter(|c| !self.look.hidden.contains(c)).collect()
    }

    /// What a cell of the table says.
    pub fn text(&self, row: u32, column: &str) -> String {
        if column == blind::CODE && self.look.blind {
            return self.codes().code(row);
        }
        self.table().text(row as usize, column)
    }

    /// Selected rows that are shown, in the order of the table.
    pub fn selected_in_order(&self) -> Vec<u32> {
        self.rows().iter().copied().filter(|&row| self.selection.contains(row)).collect()
    }

    /// True for columns that can be written into: a row's name ties embeddings and notes to it, and what is hidden is not
    /// written blindly.
    pub fn is_editable(&self, column: &str) -> bool {
        column != "row_id"
            && (!self.look.blind || is_harmless(column))
            && self.table().column(column).is_some()
    }

    /// Column that colours, where it may be seen.
    pub fn colour_by(&self) -> &str {
        if self.look.blind && !is_harmless(&self.look.colour_by) { "tags" } else { &self.look.colour_by }
    }

    /// Colours of the rows.
    pub fn scale(&self) -> &Scale {
        self.derived.scale.get_or_init(|| Scale::new(self.table(), self.colour_by()))
    }

    /// The embedding whose named features are shown, with its name: the one that was chosen, else the table's own profile, else
    /// the first that has names.
    pub fn featured(&self) -> Option<(&str, &Arc<EmbeddingTable>)> {
        let all = &self.experiment.embeddings;
        let named = |name: &str| all.get_key_value(name).filter(|(_, table)| has_names(table));
        let first = || all.iter().find(|(_, table)| has_names(table));
        let found = named(&self.look.features_of).or_else(|| named(PROFILE)).or_else(first);
        found.map(|(name, table)| (name.as_str(), table))
    }

    /// Names of the embeddings whose numbers have names.
    pub fn with_features(&self) -> impl Iterator<Item = &str> {
        let all = self.experiment.embeddings.iter();
        all.filter(|(_, table)| has_names(table)).map(|(name, _)| name.as_str())
    }

    /// Features of the rows beside those of the controls; `None` while they are compared, and without named features.
    pub fn features(&self) -> Option<&Arc<Deviations>> {
        let (_, table) = self.featured()?;
        self.features.as_ref().filter(|features| Arc::ptr_eq(features.vectors(), table))
    }

    /// Takes in features that a job has compared, unless others are shown by now.
    pub fn set_features(&mut self, features: Arc<Deviations>) {
        if self.featured().is_some_and(|(_, table)| Arc::ptr_eq(table, features.vectors())) {
            self.features = Some(features);
            self.furthest.get_mut().clear();
            self.derived.feature_scale = OnceCell::new();
        }
    }

    /// The features in which a row differs most from the controls; worked out when it is first asked for. `None` for a row without
    /// a vector, and while features are compared.
    pub fn furthest(&self, row: u32) -> Option<Arc<[Bar]>> {
        let features = self.features()?;
        let mut known = self.furthest.borrow_mut();
        if known.len() > FURTHEST_KEPT {
            known.clear();
        }
        let found = || features.furthest(row as usize, FURTHEST).map(Arc::from);
        known.entry(row).or_insert_with(found).clone()
    }

    /// The vectors whose features have to be compared with the controls of the table as it is now, once for each change.
    pub fn to_compare(&mut self) -> Option<Arc<EmbeddingTable>> {
        let vectors = Arc::clone(self.featured()?.1);
        let is_known = |(of, table): &(Arc<EmbeddingTable>, Table)| {
            // A tag or a note changes the table, and no comparison.
            Arc::ptr_eq(of, &vectors)
                && (self.compared_at == self.revision || has_same_controls(table, self.table()))
        };
        let is_known = self.compared.as_ref().is_some_and(is_known);
        self.compared_at = self.revision;
        if is_known {
            return None;
        }
        self.compared = Some((Arc::clone(&vectors), self.table().clone()));
        Some(vectors)
    }

    /// True where the comparison has ended without a result.
    pub fn has_failed_to_compare(&self) -> bool {
        let now = self.featured().map(|(_, vectors)| vectors);
        let last = self.compared.as_ref().map(|(vectors, _)| vectors);
        let is_latest = now.zip(last).is_some_and(|(now, last)| Arc::ptr_eq(now, last));
        is_latest && self.features_job.is_none() && self.features().is_none()
    }

    /// Colours of the wells: by the chosen feature, all plates on one scale, else as [`Self::scale`].
    pub fn plate_scale(&self) -> &Scale {
        let by_feature = self.derived.feature_scale.get_or_init(|| {
            let colour = self.look.feature.as_ref()?;
            let features = self.features()?;
            let feature = features.feature(&colour.name)?;
            let number = |row| if colour.raw { features.raw(row, feature) } else { features.z(row, feature) };
            let numbers: Vec<Option<f64>> =
                (0..self.table().len()).map(|row| number(row).map(f64::from)).collect();
            Some(if colour.raw {
                let unit = named_feature(&colour.name).unit;
                let unit = if unit.is_empty() { "as in the table" } else { unit };
                Scale::of_numbers(self.table(), &colour.name, &numbers, unit)
            } else {
                Scale::around_zero(self.table(), &colour.name, &numbers, "robust z")
            })
        });
        by_feature.as_ref().unwrap_or_else(|| self.scale())
    }

    /// Rows that come from a simulator.
    pub fn simulated(&self) -> usize {
        *self
            .derived
            .simulated
            .get_or_init(|| (0..self.table().len()).filter(|&row| self.experiment.is_simulated(row)).count())
    }

    /// Rows that are left out.
    pub fn excluded(&self) -> usize {
        *self.derived.excluded.get_or_init(|| self.table().excluded_count())
    }

    /// The plates, by name; rows without a well are on none.
    pub fn plates(&self) -> &[Plate] {
        self.derived.plates.get_or_init(|| {
            let mut plates: Vec<Plate> = Vec::new();
            for row in 0..self.table().len() {
                let Some(well) = Well::parse(&self.table().text(row, "well")) else { continue };
                let name = self.table().text(row, "plate");
                let index = plates.iter().position(|p| p.name == name).unwrap_or_else(|| {
                    plates.push(Plate { name, ..Plate::default() });
                    plates.len() - 1
                });
                plates[index].wells.entry(well).or_default().push(row as u32);
            }
            plates.sort_by(|a, b| natord::compare(&a.name, &b.name));
            for plate in &mut plates {
                plate.format = PlateFormat::guess(plate.wells.keys().copied());
            }
            plates
        })
    }

    /// The compounds by name. One name with two structures is two compounds: that is worth seeing.
    pub fn compounds(&self) -> &[Compound] {
        self.derived.compounds.get_or_init(|| {
            let table = self.table();
            let mut places: HashMap<(String, String), usize> = HashMap::new();
            let mut compounds: Vec<Compound> = Vec::new();
            for row in 0..table.len() {
                let key = (table.text(row, "compound"), table.text(row, "smiles"));
                if key.0.is_empty() && key.1.is_empty() {
                    continue;
                }
                let place = *places.entry(key).or_insert_with_key(|(name, smiles)| {
                    let (name, smiles, moa) = (name.clone(), smiles.clone(), table.text(row, "moa"));
                    compounds.push(Compound { name, smiles, moa, rows: Vec::new() });
                    compounds.len() - 1
                });
                compounds[place].rows.push(row as u32);
            }
            compounds.sort_by(|a, b| natord::compare_ignore_case(&a.name, &b.name));
            compounds
        })
    }

    /// The plate that is shown.
    pub fn plate(&self) -> Option<&Plate> {
        let plates = self.plates();
        let chosen = self.look.plate.as_ref().and_then(|name| plates.iter().find(|p| p.name == *name));
        chosen.or_else(|| plates.first())
    }

    /// Where a row's video is; `None` where the table names no usable path.
    pub fn address(&self, row: u32) -> Option<Address> {
        self.experiment.address(row as usize).ok()
    }

    /// What stands below a thumbnail and over a picture: treatment and dose, or the code while blind.
    pub fn caption(&self, row: u32) -> String {
        if self.look.blind {
            return self.codes().code(row);
        }
        let table = self.table();
        let index = row as usize;
        let compound = table.text(index, "compound");
        if compound.is_empty() {
            return table.row_id(index).to_owned();
        }
        match table.number(index, "concentration_uM") {
            Some(dose) => format!("{compound} {}", dose_text(dose)),
            None => compound,
        }
    }

    /// Selects rows; `shown` is the order of the view that was clicked.
    pub fn click(&mut self, row: u32, gesture: Gesture) {
        let rows = self.rows().to_vec();
        self.selection.click(row, gesture, &rows);
    }

    /// Selects what is some rows further in the table's order.
    pub fn step(&mut self, by: isize) {
        let rows = self.rows();
        let now = self.selection.current().and_then(|c| rows.iter().position(|&r| r == c));
        let next = match now {
            Some(at) => at.saturating_add_signed(by).min(rows.len().saturating_sub(1)),
            None => 0,
        };
        if let Some(&row) = rows.get(next) {
            self.selection.take(&[row], Gesture::Replace);
        }
    }
}

/// Features by which the player shows a row.
const FURTHEST: usize = 40;

/// Rows whose furthest features are kept.
const FURTHEST_KEPT: usize = 64;

/// True for tables that say the same of rows, plates and controls, and leave out the same rows.
fn has_same_controls(a: &Table, b: &Table) -> bool {
    let is_same = |column: &str| match (a.frame().column(column), b.frame().column(column)) {
        (Ok(a), Ok(b)) => a.equals_missing(b),
        (a, b) => a.is_err() && b.is_err(),
    };
    ["row_id", "plate", "compound", "smiles", "control", EXCLUDED].into_iter().all(is_same)
}

/// True for vectors whose numbers have names.
fn has_names(table: &EmbeddingTable) -> bool {
    table.dim > 0 && table.features.len() == table.dim
}

/// A count of rows in words.
pub fn rows_text(count: usize) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{count} rows") }
}

/// A concentration in the unit that keeps it readable.
pub fn dose_text(micromolar: f64) -> String {
    let (value, unit) = match micromolar.abs() {
        0.0 => (0.0, "µM"),
        v if v < 1e-3 => (micromolar * 1e6, "pM"),
        v if v < 1.0 => (micromolar * 1e3, "nM"),
        v if v >= 1e3 => (micromolar / 1e3, "mM"),
        _ => (micromolar, "µM"),
    };
    let digits = format!("{value:.3}");
    format!("{} {unit}", digits.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::dose_text;

    #[test]
    fn doses_read_as_on_a_label() {
        assert_eq!(dose_text(0.0), "0 µM");
        assert_eq!(dose_text(85.0), "85 µM");
        assert_eq!(dose_text(0.25), "250 nM");
        assert_eq!(dose_text(0.00781), "7.81 nM");
        assert_eq!(dose_text(0.000_5), "500 pM");
        assert_eq!(dose_text(10_000.0), "10 mM");
        assert_eq!(dose_text(3.333_33), "3.333 µM");
    }
}
