//! `is_home(path)`: whether a path is the home of an account. It takes one look, however many accounts there are, so that
//! an expression may ask it of each file.

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
        Some((_, Value::List(users))) => users.iter().filter_map(home).collect(),
        _ => HashSet::new(),
    };
    context.add_function(IS_HOME, move |path: Arc<String>| {
        homes.contains(bare(&path))
    })
}

fn home(user: &Value) -> Option<String> {
    let Value::Map(fields) = user else {
        return None;
    };
    match fields.map.get(&Key::from("home")) {
        Some(Value::String(home)) => Some(bare(home).to_owned()),
        _ => None,
    }
}

fn bare(path: &str) -> &str {
    path.trim_end_matches('/')
}
