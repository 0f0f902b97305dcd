//! What the video encoders take: encoding a batch, and a step of training (cross-entropy, `AdamW`).
//!
//! `cargo bench --bench encoders -- [--compute cpu|gpu] [--encoder NAME]… [--batch N] [--rounds N]` prints a line of JSON per
//! encoder with the median of the rounds. `benches/peers/torch_encoders.py` runs it beside the same networks in PyTorch.

use std::time::Instant;

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Tensor};
use molclip::gpu::{ComputeChoice, ComputeThread, headless_compute};
use molclip::model::losses::{classification, targets};
use molclip::model::video_encoder::{ENCODERS, Entry, VideoEncoder};

/// Frames of a video.
const FRAMES: usize = 16;

/// Classes of the classifier that is trained.
const CLASSES: usize = 32;

#[derive(Module, Debug)]
struct Net {
    encoder: VideoEncoder,
    classifier: Linear,
}

impl Net {
    fn new(entry: &Entry, device: &Device) -> Self {
        let config = (entry.usual)(FRAMES);
        Self {
            encoder: VideoEncoder::new(&config, 1, device),
            classifier: LinearConfig::new(config.features(), CLASSES).init(device),
        }
    }

    fn forward(&self, videos: Tensor<5>) -> Tensor<2> {
        self.classifier.forward(self.encoder.forward(videos))
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let values = |name: &str| -> Vec<String> {
        let pairs = arguments.windows(2).filter(|pair| pair[0] == name);
        pairs.map(|pair| pair[1].clone()).collect()
    };
    let number =
        |name: &str, usual: usize| values(name).first().and_then(|text| text.parse().ok()).unwrap_or(usual);
    let choice = match values("--compute").first().map(String::as_str) {
        Some("gpu") => ComputeChoice::Gpu,
        _ => ComputeChoice::Cpu,
    };
    let named = values("--encoder");
    let (batch, rounds) = (number("--batch", 8), number("--rounds", 5));
    let compute = match headless_compute(choice) {
        Ok(compute) => compute,
        Err(e) => {
            eprintln!("{e}");
            std::process::exit(1);
        }
    };
    let thread = ComputeThread::shared_headless();
    for entry in ENCODERS.iter().filter(|entry| named.is_empty() || named.iter().any(|n| n == entry.name)) {
        let device = compute.device().clone();
        let measured = thread.run(move || measure(entry, &device, batch, rounds)).wait();
        match measured {
            Ok([encode, step]) => println!(
                r#"{{"encoder": "{}", "device": "{}", "batch": {batch}, "encode_ms": {encode:.2}, "step_ms": {step:.2}}}"#,
                entry.name,
                compute.label()
            ),
            Err(e) => {
                eprintln!("{}: {e}", entry.name);
                std::process::exit(1);
            }
        }
    }
}

/// Medians in milliseconds: encoding, and a step.
fn measure(entry: &Entry, device: &Device, batch: usize, rounds: usize) -> [f64; 2] {
    let (size, _) = entry.input;
    let values = |device: &Device| {
        let n = (batch * FRAMES * size * size) as i64;
        let ramp = Tensor::<1, burn::tensor::Int>::arange(0..n, device).float();
        ramp.mul_scalar(0.37).sin().reshape([batch, 1, FRAMES, size, size])
    };
    let net = Net::new(entry, device).valid();
    let videos: Tensor<5> = values(device);
    let encode = median(rounds, || {
        let features = net.encoder.forward(videos.clone());
        drop(features.into_data());
    });
    let device = device.clone().autodiff();
    let mut net = Net::new(entry, &device);
    let mut optimizer = AdamWConfig::new().init();
    let videos: Tensor<5> = values(&device);
    let labels: Vec<[usize; 1]> = (0..batch).map(|i| [i % CLASSES]).collect();
    let step = median(rounds, || {
        let loss = classification(net.forward(videos.clone()), targets(&labels, CLASSES, &device), 0.1);
        let gradients = GradientsParams::from_grads(loss.backward(), &net);
        net = optimizer.step(1e-4, net.clone(), gradients);
        // Wait for the weights.
        drop(net.classifier.weight.val().into_data());
    });
    [encode, step]
}

/// Median of some rounds after one that is not counted.
fn median(rounds: usize, mut work: impl FnMut()) -> f64 {
    work();
    let mut times: Vec<f64> = (0..rounds.max(1))
        .map(|_| {
            let started = Instant::now();
            work();
            started.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
