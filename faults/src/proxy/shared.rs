//! What all connections share: the plan and how far it is, the log, and lives of the client.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{RwLock, RwLockWriteGuard, oneshot},
    time::timeout,
};

use super::{log::Log, upstream::Upstream, victim::Victim, wire::Connection};
use crate::{
    learn::Seen,
    plan::{EventType, Plan, Signal},
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
    /// What clients have to show where the proxy has an identity of its own. A secret.
    pub pass: Option<String>,
    victim: Arc<dyn Victim>,
    /// Held for writing while the client is being killed: nothing passes then.
    gate: RwLock<()>,
    life: AtomicU64,
    state: Mutex<State>,
}

/// How far the plan is.
pub struct State {
    pub schedule: Schedule,
    pub seen: Vec<Seen>,
    requests: u64,
    /// Requests that wait for another one: of which fault, and how they are told.
    waiting: Vec<(usize, oneshot::Sender<()>)>,
}

/// A request that has been counted.
pub struct Counted {
    /// Its number, from 1.
    pub number: u64,
    /// What happens to it.
    pub strike: Option<Strike>,
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
        let (gate, life) = (RwLock::default(), AtomicU64::new(1));
        let state = Mutex::new(State::new(Plan::nothing()));
        Self { upstream, log, pass, victim, gate, life, state }
    }

    pub fn begin(&self, plan: Plan) {
        self.life.fetch_add(1, Ordering::SeqCst);
        *self.state() = State::new(plan);
    }

    /// The present life of the client.
    pub fn life(&self) -> u64 {
        self.life.load(Ordering::SeqCst)
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until requests may pass. What a client has sent before it was killed does not.
    pub async fn pass(&self, connection: &Connection) -> Result<(), Cut> {
        let _open = self.gate.read().await;
        if connection.life == self.life() { Ok(()) } else { Err(Cut("the client is gone")) }
    }

    /// Counts a request that passes.
    pub fn request(&self, request: &Request) -> Counted {
        let mut state = self.state();
        let state = &mut *state;
        state.requests += 1;
        state.seen.push(Seen { request: request.clone(), event: None });
        let strike = state.schedule.request(request);
        let concerned = state.waiting.extract_if(.., |it| state.schedule.concerns(it.0, request));
        let waiting = concerned.map(|(_, told)| told).collect();
        Counted { number: state.requests, strike, waiting }
    }

    /// Counts an event of a watch.
    pub fn event(&self, watch: &Request, event: EventType) -> Option<Strike> {
        let mut state = self.state();
        state.seen.push(Seen { request: watch.clone(), event: Some(event) });
        state.schedule.event(watch, event)
    }

    /// Waits until the next request that this fault matches has been answered.
    pub async fn swap(&self, fault: usize) {
        let (told, done) = oneshot::channel();
        self.state().waiting.push((fault, told));
        let _ = timeout(SWAP, done).await;
    }

    /// Sends the client a signal. One that is killed for good has ended when this returns; nothing
    /// that it has sent passes any more, and another one is on its way.
    pub async fn kill(self: &Arc<Self>, signal: Signal) {
        // Whoever serves a request of the client goes with it, in the middle of this.
        let shared = self.clone();
        let ended = tokio::spawn(async move {
            let closed = shared.gate.write().await;
            shared.end(signal, closed).await;
        });
        let _ = ended.await;
    }

    /// Does so when the client has had time to read what is sent to it. Nothing passes from now on.
    pub async fn kill_soon(self: &Arc<Self>, signal: Signal) {
        /// A loopback connection takes a hundredth of this.
        const READ: Duration = Duration::from_millis(30);
        let shared = self.clone();
        let (closed, is_closed) = oneshot::channel();
        tokio::spawn(async move {
            let gate = shared.gate.write().await;
            let _ = closed.send(());
            tokio::time::sleep(READ).await;
            shared.end(signal, gate).await;
        });
        let _ = is_closed.await;
    }

    async fn end(self: &Arc<Self>, signal: Signal, closed: RwLockWriteGuard<'_, ()>) {
        if signal == Signal::Kill {
            self.victim.end(signal).await;
            self.life.fetch_add(1, Ordering::SeqCst);
            drop(closed);
            self.victim.start().await;
        } else {
            // It may tidy up: what it sends meanwhile passes.
            drop(closed);
            let victim = self.victim.clone();
            tokio::spawn(async move {
                victim.end(signal).await;
                victim.start().await;
            });
        }
    }
}

impl State {
    fn new(plan: Plan) -> Self {
        Self { schedule: Schedule::new(plan), seen: Vec::new(), requests: 0, waiting: Vec::new() }
    }
}
