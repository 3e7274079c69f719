//! The part of a git hook that is ours, as text: put in, replaced, and taken out again byte for byte.
//!
//! It stands directly after the interpreter line. Hook managers end with `exec` or `exit`, so what stands after them never
//! runs; what stands before them runs in about a millisecond and changes nothing for them: everything happens in a
//! subshell whose streams and result are thrown away, and standard input is left alone.

use thiserror::Error;

/// The hooks that say that branches may have moved.
pub const EVENTS: [&str; 4] = ["post-commit", "post-merge", "post-receive", "post-rewrite"];

/// First line of our part. Recognised by its words, whatever stands around them.
const START: &str = "# >>> sdm hook >>> added by `sdm hooks add`, taken out by `sdm hooks remove`";
/// The same in a file that is ours alone.
const START_NEW: &str =
    "# >>> sdm hook >>> new file, added by `sdm hooks add`, taken out by `sdm hooks remove`";
/// Last line.
const END: &str = "# <<< sdm hook <<<";

/// Where hints are written, below the directory all working trees share.
pub const SPOOL_DIRECTORY: &str = "sdm";
/// The file of hints in it.
pub const SPOOL_FILE: &str = "pushes";

/// Why a hook is left as it is.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotOurs {
    /// Another language.
    #[error("it is written for `{0}`, not for a shell")]
    NotShell(String),
    /// A program.
    #[error("it is a program, not a script")]
    Binary,
    /// Not a hook by any measure.
    #[error("it is larger than 1 MiB")]
    TooLarge,
}

/// The section for an event. `alone`: nobody else reads the standard input of this hook, so refs can be taken from it.
fn section(event: &str, alone: bool) -> String {
    let start = if alone { START_NEW } else { START };
    let refs = if event == "post-receive" && alone {
        "  n=0; while [ $n -lt 100 ] && IFS= read -r r; do printf '%s\\n' \"$e $r\"; n=$((n+1)); done >>\"$f\"\n"
    } else {
        "  printf '%s\\n' \"$e\" >>\"$f\"\n"
    };
    // `ulimit -f` bounds the file without another process: 1024 blocks are 512 KiB, or 1 MiB where a block is 1 KiB.
    format!(
        "{start}\n(\n  umask 077; trap '' XFSZ; ulimit -f 1024; set +e +u\n  d=${{GIT_COMMON_DIR:-${{GIT_DIR:-.git}}}}\n  \
         if [ -f \"$d\" ]; then IFS= read -r l <\"$d\"; d=${{l#gitdir: }}; fi\n  \
         if [ -f \"$d/commondir\" ]; then IFS= read -r c <\"$d/commondir\"; case $c in /*) d=$c ;; *) d=$d/$c ;; esac; fi\n  \
         f=$d/{SPOOL_DIRECTORY}/{SPOOL_FILE}; e=\"{event} ${{EPOCHSECONDS:--}}\"\n  \
         [ -f \"$f\" ] && [ ! -L \"$f\" ] || exit 0\n{refs}) 2>/dev/null || :\n{END}\n"
    )
}

/// A new hook of ours alone.
pub fn new_hook(event: &str) -> String {
    format!("#!/bin/sh\n{}", section(event, true))
}

/// The hook with our part in it, replacing an older one. The rest stays byte for byte.
///
/// # Errors
/// It is no shell script.
pub fn with_section(event: &str, hook: &[u8]) -> Result<Vec<u8>, NotOurs> {
    if without_section(hook).is_some_and(|rest| rest.is_none()) {
        return Ok(new_hook(event).into_bytes());
    }
    let rest = without_section(hook).flatten().unwrap_or_else(|| hook.to_vec());
    check_shell(&rest)?;
    let interpreter = interpreter_line(&rest);
    let (head, tail) = rest.split_at(interpreter.len());
    let section = section(event, false);
    let mut text = head.to_vec();
    if head.is_empty() || head.ends_with(b"\n") {
        text.extend_from_slice(section.as_bytes());
    } else {
        // A lone interpreter line without its line end: ours then has none at the end either, and removal gives back both.
        text.push(b'\n');
        text.extend_from_slice(section.trim_end().as_bytes());
    }
    text.extend_from_slice(tail);
    Ok(text)
}

/// The hook without our part: `None` when it has none, `Some(None)` when nothing but ours is in it.
pub fn without_section(hook: &[u8]) -> Option<Option<Vec<u8>>> {
    let (mut start, end, new) = find_section(hook)?;
    if !hook[..end].ends_with(b"\n") && start > 0 {
        start -= 1;
    }
    let rest = [&hook[..start], &hook[end..]].concat();
    let only_interpreter = rest
        .strip_prefix(b"#!/bin/sh")
        .is_some_and(|tail| tail.trim_ascii().is_empty());
    Some((!(new && only_interpreter)).then_some(rest))
}

/// Begin and end of our part in bytes, and whether the file was made by us. Markers count with any space or carriage
/// return around them; a start without an end, or an end without a start, is somebody's text.
fn find_section(hook: &[u8]) -> Option<(usize, usize, bool)> {
    let mut start: Option<(usize, bool)> = None;
    let mut at = 0;
    for line in hook.split_inclusive(|byte| *byte == b'\n') {
        let words = squeezed(line);
        if words.starts_with(b"#>>>sdmhook>>>") {
            start = Some((at, words.starts_with(b"#>>>sdmhook>>>newfile")));
        } else if words.starts_with(b"#<<<sdmhook<<<")
            && let Some((begin, new)) = start
        {
            return Some((begin, at + line.len(), new));
        }
        at += line.len();
    }
    None
}

fn squeezed(line: &[u8]) -> Vec<u8> {
    line.iter()
        .take(200)
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(u8::to_ascii_lowercase)
        .collect()
}

fn interpreter_line(hook: &[u8]) -> &[u8] {
    if !hook.starts_with(b"#!") {
        return &[];
    }
    let end = hook
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(hook.len(), |position| position + 1);
    &hook[..end]
}

fn check_shell(hook: &[u8]) -> Result<(), NotOurs> {
    if hook.len() > 1 << 20 {
        return Err(NotOurs::TooLarge);
    }
    if hook.iter().take(8000).any(|byte| *byte == 0) {
        return Err(NotOurs::Binary);
    }
    let line = String::from_utf8_lossy(interpreter_line(hook)).trim().to_owned();
    let Some(command) = line.strip_prefix("#!") else {
        return Ok(());
    };
    let words = command.split_whitespace().filter(|word| !word.starts_with('-'));
    let mut programs = words
        .map(|word| word.rsplit('/').next().unwrap_or(word))
        .filter(|program| *program != "env" && !program.contains('='));
    let program = programs.next().unwrap_or("sh");
    const SHELLS: [&str; 8] = ["sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "busybox"];
    if SHELLS.contains(&program) {
        Ok(())
    } else {
        Err(NotOurs::NotShell(program.to_owned()))
    }
}
