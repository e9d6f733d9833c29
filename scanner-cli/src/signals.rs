//! INT, TERM and HUP: the first ends the scan and cleans up, the second stops waiting for that.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Within this time a second signal is the same one: timeout(1) sends it to the program and to its
/// process group.
const SAME: Duration = Duration::from_secs(1);

pub(crate) struct Signals {
    int: Signal,
    term: Signal,
    hup: Signal,
}

impl Signals {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self {
            int: signal(SignalKind::interrupt())?,
            term: signal(SignalKind::terminate())?,
            hup: signal(SignalKind::hangup())?,
        })
    }

    /// The name of the first signal; what comes together with it is passed over.
    pub(crate) async fn first(&mut self) -> String {
        self.next().await
    }

    /// The name of a signal that was sent once more, after the first one.
    pub(crate) async fn again(&mut self) -> String {
        let same = tokio::time::sleep(SAME);
        tokio::pin!(same);
        loop {
            tokio::select! {
                () = &mut same => break,
                _ = self.next() => {}
            }
        }
        self.next().await
    }

    async fn next(&mut self) -> String {
        let name = tokio::select! {
            _ = self.int.recv() => "SIGINT",
            _ = self.term.recv() => "SIGTERM",
            _ = self.hup.recv() => "SIGHUP",
        };
        name.to_owned()
    }
}
