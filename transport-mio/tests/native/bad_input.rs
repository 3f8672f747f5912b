//! What else a hostile server can send: where another engine sees nothing wrong, tells another code, or has no limit.

use crate::suite::{
    bad_input::{Case, told},
    frames::frame,
    victim::{Harm, judge_all, small},
};
use steadfast_mio::{EngineKind, WireOptions, core::wire::ControlRate};

fn judge(cases: &[(&str, Case)], engine: &EngineKind) {
    judge_all(cases, |case| case.judge(engine, &small()));
}

#[test]
fn a_length_has_63_bits_in_the_fewest_bytes() {
    let cases = [
        (
            "16 EiB",
            told(1002, "length of 18446744073709551615 B", Harm::frames([&[0x82, 127][..], &[255; 8]].concat())),
        ),
        ("5 in two bytes", told(1002, "length of 5 in more", Harm::frames([0x82, 126, 0, 5]))),
        ("65,535 in eight", told(1002, "fewest", Harm::frames([0x82, 127, 0, 0, 0, 0, 0, 0, 255, 255]))),
    ];
    judge(&cases, &EngineKind::default());
}

#[test]
fn a_close_code_that_may_not_stand_on_the_wire_is_told_so() {
    let code = |code: u16| told(1002, "§7.4", Harm::frames(frame(0x88, &code.to_be_bytes())));
    let cases = [
        ("0", 0),
        ("999", 999),
        ("1004", 1004),
        ("1005", 1005),
        ("1006", 1006),
        ("1015", 1015),
        ("2999", 2999),
        ("5000", 5000),
    ]
    .map(|(name, number)| (name, code(number)));
    judge(&cases, &EngineKind::default());
}

#[test]
fn empty_fragments_without_end_are_a_violation() {
    let harm = Harm::frames([0x01, 0]).again([0x00, 0].repeat(100));
    judge(&[("", told(1008, "1024 empty fragments", harm))], &EngineKind::default());
}

#[test]
fn pings_that_come_faster_than_is_allowed_are_a_violation() {
    let control_rate = Some(ControlRate { per_second: 100, burst: 1_000 });
    let engine = EngineKind::Native(WireOptions { control_rate, ..WireOptions::default() });
    let harm = Harm::frames("").again(frame(0x89, b"ping").repeat(100));
    judge(&[("", told(1008, "100 a second", harm))], &engine);
}
