//! So many passes at a time, and whose turn it is: request namespaces take turns, however many
//! environments one of them has, and none has all seats. Whoever floods one waits for themselves.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Bound::{Excluded, Unbounded},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

/// Seats, and who waits for one.
pub struct Seats(Mutex<State>);

struct State {
    free: usize,
    /// How many one namespace may have at a time: passes that hang are not to take the last.
    most: usize,
    held: BTreeMap<String, usize>,
    /// Whose turn it was last.
    last: String,
    waiting: BTreeMap<String, VecDeque<oneshot::Sender<()>>>,
}

/// A seat of a namespace; free again when it is dropped.
pub struct Seat(Arc<Seats>, String);

impl Seats {
    /// So many of them.
    pub fn new(count: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            free: count,
            most: count - count / 4,
            held: BTreeMap::new(),
            last: String::new(),
            waiting: BTreeMap::new(),
        })))
    }

    /// A seat as soon as one is free and it is the turn of `namespace`; within it, first come, first
    /// served. A seat that was given and never taken, as the future was dropped, is lost: that is for
    /// whoever ends altogether.
    pub async fn take(self: Arc<Self>, namespace: String) -> Seat {
        if let Some(given) = self.ask(&namespace) {
            let _ = given.await;
        }
        Seat(self, namespace)
    }

    fn ask(&self, namespace: &str) -> Option<oneshot::Receiver<()>> {
        let mut state = self.state();
        if state.may(namespace) {
            state.sit(namespace);
            return None;
        }
        let (give, given) = oneshot::channel();
        state.waiting.entry(namespace.to_owned()).or_default().push_back(give);
        Some(given)
    }

    fn give_back(&self, namespace: &str) {
        let mut state = self.state();
        state.free += 1;
        if let Some(held) = state.held.get_mut(namespace) {
            *held -= 1;
            if *held == 0 {
                state.held.remove(namespace);
            }
        }
        while let Some((next, give)) = state.next() {
            if give.send(()).is_ok() {
                state.sit(&next);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether somebody of a namespace may sit down now.
    fn may(&self, namespace: &str) -> bool {
        self.free > 0 && self.held.get(namespace).is_none_or(|held| *held < self.most)
    }

    fn sit(&mut self, namespace: &str) {
        self.free -= 1;
        *self.held.entry(namespace.to_owned()).or_default() += 1;
    }

    /// Who is next: the first of the namespace after the last one, around, that may sit down.
    fn next(&mut self) -> Option<(String, oneshot::Sender<()>)> {
        let after = self.waiting.range::<String, _>((Excluded(&self.last), Unbounded));
        let around = after.chain(&self.waiting).map(|(name, _)| name);
        let name = around.into_iter().find(|name| self.may(name))?.clone();
        let queue = self.waiting.get_mut(&name)?;
        let first = queue.pop_front();
        if queue.is_empty() {
            self.waiting.remove(&name);
        }
        self.last.clone_from(&name);
        Some((name, first?))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.give_back(&self.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everybody asks at once, in this order; answers in which order they sat.
    async fn order(seats: usize, asked: &[&str]) -> Vec<String> {
        let seats = Seats::new(seats);
        let sat = Arc::new(Mutex::new(Vec::new()));
        let all = asked.iter().map(|it| {
            let (seats, sat, who) = (Arc::clone(&seats), Arc::clone(&sat), (*it).to_owned());
            async move {
                let _seat = seats.take(who.clone()).await;
                sat.lock().unwrap().push(who);
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
        });
        futures::future::join_all(all).await;
        let sat = sat.lock().unwrap();
        sat.clone()
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_asks_for_little_waits_for_nobodys_queue() {
        let sat = order(2, &["loud", "loud", "loud", "loud", "loud", "quiet", "other"]).await;
        assert_eq!(sat[..2], ["loud", "loud"], "seats are not kept free");
        let at = |who: &str| sat.iter().position(|it| it == who).unwrap();
        assert!(at("quiet") < 5 && at("other") < 5, "{sat:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_seat_is_passed_on_to_whoever_still_waits() {
        let seats = Seats::new(1);
        let seat = Arc::clone(&seats).take("a".to_owned()).await;
        drop(seats.ask("a"));
        let given = seats.ask("b").unwrap();
        drop(seat);
        assert!(given.await.is_ok());
        seats.give_back("b");
        assert!(seats.ask("a").is_none(), "nobody waits, and one is free");
    }

    #[tokio::test(start_paused = true)]
    async fn passes_that_hang_leave_seats_to_other_namespaces() {
        let seats = Seats::new(4);
        let mut hanging = Vec::new();
        for _ in 0..3 {
            hanging.push(Arc::clone(&seats).take("slow".to_owned()).await);
        }
        let waits = seats.ask("slow").unwrap();
        let other = seats.ask("other");
        assert!(other.is_none(), "one is left");
        seats.give_back("other");
        assert!(waits.is_empty(), "and stays so");
        hanging.pop();
        assert!(waits.await.is_ok());
    }
}
