//! A way through a SOCKS proxy: version 5 (RFC 1928), with user and password (RFC 1929).

use proptest::prelude::*;
use steadfast_core::{
    Cause, IoKind, ProxyKind, Stage,
    dial::proxy::{Credentials, Progress, ProxyError, ProxyPart, Socks5, SocksReply},
    wire::Buffer,
};

fn socks(host: &str) -> Socks5 {
    Socks5::new(host, 443, None).expect("a server")
}

fn with_password(host: &str) -> Socks5 {
    Socks5::new(host, 443, Some(Credentials::new("user", "pass"))).expect("a server")
}

/// What the answers come to, what was said, and what is left of them; the same in any pieces.
fn judged(socks: &Socks5, answers: &[u8]) -> (Progress, Vec<u8>, usize) {
    let whole = in_pieces(socks.clone(), answers, answers.len().max(1));
    for size in 1..6 {
        assert_eq!(in_pieces(socks.clone(), answers, size), whole, "{size} bytes at a time");
    }
    whole
}

fn in_pieces(mut socks: Socks5, answers: &[u8], size: usize) -> (Progress, Vec<u8>, usize) {
    let (mut out, mut taken) = (Buffer::new(), 0);
    socks.begin(&mut out);
    for piece in answers.chunks(size) {
        let mut input = piece;
        let progress = socks.receive(&mut input, &mut out);
        taken += piece.len() - input.len();
        if progress != Progress::Incomplete {
            assert_eq!(socks.receive(&mut &[5, 0][..], &mut out), Progress::Incomplete);
            return (progress, out.into_vec(), answers.len() - taken);
        }
        assert!(input.is_empty(), "what is not taken would come again");
    }
    (Progress::Incomplete, out.into_vec(), 0)
}

fn failed(socks: &Socks5, answers: &[u8]) -> ProxyError {
    match judged(socks, answers).0 {
        Progress::Failed(error) => error,
        other => panic!("{other:?}"),
    }
}

/// A reply that says yes, bound to 0.0.0.0:0.
const YES: [u8; 10] = [5, 0, 0, 1, 0, 0, 0, 0, 0, 0];

mod the_greeting {
    use super::*;

    #[test]
    fn nobody_is_offered_and_a_password_where_there_is_one() {
        assert_eq!(judged(&socks("h"), &[]).1, [5, 1, 0]);
        assert_eq!(judged(&with_password("h"), &[]).1, [5, 2, 0, 2]);
    }

    #[test]
    fn it_is_said_once() {
        let (mut socks, mut out) = (socks("h"), Buffer::new());
        socks.begin(&mut out);
        socks.begin(&mut out);
        assert_eq!(out.as_slice(), [5, 1, 0]);
    }

    #[test]
    fn nothing_is_taken_before_it() {
        let mut input = &[5, 0][..];
        assert_eq!(socks("h").receive(&mut input, &mut Buffer::new()), Progress::Incomplete);
        assert_eq!(input.len(), 2);
    }
}

mod methods {
    use super::*;

    #[test]
    fn a_proxy_that_wants_nobody_is_asked_at_once() {
        let request = [5, 1, 0, 3, 1, b'h', 1, 187];
        assert_eq!(judged(&socks("h"), &[5, 0]).1[3..], request);
        assert_eq!(judged(&with_password("h"), &[5, 0]).1[4..], request);
    }

    /// RFC 1929 §2.
    #[test]
    fn a_proxy_that_wants_a_password_is_told_it_first() {
        let said = judged(&with_password("h"), &[5, 2]).1;
        assert_eq!(&said[4..], b"\x01\x04user\x04pass");
        let said = judged(&with_password("h"), &[5, 2, 1, 0]).1;
        assert_eq!(&said[15..], [5, 1, 0, 3, 1, b'h', 1, 187]);
    }

    #[test]
    fn the_version_in_the_answer_to_a_password_may_be_that_of_socks() {
        let (progress, _, _) = judged(&with_password("h"), &[&[5, 2, 5, 0][..], &YES].concat());
        assert_eq!(progress, Progress::Done);
    }

    #[test]
    fn a_password_that_is_not_accepted_is_final() {
        for status in [1, 0xff] {
            let error = failed(&with_password("h"), &[5, 2, 1, status]);
            assert_eq!(error, ProxyError::SocksDenied { status });
            assert_eq!(error.cause(), Cause::Proxy(ProxyKind::Authentication));
        }
    }

    #[test]
    fn a_proxy_may_accept_no_method() {
        let error = failed(&socks("h"), &[5, 0xff]);
        assert_eq!(error, ProxyError::SocksNoMethod { given: false });
        assert_eq!(error.kind(), ProxyKind::Authentication);
        let error = failed(&with_password("h"), &[5, 0xff]);
        assert_eq!(error, ProxyError::SocksNoMethod { given: true });
    }

    #[test]
    fn a_method_that_was_not_offered_may_not_be_chosen() {
        assert_eq!(failed(&socks("h"), &[5, 2]), ProxyError::SocksMethod { found: 2 });
        assert_eq!(failed(&with_password("h"), &[5, 1]), ProxyError::SocksMethod { found: 1 });
    }
}

mod the_request {
    use super::*;

    fn request(host: &str) -> Vec<u8> {
        judged(&socks(host), &[5, 0]).1.split_off(3)
    }

    /// RFC 1928 §5: names go to the proxy as they are, addresses as such.
    #[test]
    fn names_and_addresses_have_types() {
        assert_eq!(request("example.com"), [&[5, 1, 0, 3, 11][..], b"example.com", &[1, 187]].concat());
        assert_eq!(request("192.0.2.1"), [5, 1, 0, 1, 192, 0, 2, 1, 1, 187]);
        let v6 = [5, 1, 0, 4, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 187];
        assert_eq!(request("2001:db8::1"), v6);
        assert_eq!(request("[2001:db8::1]"), v6);
    }

    #[test]
    fn a_name_has_at_most_255_bytes() {
        let longest = "x".repeat(255);
        assert_eq!(request(&longest).len(), 4 + 1 + 255 + 2);
        let error = Socks5::new(&"x".repeat(256), 443, None).expect_err("too long");
        assert_eq!(error.part(), ProxyPart::Target);
        let said = "server behind the proxy: found a name of 256 B, expected at most 255 B (RFC 1928 §5)";
        assert_eq!(error.to_string(), said);
    }

    #[test]
    fn what_is_no_server_is_refused() {
        for host in ["", "h\0", "h x", "[::1", "h:1"] {
            assert_eq!(Socks5::new(host, 443, None).expect_err(host).part(), ProxyPart::Target);
        }
        assert_eq!(Socks5::new("h", 0, None).expect_err("no port").part(), ProxyPart::Target);
    }

    /// RFC 1929 §2: 1 to 255 bytes each.
    #[test]
    fn user_and_password_have_1_to_255_bytes() {
        let refused = |user: &str, password: &str| {
            let error = Socks5::new("h", 443, Some(Credentials::new(user, password))).expect_err("credentials");
            assert_eq!(error.part(), ProxyPart::Credentials);
            error.found().to_owned()
        };
        let long = "secret".repeat(50);
        assert_eq!(refused("", "secret"), "no user");
        assert_eq!(refused("secret", ""), "no password");
        assert_eq!(refused(&long, "secret"), "a user's name that is too long");
        assert_eq!(refused("secret", &long), "a password that is too long");
        let longest = Credentials::new([b'u'; 255], [0; 255]);
        assert!(Socks5::new("h", 443, Some(longest)).is_ok());
    }
}

mod replies {
    use super::*;

    #[test]
    fn what_follows_the_reply_is_the_servers() {
        for bound in [&[1, 9, 9, 9, 9][..], &[3, 0], &[3, 2, b'a', b'b'], &[&[4][..], &[9; 16]].concat()] {
            let answers = [&[5, 0, 5, 0, 0][..], bound, &[0, 80], b"hello"].concat();
            let (progress, _, left) = judged(&socks("h"), &answers);
            assert_eq!((progress, left), (Progress::Done, 5), "{bound:?}");
        }
        let longest = [&[5, 0, 5, 0, 0, 3, 255][..], &[b'x'; 255], &[0, 80, 1]].concat();
        assert_eq!(judged(&socks("h"), &longest).2, 1);
    }

    /// RFC 1928 §6.
    #[test]
    fn every_reply_has_a_kind() {
        for (code, reply, kind) in [
            (1, SocksReply::Failure, ProxyKind::Failed),
            (2, SocksReply::NotAllowed, ProxyKind::Forbidden),
            (3, SocksReply::NetworkUnreachable, ProxyKind::Unreachable),
            (4, SocksReply::HostUnreachable, ProxyKind::Unreachable),
            (5, SocksReply::Refused, ProxyKind::Refused),
            (6, SocksReply::TtlExpired, ProxyKind::Unreachable),
            (7, SocksReply::CommandUnsupported, ProxyKind::Unsupported),
            (8, SocksReply::AddressTypeUnsupported, ProxyKind::Unsupported),
            (9, SocksReply::Unassigned(9), ProxyKind::Failed),
            (255, SocksReply::Unassigned(255), ProxyKind::Failed),
        ] {
            // Told at once: some proxies say no more than these two bytes.
            let error = failed(&socks("h"), &[5, 0, 5, code]);
            assert_eq!(error, ProxyError::Socks(reply));
            assert_eq!((error.kind(), reply.code()), (kind, code));
        }
        let said = failed(&socks("h"), &[5, 0, 5, 5]).to_string();
        assert_eq!(said, "the server refuses the connection (reply 5) (RFC 1928 §6)");
    }

    #[test]
    fn an_address_of_no_type_is_refused() {
        for found in [0, 2, 5, 255] {
            assert_eq!(failed(&socks("h"), &[5, 0, 5, 0, 0, found]), ProxyError::SocksAddressType { found });
        }
    }
}

mod no_answer {
    use super::*;

    #[test]
    fn another_version_is_told_with_its_first_byte() {
        for answers in [&[4][..], &[0], b"HTTP/1.1 400 Bad\r\n", &[5, 0, 4], &[5, 0, 0]] {
            let error = failed(&socks("h"), answers);
            assert!(matches!(error, ProxyError::SocksVersion { .. }), "{error:?}");
            assert_eq!(error.cause(), Cause::Proxy(ProxyKind::Protocol));
        }
        assert!(matches!(failed(&with_password("h"), &[5, 2, 2]), ProxyError::SocksVersion { found: 2 }));
        let said = failed(&socks("h"), b"H").to_string();
        assert_eq!(said, "not SOCKS 5: expected version 5, found 0x48 (is this an HTTP proxy?) (RFC 1928 §3)");
    }

    #[test]
    fn a_stream_that_ends_early_says_how_far_it_came() {
        let (mut socks, mut out) = (socks("h"), Buffer::new());
        socks.begin(&mut out);
        assert_eq!(socks.ended(), Cause::Dial { stage: Stage::Proxy, kind: IoKind::Eof });
        let _ = socks.receive(&mut &[5, 0, 5][..], &mut out);
        assert_eq!(socks.ended(), Cause::Proxy(ProxyKind::Protocol));
        assert_eq!(socks.truncated(), Some(ProxyError::Truncated { bytes: 3 }));
    }

    #[test]
    fn the_password_is_not_shown() {
        let mut socks = with_password("h");
        socks.begin(&mut Buffer::new());
        assert!(!format!("{socks:?}").contains("pass\""));
        assert_eq!(format!("{socks:?}"), "Socks5(Method, 0 B of an answer)");
    }
}

proptest! {
    /// Whatever comes, in whatever pieces, comes to the same.
    #[test]
    fn how_answers_are_cut_never_matters(
        password in any::<bool>(),
        kind in prop_oneof![Just(1u8), Just(3), Just(4), any::<u8>()],
        rest in prop::collection::vec(any::<u8>(), 0..300),
        noise in prop::option::of((0..10usize, any::<u8>())),
        size in 1..300usize,
    ) {
        let mut answers = if password { vec![5, 2, 1, 0] } else { vec![5, 0] };
        answers.extend_from_slice(&[5, 0, 0, kind]);
        answers.extend_from_slice(&rest);
        if let Some((at, byte)) = noise && let Some(place) = answers.get_mut(at) {
            *place = byte;
        }
        let socks = if password { with_password("example.com") } else { socks("example.com") };
        let whole = in_pieces(socks.clone(), &answers, answers.len());
        prop_assert_eq!(in_pieces(socks, &answers, size), whole);
    }
}
