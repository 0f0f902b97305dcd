//! Which rows make a pair: they agree in all of some columns and differ in all of others.

use std::collections::HashMap;

use super::PairsError;
use super::labels::Labels;
use super::profiles::Profiles;

/// In the place of a group: the row is in none.
const NONE: u32 = u32::MAX;

/// A rule, ready to be asked for a row's partners without a look at all others.
pub(super) struct Rule<'a> {
    same: Vec<&'a Labels>,
    different: Vec<&'a Labels>,
    index: Index,
}

/// Where partners are looked for.
enum Index {
    /// Nothing has to agree: among so many rows.
    All(usize),
    /// By the columns with one value in a cell: the group of each row, and the rows of each group, ascending.
    Groups { of: Vec<u32>, rows: Vec<Vec<u32>> },
    /// By a column with several values in a cell: the rows of each value, ascending.
    Values(Vec<Vec<u32>>),
}

impl<'a> Rule<'a> {
    /// Of columns by name.
    ///
    /// # Errors
    /// A column is not there.
    pub(super) fn new(
        profiles: &'a Profiles,
        same: &[String],
        different: &[String],
    ) -> Result<Self, PairsError> {
        let columns = |names: &[String]| -> Result<Vec<&'a Labels>, PairsError> {
            names.iter().map(|name| profiles.column(name)).collect()
        };
        let (same, different) = (columns(same)?, columns(different)?);
        let index = Index::new(&same, profiles.rows());
        Ok(Self { same, different, index })
    }

    /// The column of several values in which a pair agrees by one of them; each is a label of its own. `None` where all
    /// cells hold one.
    ///
    /// # Errors
    /// There are two such columns: a pair would agree by two labels at a time.
    pub(super) fn label(&self) -> Result<Option<&'a Labels>, PairsError> {
        let mut lists = self.same.iter().filter(|labels| labels.is_list());
        match (lists.next(), lists.next()) {
            (Some(first), Some(second)) => {
                Err(PairsError::TwoLists { first: first.name.clone(), second: second.name.clone() })
            }
            (first, _) => Ok(first.copied()),
        }
    }

    /// True where the row has a value in each column of the rule, without which it has no partner.
    pub(super) fn takes_part(&self, row: usize) -> bool {
        self.same.iter().chain(&self.different).all(|labels| !labels.of(row).is_empty())
    }

    /// True where two rows differ in every column of the rule.
    pub(super) fn unlike(&self, a: usize, b: usize) -> bool {
        self.same.iter().chain(&self.different).all(|labels| labels.differ(a, b))
    }

    /// True where two rows differ in some column that pairs agree in.
    pub(super) fn apart(&self, a: usize, b: usize) -> bool {
        self.same.iter().any(|labels| labels.differ(a, b))
    }

    /// Rows with equal numbers have their partners in the same places.
    pub(super) fn near(&self, row: usize) -> u32 {
        match &self.index {
            Index::All(_) => 0,
            Index::Groups { of, .. } => of[row],
            Index::Values(_) => {
                self.same.first().and_then(|labels| labels.of(row).first()).copied().unwrap_or(NONE)
            }
        }
    }

    /// The row's partners, ascending.
    pub(super) fn partners(&self, row: usize, out: &mut Vec<u32>) {
        out.clear();
        match &self.index {
            Index::All(rows) => out.extend(0..*rows as u32),
            Index::Groups { of, rows } => out.extend(rows.get(of[row] as usize).into_iter().flatten()),
            Index::Values(rows) => {
                let values = self.same.first().map(|labels| labels.of(row)).unwrap_or_default();
                out.extend(values.iter().flat_map(|&value| &rows[value as usize]));
                if values.len() > 1 {
                    out.sort_unstable();
                    out.dedup();
                }
            }
        }
        out.retain(|&other| {
            let other = other as usize;
            other != row
                && self.same.iter().all(|labels| labels.agree(row, other))
                && self.different.iter().all(|labels| labels.differ(row, other))
        });
    }
}

impl Index {
    fn new(same: &[&Labels], rows: usize) -> Self {
        let single: Vec<&&Labels> = same.iter().filter(|labels| !labels.is_list()).collect();
        if let (true, Some(first)) = (single.is_empty(), same.first()) {
            let mut found = vec![Vec::new(); first.count()];
            for row in 0..rows {
                first.of(row).iter().for_each(|&value| found[value as usize].push(row as u32));
            }
            return Self::Values(found);
        }
        if single.is_empty() {
            return Self::All(rows);
        }
        let mut groups: HashMap<Vec<u32>, u32> = HashMap::new();
        let mut found: Vec<Vec<u32>> = Vec::new();
        let mut of = vec![NONE; rows];
        for (row, of) in of.iter_mut().enumerate() {
            let value = |labels: &&&Labels| labels.of(row).first().copied();
            let Some(key) = single.iter().map(value).collect::<Option<Vec<u32>>>() else { continue };
            *of = *groups.entry(key).or_insert(found.len() as u32);
            if *of as usize == found.len() {
                found.push(Vec::new());
            }
            found[*of as usize].push(row as u32);
        }
        Self::Groups { of, rows: found }
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::random::stream;

    #[test]
    fn the_index_finds_what_a_look_at_all_pairs_finds() {
        let mut rng = stream(2, &["rules"]);
        let mut column = |name: &str, values: u32, most: usize| {
            let mut cell = || {
                let count = rng.random_range(0..=most);
                (0..count).map(|_| format!("v{}", rng.random_range(0..values))).collect::<Vec<_>>()
            };
            Labels::new(name, (0..50).map(|_| cell()).collect::<Vec<_>>())
        };
        let columns = vec![column("a", 3, 1), column("b", 4, 1), column("list", 5, 3), column("other", 2, 2)];
        let profiles = Profiles { dim: 1, values: vec![1.0; 50], columns };
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<String>>();
        let mut out = Vec::new();
        let mut found = 0;
        let rules: [(&[&str], &[&str]); 6] = [
            (&["a"], &["b"]),
            (&["a", "b"], &[]),
            (&["list"], &["a"]),
            (&["list", "b"], &["other"]),
            (&["list", "other"], &[]),
            (&[], &["a", "list"]),
        ];
        for (same, different) in rules {
            let rule = Rule::new(&profiles, &names(same), &names(different)).unwrap();
            let column = |name: &&str| profiles.column(name).unwrap();
            for row in 0..50 {
                let pairs = |&other: &u32| {
                    other as usize != row
                        && same.iter().all(|name| column(name).agree(row, other as usize))
                        && different.iter().all(|name| column(name).differ(row, other as usize))
                };
                rule.partners(row, &mut out);
                assert_eq!(out, (0..50).filter(pairs).collect::<Vec<u32>>(), "{same:?} {different:?} {row}");
                assert!(out.is_empty() || rule.takes_part(row));
                found += out.len();
            }
        }
        assert!(found > 200, "{found}");
    }

    #[test]
    fn a_pair_agrees_by_one_list_at_most() {
        let list =
            |name: &str| Labels::new(name, [vec!["x".to_owned(), "y".to_owned()], vec!["x".to_owned()]]);
        let columns = vec![list("moa"), list("target")];
        let profiles = Profiles { dim: 1, values: vec![1.0; 2], columns };
        let names = ["moa".to_owned(), "target".to_owned()];
        let text = Rule::new(&profiles, &names, &[]).unwrap().label().err().unwrap().to_string();
        assert!(text.contains("moa and target"), "{text}");
        let one = Rule::new(&profiles, &names[..1], &[]).unwrap();
        assert_eq!(one.label().unwrap().map(|labels| labels.name.as_str()), Some("moa"));
    }
}
