//! Limits: what they are, their hottest subjects, one subject closely, and starting it anew.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use tidegate_cluster::{Event, Node, RESETS_MAX, Reset};
use tidegate_limit::{Limit, LimitId, SubjectKey, TOP_MAX, Top, TopBy};
use tidegate_proxy::Live;

use super::audited::Target;
use super::{Shared, problem};
use crate::limits::{
    LimitTerms, ResetDocument, SubjectDocument, TopDocument, TopRow, by_id, names, resettable,
};

/// Which of the hottest subjects.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TopQuery {
    #[serde(default)]
    top: Option<usize>,
    #[serde(default)]
    by: Sort,
    #[serde(default)]
    names: bool,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Sort {
    #[default]
    Refused,
    Asked,
}

/// What a path's subject is asked for with: `value`, once for each dimension.
type Values = Query<Vec<(String, String)>>;

const TOP: usize = 20;
const STOPPED: &str = "the control plane has stopped";
const NO_LIMIT: &str = "there is no limit of this name in world.yaml";
const NOT_IN_DEMAND: &str =
    "nobody has asked for this subject in this window or the one before, on any node";

pub(super) async fn list(State(services): State<Shared>) -> Json<Vec<LimitTerms>> {
    let live = services.shared.live.load();
    let limits = live.snapshot.limits.iter();
    let up = store_up(&live);
    Json(limits.map(|(limit, _)| LimitTerms::of(limit, up)).collect())
}

/// Whether limits in Redis are decided there.
fn store_up(live: &Live) -> bool {
    live.store.as_ref().is_some_and(|store| store.is_up())
}

pub(super) async fn top(State(services): State<Shared>, query: Query<TopQuery>) -> Response {
    hottest(&services, None, query.0).await
}

pub(super) async fn top_of(
    State(services): State<Shared>,
    Path(name): Path<String>,
    query: Query<TopQuery>,
) -> Response {
    let live = services.shared.live.load_full();
    match live.snapshot.limit(&name) {
        Some(limit) => hottest(&services, Some(limit.id), query.0).await,
        None => problem(StatusCode::NOT_FOUND, NO_LIMIT),
    }
}

async fn hottest(services: &Shared, limit: Option<LimitId>, query: TopQuery) -> Response {
    let by = match query.by {
        Sort::Refused => TopBy::Refused,
        Sort::Asked => TopBy::Asked,
    };
    let rows = query.top.unwrap_or(TOP).min(TOP_MAX);
    let look = move |node: &Node, now| node.counters().top(limit, by, rows, now);
    let Some(top) = services.cluster.look(look).await else {
        return problem(StatusCode::SERVICE_UNAVAILABLE, STOPPED);
    };
    let live = services.shared.live.load_full();
    let named = if query.names {
        match services.keys.list().await {
            Ok(keys) => named(&live, &top, &keys),
            Err(_) => {
                let sentence = "the key store does not answer, so subjects have no names";
                return problem(StatusCode::SERVICE_UNAVAILABLE, sentence);
            }
        }
    } else {
        BTreeMap::new()
    };
    let row = |(id, view): (LimitId, tidegate_limit::HotSubject)| TopRow {
        limit: by_id(&live.snapshot, id).map_or_else(gone, |limit| limit.name.to_string()),
        name: named.get(&view.subject).cloned(),
        view,
    };
    Json(TopDocument {
        node: services.node.clone(),
        subjects_hot: top.hot,
        subjects_looked_at: top.looked_at,
        redis_up: live.store.as_ref().map(|store| store.is_up()),
        subjects: top.rows.into_iter().map(row).collect(),
    })
    .into_response()
}

/// A limit that the configuration has no more, while its last windows end.
fn gone() -> String {
    "(removed)".to_owned()
}

fn named(
    live: &Arc<Live>,
    top: &Top,
    keys: &[crate::key_record::ListedKey],
) -> BTreeMap<SubjectKey, String> {
    let mut limits: Vec<LimitId> = top.rows.iter().map(|(id, _)| *id).collect();
    limits.sort_unstable();
    limits.dedup();
    let limits = limits.into_iter();
    let limits = limits.filter_map(|id| by_id(&live.snapshot, id));
    limits
        .flat_map(|limit| names(&live.snapshot, limit, keys))
        .collect()
}

pub(super) async fn show(State(services): State<Shared>, Path(hash): Path<String>) -> Response {
    match hash.parse::<SubjectKey>() {
        Ok(subject) => document(&services, subject).await,
        Err(error) => bad(&error),
    }
}

pub(super) async fn show_named(
    State(services): State<Shared>,
    Path(name): Path<String>,
    values: Values,
) -> Response {
    match subject_of(&services, &name, &values.0) {
        Ok((_, subject)) => document(&services, subject).await,
        Err(response) => *response,
    }
}

async fn document(services: &Shared, subject: SubjectKey) -> Response {
    let look = move |node: &Node, now| node.counters().inspect(subject, now);
    let found = services.cluster.look(look).await;
    let live = services.shared.live.load();
    let Some(found) = found else {
        return problem(StatusCode::SERVICE_UNAVAILABLE, STOPPED);
    };
    let known = found.and_then(|(id, seen)| Some((by_id(&live.snapshot, id)?, seen)));
    let Some((limit, seen)) = known else {
        return problem(StatusCode::NOT_FOUND, NOT_IN_DEMAND);
    };
    Json(SubjectDocument {
        node: services.node.clone(),
        terms: LimitTerms::of(limit, store_up(&live)),
        seen,
    })
    .into_response()
}

pub(super) async fn reset(State(services): State<Shared>, Path(hash): Path<String>) -> Response {
    let subject = match hash.parse::<SubjectKey>() {
        Ok(subject) => subject,
        Err(error) => return bad(&error),
    };
    // A hash does not tell which limit it is of; the counts do.
    let look = move |node: &Node, now| node.counters().inspect(subject, now).map(|(id, _)| id);
    let Some(found) = services.cluster.look(look).await else {
        return problem(StatusCode::SERVICE_UNAVAILABLE, STOPPED);
    };
    let live = services.shared.live.load_full();
    match found.and_then(|id| by_id(&live.snapshot, id)) {
        Some(limit) => start_anew(&services, limit, subject).await,
        None => problem(StatusCode::NOT_FOUND, NOT_IN_DEMAND),
    }
}

pub(super) async fn reset_named(
    State(services): State<Shared>,
    Path(name): Path<String>,
    values: Values,
) -> Response {
    match subject_of(&services, &name, &values.0) {
        Ok((limit, subject)) => start_anew(&services, &limit, subject).await,
        Err(response) => *response,
    }
}

async fn start_anew(services: &Shared, limit: &Limit, subject: SubjectKey) -> Response {
    let window = match resettable(limit) {
        Ok(window) => window,
        Err(why) => return problem(StatusCode::CONFLICT, why),
    };
    let look = |node: &Node, _| (node.resets(), node.told_directly());
    let Some((live, (mates, regions))) = services.cluster.look(look).await else {
        return problem(StatusCode::SERVICE_UNAVAILABLE, STOPPED);
    };
    if live >= RESETS_MAX {
        let sentence = format!(
            "{RESETS_MAX} subjects were reset lately, which is the most that nodes remember; the \
             first are forgotten two of their windows after their reset"
        );
        return problem(StatusCode::CONFLICT, &sentence);
    }
    let nonce = tidegate_runtime::seed().value();
    let reset = Reset::new(subject, window, nonce, services.clock.now().wall);
    if !services
        .cluster
        .send(Event::Record(vec![reset.entry()]))
        .await
    {
        return problem(StatusCode::SERVICE_UNAVAILABLE, STOPPED);
    }
    tracing::info!(limit = &*limit.name, %subject, "A subject was reset.");
    let target = Target(format!("{} {subject}", limit.name));
    let document = Json(ResetDocument {
        node: services.node.clone(),
        limit: limit.name.to_string(),
        subject,
        sent_to_mates: mates,
        sent_to_regions: regions,
        until_unix_secs: reset.ends_at().unix_secs(),
    });
    (Extension(target), document).into_response()
}

fn bad(error: &dyn std::fmt::Display) -> Response {
    problem(StatusCode::BAD_REQUEST, &error.to_string())
}

/// The subject that values name.
fn subject_of(
    services: &Shared,
    limit: &str,
    values: &[(String, String)],
) -> Result<(Limit, SubjectKey), Box<Response>> {
    if let Some((unknown, _)) = values.iter().find(|(name, _)| name != "value") {
        let sentence = format!("`{unknown}` is not asked for: only `value`, once a dimension");
        return Err(Box::new(problem(StatusCode::BAD_REQUEST, &sentence)));
    }
    let live = services.shared.live.load();
    let limit = live.snapshot.limit(limit);
    let limit = limit.ok_or_else(|| Box::new(problem(StatusCode::NOT_FOUND, NO_LIMIT)))?;
    let values: Vec<&str> = values.iter().map(|(_, value)| value.as_str()).collect();
    match live.snapshot.subject(limit, &values) {
        Ok(subject) => Ok((limit.clone(), subject)),
        Err(error) => Err(Box::new(bad(&error))),
    }
}
