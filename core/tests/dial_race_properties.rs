//! The dialer's contract under any events in any order.

use core::{net::SocketAddr, time::Duration};

use proptest::prelude::*;
use steadfast_core::{
    DnsKind, IoKind, Timestamp,
    dial::{Action, AttemptId, Dialer, Event, Hop, Race, Route},
};

/// Any event at any time, of sockets that are and of others that never were.
#[derive(Clone, Debug)]
enum Step {
    Start,
    Resolved(Vec<u8>, bool),
    Unresolved,
    Connected(u32),
    Failed(u32),
    Timer,
    Stage(u8),
    Cancel,
}

fn steps() -> impl Strategy<Value = Vec<(u64, Step)>> {
    let addresses = prop::collection::vec(any::<u8>(), 0..40);
    let step = prop_oneof![
        3 => Just(Step::Start),
        6 => (addresses, any::<bool>()).prop_map(|(addresses, more)| Step::Resolved(addresses, more)),
        1 => Just(Step::Unresolved),
        3 => (1..40u32).prop_map(Step::Connected),
        12 => (0..40u32).prop_map(Step::Failed),
        12 => Just(Step::Timer),
        3 => (0..3u8).prop_map(Step::Stage),
        1 => Just(Step::Cancel),
    ];
    prop::collection::vec((prop_oneof![Just(0), 0..400_000u64, Just(u64::MAX / 2)], step), 0..80)
}

proptest! {
    /// Whatever comes in whatever order, the contract holds.
    #[test]
    fn no_events_bring_it_out_of_order(steps in steps(), attempt in any::<u32>(), proxy in any::<bool>(), tls in any::<bool>()) {
        let mut route = Route::direct(Hop::new("example.com", 443));
        if proxy {
            route = route.through_proxy();
        }
        if tls {
            route = route.with_tls();
        }
        let mut dialer = Dialer::new(route, Race::default(), attempt);
        let (mut now, mut open, mut over, mut used) = (Timestamp::ZERO, Vec::new(), false, 0);
        for (micros, step) in steps {
            now = now + Duration::from_micros(micros);
            let found: Vec<SocketAddr>;
            let event = match step {
                Step::Start => Event::Start,
                Step::Resolved(addresses, more) => {
                    let address = |byte: u8| match byte % 2 {
                        0 => SocketAddr::from(([192, 0, 2, byte], 1)),
                        _ => SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(byte)], 1)),
                    };
                    found = addresses.into_iter().map(address).collect();
                    Event::Resolved { addresses: &found, more }
                }
                Step::Unresolved => Event::Unresolved { kind: DnsKind::NotFound },
                Step::Connected(attempt) => Event::Connected { attempt: AttemptId(attempt) },
                Step::Failed(attempt) => Event::Failed { attempt: AttemptId(attempt), kind: IoKind::Refused },
                Step::Timer => Event::TimerFired,
                Step::Stage(0) => Event::Tunnelled,
                Step::Stage(1) => Event::Secured,
                Step::Stage(_) => Event::Opened,
                Step::Cancel => Event::Cancel,
            };
            if let Event::Failed { attempt, .. } = event {
                open.retain(|other| *other != attempt);
            }
            over |= event == Event::Cancel;
            let cancelled = event == Event::Cancel;
            for action in dialer.handle(now, event) {
                match action {
                    Action::Connect { attempt, .. } => {
                        prop_assert!(!over && !open.contains(&attempt), "{attempt:?}");
                        open.push(attempt);
                        prop_assert!(open.len() <= 6);
                    }
                    Action::Cancel { attempt } => {
                        prop_assert!(open.contains(&attempt) && (cancelled || !over), "{attempt:?}");
                        open.retain(|other| *other != attempt);
                    }
                    Action::Use { attempt } => {
                        prop_assert_eq!((&open[..], over), (&[attempt][..], false));
                        open.clear();
                        (over, used) = (true, used + 1);
                    }
                    Action::Fail { .. } => {
                        prop_assert!(open.is_empty() && !over);
                        over = true;
                    }
                    Action::SetTimer { at } => prop_assert!(!over && (at > now || at == Timestamp::MAX)),
                    Action::Enter { .. } | Action::Resolve | Action::CancelTimer => {}
                }
            }
            prop_assert!(!over || (open.is_empty() && dialer.deadline().is_none()));
        }
        prop_assert!(used <= 1);
    }
}
