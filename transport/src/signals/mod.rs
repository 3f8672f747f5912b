//! What the machine says of its network and its sleep, for all sessions of the process that want to know.
//!
//! On Linux: netlink, and the difference of two clocks. Everywhere else the application says it.

#[cfg(target_os = "linux")]
mod netlink;
#[cfg(target_os = "linux")]
mod snapshot;
mod suspension;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use steadfast_core::Network;

use self::suspension::Suspension;

/// What the machine says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Signal {
    /// Of its network.
    Network(Network),
    /// That it was suspended, and for how long.
    Resumed {
        /// By how much boot time went further than monotonic time.
        gap: Duration,
    },
}

/// The claim to be told, as long as it is kept.
#[must_use = "nobody is told any more once it is dropped"]
pub struct Subscription(u64);

type Sink = Arc<dyn Fn(Signal) + Send + Sync>;

/// The one monitor of the process.
struct Monitor {
    sinks: BTreeMap<u64, Sink>,
    next: u64,
    suspension: Suspension,
    /// Whether there is no network; `false` where nobody knows.
    offline: bool,
    /// Ends the thread that watches the network, if one does.
    #[cfg(target_os = "linux")]
    watch: Option<netlink::Bell>,
}

static MONITOR: Mutex<Monitor> = Mutex::new(Monitor {
    sinks: BTreeMap::new(),
    next: 0,
    suspension: Suspension::new(),
    offline: false,
    #[cfg(target_os = "linux")]
    watch: None,
});

/// Has this called whenever there is something to say, on any thread: it must not block, and must not subscribe.
///
/// The first subscription starts the thread that watches the network, and the last one's end ends it. It sleeps unless the
/// kernel has something to say. Where the kernel lets nobody watch, nothing is said of the network.
pub fn subscribe(sink: impl Fn(Signal) + Send + Sync + 'static) -> Subscription {
    let sink: Sink = Arc::new(sink);
    let mut monitor = monitor();
    monitor.next += 1;
    let number = monitor.next;
    monitor.sinks.insert(number, Arc::clone(&sink));
    // Sleep from before the first subscription is nobody's.
    if monitor.sinks.len() == 1 {
        monitor.suspension = Suspension::new();
    }
    let _ = monitor.suspension.look();
    #[cfg(target_os = "linux")]
    if monitor.watch.is_none() {
        monitor.watch = netlink::watch();
    }
    let offline = monitor.offline;
    drop(monitor);
    if offline {
        sink(Signal::Network(Network::Offline));
    }
    Subscription(number)
}

impl Subscription {
    /// Sees whether the machine was suspended, and has everybody told if it was. For loops, when they wake: two clocks are
    /// read.
    pub fn look(&self) {
        look();
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut monitor = monitor();
        let sink = monitor.sinks.remove(&self.0);
        #[cfg(target_os = "linux")]
        if monitor.sinks.is_empty() {
            monitor.offline = false;
            monitor.watch = None;
        }
        drop(monitor);
        drop(sink);
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Subscription").field(&self.0).finish()
    }
}

fn look() {
    let gap = monitor().suspension.look();
    if let Some(gap) = gap {
        publish(Signal::Resumed { gap });
    }
}

/// Tells everybody.
fn publish(signal: Signal) {
    let mut monitor = monitor();
    if let Signal::Network(network) = signal {
        monitor.offline = network == Network::Offline;
    }
    let sinks: Vec<Sink> = monitor.sinks.values().cloned().collect();
    drop(monitor);
    for sink in sinks {
        sink(signal);
    }
}

fn monitor() -> MutexGuard<'static, Monitor> {
    MONITOR.lock().unwrap_or_else(PoisonError::into_inner)
}
