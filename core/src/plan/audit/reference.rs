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
        places::listed,
        relocate::{self, Mention, text::Kind},
        settle,
        task::{PlannedTask, Work},
        texts::{Origin, Text, task_path},
    },
    secrets::{Part, PlannedKey, PlannedSecret, PlannedValue, TemplatePart, redact},
};

/// What is looked through, and what for.
pub(super) struct Residual<'a> {
    /// Everything that will be in the target.
    pub(super) objects: &'a BTreeMap<Key, &'a Object>,
    /// Which namespace is the source.
    pub(super) context: &'a Context<'a>,
}

impl Residual<'_> {
    /// Reports what refers to the source in objects, Secrets and tasks.
    pub(super) fn report_all(
        &self,
        secrets: &BTreeMap<String, PlannedSecret>,
        tasks: &[PlannedTask],
        log: &mut Log,
    ) {
        // The fence names the source to keep it out.
        let cloned =
            self.objects.par_iter().filter(|(_, it)| it.label(names::FENCE_LABEL).is_none());
        let mentions = |(key, object): (&Key, &&Object)| {
            let mut all = relocate::mentions(self.context, object);
            for mut found in relocate::mentions_in_files(self.context, object) {
                found.kind = Kind::Possible;
                all.push(found);
            }
            (key.clone(), all)
        };
        let found: Vec<(Key, Vec<Mention>)> = cloned.map(mentions).collect();
        for (key, mentions) in &found {
            self.report(key, mentions, log);
        }
        for (name, secret) in secrets {
            self.of_secret(name, secret, log);
        }
        for task in tasks {
            self.of_task(task, log);
        }
    }

    /// Reports references that only variables make: `http://$(NAME).$(SPACE)`.
    pub(super) fn report_filled(&self, texts: &[Text], log: &mut Log) {
        for text in texts.iter().filter(|it| it.origin == Origin::Filled) {
            let mut found = relocate::mentions_under(self.context, &text.named, &text.value);
            let object = text.object.to_string();
            let told = |it: &Finding| it.object == object && it.path == text.path;
            found.retain(|it| it.kind != Kind::Possible);
            if !found.is_empty() && !log.findings.iter().any(told) {
                for it in &mut found {
                    it.path.clone_from(&text.path);
                }
                self.report(&text.object, &found, log);
            }
        }
    }

    fn of_secret(&self, name: &str, secret: &PlannedSecret, log: &mut Log) {
        let key = Key { group: String::new(), kind: "Secret".to_owned(), name: name.to_owned() };
        for (field, value) in &secret.keys {
            let texts: Vec<&String> = match value {
                PlannedValue::Parts(parts) => Part::texts(parts),
                PlannedValue::Keys(parts) => parts.iter().flat_map(names_of).collect(),
                PlannedValue::Template(parts) => {
                    parts.iter().filter_map(text_of_template).collect()
                }
                PlannedValue::From(_) => continue,
            };
            for text in texts {
                let path = format!("/data/{}", escape(field));
                self.report(&key, &relocate::mentions_in_text(self.context, &path, text), log);
            }
        }
    }

    fn of_task(&self, task: &PlannedTask, log: &mut Log) {
        let mut found = match &task.work {
            Work::Http(http) => relocate::mentions_in_text(self.context, "/http/url", &http.url),
            Work::Job(job) => relocate::mentions(self.context, job),
        };
        for mention in &mut found {
            mention.path = format!("{}{}", task_path(task), mention.path);
        }
        self.report(&self.context.environment(), &found, log);
    }

    fn report(&self, object: &Key, found: &[Mention], log: &mut Log) {
        let source = self.context.source();
        let mut possible: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for it in found {
            if it.kind == Kind::Possible {
                let words = possible.entry(&it.path).or_default();
                if !words.contains(&it.word.as_str()) {
                    words.push(&it.word);
                }
                continue;
            }
            let settle = if object.group == names::GROUP {
                "change what sets this value".to_owned()
            } else {
                format!("# or change what sets this value\n{}", settle::exclude(object))
            };
            // Text of a Secret is kept text, yet a report is no place for it.
            let why = format!("{} leads to the source namespace {source}", redact(&it.word));
            log.find(Severity::Blocks, object, &it.path, RESIDUAL, why, settle);
        }
        for (path, words) in possible {
            let shown: Vec<String> = words.iter().map(|it| redact(it)).collect();
            let shown = listed(&shown);
            let why =
                format!("{shown} may mean the source namespace {source}; it is left as it is");
            let settle = self.instead(object, path, &words);
            log.find(Severity::Warns, object, path, "possible-reference", why, settle);
        }
    }

    /// What writes the target in the place of the source, where words only may mean it.
    fn instead(&self, object: &Key, path: &str, words: &[&str]) -> String {
        const NOTHING: &str = "nothing, if it means something else: the fence stops it in any case";
        let (source, target) = (self.context.source(), self.context.target());
        if object.group == names::GROUP {
            return format!("{NOTHING}; else write {target} there instead of {source}");
        }
        if path.starts_with("/binaryData/") {
            return format!("{NOTHING}; else give the file under spec.overlay");
        }
        let write = |text: &str| {
            let one = |text: String, word: &&str| text.replace(word, &word.replace(source, target));
            let new = words.iter().fold(text.to_owned(), one);
            let new = if text == source { target.to_owned() } else { new };
            (new != text).then_some(new)
        };
        let what = format!("the text with {target} instead of {source}");
        let place = [(object.clone(), path.to_owned())];
        match settle::texts(&place, self.objects, &what, write) {
            Some(yaml) => format!("# {NOTHING}\n{yaml}"),
            None => format!("{NOTHING}; else change what sets this value"),
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
