//! Where keys are worked on: at a running node, or in the store of one that does not run.

use hyper::{Method, StatusCode};
use serde::Deserialize;
use tidegate_identity::{KeyId, KeyItem, KeyStoreSpec};
use tidegate_keystore::Stored;
use tidegate_model::{NodeId, Wall};
use tidegate_runtime::Clock;

use crate::cli::block_on;
use crate::cli::client::Target;
use crate::data::DataFolder;
use crate::files::load_folder;
use crate::key_record::{ListedKey, NewKey, listed, mint, rotated};

/// A revocation that the store does not have yet.
#[derive(Deserialize)]
struct Told {
    not_stored: String,
}

#[derive(Deserialize)]
pub(super) struct Created {
    pub(super) key: String,
    pub(super) record: ListedKey,
}

/// A further secret of a key.
#[derive(Deserialize)]
struct Rotated {
    key: String,
}

pub(super) enum Place {
    Node(Target),
    Offline(Box<Offline>),
}

impl Place {
    pub(super) fn create(&self, new: NewKey) -> Result<Created, String> {
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

    pub(super) fn list(&self) -> Result<Vec<ListedKey>, String> {
        match self {
            Self::Node(target) => {
                block_on(async { target.ask(Method::GET, "/keys", None).await?.document() })
            }
            Self::Offline(offline) => offline.list(),
        }
    }

    /// Returns why the store does not have it yet, if so.
    pub(super) fn revoke(&self, kid: KeyId) -> Result<Option<String>, String> {
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

    pub(super) fn show(&self, kid: KeyId) -> Result<ListedKey, String> {
        match self {
            Self::Node(target) => block_on(async {
                let path = format!("/keys/{kid}");
                target.ask(Method::GET, &path, None).await?.document()
            }),
            Self::Offline(offline) => {
                let keys = offline.list()?;
                let found = keys.into_iter().find(|key| key.kid == kid);
                found.ok_or_else(|| "there is no such key".to_owned())
            }
        }
    }

    pub(super) fn rotate(&self, kid: KeyId, overlap_secs: u64) -> Result<String, String> {
        match self {
            Self::Node(target) => block_on(async {
                let path = format!("/keys/{kid}/rotate");
                let body = format!(r#"{{"overlap_secs":{overlap_secs}}}"#);
                let answer = target.ask(Method::POST, &path, Some(body)).await?;
                answer.document().map(|rotated: Rotated| rotated.key)
            }),
            Self::Offline(offline) => offline.rotate(kid, overlap_secs),
        }
    }

    /// The running node; what is done in bulk needs one.
    pub(super) fn node(self) -> Result<Target, String> {
        match self {
            Self::Node(target) => Ok(target),
            Self::Offline(_) => Err("this needs a running node (--admin)".to_owned()),
        }
    }
}

/// The store of a node that does not run. When it runs again, it tells the others.
pub(super) struct Offline {
    store: tidegate_keystore::Embedded,
    pepper: tidegate_identity::Pepper,
    env: String,
    plans: Vec<String>,
    now: Wall,
}

impl Offline {
    pub(super) fn open(
        target: &Target,
        node: NodeId,
        regions: &std::path::Path,
    ) -> Result<Self, String> {
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
            mint(new, &self.env, &self.pepper, self.now).map_err(|error| error.to_string())?;
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

    fn rotate(&self, kid: KeyId, overlap_secs: u64) -> Result<String, String> {
        let stored = self.store.get(kid).map_err(|error| error.to_string())?;
        let stored = stored.ok_or("there is no such key")?;
        let (secret, text) = rotated(&stored, overlap_secs, &self.env, &self.pepper, self.now)
            .map_err(|error| error.to_string())?;
        self.store
            .keep(&[KeyItem::Secret(secret)])
            .map_err(|error| error.to_string())?;
        Ok(text.reveal().to_owned())
    }
}
