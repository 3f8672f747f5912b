//! Durable messages: what one client was told is accepted, the next one on the same store sends.

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use steadfast_core::{MessageId, Notice, SendOptions, Verdict};
use steadfast_sim::mock::{Door, MockServer};
use steadfast_store::Store;

use crate::{
    case::{Case, config},
    client::Client,
};

over_everything!(
    a_durable_message_is_on_the_disk_when_it_is_accepted_and_forgotten_when_confirmed,
    what_was_accepted_comes_back_in_order_when_the_client_is_made_anew,
);

/// A folder that goes when the test does.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("steadfast-durable-over-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn store(&self) -> Store {
        Store::open(self.0.join("outbox")).expect("opens")
    }

    fn client(&self, case: Case, server: &MockServer) -> Client {
        let config = config().build().expect("a good configuration");
        Client::connect_with(case.transport, case.endpoint(&server.url()), config, Some(self.store()))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The next acceptance or verdict.
fn next_word(client: &Client) -> Notice {
    loop {
        let notice = client.notice().notice;
        if matches!(notice, Notice::Accepted { .. } | Notice::Refused { .. } | Notice::Verdict { .. }) {
            return notice;
        }
    }
}

fn a_durable_message_is_on_the_disk_when_it_is_accepted_and_forgotten_when_confirmed(case: Case) {
    let (folder, server) = (Folder::new(), case.by_hand());
    server.set_door(Door::Refusing);
    let client = folder.client(case, &server);
    let receipt = client.try_send("durable", SendOptions::durable()).expect("room");
    assert_eq!(next_word(&client), Notice::Accepted { id: MessageId(1) });
    // What a crash would leave.
    let copy = folder.0.join("copy");
    fs::copy(folder.0.join("outbox"), &copy).expect("a copy");
    let left = Store::open(copy).expect("opens").restored();
    assert_eq!(left.iter().map(|restored| restored.message.as_text()).collect::<Vec<_>>(), [Some("durable")]);
    server.set_door(Door::Open);
    let conn = server.accept();
    conn.expect_text("durable");
    assert!(receipt.wait().is_confirmed());
    assert!(matches!(next_word(&client), Notice::Verdict { verdict: Verdict::Confirmed, .. }));
    let _ = client.close(None);
    assert!(folder.store().restored().is_empty(), "it was forgotten");
}

fn what_was_accepted_comes_back_in_order_when_the_client_is_made_anew(case: Case) {
    let (folder, server) = (Folder::new(), case.by_hand());
    server.set_door(Door::Refusing);
    let client = folder.client(case, &server);
    for text in ["one", "two", "three"] {
        let _receipt = client.try_send(text, SendOptions::durable()).expect("room");
    }
    let accepted = [1, 2, 3].map(|id| Notice::Accepted { id: MessageId(id) });
    assert_eq!([(); 3].map(|()| next_word(&client)), accepted);
    // Neither closed nor stopped.
    drop(client);
    server.set_door(Door::Open);
    let client = folder.client(case, &server);
    let new = client.try_send("new", SendOptions::durable()).expect("room");
    let conn = server.accept();
    for text in ["one", "two", "three", "new"] {
        conn.expect_text(text);
    }
    assert!(new.wait().is_confirmed());
    let _ = client.close(None);
    assert!(folder.store().restored().is_empty(), "all of them were forgotten");
}
