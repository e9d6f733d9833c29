//! Conversations with the canary: which addresses answer from inside the pod.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use scanner_core::{ControlError, Remedy};
use tokio::time::Instant;

use crate::{api::exec::ExecStream, strategies::sidecar::canary::ANSWER};

/// Each address, and whether it answered.
pub(super) type Tried = BTreeMap<SocketAddr, bool>;

/// Tries every address until `done`, at most for `limit`; gives the last answer and the time.
pub(super) async fn attempt(
    canary: &mut ExecStream,
    limit: Duration,
    done: impl Fn(&Tried) -> bool,
) -> Result<(Tried, Duration), ControlError> {
    let started = Instant::now();
    loop {
        let asked = canary.ask("try", ANSWER).await;
        let answer = asked.map_err(|error| {
            ControlError::new("the canary did not answer")
                .with_remedy(Remedy::CheckProbeVersion)
                .with_source(error)
        })?;
        let tried =
            read(&answer).ok_or_else(|| ControlError::new("the canary's answer cannot be read"))?;
        if done(&tried) || started.elapsed() > limit {
            return Ok((tried, started.elapsed()));
        }
        // Nothing reports that a network plugin has acted on a policy: only another try shows it.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn read(answer: &str) -> Option<Tried> {
    answer
        .split_whitespace()
        .map(|word| {
            let (address, state) = word.split_once('=')?;
            Some((address.parse().ok()?, state == "open"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_whole_or_not_at_all() {
        let tried = read("10.0.0.1:443=open [::1]:1=blocked").unwrap();
        assert_eq!(tried.values().copied().collect::<Vec<_>>(), [true, false]);
        assert!(read("10.0.0.1:443").is_none() && read("x=open").is_none());
    }
}
