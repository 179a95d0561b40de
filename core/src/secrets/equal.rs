//! Credentials that stand under a name that says so, and again under one that says nothing:
//! `ADMIN_PASSWORD` of a client, and `users: {admin: …}` of its server.

use std::{collections::BTreeSet, ops::Range};

use super::{
    Encoding, OpenSecret, Uses,
    name::{self, Role},
    pattern::Pattern,
    pieces::{Piece, Pieces},
    seal::{TELLING, open},
    shape,
};

static PLACE: Pattern =
    Pattern::new(r#"([A-Za-z_][\w.-]*)["']?[ \t]*[=:][ \t]*["']?([^\s,;"'=\[\]{}]{8,})"#);

/// The credentials of Secrets that are read together. It holds them: no `Debug`.
#[derive(Default)]
pub(super) struct Known(BTreeSet<String>);

impl Known {
    /// What stands in these Secrets under names of credentials, and nowhere under a setting's: a
    /// password that is also a user's name tells nothing.
    pub(super) fn of(secrets: &[OpenSecret], uses: &Uses) -> Self {
        let (mut known, mut settings) = (BTreeSet::new(), BTreeSet::new());
        for secret in secrets {
            for (key, value) in &secret.data {
                let Ok(pieces) = open(secret, key, value, uses) else { continue };
                let found = uses.of(&secret.name, key);
                let names: Vec<&str> = [key.as_str()].into_iter().chain(found.names()).collect();
                let list = pieces.into_list();
                // A whole value under another name is a credential only to be safe.
                let is_part =
                    |it: &Piece| !matches!(it, Piece::Text(text) if text.trim().is_empty());
                let is_sure = list.iter().filter(|it| is_part(it)).count() > 1
                    || name::role_of_all(&names) == Role::Credential;
                for piece in list {
                    match piece {
                        Piece::Text(text) => {
                            let of_settings = places(&text).filter(|it| it.role == Role::Setting);
                            settings.extend(of_settings.map(|it| text[it.at].to_owned()));
                            settings.insert(text.trim().to_owned());
                        }
                        Piece::Credential { plain, .. } => {
                            known.extend(Some(plain).filter(|it| is_sure || shape::is_token(it)));
                        }
                        Piece::Base64(inner) => known.extend(inner.credentials()),
                    }
                }
            }
        }
        // A word may stand anywhere for itself.
        let is_word = |it: &str| it.chars().all(|c| c.is_ascii_lowercase());
        let tells =
            |it: &String| it.chars().count() >= TELLING && !shape::is_setting(it) && !is_word(it);
        known.retain(|it| tells(it) && !settings.contains(it));
        Self(known)
    }

    /// The same pieces, with what is known to be a credential taken out of the text between them.
    pub(super) fn taken_out(&self, pieces: Pieces) -> Pieces {
        let mut all = Pieces::default();
        for piece in pieces.into_list() {
            match piece {
                Piece::Text(text) => self.out_of(&text, &mut all),
                Piece::Credential { plain, encoding } => all.credential(&plain, encoding),
                Piece::Base64(inner) => all.base64(inner),
            }
        }
        all
    }

    fn out_of(&self, text: &str, pieces: &mut Pieces) {
        let mut done = 0;
        for Named { at, .. } in places(text)
            .filter(|it| it.role == Role::Unknown && self.0.contains(&text[it.at.clone()]))
        {
            pieces.text(&text[done..at.start]);
            pieces.credential(&text[at.clone()], Encoding::Plain);
            done = at.end;
        }
        pieces.text(&text[done..]);
    }
}

/// The first word of a value, and what the name before it says.
struct Named {
    role: Role,
    at: Range<usize>,
}

fn places(text: &str) -> impl Iterator<Item = Named> + '_ {
    let found = PLACE.get().into_iter().flat_map(move |it| it.captures_iter(text));
    found.filter_map(|it| Some(Named { role: name::role(&it[1]), at: it.get(2)?.range() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert!(PLACE.get().is_some());
    }
}
