//! `secure-scan rights`: the Role that an operator needs, and what of it is missing.

use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use secure_scan::{
    plan::PlannedRule,
    rights::{Rights, rights},
    strategy::{self, Strategy},
    target::Namespace,
};

use crate::{cluster::ClusterArgs, output, problem::Problem};

/// Exit code where a right is missing.
const MISSING: u8 = 1;

pub(crate) const CODES: &str = "Exit codes:
  0  printed; with --check: everything that is needed is allowed
  1  with --check: something is missing
  2  wrong usage
  3  with --check: the server did not answer, or does not know all that you may do";

#[derive(Debug, Args)]
pub(crate) struct RightsArgs {
    /// What the operator shall be able to do
    #[arg(long, value_enum, default_value_t)]
    strategy: Command,
    /// Namespace of the targets [default: the context's]
    #[arg(short, long)]
    namespace: Option<Namespace>,
    /// Namespace of the scans' accounts and tokens, as in scans
    #[arg(long, value_name = "NAMESPACE")]
    identity_namespace: Option<Namespace>,
    /// Ask the API server which of these rights you do not have, and print those alone
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// A command that scans.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Command {
    /// Whatever `scan` may do, with an image of the probe
    Scan,
    /// A container with a shell; the least that any scan needs
    #[default]
    Container,
    /// A container without a shell
    Distroless,
    /// A clone of a container, or its image
    Sidecar,
    /// An image that runs nowhere
    Image,
    /// A container that was deployed with the sidecar
    Attached,
    /// A container against its image
    Drift,
}

impl Command {
    fn strategies(self) -> Vec<Strategy> {
        // Rights depend on the kind of a strategy alone.
        let image = "IMAGE";
        let sidecar = || strategy::sidecar(image).into();
        match self {
            Self::Scan => vec![strategy::auto().probe_image(image).into()],
            Self::Container => vec![strategy::container()],
            Self::Distroless => vec![strategy::distroless(image)],
            Self::Sidecar | Self::Image => vec![sidecar()],
            Self::Attached => vec![strategy::attached().into()],
            Self::Drift => vec![sidecar(), strategy::distroless(image)],
        }
    }
}

pub(crate) async fn run(args: &RightsArgs) -> Result<u8, Problem> {
    let strategies = args.strategy.strategies();
    if args.identity_namespace.is_some() && args.identity_namespace == args.namespace {
        return Err(Problem::usage(
            "the identity namespace cannot be that of the targets",
            "name a namespace in which the owners of the targets have no rights",
        ));
    }
    let needed = rights(&strategies, args.identity_namespace.is_some());
    if args.check {
        return check(args, &needed).await;
    }
    let namespace = if let Some(namespace) = &args.namespace {
        namespace.to_string()
    } else {
        let segment = args.cluster.cluster().await?.begin();
        segment.default_namespace().to_owned()
    };
    let mut text = String::new();
    for rights in &needed {
        role(&mut text, rights, home(args, rights, &namespace));
    }
    output::print(&text).map(|()| 0)
}

/// The namespace that these rights are for.
fn home<'a>(args: &'a RightsArgs, rights: &Rights, namespace: &'a str) -> &'a str {
    match &args.identity_namespace {
        Some(identity) if rights.of_identity => identity.as_str(),
        _ => namespace,
    }
}

/// Writes a Role. No text of others is in it but names of namespaces.
fn role(text: &mut String, rights: &Rights, namespace: &str) {
    let name = if rights.of_identity {
        "secure-scan-identity-operator"
    } else {
        "secure-scan-operator"
    };
    let _ = write!(
        text,
        "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n  name: {name}\n  namespace: {namespace}\nrules:\n"
    );
    for rule in &rights.rules {
        rule_lines(text, rule);
    }
}

fn rule_lines(text: &mut String, rule: &PlannedRule) {
    let groups: Vec<String> = rule.api_groups.iter().map(|g| format!("\"{g}\"")).collect();
    let _ = write!(
        text,
        "- apiGroups: [{}]\n  resources: [{}]\n  verbs: [{}]\n",
        groups.join(", "),
        rule.resources.join(", "),
        rule.verbs.join(", ")
    );
}

async fn check(args: &RightsArgs, needed: &[Rights]) -> Result<u8, Problem> {
    let segment = args.cluster.cluster().await?.begin();
    let namespace = match &args.namespace {
        Some(namespace) => namespace.as_str(),
        None => segment.default_namespace(),
    };
    let (mut missing, mut complete) = (Vec::new(), true);
    for rights in needed {
        let home = home(args, rights, namespace);
        let found = rights.check(segment.operator(), home).await?;
        complete &= found.complete;
        let named = found.missing.into_iter();
        missing.extend(named.map(|what| format!("missing in namespace {home}: {what}\n")));
    }
    if !missing.is_empty() {
        output::print(&missing.concat())?;
        output::note("hint: see the whole Role: the same command without --check");
        return Ok(MISSING);
    }
    if !complete {
        return Err(Problem {
            code: crate::problem::NOT_DONE,
            message: "the server does not know all that you may do".into(),
            hint: Some("ask it right by right: kubectl auth can-i".into()),
        });
    }
    output::print("nothing is missing\n").map(|()| 0)
}
