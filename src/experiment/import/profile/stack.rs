//! Several tables one below the other: the features that all of them have, and every column that belongs to rows.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::path::Path;

use rayon::prelude::*;

use super::super::grid::Grid;
use super::super::mapping::simplify;
use super::super::report::{LeftOut, Listed};
use super::super::source::Raw;
use super::super::synonyms::synonyms;
use super::super::{ImportError, Limits, Source};
use super::FeatureTable;
use super::body::{Body, stem};

/// Stacks tables in their order; each is freed once it is copied. What is not taken joins `left_out`.
///
/// # Errors
/// They share no feature.
pub(super) fn stack(
    mut tables: Vec<Body>,
    left_out: &mut Listed<LeftOut>,
) -> Result<(Source, FeatureTable), ImportError> {
    keep_texts(&mut tables, left_out)?;
    let names = shared(&tables, left_out)?;
    let rows: usize = tables.iter().map(|table| table.source.len()).sum();
    let source = rows_of(&tables)?;
    let mut values = Vec::with_capacity(rows * names.len());
    for Body { names: own, blocks, .. } in tables {
        let places: HashMap<&str, usize> = own.iter().map(String::as_str).zip(0..).collect();
        let places: Vec<usize> = names.iter().filter_map(|name| places.get(name.as_str()).copied()).collect();
        for block in blocks {
            for row in block.chunks_exact(own.len().max(1)) {
                values.extend(places.iter().map(|&place| row[place]));
            }
        }
    }
    Ok((source, FeatureTable { names, values }))
}

/// What is text in one table is a column of the rows in all of them.
fn keep_texts(tables: &mut [Body], left_out: &mut Listed<LeftOut>) -> Result<(), ImportError> {
    let mut texts: HashSet<String> = HashSet::new();
    for table in &*tables {
        let file = file_name(&table.source.path);
        for (name, why) in table.texts.iter().filter(|(name, _)| texts.insert(name.clone())) {
            let why = format!("{file}: {why}. It is kept as a column");
            left_out.push(LeftOut { column: name.clone(), why });
        }
    }
    if texts.is_empty() {
        return Ok(());
    }
    for table in tables {
        let width = table.names.len().max(1);
        let numbers = table.names.iter().enumerate().filter(|(_, name)| texts.contains(*name));
        let extra: Vec<(String, Vec<String>)> = numbers
            .map(|(place, name)| {
                let rows = table.blocks.iter().flat_map(|block| block.chunks_exact(width));
                (name.clone(), rows.map(|row| text_of(row[place])).collect())
            })
            .collect();
        if !extra.is_empty() {
            table.source = with_columns(&table.source, &extra)?;
        }
    }
    Ok(())
}

/// A number as a cell; empty for NaN.
fn text_of(value: f64) -> String {
    if value.is_nan() { String::new() } else { value.to_string() }
}

/// Names of the features that all tables have as numbers, in the order of the first.
fn shared(tables: &[Body], left_out: &mut Listed<LeftOut>) -> Result<Vec<String>, ImportError> {
    let mut count: HashMap<&str, usize> = HashMap::new();
    let texts: HashSet<&str> =
        tables.iter().flat_map(|table| &table.texts).map(|(name, _)| name.as_str()).collect();
    let mut order: Vec<&str> = Vec::new();
    for table in tables {
        for name in table.names.iter().filter(|name| !texts.contains(name.as_str())) {
            let seen = count.entry(name).or_default();
            if *seen == 0 {
                order.push(name);
            }
            *seen += 1;
        }
    }
    let mut names = Vec::new();
    for name in &order {
        let seen = count.get(name).copied().unwrap_or_default();
        if seen < tables.len() {
            let why = format!("only {seen} of {} tables have it", tables.len());
            left_out.push(LeftOut { column: (*name).to_owned(), why });
        } else {
            names.push((*name).to_owned());
        }
    }
    if let (true, Some(first)) = (names.is_empty(), tables.first()) {
        let said = |table: &Body| {
            let all = table.names.iter().chain(table.texts.iter().map(|(name, _)| name));
            let some = all.take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
            format!("{} has {some} …", file_name(&table.source.path))
        };
        let problem = match tables {
            [only] => format!("no column of numbers is left: {}", said(only)),
            _ => format!(
                "the {} tables share no feature: {}",
                tables.len(),
                tables.iter().take(2).map(said).collect::<Vec<_>>().join(", ")
            ),
        };
        let remedy = "Open tables with the same features together.";
        return Err(ImportError::new(&first.source.path, "its columns", problem, remedy));
    }
    Ok(names)
}

fn file_name(path: &Path) -> Cow<'_, str> {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy()
}

/// What belongs to the rows of all tables: all columns that any of them has.
fn rows_of(tables: &[Body]) -> Result<Source, ImportError> {
    let Some(first) = tables.first() else {
        return Err(ImportError::new(
            Path::new(""),
            "the tables",
            "there are none",
            "Name a table of profiles.",
        ));
    };
    if tables.len() == 1 {
        return Ok(first.source.clone());
    }
    let (plate, plates) = plates(tables);
    let mut header: Vec<String> = Vec::new();
    let mut taken = HashSet::new();
    for (Body { source, .. }, of_plate) in tables.iter().zip(&plates) {
        let names = source.header().iter().enumerate();
        let names = names.map(|(place, name)| if Some(place) == *of_plate { &plate } else { name });
        header.extend(names.filter(|name| taken.insert(name.as_str())).cloned());
    }
    if !taken.contains(plate.as_str()) {
        header.push(plate.clone());
    }
    let mut notes = Vec::new();
    let mut unnamed = 0_usize;
    let mut grid = Grid::new(header.len());
    for (Body { source, .. }, of_plate) in tables.iter().zip(&plates) {
        let file = file_name(&source.path);
        notes.extend(source.notes.iter().map(|note| format!("{file}: {note}")));
        let own_name = stem(&source.path);
        let at = |name: &String| {
            if *name == plate { *of_plate } else { source.header().iter().position(|own| own == name) }
        };
        let places: Vec<(bool, Option<usize>)> =
            header.iter().map(|name| (*name == plate, at(name))).collect();
        for row in 0..source.len() {
            let is_unnamed = of_plate.is_none_or(|place| source.cell(row, place).trim().is_empty());
            unnamed += usize::from(is_unnamed);
            let cells = places.iter().map(|(is_plate, place)| match place {
                _ if *is_plate && is_unnamed => own_name.as_str(),
                Some(place) => source.cell(row, *place),
                None => "",
            });
            grid.push(&source.path, source.place(row) as u32, cells, &Limits::default())?;
        }
    }
    if plates.iter().all(Option::is_none) {
        notes.push("No table names its plate: each is called as its file is.".to_owned());
    } else if unnamed > 0 {
        notes.push(format!("{unnamed} rows name no plate: theirs is called as their file is."));
    }
    let raw = Raw { format: first.source.format, header, grid, kinds: Vec::new(), notes };
    Source::new(&first.source.path, raw, Vec::new(), None)
}

/// The column that names the plates of all tables, and its place in each: tables may call it by different names.
fn plates(tables: &[Body]) -> (String, Vec<Option<usize>>) {
    // The surest name first, as the import guesses it.
    let rank = |name: &str| -> Option<usize> {
        let simple = simplify(name);
        match simple.as_str() {
            "plate" => Some(usize::from(name != "plate")),
            simple => synonyms("plate").iter().position(|word| *word == simple).map(|rank| rank + 2),
        }
    };
    let names = tables.iter().flat_map(|table| table.source.header());
    let best = names.filter_map(|name| Some((rank(name)?, name))).min_by_key(|(rank, _)| *rank);
    let Some((_, best)) = best else { return ("Metadata_Plate".to_owned(), vec![None; tables.len()]) };
    let place = |table: &Body| {
        let header = table.source.header();
        let surest = || {
            let ranks = header.iter().enumerate().filter_map(|(place, name)| Some((rank(name)?, place)));
            ranks.min().map(|(_, place)| place)
        };
        header.iter().position(|name| name == best).or_else(surest)
    };
    (best.clone(), tables.iter().map(place).collect())
}

/// Leaves out features that stand for something that is known of the rows: whose values and those of a column of the rows
/// determine one another. They are kept as columns of the rows.
pub(super) fn without_codes(
    source: Source,
    features: &mut FeatureTable,
    left_out: &mut Listed<LeftOut>,
) -> Result<Source, ImportError> {
    let rows = source.len();
    let labels: Vec<(usize, Vec<u32>, usize)> =
        (0..source.header().len()).filter_map(|column| numbered(&source, column)).collect();
    // A code has as many values as a label has.
    let most = labels.iter().map(|(_, _, distinct)| *distinct).max().unwrap_or_default();
    let label_of = |place: usize| {
        let (codes, distinct) = coded(features, place, rows, most)?;
        let same = labels.iter().find(|(_, label, n)| *n == distinct && determine(&codes, label));
        same.map(|(label, ..)| *label)
    };
    let stands_for: Vec<Option<usize>> = (0..features.names.len()).into_par_iter().map(label_of).collect();
    let mut extra: Vec<(String, Vec<String>)> = Vec::new();
    let mut kept = vec![true; features.names.len()];
    for (place, (is_kept, label)) in kept.iter_mut().zip(stands_for).enumerate() {
        let Some(label) = label else { continue };
        *is_kept = false;
        let name = features.names[place].clone();
        let label = source.header()[label].clone();
        let why =
            format!("it stands for {label}: each value of one has one of the other. It is kept as a column");
        left_out.push(LeftOut { column: name.clone(), why });
        extra.push((name, features.column(place).map(text_of).collect()));
    }
    if extra.is_empty() {
        return Ok(source);
    }
    features.keep(&kept);
    with_columns(&source, &extra)
}

/// The values of a column of the rows as numbers, an empty cell is one of them, and how many there are; `None` for one that
/// is no label: it has one value, or nearly as many as rows.
fn numbered(source: &Source, column: usize) -> Option<(usize, Vec<u32>, usize)> {
    let most = source.len() / 2;
    let (numbers, distinct) = counted(source.cells(column).map(str::trim), source.len(), most)?;
    Some((column, numbers, distinct))
}

/// The values of a feature in the same way; `None` also for one with more than `most`.
fn coded(features: &FeatureTable, place: usize, rows: usize, most: usize) -> Option<(Vec<u32>, usize)> {
    let bits = |value: f64| if value.is_nan() { f64::NAN.to_bits() } else { (value + 0.0).to_bits() };
    counted(features.column(place).map(bits), rows, most.min(rows / 2))
}

/// Values as numbers in the order in which they come, and how many there are: two to `most`.
fn counted<T: Eq + Hash>(
    values: impl Iterator<Item = T>,
    rows: usize,
    most: usize,
) -> Option<(Vec<u32>, usize)> {
    let mut known: HashMap<T, u32> = HashMap::new();
    let mut numbers = Vec::new();
    for value in values.take(rows) {
        let next = known.len() as u32;
        numbers.push(*known.entry(value).or_insert(next));
        if known.len() > most {
            return None;
        }
    }
    (known.len() > 1).then_some((numbers, known.len()))
}

/// True where each value of one column stands with one value of the other, and the other way round.
fn determine(one: &[u32], other: &[u32]) -> bool {
    let (mut to, mut from) = (HashMap::new(), HashMap::new());
    one.iter().zip(other).all(|(a, b)| *to.entry(a).or_insert(b) == b && *from.entry(b).or_insert(a) == a)
}

/// The same rows with further columns.
pub(super) fn with_columns(source: &Source, extra: &[(String, Vec<String>)]) -> Result<Source, ImportError> {
    let header: Vec<String> =
        source.header().iter().chain(extra.iter().map(|(name, _)| name)).cloned().collect();
    let width = source.header().len();
    rewritten(source, header, |row, column| {
        let of = column.checked_sub(width).and_then(|place| extra.get(place));
        of.map_or_else(|| source.cell(row, column), |(_, cells)| cells.get(row).map_or("", String::as_str))
    })
}

/// The same rows with other cells.
pub(super) fn rewritten<'a>(
    source: &Source,
    header: Vec<String>,
    cell: impl Fn(usize, usize) -> &'a str,
) -> Result<Source, ImportError> {
    let mut grid = Grid::new(header.len());
    for row in 0..source.len() {
        let cells = (0..header.len()).map(|column| cell(row, column));
        grid.push(&source.path, source.place(row) as u32, cells, &Limits::default())?;
    }
    let raw = Raw { format: source.format, header, grid, kinds: Vec::new(), notes: source.notes.clone() };
    Source::new(&source.path, raw, Vec::new(), None)
}
