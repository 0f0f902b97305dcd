//! The stereo of sulfur with a lone pair, written into an InChI that lacks it.
//!
//! The InChI says how it numbers its atoms; the parity of a centre is the handedness of its neighbours in the order of these
//! numbers. With it the layers /t, /m and /s are written after the rules of the InChI Technical Manual (2011), section II.

use std::collections::BTreeMap;

use chematic::core::{Atom, AtomIdx, BondOrder, Chirality, MoleculeBuilder};
use chematic::smiles::{canonical_smiles_with_atom_order, equivalent_atom_classes, parser::Molecule};

/// `inchi` of `graph` with the stereo of its sulfur centres; `None` where the numbering leaves it open.
pub(super) fn complete(graph: &Molecule, centres: &[AtomIdx], inchi: &str) -> Option<String> {
    let mut layers = Layers::split(inchi)?;
    let numbers = numbers(graph, centres, inchi)?;
    for &centre in centres {
        if graph.atom(centre).element.symbol() != "S" {
            return None;
        }
        let order = graph.stereo_neighbor_order(centre)?;
        let &[a, b, c] = order else { return None };
        let [a, b, c] = [a, b, c].map(|atom| numbers.get(&(atom as usize)).copied());
        let (a, b, c) = (a?, b?, c?);
        // Written order brought to ascending numbers; each exchange turns the hand.
        let exchanges = u8::from(a > b) + u8::from(a > c) + u8::from(b > c);
        let anticlockwise = match graph.atom(centre).chirality {
            Chirality::CounterClockwise => exchanges % 2 == 0,
            Chirality::Clockwise => exchanges % 2 == 1,
            _ => return None,
        };
        layers.set(*numbers.get(&(centre.0 as usize))?, if anticlockwise { '+' } else { '-' })?;
    }
    Some(layers.join())
}

/// The number, from 0 through all components, that the InChI gives to each heavy atom.
fn numbers(graph: &Molecule, centres: &[AtomIdx], inchi: &str) -> Option<BTreeMap<usize, usize>> {
    // Read back, its atoms come in the order of their numbers; hydrogens and double bonds may have moved.
    let read = chematic_inchi::rdkit_mol_from_inchi(inchi).ok()?;
    let (own, own_atoms) = skeleton(graph);
    let (its, its_atoms) = skeleton(&read);
    let (own_text, own_order) = canonical_smiles_with_atom_order(&own);
    let (its_text, its_order) = canonical_smiles_with_atom_order(&its);
    if own_text != its_text {
        return None;
    }
    // Where two neighbours of a centre, or two centres, look alike on the skeleton, the correspondence is a guess.
    let classes = equivalent_atom_classes(&own);
    let class = |atom: AtomIdx| {
        own_atoms.iter().position(|&heavy| heavy == atom.0 as usize).map(|place| classes[place])
    };
    let unique = |mut list: Vec<Option<usize>>| {
        let all = list.len();
        list.sort_unstable();
        list.dedup();
        list.len() == all && !list.contains(&None)
    };
    let alone = centres.iter().all(|&centre| {
        let same = classes.iter().filter(|&&other| Some(other) == class(centre)).count();
        same == 1 && unique(graph.neighbors(centre).map(|(atom, _)| class(atom)).collect())
    });
    let pairs = own_order.iter().zip(&its_order);
    alone.then(|| pairs.map(|(a, b)| (own_atoms[a.0 as usize], its_atoms[b.0 as usize])).collect())
}

/// Heavy atoms joined by single bonds, and which atom each was.
fn skeleton(graph: &Molecule) -> (Molecule, Vec<usize>) {
    let heavy: Vec<AtomIdx> =
        graph.atoms().filter(|(_, atom)| atom.element.atomic_number() != 1).map(|(index, _)| index).collect();
    let mut places = BTreeMap::new();
    let mut builder = MoleculeBuilder::new();
    for &index in &heavy {
        let mut atom = Atom::new(graph.atom(index).element);
        atom.hydrogen_count = Some(0);
        places.insert(index, builder.add_atom(atom));
    }
    for (_, bond) in graph.bonds() {
        if let (Some(&a), Some(&b)) = (places.get(&bond.atom1), places.get(&bond.atom2)) {
            // Both ends are there, and no pair is joined twice.
            let _ = builder.add_bond(a, b, BondOrder::Single);
        }
    }
    (builder.build(), heavy.into_iter().map(|index| index.0 as usize).collect())
}

/// An InChI taken apart, as far as its tetrahedral stereo.
struct Layers<'a> {
    /// What stands before /t: formula, connections, hydrogens, charge, double bonds.
    before: Vec<&'a str>,
    /// What stands behind /s: isotopes.
    behind: Vec<&'a str>,
    /// First number of each component, from 0 through all.
    starts: Vec<usize>,
    /// Marks of each component as they are in space: by number from 0 within it.
    marks: Vec<BTreeMap<usize, char>>,
}

impl<'a> Layers<'a> {
    fn split(inchi: &'a str) -> Option<Self> {
        let mut layers = inchi.split('/');
        let (head, formula) = (layers.next()?, layers.next()?);
        let mut starts = Vec::new();
        let mut heavy = 0;
        for component in formula.split('.') {
            // A count of equal components shares their layers: not taken apart.
            if component.starts_with(|c: char| c.is_ascii_digit()) {
                return None;
            }
            starts.push(heavy);
            heavy += heavy_atoms(component)?;
        }
        let mut split = Self { before: vec![head, formula], behind: Vec::new(), marks: Vec::new(), starts };
        let (mut t, mut m) = ("", "");
        for layer in layers {
            match layer.chars().next()? {
                't' if split.behind.is_empty() => t = &layer[1..],
                'm' if split.behind.is_empty() => m = &layer[1..],
                's' if split.behind.is_empty() => {}
                'i' | 'f' => split.behind.push(layer),
                _ if split.behind.is_empty() => split.before.push(layer),
                _ => split.behind.push(layer),
            }
        }
        // One flag per component that has one; a dot for the others.
        let mut marks: Vec<&str> = t.split(';').collect();
        marks.resize(split.starts.len(), "");
        let mut flags = m.chars();
        for text in marks {
            let inverted = flags.next() == Some('1');
            let mut component = BTreeMap::new();
            for mark in text.split(',').filter(|mark| !mark.is_empty()) {
                let sign = mark.chars().last()?;
                let number: usize = mark[..mark.len() - sign.len_utf8()].parse().ok()?;
                component.insert(number.checked_sub(1)?, if inverted { turned(sign) } else { sign });
            }
            split.marks.push(component);
        }
        Some(split)
    }

    /// Sets the mark of an atom, by its number through all components.
    fn set(&mut self, number: usize, sign: char) -> Option<()> {
        let component = self.starts.iter().rposition(|&start| start <= number)?;
        self.marks.get_mut(component)?.insert(number - self.starts[component], sign);
        Some(())
    }

    /// Of the two mirror images of a component that is written whose first mark is a minus; /m says whether it was
    /// turned for that.
    fn join(&self) -> String {
        let mut flags = String::new();
        let mut texts = Vec::new();
        for marks in &self.marks {
            let first = marks.values().find(|&&sign| matches!(sign, '+' | '-'));
            let inverted = first == Some(&'+');
            flags.push(match first {
                None => '.',
                Some(_) if inverted => '1',
                Some(_) => '0',
            });
            let text = marks.iter().map(|(number, &sign)| {
                format!("{}{}", number + 1, if inverted { turned(sign) } else { sign })
            });
            texts.push(text.collect::<Vec<_>>().join(","));
        }
        let mut layers: Vec<String> = self.before.iter().map(ToString::to_string).collect();
        layers.extend([format!("t{}", texts.join(";")), format!("m{flags}"), "s1".into()]);
        layers.extend(self.behind.iter().map(ToString::to_string));
        layers.join("/")
    }
}

fn turned(sign: char) -> char {
    match sign {
        '+' => '-',
        '-' => '+',
        other => other,
    }
}

/// Heavy atoms of a formula such as `C3H8OS`; of `H2O` one, of `H2` none.
fn heavy_atoms(formula: &str) -> Option<usize> {
    let mut count = 0;
    let mut rest = formula;
    while let Some(first) = rest.chars().next() {
        let symbol =
            first.len_utf8() + rest[first.len_utf8()..].chars().take_while(char::is_ascii_lowercase).count();
        let digits = rest[symbol..].chars().take_while(char::is_ascii_digit).count();
        let number = if digits == 0 { 1 } else { rest[symbol..symbol + digits].parse::<usize>().ok()? };
        if !first.is_ascii_uppercase() {
            return None;
        }
        if &rest[..symbol] != "H" {
            count += number;
        }
        rest = &rest[symbol + digits..];
    }
    Some(count)
}
