//! Tests of paths as bytes.

use proptest::prelude::*;

use super::*;

#[test]
fn what_a_terminal_or_utf_8_cannot_take_is_escaped() {
    for (bytes, text) in [
        (&b"/etc/passwd"[..], "/etc/passwd"),
        (b"/bin/su\xff", r"/bin/su\xff"),
        (b"a\nb\\xff", r"a\x0ab\\xff"),
        ("/etc/\u{fc}".as_bytes(), "/etc/\u{fc}"),
        ("a\u{202e}b".as_bytes(), r"a\xe2\x80\xaeb"),
        ("a\u{85}".as_bytes(), r"a\xc2\x85"),
        (b"\xe2\x80", r"\xe2\x80"),
    ] {
        let path = FilePath::from_bytes(bytes);
        assert_eq!(path.as_text(), text);
        assert_eq!(path.to_string(), text);
        assert_eq!(&*path.to_bytes(), bytes);
    }
}

#[test]
fn text_with_half_an_escape_is_no_path() {
    for text in [r"a\", r"a\b", r"\x", r"\x4", r"\xzz", r"\x+4", r"\\\"] {
        assert_eq!(FilePath::from_text(text), Err(InvalidEscape), "{text}");
    }
    for (text, literal) in [
        (r"\x41", "A"),
        (r"\\", "\\"),
        (r"\\x41", r"\x41"),
        ("a\nb", "a\nb"),
    ] {
        assert_eq!(FilePath::from_text(text).unwrap(), literal, "{text}");
    }
}

#[test]
fn a_literal_is_compared_without_its_escape() {
    let path = FilePath::from(r"/a\x41");
    assert_eq!(path, r"/a\x41");
    assert_eq!(path.as_text(), r"/a\\x41");
    assert_ne!(path, "/aA");
    assert_ne!(path, r"/a\\x41");
}

#[test]
fn parts_of_a_path() {
    let path = |text: &str| FilePath::from(text);
    assert_eq!(path("/a/b\nc").file_name(), r"b\x0ac");
    assert_eq!(path("/a/b").parent(), Some(path("/a")));
    assert_eq!(path("/a").parent(), Some(path("/")));
    assert_eq!((path("/").parent(), path("a").parent()), (None, None));
    assert_eq!(path("/").join(&path("a")), "/a");
    assert_eq!(path("/a/").join(&path("/b")), "/a/b");
    assert!(path("/a/b").is_below(&path("/a")) && path("/a").is_below(&path("/")));
    assert!(path("/a").is_below(&path("/a/")) && !path("/ab").is_below(&path("/a")));
    assert!(path("/a\\b/c").is_below_literal("/a\\b") && path("/a/b").is_below_literal("/a"));
}

proptest! {
    #[test]
    fn every_path_is_read_back_from_its_text(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        let path = FilePath::from_bytes(&bytes);
        prop_assert_eq!(&*path.to_bytes(), &bytes[..]);
        prop_assert!(!path.as_text().chars().any(is_hazardous));
        prop_assert_eq!(&FilePath::from_text(path.as_text()).unwrap(), &path);
        let json = serde_json::to_string(&path).unwrap();
        prop_assert_eq!(serde_json::from_str::<FilePath>(&json).unwrap(), path);
    }

    #[test]
    fn hostile_text_never_panics_and_has_one_form(text in "[\\\\xaf0/\n\u{80}\u{202e}\u{fc}]{0,12}") {
        if let Ok(path) = FilePath::from_text(&text) {
            prop_assert_eq!(&FilePath::from_text(path.as_text()).unwrap(), &path);
        }
        let literal = FilePath::from(text.as_str());
        prop_assert!(literal == text.as_str());
    }

    #[test]
    fn two_texts_are_two_paths(a in "[\\\\xf/]{0,6}", b in "[\\\\xf/]{0,6}") {
        let (one, other) = (FilePath::from(a.as_str()), FilePath::from(b.as_str()));
        prop_assert_eq!(a == b, one == other);
        prop_assert_eq!(a == b, one.as_text() == other.as_text());
    }
}

#[test]
fn the_directories_above_a_path_are_all_but_the_root() {
    let above = |path: &str| -> Vec<String> {
        let path = FilePath::from(path);
        path.above().map(str::to_owned).collect()
    };
    assert_eq!(above("/usr/lib/x"), ["/usr", "/usr/lib"]);
    assert_eq!(above("/usr"), Vec::<String>::new());
    assert_eq!(above("/"), Vec::<String>::new());
}
