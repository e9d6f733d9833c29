//! The certificates that a server's own is verified with.

use std::{fs::File, io::Read as _, path::Path};

use super::error::ConnectError;
use crate::api::redacted;

/// Largest file of certificates that is read, in bytes.
const MAX_AUTHORITIES: u64 = 4 << 20;

/// The certificates in a PEM file; at least one.
pub(super) fn authorities(path: &Path) -> Result<Vec<Vec<u8>>, ConnectError> {
    let unusable = |source: Box<dyn std::error::Error + Send + Sync>| {
        let path = redacted::path(path);
        ConnectError::UnusableAuthority { path, source }
    };
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_AUTHORITIES).read_to_end(&mut text));
    read.map_err(|error| unusable(error.into()))?;
    let all = pem::parse_many(text).map_err(|error| unusable(error.into()))?;
    let all = all.into_iter().filter(|pem| pem.tag() == "CERTIFICATE");
    let all: Vec<Vec<u8>> = all.map(pem::Pem::into_contents).collect();
    if all.is_empty() {
        return Err(unusable("it has no certificate".into()));
    }
    Ok(all)
}
