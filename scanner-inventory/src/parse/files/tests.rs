//! Tests of the reader of files.

use super::*;
/// Every file, and the number of lines that could not be read.
fn files(lines: &[&[u8]]) -> (Vec<FileEntry>, u64) {
    let (files, unreadable, _) = of(lines, &InventoryRequest::default());
    (files, unreadable)
}

fn of(lines: &[&[u8]], request: &InventoryRequest) -> (Vec<FileEntry>, u64, Gaps) {
    let mut reader = FilesReader::new(request);
    let mut all: Vec<FileEntry> = lines.iter().filter_map(|line| reader.line(line)).collect();
    let (last, unreadable, gaps) = reader.finish();
    all.extend(last);
    (all, unreadable, gaps)
}

#[test]
fn a_file_is_of_the_package_that_follows_it() {
    let long = format!("%{}", "x".repeat(300));
    let lines: [&[u8]; 10] = [
        b"%before",
        b"81a4 0 0 1 /a",
        b"%coreutils",
        b"81a4 0 0 1 /b",
        long.as_bytes(),
        b"a1ff 0 0 1 /c",
        b">/a",
        b"%musl",
        b"81a4 0 0 1 /d",
        b"%odd\xff",
    ];
    let mut reader = FilesReader::new(&InventoryRequest::default());
    let mut files: Vec<FileEntry> = Vec::new();
    files.extend(lines.iter().filter_map(|line| reader.line(line)));
    let (last, unreadable, _) = reader.finish();
    files.extend(last);
    let packages: Vec<&str> = files.iter().map(|file| file.package.as_str()).collect();
    assert_eq!(packages, ["coreutils", "", "musl", "odd\u{fffd}"]);
    assert_eq!(unreadable, 2);
}

#[test]
fn files_keep_their_bits_and_odd_names() {
    let found = file(b"8dff 0 42 10 /a b/c").unwrap();
    assert_eq!(
        (found.kind, found.mode, found.gid),
        (FileKind::File, 0o6777, 42)
    );
    assert_eq!(found.path, "/a b/c");
    assert!(!file(b"- /etc/gshadow").unwrap().exists);
    for bad in [
        "",
        "zz 0 0 0 /a",
        "81ed 0 0 0 a",
        "81ed -1 0 0 /a",
        "1ff 0 0 0 /a",
        "- a",
    ] {
        assert!(file(bad.as_bytes()).is_none(), "{bad:?}");
    }
}

fn lines(text: &str) -> Vec<&[u8]> {
    text.lines().map(str::as_bytes).collect()
}

const ONE: &str = "1111111111111111111111111111111111111111111111111111111111111111";
const TWO: &str = "2222222222222222222222222222222222222222222222222222222222222222";

#[test]
fn contents_go_to_the_file_that_they_are_of() {
    let text = format!(
        "={TWO} /b c\n/l2\n>x\n=zz /d\n81ed 0 0 1 /a\n={ONE}\na1ff 0 0 1 /l\n>b c\n\
         81ed 0 0 1 /b c\n81ed 0 0 1 /d\na1ff 0 0 1 /l2\n={TWO} /l2\n/d\n={ONE}\n"
    );
    let (found, unreadable) = files(&lines(&text));
    let seen: Vec<_> = found
        .iter()
        .map(|f| (f.path.as_text(), f.digest.as_str(), f.link.as_text()))
        .collect();
    let expected = [
        ("/a", ONE, ""),
        ("/l", "", "b c"),
        ("/b c", TWO, ""),
        ("/d", "", ""),
        ("/l2", ONE, "x"),
    ];
    assert_eq!(seen, expected);
    assert_eq!(
        unreadable, 3,
        "a digest that is none, and two lines that come too late"
    );
}

#[test]
fn names_that_differ_in_one_byte_are_two_files_with_contents_of_their_own() {
    let text = [
        b"=",
        ONE.as_bytes(),
        b" /bin/su\xfe\n=",
        TWO.as_bytes(),
        b" \\/a\\x0ab\n\\/l\\x0a\n~x\\x0ay\n89ed 0 0 1 /bin/su\xff\n81ed 0 0 1 /bin/su\xfe\n",
        b"81ed 0 0 1 \\/a\\x0ab\na1ff 0 0 1 \\/l\\x0a",
    ]
    .concat();
    let lines: Vec<&[u8]> = text.split(|b| *b == b'\n').collect();
    let (found, unreadable) = files(&lines);
    let seen: Vec<_> = found
        .iter()
        .map(|f| {
            let path = f.path.to_bytes().into_owned();
            (path, f.mode, &*f.digest, f.link.as_text())
        })
        .collect();
    let expected = [
        (b"/bin/su\xff".to_vec(), 0o4755, "", ""),
        (b"/bin/su\xfe".to_vec(), 0o755, ONE, ""),
        (b"/a\nb".to_vec(), 0o755, TWO, ""),
        (b"/l\n".to_vec(), 0o777, "", r"x\x0ay"),
    ];
    assert_eq!(seen, expected);
    assert_eq!(unreadable, 0);
}

#[test]
fn two_digests_of_one_path_are_given_to_none() {
    let text = format!("={ONE} /a\n={TWO} /a\n81ed 0 0 1 /a\n");
    let (found, _) = files(&lines(&text));
    assert!(found[0].digest.is_empty(), "{found:?}");
}

#[test]
fn a_digest_that_is_missing_makes_the_section_partial() {
    let text = format!("81ed 0 0 1 /a\n={ONE}\n81ed 0 0 1 /b\n41ed 0 0 1 /\n- /none\n");
    let request = |digest| InventoryRequest {
        files: vec![FileSelector {
            digest,
            ..FileSelector::default()
        }],
        ..InventoryRequest::default()
    };
    let (_, _, gaps) = of(&lines(&text), &request(false));
    assert!(gaps.is_empty(), "{gaps}");
    let (_, _, gaps) = of(&lines(&text), &request(true));
    assert_eq!(gaps.total(), 1);
    let gap = gaps.iter().next().unwrap();
    assert_eq!(gap.path, Some("/b".into()));
    assert_eq!(gap.attribute, Some(Attribute::Digest));
}

#[test]
fn capabilities_are_read_as_the_kernel_keeps_them() {
    let text = "81ed 0 0 1 /a\n^0100000200200000000000000000000000000000\n81ed 0 0 1 /b\n^\n\
                81ed 0 0 1 /c\n^zz\n81ed 0 0 1 /d\n^01000002\n81ed 0 0 1 /e\n\
                81ed 0 0 1 /f\n^010000030000000000000000040000000000000000000000\n";
    let (found, unreadable) = files(&lines(text));
    let seen: Vec<_> = found
        .iter()
        .map(|f| {
            (
                f.path.as_text(),
                f.capabilities.join(","),
                f.capabilities_known,
            )
        })
        .collect();
    let expected = [
        ("/a", "CAP_NET_RAW".to_owned(), true),
        ("/b", String::new(), true),
        ("/c", String::new(), false),
        ("/d", String::new(), false),
        ("/e", String::new(), false),
        ("/f", "CAP_SYSLOG".to_owned(), true),
    ];
    assert_eq!(seen, expected);
    assert_eq!(unreadable, 2);
    let request = InventoryRequest {
        files: vec![FileSelector {
            capabilities: true,
            ..FileSelector::default()
        }],
        ..InventoryRequest::default()
    };
    let (_, _, gaps) = of(&lines(text), &request);
    assert_eq!(gaps.total(), 3);
    assert!(gaps.to_string().contains("capabilities"), "{gaps}");
}

proptest::proptest! {
    #[test]
    fn hostile_lines_never_panic_and_give_no_digest_that_was_not_sent(
        text in proptest::collection::vec("[-=>~/^ a-f0-9?81\\\\]{0,90}|\\^0[123]0000[0-9a-f]{0,42}|=[0-9a-f]{64}( /[ab?])?|81ed 0 0 1 /[ab?]|/[ab?]|>[a-z/]{0,3}", 0..30)
    ) {
        let lines: Vec<&[u8]> = text.iter().map(String::as_bytes).collect();
        let (found, unreadable) = files(&lines);
        proptest::prop_assert!(found.len() as u64 + unreadable <= text.len() as u64);
        for entry in found.iter().filter(|f| !f.digest.is_empty()) {
            let sent = format!("={}", entry.digest);
            proptest::prop_assert!(text.iter().any(|line| line.starts_with(&sent)));
        }
    }
}

#[test]
fn a_file_that_comes_twice_has_its_contents_twice() {
    let text = format!("={ONE} /a\n81ed 0 0 1 /a\n81ed 0 0 1 /a\n");
    let (found, _) = files(&lines(&text));
    let digests: Vec<&str> = found.iter().map(|file| file.digest.as_str()).collect();
    assert_eq!(digests, [ONE, ONE]);
}

#[test]
fn a_file_goes_on_when_the_next_one_begins() {
    let mut reader = FilesReader::new(&InventoryRequest::default());
    assert_eq!(reader.line(b"81ed 0 0 1 /a"), None);
    let first = reader.line(b"81ed 0 0 1 /b").unwrap();
    assert_eq!(first.path, "/a");
    assert_eq!(reader.line(b"nonsense"), None);
    let (last, unreadable, _) = reader.finish();
    assert_eq!((last.unwrap().path, unreadable), ("/b".into(), 1));
}

#[test]
fn contents_that_would_fill_the_memory_are_not_kept() {
    let mut reader = FilesReader::new(&InventoryRequest::default());
    let long = "x".repeat(60_000);
    for number in 0..2_000 {
        assert!(
            reader
                .line(format!("={ONE} /{number}{long}").as_bytes())
                .is_none()
        );
    }
    assert!(reader.named.len() * long.len() <= MAX_NAMED);
    assert!(reader.named.len() > 1_000);
}
