//! Two linear layers with a rectifier between them, a few rows at a time: what lies between stays in the cache.

use burn::backend::ops::FloatTensorOps;
use burn::tensor::{DType, Shape};
use burn_flex::{Flex, FlexTensor, Layout};
use rayon::prelude::*;

use super::super::kernel::{tensor, values};
use super::rows::add;

/// Most parts of a sum over rows that are made side by side. Fixed, so that sums do not depend on the number of threads.
const TASKS: usize = 16;

/// Values of a sum of gradients that one thread adds at a time.
const PIECE: usize = 8192;

/// `[inside, hidden]`, `[hidden]`, `[hidden, outside]`, `[outside]`: the weights, or their gradients.
#[derive(Debug, Clone)]
pub(super) struct Weights {
    pub expand: FlexTensor,
    pub expand_bias: FlexTensor,
    pub contract: FlexTensor,
    pub contract_bias: FlexTensor,
}

/// How rows are cut into blocks: a block's hidden values fit a core's cache.
#[derive(Debug, Clone, Copy)]
struct Blocks {
    rows: usize,
    size: usize,
    /// Blocks whose gradients one task sums.
    per_task: usize,
}

impl Blocks {
    fn new(rows: usize, hidden: usize) -> Self {
        let size = (49_152 / hidden).clamp(32, 512);
        Self { rows, size, per_task: rows.div_ceil(size).div_ceil(TASKS).max(1) }
    }

    /// Rows of a block.
    fn length(self, block: usize) -> usize {
        self.size.min(self.rows - block * self.size)
    }
}

impl Weights {
    fn sizes(&self) -> [usize; 3] {
        let (expand, contract) = (self.expand.layout().shape(), self.contract.layout().shape());
        [expand[0], expand[1], contract[1]]
    }

    /// `[rows, outside]` of rows that `fill(first row, to)` writes, and the rectified hidden values by blocks.
    /// The output begins as `base`, if there is one.
    pub fn forward(
        &self,
        rows: usize,
        fill: impl Fn(usize, &mut [f32]) + Sync,
        base: Option<&[f32]>,
        keep: bool,
    ) -> (Vec<f32>, Vec<FlexTensor>) {
        let [inside, hidden, outside] = self.sizes();
        let blocks = Blocks::new(rows, hidden);
        let (expand_bias, contract_bias) = (values(&self.expand_bias), values(&self.contract_bias));
        let mut output = vec![0.0; rows * outside];
        let tasks = output.par_chunks_mut(blocks.size * outside).enumerate();
        let kept = tasks.map(|(block, to)| {
            let first = block * blocks.size;
            let mut input = vec![0.0; blocks.length(block) * inside];
            fill(first, &mut input);
            let mut middle = product(matrix(input, inside), self.expand.clone());
            for row in middle.storage_mut::<f32>().chunks_exact_mut(hidden) {
                for (v, bias) in row.iter_mut().zip(expand_bias) {
                    let sum = *v + bias;
                    // Not `max`, which would hide what is not a number.
                    *v = if sum < 0.0 { 0.0 } else { sum };
                }
            }
            let result = product(middle.clone(), self.contract.clone());
            for (to, from) in to.chunks_exact_mut(outside).zip(values(&result).chunks_exact(outside)) {
                for ((to, from), bias) in to.iter_mut().zip(from).zip(contract_bias) {
                    *to = from + bias;
                }
            }
            if let Some(base) = base {
                add(to, &base[first * outside..]);
            }
            keep.then_some(middle)
        });
        let kept: Vec<Option<FlexTensor>> = kept.collect();
        (output, kept.into_iter().flatten().collect())
    }

    /// From the output's gradient `[rows, outside]` to the weights', and the input's `[rows, inside]` if it is wanted.
    /// `fill` and `middle` are those of [`Self::forward`].
    pub fn backward(
        &self,
        gradient: &FlexTensor,
        fill: impl Fn(usize, &mut [f32]) + Sync,
        middle: &[FlexTensor],
        wanted: bool,
    ) -> (Self, Vec<f32>) {
        let [inside, hidden, outside] = self.sizes();
        let rows = gradient.layout().num_elements() / outside;
        let blocks = Blocks::new(rows, hidden);
        // One task: the sums of its blocks' gradients.
        let task = |task: usize, mut to: Option<&mut [f32]>| {
            let mut sums: Option<[Vec<f32>; 4]> = None;
            let own = middle.iter().enumerate().skip(task * blocks.per_task).take(blocks.per_task);
            for (block, middle) in own {
                let (first, length) = (block * blocks.size, blocks.length(block));
                let outer = view(gradient, first, [length, outside]);
                let mut outer_bias = vec![0.0; outside];
                for row in values(&outer).chunks_exact(outside) {
                    add(&mut outer_bias, row);
                }
                let contract = product(transposed(middle), outer.clone());
                let mut inner = product(outer, transposed(&self.contract));
                let mut inner_bias = vec![0.0; hidden];
                let kept = values(middle).chunks_exact(hidden);
                for (row, kept) in inner.storage_mut::<f32>().chunks_exact_mut(hidden).zip(kept) {
                    for ((v, kept), sum) in row.iter_mut().zip(kept).zip(&mut inner_bias) {
                        *v = if *kept <= 0.0 { 0.0 } else { *v };
                        *sum += *v;
                    }
                }
                let mut input = vec![0.0; length * inside];
                fill(first, &mut input);
                let expand = product(transposed(&matrix(input, inside)), inner.clone());
                if let Some(to) = to.as_mut().and_then(|to| to.split_off_mut(..length * inside)) {
                    to.copy_from_slice(values(&product(inner, transposed(&self.expand))));
                }
                let found = [values(&expand), &inner_bias, values(&contract), &outer_bias];
                match &mut sums {
                    None => sums = Some(found.map(<[f32]>::to_vec)),
                    Some(sums) => sums.iter_mut().zip(found).for_each(|(to, from)| add(to, from)),
                }
            }
            sums
        };
        let mut input = vec![0.0; if wanted { rows * inside } else { 0 }];
        let parts: Vec<_> = if wanted {
            let tasks = input.par_chunks_mut(blocks.size * blocks.per_task * inside).enumerate();
            tasks.map(|(index, to)| task(index, Some(to))).collect()
        } else {
            (0..middle.len().div_ceil(blocks.per_task))
                .into_par_iter()
                .map(|index| task(index, None))
                .collect()
        };
        let mut parts = parts.into_iter().flatten();
        let mut sums = parts.next().unwrap_or_default();
        let rest: Vec<_> = parts.collect();
        for (index, all) in sums.iter_mut().enumerate() {
            all.par_chunks_mut(PIECE).enumerate().for_each(|(piece, to)| {
                for part in &rest {
                    add(to, &part[index][piece * PIECE..]);
                }
            });
        }
        let [expand, expand_bias, contract, contract_bias] = sums;
        let gradients = Self {
            expand: matrix(expand, hidden),
            expand_bias: tensor(expand_bias, vec![hidden]),
            contract: matrix(contract, outside),
            contract_bias: tensor(contract_bias, vec![outside]),
        };
        (gradients, input)
    }
}

/// A matrix with so many columns.
fn matrix(values: Vec<f32>, columns: usize) -> FlexTensor {
    let rows = values.len() / columns;
    tensor(values, vec![rows, columns])
}

/// Rows of a tensor, without a copy.
fn view(tensor: &FlexTensor, first: usize, [rows, columns]: [usize; 2]) -> FlexTensor {
    let start = tensor.layout().start_offset() + first * columns;
    let layout = Layout::new(Shape::from(vec![rows, columns]), vec![columns as isize, 1], start);
    FlexTensor::from_arc(tensor.data_arc(), layout, DType::F32)
}

fn transposed(matrix: &FlexTensor) -> FlexTensor {
    matrix.clone().with_layout(matrix.layout().transpose(0, 1))
}

fn product(left: FlexTensor, right: FlexTensor) -> FlexTensor {
    Flex::float_matmul(left, right)
}
