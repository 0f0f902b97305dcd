//! Units of length and time as microscope software spells them.

/// Micrometres per unit; `None` for pixels and anything unknown.
pub fn length_um(unit: &str) -> Option<f64> {
    let unit = unescape(unit);
    let unit = unit.trim();
    // Mind the case: mm is not Mm.
    Some(match unit {
        "pm" => 1e-6,
        "Å" | "\u{212B}" | "A" => 1e-4,
        "nm" => 1e-3,
        "µm" | "μm" | "um" | "Âµm" | "u" | "µ" | "μ" => 1.0,
        "mm" => 1e3,
        "cm" => 1e4,
        "dm" => 1e5,
        "m" => 1e6,
        "in" | "\"" => 25_400.0,
        _ => match unit.to_lowercase().trim_end_matches('s') {
            "angstrom" | "ångström" => 1e-4,
            "nanometer" | "nanometre" | "nanon" => 1e-3,
            "micron" | "micrometer" | "micrometre" | "micro-meter" => 1.0,
            "millimeter" | "millimetre" => 1e3,
            "centimeter" | "centimetre" => 1e4,
            "meter" | "metre" => 1e6,
            "inch" | "inche" => 25_400.0,
            _ => return None,
        },
    })
}

/// Seconds per unit.
pub fn time_s(unit: &str) -> Option<f64> {
    let unit = unescape(unit);
    let unit = unit.trim();
    Some(match unit {
        "ns" => 1e-9,
        "µs" | "μs" | "us" | "Âµs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => match unit.to_lowercase().trim_end_matches('s') {
            "nsec" | "nanosecond" => 1e-9,
            "usec" | "µsec" | "microsecond" => 1e-6,
            "msec" | "millisec" | "millisecond" => 1e-3,
            "sec" | "second" => 1.0,
            "m" | "min" | "minute" => 60.0,
            "h" | "hr" | "hour" => 3600.0,
            "day" => 86_400.0,
            _ => return None,
        },
    })
}

/// `ImageJ` writes `\u00B5m`.
fn unescape(text: &str) -> String {
    text.replace("\\u00B5", "µ").replace("\\u00b5", "µ").replace("\\u03BC", "μ").replace("\\u00C5", "Å")
}

/// A length or time that means something.
pub fn positive(value: f64) -> Option<f64> {
    (value.is_finite() && value > 0.0).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        for (unit, um) in [
            ("µm", 1.0),
            ("\\u00B5m", 1.0),
            ("micron", 1.0),
            ("microns", 1.0),
            ("um", 1.0),
            ("nm", 1e-3),
            ("mm", 1e3),
            ("inch", 25_400.0),
            ("Å", 1e-4),
        ] {
            assert_eq!(length_um(unit), Some(um), "{unit}");
        }
        for unit in ["pixel", "pixels", "", "reference frame", "Mm"] {
            assert_eq!(length_um(unit), None, "{unit}");
        }
        for (unit, s) in
            [("s", 1.0), ("ms", 1e-3), ("min", 60.0), ("h", 3600.0), ("sec", 1.0), ("minutes", 60.0)]
        {
            assert_eq!(time_s(unit), Some(s), "{unit}");
        }
        assert_eq!(time_s("frame"), None);
    }
}
