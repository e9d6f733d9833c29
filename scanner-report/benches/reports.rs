//! Time and memory to render each form of a large report: 2,000 checks and 5,000 packages.

use divan::{AllocProfiler, Bencher, counter::BytesCount};
use scanner_report::{Document, Format, diff, render, text::Style};
use serde_json::{Value, json};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// A report of a real scan, with its results many times over.
fn large() -> Vec<u8> {
    let text = include_str!("../../tests/consumers/report.json");
    let mut report: Value = serde_json::from_str(text).unwrap_or_default();
    let few = report["findings"]["results"].clone();
    let few = few.as_array().cloned().unwrap_or_default();
    let many = few.iter().cycle().take(2000).enumerate();
    let many = many.map(|(number, result)| {
        let mut result = result.clone();
        result["id"] = format!("check-{number}").into();
        result["evidence"] = (0..20)
            .map(|n| format!("/usr/lib/{number}/{n} mode 0777"))
            .collect();
        result
    });
    report["findings"]["results"] = many.collect();
    let packages = (0..5000).map(|n| {
        json!({ "name": format!("lib{n}"), "version": "1:2.3+deb12u1", "arch": "amd64", "manager": "dpkg" })
    });
    report["packages"] = json!({
        "os": { "id": "debian", "version": "12", "name": "Debian 12" },
        "items": packages.collect::<Vec<Value>>(),
    });
    report.to_string().into_bytes()
}

fn document() -> Document {
    Document::parse(&large()).unwrap_or_else(|error| unreachable!("{error}"))
}

#[divan::bench(args = Format::ALL)]
fn form(bencher: Bencher<'_, '_>, format: Format) {
    let document = document();
    bencher.bench(|| render(&document, format, Style::default()));
}

#[divan::bench]
fn read(bencher: Bencher<'_, '_>) {
    let bytes = large();
    bencher
        .counter(BytesCount::of_slice(&bytes))
        .bench(|| Document::parse(&bytes));
}

#[divan::bench]
fn compare(bencher: Bencher<'_, '_>) {
    let document = document();
    bencher.bench(|| diff::compare(&document.view(), &document.view()));
}
