//! Lines by bytes.

use super::super::line_numbers;
use proptest::prelude::*;
use std::path::Path;

#[test]
fn lines_are_counted_of_plain_files_alone() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("kern.log");
    std::fs::write(&path, "a\nbb\n\nccc").unwrap();
    assert_eq!(line_numbers(&path, &[0, 1, 2, 5, 6, 8]), Some(vec![1, 1, 2, 3, 4, 4]));
    assert_eq!(line_numbers(&path, &[6, 0]), Some(vec![4, 1]), "in any order");
    assert_eq!(line_numbers(&path, &[9]), None, "behind its end");
    assert_eq!(line_numbers(&path, &[]), Some(vec![]));
    let packed = place.path().join("kern.log.gz");
    std::fs::write(&packed, b"\x1f\x8b\x08\0\0\0\0\0\0\0").unwrap();
    let fifo = place.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    for other in [packed.as_path(), &fifo, place.path(), Path::new("/dev/kmsg"), Path::new("-")] {
        assert_eq!(line_numbers(other, &[0]), None, "{}", other.display());
    }
}

proptest! {
    #[test]
    fn every_byte_is_in_the_line_that_counting_says(text in "[a\n]{1,2000}", at in proptest::collection::vec(0_usize..2000, 0..9)) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &text).unwrap();
        let at: Vec<u64> = at.into_iter().map(|at| (at % text.len()) as u64).collect();
        let line = |at: &u64| text[..*at as usize].matches('\n').count() as u64 + 1;
        prop_assert_eq!(line_numbers(file.path(), &at), Some(at.iter().map(line).collect::<Vec<_>>()));
    }
}
