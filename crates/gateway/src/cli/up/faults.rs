//! Brings faults about in a small internet, writes down when, and undoes them in time.

use std::path::Path;
use std::time::Duration;

use hyper::Method;
use tidegate_lab::internet::{Action, Fault, FaultOrder, Inside, Topology, ip};
use tidegate_lab::timeline::{Log, Mark, now_us};
use tidegate_model::Period;
use tokio::time::Instant;

use super::super::client::order;
use super::crew::Crew;

/// Faults at a time.
const STANDING_MAX: usize = 64;
/// The order for what stands.
pub(in super::super) const STANDING: &str = "faults";

/// Faults of a small internet.
pub(super) struct Faults {
    /// Demo services of each machine.
    services: Vec<String>,
    marks: Log,
    standing: Vec<Standing>,
}

/// A fault that was not undone yet.
struct Standing {
    fault: Fault,
    /// When it is undone by itself.
    until: Option<Instant>,
    /// When it comes or goes next, of one that does so in turn.
    turn: Option<Instant>,
    /// Whether it is away for now.
    away: bool,
}

impl Faults {
    pub(super) fn open(data: &Path, services: Vec<String>) -> Result<Self, String> {
        let path = Inside::marks(data);
        let marks = Log::open(&path);
        let marks =
            marks.map_err(|error| format!("{} cannot be written to: {error}", path.display()))?;
        Ok(Self {
            services,
            marks,
            standing: Vec::new(),
        })
    }

    /// Whether an order is about faults.
    pub(super) fn knows(order: &str) -> bool {
        order == STANDING || order.starts_with('{')
    }

    /// Does what `tidegate lab fault` orders.
    pub(super) async fn obey(
        &mut self,
        order: &str,
        internet: &Topology,
        crew: &mut Crew,
    ) -> Result<String, String> {
        if order == STANDING {
            let lines = self
                .standing
                .iter()
                .map(|standing| format!("{}\n", standing.fault));
            return Ok(lines.collect());
        }
        let order: FaultOrder =
            serde_json::from_str(order).map_err(|error| format!("this is no order: {error}"))?;
        let fault = order.fault;
        if order.undo {
            return self.undo(fault, internet, crew).await;
        }
        let known = |standing: &Standing| standing.fault.same(&fault);
        if self.standing.iter().any(known) {
            return Err(format!("{fault} stands already (--undo ends it)"));
        }
        if self.standing.len() >= STANDING_MAX {
            return Err(format!("{STANDING_MAX} faults stand already"));
        }
        self.mark(&fault, internet, false, crew).await?;
        let now = Instant::now();
        let lasts = order.lasts_ms.map(Duration::from_millis);
        self.standing.push(Standing {
            until: lasts.map(|lasts| now + lasts),
            turn: fault.turns().map(|pace| now + pace),
            away: false,
            fault: fault.clone(),
        });
        let lasts = order.lasts_ms.map(Period::from_millis);
        Ok(match lasts {
            Some(lasts) => format!("{fault}, for {lasts}.\n"),
            None => format!("{fault}.\n"),
        })
    }

    /// Ends a fault. One that ended by itself may be ended again: it costs nothing.
    async fn undo(
        &mut self,
        fault: Fault,
        internet: &Topology,
        crew: &mut Crew,
    ) -> Result<String, String> {
        let at = self
            .standing
            .iter()
            .position(|standing| standing.fault.same(&fault));
        let Some(at) = at else {
            return Err(format!("{fault} does not stand"));
        };
        let fault = self.standing.swap_remove(at).fault;
        self.mark(&fault, internet, true, crew).await?;
        Ok(format!("{fault} is undone.\n"))
    }

    /// Writes down what is done, and does it.
    async fn mark(
        &mut self,
        fault: &Fault,
        internet: &Topology,
        undo: bool,
        crew: &mut Crew,
    ) -> Result<(), String> {
        let actions = self.actions(fault, internet, undo)?;
        let mark = Mark {
            at: now_us(),
            fault: fault.clone(),
            undo,
        };
        self.marks
            .add(&mark)
            .map_err(|error| format!("the timeline cannot be written: {error}"))?;
        perform(actions, crew).await
    }

    fn actions(
        &self,
        fault: &Fault,
        internet: &Topology,
        undo: bool,
    ) -> Result<Vec<Action>, String> {
        fault
            .actions(internet, &self.services, undo)
            .map_err(|error| error.to_string())
    }

    /// Waits until something is due.
    pub(super) async fn due(&self) {
        let times = self
            .standing
            .iter()
            .flat_map(|standing| [standing.until, standing.turn]);
        match times.flatten().min() {
            Some(next) => tokio::time::sleep_until(next).await,
            None => std::future::pending().await,
        }
    }

    /// Does what is due: what lasted its time ends, what comes and goes does so.
    pub(super) async fn go_on(&mut self, internet: &Topology, crew: &mut Crew) {
        let now = Instant::now();
        let over = self
            .standing
            .iter()
            .find(|standing| standing.until.is_some_and(|until| until <= now));
        if let Some(fault) = over.map(|standing| standing.fault.clone())
            && let Err(error) = self.undo(fault, internet, crew).await
        {
            tracing::warn!(%error, "A fault could not be undone.");
        }
        for at in 0..self.standing.len() {
            let standing = &mut self.standing[at];
            let Some(pace) = standing.fault.turns() else {
                continue;
            };
            if standing.turn.is_some_and(|turn| turn <= now) {
                standing.turn = Some(now + pace);
                standing.away = !standing.away;
                let (fault, away) = (standing.fault.clone(), standing.away);
                let actions = self.actions(&fault, internet, away);
                if let Ok(actions) = actions
                    && let Err(error) = perform(actions, crew).await
                {
                    tracing::warn!(%error, "A fault could not be turned.");
                }
            }
        }
    }
}

/// Does everything, even if some of it fails; what failed first is told.
async fn perform(actions: Vec<Action>, crew: &mut Crew) -> Result<(), String> {
    let mut failed = None;
    let mut drains = Vec::new();
    let kills = actions.iter().filter_map(|action| match action {
        Action::Kill(name) => Some(name.clone()),
        _ => None,
    });
    crew.kill_all(&kills.collect::<Vec<_>>()).await;
    for action in actions {
        let done = match action {
            Action::Kill(_) => Ok(()),
            Action::Start(name) => crew.start_again(&name).map(drop),
            Action::Freeze(name, frozen) => {
                crew.freeze(&name, frozen);
                Ok(())
            }
            Action::Tell(name, line) => crew.tell(&name, &line).await,
            Action::Ip(args) => {
                let args: Vec<&str> = args.iter().map(String::as_str).collect();
                ip(&args).map_err(|error| error.to_string())
            }
            Action::Drain(node, drained) => {
                if let Some(admin) = crew.admin(&node) {
                    let method = if drained { Method::PUT } else { Method::DELETE };
                    let data = crew.data().to_owned();
                    drains.push(tokio::spawn(async move {
                        order(admin, method, "/drain", None, &data).await?.good()
                    }));
                }
                Ok(())
            }
        };
        failed = failed.or_else(|| done.err());
    }
    for drain in drains {
        let done = drain.await.unwrap_or_else(|error| Err(error.to_string()));
        failed = failed.or_else(|| done.err());
    }
    crew.write_down()?;
    failed.map_or(Ok(()), Err)
}
