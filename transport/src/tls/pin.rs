//! Pins: which keys or certificates a server may have, whoever vouches for it.

use std::{fmt, str::FromStr};

use base64::{Engine as _, prelude::BASE64_STANDARD};

/// The SHA-256 of a public key or of a whole certificate that must be in the server's verified chain.
///
/// A pin of a **key** (its `SubjectPublicKeyInfo`, RFC 7469 §2.4) outlives renewals of the certificate that keep the key. A
/// pin of a **certificate** lasts as long as that certificate does. Either may name the server's own, an intermediate's or
/// (keys only, as roots are known by their keys) the root's.
///
/// ```
/// use steadfast_transport::tls::Pin;
///
/// let pin: Pin = "sha256/YLh1dUR9y6Kja30RrAn7JKnbQG/uEtLMkBgFF2Fuihg=".parse()?;
/// assert_eq!(pin, Pin::spki_sha256("60b87575447dcba2a36b7d11ac09fb24a9db406fee12d2cc90180517616e8a18")?);
/// assert!("sha256/tooshort".parse::<Pin>().is_err());
/// # Ok::<(), steadfast_transport::tls::PinError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pin {
    pub(super) of: Pinned,
    pub(super) sha256: [u8; 32],
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Pinned {
    Key,
    Certificate,
}

/// Why a text is not a [`Pin`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PinError {
    found: String,
    wrong: Wrong,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wrong {
    /// Neither base64 nor hex.
    Form,
    /// Another number of bytes than 32.
    Length(usize),
    /// A fingerprint in hex that does not say of what.
    Ambiguous,
    /// Another hash function.
    Hash,
}

impl Pin {
    /// A pin of a public key, from the SHA-256 of its `SubjectPublicKeyInfo`: `sha256/BASE64`, `sha256//BASE64` (as curl
    /// writes it), bare base64, or hex with or without colons.
    ///
    /// # Errors
    /// What is none of these, or is not 32 bytes long.
    pub fn spki_sha256(text: &str) -> Result<Self, PinError> {
        Ok(Self { of: Pinned::Key, sha256: digest(text)? })
    }

    /// A pin of a whole certificate, from the SHA-256 of its DER: what `openssl x509 -fingerprint -sha256` prints, or any
    /// form that [`spki_sha256`](Self::spki_sha256) takes.
    ///
    /// # Errors
    /// What is none of these, or is not 32 bytes long.
    pub fn certificate_sha256(text: &str) -> Result<Self, PinError> {
        Ok(Self { of: Pinned::Certificate, sha256: digest(text)? })
    }
}

impl FromStr for Pin {
    type Err = PinError;

    /// Reads what [`Display`](fmt::Display) writes: `sha256/BASE64` for a key, `certificate:HEX` for a certificate, and also
    /// `spki:` and `certificate:` before any form that [`Pin::spki_sha256`] takes. Hex alone is refused: it may be meant
    /// as either.
    fn from_str(text: &str) -> Result<Self, PinError> {
        if let Some(key) = text.strip_prefix("spki:") {
            return Self::spki_sha256(key);
        }
        if let Some(certificate) = text.strip_prefix("certificate:") {
            return Self::certificate_sha256(certificate);
        }
        let pin = Self::spki_sha256(text)?;
        if hex(text.trim()).is_some() {
            return Err(PinError::new(text, Wrong::Ambiguous));
        }
        Ok(pin)
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.of {
            Pinned::Key => write!(f, "sha256/{}", BASE64_STANDARD.encode(self.sha256)),
            Pinned::Certificate => {
                f.write_str("certificate:")?;
                for (index, byte) in self.sha256.iter().enumerate() {
                    write!(f, "{}{byte:02X}", if index == 0 { "" } else { ":" })?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PinError {
    fn new(text: &str, wrong: Wrong) -> Self {
        Self { found: super::failure::shown(text), wrong }
    }
}

impl fmt::Display for PinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pin `{}`: ", self.found)?;
        match self.wrong {
            Wrong::Form => f.write_str("expected the SHA-256 of a key as sha256/BASE64, or 64 hex digits"),
            Wrong::Length(found) => write!(f, "expected the 32 bytes of a SHA-256, found {found}"),
            Wrong::Ambiguous => f.write_str("expected `spki:` or `certificate:` before a fingerprint in hex"),
            Wrong::Hash => f.write_str("expected sha256"),
        }
    }
}

impl std::error::Error for PinError {}

/// The 32 bytes that a text stands for.
fn digest(text: &str) -> Result<[u8; 32], PinError> {
    let wrong = |wrong| PinError::new(text, wrong);
    let trimmed = text.trim();
    if let Some((_, fingerprint)) = trimmed.split_once("ingerprint=") {
        return hex(fingerprint)
            .ok_or(wrong(Wrong::Form))?
            .try_into()
            .map_err(|found: Vec<u8>| wrong(Wrong::Length(found.len())));
    }
    let bare = match trimmed.split_once('/') {
        // One digest in 64 begins with a slash of its own.
        Some(("sha256", rest)) if bytes_of(rest).is_some_and(|bytes| bytes.len() == 32) => rest,
        Some(("sha256", rest)) => rest.strip_prefix('/').unwrap_or(rest),
        Some(("sha1" | "sha224" | "sha384" | "sha512", _)) => return Err(wrong(Wrong::Hash)),
        _ => trimmed,
    };
    let bytes = bytes_of(bare).ok_or_else(|| wrong(Wrong::Form))?;
    bytes.try_into().map_err(|found: Vec<u8>| wrong(Wrong::Length(found.len())))
}

/// 64 hex digits are base64, too, of 48 bytes: nobody means that.
fn bytes_of(text: &str) -> Option<Vec<u8>> {
    hex(text).or_else(|| BASE64_STANDARD.decode(text).ok())
}

/// Pairs of hex digits, all or none of them with colons between.
fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = if text.as_bytes().get(2) == Some(&b':') {
        let pairs: Vec<_> = text.split(':').collect();
        pairs.iter().all(|pair| pair.len() == 2).then(|| pairs.concat())?
    } else {
        text.to_owned()
    };
    if digits.is_empty() || digits.len() % 2 != 0 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    // A short word of base64 may be all hex digits: only what is as long as a fingerprint, or has colons, is hex.
    if digits.len() == text.len() && digits.len() < 48 {
        return None;
    }
    digits.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE64: &str = "YLh1dUR9y6Kja30RrAn7JKnbQG/uEtLMkBgFF2Fuihg=";
    const HEX: &str = "60b87575447dcba2a36b7d11ac09fb24a9db406fee12d2cc90180517616e8a18";
    const COLONS: &str =
        "60:B8:75:75:44:7D:CB:A2:A3:6B:7D:11:AC:09:FB:24:A9:DB:40:6F:EE:12:D2:CC:90:18:05:17:61:6E:8A:18";

    #[test]
    fn a_digest_may_begin_with_a_slash() {
        assert!(BASE64_STANDARD.encode([0xff; 32]).starts_with('/'));
        read_in_all_forms([0xff; 32]);
    }

    proptest::proptest! {
        #[test]
        fn any_digest_is_read_in_any_form(sha256: [u8; 32]) {
            read_in_all_forms(sha256);
        }
    }

    fn read_in_all_forms(sha256: [u8; 32]) {
        let (key, certificate) = (Pin { of: Pinned::Key, sha256 }, Pin { of: Pinned::Certificate, sha256 });
        let base64 = BASE64_STANDARD.encode(sha256);
        let colons = certificate.to_string().replace("certificate:", "");
        let forms = [format!("sha256/{base64}"), format!("sha256//{base64}"), base64, colons.replace(':', ""), colons];
        for text in forms {
            assert_eq!(Pin::spki_sha256(&text), Ok(key), "{text}");
            assert_eq!(format!("certificate:{text}").parse(), Ok(certificate), "{text}");
        }
        assert_eq!(key.to_string().parse(), Ok(key));
    }

    #[test]
    fn every_form_of_a_digest_gives_the_same_pin() {
        let pin = Pin::spki_sha256(HEX).expect("hex");
        for text in [BASE64, COLONS, &format!("sha256/{BASE64}"), &format!("sha256//{BASE64}"), &HEX.to_uppercase()] {
            assert_eq!(Pin::spki_sha256(text), Ok(pin), "{text}");
        }
        let certificate = Pin::certificate_sha256(COLONS).expect("hex with colons");
        for prefix in ["sha256 Fingerprint=", "SHA256 Fingerprint="] {
            assert_eq!(Pin::certificate_sha256(&format!("{prefix}{COLONS}")), Ok(certificate));
        }
        assert_ne!(certificate, pin);
    }

    #[test]
    fn a_pin_reads_what_it_writes() {
        for pin in [Pin::spki_sha256(HEX).expect("hex"), Pin::certificate_sha256(HEX).expect("hex")] {
            assert_eq!(pin.to_string().parse(), Ok(pin));
        }
        assert_eq!(Pin::spki_sha256(HEX).expect("hex").to_string(), format!("sha256/{BASE64}"));
    }

    #[test]
    fn what_is_no_digest_is_refused_with_what_it_lacks() {
        let refused = |text: &str| text.parse::<Pin>().expect_err(text).to_string();
        assert!(refused("").contains("expected the 32 bytes of a SHA-256, found 0"));
        assert!(refused("sha256/AAAA").contains("found 3"));
        assert!(refused("sha1/2jmj7l5rSw0yVb/vlWAYkK/YBwk=").contains("expected sha256"));
        assert!(refused("not a pin!").contains("expected the SHA-256 of a key"));
        assert!(refused("60:B8").contains("found 2"));
        assert!(refused(&HEX[2..]).contains("found 31"));
        assert!(refused(HEX).contains("`spki:` or `certificate:`"));
        assert!(refused(COLONS).contains("`spki:` or `certificate:`"));
        assert_eq!(format!("certificate:{HEX}").parse(), Pin::certificate_sha256(HEX));
        assert_eq!(format!("spki:{COLONS}").parse(), Pin::spki_sha256(HEX));
    }
}
