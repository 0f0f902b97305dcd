//! Compounds: structures, fingerprints, search, pictures and files. The only caller of the chemistry toolkit.
//!
//! Results equal RDKit's on the reference compounds in `tests/fixtures/chem`; InChIKeys come from the InChI Trust's code.

mod descriptors;
mod error;
mod files;
mod fingerprint;
mod inchi;
mod molecule;
mod smiles;

pub use descriptors::Descriptors;
pub use error::ChemError;
pub use files::{CompoundFile, Format, MAX_FILE, MAX_RECORDS, Record};
pub use fingerprint::{Bits, ECFP4_BITS, Ecfp4, FingerprintIndex, Hit, MACCS_KEYS, Maccs};
pub use molecule::Molecule;
pub use smiles::{MAX_ATOMS, MAX_LENGTH, Warning};
