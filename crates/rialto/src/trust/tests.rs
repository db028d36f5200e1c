use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;

use super::*;

/// A folder that is gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rialto-trust-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _left = fs::remove_dir_all(&self.0);
    }
}

fn options(root: &Path, install: bool) -> (Trust, Untrust) {
    let (dir, root) = (root.join("own"), root.to_owned());
    let address = Ipv4Addr::LOCALHOST.into();
    let trust = Trust { dir: dir.clone(), address, renew: false, install, root: root.clone() };
    (trust, Untrust { dir, root })
}

/// Every file below a folder and what is in it.
fn files(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a file").path();
        match path.is_dir() {
            true => found.append(&mut files(&path)),
            false => found.push((path.clone(), fs::read_to_string(&path).expect("text"))),
        }
    }
    found.sort();
    found
}

#[test]
fn what_is_installed_is_taken_back_to_the_byte() {
    for before in ["127.0.0.1 localhost\n::1 localhost\n", ""] {
        let root = Folder::new(&format!("back{}", before.len()));
        fs::create_dir_all(root.0.join("etc")).expect("a folder");
        fs::write(root.0.join("etc/hosts"), before).expect("a file");
        let clean = files(&root.0);
        let (trust, untrust) = options(&root.0, true);
        super::trust(&trust).expect("a root of our own");
        let installed = files(&root.0);
        assert_eq!(installed.len(), clean.len() + 4, "{installed:?}");
        let hosts = fs::read_to_string(root.0.join("etc/hosts")).expect("a file");
        assert!(hosts.starts_with(before) && hosts.contains("\n127.0.0.1 ws.bitstamp.net\n"));
        super::trust(&trust).expect("a root of our own");
        assert_eq!(files(&root.0), installed, "again is once");
        super::untrust(&untrust).expect("a root of our own");
        assert_eq!(files(&root.0), clean);
        assert!(!trust.dir.exists());
        super::untrust(&untrust).expect("nothing is left");
        assert_eq!(files(&root.0), clean);
    }
}

#[test]
fn nothing_but_the_folder_is_touched_unless_asked() {
    let root = Folder::new("untouched");
    let (mut trust, _) = options(&root.0, false);
    super::trust(&trust).expect("a folder");
    let mut made = files(&root.0);
    let names: Vec<_> = made.iter().map(|(path, _)| path.file_name().expect("a name")).collect();
    assert_eq!(names, [AUTHORITY, CERTIFICATE, KEY]);
    let mode = fs::metadata(trust.dir.join(KEY)).expect("a key").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let keys = made.iter().filter(|(_, text)| text.contains("PRIVATE KEY")).count();
    assert_eq!(keys, 1, "the authority's key is nowhere");
    super::trust(&trust).expect("a folder");
    assert_eq!(files(&root.0), made, "what is there is kept");
    trust.renew = true;
    super::trust(&trust).expect("a folder");
    made.retain(|old| files(&root.0).contains(old));
    assert_eq!(made, [], "all of it is new");
}

#[test]
fn every_name_that_leads_to_a_dialect_is_vouched_for() {
    let config = crate::config::Config::read("demo", crate::config::DEMO).expect("the demo");
    let dialects = crate::serve::dialects(&config).expect("the demo");
    let mut hosts: Vec<&str> = dialects.iter().flat_map(|it| it.doors().hosts).copied().collect();
    let mut ours = HOSTS.to_vec();
    hosts.sort_unstable();
    ours.sort_unstable();
    assert_eq!(hosts, ours);
}

#[test]
fn what_is_made_can_be_served() {
    let root = Folder::new("served");
    let (trust, _) = options(&root.0, false);
    super::trust(&trust).expect("a folder");
    let (certificate, key) = (trust.dir.join(CERTIFICATE), trust.dir.join(KEY));
    let files = edge::tls::Files { certificate, key };
    let now = model::Time(Timestamp::now().as_microsecond());
    let (_, notes) = edge::tls::Tls::open(files, now).expect("a certificate and its key");
    assert_eq!(notes, [""; 0], "nothing is to be said of it");
}

#[test]
fn who_is_forgotten_is_chosen_to_be_removed_and_nobody_else() {
    let authority = Path::new("/usr/local/share/ca-certificates/rialto-local.crt");
    for chosen in ["", "# of the system\nmozilla/One.crt\n", "mozilla/One.crt"] {
        let words = system::forgetting(chosen, authority);
        let lines: Vec<&str> = words.lines().collect();
        assert_eq!(lines, [chosen.lines().collect(), vec!["!rialto-local.crt"]].concat());
    }
}
