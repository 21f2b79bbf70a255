//! Words of a POSIX shell, for commands that are shown to be pasted and for scripts.

/// A text as one word of a shell. No argument of a program can hold a zero byte, so those are left out.
pub fn quoted(text: &str) -> String {
    let text = text.replace('\0', "");
    shlex::try_quote(&text).map(Into::into).unwrap_or_default()
}

/// How gtune is called for the host below a root, to be pasted: `gtune`, or `gtune --root '/srv/an image'`.
pub fn gtune_for(root: &str) -> String {
    if root == "/" { "gtune".to_owned() } else { format!("gtune --root {}", quoted(root)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_unit_name_with_a_backslash_stays_one_word_of_the_shell() {
        let unit = r"my\x2dapp.service";
        assert_eq!(shlex::split(&quoted(unit)), Some(vec![unit.to_owned()]));
        assert_eq!(quoted("gunicorn@web.service"), "gunicorn@web.service");
    }

    proptest! {
        #[test]
        fn any_text_is_one_word(text: String) {
            prop_assert_eq!(shlex::split(&quoted(&text)), Some(vec![text.replace('\0', "")]));
        }
    }
}
