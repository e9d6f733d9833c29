//! Arguments of `secure-scan sidecar` and `secure-scan image`.

use std::net::SocketAddr;

use clap::{Args, ValueEnum};
use secure_scan::{
    Pull,
    strategy::{self, Sidecar, Strategy},
    target::Namespace,
};

use crate::args::{RunArgs, ScanArgs};

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct SidecarArgs {
    #[command(flatten)]
    pub(crate) scan: ScanArgs,
    #[command(flatten)]
    isolation: IsolationArgs,
    /// Image of the probe, preferably by digest; with --attached, the image that the sidecar must have
    #[arg(
        long,
        value_name = "IMAGE",
        env = "SECURE_SCAN_PROBE_IMAGE",
        value_parser = crate::args::image,
        required_unless_present = "attached"
    )]
    probe_image: Option<String>,
    /// Start nothing: read the container through the sidecar that was deployed with the pod (see `secure-scan
    /// inject`)
    #[arg(long, conflicts_with_all = [
        "inert", "with_secrets", "with_config", "same_node", "require_isolation", "canary",
    ])]
    attached: bool,
    /// Read only the image that the target runs, mounted read-only; none of its code runs
    #[arg(long)]
    inert: bool,
    /// Let the clone keep its references to Secrets; plan and report name each
    #[arg(long, conflicts_with = "inert")]
    with_secrets: bool,
    /// Let the clone keep its references to `ConfigMap` objects
    #[arg(long, conflicts_with = "inert")]
    with_config: bool,
    /// Run the scan's pod on the target's node, so that --inert reads that node's copy of the image
    #[arg(long)]
    same_node: bool,
    /// Also read files of the image that only root may read, if the namespace allows it
    #[arg(long, requires = "inert")]
    as_root: bool,
    /// Namespace for the pod that reads the image, for a target in a namespace that does not allow it; pull secrets are not copied
    /// [default: the target's namespace]
    #[arg(long, value_name = "NAMESPACE", requires = "inert")]
    helper_namespace: Option<Namespace>,
}

#[derive(Debug, Args)]
pub(crate) struct ImageArgs {
    /// Reference of the image as in a pod, such as registry.example/app:1.2
    #[arg(value_parser = crate::args::image)]
    pub(crate) image: String,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    isolation: IsolationArgs,
    /// Image of the probe, preferably by digest
    #[arg(long, value_name = "IMAGE", env = "SECURE_SCAN_PROBE_IMAGE", value_parser = crate::args::image)]
    probe_image: String,
    /// Name of a Secret with credentials to pull the image; may be repeated
    #[arg(long, value_name = "SECRET")]
    pull_secret: Vec<String>,
    /// Also read files that only root may read, if the namespace allows it
    #[arg(long)]
    as_root: bool,
    /// When the node pulls an image that is named without a digest; if-not-present also reads images that were
    /// loaded onto nodes, and copies of any age
    #[arg(long, value_enum, default_value_t)]
    pull: PullArg,
    /// Digest that the image must have; another image is not read (exit code 3)
    #[arg(long, value_name = "sha256:...", value_parser = crate::args::digest)]
    expect_digest: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum PullArg {
    /// Each time
    Always,
    /// Only when the node has no image of that name
    #[default]
    IfNotPresent,
}

#[derive(Debug, Args)]
struct IsolationArgs {
    /// Stop before any code of the target runs if the network isolation cannot be verified
    #[arg(long)]
    require_isolation: bool,
    /// Another address for the test of the isolation, which answers pods without a NetworkPolicy; may be
    /// repeated
    #[arg(long, value_name = "ADDRESS:PORT")]
    canary: Vec<SocketAddr>,
}

impl IsolationArgs {
    fn isolated(&self, image: &str) -> Sidecar {
        let sidecar = strategy::sidecar(image).require_isolation(self.require_isolation);
        self.canary
            .iter()
            .fold(sidecar, |sidecar, address| sidecar.canary(*address))
    }
}

impl SidecarArgs {
    pub(crate) fn strategy(&self) -> Strategy {
        let image = match &self.probe_image {
            Some(image) if !self.attached => image,
            image => return strategy::attached().maybe_probe_image(image.clone()).into(),
        };
        self.isolation
            .isolated(image)
            .inert(self.inert)
            .as_root(self.as_root)
            .same_node(self.same_node)
            .keep_secrets(self.with_secrets)
            .keep_config(self.with_config)
            .maybe_helper_namespace(self.helper_namespace.as_ref().map(ToString::to_string))
            .into()
    }
}

impl ImageArgs {
    pub(crate) fn strategy(&self) -> Strategy {
        let sidecar = self
            .isolation
            .isolated(&self.probe_image)
            .inert(true)
            .as_root(self.as_root)
            .pull(match self.pull {
                PullArg::Always => Pull::Always,
                PullArg::IfNotPresent => Pull::IfNotPresent,
            })
            .expected_digest(self.expect_digest.clone());
        let secrets = self.pull_secret.iter();
        secrets.fold(sidecar, Sidecar::pull_secret).into()
    }
}
