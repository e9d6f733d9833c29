//! This machine's own shell, for targets that must really run their input.

use std::{
    io::{Read as _, Write as _},
    process::{Command, Stdio},
};

use crate::{Exec, Exit};

/// Largest output in bytes.
const MAX: u64 = 64 << 20;

/// Runs the command with all of its input. It runs beside the runtime, whose paused clock stands still meanwhile.
pub(super) async fn run(mut exec: Exec) -> Exit {
    let input = exec.stdin_to_end().await;
    let command = exec.command().to_vec();
    let ran = tokio::task::spawn_blocking(move || spawn(&command, &input)).await;
    match ran {
        Ok(Ok((code, out))) => {
            exec.print(&out).await;
            Exit::Code(code)
        }
        _ => Exit::not_found("/bin/sh"),
    }
}

fn spawn(command: &[String], input: &[u8]) -> std::io::Result<(i32, Vec<u8>)> {
    let (program, arguments) = command.split_first().ok_or(std::io::ErrorKind::NotFound)?;
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let mut out = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // A script may end before it has read all of its input.
            let _ = stdin.map(|mut stdin| stdin.write_all(input));
        });
        stdout
            .map(|stdout| stdout.take(MAX).read_to_end(&mut out))
            .transpose()
    })?;
    let status = child.wait()?;
    Ok((status.code().unwrap_or(137), out))
}
