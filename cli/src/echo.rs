//! `steadfast echo`: a local echo server, with or without a temper.

use std::{
    io::{self, Write},
    sync::mpsc,
    time::Instant,
};

use crate::{
    args::EchoArgs,
    chaos::{Incident, Profile, Server, Service},
    exit::{Exit, Failure},
    interrupt::on_interrupt,
    paint::{Paint, Tone},
    timeline::Line,
};

/// Runs the server until Ctrl-C.
pub(crate) fn run(args: &EchoArgs) -> Result<Exit, Failure> {
    // Before anybody is told that there is a server to stop.
    let (stop, stopped) = mpsc::channel();
    on_interrupt(move || stop.send(()).is_ok())?;
    let started = Instant::now();
    let paint = Paint::on(&io::stdout());
    let schedule = args.chaos.schedule(args.seed);
    let watch = move |incident: Incident| {
        let tone = if matches!(incident, Incident::Fault(_)) { Tone::Bad } else { Tone::Plain };
        let line = Line { at: started.elapsed(), label: "server".into(), tone, text: incident.to_string() };
        // Nobody may be reading; the server goes on.
        let _ = writeln!(io::stdout(), "{}", line.show(paint));
    };
    let server = Server::start(args.addr, Service::Echo, schedule, None, watch)
        .map_err(Failure::system(format!("listen on {}", args.addr)))?;
    let manner = if args.chaos == Profile::None { String::new() } else { format!(", chaos {:?}", args.chaos) };
    let _ = writeln!(io::stdout(), "echo server on ws://{}/{}", server.addr(), manner.to_lowercase());

    // An error means that the handler is gone, and with it the reason to wait.
    let _ = stopped.recv();
    let record = server.finish();
    let _ = writeln!(io::stdout(), "{} connections served", record.connections);
    Ok(Exit::Good)
}
