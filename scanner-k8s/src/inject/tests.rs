//! What comes out is what went in plus the sidecar, however the manifest is written.

use super::*;
use crate::names::{SIDECAR_CONTAINER, SIDECAR_LABEL};
use crate::pod::security_context::PodSecurity;

fn options() -> Options {
    Options {
        probe_image: "lab.local/probe:1".into(),
        container: None,
        user: None,
        level: PodSecurity::Baseline,
    }
}

const DEPLOYMENT: &str = "\
# A shop.
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}   # flow
spec:
  replicas: 2
  selector:
    matchLabels:
      app: web
  template:
    metadata:
      # who it is
      labels:
        # by app
        app: web   # the app
    spec:
      # no token
      automountServiceAccountToken: false
      securityContext: {runAsUser: 1000, runAsGroup: 1000}

      containers:
      - name: web
        image: \"lab.local/busybox:1\"
        command: [sh, -c]
        args:
        - |
          # not a comment
          sleep 1000

        # the end of web
      # after the list
      terminationGracePeriodSeconds: 0
---
apiVersion: v1
kind: Service
metadata:
    name: web
";

/// Injects, and shows that every line of the manifest is still there, in order.
fn done(source: &str, options: &Options) -> String {
    let out = inject(source, options)
        .unwrap_or_else(|e| unreachable!("{e}\n{source}"))
        .text;
    let mut lines = out.lines();
    for line in source.lines() {
        assert!(lines.any(|l| l == line), "{line:?} is gone from:\n{out}");
    }
    let again = inject(&out, options).unwrap().text;
    assert_eq!(again, out, "a second time adds nothing");
    out
}

fn refused(source: &str, options: &Options) -> String {
    let error = inject(source, options).unwrap_err();
    error.to_string()
}

#[test]
fn comments_order_and_formatting_stay() {
    let out = done(DEPLOYMENT, &options());
    let expected = DEPLOYMENT
        .replace(
            "        # by app\n",
            "        secure-scan.io/sidecar: \"web\"\n        # by app\n",
        )
        .replace(
            "      # no token\n",
            "      shareProcessNamespace: true\n      # no token\n",
        )
        .replace(
            "        # the end of web\n",
            "        # the end of web\n      \
             - name: secure-scan\n        \
               image: \"lab.local/probe:1\"\n        \
               imagePullPolicy: IfNotPresent\n        \
               command: [/secure-scan-probe, serve]\n        \
               resources:\n          \
                 requests: {cpu: 100m, memory: 64Mi}\n          \
                 limits: {cpu: 100m, memory: 64Mi}\n        \
               securityContext:\n          \
                 runAsUser: 1000\n          \
                 runAsGroup: 1000\n          \
                 runAsNonRoot: true\n          \
                 capabilities: {drop: [ALL]}\n          \
                 allowPrivilegeEscalation: false\n          \
                 readOnlyRootFilesystem: true\n          \
                 seccompProfile: {type: RuntimeDefault}\n",
        );
    assert_eq!(out, expected);
}

const POD: &str = "\
apiVersion: v1
kind: Pod
metadata:
  name: p
spec:
  securityContext: {runAsUser: 7, runAsGroup: 8}
  containers:
  - name: c
    image: i
";

#[test]
fn every_way_to_write_a_manifest_keeps_what_it_says() {
    let crlf = POD.replace('\n', "\r\n");
    let no_end = POD.trim_end();
    let json = serde_json::to_string(&parsed(POD).unwrap()[0]).unwrap();
    let pretty = serde_json::to_string_pretty(&parsed(POD).unwrap()[0]).unwrap();
    let list = format!(
        "kind: List\napiVersion: v1\nitems:\n-{}",
        POD.replace('\n', "\n  ")
            .replacen("apiVersion", " apiVersion", 1)
    );
    let keep = POD.replace(
        "image: i\n",
        "image: i\n    args:\n    - |+\n      text\n\n\n# end\n",
    );
    let folded = POD.replace("image: i", "image: >-\n      i\n\n    # own\n  # list");
    let dash_below = POD.replace("  - name: c\n", "  -\n    name: c\n");
    let indented = POD.replace("  - name: c\n    image", "    - name: c\n      image");
    let volumes = POD.replace("spec:\n", "spec:\n  volumes: []\n");
    let documents = format!("---\n# empty\n---\n{POD}...\n---\nnull\n---\n{POD}");
    let labels = POD.replace("  name: p\n", "  name: p\n  labels: {}\n");
    let quoted = POD.replace("image: i", "image: 'i'  # : { [");
    let null_last = POD.replace("image: i\n", "image: i\n    stdin:\n");
    for source in [
        POD,
        &crlf,
        no_end,
        &list,
        &keep,
        &folded,
        &dash_below,
        &indented,
        &volumes,
        &documents,
        &labels,
        &quoted,
        &null_last,
    ] {
        if source.contains(" {}") || source.contains("[]") {
            // An addition within a line changes that line.
            inject(source, &options()).unwrap();
        } else {
            done(source, &options());
        }
    }
    for source in [json, pretty] {
        let out = inject(&source, &options()).unwrap();
        let value: Value = serde_json::from_str(&out.text).unwrap();
        assert_eq!(value["spec"]["containers"][1]["name"], SIDECAR_CONTAINER);
        assert_eq!(inject(&out.text, &options()).unwrap().text, out.text);
    }
    let crlf = inject(&crlf, &options()).unwrap().text;
    assert!(
        crlf.lines().count() == crlf.matches("\r\n").count(),
        "{crlf:?}"
    );
}

#[test]
fn the_token_of_the_service_account_does_not_reach_the_sidecar() {
    let out = done(POD, &options());
    let pod = &parsed(&out).unwrap()[0];
    let sidecar = &pod["spec"]["containers"][1];
    assert_eq!(
        sidecar["volumeMounts"][0]["mountPath"],
        crate::pod::facts::TOKEN_MOUNT
    );
    assert_eq!(pod["spec"]["volumes"][0]["name"], NO_TOKEN);
    let without = POD.replace("spec:\n", "spec:\n  automountServiceAccountToken: false\n");
    assert!(!done(&without, &options()).contains(NO_TOKEN));
}

#[test]
fn what_ends_gets_a_sidecar_that_lets_it_end() {
    let job = "\
apiVersion: batch/v1
kind: CronJob
metadata: {name: j}
spec:
  schedule: \"* * * * *\"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          initContainers:
          - name: first
            image: i
          containers:
          - {name: c, image: i, securityContext: {runAsUser: 5, runAsGroup: 5}}
";
    let out = parsed(&done(job, &options())).unwrap();
    let template = &out[0]["spec"]["jobTemplate"]["spec"]["template"];
    let inits = template["spec"]["initContainers"].as_array().unwrap();
    assert_eq!(inits.len(), 2);
    assert_eq!(inits[1]["restartPolicy"], "Always");
    assert_eq!(template["spec"]["containers"].as_array().unwrap().len(), 1);
    assert_eq!(template["metadata"]["labels"][SIDECAR_LABEL], "c");
    let once = POD.replace("spec:\n", "spec:\n  restartPolicy: OnFailure\n");
    assert!(done(&once, &options()).contains("initContainers:"));
}

#[test]
fn what_cannot_be_done_safely_is_refused() {
    let with = |line: &str| POD.replace("spec:\n", &format!("spec:\n  {line}\n"));
    let unknown = POD.replace("runAsUser: 7, ", "");
    let two = POD.replace("  - name: c\n", "  - name: d\n    image: i\n  - name: c\n");
    let root = POD.replace("runAsUser: 7", "runAsUser: 0");
    let restricted = Options {
        level: PodSecurity::Restricted,
        ..options()
    };
    let other = Options {
        user: Some((9, 9)),
        ..options()
    };
    let missing = Options {
        container: Some("x".parse().unwrap()),
        ..options()
    };
    let anchored = POD.replace("spec:\n", "spec: &s\n");
    let alias = "a: &c\n- {name: c, image: i, securityContext: {runAsUser: 1, runAsGroup: 1}}\n\
                 apiVersion: v1\nkind: Pod\nspec:\n  containers: *c\n";
    let merge = "x: &x {restartPolicy: Always}\napiVersion: v1\nkind: Pod\nspec:\n  <<: *x\n  \
                 containers:\n  - {name: c, image: i, securityContext: {runAsUser: 1, runAsGroup: 1}}\n";
    let foreign = POD.replace(
        "name: c\n",
        "name: secure-scan\n    image: evil\n  - name: c\n",
    );
    for (source, options, word) in [
        (&*with("hostPID: true"), &options(), "process namespace"),
        (
            &with("shareProcessNamespace: false"),
            &options(),
            "is false",
        ),
        (&unknown, &options(), "as which user"),
        (&two, &options(), "several containers: d, c"),
        (&root, &restricted, "level restricted"),
        (POD, &other, "runs as 7:8"),
        (POD, &missing, "no container x"),
        (&anchored, &options(), "anchor"),
        (alias, &options(), "anchor"),
        (merge, &options(), "anchor"),
        (&foreign, &options(), "already there"),
        ("kind: Service\napiVersion: v1\n", &options(), "no workload"),
        ("a: [", &options(), "not YAML"),
        ("a: 1\na: 2\n", &options(), "not YAML"),
        (
            "apiVersion: v1\nkind: Pod\nspec: {containers: 5}\n",
            &options(),
            "no pod template",
        ),
        (&with("os: {name: windows}"), &options(), "Windows"),
        (&with("volumes:"), &options(), "cannot be added to"),
    ] {
        let text = refused(source, options);
        assert!(text.contains(word), "{word}: {text}");
    }
}

#[test]
fn one_workload_that_cannot_stops_all() {
    let source = format!(
        "{POD}---\n{}",
        POD.replace("spec:\n", "spec:\n  hostPID: true\n")
    );
    assert!(refused(&source, &options()).contains("Pod p"));
}

#[test]
fn a_result_that_is_more_than_planned_is_not_given_out() {
    let before = parsed(POD).unwrap();
    let addition = Addition {
        document: 0,
        path: vec![Step::Key("spec")],
        text: "shareProcessNamespace: true\n".into(),
    };
    let good = POD.replace("spec:\n", "spec:\n  shareProcessNamespace: true\n");
    let one = std::slice::from_ref(&addition);
    assert!(check(before.clone(), one, &good).is_ok());
    let more = good.replace("image: i", "image: j");
    for bad in [POD, &more, &format!("{good}---\na: 1\n"), "a: ["] {
        assert!(matches!(
            check(before.clone(), one, bad),
            Err(InjectError::SelfCheck)
        ));
    }
}

#[test]
fn the_user_of_an_image_can_be_given() {
    let source = POD.replace("{runAsUser: 7, runAsGroup: 8}", "{}");
    let given = Options {
        user: Some((65532, 65532)),
        ..options()
    };
    let out = done(&source, &given);
    assert!(out.contains("runAsUser: 65532"));
}
