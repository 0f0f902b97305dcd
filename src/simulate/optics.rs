//! What the microscope makes of a cell: staining, blur, bleaching, drift, photons, camera.

use rand_distr::{Distribution, Poisson};
use rand_pcg::Pcg64;

use super::cell::{Cell, Point, norm};
use super::network::Network;
use super::parameters::{Model, Optics};
use super::physics::{defocused_sigma_um, gaussian_kernel, nernst_ratio, psf_sigma_um};
use crate::random::normal;

/// The raster on which light is gathered before it falls on pixels has at least this many points on a side.
const FINE: usize = 256;

/// Distances from focus at which light is blurred, µm; in between it is divided.
const LAYERS: [f64; 4] = [0.0, 0.6, 1.2, 2.4];

/// The layers nearest to focus are gathered on the fine raster, the others, wider than a pixel, on the pixels.
const SHARP: usize = 2;

/// What differs between recordings as seen by the microscope.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Imaging {
    /// Staining and illumination against the usual, a factor.
    pub brightness: f64,
    /// Background, photons per frame and pixel.
    pub background_photons: f64,
    /// Height of the focal plane at the start, µm, and its drift, µm/s.
    pub focus: [f64; 2],
    /// Drift of the crop, µm/s.
    pub drift: [f64; 2],
    /// Brightness lost per frame.
    pub bleaching: f64,
}

/// Draws frames of one cell.
pub struct Camera<'a> {
    optics: &'a Optics,
    model: &'a Model,
    imaging: Imaging,
    size: usize,
    scale: usize,
    kernels: Vec<Vec<f32>>,
    cytosol: Vec<f32>,
    /// Where the crop is now, µm from the middle of the cell.
    position: [f64; 2],
}

impl<'a> Camera<'a> {
    /// A camera with `size` × `size` pixels that looks at a cell whose mitochondria are `diameter` µm wide.
    pub fn new(
        optics: &'a Optics,
        model: &'a Model,
        imaging: Imaging,
        size: usize,
        cell: &Cell,
        diameter: f64,
    ) -> Self {
        let scale = FINE.div_ceil(size);
        let fine_um = optics.field_um / (size * scale) as f64;
        let focused = psf_sigma_um(optics.wavelength_um, optics.numerical_aperture);
        let kernels = LAYERS.iter().enumerate().map(|(layer, &z)| {
            let sigma = defocused_sigma_um(focused, z, optics.wavelength_um, optics.refractive_index);
            let raster = if layer < SHARP { fine_um } else { fine_um * scale as f64 };
            // A disc seen from the side has the variance r²/4.
            gaussian_kernel(sigma.hypot(diameter / 4.0) / raster)
        });
        let kernels: Vec<_> = kernels.collect();
        let mut camera =
            Self { optics, model, imaging, size, scale, kernels, cytosol: Vec::new(), position: [0.0; 2] };
        camera.cytosol = camera.cell_body(cell);
        camera
    }

    /// Pixel size, µm.
    pub fn pixel_um(&self) -> f64 {
        self.optics.field_um / self.size as f64
    }

    /// How far the cell has drifted in the crop in the last frame, µm.
    pub fn position(&self) -> [f64; 2] {
        self.position
    }

    /// Height of the cell in each pixel, µm.
    fn cell_body(&self, cell: &Cell) -> Vec<f32> {
        let (n, pixel_um) = (self.size, self.pixel_um());
        let mut body: Vec<f32> = (0..n * n)
            .map(|i| {
                let x = ((i % n) as f64 + 0.5) * pixel_um - self.optics.field_um / 2.0;
                let y = ((i / n) as f64 + 0.5) * pixel_um - self.optics.field_um / 2.0;
                cell.height(x, y) as f32
            })
            .collect();
        // Most of a thick cell is out of focus.
        blur(&mut body, n, &self.kernels[SHARP]);
        body
    }

    /// Moves crop and focus on by a frame, and records one: counts, `[size, size]`.
    ///
    /// `potentials` are the sizes of the potentials of the beads, mV; `mean_mv` that of an untreated cell.
    pub fn frame(
        &mut self,
        index: usize,
        network: &Network,
        potentials: &[f64],
        mean_mv: f64,
        diameter: f64,
        rng: &mut Pcg64,
    ) -> Vec<u16> {
        let seconds = index as f64 * self.optics.interval_s;
        let jitter = self.optics.crop_drift_sd[1];
        let position = self.imaging.drift.map(|speed| speed * seconds + jitter * normal(rng));
        self.position = position;
        let focus = self.imaging.focus[0]
            + self.imaging.focus[1] * seconds
            + self.optics.focus_drift_sd[1] * normal(rng);
        let photons = self.expose(network, potentials, mean_mv, diameter, focus);
        let light = self.imaging.brightness * (1.0 - self.imaging.bleaching).powi(index as i32);
        let pixel_area = self.pixel_um().powi(2) / 0.04;
        let background = self.imaging.background_photons * pixel_area;
        photons.iter().map(|&p| self.count(f64::from(p) * light + background, rng)).collect()
    }

    /// Mean photons in each pixel at unit brightness, without background.
    fn expose(
        &self,
        network: &Network,
        potentials: &[f64],
        mean_mv: f64,
        diameter: f64,
        focus: f64,
    ) -> Vec<f32> {
        let (n, size) = (self.size * self.scale, self.size);
        let mut layers: Vec<Vec<f32>> = (0..LAYERS.len())
            .map(|layer| vec![0.0; if layer < SHARP { n * n } else { size * size }])
            .collect();
        let kelvin = self.model.kelvin;
        // The usual diameter holds the unit of dye per µm.
        let per_um = self.optics.photons * (diameter / 0.35).powi(2);
        let bright: Vec<f64> =
            potentials.iter().map(|mv| per_um * nernst_ratio(mv - mean_mv, kelvin)).collect();
        for (a, b) in network.bonds() {
            let (from, to) = (network.beads[a], network.beads[b]);
            let length = norm(from[0] - to[0], from[1] - to[1]);
            let parts = (length / 0.1).ceil().max(1.0);
            for part in 0..parts as usize {
                let t = (part as f64 + 0.5) / parts;
                let at: Point = std::array::from_fn(|i| from[i] + t * (to[i] - from[i]));
                let light = self.model.bead_um / parts * (bright[a] + t * (bright[b] - bright[a]));
                self.deposit(&mut layers, at, light as f32, focus);
            }
        }
        // The cytosol holds less by Nernst's ratio, per volume: µm of height instead of a cylinder's cross-section.
        let cross_section = std::f64::consts::PI * 0.35 * 0.35 / 4.0;
        let haze =
            self.optics.photons * self.pixel_um().powi(2) / cross_section / nernst_ratio(mean_mv, kelvin);
        let mut photons = self.drifted_body(haze as f32);
        for (layer, (light, kernel)) in layers.iter_mut().zip(&self.kernels).enumerate() {
            if layer < SHARP {
                blur(light, n, kernel);
                for (row, line) in light.chunks_exact(n).enumerate() {
                    let pixels = &mut photons[row / self.scale * size..][..size];
                    for (pixel, points) in pixels.iter_mut().zip(line.chunks_exact(self.scale)) {
                        *pixel += points.iter().sum::<f32>();
                    }
                }
            } else {
                blur(light, size, kernel);
                photons.iter_mut().zip(&*light).for_each(|(pixel, light)| *pixel += light);
            }
        }
        photons
    }

    /// The cytosol's light where the crop is now, to the nearest pixel: it has no structure finer than that.
    fn drifted_body(&self, haze: f32) -> Vec<f32> {
        let size = self.size;
        let shift = self.position.map(|p| (p / self.pixel_um()).round() as isize);
        let at = |i: usize, shift: isize| i.checked_add_signed(-shift).filter(|&i| i < size);
        (0..size * size)
            .map(|i| match (at(i % size, shift[0]), at(i / size, shift[1])) {
                (Some(x), Some(y)) => haze * self.cytosol[y * size + x],
                _ => 0.0,
            })
            .collect()
    }

    /// Light of a point, divided between two layers.
    fn deposit(&self, layers: &mut [Vec<f32>], at: Point, light: f32, focus: f64) {
        let z = (at[2] - focus).abs().min(LAYERS[LAYERS.len() - 1]);
        let upper = LAYERS.iter().position(|&layer| layer >= z).unwrap_or(LAYERS.len() - 1).max(1);
        let share = ((z - LAYERS[upper - 1]) / (LAYERS[upper] - LAYERS[upper - 1])) as f32;
        for (layer, share) in [(upper - 1, 1.0 - share), (upper, share)] {
            let n = if layer < SHARP { self.size * self.scale } else { self.size };
            let place = |axis: usize| {
                (at[axis] + self.position[axis]) / self.optics.field_um * n as f64 + n as f64 / 2.0 - 0.5
            };
            add_point(&mut layers[layer], n, place(0), place(1), light * share);
        }
    }

    /// Counts of a pixel that expects so many photons.
    fn count(&self, photons: f64, rng: &mut Pcg64) -> u16 {
        // Above 60 photons a normal distribution tells no difference and is several times faster.
        let electrons = if photons > 60.0 {
            photons + photons.sqrt() * normal(rng)
        } else {
            Poisson::new(photons).map_or(0.0, |shots| shots.sample(rng))
        };
        let read = self.optics.read_noise_electrons * normal(rng);
        let counts = self.optics.offset_counts + (electrons + read) / self.optics.electrons_per_count;
        counts.round().clamp(0.0, f64::from(u16::MAX)) as u16
    }
}

/// Light at a position between four points of a raster.
fn add_point(raster: &mut [f32], n: usize, x: f64, y: f64, light: f32) {
    let last = (n - 1) as f64;
    if x < 0.0 || y < 0.0 || x >= last || y >= last {
        return;
    }
    let (x0, y0) = (x as usize, y as usize);
    let (fx, fy) = (x.fract() as f32, y.fract() as f32);
    let points = &mut raster[y0 * n + x0..];
    points[0] += light * (1.0 - fx) * (1.0 - fy);
    points[1] += light * fx * (1.0 - fy);
    points[n] += light * (1.0 - fx) * fy;
    points[n + 1] += light * fx * fy;
}

/// Convolves `[n, n]` with a kernel along both axes; beyond the border is dark.
fn blur(image: &mut [f32], n: usize, kernel: &[f32]) {
    let radius = kernel.len() / 2;
    let mut across = vec![0.0_f32; n * n];
    let mut padded = vec![0.0_f32; n + 2 * radius];
    for (row, out) in image.chunks_exact(n).zip(across.chunks_exact_mut(n)) {
        padded[radius..radius + n].copy_from_slice(row);
        for (i, &weight) in kernel.iter().enumerate() {
            for (out, &light) in out.iter_mut().zip(&padded[i..i + n]) {
                *out += weight * light;
            }
        }
    }
    image.fill(0.0);
    for (y, row) in image.chunks_exact_mut(n).enumerate() {
        for (i, &weight) in kernel.iter().enumerate() {
            let Some(from) = (y + i).checked_sub(radius).filter(|&from| from < n) else { continue };
            for (out, &light) in row.iter_mut().zip(&across[from * n..(from + 1) * n]) {
                *out += weight * light;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stream;
    use crate::simulate::Parameters;
    use crate::simulate::traits::Traits;

    const IMAGING: Imaging = Imaging {
        brightness: 1.0,
        background_photons: 0.0,
        focus: [1.2, 0.0],
        drift: [0.0; 2],
        bleaching: 0.0,
    };

    /// One straight mitochondrion in the middle of the crop.
    fn rod(length: f64, z: f64, bead_um: f64) -> Network {
        let mut network = Network::default();
        let beads = (length / bead_um).round() as usize;
        network.beads = (0..=beads).map(|i| [i as f64 * bead_um - length / 2.0, 0.1, z]).collect();
        network.links = vec![crate::simulate::network::Links::default(); beads + 1];
        network.potential = vec![0.0; beads + 1];
        network.refractory = vec![0.0; beads + 1];
        for i in 0..beads {
            network.connect(i, i + 1);
        }
        network
    }

    fn light(size: usize, z: f64, mv: f64) -> Vec<f32> {
        let parameters = Parameters::get().unwrap();
        let traits = Traits::from_fn(|t| parameters.of(t).value);
        let cell = Cell::new(&traits, &parameters.model, &mut stream(1, &["cell"]));
        let mut camera = Camera::new(&parameters.optics, &parameters.model, IMAGING, size, &cell, 0.35);
        camera.cytosol.fill(0.0);
        let network = rod(8.0, z, parameters.model.bead_um);
        camera.expose(&network, &vec![mv; network.beads.len()], 150.0, 0.35, 1.2)
    }

    fn sum(image: &[f32]) -> f64 {
        image.iter().map(|&v| f64::from(v)).sum()
    }

    #[test]
    fn blur_moves_light_and_loses_none() {
        let photons = Parameters::get().unwrap().optics.photons;
        for (size, z) in [(128, 1.2), (128, 1.5), (128, 2.9), (64, 1.2), (300, 1.2)] {
            let total = sum(&light(size, z, 150.0));
            assert!((total / (8.0 * photons) - 1.0).abs() < 0.01, "{size} {z}: {total}");
        }
        let peak = |z| light(128, z, 150.0).into_iter().fold(0.0_f32, f32::max);
        assert!(peak(1.2) > 1.5 * peak(2.4), "out of focus is dimmer at its brightest");
    }

    #[test]
    fn brightness_follows_nernst() {
        // 61.54 mV are a factor of ten at 37 °C.
        let ratio = sum(&light(128, 1.2, 150.0)) / sum(&light(128, 1.2, 150.0 - 61.54));
        assert!((ratio - 10.0).abs() < 0.02, "{ratio}");
    }

    #[test]
    fn counts_have_shot_and_read_noise() {
        let parameters = Parameters::get().unwrap();
        let traits = Traits::from_fn(|t| parameters.of(t).value);
        let cell = Cell::new(&traits, &parameters.model, &mut stream(1, &["cell"]));
        let optics = &parameters.optics;
        let camera = Camera::new(optics, &parameters.model, IMAGING, 32, &cell, 0.35);
        let mut rng = stream(2, &["counts"]);
        for photons in [0.0, 5.0, 50.0, 70.0, 400.0] {
            let counts: Vec<f64> = (0..20_000).map(|_| f64::from(camera.count(photons, &mut rng))).collect();
            let mean = counts.iter().sum::<f64>() / counts.len() as f64;
            let variance = counts.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / counts.len() as f64;
            let gain = optics.electrons_per_count;
            let expected = optics.offset_counts + photons / gain;
            let noise = (photons + optics.read_noise_electrons.powi(2)) / gain / gain + 1.0 / 12.0;
            assert!((mean - expected).abs() < 0.03 * noise.sqrt(), "{photons}: {mean} {expected}");
            assert!((variance / noise - 1.0).abs() < 0.05, "{photons}: {variance} {noise}");
        }
    }
}
