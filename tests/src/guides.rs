//! The guides' blocks of Rust compile, and run unless they say that they do not.

macro_rules! guides {
    ($($name:ident: $file:literal,)*) => {
        $(
            #[doc = include_str!(concat!("../../docs/", $file))]
            struct $name;
        )*
    };
}

guides! {
    ComingFrom: "coming-from.md",
    Dialing: "dialing.md",
    Durable: "durable.md",
    SeveralEndpoints: "endpoints.md",
    Mio: "mio.md",
    Proxies: "proxies.md",
    Symptoms: "symptoms.md",
    Tls: "tls.md",
    Tuning: "tuning.md",
}
