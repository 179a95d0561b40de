//! Which environments are this operator's: several may share the work, each with request namespaces of
//! its own.
//!
//! All of them watch all environments, so that caps of classes, the queue and preview hosts are one for the
//! whole cluster; each works only on its own.

use std::collections::BTreeSet;

/// Request namespaces of one of several operators. Without any: all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shard {
    /// Only these.
    pub watched: BTreeSet<String>,
    /// All but these.
    pub left: BTreeSet<String>,
}

impl Shard {
    /// Whether environments in a namespace are this operator's.
    pub fn holds(&self, namespace: &str) -> bool {
        !self.left.contains(namespace)
            && (self.watched.is_empty() || self.watched.contains(namespace))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_namespace_is_of_exactly_one_operator() {
        let named = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect();
        let shards = [
            Shard { left: named(&["team-a", "team-b"]), ..Shard::default() },
            Shard { watched: named(&["team-a"]), ..Shard::default() },
            Shard { watched: named(&["team-b"]), ..Shard::default() },
        ];
        for namespace in ["team-a", "team-b", "somebody-else"] {
            let of = shards.iter().filter(|it| it.holds(namespace)).count();
            assert_eq!(of, 1, "{namespace}");
        }
        assert!(Shard::default().holds("anything"));
    }
}
