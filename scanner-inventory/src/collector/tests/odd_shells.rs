//! Environments and shells that change what the script means: the answer is that of a plain shell, or names the cause.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::PathBuf,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::*;

/// Options of bash that an environment can set and that do not keep it from running anything.
const SHELLOPTS: &str = "allexport:errexit:errtrace:functrace:histexpand:history:keyword:monitor:noclobber:noglob:nounset:\
    physical:pipefail:privileged:verbose:xtrace";
const BASHOPTS: &str = "assoc_expand_once:dotglob:execfail:expand_aliases:extdebug:extglob:failglob:globstar:inherit_errexit:\
    lastpipe:localvar_inherit:nocaseglob:nocasematch:nullglob:shift_verbose:sourcepath:xpg_echo";

/// One of the shells as `/bin/sh`, which is also what the collector starts.
struct Sh {
    folder: TempDir,
    name: &'static str,
}

impl Sh {
    fn all() -> impl Iterator<Item = Self> {
        SHELLS.into_iter().map(|shell| {
            let folder = tempfile::tempdir().unwrap();
            let place = |dir: &&str| Path::new(dir).join(shell[0]).is_file();
            let dir = ["/usr/bin", "/bin"].into_iter().find(place);
            let dir = dir.unwrap_or_else(|| unreachable!("{} must be installed", shell[0]));
            symlink(Path::new(dir).join(shell[0]), folder.path().join("sh")).unwrap();
            Self {
                folder,
                name: shell[0],
            }
        })
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("sh")
    }

    fn script(&self, request: &InventoryRequest) -> String {
        let own = format!("shell={}\n", self.path().display());
        let script = script(request, "n0nce");
        assert!(script.contains("shell=/bin/sh\n"));
        script.replace("shell=/bin/sh\n", &own)
    }

    /// What it prints. Its standard input stays open, as that of an exec does.
    fn prints(&self, environment: &[(&str, &str)], script: &str) -> Vec<u8> {
        let begun = Instant::now();
        let mut child = Command::new(self.path())
            .arg("-s")
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A shell that ends before it has read everything is one of the cases.
        let _ = stdin.write_all(script.as_bytes());
        let id = nix::unistd::Pid::from_raw(child.id().try_into().unwrap());
        let (ended, wait) = std::sync::mpsc::channel::<()>();
        let clock = std::thread::spawn(move || {
            if wait.recv_timeout(Duration::from_mins(1)).is_err() {
                let _ = nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGKILL);
            }
        });
        let out = child.wait_with_output().unwrap();
        ended.send(()).unwrap_or_default();
        clock.join().unwrap();
        drop(stdin);
        assert!(begun.elapsed() < Duration::from_mins(1), "{}", self.name);
        out.stdout
    }

    fn collect(&self, environment: &[(&str, &str)], request: &InventoryRequest) -> Inventory {
        let out = self.prints(environment, &self.script(request));
        let read = parse::inventory(NAME, &out, "n0nce", request);
        read.unwrap_or_else(|e| {
            let out = String::from_utf8_lossy(&out);
            unreachable!("{} {environment:?}: {e}\n{out}", self.name)
        })
    }
}

/// The part of an answer that does not change from one run to the next.
fn lasting(mut found: Inventory) -> Inventory {
    for name in [&found.env.coverage(), &found.processes.coverage()] {
        assert_eq!(*name, crate::Coverage::Complete);
    }
    found.agent.bytes = 0;
    found.agent.frames = 0;
    found.env = Collected::NotRequested;
    found.processes = Collected::NotRequested;
    found.listeners = Collected::NotRequested;
    found.connections = Collected::NotRequested;
    found
}

/// Each section by itself, so that a difference can be read.
fn differing(found: &Inventory) -> Vec<(String, serde_json::Value)> {
    let serde_json::Value::Object(sections) = serde_json::to_value(found).unwrap() else {
        unreachable!("an inventory is an object");
    };
    sections.into_iter().collect()
}

fn asked(folder: &Path) -> InventoryRequest {
    for name in ["plain", "two\nlines", "a\\b", "sp ace", "-x", ".dot"] {
        fs::write(folder.join(name), name).unwrap();
    }
    symlink("plain", folder.join("li\nnk")).unwrap();
    InventoryRequest {
        files: vec![FileSelector {
            under: vec![folder.to_str().unwrap().into()],
            digest: true,
            ..FileSelector::default()
        }],
        ..everything()
    }
}

#[test]
fn no_environment_changes_an_answer_in_any_shell() {
    let tree = tempfile::tempdir().unwrap();
    let request = asked(tree.path());
    let rc = tempfile::tempdir().unwrap();
    let (noisy, history) = (rc.path().join("rc"), rc.path().join("history"));
    fs::write(
        &noisy,
        "echo welcome; alias ls='ls --color'; PATH=/opt/only\n",
    )
    .unwrap();
    let (noisy, history) = (noisy.to_str().unwrap(), history.to_str().unwrap());
    // All that the script calls, and some that it defines.
    let names = "alias cd cksum command continue dd declare echo env eval exec exit export find grep head kill printf read \
        readlink return sed set sh sha256sum shift shopt sleep stat test tr trap true ulimit umask unalias unset wait wc \
        [ : . main answer need section_files name odd-name";
    let functions: Vec<String> = names
        .split_whitespace()
        .map(|name| format!("BASH_FUNC_{name}%%"))
        .collect();
    let body = "() { printf 'hijacked %s\\n' \"$*\"; }";
    let functions: Vec<_> = functions.iter().map(|name| (name.as_str(), body)).collect();
    let environments: [&[(&str, &str)]; 7] = [
        &functions,
        &[("SHELLOPTS", SHELLOPTS), ("HISTFILE", history)],
        &[("BASHOPTS", BASHOPTS)],
        &[
            ("PATH", ""),
            ("IFS", "/"),
            ("LANG", "tr_TR.UTF-8"),
            ("LC_ALL", "xx_YY"),
            ("CDPATH", "/etc"),
            ("PS4", "$(echo pwn)"),
            ("POSIXLY_CORRECT", "1"),
        ],
        &[("ENV", noisy), ("BASH_ENV", noisy), ("TMOUT", "1")],
        &[
            ("GLOBIGNORE", "*"),
            ("EXECIGNORE", "*"),
            ("BASH_COMPAT", "3.1"),
            ("BASH_XTRACEFD", "1"),
            ("GREP_OPTIONS", "-v"),
            ("GREP_COLORS", "x"),
            ("QUOTING_STYLE", "c"),
            ("LD_PRELOAD", "/no/such/library.so"),
        ],
        &[
            ("BASH_VERSION", "5"),
            ("unfit", "nothing"),
            ("nonce", "x"),
            ("name", "x"),
            ("shell", "/no"),
            ("deadline", "1"),
        ],
    ];
    for sh in Sh::all() {
        let plain = lasting(sh.collect(&[], &request));
        complete(&[sh.name], "files", &plain.files);
        assert_eq!(plain.files.data().map(Vec::len), Some(8), "{}", sh.name);
        for environment in environments {
            let odd = sh.collect(environment, &request);
            let seen = odd.env.data().unwrap();
            let (first, _) = environment[0];
            assert!(seen.iter().any(|v| v.name == first), "{first}: {seen:?}");
            let (odd, plain) = (differing(&lasting(odd)), differing(&plain));
            for (odd, plain) in odd.iter().zip(&plain) {
                assert_eq!(odd, plain, "{} {first}", sh.name);
            }
        }
    }
    assert!(!Path::new(history).exists(), "a history was written");
}

#[test]
fn a_shell_that_runs_nothing_ends_at_once() {
    for sh in Sh::all().filter(|sh| sh.name == "bash") {
        for option in ["noexec", "onecmd"] {
            let script = sh.script(&everything());
            assert_eq!(sh.prints(&[("SHELLOPTS", option)], &script), b"");
        }
    }
}

#[test]
fn a_shell_that_does_not_do_what_it_must_is_named_in_the_answer() {
    for sh in Sh::all() {
        let script = sh.script(&everything());
        for (broken, cause) in [
            ("echo() { printf 'hijacked\\n'; }", "says: echo"),
            ("printf() { :; }", "says: printf"),
            ("read() { :; }", "says: read"),
            ("IFS=/", "says: the splitting of words"),
            ("set -f", "says: the expansion of names of files"),
        ] {
            let broken = script.replace("\ntry\n", &format!("\n{broken}\ntry\nunset -f printf\n"));
            let out = sh.prints(&[], &broken);
            let error = parse::inventory(NAME, &out, "n0nce", &everything()).unwrap_err();
            let error = error.to_string();
            assert!(error.ends_with(cause), "{}: {error}", sh.name);
        }
        if sh.name == "bash" {
            continue;
        }
        let cut = script.replace("section_identity() {", "section_identity() { fi");
        let out = sh.prints(&[], &cut);
        let error = parse::inventory(NAME, &out, "n0nce", &everything()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the agent cannot work in this target: the shell of the target ended before it had read the collector",
            "{}",
            sh.name
        );
    }
}

#[test]
fn a_wrapper_that_greets_costs_what_it_answers_for_and_no_more() {
    let tree = tempfile::tempdir().unwrap();
    let request = asked(tree.path()).comparing();
    for sh in Sh::all() {
        let real = sh.folder.path().join("real");
        fs::create_dir(&real).unwrap();
        fs::rename(sh.path(), real.join("sh")).unwrap();
        let real = real.join("sh");
        let wrapper = format!(
            "#!{0}\necho '*** Authorized use only ***'\nexec {0} \"$@\"\n",
            real.display()
        );
        fs::write(sh.path(), wrapper).unwrap();
        fs::set_permissions(sh.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let out = sh.prints(&[], &sh.script(&request));
        let out = out.strip_prefix(b"*** Authorized use only ***\n").unwrap();
        let found = parse::inventory(NAME, out, "n0nce", &request).unwrap();
        let Collected::Unavailable { reason } = &found.files else {
            unreachable!("{}: {:?}", sh.name, found.files.coverage());
        };
        assert_eq!(reason, "the target's sh does not do what it must");
        assert!(!matches!(found.changes, Collected::Complete { .. }));
        complete(&[sh.name], "users", &found.users);
        complete(&[sh.name], "packages", &found.packages);
    }
}
