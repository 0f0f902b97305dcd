//! Thumbnails of rows, and their textures.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use eframe::egui::{ColorImage, Context, TextureHandle, TextureId, TextureOptions};

use super::background_cache::BackgroundCache;
use crate::video::thumbnail::{Thumbnail, thumbnail};
use crate::video::{Address, Limits, Recording, VideoError};

/// Longest side, pixels.
const SIDE: usize = 112;

/// Thumbnails kept: 112² f32 values each are 100 MB at most.
const KEPT: usize = 2000;

/// A thumbnail, or why there is none.
pub type Made = Result<Arc<Thumbnail>, String>;

/// Thumbnails by address.
pub type Thumbnails = BackgroundCache<Address, Made>;

/// Starts making thumbnails.
pub fn start(limits: Limits, wake: impl Fn() + Send + 'static) -> Thumbnails {
    BackgroundCache::new("thumbnails", KEPT, move |address| make(address, limits), wake)
}

fn make(address: &Address, limits: Limits) -> Made {
    guarded(address, limits, |recording| thumbnail(recording, SIDE))
}

/// Opens a recording and makes something of it, on a thread that must go on whatever the file holds.
pub fn guarded<T>(
    address: &Address,
    limits: Limits,
    make: impl Fn(&Recording) -> Result<T, VideoError> + std::panic::RefUnwindSafe,
) -> Result<Arc<T>, String> {
    // Decoders are fuzzed, but a panic here must not end the thread.
    std::panic::catch_unwind(|| {
        let recording = Recording::open(address, limits).map_err(|e| e.to_string())?;
        make(&recording).map(Arc::new).map_err(|e| e.to_string())
    })
    .unwrap_or_else(|_| Err("The decoder failed; please report this file.".into()))
}

/// Brightness limits that fit most thumbnails, so that cells can be compared by eye.
pub fn common_limits(thumbnails: &[Option<Made>]) -> Option<(f32, f32)> {
    let known: Vec<(f32, f32)> =
        thumbnails.iter().flatten().filter_map(|made| Some(made.as_ref().ok()?.limits)).collect();
    let median = |pick: fn(&(f32, f32)) -> f32| {
        let mut all: Vec<f32> = known.iter().map(pick).collect();
        all.sort_by(f32::total_cmp);
        all.get(all.len() / 2).copied()
    };
    // Half again above the median bright end: dim wells look dim, bright ones rarely burn out.
    let (low, high) = (median(|l| l.0)?, median(|l| l.1)?);
    Some((low, low + 1.5 * (high - low)))
}

/// Textures of thumbnails, with the limits that they were made for.
#[derive(Default)]
pub struct Textures {
    made: HashMap<Address, (TextureHandle, (f32, f32))>,
    /// Limits of the contact sheet: kept while they change little, or each new thumbnail would repaint all.
    common: Option<(f32, f32)>,
}

impl Textures {
    /// The common limits to use now, given what the thumbnails on screen ask for.
    pub fn settle(&mut self, asked: Option<(f32, f32)>) -> Option<(f32, f32)> {
        if let (Some(now), Some(asked)) = (self.common, asked) {
            let span = (now.1 - now.0).max(f32::MIN_POSITIVE);
            if (asked.0 - now.0).abs() < 0.15 * span && (asked.1 - now.1).abs() < 0.15 * span {
                return self.common;
            }
        }
        self.common = asked.or(self.common);
        self.common
    }

    /// The texture of a thumbnail between two limits.
    pub fn get(
        &mut self,
        ctx: &Context,
        address: &Address,
        thumbnail: &Thumbnail,
        limits: (f32, f32),
    ) -> TextureId {
        if let Some((texture, made_for)) = self.made.get(address)
            && *made_for == limits
        {
            return texture.id();
        }
        let image = ColorImage::from_gray([thumbnail.width, thumbnail.height], &thumbnail.grey(limits));
        let texture = ctx.load_texture("thumbnail", image, TextureOptions::LINEAR);
        let id = texture.id();
        self.made.insert(address.clone(), (texture, limits));
        id
    }

    /// Lets go of textures that are not on screen.
    pub fn keep(&mut self, on_screen: &HashSet<Address>) {
        if self.made.len() > 2 * on_screen.len() + 64 {
            self.made.retain(|address, _| on_screen.contains(address));
        }
    }
}
