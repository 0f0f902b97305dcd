//! Which encoder a command uses: a model, a family without weights, or vectors that are there already.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::Args;

use super::experiment::{WrongUsage, compute};
use crate::experiment::{EmbeddingTable, Experiment, PROFILE};
use crate::export::embeddings;
use crate::gpu::ComputeChoice;
use crate::learn::encoder::Encoder;
use crate::learn::families;
use crate::learn::imported::Imported;

/// Where vectors come from: one of both, or the experiment's own profiles.
#[derive(Args)]
#[group(multiple = false)]
pub struct EncoderArgs {
    /// Folder with model.safetensors and model.json
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,

    /// Vectors that are there already: a file of `embed`, `correct` or another program, or an embedding of the project by its
    /// name [default: the features of an experiment that is read from tables of profiles]
    #[arg(long, value_name = "FILE|NAME")]
    pub embedding: Option<PathBuf>,
}

impl EncoderArgs {
    /// Opens it.
    pub fn open(&self, experiment: &Experiment, choice: ComputeChoice) -> anyhow::Result<Arc<dyn Encoder>> {
        match (&self.model, &self.embedding) {
            (Some(model), None) => open(model, choice),
            (_, embedding) => Ok(Arc::new(imported(embedding.as_deref(), experiment)?)),
        }
    }
}

/// Opens what `--model` names.
pub fn open(model: &Path, choice: ComputeChoice) -> anyhow::Result<Arc<dyn Encoder>> {
    let (compute, thread) = compute(choice)?;
    Ok(families::open(model, &compute, &thread)?)
}

/// A file of vectors, or those that an experiment keeps under this name, with what they are called. A file comes first;
/// without a name, the experiment's own profiles.
pub fn vectors(
    embedding: Option<&Path>,
    experiment: &Experiment,
) -> anyhow::Result<(String, Arc<EmbeddingTable>)> {
    let Some(embedding) = embedding else {
        let own = experiment.embeddings.get(PROFILE).cloned().ok_or_else(|| {
            let text = "neither --model nor --embedding is given, and the experiment has no features of its own, as one that \
                        is read from tables of profiles has";
            WrongUsage(text.to_owned())
        })?;
        return Ok((PROFILE.to_owned(), own));
    };
    let kept = embedding.to_str().and_then(|name| experiment.embeddings.get_key_value(name));
    match kept {
        Some((name, table)) if !embedding.exists() => Ok((name.clone(), Arc::clone(table))),
        _ => {
            let known: Vec<&str> = experiment.embeddings.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let table = embeddings::read(embedding).with_context(|| {
                format!("reading vectors (embeddings that the experiment keeps: {known})")
            })?;
            let name = embedding.file_name().map(|name| name.to_string_lossy().into_owned());
            Ok((name.unwrap_or_default(), Arc::new(table)))
        }
    }
}

/// As an encoder.
fn imported(embedding: Option<&Path>, experiment: &Experiment) -> anyhow::Result<Imported> {
    let (name, table) = vectors(embedding, experiment)?;
    Ok(Imported::new(name, table).known(&[]))
}
