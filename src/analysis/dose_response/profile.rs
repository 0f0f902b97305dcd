//! Profile likelihood: how far a number can be moved, the others following, before the curve fits significantly worse.

use nalgebra::Matrix4;

use super::levels::Level;
use super::logistic::{Numbers, descend_beside};

/// Searches along one side end after this many curves.
const MOST: usize = 30;
/// A first step that is smaller than this part of the way to the bound is none.
const NEAREST: f64 = 1e-12;
/// How exactly the end of an interval is found, as a part of its distance in deviations.
const TOLERANCE: f64 = 2e-3;

/// The best fit, and what intervals are measured by.
pub(super) struct Profile<'a> {
    pub levels: &'a [Level],
    /// The best fit's numbers.
    pub best: Numbers,
    /// Its squares between the levels' means.
    pub squares: f64,
    /// Variance of a well.
    pub variance: f64,
    /// Covariance of the numbers at a variance of 1.
    pub covariance: Matrix4<f64>,
    /// Deviations at which an interval ends: the 97.5 % point of Student's t.
    pub reach: f64,
    /// Whether a better curve ends the search.
    pub may_improve: bool,
}

/// A curve that fits better than what was taken for the best.
pub(super) struct Better(pub Numbers);

impl Profile<'_> {
    /// Both ends of the interval of the number at `place`; `None` where it is still open at the bound.
    pub(super) fn interval(&self, place: usize, bounds: (f64, f64)) -> Result<[Option<f64>; 2], Better> {
        Ok([self.end(place, bounds.0, -1.0)?, self.end(place, bounds.1, 1.0)?])
    }

    fn end(&self, place: usize, bound: f64, side: f64) -> Result<Option<f64>, Better> {
        let centre = self.best[place];
        let room = side * (bound - centre);
        if room <= 0.0 {
            return Ok(None);
        }
        let own = self.covariance[(place, place)];
        let expected = self.reach * (self.variance * own).sqrt();
        // Value, deviations and numbers of the farthest curve within the interval, and of the nearest beyond.
        let mut inside = (0.0, 0.0, self.best);
        let mut outside: Option<(f64, f64)> = None;
        // Where the levels say nothing of the number, the covariance is rounding.
        let is_told = expected > NEAREST * room;
        let mut away = if is_told { expected.min(room) } else { room / 2.0 };
        for _ in 0..MOST {
            let mut from = inside.2;
            let step = side * (away - inside.0);
            for (other, number) in from.iter_mut().enumerate() {
                if is_told {
                    *number += step * self.covariance[(other, place)] / own;
                }
            }
            from[place] = if away < room { centre + side * away } else { bound };
            let (numbers, squares) = descend_beside(self.levels, place, from);
            let worse = (squares - self.squares) / self.variance;
            if worse < -1e-3 && self.may_improve {
                return Err(Better(numbers));
            }
            let deviations = worse.max(0.0).sqrt();
            if (deviations - self.reach).abs() <= TOLERANCE * self.reach {
                return Ok(Some(numbers[place]));
            }
            if deviations > self.reach {
                outside = Some((away, deviations));
            } else if away >= room {
                return Ok(None);
            } else {
                inside = (away, deviations, numbers);
            }
            away = match outside {
                Some((far, above)) => {
                    let share = ((self.reach - inside.1) / (above - inside.1)).clamp(0.05, 0.95);
                    inside.0 + share * (far - inside.0)
                }
                None => (inside.0 * (self.reach / inside.1).clamp(1.05, 3.0)).min(room),
            };
        }
        // Past a jump of the profile, which no tolerance is small enough for: the side that is in the interval ends there.
        Ok(outside.map(|(far, _)| centre + side * far))
    }
}
