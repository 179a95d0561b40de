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

    /// Goes on with other pieces.
    pub(super) fn extend(&mut self, other: Self) {
        for piece in other.0 {
            match piece {
                Piece::Text(text) => self.text(&text),
                credential @ Piece::Credential { .. } => self.0.push(credential),
            }
        }
    }

    /// Whether anything is replaced.
    pub(super) fn holds_credential(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Credential { .. }))
    }

    /// The same with every kept text written differently: quoted, escaped.
    pub(super) fn with_text(self, write: impl Fn(&str) -> String) -> Self {
        let write = |piece| match piece {
            Piece::Text(text) => Piece::Text(write(&text)),
            credential @ Piece::Credential { .. } => credential,
        };
        Self(self.0.into_iter().map(write).collect())
    }

    /// The pieces.
    pub(super) fn into_list(self) -> Vec<Piece> {
        self.0
    }
}
