//! `tidegate keys`: API keys.

use std::path::PathBuf;
use std::process::ExitCode;

use comfy_table::Table;
use hyper::{Method, StatusCode};
use serde::Deserialize;
use tidegate_identity::{KeyId, KeyItem, KeyStoreSpec};
use tidegate_keystore::Stored;
use tidegate_model::{NodeId, Period, Wall};
use tidegate_runtime::Clock;

use super::client::Target;
use super::{Outcome, block_on, columns};
use crate::data::DataFolder;
use crate::files::load_folder;
use crate::key_record::{ListedKey, NewKey, listed, mint};
use crate::keys::KeyError;

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
    Create {
        /// Who will hold it.
        #[arg(long, value_name = "NAME")]
        consumer: String,
        /// The plan whose amounts apply.
        #[arg(long, value_name = "NAME")]
        plan: Option<String>,
        /// When it ends, from now: `12h`, `90d`.
        #[arg(long, value_name = "DURATION")]
        expires: Option<Period>,
        /// Print the key alone.
        #[arg(long, short)]
        quiet: bool,
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
        /// The key's identifier: the third part of the key, and the first column of `keys list`.
        #[arg(value_name = "KID")]
        kid: String,
    },
}

/// A revocation that the store does not have yet.
#[derive(Deserialize)]
struct Told {
    not_stored: String,
}

#[derive(Deserialize)]
struct Created {
    key: String,
    record: ListedKey,
}

pub(crate) fn run(args: Args) -> Outcome {
    let Args {
        target,
        offline,
        regions,
        command,
    } = args;
    if let Command::InitTable { region, replica } = command {
        return init_table(&regions, region.as_deref(), replica);
    }
    let place = match offline {
        Some(node) => Place::Offline(Box::new(Offline::open(&target, node, &regions)?)),
        None => Place::Node(target),
    };
    match command {
        Command::Create {
            consumer,
            plan,
            expires,
            quiet,
        } => {
            let expires_in_secs = expires.map(|period| period.get().as_secs());
            let created = place.create(NewKey {
                consumer,
                plan,
                expires_in_secs,
                ..NewKey::default()
            })?;
            if quiet {
                anstream::println!("{}", created.key);
            } else {
                anstream::println!("{}\n", created.key);
                anstream::println!(
                    "That is the only time this key is shown. Its identifier is {}.",
                    created.record.kid
                );
            }
        }
        // Done before: it needs no node.
        Command::InitTable { .. } => {}
        Command::List { json } => {
            let keys = place.list()?;
            if json {
                let text =
                    serde_json::to_string_pretty(&keys).map_err(|error| error.to_string())?;
                anstream::println!("{text}");
            } else if keys.is_empty() {
                anstream::println!(
                    "There are no keys. `tidegate keys create --consumer NAME` makes one."
                );
            } else {
                anstream::println!("{}", table(&keys));
            }
        }
        Command::Revoke { kid } => {
            // A whole key may have been pasted; its secret is not needed and not repeated.
            let kid = kid.split('_').nth(2).unwrap_or(&kid);
            let kid: KeyId = kid
                .parse()
                .map_err(|_| "that is no key's identifier: it has 10 letters and digits")?;
            match place.revoke(kid)? {
                None => anstream::println!("{kid} is revoked."),
                Some(why) => {
                    anstream::println!("{kid} is revoked: all nodes are told, and refuse it.");
                    anstream::eprintln!(
                        "warning: the store does not have the revocation yet ({why}). The nodes keep it and bring it there."
                    );
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes the table of a region.
fn init_table(regions: &std::path::Path, region: Option<&str>, replicas: Vec<String>) -> Outcome {
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
        let table = tidegate_dynamo::Table::open(spec).await;
        let init = tidegate_dynamo::InitSpec { replicas };
        table
            .init(&init)
            .await
            .map_err(|trouble| trouble.to_string())
    })?;
    let word = if made { "was made" } else { "is there" };
    anstream::println!("The table `{}` of {name} {word}.", spec.table);
    Ok(ExitCode::SUCCESS)
}

enum Place {
    Node(Target),
    Offline(Box<Offline>),
}

impl Place {
    fn create(&self, new: NewKey) -> Result<Created, String> {
        match self {
            Self::Node(target) => {
                let body = serde_json::to_string(&new).map_err(|error| error.to_string())?;
                block_on(async {
                    target
                        .ask(Method::POST, "/keys", Some(body))
                        .await?
                        .document()
                })
            }
            Self::Offline(offline) => offline.create(new),
        }
    }

    fn list(&self) -> Result<Vec<ListedKey>, String> {
        match self {
            Self::Node(target) => {
                block_on(async { target.ask(Method::GET, "/keys", None).await?.document() })
            }
            Self::Offline(offline) => offline.list(),
        }
    }

    /// Returns why the store does not have it yet, if so.
    fn revoke(&self, kid: KeyId) -> Result<Option<String>, String> {
        match self {
            Self::Node(target) => block_on(async {
                let path = format!("/keys/{kid}/revoke");
                let answer = target.ask(Method::POST, &path, None).await?;
                if answer.status == StatusCode::ACCEPTED {
                    let told: Told = answer.document()?;
                    return Ok(Some(told.not_stored));
                }
                answer.good().map(|()| None)
            }),
            Self::Offline(offline) => offline.revoke(kid).map(|()| None),
        }
    }
}

/// The store of a node that does not run. When it runs again, it tells the others.
struct Offline {
    store: tidegate_keystore::Embedded,
    pepper: tidegate_identity::Pepper,
    env: String,
    plans: Vec<String>,
    now: Wall,
}

impl Offline {
    fn open(target: &Target, node: NodeId, regions: &std::path::Path) -> Result<Self, String> {
        let (loaded, _) = load_folder(regions).map_err(|refused| refused.text(true))?;
        let has_table = loaded.regions.iter().any(|region| {
            region.id == node.region && matches!(region.spec.key_store, KeyStoreSpec::Dynamodb(_))
        });
        if has_table {
            return Err(
                "keys of this region are in a table: ask a running node (--admin)".to_owned(),
            );
        }
        let data = DataFolder::new(target.data.clone());
        data.prepare(&node)?;
        Ok(Self {
            store: data.open_keys(&node)?,
            pepper: data.pepper()?,
            env: loaded.world.keys.env.clone(),
            plans: loaded.world.plans.keys().cloned().collect(),
            now: Clock::start().now().wall,
        })
    }

    fn create(&self, new: NewKey) -> Result<Created, String> {
        if let Some(plan) = new.plan.as_ref().filter(|plan| !self.plans.contains(plan)) {
            return Err(format!("there is no plan `{plan}` in world.yaml"));
        }
        let (record, text) =
            mint(new, &self.env, &self.pepper, self.now).map_err(|error| match error {
                KeyError::Wrong(sentence) => sentence,
                KeyError::Unknown => "there is no such key".to_owned(),
                KeyError::Store(error) => error.to_string(),
            })?;
        self.store
            .keep(&[KeyItem::Created(record.clone())])
            .map_err(|error| error.to_string())?;
        let stored = Stored {
            record: record.into(),
            revoked: false,
        };
        Ok(Created {
            key: text.reveal().to_owned(),
            record: listed(&stored, self.now),
        })
    }

    fn list(&self) -> Result<Vec<ListedKey>, String> {
        let keys = self.store.list().map_err(|error| error.to_string())?;
        Ok(keys.iter().map(|stored| listed(stored, self.now)).collect())
    }

    fn revoke(&self, kid: KeyId) -> Result<(), String> {
        if self
            .store
            .get(kid)
            .map_err(|error| error.to_string())?
            .is_none()
        {
            return Err("there is no such key".to_owned());
        }
        let item = KeyItem::Revoked {
            kid,
            at_unix_secs: self.now.unix_secs(),
        };
        self.store
            .keep(&[item])
            .map(|_| ())
            .map_err(|error| error.to_string())
    }
}

fn table(keys: &[ListedKey]) -> Table {
    let date = |secs: u64| Wall::from_unix_secs(secs).to_string()[..16].replace('T', " ");
    let mut table = columns(["KID", "CONSUMER", "PLAN", "STATE", "MADE", "ENDS"]);
    for key in keys {
        table.add_row([
            key.kid.to_string(),
            key.consumer.clone(),
            key.plan.clone().unwrap_or_else(|| "-".to_owned()),
            key.state.label().to_owned(),
            date(key.created_unix_secs),
            key.expires_unix_secs
                .map_or_else(|| "never".to_owned(), date),
        ]);
    }
    table
}
