//! How well the wells of a treatment find each other among those of DMSO.

use crate::analysis::ranking::chance;

/// Cosines nearer to each other than 1/DIGITS are equal.
const DIGITS: f64 = 1e9;

/// Wells that rank each other: those of a treatment first, then those of DMSO.
pub(super) struct Wells {
    /// By well, from 0.
    plates: Vec<usize>,
    /// How many are the treatment's.
    treated: usize,
    /// Whether wells of other plates alone are ranked: so it is where the treatment is on more than one.
    crossed: bool,
}

/// How well a treatment's wells find each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ranked {
    /// Mean over the wells of their average precision.
    pub mean_ap: f64,
    /// Mean over the wells of how much nearer they are to the treatment's others than to DMSO: tells equal precisions
    /// apart. On two plates some pair of DMSO wells is always each other's nearest.
    pub margin: f64,
}

impl Ranked {
    /// At least as well as another; rounding errors do not matter.
    pub fn reaches(self, other: Self) -> bool {
        let more = self.mean_ap - other.mean_ap;
        more > 1e-9 || (more >= -1e-9 && self.margin >= other.margin - 1e-9)
    }
}

impl Wells {
    pub fn new(plates: Vec<usize>, treated: usize) -> Self {
        let own = plates.get(..treated).unwrap_or_default();
        let crossed = own.windows(2).any(|pair| pair[0] != pair[1]);
        Self { plates, treated, crossed }
    }

    /// Those of the treatment and of DMSO.
    pub fn len(&self) -> usize {
        self.plates.len()
    }

    /// How many are the treatment's.
    pub const fn treated(&self) -> usize {
        self.treated
    }

    fn ranks(&self, well: usize, other: usize) -> bool {
        if self.crossed { self.plates[well] != self.plates[other] } else { well != other }
    }

    /// Lets each of the treatment's wells rank the treatment's others and those of DMSO. Equal similarities are found
    /// together, as in [`crate::analysis::ranking::average_precision`].
    pub fn rank(&self, mut similarity: impl FnMut(usize, usize) -> f64) -> Ranked {
        let (mut same, mut ahead) = (Vec::<i64>::new(), Vec::new());
        let mut sum = Ranked { mean_ap: 0.0, margin: 0.0 };
        for well in 0..self.treated {
            let mut key = |other| (similarity(well, other) * DIGITS).round() as i64;
            same.clear();
            same.extend((0..self.treated).filter(|&other| self.ranks(well, other)).map(&mut key));
            same.sort_unstable_by(|a, b| b.cmp(a));
            // ahead[r]: DMSO wells before the treatment's well of rank r, and not before that of rank r − 1.
            ahead.clear();
            ahead.resize(same.len() + 1, 0_usize);
            let mut wrong = 0.0;
            for other in (self.treated..self.plates.len()).filter(|&other| self.ranks(well, other)) {
                let key = key(other);
                ahead[same.partition_point(|of| *of > key)] += 1;
                wrong += key as f64;
            }
            let all: usize = ahead.iter().sum();
            let right = same.iter().map(|key| *key as f64).sum::<f64>() / same.len().max(1) as f64;
            sum.mean_ap += average_precision(&same, &ahead);
            sum.margin += (right - wrong / all.max(1) as f64) / DIGITS;
        }
        let n = self.treated as f64;
        Ranked { mean_ap: sum.mean_ap / n, margin: sum.margin / n }
    }

    /// What random rankings reach.
    pub fn chance(&self) -> f64 {
        let of = |well: usize| {
            let ranked = |among: std::ops::Range<usize>| among.filter(|&i| self.ranks(well, i)).count();
            chance(ranked(0..self.treated), ranked(0..self.plates.len()))
        };
        (0..self.treated).map(of).sum::<f64>() / self.treated as f64
    }
}

/// Of similarities of right items, descending, and the numbers of wrong ones that come in before each.
fn average_precision(same: &[i64], ahead: &[usize]) -> f64 {
    let (mut found, mut before, mut sum) = (0, 0, 0.0);
    for (tied, ahead) in same.chunk_by(|a, b| a == b).scan(0, |at, tied| {
        let ahead: usize = ahead[*at..*at + tied.len()].iter().sum();
        *at += tied.len();
        Some((tied.len(), ahead))
    }) {
        found += tied;
        before += ahead;
        sum += tied as f64 * found as f64 / (found + before) as f64;
    }
    sum / same.len().max(1) as f64
}
