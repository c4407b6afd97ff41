//! A rule, compiled.

use std::fmt;
use std::sync::Arc;

use cel::{Context, Env, Program, Value};

use crate::Facts;
use crate::bounds;
use crate::names::Walk;

/// A rule about callers: an expression that is true for those who may pass.
pub struct Rule {
    text: String,
    program: Program,
    env: Arc<Env>,
    claims: bool,
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rule").field(&self.text).finish()
    }
}

/// What is wrong with a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleError {
    /// Where, in characters from its beginning.
    pub at: usize,
    /// What, as the rest of a sentence.
    pub what: String,
}

impl Rule {
    /// Reads a rule.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn compile(text: &str) -> Result<Self, RuleError> {
        bounds::check(text)?;
        let program = Program::compile(text).map_err(|errors| match errors.errors.first() {
            Some(error) => RuleError {
                at: offset(text, error.pos),
                what: first_line(&error.msg),
            },
            None => RuleError {
                at: 0,
                what: "no expression".to_owned(),
            },
        })?;
        let mut walk = Walk::new(program.source_info());
        walk.check(program.expression())?;
        let claims = walk.claims;
        Ok(Self {
            text: text.to_owned(),
            program,
            env: Arc::new(Env::stdlib()),
            claims,
        })
    }

    /// Whether it looks at the claims.
    #[must_use]
    pub const fn wants_claims(&self) -> bool {
        self.claims
    }

    /// Whether the caller may pass.
    ///
    /// # Errors
    /// A sentence, if it cannot be said: a claim is missing, or of another type than the rule
    /// takes it for. Then nobody passes.
    pub fn allows(&self, facts: Facts<'_>) -> Result<bool, String> {
        let mut context = Context::with_env(Arc::clone(&self.env));
        let mut add = |name: &str, value: Result<Value, String>| {
            value.map(|value| context.add_variable_from_value(name, value))
        };
        let none = serde_json::Value::Object(serde_json::Map::new());
        if self.claims {
            add("claims", value_of(facts.claims.unwrap_or(&none)))?;
        }
        add("caller", value_of(facts.caller))?;
        add("request", value_of(facts.request))?;
        match self.program.execute(&context) {
            Ok(Value::Bool(allowed)) => Ok(allowed),
            Ok(other) => Err(format!("neither true nor false: {}", other.type_of())),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn value_of(facts: &impl serde::Serialize) -> Result<Value, String> {
    cel::to_value(facts).map_err(|error| error.to_string())
}

/// Line and column, both from one, into characters from the beginning.
fn offset(text: &str, (line, column): (isize, isize)) -> usize {
    let line = usize::try_from(line - 1).unwrap_or_default();
    let column = usize::try_from(column - 1).unwrap_or_default();
    let before: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    (before + column).min(text.len())
}

/// What a parser expects can be a long list; its beginning tells enough.
fn first_line(message: &str) -> String {
    let end = message.find(" expecting ").unwrap_or(message.len());
    let line = message[..end].lines().next().unwrap_or_default();
    line.trim_start_matches("Syntax error: ").to_owned()
}

#[cfg(test)]
mod tests;
