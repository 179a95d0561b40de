//! Who works, where several operators stand by: whether one takes a lease, renews it or waits.
//!
//! After the algorithm of client-go. A lease may be taken over when its record has not changed for
//! as long as it is given, by the clock of whoever looks: times that others wrote down are compared
//! with nothing, so clocks that differ do no harm. Whoever holds it stops sooner than that.

use std::time::Duration;

/// How long a lease is given.
pub const GIVEN: Duration = Duration::from_secs(15);
/// How long one is given that is given back: the next one may take it soon.
pub const RETURNED: Duration = Duration::from_secs(1);
/// Whoever holds it writes nothing more when it was not renewed for so long.
pub const TRUSTED: Duration = Duration::from_secs(10);
/// How often it is renewed.
pub const RENEWED: Duration = Duration::from_secs(4);
/// How often others look at it, and a failed renewal is repeated.
pub const LOOKED_AT: Duration = Duration::from_secs(2);

/// A lease as it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen<'a> {
    /// Who holds it.
    pub holder: &'a str,
    /// How long it is given; [`RETURNED`], if it was given back.
    pub given: Duration,
    /// How long it has been seen like this.
    pub unchanged: Duration,
}

/// What a candidate does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It writes itself down as the holder.
    Take,
    /// It is the holder, and says so again.
    Renew,
    /// Somebody else is; it looks again after this.
    Wait(Duration),
}

/// What a candidate does about a lease. `mine` is the name that it has written there itself: a lease
/// that somebody else wrote in its name is somebody else's. One that is not there is waited for like
/// any other, since whoever held it may not know yet that somebody has deleted it.
pub fn turn(lease: Seen, mine: Option<&str>) -> Turn {
    if mine == Some(lease.holder) {
        return Turn::Renew;
    }
    match lease.given.checked_sub(lease.unchanged) {
        None | Some(Duration::ZERO) => Turn::Take,
        Some(left) => Turn::Wait(left.min(LOOKED_AT)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(holder: &str, unchanged: u64) -> Seen<'_> {
        Seen { holder, given: GIVEN, unchanged: Duration::from_secs(unchanged) }
    }

    #[test]
    fn a_lease_is_taken_when_it_has_stood_still_for_as_long_as_it_is_given() {
        let second = Duration::from_secs(1);
        assert_eq!(turn(held("b", 0), None), Turn::Wait(LOOKED_AT));
        assert_eq!(turn(held("b", 14), None), Turn::Wait(second));
        assert_eq!(turn(held("b", 15), None), Turn::Take);
        // Whoever gives it back, or is another version, says for how long.
        let with = |given, unchanged| Seen { holder: "", given, unchanged };
        assert_eq!(turn(with(RETURNED, second), None), Turn::Take);
        assert_eq!(turn(with(Duration::from_mins(1), second * 59), None), Turn::Wait(second));
    }

    #[test]
    fn whoever_wrote_it_renews_it_and_a_name_that_others_wrote_is_nobodys() {
        assert_eq!(turn(held("a", 99), Some("a")), Turn::Renew);
        assert_eq!(turn(held("a", 0), None), Turn::Wait(LOOKED_AT));
        assert_eq!(turn(held("b", 0), Some("a")), Turn::Wait(LOOKED_AT));
    }

    #[test]
    fn whoever_holds_it_has_stopped_before_anybody_else_may_take_it() {
        assert!(TRUSTED < GIVEN);
        // A renewal that fails is repeated in time.
        assert!(RENEWED + LOOKED_AT * 2 < TRUSTED);
    }
}
