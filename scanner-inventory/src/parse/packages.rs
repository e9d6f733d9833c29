//! Packages of distributions.

use super::line::Parsed;
use crate::model::Package;

/// Paragraphs of dpkg's status and apk's installed database, cut to a few fields; those of rpm in the
/// form of apk.
pub(super) fn packages(lines: &[String]) -> Parsed<Vec<Package>> {
    let (mut all, mut unreadable) = (Vec::new(), 0);
    let (mut manager, mut current, mut installed) = ("", None::<Package>, true);
    for line in lines {
        match line.as_str() {
            "@dpkg" => manager = "dpkg",
            "@apk" => manager = "apk",
            "@rpm" => manager = "rpm",
            _ => {
                let Some((key, value)) = line.split_once(':') else {
                    unreadable += 1;
                    continue;
                };
                let value = value.trim();
                match (key, &mut current) {
                    ("Package" | "P", _) => {
                        all.extend(current.take().filter(|_| installed));
                        installed = true;
                        current = Some(Package {
                            name: value.into(),
                            manager: manager.into(),
                            ..Package::default()
                        });
                    }
                    // Removed packages stay in dpkg's status. In every other state files of the package are
                    // on the disk, though its scripts or triggers have not all run: see dpkg(1).
                    ("Status", Some(_)) => {
                        let state = value.rsplit(' ').next();
                        installed = !matches!(state, Some("not-installed" | "config-files"));
                    }
                    ("Version" | "V", Some(package)) => package.version = value.into(),
                    ("Architecture" | "A", Some(package)) => package.arch = value.into(),
                    _ => unreadable += 1,
                }
            }
        }
    }
    all.extend(current.filter(|_| installed));
    (all, unreadable)
}
