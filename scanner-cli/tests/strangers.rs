//! Files that a stranger wrote: what they name is not read, and what they say does not act.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

const SECRET: &str = "TOKEN-OF-THE-USER";
const LIMIT: Duration = Duration::from_secs(20);

/// What must reach no terminal: an escape sequence, a direction, what is not seen, and a command to a CI server.
const HOSTILE: &str = "a\\e[2Jb\\u202Ec\\u200Bd\\uFE0Fe ##vso[task.complete]x\\n::error::y";

fn run(folder: &Path, args: &[&str]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_secure-scan"))
        .args(args)
        .current_dir(folder)
        .env("USER_SECRET", SECRET)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(started.elapsed() < LIMIT, "{args:?} hangs");
        std::thread::sleep(Duration::from_millis(20));
    }
    child.wait_with_output().unwrap()
}

fn printed(ran: &Output) -> String {
    let all = [ran.stdout.as_slice(), ran.stderr.as_slice()].concat();
    String::from_utf8_lossy(&all).into_owned()
}

fn is_harmless(text: &str, what: &str) {
    for acts in ["\x1b[2J", "\u{202e}", "\u{200b}", "\u{fe0f}", "##vso["] {
        assert!(!text.contains(acts), "{what}: {text:?}");
    }
    assert!(
        !text
            .lines()
            .any(|line| line.trim_start().starts_with("::error")),
        "{what}: {text}"
    );
}

fn profile(extends: &str, title: &str) -> String {
    format!(
        "name: p\nversion: \"{title}\"\ntitle: \"{title}\"\nextends: [{extends}]\ninputs:\n  \
         i: {{type: text, description: \"{title}\", default: \"{title}\"}}\nchecks:\n  - {{id: own, title: \"{title}\", \
         fails: \"{title}\", severity: low, tags: [\"{title}\"], references: [\"{title}\"], rationale: \"{title}\", fix: \
         \"{title}\", pass: 'users.size() == 0 || inputs.i == \"a\"'}}\n"
    )
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("profiles/deeper")).unwrap();
    fs::create_dir_all(at("root/etc")).unwrap();
    fs::write(at("root/etc/passwd"), "root:x:0:0::/root:/bin/sh\n").unwrap();
    for file in ["secret", "profiles/secret", "profiles/deeper/secret"] {
        fs::write(at(file), format!("{SECRET}\n")).unwrap();
    }
    fs::write(
        at("profiles/pair.yaml"),
        format!("name: {SECRET}\nversion: [{SECRET}]\n"),
    )
    .unwrap();
    fs::write(at("profiles/key.yaml"), format!("{SECRET}: 1\n")).unwrap();
    let made = Command::new("mkfifo").arg(at("profiles/fifo")).status();
    assert!(made.unwrap().success());
    symlink("../secret", at("profiles/out")).unwrap();
    symlink("fifo", at("profiles/to-fifo")).unwrap();
    symlink("/proc/self/environ", at("profiles/environ")).unwrap();
    folder
}

#[test]
fn what_a_profile_may_not_extend_is_neither_read_nor_shown() {
    let folder = folder();
    let absolute = folder.path().join("secret");
    for name in [
        "../secret",
        "./../secret",
        "deeper/../../secret",
        "secret",
        "deeper/secret",
        "pair.yaml",
        "key.yaml",
        "out",
        "fifo",
        "to-fifo",
        "environ",
        "deeper",
        "/proc/self/environ",
        "/dev/stdin",
        "/dev/zero",
        absolute.to_str().unwrap(),
    ] {
        let text = profile(&format!("\"{name}\""), "t");
        fs::write(folder.path().join("profiles/p.yaml"), text).unwrap();
        for args in [
            &["profile", "check", "profiles/p.yaml"][..],
            &["profile", "explain", "profiles/p.yaml"],
            &["local", "--root", "root", "-p", "profiles/p.yaml"],
        ] {
            let ran = run(folder.path(), args);
            let text = printed(&ran);
            assert_eq!(ran.status.code(), Some(2), "{name}: {text}");
            assert!(!text.contains(SECRET), "{name}: {text}");
        }
    }
}

#[test]
fn a_recording_that_tests_name_is_a_file_beside_them() {
    let folder = folder();
    for name in [
        "../secret",
        "secret",
        "fifo",
        "environ",
        "/proc/self/environ",
    ] {
        let tests = format!("profile: secrets\nrecording: \"{name}\"\ncases: []\n");
        fs::write(folder.path().join("profiles/t.yaml"), tests).unwrap();
        let ran = run(folder.path(), &["profile", "test", "profiles/t.yaml"]);
        let text = printed(&ran);
        assert_eq!(ran.status.code(), Some(2), "{name}: {text}");
        assert!(!text.contains(SECRET), "{name}: {text}");
    }
}

/// Names of what is not a file of waivers, a profile or a key below the folder of `profiles`.
const ELSEWHERE: [&str; 14] = [
    "../secret",
    "./../secret",
    "deeper/../../secret",
    "none",
    "out",
    "fifo",
    "to-fifo",
    "environ",
    "deeper",
    "",
    "/proc/self/environ",
    "/dev/stdin",
    "/dev/zero",
    "/etc/passwd",
];

#[test]
fn what_a_policy_may_not_name_is_neither_read_nor_shown() {
    let folder = folder();
    let keyless = "certificate_identity: a, certificate_oidc_issuer: b";
    for (field, others) in [
        (
            "waivers: \"NAME\"",
            &["secret", "pair.yaml", "key.yaml"][..],
        ),
        ("profile: \"NAME\"", &["secret", "pair.yaml", "key.yaml"]),
        ("signature: {key: \"NAME\"}", &[]),
        (
            &format!("signature: {{trusted_root: \"NAME\", {keyless}}}"),
            &[],
        ),
    ] {
        for name in ELSEWHERE.iter().chain(others) {
            let field = field.replace("NAME", name);
            let policy = format!("name: p\nversion: \"1\"\ntitle: t\n{field}\n");
            fs::write(folder.path().join("profiles/p.yaml"), policy).unwrap();
            let ran = run(folder.path(), &["policy", "check", "profiles/p.yaml"]);
            let text = printed(&ran);
            assert_eq!(ran.status.code(), Some(2), "{field}: {text}");
            assert!(!text.contains(SECRET), "{field}: {text}");
        }
    }
}

#[test]
fn an_error_of_waivers_and_thresholds_quotes_no_value() {
    let folder = folder();
    for text in [
        SECRET.to_owned(),
        format!("{SECRET}\n"),
        format!("- {SECRET}\n"),
        format!("a: {SECRET}\n"),
        format!("a: [{SECRET}]\n"),
        format!("a: {{run: {SECRET}}}\n"),
        format!("a: {{run: {SECRET}, expiration_date: 2027-01-01, justification: j}}\n"),
        format!("a: {{justification: [{SECRET}], expiration_date: 2027-01-01}}\n"),
        format!("a: {{expiration_date: {{x: {SECRET}}}, justification: j}}\n"),
        format!("failed: {SECRET}\n"),
        format!("failed: {{total: {SECRET}}}\n"),
        format!("failed: {{total: {{max: {SECRET}}}}}\n"),
        format!("failed: {{high: {{controls: {SECRET}}}}}\n"),
        format!("failed.total.max: {SECRET}\n"),
        format!("compliance: {{min: '{SECRET}'}}\n"),
        format!("compliance: {{min: !{SECRET} x}}\n"),
        format!("compliance: {{min: *{SECRET}}}\n"),
        format!("compliance: &{SECRET} {{min: x}}\n"),
        format!("AUTH={SECRET}\nOTHER=1\n"),
        format!("{{\"auths\": {{\"registry\": {{\"auth\": \"{SECRET}\"}}}}}}"),
        format!("a: \"{SECRET}\n"),
        format!("a: '{SECRET}' {SECRET}\n"),
        format!("a: 1\n\t{SECRET}: 2\n"),
    ] {
        fs::write(folder.path().join("f.yaml"), &text).unwrap();
        for option in ["--waivers", "--threshold"] {
            let args = ["local", "--root", "root", option, "f.yaml"];
            let ran = run(folder.path(), &args);
            let shown = printed(&ran);
            assert_eq!(ran.status.code(), Some(2), "{option} {text}: {shown}");
            assert!(!shown.contains(SECRET), "{option} {text}: {shown}");
        }
    }
}

#[test]
fn what_a_stranger_wrote_does_not_act_when_it_is_shown() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("p.yaml"), profile("", HOSTILE)).unwrap();
    for args in [
        &["profile", "explain", "p.yaml"][..],
        &["profile", "explain", "p.yaml", "own"],
        &["profile", "check", "p.yaml"],
        &["local", "--root", "root", "-p", "p.yaml", "-v"],
        &["local", "--root", "root", "-p", "p.yaml", "-o", "json"],
        &["local", "--root", "root", "-p", "p.yaml", "-o", "junit"],
    ] {
        let ran = run(folder.path(), args);
        assert!(
            matches!(ran.status.code(), Some(0 | 1 | 3)),
            "{}",
            printed(&ran)
        );
        is_harmless(&printed(&ran), &args.join(" "));
    }
    // Raw, in a place that an error quotes.
    let raw = "\u{202e}\u{200b}\u{fe0f}##vso[task.complete]";
    fs::write(
        at("bad.yaml"),
        profile("", "t").replace("severity: low", &format!("severity: \"{raw}\"")),
    )
    .unwrap();
    let ran = run(folder.path(), &["profile", "check", "bad.yaml"]);
    assert_eq!(ran.status.code(), Some(2));
    is_harmless(&printed(&ran), "an excerpt");
    assert!(printed(&ran).contains("\\u{202e}"), "{}", printed(&ran));
    let policy = format!(
        "name: \"{HOSTILE}\"\nversion: \"{HOSTILE}\"\ntitle: \"{HOSTILE}\"\nregistries: [\"{}\"]\n\
         allow_host_paths: [\"/{HOSTILE}\"]\nrequire_controls: [\"{HOSTILE}\"]\nsignature: {{trusted_root: \"{HOSTILE}\", \
         certificate_identity: \"{HOSTILE}\", certificate_oidc_issuer: \"{HOSTILE}\"}}\n",
        HOSTILE.replace(' ', "")
    );
    fs::write(at("policy.yaml"), policy).unwrap();
    for command in ["explain", "check"] {
        let ran = run(folder.path(), &["policy", command, "policy.yaml"]);
        is_harmless(&printed(&ran), command);
    }
}

#[test]
fn a_manifest_with_control_characters_is_refused_and_its_notes_do_not_act() {
    let folder = folder();
    let image = format!("registry/probe@sha256:{}", "0".repeat(64));
    let inject = |text: &str| {
        fs::write(folder.path().join("m.yaml"), text).unwrap();
        run(
            folder.path(),
            &["inject", "-f", "m.yaml", "--probe-image", &image],
        )
    };
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  securityContext: {runAsUser: 1000, \
               runAsGroup: 1000}\n  containers:\n    - name: app\n      image: i\n";
    let ran = inject(pod);
    assert_eq!(ran.status.code(), Some(0), "{}", printed(&ran));
    for acts in ['\u{1b}', '\u{7}', '\u{8}', '\u{7f}', '\u{9b}'] {
        for place in ["name: app", "image: i", "kind: Pod"] {
            let ran = inject(&pod.replace(place, &format!("{place} # {acts}[2J")));
            assert_eq!(ran.status.code(), Some(2), "{}", printed(&ran));
            assert!(!printed(&ran).contains(acts), "{acts:?}");
        }
    }
    for place in ["name: web", "name: app"] {
        let ran = inject(&pod.replace(place, &format!("name: \"{HOSTILE}\"")));
        let notes = String::from_utf8_lossy(&ran.stderr).into_owned();
        is_harmless(&notes, place);
    }
}
