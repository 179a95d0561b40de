//! What has passed, as lines of JSON. No bodies, no queries, no headers: none of them may hold
//! anything that is secret.

use std::{
    fs::File,
    io::Write,
    path::Path,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::Error;
use crate::{
    plan::{Action, EventType},
    request::Request,
};

/// Where it goes, if anywhere.
pub struct Log {
    started: Instant,
    file: Option<Mutex<File>>,
}

/// How a request ended.
pub struct Passed<'a> {
    pub number: u64,
    pub life: u64,
    pub request: &'a Request,
    pub action: Option<Action>,
    /// What was answered; none if nothing was.
    pub status: Option<u16>,
    /// Until the answer began.
    pub took: Duration,
    /// What kept it from passing, if that was not a fault of the plan.
    pub error: Option<String>,
}

impl Log {
    pub fn open(path: Option<&Path>) -> Result<Self, Error> {
        let open = |path: &Path| {
            File::create(path).map_err(|why| Error::File { path: path.to_owned(), why })
        };
        let file = path.map(open).transpose()?.map(Mutex::new);
        Ok(Self { started: Instant::now(), file })
    }

    /// A request has ended.
    pub fn passed(&self, it: &Passed<'_>) {
        if self.file.is_none() {
            return;
        }
        let mut line = self.line(it.number, it.request, it.action);
        line["life"] = it.life.into();
        line["status"] = it.status.into();
        line["tookMs"] = milliseconds(it.took);
        if let Some(error) = &it.error {
            line["error"] = error.as_str().into();
        }
        self.write(&line);
    }

    /// An event of a watch has come.
    pub fn event(
        &self,
        number: u64,
        event: u64,
        watch: &Request,
        of: EventType,
        action: Option<Action>,
    ) {
        if self.file.is_none() {
            return;
        }
        let mut line = self.line(number, watch, action);
        line["event"] = event.into();
        line["type"] = of.word().into();
        self.write(&line);
    }

    fn line(&self, number: u64, request: &Request, action: Option<Action>) -> Value {
        let mut line = json!({
            "request": number,
            "atMs": milliseconds(self.started.elapsed()),
            "verb": request.verb.word(),
        });
        match &request.resource {
            Some(resource) => line["resource"] = resource.to_string().into(),
            None => line["path"] = request.path.as_str().into(),
        }
        for (field, text) in [("namespace", &request.namespace), ("name", &request.name)] {
            if let Some(text) = text {
                line[field] = text.as_str().into();
            }
        }
        if request.dry_run {
            line["dryRun"] = true.into();
        }
        if let Some(action) = action {
            line["fault"] = action.to_string().into();
        }
        line
    }

    fn write(&self, line: &Value) {
        if let Some(file) = &self.file {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            // One write: lines of several connections do not mix. A full disk stops no run.
            let _ = file.write_all(format!("{line}\n").as_bytes());
        }
    }
}

fn milliseconds(time: Duration) -> Value {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).into()
}
