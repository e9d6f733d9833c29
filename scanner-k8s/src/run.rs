//! What one running scan shares: names, clients, ledger.

pub(crate) mod alert;
pub(crate) mod background;
pub mod credential;
pub(crate) mod everyone;
pub(crate) mod lease_state;
pub mod ledger;
pub(crate) mod logged;
pub mod made;
pub(crate) mod objects;
pub(crate) mod owned;
pub mod scope;
pub(crate) mod scope_objects;
pub(crate) mod target_watch;
