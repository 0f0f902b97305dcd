//! What a table shows: rows that pass filters, in the order of a sort.
//!
//! Every panel shows the rows of one [`Query`]. Text sorts in natural order (`A2` before `A10`), empty cells last. A
//! column that the table lacks counts as one of empty cells, so that a saved query survives the loss of a column.

use std::cmp::{Ordering, Reverse};
use std::collections::{HashMap, HashSet};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::cells::Values;
use super::order::{natural_key, ranks};
use super::table::{Table, split_list};

/// What to show and how to sort it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Query {
    /// Columns to sort by, the most important first; true = descending.
    pub sort: Vec<(String, bool)>,
    /// Words that must all occur in a row, each in any column; case does not matter.
    pub text: String,
    /// Filters, all of which a row must pass.
    pub filters: Vec<Filter>,
    /// True to show excluded rows too.
    pub show_excluded: bool,
}

/// A condition on one column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// The cell is one of these texts; `""` = empty. In a column of lists (`moa`, `tags`), one of its parts is.
    OneOf {
        /// Column.
        column: String,
        /// Texts, as [`Table::text`] gives them.
        values: Vec<String>,
    },
    /// The cell is a number in this range, bounds included.
    Range {
        /// Column.
        column: String,
        /// Smallest.
        min: Option<f64>,
        /// Largest.
        max: Option<f64>,
    },
    /// The cell contains this text; case does not matter.
    Contains {
        /// Column.
        column: String,
        /// The text.
        text: String,
    },
}

/// The rows that a query shows, in their order.
pub fn rows(table: &Table, query: &Query) -> Vec<u32> {
    rows_searched(table, query, |_| true)
}

/// The same, where words are only looked for in some columns: a search must not find what is hidden.
pub fn rows_searched(table: &Table, query: &Query, is_searched: impl Fn(&str) -> bool) -> Vec<u32> {
    let mut rows: Vec<u32> = (0..table.len() as u32).collect();
    if !query.show_excluded && table.excluded_count() > 0 {
        rows.retain(|row| !table.is_excluded(*row as usize));
    }
    for filter in &query.filters {
        keep(&mut rows, table, filter);
    }
    let words: Vec<String> = query.text.split_whitespace().map(str::to_lowercase).collect();
    if !words.is_empty() {
        let searched =
            table.frame().columns().iter().filter(|c| c.null_count() < c.len() && is_searched(c.name()));
        let columns: Vec<Values> = searched.filter_map(Values::of).collect();
        rows = rows
            .into_par_iter()
            .filter(|row| {
                words.iter().all(|word| columns.iter().any(|values| contains(*values, *row as usize, word)))
            })
            .collect();
    }
    sort(&mut rows, table, &query.sort);
    rows
}

/// The texts of a column and how often each occurs, the most frequent first, at most `limit`; empty cells count as `""`.
/// Of a column of lists, the parts.
pub fn distinct(table: &Table, column: &str, limit: usize) -> Vec<(String, usize)> {
    let Some(values) = table.values(column) else { return vec![(String::new(), table.len())] };
    let list = table.column(column).is_some_and(|column| column.list);
    let mut counts: HashMap<String, usize> = HashMap::new();
    for row in 0..table.len() {
        let text = values.text(row);
        if list && !text.is_empty() {
            split_list(&text).for_each(|part| *counts.entry(part.to_owned()).or_default() += 1);
        } else {
            *counts.entry(text).or_default() += 1;
        }
    }
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_by_cached_key(|(text, count)| (Reverse(*count), natural_key(text)));
    counts.truncate(limit);
    counts
}

fn keep(rows: &mut Vec<u32>, table: &Table, filter: &Filter) {
    match filter {
        Filter::OneOf { column, values: wanted } => {
            let wanted: HashSet<&str> = wanted.iter().map(String::as_str).collect();
            let list = table.column(column).is_some_and(|column| column.list);
            let passes = |text: &str| {
                wanted.contains(text) || (list && split_list(text).any(|part| wanted.contains(part)))
            };
            match table.values(column) {
                Some(Values::Text(texts)) => {
                    rows.retain(|row| passes(texts.get(*row as usize).unwrap_or_default()));
                }
                Some(values) => rows.retain(|row| passes(&values.text(*row as usize))),
                None => rows.retain(|_| wanted.contains("")),
            }
        }
        Filter::Range { column, min, max } => {
            let values = table.values(column);
            rows.retain(|row| {
                values
                    .and_then(|values| values.number(*row as usize))
                    .is_some_and(|x| min.is_none_or(|min| x >= min) && max.is_none_or(|max| x <= max))
            });
        }
        Filter::Contains { column, text } => {
            let text = text.to_lowercase();
            let values = table.values(column);
            rows.retain(|row| values.is_some_and(|values| contains(values, *row as usize, &text)));
        }
    }
}

/// True where a cell's text contains a lower-case text.
fn contains(values: Values, row: usize, lower: &str) -> bool {
    match values {
        Values::Text(cells) => cells.get(row).is_some_and(|cell| contains_ignoring_case(cell, lower)),
        // No word with a letter that numbers lack is looked for in numbers.
        Values::Integer(_) | Values::Number(_) if !lower.bytes().all(|b| b"0123456789.-+e".contains(&b)) => {
            lower.is_empty()
        }
        Values::Flag(cells) => {
            cells.get(row).is_some_and(|flag| (if flag { "true" } else { "false" }).contains(lower))
        }
        other => other.text(row).contains(lower),
    }
}

fn contains_ignoring_case(text: &str, lower: &str) -> bool {
    let (hay, needle) = (text.as_bytes(), lower.as_bytes());
    let Some(first) = needle.first() else { return true };
    if !text.is_ascii() {
        return text.to_lowercase().contains(lower);
    }
    hay.len() >= needle.len()
        && (0..=hay.len() - needle.len()).any(|at| {
            hay[at].to_ascii_lowercase() == *first && hay[at..at + needle.len()].eq_ignore_ascii_case(needle)
        })
}

/// Sorts rows by columns; equal rows keep their order.
fn sort(rows: &mut Vec<u32>, table: &Table, by: &[(String, bool)]) {
    let keys: Vec<Vec<u64>> = by
        .iter()
        .filter_map(|(column, descending)| Some(ranks(table.values(column)?, rows, *descending)))
        .collect();
    let Some((first, rest)) = keys.split_first() else { return };
    let mut order: Vec<(u64, u32)> = first.iter().copied().zip(0..).collect();
    order.par_sort_unstable_by(|a, b| {
        a.0.cmp(&b.0)
            .then_with(|| {
                rest.iter()
                    .map(|keys| keys[a.1 as usize].cmp(&keys[b.1 as usize]))
                    .fold(Ordering::Equal, Ordering::then)
            })
            .then(a.1.cmp(&b.1))
    });
    *rows = order.into_iter().map(|(_, at)| rows[at as usize]).collect();
}

#[cfg(test)]
mod tests {
    use polars::prelude::df;

    use super::*;

    fn table() -> Table {
        let frame = df!(
            "row_id" => ["r0", "r1", "r2", "r3", "r4"],
            "well" => [Some("A10"), Some("a2"), None, Some("B1"), Some("A2")],
            "compound" => [Some("Latrunculin B"), Some("DMSO"), Some("dmso"), None, Some("CK-666")],
            "moa" => [Some("actin"), None, None, Some("actin;tubulin"), Some("Arp2/3")],
            "concentration_uM" => [Some(1.0), None, Some(-0.0), Some(0.0), Some(85.5)],
            "naïve" => ["Äpfel", "", "", "", ""],
        )
        .unwrap();
        Table::from_frame(frame).unwrap()
    }

    fn sorted(column: &str, descending: bool) -> Vec<u32> {
        rows(&table(), &Query { sort: vec![(column.to_owned(), descending)], ..Query::default() })
    }

    fn found(text: &str) -> Vec<u32> {
        rows(&table(), &Query { text: text.to_owned(), ..Query::default() })
    }

    fn filtered(filter: Filter) -> Vec<u32> {
        rows(&table(), &Query { filters: vec![filter], ..Query::default() })
    }

    #[test]
    fn text_sorts_naturally_and_empty_cells_come_last() {
        assert_eq!(sorted("well", false), [4, 1, 0, 3, 2]);
        assert_eq!(sorted("well", true), [3, 0, 1, 4, 2]);
        assert_eq!(sorted("concentration_uM", false), [2, 3, 0, 4, 1]);
        assert_eq!(sorted("concentration_uM", true), [4, 0, 2, 3, 1]);
        assert_eq!(sorted("nothing", true), [0, 1, 2, 3, 4]);
        let two = vec![("concentration_uM".to_owned(), false), ("row_id".to_owned(), true)];
        assert_eq!(rows(&table(), &Query { sort: two, ..Query::default() }), [3, 2, 0, 4, 1]);
    }

    #[test]
    fn every_word_must_occur_in_any_column_whatever_its_case() {
        assert_eq!(found("ACTIN"), [0, 3]);
        assert_eq!(found("actin latrunculin"), [0]);
        assert_eq!(found("actin nothing"), [0; 0]);
        assert_eq!(found("85.5"), [4]);
        assert_eq!(found("äpf"), [0]);
        assert_eq!(found("  "), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn filters_hold_together_and_know_empty_cells_and_lists() {
        let one_of = |column: &str, values: &[&str]| {
            filtered(Filter::OneOf {
                column: column.to_owned(),
                values: values.iter().map(|value| (*value).to_owned()).collect(),
            })
        };
        assert_eq!(one_of("moa", &["tubulin"]), [3]);
        assert_eq!(one_of("moa", &["actin;tubulin", ""]), [1, 2, 3]);
        assert_eq!(one_of("compound", &["DMSO"]), [1], "a filter is exact");
        assert_eq!(one_of("concentration_uM", &["85.5", ""]), [1, 4]);
        assert_eq!(one_of("nothing", &[""]), [0, 1, 2, 3, 4]);
        assert_eq!(one_of("nothing", &["x"]), [0; 0]);
        let range = |min, max| filtered(Filter::Range { column: "concentration_uM".to_owned(), min, max });
        assert_eq!(range(Some(0.0), Some(1.0)), [0, 2, 3]);
        assert_eq!(range(Some(1.5), None), [4]);
        assert_eq!(range(None, None), [0, 2, 3, 4]);
        let contains = Filter::Contains { column: "compound".to_owned(), text: "Dms".to_owned() };
        assert_eq!(filtered(contains), [1, 2]);
    }

    #[test]
    fn excluded_rows_are_hidden_unless_asked_for() {
        let table = table().exclude(&[1, 3], "blurred").unwrap();
        assert_eq!(rows(&table, &Query::default()), [0, 2, 4]);
        assert_eq!(rows(&table, &Query { show_excluded: true, ..Query::default() }).len(), 5);
    }

    #[test]
    fn distinct_values_are_counted_and_lists_by_their_parts() {
        let table = table();
        let pairs = |column, limit| {
            distinct(&table, column, limit)
                .into_iter()
                .map(|(text, n)| format!("{text}:{n}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(pairs("moa", 9), [":2", "actin:2", "Arp2/3:1", "tubulin:1"]);
        assert_eq!(pairs("moa", 1), [":2"]);
        assert_eq!(pairs("concentration_uM", 9).len(), 4, "an empty cell and −0 = 0");
    }

    #[test]
    fn a_query_survives_its_text_form() {
        let query = Query {
            sort: vec![("well".to_owned(), true)],
            text: "x".to_owned(),
            filters: vec![Filter::Range { column: "a".to_owned(), min: None, max: Some(2.0) }],
            show_excluded: true,
        };
        assert_eq!(serde_json::from_str::<Query>(&serde_json::to_string(&query).unwrap()).unwrap(), query);
        assert_eq!(serde_json::from_str::<Query>("{}").unwrap(), Query::default());
    }
}
