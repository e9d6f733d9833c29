//! The end of a loan, however it comes: no stream, no port and no process in the target outlives it.

use std::{fs, path::Path, time::Duration};

use k8s_openapi::api::{
    authentication::v1::SelfSubjectReview,
    core::v1::{Secret, ServiceAccount},
};
use kube::{
    Api,
    api::{ListParams, PostParams},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use scanner_tests::{
    TestNamespace, eventually, memory_reader,
    program::{ProgramOutput, program},
    shell::processes,
};
use serde_json::json;
use tokio::{process::Child, time::sleep};

const CLIENT: &str = include_str!("loan/client.py");
/// What the hopping client runs: it ends with its standard input. What does not look at that goes on in a container, whoever
/// asked for it.
const HELD: &str = r#"["sh", "-c", "echo ready; exec cat"]"#;

fn text(path: &Path) -> &str {
    path.to_str().expect("a path")
}

/// What a program wrote into a file that it then moved to `path`.
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

fn pid(child: &Child) -> Pid {
    let id = child.id().expect("it runs");
    Pid::from_raw(i32::try_from(id).expect("an id"))
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

/// The stream of a client that cannot be caught is closed, its port is closed, and its command has ended.
async fn nothing_is_open(site: &TestNamespace, log: &Path, before: usize) {
    assert_eq!(lines(log, "refused").await, ["reads", "closed", "refused"]);
    eventually("the end of what it ran", async || {
        (in_the_target(site).await == before).then_some(())
    })
    .await;
}

/// How many processes run in the container.
async fn in_the_target(site: &TestNamespace) -> usize {
    let target = site.target("web").await;
    let counted = processes(&site.client, &target).await;
    counted.expect("counted")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_that_outlives_a_loan_has_nothing() {
    let site = TestNamespace::new("hop").await;
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let before = in_the_target(&site).await;
    let tool = ["python3", "-c", CLIENT, "hop", "web", text(&log)];
    let ran = site.loan(&["--exec-json", HELD], &tool).await;
    assert_eq!((ran.code, ran.out.trim()), (0, "exec 101"), "{ran:?}");
    nothing_is_open(&site, &log, before).await;
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_of_ours_ends_every_stream_at_once() {
    let site = TestNamespace::new("killed").await;
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let before = in_the_target(&site).await;
    let tool = ["python3", "-c", CLIENT, "hop", "web", text(&log)];
    let options = ["--exec-json", HELD, "--lease", "30"];
    let mut child = site.loan_command(&options, &tool).spawn().unwrap();
    lines(&log, "reads").await;
    assert!(in_the_target(&site).await > before);
    child.kill().await.unwrap();
    nothing_is_open(&site, &log, before).await;
    site.nothing_left(60).await;
    site.remove().await;
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
    let options = ["--exec", "id", "--lease", "30"];
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
    site.nothing_left(60).await;
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
        sleep(Duration::from_millis(500)).await;
        assert!(sleepers(&forced) > 0);
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

/// A token Secret for the account of the loan, as a tenant makes it who may create Secrets.
async fn steal(site: &TestNamespace) -> String {
    let accounts = site.api::<ServiceAccount>();
    let labelled = ListParams::default().labels("secure-scan.io/scan");
    let account = eventually("the loan's identity", async || {
        let found = accounts.list_metadata(&labelled).await.ok()?.items;
        found.into_iter().next()?.metadata.name
    })
    .await;
    let secret = serde_json::from_value(json!({
        "type": "kubernetes.io/service-account-token",
        "metadata": {"name": "innocent", "annotations": {"kubernetes.io/service-account.name": account}},
    }));
    let secrets = site.api::<Secret>();
    let made = secrets
        .create(&PostParams::default(), &secret.expect("a Secret"))
        .await;
    made.expect("the attacker may create Secrets");
    eventually("a token in the Secret", async || {
        let data = secrets.get_opt("innocent").await.ok()??.data?;
        String::from_utf8(data.get("token")?.0.clone()).ok()
    })
    .await
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
    let token = steal(&site).await;
    assert_eq!(status(&token).await, 201, "the server knows the token");
    let other = memory_reader::client_with(&token).await;
    let pods = Api::<k8s_openapi::api::core::v1::Pod>::namespaced(other, &site.namespace);
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
    if let Ok(apiserver) = std::env::var("SCANNER_E2E_AUDIT_LOG") {
        let args = [
            "audit",
            "reconcile",
            text(&log),
            "--apiserver-log",
            &apiserver,
        ];
        let alarm = ProgramOutput::from(program(&args).output().await.unwrap());
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
