//! A control for tests.

use secure_scan::{
    ControlScope, Evidence, SecurityControl, async_trait, control::VerifyError,
    plan::PlannedControl,
};

/// A control that does nothing but hold.
pub(crate) struct Named(pub(crate) &'static str);

#[async_trait]
impl SecurityControl for Named {
    fn id(&self) -> &str {
        self.0
    }

    fn plan(&self) -> PlannedControl {
        PlannedControl::new(self.0, "Holds")
    }

    async fn verify(&self, _: &ControlScope<'_>) -> Result<Evidence, VerifyError> {
        Ok(Evidence::of("it holds"))
    }
}
