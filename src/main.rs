//! The `molclip` program.
fn main() {}
