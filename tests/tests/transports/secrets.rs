//! What nobody must be shown.

use steadfast_core::dial::proxy::Proxy as ProxyConfig;
use steadfast_mio::tls::TlsConfig;
use steadfast_sim::mock::{Answer, Certificate, Proxy};

use crate::case::{Case, config, known};

over_everything!(no_secret_is_in_anything_that_is_shown);

fn no_secret_is_in_anything_that_is_shown(case: Case) {
    let server = case.by_hand();
    let proxy = Proxy::http().credentials("me", "other").start();
    let me = known().authority.issue(Certificate::Client(String::from("me")));
    let tls =
        TlsConfig::builder().client_certificate_pem(me.chain_pem(), me.key_pem()).build().expect("a configuration");
    let url = proxy.url().replacen("://", "://me:hunter2@", 1);
    let endpoint = case
        .endpoint(&format!("{}?token=hunter2", server.url()))
        .tls(tls)
        .header("Authorization", "Bearer hunter2")
        .expect("a header")
        .header("Cookie", "session=hunter2")
        .expect("a header")
        .proxy(ProxyConfig::parse(&url).expect("a proxy"));
    let shown = |what: &str, text: &str| {
        assert!(!text.contains("hunter2"), "{what}: {text}");
        let key: String = me.key_pem().lines().filter(|line| !line.starts_with('-')).collect();
        assert!(!text.contains(&key[..40]), "{what}: {text}");
    };
    shown("endpoint", &format!("{endpoint} {endpoint:?}"));
    let client = case.connect_to(endpoint.clone(), config());
    let end = client.end();
    shown("failure of the proxy", &format!("{end:?} {}", end.text()));
    proxy.set_credentials(Some(("me", "hunter2")));
    let client = case.connect_to(case.endpoint(&format!("{}?token=hunter2", server.url())), config());
    server.incoming().answer(&Answer::status(401).body("who are you"));
    let end = client.end();
    shown("rejection", &format!("{end:?} {}", end.text()));
    shown("state", &format!("{:?} {:?}", client.state(), client.last_failure()));
}
