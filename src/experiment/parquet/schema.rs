//! The schema of a Parquet file as a list of columns with their places in the tree.

use super::footer::Element;

/// How deep columns may stand in lists and structures.
const DEPTH: usize = 64;
/// Longest value of fixed length, bytes.
const FIXED: i32 = 1 << 20;

/// What the bytes of a value are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Physical {
    Boolean,
    /// So many bytes each.
    Fixed(usize),
    /// Bytes with their length before them.
    Bytes,
}

impl Physical {
    fn of(code: i32, length: Option<i32>) -> Result<Self, String> {
        Ok(match (code, length) {
            (0, _) => Self::Boolean,
            (1 | 4, _) => Self::Fixed(4),
            (2 | 5, _) => Self::Fixed(8),
            (3, _) => Self::Fixed(12),
            (6, _) => Self::Bytes,
            (7, Some(length @ 1..=FIXED)) => Self::Fixed(length as usize),
            (7, length) => return Err(format!("its values have the length {}", length.unwrap_or_default())),
            _ => return Err(format!("its values have the unknown type {code}")),
        })
    }
}

/// A column of values.
#[derive(Debug)]
pub struct Leaf {
    /// Names from the root on, with points between them.
    pub name: String,
    /// The type as the file numbers it.
    pub code: i32,
    pub physical: Physical,
    /// Values may be missing, or stand in something that may be.
    pub has_definitions: bool,
    /// Values may repeat: there can be more than rows.
    pub has_repetitions: bool,
}

impl Leaf {
    /// True for whole numbers and floats.
    pub const fn is_number(&self) -> bool {
        // INT32, INT64, FLOAT, DOUBLE.
        matches!(self.code, 1 | 2 | 4 | 5)
    }
}

/// A column of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Root {
    pub name: String,
    /// One value a row; no list and no structure.
    pub is_flat: bool,
}

struct Group {
    left: i32,
    name: String,
    has_definitions: bool,
    has_repetitions: bool,
}

/// Walks through the tree. The error is a clause.
pub fn columns(elements: &[Element]) -> Result<(Vec<Root>, Vec<Leaf>), String> {
    let Some((first, elements)) = elements.split_first() else {
        return Err("it has no root".to_owned());
    };
    let group = |element: &Element, left: i32, name: String| Group {
        left,
        name,
        has_definitions: matches!(element.repetition, Some(1 | 2)),
        has_repetitions: element.repetition == Some(2),
    };
    let mut open = vec![Group {
        has_definitions: false,
        has_repetitions: false,
        ..group(first, children(first)?.unwrap_or(0), String::new())
    }];
    let (mut roots, mut leaves) = (Vec::new(), Vec::new());
    for element in elements {
        while open.last().is_some_and(|group| group.left == 0) {
            open.pop();
        }
        let is_root = open.len() == 1;
        let Some(parent) = open.last_mut() else {
            return Err(format!("column {} stands outside of the tree", element.name));
        };
        parent.left -= 1;
        let name = if is_root { element.name.clone() } else { format!("{}.{}", parent.name, element.name) };
        if !matches!(element.repetition, Some(0..=2)) {
            return Err(format!("column {name} does not say whether it may be missing"));
        }
        let children = children(element)?.unwrap_or(0);
        if is_root {
            let is_flat = children == 0 && element.repetition != Some(2);
            roots.push(Root { name: element.name.clone(), is_flat });
        }
        let mut inner = group(element, children, name);
        inner.has_definitions |= parent.has_definitions;
        inner.has_repetitions |= parent.has_repetitions;
        if children > 0 {
            if open.len() == DEPTH {
                return Err(format!("column {} stands more than {DEPTH} deep", inner.name));
            }
            open.push(inner);
            continue;
        }
        let Some(code) = element.physical else {
            return Err(format!("column {} has no type", inner.name));
        };
        let physical =
            Physical::of(code, element.length).map_err(|why| format!("column {}: {why}", inner.name))?;
        leaves.push(Leaf {
            name: inner.name,
            code,
            physical,
            has_definitions: inner.has_definitions,
            has_repetitions: inner.has_repetitions,
        });
    }
    match open.iter().find(|group| group.left > 0) {
        Some(group) => Err(format!("{} more columns are announced than are there", group.left)),
        None => Ok((roots, leaves)),
    }
}

fn children(element: &Element) -> Result<Option<i32>, String> {
    match element.children {
        Some(count) if count < 0 => Err(format!("column {} has {count} columns", element.name)),
        count => Ok(count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, physical: Option<i32>, repetition: i32, children: i32) -> Element {
        let children = Some(children).filter(|children| *children != 0);
        Element { name: name.to_owned(), physical, length: None, repetition: Some(repetition), children }
    }

    #[test]
    fn columns_know_where_they_stand() {
        let (roots, leaves) = columns(&[
            node("schema", None, 0, 3),
            node("a", Some(1), 0, 0),
            node("list", None, 1, 1),
            node("list", None, 2, 1),
            node("element", Some(5), 1, 0),
            node("b", Some(6), 1, 0),
        ])
        .unwrap();
        let found: Vec<_> = roots.iter().map(|root| (root.name.as_str(), root.is_flat)).collect();
        assert_eq!(found, [("a", true), ("list", false), ("b", true)]);
        let found: Vec<_> = leaves
            .iter()
            .map(|leaf| (leaf.name.as_str(), leaf.has_definitions, leaf.has_repetitions))
            .collect();
        assert_eq!(found, [("a", false, false), ("list.list.element", true, true), ("b", true, false)]);
        assert_eq!(columns(&[node("schema", None, 0, 0)]).unwrap().0, []);
    }

    #[test]
    fn trees_that_do_not_add_up_are_refused() {
        let fixed = |length| Element { length, ..node("a", Some(7), 0, 0) };
        let deep = std::iter::repeat_with(|| node("g", None, 0, 1)).take(100).collect::<Vec<_>>();
        for (elements, why) in [
            (vec![], "no root"),
            (vec![node("s", None, 0, 2), node("a", Some(1), 0, 0)], "1 more columns"),
            (vec![node("s", None, 0, 0), node("a", Some(1), 0, 0)], "outside of the tree"),
            (vec![node("s", None, 0, -1)], "-1 columns"),
            (vec![node("s", None, 0, 1), node("a", Some(9), 0, 0)], "unknown type 9"),
            (vec![node("s", None, 0, 1), node("a", None, 0, 0)], "no type"),
            (vec![node("s", None, 0, 1), node("a", Some(1), 3, 0)], "may be missing"),
            (vec![node("s", None, 0, 1), fixed(None)], "the length 0"),
            (vec![node("s", None, 0, 1), fixed(Some(1 << 21))], "the length 2097152"),
            (deep, "deep"),
        ] {
            let error = columns(&elements).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
