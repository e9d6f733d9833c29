//! Network: how the target can be reached, and whether anything limits that.

use scanner_core::{
    escape::visible,
    gate::{Known, Limit, NetworkPolicyFact, ServiceFact},
};

use super::seen::{Seen, fine, list, objection};

pub(super) fn host_ports(ports: &[i64]) -> Seen {
    if ports.is_empty() {
        return fine("no port of the node is taken");
    }
    let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
    objection(format!("ports of the node are taken: {}", list(&ports)))
}

pub(super) fn services(services: &Known<Vec<ServiceFact>>) -> Seen {
    let services = match services {
        Known::NotAsked => return fine("not asked"),
        Known::Unknown(why) => {
            return objection(format!("Services were not checked: {}", visible(why, 300)));
        }
        Known::Known(services) => services,
    };
    let outside: Vec<String> = services
        .iter()
        .filter(|s| s.external_ips || matches!(s.kind.as_str(), "LoadBalancer" | "NodePort"))
        .map(|s| format!("{} ({})", s.name, s.kind))
        .collect();
    if outside.is_empty() {
        fine(format!(
            "{} Services select the pod, none reaches out of the cluster",
            services.len()
        ))
    } else {
        objection(format!(
            "Services that reach out of the cluster select the pod: {}",
            list(&outside)
        ))
    }
}

pub(super) fn policies(policies: &Known<Vec<NetworkPolicyFact>>) -> Seen {
    let policies = match policies {
        Known::NotAsked => return fine("not asked"),
        Known::Unknown(why) => {
            return objection(format!(
                "NetworkPolicies were not checked: {}",
                visible(why, 300)
            ));
        }
        Known::Known(policies) => policies,
    };
    let limited = |of: fn(&NetworkPolicyFact) -> Limit| {
        let any = |wanted| policies.iter().any(|policy| of(policy) == wanted);
        any(Limit::Limits) && !any(Limit::Open)
    };
    let open: Vec<&str> = [
        ("comes in", limited(|p| p.ingress)),
        ("goes out", limited(|p| p.egress)),
    ]
    .into_iter()
    .filter_map(|(what, limited)| (!limited).then_some(what))
    .collect();
    if open.is_empty() {
        fine(
            "NetworkPolicies limit what comes in and goes out; whether the cluster enforces them was not tried",
        )
    } else {
        objection(format!(
            "no NetworkPolicy limits what {}",
            open.join(" or ")
        ))
    }
}
