//! Accounts, groups and states of passwords.

use super::line::{field, number, number_of};
use crate::model::{Group, PasswordState, ShadowEntry, User};

pub(super) fn password(text: &str) -> Option<PasswordState> {
    match text {
        "empty" => Some(PasswordState::Empty),
        "locked" => Some(PasswordState::Locked),
        "shadowed" => Some(PasswordState::Shadowed),
        "hashed" => Some(PasswordState::Hashed),
        _ => None,
    }
}

pub(super) fn user(line: &[u8]) -> Option<User> {
    let mut fields = line.splitn(6, |byte| *byte == b':');
    Some(User {
        password: password(std::str::from_utf8(fields.next()?).ok()?)?,
        uid: number_of(fields.next()?)?,
        gid: number_of(fields.next()?)?,
        name: field(fields.next()?),
        home: fields.next()?.into(),
        shell: fields.next()?.into(),
    })
}

pub(super) fn group(line: &str) -> Option<Group> {
    let mut fields = line.splitn(3, ':');
    Some(Group {
        gid: number(fields.next()?)?,
        name: fields.next()?.into(),
        members: fields
            .next()?
            .split(',')
            .filter(|m| !m.is_empty())
            .map(str::to_owned)
            .collect(),
    })
}

pub(super) fn shadow(line: &str) -> Option<ShadowEntry> {
    let mut fields = line.splitn(3, ':');
    Some(ShadowEntry {
        password: password(fields.next()?)?,
        algorithm: fields.next()?.into(),
        name: fields.next()?.into(),
    })
}
