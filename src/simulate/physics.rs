//! The formulas that everything rests on.

/// Faraday constant over the gas constant, K/V (CODATA 2018: 96485.33212 C/mol over 8.314462618 J/(mol K)).
const FARADAY_OVER_GAS: f64 = 96_485.332_12 / 8.314_462_618;

/// How many times more of a monovalent cation a compartment holds at equilibrium when its potential is `mv` below
/// its surroundings': Nernst, `c_in / c_out = exp(F·ΔΨ / (R·T))`.
///
/// TMRM in non-quench mode stays proportional to its concentration, so this is the brightness as well
/// (Ehrenberg et al. 1988, Biophys J 53:785; Scaduto and Grotyohann 1999, Biophys J 76:469).
pub fn nernst_ratio(mv: f64, kelvin: f64) -> f64 {
    (mv / 1e3 * FARADAY_OVER_GAS / kelvin).exp()
}

/// Part of the full effect at a concentration: Hill, `c^n / (c^n + EC50^n)`; both in the same unit.
pub fn hill(concentration: f64, ec50: f64, coefficient: f64) -> f64 {
    if concentration <= 0.0 {
        return 0.0;
    }
    1.0 / (1.0 + (ec50 / concentration).powf(coefficient))
}

/// Standard deviation of the Gaussian that comes nearest to a widefield point spread function in focus, µm:
/// `√2/(2π) · λ/NA` (Zhang, Zerubia and Olivo-Marin 2007, Appl Opt 46:1819, paraxial).
pub fn psf_sigma_um(wavelength_um: f64, numerical_aperture: f64) -> f64 {
    std::f64::consts::SQRT_2 / std::f64::consts::TAU * wavelength_um / numerical_aperture
}

/// The same out of focus by `z` µm: a Gaussian beam whose waist is twice that deviation.
pub fn defocused_sigma_um(sigma: f64, z: f64, wavelength_um: f64, refractive_index: f64) -> f64 {
    let waist = 2.0 * sigma;
    let rayleigh = std::f64::consts::PI * waist * waist * refractive_index / wavelength_um;
    sigma * (1.0 + (z / rayleigh).powi(2)).sqrt()
}

/// A Gaussian that is cut at 3.5 standard deviations and sums to 1; deviation in pixels, odd length.
pub fn gaussian_kernel(sigma: f64) -> Vec<f32> {
    let radius = (3.5 * sigma).ceil().max(1.0) as i32;
    // Integrated over each pixel, so that a narrow kernel keeps its width.
    let edge = |x: f64| erf(x / (sigma * std::f64::consts::SQRT_2));
    let weights: Vec<f64> =
        (-radius..=radius).map(|i| edge(f64::from(i) + 0.5) - edge(f64::from(i) - 0.5)).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|w| (w / sum) as f32).collect()
}

/// Error function to 1.5e-7: Abramowitz and Stegun 1964, formula 7.1.26.
fn erf(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.327_591_1 * x.abs());
    let series = t
        * (0.254_829_592
            + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    (1.0 - series * (-x * x).exp()).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixty_millivolts_are_a_decade() {
        // 2.303·R·T/F = 61.54 mV at 37 °C: in every textbook of physiology.
        assert!((nernst_ratio(61.54, 310.15) - 10.0).abs() < 0.01);
        assert_eq!(nernst_ratio(0.0, 310.15), 1.0);
        let product = nernst_ratio(90.0, 310.15) * nernst_ratio(60.0, 310.15);
        assert!(
            (product / nernst_ratio(150.0, 310.15) - 1.0).abs() < 1e-12,
            "potentials add, ratios multiply"
        );
    }

    #[test]
    fn half_of_the_effect_is_at_the_ec50() {
        assert_eq!(hill(0.3, 0.3, 1.7), 0.5);
        assert_eq!(hill(0.0, 0.3, 1.7), 0.0);
        // The definition of the coefficient: 10 % and 90 % are 81^(1/n) apart.
        let n = 1.7;
        let apart = 81_f64.powf(1.0 / n);
        let low = 0.3 / apart.sqrt();
        assert!((hill(low, 0.3, n) - 0.1).abs() < 1e-12);
        assert!((hill(low * apart, 0.3, n) - 0.9).abs() < 1e-12);
    }

    #[test]
    fn the_point_spread_function_keeps_the_light_and_its_width() {
        for sigma in [0.64, 1.3, 5.0] {
            let kernel = gaussian_kernel(sigma);
            let sum: f32 = kernel.iter().sum();
            assert!((sum - 1.0).abs() < 1e-5, "{sigma}: {sum}");
            let centre = (kernel.len() / 2) as f64;
            let moment = |(i, &w): (usize, &f32)| f64::from(w) * (i as f64 - centre).powi(2);
            let variance: f64 = kernel.iter().enumerate().map(moment).sum();
            // Integrating over a pixel adds 1/12.
            assert!(
                (variance - sigma * sigma - 1.0 / 12.0).abs() < 0.01 * sigma * sigma,
                "{sigma}: {variance}"
            );
        }
        let sigma = psf_sigma_um(0.58, 0.95);
        assert!((sigma - 0.1374).abs() < 1e-4);
        assert_eq!(defocused_sigma_um(sigma, 0.0, 0.58, 1.33), sigma);
        let rayleigh = std::f64::consts::PI * 4.0 * sigma * sigma * 1.33 / 0.58;
        let widened = defocused_sigma_um(sigma, rayleigh, 0.58, 1.33);
        assert!((widened / sigma - std::f64::consts::SQRT_2).abs() < 1e-12);
    }
}
