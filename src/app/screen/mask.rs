//! Messages while blind: what names a recording or its treatment is put out of them.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use aho_corasick::{AhoCorasick, MatchKind};

use super::blind::Codes;
use crate::experiment::Table;
use crate::video::files_in;

/// Shorter names are left alone: every other word would hold them.
const SHORTEST: usize = 3;

/// Columns whose values tell what was done.
const TELLING: [&str; 3] = ["compound", "moa", "smiles"];

/// Stands for what has no code.
const HIDDEN: &str = "…";

/// Finds row ids, files and treatments of an experiment in a text.
#[derive(Debug)]
pub struct Mask {
    finder: Option<AhoCorasick>,
    stands: Vec<String>,
}

impl Mask {
    /// For the rows of a table.
    pub fn new(table: &Table, codes: &Codes) -> Self {
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        let mut add = |name: &str, code: &str| {
            if name.chars().count() >= SHORTEST {
                let stand = names.entry(name.to_owned()).or_insert_with(|| code.to_owned());
                // Several rows of one file.
                if stand != code {
                    HIDDEN.clone_into(stand);
                }
            }
        };
        let mut told = HashSet::new();
        for row in 0..table.len() {
            let code = codes.code(row as u32);
            add(table.row_id(row), &code);
            let path = table.text(row, "path");
            add(&path, &code);
            for path in files_in(&path) {
                add(path, &code);
                let file = path.rsplit(['/', '\\']).next().unwrap_or_default();
                add(file, &code);
                // `cell.ome.tif` is named `cell` too.
                add(file.split('.').next().unwrap_or_default(), &code);
            }
            for column in TELLING {
                let value = table.text(row, column);
                if told.insert((column, value.clone())) {
                    add(&value, HIDDEN);
                    value.split(';').for_each(|part| add(part.trim(), HIDDEN));
                }
            }
        }
        let (names, stands): (Vec<String>, Vec<String>) = names.into_iter().unzip();
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .ascii_case_insensitive(true)
            .build(&names)
            .inspect_err(|e| log::debug!("texts cannot be masked: {e}"));
        Self { finder: finder.ok(), stands }
    }

    /// The text with codes in the place of recordings. Names count as whole words alone.
    pub fn apply<'a>(&self, text: &'a str) -> Cow<'a, str> {
        // Without a finder nothing can be said for sure.
        let Some(finder) = &self.finder else { return Cow::Borrowed(HIDDEN) };
        let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let mut masked = String::new();
        let mut from = 0;
        for found in finder.find_iter(text) {
            let (start, end) = (found.start(), found.end());
            let inside =
                is_letter(text[..start].chars().next_back()) || is_letter(text[end..].chars().next());
            if !inside {
                masked.push_str(&text[from..start]);
                masked.push_str(&self.stands[found.pattern().as_usize()]);
                from = end;
            }
        }
        if from == 0 {
            return Cow::Borrowed(text);
        }
        masked.push_str(&text[from..]);
        Cow::Owned(masked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask() -> Mask {
        let text = "row_id,path,compound,moa\n\
                    B14,videos/B14 mdivi.ome.tif,mdivi-1,fission inhibitor; complex I\n\
                    C2_1,videos/plate 2.tif,rotenone,complex I\n\
                    C2_2,videos/plate 2.tif,DMSO,\n";
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("manifest.csv");
        std::fs::write(&path, text).unwrap();
        let experiment = crate::experiment::import::open(&path).unwrap().experiment;
        Mask::new(&experiment.table, &Codes::new("x", &experiment.table))
    }

    #[test]
    fn recordings_get_their_codes_and_treatments_none() {
        let mask = mask();
        let warning =
            mask.apply("/data/videos/B14 mdivi.ome.tif: frame 3 of B14 cannot be read").into_owned();
        assert!(!warning.contains("B14") && !warning.contains("mdivi"), "{warning}");
        assert_eq!(warning.matches("V00").count(), 2, "{warning}");
        assert!(warning.starts_with("/data/V00") && warning.ends_with("cannot be read"), "{warning}");
        assert_eq!(mask.apply("Rotenone is unlike DMSO, a fission inhibitor"), "… is unlike …, a …");
        assert_eq!(mask.apply("/data/videos/plate 2.tif: odd"), "/data/…: odd", "two rows, no code");
    }

    #[test]
    fn other_texts_and_parts_of_words_stay() {
        let mask = mask();
        assert_eq!(mask.apply("Saved 3 rows"), "Saved 3 rows");
        assert_eq!(mask.apply("AB14 and B145"), "AB14 and B145");
    }
}
