//! What can go wrong between the program and the graphics device, and what the user can do about it.

/// A graphics or compute device could not be had, was lost, or failed at its work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GpuError {
    /// No adapter answered, not even a software one.
    #[error("No graphics adapter was found ({detail}). {}", no_device_remedy())]
    NoAdapter {
        /// What wgpu said.
        detail: String,
    },
    /// The adapter is there but refused to make a device.
    #[error("{adapter} refused to make a device ({detail}). {}", no_device_remedy())]
    NoDevice {
        /// The adapter's name.
        adapter: String,
        /// What wgpu said.
        detail: String,
    },
    /// The device draws but cannot compute.
    #[error("{adapter} cannot be used for computing ({detail}). Compute on the CPU instead: --compute cpu.")]
    NoCompute {
        /// The adapter's name.
        adapter: String,
        /// What Burn or the adapter's description said.
        detail: String,
    },
    /// The device went away: a driver reset, an unplugged or sleeping GPU.
    #[error(
        "The graphics device was lost ({reason}). Restart the program to use it again, or compute on the CPU: --compute cpu."
    )]
    Lost {
        /// What the driver said.
        reason: String,
    },
    /// Memory ran out; work on less at once may succeed.
    #[error(
        "The graphics device has too little memory: {detail}. Use a smaller batch, or compute on the CPU: --compute cpu."
    )]
    OutOfMemory {
        /// What it was for, as wgpu or Burn says.
        detail: String,
    },
    /// Another error on the device.
    #[error("The graphics device reported an error: {message}. To go on, compute on the CPU: --compute cpu.")]
    Device {
        /// What wgpu or Burn said.
        message: String,
    },
    /// Frames or numbers that cannot be made into a network's input.
    #[error("These frames cannot be resampled: {detail}.")]
    Frames {
        /// What does not fit.
        detail: String,
    },
    /// A job on the compute thread stopped in the middle.
    #[error("Computing stopped: {message}")]
    Job {
        /// The message of the panic that was caught.
        message: String,
    },
    /// The compute thread could not be started or has ended.
    #[error("The compute thread is not running. Restart the program.")]
    ThreadGone,
}

impl From<wgpu::Error> for GpuError {
    fn from(error: wgpu::Error) -> Self {
        match error {
            // The error itself says nothing but that; its source names the call and the label.
            wgpu::Error::OutOfMemory { source } => Self::OutOfMemory { detail: source.to_string() },
            error => Self::Device { message: error.to_string() },
        }
    }
}

impl GpuError {
    /// Itself, with what a job said that failed by it: a device says which call was wrong, a job what was being made.
    pub(super) fn behind(self, job: &Self) -> Self {
        // Below the first line stands a backtrace.
        let said = job.to_string();
        let with = |text: String| format!("{text} (then: {})", said.lines().next().unwrap_or_default());
        match self {
            Self::Device { message } => Self::Device { message: with(message) },
            Self::OutOfMemory { detail } => Self::OutOfMemory { detail: with(detail) },
            Self::Lost { reason } => Self::Lost { reason: with(reason) },
            other => other,
        }
    }
}

/// Frames or numbers that were refused before anything was done.
pub(super) fn refused(detail: String) -> GpuError {
    GpuError::Frames { detail }
}

/// Turns errors of wgpu in some work into an error of ours; Burn's handler on the device would panic.
pub(super) fn caught<T>(device: &wgpu::Device, work: impl FnOnce() -> T) -> Result<T, GpuError> {
    let validation = device.push_error_scope(wgpu::ErrorFilter::Validation);
    let internal = device.push_error_scope(wgpu::ErrorFilter::Internal);
    let memory = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
    let result = work();
    let memory = pollster::block_on(memory.pop());
    let internal = pollster::block_on(internal.pop());
    let validation = pollster::block_on(validation.pop());
    // What uses a buffer for which there was no memory is invalid too.
    match memory.or(validation).or(internal) {
        Some(error) => Err(error.into()),
        None => Ok(result),
    }
}

/// How to get a graphics device on this machine: a sentence or two for the user.
///
/// On Linux the package manager is named by `/etc/os-release`.
pub fn no_device_remedy() -> String {
    let os_release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    remedy_for(std::env::consts::OS, &os_release).to_owned()
}

/// The remedy for an operating system, by [`std::env::consts::OS`] and the text of `/etc/os-release`.
fn remedy_for(os: &str, os_release: &str) -> &'static str {
    match os {
        "linux" => {}
        "windows" => {
            return "Update the graphics driver (Windows Update, or the pages of NVIDIA, AMD or Intel); \
                    Direct3D 12 or Vulkan 1.1 is needed.";
        }
        "macos" => return "Metal is needed: macOS 10.15 or newer, on a Mac from 2012 or later.",
        _ => return "Install a graphics driver with Vulkan 1.1 or newer.",
    }
    // ID is the distribution, ID_LIKE its family: `ID_LIKE="ubuntu debian"`.
    let mut families = os_release
        .lines()
        .filter_map(|line| line.strip_prefix("ID=").or_else(|| line.strip_prefix("ID_LIKE=")))
        .flat_map(|value| value.trim_matches('"').split_whitespace());
    families
        .find_map(|family| match family {
            "debian" | "ubuntu" => Some(
                "Install the GPU vendor's driver, or the software renderer: \
                 sudo apt install mesa-vulkan-drivers",
            ),
            "fedora" | "rhel" | "centos" => Some(
                "Install the GPU vendor's driver, or the software renderer: \
                 sudo dnf install mesa-vulkan-drivers",
            ),
            "arch" => Some(
                "Install the GPU vendor's driver, or the software renderer: sudo pacman -S vulkan-swrast",
            ),
            "suse" | "opensuse" => Some(
                "Install the GPU vendor's driver, or the software renderer: \
                 sudo zypper install libvulkan_lvp",
            ),
            _ => None,
        })
        .unwrap_or(
            "Install the GPU vendor's Vulkan driver, or Mesa's software renderer (lavapipe, \
             often packaged as mesa-vulkan-drivers).",
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remedy_names_the_platforms_own_command() {
        assert!(remedy_for("linux", "ID=debian\n").contains("apt install mesa-vulkan-drivers"));
        assert!(
            remedy_for("linux", "NAME=Mint\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\n")
                .contains("apt install")
        );
        assert!(remedy_for("linux", "ID=fedora\n").contains("dnf install mesa-vulkan-drivers"));
        assert!(remedy_for("linux", "ID=arch\n").contains("pacman"));
        assert!(remedy_for("linux", "ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"\n").contains("zypper"));
        assert!(remedy_for("linux", "").contains("lavapipe"));
        assert!(remedy_for("windows", "").contains("driver"));
        assert!(remedy_for("macos", "").contains("Metal"));
    }

    #[test]
    fn memory_that_ran_out_is_told_by_wgpus_type() {
        let source = || Box::new(std::io::Error::other("In Device::create_buffer"));
        let full = GpuError::from(wgpu::Error::OutOfMemory { source: source() });
        assert_eq!(full, GpuError::OutOfMemory { detail: "In Device::create_buffer".into() });
        let description = "Out of Memory, it says".to_owned();
        let other = GpuError::from(wgpu::Error::Validation { source: source(), description });
        assert!(matches!(other, GpuError::Device { .. }), "not by words");
    }

    #[test]
    fn errors_carry_the_remedy() {
        let error = GpuError::NoAdapter { detail: "none".into() };
        assert!(error.to_string().ends_with(&no_device_remedy()));
    }
}
