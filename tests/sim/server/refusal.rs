//! What the API server says when it does not do what it is asked to: `Status`.

use serde_json::{Value, json};

use super::kinds::Kind;

/// A refusal.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    pub code: u16,
    pub reason: &'static str,
    pub message: String,
    pub details: Value,
}

impl Refusal {
    fn new(code: u16, reason: &'static str, message: String, details: Value) -> Self {
        Self { code, reason, message, details }
    }

    fn of(
        (code, reason): (u16, &'static str),
        kind: &Kind,
        name: &str,
        words: impl FnOnce(&str) -> String,
    ) -> Self {
        let subject = format!("{} \"{name}\"", kind.qualified());
        let mut details = json!({ "name": name, "kind": kind.plural });
        if !kind.group.is_empty() {
            details["group"] = kind.group.into();
        }
        Self::new(code, reason, words(&subject), details)
    }

    /// There is no such object.
    pub fn not_found(kind: &Kind, name: &str) -> Self {
        Self::of((404, "NotFound"), kind, name, |it| format!("{it} not found"))
    }

    /// There is one of that name, or there still is.
    pub fn exists(kind: &Kind, name: &str, leaving: bool) -> Self {
        let first = if leaving { "object is being deleted: " } else { "" };
        Self::of((409, "AlreadyExists"), kind, name, |it| format!("{first}{it} already exists"))
    }

    /// It is another one, or in another version, than was said.
    pub fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        Self::of((409, "Conflict"), kind, name, |it| {
            format!("Operation cannot be fulfilled on {it}: {why}")
        })
    }

    /// The version that was said is not the present one.
    pub fn modified(kind: &Kind, name: &str) -> Self {
        Self::conflict(
            kind,
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    /// The UID that was said is another one's.
    pub fn other_uid(kind: &Kind, name: &str, wanted: &str, uid: &str) -> Self {
        Self::conflict(kind, name, &of_another(wanted, uid))
    }

    /// The same of an update, which is refused by what stores objects.
    pub fn other_stored(kind: &Kind, namespace: &str, name: &str, wanted: &str, uid: &str) -> Self {
        let key = format!("/registry/{}/{namespace}/{name}", kind.plural);
        let why = format!(
            "StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: {}",
            of_another(wanted, uid)
        );
        Self::conflict(kind, name, &why)
    }

    /// What was said about an object that is to be deleted is not so.
    pub fn other_deleted(kind: &Kind, name: &str, why: &str) -> Self {
        let words = format!("Operation cannot be fulfilled on {} \"{name}\": {why}", kind.kind);
        Self::new(409, "Conflict", words, json!({ "name": name, "kind": kind.kind }))
    }

    /// Others own what is applied: who, and where.
    pub fn contested(conflicts: &[(String, String)]) -> Self {
        let causes: Vec<Value> = conflicts
            .iter()
            .map(|(who, field)| {
                json!({ "reason": "FieldManagerConflict", "message": format!("conflict with {who}"), "field": field })
            })
            .collect();
        let words = match conflicts {
            [(who, field)] => format!("Apply failed with 1 conflict: conflict with {who}: {field}"),
            several => {
                let each =
                    several.iter().map(|(who, field)| format!("conflict with {who}: {field}"));
                let each = each.collect::<Vec<_>>().join("\n");
                format!("Apply failed with {} conflicts: {each}", several.len())
            }
        };
        Self::new(409, "Conflict", words, json!({ "causes": causes }))
    }

    /// It may not be done.
    pub fn forbidden(kind: &Kind, name: &str, why: &str) -> Self {
        Self::of((403, "Forbidden"), kind, name, |it| format!("{it} is forbidden: {why}"))
    }

    /// A field of what is asked for makes no sense: which, in what way, and why.
    pub fn invalid(kind: &Kind, name: &str, field: &str, reason: &str, why: &str) -> Self {
        Self::invalid_of((kind.group, kind.kind), name, field, reason, why)
    }

    /// The same of what is no object of a kind.
    pub fn invalid_of(
        (group, kind): (&str, &str),
        name: &str,
        field: &str,
        reason: &str,
        why: &str,
    ) -> Self {
        let dot = if group.is_empty() { "" } else { "." };
        let words = format!("{kind}{dot}{group} \"{name}\" is invalid: {field}: {why}");
        let mut details = json!({ "kind": kind,
            "causes": [{ "reason": reason, "message": why, "field": field }] });
        for (key, value) in [("group", group), ("name", name)] {
            if !value.is_empty() {
                details[key] = value.into();
            }
        }
        Self::new(422, "Invalid", words, details)
    }

    /// It makes no sense, and the server finds so twice.
    pub fn twice(mut self) -> Self {
        if let Some(causes) = self.details["causes"].as_array_mut() {
            causes.extend_from_within(..);
        }
        self
    }

    /// A patch that does not fit.
    pub fn rejected() -> Self {
        let words = "the server rejected our request due to an error in our request".to_owned();
        Self::new(422, "Invalid", words, json!({}))
    }

    /// What is asked for cannot be understood.
    pub fn bad(why: &str) -> Self {
        Self::new(400, "BadRequest", why.to_owned(), Value::Null)
    }

    /// What changed since then is not known any more.
    pub fn expired(asked: u64, oldest: u64) -> Self {
        let words = format!("too old resource version: {asked} ({oldest})");
        Self::new(410, "Expired", words, Value::Null)
    }

    /// Nothing is served there.
    pub fn no_path() -> Self {
        let words = "the server could not find the requested resource".to_owned();
        Self::new(404, "NotFound", words, json!({}))
    }

    /// Nothing can be done in that way.
    pub fn no_such_method() -> Self {
        let words = "the server does not allow this method on the requested resource".to_owned();
        Self::new(405, "MethodNotAllowed", words, json!({}))
    }

    /// A patch in a form that nobody understands.
    pub fn no_such_patch() -> Self {
        let words = "415: Unsupported Media Type".to_owned();
        Self::new(415, "UnsupportedMediaType", words, json!({}))
    }

    /// Something goes wrong for the server's own reasons.
    pub fn trouble(code: u16) -> Self {
        let (reason, words) = match code {
            409 => ("Conflict", "the object has been modified (a fault)"),
            410 => ("Expired", "too old resource version (a fault)"),
            429 => ("TooManyRequests", "the server has received too many requests (a fault)"),
            500 => ("InternalError", "an error on the server (a fault)"),
            503 => ("ServiceUnavailable", "the server is currently unable to handle it (a fault)"),
            504 => ("Timeout", "the server was unable to return a response in time (a fault)"),
            _ => ("Unknown", "a fault"),
        };
        let details = if code == 429 { json!({ "retryAfterSeconds": 1 }) } else { Value::Null };
        Self::new(code, reason, words.to_owned(), details)
    }

    /// As it is sent.
    pub fn body(&self) -> Value {
        let mut body = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {},
            "status": "Failure", "message": self.message, "reason": self.reason, "code": self.code });
        if !self.details.is_null() {
            body["details"] = self.details.clone();
        }
        body
    }
}

fn of_another(wanted: &str, uid: &str) -> String {
    format!("Precondition failed: UID in precondition: {wanted}, UID in object meta: {uid}")
}
