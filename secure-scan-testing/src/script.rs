//! A script of an exec's output, step by step.

use std::time::Duration;

use crate::{Exec, Exit};

/// What an exec prints and does, whatever it is asked.
///
/// It ends with exit code 0 if no step ends it.
///
/// ```
/// use std::time::Duration;
/// use secure_scan_testing::Script;
///
/// // Half an answer, a silence of a minute, and then nothing more: the stream is cut without a status.
/// let _ = Script::new().after_stdin().print("@frame ").wait(Duration::from_secs(60)).cut();
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Script(Vec<Step>);

#[derive(Debug, Clone)]
enum Step {
    Stdin,
    Print(Vec<u8>),
    PrintError(Vec<u8>),
    Flood(u64),
    Wait(Duration),
    Hang,
    End(Exit),
}

impl Script {
    /// A script that does nothing.
    pub fn new() -> Self {
        Self::default()
    }

    fn step(mut self, step: Step) -> Self {
        self.0.push(step);
        self
    }

    /// Reads standard input to its end.
    pub fn after_stdin(self) -> Self {
        self.step(Step::Stdin)
    }

    /// Writes to standard output.
    pub fn print(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.step(Step::Print(bytes.into()))
    }

    /// Writes to standard error.
    pub fn print_error(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.step(Step::PrintError(bytes.into()))
    }

    /// Writes this many bytes to standard output, as a target that wants to fill a scanner's memory.
    pub fn flood(self, bytes: u64) -> Self {
        self.step(Step::Flood(bytes))
    }

    /// Is silent for so long, by the fake's clock.
    pub fn wait(self, time: Duration) -> Self {
        self.step(Step::Wait(time))
    }

    /// Prints nothing more and never ends.
    pub fn hang(self) -> Self {
        self.step(Step::Hang)
    }

    /// Ends the stream without a status, as when a node loses it.
    pub fn cut(self) -> Self {
        self.step(Step::End(Exit::Cut))
    }

    /// Ends with an exit code.
    pub fn exit(self, code: i32) -> Self {
        self.step(Step::End(Exit::Code(code)))
    }

    /// Ends with a message of the container runtime, as when a program cannot be started.
    pub fn fail(self, message: &str) -> Self {
        self.step(Step::End(Exit::Failed(message.into())))
    }

    pub(crate) async fn run(self, mut exec: Exec) -> Exit {
        for step in self.0 {
            match step {
                Step::Stdin => drop(exec.stdin_to_end().await),
                Step::Print(bytes) => exec.print(&bytes).await,
                Step::PrintError(bytes) => exec.print_error(&bytes).await,
                Step::Flood(bytes) => {
                    let chunk = vec![b'x'; 32 * 1024];
                    for _ in 0..bytes.div_ceil(chunk.len() as u64) {
                        exec.print(&chunk).await;
                    }
                }
                Step::Wait(time) => tokio::time::sleep(time).await,
                Step::Hang => std::future::pending().await,
                Step::End(exit) => return exit,
            }
        }
        Exit::Code(0)
    }
}
