//! Loaned credentials: real kubectl and a stranger's client, before and after; memory and disk after.

use std::{fs, path::Path, time::Duration};

use k8s_openapi::api::{
    authentication::v1::SelfSubjectReview,
    core::v1::{Pod, Secret},
};
use kube::{
    Api,
    api::{ListParams, PostParams},
};
use nix::{
    sys::{
        signal::{Signal, kill},
        stat::Mode,
    },
    unistd::{Pid, mkfifo},
};
use scanner_tests::{
    TestNamespace, eventually, memory_reader,
    program::{ProgramOutput, program},
};
use tokio::{process::Command, time::sleep};

fn loan(site: &TestNamespace, options: &[&str], tool: &[&str]) -> Command {
    let context = std::env::var("SCANNER_E2E_CONTEXT").expect("context");
    let mut all = vec!["credential", "exec", "-n", &site.namespace];
    all.extend(["--pod", "web", "--context", &context]);
    all.extend(options);
    all.push("--");
    all.extend(tool);
    program(&all)
}

async fn run(mut command: Command) -> ProgramOutput {
    command.output().await.expect("it starts").into()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path")
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

#[tokio::test]
async fn kubectl_may_exec_into_the_pod_and_nothing_else() {
    let site = TestNamespace::new("loan").await;
    site.pod("other").await;
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let allowed = ["--allow", "get-pod"];
    let logged = ["--allow", "get-pod", "--audit-log", text(&log)];
    let kubectl = |options: &'static [&'static str], tool: &'static [&'static str]| {
        run(loan(&site, options, tool))
    };
    let (ran, code, bare, other, secrets, logged) = tokio::join!(
        run(loan(
            &site,
            &allowed,
            &["kubectl", "exec", "web", "--", "echo", "looked"]
        )),
        run(loan(
            &site,
            &allowed,
            &["kubectl", "exec", "web", "--", "sh", "-c", "exit 7"]
        )),
        kubectl(&[], &["kubectl", "exec", "web", "--", "true"]),
        run(loan(
            &site,
            &allowed,
            &["kubectl", "exec", "other", "--", "true"]
        )),
        run(loan(&site, &allowed, &["kubectl", "get", "secrets"])),
        run(loan(
            &site,
            &logged,
            &["kubectl", "exec", "web", "--", "true"]
        )),
    );
    assert_eq!((ran.code, ran.out.trim()), (0, "looked"), "{ran:?}");
    assert_eq!(code.code, 7, "the program's own code: {code:?}");
    for (name, output) in [("no get", bare), ("other pod", other), ("secrets", secrets)] {
        assert_eq!(output.code, 1, "{name}: {output:?}");
        assert!(output.err.contains("orbidden"), "{name}: {output:?}");
    }
    assert_eq!(logged.code, 0, "{logged:?}");
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    if let Ok(apiserver) = std::env::var("SCANNER_E2E_AUDIT_LOG") {
        let args = [
            "audit",
            "reconcile",
            text(&log),
            "--apiserver-log",
            &apiserver,
        ];
        let agreed = run(program(&args)).await;
        assert_eq!(agreed.code, 0, "{agreed:?}");
        assert!(
            agreed.out.contains("the program that was given the token"),
            "{agreed:?}"
        );
    }
    site.remove().await;
}

#[tokio::test]
async fn a_strangers_client_can_use_the_token_only_while_it_is_loaned() {
    let site = TestNamespace::new("stranger").await;
    let dir = tempfile::tempdir().unwrap();
    let (copy, tried) = (dir.path().join("token"), dir.path().join("tried"));
    // A program that betrays its token and tries to change the file that it got.
    let script = format!(
        "sed -n 's/.*\"token\":\"\\([^\"]*\\)\".*/\\1/p' $KUBECONFIG >{0}.new; mv {0}.new {0}; \
         (echo x >>$KUBECONFIG) 2>/dev/null && echo was-$((1+1))-changed; tr '\\0' '\\n' </proc/$PPID/cmdline; env; \
         while [ ! -e {1} ]; do sleep 0.1; done",
        copy.display(),
        tried.display()
    );
    let running = tokio::spawn(run(loan(&site, &[], &["sh", "-c", &script])));
    let token = written(&copy).await;
    assert!(
        token.starts_with("eyJ"),
        "the program can read its kubeconfig"
    );
    let client = memory_reader::client_with(&token).await;
    let pods = Api::<Pod>::namespaced(client.clone(), &site.namespace);
    let secrets = Api::<Secret>::namespaced(client, &site.namespace);
    let params = kube::api::AttachParams::default();
    #[expect(clippy::disallowed_methods, reason = "the attacker's own exec")]
    let exec = pods.exec("web", ["true"], &params).await;
    assert!(exec.is_ok(), "it may exec into the pod");
    assert!(pods.get("web").await.is_err(), "it may not get the pod");
    assert!(secrets.list(&ListParams::default()).await.is_err());
    fs::write(&tried, "").unwrap();
    let output = running.await.unwrap();
    assert_eq!(output.code, 0, "{output:?}");
    assert!(
        !output.out.contains("was-2-changed"),
        "the file is sealed: {output:?}"
    );
    assert!(!output.out.contains(&token) && !output.err.contains(&token));
    assert_eq!(status(&token).await, 401, "it is revoked");
    site.remove().await;
}

/// What a program wrote into a file that it then moved to `path`.
async fn written(path: &Path) -> String {
    eventually("what the program writes", async || {
        fs::read_to_string(path).ok()
    })
    .await
    .trim()
    .to_owned()
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
    let mut child = loan(&site, &["--lease", "30"], &["sh", "-c", &script])
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
async fn what_the_program_leaves_running_is_ended_before_its_token() {
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
    let interrupted = async {
        let child = loan(&site, &[], &["sh", "-c", &stubborn]).spawn().unwrap();
        written(&mark).await;
        sleep(Duration::from_millis(500)).await;
        assert!(sleepers(&forced) > 0);
        let pid = i32::try_from(child.id().unwrap()).unwrap();
        kill(Pid::from_raw(pid), Signal::SIGTERM).unwrap();
        ProgramOutput::from(child.wait_with_output().await.unwrap())
    };
    let ended = run(loan(&site, &[], &["sh", "-c", &script]));
    let (ended, interrupted) = tokio::join!(ended, interrupted);
    assert_eq!(ended.code, 7, "{ended:?}");
    assert!(ended.err.contains("2 processes that sh left"), "{ended:?}");
    assert_eq!(interrupted.code, 3, "{interrupted:?}");
    assert_eq!((sleepers(&all), sleepers(&forced)), (0, 0));
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn an_interrupt_ends_the_program_and_revokes_its_token() {
    let site = TestNamespace::new("loanint").await;
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("token");
    let script = format!(
        "sed -n 's/.*\"token\":\"\\([^\"]*\\)\".*/\\1/p' $KUBECONFIG >{0}.new; mv {0}.new {0}; exec sleep 300",
        copy.display()
    );
    let child = loan(&site, &[], &["sh", "-c", &script]).spawn().unwrap();
    let token = written(&copy).await;
    let pid = i32::try_from(child.id().unwrap()).unwrap();
    kill(Pid::from_raw(pid), Signal::SIGTERM).unwrap();
    let output = ProgramOutput::from(child.wait_with_output().await.unwrap());
    assert_eq!(output.code, 3, "{output:?}");
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    assert_eq!(status(&token).await, 401, "it is revoked");
    site.remove().await;
}

#[tokio::test]
async fn after_a_scan_the_token_is_nowhere_in_memory() {
    let site = TestNamespace::new("wiped").await;
    let dir = tempfile::tempdir().unwrap();
    let report = dir.path().join("report");
    // The program waits here for a reader, after its scan is over.
    mkfifo(&report, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    let output = format!("json={}", report.display());
    let log = dir.path().join("log");
    let args = ["web", "-o", &output, "--audit-log", text(&log)];
    let (child, _proxy, _kubeconfig) = site.start_slowly(&args).await;
    let pid = child.id().unwrap();
    let token = eventually("a token in memory", async || {
        memory_reader::scan_token_in_memory(pid)
    })
    .await;
    eventually("the end of the audit log", async || {
        let written = fs::read_to_string(&log).unwrap_or_default();
        written.contains("payloadType").then_some(())
    })
    .await;
    sleep(Duration::from_millis(300)).await;
    let signature = token.rsplit('.').next().unwrap();
    let payload = token.split('.').nth(1).unwrap();
    for (name, part) in [
        ("signature", &signature[..24]),
        ("payload", &payload[40..80]),
    ] {
        let left = memory_reader::count_in_memory(pid, part.as_bytes()).unwrap();
        assert_eq!(left, 0, "{name}: still in memory");
    }
    let reader = tokio::task::spawn_blocking(move || fs::read_to_string(report));
    let output = ProgramOutput::from(child.wait_with_output().await.unwrap());
    assert_eq!(output.code, 1, "{output:?}");
    assert!(!reader.await.unwrap().unwrap().contains(&token));
    assert!(!fs::read_to_string(&log).unwrap().contains(&token));
    site.remove().await;
}

#[tokio::test]
async fn a_scan_writes_its_token_to_no_file() {
    let traced = Command::new("strace").arg("-V").output().await;
    if traced.is_err() {
        eprintln!("NOT RUN: it needs strace");
        return;
    }
    let site = TestNamespace::new("strace").await;
    let dir = tempfile::tempdir().unwrap();
    let (trace, log) = (dir.path().join("trace"), dir.path().join("log"));
    let context = std::env::var("SCANNER_E2E_CONTEXT").unwrap();
    let path = std::env::var("SCANNER_E2E_PROGRAM").unwrap();
    let mut command = Command::new("strace");
    let calls = "trace=open,openat,creat,write,pwrite64,writev,execve,rename,link,symlink";
    command.args([
        "-f",
        "-s",
        "200000",
        "-e",
        calls,
        "-o",
        text(&trace),
        "--",
        &path,
    ]);
    command.args([
        "container",
        "web",
        "-n",
        &site.namespace,
        "--context",
        &context,
    ]);
    command.args(["--audit-log", text(&log), "-o", "json"]);
    let output = ProgramOutput::from(command.output().await.unwrap());
    assert_eq!(output.code, 1, "{output:?}");
    let trace = fs::read_to_string(&trace).unwrap();
    assert!(
        trace.contains("pods/exec"),
        "the audit log is written, and seen"
    );
    // A token begins so. What goes to the server is encrypted before it is written.
    let bare: Vec<&str> = trace.lines().filter(|l| l.contains("eyJhbG")).collect();
    assert_eq!(bare, Vec::<&str>::new());
    let opened: Vec<&str> = trace
        .lines()
        .filter(|l| l.contains("O_WRONLY") || l.contains("O_RDWR") || l.contains("O_CREAT"))
        .filter(|l| !l.contains("/dev/") && !l.contains(text(&log)))
        .collect();
    assert_eq!(
        opened,
        Vec::<&str>::new(),
        "no other file is opened for writing"
    );
    site.remove().await;
}
