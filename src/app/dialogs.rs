//! Native file dialogs on a thread of their own; where none answers, the window asks for a path instead.

use std::path::PathBuf;

use super::forms::choice::Choice;
use super::jobs::{Event, Jobs};
use super::log_store;

/// Opens a dialog; what the user chose comes back as [`Event::Chosen`].
pub fn choose(jobs: &mut Jobs, choice: Choice, folder: Option<PathBuf>) {
    let name = match choice {
        Choice::Open | Choice::Folder => "Waiting for the file dialog",
        Choice::Lut { .. } => "Waiting for a look-up table",
        Choice::Experiment | Choice::ExperimentFolder => "Waiting for an experiment",
        Choice::SaveProject | Choice::SaveProjectAndQuit => "Waiting for a name",
        Choice::Join => "Waiting for a table",
        Choice::Embedding => "Waiting for a file of vectors",
        Choice::MovedData
        | Choice::StartModel
        | Choice::ModelsFolder
        | Choice::AnswerModel
        | Choice::Gallery
        | Choice::GalleryFolder
        | Choice::Results
        | Choice::HitsFolder => "Waiting for a folder",
        Choice::SaveConfig | Choice::LoadConfig => "Waiting for a configuration",
    };
    jobs.spawn(name, true, move |_, reply| {
        let before = log_store::latest();
        let mut dialog = rfd::FileDialog::new();
        if let Some(folder) = folder.filter(|f| f.is_dir()) {
            dialog = dialog.set_directory(folder);
        }
        let files = match choice {
            Choice::Open => dialog
                .set_title("Open recordings")
                .add_filter("Recordings", &["tif", "tiff", "btf", "gif", "png", "jpg", "jpeg"])
                .add_filter("All files", &["*"])
                .pick_files(),
            Choice::Folder => dialog.set_title("Open a folder of frames").pick_folders(),
            // Several tables of profiles are one experiment.
            Choice::Experiment => {
                tables(dialog).set_title("Open an experiment, or several tables of profiles").pick_files()
            }
            Choice::Join => tables(dialog).set_title("Join a table").pick_file().map(|f| vec![f]),
            Choice::ExperimentFolder => {
                dialog.set_title("Open a project or a dataset").pick_folder().map(|f| vec![f])
            }
            Choice::MovedData => {
                dialog.set_title("Where are the recordings now?").pick_folder().map(|f| vec![f])
            }
            Choice::StartModel => dialog.set_title("Start from a model").pick_folder().map(|f| vec![f]),
            Choice::AnswerModel => dialog.set_title("Answer with a model").pick_folder().map(|f| vec![f]),
            Choice::Embedding => dialog
                .set_title("Add an embedding")
                .add_filter("Vectors by row_id", &["parquet", "npy", "safetensors", "h5ad"])
                .add_filter("All files", &["*"])
                .pick_file()
                .map(|f| vec![f]),
            Choice::Gallery => dialog
                .set_title("Compare with an experiment: a table")
                .add_filter("Tables", &["csv", "tsv", "gz", "xlsx", "parquet", "h5ad"])
                .add_filter("All files", &["*"])
                .pick_file()
                .map(|f| vec![f]),
            Choice::GalleryFolder => {
                dialog.set_title("Compare with a project or a dataset").pick_folder().map(|f| vec![f])
            }
            Choice::Results | Choice::HitsFolder => {
                dialog.set_title("Write results into").pick_folder().map(|f| vec![f])
            }
            Choice::ModelsFolder => dialog.set_title("Keep models in").pick_folder().map(|f| vec![f]),
            Choice::SaveConfig => dialog
                .set_title("Save the configuration of the training")
                .set_file_name("training.json")
                .save_file()
                .map(|f| vec![f]),
            Choice::LoadConfig => dialog
                .set_title("Load a configuration of a training")
                .add_filter("Configurations", &["json"])
                .pick_file()
                .map(|f| vec![f]),
            Choice::SaveProject | Choice::SaveProjectAndQuit => dialog
                .set_title("Save the experiment as a project")
                .set_file_name("experiment.molclip")
                .save_file()
                .map(|f| vec![f]),
            Choice::Lut { .. } => dialog
                .set_title("Load a look-up table")
                .add_filter("Look-up tables", &["lut", "txt", "csv"])
                .pick_file()
                .map(|f| vec![f]),
        };
        match files {
            Some(files) => reply.send(Event::Chosen(choice, files)),
            // A cancelled dialog and one that never opened look the same, but the latter leaves a message.
            None if log_store::lines_after(before).iter().any(|l| l.target.starts_with("rfd")) => {
                reply.send(Event::NoDialog(choice));
            }
            None => {}
        }
        Ok(())
    });
}

/// Shows the files that tables come as.
fn tables(dialog: rfd::FileDialog) -> rfd::FileDialog {
    let endings = ["csv", "tsv", "txt", "gz", "xlsx", "parquet", "sdf", "sd", "mol", "smi"];
    dialog.add_filter("Tables and structures", &endings).add_filter("All files", &["*"])
}
