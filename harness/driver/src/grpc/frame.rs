//! How messages lie in a body: each behind a flag and its length.

use bytes::{BufMut as _, Bytes, BytesMut};

/// What stands before a message: whether it is compressed, and how long it is.
const PREFIX: usize = 5;

/// Messages one behind the other, none of them compressed.
pub(super) fn framed<'a>(messages: impl IntoIterator<Item = &'a [u8]>) -> Bytes {
    let mut body = BytesMut::new();
    for message in messages {
        body.put_u8(0);
        // A scenario is far shorter than that.
        body.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
        body.put_slice(message);
    }
    body.freeze()
}

/// The messages that are whole in a body, and why what is behind them is none; nothing is wrong with a body that ends with a message.
pub(super) fn messages(body: &[u8]) -> (Vec<&[u8]>, Result<(), String>) {
    let (mut all, mut rest) = (Vec::new(), body);
    while !rest.is_empty() {
        let Some((&[flag, a, b, c, d], behind)) = rest.split_first_chunk::<PREFIX>() else {
            return (all, Err("the body ends within the head of a message".to_owned()));
        };
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if flag != 0 {
            return (
                all,
                Err(format!(
                    "a message has the flag {flag}: it is compressed, which nobody offered"
                )),
            );
        }
        let Some((message, behind)) = behind.split_at_checked(length) else {
            let why = format!(
                "the body ends within a message: it has {} of {length} bytes",
                behind.len()
            );
            return (all, Err(why));
        };
        all.push(message);
        rest = behind;
    }
    (all, Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_framed_is_read_and_what_is_cut_is_told() {
        let body = framed([&b"ab"[..], b"", b"c"]);
        assert_eq!(messages(&body), (vec![&b"ab"[..], b"", b"c"], Ok(())));
        for (cut, whole) in [(3, 0), (6, 0), (9, 1), (body.len() - 1, 2)] {
            let (all, end) = messages(&body[..cut]);
            assert!(all.len() == whole && end.is_err(), "{cut}: {all:?}, {end:?}");
        }
        let (_, end) = messages(&[1, 0, 0, 0, 0]);
        assert!(end.expect_err("it is compressed").contains("compressed"));
    }
}
