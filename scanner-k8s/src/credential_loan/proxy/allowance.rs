//! Counts which commands a program may still run. An exec is counted before the server is asked for it.

use std::sync::{Mutex, PoisonError};

use super::refusal::Refusal;
use crate::credential_loan::terms::LoanTerms;

/// The execs that are left of a loan.
pub(super) struct Allowance {
    terminal: bool,
    left: Mutex<Left>,
}

struct Left {
    /// Each command, and how often it may still be run.
    commands: Vec<(Vec<String>, u32)>,
    any: u32,
    any_planned: u32,
}

impl Allowance {
    pub(super) fn new(terms: &LoanTerms) -> Self {
        let commands = terms.commands.iter();
        Self {
            terminal: terms.terminal,
            left: Mutex::new(Left {
                commands: commands.map(|c| (c.argv.clone(), c.times)).collect(),
                any: terms.any_command,
                any_planned: terms.any_command,
            }),
        }
    }

    /// Takes one exec of `argv` from what is left, and gives what allows it.
    ///
    /// # Errors
    ///
    /// Refuses what is not planned, what was run as often as planned, and a terminal that is not allowed. Then nothing was
    /// taken.
    pub(super) fn take(&self, argv: &[String], terminal: bool) -> Result<&'static str, Refusal> {
        if terminal && !self.terminal {
            return Err(Refusal::forbidden(
                "secure-scan: this loan allows no terminal (tty); leave it out, or have it allowed",
            ));
        }
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let planned = left.commands.iter_mut().find(|(known, _)| known == argv);
        let known = planned.is_some();
        if let Some((_, times)) = planned
            && *times > 0
        {
            *times -= 1;
            return Ok("this command is planned");
        }
        if left.any > 0 {
            left.any -= 1;
            return Ok("any command is allowed");
        }
        Err(Refusal::forbidden(if known || left.any_planned > 0 {
            "secure-scan: this exec was run as often as planned; have this loan allow it more often"
        } else {
            "secure-scan: this command is not planned in this loan; each word must be exactly as planned"
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::credential_loan::terms::AllowedCommand;

    fn words(all: &[&str]) -> Vec<String> {
        all.iter().map(|word| (*word).to_owned()).collect()
    }

    fn terms(commands: &[(&[&str], u32)], any: u32) -> LoanTerms {
        let commands = commands.iter().map(|(argv, times)| AllowedCommand {
            argv: words(argv),
            times: *times,
        });
        LoanTerms {
            commands: commands.collect(),
            any_command: any,
            ..LoanTerms::default()
        }
    }

    #[test]
    fn only_the_very_words_are_planned() {
        let allowance = Allowance::new(&terms(&[(&["cat", "/a b"], 100)], 0));
        for other in [
            &["cat", "/a", "b"][..],
            &["cat", "/a b", ""],
            &["", "cat", "/a b"],
            &["cat"],
            &["cat /a b"],
            &["CAT", "/a b"],
            &["cat", "/a b "],
            &[],
        ] {
            let refused = allowance.take(&words(other), false).unwrap_err();
            assert!(refused.why.contains("not planned"), "{refused:?}");
        }
        assert!(allowance.take(&words(&["cat", "/a b"]), false).is_ok());
    }

    #[test]
    fn a_terminal_is_refused_unless_it_is_allowed_and_takes_nothing() {
        let mut terms = terms(&[(&["sh"], 1)], 0);
        let allowance = Allowance::new(&terms);
        assert!(allowance.take(&words(&["sh"]), true).is_err());
        assert!(allowance.take(&words(&["sh"]), false).is_ok());
        terms.terminal = true;
        assert!(Allowance::new(&terms).take(&words(&["sh"]), true).is_ok());
    }

    #[test]
    fn many_at_once_get_no_more_than_is_planned() {
        let allowance = Arc::new(Allowance::new(&terms(&[(&["id"], 40)], 7)));
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let allowance = Arc::clone(&allowance);
                let tries = move || {
                    let taken = (0..50).map(|_| allowance.take(&words(&["id"]), false));
                    taken.flatten().count()
                };
                std::thread::spawn(tries)
            })
            .collect();
        let taken: usize = threads.into_iter().map(|t| t.join().unwrap()).sum();
        assert_eq!(taken, 47);
    }

    proptest! {
        /// Whatever is asked in whatever order: a command gets its own number, and what goes beyond it comes from the rest.
        #[test]
        fn no_order_of_calls_gets_more(
            planned in proptest::collection::vec(0_u32..4, 3),
            any in 0_u32..5,
            asked in proptest::collection::vec(0_usize..5, 0..40),
        ) {
            let names = ["a", "b", "c", "d", "e"];
            let commands: Vec<(Vec<&str>, u32)> =
                planned.iter().zip(names).map(|(times, name)| (vec![name], *times)).collect();
            let commands: Vec<(&[&str], u32)> =
                commands.iter().map(|(argv, times)| (argv.as_slice(), *times)).collect();
            let allowance = Allowance::new(&terms(&commands, any));
            let (mut left, mut rest) = (planned, any);
            for index in asked {
                let may = match left.get_mut(index) {
                    Some(times) if *times > 0 => { *times -= 1; true }
                    _ if rest > 0 => { rest -= 1; true }
                    _ => false,
                };
                prop_assert_eq!(allowance.take(&words(&[names[index]]), false).is_ok(), may);
            }
        }
    }
}
