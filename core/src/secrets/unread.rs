//! What can be said of a key whose value may not be read, or was sealed.

use sha2::{Digest, Sha256};

use super::{
    Alphabet, CredentialClass, Encoding, Part, Use, hash, name,
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
    let cannot = speaks(name::is_key_material)
        || speaks(name::is_document)
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
