//! Counts and digests what goes through one stream, and writes it into the audit log at its end.

use std::collections::BTreeMap;

use scanner_core::audit::{Entry, StreamEnd};
use sha2::{Digest as _, Sha256};

use super::{
    channel::{STDERR, STDOUT},
    error::ExecError,
};
use crate::api::stream_tap::StreamTap;

/// Bytes so far. When it is dropped before the stream ended, the log records that.
pub(super) struct Tally {
    tap: StreamTap,
    stdin: Sum,
    stdout: Sum,
    stderr_bytes: u64,
    /// The last bytes of each channel other than standard output.
    others: BTreeMap<u8, Vec<u8>>,
    ended: bool,
}

#[derive(Default)]
struct Sum {
    bytes: u64,
    digest: Sha256,
    /// The last bytes before, in case a token is cut in two.
    carry: Vec<u8>,
}

impl Sum {
    fn add(&mut self, data: &[u8]) {
        self.bytes += data.len() as u64;
        self.digest.update(data);
    }

    fn hex(&self) -> String {
        hex::encode(self.digest.clone().finalize())
    }
}

impl Tally {
    pub(super) fn new(tap: StreamTap) -> Self {
        Self {
            tap,
            stdin: Sum::default(),
            stdout: Sum::default(),
            stderr_bytes: 0,
            others: BTreeMap::new(),
            ended: false,
        }
    }

    pub(super) fn sent(&mut self, data: &[u8]) {
        self.stdin.add(data);
        self.tap.look(true, &mut self.stdin.carry, data);
    }

    pub(super) fn received(&mut self, channel: u8, data: &[u8]) {
        if channel == STDOUT {
            self.stdout.add(data);
            self.tap.look(false, &mut self.stdout.carry, data);
            return;
        }
        if channel == STDERR {
            self.stderr_bytes += data.len() as u64;
        }
        let carry = self.others.entry(channel).or_default();
        self.tap.look(false, carry, data);
    }

    pub(super) fn end(&mut self, error: Option<&ExecError>) {
        let outcome = error.map_or_else(|| "success".to_owned(), ExecError::class);
        self.write(outcome);
    }

    fn write(&mut self, outcome: String) {
        let Some((log, id)) = self.tap.call() else {
            return;
        };
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        log.record(Entry::Stream(StreamEnd {
            id: id.to_owned(),
            stdin_bytes: self.stdin.bytes,
            stdin: self.stdin.hex(),
            stdout_bytes: self.stdout.bytes,
            stdout: self.stdout.hex(),
            stderr_bytes: self.stderr_bytes,
            outcome,
        }));
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        self.write("dropped before its end".into());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use scanner_core::audit::AuditLog;

    use super::*;
    use crate::api::token_detector::TokenDetector;

    #[test]
    fn a_token_is_found_on_every_channel_and_text_of_a_target_is_not_logged() {
        let token = format!("e30.e30.{}", "aBcD".repeat(20));
        let (one, two) = token.as_bytes().split_at(40);
        for channel in [STDOUT, STDERR, super::super::channel::STATUS, 7] {
            let (log, tokens) = (
                Arc::new(AuditLog::new()),
                Arc::new(TokenDetector::default()),
            );
            let _needle = tokens.add(&token);
            let tap = StreamTap::default();
            tap.fill(&log, "call", &tokens);
            let mut tally = Tally::new(tap);
            tally.received(channel, one);
            tally.received(channel, two);
            assert!(tokens.streams().2 > 0, "channel {channel}");
            tally.end(Some(&ExecError::Failed {
                server: "from the target".into(),
                stderr: "from the target".into(),
                exit_code: None,
            }));
            assert!(!log.text().contains("from the target"), "{}", log.text());
            assert!(log.text().contains("the command failed in the target"));
        }
    }
}
