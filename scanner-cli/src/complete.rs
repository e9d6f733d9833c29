//! `--complete-from-image`: a scan of only the container, or one that its image completes.

use clap::Args;
use secure_scan::{
    CompletedScan, PrepareError, PreparedPair, PreparedScan, Running, Scan, ScanPlan, Segment,
    TargetSelector, target::Namespace,
};

use crate::{dry_run, problem::Problem, rights::Kind};

#[derive(Debug, Args)]
pub(crate) struct CompleteArgs {
    /// Read files that the target's user may not read in the target's image instead; needs --probe-image
    ///
    /// First a pod of the scan's own reads the image as root on the target's node, without running any of its
    /// code. Then the container is scanned. A place that the container does not show is filled from the image,
    /// unless something is mounted there, or what the container does show of it differs from the image. Each
    /// result says where its evidence came from. If the root filesystem is writable, --require-complete and
    /// level strict do not accept evidence from the image alone.
    #[arg(long, requires = "probe_image")]
    complete_from_image: bool,
    /// Namespace for the pod of --complete-from-image that reads the target's image, for a target in a namespace that allows
    /// no pod that runs as root [default: the policy's own, or the target's namespace]
    ///
    /// Everything that this scan of the image makes is made there, with a lease, a Role and a binding of its own, on the target's
    /// node. Pod Security level baseline is enough. Pull secrets are not copied: a private image needs one there, named by the
    /// ServiceAccount default.
    #[arg(long, value_name = "NAMESPACE", requires = "complete_from_image")]
    helper_namespace: Option<Namespace>,
}

/// How to read the target's image, which completes the scan of the target.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ByImage {
    /// Image of the probe that reads it.
    probe_image: String,
    helper_namespace: Option<Namespace>,
}

impl CompleteArgs {
    /// How to read the target's image, if that was asked for.
    pub(crate) fn by_image(&self, probe_image: Option<&String>) -> Option<ByImage> {
        let probe_image = probe_image.filter(|_| self.complete_from_image)?;
        Some(ByImage {
            probe_image: probe_image.clone(),
            helper_namespace: self.helper_namespace.clone(),
        })
    }
}

/// A scan of a container, alone or completed.
pub(crate) enum Wanted {
    Alone(Scan),
    Completed(CompletedScan),
}

/// The same, planned.
pub(crate) enum Prepared {
    Alone(Box<PreparedScan>),
    Completed(Box<PreparedPair>),
}

impl Wanted {
    /// The scan, completed from the image if that was asked for.
    pub(crate) fn new(scan: Scan, image: Option<ByImage>) -> Self {
        let Some(image) = image else {
            return Self::Alone(scan);
        };
        let scan = scan.complete_from_image(image.probe_image);
        Self::Completed(match image.helper_namespace {
            Some(namespace) => scan.helper_namespace(namespace),
            None => scan,
        })
    }

    pub(crate) async fn prepare_in(
        &self,
        segment: Segment,
        target: TargetSelector,
    ) -> Result<Prepared, Problem> {
        let prepared = match self {
            Self::Alone(scan) => {
                let prepared = scan.prepare_in(segment.clone(), target.clone()).await;
                prepared.map(|scan| Prepared::Alone(Box::new(scan)))
            }
            Self::Completed(scan) => {
                let prepared = scan.prepare_in(segment.clone(), target.clone()).await;
                prepared.map(|pair| Prepared::Completed(Box::new(pair)))
            }
        };
        let kind = match self {
            Self::Alone(_) => Kind::Alone,
            Self::Completed(_) => Kind::Completed,
        };
        match prepared {
            Ok(prepared) => Ok(prepared),
            // The plan of the refused scan names the strategy, and the strategy decides which rights the scan needs.
            Err(PrepareError::Forbidden(missing)) => {
                let plans = Box::pin(self.plan_in(segment, target)).await;
                let plans = plans.unwrap_or_default();
                Err(dry_run::forbidden(missing.into(), &plans, kind))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The plans that a prepared scan would have, even if rights are missing.
    pub(crate) async fn plan_in(
        &self,
        segment: Segment,
        target: TargetSelector,
    ) -> Result<Vec<ScanPlan>, Problem> {
        match self {
            Self::Alone(scan) => Ok(vec![scan.plan_in(segment, target).await?]),
            Self::Completed(scan) => Ok(scan.plan_in(segment, target).await?.into()),
        }
    }
}

impl Prepared {
    /// The plan of the scan of the container.
    pub(crate) fn plan(&self) -> &ScanPlan {
        match self {
            Self::Alone(scan) => scan.plan(),
            Self::Completed(pair) => pair.plans()[1],
        }
    }

    pub(crate) fn spawn(self) -> Running {
        match self {
            Self::Alone(scan) => scan.spawn(),
            Self::Completed(pair) => pair.spawn(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, FromArgMatches as _, builder::Resettable};

    use super::ByImage;
    use crate::cli::{Cli, Command};

    /// The command line without the variable of the environment, which may name a probe where this test runs.
    fn parse(arguments: &str) -> Result<Cli, clap::Error> {
        let command = Cli::command().mut_subcommands(|command| {
            let has = command
                .get_arguments()
                .any(|arg| arg.get_id() == "probe_image");
            if has {
                command.mut_arg("probe_image", |arg| arg.env(Resettable::Reset))
            } else {
                command
            }
        });
        Cli::from_arg_matches(&command.try_get_matches_from(arguments.split(' '))?)
    }

    fn image(arguments: &str) -> Result<Option<ByImage>, String> {
        let parsed = parse(arguments);
        match parsed.map_err(|error| error.to_string())?.command {
            Command::Scan(args) => Ok(args.complete.by_image(args.probe_image.as_ref())),
            Command::Container(args) => Ok(args.complete.by_image(args.probe_image.as_ref())),
            Command::Distroless(args) => Ok(args.complete.by_image(Some(&args.probe_image))),
            _ => Err("another command".into()),
        }
    }

    fn by(helper_namespace: Option<&str>) -> ByImage {
        ByImage {
            probe_image: "lab/probe:1".into(),
            helper_namespace: helper_namespace.map(|name| name.parse().unwrap()),
        }
    }

    #[test]
    fn a_scan_is_completed_where_that_is_asked_for_and_a_probe_is_named() {
        for command in ["scan", "container", "distroless"] {
            let with = format!("secure-scan {command} web-0 --probe-image lab/probe:1");
            assert_eq!(image(&with), Ok(None), "{command}");
            let asked = format!("{with} --complete-from-image");
            assert_eq!(image(&asked), Ok(Some(by(None))), "{command}");
            let helped = format!("{asked} --helper-namespace helpers");
            assert_eq!(image(&helped), Ok(Some(by(Some("helpers")))), "{command}");
            let alone = format!("{with} --helper-namespace helpers");
            let refused = image(&alone).unwrap_err();
            assert!(refused.contains("--complete-from-image"), "{refused}");
            let without = format!("secure-scan {command} web-0 --complete-from-image");
            let refused = image(&without).unwrap_err();
            assert!(refused.contains("--probe-image"), "{command}: {refused}");
        }
        for command in ["sidecar", "image", "drift"] {
            let asked = format!(
                "secure-scan {command} web-0 --probe-image lab/probe:1 --complete-from-image"
            );
            assert!(image(&asked).unwrap_err().contains("unexpected argument"));
        }
    }
}
