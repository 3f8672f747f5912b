//! Servers that stop in the middle of whatever they were saying, and keep the connection open: a timeout ends it, and
//! the session goes on.

use std::{sync::mpsc, time::Duration};

use super::{
    common::{self, SOON, Server, open, upgrade},
    frames::next_frame,
    victim::{Course, Harm, Then, judge_all, meet, small},
};
use steadfast_mio::core::{Cause, CloseFrame, Stage, State, StateKind, StopCause, config::ConfigBuilder};

/// Far above what a loopback takes, and short enough to wait for.
const PATIENCE: Duration = Duration::from_millis(150);

/// With a heartbeat that soon misses an answer.
pub(crate) fn lively() -> ConfigBuilder {
    small().heartbeat_interval(PATIENCE / 3).heartbeat_timeout(PATIENCE / 3).missed_allowed(0)
}

fn judge(cases: &[(&str, Harm)], config: &ConfigBuilder, expected: &Cause) {
    judge_all(cases, |harm| {
        let harm = harm.clone().then(Then::Silence);
        let Course { cause, failure, .. } = meet(&harm, &crate::engine(), config);
        if cause == *expected && failure.is_none() { Ok(()) } else { Err(format!("{cause:?}, {failure:?}")) }
    });
}

#[test]
fn silence_before_the_upgrade_is_complete_ends_with_the_connect_timeout() {
    judge(
        &[
            ("from the beginning", Harm::bytes("")),
            ("in the middle of the first word", Harm::bytes("HTT")),
            ("in the middle of a header", Harm::bytes("HTTP/1.1 101 Go\r\nUpgr")),
            ("before the empty line", Harm::changed(|head| head.trim_end_matches("\r\n").to_owned() + "\r\n")),
            ("in the middle of the empty line", Harm::changed(|head| head.trim_end_matches('\n').to_owned())),
            ("behind a hint", Harm::bytes("HTTP/1.1 100 Continue\r\n\r\n")),
        ],
        &small().connect_timeout(PATIENCE),
        &Cause::ConnectTimeout { stage: Stage::Upgrade },
    );
}

#[test]
fn silence_in_the_middle_of_a_message_ends_with_the_heartbeat() {
    judge(
        &[
            ("behind the upgrade", Harm::frames("")),
            ("in the middle of a header", Harm::frames([0x82])),
            ("in the middle of a length", Harm::frames([0x82, 127, 0, 0, 0])),
            ("behind a header", Harm::frames([0x82, 126, 0xff, 0xff])),
            ("in the middle of a payload", Harm::frames([&[0x82, 126, 0xff, 0xff][..], &vec![1; 30_000]].concat())),
            ("in the middle of a character", Harm::frames([0x81, 2, 0xc3])),
            ("between two fragments", Harm::frames([0x01, 2, b'h', b'i'])),
            ("in the middle of a ping within fragments", Harm::frames([0x01, 2, b'h', b'i', 0x89, 4, b'p'])),
            ("in the middle of a close frame", Harm::frames([0x88, 5, 3])),
        ],
        &lively(),
        &Cause::HeartbeatTimeout,
    );
}

/// Stops a client whose server answers the close frame with these bytes, and nothing more; then starts it again.
fn stop(answer: &'static [u8]) -> Result<(), String> {
    let (told, heard) = mpsc::channel();
    let server = Server::start(move |mut stream, index| {
        if index > 0 {
            return tungstenite::accept(stream).map_or((), common::echo);
        }
        upgrade(&mut stream, b"");
        while let Some((first, payload)) = next_frame(&mut stream) {
            if first == 0x88 {
                let _ = std::io::Write::write_all(&mut stream, answer);
                let _ = told.send(payload);
            }
        }
    });
    let config = small().close_timeout(PATIENCE).build().expect("a good configuration");
    let client = common::builder(&server.url()).config(config).connect().expect("a client");
    open(&client);
    client.stop(CloseFrame::NORMAL, None);
    let stopped = client.state().wait_for(SOON, |state| state.kind() == StateKind::Stopped);
    if stopped != Some(State::Stopped { cause: StopCause::Application }) {
        return Err(format!("{stopped:?}"));
    }
    assert_eq!(heard.recv_timeout(SOON).expect("a close frame"), [3, 232]);
    client.start();
    let receipt = client.send("again").expect("room");
    if receipt.wait_timeout(SOON).is_some_and(|outcome| outcome.is_confirmed()) {
        Ok(())
    } else {
        Err("not confirmed".to_owned())
    }
}

#[test]
fn silence_in_the_middle_of_the_closing_handshake_ends_with_the_close_timeout() {
    let half_a_message = &[0x82, 126, 0xff, 0xff, 1, 2, 3];
    let cases: [(&str, &'static [u8]); 4] = [
        ("from the beginning", &[]),
        ("in the middle of the answer", &[0x88, 2, 3]),
        ("in the middle of a message before it", half_a_message),
        ("behind the answer", &[0x88, 2, 3, 232]),
    ];
    judge_all(&cases, |answer| stop(answer));
}
