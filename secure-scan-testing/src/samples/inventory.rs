//! Inventories of small containers.

use scanner_inventory::{
    Collected, CommandEntry, EnvVar, FileEntry, FileKind, Group, Identity, Inventory, KernelFacts,
    LanguagePackage, Listener, Mount, OsRelease, Package, PasswordState, Process, ShadowEntry,
    SocketConnection, User,
};

fn all<T>(data: T) -> Collected<T> {
    Collected::Complete { data }
}

fn file(path: &str, kind: FileKind, mode: i64) -> FileEntry {
    FileEntry {
        path: path.into(),
        exists: true,
        kind,
        mode,
        size: 1024,
        ..FileEntry::default()
    }
}

fn mount(target: &str, fstype: &str, options: &[&str]) -> Mount {
    Mount {
        target: target.into(),
        source: fstype.into(),
        fstype: fstype.into(),
        options: options.iter().map(|&option| option.into()).collect(),
    }
}

/// A small Debian container that runs one program as a user of its own: nothing in it is worth a finding, unless a
/// profile does not want a shell or a package manager.
pub fn healthy() -> Inventory {
    let user = |name: &str, id: i64, shell: &str| User {
        name: name.into(),
        uid: id,
        gid: id,
        home: "/".into(),
        real_home: "/".into(),
        shell: shell.into(),
        password: PasswordState::Shadowed,
    };
    let group = |name: &str, gid: i64| Group {
        name: name.into(),
        gid,
        members: Vec::new(),
    };
    let locked = |name: &str| ShadowEntry {
        name: name.into(),
        password: PasswordState::Locked,
        algorithm: String::new(),
    };
    Inventory {
        identity: all(Identity {
            uid: 10001,
            gid: 10001,
            groups: vec![10001],
            no_new_privs: true,
            seccomp: 2,
            ..Identity::default()
        }),
        files: all(vec![
            file("/etc", FileKind::Directory, 0o755),
            file("/etc/group", FileKind::File, 0o644),
            file("/etc/passwd", FileKind::File, 0o644),
            file("/etc/shadow", FileKind::File, 0o640),
            file("/tmp", FileKind::Directory, 0o1777),
            file("/usr/bin/app", FileKind::File, 0o755),
        ]),
        files_listed: true,
        users: all(vec![
            user("root", 0, "/usr/sbin/nologin"),
            user("app", 10001, "/usr/sbin/nologin"),
        ]),
        groups: all(vec![group("root", 0), group("app", 10001)]),
        shadow: all(vec![locked("root"), locked("app")]),
        processes: all(vec![first_process()]),
        listeners: all(vec![Listener {
            protocol: "tcp".into(),
            address: "0.0.0.0".into(),
            port: 8080,
            uid: 10001,
            loopback: false,
        }]),
        connections: all(vec![SocketConnection {
            protocol: "tcp".into(),
            address: "198.51.100.7".into(),
            port: 40000,
            remote_address: "203.0.113.9".into(),
            remote_port: 443,
            inbound: false,
            uid: 10001,
            loopback: false,
        }]),
        mounts: all(vec![
            mount("/", "overlay", &["ro", "relatime"]),
            // As a runtime masks it.
            mount("/proc/kcore", "tmpfs", &["ro", "nosuid", "noexec"]),
        ]),
        env: all(vec![EnvVar {
            name: "PATH".into(),
            length: 60,
            shape: "plain".into(),
        }]),
        commands: all(Vec::<CommandEntry>::new()),
        packages: all(vec![Package {
            name: "base-files".into(),
            version: "13.8".into(),
            arch: "amd64".into(),
            manager: "dpkg".into(),
            ..Package::default()
        }]),
        language_packages: all(Vec::<LanguagePackage>::new()),
        os: all(OsRelease {
            id: "debian".into(),
            version: "13".into(),
            name: "Debian GNU/Linux 13 (trixie)".into(),
        }),
        kernel: all(KernelFacts {
            release: "6.12.0".into(),
            lsm_label: "cri-containerd.apparmor.d (enforce)".into(),
            proc_sys_writable: false,
        }),
        ..Inventory::default()
    }
}

/// The same with things that a profile must find: root without a password, a setuid program, a private key that all may
/// read, a secret in the environment, and a process that may do everything.
pub fn alarming() -> Inventory {
    let mut inventory = healthy();
    if let Collected::Complete { data } = &mut inventory.files {
        data.push(file("/usr/bin/backdoor", FileKind::File, 0o4755));
        data.push(file("/home/app/id_rsa", FileKind::File, 0o644));
        data.push(file("/etc/cron.d/job", FileKind::File, 0o666));
    }
    if let Collected::Complete { data } = &mut inventory.users {
        for user in data.iter_mut().filter(|user| user.uid == 0) {
            user.password = PasswordState::Empty;
            user.shell = "/bin/sh".into();
        }
    }
    if let Collected::Complete { data } = &mut inventory.processes {
        data.push(Process {
            pid: 7,
            ppid: 1,
            name: "agent".into(),
            capabilities: vec!["CAP_SYS_ADMIN".into()],
            bounding: vec!["CAP_SYS_ADMIN".into()],
            ..Process::default()
        });
    }
    inventory.env = all(vec![EnvVar {
        name: "DATABASE_URL".into(),
        length: 48,
        shape: "url_credentials".into(),
    }]);
    inventory
}

fn first_process() -> Process {
    Process {
        pid: 1,
        name: "app".into(),
        uid: 10001,
        gid: 10001,
        groups: Some(vec![10001]),
        mixed_ids: Some(false),
        raisable: Some(vec![]),
        no_new_privs: true,
        seccomp: 2,
        user_namespace: Some(4_026_531_837),
        mount_namespace: Some(4_026_532_600),
        other_namespaces: Some(false),
        root_device: Some("0:61".into()),
        root_fstype: Some("overlay".into()),
        cwd: Some("/".into()),
        root: Some("/".into()),
        places_reached: Some(true),
        ..Process::default()
    }
}

/// The healthy one as seen by its own user, who may not read everything: its processes and some of its files are missing,
/// each with a reason.
pub fn partial() -> Inventory {
    let mut inventory = healthy();
    inventory.processes = Collected::Unavailable {
        reason: "/proc is not readable by this user".into(),
    };
    inventory.mounts = Collected::Unavailable {
        reason: "/proc/self/mountinfo is not readable by this user".into(),
    };
    inventory
}
