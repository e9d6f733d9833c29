//! `secure-scan inject`: a manifest with the hardened sidecar, on standard output.

use std::{
    fs::File,
    io::{self, IsTerminal as _, Read as _},
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use secure_scan::{
    inject::{self, InjectError, MAX_MANIFEST, Options, PodSecurity},
    target::ContainerName,
};

use crate::{
    output,
    problem::{NOT_DONE, Problem, USAGE},
    remedy::remedy_words,
};

/// What every injection changes for the pod.
const SHARED: &str = "note: with shareProcessNamespace the containers of a pod see each other's processes, and PID 1 is \
                      the pod's pause process";

#[derive(Debug, Args)]
pub(crate) struct InjectArgs {
    /// Manifest in YAML or JSON, with one or more documents; - for standard input
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    file: PathBuf,
    /// Image of the probe, preferably by digest
    #[arg(long, value_name = "IMAGE", env = "SECURE_SCAN_PROBE_IMAGE", value_parser = crate::args::image)]
    probe_image: String,
    /// Container that the sidecar reads [default: the only or default one]
    #[arg(short, long)]
    container: Option<ContainerName>,
    /// User and group that the container runs as, such as 65532:65532, if the manifest does not say
    #[arg(long, value_name = "UID:GID", value_parser = user)]
    user: Option<(i64, i64)>,
    /// Pod Security level that the namespace enforces
    #[arg(long, value_enum, value_name = "LEVEL", default_value = "baseline")]
    pod_security: Level,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Level {
    /// No restrictions
    Privileged,
    /// Refuses known ways to reach the node
    Baseline,
    /// Also refuses to run as root
    Restricted,
}

pub(crate) fn run(args: InjectArgs) -> Result<u8, Problem> {
    let source = read(&args.file).map_err(|error| Problem {
        code: USAGE,
        message: format!("cannot read {}: {error}", args.file.display()),
        hint: Some("name a manifest that this user may read, in UTF-8".into()),
    })?;
    let options = Options {
        probe_image: args.probe_image,
        container: args.container,
        user: args.user,
        level: match args.pod_security {
            Level::Privileged => PodSecurity::Privileged,
            Level::Baseline => PodSecurity::Baseline,
            Level::Restricted => PodSecurity::Restricted,
        },
    };
    let injected = inject::inject(&source, &options).map_err(|error| Problem {
        code: match error {
            InjectError::Syntax(_) | InjectError::TooLong => USAGE,
            _ => NOT_DONE,
        },
        message: error.to_string(),
        hint: error.remedy().as_ref().map(remedy_words),
    })?;
    for note in &injected.notes {
        output::note(note);
    }
    output::note(SHARED);
    // A program gets the manifest as it is; a person gets it escaped.
    if io::stdout().is_terminal() {
        output::print(&injected.text)?;
    } else {
        output::print_form(&injected.text)?;
    }
    Ok(0)
}

/// Reads a little more than the longest manifest, so that a longer one is refused as such.
fn read(file: &Path) -> io::Result<String> {
    let limit = MAX_MANIFEST as u64 + 1;
    let mut text = String::new();
    if file == Path::new("-") {
        io::stdin().take(limit).read_to_string(&mut text)?;
    } else {
        File::open(file)?.take(limit).read_to_string(&mut text)?;
    }
    Ok(text)
}

fn user(text: &str) -> Result<(i64, i64), String> {
    let id = |text: &str| text.parse::<u32>().ok().map(i64::from);
    text.split_once(':')
        .and_then(|(uid, gid)| Some((id(uid)?, id(gid)?)))
        .ok_or_else(|| "expected two numbers, such as 65532:65532".into())
}
