//! How recordings look: contrast, planes, zoom.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::app::jobs::Event;
use crate::app::settings::Viewport;
use crate::app::state::Undo;
use crate::app::studio::Studio;
use crate::app::view::{View, place};
use crate::video::display::{ChannelDisplay, Display};
use crate::video::lut::{self, Lut, LutName};
use crate::video::{Crop, VideoError};

impl Studio {
    pub(in crate::app) fn set_display(&mut self, index: usize, display: Display) {
        let Some(view) = self.state.views.get_mut(index) else { return };
        if view.display == display {
            return;
        }
        let id = view.id;
        let before = std::mem::replace(&mut view.display, display);
        // z and projection are navigation, not something to lose.
        if before.channels != view.display.channels {
            self.push_undo(Undo::Display(id, before));
            self.share_contrast(index);
        }
    }

    pub(in crate::app) fn change_display(&mut self, index: usize, change: impl FnOnce(&mut Display)) {
        if let Some(view) = self.state.views.get(index) {
            let mut display = view.display.clone();
            change(&mut display);
            display.z = display.z.min(view.recording.shape().z.saturating_sub(1));
            self.set_display(index, display);
        }
    }

    pub(in crate::app) fn move_z(&mut self, by: isize) {
        let active = self.state.active;
        self.change_display(active, |d| d.z = d.z.saturating_add_signed(by));
    }

    /// Gives the other recordings one's contrast, while contrast is linked. Only channels with the same kind of
    /// samples: limits of 16-bit counts mean nothing to an 8-bit film.
    pub(in crate::app) fn share_contrast(&mut self, from: usize) {
        if !self.state.settings.link_contrast {
            return;
        }
        let Some(view) = self.state.views.get(from) else { return };
        let (display, dtype) = (view.display.clone(), view.recording.series.dtype);
        for (index, other) in self.state.views.iter_mut().enumerate() {
            if index == from || other.recording.series.dtype != dtype {
                continue;
            }
            for (channel, model) in other.display.channels.iter_mut().zip(&display.channels) {
                if !channel.locked {
                    *channel = ChannelDisplay { auto: false, ..model.clone() };
                }
            }
        }
    }

    pub(in crate::app) fn contrast(&mut self, percentiles: bool) {
        let active = self.state.active;
        let Some(view) = self.state.views.get(active) else { return };
        let stats = view.stats.clone();
        let series = view.recording.series.clone();
        self.change_display(active, |display| {
            for (index, channel) in display.channels.iter_mut().enumerate().filter(|(_, c)| !c.locked) {
                let known = stats.as_ref().and_then(|s| s.channels.get(index));
                channel.auto = percentiles;
                channel.gamma = 1.0;
                (channel.min, channel.max) = match known {
                    Some(known) if percentiles => known.limits(crate::video::display::AUTO_PERCENTILES),
                    Some(known) if known.max > known.min => (known.min, known.max),
                    _ => crate::video::display::initial_range(&series),
                };
            }
        });
    }

    /// Reads a look-up table that the user has chosen for a channel.
    pub(in crate::app) fn load_lut(&mut self, index: usize, channel: usize, path: PathBuf) {
        if let Some(view) = self.state.views.get(index) {
            let chosen = Some((view.id, channel));
            self.read_lut(path, chosen);
        }
    }

    /// Reads the look-up tables that views were shown with last, each once. Until then they are grey.
    pub(in crate::app) fn read_luts(&mut self) {
        let files = self.state.views.iter().flat_map(View::unread_luts);
        let new = files.filter(|path| !self.reading_luts.contains_key(*path));
        let new: HashSet<PathBuf> = new.map(Path::to_owned).collect();
        for path in new {
            let job = self.read_lut(path.clone(), None);
            self.reading_luts.insert(path, job);
        }
    }

    /// The job that reads it.
    fn read_lut(&mut self, path: PathBuf, chosen: Option<(u64, usize)>) -> u64 {
        self.jobs.spawn("Reading a look-up table", true, move |_, reply| {
            let table = lut::load(&path).map(Arc::new);
            reply.send(Event::Lut(path, table, chosen));
            Ok(())
        })
    }

    /// Takes in a look-up table, and shows a channel with it that it was chosen for.
    pub(in crate::app) fn take_lut(
        &mut self,
        path: &Path,
        table: Result<Lut, VideoError>,
        chosen: Option<(u64, usize)>,
    ) {
        if chosen.is_none() {
            self.reading_luts.remove(path);
        }
        let table = match table {
            Ok(table) => table,
            Err(e) => {
                log::error!("{e}");
                if chosen.is_none() {
                    self.do_without_lut(path);
                }
                return;
            }
        };
        for view in &self.state.views {
            view.luts.put(path, Arc::clone(&table));
        }
        let Some((id, channel)) = chosen else { return };
        let Some(index) = self.state.views.iter().position(|view| view.id == id) else { return };
        self.change_display(index, |display| {
            if let Some(channel) = display.channels.get_mut(channel) {
                channel.lut = LutName::File(path.to_owned());
            }
        });
    }

    /// Grey stands in for a look-up table that cannot be read, except in views that have it from before.
    pub(in crate::app) fn do_without_lut(&self, path: &Path) {
        let name = LutName::File(path.to_owned());
        let grey = lut::table(&LutName::Grays, None).unwrap_or_default();
        for view in self.state.views.iter().filter(|view| !view.luts.has(&name)) {
            view.luts.put(path, Arc::clone(&grey));
        }
    }

    pub(in crate::app) fn set_roi(&mut self, index: usize, roi: Option<Crop>) {
        if let Some(view) = self.state.views.get_mut(index) {
            view.roi = roi;
        }
    }

    pub(in crate::app) fn set_viewport(&mut self, index: usize, viewport: Viewport) {
        let linked = self.state.settings.link_views;
        for (i, view) in self.state.views.iter_mut().enumerate() {
            if i == index || linked {
                view.viewport = viewport;
            }
        }
    }

    /// Changes the zoom of the active view about its middle; `change` gets the zoom and the one that fits.
    pub(in crate::app) fn zoom(&mut self, change: impl FnOnce(f32, f32) -> f32) {
        let active = self.state.active;
        let Some(view) = self.state.views.get(active) else { return };
        let shape = view.recording.shape();
        let image = eframe::egui::vec2(shape.x as f32, shape.y as f32);
        let (zoom, _) = place(view.viewport, view.cell, image);
        let (fit, _) = place(Viewport::default(), view.cell, image);
        let wanted = change(zoom, fit).clamp(1e-4, 64.0_f32.max(fit * 64.0));
        self.set_viewport(active, Viewport { zoom: Some(wanted), ..view.viewport });
    }
}
