//! All that is wrong, as operators read it: file, line, caret, cause and hint.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use tidegate_model::{Diagnostic, Severity};

use crate::Source;

/// All that was found in one run.
#[derive(Clone, Debug)]
pub struct Report {
    sources: Vec<Source>,
    /// The problems, in the order of files and lines.
    pub problems: Vec<Diagnostic>,
}

impl Report {
    pub(crate) fn new(sources: Vec<Source>, mut problems: Vec<Diagnostic>) -> Self {
        let place = |problem: &Diagnostic| {
            let span = problem.span.as_ref()?;
            let file = sources.iter().position(|source| source.file == span.file)?;
            Some((file, span.range.start))
        };
        problems.sort_by_key(place);
        problems.dedup();
        Self { sources, problems }
    }

    /// What was found in one text.
    #[must_use]
    pub fn of(source: Source, problems: Vec<Diagnostic>) -> Self {
        Self::new(vec![source], problems)
    }

    /// With further problems in the same files.
    #[must_use]
    pub fn with(self, more: Vec<Diagnostic>) -> Self {
        Self::new(self.sources, [self.problems, more].concat())
    }

    /// Whether the configuration must not be used.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.problems
            .iter()
            .any(|problem| problem.severity == Severity::Error)
    }

    /// How many errors and warnings there are.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let errors = self
            .problems
            .iter()
            .filter(|p| p.severity == Severity::Error)
            .count();
        (errors, self.problems.len() - errors)
    }

    /// The report as text, with colours or without.
    #[must_use]
    pub fn render(&self, colours: bool) -> String {
        let renderer = if colours {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let mut out = String::new();
        for problem in &self.problems {
            out.push_str(&self.render_one(&renderer, problem));
            out.push_str("\n\n");
        }
        out
    }

    fn render_one(&self, renderer: &Renderer, problem: &Diagnostic) -> String {
        let level = match problem.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = Group::with_title(level.primary_title(problem.message.as_str()));
        let path = problem
            .span
            .as_ref()
            .map(|span| span.file.display().to_string());
        let source = problem
            .span
            .as_ref()
            .and_then(|span| self.sources.iter().find(|s| s.file == span.file));
        if let (Some(span), Some(source), Some(path)) = (&problem.span, source, &path) {
            let annotation = AnnotationKind::Primary.span(first_line(&source.text, &span.range));
            let annotation = annotation.label(problem.label.as_str());
            let snippet = Snippet::source(&*source.text)
                .line_start(1)
                .path(path.as_str())
                .fold(true);
            group = group.element(snippet.annotation(annotation));
        }
        if let Some(hint) = &problem.hint {
            group = group.element(Level::HELP.with_name("hint").message(hint.as_str()));
        }
        renderer.render(&[group])
    }
}

/// Of a place that spans lines, the first line: a caret under a whole block helps nobody.
fn first_line(text: &str, range: &std::ops::Range<usize>) -> std::ops::Range<usize> {
    let end = text[range.clone()]
        .find('\n')
        .map_or(range.end, |at| range.start + at);
    range.start..end
}
