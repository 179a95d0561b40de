//! So many passes at a time, and whose turn it is: request namespaces take turns, however many
//! environments one of them has. Whoever floods one waits for themselves.

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
    /// Whose turn it was last.
    last: String,
    waiting: BTreeMap<String, VecDeque<oneshot::Sender<()>>>,
}

/// A seat; free again when it is dropped.
pub struct Seat(Arc<Seats>);

impl Seats {
    /// So many of them.
    pub fn new(count: usize) -> Arc<Self> {
        let (last, waiting) = (String::new(), BTreeMap::new());
        Arc::new(Self(Mutex::new(State { free: count, last, waiting })))
    }

    /// A seat as soon as one is free and it is the turn of `namespace`; within it, first come, first
    /// served. A seat that was given and never taken, as the future was dropped, is lost: that is for
    /// whoever ends altogether.
    pub async fn take(self: Arc<Self>, namespace: String) -> Seat {
        if let Some(given) = self.ask(namespace) {
            let _ = given.await;
        }
        Seat(self)
    }

    fn ask(&self, namespace: String) -> Option<oneshot::Receiver<()>> {
        let mut state = self.state();
        // Nobody waits while a seat is free.
        if state.free > 0 {
            state.free -= 1;
            return None;
        }
        let (give, given) = oneshot::channel();
        state.waiting.entry(namespace).or_default().push_back(give);
        Some(given)
    }

    fn pass_on(&self) {
        let mut state = self.state();
        while let Some(give) = state.next() {
            if give.send(()).is_ok() {
                return;
            }
        }
        state.free += 1;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Who is next: the first of the namespace after the last one, around.
    fn next(&mut self) -> Option<oneshot::Sender<()>> {
        let after = self.waiting.range::<String, _>((Excluded(&self.last), Unbounded)).next();
        let name = after.or_else(|| self.waiting.first_key_value())?.0.clone();
        let queue = self.waiting.get_mut(&name)?;
        let first = queue.pop_front();
        if queue.is_empty() {
            self.waiting.remove(&name);
        }
        self.last = name;
        first
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.pass_on();
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
        drop(seats.ask("a".to_owned()));
        let given = seats.ask("b".to_owned()).unwrap();
        drop(seat);
        assert!(given.await.is_ok());
        seats.pass_on();
        assert!(seats.ask("a".to_owned()).is_none(), "nobody waits, and one is free");
    }
}
