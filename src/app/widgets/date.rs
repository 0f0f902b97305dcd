//! Dates as people read them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds of a day.
const DAY: u64 = 24 * 60 * 60;

/// How long ago a time is, of the last two days: `3 h ago`; earlier ones as a day, `2026-11-29`, which is that of UTC.
pub fn date(time: SystemTime) -> String {
    let ago = SystemTime::now().duration_since(time).ok().and_then(ago);
    ago.unwrap_or_else(|| day(time))
}

fn ago(age: Duration) -> Option<String> {
    match age.as_secs() {
        ..60 => Some("just now".to_owned()),
        seconds @ ..3600 => Some(format!("{} min ago", seconds / 60)),
        seconds if seconds < 2 * DAY => Some(format!("{} h ago", seconds / 3600)),
        _ => None,
    }
}

/// Year, month and day of the Gregorian calendar, by Howard Hinnant's `civil_from_days`
/// (<https://howardhinnant.github.io/date_algorithms.html>).
fn day(time: SystemTime) -> String {
    let days = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / DAY);
    // Days since 1 March of the year 0: leap days come last.
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        let of = |seconds: u64| day(UNIX_EPOCH + Duration::from_secs(seconds));
        // As `date -u -d @N +%F` says.
        for (seconds, expected) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_735_689_599, "2024-12-31"),
            (1_735_689_600, "2025-01-01"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(of(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn what_was_just_now_says_so() {
        assert_eq!(date(SystemTime::now()), "just now");
        let earlier = UNIX_EPOCH + Duration::from_secs(951_782_401);
        assert_eq!(date(earlier), "2000-02-29");
        assert_eq!(ago(Duration::from_secs(3 * 3600 + 5)).as_deref(), Some("3 h ago"));
        assert_eq!(ago(Duration::from_secs(3 * DAY)), None);
    }
}
