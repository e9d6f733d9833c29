//! Who must have signed the image, and the signature that shows it.

use std::path::PathBuf;

use clap::Args;
use secure_scan::{
    Policy, Signature,
    profiles::{policy::Signer, signature::Keyless},
};

use crate::{
    files::{read_for_policy, read_named},
    problem::Problem,
};

#[derive(Debug, Args)]
#[command(next_help_heading = "Policy")]
pub(crate) struct SignatureArgs {
    /// Public key (PEM, ECDSA P-256) that must have signed the running digest
    #[arg(long, value_name = "FILE", requires = "signature_bundle")]
    signature_key: Option<PathBuf>,
    /// Trust root of sigstore (`trusted_root.json`) instead of a key, for keyless signatures
    #[arg(
        long,
        value_name = "FILE",
        requires = "signature_bundle",
        conflicts_with = "signature_key"
    )]
    signature_trusted_root: Option<PathBuf>,
    /// Exact identity that the certificate of a keyless signature must have
    #[arg(long, value_name = "IDENTITY", requires = "signature_trusted_root")]
    certificate_identity: Option<String>,
    /// Exact OIDC issuer that the certificate of a keyless signature must name
    #[arg(long, value_name = "URL", requires = "signature_trusted_root")]
    certificate_oidc_issuer: Option<String>,
    /// Signature to verify: the output of `cosign download signature`, or a sigstore bundle. The options above
    /// or the policy say who must have signed
    #[arg(long, value_name = "FILE")]
    signature_bundle: Option<PathBuf>,
}

/// The signature that is to be verified, if one was given. `file` is that of the policy.
pub(super) fn read(
    args: &SignatureArgs,
    policy: &Policy,
    file: &str,
) -> Result<Option<Signature>, Problem> {
    let signer = match (signer(args)?, &policy.signature) {
        (Some(_), Some(_)) => {
            return Err(Problem::usage(
                format!(
                    "both policy {} and the arguments say who must have signed",
                    policy.name
                ),
                "leave --signature-key and --signature-trusted-root out, or use another policy",
            ));
        }
        (Some(given), None) => Some((given, None)),
        (None, named) => named.clone().map(|signer| (signer, Some(file))),
    };
    let Some(bundle) = &args.signature_bundle else {
        return Ok(None);
    };
    let Some((signer, policy)) = signer else {
        return Err(Problem::usage(
            "--signature-bundle is given, but nothing says who must have signed",
            "give --signature-key, or --signature-trusted-root with identity and issuer, or `signature` in the policy",
        ));
    };
    let bundle = named(&bundle.to_string_lossy(), "the signature bundle")?;
    let (read, hint) = match &signer {
        Signer::Key(file) => (
            Signature::read(&text_of(file, policy, KEY)?, &bundle),
            "give what `cosign download signature IMAGE` prints, and the key as cosign.pub",
        ),
        Signer::Keyless {
            trusted_root,
            certificate_identity,
            certificate_oidc_issuer,
        } => {
            let root = text_of(trusted_root, policy, ROOT)?;
            let who = Keyless::new(&root, certificate_identity, certificate_oidc_issuer);
            (
                Signature::read_keyless(&who, &bundle),
                "give the sigstore bundle that cosign 3 stored with the image, and the trust root as \
                 trusted_root.json: docs/policy.md",
            )
        }
    };
    let problem = |error| Problem::usage(format!("cannot use the signature: {error}"), hint);
    read.map(Some).map_err(problem)
}

/// Reads only the files that a policy names for a signer.
pub(super) fn check(policy: &Policy, file: &str) -> Result<(), Problem> {
    match &policy.signature {
        None => Ok(()),
        Some(Signer::Key(key)) => text_of(key, Some(file), KEY).map(drop),
        Some(Signer::Keyless { trusted_root, .. }) => {
            text_of(trusted_root, Some(file), ROOT).map(drop)
        }
    }
}

const KEY: &str = "the signature key";
const ROOT: &str = "the trust root";

/// Reads a file that the user names, or that the policy names.
fn text_of(name: &str, policy: Option<&str>, what: &str) -> Result<String, Problem> {
    match policy {
        Some(policy) => read_for_policy(name, policy, what).map(|(_, text)| text),
        None => named(name, what),
    }
}

fn named(file: &str, what: &str) -> Result<String, Problem> {
    read_named(file, what, "name a file that can be read")
}

/// The signer that the arguments name.
fn signer(args: &SignatureArgs) -> Result<Option<Signer>, Problem> {
    let text = |path: &PathBuf| path.to_string_lossy().into_owned();
    if let Some(key) = &args.signature_key {
        return Ok(Some(Signer::Key(text(key))));
    }
    let Some(root) = &args.signature_trusted_root else {
        return Ok(None);
    };
    match (&args.certificate_identity, &args.certificate_oidc_issuer) {
        (Some(identity), Some(issuer)) => Ok(Some(Signer::Keyless {
            trusted_root: text(root),
            certificate_identity: identity.clone(),
            certificate_oidc_issuer: issuer.clone(),
        })),
        _ => Err(Problem::usage(
            "--signature-trusted-root alone would let anyone sign",
            "say who must have: --certificate-identity and --certificate-oidc-issuer, as to cosign verify",
        )),
    }
}
