//! An engine of your own beside a shipped profile, in one scan. Results stay apart, and a panic of one engine is an error of
//! its own checks.

#![expect(clippy::print_stdout, reason = "an example talks to its user")]

use secure_scan::{
    Evaluation, LocalScan, Profile, ScanEngine,
    finding::{CheckResult, EngineRef, Findings, Severity},
    inventory::{Collected, Inventory, InventoryRequest, Section},
};

/// Counts the accounts with a shell.
struct ShellUsers {
    most: usize,
}

impl ScanEngine for ShellUsers {
    fn reference(&self) -> EngineRef {
        EngineRef::new("acme-accounts", "1.0.0").with_title("Accounts, as ACME wants them")
    }

    fn request(&self) -> InventoryRequest {
        InventoryRequest {
            sections: [Section::Users].into(),
            ..InventoryRequest::default()
        }
    }

    fn evaluate(&self, inventory: &Inventory, _: &Evaluation) -> Findings {
        let check = CheckResult::new(
            "acme-shell-users",
            "Few accounts have a shell",
            Severity::Medium,
        )
        .with_failing_title("Many accounts have a shell")
        .with_advice(
            "Each is a way in.",
            "Give accounts of services /sbin/nologin.",
        );
        let check = match &inventory.users {
            Collected::Complete { data } | Collected::Partial { data, .. } => {
                let with_shell = data
                    .iter()
                    .filter(|user| user.shell.as_text().ends_with("sh"));
                let names: Vec<String> = with_shell.map(|user| user.name.clone()).collect();
                let complete = matches!(inventory.users, Collected::Complete { .. });
                match names.len() {
                    // What was found is a fact, also where not all was seen; what was not found is one only where all was.
                    found if found > self.most => check.fail(names),
                    _ if complete => check.pass(),
                    _ => check.error("not all accounts could be read"),
                }
            }
            Collected::Unavailable { reason } => check.error(reason.clone()),
            Collected::NotRequested => check.error("accounts were not collected"),
        };
        Findings::new(self.reference(), vec![check])
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = std::env::args().nth(1).ok_or("expected a directory")?;
    // A scan of a cluster takes both engines in the same way: Scan::template().engine(…).engine(…).
    let report = LocalScan::directory(root)
        .engine(Profile::shipped("container-baseline")?)
        .engine(ShellUsers { most: 1 })
        .run()
        .await?;
    for findings in &report.findings {
        println!("{}: {} checks", findings.engine, findings.results.len());
    }
    println!("{}", report.verdict);
    Ok(())
}
