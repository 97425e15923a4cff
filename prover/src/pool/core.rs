//! The names that our printer gives to assumptions, and the solver's answer in those names.

use sbh_domain::Assumption;

use crate::invariant::Command;
use crate::sexp::read_deep;

/// The most assumptions shown.
const MOST: usize = 200;

/// The longest assumption shown, in characters.
const MAX_TEXT: usize = 300;

/// The most text shown in all, in bytes.
const MAX_TOTAL: usize = 16 * 1024;

/// The commands with their lines, assertions with names. Names that begin with `@` are refused in
/// specs, so that none can be taken for one of these.
pub(crate) fn named(commands: &[Command]) -> Vec<(u32, String)> {
    let mut count = 0_usize;
    commands
        .iter()
        .map(|command| {
            let text = match body(command) {
                None => command.text.clone(),
                Some(body) => {
                    let text = format!("(assert (! {body} :named @a{count}))");
                    count += 1;
                    text
                }
            };
            (command.line, text)
        })
        .collect()
}

/// Reads `(@a0 @a2)`. `None` when it is anything else.
pub(crate) fn read(answer: &str, commands: &[Command]) -> Option<Vec<Assumption>> {
    let parsed = read_deep(answer).ok()?;
    let [names] = parsed.as_slice() else { return None };
    let bodies: Vec<&str> = commands.iter().filter_map(body).collect();
    let mut used = vec![false; bodies.len()];
    for name in names.list()? {
        let index: usize = name.symbol()?.strip_prefix("@a")?.parse().ok()?;
        *used.get_mut(index)? = true;
    }
    let mut left = MAX_TOTAL;
    let mut shown = Vec::new();
    for (body, used) in bodies.iter().zip(used) {
        let text = flat(body);
        match left.checked_sub(text.len()) {
            Some(rest) if shown.len() < MOST => {
                left = rest;
                shown.push(Assumption { text, used });
            }
            _ => break,
        }
    }
    Some(shown)
}

/// What an assertion asserts; `None` for another command.
fn body(command: &Command) -> Option<&str> {
    command.text.strip_prefix("(assert")?.strip_suffix(')').map(str::trim)
}

/// The text on one line, and not too long.
fn flat(text: &str) -> String {
    let line = text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    let mut short: String = line.chars().take(MAX_TEXT).collect();
    if short.len() < line.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands() -> Vec<Command> {
        let command = |text: &str, asserts| Command { line: 1, text: text.to_owned(), asserts };
        vec![
            command("(declare-const x Int)", false),
            command("(assert (> x 1))", true),
            command("(assert\n  (and\n    (> x 2)\n    true))", true),
        ]
    }

    #[test]
    fn assertions_alone_get_names() {
        let texts: Vec<_> = named(&commands()).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts[0], "(declare-const x Int)");
        assert_eq!(texts[1], "(assert (! (> x 1) :named @a0))");
        assert!(texts[2].ends_with(" :named @a1))"), "{texts:?}");
    }

    #[test]
    fn the_answer_is_read_and_nothing_else_is_taken_for_one() {
        let core = read("(@a1)", &commands()).unwrap();
        let shown: Vec<_> = core.iter().map(|a| (a.text.as_str(), a.used)).collect();
        assert_eq!(shown, [("(> x 1)", false), ("(and (> x 2) true)", true)]);
        assert!(read("()", &commands()).unwrap().iter().all(|a| !a.used));
        for wrong in ["", "sat", "(@a2)", "(x)", "(@a0) (@a1)", "(@a)", "((@a0))"] {
            assert_eq!(read(wrong, &commands()), None, "{wrong}");
        }
    }
}
