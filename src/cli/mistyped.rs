//! A word in the place of a command that is none.

use std::path::Path;

use strsim::osa_distance;

/// Most letters that are wrong, missing, too many or swapped in a mistyped command.
const TYPOS: usize = 2;

/// Why the first argument is wrong usage: a bare word that names neither a file nor one of `commands`. `None` where it is
/// a command, an option, or looks like a path.
pub fn explain(first: &Path, commands: &[String]) -> Option<String> {
    let word = first.to_str().filter(|word| !word.is_empty() && !word.starts_with('-'))?;
    if word.contains(['/', '\\', ':', '#', '.'])
        || commands.iter().any(|command| command == word)
        || first.symlink_metadata().is_ok()
    {
        return None;
    }
    let typed = word.to_lowercase();
    let near = |command: &&String| command.starts_with(&typed) || osa_distance(&typed, command) <= TYPOS;
    let nearest = commands.iter().filter(near).min_by_key(|command| osa_distance(&typed, command));
    let hint = match nearest {
        Some(command) => format!("Did you mean `molclip {command}`?"),
        None => format!("The commands are {}.", commands.join(", ")),
    };
    Some(format!(
        "there is no file and no command called '{word}'. {hint} `molclip --help` says what they do."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(first: &str) -> Option<String> {
        let commands = ["gpu", "info", "train", "evaluate", "embed", "help"].map(str::to_owned);
        explain(Path::new(first), &commands)
    }

    #[test]
    fn a_mistyped_command_is_told_from_a_path() {
        for (word, command) in
            [("trian", "train"), ("TRAIN", "train"), ("inof", "info"), ("eval", "evaluate"), ("gpus", "gpu")]
        {
            let text = said(word).unwrap();
            assert!(
                text.contains(&format!("'{word}'")) && text.contains(&format!("`molclip {command}`")),
                "{text}"
            );
        }
        let text = said("mitochondria").unwrap();
        assert!(text.contains("gpu, info, train, evaluate, embed, help"), "{text}");
        let taken = tempfile::tempdir().unwrap();
        let taken = taken.path().to_str().unwrap().to_owned();
        for path in ["train", "--json", "a.tif", "a/b", "C:\\a", "a#series=1", "", taken.as_str()] {
            assert_eq!(said(path), None, "{path}");
        }
    }
}
