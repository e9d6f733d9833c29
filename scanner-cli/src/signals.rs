//! INT, TERM and HUP: the first ends the scan and cleans up, the second stops waiting for that. A command that has nothing
//! to clean up ends at once.

use std::time::Duration;

use nix::sys::signal::Signal as Sent;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::problem::{NOT_DONE, Problem};

/// Within this time, a second signal counts as the same one: timeout(1) sends it to the program and to its process group.
const SAME: Duration = Duration::from_secs(1);

/// Added to the number of a signal in the exit code of what it ended.
pub(crate) const KILLED: u8 = 128;

/// Runs a command that may end at any time, and ends it as [`Signals::end`] does.
pub(crate) async fn interruptible<T>(
    work: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    Signals::listen()?.end(work).await
}

pub(crate) struct Signals {
    int: Signal,
    term: Signal,
    hup: Signal,
}

impl Signals {
    /// Listens from now on: no signal ends the program by itself any more.
    pub(crate) fn listen() -> Result<Self, Problem> {
        let listen = || {
            Ok(Self {
                int: signal(SignalKind::interrupt())?,
                term: signal(SignalKind::terminate())?,
                hup: signal(SignalKind::hangup())?,
            })
        };
        listen().map_err(|error: std::io::Error| Problem {
            code: NOT_DONE,
            message: format!("cannot listen for signals: {error}"),
            hint: None,
        })
    }

    /// Runs work that creates nothing, until a signal ends it.
    pub(crate) async fn or<T>(
        &mut self,
        work: impl Future<Output = Result<T, Problem>>,
    ) -> Result<T, Problem> {
        self.until(work, |signal| Problem {
            code: NOT_DONE,
            message: format!("interrupted by {signal} before anything was created"),
            hint: Some("nothing is left; scan again".into()),
        })
        .await
    }

    /// Runs work that may end at any time, until a signal ends it with the exit code that a shell uses for such an end.
    /// Processes that the work started, such as a credential plugin, are stopped.
    pub(crate) async fn end<T>(
        &mut self,
        work: impl Future<Output = Result<T, Problem>>,
    ) -> Result<T, Problem> {
        self.until(work, |signal| Problem {
            code: KILLED.saturating_add(u8::try_from(signal as i32).unwrap_or_default()),
            message: format!("interrupted by {signal}"),
            hint: None,
        })
        .await
    }

    async fn until<T>(
        &mut self,
        work: impl Future<Output = Result<T, Problem>>,
        ended: impl FnOnce(Sent) -> Problem,
    ) -> Result<T, Problem> {
        tokio::select! {
            done = work => done,
            signal = self.next() => Err(ended(signal)),
        }
    }

    /// The name of the first signal; others that come together with it are ignored.
    pub(crate) async fn first(&mut self) -> String {
        self.next().await.to_string()
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
        self.next().await.to_string()
    }

    async fn next(&mut self) -> Sent {
        tokio::select! {
            _ = self.int.recv() => Sent::SIGINT,
            _ = self.term.recv() => Sent::SIGTERM,
            _ = self.hup.recv() => Sent::SIGHUP,
        }
    }
}
