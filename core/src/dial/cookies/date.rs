//! Dates of cookies, which are written in more ways than any standard knows (RFC 6265 §5.1.1).

/// A date in seconds since 1970; one before that is 0. `None` if it is none.
///
/// The parts may come in any order, with anything between them, and what is behind the digits of a part does not count.
pub(super) fn parse(text: &str) -> Option<u64> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in text.as_bytes().split(|&byte| is_delimiter(byte)).filter(|token| !token.is_empty()) {
        if time.is_none()
            && let found @ Some(_) = time_of_day(token)
        {
            time = found;
        } else if day.is_none()
            && let Some((found, _)) = number(token, 1, 2)
        {
            day = Some(found);
        } else if month.is_none()
            && let found @ Some(_) = month_of_year(token)
        {
            month = found;
        } else if year.is_none()
            && let Some((found, _)) = number(token, 2, 4)
        {
            year = Some(found);
        }
    }
    let (time, day, month) = (time?, day?, month?);
    let year = match year? {
        year @ 70..=99 => year + 1_900,
        year @ 0..=69 => year + 2_000,
        year => year,
    };
    let (hour, minute, second) = time;
    if year < 1_601 || day < 1 || day > days_in(year, month) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // A time before 1970 is long past, which is all that matters.
    let days = if year < 1_970 { 0 } else { days_since_1970(year, month, day) };
    Some(u64::from(days) * 86_400 + u64::from(hour * 3_600 + minute * 60 + second))
}

/// `12:34:56`.
fn time_of_day(token: &[u8]) -> Option<(u32, u32, u32)> {
    let (hour, rest) = number(token, 1, 2)?;
    let (minute, rest) = number(rest.strip_prefix(b":")?, 1, 2)?;
    let (second, _) = number(rest.strip_prefix(b":")?, 1, 2)?;
    Some((hour, minute, second))
}

/// A number of so many digits at the front, and what follows: no other digit.
fn number(token: &[u8], least: usize, most: usize) -> Option<(u32, &[u8])> {
    let digits = token.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits < least || digits > most {
        return None;
    }
    let value = token[..digits].iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
    Some((value, &token[digits..]))
}

/// Counted from 1, by the first three letters.
fn month_of_year(token: &[u8]) -> Option<u32> {
    let name = token.get(..3)?;
    let at = MONTHS.iter().position(|month| month.as_bytes().eq_ignore_ascii_case(name))?;
    u32::try_from(at + 1).ok()
}

const fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400)
}

const fn days_in(year: u32, month: u32) -> u32 {
    match month {
        2 => 28 + is_leap(year) as u32,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Of a year that has at most four digits.
fn days_since_1970(year: u32, month: u32, day: u32) -> u32 {
    let years: u32 = (1_970..year).map(|year| 365 + u32::from(is_leap(year))).sum();
    let months: u32 = (1..month).map(|month| days_in(year, month)).sum();
    years + months + day - 1
}

/// What separates the parts: anything but letters, digits, colons and bytes beyond ASCII.
const fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'\t' | 0x20..=0x2f | 0x3b..=0x40 | 0x5b..=0x60 | 0x7b..=0x7e)
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read_however_it_is_written() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "06 nov 1994 8:49:37",
            "08:49:37 1994 November 6th",
            "6/Nov/94;08:49:37.123",
        ] {
            assert_eq!(parse(text), Some(784_111_777), "{text}");
        }
    }

    #[test]
    fn years_of_two_digits_are_of_this_century_or_the_last() {
        let day = |year| parse(&alloc::format!("1 Jan {year} 00:00:00"));
        assert_eq!(day("70"), Some(0));
        assert_eq!(day("69"), Some(3_124_224_000));
        assert_eq!((day("0000"), day("1601"), day("1600")), (day("2000"), Some(0), None));
        assert_eq!(day("9999"), Some(253_370_764_800));
    }

    #[test]
    fn a_date_that_is_none_is_none() {
        for text in [
            "",
            "soon",
            "1 Jan 2030",
            "00:00:00",
            "1 Jan 2030 24:00:00",
            "1 Jan 2030 00:60:00",
            "1 Jan 2030 00:00:60",
            "0 Jan 2030 00:00:00",
            "32 Jan 2030 00:00:00",
            "30 Feb 2028 00:00:00",
            "29 Feb 2030 00:00:00",
            "1 Foo 2030 00:00:00",
            "1 Jan 20300 00:00:00",
            "1 Jan 2030 000:00:00",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert!(parse("29 Feb 2028 00:00:00").is_some());
    }
}
