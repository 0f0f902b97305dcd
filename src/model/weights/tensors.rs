//! The tensors of a safetensors file, and those that a module wants.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Bool, Int, Tensor, TensorData};
use burn_store::{ModuleAdapter, ModuleContext, ModuleSnapshot, PyTorchToBurnAdapter, bridge};
use half::{bf16, f16};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::Serialize;

use super::LoadReport;

/// A tensor of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TensorInfo {
    /// Path in the module, e.g. `layer1.0.conv1.weight`.
    pub name: String,
    /// Shape.
    pub shape: Vec<usize>,
    /// Type of the values, as safetensors name it.
    pub dtype: String,
}

/// Reads the header: every tensor by its name, in natural order. The error is a clause without a full stop.
///
/// The crate checks that offsets lie within the file, follow each other and agree with shapes and types.
pub fn parse(bytes: &[u8]) -> Result<Vec<(String, TensorView<'_>)>, String> {
    let file =
        SafeTensors::deserialize(bytes).map_err(|e| format!("it is no sound safetensors file ({e})"))?;
    let mut tensors = file.tensors();
    tensors.sort_by(|(a, _), (b, _)| natord::compare(a, b));
    Ok(tensors)
}

/// What is in a file.
pub fn infos(bytes: &[u8]) -> Result<Vec<TensorInfo>, String> {
    let info = |(name, view): (String, TensorView)| TensorInfo {
        name,
        shape: view.shape().to_vec(),
        dtype: view.dtype().to_string(),
    };
    Ok(parse(bytes)?.into_iter().map(info).collect())
}

/// Checks that every value is a finite number.
pub fn check_values(bytes: &[u8]) -> Result<(), String> {
    parse(bytes)?.iter().try_for_each(|(name, view)| values(name, view).map(drop))
}

/// The values of a tensor as f32.
fn values(name: &str, view: &TensorView) -> Result<Vec<f32>, String> {
    let data = view.data();
    let values: Vec<f32> = match view.dtype() {
        Dtype::F32 => numbers(data, f32::from_le_bytes),
        Dtype::F64 => numbers(data, |bytes| f64::from_le_bytes(bytes) as f32),
        Dtype::F16 => numbers(data, |bytes| f16::from_le_bytes(bytes).to_f32()),
        Dtype::BF16 => numbers(data, |bytes| bf16::from_le_bytes(bytes).to_f32()),
        other => return Err(format!("{name} holds {other}, not f32, f64, f16 or bf16")),
    };
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(format!("value {index} of {name} is {}, no finite f32", values[index])),
        None => Ok(values),
    }
}

fn numbers<const N: usize>(data: &[u8], number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    data.as_chunks().0.iter().map(|&bytes| number(bytes)).collect()
}

/// A tensor of a file on its way into a module.
pub struct Stored<'a> {
    /// Name in the file.
    pub name: String,
    /// Name to look for in the module.
    pub key: String,
    view: TensorView<'a>,
}

impl<'a> Stored<'a> {
    /// One under its own name.
    pub fn new(name: String, view: TensorView<'a>) -> Self {
        Self { key: name.clone(), name, view }
    }

    /// One under another.
    pub fn renamed(name: String, key: String, view: TensorView<'a>) -> Self {
        Self { name, key, view }
    }
}

/// A tensor that a module wants.
struct Wanted {
    path: String,
    /// The struct that it is a field of, as Burn's visitors name it, e.g. `Struct:BatchNorm`.
    container: String,
    shape: Vec<usize>,
}

/// The tensors of a module, without making those that are not made yet.
#[derive(Default)]
pub struct Expected {
    tensors: Vec<Wanted>,
    /// Paths of tensors of other kinds than floating-point; none of our modules has any.
    other: Vec<String>,
    path: Vec<String>,
    containers: Vec<String>,
}

impl Expected {
    pub fn of<M: Module>(module: &M) -> Self {
        let mut expected = Self::default();
        module.visit(&mut expected);
        expected
    }

    /// The largest file that can hold them: f64 values, and a header of long names.
    pub fn most_bytes(&self) -> u64 {
        let values = self.tensors.iter().map(|wanted| 8 * wanted.shape.iter().product::<usize>() as u64);
        let names = self.tensors.iter().map(|wanted| 1024 + wanted.path.len() as u64);
        values.chain(names).sum::<u64>() + (1 << 16)
    }
}

impl ModuleVisitor for Expected {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.push(name.to_owned());
        self.containers.push(container.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
        self.containers.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let shape = param.lazy_shape().iter().copied().collect();
        let container = ModuleContext::new(&self.containers).module_type().unwrap_or_default().to_owned();
        self.tensors.push(Wanted { path: self.path.join("."), container, shape });
    }

    fn visit_int<const D: usize>(&mut self, _param: &Param<Tensor<D, Int>>) {
        self.other.push(self.path.join("."));
    }

    fn visit_bool<const D: usize>(&mut self, _param: &Param<Tensor<D, Bool>>) {
        self.other.push(self.path.join("."));
    }
}

/// Loads tensors into a module if all that it wants are there; says what fits and what does not.
///
/// With an `adapter`, norms are found under PyTorch's names, and a first convolution of one channel takes the sum over
/// the channels of a wider one. The error is a clause about a value; the module is changed only if nothing is
/// missing or does not fit and, without an adapter, nothing is left over.
pub fn apply<M: Module>(
    module: &mut M,
    expected: &Expected,
    sources: Vec<Stored<'_>>,
    adapter: Option<PyTorchToBurnAdapter>,
) -> Result<LoadReport, String> {
    let mut report = LoadReport::default();
    let mut found: BTreeMap<String, Stored<'_>> = BTreeMap::new();
    for source in sources {
        let name = source.name.clone();
        if let Some(first) = found.insert(source.key.clone(), source) {
            report.errors.push(format!("{} and {name} are both {}", first.name, first.key));
        }
    }
    report.errors.extend(expected.other.iter().map(|path| format!("{path} is no floating-point tensor")));
    let mut ready = Vec::new();
    for wanted in &expected.tensors {
        let alternative = || {
            let (parent, field) = wanted.path.rsplit_once('.')?;
            let name = adapter.as_ref()?.get_alternative_param_name(field, &wanted.container)?;
            Some(format!("{parent}.{name}"))
        };
        let key = Some(wanted.path.clone()).filter(|key| found.contains_key(key)).or_else(alternative);
        let Some(source) = key.and_then(|key| found.remove(&key)) else {
            report.missing.push(wanted.path.clone());
            continue;
        };
        let shape = source.view.shape();
        let folds =
            adapter.is_some() && wanted.path == "conv1.weight" && differs_in_channels(shape, &wanted.shape);
        if shape == wanted.shape || folds {
            ready.push((wanted, source, folds));
        } else {
            report
                .errors
                .push(format!("{} is {shape:?} in the file, {:?} in the model", source.name, wanted.shape));
        }
    }
    report.unused = found.into_values().map(|source| source.name).collect();
    report.unused.sort_by(|a, b| natord::compare(a, b));
    // Under PyTorch's names a file may have more, a head for instance; under ours it is another model.
    if !report.fits() || (adapter.is_none() && !report.unused.is_empty()) {
        return Ok(report);
    }
    let mut tensors = Vec::with_capacity(ready.len());
    for (wanted, source, folds) in ready {
        let mut values = values(&source.name, &source.view)?;
        if folds {
            values = sum_of_channels(&values, source.view.shape());
            report.notes.push(format!(
                "{}: its {} channels were summed into one, which is right where the network saw grey videos as equal \
                 channels",
                source.name,
                source.view.shape()[1]
            ));
        }
        let data = TensorData::new(values, wanted.shape.clone());
        tensors.push(bridge::from_data(data, source.key, None));
    }
    let result = module.apply(tensors, None, adapter.map(|adapter| adapter.clone_box()), false);
    report.applied = result.applied;
    report.missing = result.missing.into_iter().map(|(path, _)| path).collect();
    report.errors = result.errors.iter().map(ToString::to_string).collect();
    Ok(report)
}

/// Weights `[out, in, time, height, width]` for one channel where the file has several.
fn differs_in_channels(shape: &[usize], wanted: &[usize]) -> bool {
    shape.len() == 5
        && wanted.len() == 5
        && wanted[1] == 1
        && shape[0] == wanted[0]
        && shape[2..] == wanted[2..]
}

/// `[out, in, …]` → `[out, 1, …]`.
fn sum_of_channels(values: &[f32], shape: &[usize]) -> Vec<f32> {
    let size: usize = shape[2..].iter().product();
    let mut sums = Vec::with_capacity(shape[0] * size);
    for kernels in values.chunks_exact(shape[1] * size) {
        sums.extend((0..size).map(|place| kernels.iter().skip(place).step_by(size).sum::<f32>()));
    }
    sums
}
