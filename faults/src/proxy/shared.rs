//! What all connections share: the plan and how far it is, the log, and lives of the client.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{RwLock, oneshot},
    time::timeout,
};

use super::{
    complaints::Complaints, log::Log, upstream::Upstream, victim::Victim, wire::Connection,
};
use crate::{
    learn::Seen,
    plan::{EventType, Plan},
    request::Request,
    schedule::{Schedule, Strike},
};

/// How long a request that is to be swapped waits for another one.
const SWAP: Duration = Duration::from_secs(10);

/// Why a connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Cut(pub &'static str);

/// What all connections share.
pub struct Shared {
    pub upstream: Upstream,
    pub log: Log,
    pub complaints: Complaints,
    /// What clients have to show where the proxy has an identity of its own. A secret.
    pub pass: Option<String>,
    pub(super) victim: Arc<dyn Victim>,
    /// Held for writing while the client is being killed: nothing passes then.
    pub(super) gate: RwLock<()>,
    /// The last plan after which nobody is started again.
    pub(super) rested: tokio::sync::Mutex<u64>,
    state: Mutex<State>,
}

/// How far the plan is.
pub struct State {
    pub schedule: Schedule,
    pub seen: Vec<Seen>,
    pub now: Origin,
    requests: u64,
    /// Requests that wait for another one: of which fault, and how they are told.
    waiting: Vec<(usize, oneshot::Sender<()>)>,
}

/// When a request was made. What belongs to another time is neither counted nor ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Under which plan, from 1.
    pub plan: u64,
    /// In which life of the client, over all plans.
    pub life: u64,
}

/// A fault that is to strike. It has struck when it is carried out.
#[derive(Clone, Copy)]
pub struct Blow {
    pub strike: Strike,
    pub origin: Origin,
}

/// A request that has been counted.
pub struct Counted {
    /// Its number, from 1.
    pub number: u64,
    pub origin: Origin,
    /// What is to happen to it.
    pub blow: Option<Blow>,
    /// Requests that wait for its answer. They learn of it when this is dropped.
    pub waiting: Vec<oneshot::Sender<()>>,
}

impl Shared {
    pub fn new(
        upstream: Upstream,
        victim: Arc<dyn Victim>,
        log: Log,
        pass: Option<String>,
    ) -> Self {
        let state = Mutex::new(State::new(Plan::nothing(), Origin { plan: 1, life: 1 }));
        let complaints = Complaints::default();
        let (gate, rested) = (RwLock::default(), tokio::sync::Mutex::default());
        Self { upstream, log, complaints, pass, victim, gate, rested, state }
    }

    pub fn begin(&self, plan: Plan) {
        let mut state = self.state();
        let next = Origin { plan: state.now.plan + 1, life: state.now.life + 1 };
        *state = State::new(plan, next);
    }

    /// The present plan and life of the client.
    pub fn now(&self) -> Origin {
        self.state().now
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until requests may pass. What a client has sent before it was killed does not.
    pub async fn pass(&self, connection: &Connection) -> Result<(), Cut> {
        let _open = self.gate.read().await;
        if connection.life == self.now().life { Ok(()) } else { Err(GONE) }
    }

    /// Waits until requests may pass, and counts this one.
    pub async fn admit(&self, life: u64, request: &Request) -> Result<Counted, Cut> {
        // Until it is counted: nobody is killed between the two.
        let _open = self.gate.read().await;
        let mut state = self.state();
        let state = &mut *state;
        if life != state.now.life {
            return Err(GONE);
        }
        state.requests += 1;
        state.seen.push(Seen { request: request.clone(), event: None });
        let origin = state.now;
        let blow = state.schedule.arrived(request, None).map(|strike| Blow { strike, origin });
        let concerned = state.waiting.extract_if(.., |it| state.schedule.concerns(it.0, request));
        let waiting = concerned.map(|(_, told)| told).collect();
        Ok(Counted { number: state.requests, origin, blow, waiting })
    }

    /// Counts an event of a watch of the present life.
    pub fn event(&self, watch: &Request, origin: Origin, event: EventType) -> Option<Blow> {
        let mut state = self.state();
        if origin != state.now {
            return None;
        }
        state.seen.push(Seen { request: watch.clone(), event: Some(event) });
        let strike = state.schedule.arrived(watch, Some(event));
        strike.map(|strike| Blow { strike, origin })
    }

    /// A fault has been carried out. It counts for the plan that it is of.
    pub fn carried_out(&self, blow: Blow) {
        let mut state = self.state();
        if blow.origin.plan == state.now.plan {
            state.schedule.carried_out(blow.strike.fault);
        }
    }

    /// Waits until the next request that this fault matches has been answered. Whether there was one.
    pub async fn swap(&self, blow: Blow) -> bool {
        let (told, done) = oneshot::channel();
        {
            let mut state = self.state();
            if blow.origin.plan != state.now.plan {
                return false;
            }
            state.waiting.push((blow.strike.fault, told));
        }
        matches!(timeout(SWAP, done).await, Ok(Ok(())))
    }
}

const GONE: Cut = Cut("the client is gone");

impl State {
    fn new(plan: Plan, now: Origin) -> Self {
        let (seen, waiting) = (Vec::new(), Vec::new());
        Self { schedule: Schedule::new(plan), seen, now, requests: 0, waiting }
    }
}
