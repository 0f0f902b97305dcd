//! Recordings: what a file holds, how its planes are read, cached and timed.

pub mod address;
pub mod cache;
pub mod channels;
mod device;
pub mod display;
pub mod edits;
pub mod error;
pub mod formats;
pub mod lut;
pub mod plane;
pub mod recording;
pub mod series;
pub mod stats;
pub mod thumbnail;
pub mod timeline;

pub use address::{Address, Crop, files_in};
pub use error::VideoError;
pub use formats::{Limits, Reader, open};
pub use plane::{Plane, SampleType};
pub use recording::Recording;
pub use series::{Channel, Series, Shape};
