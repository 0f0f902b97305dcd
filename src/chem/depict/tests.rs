//! Drawings of the reference compounds: clean, true to the stereo, letters free of bonds; and details on small molecules.

use std::fmt::Write as _;
use std::path::Path;

use chematic::core::BondOrder;

use super::*;
use crate::chem::geometry::{cross, dot};
use crate::chem::{CompoundFile, Palette, raster, svg};

fn reference() -> Vec<(String, Molecule)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/chem/drugs.csv");
    let file = CompoundFile::read(&path).unwrap();
    file.records.into_iter().map(|record| (record.name, record.molecule.unwrap())).collect()
}

fn molecule(smiles: &str) -> Molecule {
    Molecule::from_smiles(smiles).unwrap()
}

fn drawing(smiles: &str) -> Drawing {
    depict(&molecule(smiles), &Style::default()).unwrap()
}

fn texts(drawing: &Drawing) -> Vec<(&str, Point, f32)> {
    let text = |shape| match shape {
        &Shape::Text { ref text, centre, size, .. } => Some((text.as_str(), centre, size)),
        _ => None,
    };
    drawing.shapes.iter().filter_map(text).collect()
}

fn lines(drawing: &Drawing) -> Vec<(Point, Point)> {
    let line = |shape| match shape {
        &Shape::Line { from, to, .. } => Some((from, to)),
        _ => None,
    };
    drawing.shapes.iter().filter_map(line).collect()
}

#[test]
fn layouts_of_the_reference_are_clean() {
    let all = reference();
    let (mut clean, mut apart) = (0, 0);
    for (name, molecule) in &all {
        let clash = clash(molecule).unwrap();
        if !clash.is_clean() {
            println!("{name}: {clash:?}");
        }
        clean += usize::from(clash.is_clean());
        apart += usize::from(clash.overlaps == 0);
    }
    println!("of {} layouts {apart} have all atoms apart, {clean} also from all bonds", all.len());
    assert!(clean * 100 >= 94 * all.len(), "{clean} of {}", all.len());
}

/// What the picture says, as a MOL block.
fn as_drawn(scene: &Scene) -> String {
    let (atoms, bonds) = (scene.points.len(), scene.wedges.len());
    let mut block = format!("\n\n\n{atoms:3}{bonds:3}  0  0  0  0  0  0  0  0999 V2000\n");
    let mut charges = String::new();
    for (i, point) in scene.points.iter().enumerate() {
        let atom = scene.atom(i);
        let symbol = atom.element.symbol();
        let _ = writeln!(block, "{:10.4}{:10.4}    0.0000 {symbol:<3} 0  0", point[0], -point[1]);
        if atom.charge != 0 {
            let _ = writeln!(charges, "M  CHG  1 {:3} {:3}", i + 1, atom.charge);
        }
    }
    for (index, bond) in scene.graph.bonds() {
        let (mut a, mut b) = (bond.atom1.0 as usize, bond.atom2.0 as usize);
        let mut code = 0;
        if let Some((start, filled)) = scene.wedges[index.0 as usize] {
            code = if filled { 1 } else { 6 };
            if start == b {
                std::mem::swap(&mut a, &mut b);
            }
        }
        let order = bond.order.order_int().max(1);
        let _ = writeln!(block, "{:3}{:3}{order:3}{code:3}", a + 1, b + 1);
    }
    block + &charges + "M  END\n"
}

/// Reading the picture back gives the structure: Kekulé bonds, charges, wedges and double bonds are drawn right.
#[test]
fn drawings_say_the_structure() {
    let mut same = 0;
    let mut tried = 0;
    for (name, molecule) in reference() {
        let scene = Scene::of(molecule.graph());
        let unusual = |bond: BondOrder| !matches!(bond.order_int(), 1..=3);
        if scene.graph.bonds().any(|(_, bond)| unusual(bond.order) || bond.order == BondOrder::Dative) {
            continue; // A MOL block of this version has no dative bonds.
        }
        tried += 1;
        match Molecule::from_mol_block(&as_drawn(&scene)) {
            Ok(read) if read == molecule => same += 1,
            other => println!(
                "{name}: {:?}\n   not {:?}",
                other.map(|m| m.canonical_smiles().to_owned()),
                molecule
            ),
        }
    }
    println!("{same} of {tried} drawings read back as their structure");
    assert!(same * 100 >= 96 * tried, "{same} of {tried}");
}

#[test]
fn letters_are_free_of_bonds_and_of_each_other() {
    let (mut letters, mut struck, mut touching) = (0, 0, 0);
    for (name, molecule) in reference() {
        let drawing = depict(&molecule, &Style::default()).unwrap();
        let texts = texts(&drawing);
        let areas: Vec<Rect> = texts.iter().map(|&(text, at, size)| label::area(at, text, size)).collect();
        for (i, (area, (text, ..))) in areas.iter().zip(&texts).enumerate() {
            letters += 1;
            let hit = lines(&drawing).iter().any(|&(from, to)| area.grown(-0.03).clip(from, to).is_some());
            struck += usize::from(hit);
            let overlap = areas[..i].iter().any(|other| {
                let apart = |k: usize| area.low[k] + 0.1 > other.high[k] || other.low[k] + 0.1 > area.high[k];
                !apart(0) && !apart(1)
            });
            touching += usize::from(overlap);
            if hit || overlap {
                println!("{name}: {text} hit {hit} overlap {overlap}");
            }
        }
    }
    println!("{letters} letters: {struck} on a bond, {touching} on another");
    assert!(struck * 100 <= letters, "{struck} of {letters} letters lie on a bond");
    assert!(touching * 100 <= letters, "{touching} of {letters} letters lie on another");
}

#[test]
fn benzene_has_its_double_bonds_inside() {
    let drawing = drawing("c1ccccc1");
    let lines = lines(&drawing);
    assert_eq!(lines.len(), 9);
    let centre = times(drawing.atoms.iter().copied().fold([0.0; 2], add), 1.0 / 6.0);
    let inner: Vec<_> = lines
        .iter()
        .filter(|&&(from, to)| {
            let middle = times(add(from, to), 0.5);
            distance(middle, centre) < 0.8
        })
        .collect();
    assert_eq!(inner.len(), 3);
    assert!(inner.iter().all(|(from, to)| distance(*from, *to) < 0.85));
    assert!(texts(&drawing).is_empty());
}

#[test]
fn labels_carry_hydrogens_charges_and_isotopes() {
    let written = |smiles| {
        let drawing = drawing(smiles);
        let mut texts = texts(&drawing);
        texts.sort_by(|a, b| a.1[0].total_cmp(&b.1[0]));
        texts.iter().map(|t| t.0).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(written("O"), "H 2 O");
    assert_eq!(written("N"), "N H 3");
    assert_eq!(written("Cl"), "H Cl");
    assert_eq!(written("[NH4+]"), "N H 4 +");
    assert_eq!(written("[Ca+2]"), "Ca 2+");
    assert_eq!(written("[13CH4]"), "13 C H 4");
    assert_eq!(written("[Cl-]"), "Cl −");
    assert_eq!(written("CC"), "");
    let raised = drawing("[Cl-]");
    let texts = texts(&raised);
    assert!(texts[1].1[1] < texts[0].1[1] && texts[1].2 < texts[0].2, "a charge is small and raised");
}

#[test]
fn hydrogens_stand_on_the_free_side() {
    for smiles in ["CCO", "OCC", "CC(=O)O", "c1cc[nH]c1", "C1CNCCO1", "NCCN"] {
        let drawing = drawing(smiles);
        let texts = texts(&drawing);
        for (i, &(text, at, _)) in texts.iter().enumerate() {
            if text != "H" {
                continue;
            }
            let symbol = texts[i - 1].1;
            let atom = drawing.atoms.iter().position(|&a| distance(a, symbol) < 1e-4);
            let Some(atom) = atom else { continue };
            let molecule = molecule(smiles);
            let outwards = sub(at, symbol);
            for (other, _) in molecule.graph().neighbors(AtomIdx(atom as u32)) {
                let bond = sub(drawing.atoms[other.0 as usize], symbol);
                let turn = cross(outwards, bond).abs().atan2(dot(outwards, bond));
                assert!(turn.to_degrees() > 55.0, "{smiles}: H at {turn} from a bond");
            }
        }
    }
}

#[test]
fn wedges_and_hashes_differ() {
    let [left, right] = ["C[C@H](O)CC", "C[C@@H](O)CC"].map(drawing);
    let polygons = |d: &Drawing| d.shapes.iter().filter(|s| matches!(s, Shape::Polygon { .. })).count();
    assert_eq!(polygons(&left) + polygons(&right), 1, "one of two mirror images is filled, the other hashed");
    assert!(lines(&left).len().abs_diff(lines(&right).len()) >= 4);
}

#[test]
fn components_stand_side_by_side() {
    let molecule = molecule("[Na+].CC(=O)[O-].c1ccccc1");
    let drawing = depict(&molecule, &Style::default()).unwrap();
    let span = |atoms: std::ops::Range<usize>| {
        let (low, high) = bounds(drawing.atoms[atoms].iter().copied());
        (low[0], high[0])
    };
    let (sodium, acetate, benzene) = (span(0..1), span(1..5), span(5..11));
    assert!(benzene.1 + 0.75 < acetate.0 && acetate.1 + 0.75 < sodium.0, "largest first, with space between");
}

#[test]
fn a_highlight_lies_below_its_atoms() {
    let style = Style { highlight: vec![1, 2] };
    let drawing = depict(&molecule("CCO"), &style).unwrap();
    let inks: Vec<bool> = drawing
        .shapes
        .iter()
        .map(|shape| match shape {
            Shape::Line { ink, .. }
            | Shape::Polygon { ink, .. }
            | Shape::Disc { ink, .. }
            | Shape::Text { ink, .. } => *ink == Ink::Highlight,
        })
        .collect();
    assert!(inks.is_sorted_by(|a, b| a >= b), "grounds first");
    assert!(inks.iter().filter(|&&ground| ground).count() >= 3);
    assert_eq!(drawing.atom_at(drawing.atoms[2]), Some(2));
    assert_eq!(drawing.atom_at([99.0, 0.0]), None);
}

#[test]
fn svg_is_well_formed_and_holds_every_shape() {
    let drawing = drawing("CC(=O)Oc1ccccc1C(=O)[O-].[Na+]");
    for palette in [Palette::LIGHT, Palette::DARK] {
        let text = svg(&drawing, palette, 30.0);
        let document = roxmltree::Document::parse(&text).unwrap();
        let shapes = document.root_element().children().filter(roxmltree::Node::is_element).count();
        assert_eq!(shapes, drawing.shapes.len());
        let sodium = document.descendants().find(|n| n.text() == Some("Na")).unwrap();
        let [r, g, b] = palette.colour(Ink::Bond);
        assert_eq!(sodium.attribute("fill"), Some(format!("#{r:02x}{g:02x}{b:02x}").as_str()));
    }
}

#[test]
fn pixels_show_the_drawing() {
    let drawing = drawing("OCCO");
    let size = [200, 120];
    let fit = drawing.fit(200.0, 120.0, 40.0);
    let pixels = raster(&drawing, Palette::LIGHT, None, size, 40.0).unwrap();
    assert_eq!(pixels.len(), 200 * 120 * 4);
    let at = |point: Point| {
        let [x, y] = fit.place(point).map(|v| v.round() as usize);
        let i = (y * 200 + x) * 4;
        <[u8; 4]>::try_from(&pixels[i..i + 4]).unwrap()
    };
    // In the middle of the bond between the carbons there is ink, above it there is none.
    let middle = times(add(drawing.atoms[1], drawing.atoms[2]), 0.5);
    let [r, g, b] = Palette::LIGHT.colour(Ink::Bond);
    assert_eq!(at(middle), [r, g, b, 255]);
    assert_eq!(at([drawing.low[0] + 0.02, drawing.low[1] + 0.02])[3], 0);
    let red = pixels.chunks(4).filter(|p| p[3] > 200 && p[0] > 150 && p[1] < 60).count();
    assert!(red > 50, "oxygen is written: {red} red pixels");
    assert!(raster(&drawing, Palette::DARK, None, [0, 10], 40.0).is_err());
    assert!(raster(&drawing, Palette::DARK, None, [100_000, 100_000], 40.0).is_err());
}

#[test]
fn odd_structures_are_drawn() {
    for smiles in [
        "[H][H]",
        "*",
        "[Fe+2]",
        "C=C=C",
        "C#N",
        "[2H]OC",
        "C1=CC=CC=CC=CC=C1",
        "c1ccc2c(c1)ccc1c2ccc2ccccc21",
        "C12C3C4C1C5C2C3C45",
        "[O-][N+](=O)c1ccccc1",
        "N->[Pt](Cl)(Cl)<-N",
        "F[C@@](Cl)(Br)I",
    ] {
        let drawing = drawing(smiles);
        let finite = drawing.atoms.iter().flatten().chain(&drawing.size()).all(|v| v.is_finite());
        assert!(finite && drawing.size()[0] > 0.0, "{smiles}");
        assert!(!drawing.shapes.is_empty(), "{smiles}");
    }
    let long = format!("C{}", "CC(O)".repeat(150));
    let start = std::time::Instant::now();
    assert_eq!(drawing(&long).atoms.len(), 451);
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
}
