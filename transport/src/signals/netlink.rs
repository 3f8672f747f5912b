//! The thread that watches the network: it sleeps until the kernel says that something changed, and then looks at all of it.
//!
//! What the kernel says is taken for no more than a reason to look: messages that were lost, for want of room, cost nothing.

use std::{
    io,
    os::fd::OwnedFd,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkMessage};
use netlink_packet_route::{RouteNetlinkMessage, address::AddressMessage, link::LinkMessage, route::RouteMessage};
use rustix::{
    event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll},
    io::{Errno, write},
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, netlink::SocketAddrNetlink, recv, send,
        socket_with,
    },
};
use steadfast_core::Network;

use super::{
    Signal, look, publish,
    snapshot::{Snapshot, Taken},
};

/// Ends the thread when it is dropped.
#[derive(Debug)]
pub(super) struct Bell(Arc<OwnedFd>);

/// Starts the thread; `None` if the operating system does not let anybody watch.
pub(super) fn watch() -> Option<Bell> {
    let bell = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).ok()?);
    // It listens before it looks, so that nothing is missed.
    let events = open(LINK | IPV4_ADDRESS | IPV4_ROUTE | IPV6_ADDRESS | IPV6_ROUTE).ok()?;
    let rung = Arc::clone(&bell);
    thread::Builder::new().name("steadfast-net".into()).spawn(move || run(&events, &rung)).ok()?;
    Some(Bell(bell))
}

impl Drop for Bell {
    fn drop(&mut self) {
        // It can only be full, and then it rings already.
        let _ = write(&*self.0, &1_u64.to_ne_bytes());
    }
}

/// Watches until the bell rings, or nothing can be watched.
fn run(events: &OwnedFd, bell: &OwnedFd) {
    let mut before = snapshot().ok();
    if before.as_ref().is_some_and(|there| !there.is_online()) {
        publish(Signal::Network(Network::Offline));
    }
    while let Ok(Woken::Event) = wait(events, bell, None) {
        look();
        if !settles(events, bell, QUIET) {
            return;
        }
        let mut news = since(before.as_ref());
        // A link that is gone may be on its way to another network, or back.
        if let Some((_, Some(Network::Offline))) = news {
            if !settles(events, bell, HESITATION) {
                return;
            }
            news = since(before.as_ref());
        }
        // What could not be seen is no news; the next event is another reason to look.
        let Some((now, news)) = news else { continue };
        before = Some(now);
        if let Some(network) = news {
            publish(Signal::Network(network));
        }
    }
}

/// What there is now, and what that means after what was there before.
fn since(before: Option<&Snapshot>) -> Option<(Snapshot, Option<Network>)> {
    let now = snapshot().ok()?;
    let news = match before {
        Some(before) => now.since(before),
        None => (!now.is_online()).then_some(Network::Offline),
    };
    Some((now, news))
}

/// Waits until nothing has changed for so long: a change seldom comes alone. Whether to go on watching.
fn settles(events: &OwnedFd, bell: &OwnedFd, quiet: Duration) -> bool {
    let until = Instant::now() + LONGEST;
    loop {
        drain(events);
        match wait(events, bell, Some(quiet.min(until.saturating_duration_since(Instant::now())))) {
            Ok(Woken::Event) => {}
            Ok(Woken::Quiet) => return true,
            Ok(Woken::Bell) | Err(_) => return false,
        }
    }
}

/// Why a wait is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Woken {
    Event,
    Bell,
    Quiet,
}

fn wait(events: &OwnedFd, bell: &OwnedFd, most: Option<Duration>) -> io::Result<Woken> {
    let most = most.map(|most| Timespec::try_from(most).unwrap_or_default());
    loop {
        let mut both = [PollFd::new(bell, PollFlags::IN), PollFd::new(events, PollFlags::IN)];
        match poll(&mut both, most.as_ref()) {
            Ok(0) => return Ok(Woken::Quiet),
            Ok(_) if !both[0].revents().is_empty() => return Ok(Woken::Bell),
            Ok(_) => return Ok(Woken::Event),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn drain(events: &OwnedFd) {
    let mut buffer = [0; 1 << 10];
    // An overrun is told as an error, once, and there is more behind it.
    while matches!(recv(events, &mut buffer, RecvFlags::DONTWAIT), Ok(_) | Err(Errno::NOBUFS | Errno::INTR)) {}
}

/// What there is now.
pub(super) fn snapshot() -> io::Result<Snapshot> {
    let socket = open(0)?;
    let mut snapshot = Snapshot::default();
    let requests = [
        RouteNetlinkMessage::GetLink(LinkMessage::default()),
        RouteNetlinkMessage::GetAddress(AddressMessage::default()),
        RouteNetlinkMessage::GetRoute(RouteMessage::default()),
    ];
    for request in requests {
        dump(&socket, request, &mut snapshot)?;
    }
    Ok(snapshot)
}

fn dump(socket: &OwnedFd, request: RouteNetlinkMessage, snapshot: &mut Snapshot) -> io::Result<()> {
    let mut request = NetlinkMessage::from(request);
    request.header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    request.finalize();
    let mut bytes = vec![0; request.buffer_len()];
    request.serialize(&mut bytes);
    send(socket, &bytes, SendFlags::empty())?;
    // As much as the kernel puts together at most.
    let mut buffer = vec![0; 64 << 10];
    loop {
        let most = Timespec::try_from(PATIENCE).unwrap_or_default();
        let mut fds = [PollFd::new(socket, PollFlags::IN)];
        match poll(&mut fds, Some(&most)) {
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let read = match recv(socket, &mut buffer[..], RecvFlags::DONTWAIT) {
            Ok((_, read)) => read.min(buffer.len()),
            Err(Errno::AGAIN | Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        };
        match snapshot.take(&buffer[..read]) {
            Taken::More => {}
            Taken::Done => return Ok(()),
            Taken::Failed => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

fn open(groups: u32) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
    bind(&socket, &SocketAddrNetlink::new(0, groups))?;
    Ok(socket)
}

/// `RTMGRP_…` (rtnetlink(7)).
const LINK: u32 = 0x1;
const IPV4_ADDRESS: u32 = 0x10;
const IPV4_ROUTE: u32 = 0x40;
const IPV6_ADDRESS: u32 = 0x100;
const IPV6_ROUTE: u32 = 0x400;
/// How long nothing must have changed before that is looked at.
const QUIET: Duration = Duration::from_millis(300);
/// How long a network has to be gone before that is told: attempts end with it.
const HESITATION: Duration = Duration::from_secs(1);
/// How long a change waits at most for others.
const LONGEST: Duration = Duration::from_secs(2);
/// How long the kernel may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_what_there_is() {
        let one = snapshot().expect("netlink");
        assert_eq!(snapshot().expect("netlink").since(&one), None);
    }
}
