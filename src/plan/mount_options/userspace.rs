//! Options that mount(8), systemd or nobody reads: the kernel is never told them.

/// Options that the kernel is never told.
const USERSPACE: &[&str] = &[
    "defaults", "auto", "noauto", "nofail", "_netdev", "user", "nouser", "users", "nousers", "owner", "noowner",
    "group", "nogroup",
];

/// The options that the kernel is told. What only mount(8) or systemd reads is left out; `user` and its like leave
/// behind the flags they stand for (mount(8)).
pub fn kernel_options(options: &[String]) -> Vec<String> {
    let told = |option: &String| match is_userspace(option) {
        true => implied(option).iter().map(|flag| (*flag).to_owned()).collect(),
        false => vec![option.clone()],
    };
    options.iter().flat_map(told).collect()
}

/// Whether an option is read by mount(8), systemd or nobody, and not by the kernel.
pub fn is_userspace(option: &str) -> bool {
    let name = option.split_once('=').map_or(option, |(name, _)| name);
    USERSPACE.contains(&option)
        || matches!(name, "comment" | "helper" | "uhelper")
        || name.starts_with("x-")
        || name.starts_with("X-")
}

/// The flags that an option which lets users mount stands for (mount(8)).
pub(super) fn implied(option: &str) -> &'static [&'static str] {
    match option {
        "user" | "users" => &["nosuid", "nodev", "noexec"],
        "owner" | "group" => &["nosuid", "nodev"],
        _ => &[],
    }
}
