//! MolCLIP's training: a first stage learns drugs, a second one mechanisms, both beside the structures of the drugs.

pub mod examples;
pub mod trainer;

use std::sync::Arc;

use rand::seq::SliceRandom;

use self::examples::MolClipExamples;
use self::trainer::{Blueprint, Trainer};
use super::checkpoint::Identity;
use super::config::{Config, Molecules};
use super::dataset::Dataset;
use super::infer;
use super::interrupt::Interrupt;
use super::near;
use super::progress::Course;
use super::run::{Event, Outcome, Run, TrainError};
use super::session::{Session, Setup, Trained};
use crate::analysis::items::DMSO;
use crate::analysis::leakage::{self, Severity};
use crate::model::card::{Card, FORMAT, TrainedOn};
use crate::model::molclip::{MolClip, Sizes};
use crate::model::molecule_encoder::MoleculeFeatures;
use crate::model::weights;
use crate::random::stream;

/// Trains, from the last checkpoint in `out` if there is one, and writes the model to `out`. A training that was
/// finished before gives the model that it made.
///
/// Blocks; not for the window's thread. The best epoch of the last stage by validation is kept, or the last epoch
/// where nothing can be validated.
pub fn train(
    mut run: Run,
    interrupt: &Interrupt,
    report: &mut dyn FnMut(Event),
) -> Result<Outcome, TrainError> {
    let start = run.start.take();
    let card = start.as_ref().map(|(_, card)| card);
    if let Some(card) = card {
        run.config.encoder = card.encoder.clone();
        run.config.molecule_encoder = card.molecule_encoder;
        run.config.projection = card.projection;
        run.config.input.frames = card.input.frames;
        run.config.input.channels.clone_from(&card.input.channels);
    }
    let spec = card.map(|card| card.input.clone());
    let start_hash = card.map(|card| card.hash.clone()).unwrap_or_default();
    let data = Dataset::new(&run.experiment, &run.items, &run.splits, &run.config, spec, &interrupt.reading)?;
    look_for_leaks(&run, &data, report)?;
    let Run { config, experiment, out, name, compute, thread, checkpoint_every, .. } = run;
    let blueprint = Blueprint {
        sizes: sizes(&data, &config),
        molecules: MoleculeFeatures::from_smiles(&structures(&data, &config))?,
        dmso: data.drugs.iter().position(|drug| drug.skeleton == DMSO || drug.name == "DMSO"),
        start: start.map(|(model, _)| model),
        config: config.clone(),
        device: compute.device().clone(),
    };
    let fingerprint = fingerprint(&data);
    let setup = Setup {
        course: Course::from(&config),
        identity: Identity { config: config.hash(), data: fingerprint.clone(), start: start_hash },
        out,
        compute: compute.clone(),
        thread: thread.clone(),
        parts: config.accumulate,
        // Each part has two drugs at least.
        most_parts: config.batch_drugs / 2,
        checkpoint_every,
    };
    let examples = Arc::new(MolClipExamples::new(data, config.clone(), &compute));
    let session = Session::<Trainer>::new(Arc::clone(&examples), blueprint, setup)?;
    let data = examples.data();
    report(Event::Ready {
        train: data.train.len(),
        validation: data.validation.len(),
        drugs: data.drugs.len(),
        moas: data.moas.len(),
        problems: data.problems.clone(),
        steps: session.steps(),
    });
    let mut trained = session.run(interrupt, report)?;
    let (model, card) = match trained.model.take() {
        None => infer::load(trained.folder(), &compute, &thread)?,
        Some(model) => {
            let card = card_of(name, &config, &experiment.name, &examples, fingerprint, &trained);
            let card = weights::save(trained.folder(), &model, &card)?;
            trained.close(&card.hash)?;
            (model, card)
        }
    };
    Ok(Outcome { model, card, history: trained.history, waited: trained.waited })
}

/// Ends a training whose scores would say nothing, now that it is known what the rows show.
fn look_for_leaks(run: &Run, data: &Dataset, report: &mut dyn FnMut(Event)) -> Result<(), TrainError> {
    let content: Vec<_> = run.items.items.iter().map(|item| data.contents.get(&item.row).copied()).collect();
    let looks = near::table(&run.items, |row| data.near.get(&row).map(Vec::as_slice));
    let findings = leakage::check(&leakage::Check {
        items: &run.items,
        splits: &run.splits,
        protocol: run.config.protocol,
        content: Some(&content),
        near: Some(near::compared(&looks)),
    });
    let leaks: Vec<&str> = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(|finding| finding.text.as_str())
        .collect();
    let leak = (!leaks.is_empty()).then(|| leaks.join(" "));
    if !findings.is_empty() {
        report(Event::Leaks(findings));
    }
    leak.map_or(Ok(()), |leak| Err(TrainError::Leak(leak)))
}

fn sizes(data: &Dataset, config: &Config) -> Sizes {
    Sizes {
        encoder: config.encoder.clone(),
        channels: data.spec.channels.len(),
        molecule_encoder: config.molecule_encoder,
        projection: config.projection,
        drugs: data.drugs.len(),
        moas: data.moas.len(),
    }
}

/// SMILES of each drug class: its own, none, or that of another drug.
fn structures(data: &Dataset, config: &Config) -> Vec<String> {
    let own: Vec<String> = data.drugs.iter().map(|drug| drug.smiles.clone()).collect();
    match config.molecules {
        Molecules::Structures => own,
        Molecules::None => vec![String::new(); own.len()],
        Molecules::Permuted => {
            let known: Vec<usize> = (0..own.len()).filter(|&drug| !own[drug].is_empty()).collect();
            let mut from = known.clone();
            from.shuffle(&mut stream(config.seed, &["permuted structures"]));
            let mut permuted = own.clone();
            for (&to, &from) in known.iter().zip(&from) {
                permuted[to].clone_from(&own[from]);
            }
            permuted
        }
    }
}

/// Names what is learnt from, by its rows, labels and contents.
fn fingerprint(data: &Dataset) -> String {
    let mut hasher = blake3::Hasher::new();
    for sample in data.train.iter().chain(&data.validation) {
        let label = (sample.label.drug, &sample.label.moas, sample.item.control, &sample.item.row_id);
        hasher.update(format!("{label:?}").as_bytes());
        if let Some(content) = data.contents.get(&sample.item.row) {
            hasher.update(content);
        }
    }
    hasher.finalize().to_hex().to_string()
}

/// The card of what came out; its hash is not known yet.
fn card_of(
    name: String,
    config: &Config,
    experiment: &str,
    examples: &MolClipExamples,
    fingerprint: String,
    trained: &Trained<MolClip>,
) -> Card {
    let data = examples.data();
    let mut rows = data.train.iter().chain(&data.validation);
    Card {
        format: FORMAT,
        name,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        hash: String::new(),
        input: data.spec.clone(),
        encoder: config.encoder.clone(),
        molecule_encoder: config.molecule_encoder,
        projection: config.projection,
        drugs: data.drugs.clone(),
        moas: data.moas.clone(),
        trained_on: TrainedOn {
            experiment: experiment.to_owned(),
            fingerprint,
            simulated: rows.any(|sample| sample.item.simulated),
            rows: data.train.len(),
            validation_rows: data.validation.len(),
            seed: config.seed,
            epochs: trained.history.len(),
            validation_map: trained.best,
            validated_by: trained.best.and(examples.validated_by()),
        },
        training: serde_json::to_value(config).unwrap_or_default(),
        notes: Vec::new(),
    }
}
