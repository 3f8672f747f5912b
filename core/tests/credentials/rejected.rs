//! What a server does not accept: fetched anew at once, then with patience.

use super::*;

#[test]
fn rejections_have_credentials_fetched_anew() {
    let rejections =
        [unauthorized(), Cause::Rejected { status: 403, retry_after: None }, code(1_008), code(3_000), code(4_401)];
    for cause in rejections {
        let mut rig = settled(settings());
        let acts = close(&mut rig, cause.clone());
        assert_eq!(fetches(&acts), [(2, FetchReason::Rejected)], "{cause}");
        assert_eq!(connects(&granted(&mut rig, 2)), 1, "{cause}");
    }
}

#[test]
fn how_they_were_rejected_is_told_although_the_next_attempt_follows_at_once() {
    let mut rig = settled(settings());
    close(&mut rig, code(4_401));
    let rejected = Notice::CredentialsRejected { epoch: Epoch(1), cause: Box::new(code(4_401)) };
    assert!(rig.notices().contains(&rejected));
}

#[test]
fn a_code_that_was_configured_rejects_whatever_the_presets_say_of_it() {
    for preset in [Settings::android(), Settings::react(), Settings::dart()] {
        let settings = Settings { credentials: Some(Credentials::default()), ..preset };
        assert_eq!(settings.decide(&code(4_401)).decision, Decision::RefreshCredentials);
        assert_eq!(settings.decide(&unauthorized()).decision, Decision::RefreshCredentials);
    }
}

#[test]
fn a_rule_of_the_applications_outranks_the_codes() {
    let mut settings = settings();
    let when = Match::Code { from: CloseCode(4_401), to: CloseCode(4_401) };
    settings.policy.rules.push(Rule { when, then: Decision::Terminal });
    assert_eq!(settings.decide(&code(4_401)).decision, Decision::Terminal);
}

#[test]
fn only_the_first_rejection_is_answered_at_once() {
    let mut rig = settled(settings());
    assert_eq!(fetches(&close(&mut rig, code(4_401))), [(2, FetchReason::Rejected)]);
    granted(&mut rig, 2);
    assert_eq!(fetches(&close(&mut rig, unauthorized())), []);
    assert_eq!(rig.session.state().kind(), StateKind::Waiting);
    assert_eq!(fetches(&rig.pass(secs(2))), [(3, FetchReason::Rejected)]);
}

#[test]
fn a_server_that_opens_and_rejects_is_not_hammered() {
    let mut rig = Rig::new(Settings { stable_after: Duration::ZERO, ..settings() });
    rig.event(Event::Start);
    let begun = rig.now;
    let mut attempts = 0;
    while rig.now - begun < secs(60) {
        match rig.session.state() {
            State::Authorizing { .. } => {
                let epoch = rig.session.metrics().credentials_fetched;
                granted(&mut rig, epoch);
            }
            State::Connecting { .. } => {
                attempts += 1;
                open(&mut rig);
                rig.pass(millis(10));
            }
            State::Open { .. } => drop(close(&mut rig, code(4_401))),
            _ => drop(rig.pass(millis(100))),
        }
    }
    assert!(attempts <= 33, "{attempts} attempts a minute, with waits of two seconds");
}

#[test]
fn a_rejection_of_an_older_epoch_is_answered_with_the_newest_at_once() {
    let mut rig = settled(settings());
    rig.event(Event::RefreshCredentials);
    granted(&mut rig, 2);
    let acts = close(&mut rig, code(4_401));
    assert_eq!((fetches(&acts), connects(&acts)), (vec![], 1));
}

#[test]
fn the_servers_patience_outranks_the_retry_at_once() {
    let mut rig = settled(settings());
    close(&mut rig, Cause::Io(IoKind::Reset));
    rig.pass(secs(2));
    let cause = Cause::Rejected { status: 401, retry_after: Some(secs(20)) };
    assert_eq!(fetches(&close(&mut rig, cause)), []);
    assert_eq!(fetches(&rig.pass(millis(19_999))), []);
    assert_eq!(fetches(&rig.pass(millis(1))), [(2, FetchReason::Rejected)]);
}

#[test]
fn a_rejection_that_the_application_saw_closes_the_connection() {
    let mut rig = settled(settings());
    let conn = rig.conn();
    rig.event(Event::CredentialsRejected { conn: ConnId(conn.0 + 1) });
    assert_eq!(rig.last, []);
    rig.event(Event::CredentialsRejected { conn });
    assert!(rig.last.contains(&Act::Close(CloseFrame::NORMAL)));
    assert_eq!(fetches(&close(&mut rig, code(1_000))), [(2, FetchReason::Rejected)]);
}

#[test]
fn a_rejection_where_they_are_renewed_by_message_keeps_the_connection() {
    let mut rig = settled(renewed_by(Renewal::Message));
    let conn = rig.conn();
    rig.event(Event::CredentialsRejected { conn });
    assert_eq!(fetches(&rig.last), [(2, FetchReason::Rejected)]);
    assert!(granted(&mut rig, 2).contains(&Act::Present(1, 2)));
    rig.event(Event::CredentialsRejected { conn });
    assert_eq!(fetches(&rig.last), [], "these were new: it waits");
    assert_eq!(fetches(&rig.pass(secs(2))), [(3, FetchReason::Rejected)]);
    assert_eq!(rig.session.state().kind(), StateKind::Open);
}

#[test]
fn a_rejection_that_is_seen_while_a_fetch_is_under_way_waits_for_that() {
    let mut rig = settled(renewed_by(Renewal::Message));
    let conn = rig.conn();
    rig.event(Event::RefreshCredentials);
    rig.event(Event::CredentialsRejected { conn });
    rig.event(Event::CredentialsRejected { conn });
    assert_eq!(fetches(&rig.last), []);
    close(&mut rig, Cause::Io(IoKind::Reset));
    assert_eq!(fetches(&rig.pass(secs(2))), []);
    assert_eq!(connects(&granted(&mut rig, 2)), 1);
    assert_eq!(rig.session.metrics().credentials_rejected, 1, "told twice, it is one rejection");
}

#[test]
fn what_was_rejected_during_a_drain_is_not_used_after_it() {
    let mut rig = settled(settings());
    send(&mut rig, 1);
    rig.event(Event::Stop { frame: CloseFrame::NORMAL, drain: Some(secs(60)) });
    rig.event(Event::Cancel { id: MessageId(1) });
    rig.event(Event::SwitchIdentity { identity: Identity(1) });
    close(&mut rig, code(4_401));
    rig.event(Event::Stop { frame: CloseFrame::NORMAL, drain: None });
    rig.event(Event::Start);
    assert!(rig.all.iter().any(|(_, act)| matches!(act, Act::Fetch(2, FetchReason::Rejected))));
}

#[test]
fn a_rejection_seen_of_credentials_that_were_presented_long_ago_is_answered_at_once() {
    let mut rig = settled(renewed_by(Renewal::Message));
    rig.event(Event::RefreshCredentials);
    granted(&mut rig, 2);
    rig.pass(secs(60));
    let conn = rig.conn();
    rig.event(Event::CredentialsRejected { conn });
    assert_eq!(fetches(&rig.last), [(3, FetchReason::Rejected)]);
}

#[test]
fn the_patience_that_one_server_asks_for_with_a_rejection_leaves_the_others_alone() {
    let endpoints = Endpoints { count: 2, ..Endpoints::default() };
    let mut rig = settled(Settings { endpoints, ..settings() });
    close(&mut rig, Cause::Io(IoKind::Reset));
    rig.pass(secs(2));
    assert_eq!(rig.session.endpoint(), EndpointId(1));
    let cause = Cause::Rejected { status: 401, retry_after: Some(secs(20)) };
    assert_eq!(fetches(&close(&mut rig, cause)), [(2, FetchReason::Rejected)]);
    granted(&mut rig, 2);
    assert_eq!(rig.session.endpoint(), EndpointId(0), "it has failed, and may be tried");
}

/// Two endpoints, of which the first asked for a patience of so long, and a connection to the second that was stable.
fn stable_on_the_second(patience: u64) -> Rig {
    let endpoints = Endpoints { count: 2, ..Endpoints::default() };
    let mut rig = Rig::new(Settings { endpoints, ..settings() });
    rig.event(Event::Start);
    granted(&mut rig, 1);
    close(&mut rig, Cause::Rejected { status: 503, retry_after: Some(secs(patience)) });
    rig.pass(secs(2));
    open(&mut rig);
    rig.pass(secs(31));
    rig
}

#[test]
fn a_retry_at_once_goes_to_no_endpoint_that_is_to_be_left_alone() {
    let mut rig = stable_on_the_second(100);
    let begun = rig.now;
    let cause = Cause::Rejected { status: 401, retry_after: Some(secs(20)) };
    assert_eq!(fetches(&close(&mut rig, cause)), []);
    while rig.session.state().kind() == StateKind::Waiting {
        rig.pass(millis(100));
    }
    assert_eq!((rig.now - begun).as_secs(), 20, "the first that may be tried");
}

#[test]
fn another_network_lifts_no_word_of_a_server() {
    let mut rig = stable_on_the_second(100);
    close(&mut rig, Cause::Rejected { status: 401, retry_after: Some(secs(20)) });
    rig.event(Event::Network(Network::Changed));
    rig.event(Event::Network(Network::Offline));
    rig.event(Event::Network(Network::Online));
    assert_eq!(fetches(&rig.pass(millis(19_999))), []);
    assert_eq!(fetches(&rig.pass(secs(1))), [(2, FetchReason::Rejected)]);
}
