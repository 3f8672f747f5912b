//! What certificates call themselves and their issuers, for people.

use super::failure::shown;

/// A distinguished name (RFC 5280 §4.1.2.4), without its outer tag, as its organisation and common name: whatever else is in
/// it tells people less. Its bytes come from the server: what cannot be read is left out.
pub(super) fn distinguished(name: &[u8]) -> String {
    let mut parts = Vec::new();
    for (oid, label) in SHOWN {
        if let Some(value) = attribute(name, oid) {
            parts.push(format!("{label}={}", shown(&value)));
        }
    }
    if parts.is_empty() { "a nameless subject".to_owned() } else { parts.join(", ") }
}

/// The first value of this attribute.
fn attribute(mut name: &[u8], oid: &[u8]) -> Option<String> {
    while let Some((SET, mut set)) = element(&mut name) {
        while let Some((SEQUENCE, mut pair)) = element(&mut set) {
            if let (Some((OBJECT_IDENTIFIER, found)), Some((_, value))) = (element(&mut pair), element(&mut pair))
                && found == oid
            {
                return Some(String::from_utf8_lossy(value).into_owned());
            }
        }
    }
    None
}

/// Takes one element of DER (X.690 §8.1) off the front: its tag and its contents.
fn element<'a>(input: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&[tag, first], rest) = input.split_first_chunk()?;
    let (len, rest) = match first {
        short if short < 0x80 => (usize::from(short), rest),
        0x81 => rest.split_first().map(|(&len, rest)| (usize::from(len), rest))?,
        0x82 => rest.split_first_chunk().map(|(&len, rest)| (usize::from(u16::from_be_bytes(len)), rest))?,
        _ => return None,
    };
    let contents = rest.get(..len)?;
    *input = &rest[len..];
    Some((tag, contents))
}

const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// `id-at-organizationName` and `id-at-commonName`.
const SHOWN: [(&[u8], &str); 2] = [(&[0x55, 0x04, 0x0a], "O"), (&[0x55, 0x04, 0x03], "CN")];

#[cfg(test)]
mod tests {
    use super::*;

    /// `O=Acme, CN=Root`, and a country that is not shown.
    const NAME: &[u8] = b"\x31\x0b\x30\x09\x06\x03\x55\x04\x06\x13\x02XY\x31\x0d\x30\x0b\x06\x03\x55\x04\x0a\x0c\x04Acme\x31\x0d\x30\x0b\x06\x03\x55\x04\x03\x0c\x04Root";

    #[test]
    fn a_name_is_its_organisation_and_its_common_name() {
        assert_eq!(distinguished(NAME), "O=Acme, CN=Root");
        assert_eq!(distinguished(&NAME[..28]), "O=Acme");
    }

    #[test]
    fn a_name_that_is_cut_anywhere_is_read_as_far_as_it_goes() {
        for end in 0..NAME.len() {
            assert!("O=Acme, CN=Root, a nameless subject".contains(&distinguished(&NAME[..end])), "{end}");
        }
        assert_eq!(distinguished(b"\x31\x84\xff\xff\xff\xff"), "a nameless subject");
    }

    #[test]
    fn a_name_shows_nothing_unprintable() {
        let name = b"\x31\x0d\x30\x0b\x06\x03\x55\x04\x03\x0c\x04\x1b[2J";
        assert_eq!(distinguished(name), "CN=\\u{1b}[2J");
    }
}
