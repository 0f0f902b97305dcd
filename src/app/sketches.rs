//! Structures ready to be shown: parsed, laid out and described by a thread of their own.

use std::sync::Arc;

use super::background_cache::BackgroundCache;
use crate::chem::{self, ChemError, Descriptors, Drawing, Ecfp4, Molecule};

/// Structures kept: a drawing takes a few kilobytes.
const KEPT: usize = 4000;

/// A structure with what panels show of it.
pub struct Sketch {
    /// The whole, with salts and solvents.
    pub molecule: Molecule,
    /// How it is drawn.
    pub drawing: Drawing,
    /// Sum formula.
    pub formula: String,
    /// Weight, polarity and the like, of the whole.
    pub descriptors: Option<Descriptors>,
    /// Standard InChIKey.
    pub inchi_key: Option<String>,
    /// Fingerprint of the parent, for similarity.
    pub ecfp4: Option<Ecfp4>,
}

/// A structure, or what is wrong with its SMILES and where.
pub type Made = Result<Arc<Sketch>, ChemError>;

/// Structures by SMILES.
pub type Sketches = BackgroundCache<String, Made>;

/// Starts making structures.
pub fn start(wake: impl Fn() + Send + 'static) -> Sketches {
    BackgroundCache::new("structures", KEPT, |smiles: &String| make(smiles).map(Arc::new), wake)
}

/// Parses, lays out and describes a structure.
pub fn make(smiles: &str) -> Result<Sketch, ChemError> {
    let molecule = Molecule::from_smiles(smiles)?;
    let drawing = chem::depict(&molecule, &chem::Style::default())?;
    Ok(Sketch {
        drawing,
        formula: molecule.formula(),
        descriptors: molecule.descriptors().ok(),
        inchi_key: molecule.inchi_key().ok(),
        ecfp4: molecule.parent().ecfp4().ok(),
        molecule,
    })
}
