//! Several candidates, a lease in memory that is compared and swapped as the API server does, and
//! whatever can happen to them.

use std::{
    cell::RefCell,
    sync::{Mutex, PoisonError},
};

use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::*;

thread_local! {
    static BEGIN: RefCell<Option<Instant>> = const { RefCell::new(None) };
}

/// Virtual time since the test began; one thread is one test.
fn passing() -> Duration {
    BEGIN.with_borrow_mut(|it| Instant::now().duration_since(*it.get_or_insert_with(Instant::now)))
}

/// The API server, as far as leases go.
#[derive(Default)]
struct Server {
    lease: Mutex<(Option<Value>, u64)>,
    /// Requests and answers of these take so long.
    slow: Mutex<[Duration; 3]>,
}

impl Server {
    fn slow(&self, whom: usize, by: Duration) {
        self.slow.lock().unwrap_or_else(PoisonError::into_inner)[whom] = by;
    }

    fn edit(&self, change: impl FnOnce(&mut Option<Value>)) {
        let mut it = self.lease.lock().unwrap();
        it.1 += 1;
        let version = it.1.to_string();
        change(&mut it.0);
        if let Some(lease) = &mut it.0 {
            lease["metadata"]["resourceVersion"] = json!(version);
        }
    }

    fn answer(&self, method: &Method, body: Value) -> (StatusCode, Value) {
        let mut it = self.lease.lock().unwrap();
        let refused = |code: StatusCode, reason: &str| {
            let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure",
                "code": code.as_u16(), "reason": reason, "message": reason});
            (code, status)
        };
        let there = it.0.clone();
        match (method, there) {
            (&Method::GET, Some(lease)) => return (StatusCode::OK, lease),
            (&Method::GET | &Method::PUT, None) => {
                return refused(StatusCode::NOT_FOUND, "NotFound");
            }
            (&Method::POST, Some(_)) => return refused(StatusCode::CONFLICT, "AlreadyExists"),
            (&Method::PUT, Some(lease))
                if lease["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"] =>
            {
                return refused(StatusCode::CONFLICT, "Conflict");
            }
            _ => {}
        }
        it.1 += 1;
        let mut lease = body;
        lease["metadata"]["resourceVersion"] = json!(it.1.to_string());
        it.0 = Some(lease.clone());
        (StatusCode::OK, lease)
    }

    fn client(self: &Arc<Self>, whose: usize) -> Client {
        let server = Arc::clone(self);
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = Arc::clone(&server);
            async move {
                let slow = || server.slow.lock().unwrap()[whose];
                sleep(slow()).await;
                let (parts, body) = request.into_parts();
                let bytes = body.collect().await?.to_bytes();
                let body = serde_json::from_slice(&bytes).unwrap_or_default();
                let (code, answer) = server.answer(&parts.method, body);
                sleep(slow()).await;
                let body = Body::from(answer.to_string().into_bytes());
                Ok::<_, BoxError>(Response::builder().status(code).body(body).unwrap())
            }
        });
        Client::new(service, "kulisse")
    }

    fn candidate(self: &Arc<Self>, whose: usize) -> Candidate {
        let namespace = NamespaceName::parse("kulisse").unwrap();
        let me = format!("operator-{whose}");
        let lease = ObjectName::parse("kulisse").unwrap();
        Candidate::new(self.client(whose), &namespace, lease, me, ServerClock::default(), passing)
    }
}

/// An operator that is started again whenever it ends.
async fn live_on(server: Arc<Server>, whose: usize, now: Arc<Mutex<[Option<Leadership>; 3]>>) {
    loop {
        let mut candidate = server.candidate(whose);
        now.lock().unwrap()[whose] = Some(candidate.leadership());
        candidate.campaign().await;
        let (_never, done) = oneshot::channel();
        candidate.keep(done).await;
        sleep(Duration::from_secs(1)).await;
    }
}

fn writes(now: &Mutex<[Option<Leadership>; 3]>) -> Vec<usize> {
    let now = now.lock().unwrap();
    (0..3).filter(|it| now[*it].as_ref().is_some_and(Leadership::holds)).collect()
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_later_stands_by_and_follows_within_the_lease_and_two_seconds() {
    let server = Arc::new(Server::default());
    let mut first = server.candidate(0);
    first.campaign().await;
    assert!(first.leadership().holds());
    let mut second = server.candidate(1);
    let waits = tokio::time::timeout(Duration::from_secs(8), second.campaign()).await;
    assert!(waits.is_err() && !second.leadership().holds());
    // Killed: nobody renews it any more.
    drop(first);
    let since = Instant::now();
    second.campaign().await;
    assert!(since.elapsed() <= GIVEN + LOOKED_AT, "{:?}", since.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_given_back_is_taken_soon() {
    let server = Arc::new(Server::default());
    let mut first = server.candidate(0);
    first.campaign().await;
    let (done, told) = oneshot::channel();
    let leadership = first.leadership();
    let kept = tokio::spawn(first.keep(told));
    let mut second = server.candidate(1);
    let waits = tokio::time::timeout(Duration::from_mins(1), second.campaign()).await;
    assert!(waits.is_err() && leadership.holds(), "it is renewed");
    done.send(()).unwrap();
    assert_eq!(kept.await.unwrap(), End::Released);
    assert!(!leadership.holds());
    let since = Instant::now();
    second.campaign().await;
    assert!(since.elapsed() <= RETURNED + LOOKED_AT, "{:?}", since.elapsed());
}

#[tokio::test(start_paused = true)]
async fn whoever_is_cut_off_stops_before_anybody_follows() {
    let server = Arc::new(Server::default());
    let mut first = server.candidate(0);
    first.campaign().await;
    let (_never, done) = oneshot::channel();
    let leadership = first.leadership();
    let kept = tokio::spawn(first.keep(done));
    let mut second = server.candidate(1);
    let _ = tokio::time::timeout(Duration::from_secs(30), second.campaign()).await;
    server.slow(0, Duration::from_hours(1));
    second.campaign().await;
    assert!(!leadership.holds());
    let End::Lost(why) = kept.await.unwrap() else { panic!("it was told nothing") };
    assert!(why.contains("not renewed for 10 s"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn writes_of_whoever_does_not_lead_are_not_sent() {
    use tower::{Layer, Service, ServiceExt};
    let server = Arc::new(Server::default());
    let candidate = server.candidate(0);
    let inner = tower::service_fn(|_: Request<Body>| async { Ok::<_, BoxError>(()) });
    let mut fenced = candidate.leadership().fence().layer(inner);
    let request = |method: Method| Request::builder().method(method).body(Body::empty()).unwrap();
    assert!(fenced.ready().await.unwrap().call(request(Method::GET)).await.is_ok());
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let said = fenced.ready().await.unwrap().call(request(method)).await.unwrap_err();
        assert!(said.to_string().contains("another operator leads"));
    }
    let mut alone = Leadership::alone().fence().layer(inner);
    assert!(alone.ready().await.unwrap().call(request(Method::DELETE)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn of_three_that_are_delayed_cut_off_and_robbed_at_most_one_writes_at_any_time() {
    // Some hundreds always, all of them for the figures.
    let lives: u64 = if std::env::var("FAULTS").as_deref() == Ok("all") { 1000 } else { 250 };
    let mut led = 0_u64;
    for seed in 0..lives {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut random = |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        };
        let server = Arc::new(Server::default());
        let now = Arc::new(Mutex::new([const { None }; 3]));
        let operators: Vec<_> = (0..3)
            .map(|whose| tokio::spawn(live_on(Arc::clone(&server), whose, Arc::clone(&now))))
            .collect();
        // A person writes somebody's name there, or deletes it.
        let robbed = 20 * random(12);
        for tick in 0..240 {
            if tick == robbed {
                let name = format!("operator-{}", random(3));
                server.edit(|lease| match lease {
                    Some(it) if seed % 2 == 0 => it["spec"]["holderIdentity"] = json!(name),
                    it => *it = None,
                });
            }
            if tick % 20 == 0 {
                let whom = usize::try_from(random(3)).unwrap();
                match random(4) {
                    0 | 1 => server.slow(whom, Duration::from_millis(random(4000))),
                    2 => server.slow(whom, Duration::from_hours(1)),
                    _ => server.slow(whom, Duration::ZERO),
                }
            }
            sleep(Duration::from_millis(250)).await;
            let writing = writes(&now);
            assert!(writing.len() <= 1, "seed {seed}, {} ms: {writing:?} write", tick * 250);
            led += u64::try_from(writing.len()).unwrap();
        }
        operators.iter().for_each(tokio::task::JoinHandle::abort);
    }
    assert!(led > lives * 100, "somebody leads most of the time: {led}");
}
