//! Every error is said in words: nothing that only a programmer of Rust knows reaches a user.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output, Stdio},
    thread,
};

use tempfile::TempDir;
use tls::Authority;

#[path = "plain_words/tls.rs"]
mod tls;

/// What no message may have: how Rust shows a value to a programmer.
const DEBUG: [&str; 23] = [
    "\\u{",
    "Os {",
    "unix_wait_status",
    "Error {",
    "Error(",
    "Some(",
    "None)",
    "Err(",
    "Ok(",
    "ErrorKind",
    "ExitStatus",
    "panicked",
    "RUST_BACKTRACE",
    "called `",
    "UnknownIssuer",
    "IpAddress(",
    "DnsName(",
    "KeyMismatch",
    "rustls",
    "peer certificate",
    "untagged enum",
    "unknown variant",
    "entity not found",
];

fn run(folder: &Path, args: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_secure-scan"));
    command.args(args).current_dir(folder).stdin(Stdio::null());
    for name in [
        "HTTPS_PROXY",
        "https_proxy",
        "NO_PROXY",
        "no_proxy",
        "KUBERC",
    ] {
        command.env_remove(name);
    }
    command.env("HOME", folder).env("KUBECONFIG", "config");
    command.envs(variables.iter().copied()).output().unwrap()
}

/// What a run says that fails.
fn said(folder: &Path, args: &[&str], variables: &[(&str, &str)]) -> String {
    let (code, text) = in_words(folder, args, variables);
    assert!((1..=5).contains(&code), "{args:?} {code}: {text}");
    // A list of failures has a mark in front of each.
    let is_said = text.contains("error: ") || text.contains("error   ");
    assert!(is_said, "{args:?}: {text}");
    text
}

/// Exit code and words of a run, which are words for a user.
fn in_words(folder: &Path, args: &[&str], variables: &[(&str, &str)]) -> (i32, String) {
    let ran = run(folder, args, variables);
    let text = String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned();
    for debug in DEBUG {
        assert!(!text.contains(debug), "{debug} in {args:?}: {text}");
    }
    (ran.status.code().unwrap_or(-1), text)
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("no.tar"), "no archive").unwrap();
    fs::write(at("no.yaml"), "a: [1\n").unwrap();
    fs::write(at("other.yaml"), "a: 1\n\u{e9}\"x\": \"y\"\n").unwrap();
    fs::write(at("no.json"), "{\"a\": 1}").unwrap();
    fs::write(at("bytes"), b"\xff\xfe\x00\x01\xff").unwrap();
    fs::write(at("empty"), "").unwrap();
    fs::create_dir(at("dir")).unwrap();
    folder
}

#[test]
fn every_error_about_files_and_arguments_is_in_words() {
    let folder = folder();
    let files = ["gone", "no.yaml", "other.yaml", "bytes", "dir", "gön e\"'"];
    for file in files {
        let json = format!("json={file}/x/y");
        for args in [
            &["profile", "check", file][..],
            &["profile", "test", file],
            &["policy", "check", file],
            &["report", "convert", file, "-o", "html"],
            &["audit", "verify", file],
            &["audit", "reconcile", file, "--apiserver-log", file],
            &["inject", "-f", file, "--probe-image", "probe:1"],
            &["local", "--oci-archive", file],
            &["local", "--root", "dir", "-p", file],
            &["local", "--root", "dir", "--waivers", file],
            &["local", "--root", "dir", "--threshold", file],
            &["local", "--root", "dir", "-o", &json],
            &["container", "web", "--policy", file],
            &["container", "web", "-p", file],
            &["container", "web", "--kubeconfig", file],
            &["container", "web", "--context", file],
        ] {
            said(folder.path(), args, &[]);
        }
    }
    for args in [
        &["local", "--root", "gone"][..],
        &["local", "--pid", "4194303"],
        &["local", "--root", "dir", "--tag", "nö\"pe"],
        &["local", "--root", "dir", "--input", "nope=1"],
        &["local", "--root", "dir", "--fail-on", "very"],
        &["container", "we$b"],
        &["container", "nö pe/\"web\""],
        &["container", "-l", "a in (", "-n", "shop"],
        &["container", "web", "-n", "Shöp"],
        &["container", "web", "-c", "a\"b"],
        &["container", "web", "--lease", "3"],
        &["container", "web", "--expect-digest", "sha256:é"],
        &["image", "Foo/Bär", "--probe-image", "p"],
        &["distroless", "web", "--probe-image", "p", "--no-residue"],
        &[
            "credential",
            "exec",
            "--pod",
            "web",
            "--exec",
            "",
            "--",
            "true",
        ],
        &[
            "credential",
            "exec",
            "--pod",
            "web",
            "--exec-json",
            "[\"a\"",
            "--",
            "true",
        ],
        &["policy", "show", "nö\"pe"],
        &["profile", "explain", "nö\"pe"],
        &["rights", "--strategy", "nöpe"],
        &["guard", "render", "--nope"],
        &["nope"],
        &[],
    ] {
        let (code, text) = in_words(folder.path(), args, &[]);
        assert!(code > 0, "{args:?}: {text}");
    }
}

#[test]
fn what_is_misspelt_is_answered_with_what_was_meant() {
    let folder = folder();
    let folder = folder.path();
    fs::write(
        folder.join("gate.yaml"),
        "level: baseline\ngates:\n  host-pic: abort\n",
    )
    .unwrap();
    fs::write(
        folder.join("total.yaml"),
        "failed:\n  total:\n    maxx: 0\n",
    )
    .unwrap();
    for (args, meant) in [
        (
            &[
                "local",
                "--root",
                "dir",
                "--threshold",
                "failed.total.maxx: 0",
            ][..],
            "did you mean failed.total.max?",
        ),
        (
            &["local", "--root", "dir", "--threshold", "total.yaml"],
            "maxx",
        ),
        (
            &["container", "web", "--policy", "hardend"],
            "did you mean hardened?",
        ),
        (&["policy", "show", "hardend"], "did you mean hardened?"),
        (
            &["container", "web", "--level", "hardend"],
            "did you mean hardened?",
        ),
        (&["policy", "check", "gate.yaml"], "did you mean host-ipc?"),
        (&["config", "show", "containr"], "did you mean container?"),
        (
            &["config", "show", "guard", "tset"],
            "did you mean guard test?",
        ),
        (
            &["local", "--root", "dir", "-o", "json=gone/x"],
            "its folder does not exist",
        ),
    ] {
        let (code, text) = in_words(folder, args, &[]);
        assert!(code > 1 && text.contains(meant), "{args:?} {code}: {text}");
    }
}

const AUTHORITY: &str = include_str!("plain_words/authority.pem");

/// A kubeconfig of that cluster and user.
fn config(folder: &Path, cluster: &str, user: &str) {
    fs::write(folder.join("ca"), AUTHORITY).unwrap();
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: x\nclusters: [{{name: c, cluster: {{{cluster}}}}}]\n\
         users: [{{name: u, user: {{{user}}}}}]\ncontexts: [{{name: x, context: {{cluster: c, user: u}}}}]\n"
    );
    fs::write(folder.join("config"), text).unwrap();
}

/// A port of this machine where every client gets that answer.
fn answers(answer: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            thread::spawn(move || {
                let _ = stream.read(&mut [0; 512]);
                let _ = stream.write_all(answer);
                let _ = stream.read(&mut [0; 512]);
            });
        }
    });
    port
}

/// What commands say that talk to a cluster.
fn cluster_says(folder: &Path, variables: &[(&str, &str)], words: &str) {
    let loan = [
        "credential",
        "exec",
        "--pod",
        "web",
        "--exec",
        "id",
        "--",
        "true",
    ];
    for args in [&["container", "web"][..], &loan] {
        let text = said(folder, args, variables);
        assert!(text.contains(words), "{args:?}: {words}: {text}");
    }
}

/// A cluster behind a port where nobody listens, and one that is never asked.
const CLOSED: &str = "server: 'https://127.0.0.1:1', certificate-authority: ca";
const SOME: &str = "server: 'https://h', certificate-authority: ca";

#[test]
fn every_error_about_a_kubeconfig_is_in_words() {
    let folder = folder();
    let folder = folder.path();
    for (cluster, user, words) in [
        ("server: 'http://h'", "", "not reached by https"),
        ("server: 'https://h'", "", "--system-roots"),
        (
            "server: 'https://h', certificate-authority: gone",
            "",
            "gone: No such file",
        ),
        (
            "server: 'https://h', certificate-authority: empty",
            "",
            "certificate",
        ),
        (
            "server: 'https://h', insecure-skip-tls-verify: true",
            "",
            "insecure-skip-tls-verify",
        ),
        ("server: 'a b'", "", "is not an address"),
        ("", "", "has no server"),
        (
            CLOSED,
            "client-certificate: gone, client-key: gone",
            "gone: No such file",
        ),
        (CLOSED, "client-certificate: ca, client-key: ca", "key"),
        (CLOSED, "tokenFile: gone", "token file"),
        (CLOSED, "token: \"a\\nb\"", "no header may have"),
        (CLOSED, "token: t", "Connection refused"),
        (
            "server: 'https://name.invalid:1', certificate-authority: ca",
            "token: t",
            "no connection",
        ),
        (
            "server: 'https://127.0.0.1:1', certificate-authority: ca, proxy-url: 'http://127.0.0.1:1'",
            "",
            "no connection to the proxy http://127.0.0.1:1",
        ),
        (
            "server: 'https://127.0.0.1:1', certificate-authority: ca, proxy-url: 'ftp://p'",
            "",
            "its scheme is not",
        ),
    ] {
        config(folder, cluster, user);
        cluster_says(folder, &[], words);
    }
    let lists = [
        "gone",
        "gone:none",
        "no.yaml",
        "gone:other.yaml",
        "bytes",
        "dir",
    ];
    for listed in lists {
        cluster_says(folder, &[("KUBECONFIG", listed)], "kubeconfig");
    }
}

/// Years in which a certificate is valid.
const NOW: (i32, i32) = (2020, 2100);

#[test]
fn every_error_about_a_certificate_is_in_words() {
    let folder = folder();
    let folder = folder.path();
    let (ours, other) = (Authority::new(), Authority::new());
    fs::write(folder.join("ours"), ours.pem()).unwrap();
    let here = ["127.0.0.1", "localhost"];
    let of_another = "is not signed by the certificate authority";
    for (authority, names, years, extra, words, hint) in [
        (
            &other,
            &here[..],
            NOW,
            "",
            of_another,
            "check certificate-authority-data",
        ),
        (
            &ours,
            &here,
            NOW,
            ", tls-server-name: nope",
            "the server's certificate is for other names: 127.0.0.1, localhost",
            "check server and tls-server-name",
        ),
        (
            &ours,
            &["kubernetes.default"],
            NOW,
            "",
            "is for other names: kubernetes.default",
            "check server and tls-server-name",
        ),
        (
            &ours,
            &here,
            (2001, 2002),
            "",
            "has expired (2002-01-01T00:00:00Z)",
            "renew",
        ),
        (
            &ours,
            &here,
            (2100, 2101),
            "",
            "is not valid yet (2100-01-01T00:00:00Z)",
            "clock",
        ),
    ] {
        let port = authority.serve(names, years, b"");
        let cluster =
            format!("server: 'https://127.0.0.1:{port}', certificate-authority: ours{extra}");
        config(folder, &cluster, "token: t");
        cluster_says(folder, &[], words);
        cluster_says(folder, &[], hint);
    }
    let proxy = other.serve(&here, NOW, b"");
    let cluster = format!("{SOME}, proxy-url: 'https://127.0.0.1:{proxy}'");
    config(folder, &cluster, "token: t");
    cluster_says(folder, &[], "the proxy's certificate is not signed");
    cluster_says(folder, &[], "check the proxy");
}

#[test]
fn what_is_no_api_server_is_not_believed_about_a_namespace() {
    let folder = folder();
    let folder = folder.path();
    let ours = Authority::new();
    fs::write(folder.join("ours"), ours.pem()).unwrap();
    let answer = b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 19\r\n\r\n404 page not found\n";
    let port = ours.serve(&["127.0.0.1"], NOW, answer);
    let server = format!("server: 'https://127.0.0.1:{port}/k8s', certificate-authority: ours");
    config(folder, &server, "token: t");
    cluster_says(
        folder,
        &[],
        "what answers is not the API server of a cluster (404)",
    );
    cluster_says(folder, &[], "hint: check host, port and path of `server`");
    let (code, _) = in_words(folder, &["container", "web"], &[]);
    assert_eq!(code, 3);
}

#[test]
fn every_error_about_a_context_is_in_words() {
    let folder = folder();
    let folder = folder.path();
    config(folder, CLOSED, "token: t");
    let text = fs::read_to_string(folder.join("config")).unwrap();
    let lab = text
        .replace("name: x,", "name: lab,")
        .replace("current-context: x", "current-context: lab");
    fs::write(folder.join("config"), &lab).unwrap();
    let says = |context: &str| said(folder, &["container", "web", "--context", context], &[]);
    let misspelt = says("lbb");
    assert!(
        misspelt.contains("no context \"lbb\"; it has lab"),
        "{misspelt}"
    );
    assert!(misspelt.contains("did you mean lab?"), "{misspelt}");
    // An empty name is none, as for kubectl.
    assert!(says("").contains("Connection refused"), "{}", says(""));
    fs::write(folder.join("config"), "apiVersion: v1\nkind: Config\n").unwrap();
    for context in ["lab", ""] {
        let none = says(context);
        assert!(none.contains("has no contexts"), "{none}");
        assert!(
            none.contains("hint: name a working file with --kubeconfig"),
            "{none}"
        );
    }
    fs::write(
        folder.join("config"),
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n",
    )
    .unwrap();
    cluster_says(folder, &[], "it is not a kubeconfig: its kind is Pod");
}

#[test]
fn every_error_about_a_certificate_of_the_user_is_in_words() {
    let folder = folder();
    let folder = folder.path();
    let authority = Authority::new();
    let (one, another) = (authority.sign(&["a"], NOW), authority.sign(&["b"], NOW));
    fs::write(folder.join("certificate"), one.certificate.pem()).unwrap();
    fs::write(folder.join("key"), one.key.serialize_pem()).unwrap();
    fs::write(folder.join("other-key"), another.key.serialize_pem()).unwrap();
    for (certificate, key, words) in [
        (
            "certificate",
            "certificate",
            "the client key has no private key",
        ),
        ("key", "key", "the client certificate has no certificate"),
        ("certificate", "other-key", "do not belong together"),
        ("certificate", "empty", "the client key"),
        (
            "certificate",
            "no.json",
            "the client key has no private key",
        ),
    ] {
        let user = format!("client-certificate: {certificate}, client-key: {key}");
        config(folder, CLOSED, &user);
        cluster_says(folder, &[], words);
        cluster_says(folder, &[], "client-key-data of the kubeconfig's user");
    }
}

#[test]
fn every_error_of_a_credential_plugin_is_in_words() {
    let folder = folder();
    let folder = folder.path();
    let plugin = folder.join("plugin");
    fs::write(&plugin, "#!/bin/sh\necho 'it is \"locked\"' >&2\nexit 7\n").unwrap();
    fs::set_permissions(&plugin, fs::Permissions::from_mode(0o755)).unwrap();
    for (user, words) in [
        (
            "exec: {command: no-such-plugin, installHint: get it}",
            "is not installed; the kubeconfig says: get it",
        ),
        (
            "exec: {command: ./plugin, interactiveMode: Never}",
            "failed: exit status: 7: it is \"locked\"",
        ),
        (
            "exec: {command: ./plugin, interactiveMode: Always}",
            "needs a terminal",
        ),
        (
            "exec: {command: ./no.tar}",
            "cannot be started: Permission denied",
        ),
        ("auth-provider: {name: azure}", "credential"),
    ] {
        config(folder, SOME, user);
        cluster_says(folder, &[], words);
    }
}

#[test]
fn every_error_about_the_way_to_a_server_is_in_words() {
    let folder = folder();
    let folder = folder.path();
    let ca = "certificate-authority: ca";
    for (answer, words) in [
        (
            &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
            "does not speak TLS",
        ),
        (b"\x15\x03\x01\x00\x02\x02\x28", "fatal alert"),
    ] {
        let server = format!("server: 'https://127.0.0.1:{}', {ca}", answers(answer));
        config(folder, &server, "token: t");
        cluster_says(folder, &[], words);
    }
    for command in [&["reap"][..], &["guard", "status"], &["rights", "--check"]] {
        said(folder, command, &[]);
    }
    let silent = format!("server: 'https://127.0.0.1:{}', {ca}", answers(b""));
    config(folder, &silent, "token: t");
    let text = said(folder, &["container", "web"], &[]);
    assert!(text.contains("no connection in time"), "{text}");
    config(folder, SOME, "token: t");
    for (answer, words) in [
        (
            &b"HTTP/1.1 407 X\r\nContent-Type: text/html\r\nContent-Length: 3\r\n\r\n<p>"[..],
            "login page",
        ),
        (
            b"HTTP/1.1 302 X\r\nLocation: http://l/\r\nContent-Length: 0\r\n\r\n",
            "web page",
        ),
        (b"HTTP/1.1 200 X\r\n\r\n<html>", "web page"),
        (
            b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n",
            "503 Service Unavailable",
        ),
        (b"nonsense\r\n\r\n", "does not answer as a proxy does"),
    ] {
        let proxy = format!("http://127.0.0.1:{}", answers(answer));
        cluster_says(folder, &[("HTTPS_PROXY", &proxy)], words);
    }
    let socks = format!("socks5://127.0.0.1:{}", answers(b"\x05\xff"));
    cluster_says(folder, &[("HTTPS_PROXY", &socks)], "wants a login");
}
