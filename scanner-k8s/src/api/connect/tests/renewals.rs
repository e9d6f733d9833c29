//! A credential plugin runs again when what it gave is over: once for all calls, not for ever, and never twice for one failure.

use std::{fs, time::Duration};

use futures_util::future::join_all;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Config, api::ListParams};
use scanner_core::cause::chain;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use super::{super::*, program};
use crate::api::{
    call::{CallErrorKind, call, call_with_retry},
    transport::InMemory,
};

const OVER: &str = r#"{"status": {"token": "t", "expirationTimestamp": "2020-01-01T00:00:00Z"}}"#;
const VALID: &str = r#"{"status": {"token": "t", "expirationTimestamp": "2099-01-01T00:00:00Z"}}"#;

/// A plugin whose first answer is over, and which does `again` when it runs again.
struct Plugin {
    dir: TempDir,
}

impl Plugin {
    fn new(again: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let plugin = Self { dir };
        let count = plugin.path("count");
        let first = format!("if [ $(wc -l <{count}) = 1 ]; then echo '{OVER}'; exit; fi");
        let again = again.replace("COUNT", &count);
        plugin.set(&format!("echo $$ >>{count}\n{first}\n{again}"));
        plugin
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    fn set(&self, script: &str) {
        program(&self.dir.path().join("plugin"), script);
    }

    fn builder(&self) -> ClusterBuilder {
        let mut config = Config::new("https://h:1".parse().unwrap());
        let exec = serde_json::json!({"command": self.path("plugin"), "interactiveMode": "Never"});
        config.auth_info.exec = Some(serde_json::from_value(exec).unwrap());
        let memory = InMemory::new(|| tokio::io::duplex(64).0);
        Cluster::builder(config).system_roots().in_memory(memory)
    }

    /// The process ids of its runs.
    fn runs(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("count")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Waits until it has written so many lines.
    async fn has_run(&self, lines: usize) {
        for _ in 0..1000 {
            if self.runs().len() >= lines {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
        panic!("it did not run: {:?}", self.runs());
    }

    /// Waits for `call` until it has written so many lines, and gives the call up.
    async fn given_up<T>(&self, call: impl Future<Output = T>, lines: usize) {
        tokio::select! {
            _ = call => panic!("it was to hang"),
            () = self.has_run(lines) => {}
        }
    }

    /// Waits until its last process has ended.
    async fn is_stopped(&self) -> bool {
        let last = self.runs().pop().unwrap();
        for _ in 0..1000 {
            // One that ended and that nobody has waited for yet has no command line.
            if fs::read(format!("/proc/{last}/cmdline")).is_ok_and(|line| line.is_empty())
                || !std::path::Path::new(&format!("/proc/{last}")).exists()
            {
                return true;
            }
            sleep(Duration::from_millis(20)).await;
        }
        false
    }
}

fn api(cluster: &Cluster) -> Api<ConfigMap> {
    cluster.begin().operator().api("default")
}

#[tokio::test]
async fn it_runs_again_once_when_what_it_gave_is_over() {
    let plugin = Plugin::new(&format!("echo '{VALID}'"));
    let api = api(&plugin.builder().build_async().await.unwrap());
    assert_eq!(plugin.runs().len(), 1);
    for _ in 0..3 {
        let _ = api.list(&ListParams::default()).await;
        assert_eq!(plugin.runs().len(), 2);
    }
}

#[tokio::test]
async fn calls_at_one_time_and_those_that_give_up_share_one_run() {
    let plugin = Plugin::new(&format!("sleep 5; echo '{VALID}'"));
    let api = api(&plugin.builder().build_async().await.unwrap());
    let params = ListParams::default();
    for _ in 0..2 {
        let calls = (0..3).map(|_| timeout(Duration::from_millis(200), api.list(&params)));
        assert!(join_all(calls).await.iter().all(Result::is_err));
    }
    let _ = join_all((0..3).map(|_| api.list(&params))).await;
    assert_eq!(plugin.runs().len(), 2);
}

#[tokio::test]
async fn one_failure_is_that_of_all_calls_that_waited_and_is_not_tried_again() {
    let plugin = Plugin::new("sleep 1; echo gone >&2; exit 1");
    let api = api(&plugin.builder().build_async().await.unwrap());
    let params = ListParams::default();
    let list = || call_with_retry("list".into(), || api.list(&params));
    for error in join_all((0..3).map(|_| list())).await {
        let error = error.unwrap_err();
        let text = chain(&error);
        assert!(
            text.contains("credential plugin plugin failed: exit status: 1: gone"),
            "{text}"
        );
        assert_eq!(error.kind(), CallErrorKind::Unreachable);
        let advice = error.remedy().unwrap().to_string();
        assert!(advice.contains("log in anew"), "{advice}");
    }
    assert_eq!(plugin.runs().len(), 2);
    // A later call asks anew.
    list().await.unwrap_err();
    assert_eq!(plugin.runs().len(), 3);
}

#[tokio::test]
async fn one_that_still_runs_is_an_error_before_the_time_of_a_call_is_over() {
    let plugin = Plugin::new(&format!("sleep 20; echo '{VALID}'"));
    let api = api(&plugin.builder().build_async().await.unwrap());
    let params = ListParams::default();
    // The second one waits for its turn behind the first.
    for error in join_all((0..2).map(|_| call("list", api.list(&params)))).await {
        let error = error.unwrap_err();
        let text = chain(&error);
        assert!(
            text.contains("credential plugin plugin still runs after 13 s"),
            "{text}"
        );
        assert_eq!(error.kind(), CallErrorKind::Unreachable);
        let advice = error.remedy().unwrap().to_string();
        assert!(advice.contains("try again when it has ended"), "{advice}");
    }
    // It is tried again, and then waits for the same run.
    let _ = call_with_retry("list".into(), || api.list(&params)).await;
    assert_eq!(plugin.runs().len(), 2);
    let _ = api.list(&params).await;
    assert_eq!(plugin.runs().len(), 2, "its answer was used");
}

#[tokio::test]
async fn a_run_that_nobody_waited_for_is_used_where_it_gave_what_is_not_over() {
    for (again, runs) in [
        (format!("sleep 2; echo '{VALID}'"), 2),
        (format!("sleep 2; echo '{OVER}'"), 3),
        ("sleep 2; exit 1".to_owned(), 3),
    ] {
        let plugin = Plugin::new(&again);
        let api = api(&plugin.builder().build_async().await.unwrap());
        let params = ListParams::default();
        plugin.given_up(api.list(&params), 2).await;
        assert!(plugin.is_stopped().await, "it ended");
        // Its end is seen a moment later.
        sleep(Duration::from_secs(1)).await;
        let _ = api.list(&params).await;
        assert_eq!(plugin.runs().len(), runs, "{again}");
    }
}

#[tokio::test]
async fn what_it_started_ends_with_it() {
    let plugin = Plugin::new("sleep 30 & echo $! >>COUNT; wait");
    let cluster = plugin.builder().build_async().await.unwrap();
    let api = api(&cluster);
    let params = ListParams::default();
    // Two runs and a helper.
    plugin.given_up(api.list(&params), 3).await;
    drop((api, cluster));
    assert!(plugin.is_stopped().await);
}

#[tokio::test]
async fn one_that_hangs_holds_up_nothing_else_and_ends_with_those_who_want_it() {
    let plugin = Plugin::new("");
    plugin.set(&format!(
        "echo $$ >>{}; exec sleep 30",
        plugin.path("count")
    ));
    // This runtime has one thread.
    plugin.given_up(plugin.builder().build_async(), 1).await;
    assert!(plugin.is_stopped().await);
}

#[tokio::test]
async fn one_that_hangs_when_it_runs_again_ends_with_the_cluster() {
    let plugin = Plugin::new("exec sleep 30");
    let cluster = plugin.builder().build_async().await.unwrap();
    let api = api(&cluster);
    let params = ListParams::default();
    plugin.given_up(api.list(&params), 2).await;
    let call = timeout(Duration::from_millis(300), api.list(&params));
    assert!(call.await.is_err());
    assert_eq!(plugin.runs().len(), 2);
    drop((api, cluster));
    assert!(plugin.is_stopped().await);
}
