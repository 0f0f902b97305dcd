//! The one set of selected rows that table, plate, contact sheet, structures and player share.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a click does to the set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gesture {
    /// Only what was clicked.
    Replace,
    /// In or out (Ctrl).
    Toggle,
    /// Everything from the last click to here (Shift).
    Extend,
}

impl Gesture {
    /// As the modifier keys say.
    pub fn of(modifiers: eframe::egui::Modifiers) -> Self {
        if modifiers.shift {
            Self::Extend
        } else if modifiers.command {
            Self::Toggle
        } else {
            Self::Replace
        }
    }
}

/// Selected rows, as indices into the table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    rows: BTreeSet<u32>,
    /// Where a range starts.
    anchor: Option<u32>,
    version: u64,
}

/// Counts changes of selections.
static CHANGES: AtomicU64 = AtomicU64::new(1);

fn next_version() -> u64 {
    CHANGES.fetch_add(1, Ordering::Relaxed)
}

impl Selection {
    /// Takes a click on a row; `shown` is the order in which the clicked view lists rows.
    pub fn click(&mut self, row: u32, gesture: Gesture, shown: &[u32]) {
        self.version = next_version();
        let range = || {
            let anchor = self.anchor?;
            let from = shown.iter().position(|&r| r == anchor)?;
            let to = shown.iter().position(|&r| r == row)?;
            Some(from.min(to)..=from.max(to))
        };
        match (gesture, range()) {
            (Gesture::Extend, Some(range)) => {
                self.rows = shown[range].iter().copied().collect();
                return;
            }
            (Gesture::Toggle, _) => {
                if !self.rows.remove(&row) {
                    self.rows.insert(row);
                }
            }
            _ => self.rows = BTreeSet::from([row]),
        }
        self.anchor = Some(row);
    }

    /// Takes several rows at once (a well, a box, a compound).
    pub fn take(&mut self, rows: &[u32], gesture: Gesture) {
        self.version = next_version();
        match gesture {
            Gesture::Replace => self.rows = rows.iter().copied().collect(),
            Gesture::Toggle if rows.iter().all(|r| self.rows.contains(r)) => {
                self.rows.retain(|r| !rows.contains(r));
            }
            Gesture::Extend | Gesture::Toggle => self.rows.extend(rows),
        }
        self.anchor = rows.first().copied();
    }

    /// Another number after each change; 0 for the empty selection of the start.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// True for a selected row.
    pub fn contains(&self, row: u32) -> bool {
        self.rows.contains(&row)
    }

    /// Selected rows in the table's order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = u32> + '_ {
        self.rows.iter().copied()
    }

    /// The same, as the table's functions take them.
    pub fn indices(&self) -> Vec<usize> {
        self.rows.iter().map(|&r| r as usize).collect()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True when nothing is selected.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The row that was clicked last, if it is still selected; else the first one.
    pub fn current(&self) -> Option<u32> {
        self.anchor.filter(|a| self.rows.contains(a)).or_else(|| self.rows.first().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(selection: &Selection) -> Vec<u32> {
        selection.rows().collect()
    }

    #[test]
    fn clicks_select_as_in_a_file_manager() {
        // A sorted table: the order on screen is not the order of rows.
        let shown = [7, 3, 9, 1, 4];
        let mut s = Selection::default();
        s.click(3, Gesture::Replace, &shown);
        s.click(1, Gesture::Extend, &shown);
        assert_eq!(picked(&s), [1, 3, 9]);
        s.click(7, Gesture::Extend, &shown);
        assert_eq!(picked(&s), [3, 7], "a range starts where the last plain click was");
        s.click(4, Gesture::Toggle, &shown);
        assert_eq!((picked(&s), s.current()), (vec![3, 4, 7], Some(4)));
        s.click(4, Gesture::Toggle, &shown);
        assert_eq!((picked(&s), s.current()), (vec![3, 7], Some(3)));
        s.click(9, Gesture::Replace, &shown);
        assert_eq!(picked(&s), [9]);
    }

    #[test]
    fn an_anchor_that_is_filtered_away_starts_anew() {
        let mut s = Selection::default();
        s.click(5, Gesture::Replace, &[5, 6]);
        s.click(6, Gesture::Extend, &[6, 8]);
        assert_eq!(picked(&s), [6]);
    }

    #[test]
    fn groups_toggle_as_one() {
        let mut s = Selection::default();
        s.take(&[1, 2, 3], Gesture::Replace);
        s.take(&[2, 3], Gesture::Toggle);
        assert_eq!(picked(&s), [1]);
        s.take(&[1, 4], Gesture::Toggle);
        assert_eq!(picked(&s), [1, 4]);
    }
}
