//! Reports of real scans: every form at once, and policy reports that the API server takes.

use std::{fs, os::unix::fs::PermissionsExt as _};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api,
    api::PostParams,
    core::{ApiResource, DynamicObject, GroupVersionKind},
};
use scanner_tests::{
    TestNamespace, eventually, lab_only,
    program::{ProgramOutput, program},
};
use serde_json::{Value, json};

const FILES: [(&str, &str); 7] = [
    ("json", "report.json"),
    ("sarif", "report.sarif"),
    ("junit", "report.xml"),
    ("html", "report.html"),
    ("in-toto", "statement.json"),
    ("policyreport", "policyreport.json"),
    ("openreports", "openreports.json"),
];

#[tokio::test]
async fn one_scan_gives_every_form_and_the_server_takes_its_policy_reports() {
    let site = TestNamespace::new("forms").await;
    let folder = tempfile::tempdir().unwrap();
    let outputs =
        FILES.map(|(form, file)| format!("{form}={}", folder.path().join(file).display()));
    let mut args = vec!["web"];
    for output in &outputs {
        args.extend(["-o", output]);
    }
    let output = site.run(&args).await;
    assert_eq!(output.code, 1, "{output:?}");
    assert_eq!(output.out, "", "everything went to files");
    for (form, file) in FILES {
        let mode = fs::metadata(folder.path().join(file))
            .unwrap()
            .permissions();
        assert_eq!(
            mode.mode() & 0o777,
            0o600,
            "{form}: findings are for their owner alone"
        );
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), FILES.len());
    let read = |file: &str| -> Value {
        serde_json::from_slice(&fs::read(folder.path().join(file)).unwrap()).unwrap()
    };
    let report = read("report.json");
    let digest = report["plan"]["target"]["image_id"].as_str().unwrap();
    let stated = &read("statement.json")["subject"][0]["digest"]["sha256"];
    assert!(
        digest.ends_with(stated.as_str().unwrap()),
        "{digest} {stated}"
    );
    let sarif = read("report.sarif");
    let failed = report["findings"][0]["results"].as_array().unwrap();
    let failed = failed.iter().filter(|r| r["status"] == "fail").count();
    assert_eq!(
        sarif["runs"][0]["results"].as_array().unwrap().len(),
        failed
    );

    // From the saved report, the same again.
    let saved = folder.path().join("report.json").display().to_string();
    let convert = ["report", "convert", &saved, "-o", "policyreport"];
    let output: ProgramOutput = program(&convert).output().await.unwrap().into();
    assert_eq!(
        (output.code, output.json()),
        (0, read("policyreport.json")),
        "{output:?}"
    );
    let diff = ["report", "diff", &saved, &saved];
    let output: ProgramOutput = program(&diff).output().await.unwrap().into();
    assert_eq!(output.code, 0, "{output:?}");

    if lab_only() {
        for file in ["policyreport.json", "openreports.json"] {
            applied(&site, read(file)).await;
        }
    }
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

/// Gives an object to the API server, which keeps all of it, and refuses one that is not valid.
async fn applied(site: &TestNamespace, object: Value) {
    let (group, version) = object["apiVersion"]
        .as_str()
        .expect("as written")
        .split_once('/')
        .expect("as written");
    let kind = object["kind"].as_str().expect("as written");
    define(site, group, version, kind).await;
    let kind = GroupVersionKind::gvk(group, version, kind);
    let resource = ApiResource::from_gvk(&kind);
    let api: Api<DynamicObject> =
        Api::namespaced_with(site.client.clone(), &site.namespace, &resource);
    let params = PostParams::default();
    let mut wrong = object.clone();
    wrong["results"][0]["severity"] = "terrible".into();
    let parsed = serde_json::from_value(object.clone()).expect("as written");
    // A new kind is served a moment after it was defined.
    let kept = eventually("the new kind", async || {
        match api.create(&params, &parsed).await {
            Err(kube::Error::Api(status)) if status.code == 404 => None,
            made => Some(made.expect("the server takes the object")),
        }
    })
    .await;
    for field in ["results", "summary", "scope"] {
        assert_eq!(kept.data[field], object[field], "{field}");
    }
    wrong["metadata"]["name"] = "wrong".into();
    let refused = api
        .create(&params, &serde_json::from_value(wrong).expect("as written"))
        .await;
    assert!(
        matches!(&refused, Err(kube::Error::Api(status)) if status.code == 422),
        "{refused:?}"
    );
}

/// Defines the kind as its API has it, as far as it constrains, where the cluster has it not.
async fn define(site: &TestNamespace, group: &str, version: &str, kind: &str) {
    let text = json!({"type": "string"});
    let integers = json!({"type": "integer"});
    let result = json!({
        "type": "object",
        "required": ["policy"],
        "properties": {
            "source": text, "policy": text, "rule": text, "category": text, "message": text,
            "severity": {"type": "string", "enum": ["critical", "high", "low", "medium", "info"]},
            "result": {"type": "string", "enum": ["pass", "fail", "warn", "error", "skip"]},
            "scored": {"type": "boolean"},
            "properties": {"type": "object", "additionalProperties": text},
            "timestamp": {
                "type": "object",
                "required": ["seconds", "nanos"],
                "properties": {
                    "seconds": {"type": "integer", "format": "int64"},
                    "nanos": {"type": "integer", "format": "int32"},
                },
            },
        },
    });
    let scope = json!({
        "type": "object",
        "properties": {
            "apiVersion": text, "kind": text, "namespace": text, "name": text, "uid": text,
        },
    });
    let counts =
        ["pass", "fail", "warn", "error", "skip"].map(|c| (c.to_owned(), integers.clone()));
    let counts: serde_json::Map<String, Value> = counts.into_iter().collect();
    let plural = format!("{}s", kind.to_lowercase());
    let definition = json!({
        "metadata": {
            "name": format!("{plural}.{group}"),
            // The API server asks for it where the group ends in `.k8s.io`.
            "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"},
        },
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase()},
            "versions": [{
                "name": version, "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {
                    "type": "object",
                    "properties": {
                        "source": text,
                        "scope": scope,
                        "summary": {"type": "object", "properties": counts},
                        "results": {"type": "array", "items": result},
                    },
                }},
            }],
        },
    });
    let definition: CustomResourceDefinition =
        serde_json::from_value(definition).expect("as written");
    let api: Api<CustomResourceDefinition> = Api::all(site.client.clone());
    match api.create(&PostParams::default(), &definition).await {
        Err(kube::Error::Api(status)) if status.code == 409 => {}
        made => drop(made.expect("the kind is defined")),
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_reported_before_anything_is_created() {
    let site = TestNamespace::new("unwritable").await;
    for place in ["html=/no/such/dir/x.html", "json=/"] {
        let output = site.run(&["web", "-o", place]).await;
        assert_eq!(output.code, 2, "{place}: {output:?}");
        assert!(output.err.contains("hint: "), "{output:?}");
        // The stages in which something is created are named as they start.
        assert!(
            !output.err.contains("putting controls in place"),
            "{output:?}"
        );
    }
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}
