//! How a node starts: a list of parts, in order.
//!
//! Whatever can fail for a reason that an operator can mend (files, addresses, certificates) comes
//! first, and fails with one sentence before anything runs.

use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tidegate_cluster::{ClusterSpec, Event, Node};
use tidegate_config::Loaded;
use tidegate_dns::Dns;
use tidegate_identity::{Guard, KeyCache, KeyStoreSpec, Pepper};
use tidegate_keystore::Embedded;
use tidegate_limit::Table;
use tidegate_mesh::{Inbox, Links, Mesh, MeshSpec, PeerTls, Rule};
use tidegate_model::{Epoch, Seed};
use tidegate_net::{Door, bind, serve_doors};
use tidegate_pipeline::Refusal;
use tidegate_proxy::{KeyLookup, OwnWord, Probes, Proxy, Relays, Shared, Traces};
use tidegate_runtime::{Clock, CoreThread, Handle, Stop, Tasks, drive, mailbox, spawn_core};
use tidegate_telemetry::{AccessLog, Metrics};
use tidegate_tokens::Around;

use crate::admin;
use crate::announce::{open_vip, speaker};
use crate::audit::Audit;
use crate::background;
use crate::check::{check_forever, reseed, resolve_seeds, seed_names};
use crate::data::DataFolder;
use crate::effects::Hands;
use crate::files::load_region;
use crate::key_store::{KeyStore, Remote};
use crate::key_tail;
use crate::keys::Keys;
use crate::log_ship::Around as LogsAround;
use crate::logs::logs;
use crate::options::Options;
use crate::place::{Place, listed_nodes, own_region};
use crate::relays::{peers, relays};
use crate::services::Services;
use crate::tables::{Known, live};
use crate::topology::Topology;
use crate::traces::traces;
use crate::watch::Watch;
use crate::zone::serve_zone;

/// Threads of the control plane: gossip goes on while one of them scrapes.
const CONTROL_THREADS: usize = 2;

/// A node that runs.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) control: tokio::runtime::Runtime,
    pub(crate) services: Arc<Services>,
    pub(crate) mesh: Arc<Mesh>,
    pub(crate) tasks: Tasks,
    pub(crate) cores: Vec<CoreThread>,
}

/// Starts a node.
///
/// # Errors
/// A sentence, or a report on the configuration.
pub(crate) fn start(options: Options) -> Result<Running, String> {
    let (loaded, report) =
        load_region(&options.region_file).map_err(|refused| refused.text(false))?;
    if !report.problems.is_empty() {
        tracing::warn!("The configuration has warnings:\n{}", report.render(false));
    }
    let place = Place::find(&loaded, &options)?;
    let data = DataFolder::new(options.data.clone());
    let clock = Clock::start();
    data.prepare(&place.node)?;
    let pepper = data.pepper()?;
    let tls = PeerTls::load(&data.certs(), &place.node)
        .map_err(|error| format!("{error} (`tidegate certs init` makes certificates)"))?;
    let key_file = data.open_keys(&place.node)?;
    let quotas = data.open_quotas(&place.node)?;
    let counted = quotas
        .load(clock.now().wall)
        .map_err(|error| error.to_string())?;
    let peers = peers(&place, &tls);
    let door_settings = place.open_doors(&loaded, &data, &peers)?;
    let epoch = data.next_epoch(&place.node, clock.now().wall)?;

    let control = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(CONTROL_THREADS)
        .thread_name("control")
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime can be started: {error}"))?;
    let vip = control.block_on(open_vip(&place.anycast, place.node.name()))?;
    let zone = control.block_on(serve_zone(&loaded, place.dns))?;
    let metrics = Arc::new(Metrics::new(place.workers, Refusal::LABELS));
    let further = own_region(&loaded).spec.logs.clone();
    let around = LogsAround {
        node: &place.node,
        data: &data,
        clock,
        linger: place.drain.logs.get(),
    };
    let wanted = control.block_on(logs(&options.access_log, &further, &around))?;
    let access_log = AccessLog::open(wanted, &metrics)
        .map_err(|error| format!("the access log cannot be opened: {error}"))?;
    let mut doors: Vec<Vec<Door>> = (0..place.workers).map(|_| Vec::new()).collect();
    for settings in &door_settings {
        let bound = bind(settings, &metrics.door(&settings.name), place.workers)
            .map_err(|e| e.to_string())?;
        for (core, door) in doors.iter_mut().zip(bound) {
            core.push(door);
        }
    }
    let admin_listener = TcpListener::bind(place.admin)
        .map_err(|error| format!("the admin door cannot open on {}: {error}", place.admin))?;

    let (cluster, inbox) = mailbox::<Node>();
    let mut tasks = Tasks::default();
    let store = control.block_on(key_store(&loaded, key_file, &metrics, clock, &mut tasks));
    let dns = control.block_on(async { Dns::system() });
    let around = Around {
        dns: dns.clone(),
        clock,
        control: control.handle().clone(),
        folder: options.data.clone(),
    };
    let known = Known::build(&loaded.world, None, &around)?;
    let links = (options.lab || options.wan).then(|| Arc::new(distances(&loaded, options.wan)));
    let traces_spec = own_region(&loaded).spec.traces.as_ref();
    let traces_spec = traces_spec.map(|spec| spec.value.clone());
    let (traces, export) = traces(
        traces_spec.as_ref(),
        &data,
        dns.clone(),
        clock,
        &metrics,
        &place.node,
    )?;
    let (export, flush) = export.unzip();
    let relays = place.relays.then(|| Arc::new(relays(peers, links.clone())));
    let shared = share(
        &loaded,
        known,
        dns,
        pepper.clone(),
        &store,
        &metrics,
        clock,
        &control,
        &cluster,
        &data,
        relays,
        traces,
    )?;
    let keys = Keys::new(
        store.clone(),
        Arc::clone(&shared.cache),
        pepper,
        cluster.clone(),
        clock,
        Arc::clone(&metrics),
    );
    let services = Arc::new(Services {
        node: place.node.clone(),
        access_log: access_log.clone(),
        logs: Mutex::new(further),
        clock,
        started: clock.now().wall,
        stop: Stop::default(),
        cluster: cluster.clone(),
        probes: Mutex::new(Probes::default()),
        keys: keys.clone(),
        audit: Audit::new(
            data.audit_path(&place.node),
            place.node.clone(),
            Arc::clone(&metrics),
        ),
        tail: key_tail::TailState::default(),
        has_table: matches!(store, KeyStore::Dynamo(_)),
        metrics: Arc::clone(&metrics),
        anycast: Arc::default(),
        _vip: vip,
        zone,
        drain: place.drain,
        doors: door_settings,
        links: links.clone(),
        heartbeats: (0..place.workers).map(|_| Arc::default()).collect(),
        topology: ArcSwap::from_pointee(Topology::of(&loaded)),
        watch: Watch::default(),
        traces: traces_spec,
        flush,
        admin_token: data.admin_token()?,
        reloading: tokio::sync::Mutex::default(),
        shared,
        options,
    });

    let mesh = control.block_on(async {
        let take = cluster.clone();
        let receive: Inbox = Arc::new(move |from, bytes, one_way| {
            take.offer(Event::Received {
                from,
                bytes,
                one_way,
            })
        });
        let mesh_spec = MeshSpec {
            addr: place.mesh,
            tls,
            links,
        };
        let mesh = Mesh::start(mesh_spec, metrics, receive).map_err(|error| error.to_string())?;
        let names = seed_names(&loaded);
        let seeds = resolve_seeds(&names, &services.shared.dns, clock.mono()).await;
        let spec = cluster_spec(&loaded, &place, epoch, seeds);
        let random = tidegate_runtime::seed();
        let machine = Node::new(
            spec,
            Arc::clone(&services.shared.counters),
            random,
            clock.now(),
        );
        let hands = Hands {
            mesh: Arc::clone(&mesh),
            speaker: speaker(&place, Arc::clone(&services.anycast), cluster.clone())?,
            keys: keys.clone(),
            quotas,
            cluster: cluster.clone(),
            clock,
            metrics: Arc::clone(&services.metrics),
            announced: Mutex::new(None),
            stop: services.stop.clone(),
        };
        tasks.spawn(
            "cluster",
            drive(machine, inbox, clock, move |effect| hands.act(effect)),
        );
        cluster.send(Event::Restored(counted)).await;
        let entries = keys.entries().map_err(|error| error.to_string())?;
        cluster.send(Event::Record(entries)).await;
        let probes = Probes::start(
            &services.shared.live.load().snapshot.pools,
            &services.shared.dns,
            clock,
            &services.metrics,
        );
        *services
            .probes
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = probes;
        background::start(&services, &mut tasks, &store);
        let interval = loaded.world.steer.check_interval.get();
        tasks.spawn("self-check", check_forever(Arc::clone(&services), interval));
        tasks.spawn("seeds", reseed(Arc::clone(&services), names));
        if let Some(export) = export {
            tasks.spawn("traces", export.run());
        }
        let admin = admin::serve(admin_listener, Arc::clone(&services))
            .map_err(|error| error.to_string())?;
        tasks.spawn("admin", admin);
        Ok::<_, String>(mesh)
    })?;
    services.metrics.reloads.started(services.clock.now().wall);
    let cores = start_cores(doors, &services, &access_log)?;
    tracing::info!(node = %services.node, generation = %loaded.generation, "Started.");
    Ok(Running {
        control,
        services,
        mesh,
        tasks,
        cores,
    })
}

/// What all cores share.
#[expect(clippy::too_many_arguments, reason = "parts of a node, each made once")]
fn share(
    loaded: &Loaded,
    known: Known,
    dns: Dns,
    pepper: Pepper,
    store: &KeyStore,
    metrics: &Arc<Metrics>,
    clock: Clock,
    control: &tokio::runtime::Runtime,
    cluster: &Handle<Node>,
    data: &DataFolder,
    relays: Option<Arc<Relays>>,
    traces: Traces,
) -> Result<Arc<Shared>, String> {
    let counters = Arc::new(Table::new(loaded.world.counters));
    let cache = Arc::new(KeyCache::new(loaded.world.keys.cache));
    let stale_ttl = loaded.world.keys.cache.stale_ttl.get();
    let restored = store
        .restore(&cache, stale_ttl, clock)
        .map_err(|error| error.to_string())?;
    if restored > 0 {
        tracing::info!(
            keys = restored,
            "Copies of keys will do while the store does not answer."
        );
    }
    let redis = crate::store::store(loaded, data, None, metrics, control.handle())?;
    let live = live(loaded, known, &pepper, &counters, metrics, redis)?;
    let lookup = KeyLookup::new(
        Arc::new(store.clone()),
        Arc::clone(&cache),
        Arc::clone(metrics),
        clock,
        control.handle().clone(),
        store
            .is_shared()
            .then(|| Guard::new(loaded.world.keys.cache.lookups_per_second)),
    );
    let cluster = cluster.clone();
    Ok(Arc::new(Shared {
        live: ArcSwap::from_pointee(live),
        cache,
        own_word: own_word(),
        pepper,
        counters,
        // Should the queue be full, the next flush finds the news anyway.
        news: Box::new(move || {
            cluster.offer(Event::Dirty);
        }),
        keys: lookup,
        dns,
        relays,
        traces,
        metrics: Arc::clone(metrics),
        clock,
    }))
}

fn own_word() -> OwnWord {
    let mut random = [0; 16];
    tidegate_runtime::fill(&mut random);
    OwnWord::new(u128::from_le_bytes(random))
}

/// The store of keys that the region's file names.
async fn key_store(
    loaded: &Loaded,
    file: Embedded,
    metrics: &Arc<Metrics>,
    clock: Clock,
    tasks: &mut Tasks,
) -> KeyStore {
    match &own_region(loaded).spec.key_store {
        KeyStoreSpec::Embedded => KeyStore::Embedded(file),
        KeyStoreSpec::Dynamodb(spec) => {
            let table = tidegate_dynamo::Table::open(spec).await;
            let copies_max = loaded.world.keys.cache.entries_max;
            let (remote, keep) = Remote::new(table, file, copies_max, Arc::clone(metrics), clock);
            tasks.spawn("key copies", keep);
            KeyStore::Dynamo(Box::new(remote))
        }
    }
}

fn cluster_spec(
    loaded: &Loaded,
    place: &Place,
    epoch: Epoch,
    seeds: Vec<tidegate_cluster::Seed>,
) -> ClusterSpec {
    ClusterSpec {
        node: place.node.clone(),
        epoch,
        addr: place.mesh,
        regions: loaded.region_ids.clone(),
        nodes: listed_nodes(loaded),
        seeds,
        generation: loaded.generation,
        steer: loaded.world.steer,
        sync: loaded.world.sync,
    }
}

/// How far other regions are.
fn distances(loaded: &Loaded, wan: bool) -> Links {
    let links = Links::default();
    let home = loaded.world.regions[own_region(loaded).id.as_str()]
        .value
        .location;
    for (id, place) in loaded.region_ids.iter().zip(loaded.world.regions.values()) {
        if wan && *id != own_region(loaded).id {
            links.set(
                id.clone(),
                Rule {
                    one_way: home.one_way(place.value.location),
                    cut: false,
                },
            );
        }
    }
    links
}

fn start_cores(
    doors: Vec<Vec<Door>>,
    services: &Arc<Services>,
    access_log: &AccessLog,
) -> Result<Vec<CoreThread>, String> {
    let seed: Seed = tidegate_runtime::seed();
    let start = |(core, doors): (usize, Vec<Door>)| {
        let (services, access_log) = (Arc::clone(services), access_log.clone());
        spawn_core(&format!("core-{core}"), move || async move {
            let proxy = Proxy::new(Arc::clone(&services.shared), core, &access_log, seed);
            tokio::task::spawn_local(background::beat(Arc::clone(&services), core));
            let served = serve_doors(doors, proxy, services.clock, services.stop.watch()).await;
            if let Err(error) = served {
                tracing::error!(%error, core, "A core cannot serve its doors.");
            }
        })
    };
    doors
        .into_iter()
        .enumerate()
        .map(start)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("no thread can be started: {error}"))
}
