//! The functions that an expression may call: those of secure-scan, and those that count what an evaluation costs.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use cel::{
    Context, Env, ExecutionError, FunctionContext, Value,
    common::{types::CelBool, types::CelString, value::CowVal},
};
use regex::{Regex, RegexBuilder};

use super::{
    meter::{Cost, Meter},
    undecided,
};

/// Takes its steps, and is true. No profile can write a name with `@`.
pub(super) const STEP: &str = "@step";
/// Counts a value that is read, and hands it on.
pub(super) const READ: &str = "@read";
/// Counts a value that is copied, and hands it on.
pub(super) const KEEP: &str = "@keep";
/// Adds two values and counts both.
pub(super) const SUM: &str = "@sum";
/// Whether a text matches a regular expression.
pub(super) const MATCHES: &str = "@matches";

/// Bytes that a compiled regular expression may take.
const MAX_REGEX: usize = 256 << 10;
/// Characters of one.
const MAX_PATTERN: usize = 4_096;
/// Regular expressions that a profile keeps compiled.
const MAX_KEPT: usize = 64;
/// Steps that it takes to compile one.
const COMPILE: u64 = 20_000;

/// The standard functions, built once: nothing in them depends on a profile.
static STANDARD: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// Compiled regular expressions of one profile.
#[derive(Debug, Default)]
pub(crate) struct Patterns(Mutex<HashMap<String, Regex>>);

impl Patterns {
    fn get(&self, pattern: &str, meter: &Meter) -> Result<Regex, ExecutionError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(regex) = kept.get(pattern) {
            return Ok(regex.clone());
        }
        meter.spend(Cost::steps(COMPILE))?;
        let regex = compile(pattern)
            .map_err(|message| ExecutionError::function_error("matches", message))?;
        if kept.len() < MAX_KEPT {
            kept.insert(pattern.to_owned(), regex.clone());
        }
        Ok(regex)
    }
}

/// Compiles a regular expression, which may not take much memory.
pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > MAX_PATTERN {
        return Err(format!(
            "a regular expression has at most {MAX_PATTERN} bytes"
        ));
    }
    RegexBuilder::new(pattern)
        .size_limit(MAX_REGEX)
        .dfa_size_limit(MAX_REGEX)
        .build()
        .map_err(|error| format!("not a regular expression: {error}"))
}

type Call = Box<
    dyn for<'c, 'v> Fn(&mut FunctionContext<'c, 'v>) -> Result<CowVal<'c, 'v>, ExecutionError>
        + Send
        + Sync,
>;

/// A context with every function, whose calls count on `meter`.
pub(super) fn context(
    meter: &Arc<Meter>,
    patterns: &Arc<Patterns>,
) -> Result<Context<'static, 'static>, cel::DeclarationError> {
    let mut context = Context::with_env(Arc::clone(&STANDARD));
    context.add_function("mode_has", |mode: i64, bits: Arc<String>| {
        bits_of(&bits).map(|bits| mode & bits != 0)
    })?;
    context.add_function("octal", |mode: i64| format!("{mode:04o}"))?;
    context.add_function("duplicates", duplicates)?;
    undecided::add(&mut context, meter)?;
    let counting = |kept: bool| -> Call {
        let meter = Arc::clone(meter);
        Box::new(move |call| {
            let [value] = arguments(call)?;
            meter.value(value.as_ref(), kept)?;
            Ok(value)
        })
    };
    context.add_function(READ, counting(false))?;
    context.add_function(KEEP, counting(true))?;
    let counts = Arc::clone(meter);
    let step: Call = Box::new(move |call| {
        let [steps] = arguments(call)?;
        let steps = steps.downcast_ref::<cel::common::types::CelInt>();
        let steps = steps.and_then(|steps| u64::try_from(*steps.inner()).ok());
        counts.spend(Cost::steps(steps.unwrap_or(1)))?;
        Ok(CowVal::owned(CelBool::from(true)))
    });
    context.add_function(STEP, step)?;
    let counts = Arc::clone(meter);
    let sum: Call = Box::new(move |call| {
        let [left, right] = arguments(call)?;
        counts.value(left.as_ref(), true)?;
        counts.value(right.as_ref(), true)?;
        add(&left, &right)
    });
    context.add_function(SUM, sum)?;
    let (counts, patterns) = (Arc::clone(meter), Arc::clone(patterns));
    let matches: Call = Box::new(move |call| {
        let [text, pattern] = arguments(call)?;
        counts.value(text.as_ref(), false)?;
        let (Some(subject), Some(pattern)) = (
            text.downcast_ref::<CelString<'_>>(),
            pattern.downcast_ref::<CelString<'_>>(),
        ) else {
            let types = [&text, &pattern].map(|value| value.get_type().name().to_owned());
            return Err(ExecutionError::no_such_member_overload(
                "matches",
                types.to_vec(),
            ));
        };
        let regex = patterns.get(pattern.inner(), &counts)?;
        let found = regex.is_match(subject.inner());
        Ok(CowVal::owned(CelBool::from(found)))
    });
    context.add_function(MATCHES, matches)?;
    Ok(context)
}

fn arguments<'c, 'v, const N: usize>(
    call: &mut FunctionContext<'c, 'v>,
) -> Result<[CowVal<'c, 'v>; N], ExecutionError> {
    let given = std::mem::take(&mut call.args);
    let count = given.len();
    <[CowVal<'c, 'v>; N]>::try_from(given)
        .map_err(|_| ExecutionError::invalid_argument_count(N, count))
}

/// As the interpreter adds.
fn add<'c, 'v>(
    left: &CowVal<'c, 'v>,
    right: &CowVal<'c, 'v>,
) -> Result<CowVal<'c, 'v>, ExecutionError> {
    let Some(adder) = left.as_adder() else {
        let value = |of: &CowVal<'c, 'v>| Value::try_from(of.as_ref()).unwrap_or(Value::Null);
        return Err(ExecutionError::UnsupportedBinaryOperator(
            "add",
            value(left),
            value(right),
        ));
    };
    Ok(CowVal::Owned(adder.add(right.as_ref())?.into_owned()))
}

fn bits_of(bits: &str) -> Result<i64, ExecutionError> {
    i64::from_str_radix(bits, 8)
        .map_err(|_| ExecutionError::function_error("mode_has", "expected octal bits"))
}

/// Numbers and texts that are in the list more than once, each once, in time linear in the list.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the form that the interpreter calls"
)]
fn duplicates(items: Arc<Vec<Value>>) -> Value {
    let (mut seen, mut reported) = (HashSet::new(), HashSet::new());
    let twice = items.iter().filter(|item| {
        let key = match item {
            Value::Int(number) => (Some(*number), None),
            Value::String(text) => (None, Some(Arc::clone(text))),
            _ => return false,
        };
        !seen.insert(key.clone()) && reported.insert(key)
    });
    Value::List(twice.cloned().collect::<Vec<_>>().into())
}
