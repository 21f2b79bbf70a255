//! What the system says when it refuses, as a clause of a sentence.

use nix::errno::Errno;
use std::io;

/// An error number in lower-case words: `no such file or directory`.
pub fn words(errno: Errno) -> String {
    errno.desc().to_lowercase()
}

/// The same of an I/O error, without its number.
pub fn told(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), |code| words(Errno::from_raw(code)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_an_io_error_is_a_clause_without_its_number() {
        assert_eq!(told(&io::Error::from_raw_os_error(2)), "no such file or directory");
        assert_eq!(told(&io::Error::other("odd")), "odd");
    }
}
