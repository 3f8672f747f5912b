//! Durable messages of both clients, against a real server, over a restart of the client.

use std::{fs, path::PathBuf, time::Duration};

use async_std::task::block_on;
use steadfast_core::{MessageId, SendOptions, Verdict};
use steadfast_sim::mock::MockServer;
use steadfast_store::Store;

/// A folder that goes when the test does.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("steadfast-durable-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn store(&self) -> Store {
        Store::open(self.0.join("outbox")).expect("opens")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn what_one_client_on_mio_was_told_is_accepted_the_next_one_sends_first() {
    let folder = Folder::new("mio");
    let server = MockServer::builder().patience(Duration::from_secs(30)).by_hand();
    server.kill();
    let connect = || steadfast_mio::Client::builder(&server.url()).store(folder.store()).connect().expect("built");
    let client = connect();
    let receipt = client.send_with("kept", SendOptions::durable()).expect("room");
    receipt.wait_accepted().expect("stored");
    assert!(client.close(None).unsettled.is_empty());
    assert_eq!(receipt.wait().verdict(), Some(Verdict::Kept));
    server.restart();
    let client = connect();
    let new = client.send_with("new", SendOptions::durable()).expect("room");
    assert_eq!(new.id(), MessageId(receipt.id().0 + 1));
    let conn = server.accept();
    conn.expect_text("kept");
    conn.expect_text("new");
    assert!(new.wait().is_confirmed());
    drop(client);
    assert!(folder.store().restored().is_empty(), "both were forgotten");
}

#[test]
fn what_one_client_on_async_std_was_told_is_accepted_the_next_one_sends_first() {
    let folder = Folder::new("async-std");
    let server = MockServer::builder().patience(Duration::from_secs(30)).by_hand();
    server.kill();
    let build = || {
        let builder = steadfast_async_std::Client::builder(&server.url()).store(folder.store());
        steadfast_async_std::Client::new(builder).expect("built")
    };
    let client = build();
    let mut receipt = block_on(client.send_with("kept", SendOptions::durable())).expect("room");
    block_on(receipt.accepted()).expect("stored");
    let _ = block_on(client.close(None));
    let id = receipt.id();
    assert_eq!(block_on(receipt).verdict(), Some(Verdict::Kept));
    drop(client);
    server.restart();
    let client = build();
    let new = block_on(client.send_with("new", SendOptions::durable())).expect("room");
    assert_eq!(new.id(), MessageId(id.0 + 1));
    let conn = server.accept();
    conn.expect_text("kept");
    conn.expect_text("new");
    assert!(block_on(new).is_confirmed());
    let _ = block_on(client.close(None));
    drop(client);
}
