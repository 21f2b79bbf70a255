//! Faults of a program: it touched memory it may not, or asked the CPU for what that does not do.

use super::cursor::{Cursor, split_name};
use super::object::{Object, object};
use super::{Event, Name};
use memchr::memmem;
use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

/// `COMM[TID]: segfault at ADDR ip IP sp SP error CODE in OBJECT likely on CPU N (core N, socket N)`: `arch/x86/mm/
/// fault.c`; the registers are called `rip`, `eip` up to 2.6.24, the CPU is told since 6.1. Rate limited, and off with
/// `debug.exception-trace=0`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Segfault {
    /// Name of the thread.
    pub comm: Name,
    /// The thread's number on the host; the process's own only for its first thread.
    pub tid: u32,
    /// The address that was touched; below 4096 it is a null pointer.
    pub address: u64,
    /// Where the instruction is.
    pub instruction_pointer: u64,
    /// Where the stack is.
    pub stack_pointer: u64,
    /// What was tried.
    pub error: FaultCode,
    /// The file the instruction is in; `None` outside of any, or where the line was torn.
    pub object: Option<Object>,
    /// The CPU it likely ran on: faults of many programs on one CPU tell of the CPU.
    pub cpu: Option<u32>,
}

/// The page fault's error code of x86 (Intel SDM volume 3, "Page-Fault Exceptions"; `enum x86_pf_error_code`). The
/// kernel prints it in hexadecimal: `error 14` is 20.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultCode(pub u64);

impl FaultCode {
    /// Its bits in words: what was done, to what, from where.
    pub fn words(self) -> Vec<&'static str> {
        let is = |bit: u64| self.0 & bit != 0;
        let done = match (is(16), is(2)) {
            (true, _) => "execute",
            (false, true) => "write",
            (false, false) => "read",
        };
        let page = if is(1) { "not allowed" } else { "nothing mapped" };
        let mode = if is(4) { "in user mode" } else { "in kernel mode" };
        let rare = [(8, "reserved bit"), (32, "protection key"), (64, "shadow stack"), (0x8000, "SGX")];
        let rare = rare.into_iter().filter(|(bit, _)| is(*bit)).map(|(_, word)| word);
        [done, page, mode].into_iter().chain(rare).collect()
    }
}

impl Serialize for FaultCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut both = serializer.serialize_struct("FaultCode", 2)?;
        both.serialize_field("code", &self.0)?;
        both.serialize_field("words", &self.words())?;
        both.end()
    }
}

/// `traps: COMM[TID] general protection fault ip:IP sp:SP error:CODE in OBJECT`: `arch/x86/kernel/traps.c`; without
/// `traps: ` up to 3.7, without `fault` up to 5.5; `trap invalid opcode`, `trap divide error`, `trap int3`, `trap stack
/// segment` and so on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trap {
    /// Name of the thread.
    pub comm: Name,
    /// The thread's number on the host.
    pub tid: u32,
    /// What it was, as the kernel words it, without `trap`.
    pub what: Name,
    /// Where the instruction is.
    pub instruction_pointer: u64,
    /// Where the stack is.
    pub stack_pointer: u64,
    /// The trap's own error code: a segment selector, most often 0.
    pub error_code: u64,
    /// The file the instruction is in.
    pub object: Option<Object>,
}

/// `COMM[TID]: unhandled exception: CLASS, ESR 0xESR, WHAT in OBJECT`: `arch/arm64/kernel/traps.c`, 4.17 on; before that
/// `COMM[TID]: unhandled WHAT (SIGNAL) at 0xADDR, esr 0xESR`. RISC-V and others: `COMM[TID]: unhandled signal SIGNAL code
/// 0xCODE at 0xADDR in OBJECT`. Rate limited, and off on arm64 unless `debug.exception-trace=1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnhandledException {
    /// Name of the thread.
    pub comm: Name,
    /// The thread's number on the host.
    pub tid: u32,
    /// What it was, as the kernel words it.
    pub what: Name,
    /// The signal that follows, where the line says so.
    pub signal: Option<u32>,
    /// The address that was touched, where the line says so.
    pub address: Option<u64>,
    /// The file the instruction is in.
    pub object: Option<Object>,
}

/// Begins of what the kernel calls a trap, beside `trap …`; `bad frame in …` is a broken return from a signal.
const TRAPS_BY_NAME: &[&[u8]] = &[b"general protection", b"control protection", b"bad frame in "];

/// A name of the kernel's own for a trap or an exception is short; the longest is `coprocessor segment overrun`.
const LONGEST_TRAP: usize = 64;

/// ` ssp:` and 16 digits.
const SHADOW_STACK: usize = 21;

pub(super) fn segfault(message: &[u8]) -> Option<Event> {
    // Most messages are something else; one search tells.
    memmem::find(message, b"]: segfault at ")?;
    let read = |mut rest: Cursor<'_>| {
        let tid = rest.small()?;
        rest.pass(b"]: segfault at ")?;
        let address = rest.pointer()?;
        rest.pass_any(&[b" ip ", b" rip ", b" eip "])?;
        let instruction_pointer = rest.pointer()?;
        rest.pass_any(&[b" sp ", b" rsp ", b" esp "])?;
        let stack_pointer = rest.pointer()?;
        rest.pass(b" error ")?;
        let error = FaultCode(rest.hex()?);
        let object = object(&mut rest);
        let cpu = rest.pass(b" likely on CPU ").and_then(|()| rest.small());
        Some(Segfault { comm: Name::default(), tid, address, instruction_pointer, stack_pointer, error, object, cpu })
    };
    let (comm, fault) = split_name(message, b"[", read)?;
    Some(Event::Segfault(Segfault { comm, ..fault }))
}

pub(super) fn trap(message: &[u8]) -> Option<Event> {
    memmem::find(message, b" sp:")?;
    let message = message.strip_prefix(b"traps: ").unwrap_or(message);
    let read = |mut rest: Cursor<'_>| {
        let tid = rest.small()?;
        rest.pass(b"] ")?;
        let is_trap = rest.passes(b"trap ");
        let what = rest.until_near(b" ip:", LONGEST_TRAP)?;
        let is_known = is_trap || TRAPS_BY_NAME.iter().any(|known| what.starts_with(known));
        let instruction_pointer = rest.hex()?;
        rest.pass(b" sp:")?;
        let stack_pointer = rest.hex()?;
        // A shadow stack's pointer (6.6 on) stands between, and a broken signal frame has another number.
        let has_error = rest.until_near(b" error:", SHADOW_STACK).or_else(|| rest.until_near(b" orax:", SHADOW_STACK));
        let error_code = has_error.and_then(|_| rest.hex())?;
        let object = object(&mut rest);
        let what = is_known.then(|| Name::from(what))?;
        Some(Trap { comm: Name::default(), tid, what, instruction_pointer, stack_pointer, error_code, object })
    };
    let (comm, trap) = split_name(message, b"[", read)?;
    Some(Event::Trap(Trap { comm, ..trap }))
}

pub(super) fn unhandled(message: &[u8]) -> Option<Event> {
    memmem::find(message, b"]: unhandled ")?;
    let read = |mut rest: Cursor<'_>| {
        let tid = rest.small()?;
        rest.pass(b"]: unhandled ")?;
        let exception = exception(rest).or_else(|| signal(rest)).or_else(|| older_exception(rest))?;
        Some(UnhandledException { tid, ..exception })
    };
    let (comm, exception) = split_name(message, b"[", read)?;
    Some(Event::UnhandledException(UnhandledException { comm, ..exception }))
}

fn exception(mut rest: Cursor<'_>) -> Option<UnhandledException> {
    rest.pass(b"exception: ")?;
    let end = memmem::find(rest.0, b" in ").unwrap_or(rest.0.len());
    let (what, tail) = rest.0.split_at_checked(end)?;
    let (comm, what, object) = (Name::default(), Name::from(what), object(&mut Cursor(tail)));
    Some(UnhandledException { comm, tid: 0, what, signal: None, address: None, object })
}

fn signal(mut rest: Cursor<'_>) -> Option<UnhandledException> {
    rest.pass(b"signal ")?;
    let signal = Some(rest.small()?);
    rest.pass(b" code 0x")?;
    rest.hex()?;
    rest.pass(b" at 0x")?;
    let address = Some(rest.hex()?);
    let (comm, what, object) = (Name::default(), Name::from(&b"signal"[..]), object(&mut rest));
    Some(UnhandledException { comm, tid: 0, what, signal, address, object })
}

fn older_exception(mut rest: Cursor<'_>) -> Option<UnhandledException> {
    let what = Name::from(rest.until_near(b" (", LONGEST_TRAP)?);
    let signal = Some(rest.small()?);
    rest.pass(b") at 0x")?;
    let address = Some(rest.hex()?);
    rest.pass(b", esr 0x")?;
    rest.hex()?;
    rest.passes(b",");
    let object = object(&mut rest);
    Some(UnhandledException { comm: Name::default(), tid: 0, what, signal, address, object })
}
