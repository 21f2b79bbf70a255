//! Names of units, and the names under which systemd looks for their drop-ins (systemd.unit(5)).

/// The types of units (systemd.unit(5)).
const TYPES: [&str; 11] =
    ["service", "socket", "device", "mount", "automount", "swap", "target", "path", "timer", "slice", "scope"];

/// Whether systemd would take this as the name of a unit: safe to be part of a path and an argument.
pub fn is_unit_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
    let typed = name.rsplit_once('.').is_some_and(|(stem, kind)| !stem.is_empty() && TYPES.contains(&kind));
    // 256 is UNIT_NAME_MAX. A name that begins with a dash or a dot could pass for an option or a hidden file.
    typed && name.len() < 256 && name.chars().all(allowed) && !name.starts_with(['-', '.', '@'])
}

/// `service` of `gunicorn@web.service`.
pub fn kind(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, kind)| kind)
}

/// `gunicorn@.service` for `gunicorn@web.service`; none for names that are no instance.
pub fn template(name: &str) -> Option<String> {
    let (prefix, rest) = name.split_once('@')?;
    let (instance, kind) = rest.rsplit_once('.')?;
    (!instance.is_empty()).then(|| format!("{prefix}@.{kind}"))
}

/// All names whose `.d` directories hold drop-ins for a unit, the most specific first, without the type alone.
///
/// `app-web@x.service` is served by itself, `app-web@.service`, `app-.service`, `app-@x.service` and `app-@.service`.
pub fn drop_in_names(name: &str) -> Vec<String> {
    let mut names = vec![name.to_owned()];
    if let Some(template) = template(name) {
        names.extend(drop_in_names(&template));
    }
    if let Some(shorter) = shorter(name) {
        names.extend(drop_in_names(&shorter));
    }
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

/// The name cut after the last dash of its prefix, a dash at its end aside: `a-b-.service` for `a-b-c.service`, then
/// `a-.service`. A template loses its `@`, as systemd builds the name from prefix and instance.
fn shorter(name: &str) -> Option<String> {
    let (stem, kind) = name.rsplit_once('.')?;
    let (prefix, instance) = stem.split_once('@').unwrap_or((stem, ""));
    let inner = prefix.strip_suffix('-').unwrap_or(prefix);
    let cut = inner.rfind('-').filter(|at| *at > 0)?;
    let at_instance = if instance.is_empty() { String::new() } else { format!("@{instance}") };
    Some(format!("{}{at_instance}.{kind}", &inner[..=cut]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_name_has_only_its_own_drop_ins() {
        assert_eq!(drop_in_names("gunicorn.service"), ["gunicorn.service"]);
    }

    #[test]
    fn every_dash_is_a_step_towards_the_general() {
        assert_eq!(drop_in_names("a-b-c.service"), ["a-b-c.service", "a-b-.service", "a-.service"]);
        assert_eq!(drop_in_names("-a.slice"), ["-a.slice"]);
    }

    #[test]
    fn an_instance_is_served_by_its_template_and_both_by_their_prefixes() {
        let names = ["app-web@x.service", "app-web@.service", "app-.service", "app-@x.service", "app-@.service"];
        assert_eq!(drop_in_names("app-web@x.service"), names);
    }

    #[test]
    fn a_name_that_could_leave_its_directory_or_pass_for_an_option_is_none() {
        for name in ["gunicorn.service", "gunicorn@web.service", "dev-disk\\x2d1.mount", "user@1000.service"] {
            assert!(is_unit_name(name), "{name}");
        }
        for name in
            ["", "gunicorn", "../x.service", "--help.service", "a b.service", ".service", "x.conf", "a*.service"]
        {
            assert!(!is_unit_name(name), "{name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_unit_itself_always_comes_first(name in "[a-z@.\\-]{0,40}") {
            proptest::prop_assert_eq!(&drop_in_names(&name)[0], &name);
        }
    }
}
