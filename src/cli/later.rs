//! Verbs that remedies name before the release that brings them.

use super::Command;
use clap::Subcommand;

/// Verbs that the texts of checks name in their sentences. One that this program has is no longer marked: nothing needs
/// to be done here when a verb is added.
const NAMED: [&str; 8] = ["apply", "rollback", "history", "triage", "oom", "logs", "ps", "signal"];

/// The verb of a `gtune` command that this program does not have yet; none for a command that can be run now, or that
/// is none of gtune's.
pub fn missing_verb(command: &str) -> Option<&str> {
    let mut words = command.split_whitespace();
    if words.next() != Some("gtune") {
        return None;
    }
    let mut verb = words.next()?;
    while verb.starts_with('-') {
        // `--root` is the only option that remedies write before the verb, and it has a value.
        words.next()?;
        verb = words.next()?;
    }
    (!Command::has_subcommand(verb)).then_some(verb)
}

/// The verbs that a text names and this program does not have yet, each once, in order.
pub fn missing_verbs(text: &str) -> Vec<&str> {
    let words: Vec<&str> = text.split_whitespace().map(|word| word.trim_end_matches(['.', ',', ':'])).collect();
    let mut missing = vec![];
    for pair in words.windows(2).filter(|pair| pair[0] == "gtune") {
        let verb = pair[1];
        if NAMED.contains(&verb) && !Command::has_subcommand(verb) && !missing.contains(&verb) {
            missing.push(verb);
        }
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::ALL;

    #[test]
    fn a_verb_that_is_there_is_not_missing() {
        for command in ["gtune doctor somaxconn", "gtune explain fstab", "gtune --root /mnt doctor", "sysctl -w a=1"] {
            assert_eq!(missing_verb(command), None, "{command}");
        }
        assert_eq!(missing_verb("gtune frobnicate --all"), Some("frobnicate"));
        assert_eq!(missing_verb("gtune --root /mnt frobnicate --all"), Some("frobnicate"));
    }

    #[test]
    fn a_sentence_about_gtune_names_no_verb() {
        assert_eq!(missing_verbs("no longer read, not even by gtune. gtune makes a mount"), Vec::<&str>::new());
        assert_eq!(missing_verbs("gtune doctor, then gtune explain"), Vec::<&str>::new());
    }

    #[test]
    fn every_verb_in_the_steps_of_a_check_is_there_or_known_to_come() {
        for step in ALL.iter().flat_map(|check| check.by_hand) {
            assert!(missing_verb(step).is_none_or(|verb| NAMED.contains(&verb)), "{step}");
        }
    }
}
