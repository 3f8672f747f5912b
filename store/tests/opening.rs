//! What a store makes of the file that it finds.

use std::{
    fs::{self, File},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use steadfast_core::{Identity, Message, MessageId, Persist, SendOptions, StoreError};
use steadfast_store::{OpenError, Store};

/// A folder that goes when the test does.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("steadfast-opening-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("outbox")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn keep(store: &Store, id: u64, text: &str) {
    let (id, message) = (MessageId(id), Message::text(text.to_owned()));
    store.persist(Persist { id, message, options: SendOptions::default(), identity: None }).expect("room");
}

fn ids(store: &mut Store) -> Vec<u64> {
    store.restored().iter().map(|restored| restored.id.0).collect()
}

/// Puts bytes into a file at an offset.
fn patch(path: &Path, offset: u64, bytes: &[u8]) {
    let mut file = File::options().write(true).open(path).expect("the file");
    file.seek(SeekFrom::Start(offset)).expect("within");
    file.write_all(bytes).expect("written");
}

#[test]
fn messages_come_back_in_the_order_in_which_they_came_whatever_their_names() {
    let folder = Folder::new("order");
    let store = Store::open(folder.file()).expect("opens");
    for id in [7, 3, u64::MAX, 0, 5] {
        keep(&store, id, "m");
    }
    store.forget(MessageId(3));
    store.close();
    let mut store = Store::open(folder.file()).expect("opens");
    assert_eq!(store.highest(), Some(MessageId(u64::MAX)));
    assert_eq!(ids(&mut store), [7, u64::MAX, 0, 5]);
    assert_eq!(ids(&mut store), [0; 0], "taken once");
}

#[test]
fn what_comes_after_what_was_restored_comes_behind_it() {
    let folder = Folder::new("behind");
    for id in [9, 1, 5] {
        let store = Store::open(folder.file()).expect("opens");
        keep(&store, id, "m");
    }
    assert_eq!(ids(&mut Store::open(folder.file()).expect("opens")), [9, 1, 5]);
}

#[test]
fn a_second_store_on_the_same_file_is_refused_and_the_first_goes_on() {
    let folder = Folder::new("locked");
    let first = Store::open(folder.file()).expect("opens");
    let error = Store::open(folder.file()).expect_err("locked");
    assert!(matches!(&error, OpenError::Locked { path } if *path == folder.file()), "{error}");
    assert!(error.to_string().contains("in use"), "{error}");
    keep(&first, 1, "m");
    first.close();
    assert_eq!(ids(&mut Store::open(folder.file()).expect("opens")), [1]);
}

#[test]
fn a_name_that_is_stored_is_not_stored_again() {
    let folder = Folder::new("twice");
    let store = Store::open(folder.file()).expect("opens");
    let (tell, answers) = std::sync::mpsc::channel();
    store.on_answers(move |batch| batch.iter().for_each(|answer| tell.send(*answer).expect("the test listens")));
    keep(&store, 1, "first");
    keep(&store, 1, "second");
    assert_eq!(answers.recv(), Ok((MessageId(1), Ok(()))));
    assert_eq!(answers.recv(), Ok((MessageId(1), Err(StoreError::DuplicateId))));
    store.close();
    let restored = Store::open(folder.file()).expect("opens").restored();
    assert_eq!(restored[0].message.as_text(), Some("first"));
    assert_eq!(restored.len(), 1);
}

#[test]
fn a_file_of_something_else_is_set_aside_untouched() {
    let folder = Folder::new("foreign");
    let content = b"%PDF-1.7 something that somebody wants to keep".repeat(1_000);
    fs::write(folder.file(), &content).expect("written");
    let error = Store::open(folder.file()).expect_err("no store");
    let OpenError::SetAside(set_aside) = &error else { panic!("{error}") };
    assert_eq!(set_aside.to, folder.0.join("outbox.corrupt-1"));
    assert!(error.to_string().contains("outbox.corrupt-1"), "{error}");
    assert_eq!(fs::read(&set_aside.to).expect("there"), content);
    assert!(!folder.file().exists());
    keep(&Store::open(folder.file()).expect("a new one"), 1, "m");
}

#[test]
fn the_second_file_that_is_set_aside_does_not_replace_the_first() {
    let folder = Folder::new("second");
    for (content, name) in [("first", "outbox.corrupt-1"), ("second", "outbox.corrupt-2")] {
        fs::write(folder.file(), content).expect("written");
        let (store, set_aside) = Store::open_or_renew(folder.file()).expect("renewed");
        assert_eq!(set_aside.expect("it was").to, folder.0.join(name));
        store.close();
        fs::remove_file(folder.file()).expect("removed");
    }
    assert_eq!(fs::read(folder.0.join("outbox.corrupt-1")).expect("there"), b"first");
    assert_eq!(fs::read(folder.0.join("outbox.corrupt-2")).expect("there"), b"second");
}

#[test]
fn a_database_of_another_program_is_set_aside() {
    const THEIRS: redb::TableDefinition<'_, u64, u64> = redb::TableDefinition::new("theirs");
    let folder = Folder::new("theirs");
    let database = redb::Database::create(folder.file()).expect("made");
    let transaction = database.begin_write().expect("begun");
    transaction.open_table(THEIRS).expect("a table").insert(1, 2).expect("inserted");
    transaction.commit().expect("committed");
    drop(database);
    let error = Store::open(folder.file()).expect_err("no store");
    assert!(matches!(error, OpenError::SetAside(_)), "{error}");
}

#[test]
fn a_store_of_a_newer_version_is_refused_and_left_where_it_is() {
    const ABOUT: redb::TableDefinition<'_, &str, u64> = redb::TableDefinition::new("steadfast-store");
    let folder = Folder::new("newer");
    keep(&Store::open(folder.file()).expect("made"), 1, "m");
    let database = redb::Database::open(folder.file()).expect("opens");
    let transaction = database.begin_write().expect("begun");
    transaction.open_table(ABOUT).expect("a table").insert("layout", 2).expect("inserted");
    transaction.commit().expect("committed");
    drop(database);
    let error = Store::open(folder.file()).expect_err("newer");
    assert!(matches!(&error, OpenError::Newer { found, .. } if found == "version 2"), "{error}");
    assert!(folder.file().exists());
}

#[test]
fn a_message_of_a_newer_version_is_refused_and_left_where_it_is() {
    const MESSAGES: redb::TableDefinition<'_, u64, &[u8]> = redb::TableDefinition::new("messages");
    let folder = Folder::new("newer-message");
    Store::open(folder.file()).expect("made").close();
    let database = redb::Database::open(folder.file()).expect("opens");
    let transaction = database.begin_write().expect("begun");
    transaction.open_table(MESSAGES).expect("a table").insert(1, &[9_u8, 0, 0][..]).expect("inserted");
    transaction.commit().expect("committed");
    drop(database);
    let error = Store::open(folder.file()).expect_err("newer");
    assert!(matches!(error, OpenError::Newer { .. }), "{error}");
}

#[test]
fn a_newer_format_of_the_database_itself_is_refused_and_left_where_it_is() {
    let folder = Folder::new("newer-format");
    keep(&Store::open(folder.file()).expect("made"), 1, "m");
    // Both commit slots begin with the version of the format.
    patch(&folder.file(), 64, &[9]);
    patch(&folder.file(), 192, &[9]);
    let error = Store::open(folder.file()).expect_err("newer");
    assert!(matches!(error, OpenError::Newer { .. }), "{error}");
    assert!(folder.file().exists());
}

#[test]
fn a_damaged_file_is_set_aside_and_never_makes_the_program_panic() {
    let folder = Folder::new("damaged");
    let store = Store::open(folder.file()).expect("made");
    for id in 0..2_000 {
        keep(&store, id, &"x".repeat(200));
    }
    store.close();
    let sound = fs::read(folder.file()).expect("read");
    let mut found_out = 0;
    for place in (1..40).map(|n| n * 6_007 % sound.len()) {
        fs::write(folder.file(), &sound).expect("written");
        patch(&folder.file(), place as u64, &[!sound[place]; 64]);
        match Store::open(folder.file()) {
            // Room that nothing uses may be anything.
            Ok(mut store) => assert_eq!(ids(&mut store).len(), 2_000, "damaged at {place}"),
            Err(OpenError::SetAside(_)) => found_out += 1,
            Err(other) => panic!("damaged at {place}: {other}"),
        }
    }
    assert!(found_out > 5, "{found_out} of the damages were found");
}

#[test]
fn a_file_that_breaks_off_is_set_aside() {
    let folder = Folder::new("truncated");
    let store = Store::open(folder.file()).expect("made");
    for id in 0..500 {
        keep(&store, id, &"x".repeat(200));
    }
    store.close();
    let mut sound = Vec::new();
    File::open(folder.file()).expect("opens").read_to_end(&mut sound).expect("read");
    for len in [1, 8, 100, 4_096, sound.len() / 2] {
        fs::write(folder.file(), &sound[..len]).expect("written");
        let error = Store::open(folder.file()).expect_err("damaged");
        assert!(matches!(error, OpenError::SetAside(_)), "{len} bytes: {error}");
    }
}

#[test]
fn an_empty_file_becomes_a_store() {
    let folder = Folder::new("empty");
    File::create(folder.file()).expect("made");
    keep(&Store::open(folder.file()).expect("opens"), 1, "m");
    assert_eq!(ids(&mut Store::open(folder.file()).expect("opens")), [1]);
}

#[test]
#[cfg(unix)]
fn a_new_file_is_its_owners_alone_and_one_that_is_there_keeps_what_it_has() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new("private");
    let mode = || fs::metadata(folder.file()).expect("there").permissions().mode() & 0o777;
    Store::open(folder.file()).expect("made").close();
    assert_eq!(mode(), 0o600);
    fs::set_permissions(folder.file(), fs::Permissions::from_mode(0o640)).expect("it is ours");
    Store::open(folder.file()).expect("opens").close();
    assert_eq!(mode(), 0o640);
}

#[test]
fn a_file_whose_making_was_interrupted_is_replaced_and_kept() {
    let folder = Folder::new("unfinished");
    fs::write(folder.file(), vec![0; 1 << 16]).expect("written");
    keep(&Store::open(folder.file()).expect("opens"), 1, "m");
    assert_eq!(fs::metadata(folder.0.join("outbox.corrupt-1")).expect("kept").len(), 1 << 16);
}

#[test]
fn a_folder_that_is_missing_is_named() {
    let folder = Folder::new("missing");
    let path = folder.0.join("nowhere").join("outbox");
    let error = Store::open(&path).expect_err("no folder");
    assert!(matches!(&error, OpenError::Io { path: named, .. } if *named == path), "{error}");
}

#[test]
fn a_folder_is_no_store_and_stays() {
    let folder = Folder::new("folder");
    let error = Store::open(&folder.0).expect_err("a folder");
    assert!(matches!(error, OpenError::Io { .. }), "{error}");
    assert!(folder.0.is_dir());
}

#[cfg(target_os = "linux")]
#[test]
fn a_read_only_file_system_is_told_as_such() {
    // Where even the superuser may make no file.
    let error = Store::open("/sys/steadfast-outbox").expect_err("read-only");
    assert!(matches!(error, OpenError::ReadOnly { .. }), "{error}");
}

#[test]
fn for_whom_a_message_was_accepted_is_known_after_a_restart() {
    let folder = Folder::new("whose");
    let store = Store::open(folder.file()).expect("a new store");
    for (id, identity) in [(1, Some(Identity(7))), (2, None)] {
        let (id, message) = (MessageId(id), Message::text("a"));
        store.persist(Persist { id, message, options: SendOptions::durable(), identity }).expect("room");
    }
    store.close();
    let mut store = Store::open(folder.file()).expect("the same store");
    let whose: Vec<Option<Identity>> = store.restored().iter().map(|restored| restored.identity).collect();
    assert_eq!(whose, [Some(Identity(7)), None]);
}

#[test]
fn a_program_that_waits_for_what_it_left_has_it_on_the_disk() {
    let folder = Folder::new("finish");
    let store = Store::open(folder.file()).expect("opens");
    for id in 1..=3 {
        keep(&store, id, "m");
    }
    store.forget(MessageId(1));
    store.leave();
    steadfast_store::finish();
    // As another process finds it: to open the file itself would wait for the store.
    let copy = folder.0.join("copy");
    fs::copy(folder.file(), &copy).expect("a copy");
    assert_eq!(ids(&mut Store::open(copy).expect("opens")), [2, 3]);
}
