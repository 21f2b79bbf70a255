//! Disks and the file systems on them, and the host's limit of open files.

use super::cursor::Cursor;
use super::{Event, Name};
use serde::Serialize;

/// `EXT4-fs error (device DEV): FUNCTION:LINE: …`: `fs/ext4/super.c`, the same for ext2 and ext3; `BTRFS error (device
/// DEV): …`: `fs/btrfs/messages.c`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileSystemError {
    /// `EXT4`, `EXT3`, `EXT2`, `BTRFS`.
    pub file_system: Name,
    /// The block device.
    pub device: Name,
    /// What the file system says of it.
    pub what: Name,
}

/// `EXT4-fs (DEV): Delayed block allocation failed for inode N at logical offset L with max blocks M with error E`:
/// `fs/ext4/inode.c`. The only line of ext4's for a disk that is full, and data is lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DelayedAllocationFailed {
    /// The block device.
    pub device: Name,
    /// The file; `find -inum` finds it.
    pub inode: u64,
    /// errno(3): 28 is ENOSPC, 5 is EIO, 117 is EUCLEAN.
    pub errno: u32,
}

/// `Buffer I/O error on dev DEV, logical block N, …`: `fs/buffer.c`; `on device` up to 3.18.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BufferError {
    /// The block device.
    pub device: Name,
    /// Which of its blocks; the size of a block is that of the file system.
    pub block: u64,
}

/// `I/O error, dev DEV, sector N …`: `block/blk-mq.c`; after `blk_update_request: ` 3.18 to 5.17, after `print_req_error: `
/// 4.14 to 5.1, after `end_request: ` before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BlockError {
    /// What it was, as the kernel words it: `I/O`, `critical medium`, `critical target`, `timeout`, …
    pub kind: Name,
    /// The block device.
    pub device: Name,
    /// Which of its sectors, of 512 bytes.
    pub sector: u64,
}

/// Errors of a block device (`blk_errors` in `block/blk-core.c`, and `print_req_error`'s before it). A request that is
/// not supported is none: file systems ask whether a device can discard by trying.
const BLOCK_ERRORS: &[&[u8]] = &[
    b"I/O",
    b"timeout",
    b"critical space allocation",
    b"recoverable transport",
    b"critical target",
    b"critical nexus",
    b"critical medium",
    b"protection",
    b"kernel resource",
    b"device resource",
    b"device offline",
    b"unknown",
];

/// `EXT4-fs`.
const LONGEST_FILE_SYSTEM: usize = 7;

pub(super) fn file_max(message: &[u8]) -> Option<Event> {
    let mut rest = Cursor(message);
    rest.pass(b"VFS: file-max limit ")?;
    let limit = rest.decimal()?;
    rest.pass(b" reached")?;
    Some(Event::FileMaxReached { limit })
}

pub(super) fn file_system_error(message: &[u8]) -> Option<Event> {
    let mut rest = Cursor(message);
    let file_system: &[u8] = match rest.until_near(b" error (device ", LONGEST_FILE_SYSTEM)? {
        b"EXT4-fs" => b"EXT4",
        b"EXT3-fs" => b"EXT3",
        b"EXT2-fs" => b"EXT2",
        b"BTRFS" | b"BTRFS:" => b"BTRFS",
        _ => return None,
    };
    let device = rest.until(b")")?;
    // btrfs tells of its own state behind the device: `sda1 state EA`.
    let device = device.split(|byte| *byte == b' ').next()?;
    let what = Name::from(rest.0.strip_prefix(b": ").unwrap_or(rest.0).trim_ascii());
    Some(Event::FileSystemError(FileSystemError { file_system: file_system.into(), device: device.into(), what }))
}

/// Takes `EXT4-fs (DEV): `, and yields the device.
fn ext_device<'a>(rest: &mut Cursor<'a>) -> Option<&'a [u8]> {
    rest.pass_any(&[b"EXT4-fs (", b"EXT3-fs (", b"EXT2-fs ("])?;
    rest.until(b"): ")
}

pub(super) fn delayed_allocation_failed(message: &[u8]) -> Option<Event> {
    let mut rest = Cursor(message);
    let device = Name::from(ext_device(&mut rest)?);
    rest.pass_any(&[b"D", b"d"])?;
    rest.pass(b"elayed block allocation failed for inode ")?;
    let inode = rest.decimal()?;
    rest.until(b" with error ")?;
    // The sign was printed up to 3.11.
    rest.passes(b"-");
    let errno = rest.small()?;
    Some(Event::DelayedAllocationFailed(DelayedAllocationFailed { device, inode, errno }))
}

pub(super) fn remounted_read_only(message: &[u8]) -> Option<Event> {
    let text = message.trim_ascii_end();
    let mut rest = Cursor(text);
    if text == b"Remounting filesystem read-only" {
        return Some(Event::RemountedReadOnly { device: None });
    }
    let device = if rest.passes(b"BTRFS info (device ") || rest.passes(b"BTRFS: info (device ") {
        let device = rest.until(b"): forced readonly")?;
        device.split(|byte| *byte == b' ').next()?
    } else {
        let device = ext_device(&mut rest)?;
        rest.passes(b"error: ");
        rest.pass_any(&[b"Remounting filesystem read-only", b"remounting filesystem read-only"])?;
        device
    };
    Some(Event::RemountedReadOnly { device: Some(Name::from(device)) })
}

pub(super) fn xfs_shutdown(message: &[u8]) -> Option<Event> {
    let mut rest = Cursor(message);
    rest.pass(b"XFS (")?;
    let device = Name::from(rest.until(b"): ")?);
    let text = rest.0.trim_ascii_end();
    let text = text.strip_suffix(b".").unwrap_or(text);
    let before = text.strip_suffix(b"hutting down filesystem").map(|before| before.trim_ascii_end());
    let reason = match before {
        Some(before) => before.strip_suffix(b"S")?.trim_ascii_end(),
        None => text.strip_prefix(b"Filesystem has been shut down due to ")?,
    };
    Some(Event::XfsShutdown { device, reason: Name::from(reason.strip_suffix(b".").unwrap_or(reason)) })
}

pub(super) fn buffer_error(message: &[u8]) -> Option<Event> {
    let mut rest = Cursor(message);
    rest.pass(b"Buffer I/O error on dev")?;
    rest.passes(b"ice");
    rest.pass(b" ")?;
    let device = Name::from(rest.until(b", logical block ")?);
    Some(Event::BufferError(BufferError { device, block: rest.decimal()? }))
}

pub(super) fn block_error(message: &[u8]) -> Option<Event> {
    let mut rest = Cursor(message);
    let before = rest.until(b" error, dev ")?;
    let prefixes = [&b"blk_update_request: "[..], b"print_req_error: ", b"end_request: "];
    let kind = prefixes.into_iter().find_map(|prefix| before.strip_prefix(prefix)).unwrap_or(before);
    BLOCK_ERRORS.contains(&kind).then_some(())?;
    let device = Name::from(rest.until(b", sector ")?);
    Some(Event::BlockError(BlockError { kind: Name::from(kind), device, sector: rest.decimal()? }))
}
