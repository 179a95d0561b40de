//! What an environment is held up by in [`super::everything`].

use super::{NOW, at, problem};
use crate::lifecycle::facts::{Lingering, Place, Withdrawal};

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

    pub(super) fn place(self) -> Place {
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
};
pub(super) const MOODS: [Mood; 14] = [
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
];
