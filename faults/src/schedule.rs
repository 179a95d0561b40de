//! Carries out a plan: counts the requests and events that pass, and says what happens to each.

use crate::{
    plan::{Action, EventType, Fault, Plan},
    request::Request,
};

/// A plan that is being carried out.
#[derive(Clone, Debug)]
pub struct Schedule {
    plan: Plan,
    /// For each fault: how many requests or events have matched, and how often it struck.
    counts: Vec<Count>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    matched: u64,
    struck: u64,
}

/// A fault that strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strike {
    /// Which fault of the plan, from 0.
    pub fault: usize,
    /// What happens.
    pub action: Action,
}

impl Schedule {
    /// From the beginning.
    pub fn new(plan: Plan) -> Self {
        let counts = vec![Count::default(); plan.faults.len()];
        Self { plan, counts }
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What happens to a request, and is taken for done. Each fault counts every request that it
    /// matches, whether or not another one strikes.
    pub fn request(&mut self, request: &Request) -> Option<Strike> {
        self.count(request, None).inspect(|it| self.carried_out(it.fault))
    }

    /// What happens to an event of a watch, and is taken for done.
    pub fn event(&mut self, watch: &Request, event: EventType) -> Option<Strike> {
        self.count(watch, Some(event)).inspect(|it| self.carried_out(it.fault))
    }

    /// What is to happen to a request, or to an event of its watch. It has not struck before it is
    /// [carried out](Self::carried_out): the server may be away, or the client gone before.
    pub fn arrived(&mut self, request: &Request, event: Option<EventType>) -> Option<Strike> {
        self.count(request, event)
    }

    /// What a fault is about has happened.
    pub fn carried_out(&mut self, fault: usize) {
        if let Some(count) = self.counts.get_mut(fault) {
            count.struck += 1;
        }
    }

    fn count(&mut self, request: &Request, event: Option<EventType>) -> Option<Strike> {
        let mut strike = None;
        for (at, (fault, count)) in self.plan.faults.iter().zip(&mut self.counts).enumerate() {
            let meant = match event {
                None => fault.matches.events.is_none(),
                Some(event) => fault.matches.fits_event(event),
            };
            if !meant || !fault.matches.fits(request) {
                continue;
            }
            count.matched += 1;
            if strike.is_none() && fault.nth.fits(count.matched) {
                strike = Some(Strike { fault: at, action: fault.action });
            }
        }
        strike
    }

    /// Whether this fault is about this request: for `swap`, which waits for another one.
    pub fn concerns(&self, fault: usize, request: &Request) -> bool {
        self.plan.faults.get(fault).is_some_and(|it| it.matches.fits(request))
    }

    /// How often faults have struck, all together.
    pub fn struck(&self) -> u64 {
        self.counts.iter().map(|it| it.struck).sum()
    }

    /// Whether each fault has struck at least once: a plan whose fault never came shows nothing.
    pub fn complete(&self) -> bool {
        self.unreached().next().is_none()
    }

    /// The faults that have not struck. What is let pass does not have to come.
    pub fn unreached(&self) -> impl Iterator<Item = &Fault> {
        let all = self.plan.faults.iter().zip(&self.counts);
        all.filter(|(fault, count)| count.struck == 0 && fault.action != Action::Pass)
            .map(|(fault, _)| fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(plan: &str) -> Schedule {
        Schedule::new(plan.parse().expect("a plan"))
    }

    fn create(it: &mut Schedule, what: &str) -> Option<Action> {
        let path = format!("/api/v1/namespaces/shop/{what}");
        it.request(&Request::new("POST", &path, None)).map(|it| it.action)
    }

    #[test]
    fn only_the_nth_request_that_matches_is_struck() {
        let mut it = schedule("create secrets #2: drop-after");
        let answers: Vec<_> = ["secrets", "configmaps", "secrets", "secrets"]
            .iter()
            .map(|what| create(&mut it, what).is_some())
            .collect();
        assert_eq!(answers, [false, false, true, false]);
        assert_eq!(it.struck(), 1);
    }

    #[test]
    fn a_fault_counts_also_what_another_one_strikes() {
        let mut it = schedule("create secrets #1: reset; create #2: hang");
        assert_eq!(create(&mut it, "secrets"), Some(Action::Reset));
        assert!(!it.complete());
        assert_eq!(create(&mut it, "secrets"), Some(Action::Hang));
        assert!(it.complete());
    }

    #[test]
    fn what_has_arrived_has_struck_once_it_is_carried_out() {
        let mut it = schedule("create secrets #1: kill-after; any leases: pass");
        let request = Request::new("POST", "/api/v1/namespaces/shop/secrets", None);
        let strike = it.arrived(&request, None).expect("a strike");
        assert_eq!((it.struck(), it.complete()), (0, false));
        it.carried_out(strike.fault);
        assert_eq!((it.struck(), it.complete()), (1, true), "what is let pass has not to come");
        assert_eq!(it.arrived(&request, None), None, "it was counted");
    }

    #[test]
    fn events_are_counted_over_all_watches_that_match() {
        let mut it = schedule("watch pods event #3: drop; watch pods event bookmark #1: close");
        let pods = Request::new("GET", "/api/v1/pods?watch=true", None);
        let inside = Request::new("GET", "/api/v1/namespaces/shop/pods?watch=true", None);
        let other = Request::new("GET", "/api/v1/secrets?watch=true", None);
        assert_eq!(it.request(&pods), None, "the watch itself is not meant");
        assert_eq!(it.event(&pods, EventType::Added), None);
        assert_eq!(it.event(&other, EventType::Added), None);
        let bookmark = it.event(&pods, EventType::Bookmark).map(|it| it.action);
        assert_eq!(bookmark, Some(Action::Close));
        assert_eq!(it.event(&inside, EventType::Modified), None);
        assert_eq!(it.event(&pods, EventType::Deleted).map(|it| it.action), Some(Action::Drop));
    }

    #[test]
    fn a_share_strikes_the_same_requests_in_each_run() {
        let run = || {
            let mut it = schedule("any #30%: status 503");
            (0..1000).map(|_| create(&mut it, "secrets").is_some()).collect::<Vec<_>>()
        };
        let struck = run().iter().filter(|it| **it).count();
        assert!((250..350).contains(&struck), "{struck}");
        assert_eq!(run(), run());
    }
}
