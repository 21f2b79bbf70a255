//! The shared objects a process has in its memory (proc_pid_maps(5)): which modules are loaded, and from where.

use super::processes::ProcessHandle;
use crate::facts::Fact;

/// Their paths, each once, in the order of addresses.
pub fn shared_objects(process: &ProcessHandle) -> Fact<Vec<String>> {
    process.read("maps").map(|maps| parse(&maps))
}

fn parse(maps: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(maps);
    let mut found: Vec<String> = Vec::new();
    for path in text.lines().filter_map(|line| line.find('/').map(|start| &line[start..])) {
        // The parts of one object follow each other.
        if is_shared_object(path) && found.last().is_none_or(|last| last != path) {
            found.push(path.to_owned());
        }
    }
    found
}

/// `libssl.so.3`, `_ssl.cpython-311-x86_64-linux-gnu.so`; also when the file was replaced by an upgrade.
fn is_shared_object(path: &str) -> bool {
    let path = path.strip_suffix(" (deleted)").unwrap_or(path);
    path.ends_with(".so") || path.contains(".so.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_object_is_named_once() {
        let maps = b"7f0-7f1 r--p 0 fe:00 12   /usr/lib/libssl.so.3\n7f1-7f2 r-xp 0 fe:00 12   /usr/lib/libssl.so.3\n\
            7f2-7f3 rw-p 0 0:0 0 \n7f3-7f4 rw-p 0 0:0 0   [heap]\n7f4-7f5 r--p 0 fe:00 13   /srv/a b/x.so\n\
            7f5-7f6 r--p 0 fe:00 14   /usr/bin/python3.11\n";
        assert_eq!(parse(maps), ["/usr/lib/libssl.so.3", "/srv/a b/x.so"]);
    }

    proptest! {
        #[test]
        fn any_maps_is_read_without_panic(bytes in any::<Vec<u8>>()) {
            parse(&bytes);
        }
    }
}
