//! When to look again, apart from what the watches report.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{
    facts::{Facts, Place, Target},
    remains::GOES_WITHIN,
    step::Step,
};

/// A failed pass is repeated after this, doubled with every failure in a row.
const FIRST: Duration = Duration::from_millis(500);
/// The longest pause after failures that may pass by themselves.
const LONGEST: Duration = Duration::from_mins(1);
/// The longest pause after failures that a person must mend.
const LONGEST_PROBLEM: Duration = Duration::from_mins(5);
/// Something is on its way and its trouble is not watched: Pods are asked, and what is not watched
/// either.
const SOON: Duration = Duration::from_secs(2);
/// The same, of something that has been on its way for a while.
const LATER: Duration = Duration::from_secs(15);
/// How long something is on its way before it is looked at more rarely.
const PATIENT_AFTER: i64 = 120;
/// A safety net under what is watched.
const NET: Duration = Duration::from_secs(30);
/// A failed probe is repeated after this: somebody may have mended the network.
pub const PROBE_AGAIN: SignedDuration = SignedDuration::from_mins(5);
/// What was refused is looked at again after this; grants and classes are watched.
const REFUSED_AGAIN: Duration = Duration::from_mins(5);

/// Labels of a request namespace by which it was consented are looked at again after this.
const LABELS_AGAIN: Duration = Duration::from_mins(5);

/// When to look again; `None` if only the watches need to say so. What has come due between the
/// facts and `now` is looked at at once.
pub fn wake(facts: &Facts, step: &Step, now: Timestamp) -> Option<Duration> {
    let listed = facts.looks_at.is_some();
    let of_step = match step {
        Step::AwaitTask(_) if listed => Some(on_its_way(facts, now)),
        Step::AwaitLast(..) | Step::AwaitProbe if listed => Some(SOON),
        Step::AwaitStores(_) | Step::AwaitRunningStores | Step::AwaitWorkloads => {
            Some(on_its_way(facts, now))
        }
        Step::AwaitProbe => Some(SOON * 5),
        Step::AwaitTask(_)
        | Step::AwaitLast(..)
        | Step::AwaitGone(..)
        | Step::AwaitBeside(_)
        | Step::Teardown(_)
        | Step::Delete
        | Step::ReleaseRights(_) => Some(NET),
        Step::RestUnfenced(_) => Some(PROBE_AGAIN.unsigned_abs() + Duration::from_secs(1)),
        Step::Refuse(problem) if facts.unfenced.as_ref() == Some(problem) => Some(NET),
        Step::Refuse(_) | Step::RestBlocked(..) | Step::RestQueued { .. } => Some(REFUSED_AGAIN),
        // Custom resources are not watched. The others were cut short, or are told first: the rest of the
        // way follows.
        Step::AwaitResources(..)
        | Step::Close(_)
        | Step::StartLast(..)
        | Step::EndResources(_)
        | Step::Claim
        | Step::Plan
        | Step::Prepare
        | Step::Probe
        | Step::Begin(_)
        | Step::Apply { .. }
        | Step::StartTask(_)
        | Step::GiveUp(_)
        | Step::TakePlace
        | Step::Freeze
        | Step::Inspect
        | Step::Compare
        | Step::Rebuild
        | Step::Switch
        | Step::Abandon
        | Step::Discard
        | Step::Forget(_) => Some(SOON),
        Step::AwaitDrain
        | Step::RestExpired
        | Step::RestReleased
        | Step::RestSuspended
        | Step::RestUnapproved
        | Step::RestFrozen(_)
        | Step::Sleep
        | Step::RestAsleep
        | Step::RestFailed(_)
        | Step::Rest => None,
    };
    let of_time = due(facts).map(|at| until(now, at));
    let of_labels = (facts.by_label && facts.target == Target::Living).then_some(LABELS_AGAIN);
    [of_step, of_time, of_labels].into_iter().flatten().min()
}

/// The next moment at which something is due, whatever happens until then.
pub fn due(facts: &Facts) -> Option<Timestamp> {
    let withdrawn = facts.withdrawal.as_ref().map(|it| it.ends_at);
    let waits_until = match facts.place {
        Place::Awaited { until, .. } => until,
        Place::Unasked | Place::Taken => None,
    };
    let changes = facts.rhythm.changes_at;
    // Then it is said what holds it up.
    let overdue = facts.leaving_since.and_then(|it| it.checked_add(GOES_WITHIN).ok());
    let (follows, drained) = (facts.drift.stale_at, facts.drains_until);
    let listed = facts.looks_at;
    let moments = [
        facts.warns_at,
        facts.expires_at,
        changes,
        withdrawn,
        waits_until,
        overdue,
        follows,
        drained,
        listed,
    ];
    moments.into_iter().flatten().filter(|at| *at > facts.now).min()
}

/// How long to wait after `failures` in a row; never beyond what is due, its end for one, which comes in
/// time whatever fails.
pub fn backoff(failures: u32, problem: bool, due: Option<Timestamp>, now: Timestamp) -> Duration {
    let longest = if problem { LONGEST_PROBLEM } else { LONGEST };
    let pause = FIRST.saturating_mul(1 << failures.min(12)).min(longest);
    match due.filter(|at| *at > now) {
        Some(at) => pause.min(until(now, at)),
        None => pause,
    }
}

fn on_its_way(facts: &Facts, now: Timestamp) -> Duration {
    let since = facts.applied_at.map_or(0, |at| now.duration_since(at).as_secs());
    if since < PATIENT_AFTER { SOON } else { LATER }
}

/// Not a moment too early: the API server's time is known to the second.
fn until(now: Timestamp, at: Timestamp) -> Duration {
    let left = Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO);
    left + Duration::from_millis(5)
}

#[cfg(test)]
mod tests {
    use super::{
        super::{facts::Problem, table::up},
        *,
    };
    use crate::api::condition::Reason;

    #[test]
    fn backing_off_doubles_and_ends_somewhere() {
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(backoff(1, false, None, now), Duration::from_secs(1));
        assert_eq!(backoff(2, false, None, now), Duration::from_secs(2));
        assert_eq!(backoff(40, false, None, now), LONGEST);
        assert_eq!(backoff(40, true, None, now), LONGEST_PROBLEM);
    }

    #[test]
    fn what_is_not_watched_is_looked_at_soon_while_awaited_and_once_in_a_while_at_rest() {
        let facts = up();
        let (now, later) = (facts.now, facts.now + jiff::SignedDuration::from_mins(10));
        let listed = Facts { looks_at: Some(later), applied_at: Some(now), ..facts.clone() };
        assert_eq!(wake(&facts, &Step::Rest, now), None, "the watches say so");
        assert_eq!(wake(&listed, &Step::Rest, now), Some(until(now, later)));
        assert_eq!(wake(&facts, &Step::AwaitTask(0), now), Some(NET));
        assert_eq!(wake(&listed, &Step::AwaitTask(0), now), Some(SOON));
    }

    #[test]
    fn labels_that_consent_goes_by_are_looked_at_again_while_something_lives() {
        let facts = Facts { by_label: true, ..up() };
        assert_eq!(wake(&facts, &Step::Rest, facts.now), Some(LABELS_AGAIN));
        let gone = Facts { target: Target::None, ..facts };
        assert_eq!(wake(&gone, &Step::RestExpired, gone.now), None);
    }

    #[test]
    fn what_fails_ends_in_time_all_the_same() {
        let now = Timestamp::UNIX_EPOCH;
        let end = now + jiff::SignedDuration::from_secs(10);
        assert!(backoff(40, true, Some(end), now) < Duration::from_secs(11));
    }

    #[test]
    fn a_probe_is_looked_at_soon_where_no_watch_tells_of_it_and_soon_enough_where_one_does() {
        let facts = up();
        let listed = Facts { looks_at: Some(facts.now), ..facts.clone() };
        assert_eq!(wake(&listed, &Step::AwaitProbe, facts.now), Some(SOON));
        assert_eq!(wake(&facts, &Step::AwaitProbe, facts.now), Some(SOON * 5));
    }

    #[test]
    fn what_comes_due_while_a_pass_works_is_looked_at_at_once() {
        let facts = Facts { expires_at: Some(up().now + SignedDuration::from_secs(1)), ..up() };
        let now = facts.now + SignedDuration::from_secs(3);
        assert_eq!(wake(&facts, &Step::Rest, now), Some(Duration::from_millis(5)));
    }

    #[test]
    fn a_moment_that_lies_ahead_is_waited_for_and_not_a_moment_too_early() {
        let facts = up();
        let later = |seconds| Some(facts.now + SignedDuration::from_secs(seconds));
        let wakes = |facts: &Facts| wake(facts, &Step::Rest, facts.now);
        let both = Facts { warns_at: later(10), expires_at: later(20), ..facts.clone() };
        assert_eq!(wakes(&both), Some(Duration::from_millis(10_005)));
        let warned = Facts { warns_at: later(0), ..both };
        assert_eq!(wakes(&warned), Some(Duration::from_millis(20_005)));
    }

    #[test]
    fn what_is_long_on_its_way_is_looked_at_more_rarely() {
        let now = up().now;
        for (seconds, pause) in [(119, SOON), (120, LATER)] {
            let applied_at = Some(now - SignedDuration::from_secs(seconds));
            let facts = Facts { applied_at, ..up() };
            assert_eq!(wake(&facts, &Step::AwaitWorkloads, now), Some(pause));
        }
        assert_eq!(wake(&up(), &Step::AwaitWorkloads, now), Some(SOON), "nothing was applied yet");
    }

    #[test]
    fn what_is_refused_to_everybody_is_looked_at_sooner_than_what_is_refused_to_one() {
        let problem = Problem::new(Reason::FencePolicyMissing, "no policy");
        let step = Step::Refuse(problem.clone());
        let unfenced = Facts { unfenced: Some(problem), ..up() };
        assert_eq!(wake(&unfenced, &step, unfenced.now), Some(NET));
        assert_eq!(wake(&up(), &step, unfenced.now), Some(REFUSED_AGAIN));
    }

    #[test]
    fn an_end_that_is_reached_shortens_no_pause() {
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(backoff(1, false, Some(now), now), Duration::from_secs(1));
    }
}
