//! `tidegate check --online`: everything that a configuration leads to, asked once.

use std::path::Path;
use std::process::ExitCode;

use tidegate_config::{AuthenticatorSpec, Loaded, LoadedRegion};
use tidegate_dns::Dns;
use tidegate_dynamo::Table;
use tidegate_identity::KeyStoreSpec;
use tidegate_runtime::Clock;
use tidegate_tokens::probe;

use super::WRONG;
use crate::cli::{Outcome, block_on};

/// What was asked, and if it will not do: why, and what to do about it.
struct Asked {
    what: String,
    wrong: Option<(String, String)>,
}

/// Asks; each with one line, and a hint below it if something is wrong.
pub(super) fn online(loaded: &Loaded, data: &Path) -> Outcome {
    let asked = block_on(async {
        let mut asked = Vec::new();
        for region in &loaded.regions {
            asked.extend(key_table(region).await);
        }
        asked.extend(issuers(loaded, data).await);
        Ok(asked)
    })?;
    for Asked { what, wrong } in &asked {
        match wrong {
            None => anstream::println!("{what}: good"),
            Some((why, hint)) => anstream::println!("{what}: {why}\n  hint: {hint}"),
        }
    }
    let wrong = asked.iter().any(|asked| asked.wrong.is_some());
    Ok(ExitCode::from(if wrong { WRONG } else { 0 }))
}

async fn key_table(region: &LoadedRegion) -> Option<Asked> {
    let KeyStoreSpec::Dynamodb(spec) = &region.spec.key_store else {
        return None;
    };
    let wrong = Table::open_patiently(spec).await.probe().await.err();
    Some(Asked {
        what: format!("{}: the table of keys `{}`", region.id, spec.table),
        wrong: wrong.map(|trouble| (trouble.to_string(), trouble.hint().to_owned())),
    })
}

async fn issuers(loaded: &Loaded, data: &Path) -> Vec<Asked> {
    let (dns, clock) = (Dns::system(), Clock::start());
    let mut asked = Vec::new();
    for (name, spec) in &loaded.world.authenticators {
        let jwt = match &spec.value {
            AuthenticatorSpec::Jwt(jwt) => (**jwt).clone(),
            AuthenticatorSpec::Oidc(login) => login.id_tokens(),
            _ => continue,
        };
        let Some(answer) = probe(&jwt, data, dns.clone(), clock).await else {
            continue;
        };
        let hint = "mend `issuer` or `keys`, or the network between; tokens get 503 until a node has the keys";
        asked.push(Asked {
            what: format!("the keys of `{name}`"),
            wrong: answer.err().map(|why| (why, hint.to_owned())),
        });
    }
    asked
}
