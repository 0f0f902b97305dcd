use std::collections::HashMap;
use std::fs;

use burn::module::Module;
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use tempfile::TempDir;

use super::*;
use crate::model::card::{InputSpec, MoleculeEncoderKind, TrainedOn};
use crate::model::video_encoder::EncoderConfig;
use crate::model::video_encoder::resnet3d::tests::{assert_close, noise};
use crate::model::video_encoder::resnet3d::{Depth, ResNet3d};
use crate::random::stream;

/// Any module will do: this one has a norm, a matrix and a list.
#[derive(Module, Debug)]
struct Small {
    heads: Vec<Linear>,
    norm: BatchNorm,
}

impl Small {
    fn new(inputs: usize, device: &Device) -> Self {
        let head = || LinearConfig::new(inputs, 2).init(device);
        Self { heads: vec![head(), head()], norm: BatchNormConfig::new(inputs).init(device) }
    }

    fn forward(&self, x: Tensor<2>) -> Vec<f32> {
        let x = self.norm.forward(x);
        let outputs = self.heads.iter().map(|head| head.forward(x.clone())).collect();
        Tensor::cat(outputs, 1).into_data().try_to_vec().unwrap()
    }
}

fn card() -> Card {
    Card {
        format: FORMAT,
        name: "small".to_owned(),
        program: "test".to_owned(),
        hash: String::new(),
        input: InputSpec {
            channels: vec!["mitochondria".to_owned()],
            frames: 8,
            size: 32,
            pixel_size_um: Some(0.3),
            interval_s: Some(5.0),
            masked: false,
            mean: vec![0.1],
            std: vec![0.2],
        },
        encoder: EncoderConfig::Resnet3d18 { width: 4 },
        molecule_encoder: MoleculeEncoderKind::EcfpMlp,
        projection: 16,
        drugs: Vec::new(),
        moas: vec!["uncoupler".to_owned()],
        trained_on: TrainedOn { simulated: true, ..TrainedOn::default() },
        training: serde_json::json!({ "epochs": 3 }),
        notes: Vec::new(),
    }
}

fn x(device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(noise(12, 3), [4, 3]), device)
}

/// A saved model, its card and what it answers.
fn saved() -> (TempDir, Card, Vec<f32>) {
    let device = Device::flex();
    let folder = tempfile::tempdir().unwrap();
    let module = Small::new(3, &device);
    let card = save(folder.path(), &module, &card()).unwrap();
    let output = module.forward(x(&device));
    (folder, card, output)
}

/// Overwrites the weights; the card is made to name them, as somebody would who means harm.
fn plant(folder: &Path, bytes: &[u8]) -> Card {
    fs::write(folder.join(WEIGHTS), bytes).unwrap();
    let card = Card { hash: blake3::hash(bytes).to_hex().to_string(), ..read_card(folder).unwrap() };
    fs::write(folder.join(CARD), serde_json::to_vec(&card).unwrap()).unwrap();
    card
}

/// The tensors of a folder's weights, changed and written again.
fn rewrite(folder: &Path, change: impl Fn(&mut HashMap<String, (Dtype, Vec<usize>, Vec<u8>)>)) -> Card {
    let bytes = fs::read(folder.join(WEIGHTS)).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut tensors = file
        .iter()
        .map(|(name, view)| (name.to_owned(), (view.dtype(), view.shape().to_vec(), view.data().to_vec())))
        .collect();
    change(&mut tensors);
    let views = tensors
        .iter()
        .map(|(name, (dtype, shape, data))| (name, TensorView::new(*dtype, shape.clone(), data).unwrap()));
    plant(folder, &safetensors::serialize(views, None).unwrap())
}

#[test]
fn a_model_that_was_saved_answers_the_same() {
    let (folder, card, expected) = saved();
    assert_eq!(read_card(folder.path()).unwrap(), card);
    let bytes = fs::read(folder.path().join(WEIGHTS)).unwrap();
    assert_eq!(card.hash, blake3::hash(&bytes).to_hex().as_str());
    let mut module = Small::new(3, &Device::flex());
    assert_ne!(module.forward(x(&Device::flex())), expected, "fresh weights differ");
    load(folder.path(), &card, &mut module).unwrap();
    assert_eq!(module.forward(x(&Device::flex())), expected);
    let names: Vec<String> = list(folder.path(), &card).unwrap().into_iter().map(|info| info.name).collect();
    let paths = "heads.0.bias heads.0.weight heads.1.bias heads.1.weight norm.beta norm.gamma norm.running_mean \
                 norm.running_var";
    assert_eq!(names.join(" "), paths);
    // Saved again, in another store: the same bytes, so the same hash.
    let again = tempfile::tempdir().unwrap();
    assert_eq!(save(&again.path().join("new"), &module, &card).unwrap(), card);
}

#[test]
fn a_model_in_training_is_saved_with_its_latest_statistics() {
    let device = Device::flex().autodiff();
    let module = Small::new(3, &device);
    for _ in 0..3 {
        module.forward(x(&device));
    }
    let folder = tempfile::tempdir().unwrap();
    let card = save(folder.path(), &module, &card()).unwrap();
    let mut loaded = Small::new(3, &Device::flex());
    load(folder.path(), &card, &mut loaded).unwrap();
    let expected: Vec<f32> = module.valid().norm.running_mean.value().into_data().try_to_vec().unwrap();
    assert!(expected.iter().all(|mean| *mean != 0.0));
    assert_eq!(loaded.norm.running_mean.value().into_data().try_to_vec::<f32>().unwrap(), expected);
    // What is loaded into a module on a training device can be trained.
    let mut trained = Small::new(3, &device);
    load(folder.path(), &card, &mut trained).unwrap();
    let gradients = trained.heads[0].forward(x(&device)).sum().backward();
    assert!(trained.heads[0].weight.val().grad(&gradients).is_some());
}

#[test]
fn weights_and_card_of_different_models_are_told_apart() {
    let (folder, card, _) = saved();
    let (other, other_card, _) = saved();
    fs::copy(other.path().join(WEIGHTS), folder.path().join(WEIGHTS)).unwrap();
    let error = load(folder.path(), &card, &mut Small::new(3, &Device::flex())).unwrap_err();
    assert!(matches!(error, WeightsError::OtherWeights { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(&card.hash) && text.contains(&other_card.hash), "{text}");
}

#[test]
fn what_does_not_fit_is_listed_and_the_module_stays_as_it_was() {
    let fits_not = |card: &Card, folder: &TempDir, inputs| {
        let mut module = Small::new(inputs, &Device::flex());
        let x = Tensor::ones([1, inputs], &Device::flex());
        let before = module.forward(x.clone());
        let error = load(folder.path(), card, &mut module).unwrap_err();
        assert_eq!(module.forward(x), before);
        match error {
            WeightsError::DoesNotFit { report, .. } => *report,
            other => panic!("{other}"),
        }
    };
    let (folder, card, _) = saved();
    let report = fits_not(&card, &folder, 2);
    assert_eq!(report.errors.len(), 6, "{report}");
    assert!(
        report.errors[0].contains("heads.0.weight is [3, 2] in the file, [2, 2] in the model"),
        "{report}"
    );
    let card = rewrite(folder.path(), |tensors| {
        let tensor = tensors.remove("norm.running_var").unwrap();
        tensors.insert("norm.running_sd".to_owned(), tensor);
    });
    let report = fits_not(&card, &folder, 3);
    assert_eq!(
        (report.missing, report.unused),
        (vec!["norm.running_var".to_owned()], vec!["norm.running_sd".to_owned()])
    );
    // One tensor too many is another model too.
    let (folder, ..) = saved();
    let card = rewrite(folder.path(), |tensors| {
        tensors.insert("extra".to_owned(), (Dtype::F32, vec![1], vec![0; 4]));
    });
    assert_eq!(fits_not(&card, &folder, 3).unused, ["extra"]);
}

#[test]
fn values_that_are_no_finite_numbers_are_neither_loaded_nor_saved() {
    let (folder, _, _) = saved();
    let card = rewrite(folder.path(), |tensors| {
        let (_, _, data) = tensors.get_mut("heads.1.weight").unwrap();
        data[8..12].copy_from_slice(&f32::NAN.to_le_bytes());
    });
    let mut module = Small::new(3, &Device::flex());
    let error = load(folder.path(), &card, &mut module).unwrap_err().to_string();
    assert!(error.contains("value 2 of heads.1.weight is NaN"), "{error}");

    let (folder, card, _) = saved();
    let before = fs::read(folder.path().join(WEIGHTS)).unwrap();
    module.norm.gamma = module.norm.gamma.map(|gamma| gamma / 0.0);
    let error = save(folder.path(), &module, &card).unwrap_err().to_string();
    assert!(error.contains("value 0 of norm.gamma is inf"), "{error}");
    assert_eq!(fs::read(folder.path().join(WEIGHTS)).unwrap(), before);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left behind");
}

#[test]
fn where_the_card_cannot_be_written_the_weights_stay() {
    let (folder, card, _) = saved();
    let before = fs::read(folder.path().join(WEIGHTS)).unwrap();
    fs::remove_file(folder.path().join(CARD)).unwrap();
    // No file takes the place of a folder.
    fs::create_dir(folder.path().join(CARD)).unwrap();
    let error = save(folder.path(), &Small::new(3, &Device::flex()), &card).unwrap_err();
    assert!(matches!(&error, WeightsError::Io { path, .. } if path.ends_with(CARD)), "{error}");
    assert!(fs::read(folder.path().join(WEIGHTS)).unwrap() == before, "weights without their card");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left behind");
}

#[test]
fn other_floating_point_types_load_and_whole_numbers_do_not() {
    let convert = |dtype, number: fn(f32) -> Vec<u8>| {
        let (folder, _, expected) = saved();
        let card = rewrite(folder.path(), |tensors| {
            for (kind, _, data) in tensors.values_mut() {
                *kind = dtype;
                *data = data.as_chunks().0.iter().flat_map(|&b| number(f32::from_le_bytes(b))).collect();
            }
        });
        let mut module = Small::new(3, &Device::flex());
        load(folder.path(), &card, &mut module).map(|()| (module.forward(x(&Device::flex())), expected))
    };
    let (computed, expected) = convert(Dtype::F64, |v| f64::from(v).to_le_bytes().to_vec()).unwrap();
    assert_eq!(computed, expected);
    let near = |(computed, expected): (Vec<f32>, Vec<f32>), tolerance| {
        computed.iter().zip(&expected).all(|(a, b)| (a - b).abs() < tolerance)
    };
    assert!(near(convert(Dtype::F16, |v| half::f16::from_f32(v).to_le_bytes().to_vec()).unwrap(), 5e-3));
    assert!(near(convert(Dtype::BF16, |v| half::bf16::from_f32(v).to_le_bytes().to_vec()).unwrap(), 5e-2));
    let error = convert(Dtype::I32, |v| (v as i32).to_le_bytes().to_vec()).unwrap_err().to_string();
    assert!(error.contains("holds I32"), "{error}");
}

#[test]
fn a_file_larger_than_the_model_is_not_read() {
    let (folder, card, _) = saved();
    let file = fs::OpenOptions::new().write(true).open(folder.path().join(WEIGHTS)).unwrap();
    // Sparse: a terabyte that takes no disk.
    file.set_len(1 << 40).unwrap();
    let error = load(folder.path(), &card, &mut Small::new(3, &Device::flex())).unwrap_err();
    assert!(matches!(error, WeightsError::TooLarge { bytes: 1_099_511_627_776, .. }), "{error}");
    assert!(matches!(list(folder.path(), &card), Err(WeightsError::TooLarge { .. })));
}

#[test]
fn damaged_weights_are_errors_and_never_panic() {
    let (folder, _, _) = saved();
    let sound = fs::read(folder.path().join(WEIGHTS)).unwrap();
    let header = usize::from(u16::from_le_bytes([sound[0], sound[1]])) + 8;
    let mut rng = stream(1, &["damaged weights"]);
    let (mut refused, mut loaded) = (0, 0);
    for round in 0..600 {
        let mut bytes = sound.clone();
        match round % 3 {
            0 => bytes.truncate(rng.random_range(0..sound.len())),
            1 => {
                // Numbers of the header: offsets, shapes, its length.
                for _ in 0..rng.random_range(1..4) {
                    let place = rng.random_range(0..header);
                    bytes[place] =
                        if rng.random_bool(0.5) { rng.random() } else { b"0123456789[]{}\","[place % 16] };
                }
            }
            _ => {
                for _ in 0..rng.random_range(1..8) {
                    let place = rng.random_range(header..sound.len());
                    bytes[place] = rng.random();
                }
            }
        }
        let card = plant(folder.path(), &bytes);
        match load(folder.path(), &card, &mut Small::new(3, &Device::flex())) {
            Ok(()) => loaded += 1,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                refused += 1;
            }
        }
    }
    // Changed values are still values; nothing else passes.
    assert!(refused > 300 && loaded > 10, "{refused} and {loaded}");
}

#[test]
fn damaged_cards_are_errors_that_name_the_problem() {
    let (folder, card, _) = saved();
    let path = folder.path().join(CARD);
    let text = fs::read_to_string(&path).unwrap();
    let problem = |text: &str| {
        fs::write(&path, text).unwrap();
        read_card(folder.path()).unwrap_err().to_string()
    };
    for (from, to, expected) in [
        ("\"width\": 4", "\"width\": 100000000000", "width 100000000000"),
        ("\"width\": 4", "\"width\": -4", "invalid value"),
        ("\"frames\": 8", "\"frames\": 0", "number of frames is 0"),
        ("\"projection\": 16", "\"projection\": 16, \"color\": 1", "format"),
        ("\"format\": 1", "\"format\": 9", "has format 9"),
        ("\"hash\"", "\"hush\"", "hash"),
    ] {
        assert!(text.contains(from), "{from}");
        let changed = text.replace(from, to);
        if expected == "format" {
            // Cards of this format may gain fields that old programs do not know.
            fs::write(&path, changed).unwrap();
            assert_eq!(read_card(folder.path()).unwrap(), card);
        } else {
            let problem = problem(&changed);
            assert!(problem.contains(expected), "{problem}");
        }
    }
    assert!(problem("").contains("EOF"));
    let mut rng = stream(2, &["damaged card"]);
    for _ in 0..300 {
        let mut bytes = text.clone().into_bytes();
        for _ in 0..rng.random_range(1..6) {
            let place = rng.random_range(0..bytes.len());
            bytes[place] = rng.random();
        }
        fs::write(&path, bytes).unwrap();
        // Changed letters of a name are still a name.
        if let Ok(card) = read_card(folder.path()) {
            assert_eq!(card.check(), Ok(()));
        }
    }
    fs::remove_file(&path).unwrap();
    assert!(matches!(read_card(folder.path()), Err(WeightsError::Io { .. })));
}

const CHECKPOINT: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/resnet3d/checkpoint.safetensors");

/// What PyTorch answers with the checkpoint of the fixture, and the videos it was asked about.
fn checkpoint(output: &str) -> ([usize; 5], Vec<f32>) {
    let text = include_str!("../../../tests/fixtures/resnet3d/checkpoint.json");
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    let rows: Vec<Vec<f32>> = serde_json::from_value(value[output].clone()).unwrap();
    (serde_json::from_value(value["input"].clone()).unwrap(), rows.concat())
}

fn features(network: &ResNet3d, videos: Tensor<5>) -> Vec<f32> {
    network.forward(videos).into_data().try_to_vec().unwrap()
}

#[test]
fn a_checkpoint_of_pytorch_answers_as_it_does_there() {
    let device = Device::flex();
    let file = PytorchFile::read(Path::new(CHECKPOINT)).unwrap();
    assert_eq!(file.first_convolution(), Some([1, 3]));
    let mut network = ResNet3d::new(Depth::Fifty, 1, 3, &device);
    let report = file.load_into(&mut network).unwrap();
    assert_eq!(report.unused, ["module.fc.bias", "module.fc.weight"]);
    assert_eq!(report.applied.len(), 53 * 5);
    let notes = report.notes.join("\n");
    assert!(notes.contains("without module. in front") && notes.contains("53 counters"), "{notes}");
    let (shape, expected) = checkpoint("output");
    let videos = Tensor::from_data(TensorData::new(noise(shape.iter().product(), 1002), shape), &device);
    assert_close("output", &features(&network, videos), &expected);
}

#[test]
fn a_network_of_one_channel_takes_the_sum_over_three() {
    let device = Device::flex();
    let mut network = ResNet3d::new(Depth::Fifty, 1, 1, &device);
    let report = PytorchFile::read(Path::new(CHECKPOINT)).unwrap().load_into(&mut network).unwrap();
    assert!(report.notes[0].contains("3 channels were summed into one"), "{report}");
    let (shape, expected) = checkpoint("output_of_the_first_channel_thrice");
    let videos = Tensor::<5>::from_data(TensorData::new(noise(shape.iter().product(), 1002), shape), &device);
    let grey = videos.slice([0..2, 0..1]);
    assert_close("output", &features(&network, grey), &expected);
}

#[test]
fn a_checkpoint_of_another_network_is_refused_with_what_does_not_fit() {
    let device = Device::flex();
    let file = PytorchFile::read(Path::new(CHECKPOINT)).unwrap();
    for (depth, width, channels, what) in [
        (
            Depth::Fifty,
            2,
            3,
            "module.conv1.weight is [1, 3, 7, 7, 7] in the file, [2, 3, 7, 7, 7] in the model",
        ),
        (
            Depth::Fifty,
            1,
            2,
            "module.conv1.weight is [1, 3, 7, 7, 7] in the file, [1, 2, 7, 7, 7] in the model",
        ),
        (
            Depth::Eighteen,
            1,
            3,
            "module.layer1.0.conv1.weight is [1, 1, 1, 1, 1] in the file, [1, 1, 3, 3, 3]",
        ),
    ] {
        let mut network = ResNet3d::new(depth, width, channels, &device);
        let videos = Tensor::ones([1, channels, 4, 16, 16], &device);
        let before = features(&network, videos.clone());
        let error = file.load_into(&mut network).unwrap_err();
        assert_eq!(features(&network, videos), before);
        assert!(error.to_string().contains(what), "{error}");
        let WeightsError::DoesNotFit { report, .. } = error else { panic!("{error}") };
        assert!(report.applied.is_empty() && !report.fits());
    }
}

#[test]
fn names_that_become_the_same_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let data = [0; 4];
    let views = ["module.conv1.weight", "backbone.module.conv1.weight"]
        .map(|name| (name, TensorView::new(Dtype::F32, vec![1], &data).unwrap()));
    fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
    let mut network = ResNet3d::new(Depth::Eighteen, 1, 1, &Device::flex());
    let error = PytorchFile::read(&path).unwrap().load_into(&mut network).unwrap_err().to_string();
    assert!(error.contains("are both conv1.weight"), "{error}");
}
