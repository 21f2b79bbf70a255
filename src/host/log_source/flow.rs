//! A log that can only be read from its beginning to its end.

use crate::facts::Reason;
use crate::host::told;
use std::io::{self, Read};

/// Bytes that are read at once: as large as is still in the cache of one core when it is searched.
pub const PIECE: usize = 256 << 10;

/// A log that ends where it cannot be read on.
pub struct Flow<'a> {
    log: &'a mut dyn Read,
    /// Why it ended before its end.
    pub lost: Option<Reason>,
}

impl<'a> Flow<'a> {
    /// From where it stands.
    pub fn of(log: &'a mut dyn Read) -> Self {
        Self { log, lost: None }
    }

    /// The next bytes; 0 at the end.
    pub fn read(&mut self, space: &mut [u8]) -> usize {
        let most = space.len().min(PIECE);
        let Some(space) = space.get_mut(..most).filter(|_| self.lost.is_none()) else { return 0 };
        loop {
            match self.log.read(space) {
                Ok(put) => return put,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.lost = Some(Reason::new(told(&error)));
                    return 0;
                }
            }
        }
    }
}
