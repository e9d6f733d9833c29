//! Lines of account files as C libraries read them.

use proptest::prelude::*;

use super::*;
use crate::wire::Ending;

fn raw<'a>(lines: &[&'a [u8]]) -> RawSection<'a> {
    RawSection {
        lines: lines.to_vec(),
        gaps: Vec::new(),
        ending: Ending::Ok,
    }
}

const GLIBC: Libc = Libc {
    musl: false,
    glibc: true,
};
const MUSL: Libc = Libc {
    musl: true,
    glibc: false,
};
const UNKNOWN: Libc = Libc {
    musl: false,
    glibc: false,
};

/// Name, ids, home and shell of the account in a line of passwd(5), its password as a state; or what the line is.
fn of(line: &str, libc: Libc) -> String {
    match user(line.as_bytes(), libc) {
        Line::Entry(u) => format!("{}:{}:{}:{}:{}", u.name, u.uid, u.gid, u.home, u.shell),
        Line::Comment => "comment".into(),
        Line::NoEntry => "no entry".into(),
        Line::Unreadable => "unreadable".into(),
    }
}

#[test]
fn a_home_behind_a_link_is_of_the_next_account_alone() {
    let lines: [&[u8]; 6] = [
        b"@glibc",
        b"@home /data/app",
        b"shadowed:a:1:1::/srv/app:/bin/sh",
        b"shadowed:b:2:2::/srv/app:/bin/sh",
        b"@home no path",
        b"shadowed:c:3:3::/srv/c:/bin/sh",
    ];
    let found = users(raw(&lines), 0);
    assert!(matches!(found, Collected::Partial { .. }), "{found:?}");
    let homes: Vec<_> = found
        .data()
        .unwrap()
        .iter()
        .map(|user| user.real_home.as_text())
        .collect();
    assert_eq!(homes, ["/data/app", "/srv/app", "/srv/c"]);
}

#[test]
fn a_group_of_any_name_is_a_group() {
    let lines: [&[u8]; 4] = [
        b"@home /x:0:root,mallory",
        b"@musl:1:",
        b"@glibc:2:",
        b"@home /y:3:",
    ];
    let Collected::Complete { data } = groups(raw(&lines), 0) else {
        unreachable!("every line is a group");
    };
    let names: Vec<_> = data.iter().map(|group| group.name.as_str()).collect();
    assert_eq!(names, ["@home /x", "@musl", "@glibc", "@home /y"]);
    assert_eq!(data[0].members, ["root", "mallory"]);
    // Those lines have a state first, so that no name is at their start.
    let users = users(raw(&[b"shadowed:@home /x:0:0::/:/bin/sh"]), 0);
    assert_eq!(users.data().unwrap()[0].name, "@home /x");
    let shadow = shadow(raw(&[b"@home /x:0"]), 0);
    assert!(matches!(shadow, Collected::Partial { .. }), "{shadow:?}");
}

/// A line without its password, and how it is read by glibc, by musl, and if the C library is unknown.
const LINES: &[[&str; 4]] = &[
    // A shell that is empty, has colons, or ends in what other systems end lines with.
    [
        "svc:101:101::/:",
        "svc:101:101:/:/bin/sh",
        "svc:101:101:/:/bin/sh",
        "svc:101:101:/:/bin/sh",
    ],
    [
        "a:1:2:g:/h:/bin/sh:x:",
        "a:1:2:/h:/bin/sh:x:",
        "a:1:2:/h:/bin/sh:x:",
        "a:1:2:/h:/bin/sh:x:",
    ],
    [
        "a:1:2::/h:/bin/sh\r",
        "a:1:2:/h:/bin/sh\\x0d",
        "a:1:2:/h:/bin/sh\\x0d",
        "a:1:2:/h:/bin/sh\\x0d",
    ],
    // Ids beyond 32 bits, below zero, with signs, blanks, letters, and none.
    [
        "a:4294967296:0::/:/s",
        "a:4294967295:0:/:/s",
        "a:0:0:/:/s",
        "a:0:0:/:/s",
    ],
    [
        "a:18446744073709551616:7::/:/s",
        "a:4294967295:7:/:/s",
        "a:0:7:/:/s",
        "a:0:7:/:/s",
    ],
    [
        "a:4294968296:1::/:/s",
        "a:4294967295:1:/:/s",
        "a:1000:1:/:/s",
        "a:1000:1:/:/s",
    ],
    [
        "a:-1:-2::/:/s",
        "a:4294967295:4294967295:/:/s",
        "no entry",
        "a:4294967295:4294967295:/:/s",
    ],
    [
        "a:-18446744073709551615:1::/:/s",
        "a:1:1:/:/s",
        "no entry",
        "a:1:1:/:/s",
    ],
    ["a:-0:+0::/:/s", "a:0:0:/:/s", "no entry", "a:0:0:/:/s"],
    ["a: 0:\t0::/:/s", "a:0:0:/:/s", "no entry", "a:0:0:/:/s"],
    ["a:00:000::/:/s", "a:0:0:/:/s", "a:0:0:/:/s", "a:0:0:/:/s"],
    ["a:0x0:0::/:/s", "no entry", "no entry", "no entry"],
    ["a::0::/:/s", "no entry", "a:0:0:/:/s", "a:0:0:/:/s"],
    ["a:5:::/:/s", "no entry", "a:5:0:/:/s", "a:5:0:/:/s"],
    // Fields that are left out.
    ["a:0:0", "a:0:0::/bin/sh", "no entry", "a:0:0::/bin/sh"],
    [
        "a:0:0:gecos:/h",
        "a:0:0:/h:/bin/sh",
        "no entry",
        "a:0:0:/h:/bin/sh",
    ],
    ["a:0", "no entry", "no entry", "no entry"],
    ["a:", "no entry", "no entry", "no entry"],
    [":0:0::/:/s", ":0:0:/:/s", ":0:0:/:/s", ":0:0:/:/s"],
    // Lines that are accounts only to musl.
    ["#a:0:0::/:/s", "comment", "#a:0:0:/:/s", "comment"],
    [" \t#a:0:0::/:/s", "comment", " \t#a:0:0:/:/s", "comment"],
    ["+:0:0::/:/s", "no entry", "+:0:0:/:/s", "no entry"],
    ["+:::::", "no entry", "+:0:0::/bin/sh", "no entry"],
    [
        "-@team:0:0::/:/s",
        "no entry",
        "-@team:0:0:/:/s",
        "no entry",
    ],
    [" a:0:0::/:/s", "a:0:0:/:/s", " a:0:0:/:/s", "a:0:0:/:/s"],
    // A byte that is 0 ends the line.
    [
        "a:0:0::/:/s\u{1}x",
        "a:0:0:/:/s",
        "a:0:0:/:/s",
        "a:0:0:/:/s",
    ],
    [
        "a:0:0\u{1}::/:/s",
        "a:0:0::/bin/sh",
        "no entry",
        "a:0:0::/bin/sh",
    ],
];

#[test]
fn each_c_library_has_its_own_reading_of_a_line() {
    for &[line, glibc, musl, unknown] in LINES {
        let line = format!("shadowed:{line}");
        assert_eq!(of(&line, GLIBC), glibc, "glibc: {line:?}");
        assert_eq!(of(&line, MUSL), musl, "musl: {line:?}");
        assert_eq!(of(&line, UNKNOWN), unknown, "unknown: {line:?}");
        let both = Libc {
            musl: true,
            glibc: true,
        };
        assert_eq!(
            of(&line, both) == "no entry",
            glibc == musl && glibc == "no entry",
            "both: {line:?}"
        );
    }
    for (line, kind) in [
        ("#", "comment"),
        (".", "no entry"),
        ("?", "unreadable"),
        ("x:a:0:0::/:", "unreadable"),
    ] {
        assert_eq!(of(line, UNKNOWN), kind, "{line}");
    }
}

#[test]
fn groups_and_their_members_are_read_as_c_libraries_do() {
    let of = |line: &str, libc| match group(line.as_bytes(), libc) {
        Line::Entry(g) => format!("{} {} {:?}", g.name, g.gid, g.members),
        Line::Comment => "comment".into(),
        Line::NoEntry => "no entry".into(),
        Line::Unreadable => "unreadable".into(),
    };
    for (line, glibc, musl) in [
        (
            "docker:998:ann, bob,,c:d",
            "docker 998 [\"ann\", \"bob\", \"c:d\"]",
            "docker 998 [\"ann\", \"bob\", \"c:d\"]",
        ),
        ("docker:998", "docker 998 []", "no entry"),
        ("docker:4294967296:", "docker 4294967295 []", "docker 0 []"),
        ("docker::ann", "no entry", "docker 0 [\"ann\"]"),
        ("docker:-1:ann", "docker 4294967295 [\"ann\"]", "no entry"),
        ("+:::", "no entry", "+ 0 [\":\"]"),
        ("#docker:1:ann", "comment", "#docker 1 [\"ann\"]"),
        ("docker", "unreadable", "unreadable"),
    ] {
        assert_eq!(
            (of(line, GLIBC), of(line, MUSL)),
            (glibc.into(), musl.into()),
            "{line}"
        );
    }
}

#[test]
fn one_odd_line_is_a_gap_of_its_own_and_takes_nothing_with_it() {
    let lines: [&[u8]; 6] = [
        b"@glibc",
        b"shadowed:root:0:0::/root:/bin/sh",
        b"#",
        b"shadowed:+:::::",
        b".",
        b"shadowed:b:0:0::/:/bin/sh",
    ];
    let Collected::Partial { data, gaps } = users(raw(&lines), 0) else {
        unreachable!("two lines are no entries");
    };
    assert_eq!(data.len(), 2);
    let said: Vec<String> = gaps.iter().map(ToString::to_string).collect();
    let expected = [
        "line 3 of /etc/passwd: not an entry",
        "line 4 of /etc/passwd: not an entry",
    ];
    assert_eq!(said, expected);
    assert!(
        gaps.iter().all(|gap| gap.kind == GapKind::NoEntry),
        "{gaps}"
    );
    let whole: [&[u8]; 2] = [b"#", b"shadowed:b:0:0::/:/bin/sh"];
    assert!(matches!(users(raw(&whole), 0), Collected::Complete { .. }));
    // A line that could not be sent may be an account.
    let cut: [&[u8]; 1] = [b"?"];
    let Collected::Partial { gaps, .. } = users(raw(&cut), 0) else {
        unreachable!("a line is missing");
    };
    assert!(
        gaps.iter().all(|gap| gap.kind == GapKind::Malformed),
        "{gaps}"
    );
}

proptest! {
    #[test]
    fn no_line_is_dropped_in_silence(
        lines in proptest::collection::vec("(shadowed:|empty:|x)?[ :,a#+0-9\u{1}\r-]{0,30}|#|[.?]", 0..20),
        musl: bool,
        glibc: bool,
    ) {
        let libc = Libc { musl, glibc };
        for line in &lines {
            let line = line.as_bytes();
            for (entry, comment) in [
                (matches!(user(line, libc), Line::Entry(_)), matches!(user(line, libc), Line::Comment)),
                (matches!(group(line, libc), Line::Entry(_)), matches!(group(line, libc), Line::Comment)),
            ] {
                prop_assert!(!comment || line.contains(&b'#'));
                prop_assert!(!entry || line.contains(&b':'));
            }
        }
        let bytes: Vec<&[u8]> = lines.iter().map(String::as_bytes).collect();
        for (found, gaps) in [
            sizes(users(raw(&bytes), 0)),
            sizes(groups(raw(&bytes), 0)),
            sizes(shadow(raw(&bytes), 0)),
        ] {
            let comments = lines.iter().filter(|line| line.contains('#')).count();
            prop_assert!(found + gaps <= lines.len() && found + gaps + comments >= lines.len());
        }
    }

    #[test]
    fn an_id_that_all_libraries_agree_on_is_that_number(id: u32) {
        for libc in [GLIBC, MUSL, UNKNOWN] {
            let line = format!("shadowed:a:{id}:{id}::/:/s");
            prop_assert_eq!(of(&line, libc), format!("a:{id}:{id}:/:/s"));
        }
    }

    #[test]
    fn whatever_musl_wraps_around_to_is_seen_where_no_library_is_known(id: u32, times in 0_u64..1_000_000) {
        let written = u128::from(id) + (u128::from(times) << 32);
        let line = format!("shadowed:a:{written}:0::/:/s");
        prop_assert_eq!(of(&line, UNKNOWN), format!("a:{id}:0:/:/s"));
        prop_assert_eq!(of(&line, MUSL), format!("a:{id}:0:/:/s"));
    }
}

fn sizes<T>(found: Collected<Vec<T>>) -> (usize, usize) {
    match found {
        Collected::Complete { data } => (data.len(), 0),
        Collected::Partial { data, gaps } => {
            (data.len(), usize::try_from(gaps.total()).expect("few"))
        }
        _ => (0, 0),
    }
}
