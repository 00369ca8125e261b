//! The three paths with answers of their own.

use std::future::{Ready, ready};

use meshkat_kit::{Connection, Identity};

/// `GET /hello`.
pub(crate) async fn hello() -> &'static str {
    "Hello, World!"
}

/// `GET /healthy_check`: the service's name and the address that was reached.
pub(crate) fn healthy_check(
    identity: &Identity,
) -> impl Fn(Connection) -> Ready<String> + Clone + Send + Sync + 'static {
    let greeting = format!("Hello from {} ({})", identity.service(), identity.instance());
    move |connection| ready(format!("{greeting} at {}", connection.local()))
}

/// `GET /instance`: the instance's name, as text.
pub(crate) fn instance(identity: &Identity) -> impl Fn() -> Ready<String> + Clone + Send + Sync + 'static {
    let instance = identity.instance().to_owned();
    move || ready(instance.clone())
}
