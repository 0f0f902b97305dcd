//! Units of concentration, length and time, and their conversion into the manifest's.

/// A quantity that the manifest fixes the unit of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Kept in µM.
    Concentration,
    /// Kept in µm.
    Length,
    /// Kept in s.
    Time,
}

/// A unit with its factor into the manifest's: numerator and denominator, so that 1 nM is 1/1000 µM exactly rounded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unit {
    /// As it is shown.
    pub name: &'static str,
    /// What it measures.
    pub quantity: Quantity,
    times: f64,
    over: f64,
    /// Further spellings, lower case.
    spellings: &'static [&'static str],
}

const fn unit(
    name: &'static str,
    quantity: Quantity,
    times: f64,
    over: f64,
    spellings: &'static [&'static str],
) -> Unit {
    Unit { name, quantity, times, over, spellings }
}

/// Every unit that is converted, the manifest's first.
pub static UNITS: [Unit; 14] = {
    use Quantity::{Concentration, Length, Time};
    [
        unit("µM", Concentration, 1.0, 1.0, &["um", "micromolar", "umol/l", "µmol/l", "micromol/l", "umoll"]),
        unit("nM", Concentration, 1.0, 1e3, &["nm", "nanomolar", "nmol/l"]),
        unit("pM", Concentration, 1.0, 1e6, &["pm", "picomolar", "pmol/l"]),
        unit("mM", Concentration, 1e3, 1.0, &["mm", "millimolar", "mmol/l", "mmoles_per_liter"]),
        unit("M", Concentration, 1e6, 1.0, &["molar", "mol/l"]),
        unit(
            "µm",
            Length,
            1.0,
            1.0,
            &[
                "um",
                "micron",
                "microns",
                "micrometer",
                "micrometre",
                "um/px",
                "µm/px",
                "um_per_px",
                "um_per_pixel",
            ],
        ),
        unit("nm", Length, 1.0, 1e3, &["nanometer", "nanometre", "nm/px", "nm_per_px", "nm_per_pixel"]),
        unit("mm", Length, 1e3, 1.0, &["millimeter", "millimetre"]),
        unit("m", Length, 1e6, 1.0, &["meter", "metre"]),
        unit("s", Time, 1.0, 1.0, &["sec", "secs", "second", "seconds"]),
        unit("ms", Time, 1.0, 1e3, &["msec", "millisecond", "milliseconds"]),
        unit("min", Time, 60.0, 1.0, &["mins", "minute", "minutes"]),
        unit("h", Time, 3600.0, 1.0, &["hr", "hrs", "hour", "hours"]),
        unit("d", Time, 86_400.0, 1.0, &["day", "days"]),
    ]
};

impl Unit {
    /// The unit of a quantity that is spelled so. Where the quantity is known, `nm` and `nM` need no telling apart, but
    /// the exact spelling wins.
    pub fn of(quantity: Quantity, text: &str) -> Option<&'static Self> {
        let text = text.trim().replace('\u{3bc}', "µ");
        let lower = text.to_lowercase();
        let mut units = UNITS.iter().filter(|unit| unit.quantity == quantity);
        units.clone().find(|unit| unit.name == text).or_else(|| {
            // A lone letter in the wrong case is no unit: M is molar, m is metre.
            units.find(|unit| {
                unit.spellings.contains(&lower.as_str())
                    || (unit.name.chars().count() > 1 && unit.name.to_lowercase() == lower)
            })
        })
    }

    /// All units of a quantity, for a chooser.
    pub fn choices(quantity: Quantity) -> impl Iterator<Item = &'static Self> {
        UNITS.iter().filter(move |unit| unit.quantity == quantity)
    }

    /// The unit in which the manifest keeps a quantity.
    pub fn kept(quantity: Quantity) -> &'static Self {
        match quantity {
            Quantity::Concentration => &UNITS[0],
            Quantity::Length => &UNITS[5],
            Quantity::Time => &UNITS[9],
        }
    }

    /// A value in this unit, in the manifest's.
    pub fn convert(&self, value: f64) -> f64 {
        if self.over > 1.0 { value / self.over } else { value * self.times }
    }
}

/// What a column of the manifest measures, where it has a unit that is converted.
pub fn quantity(column: &str) -> Option<Quantity> {
    match column {
        "concentration_uM" => Some(Quantity::Concentration),
        "pixel_size_um" => Some(Quantity::Length),
        "interval_s" => Some(Quantity::Time),
        _ => None,
    }
}

/// The unit at the end of a column's name: `conc_nM`, `dose (µM)`, `interval [min]`, `mmoles_per_liter`.
pub fn in_name(quantity: Quantity, name: &str) -> Option<&'static Unit> {
    let name = name.trim();
    for (open, close) in [('(', ')'), ('[', ']')] {
        if let Some((_, inside)) = name.strip_suffix(close).and_then(|rest| rest.rsplit_once(open)) {
            return Unit::of(quantity, inside);
        }
    }
    Unit::of(quantity, name).or_else(|| {
        name.match_indices(['_', ' ', '-', '.', '/'])
            .find_map(|(at, separator)| Unit::of(quantity, &name[at + separator.len()..]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_found_in_names_and_converted() {
        use Quantity::{Concentration, Length, Time};
        for (quantity, name, value, kept) in [
            (Concentration, "conc_nM", 5.0, 0.005),
            (Concentration, "dose (uM)", 5.0, 5.0),
            (Concentration, "dose [\u{3bc}M]", 5.0, 5.0),
            (Concentration, "concentration_mm", 0.1, 100.0),
            (Concentration, "Metadata_mmoles_per_liter", 3.3333, 3333.3),
            (Concentration, "conc M", 1e-5, 10.0),
            (Length, "pixel_size_nm", 65.0, 0.065),
            (Length, "um_per_px", 0.2, 0.2),
            (Time, "interval (min)", 5.0, 300.0),
            (Time, "frame interval ms", 40.0, 0.04),
        ] {
            let unit = in_name(quantity, name).unwrap_or_else(|| panic!("{name}"));
            assert!((unit.convert(value) - kept).abs() <= 1e-12 * kept, "{name}");
        }
        assert!(in_name(Concentration, "dose").is_none());
        assert!(in_name(Concentration, "conc (m)").is_none(), "metres are no concentration");
        assert!(in_name(Concentration, "dose (mg/ml)").is_none());
        // 0.3 nM is the float next to 0.0003 µM, not one beside it.
        assert_eq!(Unit::of(Concentration, "nM").unwrap().convert(0.3), 0.0003);
        for unit in &UNITS {
            assert_eq!(Unit::of(unit.quantity, unit.name), Some(unit));
        }
    }
}
