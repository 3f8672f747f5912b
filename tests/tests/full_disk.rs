//! A disk that is really full: the operating system takes no more bytes of a process' files.
#![cfg(unix)]

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use steadfast_sim::mock::{Door, MockServer};
use steadfast_store::Store;

/// A folder that goes when the test does.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Without the limit's signal, which ends a process, writing beyond it is an error like any other (`EFBIG`). That is inherited, as
/// the limit is.
const LIMITED: &str = "trap '' XFSZ; ulimit -f 8192 && exec \"$0\" \"$@\"";

#[test]
fn a_full_disk_refuses_new_messages_and_keeps_the_session_and_what_is_stored() {
    let folder = Folder(env::temp_dir().join(format!("steadfast-full-disk-{}", std::process::id())));
    fs::create_dir_all(&folder.0).expect("a folder");
    let store = folder.0.join("outbox");
    let server = MockServer::builder().patience(Duration::from_secs(30)).by_hand();
    server.set_door(Door::Refusing);
    let mut client = Command::new("sh")
        .args(["-c", LIMITED, env!("CARGO_BIN_EXE_full_disk_client"), &server.url()])
        .arg(&store)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell");
    let mut said = BufReader::new(client.stdout.take().expect("piped")).lines().map_while(Result::ok);
    let full = said.next().expect("it says that the disk is full");
    let accepted: usize = full.strip_prefix("full ").and_then(|count| count.parse().ok()).expect("a number");
    assert!(accepted > 5, "{full}");
    server.set_door(Door::Open);
    let conn = server.accept();
    for number in 0..accepted {
        conn.expect_text(&format!("{number} {}", "x".repeat(64 << 10)));
    }
    conn.expect_text("alive");
    assert_eq!(said.next().as_deref(), Some("alive"));
    conn.expect_text("again");
    assert_eq!(said.next().as_deref(), Some("again"));
    assert!(client.wait().expect("it was started here").success());
    assert!(Store::open(&store).expect("opens").restored().is_empty(), "all of it was confirmed");
}
