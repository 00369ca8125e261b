//! Ctrl-C and SIGTERM: the first ends in order, the second at once.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::{
    exit::{Exit, INTERRUPTED},
    output::say,
};

/// A token that is cancelled by the first SIGINT, SIGTERM or SIGHUP. The second ends the process: the reaper and the parent
/// death signal then clean up.
///
/// # Errors
/// Where signals cannot be listened to.
pub(crate) fn cancel_on_signal() -> Result<CancellationToken, Exit> {
    let token = CancellationToken::new();
    let listen =
        |kind| signal(kind).map_err(|error| Exit::environment(format!("failed to listen to signals: {error}")));
    let mut signals = [
        listen(SignalKind::interrupt())?,
        listen(SignalKind::terminate())?,
        listen(SignalKind::hangup())?,
    ];
    let cancelled = token.clone();
    tokio::spawn(async move {
        any(&mut signals).await;
        say("\nstopping in order; Ctrl-C once more stops at once");
        cancelled.cancel();
        any(&mut signals).await;
        std::process::exit(i32::from(INTERRUPTED));
    });
    Ok(token)
}

async fn any(signals: &mut [Signal; 3]) {
    let [first, second, third] = signals;
    tokio::select! {
        _ = first.recv() => {}
        _ = second.recv() => {}
        _ = third.recv() => {}
    }
}
