//! Asking by structure in the window.

use std::sync::Arc;

use super::Encoded;
use crate::learn::structure_query::{Asked, FAR, Known, joined, likeness, mechanisms};
use crate::model::molecule_encoder::MoleculeFeatures;

/// Known structures that are shown.
const KNOWN: usize = 5;

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct StructureQuestion {
    /// SMILES or name.
    pub text: String,
    /// Part of the structure; the rest is that of the selected video.
    pub weight: f32,
    /// Selected row, if it counts.
    pub row: Option<u32>,
    /// Which answers.
    pub round: u64,
}

impl Default for StructureQuestion {
    fn default() -> Self {
        Self { text: String::new(), weight: 1.0, row: None, round: 0 }
    }
}

/// What is said.
#[derive(Debug, Clone)]
pub struct StructureAnswer {
    /// What was asked about.
    pub asked: Asked,
    /// Table rows that it should look like, best first, with their score.
    pub videos: Vec<(usize, f32)>,
    /// Mechanisms, best first.
    pub moas: Vec<(String, f32)>,
    /// Nearest structures of the experiment.
    pub known: Vec<Known>,
    /// Nearest structure that the model was trained on.
    pub trained: Option<Known>,
    /// A selected video counted.
    pub with_video: bool,
}

impl StructureAnswer {
    /// True if the model is guessing: nothing that it was trained on is like it.
    pub fn is_far(&self) -> bool {
        self.trained.as_ref().is_none_or(|known| known.tanimoto < FAR)
    }
}

/// Answers; on a job.
pub fn ask(
    encoded: &Arc<Encoded>,
    question: &StructureQuestion,
    shown: usize,
) -> Result<StructureAnswer, String> {
    let asked = Asked::parse(&question.text).map_err(|e| e.to_string())?;
    let features = MoleculeFeatures::from_smiles(&[&asked.smiles]).map_err(|e| e.to_string())?;
    let embedded = &encoded.embedded;
    let (Some(space), Some(projections)) = (encoded.encoder.molecules(), &embedded.projections) else {
        return Err(
            "This encoder has no space in common with structures. Choose a model that was trained with them."
                .to_owned(),
        );
    };
    let structure = space.project_molecules(features).map_err(|e| e.to_string())?;
    let rows = &embedded.encoded.rows;
    let by_structure = likeness(&structure, projections);
    let place = question.row.filter(|_| question.weight < 1.0);
    let place = place.and_then(|row| rows.iter().position(|&r| r == row as usize));
    let scores = match place {
        Some(place) => {
            let width = structure.len();
            let own = &projections[place * width..(place + 1) * width];
            let mut by_video = likeness(own, projections);
            // The video itself is no answer.
            by_video[place] = f32::NAN;
            joined(&by_structure, &by_video, question.weight)
        }
        None => by_structure,
    };
    let subjects = &encoded.subjects;
    let compounds: Vec<Option<usize>> = rows
        .iter()
        .map(|&row| {
            let subject = encoded.subject(row as u32)?;
            let subject = &subjects.subjects[subject];
            subject.compound.filter(|_| !subject.control)
        })
        .collect();
    let moas = &subjects.compound_moas;
    let mut order: Vec<usize> = (0..rows.len()).filter(|&i| scores[i].is_finite()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
    let known: Vec<_> = subjects
        .compounds
        .iter()
        .zip(moas)
        .filter_map(|(compound, of)| {
            Some(crate::model::card::DrugClass {
                name: compound.name.clone(),
                skeleton: compound.skeleton.clone().unwrap_or_default(),
                smiles: compound.smiles.clone()?,
                moas: of.iter().map(|&moa| subjects.moas[moa].clone()).collect(),
            })
        })
        .collect();
    Ok(StructureAnswer {
        videos: order.into_iter().take(shown).map(|i| (rows[i], scores[i])).collect(),
        moas: mechanisms(&scores, &compounds, moas)
            .into_iter()
            .map(|(moa, score)| (subjects.moas[moa].clone(), score))
            .collect(),
        known: asked.nearest(&known, KNOWN),
        trained: embedded
            .about
            .trained_with
            .as_ref()
            .and_then(|drugs| asked.nearest(drugs, 1).into_iter().next()),
        with_video: place.is_some(),
        asked,
    })
}
