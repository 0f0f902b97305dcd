//! Weights with PyTorch's names.

use std::path::{Path, PathBuf};

use burn::module::Module;
use burn_store::PyTorchToBurnAdapter;

use super::tensors::{self, Expected, Stored};
use super::{LoadReport, MAX_WEIGHTS, WeightsError, read_at_most};

/// What wrappers and other programs put in front of the names.
const PREFIXES: [&str; 6] = ["module.", "base.", "backbone.", "encoder.", "model.", "_orig_mod."];

/// Counters of batch norms, which only their momentum-free form needs.
const COUNTER: &str = "num_batches_tracked";

/// A `state_dict` of 3D-ResNets or MitoReID, as safetensors (see [the module](super) for how to make one).
#[derive(Debug)]
pub struct PytorchFile {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl PytorchFile {
    /// Reads a file of at most 2 GiB and checks its header.
    pub fn read(path: &Path) -> Result<Self, WeightsError> {
        let bytes = read_at_most(path, MAX_WEIGHTS)?;
        tensors::parse(&bytes).map_err(|e| WeightsError::damaged(path, e))?;
        Ok(Self { path: path.to_owned(), bytes })
    }

    /// Width and channels of the network, `[width, channels]`, by its first convolution.
    pub fn first_convolution(&self) -> Option<[usize; 2]> {
        let stored = tensors::parse(&self.bytes).ok()?;
        let (_, view) = stored.iter().find(|(name, _)| without_prefix(name) == "conv1.weight")?;
        match view.shape() {
            &[width, channels, _, _, _] => Some([width, channels]),
            _ => None,
        }
    }

    /// Loads the weights into a [`ResNet3d`](crate::model::video_encoder::resnet3d::ResNet3d).
    ///
    /// Strict: every tensor of the network must be there in its shape, else the error tells what did not fit and the
    /// network stays as it was. A head (`fc`) or batch-norm neck (`bottleneck`) is listed as unused. A network of one channel takes
    /// the sum over the channels of `conv1`, and the report says so.
    pub fn load_into<M: Module>(&self, network: &mut M) -> Result<LoadReport, WeightsError> {
        let damaged = |problem: String| WeightsError::damaged(&self.path, problem);
        let stored = tensors::parse(&self.bytes).map_err(damaged)?;
        let (counters, tensors): (Vec<_>, Vec<_>) =
            stored.into_iter().partition(|(name, _)| name.ends_with(COUNTER));
        let prefixed =
            tensors.iter().find(|(name, _)| without_prefix(name) != name).map(|(name, _)| name.clone());
        let sources = tensors
            .into_iter()
            .map(|(name, view)| {
                let key = here(&name);
                Stored::renamed(name, key, view)
            })
            .collect();
        let mut report = tensors::apply(network, &Expected::of(network), sources, Some(PyTorchToBurnAdapter))
            .map_err(damaged)?;
        if let Some(name) = prefixed {
            let prefix = &name[..name.len() - without_prefix(&name).len()];
            report.notes.push(format!("names were read without {prefix} in front"));
        }
        if !counters.is_empty() {
            report.notes.push(format!("{} counters ({COUNTER}) are not needed", counters.len()));
        }
        if report.fits() {
            Ok(report)
        } else {
            Err(WeightsError::DoesNotFit { path: self.path.clone(), report: Box::new(report) })
        }
    }
}

fn without_prefix(name: &str) -> &str {
    let mut rest = name;
    while let Some(shorter) = PREFIXES.iter().find_map(|prefix| rest.strip_prefix(prefix)) {
        rest = shorter;
    }
    rest
}

/// The name here of a tensor there, but for the fields of norms, which the adapter knows.
fn here(name: &str) -> String {
    without_prefix(name)
        .replace(".downsample.0.", ".downsample.conv.")
        .replace(".downsample.1.", ".downsample.bn.")
}
