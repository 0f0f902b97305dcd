//! Points of a plane sorted into the cells of a grid: what lies under the pointer or in a polygon is found without
//! looking at the rest.

use std::sync::Arc;

/// Points per cell, about.
const FILL: usize = 4;

/// Cells per side at most: 4 MB of starts.
const MOST: usize = 1024;

/// Points in [−1, 1]², by cell. Points that are no numbers are in none.
#[derive(Debug)]
pub struct Grid {
    positions: Arc<[[f32; 2]]>,
    side: usize,
    /// First item of each cell, and the end.
    starts: Vec<u32>,
    /// Points, by cell.
    items: Vec<u32>,
}

impl Grid {
    /// Sorts points.
    pub fn new(positions: Arc<[[f32; 2]]>) -> Self {
        let side = ((positions.len() / FILL) as f64).sqrt().ceil().clamp(1.0, MOST as f64) as usize;
        let mut grid = Self { side, starts: vec![0; side * side + 1], items: Vec::new(), positions };
        let cells: Vec<Option<usize>> = grid
            .positions
            .iter()
            .map(|at| at.iter().all(|v| v.is_finite()).then(|| grid.line(at[1]) * side + grid.line(at[0])))
            .collect();
        for cell in cells.iter().flatten() {
            grid.starts[cell + 1] += 1;
        }
        for cell in 0..side * side {
            grid.starts[cell + 1] += grid.starts[cell];
        }
        let mut next = grid.starts.clone();
        grid.items = vec![0; grid.starts[side * side] as usize];
        for (point, cell) in cells.iter().enumerate() {
            let Some(cell) = *cell else { continue };
            grid.items[next[cell] as usize] = point as u32;
            next[cell] += 1;
        }
        grid
    }

    /// Column or row of cells at a coordinate.
    fn line(&self, v: f32) -> usize {
        (((v + 1.0) * 0.5 * self.side as f32) as usize).min(self.side - 1)
    }

    fn cells(&self, row: usize, columns: std::ops::RangeInclusive<usize>) -> &[u32] {
        let (first, last) = (row * self.side + columns.start(), row * self.side + columns.end());
        &self.items[self.starts[first] as usize..self.starts[last + 1] as usize]
    }

    /// The nearest point no farther than `within`, among those that are accepted; the last one of several.
    pub fn nearest(&self, at: [f32; 2], within: f32, accept: impl Fn(u32) -> bool) -> Option<u32> {
        let columns = self.line(at[0] - within)..=self.line(at[0] + within);
        let mut best = (within * within, None);
        for row in self.line(at[1] - within)..=self.line(at[1] + within) {
            for &point in self.cells(row, columns.clone()) {
                let [x, y] = self.positions[point as usize];
                let distance = (x - at[0]).powi(2) + (y - at[1]).powi(2);
                if distance <= best.0 && accept(point) {
                    best = (distance, Some(point));
                }
            }
        }
        best.1
    }

    /// Points inside a polygon (by the even-odd rule, as a lasso that crosses itself is filled), in their order.
    pub fn inside(&self, polygon: &[[f32; 2]]) -> Vec<u32> {
        let mut found = Vec::new();
        let ends = |axis: usize| {
            let values = || polygon.iter().map(move |at| at[axis]);
            (values().fold(f32::INFINITY, f32::min), values().fold(f32::NEG_INFINITY, f32::max))
        };
        let ((left, right), (low, high)) = (ends(0), ends(1));
        if polygon.len() < 3 || !(left <= 1.0 && right >= -1.0 && low <= 1.0 && high >= -1.0) {
            return found;
        }
        let columns = self.line(left)..=self.line(right);
        let height = 2.0 / self.side as f32;
        for row in self.line(low)..=self.line(high) {
            // Only edges that reach this row of cells can be crossed from a point in it.
            let bottom = row as f32 * height - 1.0;
            let (from, to) = (bottom - 1e-5, bottom + height + 1e-5);
            let edges: Vec<[[f32; 2]; 2]> =
                edges(polygon).filter(|[a, b]| a[1].min(b[1]) <= to && a[1].max(b[1]) >= from).collect();
            let points = self.cells(row, columns.clone()).iter().copied();
            found.extend(points.filter(|&p| is_inside(self.positions[p as usize], edges.iter().copied())));
        }
        found.sort_unstable();
        found
    }
}

fn edges(polygon: &[[f32; 2]]) -> impl Iterator<Item = [[f32; 2]; 2]> + '_ {
    (0..polygon.len()).map(|i| [polygon[i], polygon[(i + 1) % polygon.len()]])
}

/// Even-odd rule: a ray to the right crosses an odd number of edges.
fn is_inside([x, y]: [f32; 2], edges: impl Iterator<Item = [[f32; 2]; 2]>) -> bool {
    let crosses = |[a, b]: &[[f32; 2]; 2]| {
        (a[1] > y) != (b[1] > y) && x < (b[0] - a[0]) * (y - a[1]) / (b[1] - a[1]) + a[0]
    };
    edges.filter(crosses).count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{normal, stream};

    fn cloud(count: usize) -> Arc<[[f32; 2]]> {
        let mut rng = stream(1, &["grid"]);
        let mut v = || (0.4 * normal(&mut rng)).clamp(-1.0, 1.0) as f32;
        let mut points: Vec<[f32; 2]> = (0..count).map(|_| [v(), v()]).collect();
        // The corners, and a point that is none.
        points.extend([[-1.0, -1.0], [1.0, 1.0], [f32::NAN, 0.0]]);
        points.into()
    }

    #[test]
    fn the_nearest_point_is_the_one_that_looking_at_all_finds() {
        let points = cloud(5000);
        let grid = Grid::new(Arc::clone(&points));
        let odd = |p: u32| p % 2 == 1;
        let mut hits = 0;
        for probe in cloud(300).iter().filter(|p| p[0].is_finite()) {
            for within in [0.001, 0.02, 3.0] {
                let distance = |p: u32| {
                    let at = points[p as usize];
                    (at[0] - probe[0]).hypot(at[1] - probe[1])
                };
                let all = (0..points.len() as u32).filter(|&p| odd(p) && distance(p) <= within);
                let expected = all.min_by(|a, b| distance(*a).total_cmp(&distance(*b)));
                let found = grid.nearest(*probe, within, odd);
                assert_eq!(found.map(distance), expected.map(distance));
                hits += usize::from(found.is_some());
            }
        }
        assert!(hits > 300, "{hits}");
        assert_eq!(grid.nearest([1.0, 1.0], 1e-6, |_| true), Some(5001));
    }

    #[test]
    fn a_polygon_holds_what_the_rule_says_for_each_point_alone() {
        let points = cloud(5000);
        let grid = Grid::new(Arc::clone(&points));
        // A lasso with a dent, one that crosses itself, and one that leaves the plane.
        let star: Vec<[f32; 2]> = (0..5)
            .map(|i| {
                let turn = i as f32 * 0.8 * std::f32::consts::PI;
                [0.7 * turn.sin(), 0.7 * turn.cos()]
            })
            .collect();
        let dent = vec![[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [0.0, -0.2], [-0.5, 0.5]];
        let wide = vec![[-3.0, -2.0], [2.0, -2.5], [0.1, 4.0]];
        for polygon in [&star, &dent, &wide] {
            let alone = |p: &u32| is_inside(points[*p as usize], edges(polygon));
            let expected: Vec<u32> = (0..points.len() as u32).filter(alone).collect();
            assert!(expected.len() > 500, "{}", expected.len());
            assert_eq!(grid.inside(polygon), expected);
        }
        assert!(!is_inside([0.0, 0.0], edges(&star)), "even-odd: the star's heart is outside");
        assert!(is_inside([0.0, -0.3], edges(&dent)) && !is_inside([0.0, 0.2], edges(&dent)));
        assert!(grid.inside(&[[0.0, 0.0], [1.0, 1.0]]).is_empty(), "a line holds nothing");
        assert!(grid.inside(&[[5.0, 5.0], [6.0, 5.0], [6.0, 6.0]]).is_empty());
    }

    #[test]
    fn no_points_and_equal_points_are_points_too() {
        let none = Grid::new(Arc::new([]));
        assert_eq!(none.nearest([0.0, 0.0], 9.0, |_| true), None);
        let same = Grid::new(vec![[0.0, 0.0]; 10].into());
        assert_eq!(same.inside(&[[-0.1, -0.1], [0.1, -0.1], [0.0, 0.2]]).len(), 10);
        assert_eq!(same.nearest([0.0, 0.0], 0.0, |p| p < 7), Some(6), "the one that is drawn last");
    }
}
