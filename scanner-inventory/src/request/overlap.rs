//! Whether a gap lies in a selection.

use super::FileSelector;
use crate::{
    gap::{Attribute, Gap},
    path::FilePath,
};

impl FileSelector {
    /// Whether `gap`, a gap of the files, may be missing data that this selection asks for.
    ///
    /// A gap is a place and all that lies below it. One without a path may be anywhere, and one of an
    /// attribute concerns only who asks for that attribute.
    pub fn overlaps(&self, gap: &Gap) -> bool {
        let asked = match gap.attribute {
            Some(Attribute::Digest) => self.digest,
            Some(Attribute::Capabilities) => self.capabilities,
            Some(Attribute::Unknown) | None => true,
        };
        asked && gap.path.as_ref().is_none_or(|path| self.comes_by(path))
    }

    fn comes_by(&self, gap: &FilePath) -> bool {
        if !self.walks() {
            return self
                .paths
                .iter()
                .any(|path| FilePath::from(path).is_below(gap));
        }
        let start = |dir: &String| gap.is_below_literal(dir) || FilePath::from(dir).is_below(gap);
        self.under.is_empty() || self.under.iter().any(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GapKind;

    fn gap(path: &str) -> Gap {
        Gap::new(GapKind::NotSearchable).at(path)
    }

    #[test]
    fn a_gap_touches_only_selections_of_its_place() {
        let named = FileSelector {
            paths: vec!["/etc/passwd".into(), "/etc/ssl/a\\b".into()],
            ..FileSelector::default()
        };
        let walk = |under: &[&str]| FileSelector {
            under: under.iter().map(ToString::to_string).collect(),
            ..FileSelector::default()
        };
        for (selector, path, expected) in [
            (&named, "/root", false),
            (&named, "/etc", true),
            (&named, "/", true),
            (&named, "/etc/passwd", true),
            (&named, "/etc/passwd/x", false),
            (&named, "/etc/pass", false),
            (&named, "/etc/ssl/a\\b", true),
            (&walk(&[]), "/root", true),
            (&walk(&["/"]), "/root", true),
            (&walk(&["/usr", "/opt"]), "/opt/x/y", true),
            (&walk(&["/usr/bin"]), "/usr", true),
            (&walk(&["/usr/bin"]), "/usr/lib", false),
            (&walk(&["/usr/"]), "/usrx", false),
        ] {
            assert_eq!(
                selector.overlaps(&gap(path)),
                expected,
                "{selector:?} {path}"
            );
        }
        assert!(
            named.overlaps(&Gap::new(GapKind::Unknown)),
            "it may be anywhere"
        );
    }

    #[test]
    fn a_gap_of_an_attribute_touches_only_who_asks_for_it() {
        let asks = |digest, capabilities| FileSelector {
            digest,
            capabilities,
            ..FileSelector::default()
        };
        for (attribute, selector, expected) in [
            (Attribute::Digest, asks(true, false), true),
            (Attribute::Digest, asks(false, true), false),
            (Attribute::Capabilities, asks(false, true), true),
            (Attribute::Capabilities, asks(true, false), false),
            (Attribute::Unknown, asks(false, false), true),
        ] {
            let gap = gap("/a").of_attribute(attribute);
            assert_eq!(selector.overlaps(&gap), expected, "{gap:?}");
        }
    }
}
