//! What was found.

/// What was found.
#[derive(Default, Debug)]
pub(super) struct Report {
    pub(super) errors: Vec<String>,
    pub(super) warnings: Vec<String>,
}

impl Report {
    pub(super) fn error(&mut self, message: String) {
        self.errors.push(message);
    }

    pub(super) fn warn(&mut self, message: String) {
        self.warnings.push(message);
    }

    /// Prints it. Whether nothing is wrong.
    pub(super) fn print(&self, files: usize) -> bool {
        for warning in &self.warnings {
            println!("warning: {warning}");
        }
        for error in &self.errors {
            println!("error: {error}");
        }
        println!(
            "{files} files: {} errors, {} warnings",
            self.errors.len(),
            self.warnings.len()
        );
        self.errors.is_empty()
    }
}
