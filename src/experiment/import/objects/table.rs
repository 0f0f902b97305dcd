//! The table of one compartment: its objects, read once and held as numbers.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::profile::{Record, Stream, is_number, number_in, unique};
use super::super::report::LeftOut;
use super::super::{ImportError, Limits, gzip};
use super::images::{Images, shortened};
use super::{COMPARTMENTS, CYTOPLASM};

/// Numbers that are allocated at once.
const BLOCK: usize = 1 << 20;
/// Examples that a note gives.
const EXAMPLES: usize = 5;
/// What is held of an object beside its features, in numbers of 4 bytes: where it is of, what it is called, its parents.
const OBJECT: usize = 15;

/// Columns that say where an object lies, what it is called, or of what it is, and why they are no features.
const NO_FEATURE: [(&str, &str); 6] = [
    ("Parent_", ""),
    ("Children_", "it counts objects within the object"),
    ("Metadata_", ""),
    ("FileName_", ""),
    ("PathName_", ""),
    ("Location_", "it is a place in the image"),
];
/// Of `AreaShape`, what is a place in the image.
const PLACES: [&str; 3] =
    ["AreaShape_Center_", "AreaShape_BoundingBoxMaximum_", "AreaShape_BoundingBoxMinimum_"];

/// Objects of one compartment.
#[derive(Debug)]
pub(super) struct Objects {
    /// Name of the compartment.
    pub compartment: &'static str,
    /// Names of its features, with the compartment before them.
    pub names: Vec<String>,
    /// Where each stands among the numbers of an object.
    places: Vec<usize>,
    /// Numbers of an object.
    width: usize,
    /// `[object, width]`, whole objects in each.
    blocks: Vec<Vec<f32>>,
    /// Well of each object.
    pub wells: Vec<u32>,
    /// Row of each object by image and number.
    pub rows: HashMap<(u64, u64), u32>,
    /// Image of each object, and its parents by compartment, 0 for none; of the cytoplasm alone.
    pub parents: Vec<(u64, [u64; COMPARTMENTS.len()])>,
    /// Which compartments the parents are of.
    pub links: [bool; COMPARTMENTS.len()],
    /// Columns that are no features.
    pub left_out: Vec<LeftOut>,
    strays: Strays,
}

/// Rows that are not used.
#[derive(Debug, Default)]
struct Strays {
    /// Objects of images that the table of images lacks.
    without_image: usize,
    /// The first of these images, and one more.
    images: BTreeSet<u64>,
    /// Rows of an object that is there already, and the first line.
    twice: (usize, u32),
    /// Rows without a number of image or object, or with the number 0 that stands for no object, and the first line.
    unnumbered: (usize, u32),
}

/// Place of a column that a table must have.
pub(super) fn column(path: &Path, header: &[String], name: &str) -> Result<usize, ImportError> {
    header.iter().position(|column| column.trim() == name).ok_or_else(|| {
        let hint = match header {
            [only] => format!(
                " (the table has one column, {:?}: cells are separated by one of , ; | or a tab)",
                shortened(only)
            ),
            _ => String::new(),
        };
        let remedy = "Export the table with CellProfiler's ExportToSpreadsheet, with commas between cells.";
        ImportError::new(path, "line 1", format!("there is no column {name}{hint}"), remedy)
    })
}

/// A cell's whole number from 0; `None` for anything else.
pub(super) fn whole(record: &Record, column: usize) -> Option<u64> {
    let text = std::str::from_utf8(record.cell(column).trim_ascii()).ok()?;
    let whole =
        || text.parse::<f64>().ok().filter(|value| value.fract() == 0.0 && (0.0..9e15).contains(value));
    text.parse().ok().or_else(|| whole().map(|value| value as u64))
}

/// What is said where there are more numbers than `limits` allows.
fn too_many(path: &Path, place: &str, limits: &Limits) -> ImportError {
    let mib = limits.cells.saturating_mul(size_of::<f32>()) >> 20;
    let problem = format!(
        "more than {} numbers of single objects, {mib} MiB with what tells the objects: a median needs all of a well at once",
        limits.cells
    );
    let remedy = "Import fewer plates at a time, or aggregate them first, with pycytominer for example.";
    ImportError::new(path, place, problem, remedy)
}

impl Objects {
    /// Reads a table. Objects of images without a well are counted, and not held.
    ///
    /// # Errors
    /// It cannot be read, has rows of another length than its header, no `ImageNumber` or `ObjectNumber`, or more is `held`
    /// with it than the limits allow.
    pub fn read(
        path: &Path,
        compartment: &'static str,
        images: &Images,
        (limits, held): (&Limits, &AtomicUsize),
    ) -> Result<Self, ImportError> {
        let mut found = Self::empty(compartment);
        let Some(mut stream) = Stream::open(path, limits)? else { return Ok(found) };
        let header = unique(path, &stream.header(path)?, limits)?;
        let (image, object) = (column(path, &header, "ImageNumber")?, column(path, &header, "ObjectNumber")?);
        let bare = |name: &str| {
            let name = name.trim();
            let rest = name.strip_prefix(compartment).and_then(|rest| rest.strip_prefix('_'));
            rest.unwrap_or(name).to_owned()
        };
        let names: Vec<String> = header.iter().map(|name| bare(name)).collect();
        let mut links = [None; COMPARTMENTS.len()];
        if compartment == COMPARTMENTS[CYTOPLASM] {
            links =
                COMPARTMENTS.map(|other| names.iter().position(|name| *name == format!("Parent_{other}")));
        }
        found.links = links.map(|link| link.is_some());
        let mut taken = Vec::new();
        for (place, name) in names.iter().enumerate() {
            match no_feature(name) {
                None => taken.push(place),
                Some("") => {}
                Some(why) => found.left_out.push(left_out(compartment, name, why)),
            }
        }
        found.width = taken.len();
        let per_block = (BLOCK / taken.len().max(1)).max(1);
        let mut texts: Vec<Option<String>> = vec![None; taken.len()];
        let separator = stream.separator;
        while let Some(record) = stream.next().map_err(|e| gzip::failed(path, &e))? {
            if record.is_blank() {
                continue;
            }
            if record.width() < header.len() || !record.is_blank_from(header.len()) {
                let problem = format!("it has {} cells, the header {}", record.width(), header.len());
                let remedy = "Is the file cut, or a quotation mark missing? Export the table again.";
                return Err(ImportError::new(path, format!("line {}", record.line), problem, remedy));
            }
            let object = whole(&record, object).filter(|object| *object > 0);
            let (Some(image), Some(object)) = (whole(&record, image), object) else {
                count(&mut found.strays.unnumbered, record.line);
                continue;
            };
            let Some(&well) = images.wells.get(&image) else {
                found.strays.without_image += 1;
                found.strays.images.insert(image);
                if found.strays.images.len() > EXAMPLES + 1 {
                    found.strays.images.pop_last();
                }
                continue;
            };
            let Some(well) = well else { continue };
            let row = found.wells.len() as u32;
            if *found.rows.entry((image, object)).or_insert(row) != row {
                count(&mut found.strays.twice, record.line);
                continue;
            }
            let own = taken.len() + OBJECT;
            let numbers = held.fetch_add(own, Ordering::Relaxed) + own;
            if numbers > limits.cells || found.wells.len() >= limits.rows {
                return Err(too_many(path, &format!("line {}", record.line), limits));
            }
            found.wells.push(well);
            if found.links.contains(&true) {
                let parent = |link: Option<usize>| link.and_then(|link| whole(&record, link)).unwrap_or(0);
                found.parents.push((image, links.map(parent)));
            }
            if taken.is_empty() {
                continue;
            }
            if found.blocks.last().is_none_or(|block| block.len() >= per_block * taken.len()) {
                found.blocks.push(Vec::with_capacity(per_block.min(1 << 12) * taken.len()));
            }
            let Some(block) = found.blocks.last_mut() else { continue };
            for (&place, text) in taken.iter().zip(&mut texts) {
                let value = number_in(&record, place, separator).unwrap_or_else(|| {
                    text.get_or_insert_with(|| {
                        format!("line {} holds {:?}, no number", record.line, shortened(&record.text(place)))
                    });
                    f64::NAN
                });
                block.push(value as f32);
            }
        }
        for (at, (&place, text)) in taken.iter().zip(&texts).enumerate() {
            if let Some(why) = text {
                found.left_out.push(left_out(compartment, &names[place], why));
            } else {
                found.places.push(at);
                found.names.push(format!("{compartment}_{}", names[place]));
            }
        }
        Ok(found)
    }

    fn empty(compartment: &'static str) -> Self {
        Self {
            compartment,
            names: Vec::new(),
            places: Vec::new(),
            width: 0,
            blocks: Vec::new(),
            wells: Vec::new(),
            rows: HashMap::new(),
            parents: Vec::new(),
            links: [false; COMPARTMENTS.len()],
            left_out: Vec::new(),
            strays: Strays::default(),
        }
    }

    /// A feature of an object, NaN where it is missing.
    pub fn value(&self, row: u32, feature: usize) -> f32 {
        let per_block = (BLOCK / self.width.max(1)).max(1);
        let (block, row) = (row as usize / per_block, row as usize % per_block);
        let value = || self.blocks.get(block)?.get(row * self.width + *self.places.get(feature)?).copied();
        value().unwrap_or(f32::NAN)
    }

    /// What was not used, a sentence each.
    pub fn describe(&self, notes: &mut Vec<String>) {
        let Self { compartment, strays, .. } = self;
        if strays.without_image > 0 {
            let first: Vec<String> = strays.images.iter().take(EXAMPLES).map(ToString::to_string).collect();
            let more = if strays.images.len() > EXAMPLES { " …" } else { "" };
            notes.push(format!(
                "{compartment}: {} objects are of images that the table of images lacks ({}{more}): they are left out.",
                strays.without_image,
                first.join(", ")
            ));
        }
        for ((n, line), what) in [
            (strays.twice, "rows are of objects that stand before them already"),
            (strays.unnumbered, "rows have no whole ImageNumber or ObjectNumber from 1"),
        ] {
            if n > 0 {
                notes
                    .push(format!("{compartment}: {n} {what}, the first in line {line}: they are left out."));
            }
        }
    }
}

fn count((n, first): &mut (usize, u32), line: u32) {
    if *n == 0 {
        *first = line;
    }
    *n += 1;
}

fn left_out(compartment: &str, name: &str, why: &str) -> LeftOut {
    LeftOut { column: format!("{compartment}_{name}"), why: why.to_owned() }
}

/// Why a column is no feature, empty where that goes without saying; `None` for a feature.
fn no_feature(name: &str) -> Option<&'static str> {
    if PLACES.iter().any(|start| name.starts_with(start)) {
        return Some("it is a place in the image");
    }
    if is_number(name) {
        return Some(if name.starts_with("Neighbors_") { "it is the number of an object" } else { "" });
    }
    NO_FEATURE.iter().find(|(start, _)| name.starts_with(start)).map(|(_, why)| *why)
}
