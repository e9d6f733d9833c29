//! What a stolen scan identity would try, as requests. None of them, allowed or not, changes or runs
//! anything: an exec comes without the headers of its upgrade, all else is a dry run.

mod execs;
mod others;
mod planned;
mod probes;
mod request;
mod rules;
mod spelt;
mod ways;
mod writes;

pub(super) use planned::Planned;
pub(super) use request::Attempt;
pub(super) use rules::rules;
