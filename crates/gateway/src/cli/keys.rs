//! `tidegate keys`: API keys.

mod bulk;
mod init_table;
mod place;
mod show;

use std::path::PathBuf;
use std::process::ExitCode;

use tidegate_identity::KeyId;
use tidegate_model::{NodeId, Period, Prefix};
use tidegate_runtime::Clock;

use self::bulk::Format;
use self::place::{Offline, Place};
use super::Outcome;
use super::client::Target;
use crate::key_lines::moment;
use crate::key_record::NewKey;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Work on the store of this node, which does not run, instead of asking a running one.
    #[arg(
        long,
        global = true,
        value_name = "REGION/NAME",
        conflicts_with = "admin"
    )]
    offline: Option<NodeId>,
    /// The folder with world.yaml, for --offline.
    #[arg(long, global = true, default_value = "regions", value_name = "DIR")]
    regions: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make a key and show it, once.
    Create(Create),
    /// Show all that is known of a key. Its secret is not stored.
    Show {
        #[command(flatten)]
        key: Named,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Give a key a further secret and show it, once. The one before it goes on for a while.
    Rotate {
        #[command(flatten)]
        key: Named,
        /// How long the secret before it still opens the key.
        #[arg(long, default_value = "24h", value_name = "DURATION")]
        overlap: Period,
        /// Print the key alone.
        #[arg(long, short)]
        quiet: bool,
    },
    /// Take in many keys: lines with `kid` and `digest` bring keys back, others ask for new ones.
    Import {
        /// The file, or `-` for standard input.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// How it is written: as its name ends if left out, else as JSON lines.
        #[arg(long, value_name = "FORMAT")]
        format: Option<Format>,
    },
    /// Write all keys, digests in place of secrets, to be imported where the pepper is the same.
    Export {
        /// The file; standard output if left out.
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// How to write it: as its name ends if left out, else as JSON lines.
        #[arg(long, value_name = "FORMAT")]
        format: Option<Format>,
    },
    /// List all keys. Secrets are not stored, so none is shown.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Make the DynamoDB table that the region files name, with its stream and index.
    InitTable {
        /// The region whose file names the table; the only one with a table if left out.
        #[arg(long, value_name = "REGION")]
        region: Option<String>,
        /// AWS regions that shall have a replica, beside the table's own.
        #[arg(long, value_name = "AWS_REGION")]
        replica: Vec<String>,
    },
    /// Revoke a key, for good.
    Revoke {
        #[command(flatten)]
        key: Named,
    },
}

#[derive(Debug, clap::Args)]
struct Create {
    /// Who will hold it.
    #[arg(long, value_name = "NAME")]
    consumer: String,
    /// The plan whose amounts apply.
    #[arg(long, value_name = "NAME")]
    plan: Option<String>,
    /// What it may be used for. May be repeated.
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// What its holder is to the services: `require: { roles }` and `x-user-role` see it. May be
    /// repeated.
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// From where it may be used: an address or a block. May be repeated; everywhere if left
    /// out.
    #[arg(long = "from", value_name = "CIDR")]
    allowed_cidrs: Vec<Prefix>,
    /// A note about it. May be repeated.
    #[arg(long = "meta", value_name = "NAME=VALUE", value_parser = pair)]
    metadata: Vec<(String, String)>,
    /// When it begins: a duration from now or a time in UTC, like `12h` or `2026-12-31`.
    #[arg(long, value_name = "WHEN")]
    not_before: Option<String>,
    /// When it ends: a duration from now or a time in UTC, like `90d` or `2026-12-31T18:00:00Z`.
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    /// Print the key alone.
    #[arg(long, short)]
    quiet: bool,
}

/// Which key.
#[derive(Debug, clap::Args)]
struct Named {
    /// The key's identifier: the third part of the key, and the first column of `keys list`.
    #[arg(value_name = "KID")]
    kid: String,
}

impl Named {
    /// A whole key may have been pasted; its secret is not needed and not repeated.
    fn kid(&self) -> Result<KeyId, String> {
        let kid = self.kid.split('_').nth(2).unwrap_or(&self.kid);
        let kid = kid.parse::<KeyId>();
        kid.map_err(|_| "that is no key's identifier: it has 10 letters and digits".to_owned())
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=');
    let pair = pair.map(|(name, value)| (name.to_owned(), value.to_owned()));
    pair.ok_or_else(|| "write it as NAME=VALUE".to_owned())
}

impl Create {
    fn wish(self) -> Result<NewKey, String> {
        let now = Clock::start().now().wall;
        let time = |name: &str, text: Option<String>| {
            let time = text.map(|text| moment(&text, now)).transpose();
            time.map_err(|why| format!("--{name}: {why}"))
        };
        Ok(NewKey {
            consumer: self.consumer,
            plan: self.plan,
            scopes: self.scopes,
            roles: self.roles,
            allowed_cidrs: self.allowed_cidrs,
            metadata: self.metadata.into_iter().collect(),
            not_before_unix_secs: time("not-before", self.not_before)?,
            expires_unix_secs: time("expires", self.expires)?,
            expires_in_secs: None,
        })
    }
}

pub(crate) fn run(args: Args) -> Outcome {
    let Args {
        target,
        offline,
        regions,
        command,
    } = args;
    if let Command::InitTable { region, replica } = command {
        return init_table::init_table(&regions, region.as_deref(), replica);
    }
    let place = match offline {
        Some(node) => Place::Offline(Box::new(Offline::open(&target, node, &regions)?)),
        None => Place::Node(target),
    };
    match command {
        Command::Create(create) => {
            let quiet = create.quiet;
            let made = place.create(create.wish()?)?;
            once(&made.key, made.record.kid, quiet);
        }
        Command::Rotate {
            key,
            overlap,
            quiet,
        } => {
            let kid = key.kid()?;
            once(&place.rotate(kid, overlap.get().as_secs())?, kid, quiet);
            if !quiet {
                anstream::println!("The secret before it opens the key for {overlap}.");
            }
        }
        // Done before: it needs no node.
        Command::InitTable { .. } => {}
        Command::List { json: true } => anstream::println!("{}", as_json(&place.list()?)?),
        Command::List { json: false } => list(&place)?,
        Command::Show { key, json } => {
            let key = place.show(key.kid()?)?;
            match json {
                true => anstream::println!("{}", as_json(&key)?),
                false => anstream::print!("{}", show::sheet(&key)),
            }
        }
        Command::Revoke { key } => revoke(&place, key.kid()?)?,
        Command::Import { file, format } => return bulk::import(&place.node()?, &file, format),
        Command::Export { file, format } => return bulk::export(&place.node()?, file, format),
    }
    Ok(ExitCode::SUCCESS)
}

fn as_json(value: &impl serde::Serialize) -> Result<String, String> {
    serde_json::to_string_pretty(value).map_err(|error| error.to_string())
}

/// Shows a key that is never shown again.
fn once(key: &str, kid: KeyId, quiet: bool) {
    anstream::println!("{key}");
    if !quiet {
        anstream::println!("\nThat is the only time this key is shown. Its identifier is {kid}.");
    }
}

fn list(place: &Place) -> Result<(), String> {
    let keys = place.list()?;
    if keys.is_empty() {
        anstream::println!("There are no keys. `tidegate keys create --consumer NAME` makes one.");
    } else {
        anstream::println!("{}", show::table(&keys));
    }
    Ok(())
}

fn revoke(place: &Place, kid: KeyId) -> Result<(), String> {
    match place.revoke(kid)? {
        None => anstream::println!("{kid} is revoked."),
        Some(why) => {
            anstream::println!("{kid} is revoked: all nodes are told, and refuse it.");
            anstream::eprintln!(
                "warning: the store does not have the revocation yet ({why}). The nodes keep it and bring it there."
            );
        }
    }
    Ok(())
}
