//! What an error comes down to.

use std::error::Error;

/// The innermost cause: what a person can do something about.
pub fn innermost(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
