//! From the export form to a job.

use std::path::PathBuf;
use std::sync::Arc;

use crate::app::export_task::ExportTask;
use crate::app::forms::export::{ExportForm, Kind, Part};
use crate::app::jobs::Event;
use crate::app::studio::Studio;
use crate::app::view::{View, place};
use crate::gpu::GpuDevice;
use crate::video::Crop;

impl Studio {
    pub(in crate::app) fn export(&mut self, form: &ExportForm) {
        let Some(view) = self.state.views.get(form.view) else { return };
        let shape = view.recording.shape();
        let region = match (form.part, view.roi) {
            (Part::Visible, _) => visible_region(view),
            (Part::Drawn, Some(roi)) => roi,
            _ => whole(shape.x, shape.y),
        };
        let frame = self.state.frame_of(form.view);
        let task = ExportTask {
            recording: Arc::clone(&view.recording),
            display: view.display.clone(),
            kind: form.kind,
            region,
            frames: if form.kind == Kind::Png { (frame, frame) } else { form.frames },
            scale: form.scale,
            overlays: form.overlays,
            fps: form.fps,
            compress: form.compress,
            path: PathBuf::from(form.path.trim()),
        };
        let gpu = self.gpu.clone();
        let name = format!("Exporting {}", task.path.file_name().unwrap_or_default().to_string_lossy());
        self.jobs.spawn(name, false, move |progress, reply| {
            let path = task.run(|| gpu.map_or_else(|| Ok(GpuDevice::headless()?), Ok), progress)?;
            reply.send(Event::Written(path));
            Ok(())
        });
    }
}

/// The whole frame.
pub const fn whole(width: usize, height: usize) -> Crop {
    Crop { x: 0, y: 0, width, height }
}

/// The part of the frame that the view shows.
fn visible_region(view: &View) -> Crop {
    let shape = view.recording.shape();
    let image = eframe::egui::vec2(shape.x as f32, shape.y as f32);
    let (zoom, origin) = place(view.viewport, view.cell, image);
    let end = origin + view.cell.size() / zoom;
    let clamp = |v: f32, most: usize| v.clamp(0.0, most as f32);
    let (x0, y0) =
        (clamp(origin.x.floor(), shape.x - 1) as usize, clamp(origin.y.floor(), shape.y - 1) as usize);
    let (x1, y1) = (clamp(end.x.ceil(), shape.x) as usize, clamp(end.y.ceil(), shape.y) as usize);
    Crop { x: x0, y: y0, width: (x1.max(x0 + 1)) - x0, height: (y1.max(y0 + 1)) - y0 }
}
