//! What an alert does to a scan.

use super::*;
use crate::{alert::Alerts, stage::Stage};

#[test]
fn an_alert_is_a_verdict_of_its_own() {
    let pass = vec![(CheckStatus::Pass, Severity::High)];
    let (report, log) = scan(Fault::Invalid("verify a"), pass, vec![], pending());
    assert_eq!(report.verdict, Verdict::SecurityAlert);
    assert_eq!(report.alerts[0].id, "fault");
    assert!(!log.contains(&"open".to_owned()), "{log:?}");
    assert_eq!(log[log.len() - 4..], RELEASED);
}

/// Sees somebody else act as the scan, at one event of it.
struct Watch(Alerts, Moment);

/// Whether an event is the one.
type Moment = fn(&Event) -> bool;

impl Observer for Watch {
    fn event(&self, event: &Event) {
        if self.1(event) {
            self.0.raise(SecurityAlert::new(
                "stolen",
                "somebody else acts as the scan",
            ));
        }
    }
}

#[test]
fn nothing_goes_on_beside_an_alert() {
    let moments: [(Moment, &str); 3] = [
        (|e| matches!(e, Event::ControlEnforced { .. }), "prepare"),
        (|e| *e == Event::StageStarted(Stage::Grant), "grant b"),
        (|e| matches!(e, Event::ControlGranted { .. }), "open"),
    ];
    for (at, step) in moments {
        let script = Script::new(Fault::None);
        let alerts = Alerts::default();
        let watch = Watch(alerts.clone(), at);
        let mut setup = Setup::new(plan(), controls(&script), &watch);
        setup.alerts = alerts;
        let engine = FakeEngine(vec![(CheckStatus::Pass, Severity::High)]);
        let mut work = look(&script, vec![Arc::new(engine)]);
        let report = guarded(setup, &mut work, pending()).now_or_never();
        let report = report.expect("nothing in this scan waits for ever");
        assert_eq!(report.verdict, Verdict::SecurityAlert, "{step}");
        let log = script.log.lock().unwrap().clone();
        assert!(!log.contains(&step.to_owned()), "{step}: {log:?}");
        assert_eq!(log[log.len() - 4..], RELEASED, "{step}");
    }
}
