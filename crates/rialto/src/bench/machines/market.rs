//! A market that meets on a bus, and its machines: each a process of this program, in a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::bus::Carrier;
use crate::bench::folder::{Folder, unwritten};
use crate::bench::serving::Venue;

/// Numbers markets, so that none hears another.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A market.
pub struct Market {
    folder: Folder,
    config: PathBuf,
    /// The lines of the configuration that say where it meets.
    bus: String,
}

impl Market {
    /// One with this configuration, which says nothing of a bus.
    pub fn new(config: &str, carrier: &Carrier, dir: Option<&Path>) -> Result<Self, String> {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = Folder::new(&format!("machines-{number}"), dir)?;
        let path = folder.0.join("rialto.toml");
        let (name, url) = (format!("bench-{}-{number}", std::process::id()), &carrier.url);
        let bus = format!("[bus]\nmarket = \"{name}\"\nservers = [\"{url}\"]\n");
        let market = Self { folder, config: path, bus };
        market.configure(config)?;
        Ok(market)
    }

    /// From now on machines are started with this configuration, which says nothing of a bus.
    pub fn configure(&self, config: &str) -> Result<(), String> {
        let written = fs::write(&self.config, format!("{config}\n{}", self.bus));
        written.map_err(|error| unwritten(&self.config, &error))
    }

    /// The core, which may take so long to listen.
    pub fn core(&self, arguments: &[&str], patience: Duration) -> Result<Venue, String> {
        self.machine("core", "core", arguments, patience)
    }

    /// An edge, which may take so long to listen.
    pub fn edge(&self, number: usize, patience: Duration) -> Result<Venue, String> {
        self.machine("edge", &format!("edge-{number}"), &[], patience)
    }

    /// A venue of the same configuration that is all of it, and knows no bus.
    pub fn all_in_one(&self) -> Result<Venue, String> {
        let arguments = ["--config", self.config()?];
        Venue::start_kept(&self.folder.0.join("all-in-one"), &arguments)
    }

    fn machine(
        &self,
        role: &str,
        name: &str,
        arguments: &[&str],
        patience: Duration,
    ) -> Result<Venue, String> {
        let arguments = [&["--config", self.config()?], arguments].concat();
        Venue::start_as(role, &self.folder.0.join(name), &arguments, patience)
    }

    fn config(&self) -> Result<&str, String> {
        self.config.to_str().ok_or_else(|| "failed to name the folder: it is no text".to_owned())
    }
}
