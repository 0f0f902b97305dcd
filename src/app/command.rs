//! Everything that can be done, in one enum: menus, buttons, shortcuts, the palette and the help read it.

use std::path::PathBuf;

use eframe::egui::{Context, Key, KeyboardShortcut, Modifiers};

use super::answers::AnswerCommand;
use super::forms::Closing;
use super::forms::choice::Choice;
use super::forms::export::ExportForm;
use super::hits::HitsCommand;
use super::map::MapCommand;
use super::recipes::RecipesCommand;
use super::screen::command::ScreenCommand;
use super::settings::{ThemeChoice, Viewport};
use super::training::TrainingCommand;
use crate::gpu::ComputeChoice;
use crate::video::display::{Display, Projection};
use crate::video::edits::Edits;
use crate::video::timeline::{Align, Ending, Pacing, Speed};
use crate::video::{Address, Crop};

/// Text, tooltip and shortcut of a command that stands in menus.
#[derive(Debug, Clone, Copy)]
pub struct Description {
    /// Menu text; ends in … when more input is needed.
    pub text: &'static str,
    /// What it does, for the tooltip and the help.
    pub tooltip: &'static str,
    /// Keys, if any.
    pub shortcut: Option<KeyboardShortcut>,
    /// Heading in the help.
    pub group: &'static str,
}

// The table below reads best when a shortcut, like its absence, is an `Option`.
#[expect(clippy::unnecessary_wraps)]
const fn key(key: Key) -> Option<KeyboardShortcut> {
    Some(KeyboardShortcut::new(Modifiers::NONE, key))
}

#[expect(clippy::unnecessary_wraps)]
const fn ctrl(key: Key) -> Option<KeyboardShortcut> {
    Some(KeyboardShortcut::new(Modifiers::COMMAND, key))
}

#[expect(clippy::unnecessary_wraps)]
const fn ctrl_shift(key: Key) -> Option<KeyboardShortcut> {
    Some(KeyboardShortcut::new(Modifiers::COMMAND.plus(Modifiers::SHIFT), key))
}

#[expect(clippy::unnecessary_wraps)]
const fn shift(key: Key) -> Option<KeyboardShortcut> {
    Some(KeyboardShortcut::new(Modifiers::SHIFT, key))
}

/// Keys as they stand on a keyboard: `Ctrl+]`, not `Ctrl+CloseBracket`.
pub fn shortcut_text(ctx: &Context, shortcut: &KeyboardShortcut) -> String {
    let name = shortcut.logical_key.name();
    let symbol = match shortcut.logical_key {
        Key::OpenBracket => "[",
        Key::CloseBracket => "]",
        Key::Questionmark => "?",
        Key::Plus => "+",
        Key::Minus => "−",
        _ => name,
    };
    ctx.format_shortcut(shortcut).replace(name, symbol)
}

// Headings in the help.
const FILE: &str = "File";
const EDIT: &str = "Edit";
const ROWS: &str = "Rows";
const MODEL: &str = "Model";
const PLAY: &str = "Playing";
const VIEW: &str = "View";
const HELP: &str = "Help";

/// Makes [`Command`], the list of those that are described, and their descriptions from one list, so that none can be
/// forgotten in another.
macro_rules! commands {
    (
        described {
            $($name:ident: $group:expr, $text:literal, $tooltip:literal, $shortcut:expr;)*
        }
        sent by panels {
            $($(#[$about:meta])* $other:ident $(($($value:ty),+))?;)*
        }
    ) => {
        /// Something to do. The first group stands in menus and in the palette; the second comes from panels, most of it
        /// with values.
        #[derive(Debug, Clone, PartialEq)]
        #[allow(missing_docs)] // text and tooltip say it
        pub enum Command {
            $($name,)*
            $($(#[$about])* $other $(($($value),+))?,)*
        }

        impl Command {
            /// Commands that are described.
            const DESCRIBED: usize = [$($text),*].len();

            /// The commands of menus, palette and help, in their order there.
            pub const ALL: [Self; Self::DESCRIBED] = [$(Self::$name),*];

            /// Text, tooltip and shortcut; `None` for commands that only panels send.
            pub const fn describe(&self) -> Option<Description> {
                let (group, text, tooltip, shortcut) = match self {
                    $(Self::$name => ($group, $text, $tooltip, $shortcut),)*
                    _ => return None,
                };
                Some(Description { text, tooltip, shortcut, group })
            }
        }
    };
}

commands! {
    described {
        Open: FILE, "Open…", "Open TIFF, GIF, PNG or JPEG files", ctrl(Key::O);
        OpenFolder: FILE, "Open folder…",
            "Open a folder of numbered frames as one recording", ctrl_shift(Key::O);
        OpenPath: FILE, "Open path…", "Type or paste the path of a file or folder", ctrl(Key::L);
        ReopenSession: FILE, "Reopen last session",
            "Open what was open when the program last ended", ctrl_shift(Key::R);
        OpenExperiment: FILE, "Open experiment…",
            "Open a table of videos (CSV, TSV, XLSX, Parquet): one row per video", ctrl(Key::I);
        OpenExperimentFolder: FILE, "Open experiment folder…",
            "Open a saved project (NAME.molclip) or a folder in the layout of the Mito dataset", ctrl_shift(Key::I);
        SimulateScreen: FILE, "Simulate a screen…",
            "Make videos of simulated cells under drugs whose effects are known", None;
        SaveExperiment: FILE, "Save experiment",
            "Keep the experiment as a project; from then on it saves itself", ctrl(Key::S);
        SaveExperimentAs: FILE, "Save experiment as…",
            "Keep the experiment as another project", ctrl_shift(Key::S);
        JoinTable: FILE, "Join table…",
            "Add a plate map, structures (SDF, SMILES, CSV) or annotations by a key that you can see and change",
            ctrl(Key::J);
        FindMovedData: FILE, "Find moved data…",
            "Point to where recordings lie now that were moved since", None;
        ShowReport: FILE, "Import report",
            "What was found, what did not match, and what could not be read", None;
        CloseExperiment: FILE, "Close experiment", "Close the table; a project is saved first", None;
        Close: FILE, "Close recording", "Close the active recording (Undo brings it back)", ctrl(Key::W);
        CloseAll: FILE, "Close all", "Close all recordings", ctrl_shift(Key::W);
        ExportFrame: FILE, "Export frame…",
            "Save the current frame as PNG, with or without overlays", ctrl(Key::E);
        ExportMovie: FILE, "Export movie…",
            "Save the movie or a part of it as OME-TIFF (raw values) or GIF (as shown)", ctrl_shift(Key::E);
        Quit: FILE, "Quit", "Save settings and end", ctrl(Key::Q);
        Undo: EDIT, "Undo", "Take back the last change of metadata, contrast, or closing", ctrl(Key::Z);
        Redo: EDIT, "Redo", "Do again what was undone", ctrl_shift(Key::Z);
        SelectAllRows: ROWS, "Select all rows", "Select every row that is shown", ctrl(Key::A);
        CopyRows: ROWS, "Copy rows",
            "Copy the selected rows as a table for a spreadsheet", ctrl_shift(Key::C);
        PlaySelected: ROWS, "Play selected rows",
            "Show the selected rows' recordings side by side", key(Key::Enter);
        NextRow: ROWS, "Next row", "Go to the next row of the table and show it", key(Key::PageDown);
        PreviousRow: ROWS, "Previous row",
            "Go to the previous row of the table and show it", key(Key::PageUp);
        ExcludeRows: ROWS, "Exclude rows…",
            "Leave the selected rows out of everything, with a reason", key(Key::X);
        IncludeRows: ROWS, "Include rows", "Take the selected rows in again", shift(Key::X);
        TagRows: ROWS, "Tag rows…", "Add a word to the selected rows, or remove it", key(Key::G);
        MarkNegativeControl: ROWS, "Mark as negative control",
            "The selected rows are untreated (DMSO): everything else is compared with them", None;
        MarkPositiveControl: ROWS, "Mark as positive control",
            "The selected rows have a treatment whose effect is known", None;
        NotAControl: ROWS, "Not a control", "The selected rows are treatments, not controls", None;
        FillCells: ROWS, "Fill cells…",
            "Put one value, a dose series or numbers into a column of the selected rows, in the order of the table", None;
        AddEmbedding: ROWS, "Add embedding…",
            "Vectors of another program, by row_id (Parquet, NumPy, safetensors, AnnData): map and answers use them", None;
        AttachStructure: ROWS, "Attach structure…",
            "Put a compound onto the selected rows: type a name, paste a SMILES", key(Key::M);
        BlindMode: ROWS, "Blind mode",
            "Hide treatments, wells and paths, and list videos in random order", ctrl(Key::B);
        TrainModel: MODEL, "Train a model…",
            "Teach a model to recognise mechanisms of action from the videos of this experiment", None;
        ShowMap: MODEL, "Map of embeddings",
            "Show videos or compounds as points: what the model finds alike lies together", None;
        StartTraining: MODEL, "Start training", "Start the training that the form describes", None;
        EncodeVideos: MODEL, "Encode videos",
            "Let the model look at every video, so that any of them can be asked about", None;
        ShowAnswers: MODEL, "What does this drug do?",
            "Show what the model says of the selected video", key(Key::W);
        ShowRecipes: MODEL, "Recipes",
            "Correct vectors step by step, and see recipes side by side: is the batch or the cell line still told, are \
             compounds still found", None;
        ShowHits: MODEL, "Hits and doses",
            "Read the screen: controls, hits with structures, dose-response curves, plate quality, and how many wells the next \
             experiment needs", None;
        ExportPredictions: MODEL, "Export predictions…",
            "Write prediction tables, figures and embeddings", None;
        PlayPause: PLAY, "Play or pause", "Start or stop the movie", key(Key::Space);
        StepBack: PLAY, "Step back", "One frame back; held, it repeats", key(Key::ArrowLeft);
        StepForward: PLAY, "Step forward", "One frame on; held, it repeats", key(Key::ArrowRight);
        First: PLAY, "First frame", "Go to the beginning", key(Key::Home);
        Last: PLAY, "Last frame", "Go to the end", key(Key::End);
        Faster: PLAY, "Faster", "Play 1.5 times faster", key(Key::CloseBracket);
        Slower: PLAY, "Slower", "Play 1.5 times slower", key(Key::OpenBracket);
        MarkTreatment: PLAY, "Mark treatment here",
            "The drug was added at this frame of the active recording: time is then counted from it", key(Key::T);
        ClearTreatment: PLAY, "Clear treatment",
            "Remove the treatment mark of the active recording", shift(Key::T);
        NextZ: PLAY, "Next z plane", "One focal plane up", key(Key::ArrowUp);
        PreviousZ: PLAY, "Previous z plane", "One focal plane down", key(Key::ArrowDown);
        CycleProjection: PLAY, "Slice, maximum, mean",
            "Switch between one focal plane and projections along z", key(Key::P);
        Fit: VIEW, "Fit", "Show the whole frame", key(Key::F);
        OneToOne: VIEW, "1:1", "One image pixel per screen pixel", shift(Key::F);
        ZoomIn: VIEW, "Zoom in", "Enlarge the image (or turn the wheel over it)", key(Key::Plus);
        ZoomOut: VIEW, "Zoom out", "Shrink the image (or turn the wheel over it)", key(Key::Minus);
        ClearRoi: VIEW, "Clear rectangle",
            "Remove the rectangle of the active recording (Shift and drag draws one)", key(Key::Escape);
        AutoContrast: VIEW, "Auto contrast",
            "Set limits to the 0.1 and 99.95 percentiles of the whole movie", key(Key::A);
        ResetContrast: VIEW, "Full range contrast",
            "Set limits to the smallest and largest value of the whole movie", shift(Key::A);
        LoadLut: VIEW, "Load look-up table…", "Use an ImageJ .lut file for the first visible channel", None;
        NextRecording: VIEW, "Next recording", "Make the next recording the active one", ctrl(Key::Tab);
        LinkViews: VIEW, "Link zoom and position", "All recordings zoom and pan together", key(Key::K);
        LinkContrast: VIEW, "Link contrast",
            "All recordings share the active one's contrast, so that brightness can be compared", key(Key::C);
        ToggleScaleBar: VIEW, "Scale bar", "Show or hide the scale bar", key(Key::B);
        ToggleTimeStamp: VIEW, "Time stamp", "Show or hide the time stamp", key(Key::S);
        ToggleName: VIEW, "Name", "Show or hide the recording's name", key(Key::N);
        ToggleTheme: VIEW, "Dark or light", "Switch between the dark and the light theme", ctrl_shift(Key::D);
        ShowLog: VIEW, "Log", "Show the messages of this session", ctrl_shift(Key::L);
        ResetLayout: VIEW, "Reset layout", "Put all panels back to their places", None;
        Palette: HELP, "Command palette…", "Find any command by typing a part of its name", ctrl(Key::P);
        Help: HELP, "Keyboard shortcuts", "Show this list", key(Key::Questionmark);
        About: HELP, "About", "Version, device and licences", None;
    }
    sent by panels {
        OpenAddresses(Vec<Address>);
        /// A path was typed: open what is there, or say in the box why not.
        OpenTyped(String);
        Activate(usize);
        CloseView(usize);
        ShowSeries(usize, usize);
        Seek(usize);
        SetSpeed(Speed);
        SetEnding(Ending);
        SetPacing(Pacing);
        SetAlign(Align);
        SetZ(usize);
        SetProjection(Projection);
        SetDisplay(usize, Display);
        SetViewport(usize, Viewport);
        SetRoi(usize, Option<Crop>);
        ToggleChannel(usize);
        SetEdits(usize, Edits);
        SetTheme(ThemeChoice);
        /// Size of text and buttons, on top of the desktop's; 1 is the usual one.
        SetScale(f32);
        SetCompute(ComputeChoice);
        SetCacheShare(f64);
        CancelJob(u64);
        Export(Box<ExportForm>);
        /// Name the file of the export form after its recording and its kind.
        NameExport;
        /// Look whether something is at the path of the export form.
        SeeExport;
        Screen(ScreenCommand);
        Training(TrainingCommand);
        Map(MapCommand);
        Recipes(RecipesCommand);
        Hits(HitsCommand);
        Answers(AnswerCommand);
        /// Ask for a file or folder.
        Choose(Choice);
        /// Read another sheet of the workbook in the open form.
        ChooseSheet(String);
        /// Import the table of the open form.
        ConfirmImport;
        /// A text was pasted: a column of cells, or a structure for the selected rows.
        Paste(String);
        /// Simulate the screen of the open form.
        ConfirmSimulate;
        /// Join the table of the open form.
        ConfirmJoin;
        /// Throw away the experiment, which has no name yet.
        DiscardExperiment(Closing);
        /// Save the experiment under a name, then end the program.
        SaveAndQuit;
        /// End the program, and offer the experiment without a name again at the next start.
        KeepForLater;
        /// Bring back an experiment that was never saved under a name.
        Recover(PathBuf);
        /// Throw such an experiment away.
        ThrowAway(PathBuf);
        /// A path was typed where the desktop has no file dialog.
        ExperimentPath(Choice, PathBuf);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_command_is_described_and_no_two_share_keys() {
        let mut seen: Vec<(KeyboardShortcut, &str)> = Vec::new();
        for command in Command::ALL {
            let description = command.describe().expect("listed commands are described");
            assert!(!description.tooltip.is_empty() && !description.tooltip.ends_with('.'));
            if let Some(shortcut) = description.shortcut {
                let clash = seen.iter().find(|(s, _)| *s == shortcut);
                assert!(clash.is_none(), "{} and {clash:?}", description.text);
                seen.push((shortcut, description.text));
            }
        }
    }
}
