//! The programs in the fake's containers: the shell that runs a collector's script, and the probe.

mod canary;
mod exec_user;
mod machine;
mod place;
mod request;
mod wire;

use std::time::Duration;

use serde_json::Value;

use crate::{
    Exec, Exit, FakeCluster,
    runs::Run,
    store::Key,
    target::{Shell, Target},
};
pub(crate) use place::Place;
use request::Asked;

/// Path of the probe in its image.
const PROBE: &str = "/secure-scan-probe";
/// Last argument of a client that keeps standard input open until it has the answer; others close it.
const HELD: &str = "held";
/// How long a probe that waits stays when nobody ever came.
const GRACE: Duration = Duration::from_secs(30);

/// The main program of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    /// The probe that waits for an exec, this many seconds at most.
    Wait(u64),
    /// The probe that holds a pod back until somebody lets it go, this many seconds at most.
    Barrier(u64),
    /// A program that is not in the image.
    Missing,
    /// Anything else: it runs for as long as its target says.
    Other,
}

impl Program {
    pub(crate) fn of(container: &Value) -> Self {
        let words = ["command", "args"]
            .into_iter()
            .filter_map(|list| container[list].as_array());
        let words: Vec<&str> = words.flatten().filter_map(Value::as_str).collect();
        let seconds = |text: &str| text.parse().unwrap_or_default();
        match words.as_slice() {
            [PROBE, "wait", limit] => Self::Wait(seconds(limit)),
            [PROBE, "barrier", limit] => Self::Barrier(seconds(limit)),
            [program, ..] if program.ends_with("does-not-exist") => Self::Missing,
            _ => Self::Other,
        }
    }

    /// Runs to its end, and gives its exit code.
    pub(crate) async fn run(self, run: Run, ends: Option<(i32, Duration)>) -> i32 {
        let mut killed = run.life.subscribe();
        let ended = async {
            match self {
                Self::Wait(limit) => wait(&run, Duration::from_secs(limit)).await,
                Self::Barrier(limit) => {
                    let mut life = run.life.subscribe();
                    let ended = life.wait_for(|life| life.ending.is_some());
                    let ended = tokio::time::timeout(Duration::from_secs(limit), ended).await;
                    ended.ok().and_then(|life| life.ok()?.ending).unwrap_or(1)
                }
                Self::Missing => 128,
                Self::Other => match ends {
                    Some((code, after)) => {
                        tokio::time::sleep(after).await;
                        code
                    }
                    None => std::future::pending().await,
                },
            }
        };
        tokio::select! {
            code = ended => code,
            _ = killed.wait_for(|life| life.killed) => 137,
        }
    }
}

/// Ends when an exec came and went, when none came, or at the deadline.
async fn wait(run: &Run, limit: Duration) -> i32 {
    let mut life = run.life.subscribe();
    let stay = async {
        let came = life.wait_for(|life| life.came);
        if tokio::time::timeout(GRACE, came).await.is_ok() {
            let _ = life.wait_for(|life| life.execs == 0).await;
        }
    };
    let _ = tokio::time::timeout(limit, stay).await;
    0
}

/// Runs the command of one exec.
pub(crate) async fn run(cluster: FakeCluster, place: Place, mut exec: Exec) -> Exit {
    let command: Vec<String> = exec.command().to_vec();
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    let own = is_probe(&place);
    match (words.as_slice(), own) {
        ([PROBE, "collect", id, nonce, _] | [PROBE, "collect", id, nonce, _, HELD], true) => {
            let target = beside(&cluster, &place.pod, id);
            match target {
                Some(target) => answer_probe(&mut exec, &target, nonce).await,
                None => failed(&mut exec, "no process of the target is visible: the node's runtime did not join its process namespace").await,
            }
        }
        ([PROBE, "root", _, nonce, _] | [PROBE, "root", _, nonce, _, HELD], true) => {
            let image = place.pod["spec"]["volumes"]
                .as_array()
                .into_iter()
                .flatten();
            let mut images = image.filter_map(|volume| volume["image"]["reference"].as_str());
            match images.next() {
                Some(image) => {
                    let target = cluster.state().target_of_image(image);
                    answer_probe(&mut exec, &target, nonce).await
                }
                None => failed(&mut exec, "cannot see the root: no such directory").await,
            }
        }
        ([PROBE, "canary", _, addresses @ ..], true) => {
            let addresses: Vec<String> = addresses.iter().map(|a| (*a).to_owned()).collect();
            canary::run(&cluster, &place, &addresses, exec).await
        }
        ([program, ..], true) => Exit::not_found(program),
        _ => of_target(&place, exec).await,
    }
}

/// Whether the container is one of the probe's own.
fn is_probe(place: &Place) -> bool {
    let lists = ["containers", "initContainers", "ephemeralContainers"];
    let all = lists
        .iter()
        .flat_map(|list| place.pod["spec"][*list].as_array().into_iter().flatten());
    let mut own = all.filter(|c| c["name"] == place.container.as_str());
    own.any(|c| c["command"][0] == PROBE)
}

/// The target that answers in the container of the pod whose runtime id is `id`.
fn beside(cluster: &FakeCluster, pod: &Value, id: &str) -> Option<Target> {
    let state = cluster.state();
    let key = Key::pod(
        pod["metadata"]["namespace"].as_str()?,
        pod["metadata"]["name"].as_str()?,
    );
    let pod = state.store.get(&key)?;
    let lists = ["containerStatuses", "initContainerStatuses"];
    let mut all = lists
        .iter()
        .flat_map(|list| pod["status"][*list].as_array().into_iter().flatten());
    let found = all.find(|status| {
        let full = status["containerID"].as_str().unwrap_or_default();
        id.len() >= 12
            && full.rsplit('/').next() == Some(id)
            && status["state"]["running"].is_object()
    })?;
    Some(state.target(pod, found["name"].as_str()?))
}

async fn failed(exec: &mut Exec, message: &str) -> Exit {
    exec.print_error(format!("{message}\n").as_bytes()).await;
    Exit::Code(1)
}

/// The probe: reads its request from standard input, and answers it.
async fn answer_probe(exec: &mut Exec, target: &Target, nonce: &str) -> Exit {
    let Some(request) = exec.request().await else {
        return failed(exec, "the request cannot be read").await;
    };
    let asked = Asked::of(&request, nonce);
    exec.print(&wire::answer(target.inventory(), &asked)).await;
    Exit::Code(0)
}

async fn of_target(place: &Place, mut exec: Exec) -> Exit {
    let program = exec.command().first().cloned().unwrap_or_default();
    let is_shell = matches!(program.as_str(), "/bin/sh" | "sh");
    match place.target.shell() {
        Shell::Custom(answer) => answer(exec).await,
        Shell::Script(script) => script.clone().run(exec).await,
        Shell::Collector if is_shell => {
            let script = exec.stdin_to_end().await;
            match Asked::of_script(&String::from_utf8_lossy(&script)) {
                Some(asked) => {
                    let inventory = exec_user::inventory(place);
                    exec.print(&wire::answer(&inventory, &asked)).await;
                    Exit::Code(0)
                }
                // Any other script ends like a shell without commands.
                None => Exit::Code(0),
            }
        }
        Shell::OfThisMachine if is_shell => machine::run(exec).await,
        Shell::Absent | Shell::Collector | Shell::OfThisMachine => Exit::not_found(&program),
    }
}
