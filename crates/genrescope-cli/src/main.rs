//! The `genrescope` command line.
#![forbid(unsafe_code)]
fn main() {}
