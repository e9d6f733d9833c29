//! Every section of one prepared target, by both agents: what they answer and what they could not read is the same.
//!
//! The target is a mount namespace with an `/etc` of its own, in which a process runs. What may differ is [`DIFFERS`].

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    io::Write as _,
    net::{TcpListener, TcpStream},
    os::unix::{
        ffi::OsStrExt as _,
        fs::{PermissionsExt as _, chown, symlink},
    },
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
use scanner_core::inventory::{
    Collected, Coverage, FileKind, FileSelector, GapKind, Inventory, InventoryRequest, Section,
    collector, parse,
};
use scanner_probe::{Root, Subject, answer};
use serde_json::{Value, json};
use tempfile::TempDir;

mod commands;
mod homes;
mod places;

use places::{followed, links, make_links, mounts, starts, walked};

/// Every shell that the collector must work in.
const SHELLS: [&[&str]; 3] = [&["dash", "-s"], &["bash", "-s"], &["busybox", "sh", "-s"]];

/// What may differ, and why.
const DIFFERS: [(&str, &str); 4] = [
    (
        "kind of a shut directory",
        "of one that can be listed and not searched, the probe may say `not_listable`, which no check passes beside",
    ),
    (
        "language_packages",
        "only the probe reads them; a test of its own holds the collector to saying so",
    ),
    (
        "reasons and notes",
        "each agent says in its own words why; kind and place of a gap are the same",
    ),
    (
        "processes and sockets of the machine",
        "others start and end between the two answers; those of the target stay",
    ),
];

/// The cgroups of the target.
const CGROUPS: &str = "0::/\n";

/// The processes that are the target, and its sockets.
struct Target {
    processes: Vec<Child>,
    /// What stands for `/proc/PID/cgroup`, which is the same for all processes of the machine: a file for each of the target.
    cgroups: TempDir,
    ports: BTreeSet<i64>,
    _held: (TcpListener, TcpStream),
}

/// Runs a program in the environment of the target, with or without capabilities.
fn program(words: &[&str], weak: bool) -> Command {
    let without: &[&str] = if weak {
        &["setpriv", "--bounding-set=-all"]
    } else {
        &[]
    };
    let all = [without, words].concat();
    let mut command = Command::new(all[0]);
    command
        .args(&all[1..])
        .env_clear()
        .env("PATH", commands::PATH)
        .env("DB_PASSWORD", "hunter2")
        .env("PEM", "-----BEGIN PRIVATE KEY-----\nxyz\n")
        .env("UMLAUT", OsStr::from_bytes(b"\xc3\xa4\xff"))
        .env("EMPTY", "");
    command
}

impl Target {
    fn start(weak: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = listener.local_addr().expect("a port");
        let stream = TcpStream::connect(at).expect("a connection");
        let own = stream.local_addr().expect("a port").port();
        let start = |seconds: &str| program(&["sleep", seconds], weak).spawn().expect("sleep");
        let processes = vec![start("600"), start("601")];
        // Until what they run is what they were started for.
        for process in &processes {
            let name = format!("/proc/{}/comm", process.id());
            while fs::read_to_string(&name).is_ok_and(|name| name.trim() != "sleep") {
                std::thread::yield_now();
            }
        }
        // The collector takes only those for the target's that began before it.
        std::thread::sleep(Duration::from_millis(30));
        let cgroups = tempfile::tempdir().expect("a directory");
        for process in &processes {
            let name = cgroups.path().join(process.id().to_string());
            fs::write(name, CGROUPS).expect("a file");
        }
        Self {
            processes,
            cgroups,
            ports: [at.port(), own].map(i64::from).into(),
            _held: (listener, stream),
        }
    }

    fn by_collector(&self, shell: &[&str], weak: bool, request: &InventoryRequest) -> Inventory {
        let own = format!("{}/$1", self.cgroups.path().display());
        let script = collector::script(request, "n").replace("/proc/$1/cgroup", &own);
        assert!(script.contains(&own), "the collector reads cgroups");
        let mut child = program(shell, weak)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| unreachable!("{shell:?} and setpriv must be installed: {e}"));
        let name = self.cgroups.path().join(child.id().to_string());
        fs::write(name, CGROUPS).expect("a file");
        let mut stdin = child.stdin.take().expect("stdin");
        let writer = std::thread::spawn(move || stdin.write_all(script.as_bytes()));
        let out = child.wait_with_output().expect("output").stdout;
        writer.join().expect("joined").expect("written");
        let found = parse::inventory(collector::NAME, &out, "n", request);
        self.own(found.expect("an answer"))
    }

    fn by_probe(&self, request: &InventoryRequest) -> Inventory {
        let pid = self.processes[0].id();
        let subject = Subject {
            root: Box::new(Root::open(Path::new("/")).expect("root")),
            process: scanner_probe::inside::Process::of(pid).ok(),
            container: String::new(),
        };
        let mut out = Vec::new();
        answer(&subject, request, "n", &mut out).expect("written");
        let found = parse::inventory(scanner_probe::NAME, &out, "n", request);
        self.own(found.expect("an answer"))
    }

    /// The inventory without what belongs to the rest of the machine.
    fn own(&self, mut found: Inventory) -> Inventory {
        fn keep<T>(all: &mut Collected<Vec<T>>, of: impl Fn(&T) -> bool) {
            if let Collected::Complete { data } | Collected::Partial { data, .. } = all {
                data.retain(of);
            }
        }
        let pids: BTreeSet<i64> = self.processes.iter().map(|p| p.id().into()).collect();
        keep(&mut found.processes, |p| {
            p.pid == 1 || pids.contains(&p.pid)
        });
        keep(&mut found.listeners, |l| self.ports.contains(&l.port));
        keep(&mut found.connections, |c| self.ports.contains(&c.port));
        found
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        for process in &mut self.processes {
            process.kill().unwrap_or_default();
            let _ = process.wait();
        }
    }
}

/// State, data in an order of its own, and gaps of each section, without the words of reasons.
fn comparable(found: &Inventory) -> Vec<(Section, String, Value, BTreeSet<String>)> {
    let Value::Object(all) = serde_json::to_value(found).expect("JSON") else {
        unreachable!("an inventory is an object");
    };
    let sections = Section::ALL.into_iter();
    let of = |section: Section| {
        let one = &all[section.name()];
        let mut data = one["data"].clone();
        if let Value::Array(items) = &mut data {
            items.sort_by_key(Value::to_string);
            items.dedup();
        }
        let gaps = match found.section_coverage(section) {
            Coverage::Partial { gaps } => gaps
                .iter()
                .map(|gap| {
                    let kind = match gap.kind {
                        GapKind::NotListable | GapKind::NotSearchable => "shut",
                        other => other.code(),
                    };
                    format!("{kind} {:?} {:?}", gap.path, gap.attribute)
                })
                .collect(),
            _ => BTreeSet::new(),
        };
        (section, one["state"].to_string(), data, gaps)
    };
    sections
        .filter(|section| *section != Section::Pod)
        .map(of)
        .collect()
}

/// Compares both agents, each collector in each shell, in a target whose `/etc` is what `prepare` makes of an empty folder.
/// Gives the states of the sections.
fn compared(weak: bool, prepare: impl Fn(&Path) + Send + 'static) -> Value {
    compared_of(weak, &Section::ALL, prepare)
}

/// The same of some sections.
fn compared_of(weak: bool, asked: &[Section], prepare: impl Fn(&Path) + Send + 'static) -> Value {
    compared_and(weak, asked, prepare, |_| ())
}

/// The same; `hold` also checks every inventory for what must be seen, even if both agents agree.
fn compared_and(
    weak: bool,
    asked: &[Section],
    prepare: impl Fn(&Path) + Send + 'static,
    hold: impl Fn(&Inventory) + Send + 'static,
) -> Value {
    let asked = asked.to_vec();
    assert!(
        nix::unistd::geteuid().is_root(),
        "these tests mount an /etc of their own: run them as root, as CI does"
    );
    // Of a thread alone: the other tests keep their mounts and capabilities.
    let thread = std::thread::spawn(move || {
        unshare(CloneFlags::CLONE_FS | CloneFlags::CLONE_NEWNS).expect("a mount namespace");
        let none = None::<&str>;
        let private = MsFlags::MS_PRIVATE | MsFlags::MS_REC;
        mount(none, "/", none, private, none).expect("private mounts");
        mount(Some("t"), "/etc", Some("tmpfs"), MsFlags::empty(), none).expect("an /etc");
        mount(Some("t"), "/srv", Some("tmpfs"), MsFlags::empty(), none).expect("a /srv");
        prepare(Path::new("/etc"));
        tree(Path::new("/srv"));
        mounts(Path::new("/srv/mounts"));
        make_links();
        let request = InventoryRequest {
            sections: asked
                .iter()
                .copied()
                .filter(|section| *section != Section::LanguagePackages)
                .collect(),
            commands: commands::NAMES.map(str::to_owned).into(),
            files: vec![
                FileSelector {
                    under: starts(),
                    digest: true,
                    ..FileSelector::default()
                },
                FileSelector {
                    paths: ["/etc/passwd", "/srv/shut/x", "/srv/names/x", "/no\nsuch"]
                        .map(str::to_owned)
                        .into(),
                    digest: true,
                    ..FileSelector::default()
                },
                // Walked again for another check, and named without asking for their contents.
                FileSelector {
                    under: vec!["/etc".into()],
                    ..FileSelector::default()
                },
                FileSelector {
                    paths: links(),
                    follow: true,
                    ..FileSelector::default()
                },
                // The same path, as the link that it is.
                FileSelector {
                    paths: vec!["/srv/links/shut".into(), "/srv/links/plain".into()],
                    ..FileSelector::default()
                },
            ],
            ..InventoryRequest::default()
        };
        let target = Target::start(weak);
        let collected: Vec<_> = SHELLS
            .iter()
            .map(|shell| (shell, target.by_collector(shell, weak, &request)))
            .collect();
        if weak {
            let none = CapabilitySet::empty();
            let sets = CapabilitySets {
                effective: none,
                permitted: none,
                inheritable: none,
            };
            set_capabilities(None, sets).expect("fewer capabilities");
        }
        let probed = target.by_probe(&request);
        hold(&probed);
        for (_, found) in &collected {
            hold(found);
        }
        if asked.contains(&Section::Files) {
            walked(&probed);
            followed(&probed, weak);
        }
        let mut states = serde_json::Map::new();
        for (shell, collected) in &collected {
            // What a probe reads of the first process, a collector reads beside its own environment.
            assert_eq!(collected.process_env, probed.env, "{shell:?}, weak: {weak}");
            for (one, two) in comparable(collected).into_iter().zip(comparable(&probed)) {
                states.insert(two.0.to_string(), json!(two.1.trim_matches('"')));
                if DIFFERS.iter().any(|(what, _)| *what == one.0.name()) {
                    continue;
                }
                let place = format!("{shell:?}, {}, weak: {weak}", one.0);
                assert_eq!((one.1, one.3), (two.1, two.3), "{place}");
                // Only what differs is worth a reader's time.
                let items = |data: &Value, other: &Value| match (data, other) {
                    (Value::Array(data), Value::Array(other)) => data
                        .iter()
                        .filter(|i| !other.contains(i))
                        .cloned()
                        .collect(),
                    _ => vec![data.clone()],
                };
                let (ours, theirs) = (items(&one.2, &two.2), items(&two.2, &one.2));
                assert_eq!(ours, theirs, "{place}");
            }
        }
        Value::Object(states)
    });
    thread.join().expect("both agents say the same")
}

/// Names with odd bytes, links, and what uid 0 needs a capability for.
fn tree(root: &Path) {
    for name in [
        &b"plain"[..],
        b"two\nlines",
        b"a\\b",
        b"\xff\xfe",
        b"-x",
        b"sp ace",
        b"\r",
    ] {
        fs::write(root.join(OsStr::from_bytes(name)), name).expect("file");
    }
    symlink("pl\nain", root.join("link")).expect("link");
    nix::unistd::mkfifo(&root.join("fifo"), nix::sys::stat::Mode::S_IRWXU).expect("FIFO");
    let modes = [("shut", 0o000), ("names", 0o444), ("closed", 0o600)];
    for (name, mode) in modes {
        let path = root.join(name);
        if name == "closed" {
            fs::write(&path, "x").expect("file");
        } else {
            fs::create_dir(&path).expect("folder");
            fs::write(path.join("x"), "x").expect("file");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("mode");
        chown(&path, Some(65_534), Some(65_534)).expect("owner");
    }
}

/// Lines that C libraries read differently, lines that they skip, and bytes that end lines elsewhere.
const ODD_ACCOUNTS: &[u8] = b"root:x:0:0:root:/root:/bin/sh\n#off:x:1:1::/:/bin/sh\n  # note\n\n+::::::\n+\ncr:x:5:5::/:/bin/sh\r\n\
    colons:x:6:6::/:/bin/sh:x:y\nzero:x:7:7::/:/bin/sh\0x\nid\0:x:8\n:x:9:9::/:\nwrap:x:4294967296:-1::/:\n  blank:x: 3:3::/:\nfew:x:0:0\n\
    no fields\nname:\nname:x\none\x01two:!:4:4::/:\n\xff\x81\x88:*:5:5:\x81:/\x82:/\xff\\\n\r\nlast:$6$a$b:1:1::/";

#[test]
fn odd_lines_of_accounts_are_the_same() {
    let asked = [Section::Users, Section::Groups, Section::Shadow];
    let states = compared_of(false, &asked, |etc| {
        for name in ["passwd", "group", "shadow"] {
            fs::write(etc.join(name), ODD_ACCOUNTS).expect("file");
        }
    });
    for section in ["users", "groups"] {
        assert_eq!(states[section], "partial", "{states}");
    }
    // Any bytes at all, in lines that look a little like those of accounts.
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    for _ in 0..10 {
        let words: [&[u8]; 16] = [
            b":", b":", b":", b":x:", b"0", b"1", b"a", b"\n", b"\n", b"#", b"+", b" ", b"\r",
            b"\0", b"\\", b"\x81",
        ];
        let text: Vec<u8> = (0..2_000)
            .flat_map(|_| match next(20) {
                byte @ 16.. => vec![u8::try_from(byte * 51 % 256).unwrap_or_default()],
                word => words[usize::try_from(word).unwrap_or_default()].to_vec(),
            })
            .collect();
        compared_of(false, &asked, move |etc| {
            for name in ["passwd", "group", "shadow"] {
                fs::write(etc.join(name), &text).expect("file");
            }
        });
    }
}

#[test]
fn a_group_that_is_named_as_the_protocol_names_things_is_a_group() {
    const LINES: &[u8] =
        b"@musl:x:7:\n@home /x:x:0:root,mallory\n@glibc:x:8:ann\n@home /y\n@musl\n@home ::9:bob\n";
    let asked = [Section::Users, Section::Groups, Section::Shadow];
    let prepare = |etc: &Path| {
        for name in ["passwd", "group", "shadow"] {
            fs::write(etc.join(name), LINES).expect("file");
        }
    };
    compared_and(false, &asked, prepare, |found| {
        let groups = found.groups.data().expect("groups");
        let of = |gid| groups.iter().find(|group| group.gid == gid);
        let root = of(0).expect("a group with gid 0");
        assert_eq!(root.name, "@home /x");
        assert_eq!(root.members, ["root", "mallory"]);
        assert_eq!(groups.len(), 4, "{groups:?}");
        assert_eq!(found.shadow.data().map(Vec::len), Some(4));
    });
}

fn accounts(etc: &Path) {
    let write = |name: &str, text: &[u8]| fs::write(etc.join(name), text).expect("file");
    write(
        "passwd",
        b"root:x:0:0:root:/root:/bin/sh\nodd\xff:!:5:5::/h\\ome:\nempty::6:6:::/bin/sh\nlast:x:7:7::/:/bin/sh",
    );
    write("group", b"root:x:0:\nmany:x:5:a,b,\xffc\nlast:x:7:a");
    write(
        "shadow",
        b"root:*:1:0:99999:7:::\nold:ab1cd:1:0:99999:7:::\nnew:$6$s$h:1:0:99999:7:::\nopen::1::::::\nlast:!$y$x:1",
    );
    write(
        "os-release",
        b"ID=odd\nVERSION_ID=\"1\"\nPRETTY_NAME='An odd\xff one'",
    );
}

#[test]
fn a_whole_target_is_the_same_with_and_without_capabilities() {
    for weak in [false, true] {
        let states = compared(weak, accounts);
        for (section, state) in states.as_object().expect("sections") {
            let expected = match section.as_str() {
                // A link that leads to itself is a gap.
                "files" => "partial",
                "language_packages" => "not_requested",
                _ => "complete",
            };
            assert_eq!(state, expected, "{section}, weak: {weak}");
        }
    }
}

/// The files of accounts as links to one place.
fn link_all(etc: &Path, to: &str) {
    for name in ["passwd", "group", "shadow", "os-release"] {
        symlink(to, etc.join(name)).expect("link");
    }
}

#[test]
fn accounts_that_are_no_files_or_cannot_be_read_are_the_same() {
    let fifos = |etc: &Path| {
        // bash itself opens /etc/passwd when it starts, and would wait for a writer.
        for name in ["group", "shadow", "os-release"] {
            let mode = nix::sys::stat::Mode::S_IRWXU;
            nix::unistd::mkfifo(&etc.join(name), mode).expect("FIFO");
        }
    };
    let states = compared(false, fifos);
    assert_eq!(states["groups"], "unavailable", "{states}");
    let shut = |etc: &Path| {
        accounts(etc);
        for name in ["passwd", "group", "shadow", "os-release"] {
            let path = etc.join(name);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("mode");
        }
    };
    let states = compared(true, shut);
    for section in ["users", "groups", "shadow"] {
        assert_eq!(states[section], "unavailable", "{states}");
    }
    // Links to what cannot be read, and to nothing.
    let (behind, nowhere) = (
        |etc: &Path| link_all(etc, "/srv/shut/x"),
        |etc: &Path| link_all(etc, "/srv/gone/x"),
    );
    let states = compared(true, behind);
    for section in ["users", "groups", "shadow"] {
        assert_eq!(states[section], "unavailable", "{states}");
    }
    let states = compared(true, nowhere);
    for section in ["users", "groups", "shadow"] {
        assert_eq!(states[section], "complete", "{states}");
    }
    // Nothing at all, and directories in place of files.
    compared(false, |_| ());
    compared(false, |etc| {
        for name in ["passwd", "group", "shadow", "os-release"] {
            fs::create_dir(etc.join(name)).expect("folder");
        }
    });
}
