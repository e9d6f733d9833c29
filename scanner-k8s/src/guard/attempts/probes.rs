//! Ephemeral containers that were not planned.

use serde_json::{Value, json};

use super::{
    planned::Planned,
    request::{Attempt, attempt},
};

impl Planned {
    /// Ephemeral containers that were not planned.
    pub(in crate::guard) fn probes(&self) -> Vec<Attempt> {
        let context = "securityContext";
        let caps = [context, "capabilities", "add"];
        let second = {
            let mut probe = self.probe.clone();
            probe["name"] = "second".into();
            probe
        };
        let host = json!([{"name": self.volume, "mountPath": "/v"}]);
        let privileged = {
            let mut all = self.probe[context].clone();
            all["privileged"] = true.into();
            all["allowPrivilegeEscalation"] = true.into();
            all
        };
        let secret = json!([{"secretRef": {"name": "any"}}]);
        let env = json!([{"name": "A", "value": "b"}]);
        vec![
            attempt(
                "probe: another name",
                self.ephemeral(std::slice::from_ref(&second)),
            ),
            attempt(
                "probe: a second one",
                self.ephemeral(&[self.probe.clone(), second]),
            ),
            attempt("probe: none, the pod as it is", self.ephemeral(&[])),
            attempt(
                "probe: another image",
                self.other(&["image"], "lab.local/other:1".into()),
            ),
            attempt(
                "probe: another command",
                self.other(&["command"], json!(["/bin/sh"])),
            ),
            attempt("probe: arguments", self.other(&["args"], json!(["x"]))),
            attempt(
                "probe: another target",
                self.other(&["targetContainerName"], Value::Null),
            ),
            attempt("probe: environment", self.other(&["env"], env)),
            attempt("probe: standard input", self.other(&["stdin"], true.into())),
            attempt(
                "probe: a volume of the pod",
                self.other(&["volumeMounts"], host),
            ),
            attempt("probe: privileged", self.other(&[context], privileged)),
            attempt(
                "probe: the variables of a Secret",
                self.other(&["envFrom"], secret),
            ),
            attempt(
                "probe: privilege escalation",
                self.other(&[context, "allowPrivilegeEscalation"], true.into()),
            ),
            attempt(
                "probe: a writable root",
                self.other(&[context, "readOnlyRootFilesystem"], false.into()),
            ),
            attempt("probe: SYS_ADMIN", self.other(&caps, json!(["SYS_ADMIN"]))),
            attempt(
                "probe: SYS_PTRACE that was not planned",
                self.other(&caps, json!(["SYS_PTRACE"])),
            ),
            attempt(
                "probe: another user",
                self.other(&[context, "runAsUser"], 1.into()),
            ),
            attempt(
                "probe: another group",
                self.other(&[context, "runAsGroup"], 1.into()),
            ),
            attempt(
                "probe: unconfined seccomp",
                self.other(&[context, "seccompProfile"], json!({"type": "Unconfined"})),
            ),
            attempt(
                "probe: no security context",
                self.other(&[context], Value::Null),
            ),
        ]
    }
}
