//! Points of the plane.

/// A point or a direction, in bond lengths; x points right, y down.
pub type Point = [f32; 2];

pub(super) fn add(a: Point, b: Point) -> Point {
    [a[0] + b[0], a[1] + b[1]]
}

pub(super) fn sub(a: Point, b: Point) -> Point {
    [a[0] - b[0], a[1] - b[1]]
}

pub(super) fn times(a: Point, factor: f32) -> Point {
    [a[0] * factor, a[1] * factor]
}

pub(super) fn dot(a: Point, b: Point) -> f32 {
    a[0] * b[0] + a[1] * b[1]
}

pub(super) fn cross(a: Point, b: Point) -> f32 {
    a[0] * b[1] - a[1] * b[0]
}

pub(super) fn length(a: Point) -> f32 {
    a[0].hypot(a[1])
}

pub(super) fn distance(a: Point, b: Point) -> f32 {
    length(sub(a, b))
}

/// The direction of a vector; to the right if it has none.
pub(super) fn unit(a: Point) -> Point {
    let length = length(a);
    if length > 1e-6 { times(a, 1.0 / length) } else { [1.0, 0.0] }
}

/// A quarter turn.
pub(super) fn perpendicular(a: Point) -> Point {
    [-a[1], a[0]]
}

/// The point at `t` (0 to 1) between two others.
pub(super) fn between(a: Point, b: Point, t: f32) -> Point {
    add(a, times(sub(b, a), t))
}

/// The point of a segment that is nearest to `p`.
pub(super) fn nearest(p: Point, a: Point, b: Point) -> Point {
    let along = sub(b, a);
    between(a, b, (dot(sub(p, a), along) / dot(along, along).max(1e-9)).clamp(0.0, 1.0))
}

/// The smallest rectangle around points: its lowest and highest corner.
pub(super) fn bounds(points: impl IntoIterator<Item = Point>) -> (Point, Point) {
    points.into_iter().fold(([f32::MAX; 2], [f32::MIN; 2]), |(low, high), p| {
        ([low[0].min(p[0]), low[1].min(p[1])], [high[0].max(p[0]), high[1].max(p[1])])
    })
}

/// An upright rectangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rect {
    pub low: Point,
    pub high: Point,
}

impl Rect {
    pub fn centred(centre: Point, width: f32, height: f32) -> Self {
        let half = [width / 2.0, height / 2.0];
        Self { low: sub(centre, half), high: add(centre, half) }
    }

    pub fn grown(self, by: f32) -> Self {
        Self { low: sub(self.low, [by, by]), high: add(self.high, [by, by]) }
    }

    /// The part of a segment, as two values of 0 to 1, that lies inside.
    pub fn clip(self, a: Point, b: Point) -> Option<(f32, f32)> {
        let along = sub(b, a);
        let (mut from, mut to) = (0.0f32, 1.0f32);
        for k in 0..2 {
            if along[k].abs() < 1e-9 {
                if a[k] < self.low[k] || a[k] > self.high[k] {
                    return None;
                }
                continue;
            }
            let (t, u) = ((self.low[k] - a[k]) / along[k], (self.high[k] - a[k]) / along[k]);
            from = from.max(t.min(u));
            to = to.min(t.max(u));
        }
        (from < to).then_some((from, to))
    }
}
