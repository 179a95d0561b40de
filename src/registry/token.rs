//! What a registry wants to see before it answers: a password, or a token made for one.

use ::http::{HeaderMap, HeaderValue, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

/// What a registry asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Challenge {
    /// User and password.
    Basic,
    /// A token.
    Bearer {
        /// Where it is made.
        realm: String,
        /// For whom.
        service: Option<String>,
    },
}

/// What the headers of an answer ask for; a token if there is a choice.
pub fn challenge(headers: &HeaderMap) -> Option<Challenge> {
    let said = headers.get_all(header::WWW_AUTHENTICATE).iter().filter_map(|it| it.to_str().ok());
    let all: Vec<Challenge> = said.filter_map(one).collect();
    let bearer = all.iter().position(|it| *it != Challenge::Basic);
    all.into_iter().nth(bearer.unwrap_or_default())
}

fn one(text: &str) -> Option<Challenge> {
    let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
    if scheme.eq_ignore_ascii_case("basic") {
        return Some(Challenge::Basic);
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    Some(Challenge::Bearer {
        realm: parameter(rest, "realm")?,
        service: parameter(rest, "service"),
    })
}

/// The value of a parameter: `a="b",c="d"`. A comma may stand between quotes.
fn parameter(mut text: &str, wanted: &str) -> Option<String> {
    loop {
        let (name, rest) = text.split_once("=\"")?;
        let (value, rest) = rest.split_once('"')?;
        if name.trim_matches([',', ' ']).eq_ignore_ascii_case(wanted) {
            return Some(value.to_owned());
        }
        text = rest;
    }
}

/// The URL that makes a token.
pub fn url(realm: &str, service: Option<&str>, scope: &str) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let separator = if realm.contains('?') { '&' } else { '?' };
    let service = service.map(|it| format!("service={}&", encoded(it))).unwrap_or_default();
    format!("{realm}{separator}{service}scope={}", encoded(scope))
}

/// What is sent with a token, from the answer that holds it.
pub fn header(body: &[u8]) -> Option<HeaderValue> {
    #[derive(Deserialize)]
    struct Made {
        token: Option<String>,
        access_token: Option<String>,
    }
    let made: Made = serde_json::from_slice(body).ok()?;
    let token = made.token.or(made.access_token)?;
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[&'static str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for text in texts {
            headers.append(header::WWW_AUTHENTICATE, HeaderValue::from_static(text));
        }
        challenge(&headers)
    }

    #[test]
    fn registries_ask_in_different_words() {
        let bearer = |realm: &str, service: Option<&str>| {
            Some(Challenge::Bearer { realm: realm.into(), service: service.map(str::to_owned) })
        };
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#;
        assert_eq!(of(&[hub]), bearer("https://auth.docker.io/token", Some("registry.docker.io")));
        assert_eq!(
            of(&[r#"bearer scope="a,b", realm="https://x/t""#]),
            bearer("https://x/t", None)
        );
        assert_eq!(of(&[r#"Basic realm="x""#]), Some(Challenge::Basic));
        assert_eq!(of(&[r#"Basic realm="x""#, hub]), of(&[hub]));
        for none in ["Negotiate", "Bearer", "Bearer realm=", "Bearer realm=\"x"] {
            assert_eq!(of(&[none]), None, "{none}");
        }
    }

    #[test]
    fn what_a_registry_says_cannot_add_to_the_url() {
        let url =
            url("https://x/t?a=b", Some("s&scope=repository:other:pull"), "repository:a/b:pull");
        assert_eq!(
            url,
            "https://x/t?a=b&service=s%26scope%3Drepository%3Aother%3Apull&scope=repository%3Aa%2Fb%3Apull"
        );
    }

    #[test]
    fn a_token_has_either_name_and_is_not_shown() {
        let shown = |body: &str| header(body.as_bytes()).map(|it| format!("{it:?}"));
        assert_eq!(shown(r#"{"token": "canary"}"#).as_deref(), Some("Sensitive"));
        assert_eq!(shown(r#"{"access_token": "canary"}"#).as_deref(), Some("Sensitive"));
        assert_eq!(shown("{}"), None);
        assert_eq!(shown(r#"{"token": "a\nb"}"#), None);
    }
}
