//! What is said in the handshake, and what the answer means.

use alloc::string::{String, ToString};
use core::{fmt, mem};

use super::{
    agreed::Agreed,
    options::{ClientWindow, InvalidOption, Options, WINDOW_BITS},
    parameters::{Broken, Parameters, Value},
};

/// The offer that a client makes in its handshake, with which the server's answer is judged (RFC 7692 §5, §7.1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offer {
    /// Each value lies in its range.
    options: Options,
}

impl Offer {
    /// An offer with these options.
    ///
    /// # Errors
    /// The first option that is outside its range.
    pub fn new(options: Options) -> Result<Self, InvalidOption> {
        options.validate().map(|()| Self { options })
    }

    /// The options it was made with.
    #[must_use]
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// The value of the request's `Sec-WebSocket-Extensions`.
    #[must_use]
    pub fn header_value(&self) -> String {
        let mut value = NAME.to_string();
        let mut add = |parameter: Parameter, bits: Option<u8>| {
            value.push_str("; ");
            value.push_str(parameter.name());
            if let Some(bits) = bits {
                value.push('=');
                value.push_str(&bits.to_string());
            }
        };
        let options = &self.options;
        if options.server_no_context_takeover {
            add(Parameter::ServerNoContextTakeover, None);
        }
        if options.client_no_context_takeover {
            add(Parameter::ClientNoContextTakeover, None);
        }
        if options.server_max_window_bits.is_some() {
            add(Parameter::ServerMaxWindowBits, options.server_max_window_bits);
        }
        match options.client_max_window_bits {
            ClientWindow::Unlimited => {}
            ClientWindow::ServersChoice => add(Parameter::ClientMaxWindowBits, None),
            ClientWindow::AtMost(bits) => add(Parameter::ClientMaxWindowBits, Some(bits)),
        }
        value
    }

    /// What the server's answer to the offer means. `answer` is the value of the response's
    /// `Sec-WebSocket-Extensions`, several fields joined by commas, or empty if there is none. `None` when the server
    /// does without compression.
    ///
    /// # Errors
    /// When the answer is not one to this offer: the connection has to be failed then (RFC 7692 §7.1, RFC 6455 §4.1).
    pub fn judge(&self, answer: &str) -> Result<Option<Agreed>, Refusal> {
        let mut answer = Parameters::new(answer);
        let mut agreed = None;
        while let Some(name) = answer.extension()? {
            if name != NAME {
                return Err(Refusal::OtherExtension(cut(name.chars())));
            }
            if agreed.is_some() {
                return Err(Refusal::Twice);
            }
            agreed = Some(self.agree(&Answered::read(&mut answer)?)?);
        }
        Ok(agreed)
    }

    fn agree(&self, answered: &Answered) -> Result<Agreed, Refusal> {
        let options = &self.options;
        // RFC 7692 §7.1.1.1: a server that does not take the parameter up declines the offer.
        if options.server_no_context_takeover && !answered.server_no_context_takeover {
            return Err(Refusal::NotTakenUp(Parameter::ServerNoContextTakeover));
        }
        Ok(Agreed {
            server_no_context_takeover: answered.server_no_context_takeover,
            // RFC 7692 §7.1.1.2: each side may decide it.
            client_no_context_takeover: options.client_no_context_takeover || answered.client_no_context_takeover,
            server_max_window_bits: self.server_window(answered.server_max_window_bits)?,
            client_max_window_bits: self.client_window(answered.client_max_window_bits)?,
            level: options.level,
            threshold: options.threshold,
            release_when_idle: options.release_when_idle,
        })
    }

    /// RFC 7692 §7.1.2.1: not larger than what was asked for, and there if it was asked for.
    fn server_window(&self, answered: Option<u8>) -> Result<u8, Refusal> {
        let parameter = Parameter::ServerMaxWindowBits;
        match (self.options.server_max_window_bits, answered) {
            (None, answered) => Ok(answered.unwrap_or(*WINDOW_BITS.end())),
            (Some(_), None) => Err(Refusal::NotTakenUp(parameter)),
            (Some(offered), Some(answered)) if answered > offered => {
                Err(Refusal::LargerThanOffered { parameter, offered, answered })
            }
            (Some(_), Some(answered)) => Ok(answered),
        }
    }

    /// RFC 7692 §7.1.2.2: only if it was offered, and not larger than what was offered.
    fn client_window(&self, answered: Option<u8>) -> Result<u8, Refusal> {
        let parameter = Parameter::ClientMaxWindowBits;
        match (self.options.client_max_window_bits, answered) {
            (ClientWindow::Unlimited, Some(_)) => Err(Refusal::NotOffered(parameter)),
            (ClientWindow::AtMost(offered), Some(answered)) if answered > offered => {
                Err(Refusal::LargerThanOffered { parameter, offered, answered })
            }
            (_, Some(answered)) | (ClientWindow::AtMost(answered), None) => Ok(answered),
            (ClientWindow::Unlimited | ClientWindow::ServersChoice, None) => Ok(*WINDOW_BITS.end()),
        }
    }
}

/// A parameter of the extension (RFC 7692 §7.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Parameter {
    /// `server_no_context_takeover`
    ServerNoContextTakeover,
    /// `client_no_context_takeover`
    ClientNoContextTakeover,
    /// `server_max_window_bits`
    ServerMaxWindowBits,
    /// `client_max_window_bits`
    ClientMaxWindowBits,
}

/// Why an answer is none to the offer. The server is to blame, and the connection cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// The header field breaks its grammar (RFC 6455 §9.1) at this offset in bytes.
    Malformed(usize),
    /// An extension that was not offered (RFC 6455 §4.1).
    OtherExtension(String),
    /// The extension more than once (RFC 7692 §5: once offered, once accepted).
    Twice,
    /// A parameter that the extension does not have (RFC 7692 §7.1).
    UnknownParameter(String),
    /// A parameter more than once (RFC 7692 §7.1).
    Repeated(Parameter),
    /// A parameter without the value that it needs (RFC 7692 §7.1.2).
    NoValue(Parameter),
    /// A parameter with a value, that has none (RFC 7692 §7.1.1).
    UnexpectedValue(Parameter),
    /// A value that is not a number from 8 to 15 without leading zeros (RFC 7692 §7.1.2).
    InvalidValue(Parameter, String),
    /// `client_max_window_bits`, though the offer did not have it (RFC 7692 §7.1.2.2).
    NotOffered(Parameter),
    /// A parameter is missing, without which the offer may not be accepted (RFC 7692 §7.1.1.1, §7.1.2.1).
    NotTakenUp(Parameter),
    /// A larger window than was offered (RFC 7692 §7.1.2).
    LargerThanOffered {
        /// Whose window.
        parameter: Parameter,
        /// The offer's value.
        offered: u8,
        /// The answer's.
        answered: u8,
    },
}

impl Parameter {
    const fn name(self) -> &'static str {
        match self {
            Self::ServerNoContextTakeover => "server_no_context_takeover",
            Self::ClientNoContextTakeover => "client_no_context_takeover",
            Self::ServerMaxWindowBits => "server_max_window_bits",
            Self::ClientMaxWindowBits => "client_max_window_bits",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [
            Self::ServerNoContextTakeover,
            Self::ClientNoContextTakeover,
            Self::ServerMaxWindowBits,
            Self::ClientMaxWindowBits,
        ]
        .into_iter()
        .find(|parameter| parameter.name() == name)
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(at) => write!(f, "`Sec-WebSocket-Extensions` is malformed at byte {at}"),
            Self::OtherExtension(name) => write!(f, "the extension `{name}` was not offered"),
            Self::Twice => write!(f, "`{NAME}` is accepted more than once"),
            Self::UnknownParameter(name) => write!(f, "`{NAME}` has no parameter `{name}`"),
            Self::Repeated(parameter) => write!(f, "`{parameter}` is repeated"),
            Self::NoValue(parameter) => write!(f, "`{parameter}` has no value: expected 8 to 15"),
            Self::UnexpectedValue(parameter) => write!(f, "`{parameter}` has a value: expected none"),
            Self::InvalidValue(parameter, value) => write!(f, "`{parameter}` is {value}: expected 8 to 15"),
            Self::NotOffered(parameter) => write!(f, "`{parameter}` was not offered"),
            Self::NotTakenUp(parameter) => write!(f, "`{parameter}` was asked for, and is not in the answer"),
            Self::LargerThanOffered { parameter, offered, answered } => {
                write!(f, "`{parameter}` is {answered}: expected at most {offered}, as offered")
            }
        }
    }
}

impl core::error::Error for Refusal {}

impl From<Broken> for Refusal {
    fn from(Broken(at): Broken) -> Self {
        Self::Malformed(at)
    }
}

/// The parameters that the server answered, each at most once and with a value in its range.
#[derive(Default)]
struct Answered {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    client_max_window_bits: Option<u8>,
}

impl Answered {
    fn read(answer: &mut Parameters<'_>) -> Result<Self, Refusal> {
        let mut answered = Self::default();
        while let Some((name, value)) = answer.parameter()? {
            let parameter = Parameter::named(name).ok_or_else(|| Refusal::UnknownParameter(cut(name.chars())))?;
            let first = match parameter {
                Parameter::ServerNoContextTakeover => {
                    !mem::replace(&mut answered.server_no_context_takeover, none(parameter, value)?)
                }
                Parameter::ClientNoContextTakeover => {
                    !mem::replace(&mut answered.client_no_context_takeover, none(parameter, value)?)
                }
                Parameter::ServerMaxWindowBits => {
                    answered.server_max_window_bits.replace(bits(parameter, value)?).is_none()
                }
                Parameter::ClientMaxWindowBits => {
                    answered.client_max_window_bits.replace(bits(parameter, value)?).is_none()
                }
            };
            if !first {
                return Err(Refusal::Repeated(parameter));
            }
        }
        Ok(answered)
    }
}

/// A parameter that is there or not.
fn none(parameter: Parameter, value: Option<Value<'_>>) -> Result<bool, Refusal> {
    if value.is_some() { Err(Refusal::UnexpectedValue(parameter)) } else { Ok(true) }
}

/// The logarithm of a window's size.
fn bits(parameter: Parameter, value: Option<Value<'_>>) -> Result<u8, Refusal> {
    let value = value.ok_or(Refusal::NoValue(parameter))?;
    match value.number() {
        Some(bits) if WINDOW_BITS.contains(&bits) => Ok(bits),
        _ => Err(Refusal::InvalidValue(parameter, cut(value.chars()))),
    }
}

/// As much of what the server said as an error keeps.
fn cut(said: impl Iterator<Item = char>) -> String {
    said.take(KEPT).collect()
}

/// The extension's name (RFC 7692 §7).
const NAME: &str = "permessage-deflate";

/// A name and a little more: errors are kept and logged.
const KEPT: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_offers_what_browsers_offer() {
        assert_eq!(offer(Options::default()).header_value(), "permessage-deflate; client_max_window_bits");
    }

    #[test]
    fn every_option_of_the_handshake_is_offered() {
        let all = Options {
            server_no_context_takeover: true,
            client_no_context_takeover: true,
            server_max_window_bits: Some(10),
            client_max_window_bits: ClientWindow::AtMost(11),
            ..Options::default()
        };
        let said = "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
                    server_max_window_bits=10; client_max_window_bits=11";
        assert_eq!(offer(all).header_value(), said);
        let none = Options { client_max_window_bits: ClientWindow::Unlimited, ..Options::default() };
        assert_eq!(offer(none).header_value(), "permessage-deflate");
    }

    #[test]
    fn no_answer_means_no_compression() {
        assert_eq!(offer(Options::default()).judge(""), Ok(None));
    }

    #[test]
    fn what_the_answer_leaves_out_is_as_the_extension_has_it() {
        assert_eq!(agreed(Options::default(), "permessage-deflate"), (false, false, 15, 15));
    }

    #[test]
    fn the_server_may_ask_for_more_than_was_offered() {
        let answer = "permessage-deflate; server_max_window_bits=8; client_no_context_takeover; \
                      server_no_context_takeover ; client_max_window_bits = \"1\\0\"";
        assert_eq!(agreed(Options::default(), answer), (true, true, 8, 10));
    }

    #[test]
    fn what_the_client_said_of_itself_holds_whatever_the_server_answers() {
        let options = Options {
            client_no_context_takeover: true,
            client_max_window_bits: ClientWindow::AtMost(12),
            ..Options::default()
        };
        assert_eq!(agreed(options.clone(), "permessage-deflate"), (false, true, 15, 12));
        assert_eq!(agreed(options, "permessage-deflate; client_max_window_bits=9"), (false, true, 15, 9));
    }

    #[test]
    fn a_smaller_window_than_was_asked_for_is_agreed() {
        let options = Options { server_max_window_bits: Some(12), ..Options::default() };
        assert_eq!(agreed(options, "permessage-deflate;server_max_window_bits=9"), (false, false, 9, 15));
    }

    #[test]
    fn an_answer_to_another_offer_is_refused() {
        use self::Parameter::{
            ClientMaxWindowBits as ClientBits, ServerMaxWindowBits as ServerBits,
            ServerNoContextTakeover as ServerReset,
        };
        for (answer, refusal) in [
            ("x-webkit-deflate-frame", Refusal::OtherExtension("x-webkit-deflate-frame".into())),
            ("permessage-deflate, mux", Refusal::OtherExtension("mux".into())),
            ("Permessage-Deflate", Refusal::OtherExtension("Permessage-Deflate".into())),
            ("permessage-deflate, permessage-deflate", Refusal::Twice),
            ("permessage-deflate; level=9", Refusal::UnknownParameter("level".into())),
            ("permessage-deflate; server_no_context_takeover=1", Refusal::UnexpectedValue(ServerReset)),
            (
                "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
                Refusal::Repeated(ServerReset),
            ),
            ("permessage-deflate; server_max_window_bits=9; server_max_window_bits=9", Refusal::Repeated(ServerBits)),
            ("permessage-deflate; server_max_window_bits", Refusal::NoValue(ServerBits)),
            ("permessage-deflate; client_max_window_bits", Refusal::NoValue(ClientBits)),
            ("permessage-deflate; server_max_window_bits=7", Refusal::InvalidValue(ServerBits, "7".into())),
            ("permessage-deflate; server_max_window_bits=16", Refusal::InvalidValue(ServerBits, "16".into())),
            ("permessage-deflate; client_max_window_bits=\"0\\9\"", Refusal::InvalidValue(ClientBits, "09".into())),
            ("permessage-deflate; client_max_window_bits=", Refusal::Malformed(43)),
            ("permessage-deflate server_no_context_takeover", Refusal::Malformed(19)),
        ] {
            assert_eq!(offer(Options::default()).judge(answer), Err(refusal), "{answer}");
        }
    }

    #[test]
    fn a_client_window_that_was_not_offered_is_refused() {
        let options = Options { client_max_window_bits: ClientWindow::Unlimited, ..Options::default() };
        let judged = offer(options).judge("permessage-deflate; client_max_window_bits=15");
        assert_eq!(judged, Err(Refusal::NotOffered(Parameter::ClientMaxWindowBits)));
    }

    #[test]
    fn a_larger_window_than_was_offered_is_refused() {
        let options = Options {
            server_max_window_bits: Some(10),
            client_max_window_bits: ClientWindow::AtMost(11),
            ..Options::default()
        };
        let larger = |parameter, offered, answered| Err(Refusal::LargerThanOffered { parameter, offered, answered });
        assert_eq!(
            offer(options.clone()).judge("permessage-deflate; server_max_window_bits=11"),
            larger(Parameter::ServerMaxWindowBits, 10, 11)
        );
        assert_eq!(
            offer(options).judge("permessage-deflate; server_max_window_bits=10; client_max_window_bits=12"),
            larger(Parameter::ClientMaxWindowBits, 11, 12)
        );
    }

    #[test]
    fn an_answer_that_ignores_what_was_asked_of_the_server_is_refused() {
        let options = Options { server_no_context_takeover: true, ..Options::default() };
        let refused = Err(Refusal::NotTakenUp(Parameter::ServerNoContextTakeover));
        assert_eq!(offer(options).judge("permessage-deflate; client_no_context_takeover"), refused);
        let options = Options { server_max_window_bits: Some(15), ..Options::default() };
        let refused = Err(Refusal::NotTakenUp(Parameter::ServerMaxWindowBits));
        assert_eq!(offer(options).judge("permessage-deflate"), refused);
    }

    #[test]
    fn a_refusal_keeps_a_bounded_part_of_what_the_server_said() {
        let judged = offer(Options::default()).judge(&"x".repeat(10_000));
        assert_eq!(judged, Err(Refusal::OtherExtension("x".repeat(64))));
    }

    #[test]
    fn a_refusal_says_what_was_expected() {
        let refusal = offer(Options::default()).judge("permessage-deflate; server_max_window_bits=016");
        let said = refusal.expect_err("a leading zero").to_string();
        assert_eq!(said, "`server_max_window_bits` is 016: expected 8 to 15");
    }

    fn offer(options: Options) -> Offer {
        Offer::new(options).expect("within its ranges")
    }

    /// Resets of server and client, windows of server and client.
    fn agreed(options: Options, answer: &str) -> (bool, bool, u8, u8) {
        let agreed = offer(options).judge(answer).expect("an answer to the offer").expect("an extension");
        (
            agreed.server_no_context_takeover(),
            agreed.client_no_context_takeover(),
            agreed.server_max_window_bits(),
            agreed.client_max_window_bits(),
        )
    }
}
