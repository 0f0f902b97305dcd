//! The readers of the program, without what needs more than codecs.

#[path = "../src/video/address.rs"]
pub mod address;
#[path = "../src/video/error.rs"]
pub mod error;
#[path = "../src/video/formats/mod.rs"]
pub mod formats;
#[path = "../src/video/plane.rs"]
pub mod plane;
#[path = "../src/video/series.rs"]
pub mod series;

pub use address::Crop;
pub use error::VideoError;
pub use formats::Limits;
pub use plane::{Plane, SampleType};
pub use series::{Channel, Series, Shape};
