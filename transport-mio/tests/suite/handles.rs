//! A loop that is run on one thread and spoken to from others.

use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use super::common::{self, SOON, Server, config};
use steadfast_mio::{
    Application, Endpoint, EventLoop, LoopGone, LoopHandle, Reads, Remote, Requests,
    core::{CloseFrame, Message, Notice, SendOptions, Timestamp, Verdict},
};

/// Counts what became of the messages of all sessions.
#[derive(Clone, Default)]
struct Account {
    echoes: Arc<AtomicUsize>,
    /// Accepted, and settled.
    settled: Arc<AtomicUsize>,
    confirmed: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
    /// Sessions that are gone.
    dropped: Arc<AtomicUsize>,
}

/// A session's application.
struct Entry(Account);

impl Application for Entry {
    fn deliver(&mut self, _: Message<'_>, _: &mut Requests<'_>) -> Reads {
        self.0.echoes.fetch_add(1, Ordering::SeqCst);
        Reads::Continue
    }

    fn notify(&mut self, _: Timestamp, notice: Notice, _: &mut Requests<'_>) {
        match notice {
            Notice::Verdict { verdict, .. } => {
                self.0.settled.fetch_add(1, Ordering::SeqCst);
                self.0.confirmed.fetch_add(usize::from(verdict == Verdict::Confirmed), Ordering::SeqCst);
            }
            Notice::Refused { .. } => {
                self.0.refused.fetch_add(1, Ordering::SeqCst);
            }
            _ => {}
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

/// A loop on a thread of its own, which gives it back when it was stopped.
fn running() -> (LoopHandle<Entry>, thread::JoinHandle<EventLoop<Entry>>) {
    let mut sessions: EventLoop<Entry> = EventLoop::new().expect("a poll");
    let handle = sessions.handle();
    let thread = thread::spawn(move || {
        sessions.run().expect("a poll");
        sessions
    });
    (handle, thread)
}

fn add(handle: &LoopHandle<Entry>, endpoint: Endpoint, seed: u64, account: &Account) -> mpsc::Receiver<Remote> {
    handle.add(endpoint, config().build().expect("a good configuration"), seed, Entry(account.clone()))
}

fn endpoint(server: &Server) -> Endpoint {
    common::endpoint(&server.url())
}

#[test]
fn a_session_that_another_thread_adds_echoes() {
    let server = Server::echo();
    let (handle, thread) = running();
    let account = Account::default();
    let remote = add(&handle, endpoint(&server), 1, &account).recv_timeout(SOON).expect("a loop");
    remote.send("hello", SendOptions::default()).expect("a loop");
    // Whatever is asked of a session is done in its order.
    let (answer, answered) = mpsc::channel();
    remote.inspect(move |session| answer.send(session.metrics().accepted).expect("an ear"));
    assert_eq!(answered.recv_timeout(SOON), Ok(1));
    while account.confirmed.load(Ordering::SeqCst) == 0 || account.echoes.load(Ordering::SeqCst) == 0 {
        thread::yield_now();
    }
    handle.stop();
    assert_eq!(thread.join().expect("no panic").len(), 1);
}

#[test]
fn a_stopped_loop_keeps_its_sessions_and_can_be_run_again() {
    let server = Server::echo();
    let (handle, thread) = running();
    let account = Account::default();
    let remote = add(&handle, endpoint(&server), 1, &account).recv_timeout(SOON).expect("a loop");
    handle.stop();
    let mut sessions = thread.join().expect("no panic");
    assert_eq!((sessions.len(), account.dropped.load(Ordering::SeqCst)), (1, 0));
    let thread = thread::spawn(move || {
        sessions.run().expect("a poll");
        sessions.len()
    });
    remote.remove();
    let (done, is_done) = mpsc::channel::<()>();
    remote.inspect(move |_| drop(done));
    assert!(is_done.recv_timeout(SOON).is_err_and(|error| error == mpsc::RecvTimeoutError::Disconnected));
    handle.stop();
    assert_eq!(thread.join().expect("no panic"), 0);
}

#[test]
fn work_is_done_on_the_loops_thread_in_the_order_in_which_it_was_asked_for() {
    let (handle, thread) = running();
    let (tell, told) = mpsc::channel();
    for number in 0..100 {
        let tell = tell.clone();
        handle.run(move |_| tell.send((number, thread::current().id())).expect("an ear")).expect("a loop");
    }
    let expected = thread.thread().id();
    for number in 0..100 {
        assert_eq!(told.recv_timeout(SOON), Ok((number, expected)));
    }
    handle.stop();
    thread.join().expect("no panic");
}

#[test]
fn work_may_ask_for_work() {
    let (handle, thread) = running();
    let (tell, told) = mpsc::channel();
    handle
        .run(move |driver| {
            let again = driver.handle();
            again.run(move |_| tell.send(()).expect("an ear")).expect("a loop");
        })
        .expect("a loop");
    assert_eq!(told.recv_timeout(SOON), Ok(()));
    handle.stop();
    thread.join().expect("no panic");
}

#[test]
fn a_loop_that_sleeps_is_woken() {
    let mut sessions: EventLoop<Entry> = EventLoop::new().expect("a poll");
    let handle = sessions.handle();
    let other = thread::spawn(move || handle.wake());
    sessions.run_once(None).expect("a poll");
    other.join().expect("no panic");
}

#[test]
fn a_loop_that_is_gone_says_so_and_drops_what_it_had_not_done() {
    let sessions: EventLoop<Entry> = EventLoop::new().expect("a poll");
    let handle = sessions.handle();
    let account = Account::default();
    let endpoint = common::endpoint("ws://127.0.0.1:9/");
    let pending = add(&handle, endpoint.clone(), 1, &account);
    // Work that asks when it is dropped must not find the door locked.
    let witness = OnDrop(handle.clone());
    handle.run(move |_| drop(witness)).expect("a loop");
    drop(sessions);
    assert!(pending.recv().is_err());
    assert_eq!(handle.run(|_| {}), Err(LoopGone));
    assert!(add(&handle, endpoint, 1, &account).recv().is_err());
    assert_eq!(account.dropped.load(Ordering::SeqCst), 2);
}

/// Asks for something when it is dropped.
struct OnDrop(LoopHandle<Entry>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        assert_eq!(self.0.run(|_| {}), Err(LoopGone));
    }
}

#[test]
fn adding_sending_stopping_and_removing_race_and_every_message_has_one_end() {
    const THREADS: usize = 4;
    const ROUNDS: usize = 40;
    let server = Server::echo();
    let (handle, thread) = running();
    let account = Account::default();
    let sent = AtomicUsize::new(0);
    let start = Barrier::new(THREADS);
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (handle, server, account, sent, start) = (handle.clone(), &server, &account, &sent, &start);
            scope.spawn(move || {
                start.wait();
                for round in 0..ROUNDS {
                    let seed = (number * ROUNDS + round) as u64;
                    let remote = add(&handle, endpoint(server), seed, account).recv_timeout(SOON).expect("a loop");
                    let other = remote.clone();
                    thread::scope(|scope| {
                        scope.spawn(move || {
                            for _ in 0..10 {
                                if other.send("m", SendOptions::default()).is_ok() {
                                    sent.fetch_add(1, Ordering::SeqCst);
                                }
                            }
                        });
                        match round % 4 {
                            0 => remote.remove(),
                            1 => remote.stop(CloseFrame::NORMAL, None),
                            2 => remote.stop(CloseFrame::NORMAL, Some(Duration::from_secs(20))),
                            _ => remote.reconnect_now(),
                        }
                    });
                    if round % 2 == 0 {
                        remote.remove();
                    }
                }
            });
        }
    });
    handle.stop();
    let mut sessions = thread.join().expect("no panic");
    let left: Vec<_> = sessions.driver().sessions().collect();
    for id in left {
        sessions.driver_mut().remove(id).expect("a session");
    }
    // What came to a session that was gone already was dropped with it, without a word: there was nobody to tell.
    let told = account.settled.load(Ordering::SeqCst) + account.refused.load(Ordering::SeqCst);
    assert!(told <= sent.load(Ordering::SeqCst), "{told} ends of {sent:?} messages");
    assert_eq!(account.dropped.load(Ordering::SeqCst), THREADS * ROUNDS);
}

#[test]
fn a_loop_that_goes_while_others_speak_to_it_leaves_nobody_waiting() {
    let server = Server::echo();
    for _ in 0..30 {
        let (handle, thread) = running();
        let account = Account::default();
        let started = Arc::new(Barrier::new(4));
        let speakers: Vec<_> = (0..3)
            .map(|seed| {
                let (handle, endpoint, account) = (handle.clone(), endpoint(&server), account.clone());
                let started = Arc::clone(&started);
                thread::spawn(move || {
                    started.wait();
                    let mut added = 0;
                    // Ends when the loop is gone.
                    while let Ok(remote) = add(&handle, endpoint.clone(), seed, &account).recv() {
                        added += 1;
                        // It may go at any moment.
                        let _ = remote.send("m", SendOptions::default());
                        remote.remove();
                    }
                    added + 1
                })
            })
            .collect();
        started.wait();
        handle.stop();
        drop(thread.join().expect("no panic"));
        let added: usize = speakers.into_iter().map(|speaker| speaker.join().expect("no panic")).sum();
        assert_eq!(account.dropped.load(Ordering::SeqCst), added);
    }
}
