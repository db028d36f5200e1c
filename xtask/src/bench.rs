//! `cargo xtask bench`: the product's own load generator, built for speed.

use crate::process;

pub fn run(arguments: &[String]) -> Result<bool, String> {
    let mut command = process::cargo();
    command.args(["run", "--release", "--locked", "--package", "rialto", "--", "bench"]);
    process::succeeds(command.args(arguments))
}
