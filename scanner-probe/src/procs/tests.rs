//! Odd environments: one line for each variable, and no value in it.

use proptest::prelude::*;

use super::{bound::are_same, container::is_of, env::variables, *};
use crate::Root;

fn lines(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    variables(text.as_bytes(), &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn values_are_known_by_their_shape_alone() {
    let text = "A=\0KEY=AKIA0123456789ABCDEF\0URL=postgres://u:p@h/d\0none\0X\nY=1\0";
    assert_eq!(
        lines(text),
        [
            "0 empty A",
            "20 aws_key KEY",
            "18 url_credentials URL",
            "1 plain X?Y"
        ]
    );
}

#[test]
fn what_was_written_over_an_environment_is_counted() {
    let odd = |text: &str| variables(text.as_bytes(), &mut Vec::new()).unwrap();
    for whole in ["", "\0", "A=b", "A=b\0", "A=b\0C=d\0"] {
        assert_eq!(odd(whole), 0, "{whole:?}");
    }
    assert_eq!(odd("nginx: master process nginx\0\0\0"), 3);
    assert_eq!(odd("postgres: writer key=value\0A=b\0"), 1);
    assert_eq!(odd("A=b\0\0"), 1);
}

#[test]
fn a_process_is_of_a_container_by_its_id_and_of_a_cgroup_by_all_of_it() {
    let docker = "0::/docker/0123456789abcdef\n";
    assert!(is_of(docker, "0123456789ab"));
    assert!(is_of(docker, "0::/docker/0123456789abcdef"));
    for other in ["0::/user/session-10\n", "0::/user/session-1/x\n"] {
        assert!(!is_of(other, "0::/user/session-1"), "{other}");
    }
}

#[test]
fn a_proc_that_hides_processes_of_others_is_known() {
    for (mounts, hides) in [
        (
            "proc /proc proc rw,nosuid,nodev,noexec,relatime 0 0\n",
            false,
        ),
        ("proc /proc proc rw,relatime,hidepid=invisible 0 0\n", true),
        ("proc /proc proc rw,relatime,gid=5,hidepid=2 0 0\n", true),
        ("proc /proc proc rw,subset=pid 0 0\n", true),
        ("proc /other/proc proc rw,hidepid=2 0 0\n", false),
        ("tmpfs /proc/acpi tmpfs ro,hidepid=2 0 0\n", false),
        ("", false),
    ] {
        assert_eq!(hides_others(mounts), hides, "{mounts}");
    }
}

#[test]
fn a_table_that_cannot_be_read_is_an_error_and_one_that_is_not_there_is_empty() {
    let own = std::process::id();
    let read = |pid, name| rows(pid, name, |_| Ok(()));
    assert!(read(own, "no-such-protocol").is_ok());
    assert!(read(own, "tcp").is_ok());
    assert!(read(u32::MAX, "tcp").is_err());
}

#[test]
fn of_a_table_of_connections_only_those_that_listen_are_listeners() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let _connection = std::net::TcpStream::connect(at).unwrap();
    let port = format!(":{:04X} ", at.port());
    let written = |listening| {
        let mut out = Vec::new();
        sockets(std::process::id(), listening, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let ours = text.lines().filter(|row| row.contains(&port));
        ours.map(str::to_owned).collect::<Vec<_>>()
    };
    let listening = written(true);
    assert_eq!(listening.len(), 1, "{listening:?}");
    assert!(listening[0].contains(" 0A "), "{listening:?}");
    assert!(written(false).len() >= 3);
}

proptest! {
    #[test]
    fn no_value_is_in_what_is_written(
        pairs in proptest::collection::vec(("[A-Z\n\r@! ]{0,8}", "[^\0A-Z0-9 ]{6,12}"), 0..8)
    ) {
        let pair = |(name, value): &(String, String)| format!("{name}={value}\0");
        let text = pairs.iter().map(pair).collect::<Vec<_>>().concat();
        let written = lines(&text);
        prop_assert_eq!(written.len(), pairs.len());
        for (line, (_, value)) in written.iter().zip(&pairs) {
            prop_assert!(!line.contains(value.as_str()), "{line}");
            let mut fields = line.splitn(3, ' ');
            prop_assert_eq!(fields.next().and_then(|n| n.parse().ok()), Some(value.len()));
        }
    }
}

#[test]
fn what_another_process_of_that_number_shows_is_never_given() {
    let own = Process::of(std::process::id()).unwrap();
    let of = |process: &Process, asked: Section| {
        let subject = Subject {
            root: Box::new(Root::open(std::path::Path::new("/")).unwrap()),
            process: Some(process.clone()),
            container: String::new(),
        };
        let mut out = Vec::new();
        let end = section(&subject, asked, &mut out).unwrap();
        (end, out)
    };
    for asked in [
        Section::Identity,
        Section::Mounts,
        Section::Env,
        Section::Kernel,
        Section::Listeners,
    ] {
        let (end, out) = of(&own, asked);
        assert!(!matches!(end, End::Missing(_)), "{asked:?}");
        assert!(!out.is_empty() || asked == Section::Listeners, "{asked:?}");
        let (end, out) = of(&own.another(), asked);
        assert!(matches!(end, End::Missing(_)), "{asked:?}");
        assert!(out.is_empty() || asked == Section::Listeners, "{asked:?}");
    }
}

#[test]
fn a_table_of_mounts_is_of_the_root_that_the_other_form_names() {
    let info = "30 22 0:44 / / rw - overlay overlay rw\n31 30 0:45 / /proc rw - proc proc rw\n";
    assert!(are_same(
        info,
        "overlay / overlay rw 0 0\nproc /proc proc rw 0 0\n"
    ));
    // Read while the process was below a mount of its own.
    assert!(!are_same(info, "proc / proc rw 0 0\n"));
    assert!(!are_same(info, ""));
}
