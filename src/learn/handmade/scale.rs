//! Measured values in units of what the controls vary by.

use rayon::prelude::*;

use crate::learn::brightness::Groups;

/// A median absolute deviation of a normal distribution, times this, is its standard deviation.
const NORMAL: f64 = 1.4826;

/// Least spread of a group, as a part of that over all groups: of three controls two may agree by chance.
const LEAST: f64 = 0.5;

/// Least spread, as a part of the largest of a feature's values: what rounding leaves of equal values is no spread.
const ROUNDING: f64 = 1e-6;

/// Furthest from the controls that a value may be.
const LIMIT: f64 = 20.0;

/// Values `[row][feature]` as `[row, feature]`: less the median of what the row's group is scaled by, over 1.4826 times the
/// median absolute deviation from it (Rousseeuw and Croux 1993, J Am Stat Assoc 88:1273), between −20 and 20.
///
/// A deviation counts as at least half of that over all groups. Where more than half of the values are equal, standard
/// deviations stand in: of the controls, else of all rows; what never varies becomes 0.
pub(super) fn by_controls(groups: &Groups, rows: &[Vec<f64>]) -> Vec<f32> {
    let dim = rows.first().map_or(0, Vec::len);
    let columns: Vec<Vec<f32>> = (0..dim)
        .into_par_iter()
        .map(|feature| column(groups, &rows.iter().map(|row| row[feature]).collect::<Vec<f64>>()))
        .collect();
    (0..rows.len()).flat_map(|row| columns.iter().map(move |column| column[row])).collect()
}

/// One feature of all rows.
fn column(groups: &Groups, values: &[f64]) -> Vec<f32> {
    let of = |rows: &[usize]| -> Vec<f64> { rows.iter().map(|&row| values[row]).collect() };
    let centres: Vec<f64> = groups.by.iter().map(|by| median(of(by))).collect();
    let centred = |(by, centre): (&Vec<usize>, &f64)| -> Vec<f64> {
        of(by).into_iter().map(|value| value - centre).collect()
    };
    let controls: Vec<Vec<f64>> = groups.by.iter().zip(&centres).map(centred).collect();
    let deviation = |values: &[f64]| NORMAL * median(values.iter().map(|v| v.abs()).collect());
    let all_controls = controls.concat();
    let common = deviation(&all_controls);
    let least = if common > 0.0 {
        LEAST * common
    } else {
        let rows: Vec<f64> =
            values.iter().zip(&groups.of).map(|(value, group)| value - centres[*group]).collect();
        [standard(&all_controls), standard(&rows)].into_iter().find(|of| *of > 0.0).unwrap_or(1.0)
    };
    let spreads: Vec<f64> = controls.iter().map(|own| deviation(own).max(least)).collect();
    let largest = values.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    let scaled = |(value, &group): (&f64, &usize)| {
        let spread = spreads[group].max(ROUNDING * largest);
        ((value - centres[group]) / spread).clamp(-LIMIT, LIMIT) as f32
    };
    values.iter().zip(&groups.of).map(scaled).collect()
}

/// Of an even number the mean of the middle two; 0 of none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = |place: usize| values.get(place).copied().unwrap_or(0.0);
    f64::midpoint(at(values.len().saturating_sub(1) / 2), at(values.len() / 2))
}

/// Root mean square.
fn standard(values: &[f64]) -> f64 {
    (values.iter().map(|v| v * v).sum::<f64>() / values.len().max(1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::brightness::ScaledBy;

    fn groups(of: &[usize], by: &[&[usize]]) -> Groups {
        let by: Vec<Vec<usize>> = by.iter().map(|by| by.to_vec()).collect();
        let (names, scaled) = (vec![String::new(); by.len()], vec![ScaledBy::Own; by.len()]);
        Groups { of: of.to_vec(), names, by, scaled }
    }

    #[test]
    fn values_are_in_units_of_the_controls_of_their_own_plate() {
        let rows: Vec<Vec<f64>> = [1.0, 2.0, 3.0, 4.0, 5.0, 9.0, 101.0, 102.0, 103.0, 104.0, 105.0, 99.0]
            .map(|v| vec![v, 7.0])
            .to_vec();
        let groups = groups(&[0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1], &[&[0, 1, 2, 3, 4], &[6, 7, 8, 9, 10]]);
        let scaled = by_controls(&groups, &rows);
        // Medians 3 and 103, both with a median deviation of 1.
        assert!((scaled[10] - 6.0 / 1.4826).abs() < 1e-4, "{}", scaled[10]);
        assert!((scaled[22] + 4.0 / 1.4826).abs() < 1e-3, "{}", scaled[22]);
        assert!(scaled.iter().skip(1).step_by(2).all(|v| *v == 0.0), "what never varies");
    }

    #[test]
    fn a_unit_has_no_say_and_what_rounding_leaves_is_no_spread() {
        let groups = groups(&[0; 6], &[&[0, 1, 2, 3, 4]]);
        let of = |unit: f64| -> Vec<f32> {
            let rows: Vec<Vec<f64>> = [1.0, 2.0, 3.0, 4.0, 5.0, 9.0].map(|v| vec![unit * v]).to_vec();
            by_controls(&groups, &rows)
        };
        for (small, large) in of(1e-9).into_iter().zip(of(1e6)) {
            assert!((small - large).abs() < 1e-4, "{small} and {large}");
        }
        let rounded =
            [7.0, 7.0 + 1e-15, 7.0 - 1e-15, 7.0 + 2e-15, 7.0, 7.0 + 4e-15].map(|v| vec![v]).to_vec();
        assert!(by_controls(&groups, &rounded).iter().all(|v| v.abs() < 1e-6));
    }

    #[test]
    fn controls_that_agree_by_chance_or_altogether_do_not_make_giants() {
        // The second plate's controls are equal: half of the common spread counts.
        let rows: Vec<Vec<f64>> = [-4.0, -2.0, 0.0, 2.0, 4.0, 5.0, 5.0, 5.0, 6.0].map(|v| vec![v]).to_vec();
        let first: [usize; 5] = [0, 1, 2, 3, 4];
        let two = groups(&[0, 0, 0, 0, 0, 1, 1, 1, 1], &[&first, &[5, 6, 7]]);
        let scaled = by_controls(&two, &rows);
        // Deviations 4, 2, 0, 2, 4, 0, 0, 0: their median is 1.
        assert!((scaled[8] - 1.0 / (0.5 * 1.4826)).abs() < 1e-3, "{}", scaled[8]);
        // All controls are equal: one of three rows that differs is √3 standard deviations away.
        let rows: Vec<Vec<f64>> = [0.0, 0.0, 0.0, 0.0, 3.0, 3.0].map(|v| vec![v]).to_vec();
        let one = groups(&[0; 6], &[&[0, 1, 2]]);
        let scaled = by_controls(&one, &rows);
        assert!((scaled[5] - 3.0_f32.sqrt()).abs() < 1e-3, "{}", scaled[5]);
        let far: Vec<Vec<f64>> = [0.0, 1.0, 2.0, 1e9].map(|v| vec![v]).to_vec();
        assert_eq!(by_controls(&groups(&[0; 4], &[&[0, 1, 2]]), &far)[3], 20.0);
        assert!(by_controls(&groups(&[], &[]), &[]).is_empty());
    }
}
