//! Tables with separators: comma, semicolon, tab or bar; quoted cells after RFC 4180.

use super::{CompoundFile, Format, Raw, records};
use crate::chem::{ChemError, Molecule};

/// Names of a column of structures, best first, without case, blanks and punctuation.
const SMILES: [&str; 8] = [
    "smiles",
    "canonicalsmiles",
    "isomericsmiles",
    "smilesisomeric",
    "smilescanonical",
    "molsmiles",
    "structure",
    "structuresmiles",
];

/// Names of a column of names, best first.
const NAMES: [&str; 22] = [
    "name",
    "compoundname",
    "compound",
    "drugname",
    "drug",
    "preferredname",
    "prefname",
    "commonname",
    "moleculename",
    "pertiname",
    "treatment",
    "title",
    "substance",
    "molecule",
    "cmpd",
    "compoundid",
    "moleculeid",
    "chemblid",
    "moleculechemblid",
    "pertid",
    "broadid",
    "id",
];

/// A row of cells and the line at which it begins, from 1.
pub(in crate::chem) struct Row {
    pub line: usize,
    pub cells: Vec<String>,
}

/// Splits text into rows, one at a time.
pub(in crate::chem) struct Rows<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    separator: char,
    line: usize,
}

impl<'a> Rows<'a> {
    /// The separator is the character that the first line has most of.
    pub fn new(text: &'a str) -> Self {
        let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let count = |c: char| {
            let mut quoted = false;
            first
                .chars()
                .filter(|&x| {
                    quoted ^= x == '"';
                    x == c && !quoted
                })
                .count()
        };
        let separator = ['\t', ',', ';', '|'].into_iter().rev().max_by_key(|&c| count(c)).unwrap_or(',');
        Self { rest: text.chars().peekable(), separator, line: 1 }
    }
}

impl Iterator for Rows<'_> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        self.rest.peek()?;
        let mut row = Row { line: self.line, cells: Vec::new() };
        let (mut cell, mut quoted) = (String::new(), false);
        while let Some(c) = self.rest.next() {
            match c {
                '"' if quoted && self.rest.peek() == Some(&'"') => {
                    cell.push('"');
                    self.rest.next();
                }
                '"' if quoted || cell.is_empty() => quoted = !quoted,
                '\r' if !quoted && self.rest.peek() == Some(&'\n') => {}
                '\n' => {
                    self.line += 1;
                    if !quoted {
                        break;
                    }
                    cell.push(c);
                }
                _ if c == self.separator && !quoted => row.cells.push(std::mem::take(&mut cell)),
                _ => cell.push(c),
            }
        }
        row.cells.push(cell);
        Some(row)
    }
}

/// A column name without case, blanks and punctuation.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The column whose name is best in `wanted`.
fn best(header: &[String], wanted: &[&str]) -> Option<usize> {
    let header: Vec<String> =
        header.iter().map(|name| plain(name.strip_prefix("Metadata_").unwrap_or(name))).collect();
    wanted.iter().find_map(|wanted| header.iter().position(|name| name == wanted))
}

/// The column in which most cells of the first rows are structures with a bond, if more than half are.
fn by_content(rows: &[Row]) -> Option<usize> {
    let rows = &rows[..rows.len().min(20)];
    let columns = rows.iter().map(|row| row.cells.len()).max()?;
    let structures = |column: usize| {
        let is_one = |cell: &String| {
            // Names such as "CoQ10" or "NO" are not; nor is a bare number.
            Molecule::from_smiles(cell).is_ok_and(|m| m.atom_count() > 2 && m.title().is_none())
        };
        rows.iter().filter(|row| row.cells.get(column).is_some_and(is_one)).count()
    };
    let (column, count) = (0..columns).map(|c| (c, structures(c))).rev().max_by_key(|&(_, n)| n)?;
    (2 * count > rows.len()).then_some(column)
}

pub(super) fn parse(text: &str) -> Result<CompoundFile, ChemError> {
    let mut rows: Vec<Row> =
        Rows::new(text).filter(|row| row.cells.iter().any(|cell| !cell.trim().is_empty())).collect();
    let Some(first) = rows.first() else {
        return Err(ChemError::File("the table is empty".into()));
    };
    let named = best(&first.cells, &SMILES)
        .or_else(|| first.cells.iter().position(|name| plain(name).contains("smiles")));
    let is_structure = |cell: &String| Molecule::from_smiles(cell).is_ok_and(|m| m.atom_count() > 2);
    let by_content = || {
        let column = by_content(&rows[1..]).or_else(|| by_content(&rows))?;
        Some((column, !first.cells.get(column).is_some_and(is_structure)))
    };
    let Some((column, headed)) = named.map(|column| (column, true)).or_else(by_content) else {
        return Err(ChemError::File(
            "no column holds SMILES; name the column of structures \"smiles\"".into(),
        ));
    };
    let width = rows.iter().map(|row| row.cells.len()).max().unwrap_or(0);
    let mut header: Vec<String> = if headed { rows.remove(0).cells } else { Vec::new() };
    for number in header.len()..width {
        header.push(if number == column { "smiles".into() } else { format!("column {}", number + 1) });
    }
    let name = best(&header, &NAMES).filter(|&name| name != column).or_else(|| {
        // Without a header, the first other column.
        if headed { None } else { (0..width).find(|&other| other != column) }
    });
    let kept: Vec<usize> = (0..width).filter(|&c| c != column && Some(c) != name).collect();
    let raw = rows
        .into_iter()
        .map(|row| {
            let cell = |column: usize| row.cells.get(column).cloned().unwrap_or_default();
            Raw {
                line: row.line,
                name: name.map(|name| cell(name).trim().to_owned()).unwrap_or_default(),
                structure: cell(column),
                properties: kept.iter().map(|&c| cell(c).trim().to_owned()).collect(),
            }
        })
        .collect();
    let records = records(raw, |smiles: String| {
        let molecule = Molecule::from_smiles(&smiles);
        (Some(smiles), molecule)
    })?;
    Ok(CompoundFile {
        format: Format::Delimited,
        smiles_column: header.get(column).cloned(),
        name_column: name.and_then(|name| header.get(name).cloned()),
        columns: kept.iter().map(|&c| header[c].clone()).collect(),
        records,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<(String, Option<String>)> {
        let file = parse(text).unwrap();
        file.records
            .into_iter()
            .map(|r| (r.name, r.molecule.ok().map(|m| m.canonical_smiles().into())))
            .collect()
    }

    #[test]
    fn columns_are_found_by_name() {
        let file = parse("id;Drug Name;dose;Canonical SMILES\n1;\"a; \"\"b\"\"\";3;OCC\n2;c;;C(\n").unwrap();
        assert_eq!(file.smiles_column.as_deref(), Some("Canonical SMILES"));
        assert_eq!(file.name_column.as_deref(), Some("Drug Name"));
        assert_eq!(file.columns, ["id", "dose"]);
        assert_eq!(file.records[0].name, "a; \"b\"");
        assert_eq!(file.records[0].properties, ["1", "3"]);
        assert_eq!(file.records[0].smiles.as_deref(), Some("OCC"));
        assert_eq!(file.records[1].line, 3);
        assert_eq!(file.records[1].molecule.as_ref().unwrap_err().position(), Some(2));
    }

    #[test]
    fn columns_are_found_by_content() {
        let expected =
            [("x".to_owned(), Some("CCO".to_owned())), ("y".to_owned(), Some("c1ccccc1".to_owned()))];
        assert_eq!(names("what\tit\nx\tOCC\ny\tc1ccccc1"), expected.clone().map(|(_, m)| (String::new(), m)));
        assert_eq!(names("x,OCC\r\ny,c1ccccc1\r\n"), expected);
        assert_eq!(names("OCC\tx\nc1ccccc1\ty"), expected);
        assert!(parse("a,b\n1,2\n").is_err());
    }

    #[test]
    fn a_cell_may_span_lines_and_rows_may_be_short() {
        let file = parse("smiles,note\nCCO,\"two\nlines\"\nCC\n").unwrap();
        assert_eq!(file.records[0].properties, ["two\nlines"]);
        assert_eq!(file.records[1].line, 4);
        assert_eq!(file.records[1].properties, [""]);
    }
}
