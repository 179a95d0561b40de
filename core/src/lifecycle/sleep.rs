//! When an environment sleeps: by its windows, and by what a person asked for since.

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, Time},
    tz::{TimeZone, TimeZoneDatabase},
};

use crate::api::{
    lifecycle::{SleepWindow, Weekday},
    request::{Request, Verb},
};

/// Windows are weekly: within so many days each begins and ends at least once.
const HORIZON: SignedDuration = SignedDuration::from_hours(9 * 24);

/// Whether an environment is to sleep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rhythm {
    /// It is to sleep now.
    pub sleeps: bool,
    /// When that changes by itself.
    pub changes_at: Option<Timestamp>,
}

/// A window that cannot be worked with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("spec.lifecycle.sleep: {0}")]
pub struct InvalidWindow(String);

/// A stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Stretch {
    from: Timestamp,
    to: Timestamp,
}

/// What holds at `now`. What was asked by hand (the later of `sleep` and `wake` among `requests`)
/// holds until a window begins or ends after it.
///
/// # Errors
///
/// If a window cannot be read, and what would be; stored objects may be older than the schema.
pub fn rhythm<'a>(
    windows: &[SleepWindow],
    requests: impl IntoIterator<Item = &'a Request>,
    now: Timestamp,
) -> Result<Rhythm, InvalidWindow> {
    let asked = requests
        .into_iter()
        .filter(|it| matches!(it.verb, Verb::Sleep | Verb::Wake) && it.refused.is_empty())
        .max_by_key(|it| (it.at.0, it.verb));
    let nights = nights(windows, now)?;
    let change = |after: Timestamp| {
        nights.iter().flat_map(|it| [it.from, it.to]).filter(|at| *at > after).min()
    };
    let by_window = Rhythm {
        sleeps: nights.iter().any(|it| it.from <= now && now < it.to),
        changes_at: change(now),
    };
    let Some(asked) = asked else { return Ok(by_window) };
    Ok(match change(asked.at.0) {
        Some(at) if at <= now => by_window,
        changes_at => Rhythm { sleeps: asked.verb == Verb::Sleep, changes_at },
    })
}

/// The stretches of sleep around `now`, in order, none touching another.
fn nights(windows: &[SleepWindow], now: Timestamp) -> Result<Vec<Stretch>, InvalidWindow> {
    let mut all = Vec::new();
    for window in windows {
        all.extend(of(window, now)?);
    }
    all.sort_unstable();
    let mut merged: Vec<Stretch> = Vec::new();
    for it in all {
        match merged.last_mut() {
            Some(last) if it.from <= last.to => last.to = last.to.max(it.to),
            _ => merged.push(it),
        }
    }
    Ok(merged)
}

fn of(window: &SleepWindow, now: Timestamp) -> Result<Vec<Stretch>, InvalidWindow> {
    let zone = zone(window)?;
    let from = clock(&window.from)?;
    // The end of a day is the start of the next one.
    let (to, next_day) = match window.to.as_str() {
        "24:00" => (Time::midnight(), true),
        text => clock(text).map(|to| (to, to <= from))?,
    };
    let around = |span: SignedDuration| now.saturating_add(span).unwrap_or(now);
    let first = around(-HORIZON).to_zoned(zone.clone()).date();
    let last = around(HORIZON).to_zoned(zone.clone()).date();
    let mut found = Vec::new();
    for date in first.series(jiff::Span::new().days(1)).take_while(|it| *it <= last) {
        let chosen = window.weekdays.is_empty()
            || window.weekdays.iter().any(|it| weekday(*it) == date.weekday());
        let end = if next_day { date.tomorrow().ok() } else { Some(date) };
        if let (true, Some(end)) = (chosen, end)
            && let (Some(from), Some(to)) = (at(date, from, &zone), at(end, to, &zone))
            && from < to
        {
            found.push(Stretch { from, to });
        }
    }
    Ok(found)
}

/// When the clocks of a zone show that time on that date. A time that they skip in spring is as
/// much later as they are put forward; of one that they show twice in autumn, the first counts.
fn at(date: Date, time: Time, zone: &TimeZone) -> Option<Timestamp> {
    date.to_datetime(time).to_zoned(zone.clone()).ok().map(|it| it.timestamp())
}

fn zone(window: &SleepWindow) -> Result<TimeZone, InvalidWindow> {
    let Some(name) = &window.time_zone else { return Ok(TimeZone::UTC) };
    // The database that is built in: the same everywhere, and there in an image without one.
    TimeZoneDatabase::bundled().get(name).map_err(|_| {
        InvalidWindow(format!(
            "{name:?} is no time zone: write a name of the IANA database, such as Europe/Zurich"
        ))
    })
}

fn clock(text: &str) -> Result<Time, InvalidWindow> {
    Time::strptime("%H:%M", text)
        .map_err(|_| InvalidWindow(format!("{text:?} is no time of a day: write it as 20:00")))
}

fn weekday(day: Weekday) -> jiff::civil::Weekday {
    use jiff::civil::Weekday as Civil;
    match day {
        Weekday::Mon => Civil::Monday,
        Weekday::Tue => Civil::Tuesday,
        Weekday::Wed => Civil::Wednesday,
        Weekday::Thu => Civil::Thursday,
        Weekday::Fri => Civil::Friday,
        Weekday::Sat => Civil::Saturday,
        Weekday::Sun => Civil::Sunday,
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time as Stamp;

    use super::*;
    use crate::api::identity::Incarnation;

    fn instant(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn window(days: &[Weekday], from: &str, to: &str, zone: &str) -> SleepWindow {
        SleepWindow {
            weekdays: days.to_vec(),
            from: from.into(),
            to: to.into(),
            time_zone: Some(zone.into()),
        }
    }

    fn asked(verb: Verb, at: &str) -> Request {
        Request {
            verb,
            value: "x".into(),
            at: Stamp(instant(at)),
            incarnation: Incarnation(1),
            refused: String::new(),
        }
    }

    fn sleeps(windows: &[SleepWindow], requests: &[Request], now: &str) -> bool {
        rhythm(windows, requests, instant(now)).unwrap().sleeps
    }

    fn changes(windows: &[SleepWindow], requests: &[Request], now: &str) -> Option<Timestamp> {
        rhythm(windows, requests, instant(now)).unwrap().changes_at
    }

    #[test]
    fn nights_and_weekends_follow_the_clocks_of_the_zone() {
        // 2026-11-20 is a Friday; Zurich is one hour ahead of UTC.
        let nights = window(&[], "20:00", "07:00", "Europe/Zurich");
        let weekend = window(&[Weekday::Sat, Weekday::Sun], "00:00", "24:00", "Europe/Zurich");
        let both = [nights, weekend];
        assert!(!sleeps(&both, &[], "2026-11-20T18:59:59Z"));
        assert!(sleeps(&both, &[], "2026-11-20T19:00:00Z"));
        assert!(sleeps(&both, &[], "2026-11-21T12:00:00Z"), "Saturday noon");
        assert!(!sleeps(&both, &[], "2026-11-23T06:00:00Z"), "Monday, seven o'clock");
        let monday = Some(instant("2026-11-23T06:00:00Z"));
        assert_eq!(changes(&both, &[], "2026-11-20T19:00:00Z"), monday, "one long sleep");
        let evening = Some(instant("2026-11-23T19:00:00Z"));
        assert_eq!(changes(&both, &[], "2026-11-23T06:00:00Z"), evening);
    }

    #[test]
    fn the_night_in_which_clocks_are_put_forward_is_an_hour_shorter() {
        // 29 March 2026, 02:00 → 03:00 in Zurich.
        let nights = [window(&[], "22:00", "06:00", "Europe/Zurich")];
        let night = (instant("2026-03-28T21:00:00Z"), instant("2026-03-29T04:00:00Z"));
        assert_eq!(night.1.duration_since(night.0), SignedDuration::from_hours(7));
        assert_eq!(changes(&nights, &[], "2026-03-28T20:00:00Z"), Some(night.0));
        assert_eq!(changes(&nights, &[], "2026-03-28T23:00:00Z"), Some(night.1));
        assert!(!sleeps(&nights, &[], "2026-03-29T04:00:00Z"));
    }

    #[test]
    fn the_night_in_which_clocks_are_put_back_is_an_hour_longer() {
        // 25 October 2026, 03:00 → 02:00 in Zurich; 1 November, 02:00 → 01:00 in New York.
        for (zone, from, to) in [
            ("Europe/Zurich", "2026-10-24T20:00:00Z", "2026-10-25T05:00:00Z"),
            ("America/New_York", "2026-11-01T02:00:00Z", "2026-11-01T11:00:00Z"),
        ] {
            let nights = [window(&[], "22:00", "06:00", zone)];
            assert_eq!(
                instant(to).duration_since(instant(from)),
                SignedDuration::from_hours(9),
                "{zone}"
            );
            assert_eq!(changes(&nights, &[], from), Some(instant(to)), "{zone}");
        }
    }

    #[test]
    fn a_time_that_clocks_skip_comes_with_the_hour_after_it() {
        let window = [window(&[], "02:30", "05:00", "Europe/Zurich")];
        assert!(!sleeps(&window, &[], "2026-03-29T01:15:00Z"), "03:15, before 03:30");
        assert!(sleeps(&window, &[], "2026-03-29T01:30:00Z"));
    }

    #[test]
    fn what_is_asked_by_hand_holds_until_a_window_begins_or_ends() {
        let nights = [window(&[], "20:00", "06:00", "UTC")];
        let woken = [asked(Verb::Wake, "2026-11-20T22:00:00Z")];
        assert!(!sleeps(&nights, &woken, "2026-11-20T23:00:00Z"));
        assert!(!sleeps(&nights, &woken, "2026-11-21T05:59:59Z"));
        assert!(sleeps(&nights, &woken, "2026-11-21T20:00:00Z"), "the next night");
        let put_to_sleep = [asked(Verb::Sleep, "2026-11-20T12:00:00Z")];
        assert!(sleeps(&nights, &put_to_sleep, "2026-11-20T13:00:00Z"));
        assert!(sleeps(&nights, &put_to_sleep, "2026-11-20T21:00:00Z"));
        assert!(!sleeps(&nights, &put_to_sleep, "2026-11-21T06:00:00Z"));
    }

    #[test]
    fn without_windows_the_last_word_holds() {
        let both =
            [asked(Verb::Sleep, "2026-01-01T00:00:00Z"), asked(Verb::Wake, "2026-01-02T00:00:00Z")];
        assert!(sleeps(&[], &both[..1], "2026-06-01T00:00:00Z"));
        assert!(!sleeps(&[], &both, "2026-06-01T00:00:00Z"));
        assert_eq!(changes(&[], &both, "2026-06-01T00:00:00Z"), None);
        let refused = Request { refused: "no".into(), ..both[1].clone() };
        assert!(sleeps(&[], &[both[0].clone(), refused], "2026-06-01T00:00:00Z"));
    }

    #[test]
    fn a_zone_that_nobody_knows_is_an_error_that_says_so_and_no_file_is_looked_for() {
        let names =
            ["Mars/Base", "", "../../etc/passwd", "/etc/localtime", "./UTC", "UTC/", "UTC\0"];
        // As POSIX writes rules of a zone; they have no name.
        for name in names.into_iter().chain([":/etc/localtime", "CET-1CEST,M3.5.0,M10.5.0/3"]) {
            let error = rhythm(&[window(&[], "20:00", "06:00", name)], [], Timestamp::UNIX_EPOCH);
            let told = error.unwrap_err().to_string();
            assert!(told.contains(&format!("{name:?}")), "{told}");
        }
    }

    #[test]
    fn at_both_ends_of_time_there_is_a_next_change_or_none() {
        let nights = [window(&[], "20:00", "07:00", "Europe/Zurich")];
        for now in [Timestamp::MIN, Timestamp::MAX] {
            let rhythm = rhythm(&nights, [], now).unwrap();
            assert!(rhythm.changes_at.is_none_or(|at| at > now), "{now}: {:?}", rhythm.changes_at);
        }
    }

    #[test]
    fn a_window_that_comes_once_a_week_is_known_a_week_ahead() {
        let saturdays = [window(&[Weekday::Sat], "20:00", "22:00", "UTC")];
        let next = changes(&saturdays, &[], "2026-11-21T22:00:00Z");
        assert_eq!(next, Some(instant("2026-11-28T20:00:00Z")));
    }

    #[test]
    fn a_window_that_clocks_skip_is_none() {
        let window = [window(&[], "02:00", "03:00", "Europe/Zurich")];
        let next = changes(&window, &[], "2026-03-28T12:00:00Z");
        assert_eq!(next, Some(instant("2026-03-30T00:00:00Z")), "not in the night before");
    }
}
