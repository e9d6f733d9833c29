//! Anchors of checks: the same check has the same one in every report.

use maud::{Markup, html};
use sha2::{Digest as _, Sha256};

use scanner_core::{escape::visible, finding::CheckResult, report::view::View};

/// Longest identifier that is an anchor as it is.
const LONGEST: usize = 200;

/// The anchor of a check.
pub(super) fn anchor(view: &View<'_>, result: &CheckResult) -> String {
    of(&view.check_id(result))
}

/// The identifier of a check as a link to itself.
pub(super) fn link(view: &View<'_>, result: &CheckResult) -> Markup {
    let id = view.check_id(result);
    html! {
        a href={"#" (of(&id))} { code { (visible(&id, 200)) } }
    }
}

/// `check-` and the identifier. An identifier that is too long, or has other characters, is `check~` with a digest, which no other
/// identifier has.
fn of(id: &str) -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || "-_./".contains(*c);
    if id.len() <= LONGEST && id.chars().all(|c| plain(&c)) {
        return format!("check-{id}");
    }
    let kept: String = id.chars().filter(plain).take(LONGEST).collect();
    let digest = hex::encode(Sha256::digest(id));
    format!("check~{kept}-{}", &digest[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_anchor_is_the_identifier_and_hostile_ones_stay_apart() {
        assert_eq!(of("shell-present"), "check-shell-present");
        assert_eq!(of("acme/shell"), "check-acme/shell");
        let (one, two) = (of("a\"><b>"), of("a'><b>"));
        assert_ne!(one, two);
        for anchor in [one, two, of(&"x".repeat(10_000)), of("")] {
            let harmless = |c: char| c.is_ascii_alphanumeric() || "-_./~".contains(c);
            assert!(anchor.chars().all(harmless), "{anchor}");
            assert!(anchor.len() < 250, "{anchor}");
        }
    }
}
