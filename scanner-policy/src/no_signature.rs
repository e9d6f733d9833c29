//! Signatures in a build without feature `signatures`: there can be none, so gate `image-signature` always objects.

/// A signature of an image. This build has feature `signatures` off, so that there is none.
#[derive(Debug, Clone, Copy)]
pub enum Signature {}

impl Signature {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "the same call as with the feature"
    )]
    pub(crate) const fn verify(&self, _: &str) -> Result<String, String> {
        match *self {}
    }
}
