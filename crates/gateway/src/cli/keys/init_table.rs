//! `tidegate keys init-table`: the DynamoDB table that a region's file names.

use std::path::Path;
use std::process::ExitCode;

use tidegate_dynamo::{InitSpec, Table};
use tidegate_identity::KeyStoreSpec;

use crate::cli::{Outcome, block_on};
use crate::files::load_folder;

/// Makes the table of a region.
pub(super) fn init_table(regions: &Path, region: Option<&str>, replicas: Vec<String>) -> Outcome {
    let (loaded, _) = load_folder(regions).map_err(|refused| refused.text(true))?;
    let tables = loaded.regions.iter().filter_map(|found| {
        let name = found.spec.region.value.as_str();
        match &found.spec.key_store {
            KeyStoreSpec::Dynamodb(spec) if region.is_none_or(|wanted| wanted == name) => {
                Some((name, spec))
            }
            _ => None,
        }
    });
    let tables: Vec<_> = tables.collect();
    let [(name, spec)] = tables[..] else {
        return Err(match tables.len() {
            0 => "no region file has `key_store: { dynamodb: ... }`".to_owned(),
            _ => "several regions have tables: say which with --region; --replica makes the others"
                .to_owned(),
        });
    };
    let made = block_on(async {
        let table = Table::open_patiently(spec).await;
        let init = InitSpec { replicas };
        table
            .init(&init)
            .await
            .map_err(|trouble| trouble.to_string())
    })?;
    let word = if made { "was made" } else { "is there" };
    anstream::println!("The table `{}` of {name} {word}.", spec.table);
    Ok(ExitCode::SUCCESS)
}
