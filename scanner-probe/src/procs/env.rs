//! The environment of a process, without its values.

use std::io::{self, Write};

use scanner_inventory::{Gap, GapKind, Gaps};

use super::bound::bound;
use crate::{end::End, inside::Process, proc_file::read_bytes};

/// Name, length and shape: a value never leaves the target.
pub(super) fn env(pid: u32, out: &mut impl Write) -> io::Result<u64> {
    variables(&read_bytes(&format!("/proc/{pid}/environ"))?, out)
}

/// PATH of a process, as it was when the process began; empty if it has none.
///
/// # Errors
///
/// Fails if the environment cannot be read, or was overwritten.
pub(crate) fn search_path(process: &Process) -> io::Result<Vec<u8>> {
    bound(process, &mut io::sink(), |_| {
        path_of(&read_bytes(&format!("/proc/{}/environ", process.pid))?)
    })
}

fn path_of(environ: &[u8]) -> io::Result<Vec<u8>> {
    let mut parts = environ.split(|byte| *byte == 0);
    // The first one is what getenv(3) gives.
    if let Some(path) = parts.find_map(|variable| variable.strip_prefix(b"PATH=")) {
        return Ok(path.to_vec());
    }
    // An overwritten environment does not show that there was no PATH.
    match variables(environ, &mut io::sink())? {
        0 => Ok(Vec::new()),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Servers such as nginx write their title over their environment, so that what was there cannot be read any more.
pub(super) fn overwritten(odd: u64) -> End {
    let reason = format!(
        "{odd} parts of it are not variables: the process wrote something else over its environment"
    );
    let mut gaps = Gaps::default();
    gaps.add_counted(Gap::new(GapKind::Malformed), odd);
    End::Partial(gaps, reason)
}

/// Writes the variables, and returns how many parts are not variables: without `=`, or with a space in the name. An empty
/// part is not one either, except after the last variable.
pub(super) fn variables(bytes: &[u8], out: &mut impl Write) -> io::Result<u64> {
    let mut odd = 0;
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    if bytes.is_empty() {
        return Ok(0);
    }
    for variable in bytes.split(|byte| *byte == 0) {
        let Some(end) = variable.iter().position(|byte| *byte == b'=') else {
            odd += 1;
            continue;
        };
        // The length counts the bytes, not the text that replaces some of them.
        let length = variable.len() - end - 1;
        let name = String::from_utf8_lossy(&variable[..end]);
        let value = String::from_utf8_lossy(&variable[end + 1..]);
        if name.contains(' ') {
            odd += 1;
        }
        writeln!(
            out,
            "{length} {} {}",
            shape(&value),
            name.replace('\n', "?")
        )?;
    }
    Ok(odd)
}

fn shape(value: &str) -> &'static str {
    let starts = |any: &[&str]| any.iter().any(|start| value.starts_with(start));
    if value.is_empty() {
        "empty"
    } else if value.contains("-----BEGIN ") && value.contains("PRIVATE KEY") {
        "private_key"
    } else if value.chars().count() == 20 && starts(&["AKIA", "ASIA"]) {
        "aws_key"
    } else if value.starts_with("eyJ") && value.contains(".eyJ") {
        "jwt"
    } else if starts(&["ghp_", "gho_", "ghs_", "ghu_", "github_pat_"]) {
        "github_token"
    } else if starts(&["xoxa-", "xoxb-", "xoxr-", "xoxs-", "xoxp-"]) {
        "slack_token"
    } else if value.split_once("://").is_some_and(|(_, rest)| {
        rest.split_once('@')
            .is_some_and(|(user, _)| user.contains(':'))
    }) {
        "url_credentials"
    } else {
        "plain"
    }
}
