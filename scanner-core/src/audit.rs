//! The audit log: everything that a scan decided and did, as a hash chain with a signed head. It has one JSON object per
//! line. Each line holds the SHA-256 of the bytes of the line before it, so that nothing can be changed, dropped or put
//! elsewhere without a break; the last line is a DSSE envelope of an in-toto statement over the hash of the line before it,
//! so that nothing can be cut off. No line holds a secret: the log keeps only digests and sizes of what is sent.

pub(crate) mod canonical;
mod checkpoint;
mod entry;
mod hash;
mod key;
mod log;
pub mod reconcile;
mod seal;
mod verify;

pub use canonical::{NoCanonicalForm, canonical_sha256};
pub use checkpoint::Checkpoint;
pub use entry::{
    Answer, Call, Entry, Identity, LoanCall, Record, ReportEntry, StreamEnd, TunnelEnd,
};
pub use hash::sha256;
pub use key::{AuditKey, InvalidKey, PublicKey};
pub use log::{AuditLog, CloseError};
pub use seal::PREDICATE_TYPE;
pub use verify::{Broken, Verified, verify};

#[cfg(test)]
mod tests;
