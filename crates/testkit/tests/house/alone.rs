//! A test in a process of its own, for what is measured of a whole process.

use std::process::Command;

/// Runs `body` in a process of this test alone. `name` is the test's own, as `--exact` wants it.
pub fn alone(name: &str, body: impl FnOnce()) {
    const ALONE: &str = "RIALTO_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return body();
    }
    let binary = std::env::current_exe().expect("this is one");
    let ran = Command::new(binary)
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(ALONE, "1")
        .output()
        .expect("this binary can be run again");
    let said = [ran.stdout, ran.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    println!("{}{}", said[0], said[1]);
    assert!(ran.status.success(), "{name} alone: {}", ran.status);
    assert!(said[0].contains("1 passed"), "no test is called {name}");
}

/// The memory that this process holds, in bytes.
pub fn rss_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("Linux tells");
    let resident = pages.split(' ').nth(1).expect("the second is resident");
    // Pages have 4 KiB on the machines that this runs on; larger ones would only make the bound wider.
    resident.parse::<usize>().expect("a number") * 4_096
}
