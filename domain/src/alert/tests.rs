use proptest::prelude::*;

use super::*;

/// Seconds since 1970 of a minute of some day, UTC.
fn at(hour: i64, minute: i64) -> i64 {
    20_000 * 86_400 + hour * 3_600 + minute * 60
}

fn quiet(text: &str) -> ChannelRules {
    ChannelRules { quiet: Some(QuietHours::parse(text).unwrap()), ..ChannelRules::default() }
}

fn timing(now_s: i64, told: Told, severity: Severity) -> Timing {
    Timing { now_s, told, severity, last_raised_s: None }
}

#[test]
fn quiet_hours_hold_back_until_they_end() {
    let rules = quiet("22:00-07:00");
    let due = |now| rules.due(timing(now, Told::Raised, Severity::Warning));
    assert_eq!(due(at(12, 0)), at(12, 0));
    assert_eq!(due(at(21, 59)), at(21, 59));
    assert_eq!(due(at(22, 0)), at(31, 0), "the next morning");
    assert_eq!(due(at(6, 59)), at(7, 0));
    assert_eq!(due(at(7, 0)), at(7, 0));
    let noon = quiet("12:00-13:30");
    assert_eq!(noon.due(timing(at(12, 5), Told::Raised, Severity::Info)), at(13, 30));
    assert_eq!(noon.due(timing(at(13, 30), Told::Raised, Severity::Info)), at(13, 30));
}

#[test]
fn critical_alerts_pass_and_good_news_waits() {
    let rules = quiet("22:00-07:00");
    let now = at(23, 0);
    assert_eq!(rules.due(timing(now, Told::Raised, Severity::Critical)), now);
    assert_eq!(rules.due(timing(now, Told::Escalated, Severity::Critical)), now);
    assert_eq!(rules.due(timing(now, Told::Resolved, Severity::Critical)), at(31, 0));
}

#[test]
fn quiet_hours_are_local() {
    let mut rules = quiet("22:00-07:00");
    rules.utc_offset_min = ChannelRules::parse_offset("+02:00").unwrap();
    let due = |rules: &ChannelRules, now| rules.due(timing(now, Told::Raised, Severity::Info));
    assert_eq!(due(&rules, at(20, 0)), at(29, 0), "22:00 there; 07:00 there is 05:00 UTC");
    assert_eq!(due(&rules, at(5, 0)), at(5, 0));
    rules.utc_offset_min = ChannelRules::parse_offset("-05:30").unwrap();
    assert_eq!(due(&rules, at(3, 29)), at(3, 29), "21:59 there");
    assert_eq!(due(&rules, at(3, 30)), at(12, 30));
}

#[test]
fn what_comes_back_within_the_window_waits_for_its_end() {
    let rules = ChannelRules { dedup_window_s: 600, ..ChannelRules::default() };
    let timing = |last| Timing {
        last_raised_s: Some(last),
        ..timing(1_000, Told::Raised, Severity::Critical)
    };
    assert_eq!(rules.due(timing(900)), 1_500);
    assert_eq!(rules.due(timing(100)), 1_000);
    let resolved = Timing { told: Told::Resolved, ..timing(900) };
    assert_eq!(rules.due(resolved), 1_000, "that it is over is told at once");
}

#[test]
fn floors_and_kinds_route() {
    let rules = ChannelRules::default();
    assert!(!rules.takes(AlertKind::DriftDetected, Severity::Info));
    assert!(rules.takes(AlertKind::SourceSilent, Severity::Warning));
    let only = ChannelRules { kinds: vec![AlertKind::InvariantRefuted], ..rules };
    assert!(only.takes(AlertKind::InvariantRefuted, Severity::Critical));
    assert!(!only.takes(AlertKind::ProverConflict, Severity::Critical));
    let all = ChannelRules { floor: Severity::Info, kinds: vec![AlertKind::Test], ..only };
    assert!(
        !all.takes(AlertKind::Test, Severity::Critical),
        "a trial is for the one that is tried"
    );
}

#[test]
fn what_people_write_is_read_or_refused() {
    for text in ["22:00-07:00", "00:00-23:59"] {
        assert_eq!(QuietHours::parse(text).unwrap().to_string(), text);
    }
    for bad in [
        "",
        "22-7",
        "22:00",
        "24:00-07:00",
        "22:60-07:00",
        "22:00-22:00",
        "+2:00-07:00",
        "9:00-10:00",
    ] {
        assert!(QuietHours::parse(bad).is_err(), "{bad:?}");
    }
    for (text, minutes) in
        [("Z", 0), ("+00:00", 0), ("+05:45", 345), ("-11:00", -660), ("+14:00", 840)]
    {
        assert_eq!(ChannelRules::parse_offset(text), Ok(minutes), "{text}");
    }
    for bad in ["", "2", "+2", "02:00", "+15:00", "+02:0é", "−02:00", "+ 2:00"] {
        assert!(ChannelRules::parse_offset(bad).is_err(), "{bad:?}");
    }
}

fn line(told: Told, severity: Severity, raised: i64) -> Line<i64> {
    Line { told, severity, raised, alert: raised }
}

#[test]
fn the_worst_comes_first_and_what_is_over_last() {
    let lines = vec![
        line(Told::Resolved, Severity::Critical, 1),
        line(Told::Raised, Severity::Info, 2),
        line(Told::Raised, Severity::Critical, 4),
        line(Told::Escalated, Severity::Critical, 3),
        line(Told::Raised, Severity::Warning, 5),
    ];
    let all = Bulletin::new(lines.clone(), 10);
    assert_eq!(all.lines.iter().map(|line| line.alert).collect::<Vec<_>>(), [3, 4, 5, 2, 1]);
    assert_eq!(all.counts(), "2 critical, 1 warning, 1 info, 1 resolved");
    assert_eq!((all.worst(), all.left_out), (Some(Severity::Critical), 0));
    let short = Bulletin::new(lines, 2);
    assert_eq!((short.lines.len(), short.left_out), (2, 3));
    assert_eq!(short.counts(), all.counts(), "what is left out is counted");
    assert_eq!(Bulletin::new(vec![line(Told::Resolved, Severity::Info, 1)], 9).worst(), None);
}

proptest! {
    #[test]
    fn what_is_due_is_never_early_never_more_than_a_day_late_and_never_in_quiet_hours(
        from in 0_u16..1_440,
        to in 0_u16..1_440,
        offset in -840_i16..=840,
        now in 0_i64..4_000_000_000,
        last in prop::option::of(0_i64..4_000_000_000),
        window in 0_u32..86_400,
        told in prop::sample::select(&Told::ALL[..]),
        severity in prop::sample::select(&Severity::ALL[..]),
    ) {
        prop_assume!(from != to);
        let rules = ChannelRules {
            quiet: Some(QuietHours { from_min: from, to_min: to }),
            utc_offset_min: offset,
            dedup_window_s: window,
            ..ChannelRules::default()
        };
        let last = last.map(|last| last.min(now));
        let due = rules.due(Timing { now_s: now, told, severity, last_raised_s: last });
        prop_assert!(due >= now);
        prop_assert!(due <= now + i64::from(window) + 86_400);
        prop_assert_eq!(rules.quiet_end(due, told, severity), None);
        if let Some(last) = last && told == Told::Raised {
            prop_assert!(due >= last + i64::from(window));
        }
    }

    #[test]
    fn a_bulletin_counts_everything_and_is_ordered(
        lines in prop::collection::vec(
            (prop::sample::select(&Told::ALL[..]), prop::sample::select(&Severity::ALL[..]), 0_i64..50),
            0..40,
        ),
        most in 0_usize..30,
    ) {
        let total = lines.len();
        let lines = lines.into_iter().map(|(told, severity, at)| line(told, severity, at)).collect();
        let bulletin = Bulletin::new(lines, most);
        prop_assert_eq!(bulletin.active.iter().sum::<usize>() + bulletin.resolved, total);
        prop_assert_eq!(bulletin.lines.len() + bulletin.left_out, total);
        let key = |line: &Line<i64>| (line.told == Told::Resolved, std::cmp::Reverse(line.severity));
        prop_assert!(bulletin.lines.is_sorted_by_key(key));
    }
}

#[test]
fn names_are_the_ones_on_the_wire() {
    for kind in AlertKind::ALL {
        assert_eq!(kind.as_str().parse(), Ok(kind));
        assert!(!kind.label().is_empty());
    }
    for severity in Severity::ALL {
        assert_eq!(severity.as_str().parse(), Ok(severity));
    }
    for told in Told::ALL {
        assert_eq!(told.as_str().parse(), Ok(told));
    }
    assert!("Critical".parse::<Severity>().is_err());
}

#[test]
fn severities_have_an_order_and_escalation_ends_at_the_top() {
    assert!(Severity::ALL.is_sorted());
    assert_eq!(Severity::Info.escalated(), Severity::Warning);
    assert_eq!(Severity::Critical.escalated(), Severity::Critical);
}
