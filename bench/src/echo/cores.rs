//! Which cores the two ends run on.

use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};

use super::Failure;

/// Where client and server run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Cores {
    /// Both on the same core, so that what is measured is their work and nobody's sleep: to wake a core that sleeps takes
    /// longer than to answer, most of all under a hypervisor.
    One,
    /// Each on a core of its own.
    Two,
    /// Wherever the system likes, which may change at any time.
    Any,
}

/// The cores of the server and of the client.
pub(crate) struct Places {
    server: CpuSet,
    client: CpuSet,
}

impl Places {
    /// Chosen among those that this process may use.
    ///
    /// # Errors
    /// If there are too few.
    pub(crate) fn choose(cores: Cores) -> Result<Self, Failure> {
        let allowed = sched_getaffinity(THIS)?;
        let mut free = (0..CpuSet::count()).rev().filter(|core| allowed.is_set(*core).unwrap_or(false));
        let mut only = || -> Result<CpuSet, Failure> {
            let mut only = CpuSet::new();
            only.set(free.next().ok_or("there are too few cores")?)?;
            Ok(only)
        };
        Ok(match cores {
            Cores::One => {
                let one = only()?;
                Self { server: one, client: one }
            }
            Cores::Two => Self { server: only()?, client: only()? },
            Cores::Any => Self { server: allowed, client: allowed },
        })
    }

    /// Keeps this process, and those that it starts, on the server's core.
    pub(crate) fn settle_as_server(&self) -> Result<(), Failure> {
        Ok(sched_setaffinity(THIS, &self.server)?)
    }

    /// Keeps this process on the client's core.
    pub(crate) fn settle_as_client(&self) -> Result<(), Failure> {
        Ok(sched_setaffinity(THIS, &self.client)?)
    }
}

const THIS: Pid = Pid::from_raw(0);
