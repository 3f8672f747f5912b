//! What a message may ask for: a program of a trading desk, before it has a connection. `docs/outbox.md` quotes it.

use std::time::Duration;

use steadfast_core::{
    Action, Delivery, Event, Keys, Message, MessageId, Notice, SendOptions, Session, Timestamp,
    config::{Bucket, Config, ConfigError, Rate},
};

fn main() -> Result<(), ConfigError> {
    // Never more than 120 messages in any minute: 20 at once, and 100 a minute.
    let minute = Duration::from_mins(1);
    let rate = Rate { messages: Some(Bucket { count: 100, per: minute, burst: 20 }), bytes: None };
    let config = Config::builder().rate(Some(rate)).build()?;
    let mut session = Session::new(config, 1);
    let mut keys = Keys::new();

    // An order is sent until it is confirmed, but not half a minute late.
    let order = SendOptions::new(Delivery::AtLeastOnce).ttl(Duration::from_secs(30));
    // Of the cursor's positions the newest is worth sending.
    let cursor = SendOptions::new(Delivery::AtMostOnce).key(keys.key("cursor"));
    // A cancellation passes the orders that wait.
    let cancel = SendOptions::new(Delivery::AtLeastOnce).control();

    let messages = [("buy 10", order), ("at 3, 4", cursor), ("at 5, 6", cursor), ("cancel all", cancel)];
    for (id, (text, options)) in (1..).zip(messages) {
        let message = Message::text(String::from(text));
        for action in session.handle(Timestamp::ZERO, Event::Send { id: MessageId(id), message, options }) {
            if let Action::Notify(Notice::Verdict { id, verdict, .. }) = action {
                println!("{id}: {verdict:?}");
            }
        }
    }
    assert_eq!(session.unsettled().0, 3, "the second position has taken the place of the first");
    Ok(())
}
