//! An attacker on the client's machine: reads a process' whole memory, looking for tokens.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kube::{
    Client, Config,
    config::{AuthInfo, KubeConfigOptions, Kubeconfig},
};

/// Bytes that are read at once.
const CHUNK: usize = 1 << 20;
/// Overlap of two reads, longer than any token here.
const OVERLAP: usize = 4096;

/// Every JSON Web Token in the memory of a process, its stacks and heap included.
///
/// # Errors
///
/// Fails when the process may not be read.
pub fn tokens_in_memory(pid: u32) -> io::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    scan_memory(pid, |chunk| tokens(chunk, &mut found))?;
    Ok(found)
}

/// Tokens of a scan's identity in the memory of a process, and not those of its operator.
pub fn scan_tokens_in_memory(pid: u32) -> Vec<String> {
    let mut found: Vec<String> = tokens_in_memory(pid)
        .unwrap_or_default()
        .into_iter()
        .collect();
    found.retain(|token| {
        let claims = token.split('.').nth(1).unwrap_or_default();
        let claims = URL_SAFE_NO_PAD.decode(claims).unwrap_or_default();
        String::from_utf8_lossy(&claims).contains(":secure-scan-")
    });
    found
}

/// One of them.
pub fn scan_token_in_memory(pid: u32) -> Option<String> {
    scan_tokens_in_memory(pid).into_iter().next()
}

/// How often `needle` is in the memory of a process.
///
/// # Errors
///
/// Fails when the process may not be read.
pub fn count_in_memory(pid: u32, needle: &[u8]) -> io::Result<usize> {
    let mut count = 0;
    scan_memory(pid, |chunk| {
        count += chunk.windows(needle.len()).filter(|w| *w == needle).count();
    })?;
    Ok(count)
}

fn scan_memory(pid: u32, mut look: impl FnMut(&[u8])) -> io::Result<()> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps"))?;
    let memory = File::open(format!("/proc/{pid}/mem"))?;
    let mut buffer = vec![0; CHUNK + OVERLAP];
    let mut seen = 0_u64;
    for line in maps.lines() {
        let mut fields = line.split_whitespace();
        let (Some(range), Some(rights)) = (fields.next(), fields.next()) else {
            continue;
        };
        // The program can only store a token in writable memory.
        if !rights.starts_with("rw") || line.contains("[v") {
            continue;
        }
        let Some((start, end)) = range.split_once('-') else {
            continue;
        };
        let parse = |text| u64::from_str_radix(text, 16).map_err(io::Error::other);
        let (mut at, end) = (parse(start)?, parse(end)?);
        while at < end {
            let wanted = usize::try_from(end - at).unwrap_or(usize::MAX);
            let wanted = wanted.min(buffer.len());
            let Ok(got) = memory.read_at(&mut buffer[..wanted], at) else {
                break;
            };
            if got == 0 {
                break;
            }
            seen += got as u64;
            look(&buffer[..got]);
            at += if got > OVERLAP { got - OVERLAP } else { got } as u64;
            if got < wanted || at + OVERLAP as u64 >= end {
                break;
            }
        }
    }
    // A process is never this small: nothing was read.
    if seen < 1 << 20 {
        return Err(io::Error::other(format!("only {seen} bytes could be read")));
    }
    Ok(())
}

fn tokens(chunk: &[u8], found: &mut BTreeSet<String>) {
    let mut rest = chunk;
    while let Some(at) = rest.windows(6).position(|w| w == b"eyJhbG") {
        rest = &rest[at..];
        let part = |b: &u8| b.is_ascii_alphanumeric() || b"-_.".contains(b);
        let length = rest.iter().take_while(|b| part(b)).count();
        let token = String::from_utf8_lossy(&rest[..length]).into_owned();
        if length > 300 && token.split('.').count() == 3 {
            found.insert(token);
        }
        rest = &rest[length.max(6)..];
    }
}

/// A client of the tests' cluster that has nothing but `token`.
pub async fn client_with(token: &str) -> Client {
    let options = KubeConfigOptions {
        context: std::env::var("SCANNER_E2E_CONTEXT").ok(),
        ..KubeConfigOptions::default()
    };
    let kubeconfig = Kubeconfig::read().expect("kubeconfig");
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .expect("context");
    config.auth_info = AuthInfo {
        token: Some(token.to_owned().into()),
        ..AuthInfo::default()
    };
    Client::try_from(config).expect("client")
}
