//! Compounds: structures, fingerprints, search, pictures and files. The only caller of the chemistry toolkit.
//!
//! [`Molecule`] is a checked structure; [`CompoundFile`] reads many, [`CompoundLibrary`] knows them by name, [`Pattern`] and
//! [`FingerprintIndex`] find them. [`depict()`] turns one into a [`Drawing`]: a list of shapes that the window paints and
//! [`svg()`] and [`raster()`] write, in the colours of a [`Palette`].
//!
//! Results equal RDKit's on the reference compounds in `tests/fixtures/chem`; InChIKeys come from the InChI Trust's code.

mod depict;
mod descriptors;
mod duplicates;
mod error;
mod files;
mod fingerprint;
mod geometry;
mod graph;
mod inchi;
mod layout;
mod library;
mod molecule;
mod notices;
mod palette;
mod raster;
mod scaffold;
mod search;
mod smiles;
mod svg;

pub use depict::{Drawing, FONT, Fit, LINE, Shape, Style, clash, depict};
pub use descriptors::Descriptors;
pub use duplicates::{Like, Likeness, duplicates};
pub use error::ChemError;
pub use files::{CompoundFile, Format, MAX_FILE, MAX_RECORDS, Record};
pub use fingerprint::{Bits, ECFP4_BITS, Ecfp4, FingerprintIndex, Hit, MACCS_KEYS, Maccs};
pub use geometry::Point;
pub use graph::{ATOM_CATEGORIES, AtomGraph, BOND_CATEGORIES};
pub use layout::Clash;
pub use library::{Compound, CompoundLibrary, Problem};
pub use molecule::Molecule;
pub use notices::{NOTICES, Notice};
pub use palette::{Ink, Palette};
pub use raster::raster;
pub use search::Pattern;
pub use smiles::{MAX_ATOM_MAP, MAX_ATOMS, MAX_ISOTOPE, MAX_LENGTH, Warning};
pub use svg::svg;
