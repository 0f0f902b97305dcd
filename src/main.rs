//! The `molclip` program.

fn main() -> std::process::ExitCode {
    molclip::cli::run()
}
