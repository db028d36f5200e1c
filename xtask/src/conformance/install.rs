//! What the clients need, pinned: Python environments and an npm folder under
//! `target/conformance`. Made once, and again when the pins change.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::scripts;
use crate::process::{self, works};

/// The oldest Python that the pinned packages support.
const PYTHON_CHECK: &str = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";

/// A Python environment: its folder, and the file with its pins.
type Environment = (&'static str, &'static str);

/// The environment of most clients.
const MOST: Environment = ("python", "requirements.txt");
/// Basana's own, as it and ccxt want different versions of what both need.
const BASANA: Environment = ("python-basana", "requirements-basana.txt");

/// An older ccxt's own: the venue is gone from the one that most clients have.
const CCXT_TIMEX: Environment = ("python-ccxt-timex", "requirements-ccxt-timex.txt");

/// That of cryptofeed, which is built from its sources where it is installed, by a C compiler.
const CRYPTOFEED: Environment = ("python-cryptofeed", "requirements-cryptofeed.txt");

/// That of what reads captures and tables.
const TABLES: Environment = ("python-tables", "requirements-tables.txt");

/// Clients that are not in [`MOST`].
const ELSEWHERE: [&str; 6] =
    ["node-bitstamp", "documents", "basana", "ccxt-timex", "console", "tables"];

/// What npm pins.
const PINS: [&str; 2] = ["package.json", "package-lock.json"];

/// Where a browser may be.
const BROWSERS: [&str; 3] =
    ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/// The interpreters with the clients in reach.
pub struct Tools {
    python: PathBuf,
    basana: PathBuf,
    ccxt_timex: PathBuf,
    tables: PathBuf,
    cryptofeed: PathBuf,
    modules: PathBuf,
    console: PathBuf,
}

impl Tools {
    /// A script of `conformance/`, in the environment of most clients.
    pub fn python(&self, script: &str) -> Command {
        interpreted(&self.python, script)
    }

    /// A script of `conformance/`, in basana's environment.
    pub fn basana(&self, script: &str) -> Command {
        interpreted(&self.basana, script)
    }

    /// A script of `conformance/`, in the older ccxt's environment.
    pub fn ccxt_timex(&self, script: &str) -> Command {
        interpreted(&self.ccxt_timex, script)
    }

    /// A script of `conformance/`, in the environment that reads tables.
    pub fn tables(&self, script: &str) -> Command {
        interpreted(&self.tables, script)
    }

    /// A script of `conformance/`, with everything that a reader of the book is told to install.
    pub fn book(&self, script: &str) -> Command {
        let mut command = self.python(script);
        command.arg("--cryptofeed").arg(&self.cryptofeed).env("NODE_PATH", &self.modules);
        command
    }

    /// A script of `conformance/`, with the npm folder's modules.
    pub fn node(&self, script: &str) -> Command {
        let mut command = Command::new("node");
        command.arg(scripts().join(script)).env("NODE_PATH", &self.modules);
        command
    }
}

impl Tools {
    /// The script that judges `rialto trust`. It runs the clients that it needs itself.
    pub fn trust(&self, binary: &Path) -> Command {
        let mut command = self.python("trust/trust.py");
        command.arg(binary).arg(&self.cryptofeed).arg(&self.ccxt_timex);
        command.env("NODE_PATH", &self.modules);
        command
    }

    /// Whether the console in the binary is what its sources give.
    pub fn bundle(&self) -> Command {
        let mut command = Command::new("node");
        command.args(["build.mjs", "--check"]).current_dir(&self.console);
        command
    }
}

fn interpreted(python: &Path, script: &str) -> Command {
    let mut command = Command::new(python);
    command.arg("-u").arg(scripts().join(script)).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Installs what `clients` need, unless it is there.
pub fn ready(clients: &[&str]) -> Result<Tools, String> {
    let folder = process::target().join("conformance");
    let npm = folder.join("npm");
    let interpreter = |(name, _): Environment| folder.join(name).join("bin/python");
    let trust = clients.contains(&"trust");
    for (environment, wants) in [
        (MOST, clients.iter().any(|client| !ELSEWHERE.contains(client))),
        (BASANA, clients.contains(&"basana")),
        (CCXT_TIMEX, trust || clients.contains(&"ccxt-timex")),
        (TABLES, clients.contains(&"tables")),
        (CRYPTOFEED, trust || clients.contains(&"book")),
    ] {
        if wants {
            python(&folder.join(environment.0), environment.1)?;
        }
    }
    if ["node-bitstamp", "documents", "console", "trust", "book"]
        .iter()
        .any(|client| clients.contains(client))
    {
        node(&npm)?;
    }
    if clients.contains(&"console") {
        browser()?;
        bundler(&folder.join("console"))?;
    }
    Ok(Tools {
        python: interpreter(MOST),
        basana: interpreter(BASANA),
        ccxt_timex: interpreter(CCXT_TIMEX),
        tables: interpreter(TABLES),
        cryptofeed: interpreter(CRYPTOFEED),
        modules: npm.join("node_modules"),
        console: folder.join("console"),
    })
}

/// Python with its venv module: clients run in environments of it, and the tests of the bus have it fetch a NATS server.
pub fn interpreter() -> Result<&'static Path, String> {
    let interpreter = Path::new("python3");
    if !works(interpreter, &["-c", PYTHON_CHECK]) {
        apt(&["python3", "python3-venv"]);
    }
    match works(interpreter, &["-c", PYTHON_CHECK]) {
        true => Ok(interpreter),
        false => Err(needs("Python 3.10 or newer with its venv module", "python3 python3-venv")),
    }
}

fn python(environment: &Path, requirements: &str) -> Result<(), String> {
    let requirements = scripts().join(requirements);
    let pins = read(&requirements)?;
    if is_installed(environment, &pins) && works(&environment.join("bin/python"), &["--version"]) {
        return Ok(());
    }
    let interpreter = interpreter()?;
    clear(environment)?;
    run(Command::new(interpreter).args(["-m", "venv"]).arg(environment))?;
    if pins.lines().any(|line| line.starts_with("--no-binary"))
        && !works(Path::new("cc"), &["--version"])
    {
        apt(&["gcc", "libc6-dev", "python3-dev"]);
    }
    let mut pip = Command::new(environment.join("bin/python"));
    pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--only-binary", ":all:"]);
    run(pip.arg("--requirement").arg(requirements))?;
    mark_installed(environment, &pins)
}

fn node(npm: &Path) -> Result<(), String> {
    let mut pins = String::new();
    for name in PINS {
        pins += &read(&scripts().join(name))?;
    }
    if !works(Path::new("node"), &["--version"]) {
        apt(&["nodejs"]);
    }
    if !works(Path::new("node"), &["--version"]) {
        return Err(needs("Node.js 18 or newer", "nodejs npm"));
    }
    if is_installed(npm, &pins) {
        return Ok(());
    }
    npm_ci(npm, &scripts(), &pins)
}

/// Installs what the pins in a folder say into another.
fn npm_ci(npm: &Path, from: &Path, pins: &str) -> Result<(), String> {
    if !works(Path::new("npm"), &["--version"]) {
        apt(&["npm"]);
    }
    if !works(Path::new("npm"), &["--version"]) {
        return Err(needs("npm", "nodejs npm"));
    }
    clear(npm)?;
    for name in PINS {
        let copied = fs::copy(from.join(name), npm.join(name));
        copied.map_err(|error| format!("failed to copy {name}: {error}"))?;
    }
    let arguments = ["ci", "--no-audit", "--no-fund", "--ignore-scripts"];
    run(Command::new("npm").args(arguments).current_dir(npm))?;
    mark_installed(npm, pins)
}

/// PostgreSQL, in which accounts can be kept. Where there is none, and none can be installed, the tests that need it say
/// that they were skipped.
pub fn postgres() {
    let is_there = || {
        Path::new("/usr/lib/postgresql").exists() || works(Path::new("postgres"), &["--version"])
    };
    if !is_there() {
        apt(&["postgresql"]);
    }
    if !is_there() {
        println!(
            "         {}",
            needs("PostgreSQL, without which its tests are skipped,", "postgresql")
        );
    }
}

/// A browser that can be driven.
fn browser() -> Result<(), String> {
    let is_there = || BROWSERS.iter().any(|path| Path::new(path).exists());
    if !is_there() {
        apt(&["chromium"]);
    }
    match is_there() {
        true => Ok(()),
        false => Err(needs("Chromium", "chromium")),
    }
}

/// What bundles the console, with the console's sources beside it.
fn bundler(folder: &Path) -> Result<(), String> {
    let sources = process::root().join("console");
    let mut pins = String::new();
    for name in PINS {
        pins += &read(&sources.join(name))?;
    }
    if !is_installed(folder, &pins) {
        npm_ci(folder, &sources, &pins)?;
    }
    let mut copy = Command::new("cp");
    copy.arg("-r").args(["build.mjs", "src", "dist"].map(|name| sources.join(name)));
    run(copy.arg(folder))
}

/// Tries to install system packages, where that is possible: as root, with apt.
fn apt(packages: &[&str]) {
    let is_root =
        Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout.starts_with(b"0\n"));
    if !is_root || !works(Path::new("apt-get"), &["--version"]) {
        return;
    }
    println!("         apt-get install {}", packages.join(" "));
    let attempts: [&[&str]; 2] = [&["update"], &["install", "-y", "--no-install-recommends"]];
    for (index, arguments) in attempts.into_iter().enumerate() {
        let mut command = Command::new("apt-get");
        command.arg("-qq").args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        if index == 1 {
            command.args(packages);
        }
        if let Err(trouble) = run(&mut command) {
            println!("         {trouble}");
        }
    }
}

fn needs(what: &str, packages: &str) -> String {
    format!(
        "{what} is missing.\non Debian or Ubuntu: sudo apt-get install {packages}\n\
         on macOS: brew install python node postgresql\nthen run this command again"
    )
}

/// The pins an installation was made from lie beside it; equal pins mean that it is complete.
fn is_installed(folder: &Path, pins: &str) -> bool {
    fs::read_to_string(folder.join("installed-pins")).is_ok_and(|installed| installed == pins)
}

fn mark_installed(folder: &Path, pins: &str) -> Result<(), String> {
    let file = folder.join("installed-pins");
    fs::write(&file, pins).map_err(|error| format!("failed to write {}: {error}", file.display()))
}

fn clear(folder: &Path) -> Result<(), String> {
    let told = |error| format!("failed to make {}: {error}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(told)?;
    }
    fs::create_dir_all(folder).map_err(told)
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("failed to read {}: {error}", path.display()))
}

/// Runs an installer; its output is shown only when it fails.
fn run(command: &mut Command) -> Result<(), String> {
    let line = format!("{command:?}");
    let run = process::follow(command, None, |_| {})?;
    match run.status.is_some_and(|status| status.success()) {
        true => Ok(()),
        false => Err(format!("failed: {line}\n{}", run.tail(40))),
    }
}
