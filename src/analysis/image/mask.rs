//! Pixels that belong to something: their lines, and their parts.

use std::ops::Range;

/// Which pixels belong to something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `[height, width]`.
    pub data: Vec<bool>,
}

impl Mask {
    /// Pixels that belong to it.
    pub fn count(&self) -> usize {
        self.data.iter().filter(|&&v| v).count()
    }

    /// Neighbours clockwise from the top; outside is empty.
    fn ring(&self, x: usize, y: usize) -> [bool; 8] {
        const RING: [(isize, isize); 8] =
            [(0, -1), (1, -1), (1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1)];
        RING.map(|(dx, dy)| {
            let (x, y) = (x.checked_add_signed(dx), y.checked_add_signed(dy));
            let inside = |(x, y): (usize, usize)| x < self.width && y < self.height;
            x.zip(y).filter(|&at| inside(at)).is_some_and(|(x, y)| self.data[y * self.width + x])
        })
    }

    /// Neighbours of a pixel that belong to it, 0 to 8.
    pub fn neighbours(&self, x: usize, y: usize) -> usize {
        self.ring(x, y).iter().filter(|&&v| v).count()
    }

    /// Thinned to lines of one pixel: Zhang and Suen 1984, Commun ACM 27:236.
    #[must_use]
    pub fn skeleton(&self) -> Self {
        // A border of empty pixels, so that every pixel has eight neighbours.
        let wide = self.width + 2;
        let mut padded = vec![0_u8; wide * (self.height + 2)];
        let mut open = Vec::new();
        for i in (0..self.data.len()).filter(|&i| self.data[i]) {
            let at = (i / self.width + 1) * wide + i % self.width + 1;
            padded[at] = 1;
            open.push(at);
        }
        let code = |padded: &[u8], at: usize| {
            let around = [
                at - wide,
                at - wide + 1,
                at + 1,
                at + wide + 1,
                at + wide,
                at + wide - 1,
                at - 1,
                at - wide - 1,
            ];
            around.iter().enumerate().fold(0, |code, (k, &at)| code | usize::from(padded[at]) << k)
        };
        let mut gone = Vec::new();
        loop {
            let before = open.len();
            for table in &THINNED {
                gone.clear();
                gone.extend(open.iter().copied().filter(|&at| table[code(&padded, at)]));
                for &at in &gone {
                    padded[at] = 0;
                }
                open.retain(|&at| padded[at] == 1);
            }
            if open.len() == before {
                break;
            }
        }
        let mut data = vec![false; self.data.len()];
        for at in open {
            data[(at / wide - 1) * self.width + at % wide - 1] = true;
        }
        Self { data, ..*self }
    }

    /// Places of the pixels that belong to it, ascending.
    pub fn places(&self) -> Vec<usize> {
        self.runs().into_iter().flat_map(|run| run.places(self.width)).collect()
    }

    /// Pixels side by side that belong to it, row by row.
    fn runs(&self) -> Vec<Run> {
        let mut runs = Vec::new();
        for (y, row) in self.data.chunks_exact(self.width.max(1)).enumerate() {
            let mut x = 0;
            while let Some(skipped) = row[x..].iter().position(|&on| on) {
                let start = x + skipped;
                x = row[start..].iter().position(|&on| !on).map_or(row.len(), |length| start + length);
                runs.push(Run { y, columns: start..x });
            }
        }
        runs
    }

    /// Connected parts (corners touch): the number of each pixel's part from 0, `u32::MAX` outside, and the sizes. Runs of
    /// pixels are joined with those that they touch in the row above: Rosenfeld and Pfaltz 1966, J ACM 13:471.
    pub fn parts(&self) -> (Vec<u32>, Vec<usize>) {
        let runs = self.runs();
        // For each run one of its part that comes before it; itself for the first.
        let mut before: Vec<usize> = (0..runs.len()).collect();
        let mut above = 0;
        for (own, run) in runs.iter().enumerate() {
            let is_past = |other: &Run| {
                other.y + 1 < run.y || (other.y + 1 == run.y && other.columns.end < run.columns.start)
            };
            while is_past(&runs[above]) {
                above += 1;
            }
            let touches = |other: &Run| other.y + 1 == run.y && other.columns.start <= run.columns.end;
            for (other, _) in runs[above..].iter().enumerate().take_while(|(_, other)| touches(other)) {
                let [one, other] = [own, above + other].map(|run| first(&mut before, run));
                before[one.max(other)] = one.min(other);
            }
        }
        let mut label = vec![u32::MAX; self.data.len()];
        let mut sizes: Vec<usize> = Vec::new();
        let mut numbers = vec![0; runs.len()];
        for (own, run) in runs.iter().enumerate() {
            let first = first(&mut before, own);
            if first == own {
                numbers[own] = sizes.len();
                sizes.push(0);
            }
            let number = numbers[first];
            sizes[number] += run.columns.len();
            label[run.places(self.width)].fill(number as u32);
        }
        (label, sizes)
    }
}

/// Pixels of one row, side by side.
struct Run {
    y: usize,
    columns: Range<usize>,
}

impl Run {
    fn places(&self, width: usize) -> Range<usize> {
        self.y * width + self.columns.start..self.y * width + self.columns.end
    }
}

/// The first run of a run's part. Ways to it become shorter.
fn first(before: &mut [usize], mut run: usize) -> usize {
    while before[run] != run {
        before[run] = before[before[run]];
        run = before[run];
    }
    run
}

/// Whether a pixel goes when a mask is thinned, for the first and the second of two steps in turn: by its neighbours, clockwise
/// from the top, the first in the lowest bit.
const THINNED: [[bool; 256]; 2] = [thinned(false), thinned(true)];

const fn thinned(second: bool) -> [bool; 256] {
    let mut table = [false; 256];
    let mut code = 0;
    while code < 256 {
        let (mut filled, mut changes, mut k) = (0, 0, 0);
        while k < 8 {
            let on = (code >> k) & 1 == 1;
            if on {
                filled += 1;
            } else if (code >> ((k + 1) % 8)) & 1 == 1 {
                changes += 1;
            }
            k += 1;
        }
        let (top, right) = (code & 1 == 1, (code >> 2) & 1 == 1);
        let (bottom, left) = ((code >> 4) & 1 == 1, (code >> 6) & 1 == 1);
        let sides =
            if second { !(top && left && (right || bottom)) } else { !(right && bottom && (top || left)) };
        table[code] = matches!(filled, 2..=6) && changes == 1 && sides;
        code += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(rows: &[&str]) -> Mask {
        let data = rows.iter().flat_map(|row| row.bytes().map(|b| b == b'#')).collect();
        Mask { width: rows[0].len(), height: rows.len(), data }
    }

    #[test]
    fn a_bar_thins_to_a_line_and_a_ring_stays_a_ring() {
        let bar = mask(&["........", ".######.", ".######.", ".######.", "........"]);
        let line = bar.skeleton();
        assert!((3..=6).contains(&line.count()));
        assert!((0..8).all(|x| (0..5).filter(|y| line.data[y * 8 + x]).count() <= 1));
        let ring = mask(&[".....", ".###.", ".#.#.", ".###.", "....."]);
        let thin = ring.skeleton();
        assert_eq!(thin.parts().1.len(), 1);
        assert!(!thin.data[12], "the hole stays");
        assert!(thin.count() >= 4);
    }

    #[test]
    fn parts_touch_at_corners() {
        let (label, sizes) = mask(&["##..#", "..#..", "#...#"]).parts();
        assert_eq!(sizes, [3, 1, 1, 1]);
        assert_eq!(label[0], label[7]);
        assert_eq!(label[2], u32::MAX);
        // Arms that meet further down are one, and numbers follow the first pixels.
        let fork = mask(&["#.#.#.#", "#.#.#.#", "#.###.#", ".......", "######."]);
        let (label, sizes) = fork.parts();
        assert_eq!((sizes, label[0], label[4], label[6]), (vec![3, 7, 3, 6], 0, 1, 2));
        assert_eq!(mask(&["..#", "#.."]).parts().1.len(), 2, "the end of a row does not touch the next one");
        assert_eq!(fork.places(), (0..35).filter(|&i| fork.data[i]).collect::<Vec<_>>());
    }
}
