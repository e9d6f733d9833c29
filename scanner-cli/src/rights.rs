//! `secure-scan rights`: prints the Role that an operator needs, or lists the rights that the operator does not have.

use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use secure_scan::{
    PrepareError, ScanPlan, Segment,
    core::strategy::IMAGE_OF_TARGET,
    plan::PlannedRule,
    rights::{Rights, rights},
    strategy::{self, ProbeImage, Strategy},
    target::Namespace,
};

use crate::{cluster::ClusterArgs, output, policy, problem::Problem, signals::interruptible};

/// Exit code where a right is missing.
const MISSING: u8 = 1;

pub(crate) const CODES: &str = "Exit codes:
  0  printed; with --check: you have all rights
  1  with --check: a right is missing
  2  wrong usage; with --check also: there is no such namespace
  3  with --check: the server did not answer
  128+n  ended by signal n: 130 by INT, 143 by TERM, 129 by HUP";

#[derive(Debug, Args)]
pub(crate) struct RightsArgs {
    /// Command that the operator needs the rights for
    #[arg(long, value_enum, default_value_t)]
    strategy: Command,
    /// Namespace of the targets [default: the context's]
    #[arg(short, long)]
    namespace: Option<Namespace>,
    /// Policy of the scans: its identity namespace and its helper namespace count where the flags name none
    #[arg(long, value_name = "NAME|FILE")]
    policy: Option<String>,
    /// Namespace for the scans' accounts and tokens, as in a scan [default: the policy's own]
    #[arg(long, value_name = "NAMESPACE")]
    identity_namespace: Option<Namespace>,
    /// Include the rights for --complete-from-image; for scan, container and distroless
    #[arg(long)]
    complete_from_image: bool,
    /// Namespace in which --complete-from-image and drift read the image, as in a scan [default: the policy's own]
    #[arg(long, value_name = "NAMESPACE")]
    helper_namespace: Option<Namespace>,
    /// Leave out the rights that a scan with --no-try-image does not need; for scan, distroless and drift
    #[arg(long)]
    no_try_image: bool,
    /// Ask the API server for your rights, and print only those that you do not have
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// A command that scans.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Command {
    /// `scan` with an image of the probe: the rights for every strategy that it may use
    Scan,
    /// A container with a shell; every scan needs at least these rights
    #[default]
    Container,
    /// A container without a shell
    Distroless,
    /// A clone of a container, or its image
    Sidecar,
    /// An image that runs nowhere
    Image,
    /// A container whose pod was deployed with the sidecar
    Attached,
    /// A container compared with its image
    Drift,
}

/// The kind of scan that a plan belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One scan.
    Alone,
    /// The scan of a container that is compared with its image.
    Drift,
    /// The scan of a container that its image completes.
    Completed,
}

impl Command {
    /// Whether the command takes `--complete-from-image`.
    const fn may_be_completed(self) -> bool {
        matches!(self, Self::Scan | Self::Container | Self::Distroless)
    }

    /// Whether the command always reads the image of the container first.
    const fn reads_image(self) -> bool {
        matches!(self, Self::Drift)
    }

    /// Whether the command takes `--no-try-image`.
    const fn tries_an_image(self) -> bool {
        matches!(self, Self::Scan | Self::Distroless | Self::Drift)
    }

    /// The strategies by which the container is reached; drift reads its image too.
    fn strategies(self, is_tried: bool) -> Vec<Strategy> {
        // Rights depend on the kind of a strategy, and on whether it tries its image.
        let image = match ProbeImage::new("IMAGE") {
            image if is_tried => image,
            image => image.untried(),
        };
        let sidecar = || strategy::sidecar("IMAGE").into();
        match self {
            Self::Scan => vec![strategy::auto().probe_image(image).into()],
            Self::Container => vec![strategy::container()],
            Self::Distroless | Self::Drift => vec![strategy::distroless(image)],
            Self::Sidecar | Self::Image => vec![sidecar()],
            Self::Attached => vec![strategy::attached().into()],
        }
    }
}

/// The command that prints all rights for scans like that of `plan`; `helper` is the namespace in which images are read.
pub(crate) fn command(plan: &ScanPlan, kind: Kind, helper: Option<&Namespace>) -> String {
    let fallback = plan.fallback.as_ref();
    let strategy = match plan.strategy.as_str() {
        _ if kind == Kind::Drift => Command::Drift,
        // The plan has only the first of several strategies, whose rights may not suffice.
        _ if fallback.is_some_and(|fallback| fallback.plan.is_some()) => Command::Scan,
        "distroless" => Command::Distroless,
        "sidecar" | IMAGE_OF_TARGET => Command::Sidecar,
        "image" => Command::Image,
        "attached" => Command::Attached,
        _ => Command::Container,
    };
    let name = strategy.to_possible_value();
    let name = name.as_ref().map_or("container", |name| name.get_name());
    let namespace = &plan.target.namespace;
    let apart = plan.identity_namespace.as_ref();
    let apart = apart.map_or_else(String::new, |namespace| {
        format!(" --identity-namespace {namespace}")
    });
    let completed = match kind {
        Kind::Completed => " --complete-from-image",
        Kind::Alone | Kind::Drift => "",
    };
    let helper = helper.filter(|_| kind != Kind::Alone);
    let helper = helper.map_or_else(String::new, |namespace| {
        format!(" --helper-namespace {namespace}")
    });
    format!("secure-scan rights --strategy {name} -n {namespace}{apart}{completed}{helper}")
}

pub(crate) async fn run(args: &RightsArgs) -> Result<u8, Problem> {
    interruptible(Box::pin(print(args))).await
}

async fn print(args: &RightsArgs) -> Result<u8, Problem> {
    let strategies = args.strategy.strategies(!args.no_try_image);
    if args.no_try_image && !args.strategy.tries_an_image() {
        return Err(Problem::usage(
            "--no-try-image is for scan, distroless and drift",
            "leave it out, or name one of these with --strategy",
        ));
    }
    if args.complete_from_image && !args.strategy.may_be_completed() {
        return Err(Problem::usage(
            "--complete-from-image is for scan, container and distroless",
            "leave it out, or name one of these with --strategy",
        ));
    }
    let reads_image = args.complete_from_image || args.strategy.reads_image();
    if args.helper_namespace.is_some() && !reads_image {
        return Err(Problem::usage(
            "--helper-namespace is for --complete-from-image and for drift",
            "leave it out, or give --complete-from-image too",
        ));
    }
    let apart = Apart::of(args)?;
    let (namespace, segment) = if let Some(namespace) = &args.namespace {
        (namespace.to_string(), None)
    } else {
        let segment = args.cluster.cluster().await?.begin();
        (segment.default_namespace().to_owned(), Some(segment))
    };
    if apart.identity() == Some(namespace.as_str()) {
        return Err(Problem::usage(
            format!("namespace {namespace} of the targets cannot be the identity namespace"),
            "name a namespace in which the owners of the targets have no rights",
        ));
    }
    let needed = needed(args, &apart, strategies, &namespace)?;
    if args.check {
        let segment = match segment {
            Some(segment) => segment,
            None => args.cluster.cluster().await?.begin(),
        };
        return check(&segment, &needed).await;
    }
    let mut text = String::new();
    for rights in &needed {
        role(&mut text, rights);
    }
    output::print(&text).map(|()| 0)
}

/// Rights in one namespace.
#[derive(Debug)]
struct RightsIn {
    namespace: String,
    /// Name of a Role with them.
    role: &'static str,
    rights: Rights,
}

/// The namespaces besides that of the targets.
struct Apart {
    identity: Option<Namespace>,
    helper: Option<Namespace>,
}

impl Apart {
    /// Takes each namespace from its flag, or from the policy if the flag is missing.
    ///
    /// # Errors
    ///
    /// Fails if the policy cannot be used.
    fn of(args: &RightsArgs) -> Result<Self, Problem> {
        let policy = args.policy.as_deref().map(policy::named).transpose()?;
        let (identity, helper) = policy.map_or((None, None), |policy| {
            (policy.identity_namespace, policy.helper_namespace)
        });
        Ok(Self {
            identity: args.identity_namespace.clone().or(identity),
            helper: args.helper_namespace.clone().or(helper),
        })
    }

    fn identity(&self) -> Option<&str> {
        self.identity.as_ref().map(Namespace::as_str)
    }
}

/// The rights that are needed in each namespace; `home` is that of the targets.
fn needed(
    args: &RightsArgs,
    apart: &Apart,
    mut strategies: Vec<Strategy>,
    home: &str,
) -> Result<Vec<RightsIn>, Problem> {
    let image: [Strategy; 1] = [strategy::sidecar("IMAGE").into()];
    let reads_image = args.complete_from_image || args.strategy.reads_image();
    let helper = apart.helper.as_ref().map(Namespace::as_str);
    let helper = helper.filter(|helper| reads_image && *helper != home);
    let identity = apart.identity();
    if helper.is_some() && helper == identity {
        return Err(Problem::usage(
            "the identity namespace cannot be the helper namespace",
            "name another one, which allows a pod that runs as root (Pod Security level baseline)",
        ));
    }
    if reads_image && helper.is_none() {
        strategies.extend(image.clone());
    }
    let of_targets = rights(&strategies, identity.is_some()).into_iter();
    let mut all: Vec<RightsIn> = of_targets
        .map(|rights| match identity {
            Some(identity) if rights.of_identity => RightsIn {
                namespace: identity.to_owned(),
                role: "secure-scan-identity-operator",
                rights,
            },
            _ => RightsIn {
                namespace: home.to_owned(),
                role: "secure-scan-operator",
                rights,
            },
        })
        .collect();
    if let Some(helper) = helper {
        // The rights of the identity are in the list already.
        let of_image = rights(&image, identity.is_some()).into_iter();
        let of_image = of_image.filter(|rights| !rights.of_identity);
        all.extend(of_image.map(|rights| RightsIn {
            namespace: helper.to_owned(),
            role: "secure-scan-helper-operator",
            rights,
        }));
    }
    Ok(all)
}

/// Writes a Role. The only text of others in it is names of namespaces.
fn role(text: &mut String, needed: &RightsIn) {
    let RightsIn {
        namespace,
        role: name,
        rights,
    } = needed;
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

async fn check(segment: &Segment, needed: &[RightsIn]) -> Result<u8, Problem> {
    let mut missing = Vec::new();
    for RightsIn {
        namespace: home,
        rights,
        ..
    } in needed
    {
        let found = rights.check(segment.operator(), home).await;
        let found = found.map_err(PrepareError::from)?;
        let named = found.missing.into_iter();
        missing.extend(named.map(|what| format!("missing in namespace {home}: {what}\n")));
    }
    if !missing.is_empty() {
        output::print(&missing.concat())?;
        output::note("hint: see the whole Role: the same command without --check");
        return Ok(MISSING);
    }
    let enough = "nothing is missing for a target named by its pod; workloads, the admission guard and gates may need \
                  more: docs/rights.md\n";
    output::print(enough).map(|()| 0)
}

#[cfg(test)]
mod tests;
