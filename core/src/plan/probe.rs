//! The probe: a Pod in the target that tries the ways to production before anything else starts.
//!
//! A NetworkPolicy that no network plugin enforces is still a valid object, so that the fence stands
//! is shown and not assumed. "Nothing answered" alone shows nothing: production may be down, or the
//! Pod may have no network. So the probe also tries a *control*, an address that answers outside the
//! fence, and looks up a name, which the fence allows.
//!
//! The Kubernetes API is tried too, but does not count: a Pod may always talk to its own node, and
//! the API server may run there.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    capture::Address,
    object::{Object, escape},
    ours, own_pod,
    request::{Endpoint, Request},
};
use crate::api::{names, status::ProbeVerdict};

/// Most ways that are tried, all at once. More would burden the network and show nothing new; how
/// many were left out is said.
const MAX_WAYS: usize = 64;
/// Most ways that a message names.
const MAX_NAMED: usize = 5;
/// Seconds that the whole probe may take.
const DEADLINE: u32 = 60;
/// Seconds that one connection may take.
const TIMEOUT: u32 = 3;
/// A name that the fence lets every Pod look up.
const DNS_NAME: &str = "kubernetes.default.svc";

/// What the probe tries, as `kulisse probe fence --spec` takes it (JSON).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProbeSpec {
    /// Ways to production. Each must be closed.
    pub ways: Vec<Address>,
    /// Ways that were left out, as there are too many.
    pub left_out: u32,
    /// What answers outside the fence, if anything is known to.
    pub control: Option<Place>,
    /// A name that must be found.
    pub dns: String,
    /// Where nodes of clouds hand out credentials. Must be closed.
    pub metadata: Place,
    /// Where the Kubernetes API listens; tried for the message only.
    pub api: Vec<Endpoint>,
    /// Seconds that one connection may take.
    pub timeout_seconds: u32,
}

/// A host and a TCP port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// IP address or host name.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// What the probe found, as it writes it into its termination message (JSON, at most 4 KiB).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProbeAnswer {
    /// Ways that were open, by their `what` (as many as fit); the metadata address as `metadata`.
    /// Open is what took a TCP connection: a refused one has met nothing that answers.
    pub open: Vec<String>,
    /// Number of ways that were tried, the metadata address among them.
    pub tried: u32,
    /// Number of ways that were left out, as in the spec.
    #[serde(default)]
    pub left_out: u32,
    /// What the control did.
    pub control: ControlAnswer,
    /// Which control that was; probes of older versions do not say.
    #[serde(default)]
    pub control_at: Option<Place>,
    /// Whether the name was found.
    pub dns: bool,
    /// Whether the Kubernetes API took a connection.
    #[serde(default)]
    pub api: bool,
}

impl ProbeAnswer {
    /// Whether it says of another control than this one what it did.
    pub fn is_of_another(&self, control: Option<&Place>) -> bool {
        self.control_at.is_some() && self.control_at.as_ref() != control
    }
}

/// What the control did when it was tried from inside the fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ControlAnswer {
    /// It took a connection: the fence lets out what it must keep in.
    Answered,
    /// It took none, as it should.
    Silent,
    /// There is none.
    NotTried,
}

/// The Job of the probe. `image` is the operator's own.
pub fn probe_job(
    request: &Request,
    ways: &[Address],
    control: Option<&Place>,
    image: &str,
) -> Object {
    let tried = ways.len().min(MAX_WAYS);
    let spec = ProbeSpec {
        ways: ways[..tried]
            .iter()
            .map(|way| of_source(way, &request.spec.source.namespace))
            .collect(),
        left_out: u32::try_from(ways.len() - tried).unwrap_or(u32::MAX),
        control: control.cloned(),
        dns: DNS_NAME.to_owned(),
        metadata: Place { host: "169.254.169.254".to_owned(), port: 80 },
        api: request.cluster.api_endpoints.clone(),
        timeout_seconds: TIMEOUT,
    };
    let spec = serde_json::to_string(&spec).unwrap_or_default();
    let job = json!({
        "backoffLimit": 0,
        "completions": 1,
        "parallelism": 1,
        "activeDeadlineSeconds": DEADLINE,
        "template": {"spec": own_pod::spec(image, &["probe", "fence", "--spec", &spec], &request.class)},
    });
    let mut job = ours::made(request, "batch/v1", "Job", names::PROBE_JOB, json!({"spec": job}));
    for (key, value) in ours::labels(request).into_iter().chain([(names::PROBE_LABEL, "true")]) {
        for place in ["/metadata/labels", "/spec/template/metadata/labels"] {
            job.set(&format!("{place}/{}", escape(key)), json!(value));
        }
    }
    job
}

/// Whose a way is: the clone has a Service of the same name.
fn of_source(way: &Address, source: &str) -> Address {
    Address { what: format!("{} of {source}", way.what), ..way.clone() }
}

/// What an answer shows, and a sentence on it. `alive_outside`: the control that answers outside the
/// fence at the same time, if any does.
pub fn verdict(answer: &ProbeAnswer, alive_outside: Option<&Place>) -> (ProbeVerdict, String) {
    let ProbeAnswer { open, tried, left_out, control, control_at, dns, api } = answer;
    if !open.is_empty() {
        return (ProbeVerdict::Open, format!("the target can reach {}", named(open)));
    }
    // Before all that casts doubt: an open fence is open, whatever else does not work.
    if *control == ControlAnswer::Answered {
        let why = "network policy is not enforced: an address outside the fence can be reached";
        return (ProbeVerdict::Open, why.to_owned());
    }
    if !dns {
        let why = format!(
            "no name can be looked up in the target ({DNS_NAME}): that nothing answers may be for want of a network, or DNS is elsewhere than boundary.dns of the class says"
        );
        return (ProbeVerdict::Inconclusive, why);
    }
    if *control == ControlAnswer::NotTried {
        let why = "there is no address that is known to answer outside the fence: give the operator one (--probe-control)";
        return (ProbeVerdict::Inconclusive, why.to_owned());
    }
    let Some(alive) = alive_outside else {
        let why = "the address that should answer outside the fence does not: that it is silent inside shows nothing";
        return (ProbeVerdict::Inconclusive, why.to_owned());
    };
    // Whoever had that address may have been dead by then.
    if control_at.as_ref() != Some(alive) {
        let why = "the probe has tried another address than the one that answers outside the fence: the operator or its image was replaced meanwhile";
        return (ProbeVerdict::Inconclusive, why.to_owned());
    }
    let untried = match left_out {
        0 => String::new(),
        more => format!(", {more} more not tried"),
    };
    let api =
        if *api { "; the Kubernetes API answers, as it does on a Pod's own node" } else { "" };
    let message = format!("{tried} of {tried} ways to production closed{untried}{api}");
    (ProbeVerdict::Closed, message)
}

fn named(open: &[String]) -> String {
    let shown = open[..open.len().min(MAX_NAMED)].join(", ");
    match open.len().saturating_sub(MAX_NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture;

    fn answer() -> ProbeAnswer {
        ProbeAnswer {
            open: Vec::new(),
            tried: 4,
            left_out: 0,
            control: ControlAnswer::Silent,
            control_at: Some(control()),
            dns: true,
            api: false,
        }
    }

    fn control() -> Place {
        Place { host: "10.9.9.9".into(), port: 8080 }
    }

    #[test]
    fn only_a_live_control_and_a_working_name_service_show_that_the_fence_stands() {
        use ProbeVerdict::{Closed, Inconclusive, Open};
        let open = |count| (0..count).map(|at| format!("Service/s{at}")).collect::<Vec<_>>();
        for (answer, alive, expected, says) in [
            (answer(), true, Closed, "4 of 4 ways to production closed"),
            (answer(), false, Inconclusive, "does not"),
            (ProbeAnswer { control_at: None, ..answer() }, true, Inconclusive, "another address"),
            (
                ProbeAnswer { control_at: Some(Place { port: 8081, ..control() }), ..answer() },
                true,
                Inconclusive,
                "another address",
            ),
            (ProbeAnswer { dns: false, ..answer() }, true, Inconclusive, "name"),
            (
                ProbeAnswer { control: ControlAnswer::NotTried, ..answer() },
                true,
                Inconclusive,
                "--probe-control",
            ),
            (
                ProbeAnswer { control: ControlAnswer::Answered, dns: false, ..answer() },
                true,
                Open,
                "not enforced",
            ),
            (
                ProbeAnswer { open: open(7), dns: false, ..answer() },
                false,
                Open,
                "Service/s4 and 2 more",
            ),
            (ProbeAnswer { open: open(1), ..answer() }, true, Open, "can reach Service/s0"),
            (ProbeAnswer { left_out: 9, ..answer() }, true, Closed, "9 more not tried"),
            (ProbeAnswer { api: true, ..answer() }, true, Closed, "Kubernetes API answers"),
        ] {
            let (verdict, message) = verdict(&answer, alive.then(control).as_ref());
            assert_eq!(verdict, expected, "{message}");
            assert!(message.contains(says), "{message}");
        }
    }

    #[test]
    fn the_answer_of_an_older_version_can_be_read() {
        let old = r#"{"open":[],"tried":4,"control":"Silent","dns":true}"#;
        let old: ProbeAnswer = serde_json::from_str(old).unwrap();
        assert_eq!(old, ProbeAnswer { control_at: None, ..answer() });
    }

    #[test]
    fn the_probe_is_a_pod_without_rights_that_is_told_what_to_try() {
        let request = fixture::request(json!({}), json!({}));
        let way = Address { what: "Service/db".into(), host: "10.1.2.3".into(), port: 5432 };
        let job = probe_job(&request, &vec![way; 600], Some(&control()), "kulisse:1");

        assert_eq!(job.name(), names::PROBE_JOB);
        assert_eq!(job.get("/spec/template/spec/imagePullSecrets"), None);
        assert_eq!(job.get("/spec/activeDeadlineSeconds"), Some(&json!(60)));
        assert_eq!(job.get("/spec/backoffLimit"), Some(&json!(0)));
        let labels = job.get("/spec/template/metadata/labels").unwrap();
        assert_eq!(labels[names::PROBE_LABEL], "true");
        let pod = job.get("/spec/template/spec").unwrap();
        assert_eq!(pod["automountServiceAccountToken"], false);
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);

        let args = pod["containers"][0]["args"].as_array().unwrap();
        assert_eq!(args[..3], ["probe", "fence", "--spec"]);
        let text = args[3].as_str().unwrap();
        // Linux takes no longer argument.
        assert!(text.len() < 128 * 1024);
        let spec: ProbeSpec = serde_json::from_str(text).unwrap();
        assert_eq!((spec.ways.len(), spec.left_out), (64, 536));
        assert_eq!(spec.ways[0].what, "Service/db of shop");
        assert_eq!(spec.control, Some(control()));
        assert_eq!(spec.metadata.host, "169.254.169.254");
        assert_eq!(spec.api.len(), 2);
        assert_eq!(spec.timeout_seconds, 3);
    }

    #[test]
    fn the_probe_pulls_with_what_the_class_gives_and_finds_it_there() {
        let class = json!({"imagePullSecrets": [{"name": "registry"}]});
        let request = fixture::request(json!({}), class);
        let job = probe_job(&request, &[], Some(&control()), "kulisse:1");
        let pulls = job.get("/spec/template/spec/imagePullSecrets").unwrap();
        let name = names::pull_secret("registry");
        assert_eq!(*pulls, json!([{ "name": name }]));
        let plan = crate::plan::plan(&request, &fixture::capture()).unwrap();
        let wave = plan.clones.iter().find(|it| it.object.name() == name).unwrap().wave;
        assert_eq!(wave, crate::api::status::Wave::Fence);
    }
}
