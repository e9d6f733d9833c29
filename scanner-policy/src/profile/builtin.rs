//! Profiles that are shipped in the program.

/// The shipped profiles: name and text.
const ALL: [(&str, &str); 6] = [
    (
        "container-baseline",
        include_str!("../../profiles/container-baseline.yaml"),
    ),
    ("cis-docker", include_str!("../../profiles/cis-docker.yaml")),
    (
        "pod-hardening",
        include_str!("../../profiles/pod-hardening.yaml"),
    ),
    ("secrets", include_str!("../../profiles/secrets.yaml")),
    ("packages", include_str!("../../profiles/packages.yaml")),
    ("sbom", include_str!("../../profiles/sbom.yaml")),
];

/// Names of the shipped profiles, the general ones first.
pub(super) const NAMES: [&str; ALL.len()] = {
    let mut names = [""; ALL.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = ALL[at].0;
        at += 1;
    }
    names
};

/// The text of a shipped profile.
pub(super) fn find(name: &str) -> Option<&'static str> {
    ALL.iter().find(|(n, _)| *n == name).map(|(_, text)| *text)
}
