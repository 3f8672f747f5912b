//! The target `proxy`: any answers of a proxy, cut in any way, are judged the same, and makes way only who says so.

use std::net::Ipv6Addr;

use steadfast_core::{
    Cause,
    dial::proxy::{Credentials, Progress, Proxy, ProxyError, Tunnel},
    wire::Buffer,
};

/// What became of the answers, what was said to them, and what was left of them.
#[derive(PartialEq, Debug)]
struct Outcome {
    progress: Progress,
    said: Vec<u8>,
    /// Meaningless behind a failure.
    left: usize,
    /// What it would mean that no more comes.
    ended: Option<Cause>,
}

/// The first byte says what is asked of which proxy by whom, the second how the others are cut; they are its answers.
///
/// # Panics
/// When the cuts matter, memory is not bounded, or a way is made that should not be.
pub fn proxy(bytes: &[u8]) {
    let Some((&[options, size], answers)) = bytes.split_first_chunk() else { return };
    let tunnel = tunnel(options);
    let outcome = run(tunnel.clone(), [answers]);
    assert_eq!(run(tunnel.clone(), answers.chunks(1)), outcome, "byte by byte");
    assert_eq!(run(tunnel.clone(), answers.chunks(usize::from(size).max(2))), outcome, "{size} bytes at a time");
    assert_eq!(run(tunnel.clone(), uneven(answers)), outcome, "in uneven pieces");
    match &outcome.progress {
        Progress::Failed(error) => {
            assert_eq!(error.cause(), Cause::Proxy(error.kind()));
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains(char::is_control) && !shown.contains("secret"), "{shown}");
        }
        Progress::Incomplete if matches!(tunnel, Tunnel::Http(_)) => {
            assert!(answers.len() < 16 << 10, "it waits for what would be too much");
        }
        Progress::Incomplete => assert!(answers.len() < 2 + 2 + 4 + 1 + 255 + 2, "it waits for what never was"),
        Progress::Done => {}
    }
    match tunnel {
        Tunnel::Http(_) => http_rightly(&outcome, answers),
        Tunnel::Socks5(_) => socks_rightly(&outcome, answers, options),
    }
}

fn target(options: u8) -> &'static str {
    ["example.com", "192.0.2.1", "2001:db8::1", "[::1]"][usize::from(options >> 2 & 3)]
}

fn tunnel(options: u8) -> Tunnel {
    let mut proxy = Proxy::parse(if options & 1 == 0 { "http://p" } else { "socks5://p" }).expect("a proxy");
    if options & 2 != 0 {
        proxy = proxy.with_credentials(Credentials::new("user", "secret")).expect("credentials");
    }
    proxy.tunnel(target(options), 443).expect("a server")
}

/// Pieces of up to 16 bytes, each as long as its first byte says.
fn uneven(mut answers: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (piece, rest) = answers.split_at(answers.len().min(1 + usize::from(*answers.first()? % 16)));
        answers = rest;
        Some(piece)
    })
}

fn run<'a>(mut tunnel: Tunnel, pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let (mut out, mut left, mut result) = (Buffer::new(), 0, Progress::Incomplete);
    tunnel.begin(&mut out);
    tunnel.begin(&mut out);
    for piece in pieces {
        let mut input = piece;
        let progress = tunnel.receive(&mut input, &mut out);
        assert!(piece.ends_with(input), "it takes from the front");
        if result != Progress::Incomplete {
            assert_eq!((progress, input.len()), (Progress::Incomplete, piece.len()), "it is over");
        } else if progress == Progress::Incomplete {
            assert!(input.is_empty(), "what is not taken comes again");
        } else {
            result = progress;
        }
        left += input.len();
    }
    let ended = (result == Progress::Incomplete).then(|| tunnel.ended());
    assert!(!format!("{tunnel:?}").contains("secret"));
    let left = if matches!(result, Progress::Failed(_)) { 0 } else { left };
    Outcome { progress: result, said: out.into_vec(), left, ended }
}

/// By the last head in what was taken, read in a simpler way.
fn http_rightly(outcome: &Outcome, answers: &[u8]) {
    assert!(outcome.said.ends_with(b"\r\n\r\n"), "nothing is said but the request");
    if outcome.progress != Progress::Done {
        return;
    }
    let taken: String = answers[..answers.len() - outcome.left].iter().copied().map(char::from).collect();
    let taken = taken.replace("\r\n", "\n");
    let heads = taken.strip_suffix("\n\n").expect("a head ends with an empty line");
    let status = |head: &str| head.split([' ', '\n']).nth(1).map(str::to_owned).unwrap_or_default();
    let mut heads = heads.rsplit("\n\n");
    let last = status(heads.next().unwrap_or_default());
    assert!(last.len() == 3 && last.starts_with('2'), "{last}");
    for interim in heads {
        assert!(status(interim).starts_with('1'), "{interim:?}");
    }
}

/// By where each byte is.
fn socks_rightly(outcome: &Outcome, answers: &[u8], options: u8) {
    let known = options & 2 != 0;
    let mut expected: Vec<u8> = if known { vec![5, 2, 0, 2] } else { vec![5, 1, 0] };
    let (mut rest, mut asked) = (answers, false);
    match answers {
        [5, 0, more @ ..] => (rest, asked) = (more, true),
        [5, 2, more @ ..] if known => {
            expected.extend_from_slice(b"\x01\x04user\x06secret");
            if let [1 | 5, 0, more @ ..] = more {
                (rest, asked) = (more, true);
            }
        }
        _ => {}
    }
    if asked {
        expected.extend_from_slice(&[5, 1, 0]);
        match target(options).trim_matches(['[', ']']) {
            "192.0.2.1" => expected.extend_from_slice(&[1, 192, 0, 2, 1]),
            name if name.contains(':') => {
                expected.push(4);
                expected.extend_from_slice(&name.parse::<Ipv6Addr>().expect("an address").octets());
            }
            name => {
                expected.extend_from_slice(&[3, 11]);
                expected.extend_from_slice(name.as_bytes());
            }
        }
        expected.extend_from_slice(&443u16.to_be_bytes());
    }
    assert_eq!(outcome.said, expected);
    let whole = match *rest {
        _ if !asked => None,
        [5, 0, _, 1, ..] => Some(4 + 4 + 2),
        [5, 0, _, 4, ..] => Some(4 + 16 + 2),
        [5, 0, _, 3, length, ..] => Some(5 + usize::from(length) + 2),
        _ => None,
    };
    let makes_way = whole.is_some_and(|whole| rest.len() >= whole);
    assert_eq!(outcome.progress == Progress::Done, makes_way);
    if makes_way {
        assert_eq!(Some(rest.len() - outcome.left), whole, "the bytes behind are the server's");
    }
    let denied = matches!(outcome.progress, Progress::Failed(ProxyError::SocksDenied { .. }));
    assert!(!denied || known, "nobody was asked");
}
