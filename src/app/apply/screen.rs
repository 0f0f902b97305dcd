//! The experiment changes here: rows, structures, selection, and what of it is played.

use eframe::egui::Context;

use crate::app::screen::command::{ScreenCommand, Structure};
use crate::app::screen::selection::{Gesture, Selection};
use crate::app::screen::{Look, Screen, rows_text};
use crate::app::state::{MAX_VIEWS, Undo};
use crate::app::studio::Studio;
use crate::chem::{Compound, CompoundLibrary};
use crate::experiment::{Table, TableError};
use crate::video::Address;

fn indices(rows: &[u32]) -> Vec<usize> {
    rows.iter().map(|&r| r as usize).collect()
}

impl Studio {
    /// Carries out what a panel asks of the experiment.
    pub(in crate::app) fn apply_to_screen(&mut self, command: ScreenCommand) {
        let Some(screen) = &mut self.state.screen else { return };
        match command {
            ScreenCommand::Click(row, gesture) => {
                screen.click(row, gesture);
                self.follow_selection();
            }
            ScreenCommand::Take(rows, gesture) => {
                screen.selection.take(&rows, gesture);
                self.follow_selection();
            }
            ScreenCommand::Look(look) => {
                let blind = look.blind != screen.look().blind;
                screen.set_look(*look);
                if blind {
                    self.blind_changed();
                }
            }
            ScreenCommand::Set(rows, column, text) => {
                self.edit_table(&format!("{column} of {}", rows_text(rows.len())), |table| {
                    table.set(&indices(&rows), &column, &text)
                });
            }
            ScreenCommand::SetEach(column, cells) => {
                self.set_each(&column, &cells);
            }
            ScreenCommand::Column(column) => screen.column = Some(column),
            ScreenCommand::FillDown(rows, column) => {
                let ordered: Vec<u32> = screen.rows().iter().copied().filter(|r| rows.contains(r)).collect();
                let Some(&first) = ordered.first() else { return };
                let text = screen.table().text(first as usize, &column);
                self.edit_table(&format!("fill {column} down"), |table| {
                    table.set(&indices(&ordered), &column, &text)
                });
            }
            ScreenCommand::Exclude(rows, reason) => {
                self.edit_table(&format!("exclusion of {}", rows_text(rows.len())), |table| {
                    table.exclude(&indices(&rows), &reason)
                });
            }
            ScreenCommand::Include(rows) => {
                self.edit_table(&format!("inclusion of {}", rows_text(rows.len())), |table| {
                    table.include(&indices(&rows))
                });
            }
            ScreenCommand::Tag(rows, tag) => self.tag(&rows, tag.trim()),
            ScreenCommand::Attach(rows, structure) => self.attach(&rows, &structure),
            ScreenCommand::AttachByName => self.attach_by_name(),
            ScreenCommand::Play(rows) => self.play(&rows),
        }
    }

    /// Changes the table; the step can be taken back.
    pub(in crate::app) fn edit_table(
        &mut self,
        label: &str,
        change: impl FnOnce(&Table) -> Result<Table, TableError>,
    ) {
        let Some(screen) = &mut self.state.screen else { return };
        match change(screen.table()) {
            Ok(table) => {
                let before = screen.set_table(table);
                self.push_undo(Undo::Table(before, label.to_owned()));
                self.experiment_changed();
            }
            Err(e) => log::error!("{e}"),
        }
    }

    fn tag(&mut self, rows: &[u32], tag: &str) {
        if tag.is_empty() {
            return;
        }
        self.edit_table(&format!("tag “{tag}”"), |table| {
            let has = |row: u32| table.list(row as usize, "tags").iter().any(|t| t == tag);
            let all_have = rows.iter().all(|&row| has(row));
            let cells: Vec<(usize, String)> = rows
                .iter()
                .map(|&row| {
                    let mut tags = table.list(row as usize, "tags");
                    tags.retain(|t| t != tag);
                    if !all_have {
                        tags.push(tag.to_owned());
                    }
                    (row as usize, tags.join(";"))
                })
                .collect();
            let cells: Vec<(usize, &str)> = cells.iter().map(|(row, text)| (*row, text.as_str())).collect();
            table.set_each("tags", &cells)
        });
    }

    fn attach(&mut self, rows: &[u32], structure: &Structure) {
        let name = structure.name.clone().unwrap_or_else(|| "structure".into());
        let count = rows_text(rows.len());
        self.edit_table(&format!("{name} on {count}"), |table| {
            let rows = indices(rows);
            let mut table = table.set(&rows, "smiles", &structure.smiles)?;
            if let Some(name) = &structure.name {
                table = table.set(&rows, "compound", name)?;
            }
            // A mechanism that the user has put in is worth more than the library's.
            if let Some(moa) = &structure.moa {
                let open: Vec<usize> =
                    rows.iter().copied().filter(|&r| table.text(r, "moa").is_empty()).collect();
                if !open.is_empty() {
                    table = table.set(&open, "moa", moa)?;
                }
            }
            Ok(table)
        });
    }

    fn attach_by_name(&mut self) {
        let Some(screen) = &self.state.screen else { return };
        let found: Vec<(Vec<usize>, &Compound)> = screen
            .compounds()
            .iter()
            .filter(|c| c.smiles.is_empty())
            .filter_map(|c| Some((indices(&c.rows), CompoundLibrary::built_in().find(&c.name)?)))
            .collect();
        let label = format!("structures of {} compounds", found.len());
        self.edit_table(&label, |table| {
            found.iter().try_fold(table.clone(), |table, (rows, compound)| {
                table.set(rows, "smiles", &compound.smiles)
            })
        });
    }

    fn follow_selection(&mut self) {
        let Some(screen) = &self.state.screen else { return };
        if screen.look().follow {
            let rows: Vec<u32> = screen.selection.rows().collect();
            self.play(&rows);
        }
    }

    /// Shows the recordings of rows in the player, in place of what it shows; at most nine.
    pub(in crate::app) fn play(&mut self, rows: &[u32]) {
        let Some(screen) = &mut self.state.screen else { return };
        if rows.is_empty() {
            return;
        }
        let current = screen.selection.current();
        // The row that was clicked last is among those shown, however many are selected.
        let mut ordered: Vec<u32> = rows.iter().copied().take(MAX_VIEWS).collect();
        if let Some(current) = current.filter(|c| rows.contains(c) && !ordered.contains(c))
            && let Some(last) = ordered.last_mut()
        {
            *last = current;
        }
        let wanted: Vec<(Address, u32)> =
            ordered.iter().filter_map(|&row| Some((screen.address(row)?, row))).collect();
        if wanted.is_empty() {
            // Rows of profiles have none: the player shows their features.
            if screen.featured().is_some() {
                screen.by_features = ordered;
                screen.playing.clear();
                self.show_only(Vec::new());
                return;
            }
            log::warn!("The selected rows name no recording: fill the column “path”.");
            return;
        }
        screen.by_features.clear();
        screen.playing = wanted.iter().cloned().collect();
        let addresses: Vec<Address> = wanted.into_iter().map(|(address, _)| address).collect();
        self.show_only(addresses);
    }

    /// Sends a command about the selected rows.
    pub(in crate::app) fn on_selected(&mut self, command: impl FnOnce(Vec<u32>) -> ScreenCommand) {
        if let Some(screen) = &self.state.screen {
            let rows = screen.selection.rows().collect();
            self.apply_to_screen(command(rows));
        }
    }

    /// Goes to a neighbour in the table's order.
    pub(in crate::app) fn step_row(&mut self, by: isize) {
        if let Some(screen) = &mut self.state.screen {
            screen.step(by);
            self.follow_selection();
        }
    }

    pub(in crate::app) fn select_all(&mut self) {
        if let Some(screen) = &mut self.state.screen {
            let rows = screen.rows().to_vec();
            screen.selection.take(&rows, Gesture::Replace);
            self.follow_selection();
        }
    }

    pub(in crate::app) fn copy_rows(&mut self, ctx: &Context) {
        if let Some(screen) = &self.state.screen {
            let rows: Vec<u32> =
                screen.rows().iter().copied().filter(|&r| screen.selection.contains(r)).collect();
            ctx.copy_text(as_tsv(screen, &rows));
            log::info!("{} copied: paste them into a spreadsheet.", rows_text(rows.len()));
        }
    }

    pub(in crate::app) fn toggle_blind(&mut self) {
        if let Some(screen) = &self.state.screen {
            let look = Look { blind: !screen.look().blind, ..screen.look().clone() };
            self.apply_to_screen(ScreenCommand::Look(Box::new(look)));
        }
    }

    /// Blind mode was switched: names on screen and what can be undone must not give treatments away.
    fn blind_changed(&mut self) {
        if let Some(screen) = &mut self.state.screen
            && screen.look().blind
        {
            screen.selection = Selection::default();
            log::info!("Blind: treatments, wells and paths are hidden. Ctrl+B shows them again.");
        }
    }
}

/// Rows as text for a spreadsheet: the columns that are shown, tab-separated, with a header.
pub fn as_tsv(screen: &Screen, rows: &[u32]) -> String {
    let clean = |text: String| text.replace(['\t', '\n', '\r'], " ");
    let columns = screen.columns();
    let mut text = columns.join("\t");
    for &row in rows {
        text.push('\n');
        let cells: Vec<String> = columns.iter().map(|c| clean(screen.text(row, c))).collect();
        text.push_str(&cells.join("\t"));
    }
    text
}
