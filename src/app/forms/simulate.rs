//! A simulated screen: its size, and what its cells would look like.

use std::path::PathBuf;
use std::sync::Arc;

use eframe::egui::TextureHandle;

use crate::app::background_cache::BackgroundCache;
use crate::simulate::{self, Config, Parameters, Treatment, Video};

/// Previews kept.
const PREVIEWS: usize = 8;

/// What a preview shows: the settings, a mechanism (none: DMSO), and its strength in percent.
pub type Wish = (Config, Option<String>, u32);

/// A preview, or why there is none.
pub type Preview = Result<Arc<Video>, String>;

/// The preview on screen.
pub struct Shown {
    /// What it shows.
    pub wish: Wish,
    /// One texture per frame.
    pub frames: Vec<TextureHandle>,
    /// Width of the picture, µm.
    pub field_um: f64,
}

/// What has been chosen.
pub struct SimulateForm {
    /// Size of the screen.
    pub config: Config,
    /// Folder to write into.
    pub folder: String,
    /// Mechanism of the preview; DMSO without.
    pub moa: Option<String>,
    /// Its strength.
    pub percent: u32,
    /// Made in the background when first wished for.
    pub previews: Option<BackgroundCache<Wish, Preview>>,
    /// The preview on screen.
    pub shown: Option<Shown>,
}

impl Default for SimulateForm {
    fn default() -> Self {
        let home = directories::UserDirs::new();
        let parent =
            home.as_ref().map_or_else(PathBuf::new, |h| h.document_dir().unwrap_or(h.home_dir()).to_owned());
        let config =
            Config { moas: 6, drugs_per_moa: 4, videos_per_drug: 2, replicates: 3, ..Config::default() };
        let folder = parent.join("simulated screen").display().to_string();
        Self { config, folder, moa: None, percent: 100, previews: None, shown: None }
    }
}

impl SimulateForm {
    /// The preview that should be on screen.
    pub fn wish(&self) -> Wish {
        (self.config.clone(), self.moa.clone(), self.percent)
    }

    /// Why no screen can be simulated, and what to do.
    pub fn problem(&self) -> Option<String> {
        if self.folder.trim().is_empty() {
            return Some("Name a folder to write into.".into());
        }
        Parameters::get().and_then(|parameters| self.config.check(parameters)).err().map(|e| e.to_string())
    }
}

/// Starts making previews.
pub fn previews(wake: impl Fn() + Send + 'static) -> BackgroundCache<Wish, Preview> {
    BackgroundCache::new("preview", PREVIEWS, make, wake)
}

fn make((config, moa, percent): &Wish) -> Preview {
    let treatment = moa
        .as_ref()
        .map_or(Treatment::Control, |moa| Treatment::Moa(moa.clone(), f64::from(*percent) / 100.0));
    simulate::preview(config, &treatment, 0).map(Arc::new).map_err(|e| e.to_string())
}
