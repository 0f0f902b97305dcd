//! `molclip model`: what a model is and costs; and models made from weights of PyTorch.

use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use burn::tensor::Device;
use clap::Args;
use serde_json::{Value, json};

use crate::model::card::{Card, FORMAT, InputSpec, MoleculeEncoderKind, TrainedOn};
use crate::model::cost::Cost;
use crate::model::limits;
use crate::model::video_encoder::resnet3d::ResNet3d;
use crate::model::video_encoder::{EncoderConfig, Entry};
use crate::model::weights::{self, LoadReport, PytorchFile};
use crate::terminal::out;

/// Arguments of `molclip model`.
#[derive(Debug, Clone, Args)]
pub struct ModelArgs {
    /// Folder with model.safetensors and model.json
    #[arg(long, value_name = "DIR", required_unless_present = "encoder", conflicts_with = "encoder")]
    model: Option<PathBuf>,

    /// An untrained video encoder by its name
    #[arg(long, value_name = "NAME", value_parser = encoder)]
    encoder: Option<&'static Entry>,

    /// Channels of the encoder's first layer; 64 in the paper
    #[arg(long, value_name = "N", requires = "encoder")]
    width: Option<usize>,

    /// Channels of the recordings [default: 3, or as the imported file has]
    #[arg(long, value_name = "C", requires = "encoder", value_parser = within(limits::CHANNELS))]
    channels: Option<u64>,

    /// Frames
    #[arg(long, value_name = "T", default_value_t = 16, conflicts_with = "model", value_parser = within(limits::FRAMES))]
    frames: u64,

    /// Pixels on a side
    #[arg(long, value_name = "PX", default_value_t = 112, conflicts_with = "model", value_parser = within(limits::SIZE))]
    size: u64,

    /// Videos in a batch, for the memory
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = within(1..=4096))]
    batch: u64,

    /// Read weights with PyTorch's names (a 3D residual network of Kinetics or MitoReID) and write them as a model to --out
    #[arg(long, value_name = "FILE.safetensors", requires = "encoder", requires = "out")]
    import: Option<PathBuf>,

    /// Folder for the imported model
    #[arg(long, value_name = "DIR", requires = "import")]
    out: Option<PathBuf>,

    /// Replace a model that is in that folder
    #[arg(long, requires = "import")]
    overwrite: bool,

    /// Print JSON alone on stdout
    #[arg(long)]
    json: bool,
}

fn encoder(name: &str) -> Result<&'static Entry, String> {
    Entry::named(name)
        .ok_or_else(|| "there is no encoder of that name; resnet3d-18 and resnet3d-50 are two".to_owned())
}

fn within(range: RangeInclusive<usize>) -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(*range.start() as u64..=*range.end() as u64)
}

/// Prints a model, an untrained encoder, or what became of imported weights.
pub fn run(args: &ModelArgs) -> anyhow::Result<()> {
    let batch = args.batch as usize;
    let (cost, about, mut json) = match (&args.model, args.encoder) {
        (Some(folder), _) => stored(folder)?,
        (None, Some(entry)) => {
            let encoder = (entry.usual)(args.frames as usize);
            match (&args.import, &args.out) {
                (Some(file), Some(out)) => import(args, &encoder, file, out)?,
                _ => untrained(args, &encoder)?,
            }
        }
        (None, None) => bail!("Name a model (--model DIR) or an encoder (--encoder NAME)."),
    };
    let text = if args.json {
        json["cost"] = describe(&cost, batch);
        format!("{json:#}")
    } else {
        format!("{about}\n{}", table(&cost, batch))
    };
    out!("{}", text.trim_end());
    Ok(())
}

/// The encoder's cost, the text above its table, and the same as JSON.
type Description = (Cost, String, Value);

fn stored(folder: &Path) -> anyhow::Result<Description> {
    let card = weights::read_card(folder)?;
    let tensors = weights::list(folder, &card)?;
    let values: usize = tensors.iter().map(|tensor| tensor.shape.iter().product::<usize>()).sum();
    let text = format!(
        "{}Weights           {} tensors, {} values, as the card says\n",
        card_text(&card),
        tensors.len(),
        grouped(values as u64)
    );
    let cost = Cost::of(&card.encoder, &card.input);
    Ok((cost, text, json!({ "card": card, "tensors": tensors })))
}

fn untrained(args: &ModelArgs, encoder: &EncoderConfig) -> anyhow::Result<Description> {
    let encoder = match args.width {
        Some(width) => encoder.clone().with_width(width),
        None => encoder.clone(),
    };
    let input = input(args, args.channels.unwrap_or(3) as usize);
    encoder.check(input.frames, input.size).map_err(anyhow::Error::msg)?;
    let text = format!("{}, untrained, for {}\n", encoder.name(), input_text(&input));
    Ok((Cost::of(&encoder, &input), text, json!({ "encoder": encoder })))
}

/// Reads weights with PyTorch's names and writes them as a model: a video encoder alone, to start a training from.
fn import(args: &ModelArgs, encoder: &EncoderConfig, file: &Path, out: &Path) -> anyhow::Result<Description> {
    let Some((depth, _)) = encoder.resnet3d() else {
        bail!("PyTorch has weights for 3D ResNets alone: name one with --encoder.");
    };
    if !args.overwrite && [weights::WEIGHTS, weights::CARD].iter().any(|name| out.join(name).exists()) {
        bail!(
            "{}: there is a model already. Choose another folder, or replace it with --overwrite.",
            out.display()
        );
    }
    let pytorch = PytorchFile::read(file)?;
    let Some([width, channels]) = pytorch.first_convolution() else {
        bail!("{}: no conv1.weight of five axes. It holds no 3D ResNet.", file.display());
    };
    let width = args.width.unwrap_or(width);
    let encoder = encoder.clone().with_width(width);
    let channels = args.channels.map_or(channels, |channels| channels as usize);
    let card = card(file, encoder, input(args, channels));
    card.check().map_err(anyhow::Error::msg).with_context(|| file.display().to_string())?;
    let mut network = ResNet3d::new(depth, width, channels, &Device::flex());
    let report: LoadReport = pytorch.load_into(&mut network)?;
    let card = weights::save(out, &network, &card)?;
    let text = format!("{report}\n\n{}Written to        {}\n", card_text(&card), out.display());
    let cost = Cost::of(&card.encoder, &card.input);
    Ok((cost, text, json!({ "card": card, "report": report, "out": out })))
}

/// The input of an encoder without recordings: scale unknown, values taken as they are.
fn input(args: &ModelArgs, channels: usize) -> InputSpec {
    InputSpec {
        channels: (1..=channels).map(|number| format!("channel {number}")).collect(),
        frames: args.frames as usize,
        size: args.size as usize,
        pixel_size_um: None,
        interval_s: None,
        masked: false,
        mean: vec![0.0; channels],
        std: vec![1.0; channels],
    }
}

fn card(file: &Path, encoder: EncoderConfig, input: InputSpec) -> Card {
    let name = file.file_stem().map_or_else(|| "imported".into(), |stem| stem.to_string_lossy());
    let from = file.file_name().unwrap_or_default().to_string_lossy();
    Card {
        format: FORMAT,
        name: name.into_owned(),
        program: format!("molclip {}", env!("CARGO_PKG_VERSION")),
        hash: String::new(),
        input,
        encoder,
        molecule_encoder: MoleculeEncoderKind::default(),
        projection: 0,
        drugs: Vec::new(),
        moas: Vec::new(),
        trained_on: TrainedOn::default(),
        training: Value::Null,
        notes: vec![
            format!(
                "A video encoder alone, imported from {from}: it embeds videos, it knows no drugs or mechanisms."
            ),
            "What it was trained on, its pixel size, interval and normalisation are not in that file."
                .to_owned(),
        ],
    }
}

fn card_text(card: &Card) -> String {
    let trained = &card.trained_on;
    let unknown = || "unknown".to_owned();
    let mut rows = vec![
        ("Name", card.name.clone()),
        ("Written by", card.program.clone()),
        ("BLAKE3", card.hash.clone()),
        ("Encoder", card.encoder.name().to_owned()),
        ("Input", input_text(&card.input)),
        ("Channels", card.input.channels.join(", ")),
        ("Mean, deviation", format!("{:?}, {:?}", card.input.mean, card.input.std)),
        ("Pixels outside", if card.input.masked { "zero (masked cells)" } else { "as recorded" }.to_owned()),
        ("Knows", format!("{} drugs, {} mechanisms", card.drugs.len(), card.moas.len())),
    ];
    if trained.experiment.is_empty() {
        rows.push(("Trained on", unknown()));
    } else {
        let simulated = if trained.simulated { ", simulated" } else { "" };
        rows.push(("Trained on", format!("{}{simulated}, {} videos", trained.experiment, trained.rows)));
        let map = trained.validation_map.map_or_else(unknown, |map| format!("{map:.3}"));
        let of = trained.validated_by.map_or_else(String::new, |by| format!(": {}", by.text()));
        rows.push(("Validation mAP", format!("{map} on {} videos{of}", trained.validation_rows)));
    }
    rows.extend(card.notes.iter().map(|note| ("Note", note.clone())));
    rows.iter().fold(String::new(), |mut text, (what, value)| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{what:16}  {value}");
        text
    })
}

fn input_text(input: &InputSpec) -> String {
    let scale = |value: Option<f64>, unit: &str, what: &str| match value {
        None => format!("{what} unknown"),
        Some(value) => format!("{value} {unit}"),
    };
    format!(
        "{} channels, {} frames of {2} × {2} px; {3}, {4}",
        input.channels.len(),
        input.frames,
        input.size,
        scale(input.pixel_size_um, "µm per pixel", "pixel size"),
        scale(input.interval_s, "s between frames", "interval"),
    )
}

fn describe(cost: &Cost, batch: usize) -> Value {
    let [channels, frames, height, width] = cost.input;
    json!({
        "input": { "channels": channels, "frames": frames, "height": height, "width": width },
        "features": cost.features,
        "parameters": cost.parameters(),
        "flops": cost.flops(),
        "activation_bytes": cost.activation_bytes(),
        "batch": batch,
        "inference_bytes": cost.inference_bytes(batch),
        "training_bytes": cost.training_bytes(batch),
        "layers": cost.layers,
    })
}

/// The layers of the video encoder and their sums.
fn table(cost: &Cost, batch: usize) -> String {
    let shape = |output: &[usize]| output.iter().map(ToString::to_string).collect::<Vec<_>>().join(" × ");
    let names = cost.layers.iter().map(|layer| layer.name.chars().count()).max().unwrap_or(0).max(5);
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{:names$}  {:>20}  {:>12}  {:>10}", "layer", "output", "parameters", "MFLOP");
    for layer in &cost.layers {
        let _ = writeln!(
            text,
            "{:names$}  {:>20}  {:>12}  {:>10.1}",
            layer.name,
            shape(&layer.output),
            grouped(layer.parameters as u64),
            layer.flops as f64 / 1e6,
        );
    }
    let mib = |bytes: u64| grouped(bytes.div_ceil(1 << 20));
    let rows = [
        ("Features", cost.features.to_string()),
        ("Parameters", grouped(cost.parameters() as u64)),
        ("Operations", format!("{:.2} GFLOP a video (2 a multiply-add)", cost.flops() as f64 / 1e9)),
        ("Layer outputs", format!("{} MiB a video", mib(cost.activation_bytes()))),
        ("Memory", format!("about {} MiB to embed {batch} videos at once", mib(cost.inference_bytes(batch)))),
        ("", format!("about {} MiB to train on {batch}", mib(cost.training_bytes(batch)))),
    ];
    text.push('\n');
    for (what, value) in rows {
        let _ = writeln!(text, "{what:16}  {value}");
    }
    text
}

/// 12345678 as 12,345,678.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three() {
        let numbers = [0, 999, 1000, 46_198_976].map(grouped);
        assert_eq!(numbers, ["0", "999", "1,000", "46,198,976"]);
    }
}
