//! `molclip gpu`: what the graphics device is, who draws, who computes, and whether its results are right.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::gpu::{self, ComputeChoice, ComputeTarget, GpuDevice, GpuError, self_test};
use crate::terminal::{note, out};

/// Options of `molclip gpu`.
#[derive(Debug, Clone, clap::Args)]
pub struct GpuArgs {
    /// Print JSON alone on stdout
    #[arg(long)]
    pub json: bool,
    /// Who should compute; the self-test always compares the GPU with the CPU
    #[arg(long, value_enum, default_value_t)]
    pub compute: ComputeChoice,
}

/// Describes the device and tests it. Fails if there is none, or if a tensor differs by more than 1e-3.
pub fn run(args: &GpuArgs) -> anyhow::Result<ExitCode> {
    let device = match GpuDevice::headless() {
        Ok(device) => device,
        Err(error) => return without_device(args, error),
    };
    note!("Testing {} (a new GPU is tuned once, which can take a minute) …", device.summary());
    let computes = who_computes(&device, args.compute);
    match self_test::run(&device) {
        Ok(report) => {
            if args.json {
                print_json(&with_report(describe(&device, &computes), &report))?;
            } else {
                out!("{}\n{}", device_text(&device, &computes), report_text(&report));
            }
            Ok(if report.passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Err(error) => {
            if args.json {
                print_json(&with_error(describe(&device, &computes), &error))?;
            } else {
                out!("{}", device_text(&device, &computes));
            }
            Err(error.into())
        }
    }
}

/// No adapter: the CPU can still compute, which is said too.
fn without_device(args: &GpuArgs, error: GpuError) -> anyhow::Result<ExitCode> {
    if args.json {
        let computes = (args.compute != ComputeChoice::Gpu).then_some("Flex on the CPU");
        let report = json!({ "adapter": null, "draws": null, "computes": computes });
        print_json(&with_error(report, &error))?;
    }
    Err(error.into())
}

fn who_computes(device: &GpuDevice, choice: ComputeChoice) -> String {
    match device.who_computes(choice) {
        ComputeTarget::Gpu => format!("{} (shared with drawing)", device.summary()),
        ComputeTarget::Cpu => gpu::Compute::flex().label().to_owned(),
    }
}

/// Everything about the device that can be said without computing.
fn describe(device: &GpuDevice, computes: &str) -> Value {
    let info = device.adapter.get_info();
    let limits = device.device.limits();
    json!({
        "adapter": info.name,
        "backend": gpu::backend_name(info.backend),
        "device_type": device_type(info.device_type),
        "driver": format!("{} {}", info.driver, info.driver_info).trim(),
        "limits": {
            "max_texture_dimension_2d": limits.max_texture_dimension_2d,
            "max_texture_array_layers": limits.max_texture_array_layers,
            "max_buffer_size": limits.max_buffer_size,
            "max_storage_buffer_binding_size": limits.max_storage_buffer_binding_size,
            "max_storage_buffers_per_shader_stage": limits.max_storage_buffers_per_shader_stage,
            "max_compute_invocations_per_workgroup": limits.max_compute_invocations_per_workgroup,
            "max_compute_workgroup_storage_size": limits.max_compute_workgroup_storage_size,
            "max_compute_workgroups_per_dimension": limits.max_compute_workgroups_per_dimension,
        },
        "draws": device.summary(),
        "computes": computes,
    })
}

fn with_report(mut description: Value, report: &self_test::Report) -> Value {
    description["self_test"] = json!(report.comparisons);
    description["tolerance"] = json!(self_test::TOLERANCE);
    description["times_ms"] = json!(report.times);
    description["passed"] = json!(report.passed);
    description
}

fn with_error(mut description: Value, error: &GpuError) -> Value {
    description["error"] = json!(error.to_string());
    description["passed"] = json!(false);
    description
}

fn print_json(value: &Value) -> anyhow::Result<()> {
    out!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

fn device_type(device_type: wgpu::DeviceType) -> &'static str {
    match device_type {
        wgpu::DeviceType::DiscreteGpu => "discrete",
        wgpu::DeviceType::IntegratedGpu => "integrated",
        wgpu::DeviceType::VirtualGpu => "virtual",
        wgpu::DeviceType::Cpu => "software",
        wgpu::DeviceType::Other => "other",
    }
}

fn device_text(device: &GpuDevice, computes: &str) -> String {
    let about = describe(device, computes);
    let text = |name: &str| about[name].as_str().unwrap_or_default().to_owned();
    let limit = |name: &str| about["limits"][name].as_u64().unwrap_or_default();
    let mebibytes = |name: &str| format!("{} MiB", limit(name) >> 20);
    let rows = [
        ("Adapter", text("adapter")),
        ("Backend", text("backend")),
        ("Type", text("device_type")),
        ("Driver", text("driver")),
        ("Largest texture", format!("{0} × {0}", limit("max_texture_dimension_2d"))),
        ("Largest buffer", mebibytes("max_buffer_size")),
        ("Largest binding", mebibytes("max_storage_buffer_binding_size")),
        ("Storage buffers", limit("max_storage_buffers_per_shader_stage").to_string()),
        ("Workgroup", format!("{} invocations", limit("max_compute_invocations_per_workgroup"))),
        ("Workgroup memory", format!("{} KiB", limit("max_compute_workgroup_storage_size") >> 10)),
        ("Draws", text("draws")),
        ("Computes", text("computes")),
    ];
    let lines: Vec<_> = rows.iter().map(|(name, value)| format!("{name:<18}{value}")).collect();
    lines.join("\n")
}

fn report_text(report: &self_test::Report) -> String {
    let mut lines =
        vec![String::new(), format!("{:<11}{:<17}{:<19}max|a-b|/max|b|", "Layer", "Tensor", "Shape")];
    for row in &report.comparisons {
        let difference =
            row.max_rel_diff.map_or_else(|| "not finite".to_owned(), |value| format!("{value:.1e}"));
        let verdict = if row.passed { "" } else { "  FAILED" };
        let shape = format!("{:?}", row.shape);
        lines.push(format!("{:<11}{:<17}{shape:<19}{difference}{verdict}", row.layer, row.tensor));
    }
    lines.push(String::new());
    lines.push(format!(
        "{:<11}{:>15}{:>13}{:>15}{:>13}",
        "Time, ms", "GPU, first", "then", "Flex, first", "then"
    ));
    for row in &report.times {
        let (gpu, flex) = (row.gpu, row.flex);
        lines.push(format!(
            "{:<11}{:>15.1}{:>13.1}{:>15.1}{:>13.1}",
            row.layer, gpu.first, gpu.second, flex.first, flex.second
        ));
    }
    let tolerance = format!("{:.0e}", self_test::TOLERANCE);
    lines.push(String::new());
    lines.push(if report.passed {
        format!("Passed: every tensor agrees within {tolerance}.")
    } else {
        format!(
            "FAILED: this GPU's results differ from the CPU's by more than {tolerance}. \
             Update its driver, or compute on the CPU: --compute cpu."
        )
    });
    lines.join("\n")
}
