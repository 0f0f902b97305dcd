//! Bonds: lines, wedges, and where the second line of a double bond goes.

use chematic::core::{BondEntry, BondIdx, BondOrder};

use super::super::geometry::{add, between, cross, distance, dot, perpendicular, sub, times, unit};
use super::super::{Ink, Point};
use super::{LINE, Label, Scene, Shape};

/// Distance of the lines of a double bond.
const APART: f32 = 0.17;
/// Half the width of a wedge at its wide end.
const WEDGE: f32 = 0.13;
/// Space between a bond and a letter.
const SPACE: f32 = 0.07;
/// Distance of the lines of a hashed wedge.
const HASH: f32 = 0.13;

pub(super) fn draw(scene: &Scene, index: BondIdx, bond: &BondEntry, shapes: &mut Vec<Shape>) {
    let (a, b) = (bond.atom1.0 as usize, bond.atom2.0 as usize);
    if let Some((start, filled)) = scene.wedges[index.0 as usize] {
        let (narrow, wide) = if start == a { (a, b) } else { (b, a) };
        return wedge(scene, narrow, wide, filled, shapes);
    }
    let line = |from: Point, to: Point| cut(scene, a, b, from, to);
    let shifted = |side: Point, by: f32| {
        let shift = times(side, by);
        line(add(scene.points[a], shift), add(scene.points[b], shift))
    };
    let side = perpendicular(unit(sub(scene.points[b], scene.points[a])));
    match bond.order {
        BondOrder::Double => double(scene, a, b, shapes),
        BondOrder::Triple => {
            shapes.extend([0.0, APART, -APART].map(|by| shifted(side, by)).into_iter().flatten());
        }
        BondOrder::Quadruple => shapes
            .extend([-1.5, -0.5, 0.5, 1.5].map(|by| shifted(side, by * 0.7 * APART)).into_iter().flatten()),
        BondOrder::Single | BondOrder::Up | BondOrder::Down => shapes.extend(shifted(side, 0.0)),
        BondOrder::Dative => dative(scene, a, b, shapes),
        // No bond order can be named: aromatic without a Kekulé form, coordinative, or of a query.
        _ => {
            shapes.extend(shifted(side, 0.0).filter(|_| bond.order == BondOrder::Aromatic));
            let by = if bond.order == BondOrder::Aromatic { APART } else { 0.0 };
            if let Some(Shape::Line { from, to, .. }) = shifted(side, by) {
                dashed(from, to, shapes);
            }
        }
    }
}

fn stroke(from: Point, to: Point) -> Shape {
    Shape::Line { from, to, width: LINE, ink: Ink::Bond }
}

fn dashed(from: Point, to: Point, shapes: &mut Vec<Shape>) {
    let dashes = 5;
    shapes.extend((0..dashes).map(|i| {
        let at = |k: f32| between(from, to, (i as f32 + k) / (dashes as f32 - 0.4));
        stroke(at(0.0), at(0.6))
    }));
}

/// An arrow from the donor to the acceptor.
fn dative(scene: &Scene, a: usize, b: usize, shapes: &mut Vec<Shape>) {
    let Some(Shape::Line { from, to, .. }) = cut(scene, a, b, scene.points[a], scene.points[b]) else {
        return;
    };
    let along = unit(sub(to, from));
    let base = sub(to, times(along, 0.26));
    let side = times(perpendicular(along), 0.1);
    shapes.push(stroke(from, base));
    shapes.push(Shape::Polygon { points: vec![to, add(base, side), sub(base, side)], ink: Ink::Bond });
}

/// The part of a line between two atoms that lies outside their labels; none if nothing is left.
fn cut(scene: &Scene, a: usize, b: usize, from: Point, to: Point) -> Option<Shape> {
    let start = trim(scene.labels[a].as_ref(), from, to);
    let end = 1.0 - trim(scene.labels[b].as_ref(), to, from);
    (end - start > 0.08).then(|| stroke(between(from, to, start), between(from, to, end)))
}

/// The part of a line, 0 to 1 from its beginning, that is covered by a label there.
fn trim(label: Option<&Label>, from: Point, to: Point) -> f32 {
    let boxes = label.into_iter().flat_map(Label::boxes);
    boxes
        .filter_map(|area| area.grown(SPACE).clip(from, to))
        // Letters of a crowded label may lie far along the bond; cutting there would leave nothing of it.
        .filter(|&(start, _)| start < 0.5)
        .map(|(_, end)| end)
        .fold(0.0, f32::max)
}

fn wedge(scene: &Scene, narrow: usize, wide: usize, filled: bool, shapes: &mut Vec<Shape>) {
    let (p, q) = (scene.points[narrow], scene.points[wide]);
    let from = between(p, q, trim(scene.labels[narrow].as_ref(), p, q));
    let to = between(q, p, trim(scene.labels[wide].as_ref(), q, p));
    let along = unit(sub(q, p));
    let side = perpendicular(along);
    if filled {
        let (tip, base) = (times(side, LINE / 2.0), times(side, WEDGE));
        shapes.push(Shape::Polygon {
            points: vec![add(from, tip), add(to, base), sub(to, base), sub(from, tip)],
            ink: Ink::Bond,
        });
        return;
    }
    let length = distance(from, to);
    let count = (length / HASH).round().max(4.0);
    for i in 0..=count as usize {
        let t = i as f32 / count;
        let half = times(side, (LINE / 2.0) + (WEDGE - LINE / 2.0) * t);
        let at = between(from, to, t);
        shapes.push(Shape::Line {
            from: add(at, half),
            to: sub(at, half),
            width: 0.8 * LINE,
            ink: Ink::Bond,
        });
    }
}

fn double(scene: &Scene, a: usize, b: usize, shapes: &mut Vec<Shape>) {
    let (p, q) = (scene.points[a], scene.points[b]);
    let side = perpendicular(unit(sub(q, p)));
    let Some(towards) = inner_side(scene, a, b, side) else {
        let shift = times(side, APART / 2.0);
        shapes.extend(cut(scene, a, b, add(p, shift), add(q, shift)));
        shapes.extend(cut(scene, a, b, sub(p, shift), sub(q, shift)));
        return;
    };
    shapes.extend(cut(scene, a, b, p, q));
    let shift = times(side, APART * towards);
    let shorten = |atom: usize, other: usize| {
        // Where no further bond leaves on this side, the second line is as long as the first.
        let along = unit(sub(scene.points[other], scene.points[atom]));
        let turn = |direction: Point| cross(along, unit(direction)).abs();
        let corner = scene
            .neighbours(atom)
            .filter(|&(next, _)| next != other)
            .map(|(next, _)| sub(scene.points[next], scene.points[atom]))
            .filter(|&direction| dot(direction, shift) > 0.0)
            .map(|direction| (dot(along, unit(direction)) + 1.0) / turn(direction).max(0.2))
            .fold(0.0f32, f32::max);
        // Half the angle between the bonds keeps the lines of a ring parallel to it and their ends on its diagonals.
        if corner > 0.0 { (APART * corner).clamp(0.05, 0.2) } else { 0.0 }
    };
    let along = unit(sub(q, p));
    let from = add(add(p, shift), times(along, shorten(a, b)));
    let to = sub(add(q, shift), times(along, shorten(b, a)));
    shapes.extend(cut(scene, a, b, from, to));
}

/// On which side of a double bond the second line goes, as a factor of `side`; none if the lines lie on both sides.
fn inner_side(scene: &Scene, a: usize, b: usize, side: Point) -> Option<f32> {
    let middle = between(scene.points[a], scene.points[b], 0.5);
    let sign = |v: f32| if v >= 0.0 { 1.0 } else { -1.0 };
    // Inside the ring; of two rings, that with the more double bonds, then the smaller.
    let ring = scene
        .rings
        .iter()
        .filter(|ring| ring.contains(&a) && ring.contains(&b))
        .max_by_key(|ring| (ring.len() < 8, doubles(scene, ring), std::cmp::Reverse(ring.len())));
    if let Some(ring) = ring {
        let sum = ring.iter().map(|&atom| scene.points[atom]).fold([0.0; 2], add);
        let centre = times(sum, 1.0 / ring.len() as f32);
        return Some(sign(dot(sub(centre, middle), side)));
    }
    let others = |atom: usize, not: usize| {
        scene
            .neighbours(atom)
            .filter(move |&(next, _)| next != not)
            .map(|(next, _)| sub(scene.points[next], middle))
            .collect::<Vec<_>>()
    };
    let (at_a, at_b) = (others(a, b), others(b, a));
    // C=O and C=CH2 at a branch: on both sides. In a chain: to the side of the neighbours.
    let (fewer, more) = if at_a.len() < at_b.len() { (&at_a, &at_b) } else { (&at_b, &at_a) };
    if fewer.is_empty() && (more.len() != 1 || scene.labels[a].is_some() || scene.labels[b].is_some()) {
        return None;
    }
    let on_side = |list: &[Point]| list.iter().map(|&d| sign(dot(d, side))).sum::<f32>();
    let balance = on_side(&at_a) + on_side(&at_b);
    if balance != 0.0 {
        return Some(sign(balance));
    }
    // Between two branches on both sides there is no better one; a trans chain shows its second line above or left.
    if at_a.len() > 1 && at_b.len() > 1 { None } else { Some(if side[1] < 0.0 { 1.0 } else { -1.0 }) }
}

fn doubles(scene: &Scene, ring: &[usize]) -> usize {
    let in_ring = |atom: u32| ring.contains(&(atom as usize));
    scene
        .graph
        .bonds()
        .filter(|(_, bond)| bond.order == BondOrder::Double && in_ring(bond.atom1.0) && in_ring(bond.atom2.0))
        .count()
}
