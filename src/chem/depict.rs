//! Pictures of structures: one list of shapes that the window, SVG and PNG draw alike.

mod bond;
mod label;
#[cfg(test)]
mod tests;

use chematic::core::{Atom, AtomIdx, BondIdx, BondOrder, apply_kekule, kekulize};
use chematic::mol::stereo_depiction::{Wedge, stereo_depiction};
use chematic::perception::find_sssr;
use chematic::smiles::parser::Molecule as Graph;

use super::error::contained;
use super::geometry::{Rect, add, bounds, distance, sub, times};
use super::layout::{Clash, layout};
use super::{ChemError, Ink, Molecule, Point};
use label::Label;

/// Width of a bond's line, in bond lengths.
pub const LINE: f32 = 0.055;
/// Size of a letter (the font's em), in bond lengths.
pub const FONT: f32 = 0.62;
/// Radius of the ground of a highlighted atom.
const HALO: f32 = 0.34;
/// Empty space around a drawing.
const MARGIN: f32 = 0.3;

/// One shape. Lengths are in bond lengths. Later shapes cover earlier ones.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A straight line with round ends.
    Line {
        /// One end.
        from: Point,
        /// The other end.
        to: Point,
        /// Width of the line.
        width: f32,
        /// Its colour.
        ink: Ink,
    },
    /// A filled convex polygon.
    Polygon {
        /// Its corners, in order.
        points: Vec<Point>,
        /// Its colour.
        ink: Ink,
    },
    /// A filled disc.
    Disc {
        /// Its centre.
        centre: Point,
        /// Its radius.
        radius: f32,
        /// Its colour.
        ink: Ink,
    },
    /// A few letters of a label: an element symbol, hydrogens, a count, a charge, an isotope.
    Text {
        /// The middle of the letters: of their width, and of the height of a capital.
        centre: Point,
        /// What is written.
        text: String,
        /// Font size (em).
        size: f32,
        /// Its colour.
        ink: Ink,
    },
}

/// What to draw, apart from the structure. Together with [`Molecule::written_smiles`] a key for caches.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Style {
    /// Atoms to highlight, by their number in the molecule; bonds between two of them are highlighted too.
    pub highlight: Vec<usize>,
}

/// A picture: shapes, and where they lie. Cheap to keep; drawn by [`svg`](super::svg), [`raster`](super::raster) and the
/// window.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing {
    /// What to paint, in this order.
    pub shapes: Vec<Shape>,
    /// The corner with the smallest coordinates, with some space.
    pub low: Point,
    /// The corner with the largest coordinates.
    pub high: Point,
    /// Where each atom stands, by its number in the molecule.
    pub atoms: Vec<Point>,
}

/// How a drawing is placed on pixels: `pixel = scale × point + offset`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// Pixels per bond length.
    pub scale: f32,
    /// Pixels to add.
    pub offset: Point,
}

impl Fit {
    /// Where a point of the drawing comes to lie, in pixels.
    pub fn place(&self, point: Point) -> Point {
        add(times(point, self.scale), self.offset)
    }
}

impl Drawing {
    /// Width and height in bond lengths.
    pub fn size(&self) -> Point {
        sub(self.high, self.low)
    }

    /// Centres the drawing in `width × height` pixels, as large as it fits, but with bonds of `largest` pixels at most.
    pub fn fit(&self, width: f32, height: f32, largest: f32) -> Fit {
        let size = self.size();
        let scale = (width / size[0]).min(height / size[1]).min(largest).max(0.0);
        let middle = times(add(self.low, self.high), 0.5);
        Fit { scale, offset: sub([width / 2.0, height / 2.0], times(middle, scale)) }
    }

    /// The atom within half a bond length of a point, the nearest one.
    pub fn atom_at(&self, point: Point) -> Option<usize> {
        (0..self.atoms.len())
            .filter(|&i| distance(self.atoms[i], point) < 0.5)
            .min_by(|&a, &b| distance(self.atoms[a], point).total_cmp(&distance(self.atoms[b], point)))
    }
}

/// Draws a structure: Kekulé bonds, wedges, charges, isotopes, hydrogens on hetero atoms. Pure: the same structure and style
/// give the same drawing. Takes 1 to 100 ms for drugs, most of it the layout, so keep the result.
///
/// # Errors
/// [`ChemError::Compute`] if the toolkit fails on the structure.
pub fn depict(molecule: &Molecule, style: &Style) -> Result<Drawing, ChemError> {
    contained("The picture", || Ok(draw(&Scene::of(molecule.graph()), style)))
}

/// How clean the layout of a structure is.
pub fn clash(molecule: &Molecule) -> Result<Clash, ChemError> {
    contained("The layout", || Ok(Clash::of(molecule.graph(), &layout(molecule.graph()))))
}

/// A structure with all that is needed to draw it.
struct Scene {
    /// Without aromatic bonds, where a Kekulé form exists.
    graph: Graph,
    points: Vec<Point>,
    /// Which end a wedge starts from, and whether it is filled, per bond.
    wedges: Vec<Option<(usize, bool)>>,
    rings: Vec<Vec<usize>>,
    labels: Vec<Option<Label>>,
}

impl Scene {
    fn of(graph: &Graph) -> Self {
        let points = layout(graph);
        // The toolkit's y points up and its bonds measure 1.5.
        let coords: Vec<(f64, f64)> =
            points.iter().map(|p| (f64::from(p[0]) * 1.5, f64::from(p[1]) * -1.5)).collect();
        let stereo = stereo_depiction(graph, &coords);
        let wedges = (0..graph.bond_count())
            .map(|i| {
                let Wedge { start, order } = stereo.wedges.get(&BondIdx(i as u32))?;
                Some((start.0 as usize, *order == BondOrder::Up))
            })
            .collect();
        let rings =
            find_sssr(graph).rings().iter().map(|r| r.iter().map(|a| a.0 as usize).collect()).collect();
        let kekule = kekulize(graph).map(|kekule| apply_kekule(graph, &kekule));
        let graph = kekule.unwrap_or_else(|_| graph.clone());
        let mut scene = Self { graph, points, wedges, rings, labels: Vec::new() };
        scene.labels = (0..scene.points.len()).map(|atom| Label::of(&scene, atom)).collect();
        scene
    }

    fn atom(&self, atom: usize) -> &Atom {
        self.graph.atom(AtomIdx(atom as u32))
    }

    /// Neighbours of an atom, with the bond to each.
    fn neighbours(&self, atom: usize) -> impl Iterator<Item = (usize, BondIdx)> + '_ {
        self.graph.neighbors(AtomIdx(atom as u32)).map(|(other, bond)| (other.0 as usize, bond))
    }

    /// Directions of the bonds of an atom.
    fn directions(&self, atom: usize) -> impl Iterator<Item = Point> + '_ {
        self.neighbours(atom).map(move |(other, _)| sub(self.points[other], self.points[atom]))
    }
}

fn draw(scene: &Scene, style: &Style) -> Drawing {
    let mut shapes = Vec::new();
    let lit = |atom: usize| style.highlight.contains(&atom);
    for bond in scene.graph.bonds().map(|(_, bond)| bond) {
        let (a, b) = (bond.atom1.0 as usize, bond.atom2.0 as usize);
        if lit(a) && lit(b) {
            shapes.push(Shape::Line {
                from: scene.points[a],
                to: scene.points[b],
                width: 1.3 * HALO,
                ink: Ink::Highlight,
            });
        }
    }
    for (atom, &centre) in scene.points.iter().enumerate().filter(|&(atom, _)| lit(atom)) {
        shapes.push(Shape::Disc { centre, radius: HALO, ink: Ink::Highlight });
        let boxes = scene.labels[atom].iter().flat_map(Label::boxes);
        // The ground of a long label is as long.
        shapes.extend(boxes.map(|area| ground(area.grown(0.08))));
    }
    for (index, bond) in scene.graph.bonds() {
        bond::draw(scene, index, bond, &mut shapes);
    }
    for label in scene.labels.iter().flatten() {
        shapes.extend(label.shapes());
    }
    let (low, high) = bounds(extent(&shapes).chain(scene.points.iter().copied()));
    Drawing {
        shapes,
        low: sub(low, [MARGIN, MARGIN]),
        high: add(high, [MARGIN, MARGIN]),
        atoms: scene.points.clone(),
    }
}

fn ground(area: Rect) -> Shape {
    let Rect { low, high } = area;
    Shape::Polygon { points: vec![low, [high[0], low[1]], high, [low[0], high[1]]], ink: Ink::Highlight }
}

/// Corners of all shapes.
fn extent(shapes: &[Shape]) -> impl Iterator<Item = Point> + '_ {
    shapes.iter().flat_map(|shape| match shape {
        Shape::Line { from, to, .. } => vec![*from, *to],
        Shape::Polygon { points, .. } => points.clone(),
        Shape::Disc { centre, radius, .. } => {
            vec![sub(*centre, [*radius; 2]), add(*centre, [*radius; 2])]
        }
        Shape::Text { centre, text, size, .. } => {
            let area = label::area(*centre, text, *size);
            vec![area.low, area.high]
        }
    })
}
