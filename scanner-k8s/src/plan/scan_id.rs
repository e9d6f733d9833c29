//! Identifiers of scans.

use scanner_core::plan::ScanId;
use uuid::Uuid;

/// A new id: ten random hexadecimal digits, so that the admission guard knows the identity by its name.
pub fn scan_id() -> ScanId {
    ScanId::of_bits(Uuid::new_v4().as_u64_pair().0 >> 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_ten_hexadecimal_digits_and_new() {
        let (one, other) = (scan_id(), scan_id());
        assert_ne!(one, other);
        for id in [one, ScanId::of_bits(0), ScanId::of_bits(u64::MAX)] {
            assert_eq!(id.as_str().len(), 10);
            assert_eq!(id.as_str().parse(), Ok(id.clone()));
        }
    }
}
