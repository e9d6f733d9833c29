//! Finds the token of a scan where it must not be.

use std::sync::{
    Arc, Mutex, PoisonError, Weak,
    atomic::{AtomicU64, Ordering},
};

use secrecy::{ExposeSecret as _, SecretString};

/// Characters of a token's signature that are looked for: nothing else can have the same 192 bits.
const NEEDLE: usize = 32;

/// Looks for tokens in the bytes that go to targets and come from them.
#[derive(Default)]
pub(crate) struct TokenDetector {
    needles: Mutex<Vec<Weak<SecretString>>>,
    sent: AtomicU64,
    received: AtomicU64,
    seen: AtomicU64,
}

impl TokenDetector {
    /// Looks for `token` until what is returned is dropped, and wiped.
    pub(crate) fn add(&self, token: &str) -> Arc<SecretString> {
        let signature = token.rsplit('.').next().unwrap_or(token);
        // An opaque token has no parts: its end is looked for.
        let needle = signature.get(..NEEDLE).unwrap_or(signature);
        let needle = Arc::new(SecretString::from(needle.to_owned()));
        self.needles().push(Arc::downgrade(&needle));
        needle
    }

    /// Whether a token of a scan is in `bytes`.
    pub(crate) fn finds(&self, bytes: &[u8]) -> bool {
        let needles = self.needles();
        needles.iter().filter_map(Weak::upgrade).any(|needle| {
            let needle = needle.expose_secret().as_bytes();
            !needle.is_empty() && bytes.windows(needle.len()).any(|window| window == needle)
        })
    }

    /// Looks at bytes of a stream, with the end of what came before in `carry`.
    pub(crate) fn stream(&self, outgoing: bool, carry: &mut Vec<u8>, data: &[u8]) {
        let counter = if outgoing { &self.sent } else { &self.received };
        counter.fetch_add(data.len() as u64, Ordering::Relaxed);
        if self.finds_after(carry, data) {
            self.seen.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether a token is in `data` or begins in what came before it, whose end is in `carry`.
    pub(crate) fn finds_after(&self, carry: &mut Vec<u8>, data: &[u8]) -> bool {
        carry.extend_from_slice(data);
        let found = self.finds(carry);
        let keep = carry.len().saturating_sub(NEEDLE - 1);
        carry.drain(..keep);
        found
    }

    /// Bytes sent to and received from targets, and how often a token was in them.
    pub(crate) fn streams(&self) -> (u64, u64, u64) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (read(&self.sent), read(&self.received), read(&self.seen))
    }

    fn needles(&self) -> std::sync::MutexGuard<'_, Vec<Weak<SecretString>>> {
        self.needles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_however_it_is_cut() {
        let token = format!("e30.e30.{}", "aBcD".repeat(20));
        let detector = TokenDetector::default();
        let needle = detector.add(&token);
        for cut in 0..token.len() {
            let detector = TokenDetector::default();
            let _needle = detector.add(&token);
            let mut carry = Vec::new();
            detector.stream(true, &mut carry, &token.as_bytes()[..cut]);
            detector.stream(true, &mut carry, &token.as_bytes()[cut..]);
            assert!(detector.streams().2 > 0, "{cut}");
        }
        assert!(!detector.finds(b"nothing of it"));
        assert!(detector.finds(token.as_bytes()));
        drop(needle);
        assert!(!detector.finds(token.as_bytes()));
    }
}
