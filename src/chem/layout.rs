//! Where the atoms of a structure stand in its picture.
//!
//! Two engines lay a component out: the toolkit's own, and its port of RDKit's. Neither is always the cleaner, so both are
//! measured by [`Clash`], the better one is repaired by turning groups around single bonds, and components are set side by
//! side.

use std::collections::VecDeque;

use chematic::core::AtomIdx;
use chematic::mol::stereo_depiction::stereo_depiction;
use chematic::smiles::{self, parser::Molecule as Graph};

use super::Point;
use super::geometry::{add, bounds, cross, distance, dot, nearest, sub, times, unit};

/// Atoms that are not bonded may not come closer, in bond lengths.
const NEAREST: f32 = 0.5;
/// An atom may not come closer to a bond that is not its own.
const NEAREST_TO_BOND: f32 = 0.25;
/// Atoms that are not bonded are best further apart than this.
const CROWDED: f32 = 1.7;
/// Space between the letters of two components.
const GAP: f32 = 0.6;

/// How far a layout is from clean.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Clash {
    /// Pairs of atoms, not bonded, that come closer than half a bond length.
    pub overlaps: usize,
    /// Atoms that lie on a bond that is not theirs.
    pub on_bond: usize,
    /// Pairs of bonds that cross. Cages cannot be drawn without.
    pub crossings: usize,
    /// What is left to improve where the counts are equal: crowding and bad bond lengths.
    pub strain: f32,
}

impl Clash {
    /// Whether atoms and bonds are all apart; cages may cross.
    pub fn is_clean(&self) -> bool {
        self.overlaps == 0 && self.on_bond == 0
    }

    fn cost(&self) -> f32 {
        10.0 * self.overlaps as f32 + 6.0 * self.on_bond as f32 + 4.0 * self.crossings as f32 + self.strain
    }

    /// Measures a layout.
    pub(super) fn of(graph: &Graph, points: &[Point]) -> Self {
        let bonds = bonds(graph);
        let mut clash = Self::default();
        let mut bonded = vec![Vec::new(); points.len()];
        for &(a, b) in &bonds {
            bonded[a].push(b);
            bonded[b].push(a);
            let length = distance(points[a], points[b]);
            clash.strain += (length - 1.0).powi(2);
        }
        let lettered: Vec<bool> =
            graph.atoms().map(|(_, atom)| atom.wildcard || atom.element.atomic_number() != 6).collect();
        for (a, &p) in points.iter().enumerate() {
            for (b, &q) in points.iter().enumerate().skip(a + 1) {
                let [dx, dy] = [(p[0] - q[0]).abs(), (p[1] - q[1]).abs()];
                if dx > CROWDED || dy > CROWDED || bonded[a].contains(&b) {
                    continue;
                }
                let apart = distance(p, q);
                clash.overlaps += usize::from(apart < NEAREST);
                clash.strain += (0.8 - apart).max(0.0).powi(2) + 0.06 * (CROWDED - apart).max(0.0).powi(2);
                // Letters are wider than high.
                if lettered[a] && lettered[b] && dx < 1.2 && dy < 0.6 {
                    clash.strain += 1.2 - dx;
                }
            }
        }
        for (i, &(a, b)) in bonds.iter().enumerate() {
            let near = |p: Point| {
                let reach = |k: usize| {
                    p[k] > points[a][k].min(points[b][k]) - NEAREST_TO_BOND
                        && p[k] < points[a][k].max(points[b][k]) + NEAREST_TO_BOND
                };
                reach(0) && reach(1)
            };
            for (c, &p) in points.iter().enumerate() {
                // Next to the end of a bond, the distance between atoms is what counts.
                if near(p) && c != a && c != b && !bonded[a].contains(&c) && !bonded[b].contains(&c) {
                    clash.on_bond +=
                        usize::from(distance(p, nearest(p, points[a], points[b])) < NEAREST_TO_BOND);
                }
            }
            for &(c, d) in &bonds[..i] {
                if a != c && a != d && b != c && b != d {
                    clash.crossings += usize::from(crossing(points[a], points[b], points[c], points[d]));
                }
            }
        }
        clash
    }
}

fn bonds(graph: &Graph) -> Vec<(usize, usize)> {
    graph.bonds().map(|(_, bond)| (bond.atom1.0 as usize, bond.atom2.0 as usize)).collect()
}

/// Whether two segments cross between their ends.
fn crossing(a: Point, b: Point, c: Point, d: Point) -> bool {
    let side = |p: Point, q: Point, r: Point| cross(sub(q, p), sub(r, p));
    side(a, b, c) * side(a, b, d) < 0.0 && side(c, d, a) * side(c, d, b) < 0.0
}

/// Lays all components out, side by side. One point per atom; bonds have length 1.
pub(super) fn layout(graph: &Graph) -> Vec<Point> {
    let mut points = vec![[0.0; 2]; graph.atom_count()];
    let mut components: Vec<(Vec<Point>, Vec<usize>)> = graph
        .fragments_with_source_atoms()
        .into_iter()
        .map(|(part, atoms)| (component(&part), atoms.into_iter().map(|a| a.0 as usize).collect()))
        .collect();
    // The largest first, as a chemist writes a salt.
    components.sort_by_key(|(points, _)| std::cmp::Reverse(points.len()));
    let mut left = 0.0;
    for (part, atoms) in &components {
        let reach = |&atom: &usize| {
            let index = AtomIdx(atom as u32);
            match (graph.atom(index).element.atomic_number(), graph.degree(index)) {
                // Water and ions are all letters.
                (_, 0) => 0.7,
                (6, _) => 0.1,
                _ => 0.4,
            }
        };
        let (low, high) = bounds(part.iter().zip(atoms).flat_map(|(&p, atom)| {
            let reach = [reach(atom), 0.0];
            [sub(p, reach), add(p, reach)]
        }));
        for (&p, &atom) in part.iter().zip(atoms) {
            points[atom] = [left + p[0] - low[0], p[1] - f32::midpoint(low[1], high[1])];
        }
        left += high[0] - low[0] + GAP;
    }
    points
}

/// Lays one component out.
fn component(graph: &Graph) -> Vec<Point> {
    let own = || {
        let depiction = stereo_depiction(graph, &[]);
        // A double bond drawn the wrong way round is worse than any crowding.
        let wrong = depiction.unexpressed_double_bonds.len() + depiction.unexpressed_centres.len();
        let coords: Vec<[f64; 2]> = depiction.coords.iter().map(|&(x, y)| [x, y]).collect();
        scaled(graph, &coords).map(|points| (points, wrong))
    };
    let rdkit = || {
        let coords = smiles::rdkit_2d_coords(graph).ok()?;
        let drawn: Vec<(f64, f64)> = coords.iter().map(|&[x, y]| (x, y)).collect();
        let depiction = stereo_depiction(graph, &drawn);
        let wrong = depiction.unexpressed_double_bonds.len() + depiction.unexpressed_centres.len();
        scaled(graph, &coords).map(|points| (points, wrong))
    };
    let best = [own(), rdkit()]
        .into_iter()
        .flatten()
        .map(|(points, wrong)| {
            let points = repaired(graph, points);
            let cost = Clash::of(graph, &points).cost() + 20.0 * wrong as f32;
            (points, cost)
        })
        .min_by(|a, b| a.1.total_cmp(&b.1));
    match best {
        Some((points, _)) => turned(graph, &points),
        // Neither engine could: a row of atoms is at least honest.
        None => (0..graph.atom_count()).map(|i| [i as f32, 0.0]).collect(),
    }
}

/// Brings bonds to length 1 and turns y down; `None` if a point is missing or not finite.
fn scaled(graph: &Graph, coords: &[[f64; 2]]) -> Option<Vec<Point>> {
    if coords.len() != graph.atom_count() || coords.iter().flatten().any(|v| !v.is_finite()) {
        return None;
    }
    let mut lengths: Vec<f64> = bonds(graph)
        .into_iter()
        .map(|(a, b)| (coords[a][0] - coords[b][0]).hypot(coords[a][1] - coords[b][1]))
        .collect();
    lengths.sort_by(f64::total_cmp);
    let unit = lengths.get(lengths.len() / 2).copied().unwrap_or(1.0);
    (unit > 1e-6).then(|| coords.iter().map(|&[x, y]| [(x / unit) as f32, (-y / unit) as f32]).collect())
}

/// Reduces clashes by reflecting the smaller side of single bonds that are in no ring, each through its own line: this
/// keeps bond lengths, angles, rings and the drawn geometry of double bonds.
fn repaired(graph: &Graph, mut points: Vec<Point>) -> Vec<Point> {
    let mut clash = Clash::of(graph, &points);
    if points.len() > 150 {
        return points;
    }
    let movable: Vec<(usize, usize, Vec<usize>)> = graph
        .bonds()
        .filter(|(_, bond)| bond.order.order_int() == 1)
        .filter_map(|(_, bond)| {
            let (a, b) = (bond.atom1, bond.atom2);
            let side = side(graph, a, b)?;
            let (axis, end, side) =
                if 2 * side.len() > points.len() { (b, a, self::side(graph, b, a)?) } else { (a, b, side) };
            (side.len() > 1).then_some((axis.0 as usize, end.0 as usize, side))
        })
        .collect();
    for _ in 0..12 {
        let mut best = None;
        for (axis, end, side) in &movable {
            let mut tried = points.clone();
            for &atom in side {
                tried[atom] = mirrored(tried[atom], points[*axis], points[*end]);
            }
            let found = Clash::of(graph, &tried);
            if found.cost() < clash.cost() - 0.02 {
                clash = found;
                best = Some(tried);
            }
        }
        match best {
            Some(tried) => points = tried,
            None => break,
        }
    }
    points
}

/// The atoms on the side of `to` if the bond from `from` is cut; `None` if it is in a ring.
fn side(graph: &Graph, from: AtomIdx, to: AtomIdx) -> Option<Vec<usize>> {
    let mut seen = vec![false; graph.atom_count()];
    seen[to.0 as usize] = true;
    let mut queue = VecDeque::from([to]);
    let mut side = Vec::new();
    while let Some(atom) = queue.pop_front() {
        side.push(atom.0 as usize);
        for (next, _) in graph.neighbors(atom) {
            if next == from && atom != to {
                return None;
            }
            if next != from && !std::mem::replace(&mut seen[next.0 as usize], true) {
                queue.push_back(next);
            }
        }
    }
    Some(side)
}

/// The mirror image of a point in the line through two others.
fn mirrored(p: Point, a: Point, b: Point) -> Point {
    let along = unit(sub(b, a));
    let foot = add(a, times(along, dot(sub(p, a), along)));
    sub(times(foot, 2.0), p)
}

/// Turns a component so that its bonds lie as in a textbook (upright, and 30° from level) and it is wide rather than high.
fn turned(graph: &Graph, points: &[Point]) -> Vec<Point> {
    let angles = |points: &[Point]| -> Vec<f32> {
        let angle = |(a, b): (usize, usize)| {
            let [x, y] = sub(points[b], points[a]);
            y.atan2(x)
        };
        bonds(graph).into_iter().map(angle).collect()
    };
    let rotated = |angle: f32| -> Vec<Point> {
        let (sin, cos) = angle.sin_cos();
        points.iter().map(|p| [cos * p[0] - sin * p[1], sin * p[0] + cos * p[1]]).collect()
    };
    // The angle that most bonds share, up to multiples of 30°.
    let shared = angles(points)
        .iter()
        .map(|angle| (12.0 * angle).sin_cos())
        .fold([0.0; 2], |sum, (sin, cos)| add(sum, [cos, sin]));
    let offset = -shared[1].atan2(shared[0]) / 12.0;
    (0..12)
        .map(|step| rotated(offset + (30.0 * step as f32).to_radians()))
        .map(|points| {
            let (low, high) = bounds(points.iter().copied());
            let [width, height] = sub(high, low);
            let angles = angles(&points);
            // 1 for bonds upright or 30° from level, -1 for level bonds.
            let textbook = angles.iter().map(|angle| -(6.0 * angle).cos()).sum::<f32>();
            // What is straight lies level.
            let textbook = if height < 0.01 { 2.0 } else { textbook / angles.len().max(1) as f32 };
            (points, (height + 1.0) / (width + 1.0) - 0.4 * textbook)
        })
        // Of two that are alike, the first: the engines' own way up.
        .min_by_key(|&(_, cost)| (200.0 * cost).round() as i32)
        .map_or_else(|| points.to_vec(), |(points, _)| points)
}
