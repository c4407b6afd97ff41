//! Whether a rule uses names that there are, and loops as it may.

use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, SourceInfo};

use crate::RuleError;
use crate::facts::{CALLER, REQUEST};

/// Steps from the whole to a part.
const DEPTH_MAX: usize = 64;
/// Functions that a rule may call, beside operators and the macros for lists.
const FUNCTIONS: &[&str] = &[
    "bool",
    "bytes",
    "contains",
    "double",
    "endsWith",
    "int",
    "size",
    "startsWith",
    "string",
    "type",
    "uint",
];

/// Looks at each part of a rule once.
pub(crate) struct Walk<'p> {
    places: &'p SourceInfo,
    /// Names that loops around the part have made.
    loops: Vec<&'p str>,
    in_loop: bool,
    depth: usize,
    /// Whether the rule looks at the claims.
    pub(crate) claims: bool,
}

impl<'p> Walk<'p> {
    pub(crate) const fn new(places: &'p SourceInfo) -> Self {
        Self {
            places,
            loops: Vec::new(),
            in_loop: false,
            depth: 0,
            claims: false,
        }
    }

    fn fail(&self, part: &IdedExpr, what: String) -> RuleError {
        let at = self.places.offset_for(part.id).map_or(0, |(from, _)| from);
        let at = usize::try_from(at).unwrap_or_default();
        RuleError { at, what }
    }

    pub(crate) fn check(&mut self, part: &'p IdedExpr) -> Result<(), RuleError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.fail(part, "too many steps within each other".to_owned()));
        }
        let checked = self.part(part);
        self.depth -= 1;
        checked
    }

    fn all(&mut self, parts: impl IntoIterator<Item = &'p IdedExpr>) -> Result<(), RuleError> {
        parts.into_iter().try_for_each(|part| self.check(part))
    }

    fn part(&mut self, part: &'p IdedExpr) -> Result<(), RuleError> {
        match &part.expr {
            Expr::Unspecified | Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => self.name(part, name),
            Expr::Select(select) => {
                self.field(part, &select.operand.expr, &select.field)?;
                self.check(&select.operand)
            }
            Expr::List(list) => self.all(&list.elements),
            Expr::Map(map) => map.entries.iter().try_for_each(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => self.all([&entry.key, &entry.value]),
                EntryExpr::StructField(field) => self.check(&field.value),
            }),
            Expr::Struct(_) => Err(self.fail(part, "a rule makes no messages".to_owned())),
            Expr::Call(call) => self.call(part, call),
            Expr::Comprehension(looped) => self.looped(part, looped),
        }
    }

    fn name(&mut self, part: &IdedExpr, name: &str) -> Result<(), RuleError> {
        self.claims |= name == "claims";
        if matches!(name, "claims" | "caller" | "request") || self.loops.contains(&name) {
            return Ok(());
        }
        let what = format!("`{name}` is unknown; a rule sees `claims`, `caller` and `request`");
        Err(self.fail(part, what))
    }

    fn field(&self, part: &IdedExpr, of: &Expr, field: &str) -> Result<(), RuleError> {
        let Expr::Ident(name) = of else { return Ok(()) };
        let known = match name.as_str() {
            "caller" => CALLER,
            "request" => REQUEST,
            _ => return Ok(()),
        };
        if known.contains(&field) {
            return Ok(());
        }
        let known = known.join(", ");
        let what = format!("`{name}` has no `{field}`; it has {known}");
        Err(self.fail(part, what))
    }

    fn call(&mut self, part: &IdedExpr, call: &'p CallExpr) -> Result<(), RuleError> {
        let name = call.func_name.as_str();
        let operator = !name.starts_with(|c: char| c.is_ascii_alphabetic());
        if !operator && !FUNCTIONS.contains(&name) {
            let known = FUNCTIONS.join(", ");
            let what = format!("there is no function `{name}`; there are {known}");
            return Err(self.fail(part, what));
        }
        self.all(call.target.as_deref())?;
        self.all(&call.args)
    }

    fn looped(&mut self, part: &IdedExpr, looped: &'p ComprehensionExpr) -> Result<(), RuleError> {
        if self.in_loop {
            return Err(self.fail(part, "a loop within a loop".to_owned()));
        }
        self.check(&looped.iter_range)?;
        self.in_loop = true;
        let made = [
            Some(&looped.iter_var),
            looped.iter_var2.as_ref(),
            Some(&looped.accu_var),
        ];
        let before = self.loops.len();
        self.loops
            .extend(made.into_iter().flatten().map(String::as_str));
        let inside = [
            &looped.accu_init,
            &looped.loop_cond,
            &looped.loop_step,
            &looped.result,
        ];
        let checked = self.all(inside);
        self.loops.truncate(before);
        self.in_loop = false;
        checked
    }
}
