//! A compound on its way onto the selected rows.

use crate::app::screen::command::Structure;
use crate::chem::{ChemError, CompoundLibrary, Molecule};

/// What has been typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttachForm {
    /// Name or SMILES.
    pub text: String,
    /// Name to write beside a SMILES.
    pub name: String,
}

impl AttachForm {
    /// A form with what was pasted.
    pub fn of(text: &str) -> Self {
        Self { text: text.trim().to_owned(), ..Self::default() }
    }

    /// What the text stands for: a drug of the library, else a SMILES.
    pub fn structure(&self) -> Result<Structure, ChemError> {
        let text = self.text.trim();
        if let Some(compound) = CompoundLibrary::built_in().find(text) {
            return Ok(Structure {
                name: Some(compound.name.clone()),
                smiles: compound.smiles.clone(),
                moa: Some(compound.moa.join("; ")).filter(|m| !m.is_empty()),
            });
        }
        let molecule = Molecule::from_smiles(text)?;
        let title = molecule.title().map(str::to_owned);
        let name = Some(self.name.trim().to_owned()).filter(|n| !n.is_empty()).or(title);
        Ok(Structure {
            name,
            smiles: text.split_whitespace().next().unwrap_or_default().to_owned(),
            moa: None,
        })
    }
}
