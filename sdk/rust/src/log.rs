//! The gateway's log. Lines carry the stage's name and the call's correlation id.

pub use crate::host::log::{Level, write};

/// For the plugin's author.
pub fn debug(message: &str) {
    write(Level::Debug, message, &[]);
}

/// For the operator.
pub fn info(message: &str) {
    write(Level::Info, message, &[]);
}

/// Something to look at.
pub fn warn(message: &str) {
    write(Level::Warn, message, &[]);
}

/// Something failed.
pub fn error(message: &str) {
    write(Level::Error, message, &[]);
}
