//! The lines of a program's calls in the audit log: one for each exec that the server is asked for, and one for each of the
//! first other calls.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use scanner_core::{
    audit::{AuditLog, Entry, LoanCall},
    escape::visible,
};

/// Calls beside opened execs that are logged one by one; a hostile program may make millions.
const MAX_LINES: u64 = 1000;
/// Connections without TLS of this loan that are logged one by one. They are not the program's: they take none of its lines.
const MAX_STRANGERS: u64 = 100;
/// Longest text of the program in a line, in characters.
const MAX_TEXT: usize = 300;
/// Longest command in a line, in bytes of the log.
const MAX_COMMAND: usize = 2000;
/// Bytes of a log that execs leave free. The execs that 128 connections ask for at once need less, though each is sent again
/// four times, and the release finds the rest.
const SPARED: usize = 32 << 20;

/// Writes the lines about the calls of one program.
pub(in crate::credential_loan) struct LoanLog {
    log: Arc<AuditLog>,
    others: AtomicU64,
    strangers: AtomicU64,
}

impl LoanLog {
    pub(in crate::credential_loan) fn new(log: &Arc<AuditLog>) -> Self {
        Self {
            log: Arc::clone(log),
            others: AtomicU64::new(0),
            strangers: AtomicU64::new(0),
        }
    }

    /// Whether the log can take one more exec: its lines and those of the calls to the server, which hold its URL.
    pub(super) fn has_room(&self) -> bool {
        self.log.room() > SPARED
    }

    /// An exec that is about to be asked of the server.
    pub(super) fn exec(&self, method: &str, path: &str, command: &[String], why: &str) {
        self.write(line(method, path, command, true, why));
    }

    /// Any other call, and whether it was answered.
    pub(super) fn other(&self, method: &str, path: &str, command: &[String], answer: Answered<'_>) {
        if self.others.fetch_add(1, Ordering::Relaxed) >= MAX_LINES {
            return;
        }
        let (allowed, why) = match answer {
            Answered::Yes => (true, "answered by secure-scan"),
            Answered::No(why) => (false, why),
        };
        self.write(line(method, path, command, allowed, why));
    }

    /// A connection on which no request of the program was read.
    pub(super) fn unread(&self, why: &str) {
        self.other("", "", &[], Answered::No(why));
    }

    /// A connection that did not become one of the program.
    pub(super) fn stranger(&self, why: &str) {
        if self.strangers.fetch_add(1, Ordering::Relaxed) < MAX_STRANGERS {
            self.write(line("", "", &[], false, why));
        }
    }

    /// Notes how many calls and connections have no line. Called once, when no more can come.
    pub(in crate::credential_loan) fn finish(&self) {
        for (all, listed, what) in [
            (
                &self.others,
                MAX_LINES,
                "calls of the program, each answered by secure-scan or refused,",
            ),
            (
                &self.strangers,
                MAX_STRANGERS,
                "connections without the certificate of this loan",
            ),
        ] {
            if let Some(more @ 1..) = all.load(Ordering::Relaxed).checked_sub(listed) {
                self.log.record(Entry::Done {
                    what: format!("{more} more {what} are not listed"),
                });
            }
        }
    }

    fn write(&self, call: LoanCall) {
        self.log.record(Entry::LoanCall(call));
    }
}

/// What became of a call that is not an opened exec.
#[derive(Clone, Copy)]
pub(super) enum Answered<'a> {
    Yes,
    /// Why not.
    No(&'a str),
}

fn line(method: &str, path: &str, command: &[String], allowed: bool, why: &str) -> LoanCall {
    LoanCall {
        method: visible(method, MAX_TEXT),
        path: visible(path, MAX_TEXT),
        command: shown(command),
        allowed,
        why: visible(why, MAX_TEXT),
    }
}

/// The words of `command`, as many as [`MAX_COMMAND`] has room for; the last of them may be cut.
fn shown(command: &[String]) -> Vec<String> {
    let (mut words, mut left) = (Vec::new(), MAX_COMMAND);
    for (at, word) in command.iter().enumerate() {
        let mut word = visible(word, MAX_TEXT);
        let fits = in_log(&word) <= left;
        if !fits {
            // No character needs more bytes, however it is escaped.
            word = visible(&word, left / 12);
        }
        left = left.saturating_sub(in_log(&word));
        words.push(word);
        if !fits {
            if let more @ 1.. = command.len() - at - 1 {
                words.push(format!("and {more} more words"));
            }
            break;
        }
    }
    words
}

/// Bytes of a word in the log, with what stands between it and the next one.
fn in_log(word: &str) -> usize {
    serde_json::to_string(word).map_or(word.len() * 2, |json| json.len() + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_flood_of_calls_leaves_a_bounded_log_that_counts_them() {
        let log = Arc::new(AuditLog::new());
        let lines = LoanLog::new(&log);
        let words = vec!["\u{1b}x".repeat(10_000); 5000];
        for _ in 0..20_000 {
            lines.other("GET", "/x", &words, Answered::No("not planned"));
            lines.stranger("no TLS");
        }
        lines.other("POST", &"y".repeat(10_000), &words, Answered::No("no"));
        // An exec is logged however many calls there were.
        lines.exec("GET", "/exec", &words, "planned");
        lines.finish();
        let text = log.text();
        let calls = text.lines().filter(|line| line.contains("loan_call"));
        assert_eq!(calls.count() as u64, MAX_LINES + MAX_STRANGERS + 1);
        for words in [
            "19001 more calls of the program",
            "19900 more connections without the certificate",
            "more words",
        ] {
            assert!(text.contains(words), "{}", &text[text.len() - 900..]);
        }
        assert!(text.len() < 3 << 20, "{}", text.len());
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn a_command_that_is_not_too_long_is_logged_whole() {
        let words = ["sh", "-c", "echo \"a\\b\" é", ""].map(str::to_owned);
        assert_eq!(shown(&words), words);
        let many = vec!["word".to_owned(); 250];
        assert_eq!(shown(&many), many);
    }

    proptest! {
        /// Whatever the words are, a line of the log has few bytes of them and says how many words it leaves out.
        #[test]
        fn no_command_makes_a_long_line(
            words in proptest::collection::vec("(a|\"|\\\\|\u{1b}|\u{10ffff}|é|#){0,700}", 0..40),
            times in 1_usize..40,
        ) {
            let words = vec![words; times].concat();
            let shown = shown(&words);
            let json = serde_json::to_string(&shown).unwrap();
            prop_assert!(json.len() <= MAX_COMMAND + 40, "{}", json.len());
            if shown.len() < words.len() {
                let more = words.len() - (shown.len() - 1);
                prop_assert_eq!(shown.last().unwrap(), &format!("and {more} more words"));
            } else if shown.len() > words.len() {
                prop_assert!(false, "more than there are");
            }
        }
    }
}
