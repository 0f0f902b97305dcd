//! Cells that are written together: a pasted column, a series, the word for controls.

use crate::app::forms::attach::AttachForm;
use crate::app::forms::fill::FillForm;
use crate::app::screen::command::ScreenCommand;
use crate::app::screen::{Screen, rows_text};
use crate::app::studio::Studio;

/// Column of a form that is opened before a cell was clicked.
const DOSE: &str = "concentration_uM";

impl Studio {
    /// Writes into the selected rows what kind of control they are; empty: none.
    pub(in crate::app) fn mark_control(&mut self, word: &str) {
        self.on_selected(|rows| ScreenCommand::Set(rows, "control".to_owned(), word.to_owned()));
    }

    /// Opens the form that fills cells of the selected rows, about the column that was clicked last.
    pub(in crate::app) fn ask_what_to_fill(&mut self) {
        let Some(screen) = &self.state.screen else { return };
        let clicked = screen.column.clone().filter(|column| screen.is_editable(column));
        let column = clicked.unwrap_or_else(|| DOSE.to_owned());
        let first = screen.selected_in_order().first().map(|&row| screen.text(row, &column));
        self.state.dialogs.fill = Some(FillForm::new(column, first.unwrap_or_default()));
    }

    /// Writes a text into each of several cells, as one step; false where one of them was refused, and nothing is written.
    pub(in crate::app) fn set_each(&mut self, column: &str, cells: &[(u32, String)]) -> bool {
        let revision = self.state.screen.as_ref().map(Screen::revision);
        let label = format!("{column} of {}", rows_text(cells.len()));
        self.edit_table(&label, |table| {
            let cells: Vec<(usize, &str)> =
                cells.iter().map(|(row, text)| (*row as usize, text.as_str())).collect();
            table.set_each(column, &cells)
        });
        self.state.screen.as_ref().map(Screen::revision) != revision
    }

    /// Takes a pasted text: lines go into the clicked column downwards. One line is a structure for the selected rows where that
    /// column is the one of structures, or none was clicked.
    pub(in crate::app) fn paste(&mut self, text: &str) {
        let Some(screen) = &self.state.screen else { return };
        let lines: Vec<&str> = text.lines().collect();
        let column = screen.column.clone().filter(|column| screen.is_editable(column));
        match column {
            Some(column) if lines.len() > 1 || column != "smiles" => self.paste_cells(&column, &lines),
            _ => self.state.dialogs.attach = Some(AttachForm::of(text)),
        }
    }

    /// Writes lines into the selected rows of a column, one each; with one row selected, from it downwards. One line goes into
    /// all selected rows.
    fn paste_cells(&mut self, column: &str, lines: &[&str]) {
        let Some(screen) = &self.state.screen else { return };
        let selected = screen.selected_in_order();
        let rows: Vec<u32> = match (selected.as_slice(), lines) {
            ([first], [_, _, ..]) => screen.rows().iter().copied().skip_while(|row| row != first).collect(),
            _ => selected.clone(),
        };
        let line_of = |at: usize| if lines.len() == 1 { lines.first() } else { lines.get(at) };
        let cells: Vec<(u32, String)> = rows
            .iter()
            .enumerate()
            .filter_map(|(at, &row)| Some((row, first_cell(line_of(at)?).to_owned())))
            .collect();
        let (filled, pasted) = (cells.len(), lines.len());
        if filled == 0 || !self.set_each(column, &cells) {
            return;
        }
        if selected.len() > 1 && pasted > 1 && pasted != selected.len() {
            let chosen = rows_text(selected.len());
            log::warn!(
                "{pasted} lines were pasted into {column}, {chosen} are selected: the first {filled} were filled."
            );
        } else if pasted > filled && pasted > 1 {
            log::warn!("{pasted} lines were pasted into {column}: the table ends after {filled} of them.");
        } else {
            log::info!("{column} was pasted into {}. Undo takes it back.", rows_text(filled));
        }
        if lines.iter().any(|line| line.contains('\t')) {
            log::warn!("What was pasted has several columns: only the first was taken.");
        }
    }
}

/// The first cell of a line of a spreadsheet.
fn first_cell(line: &str) -> &str {
    line.split('\t').next().unwrap_or_default().trim()
}
