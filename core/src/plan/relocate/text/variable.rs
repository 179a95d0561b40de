//! Variables that hold the namespace's name, where hosts and commands are put together from them.
//!
//! `ENVIRONMENT=shop` is a setting that parity wants as it is; the host `db.$(ENVIRONMENT).svc` made
//! from it leads back. So the variable is replaced where it is used as a namespace, and only there.

use std::{collections::BTreeSet, ops::Range};

use super::{
    Edit, Kind, Names, Place, host,
    key::{self, Means},
    own, tail,
};

/// Characters behind a variable that say whether it stands in a host.
const AFTER: usize = 64;

/// A use of a variable: `$NAME`, `${NAME}`, `$(NAME)`.
struct Use<'t> {
    span: Range<usize>,
    name: &'t str,
}

/// Uses of variables as a namespace, of those that hold the source's name.
pub(super) fn find(names: &Names, place: &Place, text: &str) -> Vec<Edit> {
    if !text.contains('$') {
        return Vec::new();
    }
    let mut set: BTreeSet<&str> = place.variables.iter().map(String::as_str).collect();
    set.extend(own::each(names.source, text).filter_map(|it| assigned(text, &it)));
    if set.is_empty() {
        return Vec::new();
    }
    uses(text)
        .filter(|it| set.contains(it.name))
        .filter_map(|it| {
            let (before, after) = (tail(&text[..it.span.start]), &text[it.span.end..]);
            let kind = if is_in_host(names, place, before, after) { Kind::Host } else { Kind::Own };
            let own =
                kind == Kind::Own && own::formed(before, after).is_some_and(|it| it.1 == kind);
            let flag = kind == Kind::Own && own::is_flag(before);
            (kind == Kind::Host || own || flag).then(|| Edit {
                name: it.span.clone(),
                word: it.span,
                kind,
                form: true,
            })
        })
        .collect()
}

/// Whether a variable of this name is rewritten where it is set, and so needs nothing where it is
/// used.
pub(in crate::plan::relocate) fn is_rewritten(name: &str) -> bool {
    key::means(name, std::iter::empty()) == Means::Own
}

/// The variable that is set to the source's name here: `NS=shop`.
fn assigned<'t>(text: &'t str, at: &Range<usize>) -> Option<&'t str> {
    let before = tail(&text[..at.start]);
    let before = before.strip_suffix(['"', '\'']).unwrap_or(before).strip_suffix('=')?;
    let after = &text[at.end..];
    if after.starts_with(|c: char| c.is_alphanumeric() || "-_./".contains(c)) {
        return None;
    }
    let name = &before[own::name_start(before, "_")..];
    (!name.is_empty() && !is_rewritten(name)).then_some(name)
}

fn uses(text: &str) -> impl Iterator<Item = Use<'_>> {
    text.match_indices('$').filter_map(|(at, _)| {
        let rest = &text[at + 1..];
        let close = match rest.as_bytes().first()? {
            b'{' => Some('}'),
            b'(' => Some(')'),
            _ => None,
        };
        let inner = &rest[usize::from(close.is_some())..];
        let end = inner.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let name = &inner[..end.unwrap_or(inner.len())];
        if name.is_empty() || close.is_some_and(|it| !inner[name.len()..].starts_with(it)) {
            return None;
        }
        let length = 1 + name.len() + 2 * usize::from(close.is_some());
        Some(Use { span: at..at + length, name })
    })
}

/// `db.$NS.svc`, `http://db.$NS:80`: with the name filled in, it is a host like any other.
fn is_in_host(names: &Names, place: &Place, before: &str, after: &str) -> bool {
    if !before.ends_with('.') {
        return false;
    }
    let next = after.strip_prefix(".svc");
    let ends = |it: &str| !it.starts_with(|c: char| c.is_alphanumeric() || "-_".contains(c));
    let at = before.len();
    let filled = format!("{before}{}{}", names.source, head(after));
    let found = || host::find(names, place, &filled);
    next.is_some_and(ends) || found().iter().any(|it| it.kind == Kind::Host && it.name.start == at)
}

/// As much of a text as says what stands before it.
fn head(text: &str) -> &str {
    let end = text.char_indices().nth(AFTER).map_or(text.len(), |(at, _)| at);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::relocate::text::{apply, edits};

    fn rewritten(variables: &[&str], text: &str) -> String {
        let services = BTreeSet::from(["db"]);
        let names = Names { source: "shop", services: &services, objects: &services };
        let variables: Vec<String> = variables.iter().map(|it| (*it).to_owned()).collect();
        let place = Place { variables: &variables, ..Place::default() };
        apply(text, &edits(&names, &place, text), "stg")
    }

    #[test]
    fn a_variable_is_replaced_where_it_is_used_as_a_namespace() {
        for (text, expected) in [
            ("http://db.$(ENV).svc:80/$(ENV)", "http://db.stg.svc:80/$(ENV)"),
            ("db.${ENV}.svc.cluster.local", "db.stg.svc.cluster.local"),
            ("kubectl -n $ENV get pods -l env=$ENV", "kubectl -n stg get pods -l env=$ENV"),
            ("kubectl -n \"$ENV\"", "kubectl -n \"stg\""),
            ("--namespace=$(ENV)", "--namespace=stg"),
            ("system:serviceaccount:$(ENV):web", "system:serviceaccount:stg:web"),
            ("/api/v1/namespaces/$ENV/pods", "/api/v1/namespaces/stg/pods"),
            ("db.$(OTHER).svc", "db.$(OTHER).svc"),
            ("http://db.$(ENV):80", "http://db.stg:80"),
            ("postgres://u:p@db.${ENV}/x", "postgres://u:p@db.stg/x"),
            ("http://other.$(ENV)/", "http://other.$(ENV)/"),
            ("report.$ENV", "report.$ENV"),
            ("db.$ENVIRONMENT.svc", "db.$ENVIRONMENT.svc"),
            ("--profile=$(ENV)", "--profile=$(ENV)"),
            ("$(ENV", "$(ENV"),
            ("${", "${"),
        ] {
            assert_eq!(rewritten(&["ENV"], text), expected);
        }
        let script = "E=shop\nkubectl -n $E get pods\necho $E\ncurl db.$E.svc\n";
        let expected = "E=shop\nkubectl -n stg get pods\necho $E\ncurl db.stg.svc\n";
        assert_eq!(rewritten(&[], script), expected);
        let script = "NAMESPACE=shop\nkubectl -n $NAMESPACE get pods\n";
        assert_eq!(rewritten(&[], script), script.replace("shop", "stg"));
    }

    #[test]
    fn only_a_variable_in_a_namespaces_place_is_replaced() {
        for (text, expected) in [
            ("db.$(ENV).svcs", "db.$(ENV).svcs"),
            ("db.$(ENV).svc-a", "db.$(ENV).svc-a"),
            ("db.$(ENV).svc/a", "db.stg.svc/a"),
            ("db.$(ENV)x.svc", "db.$(ENV)x.svc"),
            ("http://a.b/db.$(ENV)", "http://a.b/db.$(ENV)"),
            ("db.$(ENV):80 db.$ENV:80", "db.stg:80 db.stg:80"),
            ("db.$(ENV}.svc ${ENV).svc", "db.$(ENV}.svc ${ENV).svc"),
            ("db.$ENV", "db.stg"),
            ("echo -n $ENV", "echo -n $ENV"),
            ("http://é.db.$ENV.svc", "http://é.db.stg.svc"),
        ] {
            assert_eq!(rewritten(&["OTHER", "ENV"], text), expected);
        }
    }

    #[test]
    fn a_variable_is_set_to_all_of_the_name_and_nothing_else() {
        for (text, expected) in [
            ("E=shop", Some("E")),
            ("export E='shop'\n", Some("E")),
            ("a=b;MY_E=\"shop\";", Some("MY_E")),
            ("E=shop-a", None),
            ("E=shop/a", None),
            ("E=shopé", None),
            ("E=my-shop", None),
            ("E: shop", None),
            ("=shop", None),
            // It is replaced where it is set.
            ("NAMESPACE=shop", None),
        ] {
            let at = text.find("shop").unwrap();
            assert_eq!(assigned(text, &(at..at + 4)), expected, "{text}");
        }
    }

    #[test]
    fn uses_of_variables_are_told_with_their_signs() {
        let text = "é$A_1.b ${B}$(C) $ ${} $(D} ${E $é$F";
        let found: Vec<_> = uses(text).map(|it| (it.name, &text[it.span])).collect();
        assert_eq!(found, [("A_1", "$A_1"), ("B", "${B}"), ("C", "$(C)"), ("F", "$F")]);
    }

    #[test]
    fn the_beginning_of_a_text_is_so_many_letters() {
        let text = "é".repeat(AFTER + 1);
        assert_eq!(head(&text), &text[..2 * AFTER]);
        assert_eq!(head("aé"), "aé");
    }
}
