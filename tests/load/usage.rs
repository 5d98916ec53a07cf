//! What processes use, as the kernel counts it.

use std::time::Duration;

/// The kernel tells times of processes in hundredths of a second (`USER_HZ`, proc_pid_stat(5)).
const TICK: Duration = Duration::from_millis(10);

/// The fields of `/proc/PID/stat` behind the name, which may have spaces: the first is field 3.
fn stat(pid: u32) -> Option<Vec<u64>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(')')?;
    Some(fields.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect())
}

fn ticks(fields: &[u64], from: usize) -> Duration {
    TICK * u32::try_from(fields[from - 3] + fields[from - 2]).unwrap()
}

/// The CPU time that a process has taken so far.
pub(crate) fn cpu(pid: u32) -> Duration {
    ticks(&stat(pid).expect("a running process"), 14)
}

/// The same of this process.
pub(crate) fn own_cpu() -> Duration {
    cpu(std::process::id())
}

/// The same of a process with all that it started.
pub(crate) fn cpu_of_tree(pid: u32) -> Duration {
    let mut sum = cpu(pid) + ticks(&stat(pid).expect("a running process"), 16);
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(child) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // One may end while it is looked at; then its time is its parent's.
        if let Some(fields) = stat(child)
            && fields[1] == u64::from(pid)
        {
            sum += ticks(&fields, 14);
        }
    }
    sum
}

/// The CPU time that this thread has taken so far (the scheduler's own count, in nanoseconds).
pub(crate) fn thread_cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split_whitespace().next().unwrap().parse().unwrap())
}

/// The resident memory of a process, in bytes.
#[derive(Clone, Copy, Default)]
pub(crate) struct Memory {
    /// All of it.
    pub(crate) all: u64,
    /// What is in no file: heap and stacks. The rest is the program itself.
    pub(crate) own: u64,
}

/// What a process has resident now.
pub(crate) fn memory(pid: u32) -> Memory {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let kilobytes = |name: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("a field of the kernel");
        line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap()
    };
    Memory { all: kilobytes("VmRSS") * 1024, own: kilobytes("RssAnon") * 1024 }
}
