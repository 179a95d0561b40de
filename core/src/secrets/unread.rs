//! What can be said of a key whose value may not be read, or was sealed.

use sha2::{Digest, Sha256};

use super::{
    Alphabet, CredentialClass, Encoding, Part, Use, file, hash, name,
    name::{Role, role_of_all},
    shape,
};

/// Length of a credential that was never read, in characters.
const LENGTH: usize = 24;

/// What a key holds, as far as its names say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guess {
    /// A credential: one can be made up, as all who read this key get the same.
    Credential(Part),
    /// Something that has to be known.
    Unknown,
}

/// Guesses what a key of a Secret holds from what it is called.
pub fn guess(secret: &str, key: &str, used: &Use) -> Guess {
    let names: Vec<&str> = [key].into_iter().chain(used.names()).collect();
    let speaks = |is: fn(&str) -> bool| names.iter().any(|name| is(name));
    let cannot = speaks(file::is_key_material)
        || speaks(file::is_document)
        || speaks(name::is_hash)
        || speaks(name::is_private_key)
        || speaks(name::decrypts_shipped_data)
        || speaks(name::is_list)
        || speaks(name::is_pair);
    if cannot || role_of_all(&names) != Role::Credential {
        return Guess::Unknown;
    }
    // No hash of a value, so nothing has to be kept from being guessed.
    let id = Sha256::new().chain_update(secret).chain_update([0]).chain_update(key).finalize();
    Guess::Credential(Part::Credential {
        class: CredentialClass(format!("unread-{}", hash::hex(&id))),
        length: LENGTH,
        alphabet: Alphabet::Alphanumeric,
        encoding: Encoding::Plain,
    })
}

/// Whose tokens a recipe makes up: a service outside the cluster will not know them.
pub(crate) fn outside(key: &str, parts: &[Part]) -> Option<&'static str> {
    let known = parts.windows(2).find_map(|pair| match pair {
        [Part::Text(text), Part::Credential { .. }] => {
            text.split_whitespace().last().and_then(shape::outside_start)
        }
        _ => None,
    });
    let is_key_id = key.to_ascii_lowercase().replace('-', "_").ends_with("key_id");
    known.or((is_key_id && parts.len() == 1).then_some("an object store or cloud provider"))
}

/// Whether a text that is kept, or a word of it, could be more than a setting.
pub(crate) fn is_telling(text: &str) -> bool {
    let between = |c: char| c.is_whitespace() || "\"'`=,;:<>[]{}()|".contains(c);
    shape::is_token(text.trim()) || text.split(between).any(shape::is_token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used_as(variables: &[&str]) -> Use {
        let variables = variables.iter().map(|it| (*it).to_owned()).collect();
        Use { variables, ..Use::default() }
    }

    fn credential(class: &str) -> Part {
        Part::Credential {
            class: CredentialClass(class.to_owned()),
            length: LENGTH,
            alphabet: Alphabet::Alphanumeric,
            encoding: Encoding::Plain,
        }
    }

    #[test]
    fn only_a_credential_that_is_alone_and_can_be_invented_is_made_up() {
        let rows: [(&str, &[&str], bool); 11] = [
            ("password", &[], true),
            ("x", &["API_TOKEN"], true),
            ("user", &[], false),
            ("x", &["DB_USER"], false),
            ("secret.jks", &[], false),
            ("config.yaml", &["DB_PASSWORD"], false),
            ("password_hash", &[], false),
            ("VAPID_PRIVATE_KEY", &[], false),
            ("RAILS_MASTER_KEY", &[], false),
            ("client-passwords", &[], false),
            ("NEO4J_AUTH", &[], false),
        ];
        for (key, variables, is_credential) in rows {
            let guessed = guess("db", key, &used_as(variables));
            assert_eq!(guessed != Guess::Unknown, is_credential, "{key} {variables:?}");
        }
    }

    #[test]
    fn each_key_has_a_credential_of_its_own() {
        let of = |secret: &str, key: &str| guess(secret, key, &Use::default());
        assert_eq!(of("db", "password"), of("db", "password"));
        assert_ne!(of("db", "password"), of("mq", "password"));
        assert_ne!(of("db", "password"), of("db", "token"));
    }

    #[test]
    fn the_service_outside_that_a_credential_is_for_is_known_by_its_beginning_or_name() {
        let text = |text: &str| Part::Text(text.to_owned());
        let cloud = Some("an object store or cloud provider");
        for (key, parts, expected) in [
            ("x", vec![text("ghp_"), credential("a")], Some("GitHub")),
            ("x", vec![credential("a"), text(",token sk_live_"), credential("b")], Some("Stripe")),
            ("AWS_ACCESS_KEY_ID", vec![credential("a")], cloud),
            ("access-key-id", vec![credential("a")], cloud),
            ("access-key-id", vec![text("x"), credential("a")], None),
            ("password", vec![credential("a")], None),
            ("password", vec![text("ghp_")], None),
        ] {
            assert_eq!(outside(key, &parts), expected, "{key} {parts:?}");
        }
    }

    #[test]
    fn a_token_in_a_text_tells_more_than_a_setting_does() {
        for (text, expected) in [
            ("aB3dE5gH7jK9mN1p", true),
            ("mode=x;id=aB3dE5gH7jK9mN1p", true),
            ("db.shop.svc:5432", false),
            ("", false),
        ] {
            assert_eq!(is_telling(text), expected, "{text}");
        }
    }
}
