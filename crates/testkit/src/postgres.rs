//! A real PostgreSQL server of the tests' own: in a folder that is gone afterwards, on a free port of loopback.
//!
//! It ends with the process that started it, however that ends: a shell between them waits for the end of its input.

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::served::encrypted::certify;

/// Who one is there, by the password [`PASSWORD`].
pub const USER: &str = "rialto";
/// The password, such that an address must write some of it otherwise.
pub const PASSWORD: &str = "s3cret/of@tests";

/// Where Debian puts the programs that are not on the path, a folder for each version.
const FOLDERS: &str = "/usr/lib/postgresql";
/// How long a server may take to begin.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts the server, says its number, and ends it after a line, or with its folder at the end of its input or when all are
/// asked to end.
const GUARD: &str = r#"
folder=$1; shift
trap : HUP INT TERM
"$@" >"$folder/log" 2>&1 </dev/null &
echo $!
read -r word; left=$?
kill -CONT $!; kill -QUIT $!; wait $!
[ $left = 0 ] || rm -rf "$folder"
"#;

/// A server.
#[derive(Debug)]
pub struct Server {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    settings: Vec<String>,
    running: Mutex<Option<Running>>,
    databases: AtomicU32,
}

#[derive(Debug)]
struct Running {
    guard: Child,
    pid: u32,
}

impl Server {
    /// The one that all tests of a binary may use who leave it running; `None` where PostgreSQL is not installed,
    /// which is said aloud.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Server>> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&[])).as_ref()
    }

    /// A new one with these settings besides, such as `ssl=on`; `None` as for [`shared`](Self::shared).
    ///
    /// # Panics
    /// If it does not begin.
    pub fn start(settings: &[&str]) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let Some(programs) = programs() else {
            // Past the harness, which hides what tests that pass have said.
            let _told = writeln!(
                std::io::stderr().lock(),
                "SKIPPED: PostgreSQL is not installed, so nothing was tested on it (Debian: apt-get install postgresql)"
            );
            return None;
        };
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("rialto-postgres-{}-{count}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).expect("a new folder");
        fs::set_permissions(&folder, Permissions::from_mode(0o700)).expect("its mode");
        let owner = owner(&folder);
        let file = folder.join("password");
        fs::write(&file, PASSWORD).expect("the password's file");
        if let Some((user, group)) = owner {
            chown(&folder, Some(user), Some(group)).expect("the folder's owner");
            chown(&file, Some(user), Some(group)).expect("the file's owner");
        }
        let mut server = Self {
            programs,
            folder,
            port: 0,
            settings: settings.iter().map(|&it| it.to_owned()).collect(),
            running: Mutex::new(None),
            databases: AtomicU32::new(0),
        };
        let mut made = server.as_owner("initdb");
        made.args(["--no-sync", "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256"]);
        made.args(["--username", USER, "--pwfile"]).arg(&file).arg(server.folder.join("data"));
        let made = made.output().expect("initdb runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|it| it.local_addr());
        server.port = free.expect("a free port").port();
        server.begin();
        Some(server)
    }

    /// The same speaking TLS too, with a certificate for these names; whoever vouches for it is in [`ca`](Self::ca).
    ///
    /// # Panics
    /// If it does not.
    #[must_use]
    pub fn under_tls(mut self, names: &[&str]) -> Self {
        self.end();
        let (files, _) = certify(&self.folder, names);
        fs::set_permissions(&files.key, Permissions::from_mode(0o600)).expect("its mode");
        if let Some((user, group)) = owner(&self.folder) {
            chown(&files.key, Some(user), Some(group)).expect("the key's owner");
        }
        self.settings.push("ssl=on".to_owned());
        self.settings.push(format!("ssl_cert_file={}", files.certificate.display()));
        self.settings.push(format!("ssl_key_file={}", files.key.display()));
        self.begin();
        self
    }

    /// Who vouches for its certificate, if it has one.
    #[must_use]
    pub fn ca(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Lets it begin, again.
    ///
    /// # Panics
    /// If it does not.
    pub fn begin(&self) {
        let mut running = self.running();
        assert!(running.is_none(), "it runs");
        let command = self.as_owner("postgres");
        let mut guard = Command::new("sh");
        guard.args(["-c", GUARD, "guard"]).arg(&self.folder);
        guard.arg(command.get_program()).args(command.get_args());
        guard.arg("-D").arg(self.folder.join("data"));
        guard.arg("-k").arg(&self.folder).args(["-h", "127.0.0.1", "-p"]);
        guard.arg(self.port.to_string());
        let quick = ["fsync=off", "full_page_writes=off", "shared_buffers=16MB"];
        for setting in quick.into_iter().chain(self.settings.iter().map(String::as_str)) {
            guard.args(["-c", setting]);
        }
        guard.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut guard = guard.spawn().expect("a shell runs");
        let mut pid = String::new();
        let out = guard.stdout.take().expect("it is piped");
        BufReader::new(out).read_line(&mut pid).expect("the server's number");
        let pid = pid.trim().parse().expect("a number");
        *running = Some(Running { guard, pid });
        drop(running);
        let begun = Instant::now();
        while !self.psql("postgres", "SELECT 1").is_ok_and(|said| said == "1") {
            assert!(begun.elapsed() < PATIENCE, "no server:\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it; what it holds stays. Whoever is connected is cut off.
    pub fn end(&self) {
        let running = self.running().take();
        if let Some(mut running) = running {
            let mut input = running.guard.stdin.take().expect("it is piped");
            input.write_all(b"end\n").expect("the shell reads");
            running.guard.wait().expect("the shell ends");
        }
    }

    /// Has it stand still as it is: it takes connections, and answers nobody.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    /// A new database: how an address writes it, with the password or without.
    ///
    /// # Panics
    /// If there can be none.
    pub fn database(&self) -> Database<'_> {
        let name = format!("t{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        Database { server: self, name }
    }

    /// What a statement gives, as `psql` shows it without decoration.
    ///
    /// # Panics
    /// If it fails.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        match self.psql(database, sql) {
            Ok(said) => said,
            Err(error) => panic!("{sql}: {error}"),
        }
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its folder, where its socket is too.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it has said.
    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn psql(&self, database: &str, sql: &str) -> Result<String, String> {
        let mut command = Command::new(self.programs.join("psql"));
        command.args(["-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p"]);
        command.arg(self.port.to_string()).args(["-U", USER, "-d", database, "-c", sql]);
        let output = command.env("PGPASSWORD", PASSWORD).output().expect("psql runs");
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    /// One of its programs, as the owner of its folder: root may not run them.
    fn as_owner(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let Some((user, group)) = owner(&self.folder) else { return Command::new(program) };
        let mut command = Command::new("setpriv");
        command.arg(format!("--reuid={user}")).arg(format!("--regid={group}"));
        command.arg("--clear-groups").arg("--").arg(program);
        command
    }

    fn signal(&self, name: &str) {
        let pid = self.running().as_ref().expect("it runs").pid;
        // Its children are the processes that serve; those of a stopped parent do not change.
        let order = |pids: &[String]| {
            let sent = Command::new("kill").arg(format!("-{name}")).args(pids).status();
            assert!(sent.expect("kill runs").success());
        };
        let children = || {
            let listed = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
            listed.expect("the children").split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        match name {
            "STOP" => {
                order(&[pid.to_string()]);
                order(&children());
            }
            _ => {
                order(&children());
                order(&[pid.to_string()]);
            }
        }
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A database of a server.
#[derive(Debug)]
pub struct Database<'a> {
    server: &'a Server,
    /// Its name.
    pub name: String,
}

impl Database<'_> {
    /// Its address, password and all.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_with(&PASSWORD.replace('/', "%2F").replace('@', "%40"))
    }
    /// Its address with another password, already as an address writes it.
    #[must_use]
    pub fn url_with(&self, password: &str) -> String {
        let Self { server, name } = self;
        format!("postgres://{USER}:{password}@127.0.0.1:{}/{name}", server.port)
    }
    /// Its address without a password.
    #[must_use]
    pub fn bare_url(&self) -> String {
        let Self { server, name } = self;
        format!("postgres://{USER}@127.0.0.1:{}/{name}", server.port)
    }
    /// What a statement gives, as [`Server::sql`].
    pub fn sql(&self, sql: &str) -> String {
        self.server.sql(&self.name, sql)
    }
}

/// The folder with the programs, if there is one.
fn programs() -> Option<PathBuf> {
    let is_whole = |folder: &PathBuf| {
        ["initdb", "postgres", "psql"].iter().all(|program| folder.join(program).exists())
    };
    let mut installed: Vec<PathBuf> = fs::read_dir(FOLDERS)
        .map(|entries| entries.flatten().map(|entry| entry.path().join("bin")).collect())
        .unwrap_or_default();
    installed.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).chain(installed.into_iter().rev()).find(is_whole)
}

/// As whom its programs run where we are root: PostgreSQL's own user, or nobody.
fn owner(folder: &Path) -> Option<(u32, u32)> {
    let is_root = fs::metadata("/proc/self").map(|it| it.uid()).ok()? == 0;
    if !is_root {
        return None;
    }
    // Once it has an owner it keeps that.
    let known = fs::metadata(folder).ok().filter(|it| it.uid() != 0);
    if let Some(known) = known {
        return Some((known.uid(), known.gid()));
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let number = |name: &str| {
        let line = users.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        let mut parts = line.split(':').skip(1).map(|part| part.parse::<u32>().ok());
        Some((parts.next()??, parts.next()??))
    };
    Some(number("postgres").or_else(|| number("nobody")).unwrap_or((65_534, 65_534)))
}
