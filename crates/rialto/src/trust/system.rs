//! What is changed outside of our folder: the names' addresses, and whom the whole system trusts. Only if asked to,
//! and so that it can be taken back to the byte.

use std::fs;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::Failure;

/// Around our lines in the file of hosts.
const BEGIN: &str = "# begin rialto trust (`rialto untrust` removes this block)\n";
const END: &str = "# end rialto trust\n";

/// What makes the system read again whom it trusts.
const UPDATE: &str = "update-ca-certificates";

/// Where it is told whom to trust, and whom no longer.
const CHOSEN: &str = "/etc/ca-certificates.conf";

/// A system, by where its files are.
pub struct System {
    hosts: PathBuf,
    authority: PathBuf,
    /// Whether it is the one that runs, whose own tools can be asked.
    runs: bool,
}

impl System {
    /// The system whose root this is.
    pub fn at(root: &Path) -> Self {
        Self {
            hosts: root.join("etc/hosts"),
            authority: root.join("usr/local/share/ca-certificates/rialto-local.crt"),
            runs: root == Path::new("/"),
        }
    }

    /// Leads the names to this address, and trusts this authority. Doing it again changes nothing more.
    pub fn install(&self, address: IpAddr, hosts: &[&str], authority: &str) -> Result<(), Failure> {
        let text = read(&self.hosts)?;
        let mut with = without_block(&text);
        if !with.is_empty() && !with.ends_with('\n') {
            with.push('\n');
        }
        with += &block(address, hosts);
        if let Some(folder) = self.authority.parent() {
            fs::create_dir_all(folder).map_err(|error| denied("make", folder, &error))?;
        }
        fs::write(&self.authority, authority)
            .map_err(|error| denied("write", &self.authority, &error))?;
        if with != text {
            // Written where it is: in containers it is mounted, and cannot be replaced.
            fs::write(&self.hosts, with).map_err(|error| denied("write", &self.hosts, &error))?;
        }
        self.update(&["--fresh"])
    }

    /// Takes both back; tells what was there.
    pub fn uninstall(&self) -> Result<Vec<String>, Failure> {
        let mut removed = Vec::new();
        let text = read(&self.hosts)?;
        let without = without_block(&text);
        if without != text {
            fs::write(&self.hosts, without)
                .map_err(|error| denied("write", &self.hosts, &error))?;
            removed.push(format!("the venues' names in {}", self.hosts.display()));
        }
        if remove(&self.authority)? {
            removed.push(self.authority.display().to_string());
            self.forget()?;
        }
        Ok(removed)
    }

    /// Has the system trust no longer what is not there any more. That it is gone is not enough: who keeps a list of their
    /// own, as Java does, is told of it only if it is chosen to be removed. It is so for this once, in a file of ours.
    fn forget(&self) -> Result<(), Failure> {
        if !self.runs {
            return Ok(());
        }
        let ours = self.authority.with_extension("conf");
        let words = forgetting(&read(Path::new(CHOSEN))?, &self.authority);
        fs::write(&ours, words).map_err(|error| denied("write", &ours, &error))?;
        let told = self.update(&["--certsconf", &ours.to_string_lossy()]);
        remove(&ours)?;
        // An older tool takes no such file, and drops what is gone from the system's own list alone.
        told.or_else(|_| self.update(&["--fresh"]))
    }

    fn update(&self, words: &[&str]) -> Result<(), Failure> {
        if !self.runs {
            return Ok(());
        }
        let told = Command::new(UPDATE).args(words).output();
        match told {
            Ok(told) if told.status.success() => Ok(()),
            Ok(told) => Err(Failure(format!(
                "failed to have the system read its authorities again: {UPDATE} ended with {}: {}",
                told.status,
                String::from_utf8_lossy(&told.stderr).trim()
            ))),
            Err(error) => Err(Failure(format!(
                "failed to run {UPDATE}: {error}; {} is in its place, for the tool that this system has",
                self.authority.display()
            ))),
        }
    }
}

/// Whom the system is to trust, without this authority.
pub fn forgetting(chosen: &str, authority: &Path) -> String {
    let name = authority.file_name().unwrap_or_default().to_string_lossy();
    let line_end = if chosen.is_empty() || chosen.ends_with('\n') { "" } else { "\n" };
    format!("{chosen}{line_end}!{name}\n")
}

/// Our lines in the file of hosts.
pub fn block(address: IpAddr, hosts: &[&str]) -> String {
    let lines: String = hosts.iter().map(|host| format!("{address} {host}\n")).collect();
    format!("{BEGIN}{lines}{END}")
}

/// The text without our blocks. One that was not closed, because somebody edited it, stays.
fn without_block(text: &str) -> String {
    let mut left = text.to_owned();
    while let Some(begin) = left.find(BEGIN) {
        let Some(length) = left[begin..].find(END) else { break };
        left.replace_range(begin..begin + length + END.len(), "");
    }
    left
}

/// A file's text; nothing where there is no file.
fn read(path: &Path) -> Result<String, Failure> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        read => read.map_err(|error| denied("read", path, &error)),
    }
}

/// Removes a file; whether there was one.
pub fn remove(path: &Path) -> Result<bool, Failure> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(denied("remove", path, &error)),
    }
}

fn denied(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    let hint = match error.kind() {
        ErrorKind::PermissionDenied => "; it belongs to root: try again with sudo",
        _ => "",
    };
    Failure(format!("failed to {what} {}: {error}{hint}", path.display()))
}
