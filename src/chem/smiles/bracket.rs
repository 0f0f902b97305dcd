//! Atoms in brackets.

use chematic::core::Element;

use super::{ChemError, MAX_ATOM_MAP, MAX_ISOTOPE, Scanner};

/// Digits of a wrong number that are shown.
const SHOWN: usize = 20;

impl Scanner<'_> {
    /// `[` isotope? symbol chirality? hydrogens? charge? class? `]`
    pub(super) fn bracket(&mut self) -> Result<(), ChemError> {
        let start = self.at;
        let Some(length) = self.text[start..].iter().position(|&c| c == ']') else {
            return Err(self.error(start, "the bracket is never closed"));
        };
        let inside = &self.text[start + 1..start + length];
        if inside.contains(&'[') {
            return Err(self.error(start, "the bracket is never closed"));
        }
        let mut at = inside.iter().take_while(|c| c.is_ascii_digit()).count();
        // The toolkit takes what is too large for the largest that it knows.
        self.in_range("isotope", start + 1, &inside[..at], MAX_ISOTOPE)?;
        let symbol = symbol_length(&inside[at..])
            .ok_or_else(|| self.error(start + 1 + at, unknown_symbol(&inside[at..])))?;
        at += symbol;
        let count =
            |at: usize, wanted: fn(&char) -> bool| inside[at..].iter().take_while(|c| wanted(c)).count();
        if inside.get(at) == Some(&'@') {
            at += count(at, |&c| c == '@');
            let class: String = inside[at..].iter().take(2).collect();
            if matches!(class.as_str(), "TH" | "AL" | "SP" | "TB" | "OH") {
                at += 2;
                at += count(at, char::is_ascii_digit);
            }
        }
        if inside.get(at) == Some(&'H') {
            at += 1;
            at += count(at, char::is_ascii_digit);
        }
        if let Some(&sign) = inside.get(at)
            && matches!(sign, '+' | '-')
        {
            at += if sign == '+' { count(at, |&c| c == '+') } else { count(at, |&c| c == '-') };
            at += count(at, char::is_ascii_digit);
        }
        if inside.get(at) == Some(&':') && inside.get(at + 1).is_some_and(char::is_ascii_digit) {
            let digits = at + 1..at + 1 + count(at + 1, char::is_ascii_digit);
            at = digits.end;
            self.in_range("atom map", start + 1 + digits.start, &inside[digits], MAX_ATOM_MAP)?;
        }
        if let Some(&c) = inside.get(at) {
            return Err(self.error(
                start + 1 + at,
                format!("{} does not belong here in the bracket", c.escape_default()),
            ));
        }
        self.atom(length + 1)
    }

    /// Checks a number, which may be missing.
    fn in_range(&self, what: &str, at: usize, digits: &[char], most: u32) -> Result<(), ChemError> {
        let number: String = digits.iter().collect();
        if number.is_empty() || number.parse().is_ok_and(|number: u32| number <= most) {
            return Ok(());
        }
        let more = if digits.len() > SHOWN { "…" } else { "" };
        let shown: String = number.chars().take(SHOWN).collect();
        Err(self.error(at, format!("the {what} {shown}{more} is out of range, 0 to {most}")))
    }
}

/// Characters of the element symbol with which the inside of a bracket begins.
fn symbol_length(inside: &[char]) -> Option<usize> {
    match inside {
        ['*', ..] => Some(1),
        // RDKit's extension: an atomic number.
        ['#', rest @ ..] => {
            let digits = rest.iter().take_while(|c| c.is_ascii_digit()).count();
            (1..=3).contains(&digits).then_some(digits + 1)
        }
        [a, b, ..] if matches!((a, b), ('s', 'e' | 'i') | ('a', 's') | ('t', 'e')) => Some(2),
        ['b' | 'c' | 'n' | 'o' | 'p' | 's', ..] => Some(1),
        [a, rest @ ..] if a.is_ascii_uppercase() => {
            let letters = rest.first().filter(|c| c.is_ascii_lowercase());
            let pair: String = [Some(a), letters].into_iter().flatten().collect();
            if pair.len() == 2 && Element::from_symbol(&pair).is_some() {
                return Some(2);
            }
            (letters.is_none() && Element::from_symbol(&a.to_string()).is_some()).then_some(1)
        }
        _ => None,
    }
}

fn unknown_symbol(inside: &[char]) -> String {
    let symbol: String = inside.iter().take(2).take_while(|c| c.is_alphabetic()).collect();
    if symbol.is_empty() {
        "an element symbol is missing".into()
    } else {
        format!("unknown element {symbol}")
    }
}
