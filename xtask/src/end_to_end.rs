//! The end-to-end tests: all at once, and those that stop a part of the lab one after the other.

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    process::{ChildStdout, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    cluster::{self, Cluster},
    lab,
    ui::say,
};

/// Most tests that run a second time: where more fail, the reason is not that the machine was busy.
const FEW: usize = 3;
/// How long the rest of the output may take once the tests have ended.
const REST: Duration = Duration::from_secs(10);

/// The end-to-end tests and the program that they run, both built.
pub(crate) struct EndToEnd {
    tests: String,
    program: String,
    /// Prints a line of the tests.
    print: fn(&[u8]),
}

impl EndToEnd {
    pub(crate) fn build() -> Result<Self> {
        let build = ["build", "--package", "secure-scan-cli"];
        let program = cluster::build(&build, "secure-scan")?;
        let tests = cluster::build(
            &[
                "test",
                "--package",
                "scanner-tests",
                "--features",
                "e2e",
                "--test",
                "e2e",
                "--no-run",
            ],
            "e2e",
        )?;
        Ok(Self {
            tests,
            program,
            // Where nobody reads it any more, the tests go on.
            print: |line| drop(io::stdout().write_all(line)),
        })
    }

    /// Runs all of them, and returns the names of those that passed only when they ran again.
    ///
    /// A few that fail beside the others run again by themselves: waits that are long enough on a machine with two cores may
    /// be too short beside a dozen scans.
    pub(crate) fn run(&self, cluster: &Cluster) -> Result<Vec<String>> {
        let together = self.passes(cluster, &[]).and_then(|failed| {
            if !failed.is_empty() {
                self.run_again(cluster, &failed)?;
            }
            Ok(failed)
        });
        if !cluster.is_lab() {
            say("== NOT RUN: tests that stop a part of the cluster, which only the lab allows");
            return together;
        }
        say("== end-to-end tests that stop a part of the lab, one after the other");
        let alone = self.passes(cluster, &["--ignored", "--test-threads", "1"]);
        let again = together?;
        ensure!(alone?.is_empty(), "a test failed");
        Ok(again)
    }

    fn run_again(&self, cluster: &Cluster, failed: &[String]) -> Result<()> {
        let names = failed.join(", ");
        ensure!(
            failed.len() <= FEW,
            "{} tests failed: {names}",
            failed.len()
        );
        say(&format!(
            "== failed beside other tests, and run again: {names}"
        ));
        let mut args = vec!["--exact", "--test-threads", "1"];
        args.extend(failed.iter().map(String::as_str));
        let again = self.passes(cluster, &args)?;
        ensure!(again.is_empty(), "failed twice: {}", again.join(", "));
        Ok(())
    }

    /// Runs tests and prints what they print; returns the names of those that failed.
    fn passes(&self, cluster: &Cluster, args: &[&str]) -> Result<Vec<String>> {
        let mut command = cluster.command(&self.tests)?;
        command.args(args).env("SCANNER_E2E_PROGRAM", &self.program);
        // A message of a test names its place; a trace of the harness only hides it.
        command.env("RUST_BACKTRACE", "0");
        if cluster.is_lab() {
            command.env("SCANNER_E2E_PROBE", lab::probe_by_digest()?);
        }
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().context("it was piped")?;
        let (found, failures) = mpsc::channel();
        let print = self.print;
        let reader = thread::spawn(move || pass_on(output, print, &found));
        let status = child.wait()?;
        // A process that a test started and left behind may keep the pipe open for ever.
        let started = Instant::now();
        while !reader.is_finished() && started.elapsed() < REST {
            thread::sleep(Duration::from_millis(10));
        }
        let failed: Vec<String> = failures.try_iter().collect();
        if status.success() != failed.is_empty() {
            bail!("the tests ended with {status}, and {} failed", failed.len());
        }
        Ok(failed)
    }
}

/// Prints what the tests print, and finds the names of those that failed.
fn pass_on(output: ChildStdout, print: fn(&[u8]), failed: &mpsc::Sender<String>) {
    for line in BufReader::new(output).split(b'\n') {
        let Ok(mut line) = line else { return };
        if let Some(name) = failure(&String::from_utf8_lossy(&line)) {
            // Nobody listens any more where the tests are over.
            let _ = failed.send(name);
        }
        line.push(b'\n');
        print(&line);
    }
}

/// The name of the test that a line of the test harness reports as failed.
fn failure(line: &str) -> Option<String> {
    let name = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{EndToEnd, failure};
    use crate::cluster::Cluster;

    #[test]
    fn only_a_failed_test_is_a_failure() {
        assert_eq!(failure("test a::b ... FAILED").as_deref(), Some("a::b"));
        for line in ["test a::b ... ok", "test result: FAILED. 1 passed", ""] {
            assert_eq!(failure(line), None, "{line}");
        }
    }

    /// Runs a program that prints as the test harness does, `first` beside other tests and `again` by itself. Returns the
    /// tests that ran again, or the error.
    fn run(first: &str, again: &str) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let tests = folder.path().join("tests");
        let script = format!(
            "#!/bin/sh\ncase \"$*\" in '') {first};; '--exact --test-threads 1 a') {again};; *) exit 9;; esac\n"
        );
        // Linux refuses to run a file that a process has open for writing, as one would that starts meanwhile.
        let write = r#"printf %s "$1" >"$0" && chmod 755 "$0""#;
        let status = Command::new("sh")
            .args(["-c", write])
            .arg(&tests)
            .arg(script)
            .status();
        assert!(status.is_ok_and(|status| status.success()));
        let all = EndToEnd {
            tests: tests.to_string_lossy().into_owned(),
            program: String::new(),
            print: |_| {},
        };
        let ran = all.run(&Cluster::existing("none"));
        ran.map_or_else(|error| error.to_string(), |again| again.join(", "))
    }

    #[test]
    fn a_few_that_fail_run_again_and_nothing_passes_that_fails_twice() {
        let fails = "echo 'test a ... FAILED'; exit 101";
        assert_eq!(run("exit 0", "exit 9"), "");
        assert_eq!(run(fails, "exit 0"), "a");
        assert_eq!(run(fails, fails), "failed twice: a");
        // A program that ends in another way has not run its tests.
        let ended = |failed| format!("the tests ended with exit status: 101, and {failed} failed");
        assert_eq!(run("exit 101", "exit 0"), ended(0));
        assert_eq!(run(fails, "exit 101"), ended(0));
        let many = "for n in a b c d; do echo \"test $n ... FAILED\"; done; exit 101";
        assert_eq!(run(many, "exit 0"), "4 tests failed: a, b, c, d");
    }
}
