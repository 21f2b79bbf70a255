//! The command line: words, help, value parsers; no I/O.
