//! How far the discovery service and an Envoy have come with one another.

use meshkat_discovery::Subscription;

use crate::row::shortened;

/// How far a subscription is; the greatest is the one to tell.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exchange<'a> {
    Done,
    Stale {
        sent: &'a str,
        acknowledged: Option<&'a str>,
    },
    NotSent {
        intended: &'a str,
        sent: Option<&'a str>,
    },
    Rejected(&'a str),
}

impl<'a> Exchange<'a> {
    pub(crate) fn of(subscription: &'a Subscription) -> Self {
        let intended = subscription.version_intended.as_str();
        let acknowledged = subscription.version_acknowledged.as_deref();
        match subscription.version_sent.as_deref() {
            Some(sent) if sent != intended => Self::NotSent {
                intended,
                sent: Some(sent),
            },
            None => Self::NotSent { intended, sent: None },
            Some(sent) if acknowledged == Some(sent) => Self::Done,
            Some(sent) => match &subscription.last_nack {
                // An older one was made good by what was taken since.
                Some(nack) if nack.version == sent => Self::Rejected(&nack.message),
                _ => Self::Stale { sent, acknowledged },
            },
        }
    }

    pub(crate) fn words(&self) -> String {
        match self {
            Self::Done => String::new(),
            Self::Stale { sent, acknowledged } => {
                format!(
                    "{sent} was sent, and {} acknowledged",
                    acknowledged.unwrap_or("nothing")
                )
            }
            Self::NotSent { intended, sent } => {
                format!("{intended} is intended, and {} sent", sent.unwrap_or("nothing was"))
            }
            Self::Rejected(message) => shortened(message),
        }
    }
}

pub(crate) fn is_acknowledged(subscription: &Subscription) -> bool {
    subscription.version_sent.is_some() && subscription.version_sent == subscription.version_acknowledged
}
