//! A scanner for SMILES: where each atom stands, and the exact character of a syntax error.
//!
//! The toolkit's parser builds the molecule; its error positions are sometimes one late, and errors of chemistry name
//! an atom instead of a character. This scanner finds the same syntax errors first. Grammar: OpenSMILES 1.0 with RDKit's
//! extensions (`->`, `<-`, `$`).

mod bracket;

use std::collections::BTreeMap;

use chematic::core::Element;

use super::ChemError;

/// Longest SMILES that is read, in characters.
pub const MAX_LENGTH: usize = 20_000;

/// Most atoms of a molecule. Far above any drug; keeps the cubic algorithms (rings, layout, InChI) within seconds.
pub const MAX_ATOMS: usize = 999;

/// Highest mass number of an isotope, as OpenSMILES has it.
pub const MAX_ISOTOPE: u32 = 999;

/// Highest number of an atom map.
pub const MAX_ATOM_MAP: u32 = 65_535;

/// Something to know about a structure that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Character of the SMILES, from 0; none in a MOL block.
    pub position: Option<usize>,
    /// What to know.
    pub why: String,
}

/// A SMILES whose syntax is sound.
#[derive(Debug)]
pub(super) struct Scan {
    /// What to hand to the parser: no blanks, no title.
    pub smiles: String,
    /// The character of the input at which each atom begins, in the order of atoms.
    pub atoms: Vec<usize>,
    /// The character of the input for each character of `smiles`.
    pub origin: Vec<usize>,
    /// What stood after a blank: a name, without a CXSMILES block.
    pub title: Option<String>,
    pub warnings: Vec<Warning>,
}

impl Scan {
    /// The input's character for a position in `smiles`, clamped to the input.
    pub fn position(&self, index: usize) -> usize {
        let end = self.origin.last().map_or(0, |last| last + 1);
        self.origin.get(index).copied().unwrap_or(end)
    }
}

/// A ring closure that waits for its other end.
struct OpenRing {
    position: usize,
    atom: usize,
    bond: Option<char>,
    /// How many rings had been closed when this one was opened.
    closed_before: usize,
}

/// Where the scanner stands.
struct Scanner<'a> {
    text: &'a [char],
    /// Character of the input at which `text` begins.
    offset: usize,
    at: usize,
    scan: Scan,
    /// The atom that the next bond starts from.
    previous: Option<usize>,
    /// A bond symbol that waits for its atom: position and symbol.
    bond: Option<(usize, char)>,
    /// Open branches: the atom that each returns to, and whether an atom has come since.
    branches: Vec<(Option<usize>, bool)>,
    rings: BTreeMap<u32, OpenRing>,
    closed: usize,
}

/// Reads a SMILES with an optional title; says at which character it is wrong.
pub(super) fn scan(input: &str) -> Result<Scan, ChemError> {
    let chars: Vec<char> = input.chars().take(MAX_LENGTH * 2).collect();
    let start = chars.iter().position(|c| !c.is_whitespace()).unwrap_or(chars.len());
    let rest = &chars[start..];
    let length = rest.iter().position(|c| c.is_whitespace()).unwrap_or(rest.len());
    if length > MAX_LENGTH {
        return Err(ChemError::smiles(
            start + MAX_LENGTH,
            format!("the text is longer than {MAX_LENGTH} characters; paste one structure at a time"),
        ));
    }
    let mut scanner = Scanner {
        text: &rest[..length],
        offset: start,
        at: 0,
        scan: Scan {
            smiles: String::new(),
            atoms: Vec::new(),
            origin: Vec::new(),
            title: None,
            warnings: Vec::new(),
        },
        previous: None,
        bond: None,
        branches: Vec::new(),
        rings: BTreeMap::new(),
        closed: 0,
    };
    scanner.run()?;
    let mut scan = scanner.scan;
    let rest: String = rest[length..].iter().collect();
    let mut title = rest.trim();
    if let Some(block) = title.strip_prefix('|')
        && let Some(end) = block.find('|')
    {
        scan.warnings.push(Warning {
            position: Some(start + length + 1),
            why: "the CXSMILES extension between | and | is not read".into(),
        });
        title = block[end + 1..].trim();
    }
    scan.title = (!title.is_empty()).then(|| title.to_owned());
    Ok(scan)
}

impl Scanner<'_> {
    fn run(&mut self) -> Result<(), ChemError> {
        if self.text.is_empty() {
            return Err(self.error(0, "there is no structure here"));
        }
        while let Some(&c) = self.text.get(self.at) {
            match c {
                '(' => self.open_branch()?,
                ')' => self.close_branch()?,
                '-' | '=' | '#' | '$' | ':' | '/' | '\\' | '~' | '<' => self.bond_symbol(c)?,
                '.' => self.dot()?,
                '0'..='9' | '%' => self.ring(c)?,
                '[' => self.bracket()?,
                _ => self.organic(c)?,
            }
        }
        self.finish()
    }

    fn error(&self, at: usize, why: impl Into<String>) -> ChemError {
        ChemError::smiles(self.offset + at, why)
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.text.get(self.at + ahead).copied()
    }

    /// Hands `count` characters on to the parser.
    fn copy(&mut self, count: usize) {
        for at in self.at..(self.at + count).min(self.text.len()) {
            self.scan.smiles.push(self.text[at]);
            self.scan.origin.push(self.offset + at);
        }
        self.at += count;
    }

    fn no_dangling_bond(&self) -> Result<(), ChemError> {
        match self.bond {
            Some((at, symbol)) => Err(self.error(at, format!("the bond {symbol} leads to no atom"))),
            None => Ok(()),
        }
    }

    fn open_branch(&mut self) -> Result<(), ChemError> {
        self.no_dangling_bond()?;
        if self.previous.is_none() || self.branches.last().is_some_and(|&(_, filled)| !filled) {
            return Err(self.error(self.at, "a branch needs an atom before it"));
        }
        self.branches.push((self.previous, false));
        self.copy(1);
        Ok(())
    }

    fn close_branch(&mut self) -> Result<(), ChemError> {
        self.no_dangling_bond()?;
        match self.branches.pop() {
            Some((_, false)) => Err(self.error(self.at, "the branch is empty")),
            Some((atom, true)) if self.previous.is_some() => {
                self.previous = atom;
                self.copy(1);
                Ok(())
            }
            Some(_) => Err(self.error(self.at - 1, "no atom follows the dot")),
            None => Err(self.error(self.at, "this ) closes no branch")),
        }
    }

    fn bond_symbol(&mut self, symbol: char) -> Result<(), ChemError> {
        let length = match (symbol, self.peek(1)) {
            ('-', Some('>')) | ('<', Some('-')) => 2,
            ('<', _) => return Err(self.error(self.at, "unexpected character <")),
            ('~', _) => {
                return Err(
                    self.error(self.at, "the bond ~ stands for any; it is for patterns, not for structures")
                );
            }
            _ => 1,
        };
        if self.bond.is_some() {
            return Err(self.error(self.at, "two bonds in a row"));
        }
        if self.previous.is_none() {
            return Err(self.error(self.at, format!("the bond {symbol} starts at no atom")));
        }
        self.bond = Some((self.at, symbol));
        self.copy(length);
        Ok(())
    }

    fn dot(&mut self) -> Result<(), ChemError> {
        self.no_dangling_bond()?;
        if self.previous.is_none() || self.branches.last().is_some_and(|&(_, filled)| !filled) {
            return Err(self.error(self.at, "no atom stands before the dot"));
        }
        self.previous = None;
        self.copy(1);
        Ok(())
    }

    fn ring(&mut self, c: char) -> Result<(), ChemError> {
        let digit = |ahead: usize| self.peek(ahead).and_then(|c| c.to_digit(10));
        let (number, length) = match c {
            '%' if self.peek(1) == Some('(') => {
                let digits: String =
                    self.text[self.at + 2..].iter().take(6).take_while(|c| c.is_ascii_digit()).collect();
                match (digits.parse(), self.peek(2 + digits.len())) {
                    (Ok(number), Some(')')) if digits.len() <= 5 => (number, digits.len() + 3),
                    _ => return Err(self.error(self.at, "%( needs one to five digits and )")),
                }
            }
            '%' => match (digit(1), digit(2)) {
                (Some(tens), Some(ones)) => (tens * 10 + ones, 3),
                _ => return Err(self.error(self.at, "% needs two digits")),
            },
            _ => (digit(0).unwrap_or_default(), 1),
        };
        let Some(atom) = self.previous else {
            return Err(self.error(self.at, format!("no atom stands before ring bond {number}")));
        };
        if self.branches.last().is_some_and(|&(_, filled)| !filled) {
            return Err(self.error(self.at, "a branch begins with an atom"));
        }
        let bond = self.bond.take();
        if let Some(open) = self.rings.remove(&number) {
            if open.atom == atom {
                return Err(self.error(self.at, format!("ring bond {number} joins an atom to itself")));
            }
            if let (Some(first), Some((_, second))) = (open.bond, bond)
                && first != second
                && !(matches!(first, '/' | '\\') && matches!(second, '/' | '\\'))
            {
                self.scan.warnings.push(Warning {
                    position: Some(self.offset + self.at),
                    why: format!(
                        "ring bond {number} is {first} at one end and {second} at the other; {first} is taken"
                    ),
                });
                self.scan.smiles.pop();
                self.scan.origin.pop();
            }
            self.closed += 1;
        } else {
            let bond = bond.map(|(_, symbol)| symbol);
            self.rings.insert(number, OpenRing { position: self.at, atom, bond, closed_before: self.closed });
        }
        self.copy(length);
        Ok(())
    }

    /// Enters an atom that begins here.
    fn atom(&mut self, length: usize) -> Result<(), ChemError> {
        if self.scan.atoms.len() == MAX_ATOMS {
            return Err(self.error(self.at, format!("the structure has more than {MAX_ATOMS} atoms")));
        }
        self.scan.atoms.push(self.offset + self.at);
        self.previous = Some(self.scan.atoms.len() - 1);
        self.bond = None;
        if let Some((_, filled)) = self.branches.last_mut() {
            *filled = true;
        }
        self.copy(length);
        Ok(())
    }

    fn organic(&mut self, c: char) -> Result<(), ChemError> {
        let pair: String = [Some(c), self.peek(1)].into_iter().flatten().collect();
        if pair == "Cl" || pair == "Br" {
            return self.atom(2);
        }
        if "BCNOPSFIbcnops*".contains(c) {
            return self.atom(1);
        }
        let symbol = [pair.as_str(), &pair[..c.len_utf8()]]
            .into_iter()
            .find(|s| s.starts_with(|c: char| c.is_ascii_uppercase()) && Element::from_symbol(s).is_some());
        Err(self.error(
            self.at,
            match symbol {
                Some(symbol) => format!("{symbol} must stand in brackets: [{symbol}]"),
                None if c.is_alphabetic() => format!("unknown element {c}"),
                None => format!("unexpected character {}", c.escape_default()),
            },
        ))
    }

    fn finish(&self) -> Result<(), ChemError> {
        self.no_dangling_bond()?;
        let end = self.text.len();
        if !self.branches.is_empty() {
            return Err(self.error(end, "a branch is never closed: ) is missing"));
        }
        // Where text was cut off, the end is where the ring should close. Where another ring was closed after this
        // one was opened, the text is complete otherwise, and the opening digit itself is the odd one.
        if let Some((number, open)) = self.rings.iter().min_by_key(|(_, open)| open.position) {
            let at = if self.closed > open.closed_before { open.position } else { end };
            return Err(self.error(at, format!("ring bond {number} is never closed")));
        }
        if self.previous.is_none() {
            return Err(self.error(end - 1, "no atom follows the dot"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(smiles: &str) -> Option<usize> {
        scan(smiles).err().and_then(|e| e.position())
    }

    #[test]
    fn atoms_stand_where_they_were_written() {
        let scan = scan("  CC(=O)[O-].[Na+] sodium acetate").unwrap();
        assert_eq!(scan.atoms, [2, 3, 6, 8, 13]);
        assert_eq!(scan.smiles, "CC(=O)[O-].[Na+]");
        assert_eq!(scan.title.as_deref(), Some("sodium acetate"));
        assert!(scan.warnings.is_empty());
    }

    #[test]
    fn an_extension_is_told_and_the_title_behind_it_kept() {
        let scan = scan("C[C@H](F)Cl |o1:1| a racemate").unwrap();
        assert_eq!(scan.title.as_deref(), Some("a racemate"));
        assert_eq!(scan.warnings[0].position, Some(12));
    }

    #[test]
    fn errors_stand_at_the_character() {
        for (smiles, at) in [
            ("", 0),
            ("   ", 3),
            ("=C", 0),
            ("C.=C", 2),
            ("C..C", 2),
            ("CC.", 2),
            ("C()C", 2),
            ("(C)C", 0),
            ("C((C))", 2),
            ("C(.C)", 2),
            ("C=(C)C", 1),
            ("1CC1", 0),
            ("C(1CC1)", 2),
            ("C11", 2),
            ("NaCl", 1),
            ("C[NaH]x", 6),
            ("C[CH4+2?]", 7),
            ("C[]", 2),
            ("Cµ", 1),
            ("C%(12C", 1),
            ("C~C", 1),
            ("[CH4:]", 4),
            ("[1000CH4]", 1),
            ("C[9999999999999999999999CH3]", 2),
            ("[-5CH4]", 1),
            ("[CH4:65536]", 5),
            ("[CH4:99999999999]", 5),
            ("[CH4:-1]", 4),
        ] {
            assert_eq!(position(smiles), Some(at), "{smiles}");
        }
    }

    #[test]
    fn isotopes_and_atom_maps_are_read_up_to_their_limits() {
        for smiles in ["[13CH4]", "[0999CH4]", "[CH4:65535]", "[999*:007]"] {
            assert_eq!(position(smiles), None, "{smiles}");
        }
        let text = scan("[1000CH4]").unwrap_err().to_string();
        assert_eq!(text, "position 1: the isotope 1000 is out of range, 0 to 999");
        let text = scan(&format!("[CH4:{}]", "9".repeat(100))).unwrap_err().to_string();
        assert!(text.contains("the atom map 9999") && text.len() < 120, "{text}");
    }

    #[test]
    fn long_input_is_refused_before_it_is_parsed() {
        assert_eq!(position(&"C".repeat(2_000)), Some(MAX_ATOMS));
        assert_eq!(position(&"C".repeat(30_000)), Some(MAX_LENGTH));
    }
}
