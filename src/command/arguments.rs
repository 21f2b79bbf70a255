//! The command line that gtune was started with.

/// The words; what is not UTF-8 in them, lossily.
pub fn arguments() -> Vec<String> {
    std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect()
}

/// The same command for who may become root.
pub fn again_as_root() -> String {
    let quoted = |word: String| crate::units::quoted(&word);
    let words: Vec<String> = arguments().into_iter().map(quoted).collect();
    format!("sudo {}", words.join(" "))
}
