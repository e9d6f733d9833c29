//! Profiles: YAML with one CEL expression for each check, compiled to one inventory request.
//!
//! There is one way for each place that a profile comes from: [`Profile::shipped`] for those of this crate,
//! [`Profile::parse`] for a text, and [`Profile::compile`] for files, which the program reads, with values of inputs
//! and a choice of tags.

mod builtin;
mod compiled;
mod engine;
mod error;
mod explain;
mod load;
pub(crate) mod raw;
mod scope_text;
mod shipped;
mod source;

pub use compiled::Profile;
pub(crate) use error::Place;
pub use error::{ProfileError, ProfileWarning};
pub use load::Resolve;
pub use shipped::{ResolveError, ShippedError, UnknownProfile};
pub use source::{Options, Source};

impl Profile {
    /// Names of the shipped profiles.
    pub const SHIPPED: &[&str] = &builtin::NAMES;

    /// A shipped profile by its name, one of [`Profile::SHIPPED`].
    ///
    /// ```
    /// use scanner_policy::Profile;
    ///
    /// let profile = Profile::shipped("container-baseline")?;
    /// assert!(profile.ids().count() > 60);
    /// # Ok::<(), scanner_policy::profile::ShippedError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Fails when none has that name; the error says which one may be meant.
    pub fn shipped(name: &str) -> Result<Self, ShippedError> {
        let source = Source::shipped(name)?;
        Ok(Self::compile(source, &of_shipped, &Options::default())?)
    }

    /// Reads and compiles a profile that extends shipped ones at most; `file` names it in errors.
    ///
    /// # Errors
    ///
    /// Fails, with line and column, on YAML that is not a profile and on expressions that cannot
    /// be compiled, are of a wrong type, or fail on made-up data.
    pub fn parse(text: &str, file: &str) -> Result<Self, ProfileError> {
        Self::compile(Source::new(file, text), &of_shipped, &Options::default())
    }

    /// Reads and compiles a profile with what it extends, which `resolve` finds.
    ///
    /// # Errors
    ///
    /// As [`Profile::parse`]; also when it extends itself, changes what is not there, or when an
    /// input or tag of `options` is not known.
    pub fn compile(
        source: Source,
        resolve: Resolve<'_>,
        options: &Options,
    ) -> Result<Self, ProfileError> {
        let made = Self::check(source, resolve, options);
        // Without a profile there is at least one error.
        made.map_err(|mut errors| errors.swap_remove(0))
    }

    /// The same, and reports everything that is wrong with its checks.
    ///
    /// # Errors
    ///
    /// As [`Profile::compile`]; there is at least one error.
    pub fn check(
        source: Source,
        resolve: Resolve<'_>,
        options: &Options,
    ) -> Result<Self, Vec<ProfileError>> {
        load::Loader::new(resolve, options).profile(source)
    }

    /// The JSON Schema of the format.
    pub fn json_schema() -> String {
        raw::json_schema()
    }
}

fn of_shipped(name: &str, _: &str) -> Result<Source, ResolveError> {
    Ok(Source::shipped(name)?)
}
