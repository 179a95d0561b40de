//! The simulated cluster as an operator meets it: behind a client, with answers that take their time
//! and now and then go wrong.

use std::{
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use fastrand::Rng;
use futures::{Stream, StreamExt, stream};
use http::{Request, Response, header};
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Bytes;
use jiff::fmt::rfc2822;
use kube::{Client, client::Body};
use kube_faults::{
    plan::{Action, EventType, Match, Plan, ResourceMatch, VerbMatch},
    request::Request as Heard,
    schedule::Schedule,
};
use kulisse::controller::clock::ServerClock;
use serde_json::Value;
use tokio::{sync::Notify, time::sleep};
use tower::Layer;

use crate::server::{
    self,
    ask::{self, Ask, Target, Verb},
    controllers,
    refusal::Refusal,
    store::{By, Store},
    watch::{self, Told, expired},
};
use crate::{
    life::REQUESTS,
    stream::{Piece, on_its_way, pieces},
};

/// An answer, or that there is none.
type Answer = Result<Response<UnsyncBoxBody<Bytes, std::io::Error>>, std::io::Error>;

/// The cluster, whoever holds it.
#[derive(Clone)]
pub struct Cluster(Arc<Inner>);

struct Inner {
    store: Arc<Mutex<Store>>,
    heard: Mutex<Vec<Heard>>,
    /// What was told, and by which watch.
    told: Mutex<Vec<(Heard, EventType)>>,
    faults: Mutex<Schedule>,
    chance: Mutex<Rng>,
    dead: AtomicBool,
    killed: Notify,
}

impl Cluster {
    /// With faults to come, and a seed that decides how long answers take.
    pub fn new(store: Store, faults: Plan, seed: u64) -> Self {
        for it in &faults.faults {
            assert!(can_happen(it.action), "that cannot happen here: {it}");
        }
        Self(Arc::new(Inner {
            store: Arc::new(Mutex::new(store)),
            heard: Mutex::default(),
            told: Mutex::default(),
            faults: Mutex::new(Schedule::new(faults)),
            chance: Mutex::new(Rng::with_seed(seed)),
            dead: AtomicBool::new(false),
            killed: Notify::new(),
        }))
    }

    /// What it holds.
    pub fn store(&self) -> MutexGuard<'_, Store> {
        self.0.store.lock().expect("the store")
    }

    /// All requests of the operator so far.
    pub fn heard(&self) -> Vec<Heard> {
        self.0.heard.lock().expect("requests").clone()
    }

    /// All events that watches of the operator have brought so far.
    pub fn told(&self) -> Vec<(Heard, EventType)> {
        self.0.told.lock().expect("events").clone()
    }

    /// How many faults are to come.
    pub fn faults(&self) -> usize {
        self.0.faults.lock().expect("faults").plan().faults.len()
    }

    /// Whether every fault has come to pass.
    pub fn struck(&self) -> bool {
        self.0.faults.lock().expect("faults").complete()
    }

    /// Waits until a fault kills the operator.
    pub async fn killed(&self) {
        self.0.killed.notified().await;
    }

    /// There is an operator again.
    pub fn revive(&self) {
        self.0.dead.store(false, Ordering::Relaxed);
    }

    /// A client with the rights of the operator's account.
    pub fn client(&self, clock: &ServerClock) -> Client {
        let it = self.clone();
        let service = tower::service_fn(move |request| it.clone().serve(request));
        Client::new(clock.layer().layer(service), "default")
    }

    /// Controllers and kubelets, for as long as they are let.
    pub async fn control(self) {
        let mut changed = self.store().changed.subscribe();
        loop {
            changed.borrow_and_update();
            let (next, now) = {
                let mut store = self.store();
                (controllers::look(&mut store), store.now())
            };
            let rest = next.map_or(Duration::from_hours(1), |next| {
                Duration::try_from(next.duration_since(now)).unwrap_or_default()
            });
            tokio::select! {
                _ = changed.changed() => sleep(Duration::from_millis(20)).await,
                () = sleep(rest.max(Duration::from_millis(1))) => {}
            }
        }
    }

    /// Makes a request with all rights, which nothing can happen to.
    pub fn ask(
        &self,
        method: http::Method,
        uri: &str,
        content: &str,
        body: &Value,
    ) -> (u16, Value) {
        self.ask_for(method, uri, (content, "application/json"), body)
    }

    /// The same, for an answer of that type.
    pub fn ask_for(
        &self,
        method: http::Method,
        uri: &str,
        types: (&str, &str),
        body: &Value,
    ) -> (u16, Value) {
        match understood(method, uri, types, body) {
            Ok(Target::Objects(ask)) => server::answer(&mut self.store(), &ask),
            Ok(Target::Document(document)) => (200, document),
            Err(refusal) => (refusal.code, refusal.body()),
        }
    }

    /// Watches with all rights, and nothing happens to what is told.
    pub fn watch(&self, uri: &str) -> impl Stream<Item = Told> + use<> {
        let types = ("application/json", "application/json");
        match understood(http::Method::GET, uri, types, &Value::Null) {
            Ok(Target::Objects(ask)) => watch::watch(&self.0.store, &ask, Duration::ZERO),
            _ => panic!("nothing to watch: {uri}"),
        }
    }

    async fn serve(self, request: Request<Body>) -> Answer {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
        let heard = ask::heard(&parts, &body);
        let target = ask::understand(&heard, &parts, &body);
        self.while_alive().await;
        let action = self.hear(&heard);
        sleep(self.moment()).await;
        self.while_alive().await;
        match action {
            Action::KillBefore(_) => self.die().await,
            Action::Reset | Action::DropBefore => return lost("before it arrived"),
            Action::Hang => std::future::pending().await,
            Action::Hold(time) => sleep(time).await,
            Action::Status { code, committed: false, .. } => return self.trouble(code),
            _ => {}
        }
        let (code, body) = match target {
            Ok(Target::Objects(mut ask)) => {
                ask.operator = true;
                if ask.verb == Verb::Watch {
                    return match self.afterwards(action).await {
                        Some(answer) => answer,
                        None => self.watched(heard, &ask, action),
                    };
                }
                if action == Action::Duplicate {
                    self.done(&ask);
                }
                self.done(&ask)
            }
            Ok(Target::Document(document)) => (200, document),
            Err(refusal) => (refusal.code, refusal.body()),
        };
        if let Some(answer) = self.afterwards(action).await {
            return answer;
        }
        sleep(self.moment()).await;
        self.while_alive().await;
        if action == Action::Gone {
            return self.trouble(410);
        }
        let body = server::bytes(&body);
        match action {
            // Nothing that it asks from here on is heard.
            Action::KillAnswered(_) => {
                self.kill();
                self.answered(code, pieces(&body, None))
            }
            Action::Truncate => self.answered(code, broken_off(pieces(half(&body), None))),
            Action::Drip(time) => self.answered(code, pieces(&body, Some(time))),
            _ => self.answered(code, pieces(&body, None)),
        }
    }

    /// What becomes of the answer to something that was done; none, if it is the one that is due.
    async fn afterwards(&self, action: Action) -> Option<Answer> {
        match action {
            Action::KillAfter(_) => self.die().await,
            Action::DropAfter => return Some(lost("after it was done")),
            Action::Delay(time) => sleep(time).await,
            Action::Status { code, .. } => return Some(self.trouble(code)),
            _ => {}
        }
        None
    }

    fn hear(&self, heard: &Heard) -> Action {
        let strike = self.0.faults.lock().expect("faults").request(heard);
        let mut all = self.0.heard.lock().expect("requests");
        all.push(heard.clone());
        if all.len() > REQUESTS {
            self.kill();
        }
        strike.map_or(Action::Pass, |it| it.action)
    }

    /// Takes note of an event that a watch brings; what happens to it.
    pub fn tell(&self, watch: &Heard, of: EventType) -> Action {
        self.0.told.lock().expect("events").push((watch.clone(), of));
        let strike = self.0.faults.lock().expect("faults").event(watch, of);
        strike.map_or(Action::Pass, |it| it.action)
    }

    fn done(&self, ask: &Ask) -> (u16, Value) {
        let mut store = self.store();
        store.by = By::Operator;
        let answer = server::answer(&mut store, ask);
        store.by = By::Others;
        answer
    }

    fn watched(&self, heard: Heard, ask: &Ask, action: Action) -> Answer {
        let events = watch::watch(&self.0.store, ask, self.moment());
        let lines = on_its_way(self.clone(), heard, events);
        let whole = |it: String| pieces(it.as_bytes(), None);
        match action {
            Action::FreezeWatch => self.answered(200, stream::pending()),
            Action::Gone => self.answered(200, whole(expired(1, 2).line)),
            // In the middle of the first thing that it says.
            Action::Truncate => {
                let first = lines.take(1).flat_map(|it| pieces(half(it.as_bytes()), None));
                self.answered(200, broken_off(first))
            }
            // With the first thing that it says.
            Action::KillAnswered(_) => {
                let cluster = self.clone();
                self.answered(200, lines.inspect(move |_| cluster.kill()).flat_map(whole))
            }
            Action::Drip(time) => {
                self.answered(200, lines.flat_map(move |it| pieces(it.as_bytes(), Some(time))))
            }
            _ => self.answered(200, lines.flat_map(whole)),
        }
    }

    fn trouble(&self, code: u16) -> Answer {
        self.answered(code, pieces(&server::bytes(&Refusal::trouble(code).body()), None))
    }

    fn answered(&self, code: u16, body: impl Stream<Item = Piece> + Send + 'static) -> Answer {
        let date = rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&self.store().now());
        Response::builder()
            .status(code)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::DATE, date.expect("a date"))
            .body(StreamBody::new(body).boxed_unsync())
            .map_err(std::io::Error::other)
    }

    /// The operator dies here, and does not see what comes.
    pub async fn die(&self) {
        self.kill();
        self.while_alive().await;
    }

    /// The operator dies: it is heard no more.
    pub fn kill(&self) {
        self.0.dead.store(true, Ordering::Relaxed);
        self.0.killed.notify_one();
    }

    /// Nobody hears a dead operator, and it hears nobody.
    async fn while_alive(&self) {
        if self.0.dead.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    }

    /// How long one way takes.
    fn moment(&self) -> Duration {
        Duration::from_millis(self.0.chance.lock().expect("chance").u64(1..=6))
    }
}

fn understood(
    method: http::Method,
    uri: &str,
    (content, accept): (&str, &str),
    body: &Value,
) -> Result<Target, Refusal> {
    let request = Request::builder().method(method).uri(uri);
    let request = request.header(header::CONTENT_TYPE, content).header(header::ACCEPT, accept);
    let (parts, ()) = request.body(()).expect("a request").into_parts();
    let body = server::bytes(body);
    ask::understand(&ask::heard(&parts, &body), &parts, &body)
}

/// What happens here. Two requests that change places are for the proxy.
fn can_happen(action: Action) -> bool {
    match action {
        Action::Pass
        | Action::Delay(_)
        | Action::Hold(_)
        | Action::DropBefore
        | Action::DropAfter
        | Action::Reset
        | Action::Duplicate
        | Action::Status { .. }
        | Action::Gone
        | Action::Hang
        | Action::Truncate
        | Action::Drip(_)
        | Action::FreezeWatch
        | Action::Drop
        | Action::Reorder
        | Action::Close
        | Action::KillBefore(_)
        | Action::KillAfter(_)
        | Action::KillAnswered(_) => true,
        Action::Swap => false,
    }
}

fn lost(when: &str) -> Answer {
    Err(reset(when))
}

fn reset(when: &str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::ConnectionReset, format!("reset {when}, by a fault"))
}

fn half(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len() / 2]
}

/// These pieces, and then the connection is lost.
fn broken_off(pieces: impl Stream<Item = Piece>) -> impl Stream<Item = Piece> {
    pieces.chain(stream::once(async { Err(reset("in the middle of the answer")) }))
}

/// What a request is called in plans: as exactly as is the same in every life.
pub fn called(heard: &Heard) -> Match {
    let pattern = |it: &String| it.parse().expect("a name");
    // Names of Events are made of the time.
    let named = heard.resource.as_ref().is_some_and(|it| it.plural != "events");
    Match {
        verb: VerbMatch::One(heard.verb),
        resource: heard.resource.as_ref().map(|it| ResourceMatch::of(it).expect("a kind")),
        path: heard.resource.is_none().then(|| pattern(&heard.path)),
        namespace: heard.namespace.as_ref().map(pattern),
        name: heard.name.as_ref().filter(|_| named).map(pattern),
        dry_run: heard.dry_run.then_some(true),
        events: None,
    }
}
