//! A session that loses its connection, seen with `tracing` and counted with `metrics`:
//!
//! ```sh
//! cargo run -p steadfast-mio --features tracing,metrics --example observe
//! ```

use std::{error::Error, net::TcpListener, thread, time::Duration};

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use steadfast_mio::Client;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    // Both belong to the program, and have to be there before the first client.
    tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).without_time().try_init()?;
    let recorder = DebuggingRecorder::new();
    let figures = recorder.snapshotter();
    recorder.install()?;

    let client = Client::builder(&format!("ws://{}/feed?token=nobody-sees-this", server()?)).connect()?;
    for word in ["one", "two", "three"] {
        let outcome = client.send(word)?.wait();
        println!("{word}: {outcome:?}");
    }
    let report = client.close(Some(Duration::from_secs(5)));
    println!("{} unsettled", report.unsettled.len());

    for (key, _, _, value) in figures.snapshot().into_vec() {
        let (name, label) = (key.key().name(), key.key().labels().next().map_or("", |label| label.value()));
        match value {
            DebugValue::Counter(0) => {}
            DebugValue::Counter(count) => println!("{name} {label} {count}"),
            DebugValue::Gauge(value) => println!("{name} {label} {value}"),
            DebugValue::Histogram(values) => println!("{name} {label} {} values", values.len()),
        }
    }
    Ok(())
}

/// A server that drops its first connection after the first message, and reads from the second.
fn server() -> Result<std::net::SocketAddr, Box<dyn Error + Send + Sync>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for (index, stream) in listener.incoming().flatten().enumerate() {
            let Ok(mut socket) = tungstenite::accept(stream) else { continue };
            while let Ok(message) = socket.read() {
                if index == 0 && message.is_text() {
                    break;
                }
            }
        }
    });
    Ok(address)
}

#[test]
fn it_runs_to_its_end() {
    main().expect("nothing fails");
}
