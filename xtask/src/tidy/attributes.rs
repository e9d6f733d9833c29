//! What attributes say of the code below them.

use syn::{Attribute, Meta, Token, punctuated::Punctuated};

/// The file that `#[path = "…"]` names.
pub(crate) fn path_attribute(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else {
        return None;
    };
    let syn::Expr::Lit(value) = &pair.value else {
        return None;
    };
    match &value.lit {
        syn::Lit::Str(path) if pair.path.is_ident("path") => Some(path.value()),
        _ => None,
    }
}

/// Whether only tests are built with what has these attributes.
pub(crate) fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let path = attribute.path();
        if path.is_ident("cfg") {
            return attribute
                .parse_args::<Meta>()
                .is_ok_and(|meta| needs_test(&meta));
        }
        path.segments
            .last()
            .is_some_and(|last| last.ident == "test")
    })
}

fn needs_test(condition: &Meta) -> bool {
    let inner = || match condition {
        Meta::List(list) => list
            .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
            .unwrap_or_default(),
        _ => Punctuated::new(),
    };
    let path = condition.path();
    if path.is_ident("all") {
        inner().iter().any(needs_test)
    } else if path.is_ident("any") {
        let inner = inner();
        !inner.is_empty() && inner.iter().all(needs_test)
    } else {
        path.is_ident("test")
    }
}
