//! Which columns of a table are features, and which belong to the row: by their names, and by what the user chose.

use super::super::super::columns::{STANDARD, known};
use super::super::mapping::by_name;

/// How the names of `CellProfiler`'s features begin.
const NAMED: [&str; 4] = ["Cells_", "Cytoplasm_", "Nuclei_", "Image_"];
/// Of these, what is no measurement: numbers of images and objects, counts, times, errors.
const NO_FEATURE: [&str; 7] = [
    "Image_ImageNumber",
    "Image_Group_",
    "Image_Metadata_",
    "Image_Count_",
    "Image_ExecutionTime_",
    "Image_ModuleError_",
    "Image_ProcessingStatus",
];
/// Parts of names of columns that number objects, images or tables, also those of neighbours.
const NUMBERS: [&str; 4] = ["ObjectNumber", "Object_Number", "ImageNumber", "TableNumber"];
/// Words in names of columns that say what was done to a row, or number it.
const CODES: &[&str] = &[
    "batch",
    "barcode",
    "block",
    "class",
    "cid",
    "cluster",
    "code",
    "codes",
    "col",
    "column",
    "conc",
    "concentration",
    "count",
    "counts",
    "date",
    "day",
    "days",
    "dosage",
    "dose",
    "dpi",
    "field",
    "fold",
    "hour",
    "hours",
    "hpi",
    "id",
    "ids",
    "idx",
    "index",
    "label",
    "labels",
    "minutes",
    "n",
    "num",
    "number",
    "plate",
    "position",
    "rep",
    "replicate",
    "row",
    "run",
    "seed",
    "site",
    "time",
    "timepoint",
    "well",
    "year",
];

/// Which columns are taken for features.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Features {
    /// Numeric columns named `Cells_*`, `Cytoplasm_*`, `Nuclei_*`, `Image_*`; in a table whose other columns are all
    /// `Metadata_*`, the rest.
    #[default]
    Guess,
    /// Columns of these names, and numeric ones whose names begin so.
    Chosen(Vec<String>),
}

impl Features {
    /// Reads a list with commas, `Cells_,PC*,area`; nothing chosen is a guess.
    pub fn parse(text: &str) -> Self {
        let parts = text.split(',').map(|part| part.trim().trim_end_matches('*').to_owned());
        let parts: Vec<String> = parts.filter(|part| !part.is_empty()).collect();
        if parts.is_empty() { Self::Guess } else { Self::Chosen(parts) }
    }
}

/// A column as far as its name and its first values tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub name: String,
    /// Its first values are numbers, or it has none.
    pub is_numeric: bool,
    /// Its first values name files of recordings; `None` where no value was looked at.
    pub names_recordings: Option<bool>,
}

/// What the columns of a table are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Roles {
    /// A table of profiles.
    Known {
        /// Places of the features, ascending.
        features: Vec<usize>,
        /// Places of numeric columns that are not taken unasked.
        passed: Vec<usize>,
    },
    /// A table of profiles, but which of these columns are features is open.
    Open(Vec<String>),
    /// No table of profiles.
    Other,
}

/// Tells features from what belongs to the row.
///
/// # Errors
/// What was chosen is not there, a clause.
pub(super) fn roles(columns: &[Column], features: &Features) -> Result<Roles, String> {
    match features {
        Features::Guess => Ok(guessed(columns)),
        Features::Chosen(parts) => chosen(columns, parts),
    }
}

/// Numeric columns that the user may choose from.
pub(super) fn candidates(columns: &[Column]) -> Vec<String> {
    let is_open = |column: &&Column| column.is_numeric && !is_of_row(&column.name);
    columns.iter().filter(is_open).map(|column| column.name.clone()).collect()
}

fn guessed(columns: &[Column]) -> Roles {
    let places = |wanted: &dyn Fn(&Column) -> bool| -> Vec<usize> {
        (0..columns.len()).filter(|&place| wanted(&columns[place])).collect()
    };
    let is_named =
        |column: &Column| column.is_numeric && NAMED.iter().any(|start| column.name.starts_with(start));
    let features = places(&|column| is_named(column) && !is_bookkeeping(&column.name));
    // A column alone may be called so by chance.
    if features.len() > 1 {
        let passed = places(&|column| is_named(column) && is_bookkeeping(&column.name));
        return Roles::Known { features, passed };
    }
    let is_metadata = columns.iter().any(|column| has_prefix(&column.name));
    if !is_metadata || columns.iter().any(is_of_recordings) {
        return Roles::Other;
    }
    let is_rest =
        |column: &Column| column.is_numeric && !is_of_row(&column.name) && !has_usual_name(&column.name);
    let features = places(&|column| is_rest(column) && !is_code(&column.name));
    if features.is_empty() {
        return Roles::Other;
    }
    if columns.iter().any(|column| !column.is_numeric && !is_of_row(&column.name)) {
        return Roles::Open(features.iter().map(|&place| columns[place].name.clone()).collect());
    }
    let passed = places(&|column| is_rest(column) && is_code(&column.name));
    Roles::Known { features, passed }
}

fn chosen(columns: &[Column], parts: &[String]) -> Result<Roles, String> {
    let mut taken = vec![false; columns.len()];
    for part in parts {
        if let Some(place) = columns.iter().position(|column| column.name == *part) {
            if !columns[place].is_numeric {
                return Err(format!("the column {part} holds text, no numbers"));
            }
            taken[place] = true;
            continue;
        }
        let begins = |column: &Column| column.is_numeric && column.name.starts_with(part.as_str());
        if !columns.iter().any(begins) {
            return Err(format!("no numeric column is called {part}, and the name of none begins so"));
        }
        taken.iter_mut().zip(columns).for_each(|(taken, column)| *taken |= begins(column));
    }
    let features = (0..columns.len()).filter(|&place| taken[place]).collect();
    Ok(Roles::Known { features, passed: Vec::new() })
}

fn has_prefix(name: &str) -> bool {
    name.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("metadata_"))
}

/// A name without the prefix of columns that belong to the row.
pub(super) fn bare(name: &str) -> &str {
    if has_prefix(name) { &name[9..] } else { name }
}

/// True for columns that belong to the row whatever they hold: `Metadata_*`, the manifest's own, running numbers without a
/// name.
fn is_of_row(name: &str) -> bool {
    let is_running = |start: &&str| {
        let rest = name.strip_prefix(*start).map(|rest| rest.trim_end_matches('_'));
        rest.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
    };
    name.is_empty()
        || has_prefix(name)
        || known(name).is_some()
        || ["Unnamed: ", "column ", "__index_level_"].iter().any(is_running)
}

/// True for other names under which the manifest's columns come: `dose`, `barcode`, `conc_nM`.
fn has_usual_name(name: &str) -> bool {
    STANDARD.iter().any(|standard| by_name(name, standard).is_some())
}

/// True for a column that says where the rows' recordings are: by its name, and by values that are files of such.
fn is_of_recordings(column: &Column) -> bool {
    let is_called_so = || {
        let path = STANDARD.iter().find(|standard| standard.name == "path");
        !column.is_numeric && path.is_some_and(|path| by_name(&column.name, path).is_some())
    };
    bare(&column.name).eq_ignore_ascii_case("path") || column.names_recordings.unwrap_or_else(is_called_so)
}

fn is_bookkeeping(name: &str) -> bool {
    NO_FEATURE.iter().any(|start| name.starts_with(start)) || is_number(name)
}

/// True for `CellProfiler`'s columns that number objects, images or tables: `Cells_Neighbors_FirstClosestObjectNumber_Adjacent`.
pub(in super::super) fn is_number(name: &str) -> bool {
    NUMBERS.iter().any(|part| name.contains(part))
}

/// True for names of codes, doses, times, counts, ids: `injury_code`, `CellCount`, `Time (h)`.
fn is_code(name: &str) -> bool {
    let mut word = String::new();
    let mut last_is_lower = false;
    for letter in name.chars().chain(std::iter::once(' ')) {
        if !letter.is_alphabetic() || (letter.is_uppercase() && last_is_lower) {
            if CODES.contains(&word.as_str()) {
                return true;
            }
            word.clear();
        }
        if letter.is_alphabetic() {
            word.extend(letter.to_lowercase());
        }
        last_is_lower = letter.is_lowercase();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(names: &[&str]) -> Vec<Column> {
        // `name=` is a column of text, `name@` one of recordings.
        let column = |name: &&str| Column {
            name: name.trim_end_matches(['=', '@']).to_owned(),
            is_numeric: !name.ends_with(['=', '@']),
            names_recordings: Some(name.ends_with('@')),
        };
        names.iter().map(column).collect()
    }

    fn known_of(names: &[&str], features: &Features) -> (Vec<String>, Vec<String>) {
        let columns = columns(names);
        let Roles::Known { features, passed } = roles(&columns, features).unwrap() else {
            panic!("{names:?}")
        };
        let of = |places: Vec<usize>| places.into_iter().map(|place| columns[place].name.clone()).collect();
        (of(features), of(passed))
    }

    #[test]
    fn features_are_told_by_their_names() {
        let (features, passed) = known_of(
            &[
                "injury_code",
                "injury_type=",
                "Plate=",
                "Compound Concentration (microMolar)",
                "Cells_AreaShape_Area",
                "Nuclei_Texture_X",
                "Image_Count_Cells",
                "Image_FileName_DNA=",
                "Image_Quality_Blur",
                "Cells_Number_Object_Number",
                "Relative well cellcount",
            ],
            &Features::Guess,
        );
        assert_eq!(features, ["Cells_AreaShape_Area", "Nuclei_Texture_X", "Image_Quality_Blur"]);
        assert_eq!(passed, ["Image_Count_Cells", "Cells_Number_Object_Number"]);
    }

    #[test]
    fn among_metadata_the_rest_is_taken_but_for_codes() {
        let (features, passed) = known_of(
            &[
                "",
                "row_id=",
                "Metadata_Plate=",
                "Metadata_dose",
                "emb_0",
                "emb_1",
                "injury_code",
                "CellCount",
                "Time",
                "barcode",
                "dose_nM",
                "biorep",
                "run_2",
                "idx",
            ],
            &Features::Guess,
        );
        assert_eq!(features, ["emb_0", "emb_1"]);
        assert_eq!(passed, ["injury_code", "CellCount", "Time", "run_2", "idx"]);
    }

    #[test]
    fn what_is_open_is_asked_and_other_tables_are_none() {
        let open = columns(&[
            "Metadata_Plate=",
            "Metadata_Well=",
            "Cell_type=",
            "Time",
            "treatment=",
            "cell_count",
            "Anaphase",
            "Hole",
        ]);
        assert_eq!(roles(&open, &Features::Guess), Ok(Roles::Open(vec!["Anaphase".into(), "Hole".into()])));
        assert_eq!(candidates(&open), ["Time", "cell_count", "Anaphase", "Hole"]);
        for names in [
            &["row_id=", "path=", "well=", "dose", "speed"][..],
            &["Metadata_path=", "Metadata_Plate=", "speed"],
            &["Metadata_FileName@", "Metadata_Plate=", "speed"],
            &["video@", "Metadata_Plate=", "speed"],
            &["Metadata_Plate=", "Metadata_Well=", "dose"],
            &["well=", "compound=", "a", "b"],
            &["path=", "Cells_per_field"],
        ] {
            assert_eq!(roles(&columns(names), &Features::Guess), Ok(Roles::Other), "{names:?}");
        }
    }

    #[test]
    fn what_the_user_chooses_is_taken_even_if_it_looks_like_a_code() {
        let names = ["Metadata_Plate=", "name=", "PC1", "PC2", "cell_count", "other"];
        let (features, passed) = known_of(&names, &Features::parse("PC*, cell_count"));
        assert_eq!((features.join(" "), passed.len()), ("PC1 PC2 cell_count".to_owned(), 0));
        for (chosen, why) in [("nothing", "no numeric column is called nothing"), ("name", "holds text")] {
            let text = roles(&columns(&names), &Features::parse(chosen)).unwrap_err();
            assert!(text.contains(why), "{text}");
        }
        assert_eq!(Features::parse(" , "), Features::Guess);
    }

    #[test]
    fn codes_are_words_not_parts_of_words() {
        for name in ["injury_code", "CellCount", "Time (h)", "n_cells", "Compound PubChem CID", "dose", "ID"]
        {
            assert!(is_code(name), "{name}");
        }
        for name in
            ["ADCCM", "Interphase", "Identity", "Nuclei_timely", "PC1", "emb_12", "Overcount", "Decode"]
        {
            assert!(!is_code(name), "{name}");
        }
    }
}
