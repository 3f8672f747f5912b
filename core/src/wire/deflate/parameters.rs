//! The grammar of `Sec-WebSocket-Extensions` (RFC 6455 §9.1), element by element and without a copy.

use crate::wire::handshake::is_token_byte;

/// Reads through a header field's value. Between tokens and separators there may be spaces and tabs (RFC 2616 §2.1).
pub(super) struct Parameters<'a> {
    text: &'a str,
    at: usize,
}

/// Where the grammar is broken: an offset in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Broken(pub(super) usize);

/// The value of a parameter: a token, perhaps within quotes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'a> {
    /// What stands between the quotes, or the token.
    raw: &'a str,
}

impl<'a> Parameters<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next extension's name: the first, or what follows a comma. `None` at the end.
    pub(super) fn extension(&mut self) -> Result<Option<&'a str>, Broken> {
        // An element of a list may be empty (RFC 2616 §2.1).
        while self.skip(b',') {}
        if self.at == self.text.len() { Ok(None) } else { self.token().map(Some) }
    }

    /// The next parameter of the extension, with its value if it has one. `None` at the extension's end.
    pub(super) fn parameter(&mut self) -> Result<Option<(&'a str, Option<Value<'a>>)>, Broken> {
        if !self.skip(b';') {
            return match self.peek() {
                None | Some(b',') => Ok(None),
                Some(_) => Err(Broken(self.at)),
            };
        }
        let name = self.token()?;
        let value = if self.skip(b'=') { Some(self.value()?) } else { None };
        Ok(Some((name, value)))
    }

    fn value(&mut self) -> Result<Value<'a>, Broken> {
        self.skip_space();
        if self.peek() != Some(b'"') {
            return self.token().map(|raw| Value { raw });
        }
        self.at += 1;
        let start = self.at;
        // Unescaped, it has to be a token (RFC 6455 §9.1): so every byte in it, escaped or not, is one of a token's.
        loop {
            match (self.peek(), self.at) {
                (Some(b'"'), end) if end > start => {
                    self.at += 1;
                    return Ok(Value { raw: &self.text[start..end] });
                }
                (Some(b'\\'), at) if self.text.as_bytes().get(at + 1).is_some_and(|&b| is_token_byte(b)) => {
                    self.at += 2;
                }
                (Some(byte), _) if is_token_byte(byte) => self.at += 1,
                (_, at) => return Err(Broken(at)),
            }
        }
    }

    fn token(&mut self) -> Result<&'a str, Broken> {
        self.skip_space();
        let rest = &self.text[self.at..];
        let len = rest.bytes().position(|byte| !is_token_byte(byte)).unwrap_or(rest.len());
        if len == 0 {
            return Err(Broken(self.at));
        }
        self.at += len;
        Ok(&rest[..len])
    }

    /// Whether the separator comes next; it is taken then.
    fn skip(&mut self, separator: u8) -> bool {
        self.skip_space();
        let found = self.peek() == Some(separator);
        self.at += usize::from(found);
        found
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

impl Value<'_> {
    /// Its characters, without the escapes. (A backslash is no token's, so each is an escape.)
    pub(super) fn chars(self) -> impl Iterator<Item = char> {
        self.raw.chars().filter(|&c| c != '\\')
    }

    /// A decimal number of one or two digits without a leading zero.
    pub(super) fn number(self) -> Option<u8> {
        let mut chars = self.chars();
        let mut digit = || chars.next().map(|c| c.to_digit(10).and_then(|digit| u8::try_from(digit).ok()));
        match (digit(), digit(), digit()) {
            (Some(Some(ones)), None, None) => Some(ones),
            (Some(Some(tens @ 1..)), Some(Some(ones)), None) => Some(tens * 10 + ones),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::{
        string::{String, ToString},
        vec::Vec,
    };

    use super::*;

    type Found = Vec<(String, Option<String>)>;

    #[test]
    fn extensions_and_their_parameters_are_told_apart() {
        let found = read("a; b; c=1, d;e=\"f\\g\"").expect("within the grammar");
        assert_eq!(
            found,
            [
                ("a".to_string(), [("b".to_string(), None), ("c".to_string(), Some("1".to_string()))].to_vec()),
                ("d".to_string(), [("e".to_string(), Some("fg".to_string()))].to_vec()),
            ]
        );
    }

    #[test]
    fn space_and_empty_elements_mean_nothing() {
        assert_eq!(read(" ,\t, a ;b = 1 , ,c,"), read("a;b=1,c"));
        assert_eq!(read(" , "), Ok(Vec::new()));
    }

    #[test]
    fn what_is_outside_the_grammar_is_found_where_it_stands() {
        for (text, at) in [
            (";", 0),
            ("a b", 2),
            ("a;", 2),
            ("a;;b", 2),
            ("a;=1", 2),
            ("a;b=", 4),
            ("a;b=,", 4),
            ("a;b=1 2", 6),
            ("a;b=\"\"", 5),
            ("a;b=\"1", 6),
            ("a;b=\"1 \"", 6),
            ("a;b=\"1\\", 6),
            ("a;b=\"1\\\"\"", 6),
            ("a;b=\"1\"2", 7),
            ("a=1", 1),
            ("a;b=(1)", 4),
            ("ä", 0),
        ] {
            assert_eq!(read(text), Err(Broken(at)), "{text}");
        }
    }

    #[test]
    fn numbers_have_no_leading_zero_and_at_most_two_digits() {
        for (raw, number) in [
            ("8", Some(8)),
            ("15", Some(15)),
            ("1\\5", Some(15)),
            ("99", Some(99)),
            ("0", Some(0)),
            ("08", None),
            ("150", None),
            ("+9", None),
            ("9x", None),
            ("x", None),
        ] {
            assert_eq!(Value { raw }.number(), number, "{raw}");
        }
    }

    fn read(text: &str) -> Result<Vec<(String, Found)>, Broken> {
        let (mut answer, mut found) = (Parameters::new(text), Vec::new());
        while let Some(name) = answer.extension()? {
            let mut parameters = Vec::new();
            while let Some((name, value)) = answer.parameter()? {
                parameters.push((name.to_string(), value.map(|value| value.chars().collect())));
            }
            found.push((name.to_string(), parameters));
        }
        Ok(found)
    }
}
