//! Recordings: what a file holds, how its planes are read, cached and timed.

pub mod address;
pub mod error;
pub mod formats;
pub mod plane;
pub mod series;

pub use address::{Address, Crop};
pub use error::VideoError;
pub use formats::{Limits, Reader, open};
pub use plane::{Plane, SampleType};
pub use series::{Channel, Series, Shape};
