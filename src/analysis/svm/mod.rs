//! Linear support vector machines: what tells classes of rows apart, and how surely.

mod choose;
mod fit;
mod interior;
mod pairs;
mod scaled;
#[cfg(test)]
mod tests;

pub use self::choose::{GRID, choose_c, choose_c_of_classes};
pub use self::fit::{LinearSvm, SvmError, fit};
pub use self::pairs::OneVsOne;
