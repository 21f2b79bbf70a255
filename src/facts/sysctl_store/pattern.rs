//! Patterns of keys as glob(7) has them; both loaders use glob(3).

/// Whether a path below `/proc/sys` is a pattern.
pub(super) fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

/// Whether the pattern matches the path, component by component: no wildcard crosses a slash.
pub(super) fn matches(pattern: &str, path: &str) -> bool {
    let mut parts = path.split('/');
    let each = pattern.split('/').all(|p| parts.next().is_some_and(|part| name_matches(p.as_bytes(), part.as_bytes())));
    each && parts.next().is_none()
}

/// Matches one name. Only the last star is ever taken back, so that no pattern takes more than length × length steps.
fn name_matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut last_star = None;
    while n < name.len() {
        if pattern.get(p) == Some(&b'*') {
            last_star = Some((p + 1, n));
            p += 1;
        } else if let Some(taken) = one_matches(&pattern[p..], name[n]) {
            p += taken;
            n += 1;
        } else if let Some((after, from)) = last_star {
            last_star = Some((after, from + 1));
            (p, n) = (after, from + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

/// How many bytes of the pattern stand for this byte; none where they do not.
fn one_matches(pattern: &[u8], byte: u8) -> Option<usize> {
    match *pattern.first()? {
        b'?' => Some(1),
        b'[' => match set(pattern) {
            Some((members, negated)) => {
                (in_set(members, byte) != negated).then_some(members.len() + 2 + usize::from(negated))
            }
            None => (byte == b'[').then_some(1),
        },
        b'\\' if pattern.len() > 1 => (pattern[1] == byte).then_some(2),
        literal => (literal == byte).then_some(1),
    }
}

/// The members of a bracket expression and whether it is negated; none where no bracket closes it.
fn set(pattern: &[u8]) -> Option<(&[u8], bool)> {
    let negated = matches!(pattern.get(1), Some(b'!' | b'^'));
    let members = &pattern[1 + usize::from(negated)..];
    // A bracket in first place is a member.
    let end = members.iter().skip(1).position(|b| *b == b']')? + 1;
    Some((&members[..end], negated))
}

fn in_set(mut members: &[u8], byte: u8) -> bool {
    loop {
        match members {
            [] => return false,
            [low, b'-', high, ..] if (low..=high).contains(&&byte) => return true,
            [_, b'-', _, rest @ ..] => members = rest,
            [one, ..] if *one == byte => return true,
            [_, rest @ ..] => members = rest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_pattern_matches_as_glob_does() {
        for (pattern, path, fits) in [
            ("net/core/somax*", "net/core/somaxconn", true),
            ("net/*/somaxconn", "net/core/somaxconn", true),
            ("net/*", "net/core/somaxconn", false),
            ("*", "net/core/somaxconn", false),
            ("net/core/*a*o*", "net/core/somaxconn", true),
            ("net/core/somaxcon[n]", "net/core/somaxconn", true),
            ("net/core/somaxcon[!x]", "net/core/somaxconn", true),
            ("net/core/somaxcon[^n]", "net/core/somaxconn", false),
            ("net/core/somaxcon[a-z]", "net/core/somaxconn", true),
            ("net/core/somaxcon[]n]", "net/core/somaxconn", true),
            ("net/core/somaxcon[n", "net/core/somaxconn", false),
            ("net/core/somaxcon?", "net/core/somaxconn", true),
            ("net/core/somaxconn?", "net/core/somaxconn", false),
            (r"net/core/soma\xcon*", "net/core/somaxconn", true),
        ] {
            assert_eq!(matches(pattern, path), fits, "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn no_pattern_panics(pattern in "[a\\[\\]!^*?\\\\/-]{0,12}", path in "[a\\[\\]/-]{0,8}") {
            matches(&pattern, &path);
        }

        #[test]
        fn a_name_without_wildcards_matches_itself_alone(a in "[a-c/]{0,6}", b in "[a-c/]{0,6}") {
            prop_assert_eq!(matches(&a, &b), a == b);
        }
    }
}
