//! Labels of atoms: the symbol, its hydrogens on the free side, isotope and charge.

use super::super::geometry::{Rect, add, bounds, dot, nearest, sub, unit};
use super::super::{Ink, Point};
use super::{FONT, Scene, Shape};

/// Size of counts and charges, as a part of [`FONT`].
const SMALL: f32 = 0.7;
/// How far a count is lowered or a charge raised.
const SHIFT: f32 = 0.24;
/// Height of a capital letter, as a part of its size.
const CAPITAL: f32 = 0.72;

/// What is written at an atom.
#[derive(Debug)]
pub(super) struct Label {
    runs: Vec<Run>,
    ink: Ink,
}

#[derive(Debug, Clone)]
struct Run {
    centre: Point,
    text: String,
    size: f32,
}

/// Where the hydrogens go; without them, the charge.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Side {
    Right,
    Left,
    Below,
    Above,
}

/// Width of a text in ems, of a sans-serif font. Fonts differ by a few per cent; texts are centred, so this does not show.
fn width(text: &str) -> f32 {
    text.chars()
        .map(|c| match c {
            'M' | 'W' => 0.86,
            'O' | 'Q' | 'G' => 0.76,
            'N' | 'H' | 'C' | 'D' | 'U' | 'A' | 'R' | 'K' | 'V' | 'X' | 'Y' | 'Z' | 'T' | 'B' | 'P' => 0.66,
            'S' | 'F' | 'E' | 'L' => 0.56,
            'I' | 'l' | 'i' | 'j' | 't' => 0.27,
            'r' | 'f' | '*' => 0.37,
            _ => 0.55,
        })
        .sum()
}

/// The rectangle that a text covers.
pub(super) fn area(centre: Point, text: &str, size: f32) -> Rect {
    // Small letters such as the g of Mg reach below the line.
    Rect::centred(centre, width(text) * size, CAPITAL * size)
}

impl Label {
    /// The label of an atom; none for carbon in a chain or ring.
    pub fn of(scene: &Scene, index: usize) -> Option<Self> {
        let atom = scene.atom(index);
        let hydrogens = scene.graph.implicit_hydrogen_count(chematic::core::AtomIdx(index as u32));
        let bonds = scene.neighbours(index).count();
        let carbon = atom.element.atomic_number() == 6 && !atom.wildcard;
        if carbon && atom.charge == 0 && atom.isotope.is_none() && bonds > 0 && !straight(scene, index) {
            return None;
        }
        let symbol = if atom.wildcard { "*" } else { atom.element.symbol() };
        let parts = Parts {
            symbol,
            isotope: atom.isotope.map(|n| n.to_string()),
            hydrogens: usize::from(hydrogens),
            charge: charge(atom.charge),
        };
        let at = scene.points[index];
        let sides: &[Side] = match (bonds, symbol) {
            // Chemists write H2O, HCl and H2S, but NH3 and CH4.
            (0, "O" | "S" | "Se" | "Te" | "F" | "Cl" | "Br" | "I") if hydrogens > 0 => &[Side::Left],
            (0, _) => &[Side::Right],
            _ => &[Side::Right, Side::Left, Side::Below, Side::Above],
        };
        let runs = sides
            .iter()
            .enumerate()
            .map(|(rank, &side)| {
                let runs = parts.runs(at, side);
                let crowding = crowding(scene, index, &runs) + 0.02 * rank as f32;
                (runs, crowding)
            })
            .min_by(|a, b| a.1.total_cmp(&b.1))?
            .0;
        let ink = if atom.wildcard { Ink::Bond } else { Ink::of(atom.element.atomic_number()) };
        Some(Self { runs, ink })
    }

    /// The rectangles that the letters cover.
    pub fn boxes(&self) -> impl Iterator<Item = Rect> + '_ {
        self.runs.iter().map(|run| area(run.centre, &run.text, run.size))
    }

    pub fn shapes(&self) -> impl Iterator<Item = Shape> + '_ {
        self.runs.iter().map(|run| Shape::Text {
            centre: run.centre,
            text: run.text.clone(),
            size: run.size,
            ink: self.ink,
        })
    }
}

/// Carbon between two double bonds in line: without a letter it could not be seen.
fn straight(scene: &Scene, index: usize) -> bool {
    let doubles = scene.neighbours(index).filter(|&(_, bond)| scene.graph.bond(bond).order.order_int() == 2);
    let directions: Vec<Point> = scene.directions(index).map(unit).collect();
    doubles.count() == 2 && matches!(directions[..], [a, b] if dot(a, b) < -0.97)
}

fn charge(charge: i8) -> Option<String> {
    // A minus, not a hyphen.
    let sign = if charge > 0 { '+' } else { '−' };
    match charge.unsigned_abs() {
        0 => None,
        1 => Some(sign.to_string()),
        n => Some(format!("{n}{sign}")),
    }
}

/// The parts of a label.
struct Parts<'a> {
    symbol: &'a str,
    isotope: Option<String>,
    hydrogens: usize,
    charge: Option<String>,
}

impl Parts<'_> {
    /// Places the parts around the symbol, which stands at the atom.
    fn runs(&self, at: Point, side: Side) -> Vec<Run> {
        let small = FONT * SMALL;
        let mut runs = vec![Run { centre: at, text: self.symbol.to_owned(), size: FONT }];
        let half = width(self.symbol) * FONT / 2.0;
        // Ends of the line of letters so far.
        let (mut left, mut right) = (at[0] - half, at[0] + half);
        let mut put = |text: &str, size: f32, from: &mut f32, sign: f32, down: f32| {
            let wide = width(text) * size;
            let centre = [*from + sign * wide / 2.0, at[1] + down * FONT];
            *from += sign * wide;
            runs.push(Run { centre, text: text.to_owned(), size });
        };
        if let Some(isotope) = &self.isotope {
            put(isotope, small, &mut left, -1.0, -SHIFT);
        }
        let count = (self.hydrogens > 1).then(|| self.hydrogens.to_string());
        if self.hydrogens > 0 {
            match side {
                Side::Right => {
                    put("H", FONT, &mut right, 1.0, 0.0);
                    if let Some(count) = &count {
                        put(count, small, &mut right, 1.0, SHIFT);
                    }
                }
                Side::Left => {
                    if let Some(count) = &count {
                        put(count, small, &mut left, -1.0, SHIFT);
                    }
                    put("H", FONT, &mut left, -1.0, 0.0);
                }
                Side::Below | Side::Above => {
                    let down = if side == Side::Below { 0.95 } else { -0.95 };
                    let mut beside = at[0] - width("H") * FONT / 2.0;
                    put("H", FONT, &mut beside, 1.0, down);
                    if let Some(count) = &count {
                        put(count, small, &mut beside, 1.0, down + SHIFT);
                    }
                }
            }
        }
        if let Some(charge) = &self.charge {
            if side == Side::Left && self.hydrogens == 0 {
                put(charge, small, &mut left, -1.0, -SHIFT);
            } else {
                put(charge, small, &mut right, 1.0, -SHIFT);
            }
        }
        runs
    }
}

/// How much of the letters beside the symbol lies on bonds or near atoms: 0 is free.
fn crowding(scene: &Scene, index: usize, runs: &[Run]) -> f32 {
    let at = scene.points[index];
    let (low, high) = bounds(runs.iter().flat_map(|run| {
        let area = area(run.centre, &run.text, run.size).grown(0.1);
        [area.low, area.high]
    }));
    let mut crowding = 0.0;
    for bond in scene.graph.bonds().map(|(_, bond)| bond) {
        let (a, b) = (bond.atom1.0 as usize, bond.atom2.0 as usize);
        let (p, q) = (scene.points[a], scene.points[b]);
        let middle = [f32::midpoint(low[0], high[0]), f32::midpoint(low[1], high[1])];
        let reach = (high[0] - low[0]) + (high[1] - low[1]);
        if super::distance(nearest(middle, p, q), middle) > reach {
            continue;
        }
        // The symbol itself is where its bonds end.
        for run in &runs[1..] {
            let area = area(run.centre, &run.text, run.size).grown(0.06);
            if let Some((from, to)) = area.clip(p, q) {
                crowding += (to - from) * super::distance(p, q);
            }
        }
    }
    // Of sides that are free, the one away from the bonds.
    let away = scene.directions(index).map(unit).fold([0.0; 2], add);
    let towards = runs[1..].iter().map(|run| dot(unit(sub(run.centre, at)), away)).fold(0.0f32, f32::max);
    crowding + 0.01 * towards
}
