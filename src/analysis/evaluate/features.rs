//! Vectors that are compared, and the step that takes a replicate's own level out of them.

use super::EvaluateError;
use crate::analysis::items::Items;

/// How vectors are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Metric {
    /// Cosine similarity. A vector of zeros is similar to none.
    #[default]
    Cosine,
    /// Euclidean distance: for one or few numbers, whose direction says nothing.
    Euclidean,
}

/// One vector per item.
#[derive(Debug, Clone)]
pub struct Features<'a> {
    /// Name in reports.
    pub name: String,
    /// The vectors one after the other, `[item, dim]`, raw.
    pub values: &'a [f32],
    /// Length of a vector.
    pub dim: usize,
    /// How they are compared.
    pub metric: Metric,
}

impl<'a> Features<'a> {
    /// Vectors that are compared by their cosine.
    pub fn cosine(name: impl Into<String>, values: &'a [f32], dim: usize) -> Self {
        Self { name: name.into(), values, dim, metric: Metric::Cosine }
    }

    /// Vectors that are compared by their distance.
    pub fn euclidean(name: impl Into<String>, values: &'a [f32], dim: usize) -> Self {
        Self { name: name.into(), values, dim, metric: Metric::Euclidean }
    }

    /// The vector of an item.
    pub(super) fn row(&self, item: usize) -> &'a [f32] {
        &self.values[item * self.dim..(item + 1) * self.dim]
    }

    /// Says what is wrong with the numbers.
    pub(super) fn check(&self, items: &Items) -> Result<(), EvaluateError> {
        let (rows, dim, len) = (items.len(), self.dim, self.values.len());
        if dim == 0 || len != rows * dim {
            return Err(EvaluateError::Shape { name: self.name.clone(), rows, dim, len });
        }
        match self.values.iter().position(|x| !x.is_finite()) {
            Some(at) => Err(EvaluateError::NotFinite {
                name: self.name.clone(),
                row_id: items.items[at / dim].row_id.clone(),
                column: at % dim,
            }),
            None => Ok(()),
        }
    }
}

/// Centring on DMSO, `dmso-centred`: each replicate's vectors less the mean vector of its negative controls.
///
/// The controls are all of the replicate's, whatever their split, as a user has them. The step is undone by
/// adding the same means; what is lost is rounding (f32).
#[derive(Debug, Clone, PartialEq)]
pub struct Centring {
    /// For each replicate the mean of its controls, length `dim`; `None` where it has none.
    pub means: Vec<Option<Vec<f32>>>,
}

impl Centring {
    /// Measures the controls of each replicate.
    pub fn fit(items: &Items, values: &[f32], dim: usize) -> Self {
        let mut sums = vec![(0_usize, vec![0.0_f64; dim]); items.replicates.len()];
        for (item, vector) in
            items.items.iter().zip(values.chunks_exact(dim)).filter(|(item, _)| item.control)
        {
            let (n, sum) = &mut sums[item.replicate];
            *n += 1;
            sum.iter_mut().zip(vector).for_each(|(sum, x)| *sum += f64::from(*x));
        }
        let mean = |(n, sum): (usize, Vec<f64>)| {
            (n > 0).then(|| sum.into_iter().map(|sum| (sum / n as f64) as f32).collect())
        };
        Self { means: sums.into_iter().map(mean).collect() }
    }

    /// Replicates without a control, which cannot be centred.
    pub fn lacking(&self) -> Vec<usize> {
        (0..self.means.len()).filter(|&replicate| self.means[replicate].is_none()).collect()
    }

    /// Centres vectors in place; those of a replicate without controls stay raw.
    pub fn apply(&self, items: &Items, values: &mut [f32], dim: usize) {
        self.shift(items, values, dim, |x, mean| *x -= mean);
    }

    /// Takes [`Self::apply`] back.
    pub fn undo(&self, items: &Items, values: &mut [f32], dim: usize) {
        self.shift(items, values, dim, |x, mean| *x += mean);
    }

    fn shift(&self, items: &Items, values: &mut [f32], dim: usize, by: impl Fn(&mut f32, f32)) {
        for (item, vector) in items.items.iter().zip(values.chunks_exact_mut(dim)) {
            for (x, mean) in vector.iter_mut().zip(self.means[item.replicate].iter().flatten()) {
                by(x, *mean);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::testing::{Row, items};

    #[test]
    fn centring_takes_each_replicate_s_dmso_away_and_back() {
        let row = |replicate, control| Row { replicate, control, ..Row::default() };
        let items =
            items(&[row(0, true), row(0, true), row(0, false), row(1, true), row(1, false), row(2, false)]);
        let raw: Vec<f32> = vec![1.0, 2.0, 3.0, 4.0, 5.0, 7.0, -1.0, 0.5, 10.0, 0.5, 8.0, 9.0];
        let centring = Centring::fit(&items, &raw, 2);
        assert_eq!(centring.means, [Some(vec![2.0, 3.0]), Some(vec![-1.0, 0.5]), None]);
        assert_eq!(centring.lacking(), [2]);
        let mut values = raw.clone();
        centring.apply(&items, &mut values, 2);
        assert_eq!(values, [-1.0, -1.0, 1.0, 1.0, 3.0, 4.0, 0.0, 0.0, 11.0, 0.0, 8.0, 9.0]);
        centring.undo(&items, &mut values, 2);
        assert_eq!(values, raw);
    }

    #[test]
    fn numbers_that_do_not_fit_are_named() {
        let items = items(&[Row::default(), Row::default()]);
        let text =
            |values: &[f32], dim| Features::cosine("net", values, dim).check(&items).unwrap_err().to_string();
        assert!(
            text(&[0.0; 5], 2).starts_with("net: 5 numbers are no 2 vectors of length 2"),
            "{}",
            text(&[0.0; 5], 2)
        );
        let nan = text(&[0.0, 1.0, f32::NAN, 0.0], 2);
        assert!(nan.starts_with("net: number 0 of the vector of row r1 is not finite"), "{nan}");
    }
}
