//! The end of a loan, however it comes: no stream, no port and no process in the target outlives it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use k8s_openapi::api::{authentication::v1::SelfSubjectReview, core::v1::Pod};
use kube::{Api, api::PostParams};
use nix::sys::signal::{Signal, kill};
use scanner_tests::{
    TestNamespace,
    audit_log::reconcile,
    eventually, memory_reader,
    program::{ProgramOutput, pid, text},
    shell::processes,
};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::loan::CLIENT;

/// The command of the hopping client, which ends with its standard input. A command that ignores its standard input would
/// go on running in the container.
const HELD: &str = r#"["sh", "-c", "echo ready; exec cat"]"#;

/// The text that a program wrote into a file that it then moved to `path`.
async fn written(path: &Path) -> String {
    let read = eventually("what the program writes", async || {
        fs::read_to_string(path).ok()
    });
    read.await.trim().to_owned()
}

async fn lines(path: &Path, last: &str) -> Vec<String> {
    eventually("the lines of a client", async || {
        let all = fs::read_to_string(path).ok()?;
        let lines: Vec<String> = all.lines().map(str::to_owned).collect();
        lines.iter().any(|line| line == last).then_some(lines)
    })
    .await
}

async fn ended(child: Child) -> ProgramOutput {
    child.wait_with_output().await.expect("it ends").into()
}

/// The status that the server answers to a review with `token`.
async fn status(token: &str) -> u16 {
    let api = Api::<SelfSubjectReview>::all(memory_reader::client_with(token).await);
    let review = SelfSubjectReview::default();
    match api.create(&PostParams::default(), &review).await {
        Ok(_) => 201,
        Err(kube::Error::Api(status)) => status.code,
        Err(_) => 0,
    }
}

/// How many processes run in the container.
async fn in_the_target(site: &TestNamespace) -> usize {
    let target = site.target("web").await;
    let counted = processes(&site.client, &target).await;
    counted.expect("counted")
}

/// A loan to a program that leaves what nobody can catch, and that keeps the loan's stream open for as long as it can.
struct Hop {
    site: TestNamespace,
    dir: TempDir,
    /// Processes in the container before it.
    before: usize,
}

impl Hop {
    async fn new(test: &str) -> Self {
        let site = TestNamespace::new(test).await;
        let before = in_the_target(&site).await;
        let dir = tempfile::tempdir().expect("a folder");
        Self { site, dir, before }
    }

    /// The bytes that the client writes.
    fn log(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    /// The loan, whose program itself ends after `seconds`.
    fn command(&self, options: &[&str], seconds: &str) -> Command {
        let log = self.log();
        let tool = ["python3", "-c", CLIENT, "hop", "web", text(&log), seconds];
        let options = [&["--exec-json", HELD], options].concat();
        self.site.loan_command(&options, &tool)
    }

    /// Starts it, and waits until its stream is open.
    async fn start(&self, options: &[&str]) -> Child {
        let child = self.command(options, "300").spawn().expect("it starts");
        lines(&self.log(), "reads").await;
        assert!(in_the_target(&self.site).await > self.before);
        child
    }

    /// Its stream is closed, its port is closed, and its command has ended.
    async fn nothing_is_open(&self) {
        let log = lines(&self.log(), "refused").await;
        assert_eq!(log, ["reads", "closed", "refused"]);
        eventually("the end of what it ran", async || {
            (in_the_target(&self.site).await == self.before).then_some(())
        })
        .await;
    }

    /// The same at once, and not only when somebody stops looking for the processes that it leaves.
    async fn nothing_is_open_soon(&self, since: Instant) {
        lines(&self.log(), "closed").await;
        let took = since.elapsed();
        assert!(took < Duration::from_secs(4), "{took:?}");
        self.nothing_is_open().await;
    }

    async fn remove(self) {
        assert_eq!(self.site.leftovers().await, Vec::<String>::new());
        self.site.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_that_outlives_a_loan_has_nothing() {
    let hop = Hop::new("hop").await;
    let ran = hop.command(&[], "2").output().await.expect("it starts");
    let ran = ProgramOutput::from(ran);
    assert_eq!((ran.code, ran.out.trim()), (0, "exec 101"), "{ran:?}");
    hop.nothing_is_open().await;
    hop.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_of_ours_ends_every_stream_at_once() {
    let hop = Hop::new("killed").await;
    let mut child = hop.start(&["--lease", "90"]).await;
    let since = Instant::now();
    child.kill().await.unwrap();
    hop.nothing_is_open_soon(since).await;
    hop.site.nothing_left(240).await;
    hop.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupt_ends_every_stream_at_once() {
    let hop = Hop::new("hopint").await;
    let child = hop.start(&[]).await;
    let since = Instant::now();
    kill(pid(&child), Signal::SIGTERM).unwrap();
    hop.nothing_is_open_soon(since).await;
    let output = ended(child).await;
    assert_eq!(output.code, 3, "{output:?}");
    hop.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_ends_every_stream_at_once() {
    let hop = Hop::new("hopalert").await;
    let child = hop.start(&[]).await;
    let account = hop.site.account_of_a_scan().await;
    let since = Instant::now();
    hop.site.make_token_secret(&account).await;
    hop.nothing_is_open_soon(since).await;
    let output = ended(child).await;
    assert_eq!(output.code, 4, "{output:?}");
    hop.remove().await;
}

#[tokio::test]
async fn the_program_ends_with_its_parent() {
    let site = TestNamespace::new("orphan").await;
    let dir = tempfile::tempdir().unwrap();
    let mark = dir.path().join("pid");
    let script = format!(
        "echo $$ >{0}.new; mv {0}.new {0}; exec sleep 300",
        mark.display()
    );
    let options = ["--exec", "id", "--lease", "90"];
    let mut child = site
        .loan_command(&options, &["sh", "-c", &script])
        .spawn()
        .unwrap();
    let tool = written(&mark).await;
    let alive = || Path::new(&format!("/proc/{tool}")).exists();
    assert!(alive());
    child.kill().await.unwrap();
    eventually("the program ends with secure-scan", async || {
        (!alive()).then_some(())
    })
    .await;
    site.nothing_left(240).await;
    site.remove().await;
}

/// How many processes of this machine sleep for just that long.
fn sleepers(seconds: &str) -> usize {
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let lines = processes.filter_map(|p| fs::read(p.path().join("cmdline")).ok());
    lines
        .filter(|line| line.split(|byte| *byte == 0).nth(1) == Some(seconds.as_bytes()))
        .count()
}

#[tokio::test]
async fn what_can_be_found_of_what_a_program_left_is_ended() {
    let site = TestNamespace::new("leaves").await;
    let dir = tempfile::tempdir().unwrap();
    let mark = dir.path().join("pid");
    let own = std::process::id();
    let (all, forced) = (format!("{own}.{own}1"), format!("{own}.{own}2"));
    let script = format!("sleep {all} & setsid sleep {all} & sleep 0.5; exit 7");
    let stubborn = format!(
        "setsid sh -c 'trap : TERM; (trap : TERM; exec sleep {forced}); sleep {forced}' & \
         echo $$ >{0}.new; mv {0}.new {0}; wait",
        mark.display()
    );
    let id = ["--exec", "id"];
    let interrupted = async {
        let child = site
            .loan_command(&id, &["sh", "-c", &stubborn])
            .spawn()
            .unwrap();
        written(&mark).await;
        eventually("a process that does not want to end", async || {
            (sleepers(&forced) > 0).then_some(())
        })
        .await;
        kill(pid(&child), Signal::SIGTERM).unwrap();
        ended(child).await
    };
    let ran = site.loan(&id, &["sh", "-c", &script]);
    let (ran, interrupted) = tokio::join!(ran, interrupted);
    assert_eq!(ran.code, 7, "{ran:?}");
    assert!(ran.err.contains("2 processes that sh left"), "{ran:?}");
    assert_eq!(interrupted.code, 3, "{interrupted:?}");
    assert_eq!((sleepers(&all), sleepers(&forced)), (0, 0));
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupt_ends_the_program_and_revokes_the_token_that_it_never_had() {
    let site = TestNamespace::new("loanint").await;
    let dir = tempfile::tempdir().unwrap();
    let mark = dir.path().join("config");
    let script = format!(
        "cp $KUBECONFIG {0}.new; mv {0}.new {0}; exec sleep 300",
        mark.display()
    );
    let child = site
        .loan_command(&["--exec", "id"], &["sh", "-c", &script])
        .spawn()
        .unwrap();
    let kubeconfig = written(&mark).await;
    assert!(!kubeconfig.contains("token"), "{kubeconfig}");
    let id = child.id().unwrap();
    // Beside it there may be other spellings, and parts that were overwritten.
    let token = eventually(
        "our token, which is held for as long as the loan",
        async || {
            for token in memory_reader::scan_tokens_in_memory(id) {
                if status(&token).await == 201 {
                    return Some(token);
                }
            }
            None
        },
    )
    .await;
    kill(pid(&child), Signal::SIGTERM).unwrap();
    let output = ended(child).await;
    assert_eq!(output.code, 3, "{output:?}");
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    // This server accepted the very spelling a moment ago, and may remember it.
    eventually("the end of the token", async || {
        (status(&token).await == 401).then_some(())
    })
    .await;
    site.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_holder_of_the_identity_ends_the_loan_and_is_not_taken_for_the_program() {
    let site = TestNamespace::new("holder").await;
    let dir = tempfile::tempdir().unwrap();
    let (mark, log) = (dir.path().join("pid"), dir.path().join("log"));
    let script = format!(
        "echo $$ >{0}.new; mv {0}.new {0}; exec sleep 300",
        mark.display()
    );
    let options = ["--allow-any-command=9", "--audit-log", text(&log)];
    let child = site
        .loan_command(&options, &["sh", "-c", &script])
        .spawn()
        .unwrap();
    let tool = written(&mark).await;
    // It is stopped for as long as the other holder needs: an alert would end the account within milliseconds.
    kill(pid(&child), Signal::SIGSTOP).unwrap();
    let account = site.account_of_a_scan().await;
    site.make_token_secret(&account).await;
    let token = site.stolen_token().await;
    assert_eq!(status(&token).await, 201, "the server knows the token");
    let other = memory_reader::client_with(&token).await;
    let pods = Api::<Pod>::namespaced(other, &site.namespace);
    #[expect(clippy::disallowed_methods, reason = "the attacker's own exec")]
    let stolen = pods
        .exec("web", ["true"], &kube::api::AttachParams::default())
        .await;
    assert!(stolen.is_ok(), "what the loan's identity may do");
    kill(pid(&child), Signal::SIGCONT).unwrap();
    let output = ended(child).await;
    assert_eq!(output.code, 4, "{output:?}");
    assert!(
        !Path::new(&format!("/proc/{tool}")).exists(),
        "it was ended"
    );
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    if let Some(alarm) = reconcile(&log).await {
        assert_eq!(alarm.code, 4, "{alarm:?}");
        for words in [
            "a stream (exec,",
            "with a token without an id",
            "filled a Secret with a token",
        ] {
            assert!(alarm.out.contains(words), "{words}: {alarm:?}");
        }
    }
    site.remove().await;
}
