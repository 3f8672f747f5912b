//! Stores that do not open, and durable messages that they do not take.

use std::{fs, path::PathBuf};

use steadfast_core::{SendOptions, config::Config};
use steadfast_mio::{
    Client,
    store::{OpenError, Store},
};
use steadfast_sim::mock::MockServer;

use super::says;

/// A folder that goes when the test does.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("steadfast-symptom-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("outbox.redb")
    }

    /// What an error says, without the folder and what depends on the machine, `from` there on to `to`.
    fn says_of(&self, error: &OpenError, cut: Option<(&str, &str)>) {
        let mut text = error.to_string().replace(&format!("{}/", self.0.display()), "");
        if let Some((from, to)) = cut {
            let (before, rest) = text.split_once(from).expect("it says why");
            let (_, after) = rest.split_once(to).expect("and goes on");
            text = format!("{before}{from}…{to}{after}");
        }
        says(&text);
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_store_is_in_use() {
    let folder = Folder::new("used");
    let _held = Store::open(folder.file()).expect("opens");
    folder.says_of(&Store::open(folder.file()).expect_err("it is held"), None);
}

#[test]
fn a_file_is_no_store() {
    let folder = Folder::new("foreign");
    fs::write(folder.file(), "a letter to somebody").expect("written");
    folder.says_of(&Store::open(folder.file()).expect_err("it is none"), Some(("read (", ")")));
}

#[test]
fn the_folder_of_a_store_is_missing() {
    let folder = Folder::new("missing");
    let error = Store::open(folder.0.join("nowhere").join("outbox.redb")).expect_err("there is no such folder");
    let text = error.to_string();
    let (path, why) = text.split_once(": ").expect("the file, and why");
    assert!(path.ends_with("outbox.redb"));
    says(&format!("outbox.redb: {}", why.split_once(": ").expect("what the system said").0));
}

#[test]
fn a_durable_message_finds_no_store() {
    let server = MockServer::echo();
    let without = Client::builder(&server.url()).connect().expect("a client");
    says(&refused(&without));
    let config = Config::builder().store(true).build().expect("a configuration");
    let promised = Client::builder(&server.url()).config(config).connect().expect("a client");
    says(&refused(&promised));
}

/// Why a durable message is not accepted.
fn refused(client: &Client) -> String {
    let receipt = client.send_with("kept", SendOptions::durable()).expect("the session decides");
    let error = receipt.wait_accepted().expect_err("there is no store");
    let text = error.to_string();
    text.split_once("not accepted: ").expect("why").1.to_owned()
}
