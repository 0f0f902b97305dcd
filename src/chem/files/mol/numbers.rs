//! Isotopes, charges and atom maps of a MOL block that cannot be: the toolkit takes those for none.

use crate::chem::{MAX_ATOM_MAP, MAX_ISOTOPE};

/// Highest charge of an atom in either direction.
const MAX_CHARGE: u32 = 99;

/// The first number that is out of range, as the line of the block, from 1, and what is wrong there.
pub(super) fn check(lines: &[&str], v3000: bool) -> Result<(), (usize, String)> {
    if v3000 { check_v3000(lines) } else { check_v2000(lines) }
}

/// Nothing where `text` is a whole number from `low` to `high`.
fn wrong(what: &str, text: &str, low: i64, high: u32) -> Option<String> {
    let sound = text.parse().is_ok_and(|number: i64| (low..=i64::from(high)).contains(&number));
    let shown: String = text.chars().take(20).collect();
    (!sound).then(|| format!("the {what} {shown} is out of range, {low} to {high}"))
}

fn charge(text: &str) -> Option<String> {
    wrong("charge", text, -i64::from(MAX_CHARGE), MAX_CHARGE)
}

fn check_v2000(lines: &[&str]) -> Result<(), (usize, String)> {
    let counts = lines.get(3).and_then(|line| line.get(..3));
    let atoms = counts.and_then(|count| count.trim().parse().ok()).unwrap_or(0);
    for (index, line) in lines.iter().enumerate().skip(4) {
        let found =
            if index < 4 + atoms {
                // Columns of files that others wrote may be shifted: what is no number is none.
                let map = line.get(60..63).map(str::trim).filter(|map| map.parse::<i64>().is_ok());
                map.and_then(|map| wrong("atom map", map, 0, MAX_ATOM_MAP))
            } else if line.starts_with("M  ISO") || line.starts_with("M  CHG") {
                let isotope = line.starts_with("M  ISO");
                // M  ISO, how many, then pairs of an atom and its number.
                let mut numbers = line.split_whitespace().skip(4).step_by(2);
                numbers.find_map(|number| {
                    if isotope { wrong("isotope", number, 1, MAX_ISOTOPE) } else { charge(number) }
                })
            } else {
                None
            };
        if let Some(why) = found {
            return Err((index + 1, why));
        }
    }
    Ok(())
}

fn check_v3000(lines: &[&str]) -> Result<(), (usize, String)> {
    let (mut in_atoms, mut continued) = (false, false);
    for (index, line) in lines.iter().enumerate() {
        let Some(line) = line.strip_prefix("M  V30 ").map(str::trim) else { continue };
        match line {
            "BEGIN ATOM" => in_atoms = true,
            "END ATOM" => in_atoms = false,
            _ if in_atoms => {
                // Number, element, x, y, z, atom map, then KEY=VALUE; a line may go on in the next one.
                let map = line.split_whitespace().nth(5).filter(|map| !continued && *map != "-");
                let map = map.and_then(|map| wrong("atom map", map, 0, MAX_ATOM_MAP));
                let found = map.or_else(|| line.split_whitespace().find_map(attribute));
                if let Some(why) = found {
                    return Err((index + 1, why));
                }
            }
            _ => {}
        }
        continued = line.ends_with('-');
    }
    Ok(())
}

fn attribute(token: &str) -> Option<String> {
    match token.split_once('=')? {
        ("MASS", mass) => wrong("isotope", mass, 0, MAX_ISOTOPE),
        ("CHG", value) => charge(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v2000(map: &str, property: &str) -> Result<(), (usize, String)> {
        let text = format!(
            "\n  x\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n    0.0000    0.0000    0.0000 C   0  0  0  0  0  0  0  \
             0  0{map}  0  0\n{property}\nM  END"
        );
        check(&text.lines().collect::<Vec<_>>(), false)
    }

    fn v3000(atom: &str) -> Result<(), (usize, String)> {
        let text = format!(
            "\n  x\n\n  0  0  0     0  0            999 V3000\nM  V30 BEGIN CTAB\nM  V30 COUNTS 1 0 0 0 0\n\
             M  V30 BEGIN ATOM\nM  V30 1 C 0 0 0 {atom}\nM  V30 END ATOM\nM  V30 END CTAB\nM  END"
        );
        check(&text.lines().collect::<Vec<_>>(), true)
    }

    #[test]
    fn numbers_that_can_be_pass() {
        for (map, property) in [
            ("  0", ""),
            ("   ", ""),
            ("0 0", ""),
            ("999", "M  ISO  1   1  13"),
            ("  7", "M  CHG  1   1  -2"),
        ] {
            assert_eq!(v2000(map, property), Ok(()), "{map} {property}");
        }
        for atom in ["0", "65535 MASS=13 CHG=-1", "0 -\nM  V30 MASS=2", "3 RGROUPS=(1 1)"] {
            assert_eq!(v3000(atom), Ok(()), "{atom}");
        }
    }

    #[test]
    fn the_line_of_a_number_out_of_range_is_named() {
        for (map, property, line, what) in [
            (" -1", "", 5, "atom map -1"),
            ("  0", "M  ISO  1   1 1000", 6, "isotope 1000"),
            ("  0", "M  ISO  2   1  13   1   0", 6, "isotope 0"),
            ("  0", "M  ISO  1   1  -5", 6, "isotope -5"),
            ("  0", "M  CHG  1   1 128", 6, "charge 128"),
        ] {
            let (found, why) = v2000(map, property).unwrap_err();
            assert!(found == line && why.contains(what), "{found}: {why}");
        }
        for (atom, line, what) in [
            ("65536", 8, "atom map 65536"),
            ("-3", 8, "atom map -3"),
            ("0 MASS=9999999", 8, "isotope 9999999"),
            ("0 -\nM  V30 MASS=-1", 9, "isotope -1"),
            ("0 CHG=300", 8, "charge 300"),
        ] {
            let (found, why) = v3000(atom).unwrap_err();
            assert!(found == line && why.contains(what), "{found}: {why}");
        }
    }
}
