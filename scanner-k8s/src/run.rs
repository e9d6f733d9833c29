//! What one running scan shares: names, clients, ledger.

pub mod alert;
pub mod ledger;
pub mod logged;
pub mod objects;
pub mod session;
