//! Tables and JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    deflate, echo,
    wire::{Direction, Kind, Row, Side},
};

/// One discipline, the fastest first.
pub(crate) fn wire_table(rows: &[Row], direction: Direction, kind: Kind, size: usize) {
    let mut rows: Vec<&Row> =
        rows.iter().filter(|row| row.direction == direction && row.kind == kind && row.size == size).collect();
    rows.sort_by(|a, b| a.ns.total_cmp(&b.ns));
    let Some(first) = rows.first() else { return };
    println!("\n{} {size} B: ns a message", first.what);
    println!("{:26} {:>10} {:>10} {:>10} {:>10} {:>6} {:>8}", "", "median", "min", "q1", "q3", "±", "buffer");
    for row in rows {
        println!(
            "{:26} {:10.1} {:10.1} {:10.1} {:10.1} {:5.1}% {:4} KiB",
            row.name,
            row.ns,
            row.spread.min,
            row.spread.q1,
            row.spread.q3,
            50.0 * row.spread.relative(),
            row.buffer / 1024,
        );
    }
}

/// Medians and spreads: a table for each direction and kind, a line for each contestant, a column for each size.
pub(crate) fn wire_markdown(rows: &[Row]) {
    let mut sizes: Vec<usize> = rows.iter().map(|row| row.size).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let mut disciplines: Vec<&str> = rows.iter().map(|row| &*row.what).collect();
    disciplines.dedup();
    disciplines.sort_unstable();
    disciplines.dedup();
    for what in disciplines {
        let of: Vec<&Row> = rows.iter().filter(|row| row.what == what).collect();
        let mut names: Vec<(&str, Side)> = of.iter().map(|row| (row.name, row.side)).collect();
        names.dedup();
        let mut seen = Vec::new();
        names.retain(|name| {
            !seen.contains(name) && {
                seen.push(*name);
                true
            }
        });
        println!("\n| {what}, ns | {} |", sizes.iter().map(|size| size_name(*size)).collect::<Vec<_>>().join(" | "));
        println!("| --- |{}", " ---: |".repeat(sizes.len()));
        for (name, side) in names {
            let figure = |size: &usize| {
                let row = of.iter().find(|row| row.name == name && row.size == *size);
                row.map_or(String::new(), |row| figure(row, is_rival(side) && is_best(row, &of)))
            };
            println!("| {name} | {} |", sizes.iter().map(figure).collect::<Vec<_>>().join(" | "));
        }
    }
}

/// One load.
pub(crate) fn echo_table(rows: &[echo::Row], markdown: bool) {
    let Some(first) = rows.first() else { return };
    let title = format!("window {}, {}", first.window, size_name(first.size));
    if markdown {
        println!("\n| {title} | messages/s | ± | CPU ns | of it user | p50 µs | p99 µs |");
        println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    } else {
        println!(
            "\n{title:42}{:>12}{:>7}{:>10}{:>10}{:>10}{:>10}",
            "messages/s", "±", "CPU ns", "user ns", "p50 µs", "p99 µs"
        );
    }
    for row in rows {
        let spread = 50.0 * row.spread.per_s.relative();
        let echo::Row { name, per_s, cpu_ns, user_ns, p50_us, p99_us, .. } = row;
        if markdown {
            println!(
                "| {name} | {per_s:.0} | {spread:.1} % | {cpu_ns:.0} | {user_ns:.0} | {p50_us:.1} | {p99_us:.1} |"
            );
        } else {
            println!("{name:42}{per_s:12.0}{spread:6.1}%{cpu_ns:10.0}{user_ns:10.0}{p50_us:10.1}{p99_us:10.1}");
        }
    }
}

/// One size and level: first compressing, then inflating.
pub(crate) fn deflate_table(rows: &[deflate::Row]) {
    for what in ["deflate", "inflate"] {
        let these: Vec<&deflate::Row> = rows.iter().filter(|row| row.what.starts_with(what)).collect();
        let Some(first) = these.first() else { continue };
        println!("\n| {}, {} | ns a message | ± | bytes left |", first.what, size_name(first.size));
        println!("| --- | ---: | ---: | ---: |");
        for deflate::Row { name, ns, spread, left, .. } in these {
            println!("| {name} | {ns:.0} | {:.1} % | {:.1} % |", 50.0 * spread.relative(), 100.0 * left);
        }
    }
}

/// The ratios, a line each.
pub(crate) fn ratios(title: &str, ratios: &BTreeMap<String, f64>) {
    if !ratios.is_empty() {
        println!("\n{title}");
    }
    for (key, ratio) in ratios {
        println!("{key:24} {ratio:6.2}");
    }
}

/// The last line.
///
/// # Errors
/// A figure that JSON cannot hold.
pub(crate) fn json(rows: &[impl Serialize], ratios: &BTreeMap<String, f64>) -> Result<(), String> {
    let object = serde_json::json!({ "rows": rows, "ratios": ratios });
    println!("{}", serde_json::to_string(&object).map_err(|wrong| wrong.to_string())?);
    Ok(())
}

/// `1 KiB` for 1024.
pub(crate) fn size_name(size: usize) -> String {
    if size >= 1024 { format!("{} KiB", size / 1024) } else { format!("{size} B") }
}

/// Whether it counts among the peers to be compared with.
fn is_rival(side: Side) -> bool {
    matches!(side, Side::Peer | Side::Spending)
}

fn is_best(row: &Row, rows: &[&Row]) -> bool {
    let peers = rows.iter().filter(|other| is_rival(other.side) && other.size == row.size);
    peers.map(|other| other.ns).fold(f64::INFINITY, f64::min) >= row.ns
}

/// Three digits are as many as mean something; the best peer's are bold. Behind them half the interquartile range.
fn figure(row: &Row, bold: bool) -> String {
    let (ns, spread) = (row.ns, 50.0 * row.spread.relative());
    let digits = if ns < 100.0 { format!("{ns:.1}") } else { format!("{ns:.0}") };
    let digits = if bold { format!("**{digits}**") } else { digits };
    format!("{digits} ±{spread:.0}%")
}
