//! What an environment is held up by in [`super::everything`].

use jiff::Timestamp;

use super::{NOW, at, problem};
use crate::lifecycle::facts::{Beside, Drift, Lingering, Part, Place, Probe, Withdrawal};

/// What holds an environment up although nothing is wrong with it.
#[derive(Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "as in the facts, they are independent")]
pub(super) struct Mood {
    pub(super) sleeps: bool,
    pub(super) unapproved: bool,
    pub(super) queued: bool,
    /// Production was seen in another state, and is to be followed.
    pub(super) moved: bool,
    /// Somebody has changed the target.
    pub(super) touched: bool,
    /// Whether it is frozen, and whether the grace is over.
    pub(super) withdrawn: Option<(bool, bool)>,
    pub(super) lingers: Lingers,
    pub(super) part: Part,
    /// Where there is to be a second namespace, how it stands.
    pub(super) second: Option<Second>,
}

/// How a second namespace stands.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Second {
    Unbegun,
    Builds,
    Stuck,
    /// Stuck, and made of an older state than production was compared in.
    Outdated,
    Ready,
    Leaves,
}

/// Whether custom resources are to be cleaned up after.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Lingers {
    Nothing,
    /// They were not deleted yet.
    Undeleted,
    /// They were, so many seconds ago.
    Deleted(i64),
}

impl Mood {
    /// Whether it matters that a probe only warns: where one has failed. Where a replaced namespace runs
    /// on, the same flag says for how long.
    pub(super) fn warns(self, probe: &Probe) -> bool {
        matches!(probe, Probe::Failed(_)) || self.part == Part::Leaving
    }

    pub(super) fn withdrawal(self) -> Option<Withdrawal> {
        self.withdrawn.map(|(frozen, over)| Withdrawal {
            problem: problem(),
            ends_at: at(if over { NOW } else { NOW + 3600 }),
            frozen,
        })
    }

    pub(super) fn lingering(self) -> Option<Lingering> {
        let since = match self.lingers {
            Lingers::Nothing => return None,
            Lingers::Undeleted => None,
            Lingers::Deleted(seconds) => Some(at(NOW - seconds)),
        };
        Some(Lingering { names: vec!["Widget w".into()], since })
    }

    pub(super) fn drift(self) -> Drift {
        Drift {
            unseen: self.moved,
            touched: self.touched,
            stale: self.moved,
            stale_at: None,
            rebuilds: self.second.is_some(),
            same: !self.moved && self.second != Some(Second::Outdated),
            compared: "now".into(),
        }
    }

    pub(super) fn beside(self) -> Beside {
        let building = |stuck: bool, made_of: &str| Beside::Building {
            told: "on its way".into(),
            stalled: stuck.then(problem),
            made_of: made_of.into(),
        };
        match self.second {
            None | Some(Second::Unbegun) => Beside::Nothing,
            Some(Second::Builds) => building(false, "now"),
            Some(Second::Stuck) => building(true, "now"),
            Some(Second::Outdated) => building(true, "before"),
            Some(Second::Ready) => Beside::Ready,
            Some(Second::Leaves) => Beside::Leaving(None),
        }
    }

    pub(super) fn has_second(self) -> bool {
        self.part != Part::Serving || self.second.is_some()
    }

    pub(super) fn drains_until(self, drains: bool) -> Option<Timestamp> {
        (self.part == Part::Leaving && drains).then(|| at(NOW + 5))
    }

    pub(super) fn place(self) -> Place {
        if self.part != Part::Serving {
            return Place::Taken;
        }
        if self.queued { Place::Awaited { position: 1, until: None } } else { Place::Unasked }
    }
}

const FREE: Mood = Mood {
    sleeps: false,
    unapproved: false,
    queued: false,
    moved: false,
    touched: false,
    withdrawn: None,
    lingers: Lingers::Nothing,
    part: Part::Serving,
    second: None,
};
const BUILDING: Mood = Mood { part: Part::Building, ..FREE };
const LEAVING: Mood = Mood { part: Part::Leaving, ..FREE };
const SECOND: Mood = Mood { moved: true, ..FREE };
pub(super) const MOODS: [Mood; 28] = [
    FREE,
    Mood { moved: true, ..FREE },
    Mood { moved: true, touched: true, ..FREE },
    Mood { sleeps: true, moved: true, ..FREE },
    Mood { sleeps: true, ..FREE },
    Mood { unapproved: true, ..FREE },
    Mood { sleeps: true, unapproved: true, ..FREE },
    Mood { queued: true, ..FREE },
    Mood { sleeps: true, withdrawn: Some((false, false)), ..FREE },
    Mood { withdrawn: Some((true, false)), ..FREE },
    Mood { queued: true, withdrawn: Some((false, true)), ..FREE },
    Mood { lingers: Lingers::Undeleted, ..FREE },
    Mood { lingers: Lingers::Deleted(5), ..FREE },
    Mood { lingers: Lingers::Deleted(61), withdrawn: Some((true, true)), ..FREE },
    BUILDING,
    Mood { sleeps: true, ..BUILDING },
    Mood { unapproved: true, ..BUILDING },
    Mood { withdrawn: Some((false, false)), ..BUILDING },
    LEAVING,
    Mood { withdrawn: Some((true, false)), lingers: Lingers::Undeleted, ..LEAVING },
    Mood { second: Some(Second::Unbegun), ..SECOND },
    Mood { second: Some(Second::Builds), ..SECOND },
    Mood { second: Some(Second::Stuck), ..SECOND },
    Mood { second: Some(Second::Outdated), moved: false, ..SECOND },
    Mood { second: Some(Second::Ready), ..SECOND },
    Mood { second: Some(Second::Ready), moved: false, ..SECOND },
    Mood { second: Some(Second::Ready), withdrawn: Some((false, false)), ..SECOND },
    Mood { second: Some(Second::Leaves), sleeps: true, ..SECOND },
];
