//! Profiles that are shipped in the program.

/// The shipped profiles: name and text.
pub const ALL: [(&str, &str); 1] = [(
    "container-baseline",
    include_str!("../../profiles/container-baseline.yaml"),
)];

/// The text of a shipped profile.
pub fn find(name: &str) -> Option<&'static str> {
    ALL.iter().find(|(n, _)| *n == name).map(|(_, text)| *text)
}
