//! Decimal numbers as the servers read them (string2ll in util.c: no plus sign, no leading zeros, no blanks).

use super::ProtocolError;

/// Parses a whole line as a signed decimal number.
pub(crate) fn parse_i64(digits: &[u8]) -> Result<i64, ProtocolError> {
    match digits {
        [b'0'] => Ok(0),
        [b'-', rest @ ..] => negative(rest),
        _ => i64::try_from(parse_magnitude(digits)?).map_err(|_| ProtocolError::InvalidNumber),
    }
}

fn negative(digits: &[u8]) -> Result<i64, ProtocolError> {
    0i64.checked_sub_unsigned(parse_magnitude(digits)?).ok_or(ProtocolError::InvalidNumber)
}

fn parse_magnitude(digits: &[u8]) -> Result<u64, ProtocolError> {
    if !matches!(digits.first(), Some(b'1'..=b'9')) {
        return Err(ProtocolError::InvalidNumber);
    }
    digits.iter().try_fold(0u64, |value, &byte| push_digit(value, byte)).ok_or(ProtocolError::InvalidNumber)
}

fn push_digit(value: u64, byte: u8) -> Option<u64> {
    let digit = byte.wrapping_sub(b'0');
    if digit > 9 {
        return None;
    }
    value.checked_mul(10)?.checked_add(u64::from(digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_string2ll_reads() {
        for value in [0, 1, -1, 10, i64::MAX, i64::MIN, i64::MIN + 1] {
            assert_eq!(parse_i64(value.to_string().as_bytes()), Ok(value));
        }
    }

    #[test]
    fn refuses_what_string2ll_refuses() {
        for text in
            ["", "-", "+1", "01", "-0", " 1", "1 ", "1a", "9223372036854775808", "99999999999999999999"]
        {
            assert_eq!(parse_i64(text.as_bytes()), Err(ProtocolError::InvalidNumber), "{text}");
        }
    }
}
