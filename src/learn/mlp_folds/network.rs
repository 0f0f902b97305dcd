//! A network of one hidden layer from vectors to yes or no for several targets, with gradients in closed form.
//!
//! Not Burn: at this size (some hundred rows, some million weights) the products of matrices are all there is to compute, sixty small
//! trainings run side by side on all cores, and none of them has to wait for the one compute thread.

use nalgebra::{DMatrix, DVector};
use rand::RngExt as _;
use rand::seq::SliceRandom as _;
use rand_pcg::Pcg64;

use crate::progress::{Cancelled, Progress};

/// Rows of a step.
const BATCH: usize = 64;

/// Adam's step (Kingma and Ba, ICLR 2015); its other numbers are those of the paper.
const RATE: f32 = 1e-3;

/// Passes over the training rows at most.
const EPOCHS: usize = 200;

/// Passes without a better validation loss after which it ends.
const PATIENCE: usize = 10;

/// Vectors and targets, one row after the other in memory: a column per row.
pub(super) struct Examples {
    /// `[dim, row]`.
    pub inputs: DMatrix<f32>,
    /// `[target, row]`, 1 or 0.
    pub targets: DMatrix<f32>,
}

impl Examples {
    fn rows(&self) -> usize {
        self.inputs.ncols()
    }

    fn batch(&self, rows: &[usize]) -> Self {
        let pick = |from: &DMatrix<f32>| {
            let values = rows.iter().flat_map(|&row| from.column(row).iter().copied().collect::<Vec<_>>());
            DMatrix::from_vec(from.nrows(), rows.len(), values.collect())
        };
        Self { inputs: pick(&self.inputs), targets: pick(&self.targets) }
    }
}

/// Weights, or a gradient or moment of each: first layer and its biases `[hidden, dim]`, `[hidden, 1]`, then those of the second.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Network([DMatrix<f32>; 4]);

impl Network {
    /// Weights between ±√(6/inputs) (He et al., ICCV 2015), halved in variance for the second layer, which has no rectifier; biases 0.
    fn new(dim: usize, hidden: usize, targets: usize, rng: &mut Pcg64) -> Self {
        let mut draw = |rows: usize, columns: usize, gain: f32| {
            let bound = (gain / columns.max(1) as f32).sqrt();
            DMatrix::from_fn(rows, columns, |_, _| bound * (2.0 * rng.random::<f32>() - 1.0))
        };
        let (first, second) = (draw(hidden, dim, 6.0), draw(targets, hidden, 3.0));
        Self([first, DMatrix::zeros(hidden, 1), second, DMatrix::zeros(targets, 1)])
    }

    fn zeros(&self) -> Self {
        Self(self.0.each_ref().map(|part| DMatrix::zeros(part.nrows(), part.ncols())))
    }

    /// Units after the rectifier `[hidden, row]`, and log odds `[target, row]`.
    fn forward(&self, inputs: &DMatrix<f32>) -> (DMatrix<f32>, DMatrix<f32>) {
        let [first, first_bias, second, second_bias] = &self.0;
        let mut hidden = first * inputs;
        for mut column in hidden.column_iter_mut() {
            column += first_bias;
        }
        hidden.apply(|x| *x = x.max(0.0));
        let mut odds = second * &hidden;
        for mut column in odds.column_iter_mut() {
            column += second_bias;
        }
        (hidden, odds)
    }

    /// Log odds of each target, `[target, row]`.
    pub fn odds(&self, inputs: &DMatrix<f32>) -> DMatrix<f32> {
        self.forward(inputs).1
    }

    /// Cross entropy, mean over rows and targets.
    fn loss(&self, examples: &Examples) -> f64 {
        let odds = self.odds(&examples.inputs);
        let each = odds.iter().zip(examples.targets.iter()).map(|(&odds, &target)| {
            // ln(1 + eˣ) − t·x without overflow.
            f64::from(odds.max(0.0) - odds * target + (-odds.abs()).exp().ln_1p())
        });
        each.sum::<f64>() / odds.len().max(1) as f64
    }

    /// Of [`Self::loss`].
    fn gradient(&self, examples: &Examples) -> Self {
        let (hidden, odds) = self.forward(&examples.inputs);
        let scale = 1.0 / odds.len().max(1) as f32;
        let by_odds =
            odds.zip_map(&examples.targets, |odds, target| scale * (1.0 / (1.0 + (-odds).exp()) - target));
        let sums = |of: &DMatrix<f32>| DMatrix::from_column_slice(of.nrows(), 1, of.column_sum().as_slice());
        let by_hidden = (self.0[2].transpose() * &by_odds)
            .zip_map(&hidden, |gradient, unit| if unit > 0.0 { gradient } else { 0.0 });
        Self([
            &by_hidden * examples.inputs.transpose(),
            sums(&by_hidden),
            &by_odds * hidden.transpose(),
            sums(&by_odds),
        ])
    }

    /// Trains on some examples until others are no longer predicted better, and keeps the weights that did best on these.
    pub fn train(
        training: &Examples,
        validation: &Examples,
        hidden: usize,
        rng: &mut Pcg64,
        progress: &Progress,
    ) -> Result<Self, Cancelled> {
        let mut network = Self::new(training.inputs.nrows(), hidden, training.targets.nrows(), rng);
        let (mut mean, mut square) = (network.zeros(), network.zeros());
        let (mut best, mut least, mut since) = (network.clone(), network.loss(validation), 0);
        let mut order: Vec<usize> = (0..training.rows()).collect();
        let mut decay = (1.0_f32, 1.0_f32);
        for _ in 0..EPOCHS {
            order.shuffle(rng);
            for rows in order.chunks(BATCH) {
                progress.check()?;
                let gradient = network.gradient(&training.batch(rows));
                decay = (decay.0 * 0.9, decay.1 * 0.999);
                for (((weights, gradient), mean), square) in
                    network.0.iter_mut().zip(&gradient.0).zip(&mut mean.0).zip(&mut square.0)
                {
                    let moments = mean.as_mut_slice().iter_mut().zip(square.as_mut_slice());
                    let parts = weights.as_mut_slice().iter_mut().zip(gradient.as_slice()).zip(moments);
                    for ((weight, &gradient), (mean, square)) in parts {
                        *mean += 0.1 * (gradient - *mean);
                        *square += 0.001 * (gradient * gradient - *square);
                        let (step, spread) = (*mean / (1.0 - decay.0), *square / (1.0 - decay.1));
                        *weight -= RATE * step / (spread.sqrt() + 1e-8);
                    }
                }
            }
            let loss = network.loss(validation);
            since += 1;
            if loss < least {
                (best, least, since) = (network.clone(), loss, 0);
            }
            if since >= PATIENCE {
                break;
            }
        }
        Ok(best)
    }
}

/// Mean and deviation of each number over some rows, by which all are standardised.
pub(super) struct Scale(DVector<f32>, DVector<f32>);

impl Scale {
    /// Of columns that are rows. A number that does not vary is only centred.
    pub fn of(inputs: &DMatrix<f32>, rows: &[usize]) -> Self {
        let (dim, n) = (inputs.nrows(), rows.len().max(1) as f64);
        let (mut sums, mut squares) = (vec![0.0_f64; dim], vec![0.0_f64; dim]);
        for &row in rows {
            sums.iter_mut().zip(inputs.column(row).iter()).for_each(|(sum, &x)| *sum += f64::from(x));
        }
        for sum in &mut sums {
            *sum /= n;
        }
        for &row in rows {
            let column = inputs.column(row);
            let each = squares.iter_mut().zip(&sums).zip(column.iter());
            each.for_each(|((sum, mean), &x)| *sum += (f64::from(x) - mean).powi(2));
        }
        let deviation = |k: usize| {
            let deviation = (squares[k] / n).sqrt();
            if deviation > 1e-6 * (1e-30 + sums[k].abs()) { deviation as f32 } else { 1.0 }
        };
        Self(DVector::from_fn(dim, |k, _| sums[k] as f32), DVector::from_fn(dim, |k, _| deviation(k)))
    }

    /// Some rows, standardised; numbers far outside the training's range are held at ten deviations.
    pub fn apply(&self, inputs: &DMatrix<f32>, rows: &[usize]) -> DMatrix<f32> {
        let Self(mean, deviation) = self;
        DMatrix::from_fn(inputs.nrows(), rows.len(), |k, row| {
            ((inputs[(k, rows[row])] - mean[k]) / deviation[k]).clamp(-10.0, 10.0)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{normal, stream};

    fn examples(dim: usize, targets: usize, rows: usize) -> Examples {
        let mut rng = stream(4, &["mlp"]);
        let inputs = DMatrix::from_fn(dim, rows, |_, _| normal(&mut rng) as f32);
        let targets = DMatrix::from_fn(targets, rows, |target, row| {
            f32::from(u8::from(inputs[(target, row)] + 0.1 * normal(&mut rng) as f32 > 0.3))
        });
        Examples { inputs, targets }
    }

    #[test]
    fn the_gradient_is_the_finite_difference() {
        let examples = examples(5, 3, 7);
        let network = Network::new(5, 6, 3, &mut stream(1, &["mlp"]));
        let gradient = network.gradient(&examples);
        let step = 1e-2;
        for part in 0..4 {
            for place in 0..network.0[part].len() {
                let loss = |by: f32| {
                    let mut moved = network.clone();
                    moved.0[part][place] += by;
                    moved.loss(&examples)
                };
                let expected = (loss(step) - loss(-step)) / f64::from(2.0 * step);
                let found = f64::from(gradient.0[part][place]);
                assert!((found - expected).abs() < 5e-4, "{part} {place}: {found} {expected}");
            }
        }
    }

    #[test]
    fn training_learns_what_is_there_and_is_the_same_twice() {
        let examples = examples(6, 2, 300);
        let (rows, others): (Vec<usize>, Vec<usize>) = (0..300).partition(|row| row % 3 > 0);
        let (training, validation) = (examples.batch(&rows), examples.batch(&others));
        let train = || {
            let mut rng = stream(2, &["mlp"]);
            Network::train(&training, &validation, 16, &mut rng, &Progress::default()).unwrap()
        };
        let network = train();
        let odds = network.odds(&validation.inputs);
        let right = odds
            .iter()
            .zip(validation.targets.iter())
            .filter(|(odds, target)| (**odds > 0.0) == (**target > 0.5));
        assert!(right.count() * 100 > 90 * odds.len());
        assert_eq!(network, train());
    }

    #[test]
    fn rows_are_in_deviations_of_the_training() {
        let inputs = DMatrix::from_column_slice(2, 4, &[0.0, 5.0, 2.0, 5.0, 4.0, 5.0, 1000.0, 6.0]);
        let scaled = Scale::of(&inputs, &[0, 1, 2]).apply(&inputs, &[0, 1, 3]);
        let deviation = (8.0_f32 / 3.0).sqrt();
        assert!((scaled[(0, 0)] + 2.0 / deviation).abs() < 1e-6 && scaled[(0, 1)] == 0.0);
        assert_eq!((scaled[(0, 2)], scaled[(1, 0)], scaled[(1, 2)]), (10.0, 0.0, 1.0));
    }
}
