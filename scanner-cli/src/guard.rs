//! `secure-scan guard`: renders the admission guard, says whether it holds, and attacks it.

use std::{collections::BTreeMap, fmt::Write as _};

use clap::{Args, Subcommand};
use secure_scan::{
    ObjectMetadata, Segment, TargetSelector,
    core::cause::chain,
    escape::{visible, visible_ends},
    guard::{self, GUARD_NAME, PartState, TestError},
    target::{ContainerName, Namespace, PodName},
};
use serde_json::{Value, json};

use crate::{
    args::{MetadataArgs, within},
    cluster::ClusterArgs,
    output,
    problem::{CLEANUP, NOT_DONE, Problem},
    remedy::remedy_words,
    signals::{Signals, interruptible},
};

/// Exit code of a guard that does not hold.
const WEAK: u8 = 1;

const STATUS_CODES: &str = "Exit codes:
  0  the guard is installed, current, bound, and fails closed
  1  it is missing or was changed
  2  wrong usage
  3  it could not be read
  128+n  ended by signal n: 130 by INT, 143 by TERM, 129 by HUP";

const TEST_CODES: &str = "Exit codes:
  0  the guard refused everything that was not planned, and allowed what was planned
  1  at least one attempt had another result
  2  wrong usage
  3  the attempts could not be made
  5  it could not be verified that everything the test created is gone
  128+n  ended by signal n while connecting to the cluster: 130 by INT, 143 by TERM, 129 by HUP. A later signal ends
         the attempts and cleans up; the exit code is then 3 or 5";

#[derive(Debug, Subcommand)]
pub(crate) enum GuardCommand {
    /// Print the guard as YAML, for an administrator to apply
    Render {
        #[command(flatten)]
        name: Name,
        /// Cover only namespaces with these labels [default: all namespaces]
        #[arg(long, value_name = "KEY=VALUE,...", value_delimiter = ',', value_parser = label)]
        namespace_selector: Vec<(String, String)>,
        /// Namespace where identities of scans may live, besides those of their targets; may be repeated
        #[arg(long, value_name = "NAMESPACE")]
        identity_namespace: Vec<Namespace>,
    },
    /// Check whether the cluster has the guard as this version renders it
    #[command(after_long_help = STATUS_CODES)]
    Status {
        #[command(flatten)]
        name: Name,
        /// Namespaces that it should cover: labels as in `render`, or the selector as JSON [default: all
        /// namespaces]
        #[arg(long, value_name = "KEY=VALUE,...|JSON", default_value = "{}", hide_default_value = true, value_parser = selector)]
        namespace_selector: Value,
        /// Namespace where identities of scans may live, as in `render`; may be repeated
        #[arg(long, value_name = "NAMESPACE")]
        identity_namespace: Vec<Namespace>,
        #[command(flatten)]
        cluster: ClusterArgs,
    },
    /// Attack the guard from a real scan identity whose Role allows everything that is tried
    ///
    /// No attempt runs or changes anything, whether the guard holds or not: an exec has no upgrade headers, and
    /// everything else is a dry run. The test deletes the identity and verifies that it is gone.
    #[command(after_long_help = TEST_CODES)]
    Test {
        /// Running pod, or workload with a running pod, such as web-0 or deploy/web
        #[arg(value_name = "POD", value_parser = crate::args::target)]
        pod: String,
        /// Namespace of the pod [default: the context's]
        #[arg(short, long)]
        namespace: Option<Namespace>,
        /// Container of the pod [default: the pod's only or default container]
        #[arg(short, long)]
        container: Option<ContainerName>,
        /// Namespace of the identity, as in a scan [default: the pod's]
        #[arg(long, value_name = "NAMESPACE")]
        identity_namespace: Option<Namespace>,
        #[command(flatten)]
        metadata: MetadataArgs,
        #[command(flatten)]
        cluster: ClusterArgs,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Name {
    /// Name of the policies and bindings
    #[arg(long, default_value = GUARD_NAME, value_parser = object_name)]
    name: String,
}

fn object_name(text: &str) -> Result<String, String> {
    let name: Result<PodName, _> = text.parse();
    name.map(|n| n.to_string()).map_err(|e| e.to_string())
}

/// Parses a label: anything else would become text in YAML that an administrator applies.
fn label(text: &str) -> Result<(String, String), String> {
    let plain = |text: &str, more: &str| {
        text.chars()
            .all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() && plain(key, "-_./") && plain(value, "-_.") => {
            Ok((key.to_owned(), value.to_owned()))
        }
        _ => Err("expected KEY=VALUE, as in a label of a namespace".into()),
    }
}

/// A `namespaceSelector`, by its labels or as `status` prints it.
fn selector(text: &str) -> Result<Value, String> {
    if text.starts_with('{') {
        return serde_json::from_str(text).map_err(|error| error.to_string());
    }
    let labels: Result<BTreeMap<String, String>, String> = text.split(',').map(label).collect();
    Ok(json!({"matchLabels": labels?}))
}

pub(crate) async fn run(command: GuardCommand) -> Result<u8, Problem> {
    match command {
        GuardCommand::Render {
            name,
            namespace_selector,
            identity_namespace,
        } => {
            let text = guard::render(&name.name, &namespace_selector, &identity_namespace);
            output::print(&text).map(|()| 0)
        }
        GuardCommand::Status {
            name,
            namespace_selector,
            identity_namespace,
            cluster,
        } => {
            let (name, homes) = (&name.name, &identity_namespace);
            let read = async {
                let segment = cluster.cluster().await?.begin();
                status(&segment, name, &namespace_selector, homes).await
            };
            interruptible(read).await
        }
        GuardCommand::Test {
            pod,
            namespace,
            container,
            identity_namespace,
            metadata,
            cluster,
        } => {
            let metadata = metadata.all()?;
            let mut signals = Signals::listen()?;
            let segment = signals.end(cluster.cluster()).await?.begin();
            let pod = |namespace| TargetSelector::named(namespace, &pod);
            let mut target = within(namespace.as_ref(), pod);
            if let Some(container) = container {
                target = target.container(container.as_str());
            }
            let home = identity_namespace.as_ref();
            Box::pin(test(&segment, &target, home, &metadata, &mut signals)).await
        }
    }
}

async fn status(
    segment: &Segment,
    name: &str,
    selector: &Value,
    homes: &[Namespace],
) -> Result<u8, Problem> {
    let status = guard::status(segment, name, selector, homes).await?;
    let mut text = String::new();
    for part in &status.parts {
        let state = match &part.state {
            PartState::Current => "current".to_owned(),
            PartState::Missing => "MISSING".to_owned(),
            PartState::Differs(place) => format!("CHANGED at {}", visible(place, 200)),
        };
        let _ = writeln!(text, "{:<60} {state}", part.what);
    }
    for selector in &status.selectors {
        let selector = visible(&selector.to_string(), 300);
        let _ = writeln!(text, "covers only namespaces that match {selector}");
    }
    text.push_str(
        "not covered: data on standard input, identities of other names, and anyone who may change the guard itself\n",
    );
    output::print(&text)?;
    if status.holds() {
        return Ok(0);
    }
    output::note(&if status.covers_others() {
        "hint: it does not cover the expected namespaces: name those that it should cover with --namespace-selector, as labels or as the JSON above"
            .to_owned()
    } else {
        format!(
            "hint: as an administrator: secure-scan guard render --name {name} | kubectl apply -f - ; add the --namespace-selector and --identity-namespace that you want"
        )
    });
    Ok(WEAK)
}

async fn test(
    segment: &Segment,
    target: &TargetSelector,
    home: Option<&Namespace>,
    metadata: &ObjectMetadata,
    signals: &mut Signals,
) -> Result<u8, Problem> {
    let trial = match guard::test(segment, target, home, metadata, signals.first()).await {
        Ok(trial) => trial,
        Err(TestError::Failed(failed)) => {
            let error = visible_ends(&chain(&failed.error), 1000);
            output::note(&format!("error: {error}"));
            // Leftovers are worse than a test without a result, so they are reported first.
            gone(&failed.left)?;
            return Err(Problem {
                code: NOT_DONE,
                message:
                    "the guard could not be tested, or only in part; nothing of the test is left"
                        .into(),
                hint: failed.error.remedy.as_ref().map(remedy_words),
            });
        }
        Err(TestError::Prepare(error)) => {
            return Err(Problem {
                code: NOT_DONE,
                ..Problem::from(error)
            });
        }
        Err(error) => return Err(Problem::not_done(chain(&error), error.remedy().as_ref())),
    };
    if !trial.answered() {
        gone(&trial.left)?;
        let unguarded: Vec<&str> = trial.unguarded.iter().map(Namespace::as_str).collect();
        return Err(Problem {
            code: WEAK,
            message: if unguarded.is_empty() {
                let tried = trial.attempts.len();
                format!(
                    "there is no admission guard for {target}: it refused none of {tried} attempts"
                )
            } else {
                let unguarded = unguarded.join(" and ");
                format!("there is no admission guard for namespace {unguarded}; nothing was tried")
            },
            hint: Some(
                "as an administrator: secure-scan guard render | kubectl apply -f - , with all options that it was \
                 rendered with and --identity-namespace for each namespace of identities; see: secure-scan guard status"
                    .into(),
            ),
        });
    }
    let mut text = String::new();
    for one in &trial.attempts {
        let word = if one.held { "held " } else { "FAILED" };
        let _ = writeln!(
            text,
            "{word:<6} {:<52} {}",
            one.what,
            visible_ends(&one.answer, 800)
        );
    }
    let failed = trial.attempts.iter().filter(|a| !a.held).count();
    let _ = writeln!(
        text,
        "{} attempts, {failed} failed; an exec that the guard evaluated took {:.1} ms, the same by the \
         operator {:.1} ms",
        trial.attempts.len(),
        trial.decided.as_secs_f64() * 1e3,
        trial.passed.as_secs_f64() * 1e3,
    );
    output::print(&text)?;
    gone(&trial.left)?;
    if failed > 0 {
        output::note("hint: see which part of the guard is missing: secure-scan guard status");
    }
    Ok(if trial.held() { 0 } else { WEAK })
}

/// Fails if something of the test may be left.
fn gone(left: &[String]) -> Result<(), Problem> {
    if left.is_empty() {
        return Ok(());
    }
    Err(Problem {
        code: CLEANUP,
        message: format!("not confirmed deleted: {}", left.join("; ")),
        hint: Some("the cluster removes it within 120 s".into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_cannot_smuggle_yaml() {
        assert!(label("team=a").is_ok());
        assert!(label("example.com/team=a-b").is_ok());
        for bad in ["team", "=a", "a=b\"", "a: b=c", "a=b\nc"] {
            assert!(label(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_selector_is_labels_or_json() {
        let labels = json!({"matchLabels": {"team": "a", "tier": "b"}});
        assert_eq!(selector("team=a,tier=b"), Ok(labels.clone()));
        assert_eq!(selector(&labels.to_string()), Ok(labels));
        assert_eq!(selector("{}"), Ok(json!({})));
        for bad in ["", "team", "team=a,", "{\"a\""] {
            assert!(selector(bad).is_err(), "{bad:?}");
        }
    }
}
