//! What a file dialog, or the line to type a path into, is for.

/// What a file dialog was opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// Open files.
    #[default]
    Open,
    /// Open a folder of frames.
    Folder,
    /// Open a table.
    Experiment,
    /// Open a project or a dataset.
    ExperimentFolder,
    /// Name a project.
    SaveProject,
    /// Name a project; the program ends once it is saved.
    SaveProjectAndQuit,
    /// A table to join.
    Join,
    /// Where recordings lie now.
    MovedData,
    /// A model to start a training from.
    StartModel,
    /// A folder for models.
    ModelsFolder,
    /// A model that answers.
    AnswerModel,
    /// Vectors of another program.
    Embedding,
    /// A table whose videos answer.
    Gallery,
    /// A project or a dataset whose videos answer.
    GalleryFolder,
    /// A folder for results of answers.
    Results,
    /// A folder for hits and what is drawn of them.
    HitsFolder,
    /// Where a training's configuration is written.
    SaveConfig,
    /// A training's configuration.
    LoadConfig,
    /// A look-up table for a view's channel.
    Lut {
        /// Index of the view.
        view: usize,
        /// Channel.
        channel: usize,
    },
}

impl Choice {
    /// True for what is asked about the experiment, not about recordings.
    pub const fn is_about_experiments(self) -> bool {
        !matches!(self, Self::Open | Self::Folder | Self::Lut { .. })
    }

    /// Heading of the path box.
    pub const fn question(self) -> &'static str {
        match self {
            Self::Open | Self::Folder => "Open a file or a folder",
            Self::Lut { .. } => "Load a look-up table",
            Self::Experiment | Self::ExperimentFolder => "Open a table, a project or a dataset",
            Self::SaveProject | Self::SaveProjectAndQuit => "Save the experiment as a project (NAME.molclip)",
            Self::Join => "Join a table",
            Self::MovedData => "Where are the recordings now?",
            Self::StartModel => "Start from the model in this folder",
            Self::ModelsFolder => "Keep models in this folder",
            Self::AnswerModel => "Answer with the model in this folder",
            Self::Embedding => "Add vectors from a file (.parquet, .npy, .safetensors, .h5ad)",
            Self::Gallery | Self::GalleryFolder => "Compare with the videos of this experiment",
            Self::Results | Self::HitsFolder => "Write results into this folder",
            Self::SaveConfig => "Save the training's configuration (NAME.json)",
            Self::LoadConfig => "Load a training's configuration",
        }
    }
}
