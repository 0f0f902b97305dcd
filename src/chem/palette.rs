//! Colours of a drawing: what each stands for, and how it looks on a dark and on a light ground.

/// What a colour stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ink {
    /// Bonds, and atoms without a colour of their own.
    Bond,
    /// An element with its own colour, by atomic number.
    Element(u8),
    /// Ground of highlighted atoms and bonds.
    Highlight,
}

impl Ink {
    /// The ink for the label of an element.
    pub(super) fn of(atomic_number: u8) -> Self {
        if COLOURED.iter().any(|&(numbers, ..)| numbers.contains(&atomic_number)) {
            Self::Element(atomic_number)
        } else {
            Self::Bond
        }
    }
}

/// Atomic numbers, and their colour on light and on dark ground. The hues are the customary ones.
const COLOURED: [(&[u8], [u8; 3], [u8; 3]); 8] = [
    (&[7], [0x1d, 0x4e, 0xd8], [0x8a, 0xb4, 0xff]),
    (&[8], [0xb9, 0x1c, 0x1c], [0xff, 0x8a, 0x80]),
    (&[9, 17], [0x15, 0x6b, 0x2c], [0x7d, 0xdc, 0x8a]),
    (&[16, 34], [0x73, 0x56, 0x00], [0xe6, 0xc8, 0x4c]),
    (&[15], [0x9a, 0x44, 0x00], [0xff, 0xab, 0x66]),
    (&[35], [0x8b, 0x2e, 0x1a], [0xf0, 0xa3, 0x8c]),
    (&[53], [0x6b, 0x21, 0xa8], [0xd5, 0xae, 0xff]),
    (&[5], [0x9d, 0x2c, 0x5e], [0xff, 0xa8, 0xc8]),
];

/// The colours of one theme, sRGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Palette {
    /// Whether the ground is dark.
    pub dark: bool,
}

impl Palette {
    /// For paper and light windows.
    pub const LIGHT: Self = Self { dark: false };
    /// For dark windows.
    pub const DARK: Self = Self { dark: true };

    /// The ground that the colours are made for.
    pub fn background(self) -> [u8; 3] {
        if self.dark { [0x1b; 3] } else { [0xff; 3] }
    }

    /// The colour of an ink.
    pub fn colour(self, ink: Ink) -> [u8; 3] {
        match ink {
            Ink::Bond if self.dark => [0xe6; 3],
            Ink::Bond => [0x1f; 3],
            Ink::Highlight if self.dark => [0x2f, 0x42, 0x58],
            Ink::Highlight => [0xff, 0xe9, 0xa8],
            Ink::Element(number) => {
                COLOURED.iter().find(|(numbers, ..)| numbers.contains(&number)).map_or_else(
                    || self.colour(Ink::Bond),
                    |&(_, light, dark)| if self.dark { dark } else { light },
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Contrast ratio of WCAG 2.2.
    fn contrast(a: [u8; 3], b: [u8; 3]) -> f64 {
        let luminance = |rgb: [u8; 3]| {
            let [r, g, b] = rgb.map(|v| {
                let v = f64::from(v) / 255.0;
                if v <= 0.040_45 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
            });
            0.2126 * r + 0.7152 * g + 0.0722 * b
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_ink_reads_on_its_ground_and_on_the_highlight() {
        assert!((contrast([0; 3], [255; 3]) - 21.0).abs() < 1e-9);
        let mut least = f64::MAX;
        for (palette, grounds) in
            [(Palette::LIGHT, [[0xff; 3], [0xf8; 3]]), (Palette::DARK, [[0x1b; 3], [0x24; 3]])]
        {
            for number in 0..=118 {
                let colour = palette.colour(Ink::of(number));
                for ground in grounds.into_iter().chain([palette.colour(Ink::Highlight)]) {
                    let found = contrast(colour, ground);
                    assert!(found >= 4.5, "{palette:?} {number}: {found:.2} on {ground:?}");
                    least = least.min(found);
                }
            }
        }
        println!("least contrast {least:.2}");
    }
}
