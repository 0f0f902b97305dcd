//! A picture in the device's memory that is drawn into without a window, and read back.

use super::GpuError;

/// The picture.
pub struct Target {
    texture: wgpu::Texture,
    view: wgpu::TextureView,
}

impl Target {
    /// A picture of so many px; the format has 4 bytes per pixel.
    pub fn new(device: &wgpu::Device, width: u32, height: u32, format: wgpu::TextureFormat) -> Self {
        let texture = device.create_texture(&wgpu::TextureDescriptor {
            label: Some("picture"),
            size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
            view_formats: &[],
        });
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        Self { texture, view }
    }

    /// Begins to draw, on black.
    pub fn pass(&self, encoder: &mut wgpu::CommandEncoder) -> wgpu::RenderPass<'static> {
        let color = wgpu::RenderPassColorAttachment {
            view: &self.view,
            resolve_target: None,
            ops: wgpu::Operations {
                load: wgpu::LoadOp::Clear(wgpu::Color::BLACK),
                store: wgpu::StoreOp::Store,
            },
            depth_slice: None,
        };
        let descriptor = wgpu::RenderPassDescriptor {
            label: Some("picture"),
            color_attachments: &[Some(color)],
            ..wgpu::RenderPassDescriptor::default()
        };
        encoder.begin_render_pass(&descriptor).forget_lifetime()
    }

    /// Copies the picture, once the pass has ended, to where it can be read.
    pub fn copy_out(&self, device: &wgpu::Device, encoder: &mut wgpu::CommandEncoder) -> Copied {
        let (width, height) = (self.texture.width(), self.texture.height());
        let row = (width * 4).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
        let buffer = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("picture"),
            size: u64::from(row) * u64::from(height),
            usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
            mapped_at_creation: false,
        });
        let layout =
            wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(row), rows_per_image: None };
        encoder.copy_texture_to_buffer(
            self.texture.as_image_copy(),
            wgpu::TexelCopyBufferInfo { buffer: &buffer, layout },
            self.texture.size(),
        );
        Copied { buffer, row, width }
    }
}

/// A picture on its way back.
pub struct Copied {
    buffer: wgpu::Buffer,
    /// Bytes from one row to the next.
    row: u32,
    width: u32,
}

impl Copied {
    /// Waits for what was submitted. Bytes, `[height, width, 4]`.
    pub fn read(&self, device: &wgpu::Device) -> Result<Vec<u8>, GpuError> {
        let failed = |detail: String| GpuError::Device {
            message: format!("the picture could not be read back: {detail}"),
        };
        let (sender, receiver) = std::sync::mpsc::channel();
        self.buffer.slice(..).map_async(wgpu::MapMode::Read, move |result| {
            // The receiver waits below; if it is gone, nobody needs the picture.
            let _ = sender.send(result);
        });
        device.poll(wgpu::PollType::wait_indefinitely()).map_err(|e| failed(e.to_string()))?;
        receiver.recv().map_err(|e| failed(e.to_string()))?.map_err(|e| failed(e.to_string()))?;
        let mapped = self.buffer.get_mapped_range(..).map_err(|e| failed(e.to_string()))?;
        let line = self.width as usize * 4;
        Ok(mapped.chunks(self.row as usize).flat_map(|row| row[..line].to_vec()).collect())
    }
}
