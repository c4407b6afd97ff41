//! Questions as arguments of the script, and its answers.

use redis::{Script, ScriptInvocation};
use tidegate_limit::{Answer, Question, Scope, Terms};

/// What the script is to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verb {
    /// Take the costs, if all limits let the request through.
    Take,
    /// Give back what was taken.
    Give,
    /// Take the costs, whether they fit or not.
    Charge,
}

impl Verb {
    const fn word(self) -> &'static str {
        match self {
            Self::Take => "take",
            Self::Give => "give",
            Self::Charge => "charge",
        }
    }
}

/// What the script says of each key: whether it fits, the count before, and the current one.
pub(crate) type Said = Vec<(u8, u64, u64)>;

/// The script.
pub(crate) fn script() -> Script {
    Script::new(include_str!("decide.lua"))
}

/// How keys begin.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// What the operator wants keys to begin with.
    pub(crate) prefix: String,
    /// The region that this node counts for.
    pub(crate) region: String,
}

impl Names {
    fn key(&self, question: &Question) -> String {
        let Self { prefix, region } = self;
        let subject = question.subject;
        match question.scope {
            Scope::Global => format!("{prefix}:{subject}"),
            Scope::Region | Scope::Node => format!("{prefix}:{region}:{subject}"),
        }
    }
}

/// The script, ready to be called.
pub(crate) fn call<'s>(
    script: &'s Script,
    names: &Names,
    verb: Verb,
    questions: &[Question],
) -> ScriptInvocation<'s> {
    let mut call = script.prepare_invoke();
    call.arg(verb.word());
    for question in questions {
        call.key(names.key(question));
        call.arg(u8::from(question.shadow));
        match question.terms() {
            Terms::Requests {
                amount,
                window,
                weighs_us,
                keep_ms,
            } => {
                let (left_us, length_us) =
                    weighs_us.map_or((-1, 1), |(left, length)| (signed(left), length));
                call.arg("w").arg(question.cost).arg(amount).arg(window);
                call.arg(left_us).arg(length_us).arg(keep_ms);
            }
            Terms::Tokens {
                burst,
                step_ns,
                now_us,
            } => {
                call.arg("b").arg(question.cost).arg(burst).arg(now_us);
                call.arg(step_ns).arg(0).arg(0);
            }
        }
    }
    call
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// The answers, one for each question asked; `None` if that is not what came.
pub(crate) fn answers(said: &Said, questions: usize) -> Option<Vec<Answer>> {
    let answer = |&(fits, before, current): &(u8, u64, u64)| Answer {
        fits: fits == 1,
        before,
        current,
    };
    (said.len() == questions).then(|| said.iter().map(answer).collect())
}
