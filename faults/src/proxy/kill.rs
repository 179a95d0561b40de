//! The client is ended, and started again.

use std::{sync::Arc, time::Duration};

use tokio::sync::{RwLockWriteGuard, oneshot};

use super::shared::{Blow, Shared};
use crate::plan::Signal;

impl Shared {
    /// Sends the client a signal. One that is killed for good has ended when this returns; nothing
    /// that it has sent passes any more, and another one is on its way.
    pub async fn kill(self: &Arc<Self>, blow: Blow, signal: Signal) {
        // Whoever serves a request of the client goes with it, in the middle of this.
        let shared = self.clone();
        let ended = tokio::spawn(async move {
            let closed = shared.gate.write().await;
            shared.end(blow, signal, closed).await;
        });
        let _ = ended.await;
    }

    /// Does so when the client has had time to read what is sent to it. Nothing passes from now on.
    pub async fn kill_soon(self: &Arc<Self>, blow: Blow, signal: Signal) {
        /// A loopback connection takes a hundredth of this.
        const READ: Duration = Duration::from_millis(30);
        let shared = self.clone();
        let (closed, is_closed) = oneshot::channel();
        tokio::spawn(async move {
            let gate = shared.gate.write().await;
            let _ = closed.send(());
            tokio::time::sleep(READ).await;
            shared.end(blow, signal, gate).await;
        });
        let _ = is_closed.await;
    }

    /// From now on whoever is killed is not started again, until another plan begins.
    pub async fn rest(&self) {
        // Whoever is being killed has ended before.
        let _closed = self.gate.write().await;
        let mut rested = self.rested.lock().await;
        *rested = self.now().plan;
    }

    async fn end(self: &Arc<Self>, blow: Blow, signal: Signal, closed: RwLockWriteGuard<'_, ()>) {
        if self.now() != blow.origin {
            // Whoever was meant has ended meanwhile.
            return;
        }
        if signal == Signal::Kill {
            self.victim.end(signal).await;
            self.carried_out(blow);
            let mine = self.buried(blow);
            drop(closed);
            self.start_again(blow, mine).await;
            return;
        }
        let (sent, is_sent) = oneshot::channel();
        let shared = self.clone();
        tokio::spawn(async move {
            let sent = Box::new(move || {
                let _ = sent.send(());
            });
            shared.victim.end_and_say(signal, sent).await;
            let mine = {
                let _closed = shared.gate.write().await;
                shared.buried(blow)
            };
            shared.start_again(blow, mine).await;
        });
        // A request that passed before would not be of one who knows that it is to end.
        let _ = is_sent.await;
        self.carried_out(blow);
        // It may tidy up: what it sends meanwhile passes.
        drop(closed);
    }

    /// That life is over. Whether it was not over before.
    fn buried(&self, blow: Blow) -> bool {
        let mut state = self.state();
        let mine = state.now == blow.origin;
        state.now.life += u64::from(mine);
        mine
    }

    async fn start_again(&self, blow: Blow, mine: bool) {
        // Held while it starts: whoever rests finds nobody starting.
        let rested = self.rested.lock().await;
        if mine && *rested < blow.origin.plan && self.now().plan == blow.origin.plan {
            self.victim.start().await;
        }
    }
}
