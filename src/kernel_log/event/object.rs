//! The file a faulting instruction was in.

use super::Name;
use super::cursor::Cursor;
use serde::Serialize;

/// The mapping an instruction was in, as `print_vma_addr` prints it (`mm/memory.c`): `libc.so.6[7f0a2c800000+155000]`;
/// since 6.10 with the place in the file, `libc.so.6[28000,7f0a2c828000+155000]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Object {
    /// File name, without its directory.
    pub file: Name,
    /// Where in the file the instruction is, bytes; for addr2line(1).
    pub file_offset_bytes: Option<u64>,
    /// Where the mapping begins.
    pub base: u64,
    /// How long the mapping is, bytes.
    pub size_bytes: u64,
}

/// Takes ` in FILE[BASE+SIZE]`, where it is there. File names are free text, so the last bracket counts that makes sense.
pub(super) fn object(rest: &mut Cursor<'_>) -> Option<Object> {
    let mut text = *rest;
    text.pass(b" in ")?;
    let (object, after) = memchr::memrchr_iter(b'[', text.0).find_map(|at| split_at_bracket(text.0, at))?;
    *rest = after;
    Some(object)
}

fn split_at_bracket(text: &[u8], at: usize) -> Option<(Object, Cursor<'_>)> {
    let (file, after) = text.split_at_checked(at)?;
    let mut cursor = Cursor(after);
    cursor.pass(b"[")?;
    let first = cursor.hex()?;
    let (file_offset_bytes, base) = if cursor.passes(b",") { (Some(first), cursor.hex()?) } else { (None, first) };
    cursor.pass(b"+")?;
    let size_bytes = cursor.hex()?;
    cursor.pass(b"]")?;
    Some((Object { file: Name::from(file), file_offset_bytes, base, size_bytes }, cursor))
}
