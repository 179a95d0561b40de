//! Credentials in XML that is no Secret's: in attributes, between tags, and in entries of which one part
//! names another (`<add key="Password" value="…"/>`, `<entry key="Password">…</entry>`,
//! `<name>Password</name> <value>…</value>`).

use super::{
    exposed::{Exposed, exposed},
    name::{self, Role},
    pattern::Pattern,
    redact::may_mask,
};

static ATTRIBUTE: Pattern = Pattern::new(r#"([A-Za-z_][\w.:-]*)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')"#);
static ELEMENT: Pattern = Pattern::new(r"<([A-Za-z_][\w.:-]*)([^<>]*)>([^<>]+)</");

/// What names what another attribute of the same tag holds, or the next element.
const NAMES: [&str; 4] = ["key", "name", "id", "property"];

/// The credentials in a text that begins as markup does; `None` if it does not.
pub(super) fn credentials(text: &str) -> Option<Vec<Exposed>> {
    let start = text.trim_start_matches('\u{feff}').trim_start();
    let is_markup =
        start.starts_with('<') && !start.starts_with("<?php") && !start.starts_with("<%");
    if !is_markup || !text.contains("</") && !text.contains("/>") {
        return None;
    }
    if !may_mask(text) {
        return Some(Vec::new());
    }
    let mut found: Vec<(usize, Exposed)> = Vec::new();
    let mut add = |at: usize, name: &str, value: &str| {
        let line = text[..at].matches('\n').count();
        let of_value = exposed(name, value).into_iter();
        found.extend(of_value.map(|it| (at, Exposed { line: it.line + line, ..it })));
    };
    let (mut named, mut tag) = ("", 0);
    for it in ATTRIBUTE.get().into_iter().flat_map(|it| it.captures_iter(text)) {
        let (Some(all), Some(name)) = (it.get(0), it.get(1)) else { continue };
        let Some(value) = it.get(2).or_else(|| it.get(3)) else { continue };
        let begins = text[..all.start()].rfind('<').unwrap_or(0);
        if begins != tag {
            (named, tag) = ("", begins);
        }
        if names(name.as_str()) {
            named = value.as_str();
            continue;
        }
        let is_value = name.as_str().eq_ignore_ascii_case("value") && !named.is_empty();
        let name = if is_value { named } else { name.as_str() };
        add(value.start(), name, value.as_str());
    }
    let mut called = "";
    for it in ELEMENT.get().into_iter().flat_map(|it| it.captures_iter(text)) {
        let (Some(name), Some(value)) = (it.get(1), it.get(3)) else { continue };
        let inner = value.as_str().trim_start();
        let is_value = name.as_str().eq_ignore_ascii_case("value") && !called.is_empty();
        // What is said to people has blanks.
        let tells = |it: &&str| {
            name::role(it) == Role::Credential && !inner.trim_end().contains(char::is_whitespace)
        };
        let within = it.get(2).and_then(|it| name_within(it.as_str())).filter(tells);
        let speaks = name::role(name.as_str()) == Role::Credential;
        let own = within.filter(|_| !speaks).unwrap_or(name.as_str());
        let before = std::mem::take(&mut called);
        if names(name.as_str()) {
            called = inner.trim_end();
        }
        let name = if is_value && tells(&before) { before } else { own };
        add(value.end() - inner.len(), name, inner.trim_end());
    }
    found.sort_by_key(|(at, _)| *at);
    Some(found.into_iter().map(|(_, it)| it).collect())
}

fn names(name: &str) -> bool {
    NAMES.iter().any(|it| name.eq_ignore_ascii_case(it))
}

/// The attribute of a tag that names what is between it and its end.
fn name_within(attributes: &str) -> Option<&str> {
    let all = ATTRIBUTE.get()?.captures_iter(attributes);
    // An `id` is for who formats it.
    let mut named = all.filter(|it| names(&it[1]) && !it[1].eq_ignore_ascii_case("id"));
    let it = named.next()?;
    it.get(2).or_else(|| it.get(3)).map(|it| it.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert!([&ATTRIBUTE, &ELEMENT].iter().all(|it| it.get().is_some()));
    }

    fn places(text: &str) -> Option<Vec<(usize, usize)>> {
        let places = |it: Vec<Exposed>| it.iter().map(|it| (it.line, it.length)).collect();
        credentials(text).map(places)
    }

    #[test]
    fn a_text_is_markup_if_it_begins_with_a_tag_and_some_tag_is_closed() {
        for (text, is_markup) in [
            ("<a password=\"hunter2\"/>", true),
            ("\u{feff}\n <a>x</a>", true),
            ("<a/>", true),
            ("<a>", false),
            ("a </b>", false),
            ("<?php echo '</a>'; $password = 'hunter2';", false),
            ("<% password %></a>", false),
        ] {
            assert_eq!(places(text).is_some(), is_markup, "{text}");
        }
    }

    #[test]
    fn a_value_is_named_by_its_own_tag_or_attribute() {
        for (text, expected) in [
            ("<a password=\"hunter2\"/>", vec![(1, 7)]),
            ("<c>\n <add key='Password' value='hunter2'/>\n</c>", vec![(2, 7)]),
            ("<c>\n <add key='Password'/>\n <add value='hunter2'/>\n</c>", vec![]),
            ("<c>\n <add value='hunter2'/>\n</c>", vec![]),
            ("<c>\n <entry key='Password'>hunter2</entry>\n</c>", vec![(2, 7)]),
            ("<c>\n <password id='main'>hunter2</password>\n</c>", vec![(2, 7)]),
            (
                "<c>\n <name>jdo.Password</name>\n <value>hunter2</value>\n <value>x</value>\n</c>",
                vec![(3, 7)],
            ),
            ("<p>\n <h2 id='api-token'>token</h2>\n</p>", vec![]),
            ("<p>\n <string name='enter_password'>Enter your password</string>\n</p>", vec![]),
            ("<c>\n <name>jdo.Driver</name>\n <value>hunter2</value>\n</c>", vec![]),
            ("<c>\n <r name='shop' password='hunter2'/>\n</c>", vec![(2, 7)]),
            (
                "<c>\n <r token='hunter22'/>\n <password> hunter2 </password>\n <r pin='z'/>\n</c>",
                vec![(2, 8), (3, 7), (4, 1)],
            ),
        ] {
            assert_eq!(places(text), Some(expected), "{text}");
        }
    }
}
