//! The canary: which addresses answer from inside a pod, as the fake's network policies have it.

use serde_json::Value;

use super::place::Place;
use crate::{
    Exec, Exit, FakeCluster,
    facts::NODE,
    state::State,
    store::{Key, selector::label_selector},
};

/// Numbers of capabilities, capabilities(7), as far as a scan gives them.
const CAPABILITIES: [(&str, u32); 16] = [
    ("CHOWN", 0),
    ("DAC_OVERRIDE", 1),
    ("DAC_READ_SEARCH", 2),
    ("FOWNER", 3),
    ("FSETID", 4),
    ("KILL", 5),
    ("SETGID", 6),
    ("SETUID", 7),
    ("SETPCAP", 8),
    ("NET_BIND_SERVICE", 10),
    ("NET_RAW", 13),
    ("SYS_CHROOT", 18),
    ("SYS_PTRACE", 19),
    ("MKNOD", 27),
    ("AUDIT_WRITE", 29),
    ("SETFCAP", 31),
];

/// Answers line by line until `go`, or the end of its input.
pub(super) async fn run(
    cluster: &FakeCluster,
    place: &Place,
    addresses: &[String],
    mut exec: Exec,
) -> Exit {
    let kubelet = format!("{}:10250", NODE.1);
    let service = "198.18.0.1:443".to_owned();
    while let Some(line) = exec.line().await {
        let answer = match line.as_str() {
            "try" => {
                let open = open(&cluster.state(), &place.pod);
                let all = addresses.iter().chain([&service, &kubelet]);
                let states = all.map(|address| {
                    // A pod's own node is exempt from policies, so its answer proves nothing either way.
                    format!("{address}={}", if open { "open" } else { "blocked" })
                });
                let mut states: Vec<String> = states.collect();
                states.dedup();
                states.join(" ")
            }
            "who" => confinement(&place.pod, &place.container),
            "go" => {
                exec.print(b"went\n").await;
                if let Some(run) = &place.run {
                    run.life.send_modify(|life| life.ending = Some(0));
                }
                return Exit::Code(0);
            }
            _ => {
                exec.print_error(b"expected try, who or go\n").await;
                return Exit::Code(1);
            }
        };
        exec.print(format!("{answer}\n").as_bytes()).await;
    }
    Exit::Code(0)
}

/// Whether anything may leave the pod: no egress policy selects it, or one that does allows something.
fn open(state: &State, pod: &Value) -> bool {
    let text = |field: &str| pod["metadata"][field].as_str().unwrap_or_default();
    // The labels that it has now.
    let now = state.store.get(&Key::pod(text("namespace"), text("name")));
    let labels = now.map_or(&pod["metadata"]["labels"], |pod| &pod["metadata"]["labels"]);
    let all = state.store.of(
        "networking.k8s.io",
        "networkpolicies",
        Some(text("namespace")),
    );
    let of_egress: Vec<&Value> = all
        .map(|(_, policy)| &policy["spec"])
        .filter(|spec| label_selector(&spec["podSelector"], labels))
        .filter(|spec| {
            spec["policyTypes"]
                .as_array()
                .is_some_and(|types| types.iter().any(|t| t == "Egress"))
        })
        .collect();
    let opens = |spec: &&Value| {
        spec["egress"]
            .as_array()
            .is_some_and(|rules| !rules.is_empty())
    };
    of_egress.is_empty() || of_egress.iter().any(opens)
}

/// What confines a container, in the canary's words.
fn confinement(pod: &Value, container: &str) -> String {
    let lists = ["containers", "initContainers", "ephemeralContainers"];
    let all = lists
        .iter()
        .flat_map(|list| pod["spec"][*list].as_array().into_iter().flatten());
    let mut own = all.filter(|c| c["name"] == container);
    let context = own.next().map_or(&Value::Null, |c| &c["securityContext"]);
    let of = |field: &str| {
        let value = context[field].as_i64();
        value
            .or_else(|| pod["spec"]["securityContext"][field].as_i64())
            .unwrap_or_default()
    };
    let (uid, gid) = (of("runAsUser"), of("runAsGroup"));
    let added = context["capabilities"]["add"]
        .as_array()
        .into_iter()
        .flatten();
    let bits = added.filter_map(|name| {
        let known = CAPABILITIES.iter().find(|(known, _)| name == known);
        known.map(|(_, bit)| 1_u64 << bit)
    });
    let capabilities = if uid == 0 {
        bits.fold(0, |all, bit| all | bit)
    } else {
        0
    };
    let privileges = u8::from(context["allowPrivilegeEscalation"] == false);
    let filtered = [
        &context["seccompProfile"],
        &pod["spec"]["securityContext"]["seccompProfile"],
    ];
    let seccomp = if filtered.iter().any(|p| p["type"] == "RuntimeDefault") {
        2
    } else {
        0
    };
    format!(
        "uid={uid} gid={gid} caps={capabilities:016x} no_new_privs={privileges} seccomp={seccomp} lsm=-"
    )
}
