//! What there is of a network, and what a change of it means.

use std::{collections::BTreeSet, net::IpAddr};

use netlink_packet_core::{NLMSG_DONE, NLMSG_ERROR, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::{
    RouteNetlinkMessage,
    address::{AddressAttribute, AddressScope},
    link::LinkFlags,
    route::{RouteAddress, RouteAttribute},
};
use steadfast_core::Network;

/// Links that carry something, addresses, and ways out.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Snapshot {
    /// Those that are up and have a carrier, but for the loopback.
    links: BTreeSet<u32>,
    /// Those that are good beyond their own link.
    addresses: BTreeSet<(u32, IpAddr)>,
    /// The default routes: through which link, and by whom.
    defaults: BTreeSet<(u32, Option<IpAddr>)>,
}

/// What bytes from the kernel came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Taken {
    /// More follows.
    More,
    /// That was all.
    Done,
    /// They make no sense, or the kernel says no.
    Failed,
}

impl Snapshot {
    /// Takes the messages that came together.
    pub(super) fn take(&mut self, mut bytes: &[u8]) -> Taken {
        while !bytes.is_empty() {
            let Ok(message) = NetlinkMessage::<RouteNetlinkMessage>::deserialize(bytes) else { return Taken::Failed };
            match message.payload {
                NetlinkPayload::Done(_) => return Taken::Done,
                NetlinkPayload::InnerMessage(message) => self.add(&message),
                NetlinkPayload::Error(_) | NetlinkPayload::Overrun(_) => return Taken::Failed,
                _ if matches!(message.header.message_type, NLMSG_DONE | NLMSG_ERROR) => return Taken::Failed,
                _ => {}
            }
            // Messages begin at multiples of four bytes.
            let length = usize::try_from(message.header.length).unwrap_or(usize::MAX).next_multiple_of(4);
            bytes = bytes.get(length.max(4)..).unwrap_or_default();
        }
        Taken::More
    }

    fn add(&mut self, message: &RouteNetlinkMessage) {
        match message {
            RouteNetlinkMessage::NewLink(link) => {
                let flags = link.header.flags;
                if flags.contains(LinkFlags::Up | LinkFlags::Running) && !flags.contains(LinkFlags::Loopback) {
                    self.links.insert(link.header.index);
                }
            }
            RouteNetlinkMessage::NewAddress(address) => {
                let scope = address.header.scope;
                if matches!(scope, AddressScope::Link | AddressScope::Host | AddressScope::Nowhere) {
                    return;
                }
                let (mut own, mut peer) = (None, None);
                for attribute in &address.attributes {
                    match attribute {
                        AddressAttribute::Local(local) => own = Some(*local),
                        // That of the other side, where there are two.
                        AddressAttribute::Address(other) => peer = Some(*other),
                        _ => {}
                    }
                }
                if let Some(ip) = own.or(peer) {
                    self.addresses.insert((address.header.index, ip));
                }
            }
            RouteNetlinkMessage::NewRoute(route) if route.header.destination_prefix_length == 0 => {
                let (mut link, mut gateway) = (None, None);
                for attribute in &route.attributes {
                    match attribute {
                        RouteAttribute::Oif(index) => link = Some(*index),
                        RouteAttribute::Gateway(RouteAddress::Inet(ip)) => gateway = Some(IpAddr::V4(*ip)),
                        RouteAttribute::Gateway(RouteAddress::Inet6(ip)) => gateway = Some(IpAddr::V6(*ip)),
                        _ => {}
                    }
                }
                if let Some(link) = link {
                    self.defaults.insert((link, gateway));
                }
            }
            _ => {}
        }
    }

    /// Whether anything beyond this machine may be reached: there is an address on a link that carries something.
    pub(super) fn is_online(&self) -> bool {
        self.usable().next().is_some()
    }

    fn usable(&self) -> impl Iterator<Item = &(u32, IpAddr)> {
        self.addresses.iter().filter(|(link, _)| self.links.contains(link))
    }

    fn ways_out(&self) -> impl Iterator<Item = &(u32, Option<IpAddr>)> {
        self.defaults.iter().filter(|(link, _)| self.links.contains(link))
    }

    /// What it means that this is so now, and the other was so before.
    pub(super) fn since(&self, before: &Self) -> Option<Network> {
        match (before.is_online(), self.is_online()) {
            (true, false) => Some(Network::Offline),
            (false, true) => Some(Network::Online),
            (false, false) => None,
            (true, true) => {
                let same = self.usable().eq(before.usable()) && self.ways_out().eq(before.ways_out());
                (!same).then_some(Network::Changed)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `nlmsghdr`, and what follows it, as a kernel on a machine with little bytes first writes them.
    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(16 + body.len()).expect("a short message");
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(u16::from(kind).to_ne_bytes());
        bytes.extend([0; 10]);
        bytes.extend(body);
        bytes
    }

    /// `RTM_NEWLINK` with an `ifinfomsg`.
    fn link(index: u8, flags: u32) -> Vec<u8> {
        let [a, b, c, d] = flags.to_ne_bytes();
        message(16, &[0, 0, 1, 0, index, 0, 0, 0, a, b, c, d, 0, 0, 0, 0])
    }

    /// `RTM_NEWADDR` with an `ifaddrmsg` and an `IFA_LOCAL`.
    fn address(index: u8, scope: u8, ip: [u8; 4]) -> Vec<u8> {
        let [a, b, c, d] = ip;
        message(20, &[2, 30, 0, scope, index, 0, 0, 0, 8, 0, 2, 0, a, b, c, d])
    }

    /// `RTM_NEWROUTE` with an `rtmsg` of a default route, an `RTA_GATEWAY` and an `RTA_OIF`.
    fn way_out(index: u8, gateway: [u8; 4]) -> Vec<u8> {
        let [a, b, c, d] = gateway;
        let body = [2, 0, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0, 8, 0, 5, 0, a, b, c, d, 8, 0, 4, 0, index, 0, 0, 0];
        message(24, &body)
    }

    fn loopback() -> Vec<u8> {
        link(1, 0x1_0049)
    }

    fn link_up() -> Vec<u8> {
        link(2, 0x1_1043)
    }

    /// Without a carrier.
    fn link_down() -> Vec<u8> {
        link(2, 0x1003)
    }

    fn snapshot(messages: &[&[u8]]) -> Snapshot {
        let mut snapshot = Snapshot::default();
        assert_eq!(snapshot.take(&messages.concat()), Taken::More);
        snapshot
    }

    fn near() -> Vec<u8> {
        address(2, 0, [192, 0, 2, 1])
    }

    #[test]
    fn an_address_on_a_link_that_carries_is_a_network() {
        assert!(snapshot(&[&loopback(), &link_up(), &near()]).is_online());
    }

    #[test]
    fn a_loopback_a_link_without_address_and_an_address_without_carrier_are_none() {
        let host = address(1, 254, [127, 0, 0, 1]);
        let link_local = address(2, 253, [169, 254, 0, 1]);
        for messages in [
            &[&loopback()[..], &host][..],
            &[&loopback(), &link_up()],
            &[&link_up(), &link_local],
            &[&link_down(), &near()],
            &[&address(1, 0, [192, 0, 2, 9]), &loopback()],
        ] {
            assert!(!snapshot(messages).is_online(), "{messages:?}");
        }
    }

    #[test]
    fn what_comes_and_goes_is_told() {
        let (up, down) = (snapshot(&[&link_up(), &near()]), snapshot(&[&link_down(), &near()]));
        assert_eq!(down.since(&up), Some(Network::Offline));
        assert_eq!(up.since(&down), Some(Network::Online));
        assert_eq!(up.since(&up), None);
        assert_eq!(down.since(&Snapshot::default()), None);
    }

    #[test]
    fn another_address_or_another_way_out_is_another_network() {
        let before = snapshot(&[&link_up(), &near(), &way_out(2, [192, 0, 2, 2])]);
        let moved = snapshot(&[&link_up(), &address(2, 0, [192, 0, 2, 7]), &way_out(2, [192, 0, 2, 2])]);
        let rerouted = snapshot(&[&link_up(), &near(), &way_out(2, [192, 0, 2, 6])]);
        assert_eq!(moved.since(&before), Some(Network::Changed));
        assert_eq!(rerouted.since(&before), Some(Network::Changed));
    }

    #[test]
    fn a_way_out_over_a_link_that_is_down_changes_nothing() {
        let before = snapshot(&[&link_up(), &near()]);
        assert_eq!(snapshot(&[&link_up(), &near(), &way_out(3, [192, 0, 2, 2])]).since(&before), None);
    }

    #[test]
    fn the_end_of_a_dump_is_seen() {
        let done = message(3, &[0; 4]);
        let mut snapshot = Snapshot::default();
        assert_eq!(snapshot.take(&[link_up(), done].concat()), Taken::Done);
        assert!(snapshot.links.contains(&2));
    }

    #[test]
    fn what_makes_no_sense_is_no_snapshot() {
        for bytes in [&[1, 2, 3][..], &link_up()[..20], &[0xff; 64], &[0; 16]] {
            assert_eq!(Snapshot::default().take(bytes), Taken::Failed, "{bytes:?}");
        }
    }
}
