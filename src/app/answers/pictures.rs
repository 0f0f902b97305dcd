//! Thumbnails of neighbours, and the film of the one under the pointer.

use std::cell::RefCell;
use std::time::Duration;

use eframe::egui::{ColorImage, TextureHandle, TextureId, TextureOptions, Ui, Vec2, vec2};

use crate::app::reels::{self, Reels};
use crate::app::thumbnails::{self, Textures, Thumbnails};
use crate::video::{Address, Limits};

/// Their own caches: what the contact sheet wishes for must not drop what is wished for here.
pub struct Pictures {
    /// Still pictures.
    pub thumbnails: Thumbnails,
    /// Their textures.
    pub textures: RefCell<Textures>,
    reels: Reels,
    playing: RefCell<Option<(Address, usize, TextureHandle)>>,
}

impl std::fmt::Debug for Pictures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pictures").finish_non_exhaustive()
    }
}

impl Pictures {
    /// Starts the threads that make them.
    pub fn start(limits: Limits, wake: impl Fn() + Send + Clone + 'static) -> Self {
        Self {
            thumbnails: thumbnails::start(limits, wake.clone()),
            textures: RefCell::default(),
            reels: reels::start(limits, wake),
            playing: RefCell::default(),
        }
    }

    /// The frame of a film that is due now, with its size in pixels, between two limits; `None` until it is made.
    pub fn play(&self, ui: &Ui, address: &Address, limits: (f32, f32)) -> Option<(TextureId, Vec2)> {
        let Some(made) = self.reels.get(address) else {
            self.reels.want([address.clone()]);
            return None;
        };
        let reel = made.ok()?;
        let due = reel.frame_at(ui.input(|input| input.time));
        let frame = reel.frames.get(due)?;
        ui.ctx().request_repaint_after(Duration::from_secs_f64(reel.step_s()));
        let mut playing = self.playing.borrow_mut();
        let size = vec2(frame.width as f32, frame.height as f32);
        if let Some((of, shown, texture)) = &*playing
            && of == address
            && *shown == due
        {
            return Some((texture.id(), size));
        }
        let image = ColorImage::from_gray([frame.width, frame.height], &frame.grey(limits));
        if let Some((of, shown, texture)) = &mut *playing {
            texture.set(image, TextureOptions::LINEAR);
            (*of, *shown) = (address.clone(), due);
        } else {
            let texture = ui.ctx().load_texture("film", image, TextureOptions::LINEAR);
            *playing = Some((address.clone(), due, texture));
        }
        playing.as_ref().map(|(.., texture)| (texture.id(), size))
    }
}
