//! Proxies that say no.

use std::time::Duration;

use steadfast_core::dial::proxy;
use steadfast_mio::Client;
use steadfast_sim::mock::{Proxy, Refusal};

use super::{config, documented, see};

/// What comes of an attempt through this proxy.
#[track_caller]
fn through(proxy: &str) {
    let builder = Client::builder("ws://chat.example/").proxy(proxy::Proxy::parse(proxy).expect("a proxy"));
    let config = config().build().expect("a configuration");
    documented(&see(builder.config(config)));
}

fn refused_with(proxy: &Proxy, refusal: Refusal) {
    proxy.refuse(Some(refusal));
    through(&proxy.url());
}

#[test]
fn it_wants_to_know_who_asks() {
    let proxy = Proxy::http().credentials("user", "secret").start();
    through(&format!("http://{}", proxy.address()));
    through(&format!("http://user:wrong@{}", proxy.address()));
    let proxy = Proxy::socks5().credentials("user", "secret").start();
    through(&format!("socks5://{}", proxy.address()));
    through(&format!("socks5://user:wrong@{}", proxy.address()));
}

#[test]
fn its_rules_forbid_it() {
    refused_with(&Proxy::http().start(), Refusal::Code(403));
    refused_with(&Proxy::socks5().start(), Refusal::Code(2));
}

#[test]
fn it_does_not_get_through() {
    refused_with(&Proxy::http().start(), Refusal::Code(502));
    refused_with(&Proxy::socks5().start(), Refusal::Code(4));
}

#[test]
fn it_is_no_proxy() {
    refused_with(&Proxy::http().start(), Refusal::Raw(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()));
    refused_with(&Proxy::socks5().start(), Refusal::Raw(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()));
}

#[test]
fn it_does_not_answer() {
    let proxy = Proxy::http().start();
    proxy.refuse(Some(Refusal::Hang));
    let config = config().connect_timeout(Duration::from_millis(500)).build().expect("a configuration");
    let builder = Client::builder("ws://chat.example/").proxy(proxy::Proxy::parse(&proxy.url()).expect("a proxy"));
    documented(&see(builder.config(config)));
}
