//! An open value, taken apart: text that stays, and credentials.
//!
//! It lives between reading and sealing only. It holds credentials, so it has no `Debug`.

use super::Encoding;

/// A piece of an open value.
pub(super) enum Piece {
    /// Stays as it is.
    Text(String),
    /// Is replaced.
    Credential {
        /// The credential, decoded.
        plain: String,
        /// How it is written in the value.
        encoding: Encoding,
    },
    /// Is written in base64, as one.
    Base64(Pieces),
}

/// The pieces of an open value, in order. Texts next to each other are one.
#[derive(Default)]
pub(super) struct Pieces(Vec<Piece>);

/// Why a value cannot be invented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotInventable {
    /// What it is, as a clause.
    pub(super) why: &'static str,
    /// Whether production may be seen to have the same: a certificate, a public key.
    pub(super) public: bool,
}

/// Why a hash is refused.
pub(super) const A_HASH: &str = "a hash of a password, which only that password fits";

/// Why a text is refused of which nobody knows where its credentials end.
pub(super) const UNSAFE: NotInventable = NotInventable {
    why: "text that holds a credential where it cannot be taken out safely",
    public: false,
};

/// A value taken apart, or why nobody can invent it.
pub(super) type Taken = Result<Pieces, NotInventable>;

impl Pieces {
    /// A value that stays as it is.
    pub(super) fn kept(text: &str) -> Self {
        let mut pieces = Self::default();
        pieces.text(text);
        pieces
    }

    /// Goes on with text that stays.
    pub(super) fn text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if let Some(Piece::Text(last)) = self.0.last_mut() {
            last.push_str(text);
        } else {
            self.0.push(Piece::Text(text.to_owned()));
        }
    }

    /// Goes on with a credential. Nothing is no credential.
    pub(super) fn credential(&mut self, plain: &str, encoding: Encoding) {
        if !plain.is_empty() {
            self.0.push(Piece::Credential { plain: plain.to_owned(), encoding });
        }
    }

    /// Goes on with pieces that are written in base64.
    pub(super) fn base64(&mut self, inner: Self) {
        self.0.push(Piece::Base64(inner));
    }

    /// Goes on with other pieces.
    pub(super) fn extend(&mut self, other: Self) {
        for piece in other.0 {
            match piece {
                Piece::Text(text) => self.text(&text),
                other @ (Piece::Credential { .. } | Piece::Base64(_)) => self.0.push(other),
            }
        }
    }

    /// Whether anything is replaced.
    pub(super) fn holds_credential(&self) -> bool {
        self.0.iter().any(|piece| match piece {
            Piece::Text(_) => false,
            Piece::Credential { .. } => true,
            Piece::Base64(inner) => inner.holds_credential(),
        })
    }

    /// The same with every kept text written differently: quoted, escaped.
    pub(super) fn with_text(self, write: impl Fn(&str) -> String) -> Self {
        let write = |piece| match piece {
            Piece::Text(text) => Piece::Text(write(&text)),
            other @ (Piece::Credential { .. } | Piece::Base64(_)) => other,
        };
        Self(self.0.into_iter().map(write).collect())
    }

    /// All credentials, decoded.
    pub(super) fn credentials(self) -> Vec<String> {
        let credentials = self.0.into_iter().flat_map(|piece| match piece {
            Piece::Text(_) => Vec::new(),
            Piece::Credential { plain, .. } => vec![plain],
            Piece::Base64(inner) => inner.credentials(),
        });
        credentials.collect()
    }

    /// The pieces.
    pub(super) fn into_list(self) -> Vec<Piece> {
        self.0
    }
}
