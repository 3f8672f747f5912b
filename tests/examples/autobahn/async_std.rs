//! The echo over steadfast-async-std: a client that connects once.

use std::error::Error;

use steadfast_async_std::{
    Client, Endpoint,
    core::{Delivery, SendOptions, wire::deflate::Offer},
};

/// See [`super::Echo`].
pub(crate) fn echo(url: &str, engine: &str, offer: Offer) -> Result<Option<String>, Box<dyn Error>> {
    let endpoint = Endpoint::parse(url)?.engine(super::engine(engine, offer)?);
    async_std::task::block_on(async {
        let client = Client::new(Client::to(endpoint).config(super::config()?))?;
        client.start();
        let mut last = None;
        while let Ok(message) = client.receive().await {
            // The count of cases is short, and a long text is not worth keeping.
            last = message.as_text().filter(|text| text.len() < 100).map(str::to_owned);
            if client.send_with(message, SendOptions::new(Delivery::AtMostOnce)).await.is_err() {
                // It has stopped meanwhile.
                break;
            }
        }
        Ok(last)
    })
}
