//! A family of encoders of its own, made as `ARCHITECTURE.md` says: what joins at the waist gets everything beyond it.

use std::sync::Arc;

use molclip::analysis::items::Item;
use molclip::analysis::split::Protocol;
use molclip::experiment::import;
use molclip::export::predictions::{Source, tables};
use molclip::learn::assess::{Assessment, assess};
use molclip::learn::encoder::{About, EncodeError, Encoded, Encoder, Rows};
use molclip::learn::pipeline::{answers, embed};
use molclip::learn::store::LoadError;
use molclip::model::input::Frames;
use molclip::progress::Progress;
use molclip::simulate;
use molclip::video::{Limits, Recording};

/// Mean and spread of each channel.
struct MeanAndSpread(About);

fn vector(rows: &Rows, item: &Item) -> Result<Vec<f32>, LoadError> {
    let recording = Recording::open(&rows.experiment.address(item.row)?, Limits::default())?;
    let mut vector = Vec::new();
    for channel in 0..recording.shape().c {
        let (mut sum, mut squares, mut n) = (0.0, 0.0, 0.0_f64);
        for t in 0..recording.shape().t {
            recording.read(t, 0, channel)?.for_each(|value| {
                (sum, squares, n) = (sum + value, squares + value * value, n + 1.0);
            });
        }
        let mean = sum / n.max(1.0);
        vector.extend([mean as f32, (squares / n.max(1.0) - mean * mean).max(0.0).sqrt() as f32]);
    }
    Ok(vector)
}

impl Encoder for MeanAndSpread {
    fn about(&self) -> &About {
        &self.0
    }

    fn encode(&self, rows: &Rows, progress: &Progress) -> Result<Encoded, EncodeError> {
        let mut encoded = Encoded::default();
        for item in rows.items {
            progress.check()?;
            match vector(rows, item) {
                Ok(vector) => encoded.push(item, &vector),
                Err(e) => encoded.problems.push((item.row_id.clone(), e.to_string())),
            }
        }
        Ok(encoded)
    }
}

#[test]
fn a_family_of_its_own_is_answered_evaluated_and_exported() {
    let folder = tempfile::tempdir().unwrap();
    let config = simulate::Config {
        moas: 3,
        drugs_per_moa: 4,
        videos_per_drug: 2,
        replicates: 2,
        size: 32,
        frames: 4,
        seed: 5,
        ..simulate::Config::default()
    };
    let progress = Progress::default();
    let manifest = simulate::run(&config, &folder.path().join("screen"), &progress).unwrap();
    let experiment = Arc::new(import::open(&manifest).unwrap().experiment);
    let name = "mean and spread".to_owned();
    let toy = MeanAndSpread(About {
        family: "toy".to_owned(),
        name,
        trained_with: Some(vec![]),
        ..About::default()
    });

    let embedded = embed(&experiment, &toy, &progress).unwrap();
    assert_eq!((embedded.encoded.rows.len(), embedded.encoded.dim), (experiment.table.len(), 2));
    let answers = answers("toy", &experiment, &embedded.table(), &embedded.about, None, &progress).unwrap();
    let tables = tables(&answers, &Source::of(&embedded), &progress).unwrap();
    assert_eq!((tables.videos.height(), tables.treatments.height()), (experiment.table.len(), 24));
    tables.write(&folder.path().join("toy.csv")).unwrap();
    let how = Assessment {
        protocol: Protocol::DrugDisjoint,
        seed: 1,
        accept_contamination: false,
        order: Frames::Video,
    };
    let assessed = assess(&experiment, &toy, &how, &progress).unwrap();
    assert!(assessed.reports.iter().any(|report| report.baselines.contains_key("chance")));
}
