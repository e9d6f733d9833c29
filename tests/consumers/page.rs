//! The HTML form in a browser: phone and desktop, light and dark, with and without scripts.

use std::{env, fs, path::Path, process::Command};

use scanner_report::Format;
use serde_json::Value;

use super::{node, reports, run, write};

#[test]
fn the_page_is_whole_everywhere_and_asks_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let chromium = env::var_os("SCANNER_CHROMIUM");
    let chromium = chromium.expect("SCANNER_CHROMIUM names no browser: run cargo xtask consumers");
    for (name, mut report) in reports() {
        if !["found", "hostile"].contains(&name) {
            continue;
        }
        if name == "found" {
            lengthen(&mut report);
        }
        let file = write(folder.path(), name, &report, Format::Html);
        // Where a person wants to look at the screenshots.
        let shots = env::var_os("SCANNER_SCREENSHOTS").unwrap_or(folder.path().into());
        let shots = Path::new(&shots).join(name);
        fs::create_dir_all(&shots).unwrap();
        let mut page = node(&["page.mjs"]);
        let (opened, said) = run(page.arg(&chromium).arg(&file).arg(&shots));
        assert!(opened, "{name}: {said}");
        let seen: Value = serde_json::from_str(said.trim()).unwrap_or_else(|_| panic!("{said}"));
        check(name, &seen);
    }
}

/// Gives findings as much evidence as a page of paper has lines, so that one that is kept whole leaves a page empty.
fn lengthen(report: &mut Value) {
    let results = report["findings"][0]["results"].as_array_mut().unwrap();
    for result in results
        .iter_mut()
        .filter(|result| result["status"] == "fail")
    {
        let lines = (0..45).map(|n| format!("/usr/lib/a/long/path/number/{n} mode 0777"));
        result["evidence"] = lines.collect();
    }
}

fn check(name: &str, seen: &Value) {
    assert_eq!(seen["requests"], serde_json::json!([]), "{name}");
    assert_eq!(seen["messages"], serde_json::json!([]), "{name}");
    assert_eq!(seen["dialogs"], 0, "{name}");
    let views = seen["views"].as_array().unwrap();
    assert_eq!(views.len(), 8, "{name}");
    for view in views {
        assert_eq!(view["findings"], 20, "{name}: {view}");
        assert!(view["overflow"].as_i64().unwrap() <= 0, "{name}: {view}");
        assert_eq!(view["filter"], view["script"], "{name}: {view}");
        assert!(view["contrast"].as_f64().unwrap() >= 4.5, "{name}: {view}");
    }
    let of = |scheme: &str| {
        let mut views = views.iter();
        views.find(|v| v["scheme"] == scheme).unwrap()["background"].clone()
    };
    assert_ne!(of("light"), of("dark"), "{name}");
    // No page of the printed report is left half empty.
    let (pages, full) = (seen["pages"].as_f64(), seen["full"].as_f64());
    let (pages, full) = (pages.unwrap(), full.unwrap());
    assert!(
        pages <= full * 1.15 + 1.0,
        "{name}: {pages} pages, {full} full"
    );
    assert_eq!(seen["searched"], 0, "{name}");
    assert_eq!(seen["unticked"], 18, "{name}");
}

#[test]
fn the_browser_sees_what_a_page_must_not_do() {
    let folder = tempfile::tempdir().unwrap();
    let chromium = env::var_os("SCANNER_CHROMIUM").unwrap();
    let page = folder.path().join("bad.html");
    let text = "<body style='background: #fff'><div class='filter' style='width: 3000px'>\
        <input type=search><input type=checkbox></div>\
        <img src='http://127.0.0.1:9/x.png'><script>alert(1)</script>";
    fs::write(&page, text).unwrap();
    let mut command: Command = node(&["page.mjs"]);
    let (_, said) = run(command.arg(&chromium).arg(&page).arg(folder.path()));
    let line = said.lines().find(|l| l.starts_with('{'));
    let seen: Value = serde_json::from_str(line.unwrap_or_else(|| panic!("{said}"))).unwrap();
    assert_ne!(seen["requests"], serde_json::json!([]));
    assert_ne!(seen["dialogs"], 0);
    assert!(seen["views"][0]["overflow"].as_i64().unwrap() > 0);
}
