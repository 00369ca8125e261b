//! The token of those who may write.

use std::fmt;

use subtle::ConstantTimeEq as _;

/// The shortest token: shorter ones can be guessed.
const SHORTEST: usize = 16;

/// How a header begins that brings a token.
const SCHEME: &[u8] = b"bearer ";

/// What proves that somebody may write. It is never shown.
#[derive(Clone)]
pub struct Token(Box<str>);

/// A token that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a token is {SHORTEST} to 1024 visible ASCII characters without spaces")]
pub struct InvalidToken;

impl Token {
    /// Takes a text for a token.
    ///
    /// # Errors
    /// It is too short to be secret, or no header can carry it.
    pub fn new(text: &str) -> Result<Self, InvalidToken> {
        if !(SHORTEST..=1024).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidToken);
        }
        Ok(Self(text.into()))
    }

    /// Whether the value of an `Authorization` header brings it. How long this takes tells nothing of the token but its length.
    pub(super) fn is_in(&self, header: &[u8]) -> bool {
        let Some((scheme, given)) = header.split_at_checked(SCHEME.len()) else {
            return false;
        };
        scheme.eq_ignore_ascii_case(SCHEME) && self.0.as_bytes().ct_eq(given.trim_ascii()).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_brings_the_whole_token_or_none() {
        let token = Token::new("0123456789abcdef").unwrap();
        for header in [
            "Bearer 0123456789abcdef",
            "bearer  0123456789abcdef ",
            "BEARER 0123456789abcdef",
        ] {
            assert!(token.is_in(header.as_bytes()), "{header}");
        }
        for header in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer 0123456789abcde",
            "Bearer 0123456789abcdeF",
            "Bearer 0123456789abcdef0",
            "Basic 0123456789abcdef",
            "0123456789abcdef",
        ] {
            assert!(!token.is_in(header.as_bytes()), "{header}");
        }
    }

    #[test]
    fn what_can_be_guessed_or_not_be_sent_is_no_token_and_none_is_shown() {
        for text in [
            "",
            "secret",
            "0123456789abcde",
            "0123456789 abcdef",
            "0123456789abcdé",
            "0123456789abcde\n",
        ] {
            assert_eq!(Token::new(text).unwrap_err(), InvalidToken, "{text}");
        }
        assert!(!format!("{:?}", Token::new("0123456789abcdef").unwrap()).contains("0123"));
    }
}
