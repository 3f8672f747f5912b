//! `--metrics`: the program's figures for Prometheus, over HTTP.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::exit::Failure;

/// Listens on this address from now on, and answers until the program ends. Where it listens: the port, if any was to do.
///
/// Must come before the first session: figures that nobody kept then are nobody's for good.
///
/// # Errors
/// The system refuses the address or a thread.
pub(crate) fn serve(address: SocketAddr) -> Result<SocketAddr, Failure> {
    let refused = |error| Failure::system(format!("serve metrics on {address}"))(error);
    let listener = TcpListener::bind(address).map_err(refused)?;
    let bound = listener.local_addr().map_err(refused)?;
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix(String::from("_seconds")), &SECONDS)
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(Failure::system("keep metrics"))?;
    let kept = handle.clone();
    let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
        thread::Builder::new().name(name.into()).spawn(work).map_err(Failure::system("start a thread"))
    };
    spawn("metrics", Box::new(move || answer_all(&listener, &handle)))?;
    // What was measured waits in memory until it is sorted, whether anybody asks or not.
    spawn(
        "metrics upkeep",
        Box::new(move || {
            loop {
                thread::sleep(UPKEEP);
                kept.run_upkeep();
            }
        }),
    )?;
    Ok(bound)
}

/// Answers each request on a thread of its own: whoever asks slowly, or connects and asks nothing, holds up nobody else.
fn answer_all(listener: &TcpListener, handle: &PrometheusHandle) {
    let under_way = Arc::new(());
    for stream in listener.incoming() {
        match stream {
            // So many do not scrape one program: whoever is one too many is turned away.
            Ok(_) if Arc::strong_count(&under_way) > AT_ONCE => {}
            Ok(stream) => {
                let (handle, token) = (handle.clone(), Arc::clone(&under_way));
                // Whoever asked is gone, or never asked: the next one may. Without a thread there is no answer either.
                let answer = move || {
                    drop(answer(stream, &handle));
                    drop(token);
                };
                drop(thread::Builder::new().name("metrics answer".into()).spawn(answer));
            }
            // Out of descriptors, most likely; that passes, and is no reason to spin.
            Err(_) => thread::sleep(Duration::from_millis(100)),
        }
    }
}

/// Answers one request (RFC 9112), and closes the connection.
fn answer(mut stream: TcpStream, handle: &PrometheusHandle) -> io::Result<()> {
    stream.set_write_timeout(Some(PATIENCE))?;
    let head = read_head(&mut stream)?;
    let mut words = head.split(|byte| *byte == b' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
    let (status, more, body) = match (method, path) {
        (b"GET" | b"HEAD", b"/metrics") => ("200 OK", "", handle.render()),
        (b"GET" | b"HEAD", _) => ("404 Not Found", "", String::from("there is /metrics, and nothing else\n")),
        _ => ("405 Method Not Allowed", "Allow: GET, HEAD\r\n", String::from("there is GET and HEAD\n")),
    };
    let length = body.len();
    let mut answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {FORMAT}\r\nContent-Length: {length}\r\n{more}Connection: close\r\n\r\n"
    );
    if method != b"HEAD" {
        answer.push_str(&body);
    }
    stream.write_all(answer.as_bytes())
}

/// Reads to the end of the request's head: so much, and so long, at most.
fn read_head(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let until = Instant::now() + PATIENCE;
    let mut head = Vec::new();
    let mut chunk = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || head.len() > LONGEST_HEAD {
            return Err(io::ErrorKind::InvalidData.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut chunk)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => head.extend_from_slice(&chunk[..read]),
        }
    }
    Ok(head)
}

/// The text format that Prometheus reads.
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Upper bounds of the buckets of times, in seconds: from a local network to half a minute, three to a power of ten.
const SECONDS: [f64; 17] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// How often what was measured is sorted into buckets.
const UPKEEP: Duration = Duration::from_secs(5);
/// How long a request may take to come in, and its answer to go out.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many requests are answered at a time.
const AT_ONCE: usize = 32;
const LONGEST_HEAD: usize = 8 << 10;
