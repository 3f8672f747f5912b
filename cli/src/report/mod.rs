//! `steadfast report`: a recorded incident, drawn on one page.

mod incident;
mod page;
mod plain;
mod series;

use std::{ffi::OsStr, fs, fs::File, io::Write as _, path::Path};

use self::incident::Incident;
use crate::{
    args::ReportArgs,
    exit::{Exit, Failure},
    replay::read_trace,
    words::count,
};

/// Reads a trace, and writes the page that draws it. Exit code 1 if today's session decides differently than the recorded
/// one: the page then ends where it does, and says so.
pub(crate) fn run(args: &ReportArgs) -> Result<Exit, Failure> {
    let trace = read_trace(&args.file)?;
    if trace.is_empty() {
        let cut = trace.truncated().map(|line| format!(": line {line} was cut short")).unwrap_or_default();
        return Err(Failure::input(format!("FILE {}: no event to draw{cut}", args.file.display())));
    }
    let name = args.file.file_name().map_or_else(|| args.file.to_string_lossy(), OsStr::to_string_lossy);
    let mut output = create(&args.output, &args.file)?;
    let incident = Incident::of(&trace, &name);
    let page = page::page(&incident);
    let shown = args.output.display();
    output.write_all(page.as_bytes()).map_err(Failure::system(format!("write the page {shown}")))?;
    println!("{shown}: {} events, {} KiB", count(trace.len() as u64), count((page.len() as u64).div_ceil(1024)));
    Ok(Exit::from_judgement(incident.differs.is_none()))
}

/// Makes the file of the page, which must not be the trace: that is all there is of an incident.
fn create(page: &Path, trace: &Path) -> Result<File, Failure> {
    let shown = page.display();
    let same = fs::canonicalize(page).is_ok_and(|page| fs::canonicalize(trace).is_ok_and(|trace| page == trace));
    if same {
        return Err(Failure::input(format!("--output {shown}: expected another file than the trace")));
    }
    File::create(page).map_err(|error| Failure::input(format!("--output {shown}: {error}")))
}

#[cfg(test)]
mod tests;
