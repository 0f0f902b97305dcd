//! Which encoder a command uses: a model, a family without weights, or vectors that are there already.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;

use super::experiment::compute;
use crate::experiment::Experiment;
use crate::export::embeddings;
use crate::gpu::ComputeChoice;
use crate::learn::encoder::Encoder;
use crate::learn::families;
use crate::learn::imported::{Imported, card_of};

/// Where vectors come from: one of both.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub struct EncoderArgs {
    /// Folder with model.safetensors and model.json
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,

    /// Vectors that are there already: a file of `embed` or of another program, or an embedding of the project by its name
    #[arg(long, value_name = "FILE|NAME")]
    pub embedding: Option<PathBuf>,
}

impl EncoderArgs {
    /// Opens it.
    pub fn open(&self, experiment: &Experiment, choice: ComputeChoice) -> anyhow::Result<Arc<dyn Encoder>> {
        match (&self.model, &self.embedding) {
            (_, Some(embedding)) => Ok(Arc::new(imported(embedding, experiment)?)),
            (Some(model), None) => open(model, choice),
            (None, None) => bail!("neither --model nor --embedding is given"),
        }
    }
}

/// Opens what `--model` names.
pub fn open(model: &Path, choice: ComputeChoice) -> anyhow::Result<Arc<dyn Encoder>> {
    let (compute, thread) = compute(choice)?;
    Ok(families::open(model, &compute, &thread)?)
}

/// A file of vectors, or those that an experiment keeps under this name. A file comes first.
fn imported(embedding: &Path, experiment: &Experiment) -> anyhow::Result<Imported> {
    let kept = embedding.to_str().and_then(|name| experiment.embeddings.get_key_value(name));
    let imported = match kept {
        Some((name, table)) if !embedding.exists() => Imported::new(name.clone(), Arc::clone(table)),
        _ => {
            let known: Vec<&str> = experiment.embeddings.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let table = embeddings::read(embedding).with_context(|| {
                format!("reading vectors (embeddings that the experiment keeps: {known})")
            })?;
            let name = embedding.file_name().map(|name| name.to_string_lossy().into_owned());
            Imported::new(name.unwrap_or_default(), Arc::new(table))
        }
    };
    Ok(match card_of(&imported.about().hash, &[]) {
        Some(card) => imported.of_model(&card),
        None => imported,
    })
}
