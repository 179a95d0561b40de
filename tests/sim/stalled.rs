//! Answers that begin and do not end, before an operator has begun to work.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use kulisse::run::operate;
use tokio::time::{sleep, timeout};

use crate::{
    cluster::Cluster,
    life::{begun, operator, within},
};

const KEY: &str = "get secrets in kulisse named kulisse-operator-key";

#[test]
fn a_key_whose_answer_stalls_is_read_again() {
    let faults = format!("{KEY} #1: drip 60m");
    let cluster = Cluster::new(begun(), faults.parse().expect("a plan"), 1);
    within(&cluster, async {
        tokio::spawn(cluster.clone().control());
        let operator = operator(&cluster);
        let ready = Arc::clone(&operator.health.ready);
        let (_going, stopped) = tokio::sync::watch::channel(false);
        tokio::select! {
            result = operate(operator, stopped) => panic!("{result:?}"),
            () = sleep(Duration::from_mins(1)) => {}
        }
        assert!(ready.load(Ordering::Relaxed), "it has not begun");
    });
    assert!(cluster.struck(), "nothing stalled");
}

#[test]
fn who_does_not_get_to_work_is_not_ready_and_stops_when_told() {
    for faults in [&format!("{KEY}: drip 60m"), "create namespaces dry-run: drip 60m"] {
        let cluster = Cluster::new(begun(), faults.parse().expect("a plan"), 1);
        within(&cluster, async {
            let operator = operator(&cluster);
            let ready = Arc::clone(&operator.health.ready);
            // As of whoever stood by until now.
            ready.store(true, Ordering::Relaxed);
            let (stop, stopped) = tokio::sync::watch::channel(false);
            let mut work = std::pin::pin!(operate(operator, stopped));
            tokio::select! {
                result = &mut work => panic!("{faults}: {result:?}"),
                () = sleep(Duration::from_secs(5)) => {}
            }
            assert!(!ready.load(Ordering::Relaxed), "{faults}: it says that it works");
            stop.send(true).expect("an operator");
            let stopped = timeout(Duration::from_secs(1), work).await;
            assert!(matches!(stopped, Ok(Ok(()))), "{faults}: {stopped:?}");
        });
        assert!(cluster.struck(), "{faults}: nothing stalled");
    }
}
