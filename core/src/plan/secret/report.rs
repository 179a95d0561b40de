//! What is said about each key of a cloned Secret. Never a value.

use super::{
    NEEDS_SECRET,
    draft::{Draft, Note},
    rules,
};
use crate::{
    api::staging_plan::Severity,
    plan::{
        context::Context,
        log::{Log, Rule},
        object::{Key, Object, escape},
    },
};

const GENERATED: Rule = Rule {
    name: "generated",
    why: "the credential is production's; the clone has one of its own, the same wherever this one stands",
};
const GIVEN: Rule = Rule {
    name: "given",
    why: "spec.secrets.rules takes it from a Secret of the request namespace",
};
pub(super) const CERTIFICATE: Rule = Rule {
    name: "certificate",
    why: "its key is production's; the clone has one of its own (ECDSA P-256, whatever production's is), for names of the clone, vouched for by an authority of this environment alone",
};
const COPIED: Rule = Rule {
    name: "copied",
    why: "it is production's own: the source's owners and, unless it is a pull secret, the class consent",
};
const TEMPLATED: Rule = Rule {
    name: "templated",
    why: "spec.secrets.rules gives the text, filled with names of the clone",
};
pub(super) const OMITTED: Rule = Rule { name: "omitted", why: "spec.secrets leaves it out" };

/// Notes what becomes of each key.
pub(super) fn report(object: &Object, draft: &Draft, context: &Context, log: &mut Log) {
    let key = object.key();
    let name = object.name();
    for (field, note) in &draft.notes {
        let path = match field.as_str() {
            "" => "/data".to_owned(),
            field => format!("/data/{}", escape(field)),
        };
        match note {
            Note::Generated { keeps } => {
                log.changed(key.clone(), &path, None, None, &GENERATED);
                if *keeps {
                    let why = "a part of it is kept as a setting, but could be more";
                    kept(&key, &path, why, rules::from_snippet(name, field), log);
                }
            }
            Note::Given => log.changed(key.clone(), &path, None, None, &GIVEN),
            Note::Omitted => log.changed(key.clone(), &path, None, None, &OMITTED),
            Note::Templated => log.changed(key.clone(), &path, None, None, &TEMPLATED),
            Note::Copied => log.changed(key.clone(), &path, None, None, &COPIED),
            Note::Refused(missing) => {
                let (kind, why, settle) = missing.told(name, context);
                log.find(Severity::Blocks, &key, &path, kind, why, settle);
            }
            Note::Keys { is_new, keeps_leaf, expired } => {
                if *is_new {
                    log.changed(key.clone(), &path, None, None, &CERTIFICATE);
                }
                if *keeps_leaf {
                    log.find(
                        Severity::Informs,
                        &key,
                        &path,
                        "kept-certificate",
                        "it holds a certificate that is kept, since its private key is elsewhere",
                        rules::from_snippet(name, field),
                    );
                }
                if let Some(at) = expired {
                    let (severity, here) = if *is_new {
                        (Severity::Informs, "; the clone's own is valid")
                    } else {
                        (Severity::Warns, "")
                    };
                    log.find(
                        severity,
                        &key,
                        &path,
                        "expired-certificate",
                        format!("production's certificate expired at {at}{here}"),
                        rules::from_snippet(name, field),
                    );
                }
            }
            Note::Outside { whose } => {
                log.changed(key.clone(), &path, None, None, &GENERATED);
                log.find(
                    Severity::Warns,
                    &key,
                    &path,
                    "outside-credential",
                    format!("{whose} will not know the credential that is made up here"),
                    rules::from_snippet(name, field),
                );
            }
            Note::Kept => {
                let why = "it is kept as a setting by its name, but could be more";
                kept(&key, &path, why, rules::from_snippet(name, field), log);
            }
            Note::Needed { why, required } => log.find(
                if *required { Severity::Warns } else { Severity::Informs },
                &key,
                &path,
                NEEDS_SECRET,
                why.clone(),
                rules::from_snippet(name, field),
            ),
        }
    }
}

/// A setting that could be more.
fn kept(key: &Key, path: &str, why: &str, settle: String, log: &mut Log) {
    log.find(Severity::Informs, key, path, "kept-setting", why, settle);
}
