//! The table of images: which well each is of, and what else is known of the well.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::super::super::wells::Well;
use super::super::gzip;
use super::super::mapping::simplify;
use super::super::profile::{Stream, unique};
use super::super::synonyms::synonyms;
use super::super::{ImportError, Limits};
use super::table::{column, whole};

/// Longest text that is kept of a well's image, bytes.
const MOST_TEXT: usize = 1 << 28;

/// Wells by their images.
#[derive(Debug, Default)]
pub(super) struct Images {
    /// Well of each image by its number; `None` for an image that names none.
    pub wells: HashMap<u64, Option<u32>>,
    /// Names of the columns that are kept: plate and well, and `Metadata_*` that is the same in all images of each well.
    pub header: Vec<String>,
    /// Cells of the wells.
    pub cells: Vec<Vec<String>>,
    /// Line of each well's first image.
    pub lines: Vec<u32>,
}

impl Images {
    /// Wells.
    pub const fn len(&self) -> usize {
        self.cells.len()
    }

    /// Reads the table. Where it has no column of plates, they are called `own_name`.
    ///
    /// # Errors
    /// It is empty, names no wells, or an image twice.
    pub fn read(
        path: &Path,
        own_name: &str,
        limits: &Limits,
        notes: &mut Vec<String>,
    ) -> Result<Self, ImportError> {
        let empty = || {
            ImportError::new(path, "line 1", "the file is empty", "Export the images' measurements again.")
        };
        let mut stream = Stream::open(path, limits)?.ok_or_else(empty)?;
        let header = unique(path, &stream.header(path)?, limits)?;
        let number = column(path, &header, "ImageNumber")?;
        let kept: Vec<(usize, String)> = header
            .iter()
            .enumerate()
            .filter_map(|(place, name)| {
                let bare = name.strip_prefix("Image_").unwrap_or(name);
                bare.starts_with("Metadata_").then(|| (place, bare.to_owned()))
            })
            .collect();
        let named = |column: &str| {
            let rank = |name: &str| {
                let simple = simplify(name);
                let known = || synonyms(column).iter().position(|word| *word == simple).map(|rank| rank + 1);
                if simple == column { Some(0) } else { known() }
            };
            let ranked = kept.iter().enumerate().filter_map(|(at, (_, name))| Some((rank(name)?, at)));
            ranked.min().map(|(_, at)| at)
        };
        let Some(well) = named("well") else {
            let problem = "no column names the wells of the images";
            let remedy =
                "Add Metadata_Well (and Metadata_Plate) to the table: A01, B02 … for each ImageNumber.";
            return Err(ImportError::new(path, "line 1", problem, remedy));
        };
        let plate = named("plate");
        if plate.is_none() {
            notes.push(format!(
                "No Metadata_Plate: the plate is called {own_name:?}, as the folder or its files are."
            ));
        }
        let mut found = Self::default();
        let mut numbers: HashMap<(String, String), u32> = HashMap::new();
        let mut varies = vec![false; kept.len()];
        let (mut without, mut without_plate, mut text) = (0_usize, 0_usize, 0_usize);
        while let Some(record) = stream.next().map_err(|e| gzip::failed(path, &e))? {
            if record.is_blank() {
                continue;
            }
            let wrong = |problem: String, remedy: &str| {
                ImportError::new(path, format!("line {}", record.line), problem, remedy)
            };
            if record.width() < header.len() || !record.is_blank_from(header.len()) {
                let problem = format!("it has {} cells, the header {}", record.width(), header.len());
                return Err(wrong(problem, "Is the file cut? Export the table again."));
            }
            let Some(image) = whole(&record, number) else {
                let problem =
                    format!("ImageNumber is {:?}, no whole number", shortened(&record.text(number)));
                return Err(wrong(problem, "Export the table again."));
            };
            let cells: Vec<String> =
                kept.iter().map(|(place, _)| record.text(*place).trim().to_owned()).collect();
            let well = if cells[well].is_empty() {
                without += 1;
                None
            } else if plate.is_some_and(|plate| cells[plate].is_empty()) {
                without_plate += 1;
                None
            } else {
                let plate = plate.map_or(own_name, |plate| cells[plate].as_str());
                let next = numbers.len() as u32;
                // A1 is A01.
                let known = Well::parse(&cells[well]).map(|well| well.to_string());
                let name = known.unwrap_or_else(|| cells[well].clone());
                let well = *numbers.entry((plate.to_owned(), name)).or_insert(next);
                if well == next {
                    text += cells.iter().map(String::len).sum::<usize>();
                    if text > MOST_TEXT.min(limits.bytes) || found.cells.len() >= limits.rows {
                        return Err(wrong(
                            "there are too many wells or texts".to_owned(),
                            "Split the folder by plates.",
                        ));
                    }
                    found.cells.push(cells);
                    found.lines.push(record.line);
                } else if let Some(first) = found.cells.get(well as usize) {
                    for (varies, (one, other)) in varies.iter_mut().zip(first.iter().zip(&cells)) {
                        *varies |= one != other;
                    }
                }
                Some(well)
            };
            if found.wells.len() >= limits.rows {
                return Err(wrong("there are too many images".to_owned(), "Split the folder by plates."));
            }
            if found.wells.insert(image, well).is_some() {
                let problem = format!("image {image} is there twice");
                return Err(wrong(problem, "Tables of several runs belong into folders of their own."));
            }
        }
        if found.cells.is_empty() {
            let remedy = "Fill in Metadata_Well, and Metadata_Plate where there is such a column, for each ImageNumber.";
            return Err(ImportError::new(path, "after the first row", "no image has a well", remedy));
        }
        if without_plate > 0 {
            notes.push(format!(
                "{without_plate} images name a well but no plate: their objects are left out."
            ));
        }
        if without > 0 {
            notes.push(format!("{without} images name no well: their objects are left out."));
        }
        found.finish(&kept, &varies, (well, plate), own_name, notes);
        Ok(found)
    }

    /// Keeps what is the same in all images of each well, with plate and well first.
    fn finish(
        &mut self,
        kept: &[(usize, String)],
        varies: &[bool],
        (well, plate): (usize, Option<usize>),
        own_name: &str,
        notes: &mut Vec<String>,
    ) {
        let others: Vec<usize> = (0..kept.len()).filter(|at| *at != well && Some(*at) != plate).collect();
        let (dropped, others): (Vec<usize>, Vec<usize>) = others.into_iter().partition(|&at| varies[at]);
        if !dropped.is_empty() {
            let names: HashSet<&str> = dropped.iter().map(|&at| kept[at].1.as_str()).collect();
            let mut names: Vec<&str> = names.into_iter().collect();
            names.sort_unstable();
            notes.push(format!(
                "Differs between the images of a well, and is left out: {}.",
                names.join(", ")
            ));
        }
        let mut taken = HashSet::from(["Metadata_Plate", "Metadata_Well"]);
        // `Image_Metadata_X` beside `Metadata_X` is the same column twice.
        let others: Vec<usize> = others.into_iter().filter(|&at| taken.insert(kept[at].1.as_str())).collect();
        self.header = ["Metadata_Plate", "Metadata_Well"].map(str::to_owned).to_vec();
        self.header.extend(others.iter().map(|&at| kept[at].1.clone()));
        for cells in &mut self.cells {
            let plate = plate.map_or_else(|| own_name.to_owned(), |plate| cells[plate].clone());
            let mut row = vec![plate, cells[well].clone()];
            row.extend(others.iter().map(|&at| cells[at].clone()));
            *cells = row;
        }
    }
}

/// The first characters of a text, for a message.
pub(super) fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}
