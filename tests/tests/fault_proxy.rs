//! The fault proxy does what it is told: otherwise the soak would prove nothing.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use steadfast_tests::fault_proxy::{Door, Fault, FaultProxy};

/// Longer than anything here takes; shorter than anybody's patience.
const BOUND: Duration = Duration::from_secs(5);

/// What stands for "nothing comes".
const QUIET: Duration = Duration::from_millis(100);

/// A server that sends back what it gets, for as many connections as come.
fn echo() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || io::copy(&mut &stream, &mut &stream));
        }
    });
    Ok(addr)
}

fn connect(proxy: &FaultProxy) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(proxy.addr())?;
    stream.set_read_timeout(Some(BOUND))?;
    Ok(stream)
}

/// Sends three bytes, and waits for them.
fn round_trip(mut stream: &TcpStream) -> io::Result<()> {
    stream.write_all(b"abc")?;
    let mut answer = [0; 3];
    stream.read_exact(&mut answer)?;
    assert_eq!(&answer, b"abc");
    Ok(())
}

/// How the stream ends.
fn ending(mut stream: &TcpStream) -> io::Result<usize> {
    stream.read(&mut [0; 16])
}

#[test]
fn bytes_take_the_latency_each_way() -> io::Result<()> {
    let proxy = FaultProxy::start(echo()?, Duration::from_millis(30))?;
    let stream = connect(&proxy)?;
    let began = Instant::now();
    round_trip(&stream)?;
    assert!(began.elapsed() >= Duration::from_millis(60), "{:?}", began.elapsed());
    Ok(())
}

#[test]
fn a_reset_is_seen_as_a_reset() -> io::Result<()> {
    let proxy = FaultProxy::start(echo()?, Duration::ZERO)?;
    let stream = connect(&proxy)?;
    round_trip(&stream)?;
    assert_eq!(proxy.strike(Fault::Reset), 1);
    assert_eq!(ending(&stream).unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    Ok(())
}

#[test]
fn a_fin_is_seen_as_the_end_of_the_stream() -> io::Result<()> {
    let proxy = FaultProxy::start(echo()?, Duration::ZERO)?;
    let stream = connect(&proxy)?;
    round_trip(&stream)?;
    proxy.strike(Fault::Fin);
    assert_eq!(ending(&stream)?, 0);
    Ok(())
}

#[test]
fn silence_says_nothing_and_spares_later_connections() -> io::Result<()> {
    let proxy = FaultProxy::start(echo()?, Duration::ZERO)?;
    let stream = connect(&proxy)?;
    round_trip(&stream)?;
    proxy.strike(Fault::Silence);
    stream.set_read_timeout(Some(QUIET))?;
    assert_eq!(round_trip(&stream).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    round_trip(&connect(&proxy)?)
}

#[test]
fn half_forwarding_lets_one_way_through() -> io::Result<()> {
    let server = TcpListener::bind("127.0.0.1:0")?;
    for (fault, arrives) in [(Fault::OnlyToServer, true), (Fault::OnlyToClient, false)] {
        let proxy = FaultProxy::start(server.local_addr()?, Duration::ZERO)?;
        let mut client = connect(&proxy)?;
        let (mut accepted, _) = server.accept()?;
        while proxy.strike(fault) == 0 {}
        for stream in [&client, &accepted] {
            stream.set_read_timeout(Some(if arrives { BOUND } else { QUIET }))?;
        }
        client.write_all(b"a")?;
        assert_eq!(accepted.read(&mut [0; 1]).is_ok(), arrives);
        for stream in [&client, &accepted] {
            stream.set_read_timeout(Some(if arrives { QUIET } else { BOUND }))?;
        }
        accepted.write_all(b"b")?;
        assert_eq!(client.read(&mut [0; 1]).is_ok(), !arrives);
    }
    Ok(())
}

#[test]
fn the_door_refuses_and_opens_again_on_the_same_port() -> io::Result<()> {
    let proxy = FaultProxy::start(echo()?, Duration::ZERO)?;
    for _ in 0..20 {
        proxy.set_door(Door::Refusing);
        let began = Instant::now();
        // The listener closes as soon as its thread has looked.
        while TcpStream::connect(proxy.addr()).is_ok() {
            assert!(began.elapsed() < BOUND);
        }
        proxy.set_door(Door::Open);
        let began = Instant::now();
        while connect(&proxy).and_then(|stream| round_trip(&stream)).is_err() {
            assert!(began.elapsed() < BOUND);
        }
    }
    Ok(())
}

#[test]
fn the_door_hangs_and_rejects() -> io::Result<()> {
    let proxy = FaultProxy::start(echo()?, Duration::ZERO)?;
    proxy.set_door(Door::Hanging);
    let hung = connect(&proxy)?;
    hung.set_read_timeout(Some(QUIET))?;
    assert_eq!(round_trip(&hung).unwrap_err().kind(), io::ErrorKind::WouldBlock);

    proxy.set_door(Door::Rejecting);
    let mut rejected = connect(&proxy)?;
    rejected.write_all(b"GET / HTTP/1.1\r\n\r\n")?;
    let mut answer = String::new();
    rejected.read_to_string(&mut answer)?;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    Ok(())
}
