//! `molclip [PATH…]`: the window.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{anyhow, bail};
use eframe::egui::ViewportBuilder;
use eframe::egui_wgpu::{SurfaceConfig, WgpuConfiguration, WgpuSetup, WgpuSetupCreateNew};

use crate::app::profile::Profile;
use crate::app::settings::{Settings, config_dir};
use crate::app::{Setup, Studio};
use crate::gpu::{
    ComputeChoice, GpuDevice, choose_adapter, device_descriptor, instance_descriptor, no_device_remedy,
};
use crate::video::Address;

/// Opens the window and returns when it is closed.
pub fn run(
    addresses: Vec<Address>,
    compute: Option<ComputeChoice>,
    profile: Option<usize>,
) -> anyhow::Result<ExitCode> {
    // A window with nothing of what was named in it would be no answer.
    if let Some(first) = addresses.first()
        && !addresses.iter().any(|address| address.files().all(|file| file.exists()))
    {
        bail!("{}: there is no such file or folder. Check the path.", first.paths());
    }
    let profile = profile.map(Profile::new);
    let config_dir = config_dir();
    let settings = Settings::load(config_dir.as_deref());
    let [width, height] = settings.window.unwrap_or([1280.0, 800.0]);
    let create = WgpuSetupCreateNew {
        instance_descriptor: instance_descriptor(),
        native_adapter_selector: Some(Arc::new(choose_adapter)),
        device_descriptor: Arc::new(device_descriptor),
        ..WgpuSetupCreateNew::without_display_handle()
    };
    let mut wgpu_options =
        WgpuConfiguration { wgpu_setup: WgpuSetup::CreateNew(create), ..WgpuConfiguration::default() };
    wgpu_options.surface = SurfaceConfig::LOW_LATENCY;
    if profile.is_some() {
        // Measure the program, not the display's refresh.
        wgpu_options.surface.present_mode = wgpu::PresentMode::AutoNoVsync;
    }
    let options = eframe::NativeOptions {
        viewport: ViewportBuilder::default()
            .with_title("MolCLIP Studio")
            .with_app_id("molclip")
            .with_inner_size([width.clamp(480.0, 8000.0), height.clamp(360.0, 8000.0)])
            .with_min_inner_size([480.0, 360.0])
            .with_drag_and_drop(true),
        wgpu_options,
        // Dithering hides banding in gradients, of which there are none here, and costs a software rasteriser dearly.
        dithering: false,
        ..eframe::NativeOptions::default()
    };
    // Why the window ended, if not by the user.
    let fatal = Arc::new(Mutex::new(None));
    let report = Arc::clone(&fatal);
    let open = Box::new(move |cc: &eframe::CreationContext<'_>| {
        let state = cc.wgpu_render_state.as_ref().ok_or("the window came up without wgpu")?;
        let gpu = GpuDevice::adopt(
            state.instance.clone(),
            state.adapter.clone(),
            state.device.clone(),
            state.queue.clone(),
        );
        let setup = Setup {
            gpu: Some(gpu),
            format: state.target_format,
            settings,
            config_dir,
            addresses,
            compute,
            profile,
        };
        let window = Window { studio: Studio::new(&cc.egui_ctx, setup), fatal: report };
        Ok(Box::new(window) as Box<dyn eframe::App>)
    });
    // egui's renderer panics when the device goes away in the middle of a picture. The session was saved on the way
    // out (Studio is dropped); what is left to do is to say so.
    let ended = catch_unwind(AssertUnwindSafe(|| eframe::run_native("molclip", options, open)));
    let Ok(ended) = ended else {
        return Err(anyhow!(
            "The window failed while drawing. Your session is saved: start MolCLIP Studio again and choose “Reopen last session”. If it happens again, update the graphics driver. {}",
            no_device_remedy()
        ));
    };
    ended.map_err(|e| explain(&e))?;
    let fatal = fatal.lock().unwrap_or_else(PoisonError::into_inner).take();
    match fatal {
        Some(reason) => Err(anyhow!("{reason}")),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// What a failed start means, and what to do about it.
fn explain(error: &eframe::Error) -> anyhow::Error {
    match error {
        eframe::Error::Wgpu(e) => anyhow!("No graphics device could be used: {e}. {}", no_device_remedy()),
        eframe::Error::Winit(_) | eframe::Error::WinitEventLoop(_) => anyhow!(
            "The window could not be opened: {error}. Without a display, use the commands: molclip --help lists them."
        ),
        eframe::Error::AppCreation(e) => anyhow!("The window could not be set up: {e}"),
    }
}

/// Tells the caller why the window ended.
struct Window {
    studio: Studio,
    fatal: Arc<Mutex<Option<String>>>,
}

impl eframe::App for Window {
    fn ui(&mut self, ui: &mut eframe::egui::Ui, _frame: &mut eframe::Frame) {
        self.studio.ui(ui);
    }

    fn clear_color(&self, visuals: &eframe::egui::Visuals) -> [f32; 4] {
        self.studio.background(visuals)
    }

    fn on_exit(&mut self) {
        self.studio.end();
        *self.fatal.lock().unwrap_or_else(PoisonError::into_inner) = self.studio.fatal.take();
    }
}
