//! `is_home(path)`: whether a path is the home of an account. It takes one look-up, however many accounts there are, so
//! that an expression may call it for each file.

use std::{collections::HashSet, sync::Arc};

use cel::{Context, Value, objects::Key};
use scanner_core::inventory::Section;

/// Its name; an expression that calls it reads the accounts.
pub(super) const IS_HOME: &str = "is_home";

/// Adds the function to a context of these variables.
pub(super) fn add(
    context: &mut Context<'static, 'static>,
    variables: &[(&str, Value)],
) -> Result<(), cel::DeclarationError> {
    let users = variables
        .iter()
        .find(|(name, _)| *name == Section::Users.name());
    let homes: HashSet<String> = match users {
        Some((_, Value::List(users))) => users.iter().flat_map(homes).collect(),
        _ => HashSet::new(),
    };
    context.add_function(IS_HOME, move |path: Arc<String>| {
        homes.contains(bare(&path))
    })
}

/// The home as the account names it, and where that leads.
fn homes(user: &Value) -> Vec<String> {
    let Value::Map(fields) = user else {
        return Vec::new();
    };
    let named = ["home", "real_home"].map(|field| fields.map.get(&Key::from(field)));
    named
        .into_iter()
        .flatten()
        .filter_map(|home| match home {
            Value::String(home) if !home.is_empty() => Some(bare(home).to_owned()),
            _ => None,
        })
        .collect()
}

fn bare(path: &str) -> &str {
    path.trim_end_matches('/')
}
