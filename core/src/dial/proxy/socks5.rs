//! A way through a SOCKS proxy.

use alloc::vec::Vec;
use core::{fmt, net::IpAddr};

use super::{
    Progress,
    config::authority,
    credentials::Credentials,
    error::{ProxyConfigError, ProxyError, ProxyPart, SocksReply},
};
use crate::{Cause, IoKind, Stage, wire::Buffer};

/// SOCKS version 5 (RFC 1928), with user and password (RFC 1929) or without: what is said to the proxy, and the judgement
/// of its answers.
///
/// At most 262 bytes of an answer are kept, and no byte is taken that is not one of them.
#[derive(Clone)]
pub struct Socks5 {
    step: Step,
    credentials: Option<Credentials>,
    /// Type, address and port, as the request has them.
    target: Vec<u8>,
    /// The answer of this step, as far as it came in.
    answer: Vec<u8>,
    /// How many bytes all answers had before it.
    taken: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Begin,
    /// Which method?
    Method,
    /// Is it the right password?
    Password,
    /// Is there a way?
    Reply,
    Over,
}

impl Socks5 {
    /// For a way to this server: a name, which the proxy resolves, or an address, IPv6 in brackets or without.
    ///
    /// # Errors
    /// What is no host, a name of more than 255 bytes, port 0, and
    /// [credentials](super::Proxy::with_credentials) that cannot be sent.
    pub fn new(host: &str, port: u16, credentials: Option<Credentials>) -> Result<Self, ProxyConfigError> {
        let (host, _) = authority(host, port)?;
        if let Some(credentials) = &credentials {
            Self::check(credentials)?;
        }
        let mut target = Vec::new();
        match host.parse() {
            Ok(IpAddr::V4(address)) => {
                target.push(IPV4);
                target.extend_from_slice(&address.octets());
            }
            Ok(IpAddr::V6(address)) => {
                target.push(IPV6);
                target.extend_from_slice(&address.octets());
            }
            Err(_) => {
                let Ok(length) = u8::try_from(host.len()) else {
                    let found = alloc::format!("a name of {} B", host.len());
                    return Err(ProxyConfigError::new(ProxyPart::Target, found, "at most 255 B (RFC 1928 §5)"));
                };
                target.extend_from_slice(&[NAME, length]);
                target.extend_from_slice(host.as_bytes());
            }
        }
        target.extend_from_slice(&port.to_be_bytes());
        Ok(Self { step: Step::Begin, credentials, target, answer: Vec::new(), taken: 0 })
    }

    /// Whether user and password can be said (RFC 1929 §2).
    pub(super) fn check(credentials: &Credentials) -> Result<(), ProxyConfigError> {
        let fits = |bytes: &[u8]| (1..=255).contains(&bytes.len());
        let refuse = |found| {
            let expected = "1 to 255 B for user and password each (RFC 1929 §2)";
            Err(ProxyConfigError::new(ProxyPart::Credentials, found, expected))
        };
        match (fits(credentials.user()), fits(credentials.password())) {
            (true, true) => Ok(()),
            (false, _) if credentials.user().is_empty() => refuse("no user"),
            (false, _) => refuse("a user's name that is too long"),
            (true, false) if credentials.password().is_empty() => refuse("no password"),
            (true, false) => refuse("a password that is too long"),
        }
    }

    /// Appends the greeting. Does nothing the second time.
    pub fn begin(&mut self, out: &mut Buffer) {
        if self.step == Step::Begin {
            self.step = Step::Method;
            out.extend_from_slice(match self.credentials {
                None => &[VERSION, 1, NOBODY],
                Some(_) => &[VERSION, 2, NOBODY, PASSWORD],
            });
        }
    }

    /// Takes answers from the front of `input`, and appends what is said to each.
    pub fn receive(&mut self, input: &mut &[u8], out: &mut Buffer) -> Progress {
        while !matches!(self.step, Step::Begin | Step::Over)
            && let Some((&byte, rest)) = input.split_first()
        {
            *input = rest;
            self.answer.push(byte);
            // Each byte is judged as it comes, so that what is wrong is known at once, and nothing is waited for.
            let progress = match self.judge(out) {
                Ok(false) => continue,
                Ok(true) => Progress::Done,
                Err(error) => Progress::Failed(error),
            };
            self.step = Step::Over;
            self.answer = Vec::new();
            return progress;
        }
        Progress::Incomplete
    }

    /// What it means that the stream ended before the answer was complete.
    #[must_use]
    pub fn ended(&self) -> Cause {
        self.truncated().map_or(Cause::Dial { stage: Stage::Proxy, kind: IoKind::Eof }, |error| error.cause())
    }

    /// What is wrong with an answer of which no more comes; `None` if nothing of it came.
    #[must_use]
    pub fn truncated(&self) -> Option<ProxyError> {
        match self.taken + self.answer.len() {
            0 => None,
            bytes => Some(ProxyError::Truncated { bytes }),
        }
    }

    /// Whether the last byte of the answer so far ends the last step.
    fn judge(&mut self, out: &mut Buffer) -> Result<bool, ProxyError> {
        match (self.step, self.answer.as_slice()) {
            // Some proxies put SOCKS's version into the answer to a password, where RFC 1929 §2 has 1.
            (Step::Password, [1 | VERSION]) | (Step::Method | Step::Reply, [VERSION]) => {}
            (Step::Method | Step::Password | Step::Reply, &[found]) => return Err(ProxyError::SocksVersion { found }),
            (Step::Method, &[_, method]) => self.say_who(method, out)?,
            (Step::Password, [_, 0]) => self.say_where(out),
            (Step::Password, &[_, status]) => return Err(ProxyError::SocksDenied { status }),
            (Step::Reply, &[_, code]) => {
                if let Some(reply) = SocksReply::from_code(code) {
                    return Err(ProxyError::Socks(reply));
                }
            }
            // The third byte is reserved. The address is that of the proxy's own socket, and of no use here.
            (Step::Reply, &[_, _, _, kind]) if !matches!(kind, IPV4 | NAME | IPV6) => {
                return Err(ProxyError::SocksAddressType { found: kind });
            }
            (Step::Reply, &[_, _, _, IPV4, ref rest @ ..]) => return Ok(rest.len() == 4 + 2),
            (Step::Reply, &[_, _, _, IPV6, ref rest @ ..]) => return Ok(rest.len() == 16 + 2),
            (Step::Reply, &[_, _, _, NAME, length, ref rest @ ..]) => return Ok(rest.len() == usize::from(length) + 2),
            (Step::Begin | Step::Method | Step::Password | Step::Reply | Step::Over, _) => {}
        }
        Ok(false)
    }

    /// RFC 1928 §3, and RFC 1929 §2.
    fn say_who(&mut self, method: u8, out: &mut Buffer) -> Result<(), ProxyError> {
        match (method, &self.credentials) {
            (NOBODY, _) => self.say_where(out),
            (PASSWORD, Some(credentials)) => {
                out.extend_from_slice(&[1]);
                for part in [credentials.user(), credentials.password()] {
                    out.extend_from_slice(&[u8::try_from(part.len()).expect("checked when it was made")]);
                    out.extend_from_slice(part);
                }
                self.go_on(Step::Password);
            }
            (NO_METHOD, credentials) => return Err(ProxyError::SocksNoMethod { given: credentials.is_some() }),
            (found, _) => return Err(ProxyError::SocksMethod { found }),
        }
        Ok(())
    }

    /// RFC 1928 §4.
    fn say_where(&mut self, out: &mut Buffer) {
        out.extend_from_slice(&[VERSION, CONNECT, 0]);
        out.extend_from_slice(&self.target);
        self.go_on(Step::Reply);
    }

    fn go_on(&mut self, step: Step) {
        self.step = step;
        self.taken += self.answer.len();
        self.answer.clear();
    }
}

impl fmt::Debug for Socks5 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Socks5({:?}, {} B of an answer)", self.step, self.answer.len())
    }
}

const VERSION: u8 = 5;
/// Methods (RFC 1928 §3).
const NOBODY: u8 = 0;
const PASSWORD: u8 = 2;
const NO_METHOD: u8 = 0xff;
/// Commands (RFC 1928 §4).
const CONNECT: u8 = 1;
/// Types of addresses (RFC 1928 §5).
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;
