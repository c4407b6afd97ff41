//! How large a rule may be. Checked on the text first: the parser works by recursion, and must not
//! be led deeper than the stack is.

use crate::RuleError;

/// Characters of a rule.
const TEXT_MAX: usize = 1_024;
/// Brackets within each other.
const BRACKETS_MAX: usize = 12;
/// Conditions (`? :`), which nest to the right.
const CONDITIONS_MAX: usize = 8;

/// Complains of a text that is too large to be read.
pub(crate) fn check(text: &str) -> Result<(), RuleError> {
    let too = |at: usize, what: String| Err(RuleError { at, what });
    if text.len() > TEXT_MAX {
        return too(TEXT_MAX, format!("longer than {TEXT_MAX} characters"));
    }
    let (mut depth, mut conditions, mut quote) = (0_usize, 0, None);
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(_), '\\') => escaped = !escaped,
            (Some(open), c) if c == open && !escaped => quote = None,
            (Some(_), _) => escaped = false,
            (None, '"' | '\'') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            (None, '?') => conditions += 1,
            (None, _) => {}
        }
        if depth > BRACKETS_MAX {
            return too(
                at,
                format!("more than {BRACKETS_MAX} brackets within each other"),
            );
        }
        if conditions > CONDITIONS_MAX {
            return too(at, format!("more than {CONDITIONS_MAX} conditions"));
        }
    }
    Ok(())
}
