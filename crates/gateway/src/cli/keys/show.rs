//! Keys as tables and sheets.

use comfy_table::Table;
use tidegate_model::Wall;

use crate::cli::columns;
use crate::key_record::ListedKey;

/// Longer texts are cut in tables, so that a line stays a line.
const CELL_MAX: usize = 40;

fn date(secs: u64) -> String {
    Wall::from_unix_secs(secs).to_string()[..16].replace('T', " ")
}

fn or_dash(text: String) -> String {
    if text.is_empty() {
        "-".to_owned()
    } else {
        text
    }
}

fn cut(text: &str) -> String {
    if text.chars().count() <= CELL_MAX {
        return text.to_owned();
    }
    let kept: String = text.chars().take(CELL_MAX - 1).collect();
    format!("{kept}\u{2026}")
}

fn cidrs(key: &ListedKey) -> String {
    let blocks: Vec<String> = key.allowed_cidrs.iter().map(ToString::to_string).collect();
    blocks.join(" ")
}

/// One line a key.
pub(super) fn table(keys: &[ListedKey]) -> Table {
    let mut table = columns([
        "KID", "CONSUMER", "PLAN", "STATE", "SCOPES", "FROM", "MADE", "ENDS",
    ]);
    for key in keys {
        table.add_row([
            key.kid.to_string(),
            cut(&key.consumer),
            cut(key.plan.as_deref().unwrap_or("-")),
            key.state.label().to_owned(),
            or_dash(cut(&key.scopes.join(" "))),
            or_dash(cut(&cidrs(key))),
            date(key.created_unix_secs),
            key.expires_unix_secs
                .map_or_else(|| "never".to_owned(), date),
        ]);
    }
    table
}

/// All that is known of a key.
pub(super) fn sheet(key: &ListedKey) -> String {
    let mut lines = vec![
        ("key", key.kid.to_string()),
        ("state", key.state.label().to_owned()),
        ("consumer", key.consumer.clone()),
        ("plan", or_dash(key.plan.clone().unwrap_or_default())),
        ("scopes", or_dash(key.scopes.join(" "))),
        ("roles", or_dash(key.roles.join(" "))),
        ("from", or_dash(cidrs(key))),
        ("made", date(key.created_unix_secs)),
    ];
    let times = [
        ("begins", key.not_before_unix_secs),
        ("ends", key.expires_unix_secs),
        ("old secret ends", key.old_secret_until_unix_secs),
    ];
    let known = times
        .into_iter()
        .filter_map(|(name, time)| Some((name, date(time?))));
    lines.extend(known);
    let mut text: String = lines
        .into_iter()
        .map(|(name, value)| format!("{name:<16}{value}\n"))
        .collect();
    for (name, value) in &key.metadata {
        text.push_str(&format!("{:<16}{value}\n", format!("# {name}")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_record::KeyState;

    #[test]
    fn a_table_has_a_line_a_key_and_a_sheet_all_of_it() {
        let key = ListedKey {
            kid: "abcdefghij".parse().unwrap(),
            consumer: "a".repeat(60),
            plan: None,
            state: KeyState::NotYet,
            scopes: vec!["read".to_owned(), "write".to_owned()],
            roles: vec!["ops".to_owned()],
            allowed_cidrs: vec!["10.0.0.0/8".parse().unwrap()],
            metadata: [("team".to_owned(), "blue".to_owned())].into(),
            created_unix_secs: 0,
            not_before_unix_secs: Some(86_400),
            expires_unix_secs: None,
            old_secret_until_unix_secs: None,
        };
        let text = table(std::slice::from_ref(&key)).to_string();
        assert_eq!(text.lines().count(), 2);
        assert!(
            text.contains("\u{2026}") && text.contains("not yet"),
            "{text}"
        );
        let sheet = sheet(&key);
        for part in [
            "read write",
            "10.0.0.0/8",
            "1970-01-02 00:00",
            "# team",
            "blue",
        ] {
            assert!(sheet.contains(part), "{part}: {sheet}");
        }
    }
}
