//! What a process costs, as the system tells it: time on a core, thread by thread, and memory.

use std::collections::BTreeMap;
use std::fs;

/// What Linux counts a process's time in, towards programs, whatever its own clock does.
const TICK_NS: u64 = 10_000_000;

/// What the system tells of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process(pub u32);

/// Time on a core that each thread of a process has had, in ns, with the threads' names.
#[derive(Clone, Debug, Default)]
pub struct CpuTimes {
    threads: BTreeMap<u32, (String, u64)>,
    /// The process as a whole, ended threads included, to a tick of the kernel's clock.
    whole_ticks: u64,
}

impl Process {
    /// This one.
    pub fn own() -> Self {
        Self(std::process::id())
    }

    /// What its threads have cost until now.
    pub fn cpu(self) -> Result<CpuTimes, String> {
        let mut threads = BTreeMap::new();
        let tasks = format!("/proc/{}/task", self.0);
        let listed = fs::read_dir(&tasks).map_err(|error| self.gone(&error))?;
        for entry in listed.flatten() {
            let Some(thread) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let path = entry.path();
            // A thread may end while we look.
            let Ok(times) = fs::read_to_string(path.join("schedstat")) else { continue };
            let Some(on_core) = times.split(' ').next().and_then(|ns| ns.parse().ok()) else {
                continue;
            };
            let name = fs::read_to_string(path.join("comm")).unwrap_or_default();
            threads.insert(thread, (name.trim_end().to_owned(), on_core));
        }
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0))
            .map_err(|error| self.gone(&error))?;
        let whole_ticks =
            ticks_of(&stat).ok_or("failed to read a process's times: unknown format")?;
        Ok(CpuTimes { threads, whole_ticks })
    }

    /// Its memory in RAM, in bytes.
    pub fn memory(self) -> Result<u64, String> {
        // The roll-up counts pages; `status` may lag behind by what each core has not yet handed in.
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.0));
        if let Some(bytes) = rollup.ok().and_then(|text| kilobytes(&text, "Rss:")) {
            return Ok(bytes);
        }
        let status = fs::read_to_string(format!("/proc/{}/status", self.0));
        let status = status.map_err(|error| self.gone(&error))?;
        kilobytes(&status, "VmRSS:")
            .ok_or_else(|| format!("process {} has no memory of its own", self.0))
    }

    fn gone(self, error: &std::io::Error) -> String {
        format!("failed to look at process {}: {error}; does it run, on this machine?", self.0)
    }
}

/// What the kernel has taken for its own small things, sockets among them, in bytes; none where it does not say.
pub fn kernel_memory() -> Option<u64> {
    kilobytes(&fs::read_to_string("/proc/meminfo").ok()?, "Slab:")
}

/// Time in user and system mode, in ticks, from the text of `/proc/P/stat`.
fn ticks_of(stat: &str) -> Option<u64> {
    // The name may contain anything, parentheses included; nothing behind it does.
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

fn kilobytes(text: &str, label: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(label))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1_024)
}

impl CpuTimes {
    /// What was spent since an earlier look, in ns. If a thread has ended since then, its last share is
    /// only known to a tick, and so is the answer.
    pub fn since(&self, before: &CpuTimes) -> u64 {
        if before.threads.keys().any(|thread| !self.threads.contains_key(thread)) {
            return self.whole_ticks.saturating_sub(before.whole_ticks) * TICK_NS;
        }
        self.each_since(before).map(|(_, ns)| ns).sum()
    }

    /// The same for each thread that lives.
    pub fn each_since<'a>(&'a self, before: &'a CpuTimes) -> impl Iterator<Item = (&'a str, u64)> {
        self.threads.iter().map(|(thread, (name, ns))| {
            let earlier = before.threads.get(thread).map_or(0, |(_, ns)| *ns);
            (name.as_str(), ns.saturating_sub(earlier))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn work_is_counted_to_the_thread_that_did_it() {
        fn look() -> CpuTimes {
            Process::own().cpu().expect("this process runs")
        }
        fn of_worker(after: &CpuTimes, before: &CpuTimes) -> u64 {
            after.each_since(before).filter(|(name, _)| *name == "worker").map(|(_, ns)| ns).sum()
        }
        let before = look();
        let work = move || {
            let mut sum = 0_u64;
            let worked = loop {
                for number in 0..1_000_000_u64 {
                    sum = std::hint::black_box(sum.wrapping_add(number * number));
                }
                let now = look();
                if of_worker(&now, &before) > 20_000_000 {
                    break now;
                }
            };
            assert!(worked.since(&before) >= 20_000_000);
            let idled = look();
            let (little, much) = (of_worker(&idled, &worked), of_worker(&worked, &before));
            assert!(little < much, "{little} ns between two looks, {much} ns before");
        };
        let worker = thread::Builder::new().name("worker".to_owned()).spawn(work);
        worker.expect("a thread starts").join().expect("the thread does not panic");
    }

    #[test]
    fn a_process_has_memory_and_one_that_is_not_there_is_an_error() {
        let memory = Process::own().memory().expect("this process runs");
        assert!((100_000..100_000_000_000).contains(&memory), "{memory}");
        let kernel = kernel_memory().expect("the kernel says");
        assert!((1_000_000..1_000_000_000_000).contains(&kernel), "{kernel}");
        // The kernel gives no such number to a process.
        let nobody = Process(u32::MAX);
        assert!(nobody.cpu().is_err_and(|error| error.contains("does it run")));
        assert!(nobody.memory().is_err());
    }

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_times() {
        let stat = "7 (a) (b c) S 1 7 7 0 -1 4194304 100 0 0 0 12 34 0 0 20 0 1 0 5 6";
        assert_eq!(ticks_of(stat), Some(46));
        assert_eq!(ticks_of("7 (a"), None);
    }
}
