//! How long a client waits.

use std::time::Duration;

use http::HeaderMap;
use tokio::time::Instant;
use tonic::Status;

/// When the client of a call does not wait any more.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    /// From the beginning of the call on.
    pub(crate) after: Duration,
    at: Instant,
}

impl Deadline {
    /// What `grpc-timeout` says, from now on; `None` if it says nothing, or nothing that can be read.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get("grpc-timeout")?.to_str().ok()?;
        let after = parse(text)?;
        Some(Self {
            after,
            at: Instant::now().checked_add(after)?,
        })
    }

    /// What the client is told once it has passed.
    pub(crate) fn status(self) -> Status {
        Status::deadline_exceeded(format!("the deadline of {} ms has passed", self.after.as_millis()))
    }

    /// Resolves when it has passed, and never if there is none.
    pub(crate) async fn passed(deadline: Option<Self>) -> Status {
        match deadline {
            Some(deadline) => {
                tokio::time::sleep_until(deadline.at).await;
                deadline.status()
            }
            None => std::future::pending().await,
        }
    }
}

/// At most 8 digits, and a unit.
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number * 60 * 60),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_digits_and_a_unit() {
        for (text, time) in [
            ("1H", Some(Duration::from_secs(3600))),
            ("99999999m", Some(Duration::from_millis(99_999_999))),
            ("5S", Some(Duration::from_secs(5))),
            ("7u", Some(Duration::from_micros(7))),
            ("", None),
            ("S", None),
            ("1s", None),
            ("123456789m", None),
            ("-1S", None),
            ("1é", None),
        ] {
            assert_eq!(parse(text), time, "{text}");
        }
    }
}
