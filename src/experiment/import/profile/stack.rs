//! Several tables one below the other: the features that all of them have, and every column that belongs to rows.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::super::grid::Grid;
use super::super::mapping::simplify;
use super::super::report::{LeftOut, Listed};
use super::super::source::Raw;
use super::super::synonyms::synonyms;
use super::super::{ImportError, Limits, Source};
use super::FeatureTable;
use super::body::{Body, stem};

/// Values by which a column may be a code: one with more is a measurement.
const MOST_CODES: usize = 64;

/// Stacks tables in their order; each is freed once it is copied. What is not taken joins `left_out`.
///
/// # Errors
/// They share no feature.
pub(super) fn stack(
    tables: Vec<Body>,
    left_out: &mut Listed<LeftOut>,
) -> Result<(Source, FeatureTable), ImportError> {
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

/// Names of the features that all tables have as numbers, in the order of the first.
fn shared(tables: &[Body], left_out: &mut Listed<LeftOut>) -> Result<Vec<String>, ImportError> {
    let mut count: HashMap<&str, usize> = HashMap::new();
    let mut texts: HashMap<&str, String> = HashMap::new();
    let mut order: Vec<&str> = Vec::new();
    for table in tables {
        for (name, text) in table.names.iter().zip(&table.texts) {
            let seen = count.entry(name).or_default();
            if *seen == 0 {
                order.push(name);
            }
            *seen += 1;
            if let Some(text) = text {
                let file = file_name(&table.source.path);
                texts.entry(name).or_insert_with(|| format!("{file}: {text}"));
            }
        }
    }
    let mut names = Vec::new();
    for name in &order {
        let seen = count.get(name).copied().unwrap_or_default();
        if let Some(why) = texts.get(name) {
            left_out.push(LeftOut { column: (*name).to_owned(), why: why.clone() });
        } else if seen < tables.len() {
            let why = format!("only {seen} of {} tables have it", tables.len());
            left_out.push(LeftOut { column: (*name).to_owned(), why });
        } else {
            names.push((*name).to_owned());
        }
    }
    if let (true, Some(first)) = (names.is_empty(), tables.first()) {
        let said = |table: &Body| {
            let some = table.names.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
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
    let mut header: Vec<String> = Vec::new();
    let mut taken = HashSet::new();
    for table in tables {
        header.extend(table.source.header().iter().filter(|name| taken.insert(name.as_str())).cloned());
    }
    let mut notes = Vec::new();
    let names_plate = |name: &String| {
        let simple = simplify(name);
        simple == "plate" || synonyms("plate").contains(&simple.as_str())
    };
    let own_plate = !header.iter().any(names_plate);
    if own_plate {
        header.push("Metadata_Plate".to_owned());
        notes.push("No table names its plate: each is called as its file is.".to_owned());
    }
    let mut grid = Grid::new(header.len());
    for Body { source, .. } in tables {
        let file = file_name(&source.path);
        notes.extend(source.notes.iter().map(|note| format!("{file}: {note}")));
        let plate = stem(&source.path);
        let places: Vec<Option<usize>> =
            header.iter().map(|name| source.header().iter().position(|own| own == name)).collect();
        for row in 0..source.len() {
            let cells = places.iter().enumerate().map(|(column, place)| match place {
                Some(place) => source.cell(row, *place),
                None if own_plate && column + 1 == places.len() => plate.as_str(),
                None => "",
            });
            grid.push(&source.path, source.place(row) as u32, cells, &Limits::default())?;
        }
    }
    let raw = Raw { format: first.source.format, header, grid, kinds: Vec::new(), notes };
    Source::new(&first.source.path, raw, Vec::new(), None)
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
    let mut extra: Vec<(String, Vec<String>)> = Vec::new();
    let mut kept = vec![true; features.names.len()];
    for (place, is_kept) in kept.iter_mut().enumerate() {
        let Some((codes, distinct)) = coded(features, place, rows) else { continue };
        let same = labels.iter().find(|(_, label, n)| *n == distinct && determine(&codes, label));
        let Some((label, ..)) = same else { continue };
        *is_kept = false;
        let name = features.names[place].clone();
        let label = source.header()[*label].clone();
        let why =
            format!("it stands for {label}: each value of one has one of the other. It is kept as a column");
        left_out.push(LeftOut { column: name.clone(), why });
        let text = |value: f64| if value.is_nan() { String::new() } else { value.to_string() };
        extra.push((name, features.column(place).map(text).collect()));
    }
    if extra.is_empty() {
        return Ok(source);
    }
    features.keep(&kept);
    with_columns(&source, &extra)
}

/// The values of a column of the rows as numbers from 0 (0 = empty), and how many there are; `None` for one that is no
/// label: it has one value, or nearly as many as rows.
fn numbered(source: &Source, column: usize) -> Option<(usize, Vec<u32>, usize)> {
    let mut known: HashMap<&str, u32> = HashMap::new();
    let mut numbers = Vec::with_capacity(source.len());
    for cell in source.cells(column).map(str::trim) {
        let next = known.len() as u32 + 1;
        numbers.push(if cell.is_empty() { 0 } else { *known.entry(cell).or_insert(next) });
        if known.len() > MOST_CODES {
            return None;
        }
    }
    let distinct = known.len();
    (distinct > 1 && distinct * 2 <= source.len()).then_some((column, numbers, distinct))
}

/// The values of a feature in the same way.
fn coded(features: &FeatureTable, place: usize, rows: usize) -> Option<(Vec<u32>, usize)> {
    let mut known: HashMap<u64, u32> = HashMap::new();
    let mut numbers = Vec::new();
    for value in features.column(place) {
        let next = known.len() as u32 + 1;
        let code = if value.is_nan() { 0 } else { *known.entry((value + 0.0).to_bits()).or_insert(next) };
        numbers.push(code);
        if known.len() > MOST_CODES {
            return None;
        }
    }
    let distinct = known.len();
    (distinct > 1 && distinct * 2 <= rows).then_some((numbers, distinct))
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
