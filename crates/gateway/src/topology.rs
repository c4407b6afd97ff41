//! What stands where and leads to what, from the configuration: for the console and for graphs.
//!
//! Names, addresses and kinds only. Nothing here is secret: no files' contents, no names of users.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tidegate_config::{AnycastSpec, AuthenticatorSpec, Loaded, LoadedRegion, WorldSpec};
use tidegate_identity::KeyStoreSpec;

/// A world, and those of its regions whose files were read.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Topology {
    pub(crate) places: Vec<Place>,
    pub(crate) routes: Vec<RoutePart>,
    pub(crate) limits: BTreeMap<String, LimitPart>,
    pub(crate) authenticators: BTreeMap<String, AuthenticatorPart>,
    /// The DNS zone that nodes serve.
    pub(crate) zone: Option<String>,
    /// Where the Redis of limits is.
    pub(crate) redis: Vec<String>,
    /// Services that other regions serve when none is left here.
    pub(crate) fallbacks: Vec<String>,
    pub(crate) regions: Vec<RegionPart>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) region: String,
    pub(crate) latitude: f64,
    pub(crate) longitude: f64,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct RoutePart {
    pub(crate) route: String,
    pub(crate) hosts: Vec<String>,
    pub(crate) path: String,
    pub(crate) methods: String,
    pub(crate) exposure: String,
    pub(crate) upstream: String,
    pub(crate) auth: Vec<String>,
    pub(crate) limits: Vec<String>,
    /// Whether callers must have something beyond being known.
    pub(crate) rule: bool,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct LimitPart {
    pub(crate) amount: u32,
    pub(crate) scope: String,
    /// `mesh` or `redis`.
    pub(crate) store: String,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct AuthenticatorPart {
    pub(crate) kind: String,
    /// Who is asked over the network.
    pub(crate) asks: Option<String>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct RegionPart {
    pub(crate) region: String,
    pub(crate) nodes: Vec<NodePart>,
    pub(crate) doors: Vec<DoorPart>,
    /// Endpoints of services.
    pub(crate) upstreams: BTreeMap<String, Vec<String>>,
    /// Regions whose nodes it begins with.
    pub(crate) peers: Vec<String>,
    pub(crate) key_store: String,
    /// Who announces, and what.
    pub(crate) speaker: String,
    pub(crate) prefixes: Vec<String>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct NodePart {
    pub(crate) node: String,
    pub(crate) mesh: String,
    pub(crate) admin: String,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct DoorPart {
    pub(crate) door: String,
    pub(crate) tls: bool,
    pub(crate) client_certificates: bool,
    pub(crate) exposure: String,
}

impl Topology {
    pub(crate) fn of(loaded: &Loaded) -> Self {
        let world = &loaded.world;
        let place = |(name, place): (&String, &tidegate_config::Spanned<_>)| {
            let spec: &tidegate_config::PlaceSpec = &place.value;
            let (latitude, longitude) = spec.location.degrees();
            Place {
                region: name.clone(),
                latitude,
                longitude,
            }
        };
        Self {
            places: world.regions.iter().map(place).collect(),
            routes: routes(world),
            limits: limits(world),
            authenticators: authenticators(world),
            zone: world.zone.as_ref().map(|zone| zone.value.name.to_string()),
            redis: world
                .redis
                .iter()
                .flat_map(|redis| redis.value.nodes.clone())
                .collect(),
            fallbacks: world
                .upstreams
                .iter()
                .filter(|(_, upstream)| upstream.value.fallback.is_some())
                .map(|(name, _)| name.clone())
                .collect(),
            regions: loaded.regions.iter().map(region).collect(),
        }
    }
}

fn routes(world: &WorldSpec) -> Vec<RoutePart> {
    let route = |(name, text): (&String, &tidegate_config::Spanned<_>)| {
        let text: &tidegate_config::RouteText = &text.value;
        RoutePart {
            route: name.clone(),
            hosts: text.hosts.iter().map(ToString::to_string).collect(),
            path: text.path.value.to_string(),
            methods: match text.methods == tidegate_route::MethodSet::ANY {
                true => "any".to_owned(),
                false => text.methods.to_string(),
            },
            exposure: text.exposure.to_string(),
            upstream: text.upstream.value.clone(),
            auth: text.auth.value.0.clone(),
            limits: text
                .limits
                .iter()
                .map(|limit| limit.value.clone())
                .collect(),
            rule: text.require.range != (0..0),
        }
    };
    world.routes.iter().map(route).collect()
}

fn limits(world: &WorldSpec) -> BTreeMap<String, LimitPart> {
    let limits = world.limits.iter();
    limits
        .map(|(name, spec)| {
            let limit = tidegate_limit::Limit::new(name, &spec.value);
            let part = LimitPart {
                amount: limit.amount,
                scope: limit.scope.label().to_owned(),
                store: limit.store.label().to_owned(),
            };
            (name.clone(), part)
        })
        .collect()
}

fn authenticators(world: &WorldSpec) -> BTreeMap<String, AuthenticatorPart> {
    let part = |spec: &AuthenticatorSpec| {
        let (kind, asks) = match spec {
            AuthenticatorSpec::Jwt(jwt) => ("jwt", Some(jwt.issuer.clone())),
            AuthenticatorSpec::Introspection(spec) => ("introspection", Some(spec.url.clone())),
            AuthenticatorSpec::Mtls(_) => ("mtls", None),
            AuthenticatorSpec::Basic(_) => ("basic", None),
            AuthenticatorSpec::External(spec) => ("external", Some(spec.url.clone())),
            AuthenticatorSpec::Signature(_) => ("signature", None),
            AuthenticatorSpec::Oidc(login) => ("oidc", Some(login.issuer.clone())),
            AuthenticatorSpec::Anonymous(_) => ("anonymous", None),
        };
        AuthenticatorPart {
            kind: kind.to_owned(),
            asks,
        }
    };
    let all = world.authenticators.iter();
    all.map(|(name, spec)| (name.clone(), part(&spec.value)))
        .collect()
}

fn region(region: &LoadedRegion) -> RegionPart {
    let spec = &region.spec;
    let node = |(name, node): (
        &String,
        &tidegate_config::Spanned<tidegate_config::NodeSpec>,
    )| {
        NodePart {
            node: format!("{}/{name}", region.id),
            mesh: node.value.mesh.value.to_string(),
            admin: node.value.admin.value.to_string(),
        }
    };
    let door = |(name, door): (
        &String,
        &tidegate_config::Spanned<tidegate_config::DoorSpec>,
    )| {
        let tls = door.value.tls.as_ref();
        DoorPart {
            door: name.clone(),
            tls: tls.is_some(),
            client_certificates: tls.is_some_and(|tls| tls.client_ca.is_some()),
            exposure: door.value.exposure.to_string(),
        }
    };
    let endpoints = |endpoints: &tidegate_config::Spanned<Vec<_>>| {
        let all = endpoints.value.iter();
        all.map(
            |endpoint: &tidegate_config::Spanned<tidegate_balance::EndpointName>| {
                endpoint.value.to_string()
            },
        )
        .collect()
    };
    let anycast = &spec.anycast.value;
    let prefixes = anycast.prefixes().unwrap_or_default().iter();
    RegionPart {
        region: region.id.to_string(),
        nodes: spec.nodes.iter().map(node).collect(),
        doors: spec.doors.iter().map(door).collect(),
        upstreams: spec
            .upstreams
            .iter()
            .map(|(name, list)| (name.clone(), endpoints(list)))
            .collect(),
        peers: spec.peers.keys().cloned().collect(),
        key_store: match &spec.key_store {
            KeyStoreSpec::Embedded => "embedded".to_owned(),
            KeyStoreSpec::Dynamodb(table) => format!("DynamoDB {}", table.table),
        },
        speaker: speaker(anycast).to_owned(),
        prefixes: prefixes.map(ToString::to_string).collect(),
    }
}

const fn speaker(anycast: &AnycastSpec) -> &'static str {
    match anycast {
        AnycastSpec::DryRun => "nobody (dry run)",
        AnycastSpec::Director(_) => "director",
        AnycastSpec::Bird(_) => "BIRD",
        AnycastSpec::Exabgp(_) => "ExaBGP",
        AnycastSpec::Gobgp(_) => "GoBGP",
        AnycastSpec::GlobalAccelerator(_) => "Global Accelerator",
    }
}
