//! Numbers as protobuf's JSON has them: also as texts.

use serde_yaml::Value;

/// A port, whether it is written as a number or as a text.
pub(super) fn port(value: &Value) -> Option<u16> {
    match value {
        Value::Number(number) => number
            .as_u64()
            .and_then(|port| u16::try_from(port).ok())
            .or_else(|| whole(number.as_f64()?)),
        Value::String(text) => text.trim().parse().ok().or_else(|| whole(text.trim().parse().ok()?)),
        _ => None,
    }
}

fn whole(number: f64) -> Option<u16> {
    let is_port = number.fract() == 0.0 && (0.0..=f64::from(u16::MAX)).contains(&number);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is looked at before"
    )]
    is_port.then_some(number as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_may_be_a_text() {
        for (value, number) in [
            (Value::from(10_000), Some(10_000)),
            (Value::from("10000"), Some(10_000)),
            (Value::from("1e4"), Some(10_000)),
            (Value::from(80.0), Some(80)),
            (Value::from("80.5"), None),
            (Value::from(65_536), None),
            (Value::from("-1"), None),
            (Value::from(true), None),
        ] {
            assert_eq!(port(&value), number, "{value:?}");
        }
    }
}
