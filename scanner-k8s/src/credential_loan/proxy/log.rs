//! The calls of a program in the audit log: each exec that is opened, and of all others as many as fit.

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
/// Longest text of the program in a line, in characters.
const MAX_TEXT: usize = 300;
/// Most words of a command in a line.
const MAX_WORDS: usize = 64;

/// Writes the calls of one program.
pub(in crate::credential_loan) struct LoanLog {
    log: Arc<AuditLog>,
    others: AtomicU64,
}

impl LoanLog {
    pub(in crate::credential_loan) fn new(log: &Arc<AuditLog>) -> Self {
        Self {
            log: Arc::clone(log),
            others: AtomicU64::new(0),
        }
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

    /// Notes how many calls have no line. Called once, when no more can come.
    pub(in crate::credential_loan) fn finish(&self) {
        let others = self.others.load(Ordering::Relaxed);
        if let Some(more @ 1..) = others.checked_sub(MAX_LINES) {
            self.log.record(Entry::Done {
                what: format!(
                    "{more} more calls of the program, each answered by secure-scan or refused, are not listed"
                ),
            });
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
    let mut words: Vec<String> = command
        .iter()
        .take(MAX_WORDS)
        .map(|word| visible(word, MAX_TEXT))
        .collect();
    if command.len() > MAX_WORDS {
        words.push(format!("and {} more words", command.len() - MAX_WORDS));
    }
    LoanCall {
        method: visible(method, MAX_TEXT),
        path: visible(path, MAX_TEXT),
        command: words,
        allowed,
        why: visible(why, MAX_TEXT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_calls_leaves_a_bounded_log_that_counts_them() {
        let log = Arc::new(AuditLog::new());
        let lines = LoanLog::new(&log);
        let words = vec!["\u{1b}x".repeat(10_000); 5000];
        for _ in 0..20_000 {
            lines.other("GET", "/x", &[], Answered::No("not planned"));
        }
        lines.other("POST", &"y".repeat(10_000), &words, Answered::No("no"));
        // An exec is logged however many calls there were.
        lines.exec("GET", "/exec", &words, "planned");
        lines.finish();
        let text = log.text();
        let calls = text.lines().filter(|line| line.contains("loan_call"));
        assert_eq!(calls.count() as u64, MAX_LINES + 1);
        assert!(
            text.contains("19001 more calls"),
            "{}",
            &text[text.len() - 400..]
        );
        assert!(text.len() < 1 << 20, "{}", text.len());
        assert!(!text.contains('\u{1b}') && text.contains("and 4936 more words"));
    }
}
