//! Reports read by their own consumers: programs of npm, modules of Go, and a browser. And, the other way
//! around, files of others that are read here.
//!
//! `cargo xtask consumers` installs them in a cache folder, which `SCANNER_CONSUMERS` names.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod page;
mod rpm;
mod sboms;
mod thresholds;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use scanner_report::{Document, Format, render, text::Style};
use serde_json::{Value, json};

/// A report of a real scan of the lab, of version 1, which is still read.
const REPORT: &str = include_str!("report.json");
/// Text that tries each form at once.
const HOSTILE: &str = "\u{1b}[2J</script><script>alert(1)</script> ]]> \u{0} \u{fffe} \u{202e} \
     \"'><img src=x onerror=alert(1)> &amp; [a](javascript:1) =1+1 \u{1f600}";

/// Where the consumers are installed.
fn consumers() -> PathBuf {
    let folder = std::env::var_os("SCANNER_CONSUMERS");
    folder
        .expect("SCANNER_CONSUMERS names no folder: run cargo xtask consumers")
        .into()
}

/// Reports in all their variety: findings, none, hostile text, and none at all.
fn reports() -> Vec<(&'static str, Value)> {
    let read = Document::parse(REPORT.as_bytes()).unwrap();
    let mut found: Value = serde_json::from_str(&read.json()).unwrap();
    assert_eq!(found["schema"], "secure-scan.io/report/v2");
    found["packages"] = json!({
        "os": { "id": "debian", "version": "12", "name": "Debian 12" },
        "items": [
            { "name": "libc6", "version": "2.36-9+deb12u10", "arch": "amd64", "manager": "dpkg" },
            { "name": "musl", "version": "1.2.5-r0", "arch": "x86_64", "manager": "apk" },
        ],
        "language": [
            { "ecosystem": "npm", "name": "@babel/core", "version": "7.26.0", "license": "MIT",
              "path": "/app/node_modules/@babel/core/package.json" },
            { "ecosystem": "jar", "name": "shop", "version": "", "license": "", "path": "/opt/shop.jar" },
        ],
    });
    found["plan"]["differences"] = json!([
        "without the service account's token",
        "volume data (persistentVolumeClaim) is empty",
    ]);
    for section in ["packages", "language_packages"] {
        found["coverage"][section] = json!({ "state": "complete" });
    }
    let mut passed = found.clone();
    passed["verdict"] = "passed".into();
    for result in passed["findings"][0]["results"].as_array_mut().unwrap() {
        if result["status"] == "fail" {
            result["status"] = "pass".into();
            result["evidence"] = json!([]);
        }
    }
    let mut blind = passed.clone();
    blind["verdict"] = "incomplete".into();
    blind["findings"][0]["results"][0]["status"] = "error".into();
    blind["coverage"]["files"] = json!({ "state": "unavailable", "reason": HOSTILE });
    // A part of a profile, and a check of it that was not looked at.
    let mut narrowed = passed.clone();
    narrowed["findings"][0]["engine"]["selection"] = json!(["tag probes", "2 of 14 checks"]);
    narrowed["findings"][0]["engine"]["inputs"] = json!({ "max_users": "3" });
    narrowed["findings"][0]["results"][0]["status"] = "not_applicable".into();
    narrowed["findings"][0]["results"][0]["waiver"] =
        json!({ "justification": HOSTILE, "expires": "2099-01-31", "skipped": true });
    narrowed["findings"][0]["waivers"] = json!({
        "source": "w", "applied": [], "expired": [HOSTILE], "unused": [HOSTILE],
    });
    narrowed["unused_allowances"] = json!([HOSTILE]);
    let mut hostile = found.clone();
    for result in hostile["findings"][0]["results"].as_array_mut().unwrap() {
        for field in ["title", "message", "rationale", "fix"] {
            result[field] = HOSTILE.into();
        }
        result["evidence"] = json!([HOSTILE]);
    }
    hostile["plan"]["target"]["image"] = HOSTILE.into();
    hostile["trust"] = HOSTILE.into();
    hostile["plan"]["differences"] = json!([HOSTILE]);
    hostile["packages"]["items"][0]["name"] = HOSTILE.into();
    for field in ["name", "version", "license", "path"] {
        hostile["packages"]["language"][0][field] = HOSTILE.into();
    }
    hostile["controls"][0]["verified"] = json!({ "state": "failed", "reason": HOSTILE });
    let mut failed = found.clone();
    failed["verdict"] = "failed".into();
    failed["findings"] = json!([]);
    failed["failure"] = json!({
        "stage": "open", "kind": { "name": "unknown" }, "message": HOSTILE,
        "remedy": { "remedy": "advice", "text": HOSTILE }, "hint": HOSTILE, "interrupted": false,
    });
    vec![
        ("found", found),
        ("passed", passed),
        ("blind", blind),
        ("narrowed", narrowed),
        ("hostile", hostile),
        ("failed", failed),
    ]
}

/// Writes a form of a report to a folder.
fn write(folder: &Path, name: &str, report: &Value, format: Format) -> PathBuf {
    let document = Document::parse(report.to_string().as_bytes()).unwrap();
    let text = render(&document, format, Style::default()).unwrap();
    // Consumers go by these endings.
    let ending = match format {
        Format::Sarif => "sarif",
        Format::Junit => "xml",
        Format::Html => "html",
        _ => "json",
    };
    let path = folder.join(format!("{name}-{format}.{ending}"));
    fs::write(&path, text).unwrap();
    path
}

/// Runs a consumer; returns whether it accepted the document, and its output.
fn run(command: &mut Command) -> (bool, String) {
    let output = command
        .current_dir(consumers())
        .output()
        .unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into(),
    )
}

fn node(args: &[&str]) -> Command {
    let mut command = Command::new("node");
    command.args(args);
    command
}

#[test]
fn libraries_of_the_standards_read_every_report() {
    let folder = tempfile::tempdir().unwrap();
    for (name, report) in reports() {
        for (kind, format) in [
            ("cyclonedx", Format::CycloneDx),
            ("ohdf", Format::Ohdf),
            ("junit", Format::Junit),
        ] {
            let file = write(folder.path(), name, &report, format);
            let mut check = node(&["check.mjs", kind]);
            let (content, said) = run(check.arg(&file));
            assert!(content, "{name} {kind}: {said}");
            // The check finds the fault.
            let text = fs::read_to_string(&file).unwrap();
            let broken = match format {
                Format::CycloneDx => text.replace("bomFormat", "bomFormats"),
                Format::Ohdf => text.replace("\"profiles\"", "\"profile\""),
                _ => text.replace("</testsuites>", ""),
            };
            fs::write(&file, broken).unwrap();
            let mut check = node(&["check.mjs", kind]);
            assert!(!run(check.arg(&file)).0, "{name} {kind}");
        }
    }
}

#[test]
fn the_sarif_multitool_finds_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    let tool = consumers().join("node_modules/@microsoft/sarif-multitool-linux/Sarif.Multitool");
    let validate = |file: &Path| {
        let output = file.with_extension("checked.sarif");
        let mut command = Command::new(&tool);
        command
            .arg("validate")
            .arg(file)
            .arg("--output")
            .arg(&output);
        // The program is .NET; its data on languages may be missing on this machine.
        command.env("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1");
        let (_, said) = run(&mut command);
        let written = fs::read_to_string(output).unwrap_or_else(|_| panic!("{said}"));
        let log: Value = serde_json::from_str(&written).unwrap();
        let results = log["runs"][0]["results"].as_array().cloned();
        let level = |r: &Value| r["level"].as_str().unwrap_or("warning").to_owned();
        let bad = |r: &&Value| level(r) == "error";
        let all = results.unwrap_or_default();
        let bad: Vec<&Value> = all.iter().filter(bad).collect();
        format!("{bad:#?}")
    };
    for (name, report) in reports() {
        let file = write(folder.path(), name, &report, Format::Sarif);
        assert_eq!(validate(&file), "[]", "{name}");
    }
    let file = write(folder.path(), "broken", &reports()[0].1, Format::Sarif);
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("executionSuccessful", "success")).unwrap();
    assert_ne!(validate(&file), "[]");
}

#[test]
fn the_libraries_of_in_toto_and_openreports_take_every_report() {
    let folder = tempfile::tempdir().unwrap();
    let program = consumers().join("readers");
    for (name, report) in reports() {
        for (format, part) in [
            (Format::InToto, "Statement/v1"),
            (Format::OpenReports, "\"summary\""),
        ] {
            let validate = |file: &Path| {
                let mut command = Command::new(&program);
                command.arg(format.name());
                command.stdin(Stdio::from(fs::File::open(file).unwrap()));
                run(&mut command)
            };
            let file = write(folder.path(), name, &report, format);
            let (content, said) = validate(&file);
            assert!(content, "{name} {format}: {said}");
            let text = fs::read_to_string(&file).unwrap();
            fs::write(&file, text.replace(part, "\"other\"")).unwrap();
            assert!(!validate(&file).0, "{name} {format}");
        }
    }
}
