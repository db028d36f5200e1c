//! What a shell and `man` know of the command line, made of the command line itself.

use std::io::{self, Write};

use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::run::{Failure, failed};

/// Options of `completions`.
#[derive(Args, Debug)]
pub struct Completions {
    /// For which shell
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: Known,
}

/// Shells that complete.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Known {
    /// bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}

/// Prints what a shell completes by.
///
/// # Errors
/// [`Failure`] if it cannot be printed.
pub fn completions(options: &Completions) -> Result<(), Failure> {
    let shell = match options.shell {
        Known::Bash => Shell::Bash,
        Known::Zsh => Shell::Zsh,
        Known::Fish => Shell::Fish,
    };
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "rialto", &mut text);
    print(&text)
}

/// Prints the manual page.
///
/// # Errors
/// [`Failure`] if it cannot be printed.
pub fn man() -> Result<(), Failure> {
    let mut text = Vec::new();
    let page = clap_mangen::Man::new(Cli::command());
    page.render(&mut text).map_err(failed("write the manual page"))?;
    print(&text)
}

fn print(text: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text).and_then(|()| out.flush()).map_err(failed("print it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_completed_and_in_the_manual() {
        let names: Vec<String> = Cli::command()
            .get_subcommands()
            .filter(|command| !command.is_hide_set())
            .map(|command| command.get_name().to_owned())
            .collect();
        assert!(names.iter().any(|name| name == "serve"));
        let mut man = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut man).expect("it is written to memory");
        let man = String::from_utf8(man).expect("it is text");
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "rialto", &mut text);
            let text = String::from_utf8(text).expect("it is text");
            for name in &names {
                assert!(text.contains(name.as_str()), "{shell} does not know {name}");
                assert!(man.contains(name.as_str()), "the manual does not know {name}");
            }
        }
    }
}
