//! The `molclip` program.

fn main() -> std::process::ExitCode {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    with_large_pages();
    // Burn puts a loaded optimizer on its default device, which would be a second GPU device beside the window's, or a
    // panic where there is no GPU. On the CPU it waits until the training takes it to its own device.
    #[allow(unsafe_code, reason = "the default device cannot be set in another way")]
    // SAFETY: nothing else runs yet, so nobody reads the environment.
    unsafe {
        std::env::set_var("BURN_DEVICE", "flex");
    }
    molclip::cli::run()
}

/// Starts this program again with the setting that gives large tensors large pages.
///
/// Tensors come and go with every step; with pages of 4 KiB the kernel spends as long on handing them out as the CPU on
/// computing (an epoch of 13 s of computing cost 19 s of system time, and costs 6 s with large pages). glibc reads the setting before `main`.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn with_large_pages() {
    use std::io::Write as _;
    use std::os::unix::process::CommandExt;

    const SETTING: &str = "GLIBC_TUNABLES";
    if std::env::var_os(SETTING).is_some() {
        return;
    }
    if let Ok(program) = std::env::current_exe() {
        let name = std::env::args_os().next().unwrap_or_else(|| program.clone().into_os_string());
        // `exec` returns only if it failed; then this process goes on with small pages.
        let failed = std::process::Command::new(program)
            .arg0(name)
            .args(std::env::args_os().skip(1))
            .env(SETTING, "glibc.malloc.hugetlb=1")
            .exec();
        // `eprintln!` panics where nobody reads.
        let _ =
            writeln!(std::io::stderr(), "note: large memory pages are off ({failed}); training is slower.");
    }
}
