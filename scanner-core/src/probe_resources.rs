//! Resource requests and limits for the containers of a scan's own pods.

use std::{collections::BTreeMap, fmt, str::FromStr};

use scanner_inventory::escape::visible;
use serde::{Deserialize, Serialize};

/// Resources that a container of a scan needs.
const NAMES: [&str; 3] = ["cpu", "ephemeral-storage", "memory"];
/// The least that a container can have of memory or storage: no container starts with less, and whoever writes `64` means
/// `64Mi`.
const LEAST_BYTES: f64 = 1_048_576.0;
/// Longest text of one quantity.
const LONGEST: usize = 32;

/// Requests and limits of the containers that a scan itself puts into pods of its own: the probe, the barrier and the
/// container that only resolves an image. A clone has those of its target, and an ephemeral container can have none.
///
/// Written as `cpu=100m:500m,memory=256Mi`: the request, and after a colon the limit if it differs. Resources
/// that are not named keep their defaults.
///
/// ```
/// use scanner_core::ProbeResources;
///
/// let resources: ProbeResources = "cpu=100m:1,memory=256Mi".parse()?;
/// assert_eq!(resources.to_string(), "cpu=100m:1,memory=256Mi");
/// assert!("memory=2Gi:1Gi".parse::<ProbeResources>().is_err());
/// # Ok::<(), scanner_core::InvalidResources>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(
    try_from = "BTreeMap<String, String>",
    into = "BTreeMap<String, String>"
)]
#[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, String>"))]
pub struct ProbeResources(BTreeMap<String, Amount>);

/// How much of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amount {
    /// What is requested.
    pub request: String,
    /// What may be used at most.
    pub limit: String,
}

/// Invalid resources for a container of a scan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?}: {reason}")]
pub struct InvalidResources {
    text: String,
    reason: &'static str,
}

impl ProbeResources {
    /// How much of each resource, by its name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Amount)> {
        self.0.iter().map(|(name, amount)| (name.as_str(), amount))
    }

    /// Whether none is named.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds what `over` names; it replaces entries of the same name.
    pub fn extend(&mut self, over: &Self) {
        self.0.extend(over.0.clone());
    }

    /// Names one resource, as `100m` or `100m:500m`.
    fn set(&mut self, name: &str, amount: &str) -> Result<(), InvalidResources> {
        let whole = format!("{name}={amount}");
        let invalid = |reason| InvalidResources {
            text: visible(&whole, 80),
            reason,
        };
        if !NAMES.contains(&name) {
            return Err(invalid("expected cpu, memory or ephemeral-storage"));
        }
        let (request, limit) = amount.split_once(':').unwrap_or((amount, amount));
        let not = "expected a quantity as Kubernetes has it, such as 100m, 0.5 or 256Mi, or REQUEST:LIMIT";
        let requested = quantity(request).ok_or_else(|| invalid(not))?;
        let limited = quantity(limit).ok_or_else(|| invalid(not))?;
        if limited <= 0.0 {
            return Err(invalid("a container with a limit of zero cannot run"));
        }
        let too_few = |bytes: f64| bytes > 0.0 && bytes < LEAST_BYTES;
        if name != "cpu" && (too_few(requested) || too_few(limited)) {
            return Err(invalid(
                "less than 1Mi of memory or storage starts nothing; name the unit, such as 64Mi",
            ));
        }
        let of_bytes = |text: &str| !text.ends_with(['n', 'u', 'm']);
        if name != "cpu" && !(of_bytes(request) && of_bytes(limit)) {
            return Err(invalid(
                "memory and storage cannot have fractions of a byte; name a unit such as Mi",
            ));
        }
        if requested > limited {
            return Err(invalid("more is requested than the limit allows"));
        }
        if self.0.contains_key(name) {
            return Err(invalid("the resource is named twice"));
        }
        let amount = Amount {
            request: request.to_owned(),
            limit: limit.to_owned(),
        };
        self.0.insert(name.to_owned(), amount);
        Ok(())
    }
}

/// A quantity of Kubernetes that is not negative; near enough to compare two of them.
fn quantity(text: &str) -> Option<f64> {
    if text.len() > LONGEST {
        return None;
    }
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (number, suffix) = text.split_at(end.unwrap_or(text.len()));
    let plain = number.starts_with(|c: char| c.is_ascii_digit())
        && number.ends_with(|c: char| c.is_ascii_digit());
    let number: f64 = number.parse().ok().filter(|_| plain)?;
    let factor = match suffix {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        "Ti" => 1_099_511_627_776.0,
        "Pi" => 1_125_899_906_842_624.0,
        "Ei" => 1_152_921_504_606_846_976.0,
        _ => return None,
    };
    Some(number * factor)
}

impl FromStr for ProbeResources {
    type Err = InvalidResources;

    fn from_str(text: &str) -> Result<Self, InvalidResources> {
        let mut all = Self::default();
        for part in text.split(',') {
            let (name, amount) = part.split_once('=').ok_or_else(|| InvalidResources {
                text: visible(part, 80),
                reason: "expected RESOURCE=QUANTITY or RESOURCE=REQUEST:LIMIT, such as cpu=100m:500m",
            })?;
            all.set(name, amount)?;
        }
        Ok(all)
    }
}

impl TryFrom<BTreeMap<String, String>> for ProbeResources {
    type Error = InvalidResources;

    fn try_from(read: BTreeMap<String, String>) -> Result<Self, InvalidResources> {
        let mut all = Self::default();
        for (name, amount) in &read {
            all.set(name, amount)?;
        }
        Ok(all)
    }
}

impl From<ProbeResources> for BTreeMap<String, String> {
    fn from(resources: ProbeResources) -> Self {
        let all = resources.0.into_iter();
        all.map(|(name, amount)| (name, amount.to_string()))
            .collect()
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.request)?;
        if self.request == self.limit {
            return Ok(());
        }
        write!(f, ":{}", self.limit)
    }
}

impl fmt::Display for ProbeResources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self
            .iter()
            .map(|(name, amount)| format!("{name}={amount}"))
            .collect();
        f.write_str(&parts.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<String, String> {
        let parsed = text.parse::<ProbeResources>();
        parsed
            .map(|all| all.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_request_and_a_limit_are_taken_as_kubernetes_writes_them() {
        for (text, shown) in [
            ("cpu=100m", "cpu=100m"),
            ("cpu=0.5:1", "cpu=0.5:1"),
            ("cpu=1:1000m", "cpu=1:1000m"),
            ("memory=256Mi:1Gi,cpu=2", "cpu=2,memory=256Mi:1Gi"),
            ("ephemeral-storage=0:16Mi", "ephemeral-storage=0:16Mi"),
            ("cpu=7:7", "cpu=7"),
        ] {
            assert_eq!(parsed(text).as_deref(), Ok(shown), "{text}");
        }
    }

    #[test]
    fn what_no_container_can_have_is_refused_with_a_reason() {
        for (text, reason) in [
            ("", "expected RESOURCE=QUANTITY"),
            ("cpu", "expected RESOURCE=QUANTITY"),
            ("gpu=1", "expected cpu"),
            ("cpu=", "expected a quantity"),
            ("cpu=-1", "expected a quantity"),
            ("cpu=1 ", "expected a quantity"),
            ("cpu=.5", "expected a quantity"),
            ("cpu=5.", "expected a quantity"),
            ("cpu=1.2.3", "expected a quantity"),
            ("cpu=nan", "expected a quantity"),
            ("memory=1mi", "expected a quantity"),
            ("memory=1Mi:", "expected a quantity"),
            ("memory=1Mi:1Mi:1Mi", "expected a quantity"),
            ("cpu=0", "limit of zero"),
            ("memory=1Gi:1023Mi", "more is requested"),
            ("cpu=1001m:1", "more is requested"),
            ("memory=64", "less than 1Mi"),
            ("memory=1023Ki", "less than 1Mi"),
            ("memory=1:1Gi", "less than 1Mi"),
            ("ephemeral-storage=64000m", "less than 1Mi"),
            ("memory=64000000000m", "fractions of a byte"),
            ("ephemeral-storage=0m:16Mi", "fractions of a byte"),
            ("memory=64000000000000u:1Gi", "fractions of a byte"),
            ("cpu=1,cpu=2", "named twice"),
            ("cpu=1\u{1b}", "expected a quantity"),
        ] {
            let error = parsed(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
            assert!(!error.contains('\u{1b}'), "{error}");
        }
        let long = format!("memory={}", "1".repeat(LONGEST + 1));
        assert!(parsed(&long).is_err());
    }

    #[test]
    fn it_is_read_and_written_as_a_map_and_one_takes_the_place_of_another() {
        let read = serde_json::json!({"cpu": "100m:500m", "memory": "64Mi"});
        let mut all: ProbeResources = serde_json::from_value(read.clone()).unwrap();
        assert_eq!(serde_json::to_value(&all).unwrap(), read);
        all.extend(&"memory=1Gi".parse().unwrap());
        assert_eq!(all.to_string(), "cpu=100m:500m,memory=1Gi");
        let bad = serde_json::json!({"gpu": "1"});
        assert!(serde_json::from_value::<ProbeResources>(bad).is_err());
    }
}
