//! What the process uses, and what it may use.

use std::{fs, time::Duration};

/// Lets the process have so many file descriptors.
///
/// # Errors
/// The system allows fewer, and how many that is.
#[cfg(unix)]
pub(super) fn allow_descriptors(needed: u64) -> Result<(), u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let limit = getrlimit(Resource::Nofile);
    // None is no limit.
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    match limit.maximum {
        Some(maximum) if maximum < needed => Err(maximum),
        maximum => setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum })
            .map_err(|_| limit.current.unwrap_or_default()),
    }
}

/// Sockets are not counted among file descriptors here.
#[cfg(not(unix))]
pub(super) fn allow_descriptors(_needed: u64) -> Result<(), u64> {
    Ok(())
}

/// The CPU time that all threads of the process have used.
#[cfg(unix)]
pub(super) fn cpu_time() -> Option<Duration> {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Some(Duration::new(used.tv_sec.try_into().ok()?, used.tv_nsec.try_into().ok()?))
}

/// Not known here.
#[cfg(not(unix))]
pub(super) fn cpu_time() -> Option<Duration> {
    None
}

/// How many bytes of the process are in memory; `None` where the system does not say so in a file.
pub(super) fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    kibibytes.trim().strip_suffix("kB")?.trim_end().parse::<u64>().ok().map(|kibibytes| kibibytes << 10)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_what_the_process_uses() {
        let memory = vec![1_u8; 64 << 20];
        assert!(resident().expect("a figure") > 64 << 20, "{}", memory.len());
        assert!(cpu_time().expect("a figure") > Duration::ZERO);
    }

    #[test]
    fn more_descriptors_than_the_system_has_are_refused_with_what_it_allows() {
        assert!(allow_descriptors(1).is_ok());
        assert!(allow_descriptors(u64::MAX - 1).is_err_and(|allowed| allowed > 0));
    }
}
