//! How far ahead of the best peer the wire is.

use std::collections::BTreeMap;

use super::{
    contest::Side,
    measure::{Direction, Row},
};
use crate::stats::thousandth;

/// Best peer over ours, on medians; above 1 is ahead. Each key is there for text, for binary, and for the worse of both:
/// `recv text 16`, `recv binary 16`, `recv 16`.
///
/// - `recv`: ours borrowed, `recv owned`: ours to keep, both against all peers, whatever they hand out.
/// - `recv pieces`: ours piece by piece as they come in, text cut between characters, against all peers, which hand out
///   messages as a whole: what an application can have that writes them to a file, say.
/// - `send`: against all peers with unpredictable masks, those that spend the application's buffer among them.
/// - `send kept`: against those of them that leave the message to the application, as ours does.
/// - `send weak`: against all peers, predictable masks or not.
pub(crate) fn ratios(rows: &[Row]) -> BTreeMap<String, f64> {
    let mut ratios: BTreeMap<String, f64> = BTreeMap::new();
    let mut disciplines: Vec<_> = rows.iter().map(|row| (row.direction, row.kind, row.size)).collect();
    disciplines.dedup();
    for (direction, kind, size) in disciplines {
        let rows = rows.iter().filter(|row| (row.direction, row.kind, row.size) == (direction, kind, size));
        let fastest =
            |sides: &[Side]| rows.clone().filter(|row| sides.contains(&row.side)).map(|row| row.ns).reduce(f64::min);
        for (name, of, ours, rivals) in CLAIMS {
            let (true, Some(ours), Some(best)) = (of == direction, fastest(&[ours]), fastest(rivals)) else { continue };
            let ratio = thousandth(best / ours);
            ratios.insert(format!("{name} {} {size}", kind.name()), ratio);
            let worse = ratios.entry(format!("{name} {size}")).or_insert(ratio);
            *worse = worse.min(ratio);
        }
    }
    ratios
}

/// What is claimed, in which direction, of which of our lines, against whom.
const CLAIMS: [(&str, Direction, Side, &[Side]); 6] = [
    ("recv", Direction::Recv, Side::Ours, &[Side::Peer]),
    ("recv owned", Direction::Recv, Side::OursToo, &[Side::Peer]),
    ("recv pieces", Direction::Recv, Side::OursInPieces, &[Side::Peer]),
    ("send", Direction::Send, Side::Ours, &[Side::Peer, Side::Spending]),
    ("send kept", Direction::Send, Side::Ours, &[Side::Peer]),
    ("send weak", Direction::Send, Side::Ours, &[Side::Peer, Side::Spending, Side::WeakPeer]),
];
