//! What the audit log tells about one environment: how many requests of which sort, and when.

use std::{collections::BTreeMap, fmt::Write};

use jiff::Timestamp;
use kulisse_core::api::names;

use crate::{
    log::{Request, ms},
    support::audit::OPERATOR,
};

/// Moments of an environment's making, in milliseconds since it was POSTed.
pub const MOMENTS: [&str; 7] = [
    "the operator's first request arrives",
    "the source has been read",
    "the plan has been stored",
    "the namespace is there",
    "rights and fence are there",
    "the last clone is there",
    "Ready is in the status",
];

/// One environment.
pub struct Account {
    /// When it was POSTed, before the request left.
    start: Timestamp,
    /// Its target.
    target: String,
    /// The operator's requests.
    requests: Vec<Request>,
    /// Its source.
    source: String,
}

/// How many requests of which sort.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// Clones and fence.
    pub made: usize,
    /// Reads of the source.
    pub source: usize,
    /// Discovery.
    pub discovery: usize,
    /// All others, each by what it is.
    pub others: BTreeMap<String, usize>,
}

impl Split {
    /// All that is neither clone nor fence, nor a read of the source, nor discovery.
    pub fn others(&self) -> usize {
        self.others.values().sum()
    }

    /// All.
    pub fn total(&self) -> usize {
        self.made + self.source + self.discovery + self.others()
    }

    /// In a line.
    pub fn line(&self) -> String {
        let others: Vec<String> = self.others.iter().map(|(it, n)| format!("{n} × {it}")).collect();
        format!(
            "{} requests: N = {} for clones and fence, {} others ({}), {} reads of the source, {} discovery",
            self.total(),
            self.made,
            self.others(),
            others.join(", "),
            self.source,
            self.discovery,
        )
    }
}

/// Of which sort a request is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Made,
    Source,
    Discovery,
    Other,
}

impl Account {
    /// Of the operator's among these requests.
    pub fn new(start: Timestamp, source: &str, target: &str, requests: Vec<Request>) -> Self {
        let requests = requests.into_iter().filter(|it| it.user == OPERATOR).collect();
        Self { start, target: target.to_owned(), requests, source: source.to_owned() }
    }

    /// Its target.
    pub fn target(&self) -> &str {
        &self.target
    }

    fn sort(&self, it: &Request) -> Sort {
        let rights = it.resource == "rolebindings" && it.name == names::RIGHTS_BINDING;
        if it.resource.is_empty() {
            Sort::Discovery
        } else if it.within(&self.source) {
            Sort::Source
        } else if it.namespace == self.target
            && it.verb == "create"
            && it.succeeded()
            && it.resource != "namespaces"
            && !rights
        {
            Sort::Made
        } else {
            Sort::Other
        }
    }

    /// What was made in the target as clones and fence.
    pub fn made(&self) -> Vec<&Request> {
        self.requests.iter().filter(|it| self.sort(it) == Sort::Made).collect()
    }

    /// How many requests of which sort.
    pub fn split(&self) -> Split {
        let mut split = Split::default();
        for it in &self.requests {
            match self.sort(it) {
                Sort::Made => split.made += 1,
                Sort::Source => split.source += 1,
                Sort::Discovery => split.discovery += 1,
                Sort::Other => {
                    let code =
                        if it.succeeded() { String::new() } else { format!(" → {}", it.code) };
                    let what = format!("{} {}{code}", it.verb, it.resource);
                    *split.others.entry(what).or_default() += 1;
                }
            }
        }
        split
    }

    /// The last answer to what `which` chooses; 0 if there was none.
    fn last(&self, which: impl Fn(&Request) -> bool) -> f64 {
        let chosen = self.requests.iter().filter(|it| which(it)).map(|it| it.until);
        chosen.max().map_or(0.0, |at| ms(self.start, at))
    }

    /// When each of [`MOMENTS`] was.
    pub fn moments(&self) -> [f64; MOMENTS.len()] {
        let fence = |it: &Request| {
            self.sort(it) == Sort::Made && it.name.starts_with("kulisse")
                || it.name == names::RIGHTS_BINDING
        };
        [
            self.requests.first().map_or(0.0, |it| ms(self.start, it.at)),
            self.last(|it| self.sort(it) == Sort::Source),
            self.last(|it| {
                it.resource == "stagingplans"
                    || (it.resource == "secrets" && it.name.starts_with("plan-"))
            }),
            self.last(|it| it.resource == "namespaces" && it.wrote()),
            self.last(fence),
            self.present(),
            self.last(|it| it.resource == "stagingenvironments/status"),
        ]
    }

    /// When the last clone was there.
    pub fn present(&self) -> f64 {
        self.last(|it| self.sort(it) == Sort::Made)
    }

    /// When Ready was in the status.
    pub fn ready(&self) -> f64 {
        self.moments()[MOMENTS.len() - 1]
    }

    /// Every request, with the pauses between them: `TIMELINE=1` prints it.
    pub fn timeline(&self) -> String {
        let mut text = String::from("     ms    took  request\n");
        let mut busy = 0.0_f64;
        for it in &self.requests {
            let from = ms(self.start, it.at);
            if from > busy + 3.0 {
                let _ = writeln!(text, "                … {:.0} ms without a request", from - busy);
            }
            busy = busy.max(ms(self.start, it.until));
            let _ = writeln!(
                text,
                "{from:>7.1} {:>7.1}  {} {} {}/{} → {} {}",
                ms(it.at, it.until),
                it.verb,
                it.resource,
                it.namespace,
                it.name,
                it.code,
                if it.resource.is_empty() { it.path() } else { "" }
            );
        }
        text
    }
}
