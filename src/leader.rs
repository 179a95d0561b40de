//! One of several operators works; the others stand by.
//!
//! ```text
//! campaign ──► leads ──► keep: renew, renew, …  ──► told to stop: give the lease back
//!    │  (look every 2 s)         └──► not renewed in time, or taken: lost, and the process ends
//! ```
//!
//! The lease has a client of its own, so that no amount of other work holds up its renewal. Each
//! write of the operator passes [`Leadership::fence`] first: a process that was stopped or whose
//! machine slept finds out there, before its first write, that its time is over. Kubernetes has no
//! token by which the API server itself could tell: what is on its way at that moment arrives, and is
//! harmless like all that is sent twice.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Result, bail};
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
    client::Body,
};
use kulisse_core::{
    api::identity::{NamespaceName, ObjectName},
    lease::{GIVEN, LOOKED_AT, RENEWED, RETURNED, Seen, TRUSTED, Turn, turn},
};
use tokio::sync::oneshot;
use tower::{BoxError, filter::FilterLayer};

use crate::{cause::innermost, controller::clock::ServerClock};

#[cfg(test)]
mod tests;

/// A request about the lease is answered within this.
const DEADLINE: Duration = Duration::from_secs(3);
/// Where nobody else is.
const ALWAYS: u64 = u64::MAX;

/// Time as it passes, also while the machine sleeps.
pub type Passing = fn() -> Duration;

/// Time since the machine was started, sleep included.
pub fn since_boot() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or_default(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}

/// Until when this process may write.
#[derive(Clone, Debug)]
pub struct Leadership {
    /// In milliseconds of `clock`.
    until: Arc<AtomicU64>,
    clock: Passing,
}

impl Leadership {
    /// Of an operator that stands alone.
    pub fn alone() -> Self {
        Self { until: Arc::new(AtomicU64::new(ALWAYS)), clock: since_boot }
    }

    fn none(clock: Passing) -> Self {
        Self { until: Arc::default(), clock }
    }

    /// Whether this process may write now.
    pub fn holds(&self) -> bool {
        let until = self.until.load(Ordering::SeqCst);
        until == ALWAYS || millis((self.clock)()) < until
    }

    fn trust(&self, until: Duration) {
        self.until.store(millis(until), Ordering::SeqCst);
    }

    fn end(&self) {
        self.until.store(0, Ordering::SeqCst);
    }

    /// What every request of a client passes: reads do, writes of whoever does not lead do not.
    pub fn fence(
        &self,
    ) -> FilterLayer<
        impl Fn(http::Request<Body>) -> Result<http::Request<Body>, BoxError> + Clone + use<>,
    > {
        let leadership = self.clone();
        FilterLayer::new(move |request: http::Request<Body>| {
            if *request.method() == http::Method::GET || leadership.holds() {
                Ok(request)
            } else {
                Err(BoxError::from("another operator leads: nothing is written any more"))
            }
        })
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(ALWAYS - 1)
}

/// An operator that leads, or waits to.
pub struct Candidate {
    api: Api<Lease>,
    /// Its name.
    lease: ObjectName,
    me: String,
    clock: Passing,
    /// For people who look at the lease.
    time: ServerClock,
    /// The lease as it was seen last, and since when it has been like this.
    seen: Option<(Lease, Duration)>,
    /// When it was looked at last.
    looked: Duration,
    leadership: Leadership,
}

/// Why a lease ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// It was given back.
    Released,
    /// It was lost, for this reason.
    Lost(String),
}

impl Candidate {
    /// A candidate for a lease, called `me`, which no other is; with a client that is used for nothing else.
    pub fn new(
        client: Client,
        namespace: &NamespaceName,
        lease: ObjectName,
        me: String,
        time: ServerClock,
        clock: Passing,
    ) -> Self {
        let api = Api::namespaced(client, namespace.as_str());
        Self {
            api,
            lease,
            me,
            clock,
            time,
            seen: None,
            looked: Duration::ZERO,
            leadership: Leadership::none(clock),
        }
    }

    /// Until when it may write.
    pub fn leadership(&self) -> Leadership {
        self.leadership.clone()
    }

    /// Waits until it leads.
    pub async fn campaign(&mut self) {
        let mut told = String::new();
        loop {
            let pause = match self.round().await {
                Ok(None) => {
                    tracing::info!(me = self.me, "leads");
                    return;
                }
                Ok(Some(pause)) => {
                    if self.holder() != told {
                        self.holder().clone_into(&mut told);
                        tracing::info!(leader = told, "standing by");
                    }
                    pause
                }
                Err(error) => {
                    tracing::warn!(error, "cannot get the lease");
                    LOOKED_AT
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Works as long as it leads.
    ///
    /// # Errors
    ///
    /// That of the work; or that it was cut off, since the lease was lost.
    pub async fn lead(self, work: impl Future<Output = Result<()>>) -> Result<()> {
        let (done, told) = oneshot::channel();
        let mut kept = tokio::spawn(self.keep(told));
        tokio::select! {
            result = work => {
                let _ = done.send(());
                let _ = kept.await;
                result
            }
            end = &mut kept => match end {
                Ok(End::Lost(why)) => bail!("the lease is lost: {why}; whoever leads now goes on"),
                Ok(End::Released) | Err(_) => bail!("the lease is renewed no more"),
            }
        }
    }

    /// Renews the lease until `done`, then gives it back; or until it is lost.
    async fn keep(mut self, mut done: oneshot::Receiver<()>) -> End {
        let mut pause = RENEWED;
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = &mut done => {
                    self.release().await;
                    return End::Released;
                }
            }
            let why = if self.leadership.holds() {
                match self.round().await {
                    Ok(None) => {
                        pause = RENEWED;
                        continue;
                    }
                    Ok(Some(_)) => format!("{} has taken it", self.holder()),
                    Err(error) => {
                        tracing::warn!(error, "cannot renew the lease");
                        pause = LOOKED_AT;
                        continue;
                    }
                }
            } else {
                format!("it was not renewed for {} s", TRUSTED.as_secs())
            };
            self.leadership.end();
            return End::Lost(why);
        }
    }

    /// One look at the lease and what follows; `None` if it leads after it, else the pause until the
    /// next look.
    async fn round(&mut self) -> Result<Option<Duration>, String> {
        // The answer to our own last write is as good as a look: if the lease is another one by now,
        // the API server takes no further write.
        if self.mine().is_none() || self.holder() != self.me {
            self.look().await?;
        }
        for _ in 0..2 {
            if let Turn::Wait(pause) = turn(self.as_seen(), self.mine()) {
                return Ok(Some(pause));
            }
            if self.write().await? {
                return Ok(None);
            }
            self.look().await?;
        }
        Err("others write it at the same time".to_owned())
    }

    /// Reads the lease.
    async fn look(&mut self) -> Result<(), String> {
        let found = answer(self.api.get_opt(self.lease.as_str())).await.map_err(Refused::text)?;
        let now = (self.clock)();
        let (before, since) = self.seen.take().unwrap_or((Lease::default(), now));
        let there = |it: &Lease| it.metadata.resource_version.is_some();
        let lease = found.unwrap_or_else(|| Lease {
            // Gone, or never there: its last holder, if there was one, may not know yet.
            spec: before.spec.clone(),
            ..Lease::default()
        });
        let same = before.spec == lease.spec && there(&before) == there(&lease);
        // Every write of a lease shows in it; that it was there for a moment does not.
        let missed = !there(&lease) && now.saturating_sub(self.looked) > LOOKED_AT + DEADLINE;
        self.seen = Some((lease, if same && !missed { since } else { now }));
        self.looked = now;
        Ok(())
    }

    /// The name by which it holds the lease, if it does.
    fn mine(&self) -> Option<&str> {
        self.leadership.holds().then_some(self.me.as_str())
    }

    /// Writes itself down as the holder; whether nobody else has written meanwhile.
    async fn write(&mut self) -> Result<bool, String> {
        // Counted from before it was sent: nobody can have seen it earlier.
        let asked = (self.clock)();
        let lease = self.lease(&self.me, GIVEN);
        let params = PostParams::default();
        let written = match lease.metadata.resource_version {
            None => answer(self.api.create(&params, &lease)).await,
            Some(_) => answer(self.api.replace(self.lease.as_str(), &params, &lease)).await,
        };
        match written {
            Ok(lease) => {
                self.leadership.trust(asked + TRUSTED);
                self.seen = Some((lease, (self.clock)()));
                Ok(true)
            }
            Err(Refused::Changed) => Ok(false),
            Err(other) => Err(other.text()),
        }
    }

    /// Gives the lease back: the next one need not wait.
    async fn release(self) {
        self.leadership.end();
        let lease = self.lease("", RETURNED);
        match answer(self.api.replace(self.lease.as_str(), &PostParams::default(), &lease)).await {
            Ok(_) => tracing::info!("the lease is given back"),
            Err(error) => tracing::warn!(error = error.text(), "cannot give the lease back"),
        }
    }

    /// The lease with this holder, as it follows what was seen.
    fn lease(&self, holder: &str, given: Duration) -> Lease {
        let seen = self.seen.as_ref().map(|it| &it.0);
        let before = seen.and_then(|it| it.spec.clone()).unwrap_or_default();
        let same = before.holder_identity.as_deref() == Some(holder);
        let now = MicroTime(self.time.now());
        let transitions = before.lease_transitions.unwrap_or_default();
        Lease {
            metadata: ObjectMeta {
                name: Some(self.lease.to_string()),
                resource_version: seen.and_then(|it| it.metadata.resource_version.clone()),
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(holder.to_owned()),
                lease_duration_seconds: i32::try_from(given.as_secs()).ok(),
                acquire_time: before.acquire_time.filter(|_| same).or_else(|| Some(now.clone())),
                renew_time: Some(now),
                lease_transitions: Some(transitions.saturating_add(i32::from(!same))),
                ..LeaseSpec::default()
            }),
        }
    }

    fn as_seen(&self) -> Seen<'_> {
        let now = (self.clock)();
        let since = self.seen.as_ref().map_or(now, |it| it.1);
        let given = self.spec().and_then(|it| it.lease_duration_seconds);
        let given = given.and_then(|it| u64::try_from(it).ok()).map_or(GIVEN, Duration::from_secs);
        Seen { holder: self.holder(), given, unchanged: now.saturating_sub(since) }
    }

    /// Who holds it, as far as was seen.
    fn holder(&self) -> &str {
        self.spec().and_then(|it| it.holder_identity.as_deref()).unwrap_or_default()
    }

    fn spec(&self) -> Option<&LeaseSpec> {
        self.seen.as_ref()?.0.spec.as_ref()
    }
}

/// Why there is no answer.
enum Refused {
    /// Somebody else has written, made or deleted the lease.
    Changed,
    /// Something else.
    Other(String),
}

impl Refused {
    fn text(self) -> String {
        match self {
            Self::Changed => "somebody else has written it".to_owned(),
            Self::Other(text) => text,
        }
    }
}

async fn answer<T>(request: impl Future<Output = kube::Result<T>>) -> Result<T, Refused> {
    match tokio::time::timeout(DEADLINE, request).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(kube::Error::Api(status))) if matches!(status.code, 404 | 409) => {
            Err(Refused::Changed)
        }
        Ok(Err(error)) => Err(Refused::Other(innermost(&error))),
        Err(_) => Err(Refused::Other(format!("no answer within {} s", DEADLINE.as_secs()))),
    }
}
