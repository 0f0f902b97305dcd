//! What the values of a column look like.

use super::super::cells::parse;
use super::super::columns::Kind;
use super::super::wells::Well;
use super::synonyms::{is_missing, is_missing_value, word};

/// Values that tell what their column is, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pattern {
    /// `B07`
    Wells,
    /// `CC(=O)Oc1ccccc1C(=O)O`
    Smiles,
    /// `videos/a.tif`
    Recordings,
    /// `negcon`, `trt`
    Controls,
    /// `train`, `query`
    Splits,
}

/// Values that are looked at.
const SAMPLE: usize = 1000;

/// What at least nine of ten of a column's first thousand values look like.
pub(super) fn recognise<'a>(cells: impl Iterator<Item = &'a str>) -> Option<(Pattern, String)> {
    let values: Vec<&str> =
        cells.map(str::trim).filter(|cell| !is_missing_value(cell)).take(SAMPLE).collect();
    // One value may look like anything.
    if values.len() < 2 {
        return None;
    }
    let like = |test: &dyn Fn(&str) -> bool| values.iter().filter(|value| test(value)).count();
    let enough = |count: usize| count * 10 >= values.len() * 9;
    let named = |column: &'static str| {
        // Words alone, without one that only this column has, are no sign.
        let count = like(&|value| value.len() > 2 && word(column, value).is_some());
        let telling = values.iter().any(|value| {
            value.chars().all(|c| !c.is_ascii_digit())
                && word(column, value).is_some_and(|word| !word.is_empty())
        });
        (telling, count)
    };
    let described = |what: &str, count: usize| format!("{count} of {} values look like {what}", values.len());
    let wells = like(&|value| Well::parse(value).is_some());
    if enough(wells) {
        return Some((Pattern::Wells, described("wells", wells)));
    }
    let recordings = like(&is_recording);
    if enough(recordings) {
        return Some((Pattern::Recordings, described("recordings", recordings)));
    }
    let smiles = like(&is_smiles);
    if enough(smiles) {
        return Some((Pattern::Smiles, described("SMILES", smiles)));
    }
    for (pattern, column, what) in
        [(Pattern::Splits, "split", "parts of a split"), (Pattern::Controls, "control", "controls")]
    {
        let (telling, count) = named(column);
        if telling && enough(count) {
            return Some((pattern, described(what, count)));
        }
    }
    None
}

/// True for values that end as files of recordings do.
pub(super) fn is_recording(value: &str) -> bool {
    const ENDINGS: [&str; 12] = [
        ".tif", ".tiff", ".gif", ".nd2", ".czi", ".avi", ".mp4", ".lif", ".zarr", ".stk", ".ome.tif", ".btf",
    ];
    let lower = value.to_ascii_lowercase();
    ENDINGS.iter().any(|ending| lower.len() > ending.len() && lower.ends_with(ending))
}

/// A quick look, not a parse: the characters of SMILES, balanced brackets, and a bond, branch, ring or aromatic atom.
fn is_smiles(value: &str) -> bool {
    let bytes = value.as_bytes();
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"()[]=#@+-./\\%*:$".contains(byte);
    let letters: String = value.chars().filter(char::is_ascii_alphabetic).collect();
    // Outside of brackets only the organic subset: names such as "taxol" have letters that no SMILES has.
    let mut depth = 0_i32;
    let organic = bytes.iter().all(|byte| {
        depth += i32::from(*byte == b'[') - i32::from(*byte == b']');
        depth > 0 || !byte.is_ascii_alphabetic() || b"BCNOPSFIbcnopslrH".contains(byte)
    });
    let balance = |open: char, close: char| value.matches(open).count() == value.matches(close).count();
    bytes.len() >= 4
        && bytes.iter().all(allowed)
        && organic
        && balance('(', ')')
        && balance('[', ']')
        && letters.contains(['C', 'c', 'N', 'n', 'O'])
        && (value.contains(['=', '#', '(', '[']) || (value.contains('1') && value.matches('1').count() > 1))
}

/// True where numbers are written with a decimal comma: some cell needs it, and none contradicts.
pub(super) fn decimal_commas<'a>(cells: impl Iterator<Item = &'a str>) -> bool {
    let mut needed = false;
    for cell in cells.map(str::trim).filter(|cell| cell.contains(',')).take(SAMPLE) {
        let Some((whole, decimals)) = cell.split_once(',') else { continue };
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let whole = whole.trim_start_matches(['-', '+']);
        let (decimals, exponent) = decimals.split_once(['e', 'E']).unwrap_or((decimals, "0"));
        if !digits(whole) || decimals.is_empty() || !digits(decimals) || exponent.parse::<i32>().is_err() {
            return false;
        }
        // 1,000 alone may be a thousand; 0,001 and 0,5 cannot.
        needed |= decimals.len() != 3 || whole == "0" || whole.len() > 3;
    }
    needed
}

/// The kind that keeps all of a free column's values as they are.
pub(super) fn free_kind<'a>(cells: impl Iterator<Item = &'a str>, decimal_comma: bool) -> Kind {
    let mut kinds = [Kind::Integer, Kind::Number, Kind::Flag].map(|kind| (kind, true));
    let mut any = false;
    for cell in cells.map(str::trim).filter(|cell| !is_missing(cell)) {
        any = true;
        // 007 is a name, and so is a barcode with more digits than a float keeps.
        let digits = cell.trim_start_matches('-').as_bytes();
        let name = matches!(digits, [b'0', next, ..] if next.is_ascii_digit())
            || (digits.len() > 15 && digits.iter().all(u8::is_ascii_digit));
        let plain = if decimal_comma { cell.replacen(',', ".", 1) } else { cell.to_owned() };
        let word = matches!(cell, "true" | "false" | "True" | "False" | "TRUE" | "FALSE");
        for (kind, fits) in &mut kinds {
            *fits &= match kind {
                Kind::Flag => word,
                Kind::Integer => !name && !cell.starts_with('+') && cell.parse::<i64>().is_ok(),
                _ => !name && parse(&plain, Kind::Number, None).is_ok(),
            };
        }
        if kinds.iter().all(|(_, fits)| !fits) {
            break;
        }
    }
    kinds.into_iter().find(|(_, fits)| any && *fits).map_or(Kind::Text, |(kind, _)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(values: &[&str]) -> Option<Pattern> {
        recognise(values.iter().copied()).map(|(pattern, _)| pattern)
    }

    #[test]
    fn values_tell_what_they_are() {
        assert_eq!(column(&["A01", "b2", "", "P24"]), Some(Pattern::Wells));
        assert_eq!(column(&["CC(=O)Oc1ccccc1C(=O)O", "CS(C)=O", "c1ccccc1"]), Some(Pattern::Smiles));
        assert_eq!(column(&["x/a.tif", "b.OME.TIF"]), Some(Pattern::Recordings));
        assert_eq!(column(&["negcon", "trt", "trt", "poscon"]), Some(Pattern::Controls));
        assert_eq!(column(&["train", "query"]), Some(Pattern::Splits));
        for names in [
            &["oligomycin", "nocodazole", "FCCP"][..],
            &["taxol", "DMSO", "CCCP", "BSO"],
            &["1", "0", "1"],
            &["none", "none"],
            &["C1", "hello", "world"],
            &["A1"],
            &["actin (barbed end)", "ROCK [1]"],
        ] {
            assert_eq!(column(names), None, "{names:?}");
        }
    }

    #[test]
    fn decimal_commas_are_told_from_thousands() {
        let commas = |values: &[&str]| decimal_commas(values.iter().copied());
        assert!(commas(&["0,5", "1", ""]));
        assert!(commas(&["1,000", "0,001"]));
        assert!(!commas(&["1,000", "2,500"]), "thousands or decimals: not told");
        assert!(!commas(&["1,5", "a, b"]));
        assert!(!commas(&["1.5"]));
    }

    #[test]
    fn a_free_column_keeps_what_it_holds() {
        let kind = |values: &[&str]| free_kind(values.iter().copied(), false);
        assert_eq!(kind(&["1", "-2", ""]), Kind::Integer);
        assert_eq!(kind(&["1", "2.5", "nan"]), Kind::Number);
        assert_eq!(kind(&["007", "010"]), Kind::Text);
        assert_eq!(kind(&["0", "0.5"]), Kind::Number);
        assert_eq!(kind(&["12345678901234567890"]), Kind::Text);
        assert_eq!(kind(&["True", "False"]), Kind::Flag);
        assert_eq!(kind(&["0", "1"]), Kind::Integer);
        assert_eq!(kind(&["<0.1", "5"]), Kind::Text);
        assert_eq!(kind(&["95%"]), Kind::Text);
        assert_eq!(kind(&["", ""]), Kind::Text);
    }
}
