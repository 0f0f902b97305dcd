//! Columns of a data frame: arrays, texts, categories, and what may be missing.

use std::borrow::Cow;
use std::collections::BTreeSet;

use hdf5_pure::{DType, Dataset, Datatype, Group, VlenStringReadOptions};

use super::{Bounds, H5adError, check, damaged, datasets, group, groups, shape, too_large};

/// Where anndata 0.7 kept the texts of categorical columns.
const CATEGORIES: &str = "__categories";

/// The cells of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Cells {
    /// Texts.
    Texts(Vec<Option<String>>),
    /// Texts of which each stands once.
    Coded {
        /// Places in `texts`, all inside it.
        codes: Vec<Option<u32>>,
        /// The texts.
        texts: Vec<String>,
    },
    /// Whole numbers.
    Integers(Vec<Option<i64>>),
    /// Numbers; NaN where one is missing.
    Numbers(Vec<f64>),
    /// True or false.
    Flags(Vec<Option<bool>>),
}

impl Cells {
    /// Number of cells.
    pub const fn len(&self) -> usize {
        match self {
            Self::Texts(cells) => cells.len(),
            Self::Coded { codes, .. } => codes.len(),
            Self::Integers(cells) => cells.len(),
            Self::Numbers(cells) => cells.len(),
            Self::Flags(cells) => cells.len(),
        }
    }

    /// True without cells.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of its texts, each once.
    pub(super) fn text_bytes(&self) -> usize {
        match self {
            Self::Texts(cells) => cells.iter().flatten().map(String::len).sum(),
            Self::Coded { texts, .. } => texts.iter().map(String::len).sum(),
            Self::Integers(_) | Self::Numbers(_) | Self::Flags(_) => 0,
        }
    }

    /// Bytes of its cells, without the texts.
    pub(super) const fn bytes(&self) -> usize {
        match self {
            Self::Texts(cells) => size_of_val(cells.as_slice()),
            Self::Coded { codes, texts } => size_of_val(codes.as_slice()) + size_of_val(texts.as_slice()),
            Self::Integers(cells) => size_of_val(cells.as_slice()),
            Self::Numbers(cells) => size_of_val(cells.as_slice()),
            Self::Flags(cells) => size_of_val(cells.as_slice()),
        }
    }

    /// True for a cell without a value, and past the end.
    pub(super) fn is_missing(&self, row: usize) -> bool {
        match self {
            Self::Texts(cells) => cells.get(row).is_none_or(Option::is_none),
            Self::Coded { codes, .. } => codes.get(row).is_none_or(Option::is_none),
            Self::Integers(cells) => cells.get(row).is_none_or(Option::is_none),
            Self::Numbers(cells) => cells.get(row).is_none_or(|value| !value.is_finite()),
            Self::Flags(cells) => cells.get(row).is_none_or(Option::is_none),
        }
    }

    /// A cell as text; empty where its value is missing or not finite, and past the end.
    pub fn text(&self, row: usize) -> Cow<'_, str> {
        fn plain<T: ToString>(cell: Option<T>) -> Cow<'static, str> {
            cell.map_or(Cow::Borrowed(""), |value| Cow::Owned(value.to_string()))
        }
        match self {
            Self::Texts(cells) => cells.get(row).and_then(Option::as_deref).unwrap_or_default().into(),
            Self::Coded { codes, texts } => {
                let text = codes.get(row).copied().flatten().and_then(|code| texts.get(code as usize));
                text.map_or("", String::as_str).into()
            }
            Self::Integers(cells) => plain(cells.get(row).copied().flatten()),
            Self::Numbers(cells) => plain(cells.get(row).filter(|value| value.is_finite())),
            Self::Flags(cells) => plain(cells.get(row).copied().flatten()),
        }
    }

    /// Empties the cells for which `is_missing` holds.
    fn without(mut self, is_missing: &[bool]) -> Self {
        fn clear<T>(cells: &mut [T], is_missing: &[bool], none: impl Fn() -> T) {
            for (cell, _) in cells.iter_mut().zip(is_missing).filter(|(_, missing)| **missing) {
                *cell = none();
            }
        }
        match &mut self {
            Self::Texts(cells) => clear(cells, is_missing, || None),
            Self::Coded { codes, .. } => clear(codes, is_missing, || None),
            Self::Integers(cells) => clear(cells, is_missing, || None),
            Self::Numbers(cells) => clear(cells, is_missing, || f64::NAN),
            Self::Flags(cells) => clear(cells, is_missing, || None),
        }
        self
    }
}

/// What a column of a data frame holds; or a clause that says why no cell shows it.
type Found = Result<Cells, String>;

/// A data frame whose parts are known: to list them for each column again would take a long time.
pub(super) struct Frame {
    pub group: Group,
    arrays: BTreeSet<String>,
    tables: BTreeSet<String>,
    /// Texts of categorical columns of anndata 0.7, and which columns have some.
    categories: Option<(Group, BTreeSet<String>)>,
}

impl Frame {
    pub fn of(root: &Group, place: &str) -> Result<Self, H5adError> {
        let group = group(root, place)?;
        let arrays = datasets(&group, place)?.into_iter().collect();
        let mut tables: BTreeSet<String> = groups(&group, place)?.into_iter().collect();
        let categories = if tables.remove(CATEGORIES) {
            let own = super::group(&group, CATEGORIES)?;
            let names = datasets(&own, place)?.into_iter().collect();
            Some((own, names))
        } else {
            None
        };
        Ok(Self { group, arrays, tables, categories })
    }

    /// Names of its columns and of its index, by name.
    pub fn names(&self) -> Vec<String> {
        self.arrays.union(&self.tables).cloned().collect()
    }

    /// The array that is as long as a column; `None` where there is none of this name, or it is of another kind.
    pub fn list_of(&self, name: &str, place: &str) -> Result<Option<Dataset>, H5adError> {
        let part = |group: &Group, name: &str| group.dataset(name).map_err(|e| damaged(place, e.to_string()));
        if self.arrays.contains(name) {
            return part(&self.group, name).map(Some);
        }
        if !self.tables.contains(name) {
            return Ok(None);
        }
        let column = group(&self.group, name)?;
        let parts = datasets(&column, place)?;
        let list = ["codes", "values"].into_iter().find(|list| parts.iter().any(|part| part == list));
        list.map(|list| part(&column, list)).transpose()
    }

    /// Reads a column.
    pub fn column(&self, name: &str, place: &str, rows: usize, bounds: &Bounds) -> Result<Found, H5adError> {
        let part = |group: &Group, name: &str| group.dataset(name).map_err(|e| damaged(place, e.to_string()));
        if self.arrays.contains(name) {
            let dataset = part(&self.group, name)?;
            return match &self.categories {
                Some((group, names)) if names.contains(name) => {
                    coded(&dataset, &part(group, name)?, place, rows, bounds)
                }
                _ => of_dataset(&dataset, place, rows, bounds),
            };
        }
        if !self.tables.contains(name) {
            return Err(damaged(place, "the table names this column and has none of it"));
        }
        of_table(&group(&self.group, name)?, place, rows, bounds)
    }
}

/// Reads a column that is a group: a categorical or a nullable one.
fn of_table(column: &Group, place: &str, rows: usize, bounds: &Bounds) -> Result<Found, H5adError> {
    let part = |name: &str| column.dataset(name).map_err(|e| damaged(place, e.to_string()));
    let parts = datasets(column, place)?;
    let has = |name: &str| parts.iter().any(|part| part == name);
    let categories = if has("categories") {
        Some(part("categories")?)
    } else if groups(column, place)?.iter().any(|table| table == "categories") {
        // Texts of pandas 3, with a mask: no category is missing.
        let texts = group(column, "categories")?.dataset("values");
        Some(texts.map_err(|e| damaged(place, e.to_string()))?)
    } else {
        None
    };
    if let (true, Some(categories)) = (has("codes"), categories) {
        return coded(&part("codes")?, &categories, place, rows, bounds);
    }
    if !(has("values") && has("mask")) {
        return Ok(Err("it is neither an array nor a category nor a nullable array".to_owned()));
    }
    let mask = format!("{place}/mask");
    let is_missing = match of_dataset(&part("mask")?, &mask, rows, bounds)? {
        Ok(Cells::Flags(flags)) => flags.iter().map(|flag| *flag == Some(true)).collect::<Vec<_>>(),
        _ => return Err(damaged(&mask, "it holds no flags")),
    };
    let values = of_dataset(&part("values")?, &format!("{place}/values"), rows, bounds)?;
    Ok(values.map(|cells| cells.without(&is_missing)))
}

/// A column of codes, -1 where a value is missing, and the texts that they stand for.
fn coded(
    codes: &Dataset,
    categories: &Dataset,
    place: &str,
    rows: usize,
    bounds: &Bounds,
) -> Result<Found, H5adError> {
    let of_codes = format!("{place}/codes");
    let Ok(Cells::Integers(codes)) = of_dataset(codes, &of_codes, rows, bounds)? else {
        return Err(damaged(&of_codes, "it holds no whole numbers"));
    };
    let of_texts = format!("{place}/categories");
    let len = match *shape(categories, &of_texts)?.as_slice() {
        [len] if len <= bounds.rows as u64 => len as usize,
        [len] => return Err(too_large(&of_texts, format!("{len} categories"))),
        _ => return Err(damaged(&of_texts, "it is no list")),
    };
    // A column without a value has no categories, and their type says nothing.
    let texts =
        if len == 0 { Ok(Cells::Texts(Vec::new())) } else { of_dataset(categories, &of_texts, len, bounds)? };
    let cells = match texts {
        Ok(cells) => cells,
        Err(why) => return Ok(Err(format!("of its categories, {why}"))),
    };
    let texts: Vec<String> = (0..len).map(|row| cells.text(row).into_owned()).collect();
    let place_of = |code: &Option<i64>| match code {
        None | Some(-1) => Ok(None),
        Some(code) => match usize::try_from(*code) {
            Ok(place) if place < texts.len() => Ok(Some(place as u32)),
            _ => Err(damaged(&of_codes, format!("{code} is none of {} categories", texts.len()))),
        },
    };
    let codes = codes.iter().map(place_of).collect::<Result<_, _>>()?;
    Ok(Ok(Cells::Coded { codes, texts }))
}

/// Reads a list of so many values.
pub(super) fn of_dataset(
    dataset: &Dataset,
    place: &str,
    len: usize,
    bounds: &Bounds,
) -> Result<Found, H5adError> {
    check(dataset, place, &[len])?;
    let failed = |e: hdf5_pure::Error| damaged(place, e.to_string());
    let cells = match dataset.dtype().map_err(failed)? {
        DType::F64 => Cells::Numbers(dataset.read_f64().map_err(failed)?),
        // 0.1, not the double that is nearest to the float that is nearest to it.
        DType::F32 => Cells::Numbers(dataset.read_f32().map_err(failed)?.into_iter().map(shortest).collect()),
        DType::I8 | DType::I16 | DType::I32 | DType::I64 | DType::U8 | DType::U16 | DType::U32 => {
            Cells::Integers(dataset.read_i64().map_err(failed)?.into_iter().map(Some).collect())
        }
        DType::U64 => {
            let values = dataset.read_u64().map_err(failed)?;
            let whole: Option<Vec<Option<i64>>> =
                values.iter().map(|value| i64::try_from(*value).ok().map(Some)).collect();
            match whole {
                Some(whole) => Cells::Integers(whole),
                None => Cells::Numbers(values.iter().map(|value| *value as f64).collect()),
            }
        }
        DType::Enum(names) if names.iter().map(|name| name.to_lowercase()).eq(["false", "true"]) => {
            match flags(dataset).map_err(failed)? {
                Some(flags) => Cells::Flags(flags),
                None => return Ok(Err("it holds flags that are neither true nor false".to_owned())),
            }
        }
        DType::String | DType::VariableLengthString => {
            Cells::Texts(texts(dataset, place, len, bounds)?.into_iter().map(Some).collect())
        }
        other => {
            let what: String = other.to_string().chars().take(80).collect();
            return Ok(Err(format!("it holds {what}")));
        }
    };
    if cells.len() != len {
        return Err(damaged(place, format!("it has {} values, not {len}", cells.len())));
    }
    Ok(Ok(cells))
}

/// Reads flags of one byte by what the file says each value means; `None` where it says nothing of one.
pub(super) fn flags(dataset: &Dataset) -> Result<Option<Vec<Option<bool>>>, hdf5_pure::Error> {
    let Datatype::Enumeration { members, .. } = dataset.datatype()? else { return Ok(None) };
    let meaning = |flag: u8| {
        let member = members.iter().find(|member| member.value == [flag])?;
        match member.name.to_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    };
    let known: Option<Vec<Option<bool>>> =
        dataset.read_u8()?.into_iter().map(|flag| meaning(flag).map(Some)).collect();
    Ok(known)
}

fn shortest(value: f32) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| f64::from(value))
}

/// Reads so many texts, of one length or each of its own.
pub(super) fn texts(
    dataset: &Dataset,
    place: &str,
    len: usize,
    bounds: &Bounds,
) -> Result<Vec<String>, H5adError> {
    let failed = |e: hdf5_pure::Error| damaged(place, e.to_string());
    let texts = match dataset.dtype().map_err(failed)? {
        DType::VariableLengthString => {
            let most =
                VlenStringReadOptions::new().with_max_elements(len).with_max_payload_bytes(bounds.text);
            dataset.read_vlen_strings(most).map_err(failed)?
        }
        DType::String => {
            let each = dataset.element_size().map_err(failed)?;
            if each.checked_mul(len as u64).is_none_or(|bytes| bytes > bounds.text as u64) {
                return Err(too_large(place, format!("{len} texts of {each} bytes")));
            }
            dataset.read_string().map_err(failed)?
        }
        _ => return Err(damaged(place, "it holds no text")),
    };
    if texts.len() != len {
        return Err(damaged(place, format!("it has {} texts, not {len}", texts.len())));
    }
    Ok(texts)
}
