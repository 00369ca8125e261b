//! Protobuf messages that are looked at before they are decoded: an entry of two bytes becomes a thousand.

use prost::bytes::Buf as _;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// Bytes that are no such message.
#[derive(Debug, thiserror::Error)]
#[error("the message cannot be read: {0}")]
pub(crate) struct Malformed(String);

impl From<prost::DecodeError> for Malformed {
    fn from(error: prost::DecodeError) -> Self {
        Self(error.to_string())
    }
}

impl From<Malformed> for tonic::Status {
    fn from(error: Malformed) -> Self {
        Self::invalid_argument(error.to_string())
    }
}

/// A field of a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field<'a> {
    pub(crate) number: u32,
    /// The message, the text or the bytes that it is; empty if it is a number.
    pub(crate) content: &'a [u8],
    /// With its number before it: a message of this field alone.
    pub(crate) whole: &'a [u8],
}

/// The fields of a message, one after the other.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn of(message: &'a [u8]) -> Self {
        Self(message)
    }

    /// The next field; `None` at the end.
    ///
    /// # Errors
    /// The bytes are no message.
    pub(crate) fn next(&mut self) -> Result<Option<Field<'a>>, Malformed> {
        let begun = self.0;
        if begun.is_empty() {
            return Ok(None);
        }
        let (number, kind) = decode_key(&mut self.0)?;
        let mut content: &[u8] = &[];
        if kind == WireType::LengthDelimited {
            let length = decode_varint(&mut self.0)?;
            let ends = usize::try_from(length).ok().filter(|length| *length <= self.0.len());
            let length = ends.ok_or_else(|| Malformed(format!("field {number} ends after the message")))?;
            content = &self.0[..length];
            self.0.advance(length);
        } else {
            skip_field(kind, number, &mut self.0, DecodeContext::default())?;
        }
        let whole = &begun[..begun.len() - self.0.len()];
        Ok(Some(Field { number, content, whole }))
    }

    /// What the next field with this number is; others are passed over.
    ///
    /// # Errors
    /// The bytes are no message.
    pub(crate) fn next_of(&mut self, number: u32) -> Result<Option<&'a [u8]>, Malformed> {
        while let Some(field) = self.next()? {
            if field.number == number {
                return Ok(Some(field.content));
            }
        }
        Ok(None)
    }
}

/// What the first field with this number is; nothing if there is none.
///
/// # Errors
/// The bytes before it are no message.
pub(crate) fn first(message: &[u8], number: u32) -> Result<&[u8], Malformed> {
    Ok(Fields::of(message).next_of(number)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_told_by_their_numbers() {
        // 1: "ab", 2: 300, 1: "", 3: eight bytes.
        let message = b"\x0a\x02ab\x10\xac\x02\x0a\x00\x19\0\0\0\0\0\0\0\0";
        let mut fields = Fields::of(message);
        let mut all = Vec::new();
        while let Some(field) = fields.next().unwrap() {
            all.push((field.number, field.content, field.whole.len()));
        }
        assert_eq!(all, [(1, &b"ab"[..], 4), (2, b"", 3), (1, b"", 2), (3, b"", 9)]);
        assert_eq!(first(message, 1).unwrap(), b"ab");
        assert_eq!(first(message, 9).unwrap(), b"");
    }

    #[test]
    fn what_ends_too_early_is_no_message() {
        for bytes in [
            &b"\x0a"[..],
            b"\x0a\x05ab",
            b"\x10",
            b"\x0f",
            b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            b"\x00\x00",
        ] {
            let mut fields = Fields::of(bytes);
            let read = fields.next().and_then(|_| fields.next());
            assert!(read.is_err(), "{bytes:?}");
        }
    }
}
