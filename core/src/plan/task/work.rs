//! What a task does: from the spec to an HTTP request or a Job.

use k8s_openapi::api::batch::v1::JobSpec;
use serde_json::{Value, json};

use super::{HttpWork, Place, TaskRole, Work, refused, there_are};
use crate::{
    api::{
        class::PodSecurity,
        names,
        task::{Http, Run, Task},
    },
    plan::{
        PlanError, hosts,
        isolate::{self, placement, standards},
        log::{Log, Rule},
        object::{Object, escape},
        ours, pull, relocate, strip,
    },
};

/// JSON pointer of a Job's Pod spec.
const POD: &str = "/spec/template/spec";
/// Port of a Service where a task names none.
const HTTP_PORT: u16 = 80;

const RELOCATED: Rule = Rule {
    name: "task-relocated",
    why: "a task runs in the target, and what it names is the clone",
};

/// Fields of a JobSpec that belong to more than one attempt, or to another controller.
const NOT_OURS: [&str; 8] = [
    "ttlSecondsAfterFinished",
    "suspend",
    "selector",
    "manualSelector",
    "managedBy",
    "backoffLimitPerIndex",
    "maxFailedIndexes",
    "successPolicy",
];

impl Place<'_> {
    pub(super) fn work(
        &self,
        task: &Task,
        role: TaskRole,
        timeout_seconds: u32,
        log: &mut Log,
    ) -> Result<Work, PlanError> {
        match (&task.http, &task.run, &task.job, &task.from_job, &task.from_cron_job) {
            (Some(http), None, None, None, None) => {
                self.http(http, timeout_seconds, log).map(Work::Http)
            }
            (None, Some(run), None, None, None) => {
                let pod = json!({"spec": self.run(run)});
                Ok(Work::Job(self.job(task, &json!({"template": pod}), timeout_seconds, log)))
            }
            (None, None, Some(job), None, None) => {
                let spec = self.cut_off(task, &self.given(job)?, log)?;
                Ok(Work::Job(self.job(task, &spec, timeout_seconds, log)))
            }
            (None, None, None, Some(name), None) => {
                self.own_job(task, role, name, timeout_seconds, log).map(Work::Job)
            }
            (None, None, None, None, Some(name)) => {
                self.scheduled_job(task, name, timeout_seconds, log).map(Work::Job)
            }
            _ => Err(self.invalid(
                "http",
                "a task has exactly one of http, run, job, fromJob and fromCronJob",
            )),
        }
    }

    fn http(
        &self,
        http: &Http,
        timeout_seconds: u32,
        log: &mut Log,
    ) -> Result<HttpWork, PlanError> {
        let within_seconds = match &http.within {
            Some(within) => self.seconds("http.within", within)?,
            None => timeout_seconds,
        };
        if within_seconds > timeout_seconds {
            let why = format!("it is longer than the task's timeout of {timeout_seconds}s");
            return Err(self.invalid("http.within", &why));
        }
        let url = match (&http.url, &http.service) {
            (Some(url), None) => {
                let url =
                    relocate::rewrite_text(self.context, "url", url).unwrap_or_else(|| url.clone());
                hosts::in_text("url", &url, self.context, log).unwrap_or(url)
            }
            (None, Some(service)) => self.service_url(service, http)?,
            _ => return Err(self.invalid("http", "http has either url or service")),
        };
        Ok(HttpWork { url, expect: http.expect.clone(), within_seconds })
    }

    fn service_url(&self, service: &str, http: &Http) -> Result<String, PlanError> {
        let found =
            self.clones.iter().find(|it| ours::is(it, "", "Service") && it.name() == service);
        let Some(found) = found else {
            let known = there_are(&self.names_of("", "Service"));
            return Err(
                self.invalid("http.service", &format!("no Service {service:?} is cloned; {known}"))
            );
        };
        let port = http.port.unwrap_or(HTTP_PORT);
        let known = ports(found);
        if !known.is_empty() && !known.contains(&port.to_string()) {
            let known = known.join(", ");
            let why = format!("Service {service:?} has no port {port}; it has {known}");
            return Err(self.invalid("http.port", &why));
        }
        let target = &self.context.request.target;
        let path = http.path.as_deref().unwrap_or("/");
        Ok(format!("http://{service}.{target}.svc:{port}{path}"))
    }

    /// The Pod spec of a `run`. It is not forced to run as another user than root: the public images
    /// of databases do.
    fn run(&self, run: &Run) -> Value {
        let mut security = json!({
            "allowPrivilegeEscalation": false,
            "seccompProfile": {"type": "RuntimeDefault"},
        });
        if self.context.request.class.pod_security == PodSecurity::Restricted {
            security["runAsNonRoot"] = json!(true);
            security["capabilities"] = json!({"drop": ["ALL"]});
        }
        let mut container = json!({
            "name": "task",
            "image": run.image,
            "securityContext": security,
            "terminationMessagePolicy": "FallbackToLogsOnError",
        });
        let lists = [
            ("command", json!(run.command)),
            ("args", json!(run.args)),
            ("env", json!(run.env)),
            ("envFrom", json!(run.env_from)),
        ];
        for (field, list) in lists {
            if list.as_array().is_some_and(|list| !list.is_empty()) {
                container[field] = list;
            }
        }
        json!({"automountServiceAccountToken": false, "containers": [container]})
    }

    /// The JobSpec of a `job`, checked.
    fn given(&self, job: &JobSpec) -> Result<Value, PlanError> {
        let mut spec = json!(job);
        let pod = spec.pointer("/template/spec").cloned().unwrap_or_default();
        if pod["containers"].as_array().is_none_or(Vec::is_empty) {
            return Err(self.invalid("job.template.spec.containers", "a Pod has a container"));
        }
        let refused = refused::past_the_fence(&pod)
            .map(|(field, why)| (format!("{POD}{field}"), why))
            .or_else(|| {
                let whole = Object::made("batch/v1", "Job", "task", json!({ "spec": spec }));
                standards::first(&whole, POD, self.context.request.class.pod_security)
            });
        if let Some((path, why)) = refused {
            return Err(self.invalid(&format!("job{}", dotted(&path)), &why));
        }
        let account = ["serviceAccountName", "serviceAccount"]
            .into_iter()
            .find_map(|field| Some((field, pod[field].as_str().filter(|it| !it.is_empty())?)));
        match account {
            None => spec["template"]["spec"]["automountServiceAccountToken"] = json!(false),
            Some((field, name)) => {
                let known = self.names_of("", "ServiceAccount");
                // Every namespace has this one.
                if name != "default" && !known.contains(&name) {
                    let why =
                        format!("no ServiceAccount {name:?} is cloned; {}", there_are(&known));
                    return Err(self.invalid(&format!("job.template.spec.{field}"), &why));
                }
            }
        }
        Ok(spec)
    }

    /// A Job without what a clone would lose: other networks than the Pod's own, identities of
    /// production's, what the node would do past the fence.
    fn cut_off(&self, task: &Task, spec: &Value, log: &mut Log) -> Result<Value, PlanError> {
        let mut whole = Object::made("batch/v1", "Job", &task.name, json!({ "spec": spec }));
        // It belongs to the Job that is made; see `NOT_OURS`.
        whole.remove("/spec/selector");
        let stripped = strip::strip(vec![whole], self.context, log);
        let job = isolate::confine(stripped, self.context, log).pop();
        let spec = job.as_ref().and_then(|it| it.get("/spec")).cloned();
        spec.ok_or_else(|| self.invalid("job", "nothing of it may run in a target"))
    }

    /// One attempt, one Pod, in the target.
    pub(super) fn job(
        &self,
        task: &Task,
        spec: &Value,
        timeout_seconds: u32,
        log: &mut Log,
    ) -> Object {
        let mut job =
            ours::made(self.context.request, "batch/v1", "Job", &task.name, json!({"spec": spec}));
        for field in NOT_OURS {
            job.remove(&format!("/spec/{field}"));
        }
        for field in ["name", "generateName", "namespace", "finalizers", "ownerReferences"] {
            job.remove(&format!("/spec/template/metadata/{field}"));
        }
        if let Some(labels) = job.get_mut("/spec/template/metadata/labels") {
            // A label of ours on a Pod opens what it does not say.
            if let Some(labels) = labels.as_object_mut() {
                labels.retain(|key, _| !ours::is_label(key));
            }
        }
        let template = "/spec/template/metadata/labels";
        job.set(&format!("{template}/{}", escape(names::TASK_LABEL)), json!(task.name));
        for (field, value) in [
            ("backoffLimit", json!(0)),
            ("completions", json!(1)),
            ("parallelism", json!(1)),
            ("activeDeadlineSeconds", json!(timeout_seconds)),
            ("template/spec/restartPolicy", json!("Never")),
        ] {
            job.set(&format!("/spec/{field}"), value);
        }
        let pull = "/spec/template/spec/imagePullSecrets";
        if job.get(pull).is_none()
            && let Some(names) = pull::of_tasks(self.clones, self.context)
        {
            job.set(pull, names);
        }
        relocate::rewrite_object(self.context, &mut job, &RELOCATED, log);
        hosts::in_object(&mut job, self.context, log);
        if let Some(pod) = job.get_mut(POD) {
            placement::as_class(pod, &self.context.request.class.placement);
        }
        job
    }

    fn names_of(&self, group: &str, kind: &str) -> Vec<&str> {
        let mut names: Vec<&str> =
            self.clones.iter().filter(|it| ours::is(it, group, kind)).map(Object::name).collect();
        names.sort_unstable();
        names
    }
}

/// Ports of a Service that has an address of its own; without one, each Pod has whatever ports it
/// listens on.
fn ports(service: &Object) -> Vec<String> {
    if service.text("/spec/clusterIP") == "None" {
        return Vec::new();
    }
    let ports = service.get("/spec/ports").and_then(Value::as_array).into_iter().flatten();
    ports.filter_map(|port| port["port"].as_i64()).map(|port| port.to_string()).collect()
}

/// A field of a Job as it is written below `job`: `.template.spec.containers[0].ports`.
fn dotted(pointer: &str) -> String {
    let steps = pointer.strip_prefix("/spec/").unwrap_or(pointer).split('/');
    steps.fold(String::new(), |path, step| match step.parse::<usize>() {
        Ok(at) => format!("{path}[{at}]"),
        Err(_) => format!("{path}.{step}"),
    })
}

/// JSON pointers of the containers of a Job.
pub(super) fn containers(job: &Object) -> Vec<String> {
    let mut found = Vec::new();
    for list in ["initContainers", "containers"] {
        let path = format!("/spec/template/spec/{list}");
        let count = job.get(&path).and_then(Value::as_array).map_or(0, Vec::len);
        found.extend((0..count).map(|at| format!("{path}/{at}")));
    }
    found
}
