//! `--complete-from-image`: a scan of the container alone, or with what its image has beside it.

use clap::Args;
use secure_scan::{
    CompletedScan, PrepareError, PreparedPair, PreparedScan, Remedy, Running, Scan, ScanPlan,
    Segment, TargetSelector,
};

use crate::problem::Problem;

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
}

impl CompleteArgs {
    /// The image of the probe that reads the target's image, where that is asked for.
    pub(crate) fn image(&self, probe_image: Option<&String>) -> Option<String> {
        let image = probe_image.filter(|_| self.complete_from_image);
        image.cloned()
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
    /// Completed with this image of the probe, where there is one.
    pub(crate) fn new(scan: Scan, probe_image: Option<String>) -> Self {
        match probe_image {
            Some(image) => Self::Completed(scan.complete_from_image(image)),
            None => Self::Alone(scan),
        }
    }

    pub(crate) async fn prepare_in(
        &self,
        segment: Segment,
        target: TargetSelector,
    ) -> Result<Prepared, Problem> {
        match self {
            Self::Alone(scan) => {
                let prepared = scan.prepare_in(segment, target).await?;
                Ok(Prepared::Alone(Box::new(prepared)))
            }
            Self::Completed(scan) => {
                let prepared = scan.prepare_in(segment, target).await;
                Ok(Prepared::Completed(Box::new(prepared.map_err(problem)?)))
            }
        }
    }

    /// All that [`Prepared::plans`] would give, though rights are missing.
    pub(crate) async fn plan_in(
        &self,
        segment: Segment,
        target: TargetSelector,
    ) -> Result<Vec<ScanPlan>, Problem> {
        match self {
            Self::Alone(scan) => Ok(vec![scan.plan_in(segment, target).await?]),
            Self::Completed(scan) => {
                let plans = scan.plan_in(segment, target).await;
                Ok(plans.map_err(problem)?.into())
            }
        }
    }
}

/// A namespace may refuse a pod that reads as root: then the scan can be done without it.
fn problem(error: PrepareError) -> Problem {
    let is_root_refused = error.remedy() == Some(Remedy::ReadAsNobody);
    let mut problem = Problem::from(error);
    if is_root_refused {
        let hint = "scan without --complete-from-image: what the target's user may not read is then reported as not read; \
                    nothing was created";
        problem.hint = Some(hint.into());
    }
    problem
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

    fn image(arguments: &str) -> Result<Option<String>, String> {
        let parsed = parse(arguments);
        match parsed.map_err(|error| error.to_string())?.command {
            Command::Scan(args) => Ok(args.complete.image(args.probe_image.as_ref())),
            Command::Container(args) => Ok(args.complete.image(args.probe_image.as_ref())),
            Command::Distroless(args) => Ok(args.complete.image(Some(&args.probe_image))),
            _ => Err("another command".into()),
        }
    }

    #[test]
    fn a_scan_is_completed_where_that_is_asked_for_and_a_probe_is_named() {
        for command in ["scan", "container", "distroless"] {
            let with = format!("secure-scan {command} web-0 --probe-image lab/probe:1");
            assert_eq!(image(&with), Ok(None), "{command}");
            let asked = format!("{with} --complete-from-image");
            assert_eq!(image(&asked), Ok(Some("lab/probe:1".into())), "{command}");
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
