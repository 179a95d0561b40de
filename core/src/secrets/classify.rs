//! What of a value is a credential: decided by its names, its place and its shape.
//!
//! Only places are replaced, never text: in `postgres://shop:shop@db/shop` the second `shop` is a
//! credential and the others are not. Where nothing is known about a value of a Secret it counts
//! as a credential: a setting replaced by mistake breaks a clone visibly, a credential kept by
//! mistake is production's.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    Encoding, Use, command,
    exposed::exposed,
    expression, name,
    name::Role,
    pattern::Pattern,
    pieces::{A_HASH, NotInventable, Pieces, Taken, UNSAFE},
    several, shape, structure, url,
};

/// Documents in documents in documents …
const DEEPEST: usize = 5;

/// Where a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It is the value of a key of a Secret.
    Key,
    /// It is a field of a document that is the value of a key.
    Field,
}

/// What is known of a value besides itself.
#[derive(Clone, Copy)]
pub(super) struct Hint<'a> {
    /// Its names.
    pub(super) names: &'a [&'a str],
    /// What they say.
    pub(super) role: Role,
    /// Where it stands.
    pub(super) place: Place,
    /// How many documents it stands in.
    pub(super) depth: usize,
}

/// How a credential is written where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// As it is.
    Plain,
    /// In a URL.
    Percent,
}

static DEFAULTED: Pattern = Pattern::new(r"(?s)^(\$\{[A-Za-z_][\w.]*:?[-=:])([^${}]*)\}$");
static LOGIN: Pattern = Pattern::new(r"^([\w.@+-]+:)([^\s:/]+)$");
static PAIR: Pattern = Pattern::new(r"^([\w.@-]+[:/])(\S+)$");
/// `proxy_set_header Authorization "Basic …"`.
static HEADER: Pattern =
    Pattern::new(r"(?s)^(.*\b(?i:basic|bearer)\s+)([A-Za-z0-9+/=._~-]{8,})(.*)$");
/// `CREATE USER shop PASSWORD 'shop'`, `'password' => 'x'`.
static SPEAKS: Pattern = Pattern::new(
    r#"(?i)(password|passwd|passphrase|secret|token|identified\s+by|api_?key)["']?\s*(=>|=|:|,|\s)\s*["'][^"']+["']"#,
);
static SCHEME: Pattern = Pattern::new(r"^((?i:bearer|basic|token|apikey)\s+|base64:|hex:)(\S+)$");

impl<'a> Hint<'a> {
    /// Of the value of a key of a Secret, by all the names it has.
    pub(super) fn key(names: &'a [&'a str]) -> Self {
        Self { names, role: name::role_of_all(names), place: Place::Key, depth: 0 }
    }

    /// The same with what is known of who reads it: MinIO calls its access key a user, and clients
    /// call it a key, so both are credentials.
    pub(super) fn used_by(self, used: &Use) -> Self {
        let is_minio = used.images.iter().any(|image| image.contains("minio"))
            || self.names.iter().any(|name| name.to_ascii_uppercase().starts_with("MINIO_"));
        let is_root = self.names.iter().any(|name| {
            matches!(
                name.to_ascii_lowercase().as_str(),
                "rootuser" | "root-user" | "minio_root_user"
            )
        });
        Self { role: if is_minio && is_root { Role::Credential } else { self.role }, ..self }
    }

    /// Of a field in a document. A field whose name says nothing is what its parent is: in
    /// `password: {value: …}` the value is the password.
    pub(super) fn field(self, names: &'a [&'a str]) -> Self {
        let own = name::role_of_all(names);
        let role =
            if own == Role::Unknown && self.role == Role::Credential { self.role } else { own };
        Self { names, role, place: Place::Field, depth: self.depth }
    }

    /// Of a document in a value.
    pub(super) fn deeper(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }

    /// Whether any of the names is such.
    pub(super) fn any(&self, is: fn(&str) -> bool) -> bool {
        self.names.iter().any(|name| is(name))
    }
}

/// Takes a value apart.
pub(super) fn value(hint: Hint<'_>, raw: &str) -> Taken {
    // Indentation means something in a document.
    let start = if raw.trim().contains('\n') {
        let blank = raw.len() - raw.trim_start().len();
        raw[..blank].rfind('\n').map_or(0, |at| at + 1)
    } else {
        raw.len() - raw.trim_start().len()
    };
    let end = raw.trim_end().len().max(start);
    let mut pieces = Pieces::kept(&raw[..start]);
    pieces.extend(core(hint, &raw[start..end])?);
    pieces.text(&raw[end..]);
    Ok(pieces)
}

fn core(hint: Hint<'_>, text: &str) -> Taken {
    if text.is_empty() || shape::is_reference(text) || shape::is_resource(text) {
        return Ok(Pieces::kept(text));
    }
    if text.starts_with("${")
        && let Some([start, default]) = DEFAULTED.groups(text)
    {
        let mut pieces = Pieces::kept(start);
        pieces.extend(value(hint, default)?);
        pieces.text("}");
        return Ok(pieces);
    }
    if let Some([start, default, end]) = expression::defaulted(text) {
        let mut pieces = Pieces::kept(start);
        pieces.extend(value(hint, default)?);
        pieces.text(end);
        return Ok(pieces);
    }
    refuse(hint, text)?;
    if hint.depth < DEEPEST
        && let Some(document) = structure::take_apart(hint.deeper(), text)?
    {
        let is_url = !document.has_fields;
        if hint.role != Role::Credential || document.pieces.holds_credential() || !is_url {
            return Ok(document.pieces);
        }
    }
    // `ssl_certificate_key /etc/tls/tls.key;` says where it is.
    let is_place = hint.place == Place::Field && shape::is_path(text);
    let stays = shape::is_boolean(text)
        || shape::is_measure(text) && !hint.any(name::is_password) && !shape::is_token(text);
    if stays || hint.role == Role::Credential && is_place {
        return Ok(Pieces::kept(text));
    }
    match hint.role {
        Role::Credential => credential(hint, text),
        Role::Setting => prose(hint, text),
        Role::Unknown | Role::Doubtful if hint.place == Place::Key => {
            let is_name = hint.role == Role::Unknown && hint.any(name::names_several);
            let is_setting = shape::is_setting(text) || several::are_settings(text);
            unnamed(hint, text, is_setting || is_name && several::are_names(text))
        }
        Role::Unknown => unnamed(hint, text, !shape::is_token(text)),
        // A SecretID of Vault.
        Role::Doubtful => unnamed(hint, text, !shape::is_token(text) && !shape::is_uuid(text)),
    }
}

fn unnamed(hint: Hint<'_>, text: &str, is_setting: bool) -> Taken {
    if is_setting {
        return prose(hint, text);
    }
    if hint.place == Place::Key && text.contains('\n') && !is_key_text(text) {
        if hint.role == Role::Unknown && structure::is_script(text) && says_nothing(text) {
            return prose(hint, text);
        }
        return Err(NotInventable {
            why: "text in a format that cannot be taken apart safely",
            public: false,
        });
    }
    credential(hint, text)
}

/// Whether a program, comments included, speaks of no credential and of no client that takes one, and
/// holds no word that looks like one. It may hold one all the same, in words that nobody would find.
fn says_nothing(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let spoken_of = name::stems().filter(|it| it.len() > 3).any(|it| lower.contains(it))
        || command::CLIENTS.iter().any(|(client, _)| lower.contains(client))
        || ["<<", "base64", "login", "pwd", "auth"].iter().any(|it| lower.contains(it))
        || lower
            .lines()
            .any(|it| it.contains('|') && ["echo", "printf"].iter().any(|word| it.contains(word)));
    let between = |c: char| !c.is_ascii_alphanumeric() && !"_-.".contains(c);
    let looks = |word: &str| shape::is_token(word) || name::role(word) == Role::Credential;
    !spoken_of && !text.split(between).any(looks) && exposed("", text).is_empty()
}

/// Text that stays, but for the credentials that stand in it for everybody to see.
pub(super) fn prose(hint: Hint<'_>, text: &str) -> Taken {
    if let Some([before, credential, after]) = HEADER.groups(text) {
        let mut pieces = url::embedded(hint, before)?;
        push(&mut pieces, credential, Written::Plain)?;
        pieces.extend(url::embedded(hint, after)?);
        return Ok(pieces);
    }
    if text.contains(['"', '\'']) && SPEAKS.matches(text) {
        return Err(UNSAFE);
    }
    url::embedded(hint, text)
}

/// A value that nobody can invent, by its shape or its name.
fn refuse(hint: Hint<'_>, text: &str) -> Result<(), NotInventable> {
    let because = |why| Err(NotInventable { why, public: false });
    if let Some(refusal) = shape::not_inventable(text) {
        return Err(refusal);
    }
    if shape::is_boolean(text) || hint.role != Role::Credential && hint.place == Place::Field {
        return Ok(());
    }
    if hint.any(name::is_hash) {
        return because(A_HASH);
    }
    if hint.role != Role::Setting && hint.any(name::is_private_key) && !text.starts_with('/') {
        return because("a private key, whose public half is elsewhere");
    }
    if hint.any(name::decrypts_shipped_data) {
        return because("a key that decrypts data kept elsewhere");
    }
    if text.starts_with('<') && text.ends_with('>') {
        return because("markup, which cannot be taken apart safely");
    }
    Ok(())
}

/// A credential alone in its place.
fn credential(hint: Hint<'_>, text: &str) -> Taken {
    let mut pieces = Pieces::default();
    if text.contains('\n') {
        // Key files are wrapped; each line is a credential, the breaks are not.
        for line in text.split_inclusive('\n') {
            let inner = line.trim();
            let start = line.len() - line.trim_start().len();
            pieces.text(&line[..start.min(line.len())]);
            push(&mut pieces, inner, Written::Plain)?;
            pieces.text(line.get(start + inner.len()..).unwrap_or_default());
        }
        return Ok(pieces);
    }
    if hint.any(name::is_pair) && text.split(',').all(|one| PAIR.matches(one)) {
        for (at, one) in text.split(',').enumerate() {
            pieces.text(if at == 0 { "" } else { "," });
            pair(one, &mut pieces)?;
        }
        return Ok(pieces);
    }
    if hint.any(name::is_list)
        && let Some(between) = [',', ';'].into_iter().find(|it| text.contains(*it))
    {
        for one in text.split_inclusive(between) {
            let inner = one.trim_end_matches(between).trim();
            let start = one.len() - one.trim_start().len();
            pieces.text(&one[..start]);
            push(&mut pieces, inner, Written::Plain)?;
            pieces.text(&one[start + inner.len()..]);
        }
        return Ok(pieces);
    }
    // With a comma in the password.
    if hint.any(name::is_pair) && PAIR.matches(text) {
        pair(text, &mut pieces)?;
        return Ok(pieces);
    }
    push(&mut pieces, text, Written::Plain)?;
    Ok(pieces)
}

/// A user, who stays, and a password.
fn pair(text: &str, pieces: &mut Pieces) -> Result<(), NotInventable> {
    match PAIR.groups(text) {
        Some([user, password]) => {
            pieces.text(user);
            push(pieces, password, Written::Plain)
        }
        None => push(pieces, text, Written::Plain),
    }
}

/// Goes on with one credential. What this finds in it depends on the credential alone, so that it
/// has the same class wherever it stands.
pub(super) fn push(
    pieces: &mut Pieces,
    plain: &str,
    written: Written,
) -> Result<(), NotInventable> {
    if let Some(refusal) = shape::not_inventable(plain) {
        return Err(refusal);
    }
    // A word behind a `$` may be a password where nobody looks for variables.
    let is_word =
        plain.starts_with('$') && !["${", "$(", "$__"].iter().any(|it| plain.starts_with(it));
    if written == Written::Plain && shape::is_reference(plain) && !is_word {
        pieces.text(plain);
        return Ok(());
    }
    if let Some([start, rest]) = SCHEME.groups(plain)
        && written == Written::Plain
    {
        pieces.text(start);
        if shape::is_reference(rest) {
            pieces.text(rest);
            return Ok(());
        }
        // One behind the other, as often as somebody likes.
        if SCHEME.matches(rest) {
            pieces.credential(rest, Encoding::Plain);
            return Ok(());
        }
        return push(pieces, rest, written);
    }
    if let Some((at, _)) = shape::outside(plain) {
        pieces.text(&plain[..at]);
        pieces.credential(&plain[at..], bare(written));
        return Ok(());
    }
    let Some(decoded) = from_base64(plain) else {
        pieces.credential(plain, bare(written));
        return Ok(());
    };
    let inside = Hint {
        names: &[],
        role: Role::Unknown,
        place: Place::Field,
        depth: DEEPEST.saturating_sub(1),
    };
    let composed =
        NotInventable { why: "a text in base64 that holds more than a credential", public: false };
    // `Authorization: Basic …` and its like.
    if let (Some([user, password]), Written::Plain) = (LOGIN.groups(&decoded), written) {
        let mut inner = Pieces::kept(user);
        push(&mut inner, password, Written::Plain)?;
        pieces.base64(inner);
        return Ok(());
    }
    match structure::take_apart(inside, &decoded).map_err(|_| composed)? {
        Some(document) if document.pieces.holds_credential() && written == Written::Plain => {
            pieces.base64(document.pieces);
            return Ok(());
        }
        None if !decoded.contains([':', '\n']) => {}
        _ => return Err(composed),
    }
    let encoding = match written {
        Written::Plain => Encoding::Base64,
        Written::Percent => Encoding::Base64Percent,
    };
    pieces.credential(&decoded, encoding);
    Ok(())
}

fn bare(written: Written) -> Encoding {
    match written {
        Written::Plain => Encoding::Plain,
        Written::Percent => Encoding::Percent,
    }
}

/// The text that `value` is the base64 of, if it is that of a readable one.
pub(super) fn from_base64(value: &str) -> Option<String> {
    if value.len() < 8 {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(value).ok()?).ok()?;
    let readable = |c: char| c.is_ascii_graphic() || c == ' ' || c == '\n';
    text.chars().all(readable).then_some(text)
}

/// Whether all lines are of one wrapped key: base64 or hex.
fn is_key_text(text: &str) -> bool {
    text.lines().map(str::trim).all(|line| {
        !line.contains(' ')
            && line.chars().all(|c| c.is_ascii_alphanumeric() || "+/=_-".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert!(
            [&DEFAULTED, &LOGIN, &PAIR, &SCHEME, &HEADER, &SPEAKS]
                .iter()
                .all(|pattern| pattern.get().is_some())
        );
    }

    #[test]
    fn only_readable_text_is_taken_for_what_base64_was_made_of() {
        for (value, expected) in [
            ("aHVudGVy", Some("hunter")),
            ("YWIgY2QgZWY=", Some("ab cd ef")),
            ("YWIKY2QKZWY=", Some("ab\ncd\nef")),
            // Too short; with a tab; none.
            ("aHVu", None),
            ("aHVuCXRlcg==", None),
            ("hunter2!", None),
        ] {
            assert_eq!(from_base64(value).as_deref(), expected, "{value}");
        }
    }
}
