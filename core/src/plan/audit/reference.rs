//! References to the source that are left, found with the eyes of `relocate`: a sure one blocks the
//! plan.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::{
    api::{
        names,
        staging_plan::{Finding, Severity},
    },
    plan::{
        RESIDUAL,
        context::Context,
        log::Log,
        object::{Key, Object, escape},
        relocate::{self, text::Kind},
        settle,
        task::{PlannedTask, Work},
        texts::{Origin, Text, task_path},
    },
    secrets::{Part, PlannedKey, PlannedSecret, PlannedValue, TemplatePart, redact},
};

pub(super) fn residual(
    objects: &[Object],
    secrets: &BTreeMap<String, PlannedSecret>,
    tasks: &[PlannedTask],
    context: &Context,
    log: &mut Log,
) {
    // The fence names the source to keep it out.
    let cloned = objects.par_iter().filter(|it| it.label(names::FENCE_LABEL).is_none());
    let mentions = |object| {
        let mut all = relocate::mentions(context, object);
        for mut found in relocate::mentions_in_files(context, object) {
            found.kind = Kind::Possible;
            all.push(found);
        }
        (object, all)
    };
    let found: Vec<(&Object, _)> = cloned.map(mentions).collect();
    for (object, mentions) in found {
        for mention in mentions {
            report(&object.key(), &mention, context, log);
        }
    }
    for (name, secret) in secrets {
        of_secret(name, secret, context, log);
    }
    for task in tasks {
        of_task(task, context, log);
    }
}

/// References that only variables make: `http://$(NAME).$(SPACE)`.
pub(super) fn filled(texts: &[Text], context: &Context, log: &mut Log) {
    for text in texts.iter().filter(|it| it.origin == Origin::Filled) {
        for mut found in relocate::mentions_under(context, &text.named, &text.value) {
            let told = |it: &Finding| it.object == text.object.to_string() && it.path == text.path;
            if found.kind != Kind::Possible && !log.findings.iter().any(told) {
                found.path.clone_from(&text.path);
                report(&text.object, &found, context, log);
            }
        }
    }
}

fn of_secret(name: &str, secret: &PlannedSecret, context: &Context, log: &mut Log) {
    let key = Key { group: String::new(), kind: "Secret".to_owned(), name: name.to_owned() };
    for (field, value) in &secret.keys {
        let texts: Vec<&String> = match value {
            PlannedValue::Parts(parts) => Part::texts(parts),
            PlannedValue::Keys(parts) => parts.iter().flat_map(names_of).collect(),
            PlannedValue::Template(parts) => parts.iter().filter_map(text_of_template).collect(),
            PlannedValue::From(_) => continue,
        };
        for text in texts {
            let path = format!("/data/{}", escape(field));
            for found in relocate::mentions_in_text(context, &path, text) {
                report(&key, &found, context, log);
            }
        }
    }
}

/// Names that a certificate is made for.
fn names_of(part: &PlannedKey) -> Vec<&String> {
    match part {
        PlannedKey::Certificate(leaf) => {
            let subject = leaf.subject.iter().map(|it| &it.value);
            subject.chain(&leaf.names.dns).chain(&leaf.names.uris).collect()
        }
        PlannedKey::Text(_)
        | PlannedKey::Authority { .. }
        | PlannedKey::PrivateKey { .. }
        | PlannedKey::PublicKey { .. } => Vec::new(),
    }
}

fn text_of_template(part: &TemplatePart) -> Option<&String> {
    match part {
        TemplatePart::Text(text) => Some(text),
        TemplatePart::Value { .. } => None,
    }
}

fn of_task(task: &PlannedTask, context: &Context, log: &mut Log) {
    let found = match &task.work {
        Work::Http(http) => relocate::mentions_in_text(context, "/http/url", &http.url),
        Work::Job(job) => relocate::mentions(context, job),
    };
    for mut mention in found {
        mention.path = format!("{}{}", task_path(task), mention.path);
        report(&context.environment(), &mention, context, log);
    }
}

fn report(object: &Key, found: &relocate::Mention, context: &Context, log: &mut Log) {
    let source = context.source();
    // Text of a Secret is kept text, yet a report is no place for it.
    let word = redact(&found.word);
    match found.kind {
        Kind::Host | Kind::Own => log.find(
            Severity::Blocks,
            object,
            &found.path,
            RESIDUAL,
            format!("{word} leads to the source namespace {source}"),
            if object.group == names::GROUP {
                "change what sets this value".to_owned()
            } else {
                format!("# or change what sets this value\n{}", settle::exclude(object))
            },
        ),
        Kind::Possible => log.find(
            Severity::Warns,
            object,
            &found.path,
            "possible-reference",
            format!("{word} may mean the source namespace {source}; it is left as it is"),
            "nothing, if it means something else: the fence stops it in any case",
        ),
    }
}
