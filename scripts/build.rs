//! Names the commit and build for `molclip --version`. No time of the build: the same sources give the same program.

use std::env;
use std::path::Path;
use std::process::Command;

/// What the program is made of: changes of other files do not make it another one.
const SOURCES: [&str; 7] =
    ["src", "shaders", "assets", "models", "Cargo.toml", "Cargo.lock", "scripts/build.rs"];

fn main() {
    println!("cargo::rerun-if-env-changed=MOLCLIP_COMMIT");
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
    }
    let named = env::var("MOLCLIP_COMMIT").ok().filter(|commit| !commit.is_empty());
    let commit = named.or_else(commit).unwrap_or_else(|| "unknown".to_owned());
    let [profile, target] = ["PROFILE", "TARGET"].map(|name| env::var(name).unwrap_or_default());
    println!("cargo::rustc-env=MOLCLIP_BUILD={commit}, {profile}, {target}");
}

/// The commit with its date, `-dirty` where sources differ from it. None without git or outside a checkout of its own.
fn commit() -> Option<String> {
    if !Path::new(".git").exists() {
        return None;
    }
    // A commit, checkout or rebase writes to these.
    for file in ["HEAD", "logs/HEAD", "packed-refs"] {
        let path = git(&["rev-parse", "--git-path", file])?;
        if Path::new(&path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    let hash = git(&["rev-parse", "--short=10", "HEAD"])?;
    let date = git(&["show", "--no-patch", "--format=%cs", "HEAD"])?;
    let changed = git(&[&["status", "--porcelain", "--untracked-files=no", "--"], &SOURCES[..]].concat())?;
    let dirty = if changed.is_empty() { "" } else { "-dirty" };
    Some(format!("{hash}{dirty}, {date}"))
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("--no-optional-locks").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
