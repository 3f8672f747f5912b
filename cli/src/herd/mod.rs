//! A herd of simulated clients, for each backoff: how they come back to a server that they lost together.

mod policies;

use std::{fs, io::Write as _};

use steadfast_core::config::Settings;
use steadfast_sim::{Herd, Outage, Return};

use self::policies::{Policy, policies};
use crate::{
    args::HerdArgs,
    exit::{Exit, Failure},
};

/// Runs every policy through both outages, and prints what came of it.
///
/// # Errors
/// The configuration cannot be read, or is impossible.
pub(crate) fn run(args: &HerdArgs) -> Result<Exit, Failure> {
    let herd = Herd { clients: args.clients, away: args.away, seed: args.seed };
    let policies = match &args.config {
        Some(path) => {
            let shown = path.display();
            let text =
                fs::read_to_string(path).map_err(|error| Failure::input(format!("--config {shown}: {error}")))?;
            let settings: Settings =
                toml::from_str(&text).map_err(|error| Failure::input(format!("--config {shown}: {error}")))?;
            vec![Policy { name: "as configured", settings }]
        }
        None => policies(),
    };
    let mut out = std::io::stdout().lock();
    let title = format!(
        "{} clients lose one server for {} s (seed {}); connects in each second from its return on\n",
        args.clients,
        args.away.as_secs_f64(),
        args.seed
    );
    // Nobody may be there to read it.
    let _ = writeln!(out, "{title}");
    for policy in &policies {
        let _ = writeln!(out, "{}", policy.name);
        for (outage, words) in [(Outage::Refused, "refused"), (Outage::Hanging, "hanging")] {
            let came_back = herd.run(&policy.settings, outage).map_err(Failure::input)?;
            let _ = writeln!(out, "  {words}  {}", figures(&came_back));
            let curve = curve(&came_back.a_second);
            if !curve.is_empty() {
                let _ = writeln!(out, "           {curve}");
            }
        }
    }
    Ok(Exit::Good)
}

/// One line of numbers.
fn figures(came_back: &Return) -> String {
    let gave_up = match came_back.gave_up {
        0 => String::new(),
        some => format!(", {some} gave up"),
    };
    format!(
        "peak {:>6}/s  mean {:>7.1}/s  peak/mean {:>6.2}  last {:>6.1} s  in vain {:>7}{gave_up}",
        came_back.peak(),
        came_back.mean(),
        came_back.peak_to_mean(),
        came_back.last().as_secs_f64(),
        came_back.in_vain,
    )
}

/// A column for each second, or for as many as it takes to fit a terminal.
fn curve(a_second: &[u32]) -> String {
    let width = a_second.len().div_ceil(COLUMNS).max(1);
    let columns: Vec<u32> = a_second.chunks(width).map(|seconds| seconds.iter().copied().max().unwrap_or(0)).collect();
    let top = columns.iter().copied().max().unwrap_or(0).max(1);
    let height = |count: u32| match count {
        0 => ' ',
        count => {
            let eighths = (u64::from(count) * 8).div_ceil(u64::from(top));
            BARS[usize::try_from(eighths).map_or(7, |eighths| eighths.clamp(1, 8) - 1)]
        }
    };
    columns.into_iter().map(height).collect::<String>().trim_end().to_owned()
}

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const COLUMNS: usize = 72;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_is_as_high_as_its_counts_and_fits_a_terminal() {
        assert_eq!(curve(&[1, 4, 8, 0, 2]), "▁▄█ ▂");
        assert_eq!(curve(&[]), "");
        assert_eq!(curve(&[5; 1_000]).chars().count(), 72);
    }

    #[test]
    fn every_policy_can_be() {
        for policy in policies() {
            assert!(steadfast_core::config::Config::new(policy.settings).is_ok(), "{}", policy.name);
        }
    }
}
